"""The fastest additions that NumPy has: blocks by columns for one number, products with ones for one number per row.

Small arrays are multiplied with ones as well, and their extrema looked up by place: a reduction costs NumPy
two to four times as much to start.
"""

from __future__ import annotations

import numpy as np

LANES = 1 << 10  # columns in which a block is added up
FEW = 32  # elements of a row that is as well added up one by one
SMALL = 512  # elements of an array that is added up as a whole by a product
_ones: dict = {np.dtype(kind): {} for kind in "fd"}  # by dtype and length


def small_sum(x: np.ndarray, dim: int | None, keepdim: bool = False):
    """The sum of a small NumPy array, or along one dim that is not negative; of any other array what NumPy gives.

    Down columns NumPy adds as PyTorch does, row after row, and a product does not.
    """
    known = _ones.get(x.dtype)
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


def block_sum(x: np.ndarray):
    """The sum of a contiguous block of at most some hundred thousand elements, in columns where it has enough of them."""
    if x.size % LANES or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return np.add.reduce(x, None)
    return np.add.reduce(np.add.reduce(x.reshape(-1, LANES), 0))


def line_sums(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The sums along dim 1, which keeps size 1, of (n, length) or (n, length, m)."""
    if x.ndim > 2 or x.dtype.char not in "fd" or x.shape[1] < FEW:
        return np.add.reduce(x, 1, None, out, True)
    out = np.empty((len(x), 1), x.dtype) if out is None else out
    np.vecdot(x, np.ones(x.shape[1], x.dtype), out[:, 0])
    return out
