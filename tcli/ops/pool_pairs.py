"""The gradient of maxima over windows of two by two that lie side by side.

Windows are short, and a loop over the places of one offset of all of them starts anew in every row. So comparisons
run over whole planes, each place against its right neighbour and each better of two against the one below, in one
run of memory; what does not belong together is computed as well and masked out, two bytes at a time. Of equal
values the first in reading order counts. No op is declared here.
"""

from __future__ import annotations

import sys
from functools import lru_cache

import numpy as np

from .arrays import gate
from .blocks import over_rows

BLOCK = 1 << 18  # elements of planes that all passes go over


def fits(x, kernel: tuple, stride: tuple, pads: tuple, dilation: tuple) -> bool:
    """Whether windows are two by two, side by side, and cover the planes; bytes are paired as small numbers are."""
    return (type(x) is np.ndarray and kernel == stride == (2, 2) and dilation == (1, 1) and pads == ((0, 0), (0, 0))
            and x.dtype.kind == "f" and x.shape[-1] % 2 == x.shape[-2] % 2 == 0 and sys.byteorder == "little")


def gradient(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Each value of g (planes, H / 2, W / 2) at the first place that holds the maximum of its window of x (planes, H, W).

    No maximum is nan.
    """
    planes, height, width = x.shape
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    out = np.empty(x.shape, g.dtype)

    def some(start: int, stop: int) -> None:
        hits = _first_maxima(x[start:stop].reshape(-1), width)
        seen = np.repeat(_twice(g[start:stop]).reshape(-1, width), 2, 0).reshape(-1)
        out[start:stop] = gate(np, hits, seen).reshape(-1, height, width)
    over_rows(planes, height * width, some, BLOCK)
    return out


def _twice(x: np.ndarray) -> np.ndarray:
    """Each number of a contiguous array two times, one behind the other."""
    if x.itemsize == 4:
        both = x.view(np.uint32).astype(np.uint64)
        both *= np.uint64(1 << 32 | 1)
        return both.view(x.dtype)
    both = np.empty((x.size, 2), x.dtype)
    both[:, 0] = both[:, 1] = x.reshape(-1)
    return both


def _first_maxima(x: np.ndarray, width: int) -> np.ndarray:
    """Whether each place of flat planes holds the first maximum of its window."""
    n = x.size
    right, best = np.zeros(n, bool), np.empty(n, x.dtype)
    np.greater(x[1:], x[:-1], out=right[:-1])
    np.maximum(x[1:], x[:-1], out=best[:-1])
    best[-1] = x[-1]
    below = np.zeros(n, bool)
    np.greater(best[width:], best[:-width], out=below[:-width])
    # Pairs of bytes: (1, 0) where the left place is the better one, (0, 1) where the right one is.
    hits = right.view(np.uint16)
    hits &= 1
    hits *= 255
    hits += 1
    lower, uppers = below.view(np.uint16), _upper_rows(n // 2, width // 2)
    lower &= 1
    np.negative(lower, out=lower)
    lower &= uppers
    wins = uppers ^ lower
    wins[width // 2:] |= lower[:-width // 2]
    hits &= wins
    return hits.view(bool)


@lru_cache(16)
def _upper_rows(n: int, width: int) -> np.ndarray:
    """All bits where rows of `width` numbers are the upper ones of two, none in the lower ones."""
    found = np.zeros((n // (2 * width), 2, width), np.uint16)
    found[:, 0] = 0xFFFF
    return found.reshape(-1)
