"""What takes longer than a moment is said on stderr, where that is a terminal: a load, or one long call of the program.

    with said_while_long("loading a.csv"): ...
    with said_while_long(CallUnderWay(frame)): ...      # `2:5 x @ w … 3 s`, while the program sits in one call

A thread looks on four times a second; a run that is over before it looks costs the start of that thread. Imports nothing
that a one-liner would wait for.
"""

from __future__ import annotations

import sys
from _thread import LockType, allocate_lock, start_new_thread
from time import monotonic

from ..show.place import short
from ..source import is_program_code, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

MOMENT = 1.0  # seconds that something may take before it is said
AFTERWARDS = "compute_what_waits"  # the function that ends an entry of the prompt
PAUSE = 0.25  # seconds between two looks


class CallUnderWay:
    """The call that a program is in, and since when: looked at again and again, it knows whether it is still the same one.

    frame: gives the frame that a thread stands in, or None while nothing runs.
    """

    def __init__(self, frame: Callable[[], FrameType | None]):
        self.frame = frame
        self.same: FrameType | None = None
        self.since = 0.0

    def __call__(self) -> tuple[str, float]:
        """(the call's place and text, seconds since it was first seen); seconds are 0 for one seen now."""
        inner, frame = None, self.frame()
        while frame is not None and not is_program_code(frame.f_code) and frame.f_code.co_name != AFTERWARDS:
            inner, frame = frame, frame.f_back
        if frame is None or inner is None or inner is not self.same or _waits_for_a_person(inner):
            self.same, self.since = inner, monotonic()
            return "", 0.0
        text = _named(frame)
        return text, monotonic() - self.since if text else 0.0


def _named(frame: FrameType) -> str:
    """`2:5 x @ w` of the program, or what follows it."""
    if frame.f_code.co_name == AFTERWARDS and not is_program_code(frame.f_code):
        return "computing what was deferred"
    span = span_of_instruction(frame.f_code, frame.f_lasti)
    return f"{short(span)} {' '.join(span.text.split())}" if span is not None else ""


def _waits_for_a_person(frame: FrameType) -> bool:
    return frame.f_code.co_name == "ask_line"


class said_while_long:
    """On a terminal, tells what is under way and for how long; nothing remains of it on the screen.

    what: a text, or a function that gives one and the seconds so far.
    """

    def __init__(self, what: str | Callable[[], tuple[str, float]], after: float = MOMENT):
        self.what, self.after = what, after
        self.over: LockType | None = None

    def __enter__(self) -> said_while_long:
        if _can_tell(sys.stderr):
            self.start, self.gone = monotonic(), allocate_lock()
            self.over = allocate_lock()
            self.over.acquire()
            self.gone.acquire()
            start_new_thread(self._tell, ())
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.over is not None:
            self.over.release()
            self.gone.acquire()

    def _now(self) -> tuple[str, float]:
        return self.what() if callable(self.what) else (self.what, monotonic() - self.start)

    def _tell(self) -> None:
        shown, over = False, self.over
        assert over is not None
        while not over.acquire(timeout=min(PAUSE, self.after)):
            text, seconds = self._now()
            if seconds >= self.after and not _bar_is_drawn():
                shown = True
                _write(f"\r{_cut(text)} … {seconds:.0f} s\x1b[K")
            elif shown:
                shown = False
                _write("\r\x1b[K")
        if shown:
            _write("\r\x1b[K")
        self.gone.release()


def _can_tell(stream) -> bool:
    from os import environ

    from ..show import is_terminal

    return is_terminal(stream) and environ.get("TERM") != "dumb"


def _bar_is_drawn() -> bool:
    """A progress bar of the program has the line already."""
    progress = sys.modules.get(f"{__package__}.progress")
    return progress is not None and progress.open_bars > 0


def _cut(text: str) -> str:
    """As much as fits on one line of the terminal, so that it can be wiped."""
    from os import get_terminal_size

    try:
        room = max(20, get_terminal_size(2).columns) - 12
    except OSError:
        room = 60
    return text if len(text) <= room else text[:room - 1] + "…"


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):  # the terminal is gone: so is who would read it
        pass
