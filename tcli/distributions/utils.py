"""`torch.distributions.utils`: what people use who write distributions of their own."""

from __future__ import annotations

from ..engine import autograd, dtypes
from ..engine.registry import T
from ..errors import BadValue
from .base import broadcast_all
from .discrete import clamped as clamp_probs
from .discrete import probs_to_logits

__all__ = ["broadcast_all", "clamp_probs", "euler_constant", "lazy_property", "logits_to_probs", "probs_to_logits",
           "tril_matrix_to_vec", "vec_to_tril_matrix"]

euler_constant = 0.57721566490153286060


def logits_to_probs(logits, is_binary: bool = False):
    """Probabilities of (log-odds or unnormalised log) logits."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def tril_matrix_to_vec(mat, diag: int = 0):
    """The elements of matrices (..., n, n) on and below a diagonal, row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise BadValue(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = T.tril_indices(n, n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag: int = 0):
    """Matrices (..., n, n) with the elements of vectors on and below a diagonal, row by row, and zeros elsewhere."""
    size = vec.shape[-1]
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * size + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > dtypes.finfo(vec.dtype).eps:
        raise BadValue(f"The size of last dimension is {size} which cannot be expressed as the lower triangular part of a "
                       "square D x D matrix.")
    rows, columns = T.tril_indices(round(n), round(n), diag)
    mat = vec.new_zeros((*vec.shape[:-1], round(n), round(n)))
    mat[..., rows, columns] = vec
    return mat


class lazy_property:
    """A method as an attribute that is computed when it is first read, and then kept."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with autograd.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value

