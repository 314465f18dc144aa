"""The numbers of a tensor for a person at a terminal.

What fits is PyTorch's text. What does not becomes a table whose axes are labelled with the indices that are shown, cut in
the middle of its rows, columns and slices; a matrix of booleans is a map. Takes an array, never more than its shown part.
"""

from __future__ import annotations

from itertools import product

from .screen import Screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = ("short", "long", "g", "eng", "hex", "sign")
MAP_FROM = 3  # a matrix of booleans with fewer rows or columns is written out


class Look:
    """How values are written. fmt: one of FORMATS. shade: "", "sign" or "magnitude". rows: lines at most, None for all."""

    __slots__ = ("fmt", "rows", "shade")

    def __init__(self, fmt: str = "short", shade: str = "", rows: int | None = 24):
        self.fmt, self.shade, self.rows = fmt, shade, rows


def render(tensor, screen: Screen, look: Look | None = None, names: tuple | None = None) -> str:
    """The values of a tensor (any object with `shape`, `dtype`, `__getitem__` of tuples and a text)."""
    look = look or Look()
    shape = tuple(tensor.shape)
    if 0 in shape or not shape or getattr(tensor, "is_meta", False):
        return str(tensor)
    boolean = tensor.dtype.short == "bool"
    if boolean and len(shape) >= 2 and min(shape[-2:]) >= MAP_FROM and look.fmt == "short":
        return "\n".join(_slices(tensor, screen, look, names, _map_lines))
    if look.fmt == "short" and not look.shade:
        text = _plain(tensor, screen, look)
        if text is not None:
            return text
    return "\n".join(_slices(tensor, screen, look, names, _matrix_lines))


def _plain(tensor, screen: Screen, look: Look) -> str | None:
    """PyTorch's text, if it fits."""
    from ..engine.format import options, printoptions

    count = 1
    for size in tensor.shape:
        count *= size
    limit = look.rows if look.rows is not None else count
    if count > (options.threshold if look.rows is not None else count):
        return None
    changes = {"linewidth": min(options.linewidth, screen.width), "sci_mode": options.sci_mode}
    with printoptions(**changes, threshold=count):
        text = str(tensor)
    lines = text.split("\n")
    if len(lines) > limit or max(map(len, lines)) > screen.width or len(tensor.shape) == 2 and len(lines) > tensor.shape[0] + 2:
        return None
    return _reddened(text, screen)


def _reddened(text: str, screen: Screen) -> str:
    if screen.color == "none" or "nan" not in text and "inf" not in text:
        return text
    import re

    return re.sub(r"-?\b(nan|inf)\b", lambda found: screen.paint(found.group(), "31"), text)


# ---------------------------------------------------------------- slices of more than two dims

def _slices(tensor, screen: Screen, look: Look, names: tuple | None, lines_of: Callable) -> list[str]:
    """The matrices along the leading dims, each under its place."""
    shape = tuple(tensor.shape)
    if len(shape) == 1:
        return _vector_lines(tensor, screen, look)
    lead = shape[:-2]
    budget = look.rows if look.rows is not None else 10**9
    per_slice = min(shape[-2], max(4, budget // 2)) + 2
    fit = max(1, budget // per_slice)
    places = list(_leading(lead, fit))
    lines = [_axes(shape, names)] if lead or names else []
    total = 1
    for size in lead:
        total *= size
    for number, place in enumerate(places):
        if number and number == (len(places) + 1) // 2 and len(places) < total:
            lines.append("…")
        if lead:
            lines.append(f"[{', '.join(map(str, place))}, :, :]")
        rows = max(4, budget // len(places) - 2)
        lines += lines_of(tensor[place] if lead else tensor, screen, look, rows)
    if len(places) < total:
        lines.append(f"({len(places)} of {total} matrices)")
    return lines


def _axes(shape: tuple, names: tuple | None) -> str:
    labels = [f"{name}={size}" if name else str(size) for name, size in
              zip(names or (None,) * len(shape), shape, strict=True)]
    return f"[{', '.join(labels)}]: dim {len(shape) - 2} down, dim {len(shape) - 1} across"


def _leading(lead: tuple, fit: int):
    """The first and the last places of the leading dims."""
    total = 1
    for size in lead:
        total *= size
    if total <= fit:
        yield from product(*map(range, lead))
        return
    head, tail = (fit + 1) // 2, fit // 2
    for flat in (*range(head), *range(total - tail, total)):
        place = []
        for size in reversed(lead):
            flat, at = divmod(flat, size)
            place.append(at)
        yield tuple(reversed(place))


# ---------------------------------------------------------------- one matrix or vector

def _ends(n: int, room: int) -> list[int | None]:
    """The indices shown of n: all, or the first and last with None for the gap."""
    if n <= room:
        return list(range(n))
    head = max(1, room // 2)
    tail = max(1, room - head - 1)
    return [*range(head), None, *range(n - tail, n)]


def _matrix_lines(matrix, screen: Screen, look: Look, rows: int) -> list[str]:
    count, wide = matrix.shape
    down = _ends(count, rows)
    margin = max(len(str(count - 1)), 1) + 1
    room = max(2, (screen.width - margin) // 2)
    across = _ends(wide, room)
    while True:
        shown = _part(matrix, [i for i in down if i is not None], [j for j in across if j is not None])
        cells = written(shown, look.fmt)
        width = max(max(map(len, cells)), len(str(wide - 1)))
        room = max(2, (screen.width - margin) // (width + 1))
        if sum(2 if j is None else width + 1 for j in across) + margin <= screen.width or len(across) <= 3:
            break
        across = _ends(wide, min(room, len(across) - 1))
    colors = _colors(shown, look.shade, screen)
    head = " " * margin + "".join(" …" if j is None else f" {j:>{width}}" for j in across)
    lines, at = [screen.paint(head.rstrip(), "2")], 0
    for i in down:
        if i is None:
            lines.append("…".rjust(margin - 1))
            continue
        line = screen.paint(f"{i:>{margin - 1}} ", "2")
        for j in across:
            if j is None:
                line += " …"
            else:
                line += " " + screen.paint(cells[at].rjust(width), colors[at])
                at += 1
        lines.append(line)
    return lines


def _vector_lines(vector, screen: Screen, look: Look) -> list[str]:
    """Lines of values, each with the index of its first."""
    n = vector.shape[0]
    margin = len(str(n - 1)) + 3
    sample = written(_part(vector, _known(_ends(n, 64))), look.fmt)
    width = max(map(len, sample))
    per_line = max(1, (screen.width - margin) // (width + 1))
    lines = -(-n // per_line)
    starts = _ends(lines, (look.rows or lines))
    index = [i for line in _known(starts) for i in range(line * per_line, min(n, (line + 1) * per_line))]
    shown = _part(vector, index)
    cells, colors = written(shown, look.fmt), _colors(shown, look.shade, screen)
    width = max(map(len, cells))
    out, at = [], 0
    for line in starts:
        if line is None:
            out.append("…")
            continue
        size = min(n, (line + 1) * per_line) - line * per_line
        row = " ".join(screen.paint(cells[k].rjust(width), colors[k]) for k in range(at, at + size))
        out.append(screen.paint(f"[{line * per_line:>{margin - 3}}]", "2") + " " + row)
        at += size
    return out


def _map_lines(matrix, screen: Screen, look: Look, rows: int) -> list[str]:
    from .maps import booleans

    count, wide = matrix.shape
    down, across = _ends(count, rows), _ends(wide, screen.width - len(str(count)) - 6)
    shown, gap = _part(matrix, _known(down), _known(across)), across.index(None) if None in across else wide
    halves = zip(booleans(shown[:, :gap], screen), booleans(shown[:, gap:], screen), strict=True)
    margin, between = len(str(count - 1)), " … " if gap < wide else ""
    out = ["…".rjust(margin) if i is None else
           f"{screen.paint(f'{i:>{margin}}', '2')} {between.join(next(halves))}" for i in down]
    return [*out, f"{'':>{margin}} columns {_said(across)}"] if between else out


def _said(across: list) -> str:
    gap = across.index(None)
    return f"0-{across[gap - 1]} and {across[gap + 1]}-{across[-1]}"


def _known(indices: list) -> list[int]:
    return [i for i in indices if i is not None]


def _part(tensor, *indices: list[int]):
    """The elements at the crossings, as a NumPy array; only they leave the device."""
    from .tensor import host_values

    part = tensor.detach()
    for dim, index in enumerate(indices):
        if len(index) < part.shape[dim]:
            part = part[(slice(None),) * dim + (index,)]
    return host_values(part)


# ---------------------------------------------------------------- cells

def written(values, fmt: str) -> list[str]:
    """The elements as texts, in row-major order, aligned on the right."""
    from ..engine.format import cells

    if fmt == "short" or values.dtype.kind == "b":
        return cells(values)[0]
    found = [_WRITERS[fmt](each, values.dtype) for each in values.ravel().tolist()]
    width = max(map(len, found), default=0)
    return [each.rjust(width) for each in found]


def _long(value, dtype) -> str:
    if isinstance(value, complex):
        return f"{_long(value.real, dtype)}{'+' if value.imag >= 0 else ''}{_long(value.imag, dtype)}j"
    return str(value) if isinstance(value, int) else f"{value:.{17 if dtype.itemsize > 4 else 9}g}"


def _general(value, dtype) -> str:
    return f"{value:.6g}"


def _engineering(value, dtype) -> str:
    """An exponent that is a multiple of three."""
    import math

    if isinstance(value, complex) or value == 0 or value - value != 0:
        return f"{value:.6g}"
    exponent = math.floor(math.log10(abs(value)) / 3) * 3
    return f"{value / 10 ** exponent:.4g}" + (f"e{exponent:+d}" if exponent else "")


def _hex(value, dtype) -> str:
    if isinstance(value, complex):
        return f"{value.real.hex()} {value.imag.hex()}j"
    return hex(value) if isinstance(value, int) else value.hex()


def _sign(value, dtype) -> str:
    if isinstance(value, complex):
        return "z" if value else "0"
    return "?" if value != value else "+" if value > 0 else "-" if value < 0 else "0"


_WRITERS = {"long": _long, "g": _general, "eng": _engineering, "hex": _hex, "sign": _sign}


def _colors(values, shade: str, screen: Screen) -> list[str]:
    """The colour of each cell: red for what is not finite, else by sign or magnitude."""
    import numpy

    flat = values.ravel()
    if screen.color == "none":
        return [""] * len(flat)
    bad = ~numpy.isfinite(flat)
    if not shade or flat.dtype.kind in "bc":
        return ["31" if each else "" for each in bad.tolist()]
    if shade == "sign":
        signs = numpy.sign(numpy.nan_to_num(flat.astype("float64")))
        codes = [{-1.0: "34", 1.0: "33"}.get(each, "2") for each in signs.tolist()]
    else:
        size = numpy.abs(numpy.nan_to_num(flat.astype("float64"), posinf=0, neginf=0))
        steps = (size / (size.max() or 1) * 3).astype(int).clip(0, 2)
        codes = [("2", "", "1")[each] for each in steps.tolist()]
    return ["31" if broken else code for broken, code in zip(bad.tolist(), codes, strict=True)]
