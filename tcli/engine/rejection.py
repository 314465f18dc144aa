"""Samplers that draw, test and draw again, as PyTorch does on a CPU: Poisson, gamma, binomial, truncated.

How many words an element takes depends on what it draws, so elements go one after another in row-major
order. `_Doubles` fetches uniforms in bulk and, at the end, leaves the generator exactly behind the last
one used. Parameters are arrays; results have their shape and dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..errors import BadValue, DTypeError, EngineError
from . import dtypes
from .args import broadcast_shapes
from .random import Generator
from .samplers import cast, doubles, missing, normal, of, uniform


class _Doubles:
    """Inside `with`, a call gives the next float64 uniform of a generator."""

    def __init__(self, generator: Generator):
        self._generator, self._start = generator, generator.state_bytes()
        self._ready: list[float] = []
        self._position = self._used = 0
        self._size = 32

    def __call__(self) -> float:
        if self._position == len(self._ready):
            self._used += self._position
            self._size = min(4 * self._size, 1 << 16)
            self._ready, self._position = doubles(self._generator, self._size).tolist(), 0
        self._position += 1
        return self._ready[self._position - 1]

    def __enter__(self) -> _Doubles:
        return self

    def __exit__(self, *failure) -> None:
        # The cached normal may have changed meanwhile and stays; the words go back to where we stopped.
        normal = self._generator.next_normal
        self._generator.set_state(self._start)
        self._generator.next_normal = normal
        self._generator.words(2 * (self._used + self._position))


# Truncated normal.

def trunc_normal(generator: Generator | None, shape, dtype: np.dtype, mean: float = 0.0, std: float = 1.0,
                 low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """`nn.init.trunc_normal_(tensor, mean, std, low, high)`, without its warning."""
    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if below(high) - below(low) <= 0.3:
        return _trunc_normal_rare(generator, shape, dtype, mean, std, low, high)
    found = normal(generator, shape, dtype, mean, std)
    low, high = float(dtype.type(low)), float(dtype.type(high))
    while (outside := (found < low) | (found > high)).any():
        np.copyto(found, normal(generator, shape, dtype, mean, std), where=outside)
    return found


def _trunc_normal_rare(generator: Generator | None, shape, dtype: np.dtype, mean: float, std: float,
                       low: float, high: float) -> np.ndarray:
    """Uniform candidates, taken with the density's odds: for intervals that normals seldom hit."""
    scalar = dtype.type
    peak = -0.5 * ((max(low, min(mean, high)) - mean) / std) ** 2

    def refused(candidates: np.ndarray) -> np.ndarray:
        log_density = ((candidates - scalar(mean)) / scalar(std)) ** 2 * scalar(-0.5) - scalar(peak)
        with np.errstate(divide="ignore"):
            return np.log(uniform(generator, shape, dtype)) > log_density

    found = uniform(generator, shape, dtype, low, high)
    pending = refused(found)
    while pending.any():
        candidates = uniform(generator, shape, dtype, low, high)
        np.copyto(found, candidates, where=pending)
        pending &= refused(candidates)
    return found


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf if x == 0.0 else math.nan


# Poisson.

def poisson(generator: Generator | None, rate: np.ndarray) -> np.ndarray:
    """`torch.poisson(rate)`."""
    if rate.dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise missing("poisson_cpu", rate.dtype)
    if not (rate >= 0).all():
        raise EngineError("invalid Poisson rate, expected rate to be non-negative")
    with _Doubles(of(generator)) as u:
        found = [_poisson_small(x, u) if x < 10.0 else _poisson_large(x, u)
                 for x in rate.astype(np.float64).ravel().tolist()]
    return cast(np.array(found, np.float64), rate.dtype).reshape(rate.shape)


def _poisson_small(rate: float, u: Callable[[], float]) -> int:
    """Uniforms are multiplied until the product falls below exp(-rate)."""
    if rate == 0.0:
        return 0
    limit, product, count = math.exp(-rate), 1.0, 0
    while True:
        product *= u()
        if product <= limit:
            return count
        count += 1


def _poisson_large(rate: float, u: Callable[[], float]) -> float:
    """Transformed rejection (Hoermann 1993, "The transformed rejection method for Poisson variables")."""
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    v_limit = 0.9277 - 3.6224 / (b - 2)
    while True:
        x, v = u() - 0.5, u()
        edge = 0.5 - abs(x)
        k = math.floor((2 * a / edge + b) * x + rate + 0.43) if edge else -1
        if edge >= 0.07 and v <= v_limit:
            return k
        if k < 0 or (edge < 0.013 and v > edge):
            continue
        if (_log(v) + log_inverse_alpha - math.log(a / (edge * edge) + b)
                <= -rate + k * log_rate - _log_factorial(k)):
            return k


# Minimax coefficients of fdlibm for Stirling's series of log gamma, from 1/2 log(2 pi) - 1/2 on. The C
# library's digits matter: at rates of 1e9 and more the terms cancel to the last bits of each.
_STIRLING = (4.18938533204672725052e-01, 8.33333333333329678849e-02, -2.77777777728775536470e-03,
             7.93650558643019558500e-04, -5.95187557450339963135e-04, 8.36339918996282139126e-04,
             -1.63092934096575273989e-03)


def _log_factorial(k: int) -> float:
    if k < 7:
        return math.log(math.factorial(k))
    x = k + 1.0
    log_x = math.log(x)
    if x >= 2.0**58:
        return x * (log_x - 1.0)
    z = 1.0 / x
    series, square = 0.0, z * z
    for c in reversed(_STIRLING[1:]):
        series = series * square + c
    return (x - 0.5) * (log_x - 1.0) + (_STIRLING[0] + z * series)


# Gamma.

def standard_gamma(generator: Generator | None, alpha: np.ndarray) -> np.ndarray:
    """`torch._standard_gamma(alpha)`: never below the smallest normal number."""
    if alpha.dtype not in (np.float32, np.float64):
        raise missing("gamma_cpu", alpha.dtype)
    found = _gammas(of(generator), alpha).astype(alpha.dtype)
    return np.maximum(found, np.finfo(alpha.dtype).tiny).reshape(alpha.shape)


def _gammas(generator: Generator, alpha: np.ndarray) -> np.ndarray:
    """float64 samples, by the method of Marsaglia and Tsang (2000); constants round as float32 does."""
    third, one = np.float32(1.0) / np.float32(3.0), alpha.dtype.type(1.0)
    small = alpha < one
    with np.errstate(divide="ignore", invalid="ignore"):
        d = ((alpha + small.astype(alpha.dtype)) - third).astype(np.float64)
        power = (one / alpha).astype(np.float64)
        c = 1.0 / np.sqrt(9.0 * d)
    found = []
    with _Doubles(generator) as u:
        for values in zip(alpha.ravel().tolist(), small.ravel().tolist(), power.ravel().tolist(),
                          d.ravel().tolist(), c.ravel().tolist(), strict=True):
            found.append(_gamma(generator, u, *values))
    return np.array(found, np.float64)


_SQUEEZE = float(np.float32(0.0331))


def _gamma(generator: Generator, u: Callable[[], float], alpha: float, small: bool, power: float, d: float,
           c: float) -> float:
    if math.isnan(c):
        return math.nan
    if alpha == 0.0:
        return 0.0
    scale = (1.0 - u()) ** power if small else 1.0
    while True:
        x = _normal(generator, u)
        y = 1.0 + c * x
        if y <= 0:
            continue
        v = y * y * y
        w = 1.0 - u()
        xx = x * x
        if w < 1.0 - _SQUEEZE * xx * xx or _log(w) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def _normal(generator: Generator, u: Callable[[], float]) -> float:
    cached = generator.next_normal
    if cached is not None:
        generator.next_normal = None
        return cached
    theta = 2.0 * math.pi * u()
    radius = math.sqrt(-2.0 * math.log1p(-u()))
    generator.next_normal = radius * math.sin(theta)
    return radius * math.cos(theta)


def dirichlet(generator: Generator | None, alpha: np.ndarray) -> np.ndarray:
    """`torch._sample_dirichlet(alpha)`: rows that sum to 1, from gammas in float64."""
    if alpha.dtype not in (np.float32, np.float64):
        raise missing("dirichlet", alpha.dtype)
    gammas = _gammas(of(generator), alpha.astype(np.float64)).reshape(alpha.shape)
    gammas = np.maximum(gammas, np.finfo(np.float64).tiny)
    parts = (gammas / gammas.sum(-1, keepdims=True)).astype(alpha.dtype)
    one = alpha.dtype.type(1.0)
    return np.clip(parts, np.finfo(alpha.dtype).tiny, np.nextafter(one, alpha.dtype.type(0.0)))


# Binomial.

def binomial(generator: Generator | None, count: np.ndarray, prob: np.ndarray) -> np.ndarray:
    """`torch.binomial(count, prob)`: float arrays of one dtype, of shapes that broadcast."""
    for name, array in (("count", count), ("prob", prob)):
        if array.dtype.kind in "biu":
            kind = {"bool": "Bool", "int64": "Long", "int32": "Int"}.get(array.dtype.name, array.dtype.name)
            raise BadValue(f"binomial only supports floating-point dtypes for {name}, got: {kind}")
    if count.dtype not in (np.float32, np.float64):
        raise missing("binomial_cpu", count.dtype)
    if prob.dtype != count.dtype:
        found, expected = (dtypes.scalar_name(dtypes.of_numpy(a.dtype)) for a in (prob, count))
        raise DTypeError(f"Found dtype {found} but expected {expected}")
    broadcast_shapes(count.shape, prob.shape)
    count, prob = np.broadcast_arrays(count, prob)
    scalar = count.dtype.type
    with _Doubles(of(generator)) as u, np.errstate(all="ignore"):
        found = [_binomial(n, p, u, scalar) for n, p in zip(count.ravel(), prob.ravel(), strict=True)]
    return np.array(found, count.dtype).reshape(count.shape)


def _binomial(n, p, u: Callable[[], float], scalar: type):
    """`n` and `p` stay scalars of the array's dtype: their products round as in PyTorch."""
    if n <= 0 or p <= 0:
        return scalar(0)
    if p >= 1:
        return n
    if np.isnan(n) or np.isnan(p):
        return scalar(np.nan)
    flipped = p > 0.5
    q = scalar(1.0 - float(p)) if flipped else p
    k = _binomial_rejected(n, q, u) if n * q >= 10.0 else _binomial_inverted(n, q, u)
    return n - scalar(k) if flipped else scalar(k)


def _binomial_inverted(n, p, u: Callable[[], float]) -> int:
    """Counts the successes whose waiting times, each geometric, fit into n trials."""
    log_failure, trials, found, n = float(np.log1p(-p)), 0.0, 0, float(n)
    while True:
        log_u = _log(u())
        trials += math.ceil(log_u / log_failure) if log_u > -math.inf else math.inf
        if trials > n:
            return found
        found += 1


def _binomial_rejected(n, p, u: Callable[[], float]) -> float:
    """Hoermann's BTRS (1993, "The generation of binomial random variates")."""
    one = type(n)(1)
    spread = float(np.sqrt(n * p * (one - p)))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    c = float(n * p) + 0.5
    v_limit = 0.92 - 4.2 / b
    odds = float(p / (one - p))
    alpha = (2.83 + 5.1 / b) * spread
    mode = float(np.floor((n + one) * p))
    total, scalar = float(n), type(n)
    while True:
        x, v = u() - 0.5, u()
        edge = 0.5 - abs(x)
        if not edge:
            continue
        k = float(scalar(math.floor((2 * a / edge + b) * x + c)))
        if k < 0 or k > total:
            continue
        if edge >= 0.07 and v <= v_limit:
            return k
        rest = float(n - scalar(k) + one)
        bound = ((mode + 0.5) * math.log((mode + 1) / (odds * (total - mode + 1)))
                 + float(n + one) * math.log((total - mode + 1) / rest)
                 + (k + 0.5) * math.log(odds * rest / float(scalar(k) + one))
                 + _tail(mode) + _tail(total - mode) - _tail(k) - _tail(float(n - scalar(k))))
        if _log(v * alpha / (a / (edge * edge) + b)) <= bound:
            return k


_TAILS = (0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
          0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
          0.00925546218271273, 0.00833056343336287)


def _tail(k: float) -> float:
    """What Stirling's approximation leaves out of log(k!)."""
    if k < len(_TAILS):
        return _TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)
