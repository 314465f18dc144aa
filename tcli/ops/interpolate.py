"""interpolate: images and sequences resized.

Every mode is separable. Along one dim the result is a few taps (places and weights) of the input:
1 for nearest, 2 for linear, 4 for cubic, more with antialias. A compiled kernel takes them as they are, and those of the
adjoint; where numbers are only repeated, the kernels of mean pooling do it. Without kernels small dims use the matrix of the
taps, large ones gather them; the adjoint is the transposed matrix or the scatter.
"""

import math
from functools import lru_cache

import numpy as np

from .. import native
from ..engine.memory import pool
from ..engine.registry import T, composite, op
from ..errors import BadValue, EngineError, Unsupported
from .arrays import refuse
from .pool_adaptive import along

DENSE = 256  # up to this many places a matrix product beats gathering


def _scale(n: int, m: int, align: bool, factor) -> float:
    """Input places per output place."""
    if align:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return 1.0 / factor if factor else n / m


def _nearest(n: int, m: int, factor, exact: bool):
    # PyTorch works these out in float32, and its roundings decide between neighbours.
    scale = np.float32(1.0 / factor) if factor else np.float32(n) / np.float32(m)
    at = np.arange(m, dtype=np.float32)
    at = np.floor((at + np.float32(0.5)) * scale if exact else at * scale)
    return np.minimum(at.astype(np.int64), n - 1)[:, None], np.ones((m, 1))


def _linear(n: int, m: int, align: bool, factor):
    scale = _scale(n, m, align, factor)
    at = np.arange(m) * scale if align else np.maximum((np.arange(m) + 0.5) * scale - 0.5, 0)
    low = np.minimum(at.astype(np.int64), n - 1)
    t = np.clip(at - low, 0, 1)
    high = low if n == m else np.minimum(low + 1, n - 1)  # a dim that is not resized does not see its neighbours
    return np.stack((low, high), 1), np.stack((1 - t, t), 1)


def _cubic_weight(d, a: float):
    """The cubic convolution kernel at distance d (Keys 1981)."""
    d = np.abs(d)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _cubic(n: int, m: int, align: bool, factor):
    scale = _scale(n, m, align, factor)
    at = np.arange(m) * scale if align else (np.arange(m) + 0.5) * scale - 0.5
    places = np.floor(at).astype(np.int64)[:, None] + np.arange(-1, 3)
    return np.clip(places, 0, n - 1), _cubic_weight(at[:, None] - places, -0.75)


def _lanczos_weight(d):
    """sinc(d) sinc(d / 3) inside three places."""
    return np.where(np.abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0.0)


# For each mode how far its filter reaches, and the filter.
_FILTERS = {"bilinear": (1, lambda d: np.maximum(1 - np.abs(d), 0)), "bicubic": (2, lambda d: _cubic_weight(d, -0.5)),
            "lanczos": (3, _lanczos_weight)}


def _antialiased(n: int, m: int, align: bool, factor, mode: str):
    """Taps of a filter that widens with the reduction, so that no input is skipped."""
    scale = _scale(n, m, align, factor)
    stretch = max(scale, 1.0)
    reach, weight = _FILTERS[mode]
    support = reach * stretch
    centre = (np.arange(m) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), n)
    places = first[:, None] + np.arange(int((last - first).max(initial=1)))
    w = np.where(places < last[:, None], weight((places - centre[:, None] + 0.5) / stretch), 0.0)
    return np.where(places < last[:, None], places, first[:, None]), w / w.sum(1, keepdims=True)


def taps(mode: str, n: int, m: int, align: bool, factor, antialias: bool):
    """(places (m, k), weights (m, k)) of each output place along one dim."""
    if mode in ("nearest", "nearest-exact"):
        return _nearest(n, m, factor, mode == "nearest-exact")
    if antialias:
        return _antialiased(n, m, align, factor, mode)
    return _cubic(n, m, align, factor) if mode == "bicubic" else _linear(n, m, align, factor)


def _matrix(places, weights, n: int, dtype) -> tuple:
    """(the matrix (m, n) of the taps, which of its entries are taps)."""
    matrix, used = np.zeros((len(places), n)), np.zeros((len(places), n), bool)
    at = np.arange(len(places))[:, None], places
    np.add.at(matrix, at, weights)
    used[at] = True
    return matrix.astype(dtype), used


@lru_cache(128)
def _by_taps(n: int, m: int, how: tuple, back: bool, dtype):
    """The taps of one dim as `native.resample` takes them, with `back` those of the adjoint; place -1 where there are fewer."""
    places, weights = taps(how[0], n, m, *how[1:])
    k = places.shape[1]
    if how[-1]:  # behind the last tap of a window stands its first place once more
        places = np.where((np.arange(k) > 0) & (places == places[:, :1]), -1, places)
    if back:
        flat = places.reshape(-1)
        order = np.argsort(flat, kind="stable")
        order = order[flat[order] >= 0]
        counts = np.bincount(flat[order], minlength=n)
        rows = np.repeat(np.arange(n), counts)
        column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = n, max(int(counts.max()), 1)
        places, factors = np.full(shape, -1), np.zeros(shape)
        places[rows, column], factors[rows, column] = order // k, weights.reshape(-1)[order]
        weights = factors
    return np.ascontiguousarray(places.T, np.int32), np.ascontiguousarray(weights.T, dtype)


def _compiled(x, dims: list, mode: str, align: bool, factors: tuple, antialias: bool, back: bool = False):
    """x resized along (dim, size) by the kernel, or with `back` its adjoint; None where it does not take x."""
    if x.dtype.char not in "fd" or not x.size or native.kernels is None:
        return None
    x, last = np.ascontiguousarray(x), x.ndim - 1
    # The last dim, whose numbers are gathered one by one, while there are fewest rows.
    for d, m in sorted(dims, key=lambda dim: 1 if dim[0] == last else 0 if dim[1] <= x.shape[dim[0]] else 2):
        n = x.shape[d]
        known = _by_taps(*((m, n) if back else (n, m)), (mode, align, factors[d - 2], antialias), back, x.dtype)
        y = pool.empty((*x.shape[:d], m, *x.shape[d + 1:]), x.dtype)
        if not native.resample(y, x, d, *known):
            return None
        x = y
    return x


def _resized(xp, x, axis: int, places, weights):
    n, m = x.shape[axis], len(places)
    if places.shape[1] == 1:
        return xp.take(x, xp.asarray(places[:, 0]), axis)
    if max(n, m) <= DENSE or places.shape[1] > 4:
        matrix, used = _matrix(places, weights, n, x.dtype)
        return along(xp, x, matrix, axis, used)
    shape = (m, *(1,) * (x.ndim - 1 - axis))
    y = None
    for j in range(places.shape[1]):
        part = xp.take(x, places[:, j], axis)
        part *= weights[:, j].astype(x.dtype).reshape(shape)
        y = part if y is None else xp.add(y, part, out=y)
    return y


def _unresized(xp, g, axis: int, n: int, places, weights):
    """The adjoint of `_resized`."""
    if max(n, len(places)) <= DENSE or places.shape[1] > 4:
        matrix, used = _matrix(places, weights, n, g.dtype)
        return along(xp, g, np.ascontiguousarray(matrix.T), axis, used.T)
    g = xp.ascontiguousarray(xp.moveaxis(g, axis, 0))
    out = xp.zeros((n, *g.shape[1:]), g.dtype)
    for j in range(places.shape[1]):
        for i, (place, w) in enumerate(zip(places[:, j].tolist(), weights[:, j].tolist(), strict=True)):
            out[place] += g[i] if w == 1 else g[i] * g.dtype.type(w)
    return xp.ascontiguousarray(xp.moveaxis(out, 0, axis))


def _repeats(mode: str, spatial, size, factors) -> tuple | None:
    """How often each number comes along each dim where a mode does nothing but repeat them; else None."""
    if mode not in ("nearest", "nearest-exact") or not all(n and m and m % n == 0 for n, m in zip(spatial, size, strict=True)):
        return None
    times = tuple(m // n for n, m in zip(spatial, size, strict=True))
    for n, m, k, factor in zip(spatial, size, times, factors, strict=True):
        if not np.array_equal(_nearest(n, m, factor, mode == "nearest-exact")[0][:, 0], np.arange(m) // k):
            return None
    return times


def _windows(times: tuple) -> tuple:
    """The windows of a pool that adds up repeated numbers, as `native.mean_pool` takes them."""
    return times, times, ((0, 0),) * len(times), False, 1.0


_WORDS = {"nearest": "Nearest", "nearest-exact": "NearestExact", "linear": "Linear", "bilinear": "Bilinear",
          "bicubic": "Bicubic", "trilinear": "Trilinear", "lanczos": "Lanczos"}


def _name(x, mode: str, size, align, factors, antialias) -> str:
    return f"Upsample{_WORDS[mode]}{len(size)}D{'Aa' if antialias else ''}Backward0"


@op("_upsample", rows="format", at="", grad_name=_name, samples=["r(1, 2, 3, 4), 'bilinear', (5, 3), False, (None, "
                                                                 "None), False"],
    vjp={"x": lambda k, g, x_shape, mode, size, align, factors, antialias:
         k._upsample_back(g, mode, x_shape[2:], align, factors, antialias)})
def _upsample(xp, x, mode: "any", size: "any", align: "any", factors: "any", antialias: "any"):
    if x.dtype.kind in "iu" and not mode.startswith("nearest"):
        return _resized_bytes(xp, x, mode, size, align, factors, antialias)
    times = _repeats(mode, x.shape[2:], size, factors) if xp is np else None
    if times:
        y = pool.empty((*x.shape[:2], *size), x.dtype)
        if native.mean_pool_back(y, np.ascontiguousarray(x), *_windows(times)):
            return y
    if xp is np and not mode.startswith("nearest"):
        y = _compiled(x, list(enumerate(size, 2)), mode, align, factors, antialias)
        if y is not None:
            return y
    dims = list(enumerate(zip(size, factors, strict=True), 2))
    # Whole rows are copied quicker than single values: those come first, while there are few.
    for d, (m, factor) in reversed(dims) if mode.startswith("nearest") else dims:
        places, weights = taps(mode, x.shape[d], m, align, factor, antialias)
        x = _resized(xp, x, d, places, weights)
    return xp.ascontiguousarray(x)


def _resized_bytes(xp, x, mode, size, align, factors, antialias):
    """Images of bytes, as PyTorch resizes them: fixed-point weights, one rounding per dim, the last dim first."""
    info = np.iinfo(x.dtype)
    for d in range(len(size) + 1, 1, -1):
        places, weights = taps(mode, x.shape[d], size[d - 2], align, factors[d - 2], antialias)
        unmoved = len(places) == x.shape[d] and (places[:, 0] == np.arange(len(places))).all()
        if unmoved and (weights[:, 0] == 1).all():
            continue
        bits = 0
        while bits < 22 and int(0.5 + weights.max() * (1 << (bits + 1))) < 1 << 15:
            bits += 1
        fixed = np.floor(weights * (1 << bits) + 0.5)
        y = _resized(xp, x.astype(np.float64), d, places, fixed)
        x = xp.clip(xp.floor((y + (1 << bits >> 1)) / (1 << bits)), info.min, info.max).astype(x.dtype)
    return xp.ascontiguousarray(x)


@op("_upsample_back", at="", grad_name="UpsampleBackwardBackward0",
    samples=["r(1, 2, 5, 3), 'bilinear', (3, 4), False, (None, None), False"],
    vjp={"g": lambda k, h, g_shape, mode, align, factors, antialias:
         k._upsample(h, mode, g_shape[2:], align, factors, antialias)})
def _upsample_back(xp, g, mode: "any", spatial: "any", align: "any", factors: "any", antialias: "any"):
    times = _repeats(mode, spatial, g.shape[2:], factors) if xp is np else None
    if times:
        x = pool.empty((*g.shape[:2], *spatial), g.dtype)
        if native.mean_pool(x, np.ascontiguousarray(g), *_windows(times)):
            return x
    x = _compiled(g, list(enumerate(spatial, 2)), mode, align, factors, antialias, True) if xp is np else None
    if x is not None:
        return x
    for d, (n, factor) in enumerate(zip(spatial, factors, strict=True), 2):
        places, weights = taps(mode, n, g.shape[d], align, factor, antialias)
        g = _unresized(xp, g, d, n, places, weights)
    return g


# ---------------------------------------------------------------- arguments

_DIMS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5, "lanczos": 4}


def _sizes(x, size, factor, recompute):
    """(output size, factor per dim or Nones)."""
    n = x._a.ndim - 2
    spatial = x._a.shape[2:]
    if size is not None and factor is not None:
        raise BadValue("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise BadValue("recompute_scale_factor is not meaningful with an explicit size.")
        size = _per_dim(size, n, "size", x)
        return tuple(int(s) for s in size), (None,) * n
    if factor is None:
        raise BadValue("either size or scale_factor should be defined")
    factors = tuple(float(f) for f in _per_dim(factor, n, "scale_factor", x))
    size = tuple(math.floor(m * f) for m, f in zip(spatial, factors, strict=True))
    return size, (None,) * n if recompute else factors


def _per_dim(value, n: int, name: str, x) -> tuple:
    if hasattr(value, "_a"):
        value = value.tolist()
    if not isinstance(value, (tuple, list)):
        return (value,) * n
    if len(value) != n:
        found, form = ("output size", "output size in (o1, o2, ...,oK)") if name == "size" else \
            ("scale_factor", "scale_factor in (s1, s2, ...,sK)")
        word = "output" if name == "size" else name
        shown = value if name == "size" else f"shape {value}"
        raise BadValue(f"Input and {word} must have the same number of spatial dimensions, but got input with "
                       f"spatial dimensions of {list(x._a.shape[2:])} and {found} of {shown}. Please provide input "
                       f"tensor in (N, C, d1, d2, ...,dK) format and {form} format.")
    return tuple(value)


def _check_mode(x, mode: str, align, antialias: bool) -> None:
    ndim = x._a.ndim
    if mode in ("nearest", "area", "nearest-exact"):
        if align is not None:
            raise BadValue("align_corners option can only be set with the interpolating modes: linear | bilinear | "
                           "bicubic | trilinear")
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and ndim == 4):
        raise BadValue("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D "
                       "tensor as input")
    known = mode in _DIMS or mode in ("nearest", "area", "nearest-exact")
    if known and mode in _DIMS and ndim in (3, 4, 5) and _DIMS[mode] != ndim and mode not in ("bicubic", "lanczos"):
        raise Unsupported(f"Got {ndim}D input, but {mode} mode needs {_DIMS[mode]}D input")
    if not known or ndim not in (3, 4, 5) or mode in _DIMS and _DIMS[mode] != ndim:
        raise Unsupported(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: "
                          "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got "
                          f"{mode})")
    if mode == "lanczos" and (align or not antialias):
        raise BadValue("Lanczos mode does not support align_corners=True" if align else
                       "Lanczos mode requires antialias=True")


def _dims(sizes) -> str:
    return " ".join(f"{letter}: {n}" for letter, n in zip("DHW"[-len(sizes):], sizes, strict=True))


def resize(x, size, factor, mode: str, align, recompute, antialias: bool):
    if x._a.ndim < 3 and any(isinstance(given, (list, tuple)) for given in (size, factor)):
        _sizes(x, size, factor, recompute)  # which says how many numbers it misses
    _check_mode(x, mode, align, antialias)
    size, factors = _sizes(x, size, factor, recompute)
    if any(m <= 0 for m in (*size, *x._a.shape[2:])):
        raise EngineError(f"Input and output sizes should be greater than 0, but got input ({_dims(x._a.shape[2:])}) "
                          f"and output ({_dims(size)})")
    refuse(x._a, "bic", "adaptive_avg_pool2d" if mode == "area" else "compute_indices_weights_" + mode)
    if mode == "area":
        return T._adaptive_avg(x, size)
    return T._upsample(x, mode, size, bool(align), factors, antialias)


@composite("interpolate", at="F",
           samples=["r(1, 2, 4), size=7", "r(1, 2, 3, 4), scale_factor=2.0", "r(1, 2, 3, 4), (5, 3), mode='bilinear'",
                    "r(1, 2, 3, 4), (5, 3), mode='bicubic', align_corners=True",
                    "r(1, 1, 2, 3, 2), 3, mode='trilinear'",
                    "r(1, 2, 4), size=7, mode='linear', align_corners=True", "r(1, 2, 5, 6), (2, 3), mode='area'",
                    "r(1, 1, 5, 7), (3, 2), mode='bilinear', antialias=True",
                    "r(1, 2, 5), size=3, mode='nearest-exact'"])
def interpolate(x, size: "any" = None, scale_factor: "any" = None, mode: "str" = "nearest",
                align_corners: "any" = None, recompute_scale_factor: "any" = None, antialias: "bool" = False):
    """x (N, C, ...) resized to `size` or by `scale_factor`: "nearest", "nearest-exact", "linear" (3-D), "bilinear",
    "bicubic", "lanczos" (4-D), "trilinear" (5-D) or "area".

    >>> F.interpolate(tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return resize(x, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)


@composite("upsample", at="F", samples=["r(1, 2, 3, 4), scale_factor=2"])
def upsample(x, size: "any" = None, scale_factor: "any" = None, mode: "str" = "nearest", align_corners: "any" = None):
    """The old name of interpolate.

    >>> F.upsample(tensor([[[1., 2.]]]), size=4)
    tensor([[[1., 1., 2., 2.]]])
    """
    return resize(x, size, scale_factor, mode, align_corners, None, False)


@composite("upsample_nearest", at="F", samples=["r(1, 2, 3, 4), scale_factor=2"])
def upsample_nearest(x, size: "any" = None, scale_factor: "any" = None):
    """interpolate in mode "nearest".

    >>> F.upsample_nearest(tensor([[[1., 2.]]]), size=3)
    tensor([[[1., 1., 2.]]])
    """
    return resize(x, size, scale_factor, "nearest", None, None, False)


@composite("upsample_bilinear", at="F", samples=["r(1, 2, 3, 4), scale_factor=2"])
def upsample_bilinear(x, size: "any" = None, scale_factor: "any" = None):
    """interpolate in mode "bilinear" with align_corners.

    >>> F.upsample_bilinear(tensor([[[[1., 3.]]]]), size=(1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    return resize(x, size, scale_factor, "bilinear", True, None, False)
