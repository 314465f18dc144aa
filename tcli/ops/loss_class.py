"""Losses of classification: cross_entropy and nll_loss.

cross_entropy of class indices is one op over blocks of samples that stay in cache: it keeps two numbers
per sample, and its gradient is the softmax from these, less 1 at the targets. The class dim is 1, or 0
for a single sample.
"""

import numpy as np

from ..engine.dispatch import wrap
from ..engine.dtypes import of_numpy, scalar_name
from ..engine.placement import has_values, holds, outside
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import BadIndex, BadValue, DTypeError, EngineError, ShapeError, Unsupported
from .loss import reduction_of

BLOCK = 1 << 17


def _check_targets(x, target, weight) -> None:
    """Raises PyTorch's error for sizes and dtypes that do not fit."""
    if not x.ndim:
        raise BadValue("Expected 1 or more dimensions (got 0)")
    if x.ndim != 1 and x.shape[0] != (target.shape[0] if target.ndim else 1):
        raise BadValue(f"Expected input batch_size ({x.shape[0]}) to match target batch_size "
                       f"({target.shape[0] if target.ndim else 1}).")
    if x.ndim <= 2 and target.ndim > 1:
        raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
    want = (x.shape[0], *x.shape[2:]) if x.ndim > 1 else ()
    if x.ndim > 2 and target.shape != want:
        if x.ndim == 4 and target.ndim == 3:
            raise ShapeError(f"size mismatch (got input: {list(x.shape)} , target: {list(target.shape)}")
        raise ShapeError(f"Expected target size {list(want)}, got {list(target.shape)}")
    if x.ndim == 1 and target.size != 1:
        raise ShapeError(f"size mismatch (got input: {list(x.shape)}, target: {list(target.shape)})")
    if target.dtype not in (np.int64, np.uint8):
        raise DTypeError(f"expected target dtype to be Long or Byte, but got {scalar_name(of_numpy(target.dtype))}")
    classes = x.shape[0] if x.ndim == 1 else x.shape[1]
    if weight is not None and weight.shape != (classes,):
        if x.ndim > 2:
            raise ShapeError("weight tensor should be defined either for all or no classes")
        raise ShapeError(f"weight tensor should be defined either for all {classes} classes or no classes but got "
                         f"weight tensor of shape: {list(weight.shape)}")


def _not_for(x, kernel: str) -> None:
    if x.dtype.kind != "f":
        raise Unsupported(f"\"{kernel}\" not implemented for '{scalar_name(of_numpy(x.dtype))}'")


def _places(xp, x, target, ignore_index: int):
    """(target shaped like one class of x and safe to look up, mask of the ignored or None)."""
    axis = 0 if x.ndim == 1 else 1
    t = target.reshape((1,) if axis == 0 else target.shape if x.ndim == target.ndim + 1 else x.shape[:1])
    t = t.astype(np.int64, copy=False)
    classes = x.shape[axis]
    ignored = None
    if outside(t, 0, classes) or 0 <= ignore_index < classes:
        mask = t == ignore_index
        if holds(mask.any()):
            ignored = mask
            t = xp.where(mask, 0, t)
        bad = (t < 0) | (t >= classes)
        if holds(bad.any()):
            raise BadIndex(f"Target {int(t[bad][0])} is out of bounds.")
    return t if axis == 0 else xp.expand_dims(t, 1), ignored


def _class_weights(xp, t, ignored, weight, dtype, axis: int):
    """The weight of each sample: 1, its class's, 0 where ignored. None stands for all ones."""
    w = None if weight is None else weight[xp.squeeze(t, axis) if axis else t]
    if ignored is not None:
        w = (~ignored).astype(dtype) if w is None else xp.where(ignored, w.dtype.type(0), w)
    return w


def _coefficients(xp, x, target, weight, ignore_index: int, reduction: str):
    """(places, factor of each sample's loss; a number where all are equal)."""
    axis = 0 if x.ndim == 1 else 1
    t, ignored = _places(xp, x, target, ignore_index)
    w = _class_weights(xp, t, ignored, weight, x.dtype, axis)
    if reduction == "mean":
        if w is None:
            return t, x.dtype.type(1 / t.size if t.size else np.nan), ignored
        with np.errstate(divide="ignore", invalid="ignore"):
            return t, w / w.sum(), ignored
    return t, x.dtype.type(1) if w is None else w, ignored


def _collect(xp, values, factor, ignored, target_shape, reduction: str):
    """Per-sample values times their factors, reduced; ignored ones count nothing, not even NaN."""
    if ignored is not None:
        values = xp.where(ignored, values.dtype.type(0), values)
    if reduction == "none":
        return (values * factor).reshape(target_shape)
    if getattr(factor, "ndim", 0) == 0:
        return xp.asarray(values.sum() * factor) if values.size or reduction == "sum" else xp.asarray(factor)
    return xp.asarray((values * factor).sum())


# ---------------------------------------------------------------- cross entropy of class indices

def _name(x, *_rest) -> str:
    return "NllLossBackward0" if x._a.ndim <= 2 else "NllLoss2DBackward0"


def _cross_entropy_x(k, g, x, target, weight, ignore_index, reduction, out1, out2):
    if g[0] is None:
        return None
    if not state.grad:
        return k._cross_entropy_gradient(g[0], x, out1, out2, target, weight, ignore_index, reduction)
    axis = 0 if len(x.shape) == 1 else 1
    # Without weights of the classes a softmax minus the one-hot target: all of it differentiable.
    onehot, factor = k._target_parts(x, target, weight, ignore_index, reduction)
    scaled = (k.reshape(g[0], factor.shape) if reduction == "none" else g[0]) * factor
    return (k.softmax(x, axis) - onehot) * k.unsqueeze(scaled, axis) if axis else (k.softmax(x, 0) - onehot) * scaled


@op("_cross_entropy", at="", outs=3, grad_name=_name, vjp={"x": _cross_entropy_x})
def _cross_entropy(xp, x, target: "Index", weight: "Index?", ignore_index: "int", reduction: "str"):
    """(loss, largest score, sum of exp(score - largest)) of each sample: the last two are what the gradient needs."""
    _check_targets(x, target, weight)
    _not_for(x, "log_softmax_lastdim_kernel_impl")
    axis = 0 if x.ndim == 1 else 1
    t, factor, ignored = _coefficients(xp, x, target, weight, ignore_index, reduction)
    top, total = _normalisers(xp, x, t, axis)
    values = xp.log(total) - (xp.take_along_axis(x, t, axis) - top)
    values = values[:, 0] if axis else values
    return _collect(xp, values, factor, ignored, target.shape, reduction), top, total


def _blocks(x, axis: int) -> list:
    """Slices of samples that fit into cache; a single sample is its own block."""
    if axis == 0 or x.size <= BLOCK:
        return [slice(None)]
    step = max(1, BLOCK * x.shape[0] // x.size)
    return [slice(i, i + step) for i in range(0, x.shape[0], step)]


def _normalisers(xp, x, t, axis: int):
    if not x.size:
        return xp.zeros(t.shape, x.dtype), xp.zeros(t.shape, x.dtype)
    top = x.max(axis, keepdims=True)
    total = xp.empty_like(top)
    for b in _blocks(x, axis):
        e = x[b] - top[b]
        xp.exp(e, out=e)
        e.sum(axis, keepdims=True, out=total[b])
    return top, total


@op("_cross_entropy_gradient", at="", nograd=True)
def _cross_entropy_gradient(xp, g, x, top, total, target: "Index", weight: "Index?", ignore_index: "int",
                            reduction: "str"):
    """(softmax(x) - one-hot target) times each sample's share of g."""
    axis = 0 if x.ndim == 1 else 1
    t, factor, ignored = _coefficients(xp, x, target, weight, ignore_index, reduction)
    scaled = xp.asarray((g.reshape(t.shape[:1] + t.shape[2:]) if reduction == "none" else g) * factor)
    if ignored is not None and scaled.ndim == 0:
        scaled = xp.where(ignored, x.dtype.type(0), scaled)
    scaled = xp.expand_dims(scaled, 1) if axis and scaled.ndim else scaled
    by = xp.broadcast_to(scaled / total, total.shape)
    d = xp.empty_like(x)
    for b in _blocks(x, axis):
        part = d[b]
        xp.subtract(x[b], top[b], out=part)
        xp.exp(part, out=part)
        part *= by[b]
    at = xp.take_along_axis(d, t, axis) - scaled
    xp.put_along_axis(d, t, at.astype(d.dtype, copy=False), axis)
    return d


@op("_target_parts", at="", nograd=True, outs=2)
def _target_parts(xp, x, target: "Index", weight: "Index?", ignore_index: "int", reduction: "str"):
    """(one-hot targets shaped like x, the factor of each sample)."""
    axis = 0 if x.ndim == 1 else 1
    t, factor, _ = _coefficients(xp, x, target, weight, ignore_index, reduction)
    onehot = xp.zeros(x.shape, x.dtype)
    xp.put_along_axis(onehot, t, x.dtype.type(1), axis)
    shape = t.shape[:1] + t.shape[2:]
    return onehot, xp.broadcast_to(xp.asarray(factor, x.dtype), shape).copy()


# ---------------------------------------------------------------- nll_loss

def _nll_forward(xp, x, target, weight, ignore_index, reduction):
    axis = 0 if x.ndim == 1 else 1
    t, factor, ignored = _coefficients(xp, x, target, weight, ignore_index, reduction)
    values = -xp.take_along_axis(x, t, axis)
    return _collect(xp, values[:, 0] if axis else values, factor, ignored, target.shape, reduction)


@op("_nll_loss", at="", grad_name=_name, samples=["r(4, 3), torch.tensor([0, 2, 1, 2]), None, -100, 'mean'"],
    vjp={"x": lambda k, g, x_shape, target, weight, ignore_index, reduction:
         k._nll_adjoint(g, target, weight, ignore_index, reduction, x_shape)})
def _nll_loss(xp, x, target: "Index", weight: "Index?", ignore_index: "int", reduction: "str"):
    _check_targets(x, target, weight)
    _not_for(x, "nll_loss_out_frame")
    return _nll_forward(xp, x, target, weight, ignore_index, reduction)


@op("_nll_adjoint", at="", grad_name="NllLossBackwardBackward0",
    samples=["r(), torch.tensor([0, 2, 1, 2]), None, -100, 'mean', (4, 3)"],
    vjp={"g": lambda k, h, target, weight, ignore_index, reduction:
         k._nll_loss(h, target, weight, ignore_index, reduction)})
def _nll_adjoint(xp, g, target: "Index", weight: "Index?", ignore_index: "int", reduction: "str", shape: "any"):
    d = xp.zeros(shape, g.dtype)
    axis = 0 if d.ndim == 1 else 1
    t, factor, ignored = _coefficients(xp, d, target, weight, ignore_index, reduction)
    where = t.shape[:1] + t.shape[2:]
    scaled = -(g.reshape(where) if reduction == "none" else g) * factor
    scaled = xp.broadcast_to(scaled, where)
    if ignored is not None:
        scaled = xp.where(ignored, g.dtype.type(0), scaled)
    xp.put_along_axis(d, t, xp.expand_dims(scaled, 1) if axis else scaled, axis)
    return d


def _shaped_like_torch(loss, x, reduction: str):
    """PyTorch computes odd numbers of dims as four and shapes the unreduced result back."""
    if reduction == "none" and x._a.ndim in (3, 5, 6, 7) and loss.grad_fn is not None:
        loss.grad_fn._name = "ViewBackward0"
    return loss


@composite("nll_loss", at="F",
           samples=["r(4, 3), torch.tensor([0, 2, 1, 2])",
                    "r(4, 3), torch.tensor([0, 2, 1, 2]), torch.tensor([0.5, 2.0, 1.5]).double()",
                    "r(2, 3, 2), ints(2, 2, high=3), reduction='sum'",
                    "r(2, 3, 2, 2), ints(2, 2, 2, high=3), reduction='none'",
                    "r(4, 3), torch.tensor([0, 2, 1, 2]), ignore_index=2"])
def nll_loss(x, target, weight: "Tensor?" = None, size_average: "any" = None, ignore_index: "int" = -100,
             reduce: "any" = None, reduction: "any" = "mean"):
    """Minus the log-probability x (N, C, ...) of each target class (N, ...), weighted by class.

    >>> F.nll_loss(tensor([[-1., -2.], [-3., -4.]]), tensor([0, 1]))
    tensor(2.5000)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    return _shaped_like_torch(T._nll_loss(x, target, weight, ignore_index, reduction), x, reduction)


# ---------------------------------------------------------------- cross_entropy, all its forms

@composite("cross_entropy", at="F",
           samples=["r(4, 3), torch.tensor([0, 2, 1, 2])",
                    "r(4, 3), torch.tensor([0, 2, 1, 2]), torch.tensor([0.5, 2.0, 1.5]).double()",
                    "r(4, 3), torch.tensor([0, 2, 1, 2]), reduction='none', label_smoothing=0.1",
                    "r(4, 3), pos(4, 3)", "r(2, 3, 2), ints(2, 2, high=3), reduction='none'", "r(3), torch.tensor(1)",
                    "r(4, 3), torch.tensor([0, 2, 1, 2]), ignore_index=2, reduction='sum'",
                    "r(4, 3), torch.tensor([0, 2, 1, 2]), torch.tensor([0.5, 2.0, 1.5]).double(), "
                    "label_smoothing=0.2"])
def cross_entropy(x, target, weight: "Tensor?" = None, size_average: "any" = None, ignore_index: "int" = -100,
                  reduce: "any" = None, reduction: "any" = "mean", label_smoothing: "float" = 0.0):
    """log-softmax of x (N, C, ...) and the negative log-likelihood of target: class indices (N, ...) or
    probabilities shaped like x.

    >>> F.cross_entropy(tensor([[2., 0.], [0., 2.]]), tensor([0, 0]))
    tensor(1.1269)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if target._a.shape == x._a.shape:
        return _of_probabilities(x, target, weight, ignore_index, reduction, label_smoothing)
    if label_smoothing:
        return _smoothed(x, target, weight, ignore_index, reduction, label_smoothing)
    loss = T._cross_entropy(x, target, weight, ignore_index, reduction)[0]
    return _shaped_like_torch(loss, x, reduction)


def _check_smoothing(value) -> None:
    if not 0 <= value <= 1:
        raise EngineError(f"label_smoothing must be between 0.0 and 1.0. Got: {value:g}")


def _along_classes(weight, x):
    """A weight per class in a shape that broadcasts with x."""
    return weight if x._a.ndim <= 1 else T.reshape(weight, (-1, *(1,) * (x._a.ndim - 2)))


def _of_probabilities(x, target, weight, ignore_index, reduction, smoothing):
    if target._a.dtype.kind not in "fV":
        raise DTypeError("Expected floating point type for target with class probabilities, got "
                         f"{scalar_name(target.dtype)}")
    _check_smoothing(smoothing)
    if ignore_index >= 0:
        raise EngineError("ignore_index is not supported for floating point target")
    axis = 0 if x._a.ndim == 1 else 1
    classes = x._a.shape[axis]
    if weight is not None and weight._a.shape != (classes,):
        raise ShapeError(f"cross_entropy: weight tensor should be defined either for all {classes} classes or no "
                         f"classes but got weight tensor of shape: {list(weight._a.shape)}")
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    loss = T.log_softmax(x, axis) * target
    if weight is not None:
        loss = loss * _along_classes(weight, x)
    if reduction == "none":
        return -T.sum(loss, axis)
    total = -T.sum(loss)
    if reduction == "sum":
        return total
    mean = total / (x._a.size // classes if classes else 0)
    if mean._node is not None:
        mean._node._name = "DivBackward1"
    return mean


def _smoothed(x, target, weight, ignore_index, reduction, smoothing):
    _check_smoothing(smoothing)
    _check_targets(x._a, target._a, weight._a if weight is not None else None)
    axis = 0 if x._a.ndim == 1 else 1
    classes = x._a.shape[axis]
    logp = T.log_softmax(x, axis)
    sharp = T._nll_loss(logp, target, weight, ignore_index, reduction)
    even = -T.sum(logp if weight is None else logp * _along_classes(weight, x), axis)
    ignored = target._a == ignore_index
    if holds(ignored.any()):
        even = T.where(wrap(~ignored), even, T.zeros_like(even))
    if reduction != "none":
        even = T.sum(even)
    if reduction == "mean":
        even = even / _total_weight(x, target, weight, ignore_index, ignored)
    return sharp * (1 - smoothing) + even * (smoothing / classes)


def _total_weight(x, target, weight, ignore_index: int, ignored) -> float:
    if not has_values(ignored):
        return 1.0
    if weight is None:
        return int((~ignored).sum())
    return float(weight._a[target._a[~ignored].astype(np.int64)].astype(np.float64).sum())
