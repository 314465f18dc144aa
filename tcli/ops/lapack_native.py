"""Routines of LAPACK that SciPy ships for Cython only: its pointers are called with arrays and numbers.

LAPACK's own drivers choose between ways to reduce a matrix by size, and which way is taken settles the signs
of singular vectors. PyTorch's build has other limits than SciPy's, so the steps are called one by one here.
Matrices are Fortran-ordered and are overwritten.
"""

from __future__ import annotations

import ctypes

import numpy as np

from ..engine.lapack import pointer
from ..errors import LinAlgError
from .matrices import SINGLE

_routines: dict[str, object] = {}


def _call(routine: str, dtype, *arguments) -> int:
    """Calls `dgebrd(...)` and gives its `info`, the last argument, which callers leave out."""
    name = SINGLE[dtype] + routine
    info = ctypes.c_int(0)
    cells = [ctypes.c_int(a) if type(a) is int else ctypes.create_string_buffer(a) if type(a) is bytes else a
             for a in arguments]
    addresses = [c.ctypes.data if isinstance(c, np.ndarray) else ctypes.addressof(c) for c in (*cells, info)]
    if name not in _routines:
        _routines[name] = pointer(name, len(addresses))
    _routines[name](*addresses)
    if info.value < 0:
        raise LinAlgError(f"LAPACK refused argument {-info.value} of {name}")
    return info.value


def wide_svd(a, full_matrices: bool):
    """(U, S, Vh, info) of a real matrix with more columns than rows, reduced to bidiagonal form as it is."""
    a = np.array(a, order="F")
    d, (m, n) = a.dtype, a.shape
    work = np.empty(max(64 * (m + n), 3 * m * m + 4 * m), d)
    diagonal, beside, left, right = (np.empty(m, d) for _ in range(4))
    _call("gebrd", d, m, n, a, m, diagonal, beside, left, right, work, work.size)
    u, core = np.empty((m, m), d, order="F"), np.empty((m, m), d, order="F")
    info = _call("bdsdc", d, b"L", b"I", m, diagonal, beside, u, m, core, m, np.empty(1, d), np.empty(1, np.int32),
                 work, np.empty(8 * m, np.int32))
    rows = n if full_matrices else m
    vh = np.zeros((rows, n), d, order="F")
    vh[:m, :m] = core
    vh[np.arange(m, rows), np.arange(m, rows)] = 1
    _call("ormbr", d, b"Q", b"L", b"N", m, m, n, a, m, left, u, m, work, work.size)
    _call("ormbr", d, b"P", b"R", b"T", rows, n, m, a, m, right, vh, rows, work, work.size)
    return u, diagonal, vh, info


def schur_vectors(hessenberg, q, low: int, high: int, scale):
    """(real parts, imaginary parts, vectors, info): the eigenvalues of q @ hessenberg @ q^T and its eigenvectors.

    A complex pair has two columns, the real and the imaginary part, as `trevc` scales them. `low` and `high`
    are the rows, counted from 1, that balancing left to do, and `scale` what it did, which is undone.
    """
    d, n = q.dtype, q.shape[0]
    work, real, imaginary = np.empty(max(1, 11 * n), d), np.empty(n, d), np.empty(n, d)
    info = _call("hseqr", d, b"S", b"V", n, low, high, hessenberg, n, real, imaginary, q, n, work, work.size)
    if not info:
        _call("trevc", d, b"R", b"B", np.empty(n, np.int32), n, hessenberg, n, np.empty(1, d), 1, q, n, n,
              np.empty(1, np.int32), work)
        _call("gebak", d, b"B", b"R", n, low, high, scale, n, q, n)
    return real, imaginary, q, info


def hermitian_tridiagonal(a, upper: bool) -> tuple[list, list]:
    """(diagonal, what lies beside it) of the real tridiagonal form of a complex Hermitian matrix."""
    a = np.array(a, order="F")
    n, real = a.shape[0], a.real.dtype
    diagonal, beside, work = np.empty(n, real), np.empty(n, real), np.empty(64 * n, a.dtype)
    _call("hetrd", a.dtype, b"U" if upper else b"L", n, a, n, diagonal, beside, np.empty(n, a.dtype), work, work.size)
    return diagonal.tolist(), beside[:n - 1].tolist()
