"""BLAS threads: all of them for large products, one for the others.

A BLAS library splits even small products among threads, whose waiting for each other costs more than it
gains and, where other programs run, many times more. So one thread is the rule, and whoever is about to
compute a large product enters `threads_for(work)`. The command starts NumPy with one thread, which is
quicker; threadpoolctl is loaded for the first product that gains from a second.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np

from .. import native
from .memory import pool

MARK = "TCLI_RAISE_THREADS"  # set by the command when it held the number down at the start
SPLIT = 1 << 18  # multiplications from which a library uses threads
LARGE = 1 << 24  # multiplications from which a second thread gains something
PART = 256  # rows of a part that hide what packing the other matrix takes
MODEST = 1 << 22  # multiplications that are worth a second of the kernels' threads; sixteen times as many are left to BLAS

_wide = [MARK not in os.environ]  # whether BLAS has more than one thread now
_libraries: list = []


class _Any:
    """For products that no library splits."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_exc: object) -> None:
        pass


class _Few:
    """One thread, which is how things are between large products."""

    def __enter__(self) -> None:
        narrow()

    def __exit__(self, *_exc: object) -> None:
        pass


class _All:
    """Every thread while this is entered."""

    def __enter__(self) -> None:
        _switch(True)

    def __exit__(self, *_exc: object) -> None:
        _switch(False)


one_thread, _all, _any = _Few(), _All(), _Any()


def threads_for(work: int) -> _Any | _Few | _All:
    """What to enter for a product of `work` multiplications: `with threads_for(m * k * n): ...`."""
    return _any if work < SPLIT else _all if work >= LARGE else one_thread


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b of a matrix or vector and a matrix, of one dtype; of modest ones some rows for each of the kernels' threads, which
    need not wait for those of BLAS."""
    rows, (width, n) = len(a), b.shape
    parts = min(8, rows // PART)
    if parts > 1 and a.ndim == 2 and not rows % parts and a.dtype.char in "fd" and MODEST <= a.size * n < 16 * MODEST \
            and tell_kernels():
        narrow()
        out = pool.empty((rows, n), a.dtype)
        stacks = a.reshape(parts, -1, width), np.broadcast_to(b, (parts, width, n)), out.reshape(parts, -1, n)
        if native.multiply_stacks(*stacks):
            return out
    with threads_for(a.size * n):
        return np.matmul(a, b)


@cache
def tell_kernels() -> bool:
    """Hands the matrix products of NumPy's library to the compiled kernels; says whether they have them."""
    if native.kernels is None:
        return False
    import ctypes

    try:
        from numpy._core import _multiarray_umath

        library = ctypes.CDLL(_multiarray_umath.__file__)
        found = [ctypes.cast(getattr(library, f"scipy_cblas_{letter}gemm64_"), ctypes.c_void_p).value for letter in "sd"]
    except (ImportError, OSError, AttributeError):  # another BLAS library
        return False
    return bool(native.set_blas(*found))


def narrow() -> None:
    """One thread from here on, until the next large product."""
    if _wide[0]:
        _switch(False)


def settled() -> None:
    """Called when a program has set the number of threads, the library's included."""
    _wide[0] = True


def _switch(wide: bool) -> None:
    from .threads import get_num_threads

    if not _libraries:
        from threadpoolctl import ThreadpoolController

        _libraries.extend(c for c in ThreadpoolController().lib_controllers if c.user_api == "blas")
    count = get_num_threads() if wide else 1
    for library in _libraries:
        library.set_num_threads(count)
        if count > 1 and native.kernels is not None:
            native.place_blas(_placing(library), count)
    _wide[0] = wide


@cache
def _placing(library: object) -> int:
    """The address of the function of OpenBLAS that says where its threads run; 0 where there is none."""
    import ctypes

    function = getattr(library.dynlib, "openblas_setaffinity", None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function is not None else 0
