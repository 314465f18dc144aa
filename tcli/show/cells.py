"""Text measured in the cells of a terminal: wide characters take two, combining ones none. Cut, fit and break lines by that."""

from __future__ import annotations


def cell_width(text: str) -> int:
    """How many terminal cells a text takes.

    >>> cell_width("漢字"), cell_width("abc")
    (4, 3)
    """
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """At most `width` cells of a text; `…` stands for what is left out.

    >>> cut("a long name", 6)
    'a lon…'
    """
    if cell_width(text) <= width:
        return text
    while text and cell_width(text) >= width:
        text = text[:-1]
    return text + "…"


def fit(text: str, width: int, right: bool = False) -> str:
    """A text cut or filled to `width` cells."""
    text = cut(text, width)
    space = " " * (width - cell_width(text))
    return space + text if right else text + space


def wrapped(text: str, width: int, used: int = 0, indent: int = 0, by: str = " ") -> list[str]:
    """The text broken at `by` where a line would be wider than `width` (20 at least).

    used: the cells that stand before the first line. indent: those that will stand before the others.

    >>> wrapped("one two three four five", 20)
    ['one two three four', 'five']
    """
    lines, room = [], max(20, width - used)
    while cell_width(text) > room:
        end = len(text)
        while cell_width(text[:end]) > room:
            end -= 1
        at = text.rfind(by, 0, end + len(by))
        if at <= 0:
            break
        lines.append(text[:at])
        text, room = text[at + len(by):], max(20, width - indent)
    return [*lines, text]
