"""Commands about what is bound and what memory it takes: vars, mem, free, dims, undo, reset, full."""

from __future__ import annotations

from ..errors import BadValue
from ..runtime.holders import Held, resident, shares
from ..show import is_tensor
from ..show.suggest import did_you_mean
from ..show.units import size
from .commands import Desk, command, variables


def about(value: object) -> str:
    if is_tensor(value):
        from ..show.tensor import gradient_of, type_of

        return "  ".join(part for part in (type_of(value), gradient_of(value)) if part)
    if isinstance(value, (int, float, complex, str, bool, type(None))):
        return _cut(repr(value))
    if hasattr(value, "named_parameters"):
        return f"{type(value).__name__}, {sum(each.numel() for each in value.parameters()):,} parameters"
    if isinstance(value, (list, tuple, dict, set)):
        return f"{type(value).__name__} of {len(value)}"
    return _cut(f"{type(value).__name__} {getattr(value, '__name__', '')}".strip())


def _cut(text: str, room: int = 60) -> str:
    return text if len(text) <= room else text[:room - 1] + "…"


@command("vars [PART]", "Lists the variables, or those whose names hold PART.", complete="name")
def list_variables(desk: Desk, text: str) -> None:
    names = [name for name in desk.session.names() if text in name]
    if not names:
        desk.write("nothing is bound" if not text else f"no name holds {text!r}")
        return
    width = min(30, max(map(len, names)))
    desk.write("\n".join(f"{name:<{width}}  {about(desk.session[name])}" for name in sorted(names)))


@command("mem", "Lists who keeps memory: variables, results, saved for backward, undo.")
def memory(desk: Desk, text: str) -> None:
    session, held = desk.session, Held()
    rows = sorted(shares(session.globals, held), key=lambda row: -row[1])
    rows += [(f"{name} (result)", held.add(session.builtins[name])) for name in ("_", "__") if name in session.builtins]
    saved = held.saved()
    rows += [("saved for backward", saved), ("undo", desk.journal.held(session.globals, held)),
             ("gradients of the last backward", _passed(desk, held)), *_pools()]
    rows = [row for row in rows if row[1]]
    total = sum(count for _, count in rows)
    width = max([len(name) for name, _ in rows], default=0)
    for name, count in rows:
        desk.write(f"{name:<{width}}  {size(count):>8}")
    process = resident()
    said = f", the process has {size(process[0])} (at most {size(process[1])} so far)" if process else ""
    desk.write(f"{size(total)} held{said}")


def _passed(desk: Desk, held: Held) -> int:
    gradients = [g for g, _, _ in desk.backward.passed.values() if hasattr(g, "_a")]
    return held.add([gradients, list(desk.backward.reached.values())])


def _pools() -> list[tuple[str, int]]:
    """Memory that the engine keeps for reuse, where it has a pool."""
    try:
        from ..engine import memory as engine_memory  # type: ignore[attr-defined]
    except ImportError:
        return []
    kept = getattr(engine_memory, "pooled_bytes", None)
    return [("pool", int(kept()))] if callable(kept) else []


def _freeable(desk: Desk) -> list[tuple[str, str]]:
    return [*variables(desk), ("results", "_ and __"), ("undo", "what :undo could restore")]


@command("free NAME...", "Forgets variables, and what :undo would need them for.", complete=_freeable)
def free(desk: Desk, text: str) -> None:
    session, wanted = desk.session, text.replace(",", " ").split()
    if not wanted:
        raise BadValue("usage: :free NAME... | results | undo")
    for name in wanted:
        if name not in session.globals and name not in ("results", "undo"):
            raise BadValue(f"{name} is not bound", help=did_you_mean(name, session.names()))
    for name in wanted:
        session.globals.pop(name, None)
    bound = [name for name in wanted if name not in ("results", "undo")]
    if bound:  # a saved session forgets them at the same place
        from .journal import Entry

        desk.journal.add(Entry(f"del {', '.join(bound)}"), session.globals)
    session.builtins.pop("_", None)
    session.builtins.pop("__", None)
    desk.journal.forget_snapshots()
    desk.backward.clear()


@command("dims [-B [NAME...]]", "Lists the dimension names that contracts bound; -B forgets them.", complete=("-B",))
def dims(desk: Desk, text: str) -> None:
    bound = desk.session.builtins["__dims__"]
    if text.startswith("-B"):
        for name in text[2:].replace(",", " ").split() or list(bound):
            bound.pop(name, None)
        return
    desk.write("\n".join(each.say(name) for name, each in bound.items()) or "no dimension names are bound")


@command("undo [N]", "Takes the last N entries back: bindings, not what was written in place.")
def undo(desk: Desk, text: str) -> None:
    for _ in range(int(text) if text.isdigit() else 1):
        entry = desk.journal.undo()
        if entry is None:
            desk.write("nothing to undo")
            return
        desk.write(f"undone: {_cut(' '.join(entry.text.split()))}")
        if entry.written:
            desk.write(f"  it had written to {', '.join(entry.written)} in place: that stays")


@command("reset", "Forgets all variables; device, dtype and seed are as at the start.")
def reset(desk: Desk, text: str) -> None:
    desk.session.reset()
    desk.fresh()


@command("full", "Shows the last result without cutting anything.")
def full(desk: Desk, text: str) -> None:
    if "_" not in desk.session.builtins:
        desk.write("there is no result to show")
        return
    desk.show(desk.session.builtins["_"], full=True)
