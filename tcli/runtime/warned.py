"""Warnings as the rest of tcli's messages: what, and at which place of the program; not where in the library that is."""

from __future__ import annotations

import sys
import warnings

from ..source import is_program_code, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import TextIO


def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
         line: str | None = None) -> None:
    """`warning at train.tsr:14:9: the text`, on stderr."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_program_code(frame.f_code):
        frame = frame.f_back
    span = span_of_instruction(frame.f_code, frame.f_lasti) if frame is not None else None
    where = f" at {span}" if span is not None else ""
    kind = "" if category is UserWarning else f"[{category.__name__}]"
    sys.stdout.flush()
    print(f"warning{kind}{where}: {str(message).strip()}", file=sys.stderr if file is None else file)


def take_over() -> None:
    """From now on Python's warnings are shown so."""
    warnings.showwarning = show
