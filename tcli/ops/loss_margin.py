"""Losses with margins: of pairs and triplets of vectors, of rankings, and of class scores."""

import numpy as np

from ..engine.args import wrap_dim
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.dtypes import of_numpy, scalar_name
from ..engine.placement import outside
from ..engine.registry import T, composite
from ..errors import BadValue, DTypeError, EngineError, ShapeError
from .arrays import refuse
from .loss import NAMES, reduced, reduction_of

# ---------------------------------------------------------------- pairs


@composite("_torch_hinge_embedding_loss", at="", also=["torch.hinge_embedding_loss"])
def _torch_hinge_embedding_loss(x, target, margin: "float" = 1.0, reduction: "any" = 1):
    """hinge_embedding_loss with torch's own order of arguments."""
    return _hinge(x, target, margin, reduction_of(reduction))


def _hinge(x, target, margin, reduction: str):
    margin = margin if x.is_floating_point() else int(margin)
    zero = T.zeros_like(x)
    # Targets other than 1 and -1 count in both terms.
    far = T.where(target != 1, T.clamp(margin - x, 0), zero)
    return reduced(far + T.where(target != -1, x, zero), reduction)


@composite("hinge_embedding_loss", at="F", samples=["r(2, 3), torch.tensor([[1, -1, 1], [-1, -1, 1]])",
                                                    "r(2, 3), torch.tensor([[1, -1, 1], [-1, -1, 1]]), 0.5, "
                                                    "reduction='none'"])
def hinge_embedding_loss(x, target, margin: "float" = 1.0, size_average: "any" = None, reduce: "any" = None,
                         reduction: "any" = "mean"):
    """x where target is 1, max(0, margin - x) where it is -1.

    >>> F.hinge_embedding_loss(tensor([0.5, 0.5]), tensor([1., -1.]), reduction="none")
    tensor([0.5000, 0.5000])
    """
    return _hinge(x, target, margin, reduction_of(reduction, size_average, reduce))


@composite("_torch_margin_ranking_loss", at="", also=["torch.margin_ranking_loss"])
def _torch_margin_ranking_loss(input1, input2, target, margin: "float" = 0.0, reduction: "any" = 1):
    """margin_ranking_loss with torch's own order of arguments."""
    return reduced(T.clamp(-target * (input1 - input2) + margin, 0), reduction_of(reduction))


@composite("margin_ranking_loss", at="F", samples=["r(4), r(4), away(4).sign(), 0.3",
                                                   "r(4), r(4), away(4).sign(), reduction='none'"])
def margin_ranking_loss(input1, input2, target, margin: "float" = 0.0, size_average: "any" = None,
                        reduce: "any" = None, reduction: "any" = "mean"):
    """max(0, -target (input1 - input2) + margin): target 1 ranks input1 higher, -1 lower.

    >>> F.margin_ranking_loss(tensor([1.]), tensor([3.]), tensor([1.]))
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if not input1._a.ndim == input2._a.ndim == target._a.ndim:
        raise ShapeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                         f"{input1.shape}, input2: {input2.shape}, target: {target.shape} ")
    loss = T.clamp(-target * (input1 - input2) + margin, 0)
    if reduction == "none" and loss._node is not None:
        loss._node._name = "ClampMinBackward0"
    return reduced(loss, reduction)


def _cosine_embedding(x1, x2, target, margin, reduction: str):
    want = 2 if target._a.ndim == 1 else 1
    if target._a.ndim > 1:
        raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
    if x1._a.ndim != want or x2._a.ndim != want:
        raise ShapeError(f"{target._a.ndim}D target tensor expects {want}D input tensors, but found inputs with "
                         f"sizes {list(x1._a.shape)} and {list(x2._a.shape)}.")
    eps = 1e-12
    dot = T.sum(x1 * x2, -1)
    size = (T.sum(x1 * x1, -1) + eps) * (T.sum(x2 * x2, -1) + eps)
    cosine = dot / T.sqrt(size)
    zero = T.zeros_like(cosine)
    loss = T.where(target == 1, 1 - cosine, zero) + T.where(target == -1, T.relu(cosine - margin), zero)
    return reduced(loss, reduction)


@composite("_torch_cosine_embedding_loss", at="", also=["torch.cosine_embedding_loss"])
def _torch_cosine_embedding_loss(input1, input2, target, margin: "float" = 0.0, reduction: "any" = 1):
    """cosine_embedding_loss with torch's own order of arguments."""
    return _cosine_embedding(input1, input2, target, margin, reduction_of(reduction))


@composite("cosine_embedding_loss", at="F", samples=["r(3, 4), r(3, 4), torch.tensor([1, -1, 1])",
                                                     "r(4), r(4), torch.tensor(-1), -0.5",
                                                     "r(3, 4), r(3, 4), torch.tensor([1, -1, -1]), 0.2, "
                                                     "reduction='none'"])
def cosine_embedding_loss(input1, input2, target, margin: "float" = 0.0, size_average: "any" = None,
                          reduce: "any" = None, reduction: "any" = "mean"):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    >>> F.cosine_embedding_loss(tensor([[1., 0.]]), tensor([[0., 1.]]), tensor([1]))
    tensor(1.)
    """
    return _cosine_embedding(input1, input2, target, margin, reduction_of(reduction, size_average, reduce))


# ---------------------------------------------------------------- triplets

def _triplet(distance, anchor, positive, negative, margin, swap: bool, reduction: str):
    far = distance(anchor, negative)
    if swap:
        far = T.minimum(far, distance(positive, negative))
    loss = T.clamp(margin + distance(anchor, positive) - far, 0)
    if reduction == "none" and loss._node is not None:
        loss._node._name = "ClampMinBackward0"
    return reduced(loss, reduction)


def _distance(a, b, p: float = 2.0, eps: float = 1e-6):
    """The p-norm of a - b + eps along the last dim."""
    d = a - b + eps
    if d._a.dtype.kind == "c":
        d = T.abs(d)
    if p == 2:
        return T.sqrt(T.sum(d * d, -1))
    if p == 1:
        return T.sum(T.abs(d), -1)
    return T.amax(T.abs(d), -1) if p == float("inf") else T.pow(T.sum(T.pow(T.abs(d), p), -1), 1 / p)


def _check_triplet(anchor, positive, negative) -> None:
    a, p, n = anchor._a.ndim, positive._a.ndim, negative._a.ndim
    if not a == p == n:
        raise ShapeError("The anchor, positive, and negative tensors are expected to have the same number of "
                         f"dimensions, but got: anchor {a}D, positive {p}D, and negative {n}D inputs")


def _triplet_margin(anchor, positive, negative, margin, p, eps, swap, reduction: str):
    _check_triplet(anchor, positive, negative)
    return _triplet(lambda a, b: _distance(a, b, p, eps), anchor, positive, negative, margin, swap, reduction)


@composite("_torch_triplet_margin_loss", at="", also=["torch.triplet_margin_loss"])
def _torch_triplet_margin_loss(anchor, positive, negative, margin: "float" = 1.0, p: "float" = 2.0,
                               eps: "float" = 1e-6, swap: "bool" = False, reduction: "any" = 1):
    """triplet_margin_loss with torch's own order of arguments."""
    return _triplet_margin(anchor, positive, negative, margin, p, eps, swap, reduction_of(reduction))


@composite("triplet_margin_loss", at="F", samples=["r(3, 4), r(3, 4), r(3, 4)",
                                                   "r(3, 4), r(3, 4), r(3, 4), 2.0, swap=True, reduction='none'"])
def triplet_margin_loss(anchor, positive, negative, margin: "float" = 1.0, p: "float" = 2.0, eps: "float" = 1e-6,
                        swap: "bool" = False, size_average: "any" = None, reduce: "any" = None,
                        reduction: "any" = "mean"):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with the p-norm as distance.

    >>> F.triplet_margin_loss(tensor([[0.]]), tensor([[1.]]), tensor([[3.]]), margin=4.0)
    tensor(2.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if margin <= 0:
        raise BadValue(f"margin must be greater than 0, got {margin}")
    return _triplet_margin(anchor, positive, negative, margin, p, eps, swap, reduction)


@composite("triplet_margin_with_distance_loss", at="F", samples=["r(3, 4), r(3, 4), r(3, 4)",
                                                                 "r(3, 4), r(3, 4), r(3, 4), swap=True, "
                                                                 "reduction='sum'"])
def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function: "any" = None,
                                      margin: "float" = 1.0, swap: "bool" = False, reduction: "any" = "mean"):
    """triplet_margin_loss with a distance of one's own.

    >>> F.triplet_margin_with_distance_loss(tensor([0.]), tensor([1.]), tensor([3.]), margin=4.0,
    ...                                     distance_function=lambda a, b: (a - b).abs())
    tensor(2.)
    """
    if reduction not in NAMES:
        raise BadValue(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise BadValue(f"margin must be greater than 0, got {margin}")
    _check_triplet(anchor, positive, negative)
    return _triplet(distance_function or _distance, anchor, positive, negative, margin, swap, reduction)


# ---------------------------------------------------------------- margins between class scores

def _class_rows(x, target, name: str):
    """(scores (N, C), targets (N,)) of one sample or a batch, checked."""
    if x._a.ndim not in (0, 1, 2) or x._a.ndim == 2 and not x._a.shape[1]:
        raise ShapeError("Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
                         f"{list(x._a.shape)}")
    rows = x if x._a.ndim == 2 else T.reshape(x, (1, -1))
    t = target._a.reshape(-1)
    n, classes = rows._a.shape
    if t.size != n or target._a.ndim > 1:
        raise ShapeError("multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
                         f"samples (batch size). Expected target size [{n}], but got {list(target._a.shape)}. Input "
                         f"has shape {list(x._a.shape)}.")
    return rows, t


def _check_classes(t, classes: int) -> None:
    if t.dtype != np.int64:
        raise DTypeError(f"expected scalar type Long but found {scalar_name(of_numpy(t.dtype))}")
    if outside(t, 0, classes):
        raise EngineError("target out of range")


@composite("multi_margin_loss", at="F", samples=["r(3, 4), torch.tensor([0, 3, 1])",
                                                 "r(3, 4), torch.tensor([0, 3, 1]), 2, 0.5, torch.tensor([0.5, 2.0, "
                                                 "1.5, 1.0]).double()",
                                                 "r(4), torch.tensor(2), reduction='none'"])
def multi_margin_loss(x, target: "Index", p: "Scalar" = 1, margin: "float" = 1.0, weight: "Tensor?" = None,
                      size_average: "any" = None, reduce: "any" = None, reduction: "any" = "mean"):
    """The mean over the wrong classes j of max(0, margin - x[target] + x[j]) ** p.

    >>> F.multi_margin_loss(tensor([[0., 1.]]), tensor([1]))
    tensor(0.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise BadValue("only p == 1 and p == 2 supported")
    if weight is not None and weight._a.ndim != 1:
        raise BadValue("weight must be one-dimensional")
    _need_rows(x._a)
    refuse(x._a, "biuh", "multi_margin_loss_cpu_kernel")
    if weight is not None and weight.dtype is not x.dtype:
        raise DTypeError(f"expected scalar type {scalar_name(x.dtype)} but found {scalar_name(weight.dtype)}")
    rows, t = _class_rows(x, target, "multi_margin_loss")
    n, classes = rows._a.shape
    if weight is not None and weight._a.shape != (classes,):
        raise ShapeError(f"inconsistent weight size, expected {classes} but got {list(weight._a.shape)}")
    _check_classes(t, classes)
    own = T._gather_planes(rows, wrap(t[:, None]), 1)
    z = _positive(margin - own + rows)
    if p == 2:
        z = z * z
    xp = module_of(rows._a)
    wrong = xp.ones((n, classes), rows._a.dtype)
    wrong[xp.arange(n), t] = 0
    if weight is not None:
        z = z * T.reshape(T._gather_index(weight, (wrap(t),)), (n, 1))
    loss = T.sum(z * wrap(wrong), 1) / classes
    if reduction == "none" and not target._a.ndim:
        loss = T.reshape(loss, ())
    return _renamed(reduced(loss, reduction), "MultiMarginLossBackward0")


def _positive(z):
    """z where it is larger than 0, which nan is not."""
    return T.where(z > 0, z, T.zeros_like(z))


def _renamed(t, name: str):
    if t._node is not None:
        t._node._name = name
    return t


@composite("multilabel_margin_loss", at="F", samples=["r(2, 4), torch.tensor([[3, 0, -1, 1], [1, -1, 0, 0]])",
                                                      "r(4), torch.tensor([2, 0, -1, 1]), reduction='sum'",
                                                      "torch.zeros(0, 3), torch.zeros(0, 3).long(), reduction='none'"])
def multilabel_margin_loss(x, target: "Index", size_average: "any" = None, reduce: "any" = None,
                           reduction: "any" = "mean"):
    """The mean of max(0, 1 - x[i] + x[j]) over labels i and other classes j; the labels of a row end at the first -1.

    >>> F.multilabel_margin_loss(tensor([0., 1.]), tensor([1, -1]))
    tensor(0.)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    _need_rows(x._a)
    refuse(x._a, "biuh", "multilabel_margin_loss_forward_out_frame")
    t = target._a.reshape(-1, target._a.shape[-1] if target._a.ndim else 1)
    if target._a.shape != x._a.shape and (x._a.size, target._a.size, x.ndim, target.ndim) not in ((1, 1, 0, 1), (1, 1, 1, 0)):
        raise ShapeError(f"inconsistent target size: {list(target._a.shape)} for input of size: {list(x._a.shape)}")
    if target._a.dtype != np.int64:
        raise DTypeError(f"expected scalar type Long but found {scalar_name(target.dtype)}")
    rows = x if x._a.ndim == 2 else T.reshape(x, (1, -1))
    n, classes = rows._a.shape
    if outside(t, -1, classes):
        raise EngineError("argument #2 'target' is out of range")
    labelled, others = _label_masks(t, classes, rows._a.dtype)
    own = T._gather_planes(rows, wrap(module_of(t).maximum(t, 0).astype(np.int64)), 1)
    z = _positive(1 - T.unsqueeze(own, 2) + T.unsqueeze(rows, 1))
    z = z * wrap(labelled[:, :, None] * others[:, None, :])
    loss = T.sum(z, (1, 2)) / classes
    if reduction == "none" and x._a.ndim < 2:
        loss = T.reshape(loss, ())
    return _renamed(reduced(loss, reduction), "MultilabelMarginLossBackward0")


def _need_rows(a) -> None:
    if a.ndim > 2 or a.ndim and not a.shape[-1]:
        raise ShapeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(a.shape)}")


def _label_masks(t, classes: int, dtype):
    """(which places of the target name a label, which classes are no label) as numbers."""
    xp = module_of(t)
    labelled = xp.cumsum(t < 0, axis=1) == 0
    is_label = ((t[:, :, None] == xp.arange(classes)) & labelled[:, :, None]).any(1)
    return labelled.astype(dtype), (~is_label).astype(dtype)


@composite("multilabel_soft_margin_loss", at="F", samples=["r(2, 3), unit(2, 3).abs()",
                                                           "r(2, 3), unit(2, 3).abs(), torch.tensor([0.5, 2.0, "
                                                           "1.5]).double(), "
                                                           "reduction='none'"])
def multilabel_soft_margin_loss(x, target, weight: "Tensor?" = None, size_average: "any" = None, reduce: "any" = None,
                                reduction: "any" = "mean"):
    """The mean over classes of binary_cross_entropy_with_logits, then over samples.

    >>> F.multilabel_soft_margin_loss(tensor([[0., 0.]]), tensor([[1., 0.]]))
    tensor(0.6931)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    loss = -(target * T.logsigmoid(x) + (1 - target) * T.logsigmoid(-x))
    if weight is not None:
        loss = loss * weight
    return reduced(T.sum(loss, -1) / x._a.shape[wrap_dim(-1, x._a.ndim, scalar_ok=False)], reduction)
