"""Running sums, products and extrema along a dim.

Float32 sums and products are kept in float64 on their way, as PyTorch keeps them.
"""

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.dispatch import is_half
from ..engine.placement import holds
from ..engine.registry import T, op
from ..engine.tape import state
from ..errors import EngineError, Unsupported
from .along import part
from .arrays import refuse
from .blocks import LARGE, is_large
from .row_kernels import accumulated

ROW = 256  # elements of a row from which NumPy's own accumulation along another dim is slower than one call per row
SAMPLES = ["r(3, 4), 0", "r(2, 3, 2), -1", "r(), 0", "r(0, 3), 0", "ints(4), 0", "r(4, 3).t(), 1", "r(2, 6)[:, ::2], -1"]


@op("_reversed", at="", half=False, samples=["r(3, 2), 0"], grad_name="FlipBackward0",
    vjp={"x": lambda k, g, dim: k._reversed(g, dim)})
def _reversed(xp, x, dim: "int"):
    return xp.ascontiguousarray(xp.flip(x, dim)) if x.ndim else x.copy()


@op("_shifted", at="", half=False, samples=["r(3, 2), 0, 1, False", "r(3, 2), 1, 0, True"],
    vjp={"x": lambda k, g, dim, down: k._shifted(g, dim, 0, not down)})
def _shifted(xp, x, dim: "int", fill: "any", down: "bool"):
    """x moved one place up along `dim` (or down), `fill` in the place that gets free."""
    out = xp.empty_like(x)
    if not x.ndim:
        out[...] = fill
        return out
    source, target = xp.moveaxis(x, dim, 0), xp.moveaxis(out, dim, 0)
    if down:
        target[:-1], target[-1:] = source[1:], fill
    else:
        target[1:], target[:1] = source[:-1], fill
    return out


# ---------------------------------------------------------------- sums and products

def _no_integer_gradient(values: list) -> None:
    x, dtype = values[0], values[-1]
    if dtype is not None and x._rg and state.grad and dtype.category < dtypes.FLOAT:
        raise EngineError(f"Autograd not support dtype: {dtypes.scalar_name(dtype)}")


def _accumulated(xp, ufunc, x, dim, dtype, back: bool = False):
    if dtype is dtypes.bool_:
        raise Unsupported(f"\"{'cumsum' if ufunc is xp.add else 'cumprod'}_out_cpu\" not implemented for 'Bool'")
    if dtype is not None and not is_half(dtype.numpy):
        x = x.astype(dtype.numpy, copy=False) if x.dtype.kind != "c" or dtype.category == dtypes.COMPLEX else x.real
    elif dtype is None and x.dtype.kind in "biu":
        dtype = dtypes.int64
    kept = x.dtype if dtype is None else dtype.numpy
    wide = np.float64 if kept == np.float32 or dtype is not None and is_half(kept) else kept
    if not x.ndim or not x.size:
        return x.astype(kept)
    if kept == x.dtype and type(x) is np.ndarray:
        small = native.scan_small(x, dim, ufunc is np.multiply, back)
        if small is not False:
            return small
    if not back and dim == x.ndim - 1 and kept == x.dtype and type(x) is np.ndarray and x.size < LARGE:
        out = np.empty(x.shape, x.dtype)
        if native.scan(x, out, x.shape[-1], ufunc is np.multiply):
            return out
    if is_large(x) and dim == x.ndim - 1 and np.dtype(wide).kind == "f":
        return accumulated(ufunc, x, wide, kept, back)
    if back:
        return xp.flip(_accumulated(xp, ufunc, xp.flip(x, dim), dim, None), dim)
    if dim < x.ndim - 1 and x[(0,) * (dim + 1)].size >= ROW and np.dtype(wide).kind in "fc":
        return _by_rows(xp, ufunc, x, dim, wide, kept)
    x = x.astype(wide)
    return ufunc.accumulate(x, dim, None, x).astype(kept, copy=False)


def _by_rows(xp, ufunc, x, dim, wide, kept):
    """The same where whole rows follow each other in memory: one pass over each."""
    out = xp.empty(x.shape, kept)
    source, target = xp.moveaxis(x, dim, 0), xp.moveaxis(out, dim, 0)
    running = source[0].astype(wide)
    target[0] = running
    for i in range(1, len(source)):
        ufunc(running, source[i], running)
        target[i] = running
    return out


def _small_scan(name: str, ufunc, back: bool = False):
    def small(ndim: int, dim: int, dtype=None):
        def run(x):
            return _accumulated(np, ufunc, x, dim, None, back)
        return None if dtype is not None or not ndim else native.few(name, ndim, dim, False, run) or run
    return small


@op("cumsum", out="of dtype", at="torch tensor tensor_", small=_small_scan("cumsum", np.add),
    samples=[*SAMPLES, "ints(3), 0, dtype=torch.float32"],
    check=_no_integer_gradient,
    vjp={"x": lambda k, g, dim: k._cumsum_back(g, dim)})
def cumsum(xp, x, dim: "Dim", *, dtype: "DType?" = None):
    """Running sums along a dim.

    >>> cumsum(tensor([1., 2., 3.]), 0)
    tensor([1., 3., 6.])
    """
    return _accumulated(xp, xp.add, x, dim, dtype)


@op("_cumsum_back", at="", samples=["r(3, 2), 0"], grad_name="FlipBackward0",
    small=_small_scan("cumsum from the end", np.add, True),
    vjp={"x": lambda k, g, dim: k.cumsum(g, dim)})
def _cumsum_back(xp, x, dim: "int"):
    """Running sums from the end."""
    return _accumulated(xp, xp.add, x, dim, None, back=True)


def _cumprod_rule(k, g, x, x_shape, out, dim, dtype):
    if not x_shape or x_shape[dim] <= 1:
        return g
    if dtype is not None:
        x = k.in_real_or_complex(x, dtype)
    x, out = k.conj_of(x), k.conj_of(out)
    zero = T._is_zero(x)
    weighted = g * out
    if not holds(zero._a.any()):
        return k._cumsum_back(weighted, dim) / x
    if state.grad:
        return _cumprod_with_zeros(k, g, x, dim)
    # Elements before the first zero as above; the zero itself by the products without it; none behind.
    seen = k.cumsum(zero, dim)
    first = zero & (seen == 1)
    without = k.cumprod(k.where(first, k.ones_like(x), x), dim)
    at_zero = k._cumsum_back(g * without, dim)
    return k.where(seen == 0, k._cumsum_back(weighted, dim) / x, k.where(first, at_zero, k.zeros_like(g)))


def _cumprod_with_zeros(k, g, x, dim: int):
    """The gradient by the recurrence s[i] = g[i] + x[i + 1] * s[i + 1], which divides by nothing."""
    n = x.shape[dim]
    sums = [part(g, dim, n - 1, n)]
    for i in range(n - 2, -1, -1):
        sums.append(part(g, dim, i, i + 1) + part(x, dim, i + 1, i + 2) * sums[-1])
    return k.cumprod(k._shifted(x, dim, 1, False), dim) * k.cat(sums[::-1], dim)


@op("cumprod", out="of dtype", at="torch tensor tensor_", small=_small_scan("cumprod", np.multiply),
    vjp={"x": _cumprod_rule}, check=_no_integer_gradient,
    samples=[*SAMPLES, "torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]]), 1"])
def cumprod(xp, x, dim: "Dim", *, dtype: "DType?" = None):
    """Running products along a dim.

    >>> cumprod(tensor([1., 2., 3.]), 0)
    tensor([1., 2., 6.])
    """
    return _accumulated(xp, xp.multiply, x, dim, dtype)


# ---------------------------------------------------------------- logarithms of running sums

def _logcumsumexp_rule(k, g, x, out, dim):
    def back(t):
        return k._reversed(k.logcumsumexp(k._reversed(t, dim), dim), dim)
    if x.is_complex():
        return k.exp(back(k.log(g) - k.conj_of(out)) + k.conj_of(x))
    size = k.log(k.abs(g))
    low = -1e300 if x.dtype.itemsize == 8 else -1e38
    positive = k.exp(back(k.where(g > 0, size, low) - out) + x)
    return positive - k.exp(back(k.where(g < 0, size, low) - out) + x)


@op("logcumsumexp", out="scan", at="torch tensor", host=True, vjp={"x": _logcumsumexp_rule},
    samples=["r(3, 4), 0", "r(2, 3), -1", "r(), 0", "r(0, 3), 0"])
def logcumsumexp(xp, x, dim: "Dim"):
    """log(cumsum(exp(x))) along a dim, without overflow.

    >>> logcumsumexp(tensor([0., 0., 0.]), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    refuse(x, "biu", "logcumsumexp_out_cpu")
    if not x.ndim or not x.size:
        return x.copy()
    if x.dtype.kind == "c":
        return _complex_logcumsumexp(xp, x, dim)
    return xp.logaddexp.accumulate(x, dim, np.float64).astype(x.dtype, copy=False)


def _complex_logcumsumexp(xp, x, dim: int):
    """One step per element along `dim`: the phase is that of the larger term, beyond a full turn."""
    out = x.copy()
    rows = xp.moveaxis(out, dim, 0)
    total = xp.full(rows.shape[1:], -np.inf, x.dtype)
    with np.errstate(all="ignore"):
        for i in range(len(rows)):
            total = rows[i] = _log_of_sum(xp, rows[i], total)
    return out


def _log_of_sum(xp, a, b):
    """log(exp(a) + exp(b)) of complex numbers."""
    swap = a.real < b.real
    low, high = xp.where(swap, a, b), xp.where(swap, b, a)
    same = ~xp.isfinite(high.real) & (low.real == high.real)
    of_same = xp.where(low.real < 0, low.real, xp.log(xp.exp(low) + xp.exp(high)))
    found = xp.where(same, of_same, xp.where(low.real == -np.inf, high, xp.log1p(xp.exp(low - high)) + high))
    return xp.where(xp.isnan(a) | xp.isnan(b), xp.asarray(complex(np.nan, np.nan), a.dtype), found)


# ---------------------------------------------------------------- running extrema

def _running(name: str, ufunc: str, better: str, word: str, shown: tuple):
    @op(name, out="scan", at="torch tensor", outs=2, fields=("values", "indices"), half=False, host=True,
        samples=["distinct(3, 4), 0", "r(2, 3), -1", "r(), 0", "torch.tensor([1.0, 1.0, math.nan, 2.0]), 0",
                 "r(0, 2), 0",
                 "torch.tensor([2, 1, 2]), 0"],
        vjp={"x": lambda k, g, x_shape, out1, dim: k._add_along(g[0], out1, dim, x_shape)})
    def running(xp, x, dim: "Dim"):
        refuse(x, "c", name + "_cpu")
        if not x.ndim or not x.size:
            return x.copy(), xp.zeros(x.shape, np.int64)
        values = getattr(xp, ufunc).accumulate(x, dim)
        # The place of the newest element that is as good as the best so far; a nan stays the best.
        renewed = getattr(xp, better)(x, values)
        if x.dtype.kind in "fV":
            renewed |= x != x
        place = xp.arange(x.shape[dim]).reshape([-1 if i == dim else 1 for i in range(x.ndim)])
        return values, xp.maximum.accumulate(xp.where(renewed, place, 0), dim)

    running.__doc__ = f"""The {word} element so far along a dim, and where it is (the last of equals).

    >>> {name}(tensor([2., 1., 3.]), 0)
    torch.return_types.{name}(
    values=tensor({shown[0]}),
    indices=tensor({shown[1]}))
    """


_running("cummax", "maximum", "greater_equal", "largest", ("[2., 2., 3.]", "[0, 0, 2]"))
_running("cummin", "minimum", "less_equal", "smallest", ("[2., 1., 1.]", "[0, 1, 1]"))
