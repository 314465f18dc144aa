"""Commands about how things are computed and shown: device, dtype, seed, threads, trap, fmt, set, help, quit."""

from __future__ import annotations

from ..errors import BadValue
from ..show.cells import wrapped
from . import preferences
from .commands import Desk, command, find, load, refuse
from .complete import DEVICES, DTYPES

_BARE = ("float32", "float64", "float16", "bfloat16")
_SHORT = {"f16": "float16", "f32": "float32", "f64": "float64", "bf16": "bfloat16"}


def _commands(desk: Desk) -> list[tuple[str, str]]:
    return [(name, each.help) for name, each in sorted(load().items())]


@command("help [NAME]", "Lists the commands, or shows the help page of a name or a command.", complete=_commands)
def show_help(desk: Desk, text: str) -> None:
    table = load()
    if text.startswith(":") or text in table:
        found, _ = find(":" + text.lstrip(":"))
        desk.write(f":{found.usage}\n    {found.help}")
        return
    if text:
        from ..show.help import page
        from .peek import peek

        desk.write(page(peek(text, desk.known.lookup), text))
        return
    first = "name? or ?name shows the help page of a name, name?? its source too; !cmd runs in the shell."
    lines = [line for _, each in sorted(table.items()) for line in _usage_lines(each.usage, each.help, table, desk.width())]
    desk.write("\n".join([*wrapped(first, desk.width()), *lines, "Commands may be shortened: :q is :quit."]))


def _usage_lines(usage: str, help: str, table: dict, width: int) -> list[str]:
    """The command and its help side by side, or one below the other where that leaves no room."""
    left = max(len(each.usage) for each in table.values()) + 5
    if width < left + 30:
        return [f"  :{usage}", *(f"      {line}" for line in wrapped(help, width, 6, 6))]
    first, *more = wrapped(help, width, left, left)
    return [f"  :{usage}".ljust(left) + first, *(" " * left + line for line in more)]


@command("quit", "Leaves the prompt, like Ctrl-D.")
def leave(desk: Desk, text: str) -> None:
    raise SystemExit(0)


@command("device [DEVICE]", "Shows or sets where new tensors live.", complete=lambda desk: list(DEVICES))
def device(desk: Desk, text: str) -> None:
    if text:
        desk.session.eval(f"torch.zeros(1, device={text!r})")  # fails here and now if there is no such device
        desk.run(f"torch.set_default_device({text!r});")
    desk.write(str(desk.session.eval("torch.get_default_device()")))


@command("dtype [DTYPE]", "Shows or sets the default floating-point type.", complete=_BARE)
def dtype(desk: Desk, text: str) -> None:
    if text:
        name = text.removeprefix("torch.")
        name = _SHORT.get(name, name)
        if name not in DTYPES:
            raise BadValue(f"there is no dtype {text!r}", help="one of " + ", ".join(_BARE))
        desk.run(f"torch.set_default_dtype(torch.{name});")
    desk.write(str(desk.session.eval("torch.get_default_dtype()")).removeprefix("torch."))


@command("seed [N]", "Shows or sets the seed of the random streams.")
def seed(desk: Desk, text: str) -> None:
    if text:
        try:
            number = int(text, 0)
        except ValueError:
            raise refuse("seed [N]") from None
        desk.run(f"torch.manual_seed({number});")
    desk.write(str(desk.session.eval("torch.initial_seed()")))


@command("threads [N]", "Shows or sets how many threads a computation may use.")
def threads(desk: Desk, text: str) -> None:
    if text:
        if not text.isdigit() or not int(text):
            raise refuse("threads [N]")
        desk.session.eval(f"torch.set_num_threads({int(text)})")
    desk.write(str(desk.session.eval("torch.get_num_threads()")))


@command("trap [nan,inf | off]", "Stops at the op that first makes a NaN or an infinity.", complete=("nan", "inf", "off"))
def trap(desk: Desk, text: str) -> None:
    from ..runtime.trap import KINDS, Trap

    if text:
        kinds = () if text == "off" else tuple(each.strip() for each in text.replace(",", " ").split())
        if set(kinds) - set(KINDS):
            raise refuse("trap [nan,inf | off]")
        desk.trap = desk.trap or Trap()
        desk.trap.set(kinds)
    found = desk.trap.kinds if desk.trap is not None else ()
    desk.write(f"stops at the first {' or '.join(found)}" if found else "no trap is set")


@command("fmt [FORMAT]", "Shows or sets how numbers are written: short, long, g, eng, hex or sign.",
         complete=("short", "long", "g", "eng", "hex", "sign"))
def fmt(desk: Desk, text: str) -> None:
    if text:
        desk.preferences.set("fmt", text)
    else:
        desk.write(desk.preferences["fmt"])


def _settings(desk: Desk) -> list[tuple[str, str]]:
    return [(each.name, f"{desk.preferences.shown(each.name)}: {each.help}") for each in preferences.ALL]


@command("set [NAME [VALUE]]", "Shows the settings, or changes one for good.", complete=_settings)
def change(desk: Desk, text: str) -> None:
    name, _, value = text.partition(" ")
    if value:
        desk.preferences.set(name, value.strip())
        desk.preferences.save()
        return
    found = [each for each in preferences.ALL if not name or each.name == name]
    if not found:
        desk.preferences.set(name, "")  # says which name was meant
    for each in found:
        desk.write(f"{each.name:<12} {desk.preferences.shown(each.name):<8} {each.help}"
                   + (f" ({' | '.join(each.choices)})" if each.choices else ""))
