"""Large arrays in blocks of rows that stay in cache, shared by the threads of the pool.

Blocks follow from the shape alone, so that results do not depend on the number of threads. No op is
declared here.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from .. import native
from ..engine import halves
from ..engine.memory import pool
from ..engine.sums import SMALL, at_once, block_dot, block_sum, column_best, line_best, line_sums, small_sum

BLOCK = 1 << 17  # elements
LONG = 1 << 19  # elements of a block that is read once
LARGE = 1 << 18  # elements from which a second thread pays
COPIED = 1 << 12  # elements from which a copy goes by the compiled kernel
COLUMNS = 256  # the fewest columns that rows are cut into
THIN = 32  # the width of strips of matrices that fit the cache
STRIP = 256  # the length of the strips in which transposed arrays are copied


def parallel(count: int, fn: Callable[[int], object]) -> None:
    """`engine.threads.parallel`, loaded when it is first needed."""
    from ..engine import threads

    threads.parallel(count, fn)


def several_threads() -> bool:
    """Whether blocks may run beside each other."""
    from ..engine import threads

    return threads.get_num_threads() > 1


def over_rows(n: int, per_row: int, fn: Callable[[int, int], object], block: int = BLOCK, worth: int = LARGE) -> None:
    """Calls `fn(start, stop)` for the blocks of `n` rows of `per_row` elements each, in any order.

    Threads share blocks of arrays of `worth` elements and more: to wake one takes as long as a pass over 2 ** 18 elements.
    """
    step = max(1, block // max(per_row, 1))
    count = -(-n // step)

    def one(i: int) -> None:
        fn(i * step, min(n, (i + 1) * step))
    if count > 1 and n * per_row >= worth:
        parallel(count, one)
    else:
        for i in range(count):
            one(i)


def in_order(n: int, per_row: int, fn: Callable[[int, int], object], block: int = BLOCK) -> None:
    """The same in the order of the rows, in one thread: for blocks that write to the same places."""
    step = max(1, block // max(per_row, 1))
    for start in range(0, n, step):
        fn(start, min(n, start + step))


# ---------------------------------------------------------------- one dim of several

def is_large(x) -> bool:
    """Whether an array is worth blocks: large, contiguous, NumPy's own."""
    return type(x) is np.ndarray and x.size >= LARGE and x.flags.c_contiguous and x.dtype.kind in "fiub"


def sides(shape: tuple, dim: int) -> tuple[int, int, int]:
    """(elements before, along and behind `dim`)."""
    return prod(shape[:dim]), shape[dim], prod(shape[dim + 1:])


def slabs(x: np.ndarray, dim: int) -> np.ndarray:
    """A contiguous array seen with `dim` second: (before, n) where it is the last, else (before, n, behind)."""
    before, n, behind = sides(x.shape, dim)
    return x.reshape(before, n) if behind == 1 else x.reshape(before, n, behind)


def over_slabs(shape: tuple, dim: int, fn: Callable[[slice], object]) -> None:
    """Calls `fn(part)` for blocks of `slabs(x, dim)` that hold whole lines along `dim`: slabs(x, dim)[part]."""
    before, n, behind = sides(shape, dim)
    over_rows(before, n * behind, lambda start, stop: fn(slice(start, stop)))


def in_columns(shape: tuple, dim: int) -> bool:
    """Whether lines along `dim` lie across a large piece of memory: no block that stays in cache holds whole lines."""
    before, n, behind = sides(shape, dim)
    return behind > 1 and n * behind > 2 * BLOCK


def is_one_line(shape: tuple, dim: int) -> bool:
    """Whether `dim` is all there is."""
    return prod(shape) == shape[dim]


def row_major_copy(x: np.ndarray, dtype=None) -> np.ndarray:
    """A contiguous copy of an array; a transposed one is copied in strips, in which both sides stay in cache."""
    out = pool.empty(x.shape, np.dtype(dtype or x.dtype))
    if native.copy(out, x) or halves.convert_at_once(x, out):
        return out
    if x.size < LARGE:
        np.copyto(out, x, "unsafe")
    elif x.flags.c_contiguous:
        flat, source = out.reshape(-1), x.reshape(-1)
        over_rows(x.size, 1, lambda start, stop: np.copyto(flat[start:stop], source[start:stop], "unsafe"))
    elif x.ndim > 2 and x.size // len(x) <= BLOCK and abs(x.strides[-1]) > min(map(abs, x.strides)):
        _copy_matrices(out, x)
    elif x.ndim > 1 and abs(x.strides[-1]) > min(map(abs, x.strides)):
        height = x.size // x.shape[-1]
        over_rows(x.shape[-1], height, lambda start, stop: np.copyto(out[..., start:stop], x[..., start:stop], "unsafe"),
                  STRIP * height)
    else:
        over_rows(len(x), x.size // len(x), lambda start, stop: np.copyto(out[start:stop], x[start:stop], "unsafe"))
    return out


def _copy_matrices(out: np.ndarray, x: np.ndarray) -> None:
    """Copies small transposed matrices that lie behind each other, each in strips of a few columns."""
    def some(start: int, stop: int) -> None:
        for i in range(0, x.shape[-1], THIN):
            np.copyto(out[start:stop, ..., i:i + THIN], x[start:stop, ..., i:i + THIN], "unsafe")
    over_rows(len(x), x.size // len(x), some)


def own_copy(xp, x):
    """A contiguous copy, to be written into."""
    return row_major_copy(x) if type(x) is np.ndarray and x.size >= COPIED else xp.array(x, order="C")


def zeros(xp, shape: tuple, dtype):
    """`xp.zeros`, to be written into: large ones in memory that was mapped before."""
    if xp is not np:
        return xp.zeros(shape, dtype)
    out = pool.empty(shape, dtype)
    if out.size < COPIED or not native.clear(out):
        out[...] = 0
    return out


# ---------------------------------------------------------------- reductions

def reduced(ufunc: np.ufunc, x, dim, dtype=None, keepdim: bool = False):
    """`ufunc.reduce` along one dim or all (None), in blocks where the array is large."""
    if type(x) is np.ndarray and x.size > SMALL and dtype in (None, x.dtype):
        span = neighbours(x.ndim, dim)
        found = None if span is None else at_once(ufunc, x, *span, keepdim)
        if found is not None:
            return found
    if not is_large(x) or type(dim) is tuple:
        if ufunc is np.add and dtype is None and type(x) is np.ndarray and type(dim) is not tuple:
            return small_sum(x, dim if dim is None or dim >= 0 else dim + x.ndim, keepdim)
        return ufunc.reduce(x, dim, dtype, None, keepdim)
    if dim is None:
        found = _whole(ufunc, x.reshape(-1), dtype)
        return found.reshape((1,) * x.ndim) if keepdim else found
    dim %= x.ndim
    found = _along(ufunc, x, dim, dtype)
    shape = x.shape[:dim] + (1,) * keepdim + x.shape[dim + 1:]
    return found.reshape(shape)


def neighbours(ndim: int, dim) -> tuple[int, int] | None:
    """The first of the dims in `dim` (one, several, all if None) and the one behind the last; None if some lie between."""
    if dim is None:
        return 0, ndim
    dims = sorted(d % ndim for d in dim) if type(dim) is tuple else [dim % ndim]
    return (dims[0], dims[-1] + 1) if dims and dims[-1] - dims[0] == len(dims) - 1 else None


def _whole(ufunc: np.ufunc, flat: np.ndarray, dtype):
    parts = [None] * -(-flat.size // LONG)
    plain = ufunc is np.add and dtype in (None, flat.dtype)

    def part(start: int, stop: int) -> None:
        parts[start // LONG] = block_sum(flat[start:stop]) if plain else ufunc.reduce(flat[start:stop], 0, dtype)
    over_rows(flat.size, 1, part, LONG)
    return ufunc.reduce(np.asarray(parts))


def _along(ufunc: np.ufunc, x: np.ndarray, dim: int, dtype) -> np.ndarray:
    before, n, behind = sides(x.shape, dim)
    source = slabs(x, dim)
    if behind == 1 and ufunc is np.add and dtype in (None, x.dtype):
        out = np.empty((before, 1), x.dtype)
        over_rows(before, n, lambda start, stop: line_sums(source[start:stop], out[start:stop]), LONG)
        return out[:, 0]
    if behind == 1 and dtype is None:
        out = np.empty(before, _result_dtype(ufunc, x, None))
        over_rows(before, n, lambda start, stop: line_best(ufunc, source[start:stop], out[start:stop]), LONG)
        return out
    if behind == 1 or n * behind <= BLOCK:
        out = np.empty((before, behind) if behind > 1 else before, _result_dtype(ufunc, x, dtype))
        over_rows(before, n * behind, lambda start, stop: ufunc.reduce(source[start:stop], 1, dtype, out[start:stop]))
        return out
    step = max(1, BLOCK // behind)
    parts = np.empty((before, -(-n // step), behind), _result_dtype(ufunc, x, dtype))
    for row, target in zip(source, parts, strict=True):
        def part(start: int, stop: int, row=row, target=target) -> None:
            if dtype is None:
                column_best(ufunc, row[start:stop], target[start // step])
            else:
                ufunc.reduce(row[start:stop], 0, dtype, target[start // step])
        over_rows(n, behind, part)
    return ufunc.reduce(parts, 1)


def _result_dtype(ufunc: np.ufunc, x: np.ndarray, dtype):
    return dtype or ufunc.reduce(x.reshape(-1)[:1]).dtype


def sum_of_products(a: np.ndarray, b: np.ndarray):
    """The sum of a * b of two large arrays that lie in memory alike."""
    a, b, parts = a.reshape(-1), b.reshape(-1), np.empty(-(-a.size // LONG), a.dtype)

    def part(start: int, stop: int) -> None:
        parts[start // LONG] = block_dot(a[start:stop], b[start:stop])
    over_rows(a.size, 1, part, LONG)
    return np.add.reduce(parts)


def place_of_best(name: str, x: np.ndarray, dim: int | None):
    """argmax or argmin of a large array: the first extremum, or the first nan."""
    find = getattr(np, name)
    if dim is None:
        return _best_of_all(find, x.reshape(-1))
    before, n, behind = sides(x.shape, dim)
    source = slabs(x, dim)
    out = np.empty(source.shape[:1] + source.shape[2:], np.int64)
    if behind == 1:
        over_rows(before, n, lambda start, stop: find(source[start:stop], 1, out[start:stop]), LONG)
    else:
        width = max(COLUMNS, BLOCK // n)
        across = -(-behind // width)

        def one(i: int) -> None:
            row, column = divmod(i, across)
            where = slice(column * width, (column + 1) * width)
            _best_of_rows(name, source[row, :, where], out[row, where])
        parallel(before * across, one)
    return out.reshape(x.shape[:dim] + x.shape[dim + 1:])


def _best_of_all(find, flat: np.ndarray) -> int:
    places = np.empty(-(-flat.size // LONG), np.int64)

    def part(start: int, stop: int) -> None:
        places[start // LONG] = start + int(find(flat[start:stop]))
    over_rows(flat.size, 1, part, LONG)
    return int(places[find(flat[places])])


def _best_of_rows(name: str, rows: np.ndarray, out: np.ndarray) -> None:
    """Places along the first dim: NumPy's own argmax jumps through memory there. Later rows seldom hold a new best."""
    reduce, better = (np.maximum, np.greater) if name == "argmax" else (np.minimum, np.less)
    step = max(1, BLOCK // max(rows.shape[1], 1) // 4)
    best = rows[0].copy()
    out[...] = 0
    for start in range(0, len(rows), step):
        block = rows[start:start + step]
        top = reduce.reduce(block, 0)
        new = better(top, best) | ((top != top) & (best == best))
        columns = np.flatnonzero(new)
        if columns.size:
            out[columns] = getattr(block[:, columns], name)(0) + start
            best[columns] = top[columns]
