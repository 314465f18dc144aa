"""A profile as a table: one line per call in the source, slowest first, and below it the ops that it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from .cells import cut
from .place import short
from .units import duration

MAX_ROWS = 20
MAX_OPS = 6
LEAST = 0.005  # what takes a smaller share is counted only


def render(rows: Sequence, seconds: float, *, width: int = 100, limit: int = MAX_ROWS) -> str:
    """`rows` have span, function, calls, seconds and ops; `seconds` is the time of the whole."""
    shown = [row for row in rows[:limit] if row is rows[0] or row.seconds >= LEAST * seconds]
    cells = [line for row in shown for line in (_cells(row, seconds), *_ops(row, seconds))]
    known = sum(row.seconds for row in rows)
    lines = [f"{duration(seconds)} in all, {duration(max(0.0, seconds - known))} of it in the program itself"]
    if not cells:
        return lines[0]
    head = ("time", "share", "calls", "each", "place", "source")
    widths = [max(len(each[i]) for each in [head, *cells]) for i in range(len(head))]
    room = max(12, width - sum(widths[:-1]) - 2 * (len(head) - 1))
    for each in [head, *cells]:
        padded = [text.rjust(widths[i]) for i, text in enumerate(each[:-1])]
        lines.append("  ".join([*padded, cut(each[-1], room)]))
    if len(rows) > len(shown):
        lines.append(f"… {len(rows) - len(shown)} more")
    return "\n".join(lines)


def _cells(row, seconds: float) -> tuple[str, ...]:
    text = " ".join(row.span.text.split()) if row.span is not None else row.function
    return _line(row, seconds, short(row.span), text)


def _ops(row, seconds: float) -> list[tuple[str, ...]]:
    """The ops inside of a call, where there are several; what a single op takes the call's own line says."""
    if len(row.ops) < 2:
        return []
    lines = [_line(op, seconds, "", f"· {op.name} {_shapes(op.shapes)}".rstrip()) for op in row.ops[:MAX_OPS]]
    rest = row.ops[MAX_OPS:]
    if rest:
        taken, calls = sum(op.seconds for op in rest), sum(op.calls for op in rest)
        lines.append((duration(taken), _share(taken, seconds), f"{calls}", "", "", f"· {len(rest)} more"))
    return lines


def _shapes(shapes: tuple) -> str:
    return " ".join(f"[{', '.join(map(str, shape))}]" for shape in shapes)


def _line(row, seconds: float, place: str, text: str) -> tuple[str, ...]:
    return (duration(row.seconds), _share(row.seconds, seconds), f"{row.calls}", duration(row.seconds / max(1, row.calls)),
            place, text)


def _share(part: float, seconds: float) -> str:
    return f"{100 * part / seconds:.0f} %" if seconds else ""
