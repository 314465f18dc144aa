"""The fastest additions and extrema that NumPy has: products with ones, searches for the place of the best.

A product of two lines is BLAS's, which adds up in many lanes: over short lines, whose sums are then added pairwise,
it is as exact as a pairwise sum and faster. Small arrays are multiplied with ones as well, and their extrema looked
up by place: a reduction costs NumPy two to four times as much to start.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

LINE = 1 << 11  # elements that one product adds up
FEW = 32  # elements of a row that is as well added up one by one
SMALL = 512  # elements of an array that is added up as a whole by a product
_few_ones: dict = {np.dtype(kind): {} for kind in "fd"}  # by dtype and length
_BEST = {np.maximum: (np.argmax, np.fmax), np.minimum: (np.argmin, np.fmin)}


def ones_of(dtype: np.dtype) -> dict:
    """The arrays of ones that `small_sum` multiplies with, by length; it makes them."""
    return _few_ones[dtype]


def small_sum(x: np.ndarray, dim: int | None, keepdim: bool = False):
    """The sum of a small NumPy array, or along one dim that is not negative; of any other array what NumPy gives.

    Down columns NumPy adds as PyTorch does, row after row, and a product does not.
    """
    known = _few_ones.get(x.dtype)
    if known is None or x.size > SMALL:
        return np.add.reduce(x, dim, None, None, keepdim)
    if (dim is None or x.ndim == 1) and not keepdim:
        x = x.ravel()
    elif dim != 1 or x.ndim != 2:
        return np.add.reduce(x, dim, None, None, keepdim)
    n = x.shape[-1]
    ones = known.get(n)
    if ones is None:
        ones = known[n] = np.ones(n, x.dtype)
    found = x.dot(ones)
    return found if not keepdim else found[:, None]


def sum_by(xp, x, dim: int | None, keepdim: bool = False):
    """`small_sum` on the CPU, what the array module gives elsewhere."""
    return small_sum(x, dim, keepdim) if xp is np else xp.add.reduce(x, dim, None, None, keepdim)


@lru_cache(64)
def _ones(n: int, char: str) -> np.ndarray:
    return np.ones(n, char)


def _are_plain(*arrays: np.ndarray) -> bool:
    """Whether BLAS takes these arrays as they lie in memory."""
    return all(a.dtype.char in "fd" and a.flags.c_contiguous for a in arrays)


def block_sum(x: np.ndarray):
    """The sum of a contiguous block, of any length."""
    if x.size < LINE or not _are_plain(x):
        return np.add.reduce(x, None)
    return _of_lines(x, None)


def block_dot(a: np.ndarray, b: np.ndarray):
    """The sum of the products of two blocks of one shape and dtype."""
    if a.size < LINE or not _are_plain(a, b):
        return np.add.reduce(a * b, None)
    return _of_lines(a, b)


def _of_lines(a: np.ndarray, b: np.ndarray | None):
    a = a.reshape(-1)
    whole = a.size // LINE * LINE
    lines = a[:whole].reshape(-1, LINE)
    # A product with one line lets other threads run meanwhile, one with several lines does not.
    sums = np.dot(lines, _ones(LINE, a.dtype.char)) if b is None else np.vecdot(lines, b.reshape(-1)[:whole].reshape(-1, LINE))
    total = np.add.reduce(sums)
    if whole == a.size:
        return total
    rest = a[whole:] if b is None else a[whole:] * b.reshape(-1)[whole:]
    return total + np.add.reduce(rest)


def line_sums(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The sums along dim 1, which keeps size 1, of (n, length) or (n, length, m)."""
    if x.ndim > 2 or x.dtype.char not in "fd" or x.shape[1] < FEW:
        return np.add.reduce(x, 1, None, out, True)
    out = np.empty((len(x), 1), x.dtype) if out is None else out
    np.vecdot(x, _ones(x.shape[1], x.dtype.char) if x.shape[1] <= LINE else np.ones(x.shape[1], x.dtype), out[:, 0])
    return out


def line_dots(x: np.ndarray) -> np.ndarray:
    """The sums of squares along dim 1, which keeps size 1, of (n, length) or (n, length, m)."""
    if x.ndim > 2 or x.dtype.char not in "fd":
        return np.add.reduce(x * x, 1, None, None, True)
    return np.vecdot(x, x)[:, None]


def line_best(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray) -> None:
    """`ufunc.reduce(x, 1, out=out)` of a contiguous (n, length): the place of the best is found sooner than its value."""
    if ufunc in _BEST and x.dtype.char in "fd" and x.shape[1] >= FEW:
        places = _BEST[ufunc][0](x, 1)
        places += np.arange(0, x.size, x.shape[1])
        x.reshape(-1).take(places, None, out, "wrap")
    else:
        ufunc.reduce(x, 1, None, out)


def column_best(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray) -> None:
    """`ufunc.reduce(x, 0, out=out)` of a contiguous (n, width): without nan the loop that overlooks nan does."""
    if ufunc in _BEST and x.dtype.char in "fd":
        _BEST[ufunc][1].reduce(x, 0, None, out)
        flat = x.reshape(-1)
        if not np.isnan(np.dot(flat, flat)):  # squares cannot cancel: only a nan makes it one
            return
    ufunc.reduce(x, 0, None, out)
