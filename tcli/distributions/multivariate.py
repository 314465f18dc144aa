"""Gaussian vectors, and factors of correlation matrices."""

from __future__ import annotations

import math

from ..engine import autograd, dtypes
from ..engine.args import broadcast_shapes
from ..engine.registry import T
from ..errors import BadValue
from . import constraints
from .base import Distribution, broadcast_all
from .continuous import Beta


def one_matrix(covariance_matrix, precision_matrix, scale_tril) -> tuple:
    """(name, matrix) of the one of three that was given."""
    given = {"covariance_matrix": covariance_matrix, "precision_matrix": precision_matrix, "scale_tril": scale_tril}
    given = {name: m for name, m in given.items() if m is not None}
    if len(given) != 1:
        raise BadValue("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
    (name, matrix), = given.items()
    if matrix.dim() < 2:
        raise BadValue(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
    return name, matrix


def factor_of(name: str, matrix):
    """The lower Cholesky factor of the covariance."""
    if name == "scale_tril":
        return matrix
    return T.linalg_cholesky(matrix) if name == "covariance_matrix" else factor_of_precision(matrix)


class OfMatrix(Distribution):
    """A distribution with a covariance, whose other forms are computed when somebody asks."""

    def __getattr__(self, name: str):
        if name not in ("scale_tril", "covariance_matrix", "precision_matrix") or "_factor" not in self.__dict__:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        with autograd.enable_grad():  # it stays, whoever asks first
            found = (self._factor if name == "scale_tril" else T.matmul(self._factor, self._factor.mT)
                     if name == "covariance_matrix" else T.cholesky_inverse(self._factor))
            self.__dict__[name] = found = found.expand((*self._batch_shape, *self._factor.shape[-2:]))
        return found

    def _half_log_det(self):
        return self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(OfMatrix):
    """A Gaussian vector with mean `loc` and one of covariance, precision or lower Cholesky factor."""

    arg_constraints = {"loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
                       "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None,
                 validate_args: bool | None = None):
        if loc.dim() < 1:
            raise BadValue("loc must be at least one-dimensional.")
        name, matrix = one_matrix(covariance_matrix, precision_matrix, scale_tril)
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        self.loc = loc.expand((*batch, loc.shape[-1]))
        self.__dict__[name] = matrix.expand((*batch, *matrix.shape[-2:]))
        super().__init__(batch, self.loc.shape[-1:], validate_args)
        self._factor = factor_of(name, matrix)

    @property
    def mean(self):
        return self.loc

    mode = mean

    @property
    def variance(self):
        return self._factor.pow(2).sum(-1).expand((*self._batch_shape, *self._event_shape))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        noise = T.empty(shape, dtype=self.loc.dtype).normal_()
        return self.loc + T.matmul(self._factor, noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        self._check_sample(value)
        m = mahalanobis(self._factor, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + m) - self._half_log_det()

    def entropy(self):
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return found.expand(self._batch_shape) if self._batch_shape else found


class LowRankMultivariateNormal(Distribution):
    """A Gaussian vector with covariance cov_factor @ cov_factor^T + diag(cov_diag), by Woodbury's identity."""

    arg_constraints = {"loc": constraints.real_vector, "cov_factor": constraints.independent(constraints.real, 2),
                       "cov_diag": constraints.independent(constraints.positive, 1)}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args: bool | None = None):
        if loc.dim() < 1:
            raise BadValue("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise BadValue("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event:
            raise BadValue(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise BadValue(f"cov_diag must be a batch of vectors with shape {event}")
        batch = broadcast_shapes(tuple(loc.shape[:-1]), tuple(cov_factor.shape[:-2]), tuple(cov_diag.shape[:-1]))
        self.loc, self.cov_diag = loc.expand((*batch, *event)), cov_diag.expand((*batch, *event))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        self._w, self._d = cov_factor, cov_diag
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        inner = T.matmul(scaled, cov_factor)
        self._inner_factor = T.linalg_cholesky(inner + T.eye(inner.shape[-1], dtype=inner.dtype))
        super().__init__(batch, event, validate_args)

    @property
    def mean(self):
        return self.loc

    mode = mean

    def _whole(self, matrix):
        return matrix.expand((*self._batch_shape, *self._event_shape * 2))

    @property
    def variance(self):
        return (self._w.pow(2).sum(-1) + self._d).expand((*self._batch_shape, *self._event_shape))

    @property
    def scale_tril(self):
        root = self._d.sqrt().unsqueeze(-1)
        scaled = self._w / root
        inner = T.matmul(scaled, scaled.mT) + T.eye(self._event_shape[0], dtype=scaled.dtype)
        return self._whole(root * T.linalg_cholesky(inner))

    @property
    def covariance_matrix(self):
        return self._whole(T.matmul(self._w, self._w.mT) + T.diag_embed(self._d))

    @property
    def precision_matrix(self):
        scaled = self._w.mT / self._d.unsqueeze(-2)
        a = T.linalg_solve_triangular(self._inner_factor, scaled, upper=False)
        return self._whole(T.diag_embed(self._d.reciprocal()) - T.matmul(a.mT, a))

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        inner = T.empty((*shape[:-1], self.cov_factor.shape[-1]), dtype=self.loc.dtype).normal_()
        outer = T.empty(shape, dtype=self.loc.dtype).normal_()
        return self.loc + T.matmul(self._w, inner.unsqueeze(-1)).squeeze(-1) + self._d.sqrt() * outer

    def _log_det(self):
        return 2 * self._inner_factor.diagonal(dim1=-2, dim2=-1).log().sum(-1) + self._d.log().sum(-1)

    def _mahalanobis(self, difference):
        scaled = T.matmul(self._w.mT / self._d.unsqueeze(-2), difference.unsqueeze(-1)).squeeze(-1)
        return (difference.pow(2) / self._d).sum(-1) - mahalanobis(self._inner_factor, scaled)

    def log_prob(self, value):
        self._check_sample(value)
        m = self._mahalanobis(value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + m)

    def entropy(self):
        found = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return found.expand(self._batch_shape) if self._batch_shape else found


class LKJCholesky(Distribution):
    """Cholesky factors of dim x dim correlation matrices C, with density proportional to det(C) ** (concentration - 1).

    Samples are built row by row: the onion method of Lewandowski, Kurowicka and Joe (2009).
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration=1.0, validate_args: bool | None = None):
        if dim < 2:
            raise BadValue(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        self.concentration, = broadcast_all(concentration)
        rows = T.cat([T.zeros(1), T.arange(dim - 1.0)]).to(self.concentration)
        marginal = (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1)
        self._beta = Beta(rows + 0.5, marginal - 0.5 * rows)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def sample(self, sample_shape=()):
        with autograd.no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            directions = T.randn(self._extended_shape(sample_shape), dtype=y.dtype).tril(-1)
            length = T.linalg_norm(directions, dim=-1, keepdim=True)
            below = y.sqrt() * T.where(length > 0, directions / length, 0.0)
            rest = (1 - (below ** 2).sum(-1)).clamp(min=dtypes.finfo(y.dtype).tiny)
            return below + rest.sqrt().diag_embed()

    def log_prob(self, value):
        self._check_sample(value)
        n = self.dim - 1
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - T.arange(2, self.dim + 1)
        found = (order * value.diagonal(dim1=-2, dim2=-1)[..., 1:].log()).sum(-1)
        alpha = self.concentration + 0.5 * n
        return found - (0.5 * n * math.log(math.pi) + T.mvlgamma(alpha - 0.5, n) - T.lgamma(alpha) * n)


def mahalanobis(factor, difference):
    """difference^T (L L^T)^-1 difference, by one triangular solve."""
    if factor.dim() - 1 < difference.dim():
        factor = factor.expand((*difference.shape[:-1], *factor.shape[-2:]))
    solved = T.linalg_solve_triangular(factor, difference.unsqueeze(-1), upper=False)
    return solved.squeeze(-1).pow(2).sum(-1)


def factor_of_precision(precision):
    flipped = T.linalg_cholesky(T.flip(precision, (-2, -1)))
    inverse = T.transpose(T.flip(flipped, (-2, -1)), -2, -1)
    identity = T.eye(precision.shape[-1], dtype=precision.dtype)
    return T.linalg_solve_triangular(inverse, identity, upper=False)
