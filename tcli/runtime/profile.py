"""Where the time of a program goes: a row per call in its source, and the ops inside of each, for `:profile`.

Every function that the program calls directly is timed under the place of the call, so that `x @ w` and
`loss.backward()` are rows of their own. A call that leads back into the program (a module whose `forward` stands
there) counts only the time outside of the rows it leads to, so shares add up. Watching costs some microseconds per
call, which shows on very small tensors.
"""

from __future__ import annotations

import sys
from time import perf_counter

from ..engine.fuse import Pending
from ..engine.profile import Recorder
from ..source import Span, is_program_code, span_of_instruction
from . import helpers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any


TRIFLE = 1e-4  # seconds
SHORT = 1000  # elements of a list that is looked through


def compute_what_waits(values: Iterable[object], deeper: bool = True) -> None:
    """Computes the tensors among values, and in short lists and tuples of them, that fusion has put off."""
    for value in list(values):
        if isinstance(value, Pending):
            value.data_ptr()
        elif deeper and isinstance(value, (list, tuple)) and len(value) <= SHORT:
            compute_what_waits(value, deeper=False)


class OpRow:
    """One op on operands of the same shapes, inside of a call of the program."""

    __slots__ = ("calls", "name", "seconds", "shapes")

    def __init__(self, name: str, shapes: tuple):
        self.name, self.shapes = name, shapes
        self.calls, self.seconds = 0, 0.0


class Row:
    """One place of the program: how often it called, for how long in all, and the ops in there, slowest first."""

    __slots__ = ("calls", "function", "ops", "seconds", "span")

    def __init__(self, span: Span | None, function: str):
        self.span, self.function = span, function
        self.calls, self.seconds = 0, 0.0
        self.ops: list[OpRow] = []


class _Open:
    """A call under way: `inner` are the seconds of calls inside of it that have rows of their own."""

    __slots__ = ("frame", "inner", "row", "start")

    def __init__(self, frame: FrameType, row: Row):
        self.frame, self.row, self.inner = frame, row, 0.0
        self.start = perf_counter()


class Profile:
    """Watches `run(function)`; `rows()` come slowest first, `seconds` is the whole."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._places: dict[tuple, Row] = {}
        self._open: list[_Open] = []
        self._recorder = Recorder()

    def run(self, function: Callable, *args: object) -> Any:
        before = sys.getprofile()
        with self._recorder:
            start = perf_counter()
            sys.setprofile(self._event)
            try:
                return function(*args)
            finally:
                sys.setprofile(before)
                self.seconds += perf_counter() - start
                self._open.clear()

    def also(self, name: str, function: Callable[[], object]) -> None:
        """Times something that belongs to what ran, as a row without a place; not shown if it takes nothing."""
        start = perf_counter()
        function()
        seconds = perf_counter() - start
        if seconds > TRIFLE:
            row = self._places[name, 0] = Row(None, name)
            row.calls, row.seconds = 1, seconds
        self.seconds += seconds

    def rows(self) -> list[Row]:
        ops: dict[tuple, dict[tuple, OpRow]] = {}
        for call in self._recorder.calls:
            if call.place in self._places:
                found = ops.setdefault(call.place, {}).setdefault((call.name, call.shapes), OpRow(call.name, call.shapes))
                found.calls, found.seconds = found.calls + 1, found.seconds + call.seconds
        for place, found_there in ops.items():
            self._places[place].ops = sorted(found_there.values(), key=lambda row: -row.seconds)
        return sorted(self._places.values(), key=lambda row: -row.seconds)

    def _event(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            caller = frame.f_back
            if caller is not None and is_program_code(caller.f_code) and not is_program_code(frame.f_code) \
                    and frame.f_code.co_filename != helpers.__file__:  # what the compiler put there is no call of the program
                self._open.append(_Open(frame, self._row(caller, frame.f_code.co_name)))
        elif event == "return" and self._open and self._open[-1].frame is frame:
            done = self._open.pop()
            seconds = perf_counter() - done.start
            done.row.calls += 1
            done.row.seconds += seconds - done.inner
            if self._open:
                self._open[-1].inner += seconds

    def _row(self, caller: FrameType, function: str) -> Row:
        key = (caller.f_code, caller.f_lasti)
        row = self._places.get(key)
        if row is None:
            row = self._places[key] = Row(span_of_instruction(*key), function)
        return row
