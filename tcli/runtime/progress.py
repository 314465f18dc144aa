"""`tqdm` and `track` for programs: count what a loop has done; on a terminal the bar is drawn by rich, else nothing is.

The bar goes to stderr: stdout carries results. It is drawn at most twenty times a second, so a short loop body pays little.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

from ..errors import ArgumentError

PAUSE = 0.05  # seconds between two drawings
NARROW = 64  # columns below which there is no room for a bar
open_bars = 0  # bars on the screen now


class tqdm:
    """A loop with a progress bar: `for x in tqdm(loader)`."""

    def __init__(self, iterable: Any = None, desc: str | None = None, total: float | None = None,
                 leave: bool = True, disable: bool | None = False, initial: float = 0, **ignored):
        if total is None and hasattr(iterable, "__len__"):
            total = len(iterable)
        self.iterable, self.total, self.desc, self.leave = iterable, total, desc or "", leave
        self.n, self.postfix, self.disable = initial, "", bool(disable)
        self._drawn = 0.0
        self._bar = None if disable or not sys.stderr.isatty() else _open_bar(self.desc, total, initial, leave)

    def __iter__(self) -> Iterator:
        try:
            for item in self.iterable:
                yield item
                self.update(1)
        finally:
            self.close()

    def __len__(self) -> int:
        return int(self.total) if self.total is not None else len(self.iterable)

    def __enter__(self) -> tqdm:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    def update(self, n: float = 1) -> None:
        """Counts `n` more steps."""
        self.n += n
        if self._bar is not None and monotonic() - self._drawn >= PAUSE:
            self._draw()

    def reset(self, total: float | None = None) -> None:
        """Starts counting anew."""
        self.n, self.total = 0, self.total if total is None else total
        self._draw()

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """The text before the bar."""
        self.desc = desc or ""
        self._draw()

    set_description_str = set_description

    def set_postfix(self, ordered_dict: dict | None = None, refresh: bool = True, **values) -> None:
        """Values shown after the bar, numbers with three digits."""
        shown = {**(ordered_dict or {}), **values}
        self.set_postfix_str(_values(shown))

    def set_postfix_str(self, text: str = "", refresh: bool = True) -> None:
        """The text after the bar."""
        self.postfix = str(text)
        self._draw()

    def refresh(self) -> None:
        """Draws the bar as it stands."""
        self._draw()

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._draw()
            draw, self._bar = self._bar, None
            draw(None)

    @staticmethod
    def write(text: str, file=None, end: str = "\n") -> None:
        """Prints a line without disturbing the bar."""
        print(text, end=end)

    def _draw(self) -> None:
        if self._bar is not None:
            self._drawn = monotonic()
            self._bar({"completed": self.n, "total": self.total, "description": self.desc, "postfix": self.postfix})


def trange(*args, **options) -> tqdm:
    """`tqdm(range(...))`."""
    return tqdm(range(*args), **options)


class track(tqdm):
    """A loop with a progress bar on stderr: rate, remaining time and, by name, functions whose values are shown live.

    iterable: what is looped over. text: stands before the bar. total: the number of steps, where len() does not tell it.
    Off the terminal nothing is drawn and no function called.

    >>> for epoch in track(range(3), "training", loss=lambda: loss):
    ...     loss = 1 / (epoch + 1)
    """

    def __init__(self, iterable: Iterable, text: str = "", *, total: float | None = None, **live: Callable[[], Any]):
        for name, function in live.items():
            if not callable(function):
                raise ArgumentError(f"track(): {name} must be a function that gives the value to show",
                                    help=f"{name}=lambda: {name}")
        self._live = live
        super().__init__(iterable, text, total)

    def _draw(self) -> None:
        if self._bar is not None and self._live:
            self.postfix = _values({name: function() for name, function in self._live.items()})
        super()._draw()


def _values(shown: dict) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in shown.items())


def _short(value: Any) -> str:
    """A number with three digits, a tensor of one number as that number."""
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    return f"{value:.3g}" if isinstance(value, int | float) else str(value)


def _open_bar(desc: str, total: float | None, done: Any, leave: bool) -> Callable[[dict | None], None]:
    """Starts a bar of rich; gives a function that draws it anew, or ends it. Nothing else of rich gets out."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps per second, or seconds per step."""

        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if not speed else f"{speed:.3g}/s" if speed >= 1 else f"{1 / speed:.3g} s each")

    console = Console(stderr=True)
    text, values = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[postfix]}", markup=False)
    between = [BarColumn(), MofNCompleteColumn(), Rate(), TimeElapsedColumn(), TimeRemainingColumn()]
    if console.width < NARROW:  # numbers say more than a bar of three characters
        between = [MofNCompleteColumn(), TimeRemainingColumn()]
    progress = Progress(text, *between, values, console=console, transient=not leave)
    progress.start()
    _count(1)
    task = progress.add_task(desc, total=total, completed=done, postfix="")

    def draw(fields: dict | None) -> None:
        if fields is None:
            progress.stop()
            _count(-1)
        else:
            progress.update(task, **fields)

    return draw


def _count(change: int) -> None:
    global open_bars
    open_bars += change
