"""A model's layers as a table for a given width: a tree of names, then columns of figures.

Takes a summary (`layers` in the order of the tree, and totals), gives text. Where the width is short the bytes go first,
then the operations; then names and shapes are cut.
"""

from __future__ import annotations

from .cells import cell_width, fit
from .units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_GAP = 2
_LEAST = 14  # columns that names keep
_HEADS = ("layer", "output", "params", "flops", "output bytes")


def render(summary: Any, width: int = 80) -> str:
    """The table, an empty line, then the totals."""
    rows = [_HEADS, *(_cells(row, stem) for row, stem in zip(summary.layers, _stems(summary.layers), strict=True))]
    shown = [0, 1, 2, 3, 4] if summary.ran else [0, 2]
    while len(shown) > 3 and _needed(rows, shown) > width:
        shown.pop()
    widths = {i: max(cell_width(row[i]) for row in rows) for i in shown}
    for i in (1, 0):  # shapes give way first, then names
        if i in widths and sum(widths.values()) + _GAP * (len(shown) - 1) > width:
            rest = sum(each for j, each in widths.items() if j != i) + _GAP * (len(shown) - 1)
            widths[i] = max(min(_LEAST, widths[i]), width - rest)
    lines = [(" " * _GAP).join(fit(row[i], widths[i], right=i > 1) for i in shown).rstrip() for row in rows]
    return "\n".join([*lines, "", *_totals(summary)])


def _needed(rows: list, shown: list[int]) -> int:
    return sum(max(cell_width(row[i]) for row in rows) for i in shown) + _GAP * (len(shown) - 1)


def _stems(layers: list) -> list[str]:
    """The branches in front of each name."""
    stems, open_levels = [], set()
    for row in layers:
        if not row.depth:
            stems.append("")
            continue
        stem = "".join("│  " if level in open_levels else "   " for level in range(1, row.depth))
        stems.append(stem + ("└─ " if row.last else "├─ "))
        open_levels.discard(row.depth) if row.last else open_levels.add(row.depth)
    return stems


def _cells(row: Any, stem: str) -> tuple[str, ...]:
    name = f"{row.name} ({row.kind})" if row.name else row.kind
    name += f" x{row.calls}" if row.calls > 1 else ""
    if row.shared:
        return f"{stem}{name}, shared", "see above", "", "", ""
    ran = row.calls > 0
    return (stem + name, ", ".join(row.outputs) or ("-" if not ran else "no tensor"), _parameters(row),
            count(row.flops) if ran else "", size(row.bytes) if ran else "")


def _parameters(row: Any) -> str:
    if not row.params:
        return ""
    frozen = row.params - row.trainable
    said = f"{row.params:,}"
    return said if not frozen else f"{said} frozen" if not row.trainable else f"{said} ({frozen:,} frozen)"


def count(number: int) -> str:
    """Operations in three digits: `1.23 M`; below 10,000 in full."""
    if number < 10_000:
        return f"{number:,}"
    value = float(number)
    for unit in ("", " K", " M", " G", " T"):
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} P"


def _totals(summary: Any) -> list[str]:
    frozen = summary.total_params - summary.trainable_params
    trained = "all trainable" if not frozen else f"{summary.trainable_params:,} trainable, {frozen:,} frozen"
    lines = [("parameters", f"{summary.total_params:,} ({size(summary.param_bytes)}), {trained}")]
    if summary.ran:
        lines += [("input", f"{', '.join(summary.inputs)} ({size(summary.input_bytes)})"),
                  ("flops", f"{count(summary.total_flops)} ({count(summary.total_mult_adds)} mult-adds in products)"),
                  ("activations", f"{size(summary.output_bytes)} of results, {size(summary.saved_bytes)} saved for backward")]
    wide = max(len(name) for name, _ in lines)
    return [f"{name.ljust(wide)}  {said}" for name, said in lines]
