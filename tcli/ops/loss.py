"""Regression losses, and what all losses share: how `reduction` and its legacy forms are read.

Each loss is one op that computes and reduces in the same pass over blocks of the input; its rule is the
pointwise derivative times the incoming gradient.
"""

import math

import numpy as np

from ..engine import dtypes
from ..engine.callables import finish, is_small, shortcut
from ..engine.device import module_of
from ..engine.dispatch import is_half, wrap
from ..engine.node_view import as_input, graph_of, through
from ..engine.placement import holds
from ..engine.registry import T, composite, op, ops
from ..engine.sums import small_sum
from ..engine.tape import SMALL
from ..engine.warn import warn
from ..errors import BadValue, DTypeError, EngineError
from .arrays import refuse

NAMES = ("none", "mean", "sum")
BLOCK = 1 << 17


def reduction_of(reduction, size_average=None, reduce=None) -> str:
    """"none", "mean" or "sum" from a name, torch's number, or the two legacy flags."""
    if size_average is not None or reduce is not None:
        found = "none" if reduce is False else "sum" if size_average is False else "mean"
        warn(f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.")
        return found
    if type(reduction) is int and 0 <= reduction <= 2:
        return NAMES[reduction]
    if reduction not in NAMES:
        raise BadValue(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(loss, reduction: str):
    """A tensor of losses, reduced."""
    return loss if reduction == "none" else T.mean(loss) if reduction == "mean" else T.sum(loss)


def reduce_array(xp, values, reduction: str):
    if reduction == "none":
        return values
    total = small_sum(values, None) if xp is np and values.dtype.kind == "f" else values.sum()
    return total if reduction == "sum" else _mean(total, values.size)


def _mean(total, n: int):
    return total / total.dtype.type(n) if n else total * total.dtype.type(math.nan)


def share(g, shape, reduction: str):
    """The gradient that reaches each element: `g`, or its share of a mean."""
    return g if reduction != "mean" else g / max(math.prod(shape), 1)


def by_blocks(xp, x, target, reduction: str, values):
    """Reduces `values(x, target)` block by block, so that no temporary leaves the cache."""
    if xp is not np:
        return reduce_array(xp, values(x, target), reduction)
    if reduction == "none" or x.size <= 2 * BLOCK or x.shape != target.shape or not (
            x.flags.c_contiguous and target.flags.c_contiguous):
        return reduce_array(xp, values(x, target), reduction)
    a, b, total = x.reshape(-1), target.reshape(-1), 0.0
    for i in range(0, a.size, BLOCK):
        total += values(a[i:i + BLOCK], b[i:i + BLOCK]).sum(dtype=x.dtype)
    return xp.asarray(total / x.size if reduction == "mean" else total, x.dtype)


def same_shapes(x, target):
    """Both operands in their common shape; PyTorch warns where they differ."""
    if x._a.shape == target._a.shape:
        return x, target
    warn(f"Using a target size ({target.shape}) that is different to the input size ({x.shape}). This will likely "
          "lead to incorrect results due to broadcasting. Please ensure they have the same size.")
    from ..engine.args import broadcast_shapes

    shape = broadcast_shapes(x._a.shape, target._a.shape)
    return T.expand(x, shape), T.expand(target, shape)


def _need_float(x, name: str) -> None:
    refuse(x, "biu", name)


def _weighted(loss, weight, x, reduction: str):
    if weight._a.shape != x._a.shape:
        raise BadValue("Weights and input must have the same size.")
    loss = loss * weight
    if reduction == "mean":
        return T.sum(loss) / T.sum(weight)
    return reduced(loss, reduction)


# ---------------------------------------------------------------- mean squared error

def _squared_difference(a, b):
    d = a - b
    d *= d
    return d


@op("_mse_loss", fuse=True, at="", promote="same", grad_name="MseLossBackward0",
    samples=["r(2, 3), r(2, 3), 'mean'", "r(2, 3), r(2, 3), 'none'"],
    vjp={"x, target": lambda k, g, need, x, target, reduction, x_shape: _mse_gradients(
        k, need, k._scaled_difference(x, target, share(g, x_shape, reduction) * 2))}, raw_vjp=True)
def _mse_loss(xp, x, target, reduction: "str"):
    _need_float(x, "mse_cpu")
    return by_blocks(xp, x, target, reduction, _squared_difference)


def _mse_gradients(k, need, gradient):
    return gradient if need[0] else None, -gradient if need[1] else None


@op("_scaled_difference", fuse=True, at="", samples=["r(2, 3), r(2, 3), r()", "r(2, 3), r(2, 3), r(2, 3)"],
    grad_name="MseLossBackwardBackward0",
    vjp={"x": lambda k, h, g: h * k.conj_of(g), "target": lambda k, h, g: -h * k.conj_of(g),
         "g": lambda k, h, x, target: h * k.conj_of(x - target)})
def _scaled_difference(xp, x, target, g):
    """(x - target) * g, in one buffer."""
    d = xp.asarray(x - target)
    d *= g
    return d


@composite("mse_loss", at="F", samples=["r(2, 3), r(2, 3)", "r(2, 3), r(2, 3), reduction='sum'",
                                        "r(2, 3), r(2, 3), reduction='none'", "r(2, 3), r(2, 3), weight=pos(2, 3)"])
def mse_loss(x, target, size_average: "any" = None, reduce: "any" = None, reduction: "any" = "mean",
             weight: "Tensor?" = None):
    """The mean of (x - target)²; reduction "sum" or "none" instead of the mean.

    >>> F.mse_loss(tensor([1., 2.]), tensor([1., 4.]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x, target = same_shapes(x, target)
    refuse(x._a, "c", "mse_cpu")
    if weight is not None:
        return _weighted(T.square(x - target), weight, x, reduction)
    return T._mse_loss(x, target, reduction)


@shortcut("mse_loss")
def _quick_mse(x, target, *, reduction="mean"):
    if not (is_small(x) and is_small(target)):
        return NotImplemented
    a, b = x._a, target._a
    if a.dtype is not b.dtype or a.dtype.kind == "c" or a.shape != b.shape or a.size > SMALL or reduction not in NAMES:
        return NotImplemented
    d = a - b
    return finish(MSE, (x, target, reduction), reduce_array(np, d * d, reduction), x._rg or target._rg)


MSE = ops["_mse_loss"]


# ---------------------------------------------------------------- absolute error and its smooth forms

def _l1_name(x, target, reduction: str) -> str:
    return {"none": "AbsBackward0", "mean": "MeanBackward0", "sum": "SumBackward0"}[reduction]


def _l1_graph(node) -> tuple:
    """PyTorch's nodes of an absolute error: a mean or a sum of the absolute values of a difference."""
    difference = through("SubBackward0", *map(as_input, node.edges))
    return (difference,) if node.name() == "AbsBackward0" else (through("AbsBackward0", difference),)


graph_of["_l1_loss"] = _l1_graph


def _l1_gradients(k, g, need, x, target, reduction, x_shape):
    gradient = k.sgn(x - target) * share(g, x_shape, reduction)
    return gradient if need[0] else None, -gradient if need[1] else None


@op("_l1_loss", fuse=True, at="", promote="same", samples=["r(2, 3), r(2, 3), 'mean'", "r(2, 3), r(2, 3), 'none'"],
    grad_name=_l1_name, vjp={"x, target": _l1_gradients}, raw_vjp=True)
def _l1_loss(xp, x, target, reduction: "str"):
    if reduction == "mean" and x.dtype.kind in "biu":
        kind = dtypes.scalar_name(dtypes.of_numpy(x.dtype))
        raise EngineError("mean(): could not infer output dtype. Input dtype must be either a floating point or "
                          f"complex dtype. Got: {kind}")
    if x.dtype.kind == "b":
        raise EngineError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                          "`logical_xor()` operator instead.")
    if x.dtype.kind != "f":
        return reduce_array(xp, xp.abs(x - target), reduction)
    return by_blocks(xp, x, target, reduction, lambda a, b: xp.abs(a - b))


@composite("l1_loss", at="F", samples=["r(2, 3), r(2, 3)", "r(2, 3), r(2, 3), reduction='sum'",
                                       "r(2, 3), r(2, 3), reduction='none'", "r(2, 3), r(2, 3), weight=pos(2, 3)"])
def l1_loss(x, target, size_average: "any" = None, reduce: "any" = None, reduction: "any" = "mean",
            weight: "Tensor?" = None):
    """The mean of |x - target|; reduction "sum" or "none" instead of the mean.

    >>> F.l1_loss(tensor([1., 2.]), tensor([1., 4.]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x, target = same_shapes(x, target)
    if weight is not None:
        return _weighted(T._l1_loss(x, target, "none"), weight, x, reduction)
    return T._l1_loss(x, target, reduction)


def _smooth_gradients(k, g, need, x, target, reduction, beta, slope, x_shape):
    # Inside the quadratic zone the derivative is d / beta, outside its sign: a clamp of the one to the other.
    d = x - target
    gradient = k.clamp(d, -beta, beta) * (share(g, x_shape, reduction) * (slope / beta))
    return gradient if need[0] else None, -gradient if need[1] else None


def _smooth_values(xp, beta: float, slope: float):
    def values(a, b):
        d = xp.asarray(a - b)
        xp.abs(d, out=d)
        # 0.5 c² / beta + (d - c) with c = min(d, beta) is both branches at once.
        c = xp.minimum(d, beta)
        d -= c
        c *= c
        c *= 0.5 / beta
        d += c
        if slope != 1:
            d *= slope
        return d
    return values


@op("_smooth_l1_loss", at="", promote="same", grad_name="SmoothL1LossBackward0",
    samples=["r(2, 3), r(2, 3), 'mean', 0.5, 1.0", "r(2, 3), r(2, 3), 'none', 1.0, 2.0"],
    vjp={"x, target": _smooth_gradients}, raw_vjp=True)
def _smooth_l1_loss(xp, x, target, reduction: "str", beta: "float", slope: "float"):
    _need_float(x, "smooth_l1_cpu")
    return by_blocks(xp, x, target, reduction, _smooth_values(xp, beta, slope))


@composite("smooth_l1_loss", at="F", samples=["r(2, 3), r(2, 3)", "r(2, 3), r(2, 3), reduction='none', beta=0.5",
                                              "r(2, 3), r(2, 3), reduction='sum', beta=0.0"])
def smooth_l1_loss(x, target, size_average: "any" = None, reduce: "any" = None, reduction: "any" = "mean",
                   beta: "float" = 1.0):
    """0.5 d² / beta where d = |x - target| < beta, else d - 0.5 beta.

    >>> F.smooth_l1_loss(tensor([0., 3.]), tensor([0.5, 0.]), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x, target = same_shapes(x, target)
    refuse(x._a, "c", "smooth_l1_cpu")
    if beta < 0:
        raise EngineError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return T._l1_loss(x, target, reduction)
    return T._smooth_l1_loss(x, target, reduction, beta, 1.0)


@composite("huber_loss", at="F", samples=["r(2, 3), r(2, 3)", "r(2, 3), r(2, 3), reduction='none', delta=0.5",
                                          "r(2, 3), r(2, 3), 'sum', 0.3", "r(2, 3), r(2, 3), weight=pos(2, 3)"])
def huber_loss(x, target, reduction: "any" = "mean", delta: "float" = 1.0, weight: "Tensor?" = None):
    """0.5 d² where d = |x - target| < delta, else delta (d - 0.5 delta).

    >>> F.huber_loss(tensor([0., 3.]), tensor([0.5, 0.]), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = reduction_of(reduction)
    x, target = same_shapes(x, target)
    refuse(x._a, "c", "huber_cpu")
    if delta <= 0:
        raise EngineError("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return _named(T._smooth_l1_loss(x, target, reduction, delta, delta), "HuberLossBackward0")
    if weight._a.shape != x._a.shape:
        raise BadValue("Weights and input must have the same size.")
    return reduced(T._smooth_l1_loss(x, target, "none", delta, delta) * weight, reduction)


def _named(t, name: str):
    if t._node is not None:
        t._node._name = name
    return t


# ---------------------------------------------------------------- negative log-likelihoods

@composite("_poisson_nll_loss", at="", also=["torch.poisson_nll_loss"])
def _poisson_nll_loss(x, target, log_input: "bool", full: "bool", eps: "float", reduction: "any"):
    """poisson_nll_loss with torch's positional arguments."""
    return poisson_nll_loss(x, target, log_input, full, None, eps, None, reduction)


@composite("poisson_nll_loss", at="F", samples=["r(2, 3), pos(2, 3)",
                                                "pos(2, 3), pos(2, 3), log_input=False, full=True",
                                                "r(2, 3), pos(2, 3), reduction='none'"])
def poisson_nll_loss(x, target, log_input: "bool" = True, full: "bool" = False, size_average: "any" = None,
                     eps: "float" = 1e-8, reduce: "any" = None, reduction: "any" = "mean"):
    """exp(x) - target x for a Poisson rate given by its logarithm x (or by x itself, if not log_input).

    >>> F.poisson_nll_loss(tensor([0.]), tensor([2.]))
    tensor(1.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = T.exp(x) - target * x if log_input else x - target * T.log(x + eps)
    if full:
        # Stirling's approximation of log(target!).
        safe = T.where(target <= 1, T.ones_like(target), target)
        stirling = target * T.log(safe) - target + 0.5 * T.log(2 * math.pi * safe)
        loss = loss + T.where(target <= 1, T.zeros_like(target), stirling)
    return reduced(loss, reduction)


@composite("gaussian_nll_loss", at="F", samples=["r(2, 3), r(2, 3), pos(2, 3)",
                                                 "r(2, 3), r(2, 3), pos(2, 1), full=True",
                                                 "r(2, 3), r(2, 3), pos(2), reduction='none'",
                                                 "r(2, 3), r(2, 3), 2.0"])
def gaussian_nll_loss(x, target, var: "any", full: "bool" = False, eps: "float" = 1e-6, reduction: "any" = "mean"):
    """0.5 (log var + (x - target)² / var): the likelihood of target under a normal distribution.

    >>> F.gaussian_nll_loss(tensor([1.]), tensor([3.]), tensor([2.]))
    tensor(1.3466)
    """
    if x._a.dtype.kind in "iu" and not isinstance(var, (int, float)):
        raise DTypeError("result type Float can't be cast to the desired output type long int")
    refuse(x._a, "c", "lt_cpu")
    if x._a.dtype.kind == "b":
        raise DTypeError("result type Float can't be cast to the desired output type bool")
    var = _checked_variance(x, var)
    if reduction not in NAMES:
        raise BadValue(f"{reduction} is not valid")
    # The clamp guards the value only: gradients pass as if it were not there.
    var = var + wrap(module_of(var._a).maximum(var._a, var._a.dtype.type(eps)) - var._a)
    d = x - target
    loss = 0.5 * (T.log(var) + d * d / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def _checked_variance(x, var):
    if isinstance(var, (int, float)):
        if var < 0:
            raise BadValue("var has negative entry/entries")
        return T.ones_like(x) * float(var)
    if holds((var._a < 0).any()):
        raise BadValue("var has negative entry/entries")
    have, want = var._a.shape, x._a.shape
    if have == want:
        return var
    if have == want[:-1]:
        return T.unsqueeze(var, -1)
    if len(have) != len(want) or sum(b for a, b in zip(want, have, strict=True) if a != b) != 1:
        raise BadValue("var is of incorrect size")
    return var


def _soft_margin_slope(k, g, x, target, reduction, x_shape):
    """The gradient of each -target * x; nan where its exponential is too large, as in PyTorch."""
    z = k.exp(-target * x)
    return z / (z + 1) * share(g, x_shape, reduction)


@op("_soft_margin_loss", at="", promote="same", half=False, grad_name="SoftMarginLossBackward0",
    samples=["r(2, 3), away(2, 3), 'mean'"],
    vjp={"x": lambda k, g, x, target, reduction, x_shape:
         -target * _soft_margin_slope(k, g, x, target, reduction, x_shape),
         "target": lambda k, g, x, target, reduction, x_shape:
         -x * _soft_margin_slope(k, g, x, target, reduction, x_shape)})
def _soft_margin_loss(xp, x, target, reduction: "str"):
    # Each step in the dtype of the operands, as PyTorch does it: in half precision the exponential soon is infinite.
    values = xp.log1p(xp.exp(-target * x))
    if is_half(values.dtype):
        return xp.asarray(reduce_array(xp, values.astype(np.float32), reduction)).astype(values.dtype)
    return reduce_array(xp, values, reduction)


@composite("soft_margin_loss", at="F", samples=["r(2, 3), away(2, 3).sign().detach()",
                                                "r(2, 3), away(2, 3).sign().detach(), reduction='none'"])
def soft_margin_loss(x, target, size_average: "any" = None, reduce: "any" = None, reduction: "any" = "mean"):
    """log(1 + exp(-target x)) for targets of -1 and 1.

    >>> F.soft_margin_loss(tensor([0.]), tensor([1.]))
    tensor(0.6931)
    """
    if x._a.dtype.kind in "iu":
        raise DTypeError(f"result type Float can't be cast to the desired output type {dtypes.scalar_name(x.dtype)}")
    return T._soft_margin_loss(x, target, reduction_of(reduction, size_average, reduce))
