"""The multivariate Gaussian."""

from __future__ import annotations

import math

from ..engine.args import broadcast_shapes
from ..engine.registry import T
from ..errors import BadValue
from . import constraints
from .base import Distribution


class MultivariateNormal(Distribution):
    """A Gaussian vector with mean `loc` and one of covariance, precision or lower Cholesky factor."""

    arg_constraints = {"loc": constraints.real_vector, "scale_tril": constraints.lower_cholesky}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None,
                 validate_args: bool | None = None):
        if loc.dim() < 1:
            raise BadValue("loc must be at least one-dimensional.")
        if sum(m is not None for m in (covariance_matrix, precision_matrix, scale_tril)) != 1:
            raise BadValue("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        matrix = next(m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None)
        if matrix.dim() < 2:
            raise BadValue("the matrix must be at least two-dimensional, with optional leading batch dimensions")
        n = loc.shape[-1]
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        self.loc = loc.expand((*batch, n))
        self._unbroadcast = (scale_tril if scale_tril is not None else T.linalg_cholesky(covariance_matrix)
                             if covariance_matrix is not None else _factor_of_precision(precision_matrix))
        self.scale_tril = self._unbroadcast.expand((*batch, n, n))
        super().__init__(batch, (n,), validate_args)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def covariance_matrix(self):
        return T.matmul(self._unbroadcast, self._unbroadcast.mT).expand((*self._batch_shape, *self._event_shape * 2))

    @property
    def precision_matrix(self):
        return T.cholesky_inverse(self._unbroadcast).expand((*self._batch_shape, *self._event_shape * 2))

    @property
    def variance(self):
        return self._unbroadcast.pow(2).sum(-1).expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        noise = T.empty(shape, dtype=self.loc.dtype).normal_()
        return self.loc + T.matmul(self._unbroadcast, noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        self._check_sample(value)
        m = mahalanobis(self._unbroadcast, value - self.loc)
        half_log_det = self._unbroadcast.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + m) - half_log_det

    def entropy(self):
        half_log_det = self._unbroadcast.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det
        return found.expand(self._batch_shape) if self._batch_shape else found

    def expand(self, batch_shape, _instance=None):
        n = self._event_shape[0]
        return MultivariateNormal(self.loc.expand((*batch_shape, n)), scale_tril=self.scale_tril.expand((*batch_shape, n, n)),
                                  validate_args=False)

    def __repr__(self) -> str:
        return f"MultivariateNormal(loc: {self.loc.size()}, scale_tril: {self.scale_tril.size()})"


def mahalanobis(factor, difference):
    """difference^T (L L^T)^-1 difference, by one triangular solve."""
    solved = T.linalg_solve_triangular(factor, difference.unsqueeze(-1), upper=False)
    return solved.squeeze(-1).pow(2).sum(-1)


def _factor_of_precision(precision):
    flipped = T.linalg_cholesky(T.flip(precision, (-2, -1)))
    inverse = T.transpose(T.flip(flipped, (-2, -1)), -2, -1)
    identity = T.eye(precision.shape[-1], dtype=precision.dtype)
    return T.linalg_solve_triangular(inverse, identity, upper=False)
