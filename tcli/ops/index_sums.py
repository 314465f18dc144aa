"""Additions by index, in the order of the index: SciPy's loops for sparse matrices are the fastest at hand.

A sparse matrix may name a place several times; making it dense adds up. The loops are called with plain arrays, as
the matrix objects of SciPy cost more than small additions. They are loaded once much was added in a process: until
then `np.add.at` does the same. No op is declared here.
"""

from __future__ import annotations

import sys
from functools import lru_cache

import numpy as np

from .blocks import over_rows

LOADS = "scipy.sparse"
LARGE = 1 << 18  # elements of one addition that is worth loading SciPy
MANY = 1 << 24  # elements of many small ones
KINDS = "fdFDilq"

_added = [0]


def _loops(out: np.ndarray, values: np.ndarray, places: np.ndarray):
    """SciPy's loops where these arrays suit them and it is time to load them; else None."""
    if out.dtype.char not in KINDS or values.dtype != out.dtype or places.dtype != np.int64 or not out.flags.c_contiguous:
        return None
    if LOADS not in sys.modules:
        _added[0] += values.size
        if values.size < LARGE and _added[0] < MANY:
            return None
    from scipy.sparse import _sparsetools

    return _sparsetools


@lru_cache(8)
def _ends(n: int, step: int) -> np.ndarray:
    """Where each of n pieces of `step` elements ends, from 0 on."""
    return np.arange(0, n * step + 1, step) if step else np.zeros(n + 1, np.int64)


@lru_cache(4)
def _ones(n: int, dtype: np.dtype) -> np.ndarray:
    return np.ones(n, dtype)


def add_at(out: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
    """Adds values[i] to out[places[i]]; all of one dim."""
    loops = _loops(out, values, places)
    if loops is None:
        np.add.at(out, places, values)
    elif len(places):
        names, added = np.ascontiguousarray(places), np.ascontiguousarray(values)
        loops.csr_todense(1, len(out), np.array([0, len(places)]), names, added, out)


def add_to_lines(out: np.ndarray, index: np.ndarray, values: np.ndarray) -> bool:
    """Adds values[i, j] to out[i, index[i, j]]; False where nothing was done."""
    loops = _loops(out, values, index)
    if loops is None:
        return False
    n, length = index.shape
    one_for_all = not index.strides[0]
    names = np.ascontiguousarray(index[0] if one_for_all else index).reshape(-1)

    def rows(start: int, stop: int) -> None:
        added = np.ascontiguousarray(values[start:stop]).reshape(-1)
        if one_for_all:
            for i in range(start, stop):
                loops.csr_todense(1, out.shape[1], _ends(1, length), names, added[(i - start) * length:], out[i])
        else:
            loops.csr_todense(stop - start, out.shape[1], _ends(stop - start, length), names[start * length:stop * length],
                              added, out[start:stop])
    over_rows(n, length, rows)
    return True


def add_slices(out: np.ndarray, rows: np.ndarray, values: np.ndarray) -> bool:
    """Adds values[i] (m,) to out[rows[i]], (n, m); False where nothing was done."""
    loops = _loops(out, values, rows)
    if loops is None:
        return False
    count = len(rows)
    loops.csc_matvecs(len(out), count, out.shape[1], _ends(count, 1), np.ascontiguousarray(rows), _ones(count, out.dtype),
                      np.ascontiguousarray(values).reshape(-1), out.reshape(-1))
    return True
