"""Where the time of a program goes: a row per call in its source, for `:profile`.

Every function that the program calls directly is timed under the place of the call, so that `x @ w` and
`loss.backward()` are rows of their own, whatever they call inside. Counts and seconds; watching costs a
microsecond or so per call, which shows on very small tensors.
"""

from __future__ import annotations

import sys
from time import perf_counter

from ..source import Span, is_program_code, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


class Row:
    """One place of the program: how often it called, and for how long in all."""

    __slots__ = ("calls", "function", "seconds", "span")

    def __init__(self, span: Span | None, function: str):
        self.span, self.function = span, function
        self.calls, self.seconds = 0, 0.0


class Profile:
    """Watches `run(function)`; `rows()` come slowest first, `seconds` is the whole."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._places: dict[tuple, Row] = {}
        self._open: list[tuple] = []  # (frame of the callee, row, start)

    def run(self, function: Callable, *args: object) -> Any:
        before = sys.getprofile()
        start = perf_counter()
        sys.setprofile(self._event)
        try:
            return function(*args)
        finally:
            sys.setprofile(before)
            self.seconds += perf_counter() - start
            self._open.clear()

    def rows(self) -> list[Row]:
        return sorted(self._places.values(), key=lambda row: -row.seconds)

    def _event(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            caller = frame.f_back
            if caller is not None and is_program_code(caller.f_code) and not is_program_code(frame.f_code):
                self._open.append((frame, self._row(caller, frame.f_code.co_name), perf_counter()))
        elif event == "return" and self._open and self._open[-1][0] is frame:
            _, row, start = self._open.pop()
            row.calls += 1
            row.seconds += perf_counter() - start

    def _row(self, caller: FrameType, function: str) -> Row:
        key = (caller.f_code, caller.f_lasti)
        row = self._places.get(key)
        if row is None:
            row = self._places[key] = Row(span_of_instruction(*key), function)
        return row
