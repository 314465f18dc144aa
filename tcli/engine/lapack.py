"""LAPACK's own routines, and one of them that shuffles.

`scipy.linalg.cython_lapack` is SciPy's public table of LAPACK; each entry is a capsule that names its C type.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from ..errors import LinAlgError


@cache
def pointer(name: str, count: int):
    """The routine of a name, `dlaswp` for one, as a function of `count` addresses."""
    from scipy.linalg import cython_lapack

    capsule = cython_lapack.__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    signature = api.PyCapsule_GetName(capsule)
    if signature.count(b"*") != count:
        raise LinAlgError(f"this SciPy's {name} takes {signature.count(b'*')} arguments, {count} were expected")
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count)(api.PyCapsule_GetPointer(capsule, signature))


def swap_in_turn(values: np.ndarray, targets: np.ndarray) -> None:
    """Swaps the elements at i and targets[i] of an array of eight-byte elements, for all i in turn.

    It is how LU factors remember their pivots: a matrix of one column has its rows swapped. Nothing is computed, so
    the elements need not be floats.
    """
    one, n, count = ctypes.c_int(1), ctypes.c_int(len(values)), ctypes.c_int(len(targets))
    pivots = np.add(targets, 1, dtype=np.int32, casting="unsafe")
    by_reference = map(ctypes.addressof, (one, n, one, count, one))
    columns, lead, first, last, step = by_reference
    pointer("dlaswp", 7)(columns, values.ctypes.data, lead, first, last, pivots.ctypes.data, step)
