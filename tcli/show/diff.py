"""The difference between two files of tensors as lines, one per tensor that differs; also as data.

    - fc3.bias     f32[10]                   only in a.pt
    ~ fc1.weight   f32[32, 64] -> f32[64, 64]
    ! fc2.weight   f32[10, 32]  3 of 320 differ  max |a - b| 0.25 at [4, 7]: 1.5 -> 1.75

Takes the rows that the command computed; computes nothing itself.
"""

from __future__ import annotations

from .units import figure

MARKS = {"removed": "-", "added": "+", "type": "~", "value": "!"}
_COLORS = {"-": "31", "+": "32", "~": "33", "!": "31"}


def render(rows: list[dict], names: tuple[str, str], same: int, *, color: bool = False) -> str:
    """All rows and a last line with the totals."""
    width = min(60, max((len(row["name"]) for row in rows), default=0))
    lines = []
    for row in rows:
        mark = MARKS[row["kind"]]
        text = f"{mark} {row['name']:<{width}}  {_said(row, names)}"
        lines.append(f"\x1b[{_COLORS[mark]}m{text}\x1b[0m" if color else text)
    if not rows:
        return f"the same: {same} tensors"
    counts = [f"{sum(row['kind'] == kind for row in rows)} {word}" for kind, word in (
        ("value", "differ in value"), ("type", "in shape or dtype"), ("removed", f"only in {names[0]}"),
        ("added", f"only in {names[1]}")) if any(row["kind"] == kind for row in rows)]
    return "\n".join([*lines, f"{same} the same, " + ", ".join(counts)])


def _said(row: dict, names: tuple[str, str]) -> str:
    if row["kind"] == "removed":
        return f"{row['a']}  only in {names[0]}"
    if row["kind"] == "added":
        return f"{row['b']}  only in {names[1]}"
    if row["kind"] == "type":
        more = f"  max |a - b| {_figure(row['max_abs'])}" if row.get("max_abs") is not None else ""
        return f"{row['a']} -> {row['b']}{more}"
    place = f" at {row['at']}" if row["at"] else ""
    relative = f", relative {_figure(row['max_rel'])}" if row.get("max_rel") is not None else ""
    return (f"{row['a']}  {row['different']:,} of {row['count']:,} differ  "
            f"max |a - b| {_figure(row['max_abs'])}{relative}{place}: {row['values'][0]} -> {row['values'][1]}")


def _figure(value) -> str:
    return figure(value) if isinstance(value, (int, float)) else str(value)
