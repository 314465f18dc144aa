"""The Wishart distribution of random covariance matrices."""

from __future__ import annotations

import math

from ..engine.args import broadcast_shapes
from ..engine.dtypes import finfo
from ..engine.registry import T
from ..engine.tensor import Tensor, as_tensor
from ..errors import BadValue
from . import constraints
from .base import ExponentialFamily
from .continuous import Chi2
from .multivariate import factor_of_precision


class Wishart(ExponentialFamily):
    """Sums of `df` outer products of Gaussian vectors, given one of covariance, precision or lower Cholesky factor."""

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    @property
    def arg_constraints(self) -> dict:  # type: ignore[override]
        return {"covariance_matrix": constraints.positive_definite, "precision_matrix": constraints.positive_definite,
                "scale_tril": constraints.lower_cholesky, "df": constraints.greater_than(self.event_shape[-1] - 1)}

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args: bool | None = None):
        given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
        given = {name: m for name, m in given.items() if m is not None}
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        (name, matrix), = given.items()
        if matrix.dim() < 2:
            raise BadValue("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        is_tensor, p = isinstance(df, Tensor), matrix.shape[-1]
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(df.shape)) if is_tensor else tuple(matrix.shape[:-2])
        self.df = df.expand(batch) if is_tensor else as_tensor(df, dtype=matrix.dtype)
        if (self.df <= p - 1).any():
            raise BadValue(f"Value of df={df} expected to be greater than ndim - 1 = {p - 1}.")
        self.__dict__[name] = matrix.expand((*batch, p, p))
        super().__init__(batch, matrix.shape[-2:], validate_args)
        self._factor = (matrix if name == "scale_tril" else T.linalg_cholesky(matrix) if name == "covariance_matrix"
                        else factor_of_precision(matrix))
        steps = T.arange(p, dtype=self._factor.dtype)
        self._chi2 = Chi2(self.df.unsqueeze(-1) - steps.expand((*batch, p)))

    def __getattr__(self, name: str):
        if name not in ("scale_tril", "covariance_matrix", "precision_matrix") or "_factor" not in self.__dict__:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        found = (self._factor if name == "scale_tril" else T.matmul(self._factor, self._factor.mT)
                 if name == "covariance_matrix" else T.cholesky_inverse(self._factor))
        self.__dict__[name] = found = found.expand((*self._batch_shape, *self._event_shape))
        return found

    def expand(self, batch_shape, _instance=None):
        """The same distribution for a larger batch."""
        shape = (*batch_shape, *self._event_shape)
        return Wishart(self.df.expand(tuple(batch_shape)), scale_tril=self._factor.expand(shape), validate_args=False)

    def _per_matrix(self, t):
        return t.reshape((*self._batch_shape, 1, 1))

    @property
    def mean(self):
        return self._per_matrix(self.df) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self._event_shape[-1] - 1
        return self._per_matrix(T.where(factor <= 0, math.nan, factor)) * self.covariance_matrix

    @property
    def variance(self):
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._per_matrix(self.df) * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _drawn(self, sample_shape):
        """Samples by Bartlett's decomposition."""
        p = self._event_shape[-1]
        noise = T.diag_embed(self._chi2.rsample(sample_shape).sqrt().clamp(min=finfo(self._factor.dtype).eps))
        i, j = T.tril_indices(p, p, -1)
        noise[..., i, j] = T.randn((*sample_shape, *self._batch_shape, p * (p - 1) // 2), dtype=noise.dtype)
        factor = T.matmul(self._factor, noise)
        return T.matmul(factor, factor.mT)

    def _every_batch(self, found):
        return found.amax(tuple(range(-len(self._batch_shape), 0))) if self._batch_shape else found

    def rsample(self, sample_shape=(), max_try_correction: int | None = None):
        """A sample. PyTorch draws again what is positive definite, and then once more what is not: so does this stream."""
        sample = self._drawn(tuple(sample_shape))
        again = self._every_batch(self.support.check(sample))
        for _ in range(10 if max_try_correction is None else max_try_correction):
            if not again.any():
                break
            fresh = self._drawn((int(again.sum()),))
            sample[again.clone()] = fresh
            again[again.clone()] = self._every_batch(~self.support.check(fresh))
        return sample

    def _log_diagonal(self):
        return self._event_shape[-1] * math.log(2) / 2 + self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value):
        self._check_sample(value)
        nu, p = self.df, self._event_shape[-1]
        traces = T.cholesky_solve(value, self._factor).diagonal(dim1=-2, dim2=-1).sum(-1)
        return (-nu * self._log_diagonal() - T.mvlgamma(nu / 2, p)
                + (nu - p - 1) / 2 * T.linalg_slogdet(value)[1] - traces / 2)

    def entropy(self):
        nu, p = self.df, self._event_shape[-1]
        digammas = T.digamma(nu.unsqueeze(-1) / 2 - T.arange(p, dtype=nu.dtype) / 2).sum(-1)
        return ((p + 1) * self._log_diagonal() + T.mvlgamma(nu / 2, p) - (nu - p - 1) / 2 * digammas + nu * p / 2)
