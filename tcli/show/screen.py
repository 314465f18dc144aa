"""What a picture is drawn on: width, height, colours. Found out once by whoever prints, then only read."""

from __future__ import annotations

from . import is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class Screen:
    """color: "none", "basic" (16 colours) or "true" (24 bits)."""

    __slots__ = ("color", "height", "width")

    def __init__(self, width: int = 80, height: int = 24, color: str = "none"):
        self.width, self.height, self.color = width, height, color

    @classmethod
    def of(cls, stream: TextIO, wish: str = "auto") -> Screen:
        """The screen behind a stream; a file or pipe gets 80 columns and no colour. `wish`: auto, always, never."""
        import os
        import shutil

        width, height = shutil.get_terminal_size((80, 24)) if is_terminal(stream) else (80, 24)
        return cls(max(20, width), max(8, height), color_of(stream, wish, os.environ))

    def paint(self, text: str, code: str) -> str:
        """`text` in a colour (the numbers of an SGR sequence), where there are colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if code and self.color != "none" else text

    def shade(self, text: str, red: int, green: int, blue: int, *, back: bool = False) -> str:
        """`text` in a colour of 24 bits; the screen must have them."""
        return f"\x1b[{48 if back else 38};2;{red};{green};{blue}m{text}\x1b[0m"


def color_of(stream: TextIO, wish: str, environment) -> str:
    """--color, then NO_COLOR and CLICOLOR_FORCE, then whether a person looks."""
    if wish == "never" or wish == "auto" and environment.get("NO_COLOR"):
        return "none"
    forced = wish == "always" or environment.get("CLICOLOR_FORCE", "0") != "0"
    if not forced and (not is_terminal(stream) or environment.get("TERM") == "dumb"):
        return "none"
    return "true" if environment.get("COLORTERM") in ("truecolor", "24bit") else "basic"
