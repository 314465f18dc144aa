"""A place in a program in few characters: `14:9` in a file, `6:2` for column 2 of entry 6 of a prompt."""

from __future__ import annotations

from ..source import Span


def short(span: Span | None) -> str:
    """Line and column; of an entry of one line, its number and column.

    >>> from tcli.source import Source
    >>> short(Span(Source("x @ w", "<tsr 6>"), 1, 1, 1, 6)), short(Span(Source("x", "a.tsr"), 3, 1, 3, 2))
    ('6:1', '3:1')
    """
    return span.short() if span is not None else ""
