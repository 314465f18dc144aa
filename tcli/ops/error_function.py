"""erf for float32 in NumPy alone, so that gelu needs neither SciPy nor its import time.

On [-3.92, 3.92], beyond which float32 has only +-1, erf(x) / x is a quotient of polynomials in x^2 fitted
to float64 values (relative error 5e-8; in float32 arithmetic 4e-7). Blocks that fit the cache keep the
twenty passes over each of them cheap.
"""

import numpy as np

from ..engine.symbols import symbols
from .arrays import CLIP, special

LIMIT = np.float32(3.92)
BLOCK = 16384
NUMERATOR = tuple(map(np.float32, (
    1.992441736e-08, -1.957815366e-06, 1.418445916e-04, 3.701363846e-03, 5.057255113e-02, 1.999187574e-01,
    1.128379109)))
DENOMINATOR = tuple(map(np.float32, (9.559796185e-04, 1.435270522e-02, 1.149960169e-01, 5.105050420e-01, 1.0)))


def _polynomial(coefficients, t):
    p = t * coefficients[0]
    for c in coefficients[1:-1]:
        p += c
        p *= t
    p += coefficients[-1]
    return p


def _fraction(x, *out):
    x = CLIP(x, -LIMIT, LIMIT)
    t = x * x
    p = _polynomial(NUMERATOR, t)
    p /= _polynomial(DENOMINATOR, t)
    p *= x
    return CLIP(p, np.float32(-1), np.float32(1), *out)


def erf(xp, x):
    """The error function of an array."""
    if xp is symbols and x.dtype == np.float32:
        return _fraction(x)
    if xp is not np or x.dtype != np.float32:
        return xp.asarray(special(xp).erf(x))
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty(flat.shape, flat.dtype)
    for start in range(0, flat.size, BLOCK):
        _fraction(flat[start:start + BLOCK], out[start:start + BLOCK])
    return out.reshape(x.shape)
