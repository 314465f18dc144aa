"""Activations made of straight pieces, and softmax.

Gradients that a training step runs often are ops of their own (`_..._adjoint`): one pass over memory
instead of one per operator, and differentiable again.
"""

import math

import numpy as np
from numpy import empty

from .. import native
from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.callables import short_way
from ..engine.cost import operations
from ..engine.dispatch import is_half
from ..engine.passing import passing_on
from ..engine.registry import T, composite, op
from ..engine.sums import small_sum, sum_by
from ..engine.symbols import GATE, Expr, NotFusable, Primitive, common_shape, rows
from ..engine.warn import warn
from ..errors import BadValue, EngineError, Unsupported
from .arrays import CLIP, bounded, done_in_one_step, gate, in_one_step, refuse, select
from .blocks import in_columns, is_large, is_one_line
from .row_kernels import (
    log_softmax_adjoint,
    log_softmax_adjoint_lines,
    log_softmax_lines,
    softmax,
    softmax_adjoint,
    softmax_adjoint_lines,
    softmax_lines,
)

EVERYWHERE = "torch tensor tensor_"
SAMPLES = ["away(3, 4)", "away()", "away(0, 2)"]


# As arrays: quicker than Python numbers.
_BOUNDS = {np.dtype(d): (np.zeros((), d), np.array(math.inf, d)) for d in ("float32", "float64")}


def _gated(mask, g):
    """`gate` for small arrays."""
    return np.where(mask, g, g.dtype.type(0))


@op("relu", fuse=True, at="torch tensor tensor_ F", samples=SAMPLES, ufunc=lambda a: CLIP(a, *_BOUNDS[a.dtype]),
    vjp={"x": lambda k, g, out: k.linked(k._relu_adjoint(g, out), out)}, raw_vjp={"x": lambda k, g, out: _gated(out != 0, g)})
def relu(xp, x, inplace: "bool" = False):
    """The larger of x and 0, elementwise; the gradient at 0 is 0.

    >>> relu(tensor([-1., 0., 2.]))
    tensor([0., 0., 2.])
    """
    if x.dtype == np.bool_:
        raise EngineError("Boolean inputs not supported for relu")
    if x.dtype.kind == "c":
        raise Unsupported("clamp is not supported for complex types")
    found = done_in_one_step(xp, np.maximum, "fd", _BOUNDS[x.dtype][0], x) if x.dtype in _BOUNDS else None  # keeps -0.0
    return bounded(xp, x, 0) if found is None else found


def _passed(xp, g, out):
    return gate(xp, xp.not_equal(out, 0), g)  # so that the gradient at nan passes


RELU_ADJOINT = Primitive("relu_adjoint", lambda g, y, out: GATE.fn(np.not_equal(y, 0), g, out), apart=True, code=6)


@op("_relu_adjoint", fuse=True, at="", samples=["r(3), pos(3)"], grad_name="ThresholdBackwardBackward0",
    vjp={"g": lambda k, gg, out: k._relu_adjoint(gg, out)})
def _relu_adjoint(xp, g, out: "Index"):
    if in_one_step(xp, "fd", g, out):
        return Expr(RELU_ADJOINT, (g, out), g.dtype, common_shape((g, out)))
    found = done_in_one_step(xp, RELU_ADJOINT.code, "fd", g, out)
    return _passed(xp, g, out) if found is None else found


@op("threshold", fuse=True, at="torch F", samples=["away(3, 4), 0.1, 5.0"],
    vjp={"x": lambda k, g, x, threshold: k.linked(k._gate(~(x <= threshold), g), x)})
def threshold(xp, x, threshold: "Scalar", value: "Scalar", inplace: "bool" = False):
    """x where it is larger than the threshold, else value.

    >>> threshold(tensor([-1., 2.]), 0.5, 9.)
    tensor([9., 2.])
    """
    refuse(x, "bc", "threshold_cpu")
    return xp.where(xp.less_equal(x, threshold), xp.asarray(value).astype(x.dtype), x)


def _leaky_rule(k, g, x, slope, inplace):
    if inplace and slope < 0:
        raise EngineError("In-place leakyReLu backward calculation is triggered with a negative slope which is not supported. "
                          "This is caused by calling in-place forward function with a negative slope, please call out-of-place "
                          "version instead. File an issue at https://github.com/pytorch/pytorch if you do require supporting "
                          "in-place leakRelu backward calculation with negative slope")
    return k.linked(k._leaky_adjoint(g, x, slope), x)


@op("leaky_relu", at="F", grad_name=lambda x, slope, inplace: f"LeakyReluBackward{int(inplace)}",
    samples=["away(3, 4)", "away(3), 0.2"],
    vjp={"x": lambda k, g, x, negative_slope, inplace: _leaky_rule(k, g, x, negative_slope, inplace)}, raw_vjp=True)
def leaky_relu(xp, x, negative_slope: "float" = 0.01, inplace: "bool" = False):
    """x where it is positive, else negative_slope * x.

    >>> F.leaky_relu(tensor([-1., 2.]))
    tensor([-0.0100,  2.0000])
    """
    refuse(x, "biuc", "leaky_relu_cpu")
    if 0 < negative_slope <= 1:
        scaled = x * negative_slope
        return xp.maximum(x, scaled, out=scaled) if scaled.ndim else xp.maximum(x, scaled)
    return select(xp, xp.greater(x, 0), x, x * x.dtype.type(negative_slope))


@op("_leaky_adjoint", fuse=True, at="", samples=["r(3), away(3), 0.2"], grad_name="LeakyReluBackwardBackward0",
    vjp={"g": lambda k, gg, x, slope: k._leaky_adjoint(gg, x, slope)})
def _leaky_adjoint(xp, g, x: "Index", slope: "float"):
    """g where x > 0, else slope * g."""
    return select(xp, xp.greater(x, 0), g, g * slope)


def _hardtanh(xp, x, low, high):
    if x.dtype == np.bool_:
        raise EngineError("Bool inputs not supported for hardtanh")
    if x.dtype.kind == "c":
        raise Unsupported("clamp is not supported for complex types")
    if x.dtype.kind == "u" and low < 0:
        raise EngineError("cannot do hardtanh on an unsigned type with negative limits")
    kind = x.dtype.type
    return bounded(xp, x, kind(low), kind(high))


@op("hardtanh", fuse=True, at="F", samples=["unit(3, 4)", "r(3), -0.2, 0.3", "torch.tensor([-1.0, 1.0, 2.0])"],
    vjp={"x": lambda k, g, x, min_val, max_val: k.linked(k._gate((x > min_val) & (x < max_val), g), x)})
def hardtanh(xp, x, min_val: "Scalar" = -1.0, max_val: "Scalar" = 1.0, inplace: "bool" = False):
    """x brought into [min_val, max_val]; the gradient at the bounds is 0.

    >>> F.hardtanh(tensor([-3., 0.5, 2.]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise BadValue("min_val cannot be greater than max_val")
    return _hardtanh(xp, x, min_val, max_val)


@op("relu6", fuse=True, at="F", samples=["away(3, 4)", "torch.tensor([-1.0, 0.0, 6.0, 7.0])"], grad_name="HardtanhBackward0",
    vjp={"x": lambda k, g, x: k.linked(k._gate((x > 0) & (x < 6), g), x)})
def relu6(xp, x, inplace: "bool" = False):
    """x brought into [0, 6].

    >>> F.relu6(tensor([-3., 5., 8.]))
    tensor([0., 5., 6.])
    """
    return _hardtanh(xp, x, 0, 6)


@op("hardsigmoid", fuse=True, at="F", samples=["away(3, 4)", "torch.tensor([-4.0, -3.0, 3.0, 4.0])"],
    vjp={"x": lambda k, g, x: k.linked(k._gate((x > -3) & (x < 3), g / 6), x)})
def hardsigmoid(xp, x, inplace: "bool" = False):
    """(x + 3) / 6 brought into [0, 1].

    >>> F.hardsigmoid(tensor([-4., 0., 1.]))
    tensor([0.0000, 0.5000, 0.6667])
    """
    refuse(x, "biuc", "hardsigmoid_cpu")
    return bounded(xp, x + 3, 0, 6) / 6


def _hardswish_gradient(k, g, x):
    inner = g * (x / 3 + 0.5)
    return k._where(x <= -3, 0.0, k._where(abs(x) < 3, inner, g))


@op("hardswish", fuse=True, at="F", samples=["away(3, 4)", "torch.tensor([-4.0, -3.0, 3.0, 4.0])"],
    vjp={"x": _hardswish_gradient})
def hardswish(xp, x, inplace: "bool" = False):
    """x * hardsigmoid(x).

    >>> F.hardswish(tensor([-4., 1., 4.]))
    tensor([-0.0000, 0.6667, 4.0000])
    """
    refuse(x, "biuc", "hardswish_cpu")
    return x * bounded(xp, x + 3, 0, 6) / 6


@op("hardshrink", out="found", fuse=True, half=False, at="F torch tensor", samples=["away(3, 4)", "r(3), 0.3"],
    vjp={"x": lambda k, g, x, lambd: k.linked(k._gate((x < -lambd) | (x > lambd), g), x)})
def hardshrink(xp, x, lambd: "Scalar" = 0.5):
    """x outside [-lambd, lambd], 0 inside.

    >>> F.hardshrink(tensor([-1., 0.2, 2.]))
    tensor([-1.,  0.,  2.])
    """
    refuse(x, "biuc", "hardshrink_cpu")
    if is_half(x.dtype):
        lambd = x.dtype.type(lambd)  # the limit is a number of the tensor's dtype
    return gate(xp, ~(xp.greater_equal(x, -lambd) & xp.less_equal(x, lambd)), x)


@op("softshrink", out="found", fuse=True, at="F", samples=["away(3, 4)", "r(3), 0.3"],
    vjp={"x": lambda k, g, x, lambd: k.linked(k._gate((x < -lambd) | (x > lambd), g), x)})
def softshrink(xp, x, lambd: "float" = 0.5):
    """x drawn lambd towards 0, and 0 where it is nearer than that.

    >>> F.softshrink(tensor([-1., 0.2, 2.]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    refuse(x, "biuc", "softshrink_check")
    if lambd < 0:
        d = dtypes.of_numpy(x.dtype)
        raise EngineError(f"lambda must be in range [0, {dtypes.finfo(d).max:g}] for input dtype "
                          f"{dtypes.scalar_name(d)}, but found {lambd:g}")
    return xp.copysign(x - bounded(xp, x, -lambd, lambd), x)  # a zero has the sign of x


def _prelu_shaped(x, weight):
    """The slopes with a shape that broadcasts along dim 1 of x."""
    if weight.numel() != 1:
        if x.ndim == 0:
            raise EngineError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != weight.numel():
            raise EngineError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                              f"{weight.numel()} and channel size = {channels}.")
    if weight.ndim > 1:
        raise EngineError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if x.ndim == 0 and weight.numel() == 1:
        return T.reshape(weight, ())
    return T.reshape(weight, (1, -1) + (1,) * (x.ndim - 2)) if x.ndim > 1 else weight


@op("_prelu", fuse=True, at="", samples=["away(3, 4), r(1, 4)"], grad_name="PreluKernelBackward0",
    vjp={"x": lambda k, g, x, weight: k._where(x > 0, g, g * weight),
         "weight": lambda k, g, x: k._gate(~(x > 0), g * x)})
def _prelu(xp, x, weight):
    refuse(x, "biuc", "prelu_cpu")
    return select(xp, xp.greater(x, 0), x, weight * x)


@composite("prelu", at="torch tensor F", out=False,
           samples=["away(3, 4), r(4)", "away(2, 3, 2), r(3)", "away(3), r(1)"])
def prelu(x, weight):
    """x where it is positive, else weight * x, with one weight per channel (dim 1) or one for all.

    >>> F.prelu(tensor([-2., 3.]), tensor([0.25]))
    tensor([-0.5000,  3.0000])
    """
    return T._prelu(x, _prelu_shaped(x, weight))


@composite("glu", at="F", samples=["r(3, 4)", "r(4, 3), 0"], grad_name="GluBackward0", out=False)
def glu(x, dim: "int" = -1):
    """a * sigmoid(b), where a and b are the halves of x along dim.

    >>> F.glu(tensor([1., 2., 0., 0.]))
    tensor([0.5000, 1.0000])
    """
    refuse(x._a, "biuc", "glu_cpu")
    if x.ndim == 0:
        raise EngineError("glu does not support scalars because halving size must be even")
    dim = wrap_dim(dim, x.ndim)
    size = x.shape[dim]
    if size % 2:
        raise EngineError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    before, half = (slice(None),) * dim, size // 2
    return x[(*before, slice(0, half))] * T.sigmoid(x[(*before, slice(half, size))])


# ---------------------------------------------------------------- softmax

def _softmax_dim(name: str, ndim: int) -> int:
    warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
         "argument.")
    return 0 if ndim in (0, 1, 3) else 1


def _shifted(xp, x, dim, kernel: str):
    """x less its maximum along dim, in memory of its own."""
    refuse(x, "biuc", f"{kernel}{'_lastdim' if dim == x.ndim - 1 else ''}_kernel_impl")
    return xp.subtract(x, x.max(axis=dim, keepdims=True))


def _by_rows(kernel):
    """A kernel on whole rows, for fusion: along the last dim of floats."""
    def rule(xp, x, *rest):
        if x.dtype.kind != "f":
            raise NotFusable("numbers that are no floats")
        return rows(kernel, x, *rest[:-1], dim=rest[-1])
    return rule


def _small_rows(end, log: bool):
    """The `small` of a softmax: `end(e, dim)` makes the result of what is left when the largest is taken away."""
    def small(ndim: int, dim: int):
        def run(x):
            if x.dtype.kind != "f" or not x.size:
                raise TypeError
            if dim == ndim - 1:
                out = empty(x.shape, x.dtype)
                if native.softmax(x, out, x.shape[dim], log, True):
                    return out
            return end(x - np.maximum.reduce(x, dim, None, None, True), dim)
        return native.few("log_softmax" if log else "softmax", ndim, dim, False, run) or run if ndim else None
    return small


def _softmax_end(e, dim: int):
    np.exp(e, e)
    e /= small_sum(e, dim, True)
    return e


def _log_softmax_end(e, dim: int):
    e -= np.log(small_sum(np.exp(e), dim, True))
    return e


@op("_softmax", cost=operations(5), small=_small_rows(_softmax_end, False), fuse=_by_rows(softmax_lines), at="",
    samples=["r(3, 4), 1", "r(2, 3, 4), 0", "r(), 0"], grad_name="SoftmaxBackward0",
    vjp={"x": lambda k, g, out, dim: k._softmax_adjoint(g, out, dim)}, raw_vjp=True)
def _softmax(xp, x, dim: "Dim"):
    if x.ndim == 0:
        return _softmax(xp, x.reshape(1), 0).reshape(())
    if x.size == 0:
        return x.copy()
    if (is_large(x) or _is_row_major(x, dim)) and x.dtype.kind == "f":
        return softmax(x, dim, log=False)
    e = _shifted(xp, x, dim, "softmax")
    xp.exp(e, out=e)
    e /= sum_by(xp, e, dim, True)
    return e


def _is_row_major(x, dim: int) -> bool:
    """Whether a compiled kernel takes rows along `dim`."""
    return native.kernels is not None and type(x) is np.ndarray and dim == x.ndim - 1 and x.flags.c_contiguous and (
        x.dtype.char in "fd") and x.size > 0


def _in_rows(g, out, dim: int) -> bool:
    if _is_row_major(g, dim) and _is_row_major(out, dim) and g.dtype == out.dtype:
        return True
    return is_large(g) and is_large(out) and not is_one_line(out.shape, dim) and not in_columns(out.shape, dim)


def _softmax_out_gradient(k, gg, g, out, dim):
    return gg * (g - k.sum(g * out, dim, True)) - g * k.sum(gg * out, dim, True)


@op("_softmax_adjoint", fuse=_by_rows(softmax_adjoint_lines), at="",
    samples=["r(3, 4), unit(3, 4), 1"], grad_name="SoftmaxBackwardBackward0",
    vjp={"g": lambda k, gg, out, dim: k._softmax_adjoint(gg, out, dim), "out": _softmax_out_gradient})
def _softmax_adjoint(xp, g, out, dim: "Dim"):
    """out * (g - sum(g * out))."""
    if out.ndim == 0:
        return xp.zeros_like(g)
    if _in_rows(g, out, dim):
        return softmax_adjoint(g, out, dim)
    r = xp.multiply(g, out)
    r -= out * sum_by(xp, r, dim, True)
    return r


@op("_log_softmax", cost=operations(5), small=_small_rows(_log_softmax_end, True), fuse=_by_rows(log_softmax_lines), at="",
    samples=["r(3, 4), 1", "r(2, 3, 4), 0", "r(), 0"], grad_name="LogSoftmaxBackward0",
    vjp={"x": lambda k, g, out, dim: k._log_softmax_adjoint(g, out, dim)}, raw_vjp=True)
def _log_softmax(xp, x, dim: "Dim"):
    if x.ndim == 0:
        return _log_softmax(xp, x.reshape(1), 0).reshape(())
    if x.size == 0:
        return x.copy()
    if (is_large(x) or _is_row_major(x, dim)) and x.dtype.kind == "f":
        return softmax(x, dim, log=True)
    e = _shifted(xp, x, dim, "log_softmax")
    e -= xp.log(sum_by(xp, xp.exp(e), dim, True))
    return e


@op("_log_softmax_adjoint", fuse=_by_rows(log_softmax_adjoint_lines), at="",
    samples=["r(3, 4), r(3, 4), 1"], grad_name="LogSoftmaxBackwardBackward0",
    vjp={"g": lambda k, gg, out, dim: gg - k.sum(gg * k.exp(out), dim, True),
         "out": lambda k, gg, g, out, dim: -gg * k.exp(out) * k.sum(g, dim, True)})
def _log_softmax_adjoint(xp, g, out, dim: "Dim"):
    """g - softmax * sum(g)."""
    if out.ndim == 0:
        return xp.zeros_like(g)
    if _in_rows(g, out, dim):
        return log_softmax_adjoint(g, out, dim)
    r = xp.exp(out)
    r *= sum_by(xp, g, dim, True)
    return xp.subtract(g, r, out=r)


def _converted(x, dtype):
    return x if dtype is None else x.to(dtype)


@composite("softmax", out="exact", at="torch tensor", samples=["r(3, 4), 1", "r(2, 3), dim=0", "r(2, 3), 1, torch.float64"])
def _softmax_op(x, dim: "Dim", dtype: "DType?" = None):
    """exp(x) / sum(exp(x)) along dim: positive numbers that add up to 1.

    >>> softmax(tensor([1., 2., 3.]), dim=0)
    tensor([0.0900, 0.2447, 0.6652])
    """
    return T._softmax(_converted(x, dtype), dim)


@composite("log_softmax", out="exact", at="torch tensor", samples=["r(3, 4), 1", "r(2, 3), dim=0", "r(2, 3), 1, torch.float64"])
def log_softmax(x, dim: "Dim", dtype: "DType?" = None):
    """The logarithm of softmax along dim, exact where softmax underflows.

    >>> log_softmax(tensor([1., 2., 3.]), dim=0)
    tensor([-2.4076, -1.4076, -0.4076])
    """
    return T._log_softmax(_converted(x, dtype), dim)


def _onto(name: str):
    return short_way(name)(passing_on(lambda ndim, dim, dtype: None if dtype is not None else ("_" + name, dim)))


_onto("softmax")
_onto("log_softmax")


@composite("_softmax_f", at="", also=["F.softmax"], samples=[], out=False)
def _softmax_f(x, dim: "Dim?" = None, _stacklevel: "int" = 3, dtype: "DType?" = None):
    return T._softmax(_converted(x, dtype), _softmax_dim("softmax", x.ndim) if dim is None else dim)


@composite("_log_softmax_f", at="", also=["F.log_softmax"], samples=[], out=False)
def _log_softmax_f(x, dim: "Dim?" = None, _stacklevel: "int" = 3, dtype: "DType?" = None):
    return T._log_softmax(_converted(x, dtype), _softmax_dim("log_softmax", x.ndim) if dim is None else dim)


def _onto_f(name: str):
    def where(ndim: int, dim, stacklevel, dtype):
        return None if dtype is not None or dim is None else ("_" + name, dim)
    return short_way(f"_{name}_f")(passing_on(where))


_onto_f("softmax")
_onto_f("log_softmax")


@composite("softmin", at="F", samples=["r(3, 4), 1"], out=False)
def softmin(x, dim: "Dim?" = None, _stacklevel: "int" = 3, dtype: "DType?" = None):
    """softmax of -x along dim.

    >>> F.softmin(tensor([1., 2., 3.]), dim=0)
    tensor([0.6652, 0.2447, 0.0900])
    """
    return T._softmax(_converted(-x, dtype), _softmax_dim("softmin", x.ndim) if dim is None else dim)


@composite("_softmax_special", at="", also=["special.softmax"], samples=[])
def _softmax_special(x, dim: "Dim", *, dtype: "DType?" = None):
    return T._softmax(_converted(x, dtype), dim)


@composite("_log_softmax_special", at="", also=["special.log_softmax"], samples=[])
def _log_softmax_special(x, dim: "Dim", *, dtype: "DType?" = None):
    return T._log_softmax(_converted(x, dtype), dim)
