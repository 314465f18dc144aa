"""What was entered in this session: for `:undo`, `:history` and `:save`.

An entry that worked keeps the snapshot from before it, so that it can be undone; older snapshots are
let go of when what they alone keep alive exceeds a byte budget. `program` writes the entries that
worked as a script that replays with the same numbers.
"""

from __future__ import annotations

from _ast import Expr
from collections.abc import Iterable

from ..runtime.holders import Held
from ..runtime.session import free_names
from ..runtime.snapshot import RESULTS, Snapshot
from ..show import is_tensor

MAX_UNDO = 20
WORKED, FAILED, INTERRUPTED = "worked", "failed", "interrupted"


class Entry:
    """One entry: its text, how it ended, how long it took, whether it had a value, what was before."""

    __slots__ = ("before", "has_value", "outcome", "seconds", "text", "written")

    def __init__(self, text: str, outcome: str = WORKED, *, seconds: float = 0.0, has_value: bool = False,
                 before: Snapshot | None = None, written: Iterable[str] = ()):
        self.text, self.outcome, self.seconds, self.has_value = text, outcome, seconds, has_value
        self.before, self.written = before, list(written)


class Journal:
    """The entries of a session, oldest first."""

    def __init__(self, budget: int = 256 << 20):
        self.budget = budget
        self.entries: list[Entry] = []

    def add(self, entry: Entry, names: dict[str, object]) -> None:
        self.entries.append(entry)
        self._let_go(names)

    def undo(self) -> Entry | None:
        """Takes the last entry that can be undone back, and all after it; None if there is none."""
        at = next((i for i in range(len(self.entries) - 1, -1, -1) if self.entries[i].before is not None), None)
        if at is None:
            return None
        entry = self.entries[at]
        entry.written = entry.before.written()
        entry.before.restore()
        del self.entries[at:]
        return entry

    def forget_snapshots(self) -> None:
        for entry in self.entries:
            entry.before = None

    def held(self, names: dict[str, object], seen: Held) -> int:
        """Bytes that only the snapshots keep alive."""
        return sum(seen.add(_replaced(entry.before, names)) for entry in self.entries if entry.before is not None)

    def _let_go(self, names: dict[str, object]) -> None:
        """Drops the snapshots beyond the number and the bytes that are kept."""
        seen, total, count = Held(), 0, 0
        seen.add([value for value in names.values() if is_tensor(value)])
        for entry in reversed(self.entries):
            if entry.before is None:
                continue
            count += 1
            total += seen.add(_replaced(entry.before, names))
            if count > MAX_UNDO or total > self.budget:
                entry.before = None

    # ------------------------------------------------------------ as a program

    def program(self, session, head: list[str]) -> str:
        """The entries that worked, behind the lines of `head`."""
        kept = [entry for entry in self.entries if entry.text.strip()]
        read = any(_reads_results(entry.text, session) for entry in kept if entry.outcome == WORKED)
        lines, had = list(head), False
        for entry in kept:
            found = _lines_of(entry, session, read, had)
            lines += ["", *found] if found else []
            had = had or (entry.outcome == WORKED and entry.has_value)
        return "\n".join(lines) + "\n"


def _replaced(snapshot: Snapshot, names: dict[str, object]) -> list[object]:
    """What a snapshot holds and the session no longer does."""
    return [value for name, value in snapshot.names.items()
            if names.get(name) is not value and name != "__builtins__"] + list(snapshot.results.values())


def _lines_of(entry: Entry, session, results_are_read: bool, had_result: bool) -> list[str]:
    if entry.outcome == WORKED:
        if not (results_are_read and entry.has_value):
            return [entry.text]
        return (["__ = _"] if had_result else []) + [_bound_to_result(entry.text, session), "_"]
    if entry.outcome == FAILED:
        return [f"# an entry that failed had written to {', '.join(entry.written)}: that is not replayed"] \
            if entry.written else []
    return ["# interrupted:", *("# " + line for line in entry.text.split("\n"))]


def _reads_results(text: str, session) -> bool:
    from ..errors import TcliError
    from ..source import Source

    try:
        return bool(free_names(session.compile(Source(text))[0])[0] & set(RESULTS))
    except TcliError:
        return False


def _bound_to_result(text: str, session) -> str:
    """An entry whose last statement is an expression, with that value bound to `_` as the prompt did."""
    from ..lang.parser import parse
    from ..source import Source

    source = Source(text)
    last = parse(source).body[-1]
    if not isinstance(last, Expr):
        return text
    span = source.span_of_node(last)
    lines = list(source.lines)
    line = lines[span.line - 1]
    lines[span.line - 1] = f"{line[:span.column - 1]}_ = {line[span.column - 1:]}"
    return "\n".join(lines)
