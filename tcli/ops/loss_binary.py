"""Losses of probabilities: binary_cross_entropy (of probabilities and of logits) and kl_div."""

import numpy as np

from ..engine.dtypes import scalar_name
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.warn import warn
from ..errors import BadValue, DTypeError, EngineError
from .arrays import refuse
from .loss import reduce_array, reduction_of, share


def _bce_x(k, g, x, target, weight, reduction, x_shape):
    # The denominator is kept from zero as the logarithms of the forward pass are.
    d = (x - target) / k.clamp((1 - x) * x, 1e-12) * share(g, x_shape, reduction)
    return d if weight is None else d * weight


def _bce_target(k, g, x, target, weight, reduction, x_shape):
    d = (k.clamp(k.log1p(-x), -100) - k.clamp(k.log(x), -100)) * share(g, x_shape, reduction)
    return d if weight is None else d * weight


@op("_bce", at="", grad_name="BinaryCrossEntropyBackward0", samples=["torch.sigmoid(r(2, 3)), unit(2, 3).abs(), "
                                                                     "None, 'mean'"],
    vjp={"x": _bce_x, "target": _bce_target})
def _bce(xp, x, target, weight: "Index?", reduction: "str"):
    if holds(~((x >= 0) & (x <= 1)).all()):
        raise EngineError("all elements of input should be between 0 and 1")
    with np.errstate(divide="ignore", invalid="ignore"):
        positive, negative = xp.maximum(xp.log(x), -100), xp.maximum(xp.log1p(-x), -100)
    # (target - 1) log(1 - x) - target log(x)
    loss = xp.asarray((target - 1) * negative - target * positive)
    if weight is not None:
        loss *= weight
    return reduce_array(xp, loss, reduction)


@composite("binary_cross_entropy", at="F",
           samples=["torch.sigmoid(r(2, 3)), unit(2, 3).abs()",
                    "torch.sigmoid(r(2, 3)), unit(2, 3).abs(), reduction='none'",
                    "torch.sigmoid(r(2, 3)), unit(2, 3).abs(), torch.tensor([0.5, 2.0, 1.5]).double(), "
                    "reduction='sum'"])
def binary_cross_entropy(x, target, weight: "Tensor?" = None, size_average: "any" = None, reduce: "any" = None,
                         reduction: "any" = "mean"):
    """-(target log x + (1 - target) log(1 - x)) for probabilities x; the logarithms are kept above -100.

    >>> F.binary_cross_entropy(tensor([0.5]), tensor([1.]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target._a.shape != x._a.shape:
        raise BadValue(f"Using a target size ({target.shape}) that is different to the input size ({x.shape}) is "
                       "deprecated. Please ensure they have the same size.")
    if target._a.dtype != x._a.dtype:
        raise DTypeError(f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(x.dtype)}")
    if x._a.dtype.kind in "biu":
        raise EngineError("all elements of input should be between 0 and 1")
    refuse(x._a, "c", "binary_cross_entropy")
    return T._bce(x, target, weight, reduction)


# ---------------------------------------------------------------- logits

def _logits_x(k, g, x, target, weight, pos_weight, reduction, x_shape):
    g = share(g, x_shape, reduction)
    s = k.sigmoid(x)
    d = (s - target) * g if pos_weight is None else ((pos_weight * target + 1 - target) * s - pos_weight * target) * g
    return d if weight is None else d * weight


def _logits_target(k, g, x, weight, pos_weight, reduction, x_shape):
    g = share(g, x_shape, reduction)
    d = -x * g if pos_weight is None else (k.logsigmoid(-x) - pos_weight * k.logsigmoid(x)) * g
    return d if weight is None else d * weight


@op("_bce_logits", at="", promote="same", grad_name="BinaryCrossEntropyWithLogitsBackward0",
    samples=["r(2, 3), unit(2, 3).abs(), None, torch.tensor([0.5, 2.0, 1.5]).double(), 'mean'"],
    vjp={"x": _logits_x, "target": _logits_target}, raw_vjp=True)
def _bce_logits(xp, x, target, weight: "Index?", pos_weight: "Index?", reduction: "str"):
    # log(1 + exp(-x)) = max(-x, 0) + log1p(exp(-|x|)) never overflows.
    soft = xp.asarray(-xp.abs(x))
    xp.exp(soft, out=soft)
    xp.log1p(soft, out=soft)
    soft += xp.maximum(-x, 0)
    if pos_weight is not None:
        soft = soft * (1 + (pos_weight - 1) * target)
    loss = xp.asarray(soft + (1 - target) * x)
    if weight is not None:
        loss = loss * weight
    return reduce_array(xp, loss, reduction)


def _with_logits(x, target, weight, pos_weight, reduction: str):
    if target._a.shape != x._a.shape:
        raise BadValue(f"Target size ({target.shape}) must be the same as input size ({x.shape})")
    if target._a.dtype.kind in "biu" and x._a.dtype.kind == "f":
        raise DTypeError(f"result type {scalar_name(x.dtype)} can't be cast to the desired output type "
                         f"{scalar_name(target.dtype)}")
    return T._bce_logits(x, target, weight, pos_weight, reduction)


@composite("binary_cross_entropy_with_logits", at="F",
           samples=["r(2, 3), unit(2, 3).abs()",
                    "r(2, 3), unit(2, 3).abs(), torch.tensor([0.5, 2.0, 1.5]), reduction='sum'",
                    "r(2, 3), unit(2, 3).abs(), reduction='none', pos_weight=torch.tensor([0.5, 2.0, 1.5])"])
def binary_cross_entropy_with_logits(x, target, weight: "Tensor?" = None, size_average: "any" = None,
                                     reduce: "any" = None, reduction: "any" = "mean", pos_weight: "Tensor?" = None):
    """binary_cross_entropy(sigmoid(x), target) without overflow; pos_weight weighs the positive part.

    >>> F.binary_cross_entropy_with_logits(tensor([0.]), tensor([1.]))
    tensor(0.6931)
    """
    return _with_logits(x, target, weight, pos_weight, reduction_of(reduction, size_average, reduce))


@composite("_torch_bce_logits", at="", also=["torch.binary_cross_entropy_with_logits"])
def _torch_bce_logits(x, target, weight: "Tensor?" = None, pos_weight: "Tensor?" = None, reduction: "any" = 1):
    """binary_cross_entropy_with_logits with torch's own order of arguments."""
    return _with_logits(x, target, weight, pos_weight, reduction_of(reduction))


# ---------------------------------------------------------------- kl_div

def _kl_name(x, target, reduction: str, log_target: bool) -> str:
    if reduction == "none":
        return "MulBackward0" if log_target else "SubBackward0"
    return "MeanBackward0" if reduction == "mean" else "SumBackward0"


def _kl_target(k, g, x, target, reduction, log_target, x_shape):
    g = share(g, x_shape, reduction)
    if log_target:
        return g * k.exp(target) * (target - x + 1)
    d = g * (k.log(target) + 1 - x)
    return k.where(target == 0, k.zeros_like(d), d)


@op("_kl_div", fuse=True, at="", promote="same", grad_name=_kl_name,
    samples=["r(2, 3), pos(2, 3), 'mean', False", "r(2, 3), r(2, 3), 'none', True"],
    vjp={"x": lambda k, g, target, reduction, log_target, x_shape:
         -(k.exp(target) if log_target else target) * share(g, x_shape, reduction), "target": _kl_target})
def _kl_div(xp, x, target, reduction: "str", log_target: "bool"):
    if log_target:
        return reduce_array(xp, xp.exp(target) * (target - x), reduction)
    with np.errstate(divide="ignore", invalid="ignore"):
        # target log(target) is 0 at 0.
        own = xp.where(target == 0, target.dtype.type(0), target * xp.log(target))
        return reduce_array(xp, own - target * x, reduction)


def _same(x, target):
    if x._a.shape == target._a.shape:
        return x, target
    from ..engine.args import broadcast_shapes

    shape = broadcast_shapes(x._a.shape, target._a.shape)
    return T.expand(x, shape), T.expand(target, shape)


@composite("kl_div", at="F", samples=["r(2, 3), pos(2, 3), reduction='batchmean'",
                                      "r(2, 3), r(2, 3), reduction='none', log_target=True",
                                      "r(2, 3), pos(2, 3), reduction='sum'", "r(2, 3), pos(2, 3)"])
def kl_div(x, target, size_average: "any" = None, reduce: "any" = None, reduction: "any" = "mean",
           log_target: "bool" = False):
    """target (log target - x) for log-probabilities x: the divergence of the two distributions. "batchmean" divides
    the sum by the size of the batch.

    >>> F.kl_div(tensor([[-1., -1.]]), tensor([[0.5, 0.5]]), reduction="batchmean")
    tensor(0.3069)
    """
    legacy = size_average is not None or reduce is not None
    if not legacy and reduction == "mean":
        warn("reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
              "divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed to "
              "behave the same as 'batchmean' in the next major release.")
    if not (x.is_floating_point() or x.is_complex()) or not (target.is_floating_point() or target.is_complex()):
        raise EngineError("kl_div: Integral inputs not supported.")
    kind = "sum" if not legacy and reduction == "batchmean" else reduction_of(reduction, size_average, reduce)
    x, target = _same(x, target)
    loss = T._kl_div(x, target, kind, log_target)
    return loss / x._a.shape[0] if reduction == "batchmean" and x._a.ndim else loss


@composite("_torch_kl_div", at="", also=["torch.kl_div"])
def _torch_kl_div(x, target, reduction: "any" = 1, *, log_target: "bool" = False):
    """kl_div with torch's own order of arguments."""
    return T._kl_div(*_same(x, target), reduction_of(reduction), log_target)
