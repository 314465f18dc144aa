"""softmax, logsumexp, variance and running sums on large arrays, block by block in cache.

Each takes a contiguous array that `is_large` and computes what the short kernels of the families compute,
without temporaries of its size. Lines along the last dim are done one after the other; lines across memory
(columns) in passes over blocks of rows, whose partial results are combined. No op is declared here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import native
from ..engine.memory import pool
from ..engine.sums import block_dot, block_sum, far_line_dots, line_dots, line_sums
from .blocks import BLOCK, LONG, in_columns, in_order, is_one_line, over_rows, over_slabs, reduced, several_threads, slabs

RUN = 1 << 16  # elements of a block of running sums
GROUP = 8  # elements of a row that are added up beside those of other groups
LINES = 1 << 18  # elements of the lines that a softmax passes over again and again
CALM = 1e20  # sums of exponentials below this, and above its inverse, need no shift


def _over_column_rows(x: np.ndarray, dim: int, fn: Callable[[int, slice, int], object]) -> int:
    """Calls `fn(i, part, j)` for blocks of rows `slabs(x, dim)[i, part]`, the j-th of its kind; how many j there are."""
    before, n, behind = slabs(x, dim).shape
    step = max(1, BLOCK // behind)
    for i in range(before):
        over_rows(n, behind, lambda start, stop, i=i: fn(i, slice(start, stop), start // step))
    return -(-n // step)


def _parts(x: np.ndarray, dim: int) -> np.ndarray:
    """Room for one partial result of each block of rows."""
    before, n, behind = slabs(x, dim).shape
    return np.empty((before, -(-n // max(1, BLOCK // behind)), behind), x.dtype)


def _kept(found: np.ndarray, x: np.ndarray, dim: int) -> np.ndarray:
    return found.reshape(x.shape[:dim] + (1,) + x.shape[dim + 1:])


# ---------------------------------------------------------------- softmax

def softmax(x: np.ndarray, dim: int, log: bool) -> np.ndarray:
    """softmax or its logarithm along `dim`."""
    out = pool.empty(x.shape, x.dtype)
    if dim == x.ndim - 1 and x.shape[dim] <= LONG and native.softmax(x, out, x.shape[dim], log, False):
        return out
    if is_one_line(x.shape, dim):
        _softmax_of_all(x.reshape(-1), out.reshape(-1), log)
    elif in_columns(x.shape, dim):
        _softmax_of_columns(x, out, dim, log)
    else:
        _over_lines(log_softmax_lines if log else softmax_lines, dim, out, x)
    return out


def softmax_lines(x: np.ndarray, out: np.ndarray) -> None:
    """softmax along dim 1 of (n, length) or (n, length, m); exponentials need no shift where their sums are calm."""
    if x.ndim == 2 and native.softmax(x, out, x.shape[1], False, True):
        return
    np.exp(x, out)
    total = line_sums(out)
    wild = ~((total > 1 / CALM) & (total < CALM))
    if wild.any():
        lines = wild.any(tuple(range(1, wild.ndim)))
        e = x[lines]
        e = np.exp(e - np.maximum.reduce(e, 1, keepdims=True))
        out[lines], total[lines] = e, line_sums(e)
    np.divide(out, total, out)


def log_softmax_lines(x: np.ndarray, out: np.ndarray) -> None:
    """The logarithm of the same."""
    if x.ndim == 2 and native.softmax(x, out, x.shape[1], True, True):
        return
    np.subtract(x, np.maximum.reduce(x, 1, keepdims=True), out)
    np.subtract(out, np.log(line_sums(np.exp(out))), out)


def softmax_adjoint_lines(g: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    """y * (g - sum(g * y)) along dim 1."""
    if y.ndim == 2 and native.softmax_backward(g, y, out, y.shape[1], False, True):
        return
    np.multiply(g, y, out)
    np.subtract(g, line_sums(out), out)
    np.multiply(out, y, out)


def log_softmax_adjoint_lines(g: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    """g - exp(y) * sum(g) along dim 1."""
    if y.ndim == 2 and native.softmax_backward(g, y, out, y.shape[1], True, True):
        return
    np.exp(y, out)
    np.multiply(out, line_sums(g), out)
    np.subtract(g, out, out)


def _over_lines(kernel: Callable, dim: int, out: np.ndarray, *operands: np.ndarray) -> np.ndarray:
    """`kernel(operands..., out)` for blocks of lines along `dim`, which is no column."""
    target, sources = slabs(out, dim), [slabs(a, dim) for a in operands]
    over_rows(len(target), target[0].size, lambda i, j: kernel(*[a[i:j] for a in sources], target[i:j]), LINES)
    return out


def _softmax_of_columns(x: np.ndarray, out: np.ndarray, dim: int, log: bool) -> None:
    source, target, sums = slabs(x, dim), slabs(out, dim), _parts(x, dim)
    top = slabs(reduced(np.maximum, x, dim, None, True), dim)

    def exponential(i: int, part: slice, j: int) -> None:
        e = np.subtract(source[i, part], top[i], out=target[i, part])
        np.add.reduce(np.exp(e) if log else np.exp(e, out=e), 0, out=sums[i, j])

    def scale(i: int, part: slice, j: int) -> None:
        if log:
            target[i, part] -= total[i]
        else:
            target[i, part] /= total[i]
    _over_column_rows(x, dim, exponential)
    total = np.add.reduce(sums, 1)
    total = np.log(total) if log else total
    _over_column_rows(x, dim, scale)


def _softmax_of_all(x: np.ndarray, out: np.ndarray, log: bool) -> None:
    """The same for one long vector."""
    n = x.size
    count = -(-n // BLOCK)
    tops, sums = np.empty(count, x.dtype), np.empty(count, x.dtype)

    def largest(start: int, stop: int) -> None:
        tops[start // BLOCK] = np.maximum.reduce(x[start:stop])

    def exponential(start: int, stop: int) -> None:
        e = np.subtract(x[start:stop], top, out=out[start:stop])
        e = np.exp(e) if log else np.exp(e, out=e)
        sums[start // BLOCK] = block_sum(e)

    def scale(start: int, stop: int) -> None:
        if log:
            out[start:stop] -= total
        else:
            out[start:stop] /= total
    over_rows(n, 1, largest)
    top = np.maximum.reduce(tops)
    over_rows(n, 1, exponential)
    total = np.add.reduce(sums)
    total = np.log(total) if log else total
    over_rows(n, 1, scale)


def softmax_adjoint(g: np.ndarray, out: np.ndarray, dim: int) -> np.ndarray:
    """out * (g - sum(g * out)) along `dim`, which is no column; both contiguous."""
    found = pool.empty(out.shape, out.dtype)
    if dim == out.ndim - 1 and native.softmax_backward(g, out, found, out.shape[dim], False, False):
        return found
    return _over_lines(softmax_adjoint_lines, dim, found, g, out)


def log_softmax_adjoint(g: np.ndarray, out: np.ndarray, dim: int) -> np.ndarray:
    """g - exp(out) * sum(g) along `dim`, which is no column; both contiguous."""
    found = pool.empty(out.shape, out.dtype)
    if dim == out.ndim - 1 and native.softmax_backward(g, out, found, out.shape[dim], True, False):
        return found
    return _over_lines(log_softmax_adjoint_lines, dim, found, g, out)


# ---------------------------------------------------------------- log of sums of exponentials

def logsumexp(x: np.ndarray, dim: int) -> np.ndarray:
    """log(sum(exp(x))) along `dim`, which keeps size 1."""
    if in_columns(x.shape, dim):
        return _logsumexp_of_columns(x, dim)
    source = slabs(x, dim)
    out = np.empty((len(source), 1, *source.shape[2:]), x.dtype)

    over_slabs(x.shape, dim, lambda part: logsumexp_of_lines(source[part], out[part]))
    return _kept(out, x, dim)


def logsumexp_of_lines(x: np.ndarray, out: np.ndarray) -> None:
    """The same along dim 1, written to `out`, which keeps it as size 1."""
    if len(x) == 1 and x.size > BLOCK and x.ndim == 2:
        found = logsumexp_of_all(x[0])
        if found is not None:
            out[...] = found
            return
    total = line_sums(np.exp(x))
    if is_calm(total):
        np.log(total, out=out)
        return
    top = _finite_or_zero(np.maximum.reduce(x, 1, keepdims=True))
    e = x - top
    total = line_sums(np.exp(e, out=e))
    np.add(np.log(total, out=total), top, out=out)


def is_calm(total) -> bool:
    """Whether sums of exponentials are so far from overflow and underflow that taking out the maximum changes nothing."""
    return bool(total.min() > 1 / CALM and total.max() < CALM)


def _finite_or_zero(top: np.ndarray) -> np.ndarray:
    top[np.isinf(top)] = 0
    return top


def _logsumexp_of_columns(x: np.ndarray, dim: int) -> np.ndarray:
    source, sums = slabs(x, dim), _parts(x, dim)

    def sums_from(top) -> np.ndarray:
        def exponential(i: int, part: slice, j: int) -> None:
            e = np.exp(source[i, part]) if top is None else source[i, part] - top[i]
            np.add.reduce(e if top is None else np.exp(e, out=e), 0, out=sums[i, j])
        _over_column_rows(x, dim, exponential)
        return np.add.reduce(sums, 1, keepdims=True)
    total = sums_from(None)
    if is_calm(total):
        return _kept(np.log(total), x, dim)
    top = _finite_or_zero(slabs(reduced(np.maximum, x, dim, None, True), dim))
    return _kept(np.log(sums_from(top)) + top, x, dim)


def logsumexp_of_all(x: np.ndarray):
    """The same over a vector, or None where a block holds infinities or nan."""
    count = -(-x.size // BLOCK)
    tops, sums = np.zeros(count, x.dtype), np.empty(count, x.dtype)

    def block(start: int, stop: int) -> None:
        part, i = x[start:stop], start // BLOCK
        sums[i] = block_sum(np.exp(part))
        if not is_calm(sums[i]):
            tops[i] = np.maximum.reduce(part)
            sums[i] = block_sum(np.exp(part - tops[i]))
    over_rows(x.size, 1, block)
    if not np.isfinite(tops).all():
        return None
    top = tops.max()
    return np.log(np.add.reduce(sums * np.exp(tops - top))) + top


# ---------------------------------------------------------------- sums of squares

def _less_mean(total, squares, n):
    """Squared distances from the mean by sums and sums of squares, and where that is exact: where the mean is small."""
    share = total * (total / n)
    # What overflows or is nan fails the comparison.
    return squares - share, share * 2 <= squares


def squares_of_all(x: np.ndarray) -> float:
    """The sum of squared distances from the mean over a vector: blocks are combined by their means."""
    count = -(-x.size // BLOCK)
    means, squares = np.empty(count), np.empty(count)

    def block(start: int, stop: int) -> None:
        part, i, n = x[start:stop], start // BLOCK, x.dtype.type(stop - start)
        total = block_sum(part)
        means[i] = total / n
        squares[i], exact = _less_mean(total, block_dot(part, part), n)
        if not exact:
            d = part - total / n
            squares[i] = block_dot(d, d)
    over_rows(x.size, 1, block)
    sizes = np.full(count, BLOCK, np.float64)
    sizes[-1] = x.size - BLOCK * (count - 1)
    mean = (means * sizes).sum() / x.size
    return float(squares.sum() + (sizes * (means - mean) ** 2).sum())


def squares(x: np.ndarray, dim: int) -> np.ndarray:
    """The same along `dim`, which keeps size 1."""
    n = x.dtype.type(x.shape[dim])
    if in_columns(x.shape, dim):
        return _squares_of_columns(x, dim, n)
    source = slabs(x, dim)
    out = np.empty((len(source), 1, *source.shape[2:]), x.dtype)

    def block(part: slice) -> None:
        lines, total = source[part], line_sums(source[part])
        out[part], exact = _less_mean(total, line_dots(lines), n)
        if not exact.all():
            d = lines - total / n
            out[part] = line_dots(d)
    over_slabs(x.shape, dim, block)
    return _kept(out, x, dim)


def _squares_of_columns(x: np.ndarray, dim: int, n) -> np.ndarray:
    source, sums, squared = slabs(x, dim), _parts(x, dim), _parts(x, dim)

    def block(i: int, part: slice, j: int) -> None:
        rows = source[i, part]
        np.add.reduce(rows, 0, out=sums[i, j])
        np.add.reduce(rows * rows, 0, out=squared[i, j])
    _over_column_rows(x, dim, block)
    total = np.add.reduce(sums, 1, keepdims=True)
    found, exact = _less_mean(total, np.add.reduce(squared, 1, keepdims=True), n)
    return _kept(found, x, dim) if exact.all() else sum_of_squares(x, dim, total / n)


def squares_of_rows(x: np.ndarray) -> np.ndarray:
    """The sum of squares along the last dim, which goes."""
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty((len(rows), 1), x.dtype)

    def some(start: int, stop: int) -> None:
        out[start:stop] = far_line_dots(rows[start:stop])
    over_rows(len(rows), x.shape[-1], some, LONG)
    return out.reshape(x.shape[:-1])


def sum_of_squares(x: np.ndarray, dim: int, mean=None) -> np.ndarray:
    """The sum of squares (of distances from `mean`) in columns along `dim`, which keeps size 1."""
    source, sums = slabs(x, dim), _parts(x, dim)

    def square(i: int, part: slice, j: int) -> None:
        d = source[i, part] if mean is None else source[i, part] - mean[i]
        np.add.reduce(d * d if mean is None else np.multiply(d, d, out=d), 0, out=sums[i, j])
    _over_column_rows(x, dim, square)
    return _kept(np.add.reduce(sums, 1), x, dim)


# ---------------------------------------------------------------- running sums and products

def accumulated(ufunc: np.ufunc, x: np.ndarray, wide, kept, back: bool) -> np.ndarray:
    """Running sums or products along the last dim, kept in `wide` on their way; from the end if `back`."""
    out = pool.empty(x.shape, np.dtype(kept))
    if not back and x.size and x.dtype == out.dtype and native.scan(x, out, x.shape[-1], ufunc is np.multiply):
        return out
    source, target = slabs(x, x.ndim - 1), slabs(out, x.ndim - 1)
    if back:
        source, target = source[:, ::-1], target[:, ::-1]
    if len(source) * 8 < source.shape[1]:
        for row, result in zip(source, target, strict=True):
            _accumulate_row(ufunc, row, result, wide)
        return out

    def rows(start: int, stop: int) -> None:
        lines = source[start:stop].astype(wide, order="C")
        _accumulate_lines(ufunc, lines, np.full(len(lines), ufunc.identity, wide), target[start:stop])
    over_rows(len(source), source.shape[1], rows, RUN)
    return out


def _accumulate_lines(ufunc: np.ufunc, x: np.ndarray, start: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Running sums or products of (n, length), which is overwritten, from `start` (n) on; gives the last of each line.

    A running sum waits for the one before it. So all lines are cut into groups of a few elements, which run
    beside each other, and only what comes before a group is added up one after the other.
    """
    n, length = x.shape
    whole = length // GROUP * GROUP
    if whole:
        groups = x[:, :whole].reshape(n, -1, GROUP)
        for i in range(1, GROUP):
            ufunc(groups[:, :, i - 1], groups[:, :, i], groups[:, :, i])
        before = np.empty((n, groups.shape[1] + 1), x.dtype)
        before[:, 0], before[:, 1:] = start, groups[:, :, -1]
        ufunc.accumulate(before, 1, None, before)
        ufunc(groups, before[:, :-1, None], groups)
        out[:, :whole] = groups.reshape(n, whole)
        start = before[:, -1]
    if whole < length:
        rest = x[:, whole:]
        rest[:, 0] = ufunc(start, rest[:, 0])
        out[:, whole:] = ufunc.accumulate(rest, 1, None, rest)
        start = rest[:, -1]
    return start


def _accumulate_row(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray, wide) -> None:
    """One long row, in blocks that begin with what came before them."""
    count = -(-x.size // RUN)
    starts = np.full((count + 1, 1), ufunc.identity, wide)
    # Sums in a dtype this wide do not show in which order they were added: blocks need not wait for each other.
    apart = ufunc is np.add and wide != x.dtype

    def total(start: int, stop: int) -> None:
        starts[start // RUN + 1] = block_sum(x[start:stop].astype(wide))

    def block(start: int, stop: int) -> None:
        i, part = start // RUN, x[start:stop].astype(wide)
        if in_turn and apart:
            starts[i + 1] = starts[i] + block_sum(part)
        last = _accumulate_lines(ufunc, part.reshape(1, -1), starts[i], out[None, start:stop])
        if not apart:
            starts[i + 1] = last
    in_turn = not apart or not several_threads()
    if not in_turn:
        over_rows(x.size, 1, total, RUN)
        np.add.accumulate(starts, 0, None, starts)
    (in_order if in_turn else over_rows)(x.size, 1, block, RUN)
