"""Commands that run, watch, read and write programs: time, profile, trace, load, run, save, edit, history."""

from __future__ import annotations

import os

from ..errors import BadValue, FileError, TcliError
from ..source import Source
from .commands import Desk, command, refuse
from .terminal import keys_seen

# ---------------------------------------------------------------- watching

@command("time EXPR", "Runs EXPR again and again and says how long it takes.", complete="code", computes=True)
def time_it(desk: Desk, text: str) -> None:
    from ..runtime.profile import compute_what_waits
    from .timing import measure

    if not text:
        raise refuse("time EXPR")
    session = desk.session
    code = session.compile(Source(text).register())[0]
    session.prepare(code)
    if _is_expression(text):
        value_of = session.eval(f"lambda: (\n{text}\n)")

        def function() -> None:
            compute_what_waits([value_of()])
    else:
        def function() -> None:
            exec(code, session.globals)
            compute_what_waits(session.globals.values())
    echo, session.echo = session.echo, None
    try:
        desk.write(str(session.guarded(measure, function, _synchronize(session))))
    finally:
        session.echo = echo


def _is_expression(text: str) -> bool:
    from _ast import Expr

    from ..lang.parser import parse

    body = parse(Source(text)).body
    return len(body) == 1 and isinstance(body[0], Expr)


def _synchronize(session):
    return session.eval("torch.cuda.synchronize") if "cuda" in str(session.device) else lambda: None


@command("profile CODE", "Runs CODE and lists which of its calls took how long.", complete="code", computes=True)
def profile(desk: Desk, text: str) -> None:
    from ..runtime.profile import Profile, compute_what_waits
    from ..show.profile import render

    if not text:
        raise refuse("profile CODE")
    watched = Profile()
    echo, desk.session.echo = desk.session.echo, None
    try:
        value = watched.run(desk.session.run, text)
        left = [value, *desk.session.globals.values()]
        watched.also("what was deferred, computed together", lambda: compute_what_waits(left))
    finally:
        desk.session.echo = echo
    desk.write(render(watched.rows(), watched.seconds, width=desk.width()))


@command("trace [on | steps | off | EXPR]", "Shows the gradients of the last backward pass, of every one, or of EXPR; "
         "steps: what optimizers do.", complete="code", computes=True)
def trace(desk: Desk, text: str) -> None:
    from ..runtime.tracing import named
    from ..show.gradtrace import render

    session = desk.session
    if text in ("on", "off"):
        session.trace = session.engine.trace = text == "on"
        if text == "off":
            session.watch_steps(0)
        desk.write("every backward pass is shown; :trace off ends it" if text == "on" else "no traces are shown")
        return
    if text == "steps":
        session.watch_steps(1)
        desk.write("every step of an optimizer is shown; :trace off ends it")
        return
    if text:
        rows = session.eval(f"trace({text})").rows
    else:
        rows = named(desk.backward.rows(), session.globals)
        if not rows:
            desk.write("there was no backward pass yet")
            return
    desk.write(render(rows, color=desk.color, width=desk.width()))


# ---------------------------------------------------------------- files

@command("load FILE [NAME]", "Reads a data file into a variable.", complete="file")
def load(desk: Desk, text: str) -> None:
    path, _, name = text.partition(" ")
    if not path:
        raise refuse("load FILE [NAME]")
    if path.endswith((".tsr", ".py")):
        raise BadValue(f"{path} is a program", help=f":run {path} runs it")
    name = name.strip() or _name_of(path)
    desk.run(f"{name} = load({path!r})")
    if name in desk.session.globals:
        from .commands_names import about

        desk.write(f"{name}  {about(desk.session[name])}")


def _name_of(path: str) -> str:
    """`weights` of `models/weights.npz`."""
    stem = "".join(char if char.isalnum() else "_" for char in os.path.basename(path).partition(".")[0])
    return stem if stem.isidentifier() else "data"


@command("run FILE", "Runs a script here, in this session.", complete="file")
def run(desk: Desk, text: str) -> None:
    from .run import read_program

    if not text:
        raise refuse("run FILE")
    desk.run(read_program(os.path.expanduser(text)), text)


@command("save FILE", "Writes the entries that worked as a script that replays exactly.", complete="file")
def save(desk: Desk, text: str) -> None:
    if not text:
        raise refuse("save FILE")
    path = os.path.expanduser(text)
    program = desk.journal.program(desk.session, _head(desk))
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(program)
    except OSError as error:
        raise FileError(f"cannot write {text}: {error.strerror}") from None
    worked = sum(each.outcome == "worked" for each in desk.journal.entries)
    desk.write(f"{worked} entries in {text}; tcli {text} replays them")


def _head(desk: Desk) -> list[str]:
    from .. import __version__

    session = desk.session
    lines = [f"# A session of tcli {__version__}.", f"torch.manual_seed({session.engine.first_seed});"]
    if str(session.device) != "cpu":
        lines.append(f"torch.set_default_device({str(session.device)!r});")
    if session.dtype is not None:
        lines.append(f"torch.set_default_dtype(torch.{str(session.dtype).removeprefix('torch.')});")
    return lines + desk.notes.get("head", [])


# ---------------------------------------------------------------- earlier entries

@command("edit [NAME]", "Opens the last entry, or the one that defined NAME, in $EDITOR.", complete="name")
def edit(desk: Desk, text: str) -> None:
    import shlex
    import subprocess
    import tempfile

    source = _source_of(desk, text)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    handle, path = tempfile.mkstemp(suffix=".tsr", prefix="tcli-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source + "\n")
        try:
            with keys_seen():
                subprocess.run([*shlex.split(editor), path], check=False)
        except OSError as error:
            raise FileError(f"cannot start {editor}: {error.strerror}", help="set EDITOR") from None
        with open(path, encoding="utf-8") as file:
            desk.edit(file.read().strip("\n"))
    finally:
        os.unlink(path)


def _source_of(desk: Desk, name: str) -> str:
    texts = [each.text for each in desk.journal.entries]
    if not name:
        return texts[-1] if texts else next(iter(desk.history()), "")
    for text in reversed(texts):
        if name in names_bound(desk.session, text):
            return text
    raise BadValue(f"no entry binds {name!r}")


def names_bound(session, text: str) -> set[str]:
    """The names that a program binds at its top level."""
    from opcode import opmap

    try:
        code = session.compile(Source(text))[0]
    except TcliError:
        return set()
    stores = (opmap["STORE_NAME"], opmap["STORE_GLOBAL"])
    ops = code.co_code
    bound = [ops[at + 1] for at in range(0, len(ops), 2) if ops[at] in stores]
    return {code.co_names[index] for index in bound if index < len(code.co_names)}


@command("history [N | PART]", "Lists the last N entries, or those that hold PART.")
def history(desk: Desk, text: str) -> None:
    every = list(desk.history())
    found = every[:int(text) if text.isdigit() else 20] if not text or text.isdigit() else \
        [each for each in every if text in each][:50]
    for each in reversed(found):
        desk.write(each.replace("\n", "\n    "))
