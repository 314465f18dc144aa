"""Reading, writing and adding by index through positions in flattened memory.

NumPy's indexing by several arrays, `take_along_axis` and `ufunc.at` of more than one dim are several
times slower than the same with one flat index; here indices become flat in blocks. Everything takes
NumPy arrays whose indices were checked. Additions to one place happen in the order of the index, in the
dtype of the array, as in PyTorch. No op is declared here.
"""

from __future__ import annotations

from math import prod

import numpy as np

from .blocks import in_order, over_rows

FLATTEN_FROM = 1 << 12  # elements of an index
LINE = 256  # elements of an index along the last dim that are worth a call
SPARSE_FROM = 1 << 18  # elements added by rows from which a sparse product is faster, its import included


def in_range(index, size: int) -> bool:
    """Whether all of an integer index that is not empty lies in 0..size - 1."""
    if index.dtype == np.int64 and index.flags.c_contiguous:
        return bool(index.view(np.uint64).max() < size)  # one pass: negative numbers are the largest there
    return bool(index.min() >= 0 and index.max() < size)


# ---------------------------------------------------------------- along one dim

def _steps(shape: tuple) -> list[int]:
    return [prod(shape[i + 1:]) for i in range(len(shape))]


def places_along(index: np.ndarray, shape: tuple, dim: int, first: int = 0) -> np.ndarray:
    """Flat places in a contiguous array of `shape` of `index` along `dim`; row 0 of the index stands at row `first`."""
    steps, dim = _steps(shape), dim % len(shape)
    lead: np.ndarray | int = 0
    for d, n in enumerate(index.shape):
        if d != dim:
            start = first if d == 0 else 0
            grid = np.arange(start, start + n, dtype=np.int64)
            grid *= steps[d]
            lead = lead + grid.reshape([-1 if i == d else 1 for i in range(index.ndim)])
    scaled = index if steps[dim] == 1 else index * np.int64(steps[dim])
    return np.add(scaled, lead, dtype=np.int64)


def _by_lines(index: np.ndarray, shape: tuple, dim: int) -> bool:
    """Whether each line of the index goes with a line of the last dim, long enough for a call of its own."""
    return index.ndim > 1 and dim % len(shape) == len(shape) - 1 and index.shape[:-1] == shape[:-1] and (
        index.shape[-1] >= LINE)


def _over_lines(fn, *arrays: np.ndarray) -> None:
    """`fn(line of each array)` for all lines of the last dim."""
    lines = [a.reshape(-1, a.shape[-1]) for a in arrays]

    def some(start: int, stop: int) -> None:
        for each in zip(*[a[start:stop] for a in lines], strict=True):
            fn(*each)
    over_rows(len(lines[0]), arrays[1].shape[-1], some)


def take_along(x: np.ndarray, index: np.ndarray, dim: int) -> np.ndarray:
    """The elements of x that `index` names along `dim`."""
    out = np.empty(index.shape, x.dtype)
    if _by_lines(index, x.shape, dim):
        _over_lines(lambda line, picks, found: line.take(picks, None, found, "wrap"), x, index, out)
        return out
    flat = np.ascontiguousarray(x).reshape(-1)

    def rows(start: int, stop: int) -> None:
        places = index[start:stop] if x.ndim == 1 else places_along(index[start:stop], x.shape, dim, start)
        flat.take(places, out=out[start:stop], mode="wrap")  # the index was checked; "raise" would copy the output
    over_rows(index.shape[0], prod(index.shape[1:]), rows)
    return out


def write_along(out: np.ndarray, index: np.ndarray, dim: int, values) -> None:
    """Writes values (an array of the shape of the index, or a number) into a contiguous `out`; the last one stays."""
    one = not isinstance(values, np.ndarray)
    if not one and _by_lines(index, out.shape, dim):
        _over_lines(lambda line, picks, new: line.__setitem__(picks, new), out, index, values)
        return
    flat = out.reshape(-1)

    def rows(start: int, stop: int) -> None:
        flat[places_along(index[start:stop], out.shape, dim, start)] = values if one else values[start:stop]
    (in_order if dim % out.ndim == 0 else over_rows)(index.shape[0], prod(index.shape[1:]), rows)


def combine_along(ufunc: np.ufunc, out: np.ndarray, index: np.ndarray, dim: int, values: np.ndarray) -> None:
    """Combines values into a contiguous `out` by a binary ufunc: np.add adds them up where the index repeats."""
    if out.ndim == 1:
        if ufunc is np.add:
            add_rows(out, index, values)
        else:
            ufunc.at(out, index, values)
        return
    if ufunc is np.add and _as_lines(out, index, dim):
        out += _sums_of_lines(values, index, out.shape)
        return
    flat = out.reshape(-1)

    def rows(start: int, stop: int) -> None:
        places = places_along(index[start:stop], out.shape, dim, start)
        ufunc.at(flat, places.reshape(-1), values[start:stop].reshape(-1))
    # Rows of their own cannot meet, except along the first dim.
    (in_order if dim % out.ndim == 0 else over_rows)(index.shape[0], prod(index.shape[1:]), rows)


def _as_lines(out: np.ndarray, index: np.ndarray, dim: int) -> bool:
    """Whether a large index adds to lines of the last dim, each to its own."""
    return (index.size >= SPARSE_FROM and dim % out.ndim == out.ndim - 1 and index.shape[:-1] == out.shape[:-1]
            and out.size <= 2 * index.size and out.dtype.kind == "f")


def _sums_of_lines(values: np.ndarray, index: np.ndarray, shape: tuple) -> np.ndarray:
    """Each line of values added up by its line of the index: what a sparse matrix with repeated entries means."""
    from scipy.sparse import csr_array

    n, length = prod(index.shape[:-1]), index.shape[-1]
    lines = csr_array((n, shape[-1]), dtype=values.dtype)
    lines.data = np.ascontiguousarray(values).reshape(-1)
    lines.indices = np.ascontiguousarray(index, np.int64).reshape(-1)
    lines.indptr = np.arange(0, n * length + 1, length)
    return lines.toarray().reshape(shape)


# ---------------------------------------------------------------- by several index arrays

def flattened(index: tuple, shape: tuple) -> tuple[np.ndarray, int] | None:
    """(flat index, dims it takes up) of index arrays for the first dims, or None: a mask, or integers of one shape."""
    if len(index) == 1 and getattr(index[0], "dtype", None) == np.bool_:
        return np.flatnonzero(index[0]), index[0].ndim
    if len(index) > len(shape) or any(not isinstance(i, np.ndarray) or i.dtype.kind != "i" for i in index):
        return None
    flat = None
    for each, n in zip(index, shape, strict=False):
        if each.size and each.min() < 0:
            each = np.where(each < 0, each + n, each)
        flat = each if flat is None else flat * n + each
    return flat, len(index)


def take_rows(x: np.ndarray, index: np.ndarray, dims: int) -> np.ndarray:
    """The elements or slices of a contiguous x at a flat index of its first `dims` dims."""
    rest = x.shape[dims:]
    out = np.empty(index.shape + rest, x.dtype)
    source, per_row, rows = x.reshape(-1, *rest), prod(rest), index.reshape(-1)
    target = out.reshape(-1, *rest)

    def part(start: int, stop: int) -> None:
        source.take(rows[start:stop], 0, target[start:stop], "wrap")
    if out.size:
        over_rows(len(rows), per_row, part)
    return out


def add_rows(out: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Adds values[i] (elements or slices) into out[rows[i]] of a contiguous array."""
    rows = rows.reshape(-1)
    if not values.size:
        return
    per_row = prod(out.shape[1:])
    if values.size >= SPARSE_FROM and out.size <= values.size and out.dtype.kind in "fc":
        out += _sums(np.ascontiguousarray(values).reshape(len(rows), per_row), rows, len(out)).reshape(out.shape)
    elif per_row == 1:
        np.add.at(out.reshape(-1), rows, values.reshape(-1))
    else:
        flat, values = out.reshape(-1), values.reshape(len(rows), per_row)

        def part(start: int, stop: int) -> None:
            places = rows[start:stop, None] * np.int64(per_row) + np.arange(per_row)
            np.add.at(flat, places.reshape(-1), values[start:stop].reshape(-1))
        in_order(len(rows), per_row, part)


def _sums(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """(n, d) with values[i] added up at rows[i], through the product of a sparse matrix."""
    from scipy.sparse import csc_array

    if values.shape[1] == 1:  # all in one column, times one
        picks = csc_array((n, 1), dtype=values.dtype)
        picks.data, picks.indices, picks.indptr = values.reshape(-1), rows, np.array([0, len(rows)])
        return np.asarray(picks @ np.ones(1, values.dtype))
    picks = csc_array((n, len(rows)), dtype=values.dtype)
    picks.data, picks.indices, picks.indptr = np.ones(len(rows), values.dtype), rows, np.arange(len(rows) + 1)
    return np.asarray(picks @ values)
