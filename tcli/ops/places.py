"""Reading, writing and adding by index through positions in flattened memory.

NumPy's indexing by several arrays, `take_along_axis` and `ufunc.at` of more than one dim are several
times slower than the same with one flat index; here indices become flat in blocks. Everything takes
NumPy arrays whose indices were checked. Additions to one place happen in the order of the index, in the
dtype of the array, as in PyTorch. No op is declared here.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .. import native
from ..engine.memory import pool
from .blocks import LARGE, in_order, over_rows, reduced, several_threads
from .index_sums import add_at, add_slices, add_to_lines

FLATTEN_FROM = 1 << 12  # elements of an index
PLACES = 1 << 17  # elements of an index that is made flat at once
READ_LINE, WRITTEN_LINE = 1 << 14, 1 << 8  # elements of an index along the last dim that are worth a call
_PLACE = np.dtype(np.int64)
HOW = {np.add: "+", np.multiply: "*", np.maximum: ">", np.minimum: "<"}
_WORSE = {np.maximum: np.less_equal, np.minimum: np.greater_equal}  # false for nan


def in_range(index, size: int) -> bool:
    """Whether all of an integer index that is not empty lies in 0..size - 1."""
    if native.all_within(index, 0, size):
        return True
    if index.dtype == np.int64 and index.flags.c_contiguous:
        # One pass: negative numbers are the largest there.
        return bool(reduced(np.maximum, index.reshape(-1).view(np.uint64), None) < size)
    return bool(index.min() >= 0 and index.max() < size)


# ---------------------------------------------------------------- along one dim

def _steps(shape: tuple) -> list[int]:
    return [prod(shape[i + 1:]) for i in range(len(shape))]


def _elsewhere(shape: tuple, index_shape: tuple, dim: int) -> np.ndarray:
    """How far into memory of `shape` every element of an index along `dim` stands by its place in the other dims."""
    lead = np.zeros((1,) * len(shape), np.int64)
    for d, (step, n) in enumerate(zip(_steps(shape), index_shape, strict=True)):
        if d != dim:
            grid = np.arange(n, dtype=np.int64)
            grid *= step
            lead = lead + grid.reshape([-1 if i == d else 1 for i in range(len(shape))])
    return lead


def _scratch(n: int) -> np.ndarray:
    """Memory of this thread for n places: fresh memory costs more than the places."""
    from ..engine.blocks import scratch

    return scratch(_PLACE, n, -1)


def _in_lines(index: np.ndarray, shape: tuple, dim: int) -> bool:
    """Whether each line of the index goes with a line of the last dim."""
    return index.ndim > 1 and dim % len(shape) == len(shape) - 1 and index.shape[:-1] == shape[:-1]


def _over_places(index: np.ndarray, shape: tuple, dim: int, fn, several: bool = True) -> None:
    """`fn(start, stop, places)` for blocks of rows of the index, on several threads or in order.

    The places are flat ones in a contiguous array of `shape`; they lie in memory of this thread until the next block.
    """
    dim %= len(shape)
    step, lead = _steps(shape)[dim], _elsewhere(shape, index.shape, dim)

    def rows(start: int, stop: int) -> None:
        part = index[start:stop]
        places = _scratch(part.size).reshape(part.shape)
        if step == 1:
            np.add(part, lead[start:stop] if dim else lead, out=places)
        else:
            np.multiply(part, step, out=places)
            places += lead[start:stop] if dim else lead
        fn(start, stop, places)

    def as_it_is(start: int, stop: int) -> None:
        fn(start, stop, index[start:stop])
    (over_rows if several else in_order)(index.shape[0], prod(index.shape[1:]), as_it_is if len(shape) == 1 else rows, PLACES)


def _over_lines(fn, *arrays: np.ndarray) -> None:
    """`fn(line of each array)` for all lines of the last dim."""
    lines = [a.reshape(-1, a.shape[-1]) for a in arrays]

    def some(start: int, stop: int) -> None:
        for each in zip(*[a[start:stop] for a in lines], strict=True):
            fn(*each)
    over_rows(len(lines[0]), arrays[1].shape[-1], some)


def quickly_taken(x: np.ndarray, index: np.ndarray, dim: int) -> np.ndarray | None:
    """The elements of x that an index that was not checked names along `dim`; None where it has to be."""
    out = pool.empty(index.shape, x.dtype)
    return out if native.take_along(x, index, dim, out) else None


def quickly_placed(how: str, out: np.ndarray, index: np.ndarray, dim: int, values) -> bool:
    """Writes (=) or combines (+ * > <) values by an index that was not checked; False where it has to be.

    `out` is spoiled where an index is out of range.
    """
    if not isinstance(values, np.ndarray):
        values = np.broadcast_to(np.asarray(values, out.dtype), index.shape)
    return native.place_along(how, out, index, dim, values)


def take_along(x: np.ndarray, index: np.ndarray, dim: int) -> np.ndarray:
    """The elements of x that `index` names along `dim`."""
    out = pool.empty(index.shape, x.dtype)
    if native.take_along(x, index, dim % x.ndim, out):
        return out
    if index.shape[-1] >= READ_LINE and _in_lines(index, x.shape, dim):
        _over_lines(lambda line, picks, found: line.take(picks, None, found, "wrap"), x, index, out)
        return out
    flat = np.ascontiguousarray(x).reshape(-1)
    # The index was checked; the mode "raise" would copy the output.
    _over_places(index, x.shape, dim, lambda start, stop, places: flat.take(places, None, out[start:stop], "wrap"))
    return out


def write_along(out: np.ndarray, index: np.ndarray, dim: int, values) -> None:
    """Writes values (an array of the shape of the index, or a number) into a contiguous `out`; the last one stays."""
    if quickly_placed("=", out, index, dim % out.ndim, values):
        return
    flat, one = out.reshape(-1), not isinstance(values, np.ndarray)
    # Writing line by line saves making the index flat, and keeps the interpreter lock.
    enough = READ_LINE if several_threads() and index.size >= LARGE else WRITTEN_LINE
    if not one and index.shape[-1] >= enough and _in_lines(index, out.shape, dim):
        _over_lines(lambda line, picks, new: line.__setitem__(picks, new), out, index, values)
        return

    def write(start: int, stop: int, places: np.ndarray) -> None:
        flat[places.reshape(-1)] = values if one else values[start:stop].reshape(-1)
    # Rows of their own cannot meet, except along the first dim.
    _over_places(index, out.shape, dim, write, several=dim % out.ndim != 0)


def combine_along(ufunc: np.ufunc, out: np.ndarray, index: np.ndarray, dim: int, values: np.ndarray) -> None:
    """Combines values into a contiguous `out` by a binary ufunc: np.add adds them up where the index repeats."""
    if not index.size or quickly_placed(HOW[ufunc], out, index, dim % out.ndim, values):
        return
    if ufunc is np.add and _in_lines(index, out.shape, dim) and add_to_lines(
            *(a.reshape(-1, a.shape[-1]) for a in (out, _lines_of(index), values))):
        return
    flat = out.reshape(-1)

    def combine(start: int, stop: int, places: np.ndarray) -> None:
        combine_at(ufunc, flat, places.reshape(-1), values[start:stop].reshape(-1))
    _over_places(index, out.shape, dim, combine, several=dim % out.ndim != 0)


def _lines_of(index: np.ndarray) -> np.ndarray:
    """A broadcast index of several dims as one of two, without a copy."""
    if any(index.strides[:-1]):
        return index
    return np.broadcast_to(index[(0,) * (index.ndim - 1)], (prod(index.shape[:-1]), index.shape[-1]))


def combine_at(ufunc: np.ufunc, out: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
    """`ufunc.at(out, places, values)` of one dim."""
    if ufunc is np.add:
        add_at(out, places, values)
    elif ufunc in _WORSE and out.dtype.kind in "fiu":
        better = np.flatnonzero(~_WORSE[ufunc](values, out.take(places, None, None, "wrap")))
        ufunc.at(out, places[better], values[better])
    else:
        ufunc.at(out, places, values)


# ---------------------------------------------------------------- by several index arrays

def flattened(index: tuple, shape: tuple) -> tuple[np.ndarray, int] | None:
    """(flat index, dims it takes up) of index arrays for the first dims, or None: a mask, or integers of one shape."""
    if len(index) == 1 and getattr(index[0], "dtype", None) == np.bool_:
        return np.flatnonzero(index[0]), index[0].ndim
    if len(index) > len(shape) or any(not isinstance(i, np.ndarray) or i.dtype.kind != "i" for i in index):
        return None
    if len(index) == 1 and native.all_within(index[0], 0, shape[0]):
        return index[0], 1
    if len({i.shape for i in index}) == 1:
        flat = np.empty(index[0].shape, np.int64)
        if native.flat_places(index, shape, flat):
            return flat, len(index)
    flat = None
    for each, n in zip(index, shape, strict=False):
        if each.size and each.min() < 0:
            each = np.where(each < 0, each + n, each)
        flat = each if flat is None else flat * n + each
    return flat, len(index)


def take_rows(x: np.ndarray, index: np.ndarray, dims: int) -> np.ndarray:
    """The elements or slices of a contiguous x at a flat index of its first `dims` dims."""
    rest = x.shape[dims:]
    out = pool.empty(index.shape + rest, x.dtype)
    if not out.size:
        return out
    source, per_row, rows = x.reshape(-1, *rest), prod(rest), index.reshape(-1)
    target = out.reshape(-1, *rest)
    if native.take_along(*_as_matrices(source, rows, per_row), 0, target.reshape(-1, per_row)):
        return out

    def part(start: int, stop: int) -> None:
        source.take(rows[start:stop], 0, target[start:stop], "wrap")
    over_rows(len(rows), per_row, part)
    return out


def _as_matrices(rows: np.ndarray, index: np.ndarray, per_row: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows as a matrix, and with it an index of rows for every element."""
    shape = len(index), per_row
    if not index.flags.c_contiguous or not index.size:
        return rows.reshape(-1, per_row), np.broadcast_to(index[:, None], shape)
    return rows.reshape(-1, per_row), np.ndarray(shape, index.dtype, index, 0, (index.itemsize, 0))  # a tenth of its cost


def write_rows(out: np.ndarray, index: tuple, values: np.ndarray) -> bool:
    """`out[index] = values` for index arrays of the first dims of a contiguous array; False where nothing was done."""
    found = flattened(index, out.shape) if out.flags.c_contiguous and out.size else None
    if found is None:
        return False
    rows, dims = found
    rest = out.shape[dims:]
    if values.size == 1:
        values = np.broadcast_to(values.reshape(1, 1), (rows.size, prod(rest)))
    elif values.shape == rows.shape + rest:
        values = values.reshape(-1, prod(rest))
    else:
        return False
    return native.place_along("=", *_as_matrices(out, rows.reshape(-1), prod(rest)), 0, values)


def add_rows(out: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Adds values[i] (elements or slices) into out[rows[i]] of a contiguous array."""
    rows = rows.reshape(-1)
    if not values.size:
        return
    per_row = prod(out.shape[1:])
    if out.size and native.place_along("+", *_as_matrices(out, rows, per_row), 0, values.reshape(-1, per_row)):
        return
    if per_row == 1:
        add_at(out.reshape(-1), rows, values.reshape(-1))
        return
    values = values.reshape(len(rows), per_row)
    if add_slices(out.reshape(len(out), per_row), rows, values):
        return
    flat = out.reshape(-1)

    def part(start: int, stop: int) -> None:
        places = rows[start:stop, None] * np.int64(per_row) + np.arange(per_row)
        np.add.at(flat, places.reshape(-1), values[start:stop].reshape(-1))
    in_order(len(rows), per_row, part)
