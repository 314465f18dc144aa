"""A profile as a table: one line per call in the source, slowest first."""

from __future__ import annotations

from collections.abc import Sequence

from .place import short
from .units import duration

MAX_ROWS = 20


def render(rows: Sequence, seconds: float, *, width: int = 100, limit: int = MAX_ROWS) -> str:
    """`rows` have span, function, calls and seconds; `seconds` is the time of the whole."""
    cells = [_cells(row, seconds) for row in rows[:limit]]
    known = sum(row.seconds for row in rows)
    lines = [f"{duration(seconds)} in all, {duration(max(0.0, seconds - known))} of it in the program itself"]
    if not cells:
        return lines[0]
    head = ("time", "share", "calls", "each", "place", "source")
    widths = [max(len(each[i]) for each in [head, *cells]) for i in range(len(head))]
    room = max(12, width - sum(widths[:-1]) - 2 * (len(head) - 1))
    for each in [head, *cells]:
        padded = [text.rjust(widths[i]) for i, text in enumerate(each[:-1])]
        lines.append("  ".join([*padded, each[-1] if len(each[-1]) <= room else each[-1][:room - 1] + "…"]))
    if len(rows) > limit:
        lines.append(f"… {len(rows) - limit} more")
    return "\n".join(lines)


def _cells(row, seconds: float) -> tuple[str, ...]:
    text = " ".join(row.span.text.split()) if row.span is not None else row.function
    share = f"{100 * row.seconds / seconds:.0f} %" if seconds else ""
    return (duration(row.seconds), share, f"{row.calls}", duration(row.seconds / max(1, row.calls)), short(row.span), text)
