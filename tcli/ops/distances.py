"""Distances between vectors: of two tensors, of all pairs of rows, and the cosine of the angle."""


import numpy as np

from ..engine import dtypes
from ..engine.args import broadcast_shapes, wrap_dim
from ..engine.device import module_of
from ..engine.dispatch import result_type, wrap
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import DTypeError, EngineError
from .arrays import refuse
from .norms import vector_norm

MM_FROM = 25  # rows from which Euclidean distances come from a matrix product


@composite("dist", at="torch tensor", grad_name="DistBackward0", out=False,
           samples=["r(3, 4), r(3, 4)", "r(3, 4), r(4), 1", "r(3), r(3), math.inf", "r(3), r(3), 0",
                    "r(3), r(3), 2.5"])
def dist(x, other, p: "Scalar" = 2):
    """The p-norm of x - other.

    >>> dist(tensor([0., 0.]), tensor([3., 4.]))
    tensor(5.)
    """
    return vector_norm(x - other, p, None, False)


@composite("pairwise_distance", at="F torch", grad_name="NormBackward1", out=False,
           samples=["r(3, 4), r(3, 4)", "r(3, 4), r(4), 1.0", "r(2, 3, 2), r(2, 3, 2), keepdim=True", "r(4), r(4)",
                    "r(3, 2), r(3, 2), math.inf"])
def pairwise_distance(x1, x2, p: "Scalar" = 2.0, eps: "float" = 1e-06, keepdim: "bool" = False):
    """The p-norm of x1 - x2 + eps along the last dim.

    >>> F.pairwise_distance(tensor([[0., 0.]]), tensor([[3., 4.]]))
    tensor([5.0000])
    """
    difference = x1 - x2 + eps
    return vector_norm(difference, p, (max(difference.ndim - 1, 0),), keepdim)


@composite("cosine_similarity", at="F torch", out=False,
           samples=["r(3, 4), r(3, 4)", "r(3, 4), r(4), 1", "r(2, 3, 2), r(2, 3, 2), -1", "r(4), r(4), dim=0",
                    "torch.zeros(2, 3), r(2, 3)"])
def cosine_similarity(x1, x2, dim: "int" = 1, eps: "float" = 1e-08):
    """The cosine of the angle between x1 and x2 along dim; norms are taken as at least eps.

    >>> F.cosine_similarity(tensor([[1., 0.]]), tensor([[1., 1.]]))
    tensor([0.7071])
    """
    common = result_type((x1, x2))
    if common.category != dtypes.FLOAT:
        raise EngineError("expected common dtype to be floating point, yet common dtype is "
                          f"{dtypes.scalar_name(common)}")
    shape = broadcast_shapes(x1._a.shape, x2._a.shape)
    dim = wrap_dim(dim, len(shape))
    x1, x2 = (T.expand(t if t.dtype is common else T._cast(t, common), shape) for t in (x1, x2))
    parts = []
    for t in (x1, x2):
        size = T.clone(vector_norm(t, 2, (dim,), True))
        _raise_to(size, eps)
        parts.append(t / size)
    return T.sum(parts[0] * parts[1], dim)


def _raise_to(t, low: float) -> None:
    """Lifts the values of a fresh tensor to `low` without telling the tape, as PyTorch does."""
    before, state.grad = state.grad, False
    try:
        t.clamp_min_(low)
    finally:
        state.grad = before
    t._v[0] = 0


# ---------------------------------------------------------------- all pairs

def _euclid_rule(k, g, x1, x2, out):
    """sum over r of (x1 - x2[r]) * g / d, without forming the differences."""
    w = k.where(out == 0, 0.0, g / out)
    return x1 * k.sum(w, -1, True) - k.matmul(w, x2)


@op("_euclid", rows=True, at="", promote="same", grad_name="CdistBackward0",
    samples=["r(3, 4), r(2, 4), False", "r(2, 3, 4), r(2, 5, 4), True"],
    vjp={"x": lambda k, g, x, other, out: _euclid_rule(k, g, x, other, out),
         "other": lambda k, g, x, other,
         out: _euclid_rule(k, k.transpose(g, -1, -2), other, x, k.transpose(out, -1, -2))})
def _euclid(xp, x, other, product: "any"):
    """Euclidean distances of all rows of x to all rows of other."""
    if product:
        squares = xp.matmul(x * x.dtype.type(-2), xp.swapaxes(other, -1, -2))
        squares += (x * x).sum(-1, keepdims=True)
        squares += xp.swapaxes((other * other).sum(-1, keepdims=True), -1, -2)
        xp.maximum(squares, 0, out=squares)
        return xp.sqrt(squares, out=squares)
    d = x[..., :, None, :] - other[..., None, :, :]
    return xp.sqrt(xp.einsum("...i,...i->...", d, d))


def _check_cdist(x1, x2, p, compute_mode) -> None:
    for which, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise EngineError(f"cdist only supports at least 2D tensors, {which} got: {x.ndim}D")
    for which, x in (("X1", x1), ("X2", x2)):
        if x.dtype.category != dtypes.FLOAT:
            raise EngineError(f"cdist only supports floating-point dtypes, {which} got: "
                              f"{dtypes.C_NAMES[x.dtype.name]}")
    refuse(x1._a, "h", "cdist")
    if x1.dtype is not x2.dtype:
        raise DTypeError(f"expected scalar type {dtypes.scalar_name(x1.dtype)} but found {dtypes.scalar_name(x2.dtype)}")
    if x1.shape[-1] != x2.shape[-1]:
        raise EngineError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise EngineError("cdist only supports non-negative p values")
    if compute_mode not in MODES:
        from ..errors import BadValue

        raise BadValue(f"{compute_mode} is not a valid value for compute_mode")


MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


@composite("cdist", at="torch", grad_name="CdistBackward0", out=False,
           samples=["r(3, 4), r(2, 4)", "r(2, 3, 4), r(2, 5, 4)", "r(3, 2), r(4, 2), 1.0",
                    "r(3, 2), r(2, 2), math.inf",
                    "r(3, 2), r(2, 2), 2.5", "r(3, 2), r(2, 2), compute_mode='use_mm_for_euclid_dist'",
                    "r(0, 2), r(2, 2)"])
def cdist(x1, x2, p: "float" = 2.0, compute_mode: "str" = "use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distances of all rows of x1 (..., P, M) to all rows of x2 (..., R, M): a tensor (..., P, R).

    >>> cdist(tensor([[0., 0.]]), tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    _check_cdist(x1, x2, p, compute_mode)
    if p == 2:
        many = x1.shape[-2] > MM_FROM or x2.shape[-2] > MM_FROM
        return T._euclid(x1, x2, compute_mode == MODES[1] or many and compute_mode == MODES[0])
    return _lengths(T.unsqueeze(x1, -2) - T.unsqueeze(x2, -3), p)


def _lengths(difference, p: float):
    """The norms along the last dim; counted are differences that are not 0, and nan gives nan."""
    if not difference._a.size:
        return T.sum(difference, -1)
    if p == 0:
        return T.sum(T.where(difference != difference, difference.detach(), T.abs(T.sgn(difference))), -1)
    return vector_norm(difference, p, (difference.ndim - 1,), False)


@composite("pdist", at="F torch", grad_name="PdistBackward0", out=False,
           samples=["r(4, 3)", "r(4, 3), 1.0", "r(3, 2), math.inf", "r(1, 3)", "r(3, 2), 0.0", "away(3, 2), 3.0"])
def pdist(x, p: "float" = 2):
    """The p-norm distances of all pairs of rows of x, in the order (0, 1), (0, 2), ..., (1, 2), ...

    >>> F.pdist(tensor([[0., 0.], [3., 4.], [0., 1.]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if x.ndim != 2:
        raise EngineError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    if x.dtype.category != dtypes.FLOAT:
        raise EngineError("pdist only supports floating-point dtypes")
    if p < 0:
        raise EngineError("pdist only supports non-negative p values")
    refuse(x._a, "h", "pdist")
    first, second = (wrap(module_of(x._a).asarray(i)) for i in np.triu_indices(x.shape[0], 1))
    return _lengths(x[first] - x[second], p)
