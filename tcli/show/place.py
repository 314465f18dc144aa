"""A place in a program in few characters: `14:9` in a file, `6:2` for column 2 of entry 6 of a prompt."""

from __future__ import annotations

from ..source import Span


def short(span: Span | None) -> str:
    """Line and column; of an entry of one line, its number and column.

    >>> from tcli.source import Source
    >>> short(Span(Source("x @ w", "<tsr 6>"), 1, 1, 1, 6)), short(Span(Source("x", "a.tsr"), 3, 1, 3, 2))
    ('6:1', '3:1')
    """
    if span is None:
        return ""
    name = span.source.name
    if name.startswith("<tsr "):
        entry = name[5:-1]
        return f"{entry}:{span.column}" if "\n" not in span.source.text.strip() else f"{entry}.{span.line}:{span.column}"
    return f"{span.line}:{span.column}"
