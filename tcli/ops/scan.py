"""Running sums, products and extrema along a dim, and what is built from neighbours: differences, integrals.

Float32 sums and products are kept in float64 on their way, as PyTorch keeps them.
"""

import numpy as np

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.dispatch import is_half
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import EngineError
from .along import part
from .arrays import refuse
from .reduce import in_dtype

SAMPLES = ["r(3, 4), 0", "r(2, 3, 2), -1", "r(), 0", "r(0, 3), 0", "ints(4), 0"]


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


def _accumulated(xp, ufunc, x, dim, dtype):
    if dtype is not None and not is_half(dtype.numpy):
        x = x.astype(dtype.numpy, copy=False) if x.dtype.kind != "c" or dtype.category == dtypes.COMPLEX else x.real
    elif dtype is None and x.dtype.kind in "biu":
        dtype = dtypes.int64
    kept = x.dtype if dtype is None else dtype.numpy
    wide = np.float64 if kept == np.float32 or dtype is not None and is_half(kept) else kept
    if not x.ndim:
        return x.astype(kept)
    return ufunc.accumulate(x, dim, wide).astype(kept, copy=False)


@op("cumsum", at="torch tensor tensor_", samples=[*SAMPLES, "ints(3), 0, dtype=torch.float32"], check=_no_integer_gradient,
    vjp={"x": lambda k, g, dim: k._cumsum_back(g, dim)})
def cumsum(xp, x, dim: "Dim", *, dtype: "DType?" = None):
    """Running sums along a dim.

    >>> cumsum(tensor([1., 2., 3.]), 0)
    tensor([1., 3., 6.])
    """
    return _accumulated(xp, xp.add, x, dim, dtype)


@op("_cumsum_back", at="", samples=["r(3, 2), 0"], grad_name="FlipBackward0",
    vjp={"x": lambda k, g, dim: k.cumsum(g, dim)})
def _cumsum_back(xp, x, dim: "int"):
    """Running sums from the end."""
    if not x.ndim:
        return x.copy()
    return xp.flip(_accumulated(xp, xp.add, xp.flip(x, dim), dim, None), dim)


def _cumprod_rule(k, g, x, x_shape, out, dim, dtype):
    if not x_shape or x_shape[dim] <= 1:
        return g
    if dtype is not None:
        x = k.in_real_or_complex(x, dtype)
    x, out = k.conj_of(x), k.conj_of(out)
    zero = T._is_zero(x)
    weighted = g * out
    if not zero._a.any():
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


@op("cumprod", at="torch tensor tensor_", vjp={"x": _cumprod_rule}, check=_no_integer_gradient,
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


@op("logcumsumexp", at="torch tensor", vjp={"x": _logcumsumexp_rule},
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
        top = x.real.max(axis=dim, keepdims=True)
        return xp.log(xp.cumsum(xp.exp(x - top), axis=dim)) + top
    return xp.logaddexp.accumulate(x, dim, np.float64).astype(x.dtype, copy=False)


# ---------------------------------------------------------------- running extrema

def _running(name: str, ufunc: str, better: str, word: str, shown: tuple):
    @op(name, at="torch tensor", outs=2, fields=("values", "indices"), half=False,
        samples=["distinct(3, 4), 0", "r(2, 3), -1", "r(), 0", "torch.tensor([1.0, 1.0, math.nan, 2.0]), 0", "r(0, 2), 0",
                 "torch.tensor([2, 1, 2]), 0"],
        vjp={"x": lambda k, g, x_shape, out1, dim: k._add_along(g[0], out1, dim, x_shape)})
    def running(xp, x, dim: "Dim"):
        refuse(x, "c", name + "_cpu")
        if not x.ndim or not x.size:
            return x.copy(), xp.zeros(x.shape, np.int64)
        values = getattr(xp, ufunc).accumulate(x, dim)
        # The place of the newest element that is as good as the best so far; a nan stays the best.
        renewed = getattr(xp, better)(x, values) | (x != x)
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


# ---------------------------------------------------------------- differences and integrals

@composite("diff", at="torch tensor",
           samples=["r(5)", "r(3, 4), 2", "r(3, 4), 1, 0", "r(3), prepend=r(1), append=r(2)", "b(4)", "r(2), 3"])
def diff(x, n: "int" = 1, dim: "int" = -1, prepend: "Index?" = None, append: "Index?" = None):
    """The n-th differences of neighbours along a dim.

    >>> diff(tensor([1, 3, 6]))
    tensor([2, 3])
    """
    if not x.ndim:
        raise EngineError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise EngineError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, x.ndim)
    for name, t in (("prepend", prepend), ("append", append)):
        if t is not None and t.ndim != x.ndim:
            raise EngineError(f"diff expects {name} or append to be the same dimension as input")
    pieces = [t for t in (prepend, x, append) if t is not None]
    if len(pieces) > 1 and n:
        x = T.cat(pieces, dim)
    size = x.shape[dim]
    for _ in range(min(n, size)):
        later, earlier = part(x, dim, 1, None), part(x, dim, None, max(x.shape[dim] - 1, 0))
        x = T.logical_xor(later, earlier) if x.dtype is dtypes.bool_ else later - earlier
    return T.clone(x) if not n else x


def _sides(y, dim: int):
    return part(y, dim, None, -1), part(y, dim, 1, None)


def _widths(y, x, dim: int):
    """The distances between sample points, shaped to stand beside slices of y."""
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != y.shape[dim]:
            raise EngineError("trapezoid: There must be one `x` value for each sample point")
        return T.reshape(T.diff(x), [-1 if i == dim else 1 for i in range(y.ndim)])
    if x.ndim < y.ndim:
        x = T.reshape(x, (1,) * (y.ndim - x.ndim) + tuple(x.shape))
    return T.diff(x, 1, dim - y.ndim)


def _check_points(y, dim: int, name: str) -> int:
    if not y.ndim:
        from ..errors import BadIndex

        raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")
    if y.dtype is dtypes.bool_:
        raise EngineError(f"{name}: received a bool input for `y`, but bool is not supported")
    return wrap_dim(dim, y.ndim)


def _refuse_bool_points(x, name: str) -> None:
    if x.dtype is dtypes.bool_:
        raise EngineError(f"{name}: received a bool input for `x`, but bool is not supported")


@composite("trapezoid", at="torch", also=["trapz"],
           samples=["r(5)", "r(3, 4), dx=0.5, dim=0", "r(3, 4), r(4)", "r(3, 4), r(3, 4)", "r(3, 4), r(3), dim=0",
                    "ints(4)"])
def trapezoid(y, x: "Index?" = None, *, dx: "any" = 1, dim: "int" = -1):
    """The integral of samples y along a dim by the trapezoid rule, at points x or in steps of dx.

    >>> trapezoid(tensor([1., 2., 3.]))
    tensor(4.)
    """
    dim = _check_points(y, dim, "trapezoid")
    if not y.shape[dim]:
        found = T.sum(y, dim)
        return T._cast(found, dtypes.float32) if y.dtype.category < dtypes.FLOAT else found
    if x is None:
        total = T.sum(y, dim) - (y.select(dim, 0) + y.select(dim, -1)) * 0.5
        return _renamed(total * dx, "MulBackward1")
    _refuse_bool_points(x, "trapezoid")
    left, right = _sides(y, dim)
    return _renamed(T.sum((left + right) * _widths(y, x, dim), dim) / 2.0, "DivBackward1")


def _renamed(t, name: str):
    if t._node is not None:
        t._node._name = name
    return t


@composite("cumulative_trapezoid", at="torch",
           samples=["r(5)", "r(3, 4), dx=0.5, dim=0", "r(3, 4), r(4)", "r(3, 4), r(3, 4), dim=0"])
def cumulative_trapezoid(y, x: "Index?" = None, *, dx: "any" = 1, dim: "int" = -1):
    """Running integrals of samples y along a dim by the trapezoid rule.

    >>> cumulative_trapezoid(tensor([1., 2., 3.]))
    tensor([1.5000, 4.0000])
    """
    dim = _check_points(y, dim, "cumulative_trapezoid")
    left, right = _sides(y, dim)
    if x is None:
        return T.cumsum((left + right) * (dx / 2.0), dim)
    _refuse_bool_points(x, "cumulative_trapezoid")
    return T.cumsum((left + right) * _widths(y, x, dim), dim) / 2.0
