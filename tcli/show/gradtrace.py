"""A gradient trace as text, a rich tree or data.

     4:46  F.cross_entropy(h, y)  f32[]         |g| 1.00           1.1 KB  31 us
     2:18  x @ w + b              f32[64, 10]   |g| 0.109                  64 us
           ├─ b (leaf)            f32[10]       |g| 0.071
     2:18  x @ w                  f32[64, 10]   |g| 0.109          2.5 KB  64 us
           └─ w (leaf)            f32[784, 10]  |g| 3.27

Takes rows (`engine.tape.TraceRow` or anything with its attributes) in the order of the backward
pass, each with its depth; gives text. Prints nothing and computes no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable

from .cells import cell_width, cut, fit
from .place import short
from .units import duration, figure, size

_TITLE = 24  # columns that titles keep before others give way: sparkline, time, saved bytes
_LEAST = 12  # columns that titles keep in any case
_LEAST_NEEDED = (5, 7, 6)
MAX_DEPTH = 24  # deeper rows are drawn at this depth: a chain of a thousand ops stays readable
_MARKS = {"vanishing": "33", "exploding": "31", "nan": "1;31"}


def render(rows: Iterable, *, color: bool = False, width: int = 100) -> str:
    """The trace as a tree with aligned columns."""
    rows = list(rows)
    if not rows:
        return "no gradient: nothing here requires one"
    titles = _titles(rows)
    cells = [_cells(row, stem + title) for row, stem, title in zip(rows, _stems(rows), titles, strict=True)]
    widths = [max(cell_width(each[column]) for each in cells) for column in range(len(cells[0]))]
    for column in _LEAST_NEEDED:
        if _room(widths, width) >= min(widths[1], _TITLE):
            break
        widths[column] = 0
    if _room(widths, width) < _LEAST:
        widths[2] = 0  # then the shapes go
    widths[1] = max(_LEAST, min(widths[1], _room(widths, width)))
    lines = []
    for row, each in zip(rows, cells, strict=True):
        line = "  ".join(fit(text, widths[i], right=i in (0, 6, 7)) for i, text in enumerate(each) if widths[i])
        lines.append(_colored(line.rstrip(), mark_of(row)) if color else line.rstrip())
    return "\n".join(lines)


def _room(widths: list[int], width: int) -> int:
    """The columns that are left for the titles."""
    others = [each for column, each in enumerate(widths) if each and column != 1]
    return width - sum(others) - 2 * len(others)


def _titles(rows: list) -> list[str]:
    """What each row is called; where one line of the source made several ops, the op is named."""
    ops: dict = {}
    for row in rows:
        if not row.leaf:
            ops.setdefault((place_of(row), row.text), set()).add(row.op)
    return [f"{row.op}  {title_of(row)}" if not row.leaf and row.text and len(ops[place_of(row), row.text]) > 1
            else title_of(row) for row in rows]


def table(rows: Iterable) -> str:
    """The trace as a table, one line per op in the order of the backward pass."""
    lines = [("place", "op", "source", "output", "|g|", "% zero", "NaN", "Inf", "saved", "time", "")]
    for row in rows:
        lines.append((place_of(row), row.op or "", cut(title_of(row), 40), row.dtype_shape,
                      figure(row.grad_norm), f"{100 * row.zeros:.0f}", str(row.nan), str(row.inf), saved_of(row), _time(row),
                      mark_of(row)))
    widths = [max(cell_width(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = (0, 4, 5, 6, 7, 8, 9)
    return "\n".join("  ".join(fit(cell, widths[i], right=i in right) for i, cell in enumerate(line)).rstrip()
                     for line in lines)


def steps_table(title: str, rows: Iterable) -> str:
    """What a step of an optimizer did: one line for each parameter."""
    lines = [(title, "|g|", "|w|", "update", "", "")]
    for row in rows:
        broken = ", ".join(f"{count} {word}" for count, word in ((row.nan, "NaN"), (row.inf, "Inf")) if count)
        zeros = f"{100 * row.zeros:.0f} % zero" if row.zeros else ""
        lines.append((row.name, figure(row.grad_norm) if row.reached else "none", figure(row.norm), figure(row.ratio),
                      ", ".join(part for part in (zeros, broken) if part), row.mark))
    widths = [max(cell_width(line[i]) for line in lines) for i in range(6)]
    return "\n".join("  ".join(fit(cell, widths[i], right=i in (1, 2, 3)) for i, cell in enumerate(line)).rstrip()
                     for line in lines)


def as_json(rows: Iterable) -> list[dict]:
    """The trace as data: one dictionary per row."""
    out = []
    for row in rows:
        names = ("op", "text", "dtype_shape", "grad_norm", "zeros", "nan", "inf", "saved_bytes", "seconds",
                 "depth", "chained", "name", "leaf", "mark", "inputs")
        span = row.span
        out.append({"line": span.line if span else None, "column": span.column if span else None,
                    "file": span.source.name if span else None,
                    **{name: getattr(row, name, None) for name in names}, "mark": mark_of(row)})
    return out


def as_dot(rows: Iterable) -> str:
    """The graph in Graphviz's language: an arrow for each gradient, from an op to what it was computed from."""
    rows = list(rows)
    colors = {"vanishing": "gold", "exploding": "tomato", "nan": "red"}
    lines = ["digraph gradient {", "  rankdir=BT;", "  node [shape=box, fontname=monospace, fontsize=10];"]
    for i, row in enumerate(rows):
        place = place_of(row)
        facts = (title_of(row), row.dtype_shape, f"|g| {figure(row.grad_norm)}", health(row), place)
        said = "\n".join(part for part in facts if part)
        look = "shape=ellipse, " if row.leaf else ""
        mark = mark_of(row)
        look += f'style=filled, fillcolor={colors[mark]}, ' if mark in colors else ""
        lines.append(f"  n{i} [{look}label={_quoted(said)}];")
    lines += [f"  n{j} -> n{i};" for i, row in enumerate(rows) for j in row.inputs]
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def tree(rows: Iterable):
    """The trace as a `rich.tree.Tree`."""
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text("backward", "bold"), guide_style="blue")
    open_branches = [root]
    for row in rows:
        del open_branches[row.depth + 1:]
        text = Text.assemble((title_of(row), "bold" if not row.leaf else "cyan"), "  ", (row.dtype_shape, "green"),
                             "  ", _numbers(row), style=_rich_style(mark_of(row)))
        open_branches.append(open_branches[-1].add(text))
    return root


def _numbers(row) -> str:
    parts = [place_of(row), f"|g| {figure(row.grad_norm)}", health(row), saved_of(row), _time(row)]
    return "  ".join(part for part in parts if part)


def _rich_style(mark: str) -> str:
    return {"vanishing": "yellow", "exploding": "red", "nan": "bold red"}.get(mark, "")


def _stems(rows: list) -> list[str]:
    """The branches in front of each row: a line goes on where a later branch, or the chain that it left, follows."""
    stems, goes_on = [], set()
    for row in reversed(rows):
        depth, chained = min(row.depth, MAX_DEPTH), getattr(row, "chained", False)
        stem = "".join("│  " if level in goes_on else "   " for level in range(1, depth))
        own = ("│  ", "   ") if chained else ("├─ ", "└─ ")
        stems.append(stem + (own[depth not in goes_on] if depth else ""))
        goes_on = {level for level in goes_on if level <= depth} | {depth + 1 if chained else depth}
    return stems[::-1]


def _cells(row, title: str) -> list[str]:
    return [place_of(row), title, row.dtype_shape, f"|g| {figure(row.grad_norm)}", health(row),
            getattr(row, "spark", "") or "", saved_of(row), _time(row), mark_of(row)]


def place_of(row) -> str:
    return short(row.span)


def title_of(row) -> str:
    """Source text for an op, the name for a parameter."""
    text = " ".join((row.text or row.op or "").split())
    if row.leaf:
        return f"{row.name or row.text or 'unnamed'} (leaf)"
    return text


def health(row) -> str:
    """Zeros, NaN and Inf of the gradient, as far as there are any."""
    parts = []
    if row.zeros:
        parts.append(f"{100 * row.zeros:.0f} % zero")
    parts += [f"{count} {word}" for count, word in ((row.nan, "NaN"), (row.inf, "Inf")) if count]
    return ", ".join(parts)


def saved_of(row) -> str:
    return size(row.saved_bytes) if row.saved_bytes else ""


def _time(row) -> str:
    return duration(row.seconds) if row.seconds else ""


def mark_of(row) -> str:
    return "nan" if row.nan or row.inf else getattr(row, "mark", "") or ""



def _colored(line: str, mark: str) -> str:
    return f"\x1b[{_MARKS[mark]}m{line}\x1b[0m" if mark in _MARKS else line
