"""float32 to float16 and bfloat16 and back on whole blocks: NumPy converts half precision one number at a time.

Without compiled kernels numbers that float16 holds with full precision need only integer arithmetic on their bits. What is
smaller, larger, infinite or nan is left to NumPy, and so is bfloat16.
"""

from __future__ import annotations

import numpy as np

from .. import native
from .memory import pool

_FEW, _FEWEST = 1 << 6, 1 << 10  # elements from which a kernel is quicker than NumPy, and without kernels
_PIECE = 1 << 16  # elements that are converted at once: all passes over them find them in the nearest cache
_HALF, _SINGLE = np.dtype(np.float16), np.dtype(np.float32)
_BFLOAT = "E"  # the character of its dtype
_NARROW = ("e", _BFLOAT)
_SMALLEST, _TOO_LARGE = 0x38800000, 0x477FF000  # 2**-14, and 65520, which rounds to infinity
_BIAS = (15 - 127) << 23  # from the exponent of one to that of the other


def _u32(value: int) -> np.ndarray:
    return np.asarray(value & 0xFFFFFFFF, np.uint32)


_ONE, _MAGNITUDE, _SHIFT, _TOP = _u32(1), _u32(0x7FFFFFFF), _u32(13), _u32(16)
_ROUND, _LOW, _SPAN = _u32(0xFFF + _BIAS), _u32(_SMALLEST), _u32(_TOO_LARGE - _SMALLEST)
_SIGN, _FIELDS, _INFINITE = _u32(0x8000), _u32(0x7FFF << 13), _u32(0x7C00 << 13)
_SCALE = np.asarray(2.0 ** (127 - 15), np.float32)


def nearest(value, target: np.dtype):
    """A number rounded to half precision, which is what an operator of halves takes it for."""
    if type(value) is bool or type(value) is int and -256 <= value <= 256:
        return value
    with np.errstate(over="ignore"):
        return float(np.asarray(value).astype(target))


def as_number(t):
    """A tensor without dims as the number that it is, where its gradient is not wanted; None where it is something else."""
    a = t._a
    if type(a) is not np.ndarray or a.ndim or t._rg or a.dtype.kind != "f":
        return None
    return float(a)


def is_quick(a: np.dtype, b: np.dtype) -> bool:
    """Whether `cast` from one dtype to the other is more than NumPy's."""
    return native.kernels is not None and (a.char in _NARROW and (b == _SINGLE or b.kind in "iu")
                                           or b.char in _NARROW and (a == _SINGLE or a.kind in "iub"))


def cast(a, dtype: np.dtype):
    """`a.astype(dtype)`, as PyTorch has it: from and to floats of 16 bits by way of float32, which is quicker, and in rows
    where elements of `a` share memory."""
    if type(a) is not np.ndarray:
        return a.astype(dtype)
    if not a.flags.c_contiguous:
        return a.astype(dtype, order="C" if 0 in a.strides else "K")
    if a.size < _FEW or not is_quick(a.dtype, dtype):
        return a.astype(dtype)
    if dtype.kind in "iu":
        return cast(a, _SINGLE).astype(dtype)
    if a.dtype.kind in "iub":
        a = a.astype(_SINGLE)
    out = pool.empty(a.shape, dtype)
    return out if convert_at_once(a, out) else a.astype(dtype)


def _bits(a: np.ndarray) -> np.ndarray:
    return a.view(np.uint16) if a.dtype.char == _BFLOAT else a


def convert_at_once(a: np.ndarray, out: np.ndarray) -> bool:
    """Writes `a` to `out` by a kernel on all threads, where one is float32 and the other has 16 bits; else False."""
    return a.dtype.kind != "u" != out.dtype.kind and native.convert_half(_bits(a), _bits(out))


def convert(a: np.ndarray, out: np.ndarray) -> bool:
    """Writes `a` to `out` where one is float32 and the other float16; False where nothing was done."""
    if convert_at_once(a, out):
        return True
    if a.size < _FEWEST or not a.flags.c_contiguous or not out.flags.c_contiguous or a.shape != out.shape:
        return False
    if a.dtype == _SINGLE and out.dtype == _HALF:
        way = _narrow
    elif a.dtype == _HALF and out.dtype == _SINGLE:
        way = _widen
    else:
        return False
    a, out, (t, u) = a.reshape(-1), out.reshape(-1), np.empty((2, _PIECE), np.uint32)
    for start in range(0, a.size, _PIECE):
        part = a[start:start + _PIECE]
        way(part, out[start:start + _PIECE], t[:part.size], u[:part.size])
    return True


def _narrow(a: np.ndarray, out: np.ndarray, t: np.ndarray, u: np.ndarray) -> None:
    bits = a.view(np.uint32)
    np.bitwise_and(bits, _MAGNITUDE, t)
    t -= _LOW
    rest = np.flatnonzero(t >= _SPAN)
    if rest.size * 4 > a.size:
        np.copyto(out, a, "unsafe")
        return
    # To nearest, a tie to even: half a unit less one is added, and the last bit that stays.
    np.right_shift(bits, _SHIFT, t)
    t &= _ONE
    t += bits
    t += _ROUND
    t >>= _SHIFT
    np.right_shift(bits, _TOP, u)
    u &= _SIGN
    t |= u
    np.copyto(out.view(np.uint16), t, "unsafe")
    if rest.size:
        out[rest] = a[rest].astype(_HALF)


def _widen(a: np.ndarray, out: np.ndarray, t: np.ndarray, u: np.ndarray) -> None:
    bits, found = a.view(np.uint16), out.view(np.uint32)
    np.copyto(t, bits)
    np.bitwise_and(t, _SIGN, u)
    u <<= _TOP
    t <<= _SHIFT
    np.bitwise_and(t, _FIELDS, found)
    out *= _SCALE  # exact, and right for numbers below the smallest normal one
    found |= u
    t &= _INFINITE
    rest = np.flatnonzero(t == _INFINITE)
    if rest.size:
        out[rest] = a[rest].astype(_SINGLE)
