"""`tqdm` for programs: counts what a loop has done; on a terminal the bar is drawn by rich, else nothing is.

The bar goes to stderr: stdout carries results.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any


class tqdm:
    """A loop with a progress bar: `for x in tqdm(loader)`."""

    def __init__(self, iterable: Any = None, desc: str | None = None, total: float | None = None,
                 leave: bool = True, disable: bool | None = False, initial: float = 0, **ignored):
        if total is None and hasattr(iterable, "__len__"):
            total = len(iterable)
        self.iterable, self.total, self.desc, self.leave = iterable, total, desc or "", leave
        self.n, self.postfix, self.disable = initial, "", bool(disable)
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
        self.set_postfix_str(", ".join(f"{k}={f'{v:.3g}' if isinstance(v, int | float) else v}" for k, v in shown.items()))

    def set_postfix_str(self, text: str = "", refresh: bool = True) -> None:
        """The text after the bar."""
        self.postfix = str(text)
        self._draw()

    def refresh(self) -> None:
        """Draws the bar as it stands."""
        self._draw()

    def close(self) -> None:
        """Ends the bar."""
        draw, self._bar = self._bar, None
        if draw is not None:
            draw(None)

    @staticmethod
    def write(text: str, file=None, end: str = "\n") -> None:
        """Prints a line without disturbing the bar."""
        print(text, end=end)

    def _draw(self) -> None:
        if self._bar is not None:
            self._bar({"completed": self.n, "total": self.total, "description": self.desc, "postfix": self.postfix})


def trange(*args, **options) -> tqdm:
    """`tqdm(range(...))`."""
    return tqdm(range(*args), **options)


def _open_bar(desc: str, total: float | None, done: Any, leave: bool) -> Callable[[dict | None], None]:
    """Starts a bar of rich; gives a function that draws it anew, or ends it. Nothing else of rich gets out."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    progress = Progress(TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                        TimeRemainingColumn(), TextColumn("{task.fields[postfix]}", markup=False),
                        console=Console(stderr=True), transient=not leave)
    progress.start()
    task = progress.add_task(desc, total=total, completed=done, postfix="")

    def draw(fields: dict | None) -> None:
        if fields is None:
            progress.stop()
        else:
            progress.update(task, **fields)

    return draw
