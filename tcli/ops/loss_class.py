"""Losses of classification: cross_entropy and nll_loss.

cross_entropy of class indices is one op over blocks of samples that stay in cache: it keeps two numbers
per sample, and its gradient is the softmax from these, less 1 at the targets. The class dim is 1, or 0
for a single sample.
"""

from functools import lru_cache

import numpy as np

from .. import native
from ..engine.args import wrap_dim
from ..engine.callables import finish, is_small, shortcut
from ..engine.dispatch import READY, wrap
from ..engine.dtypes import of_numpy, scalar_name
from ..engine.memory import pool
from ..engine.node_view import as_input, graph_of, through
from ..engine.placement import has_values, holds, outside
from ..engine.registry import T, composite, op, ops
from ..engine.sums import line_sums, small_sum, sum_by
from ..engine.tape import state
from ..errors import BadIndex, BadValue, DTypeError, EngineError, ShapeError, Unsupported
from .blocks import over_rows
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
    if weight is not None and weight.dtype != x.dtype and x.dtype.kind == "f":
        raise DTypeError(f"expected scalar type {scalar_name(of_numpy(x.dtype))} but found "
                         f"{scalar_name(of_numpy(weight.dtype))}")
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


def _log_softmax_graph(node) -> tuple:
    """PyTorch's nodes of a cross entropy: the negative log-likelihood of a log_softmax."""
    return (through("LogSoftmaxBackward0", as_input(node.edges[0])),)


graph_of["_cross_entropy"] = graph_of["_cross_entropy_rows"] = _log_softmax_graph


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


def _over_samples(xp, x, fn) -> None:
    """`fn(samples)` for slices of samples that fit into cache; a single sample is its own block."""
    if xp is not np or x.ndim == 1 or x.size <= BLOCK:
        fn(slice(None))
    else:
        over_rows(len(x), x.size // len(x), lambda start, stop: fn(slice(start, stop)), BLOCK)


def _normalisers(xp, x, t, axis: int):
    top, total = xp.zeros(t.shape, x.dtype), xp.zeros(t.shape, x.dtype)
    if axis == x.ndim - 1 and native.exponential_sums(x, top, total, x.shape[axis] or 1):
        return top, total

    def block(b: slice) -> None:
        x[b].max(axis, keepdims=True, out=top[b])
        e = x[b] - top[b]
        xp.exp(e, out=e)
        if xp is np and e.ndim == 2:
            line_sums(e, total[b])
        else:
            e.sum(axis, keepdims=True, out=total[b])
    if x.size:
        _over_samples(xp, x, block)
    return top, total


@op("_cross_entropy_gradient", at="", nograd=True)
def _cross_entropy_gradient(xp, g, x, top, total, target: "Index", weight: "Index?", ignore_index: "int",
                            reduction: "str"):
    """(softmax(x) - one-hot target) times each sample's share of g."""
    axis = 0 if x.ndim == 1 else 1
    t, factor, ignored = _coefficients(xp, x, target, weight, ignore_index, reduction)
    scaled = xp.asarray((g.reshape(t.shape[:1] + t.shape[2:]) if reduction == "none" else g) * factor)
    if ignored is not None:
        scaled = xp.where(ignored, x.dtype.type(0), scaled)
    scaled = xp.expand_dims(scaled, 1) if axis and scaled.ndim else scaled
    by = xp.broadcast_to(scaled / total, total.shape)
    d = pool.empty(x.shape, x.dtype) if xp is np else xp.empty_like(x)

    def block(b: slice) -> None:
        part = d[b]
        xp.subtract(x[b], top[b], out=part)
        xp.exp(part, out=part)
        part *= by[b]
    if axis != x.ndim - 1 or not native.scaled_exponentials(x, top, xp.ascontiguousarray(by), d, x.shape[axis] or 1):
        _over_samples(xp, x, block)
    at = xp.take_along_axis(d, t, axis) - scaled
    xp.put_along_axis(d, t, at.astype(d.dtype, copy=False), axis)
    return d


@op("_target_parts", at="", nograd=True, outs=2)
def _target_parts(xp, x, target: "Index", weight: "Index?", ignore_index: "int", reduction: "str"):
    """(one-hot targets shaped like x, the factor of each sample)."""
    axis = 0 if x.ndim == 1 else 1
    t, factor, ignored = _coefficients(xp, x, target, weight, ignore_index, reduction)
    if ignored is not None:
        factor = xp.where(ignored, x.dtype.type(0), factor)
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


@op("_nll_loss", rows=True, at="", grad_name=_name, samples=["r(4, 3), torch.tensor([0, 2, 1, 2]), None, -100, 'mean'"],
    vjp={"x": lambda k, g, x_shape, target, weight, ignore_index, reduction:
         k._nll_adjoint(g, target, weight, ignore_index, reduction, x_shape)}, raw_vjp=True)
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
    if weight is not None and weight.dtype is not x.dtype and x._a.dtype.kind == "f":
        raise DTypeError(f"expected scalar type {scalar_name(x.dtype)} but found {scalar_name(weight.dtype)}")
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


def _row_gradient(k, g, x, target):
    onehot, factor = k._target_parts(x, target, None, -100, "mean")
    return (k.softmax(x, 1) - onehot) * k.unsqueeze(factor * g, 1)


def _row_gradient_on_arrays(k, g, x, target):
    d = np.empty(x.shape, x.dtype)
    if native.cross_entropy_backward(g, x, target, d, x.shape[1]):
        return d
    d = np.exp(x - np.maximum.reduce(x, 1, None, None, True))
    d /= small_sum(d, 1, True)
    d[_row_numbers(len(target)), target] -= 1
    d *= g / x.dtype.type(len(target))
    return d


@lru_cache(64)
def _row_numbers(n: int):
    return np.arange(n)


@lru_cache(64)
def _row_starts(n: int, length: int):
    return np.arange(0, n * length, length)


@op("_cross_entropy_rows", at="", grad_name="NllLossBackward0", samples=["r(4, 3), torch.tensor([0, 2, 1, 2])"],
    vjp={"x": _row_gradient}, raw_vjp={"x": _row_gradient_on_arrays})
def _cross_entropy_rows(xp, x, target: "Index"):
    """The mean over the rows of a small matrix: `_cross_entropy` without weights, without classes to ignore."""
    found = xp.empty((), x.dtype)
    if native.cross_entropy(x, target, found, x.shape[1]):
        return found
    top = xp.maximum.reduce(x, 1, None, None, True)
    total = sum_by(xp, xp.exp(x - top), 1)
    values = xp.log(total) + top[:, 0] - x.reshape(-1).take(_row_starts(*x.shape) + target if xp is np else
                                                            xp.arange(len(target)) * x.shape[1] + target)
    return sum_by(xp, values, None) / x.dtype.type(len(target))


@shortcut("cross_entropy")
def _quick_cross_entropy(x, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                         label_smoothing=0.0):
    if not is_small(x) or type(target) not in READY or weight is not None or size_average is not None or reduce is not None \
            or ignore_index != -100 or reduction != "mean" or label_smoothing:
        return NotImplemented
    a, t = x._a, target._a
    if a.ndim != 2 or t.ndim != 1 or t.dtype is not INT64 or len(t) != len(a) or not a.size:
        return NotImplemented
    places = t.view(UINT64)  # negative ones become large
    if places[places.argmax()] >= a.shape[1]:
        return NotImplemented
    return finish(ROWS, (x, target), _cross_entropy_rows(np, a, t), x._rg)


ROWS = ops["_cross_entropy_rows"]
INT64, UINT64 = np.dtype(np.int64), np.dtype(np.uint64)


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
    axis = wrap_dim(0 if x._a.ndim == 1 else 1, x._a.ndim, scalar_ok=False)
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


@composite("linear_cross_entropy", at="F",
           samples=["r(4, 3), r(5, 3), torch.tensor([0, 4, 1, 2])",
                    "r(3), r(5, 3), torch.tensor(4), linear_bias=r(5), reduction='sum'",
                    "r(2, 3), r(4, 2, 3), torch.tensor([[0, 3], [1, 2]]), weight=torch.tensor([1., 2., 0.5, 1.]).double()",
                    "r(4, 3), r(5, 3), torch.tensor([0, 4, 1, 2]), ignore_index=4, label_smoothing=0.1"])
def linear_cross_entropy(x, linear_weight, target: "Index", *, linear_bias: "Tensor?" = None, weight: "Tensor?" = None,
                         reduction: "any" = "mean", ignore_index: "int?" = None, label_smoothing: "float" = 0.0,
                         options: "any" = None):
    """cross_entropy of the logits that a linear layer makes of x (N, features) or (features).

    linear_weight is (C, ..., features); `options` says how PyTorch would save memory, which changes no value.

    >>> F.linear_cross_entropy(tensor([[1., 0.]]), eye(2), tensor([0]))
    tensor(0.3133)
    """
    _check_linear(x._a.shape, linear_weight._a.shape, None if linear_bias is None else linear_bias._a.shape)
    classes, *more, features = linear_weight._a.shape
    shape = (*x._a.shape[:-1], classes, *more)
    if target._a.shape == shape and ignore_index is not None:
        raise EngineError("ignore_index cannot be specified when target contains probabilities")
    bias = linear_bias if linear_bias is None or not more else T.reshape(linear_bias, (-1,))
    logits = T.linear(x, T.reshape(linear_weight, (-1, features)) if more else linear_weight, bias)
    return T.cross_entropy(T.reshape(logits, shape), target, weight=weight, reduction=reduction,
                           ignore_index=-100 if ignore_index is None else ignore_index, label_smoothing=label_smoothing)


def _check_linear(x: tuple, weight: tuple, bias: tuple | None) -> None:
    if len(x) not in (1, 2):
        raise ShapeError(f"expected input with dimensionality 1 or 2, got {len(x)}")
    if len(weight) < 2:
        raise ShapeError(f"expected linear_weight with dimensionality at least 2, got {len(weight)}")
    if x[-1] != weight[-1]:
        raise ShapeError("expected equal input and linear_weight last dimensions (in_features), "
                         f"got {x[-1]} and {weight[-1]}, respectively")
    if bias is not None and bias != weight[:-1]:
        raise ShapeError(f"expected linear_bias shape {weight[:-1]}, got {bias}")
    if len(weight) > 2 and len(x) == 1:
        raise ShapeError(f"K-dimensional loss defined by linear_weight shape {weight} requires batched input, "
                         f"(N, {x[-1]}), got unbatched input with shape {x}")
