"""The text of a tensor, to the character PyTorch's `repr`.

In: a NumPy array (any strides), the dtype, and what the suffix says: device, gradient, meta. Out: a str.
One number format is chosen for all elements shown; above `threshold` elements only the edges are looked
at, so that the price does not grow with the tensor. Numbers are right-aligned to the widest, rows are
wrapped at `linewidth`. Nothing here knows tensors or terminals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ArgumentError
from . import dtypes
from .dtypes import dtype as DType


class PrintOptions:
    """What `torch.set_printoptions` sets; `sci_mode` None leaves the choice to the values."""

    __slots__ = ("edgeitems", "linewidth", "precision", "sci_mode", "threshold")

    def __init__(self):
        self.precision, self.threshold, self.edgeitems, self.linewidth = _PROFILES["default"]
        self.sci_mode: bool | None = None


# precision, threshold, edgeitems, linewidth
_PROFILES = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}
options = PrintOptions()


def set_printoptions(precision: int | None = None, threshold: float | None = None,
                     edgeitems: int | None = None, linewidth: int | None = None,
                     profile: str | None = None, sci_mode: bool | None = None) -> None:
    """Sets what is given, after a `profile` (default, short, full); `sci_mode` is always set."""
    if profile in _PROFILES:
        options.precision, options.threshold, options.edgeitems, options.linewidth = _PROFILES[profile]
    for name, value in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems),
                        ("linewidth", linewidth)):
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


def get_printoptions() -> dict:
    return {name: getattr(options, name)
            for name in ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")}


@contextmanager
def printoptions(**changes) -> Iterator[None]:
    """`set_printoptions` for a while."""
    before = get_printoptions()
    set_printoptions(**changes)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_text(array: Any, *, dtype: DType | None = None, device="cpu",
                requires_grad: bool = False, grad_fn_name: str | None = None, prefix: str = "tensor(",
                is_meta: bool = False, shape: tuple[int, ...] | None = None,
                default_dtype: DType | None = None) -> str:
    """`repr(tensor)` of an array, or of a `shape` where `is_meta`; `grad_fn_name`: "MulBackward0"."""
    dtype = dtypes.of_numpy(array.dtype) if dtype is None else dtype
    shape = array.shape if shape is None else tuple(shape)
    suffixes = _suffixes(shape, dtype, str(device), is_meta, default_dtype or dtypes.get_default_dtype())
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    body = "..." if is_meta else array_text(array, len(prefix))
    return _with_suffixes(prefix + body, suffixes, len(prefix))


def parameter_text(array: Any, **keywords) -> str:
    """`repr` of an `nn.Parameter`."""
    return "Parameter containing:\n" + tensor_text(array, **keywords)


def _suffixes(shape: tuple[int, ...], dtype: DType, device: str, is_meta: bool, default: DType) -> list[str]:
    """What the numbers alone do not tell: a type that they do not imply, the size where none are shown."""
    found = [] if device == "cpu" else [f"device='{device}'"]
    empty = 0 in shape
    if is_meta or (empty and len(shape) != 1) or (not empty and not options.edgeitems):
        found.append(f"size={shape}")
    implied = [default]
    if not is_meta and not empty:
        complex_default = dtypes.complex128 if default is dtypes.float64 else dtypes.complex64
        implied += [complex_default, dtypes.int64, dtypes.bool_]
    if dtype not in implied:
        found.append(f"dtype={dtype!r}")
    return found


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    # PyTorch counts two columns more than the line has; kept, it decides where a suffix wraps.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"


def array_text(array: np.ndarray, indent: int = 0) -> str:
    """The bracketed numbers; `indent` is the column at which the text will start."""
    if not array.size:
        return "[]"
    summarize = array.size > options.threshold
    if summarize and not options.edgeitems:
        return "[...]" if array.ndim else cells(array)[0][0]
    shown, gaps = _edges(array) if summarize else (array, (False,) * array.ndim)
    texts, width = cells(shown)
    if not array.ndim:
        return texts[0]
    per_line = max(1, (options.linewidth - indent - array.ndim + 1) // (width + 2))
    return _rows(texts, shown.shape, gaps, indent, per_line)


def _edges(array: np.ndarray) -> tuple[np.ndarray, tuple[bool, ...]]:
    """The first and last `edgeitems` of each long dim, and which dims lost their middle."""
    edge = options.edgeitems
    gaps = tuple(n > 2 * edge for n in array.shape)
    kept = [[*range(edge), *range(n - edge, n)] if gap else range(n)
            for n, gap in zip(array.shape, gaps, strict=True)]
    return array[np.ix_(*kept)], gaps


def _rows(cells: list[str], shape: tuple[int, ...], gaps: tuple[bool, ...], indent: int,
          per_line: int) -> str:
    """Brackets around the cells, which are in row-major order; one blank line more for each outer dim."""
    if len(shape) == 1:
        items = cells if not gaps[0] else [*cells[:len(cells) // 2], " ...", *cells[len(cells) // 2:]]
        if len(items) <= per_line:
            return "[" + ", ".join(items) + "]"
        lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    step = len(cells) // shape[0]
    items = [_rows(cells[i * step:(i + 1) * step], shape[1:], gaps[1:], indent + 1, per_line)
             for i in range(shape[0])]
    if gaps[0]:
        items.insert(len(items) // 2, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(items) + "]"


# Cells.

def cells(array: np.ndarray) -> tuple[list[str], int]:
    """The elements as strings in row-major order, and the width they are aligned to."""
    kind = array.dtype.kind
    if kind == "b":
        width = 5 if not array.all() else 4
        return [str(x).rjust(width) for x in array.ravel().tolist()], width
    if kind in "iu":
        width = max(len(str(array.max())), len(str(array.min())))
        return list(map(f"%{width}d".__mod__, array.ravel().tolist())), width
    if kind == "c":
        return _complex_cells(array.ravel())
    return _float_cells(array.ravel().astype(np.float64))


def _complex_cells(values: np.ndarray) -> tuple[list[str], int]:
    reals, width = _float_cells(values.real.astype(np.float64))
    imaginaries, imaginary_width = _float_cells(values.imag.astype(np.float64))
    cells = []
    for real, imaginary in zip(reals, imaginaries, strict=True):
        imaginary = imaginary.lstrip()
        cells.append(real + ("" if imaginary[0] == "-" else "+") + imaginary + "j")
    return cells, width + imaginary_width + 1


def _float_cells(values: np.ndarray) -> tuple[list[str], int]:
    """Whole numbers as `3.`, others with `precision` digits, either in scientific form if far apart.

    Zeros, infinities and NaN have no say in the form nor in the width.
    """
    finite = np.isfinite(values)
    telling = values[finite & (values != 0.0)]
    numbers = values.tolist()
    if not telling.size:
        return [_whole(x, 1) for x in numbers], 1
    sizes = np.abs(telling)
    smallest, largest = sizes.min(), sizes.max()
    scientific = options.sci_mode
    if scientific is None:
        with np.errstate(over="ignore"):
            scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
    if not scientific and not (telling != np.ceil(telling)).any():
        width = max(len(_whole(x, 1)) for x in _widest(telling, sizes))
        if finite.all():
            return list(map(f"%{width - 1}.0f.".__mod__, numbers)), width
        return [_whole(x, width) for x in numbers], width
    form = f".{options.precision}{'e' if scientific else 'f'}"
    width = max(len(f"%{form}" % x) for x in _widest(telling, sizes))
    return list(map(f"%{width}{form}".__mod__, numbers)), width


def _widest(telling: np.ndarray, sizes: np.ndarray) -> list[float]:
    """The few elements one of which has the longest text: the ends of each sign."""
    found = []
    for side in (sizes[telling > 0], -sizes[telling < 0]):
        if side.size:
            found += [float(side.min()), float(side.max())]
    return found


def _whole(x: float, width: int) -> str:
    return (f"{x:.0f}." if math.isfinite(x) else f"{x:.0f}").rjust(width)


# Single values.

def item_text(array: np.ndarray) -> str:
    """`repr(tensor.item())` of an array with one element."""
    return repr(item(array))


def item(array: np.ndarray) -> bool | int | float | complex:
    """The one element as a Python number."""
    if array.dtype.kind not in "biufc":  # bfloat16 and float8
        array = array.astype(np.float64)
    return array.item()


def format_value(array: np.ndarray, spec: str, text: str | None = None) -> str:
    """`format(tensor, spec)`: of a 0-d tensor that of its number, else only the empty spec is known."""
    if array.ndim == 0:
        return format(item(array), spec)
    if spec:
        raise ArgumentError("unsupported format string passed to Tensor.__format__")
    return tensor_text(array) if text is None else text
