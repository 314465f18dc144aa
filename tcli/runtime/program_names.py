"""The variables of the program that is running, as it knows them itself."""

from __future__ import annotations

import sys

from ..source import is_program_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def variables_of_program(names: dict[str, object]) -> dict[str, object]:
    """The globals and the variables of every function of the program that is running."""
    found: dict[str, object] = dict(names)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_program_code(frame.f_code) and frame.f_globals is names:
            found |= frame.f_locals
        frame = frame.f_back
    return found
