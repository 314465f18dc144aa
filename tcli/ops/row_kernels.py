"""softmax, logsumexp, variance and running sums on large arrays, block by block in cache.

Each takes a contiguous array that `is_large` and computes what the short kernels of the families compute,
without temporaries of its size. No op is declared here.
"""

from __future__ import annotations

import numpy as np

from .blocks import BLOCK, has_blocks, in_order, over_rows, over_slabs, slabs

# ---------------------------------------------------------------- softmax

def softmax(x: np.ndarray, dim: int, log: bool) -> np.ndarray:
    """softmax or its logarithm along `dim`."""
    out = np.empty_like(x)
    if not has_blocks(x.shape, dim):
        _softmax_of_all(x.reshape(-1), out.reshape(-1), log)
        return out
    source, target = slabs(x, dim), slabs(out, dim)

    def block(where: tuple) -> None:
        e = target[where]
        np.subtract(source[where], np.maximum.reduce(source[where], 1, keepdims=True), out=e)
        if log:
            e -= np.log(np.add.reduce(np.exp(e), 1, keepdims=True))
        else:
            np.exp(e, out=e)
            e /= np.add.reduce(e, 1, keepdims=True)
    over_slabs(x.shape, dim, block)
    return out


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
        sums[start // BLOCK] = np.add.reduce(e)

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
    """out * (g - sum(g * out)) along `dim`; both contiguous."""
    r = np.empty_like(out)
    grad, value, target = slabs(g, dim), slabs(out, dim), slabs(r, dim)

    def block(where: tuple) -> None:
        t = np.multiply(grad[where], value[where], out=target[where])
        t -= value[where] * np.add.reduce(t, 1, keepdims=True)
    over_slabs(out.shape, dim, block)
    return r


def log_softmax_adjoint(g: np.ndarray, out: np.ndarray, dim: int) -> np.ndarray:
    """g - exp(out) * sum(g) along `dim`; both contiguous."""
    r = np.empty_like(out)
    grad, value, target = slabs(g, dim), slabs(out, dim), slabs(r, dim)

    def block(where: tuple) -> None:
        t = np.exp(value[where], out=target[where])
        t *= np.add.reduce(grad[where], 1, keepdims=True)
        np.subtract(grad[where], t, out=t)
    over_slabs(out.shape, dim, block)
    return r


# ---------------------------------------------------------------- log of sums of exponentials

def logsumexp(x: np.ndarray, dim: int) -> np.ndarray:
    """log(sum(exp(x))) along `dim`, which keeps size 1."""
    source = slabs(x, dim)
    out = np.empty((len(source), 1, *source.shape[2:]), x.dtype)

    def block(where: tuple) -> None:
        part = source[where]
        top = np.maximum.reduce(part, 1, keepdims=True)
        top[np.isinf(top)] = 0
        e = part - top
        total = np.add.reduce(np.exp(e, out=e), 1, keepdims=True)
        np.log(total, out=total)
        np.add(total, top, out=out[where])
    over_slabs(x.shape, dim, block)
    return out.reshape(x.shape[:dim] + (1,) + x.shape[dim + 1:])


def logsumexp_of_all(x: np.ndarray):
    """The same over a vector, or None where a block holds infinities or nan."""
    count = -(-x.size // BLOCK)
    tops, sums = np.empty(count, x.dtype), np.empty(count, x.dtype)

    def block(start: int, stop: int) -> None:
        part, i = x[start:stop], start // BLOCK
        tops[i] = np.maximum.reduce(part)
        e = part - tops[i]
        sums[i] = np.add.reduce(np.exp(e, out=e))
    over_rows(x.size, 1, block)
    if not np.isfinite(tops).all():
        return None
    top = tops.max()
    return np.log(np.add.reduce(sums * np.exp(tops - top))) + top


# ---------------------------------------------------------------- sums of squares

def squares_of_all(x: np.ndarray) -> float:
    """The sum of squared distances from the mean over a vector: blocks are combined by their means."""
    count = -(-x.size // BLOCK)
    means, squares = np.empty(count), np.empty(count)

    def block(start: int, stop: int) -> None:
        part, i = x[start:stop], start // BLOCK
        mean = np.add.reduce(part) / x.dtype.type(stop - start)
        d = part - mean
        np.multiply(d, d, out=d)
        means[i], squares[i] = mean, np.add.reduce(d)
    over_rows(x.size, 1, block)
    sizes = np.full(count, BLOCK, np.float64)
    sizes[-1] = x.size - BLOCK * (count - 1)
    mean = (means * sizes).sum() / x.size
    return float(squares.sum() + (sizes * (means - mean) ** 2).sum())


def squares(x: np.ndarray, dim: int) -> np.ndarray:
    """The same along `dim`, which keeps size 1."""
    source = slabs(x, dim)
    out = np.empty((len(source), 1, *source.shape[2:]), x.dtype)
    n = x.dtype.type(x.shape[dim])

    def block(where: tuple) -> None:
        part = source[where]
        d = part - np.add.reduce(part, 1, keepdims=True) / n
        np.multiply(d, d, out=d)
        np.add.reduce(d, 1, out=out[where], keepdims=True)
    over_slabs(x.shape, dim, block)
    return out.reshape(x.shape[:dim] + (1,) + x.shape[dim + 1:])


def sum_of_squares(x: np.ndarray, dim: int, keepdim: bool) -> np.ndarray:
    """The sum of squares along `dim`."""
    source = slabs(x, dim)
    out = np.empty((len(source), *source.shape[2:]), x.dtype)

    def block(where: tuple) -> None:
        part = source[where]
        np.add.reduce(part * part, 1, out=out[where[0], *where[2:]])
    over_slabs(x.shape, dim, block)
    return out.reshape(x.shape[:dim] + (1,) * keepdim + x.shape[dim + 1:])


# ---------------------------------------------------------------- running sums and products

def accumulated(ufunc: np.ufunc, x: np.ndarray, wide, kept, back: bool) -> np.ndarray:
    """Running sums or products along the last dim, kept in `wide` on their way; from the end if `back`."""
    out = np.empty(x.shape, kept)
    source, target = slabs(x, x.ndim - 1), slabs(out, x.ndim - 1)
    if back:
        source, target = source[:, ::-1], target[:, ::-1]
    if len(source) * 8 < source.shape[1]:
        for row, result in zip(source, target, strict=True):
            _accumulate_row(ufunc, row, result, wide)
        return out

    def rows(start: int, stop: int) -> None:
        running = source[start:stop].astype(wide, order="C")
        target[start:stop] = ufunc.accumulate(running, 1, None, running)
    over_rows(len(source), source.shape[1], rows, BLOCK // 2)
    return out


def _accumulate_row(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray, wide) -> None:
    """One long row, in blocks that carry what came before them."""
    starts = _starts(x, wide) if ufunc is np.add and wide != x.dtype else None
    carried = [None]

    def block(start: int, stop: int) -> None:
        running = x[start:stop].astype(wide)
        if start:
            running[0] = ufunc(carried[0] if starts is None else starts[start // BLOCK], running[0])
        out[start:stop] = ufunc.accumulate(running, 0, None, running)
        if starts is None:
            carried[0] = running[-1]
    (in_order if starts is None else over_rows)(x.size, 1, block)


def _starts(x: np.ndarray, wide) -> np.ndarray | None:
    """The sum before each block, in a dtype wide enough that the order of additions does not show; None if not finite."""
    totals = np.zeros(-(-x.size // BLOCK) + 1, wide)

    def total(start: int, stop: int) -> None:
        totals[start // BLOCK + 1] = np.add.reduce(x[start:stop], 0, wide)
    over_rows(x.size, 1, total)
    return np.add.accumulate(totals) if np.isfinite(totals).all() else None
