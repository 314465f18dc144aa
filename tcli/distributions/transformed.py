"""Distributions that are another one, transformed."""

from __future__ import annotations

import math

from ..engine import autograd, dtypes
from ..engine.args import Size
from ..engine.registry import T
from ..errors import BadValue
from . import constraints
from .base import Distribution, Independent, broadcast_all, sum_rightmost
from .continuous import Cauchy, Exponential, Gamma, Normal, Uniform
from .transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    PowerTransform,
    StickBreakingTransform,
    Transform,
)

_EULER = 0.57721566490153286060


class TransformedDistribution(Distribution):
    """What samples of a base distribution become under one or several transforms."""

    arg_constraints: dict = {}

    def __init__(self, base_distribution, transforms, validate_args: bool | None = None):
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, (list, tuple)) or not all(isinstance(t, Transform) for t in self.transforms):
            raise BadValue(f"transforms must be a Transform or list, but was {transforms}")
        self.transforms = list(self.transforms)
        whole = ComposeTransform(self.transforms)
        base_shape = tuple(base_distribution.batch_shape) + tuple(base_distribution.event_shape)
        need = whole.domain.event_dim
        if len(base_shape) < need:
            raise BadValue(f"base_distribution needs to have shape with size at least {need}, but got {Size(base_shape)}.")
        shape = whole.forward_shape(base_shape)
        base_event = len(base_distribution.event_shape)
        if need > base_event:
            base_distribution = Independent(base_distribution, need - base_event)
        self.base_dist = base_distribution
        event = max(whole.codomain.event_dim, base_event + whole.codomain.event_dim - need)
        cut = len(shape) - event
        self._base_event = max(need, base_event)
        super().__init__(shape[:cut], shape[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self):
        if not self.transforms:
            return self.base_dist.support
        found = self.transforms[-1].codomain
        more = len(self._event_shape) - found.event_dim
        return constraints.independent(found, more) if more > 0 else found

    def _forward(self, x):
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape=()):
        with autograd.no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape=()):
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value):
        self._check_sample(value)
        event, y, total = len(self._event_shape), value, 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event += transform.domain.event_dim - transform.codomain.event_dim
            total = total - sum_rightmost(transform.log_abs_det_jacobian(x, y), event - transform.domain.event_dim)
            y = x
        return total + sum_rightmost(self.base_dist.log_prob(y), event - len(self.base_dist.event_shape))

    def _falling(self, value):
        """A cdf where the transforms turn the order round is 1 less it."""
        sign = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value):
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        return self._falling(self.base_dist.cdf(value))

    def icdf(self, value):
        return self._forward(self.base_dist.icdf(self._falling(value)))

    def expand(self, batch_shape, _instance=None):
        new = Distribution.expand(self, batch_shape)
        shape = ComposeTransform(self.transforms).inverse_shape(tuple(batch_shape) + tuple(self._event_shape))
        new.base_dist = self.base_dist.expand(shape[:len(shape) - len(self.base_dist.event_shape)])
        return new


class LogNormal(TransformedDistribution):
    """exp of a Normal."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, loc, scale, validate_args: bool | None = None):
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    @property
    def loc(self):
        return self.base_dist.loc

    @property
    def scale(self):
        return self.base_dist.scale

    @property
    def mean(self):
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self):
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self):
        squared = self.scale.pow(2)
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self):
        return self.base_dist.entropy() + self.loc


class _Half(TransformedDistribution):
    """The absolute value of a distribution around 0."""

    has_rsample = True
    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, base, validate_args: bool | None = None):
        super().__init__(base, AbsTransform(), validate_args)

    @property
    def scale(self):
        return self.base_dist.scale

    @property
    def mode(self):
        return T.zeros_like(self.scale)

    def log_prob(self, value):
        self._check_sample(value)
        inside = self.base_dist.log_prob(value) + math.log(2)
        return T.where(value >= 0, inside, -math.inf)

    def cdf(self, value):
        self._check_sample(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value):
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self):
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Half):
    """The absolute value of a centred Normal."""

    def __init__(self, scale, validate_args: bool | None = None):
        super().__init__(Normal(0, scale, False), validate_args)

    @property
    def mean(self):
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self):
        return self.scale.pow(2) * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """The absolute value of a centred Cauchy."""

    def __init__(self, scale, validate_args: bool | None = None):
        super().__init__(Cauchy(0, scale, False), validate_args)

    @property
    def mean(self):
        return T.full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self):
        return self.base_dist.variance

    def log_prob(self, value):
        self._check_sample(value)
        found = math.log(2 / math.pi) - self.scale.log() - (value / self.scale).pow(2).log1p()
        return T.where(value >= 0, found, -math.inf)


class Gumbel(TransformedDistribution):
    """The limit of maxima: loc - scale * log(-log(u))."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc, scale, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        f = dtypes.finfo(self.loc.dtype)
        base = Uniform(T.full_like(self.loc, f.tiny), T.full_like(self.loc, 1 - f.eps), validate_args)
        super().__init__(base, self._steps(), validate_args)

    def _steps(self) -> list:
        return [ExpTransform().inv, AffineTransform(0, -T.ones_like(self.scale)), ExpTransform().inv,
                AffineTransform(self.loc, -self.scale)]

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape)
        new.transforms = new._steps()
        return new

    def log_prob(self, value):
        self._check_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self):
        return self.loc + self.scale * _EULER

    @property
    def mode(self):
        return self.loc

    @property
    def stddev(self):
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self):
        return self.stddev.pow(2)

    def entropy(self):
        return self.scale.log() + (1 + _EULER)


class Weibull(TransformedDistribution):
    """Life times: scale * (exponential) ** (1 / concentration)."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale, concentration, validate_args: bool | None = None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        super().__init__(Exponential(T.ones_like(self.scale), validate_args), self._steps(), validate_args)

    def _steps(self) -> list:
        return [PowerTransform(exponent=self.concentration.reciprocal()), AffineTransform(0, self.scale)]

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape)
        new.transforms = new._steps()
        return new

    @property
    def mean(self):
        return self.scale * T.exp(T.lgamma(1 + self.concentration.reciprocal()))

    @property
    def mode(self):
        k = self.concentration
        return self.scale * ((k - 1) / k) ** k.reciprocal()

    @property
    def variance(self):
        inverse = self.concentration.reciprocal()
        return self.scale.pow(2) * (T.exp(T.lgamma(1 + 2 * inverse)) - T.exp(2 * T.lgamma(1 + inverse)))

    def entropy(self):
        return (_EULER * (1 - self.concentration.reciprocal())
                + T.log(self.scale * self.concentration.reciprocal()) + 1)


class Pareto(TransformedDistribution):
    """Values above `scale` with a tail of power `alpha`."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale, alpha, validate_args: bool | None = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        super().__init__(Exponential(self.alpha, validate_args), self._steps(), validate_args)

    def _steps(self) -> list:
        return [ExpTransform(), AffineTransform(0, self.scale)]

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape)
        new.transforms = new._steps()
        return new

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self):
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self):
        return self.scale

    @property
    def variance(self):
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def entropy(self):
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class Kumaraswamy(TransformedDistribution):
    """A distribution on the unit interval much like Beta, with a closed cdf."""

    has_rsample = True
    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(self, concentration1, concentration0, validate_args: bool | None = None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(T.full_like(self.concentration0, 0), T.full_like(self.concentration0, 1), validate_args)
        super().__init__(base, self._steps(), validate_args)

    def _steps(self) -> list:
        return [PowerTransform(exponent=self.concentration0.reciprocal()), AffineTransform(1.0, -1.0),
                PowerTransform(exponent=self.concentration1.reciprocal())]

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape)
        new.transforms = new._steps()
        return new

    def _moment(self, n: int):
        a, b = self.concentration1, self.concentration0
        first = 1 + n / a
        return T.exp(b.log() + T.lgamma(first) + T.lgamma(b) - T.lgamma(first + b))

    @property
    def mean(self):
        return self._moment(1)

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        log_mode = b.reciprocal() * (-b).log1p() - (-b * a).log1p()  # PyTorch's formula, NaN but at 1
        return T.where((b < 1) | (a < 1), math.nan, log_mode).exp()

    @property
    def variance(self):
        return self._moment(2) - self.mean.pow(2)

    def entropy(self):
        first, second = 1 - self.concentration1.reciprocal(), 1 - self.concentration0.reciprocal()
        harmonic = T.digamma(self.concentration0 + 1) + _EULER
        return second + first * harmonic - T.log(self.concentration1) - T.log(self.concentration0)


class InverseGamma(TransformedDistribution):
    """One over a Gamma."""

    has_rsample = True
    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive

    def __init__(self, concentration, rate, validate_args: bool | None = None):
        base = Gamma(concentration, rate, validate_args)
        super().__init__(base, PowerTransform(exponent=-1.0), validate_args)

    @property
    def concentration(self):
        return self.base_dist.concentration

    @property
    def rate(self):
        return self.base_dist.rate

    @property
    def mean(self):
        found = self.rate / (self.concentration - 1)
        return T.where(self.concentration > 1, found, math.inf)

    @property
    def mode(self):
        return self.rate / (self.concentration + 1)

    @property
    def variance(self):
        found = self.rate.square() / ((self.concentration - 1).square() * (self.concentration - 2))
        return T.where(self.concentration > 2, found, math.inf)

    def entropy(self):
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class LogisticNormal(TransformedDistribution):
    """A Normal vector on the simplex, one dim more."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex

    def __init__(self, loc, scale, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args)

    @property
    def loc(self):
        return self.base_dist.base_dist.loc

    @property
    def scale(self):
        return self.base_dist.base_dist.scale


__all__ = ["Gumbel", "HalfCauchy", "HalfNormal", "InverseGamma", "Kumaraswamy", "LogNormal",
           "LogisticNormal", "Pareto", "TransformedDistribution", "Weibull"]
