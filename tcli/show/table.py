"""A table of columns for a person: names, dtypes, the first and last rows, as many columns as the screen is wide.

Takes a `Table` (columns by name, 1-D tensors or lists of text) and a `Screen`, gives text. Reads the rows that are shown alone.
"""

from __future__ import annotations

import math

from .cells import cell_width, cut, fit, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .screen import Screen

TAIL = 3  # of the rows shown, so many are the last ones
WIDEST = 24  # characters of a cell
_GAP = "  "


def render(table: Any, screen: Screen, rows: int | None = 12) -> str:
    """The text; `rows` is how many are shown, None all."""
    count, names = len(table), table.columns
    first, last = _shown(count, rows)
    columns = [_Column(name, table[name], [*range(first), *range(last, count)]) for name in names]
    fitting = _that_fit(columns, screen.width) if rows is not None else len(columns)
    title = f"Table  {count:,} {'row' if count == 1 else 'rows'}, {len(names)} {'column' if len(names) == 1 else 'columns'}"
    lines = [screen.paint(title, "36")]
    if names:
        lines += _lines(columns[:fitting], screen, first, count - first - (count - last))
    if fitting < len(columns):
        rest = [_clean(name) for name in names[fitting:fitting + 12]] + ["…"] * (len(names) > fitting + 12)
        lines += wrapped(f"… and the columns {', '.join(rest)}", screen.width)
    return "\n".join(lines)


class _Column:
    """The cells of a column that are shown, and how wide they are."""

    def __init__(self, name: str, column: Any, places: list[int]):
        self.text = isinstance(column, list)
        values = [column[i] for i in places] if self.text else [column[i].item() for i in places]
        self.cells = [_clean(str(each)) if self.text else _number(each) for each in values]
        self.broken = [isinstance(each, float) and not math.isfinite(each) for each in values]
        self.head, self.kind = _clean(name), "text" if self.text else column.dtype.short
        self.width = max(map(cell_width, (self.head, self.kind, *self.cells)))

    def fit(self, cell: str) -> str:
        """The cell in the width of the column: words from the left, numbers from the right."""
        return fit(cell, self.width, right=not self.text)


def _shown(count: int, rows: int | None) -> tuple[int, int]:
    """(how many of the first rows, where the last ones begin)."""
    if rows is None or count <= rows:
        return count, count
    return rows - TAIL, count - TAIL


def _that_fit(columns: list[_Column], width: int) -> int:
    used = 0
    for index, column in enumerate(columns):
        used += column.width + (len(_GAP) if index else 0)
        if used > width and index:
            return index
    return len(columns)


def _lines(columns: list[_Column], screen: Screen, first: int, left_out: int) -> list[str]:
    lines = [_GAP.join(screen.paint(column.fit(column.head), "1") for column in columns).rstrip(),
             _GAP.join(screen.paint(column.fit(column.kind), "2") for column in columns).rstrip()]
    for row in range(len(columns[0].cells)):
        if row == first:
            lines.append(f"… {left_out:,} more")
        lines.append(_GAP.join(screen.paint(column.fit(column.cells[row]), "31" if column.broken[row] else "")
                               for column in columns).rstrip())
    return lines


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _clean(text: str) -> str:
    """One line of printable characters, short enough for a cell."""
    return cut("".join(char if char.isprintable() else "·" for char in text), WIDEST)
