"""`note: (32,) and (32, 1) were expanded to (32, 32) at train.tsr:14:9`: once for each place in the program.

Not told: expansions inside of the library, and those that the line asks for itself with `None`, `unsqueeze` and the like.
"""

from __future__ import annotations

import re
import sys

from ..engine import device, notes
from ..source import is_program_code, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MEANT = re.compile(r"\b(None|newaxis|unsqueeze|reshape|view|view_as|expand|expand_as|outer|meshgrid|broadcast\w*|keepdim)\b")


class ExpansionNotes:
    """The hook of one session; `write` takes a line."""

    def __init__(self, write: Callable[[str], object]):
        self.write = write
        self._seen: set[tuple] = set()

    def __call__(self, x: Any, other: Any) -> None:
        frame = sys._getframe(1)
        while frame is not None and (frame.f_globals.get("__package__") == "tcli.engine" or frame.f_code in notes.shortcuts):
            frame = frame.f_back  # type: ignore[assignment]
        if frame is None or not is_program_code(frame.f_code) or device.sketch:
            return
        key = (frame.f_code, frame.f_lasti)
        if key in self._seen:
            return
        self._seen.add(key)
        span = span_of_instruction(*key)
        if span is None or _MEANT.search(span.text) or ("line", span.source.name, span.line) in self._seen:
            return
        self._seen.add(("line", span.source.name, span.line))
        shapes = tuple(x.shape), tuple(other.shape)
        self.write(f"note: {shapes[0]} and {shapes[1]} were expanded to {_together(*shapes)} at {span}")


def _together(a: tuple, b: tuple) -> tuple:
    lead = max(len(a), len(b))
    pairs = zip((1,) * (lead - len(a)) + a, (1,) * (lead - len(b)) + b, strict=True)
    return tuple(m if n == 1 else n for m, n in pairs)
