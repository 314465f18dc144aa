"""Random covariance matrices."""

from __future__ import annotations

import math

from ..engine import dtypes
from ..engine.args import broadcast_shapes
from ..engine.registry import T
from ..engine.tensor import Tensor, as_tensor
from ..engine.warn import warn
from ..errors import BadValue
from . import constraints
from .continuous import Chi2
from .multivariate import OfMatrix, factor_of, one_matrix


class Wishart(OfMatrix):
    """The covariance of `df` Gaussian vectors, times `df`: from a covariance, a precision or a lower Cholesky factor."""

    arg_constraints = {"covariance_matrix": constraints.positive_definite, "precision_matrix": constraints.positive_definite,
                       "scale_tril": constraints.lower_cholesky, "df": constraints.greater_than(0)}
    support = constraints.positive_definite
    has_rsample = True

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None,
                 validate_args: bool | None = None):
        name, matrix = one_matrix(covariance_matrix, precision_matrix, scale_tril)
        df = df if isinstance(df, Tensor) else as_tensor(df, dtype=matrix.dtype)
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(df.shape))
        event = matrix.shape[-2:]
        self.df = df.expand(batch)
        self.__dict__[name] = matrix.expand((*batch, *event))
        if bool((self.df <= event[-1] - 1).any()):
            raise BadValue(f"Value of df={self.df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        super().__init__(batch, event, validate_args)
        if bool((self.df < event[-1]).any()):
            warn("Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.")
        self._factor = factor_of(name, matrix)
        counts = self.df.unsqueeze(-1) - T.arange(event[-1], dtype=matrix.dtype)
        self._chi2 = Chi2(counts.expand((*batch, event[-1])))

    def _per_matrix(self, t):
        return t.reshape((*self._batch_shape, 1, 1))

    @property
    def mean(self):
        return self._per_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._per_matrix(T.where(factor > 0, factor, T.full_like(factor, math.nan))) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._per_matrix(self.df) * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape=()):
        """Draws; as in PyTorch, whose numbers these are, what is sound at first is drawn once more."""
        sample = self._bartlett(tuple(sample_shape))
        again = self._any_of_batch(self.support.check(sample.detach()))
        for _ in range(10):
            if not bool(again.any()):
                break
            new = self._bartlett((int(again.sum()),))
            sample = sample.clone()
            sample[again] = new
            bad, before = self._any_of_batch(~self.support.check(new.detach())), again
            again = before.clone()
            again[before] = bad
        return sample

    def _any_of_batch(self, found):
        return found.any([-1 - i for i in range(len(self._batch_shape))]) if self._batch_shape else found

    def _bartlett(self, sample_shape: tuple):
        """Bartlett's decomposition: chi-square roots on the diagonal, Gaussians below it."""
        p = self._event_shape[-1]
        diagonal = self._chi2.rsample(sample_shape).sqrt().clamp(min=dtypes.finfo(self._factor.dtype).eps)
        root = T.diag_embed(diagonal, dim1=-2, dim2=-1)
        noise = T.randn((*sample_shape, *self._batch_shape, p * (p - 1) // 2), dtype=self._factor.dtype)
        if p > 1:
            rows, columns = T.tril_indices(p, p, offset=-1)
            below = T.zeros_like(root.detach())
            below[..., rows, columns] = noise
            root = root + below
        factor = T.matmul(self._factor, root)
        return T.matmul(factor, factor.mT)

    def log_prob(self, value):
        self._check_sample(value)
        p = self._event_shape[-1]
        ratio = T.cholesky_solve(value, self._factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (-self.df * (p * math.log(2) / 2 + self._half_log_det()) - T.mvlgamma(self.df / 2, p)
                + (self.df - p - 1) / 2 * T.logdet(value) - ratio / 2)

    def entropy(self):
        p, half = self._event_shape[-1], self.df / 2
        digamma = T.digamma(half.unsqueeze(-1) - 0.5 * T.arange(p, dtype=half.dtype)).sum(-1)
        return ((p + 1) * (p * math.log(2) / 2 + self._half_log_det()) + T.mvlgamma(half, p)
                - (self.df - p - 1) / 2 * digamma + self.df * p / 2)
