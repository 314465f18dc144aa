"""The fastest additions and extrema that NumPy has: products with ones, searches for the place of the best.

A product of two lines is BLAS's, which adds up in many lanes: over short lines, whose sums are then added pairwise,
it is as exact as a pairwise sum and faster. Small arrays are multiplied with ones as well, and their extrema looked
up by place: a reduction costs NumPy two to four times as much to start.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from .. import native
from .threads import after_block

LINE = 1 << 11  # elements that one product adds up
PIECE = 1 << 17  # elements of two blocks whose products BLAS adds up at once
TOGETHER = 4  # lines that BLAS adds up side by side
ROWS = 512  # rows that are added up one after the other
FEW = 32  # elements of a row that is as well added up one by one
SMALL = 512  # elements of an array that is added up as a whole by a product
_few_ones: dict = {np.dtype(kind): {} for kind in "fd"}  # by dtype and length
_KINDS = {np.add: 0, np.maximum: 2, np.minimum: 3}  # what `native.reduce` calls them
SQUARES = 1
_BEST = {np.maximum: (np.argmax, np.fmax), np.minimum: (np.argmin, np.fmin)}


def small_sum(x: np.ndarray, dim: int | None, keepdim: bool = False):
    """The sum of a small NumPy array, or along one dim that is not negative; of any other array what NumPy gives.

    Down columns NumPy adds as PyTorch does, row after row, and a product does not.
    """
    known = _few_ones.get(x.dtype)
    if known is None or x.size > SMALL:
        return np.add.reduce(x, dim, None, None, keepdim)
    found = native.few_of("sum", x, dim, keepdim)
    if found is not False:
        return found
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


def at_once(ufunc: np.ufunc | None, x: np.ndarray, first: int, last: int, keepdim: bool = False) -> np.ndarray | None:
    """`ufunc.reduce` over the dims from `first` to before `last` by a compiled kernel; None where none does it.

    Without a ufunc squares are added up.
    """
    kind = SQUARES if ufunc is None else _KINDS.get(ufunc)
    if kind is None or x.dtype.char not in "fd" or after_block:
        return None  # a mapped file is gone through by blocks, and let go of between them
    behind = x.shape[last:]
    out = np.empty(x.shape[:first] + (1,) * (last - first if keepdim else 0) + behind, x.dtype)
    return out if native.reduce(kind, x, out, prod(behind)) else None


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
    return _of_lines(x)


def block_dot(a: np.ndarray, b: np.ndarray):
    """The sum of the products of two blocks of one shape and dtype."""
    if a.size < LINE or not _are_plain(a, b):
        return np.add.reduce(a * b, None)
    a, b = a.reshape(-1), b.reshape(-1)
    if a.size <= PIECE:
        return np.dot(a, b)
    return np.add.reduce(np.array([np.dot(a[i:i + PIECE], b[i:i + PIECE]) for i in range(0, a.size, PIECE)]))


def _of_lines(a: np.ndarray):
    a = a.reshape(-1)
    whole = a.size // LINE * LINE
    total = np.add.reduce(np.dot(a[:whole].reshape(-1, LINE), _ones(LINE, a.dtype.char)))
    return total if whole == a.size else total + np.add.reduce(a[whole:])


# `np.vecdot` holds the interpreter lock, a product of matrices does not.

def line_sums(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The sums along dim 1, which keeps size 1, of (n, length) or (n, length, m)."""
    if x.ndim > 2 or x.dtype.char not in "fd" or x.shape[1] < FEW:
        return np.add.reduce(x, 1, None, out, True)
    n, length = x.shape
    out = np.empty((n, 1), x.dtype) if out is None else out
    found = out[:, 0]
    if length > LINE:
        found[...] = row_dots(x)
        return out
    ones = _ones(length, x.dtype.char)
    if n < TOGETHER or not x.flags.c_contiguous or not found.flags.c_contiguous:
        np.vecdot(x, ones, found)
        return out
    # The lines that are left over are added up among others once more: equal lines have equal sums.
    whole = n // TOGETHER * TOGETHER
    np.dot(x[:whole], ones, found[:whole])
    if whole < n:
        found[whole:] = np.dot(x[n - TOGETHER:], ones)[whole - n:]
    return out


def line_dots(x: np.ndarray) -> np.ndarray:
    """The sums of squares along dim 1, which keeps size 1, of (n, length) or (n, length, m)."""
    if x.ndim > 2 or x.dtype.char not in "fd":
        return np.add.reduce(x * x, 1, None, None, True)
    return row_dots(x, x)[:, None]


def far_line_dots(x: np.ndarray) -> np.ndarray:
    """`line_dots` of lines that come from memory: slower than the other in the cache, but it lets other threads run."""
    if x.ndim > 2 or x.dtype.char not in "fd" or x.shape[1] > LINE:
        return line_dots(x)
    return np.einsum("ij,ij->i", x, x)[:, None]


def row_dots(a: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """The sums of products of matching last rows, or the sums of those of a: long ones in pieces, which rounds less."""
    n = a.shape[-1]
    if n <= LINE:
        return np.vecdot(a, _ones(n, a.dtype.char) if b is None else b)
    whole = n - n % LINE
    if b is None and whole == n and a.flags.c_contiguous:
        return np.add.reduce(line_sums(a.reshape(-1, LINE)).reshape(*a.shape[:-1], -1), -1)
    found = np.add.reduce(np.vecdot(_cut(a, whole), _ones(LINE, a.dtype.char) if b is None else _cut(b, whole)), -1)
    return found if whole == n else found + row_dots(a[..., whole:], None if b is None else b[..., whole:])


def _cut(rows: np.ndarray, whole: int) -> np.ndarray:
    return rows[..., :whole].reshape(*rows.shape[:-1], whole // LINE, LINE)


def line_best(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray) -> None:
    """`ufunc.reduce(x, 1, out=out)` of a contiguous (n, length): the place of the best is found sooner than its value."""
    if ufunc in _BEST and x.dtype.char in "fd" and x.shape[1] >= FEW:
        places = _BEST[ufunc][0](x, 1)
        places += np.arange(0, x.size, x.shape[1])
        x.reshape(-1).take(places, None, out, "wrap")
    else:
        ufunc.reduce(x, 1, None, out)


def row_sum(x: np.ndarray) -> np.ndarray:
    """The sum of all rows along the last dim but one: in pieces, as one row after the other rounds too often."""
    n = x.shape[-2]
    whole = n - n % ROWS
    if n <= ROWS:
        return np.add.reduce(x, -2)
    total = row_sum(np.add.reduce(x[..., :whole, :].reshape(*x.shape[:-2], -1, ROWS, x.shape[-1]), -2))
    return total if whole == n else total + np.add.reduce(x[..., whole:, :], -2)


def column_best(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray) -> None:
    """`ufunc.reduce(x, 0, out=out)` of a contiguous (n, width): without nan the loop that overlooks nan does."""
    if ufunc is np.add and x.dtype.char in "fd":
        out[...] = row_sum(x)
        return
    if ufunc in _BEST and x.dtype.char in "fd":
        _BEST[ufunc][1].reduce(x, 0, None, out)
        flat = x.reshape(-1)
        if not np.isnan(np.dot(flat, flat)):  # squares cannot cancel: only a nan makes it one
            return
    ufunc.reduce(x, 0, None, out)
