"""Discrete distributions."""

from __future__ import annotations

import math

from ..engine import autograd, dtypes
from ..engine.args import Size
from ..engine.registry import T
from ..errors import BadValue
from . import constraints
from .base import Distribution, ExponentialFamily, broadcast_all
from .continuous import Gamma


def clamped(probs):
    """Probabilities kept off 0 and 1 by one eps, so that their logs are finite."""
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary: bool = False):
    safe = clamped(probs)
    return T.log(safe) - T.log1p(-safe) if is_binary else T.log(safe)


def need_one(probs, logits) -> None:
    if (probs is None) == (logits is None):
        raise BadValue("Either `probs` or `logits` must be specified, but not both.")


class _Lazy(Distribution):
    """Given by `probs` or by `logits`; the other one is worked out when somebody asks."""

    is_binary = True

    def _set(self, probs, logits) -> None:
        need_one(probs, logits)
        name = "probs" if probs is not None else "logits"
        self._given = name
        self.__dict__[name] = probs if probs is not None else logits

    def __getattr__(self, name: str):
        with autograd.enable_grad():  # it stays, whoever asks first
            if name == "logits" and "probs" in self.__dict__:
                value = probs_to_logits(self.probs, self.is_binary)
            elif name == "probs" and "logits" in self.__dict__:
                value = T.sigmoid(self.logits) if self.is_binary else T.softmax(self.logits, -1)
            else:
                raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        self.__dict__[name] = value
        return value

    @property
    def _param(self):
        return self.__dict__[self._given]

    @property
    def param_shape(self):
        return self._param.size()


class Bernoulli(_Lazy):
    """1 with probability `probs`, else 0."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args: bool | None = None):
        self._set(*(broadcast_all(v)[0] if v is not None else None for v in (probs, logits)))
        super().__init__(self._param.shape, (), validate_args)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        found = (self.probs >= 0.5).to(self.probs)
        return T.where(self.probs == 0.5, T.full_like(found, math.nan), found)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        return T.bernoulli(self.probs.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._check_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -T.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return T.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True):
        return self._enumerated(T.arange(2, dtype=self._param.dtype), expand)


class Geometric(_Lazy):
    """The number of failures before the first success."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args: bool | None = None):
        self._set(*(broadcast_all(v)[0] if v is not None else None for v in (probs, logits)))
        super().__init__(self._param.shape, (), validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            raise BadValue(f"Expected parameter probs (Tensor of shape {tuple(self.probs.shape)}) of distribution {self!r} "
                           f"to be positive but found invalid values:\n{self.probs[~(self.probs > 0)]}")

    @property
    def mean(self):
        return 1.0 / self.probs - 1.0

    @property
    def mode(self):
        return T.zeros_like(self.probs)

    @property
    def variance(self):
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        probs = self.probs.detach()
        u = T.empty(shape, dtype=probs.dtype).uniform_(dtypes.finfo(probs.dtype).tiny, 1)
        return (u.log() / (-probs.expand(shape)).log1p()).floor()

    def log_prob(self, value):
        self._check_sample(value)
        value, probs = broadcast_all(value, self.probs)
        probs = T.where((probs == 1) & (value == 0), T.zeros_like(probs), probs)
        return value * (-probs).log1p() + self.probs.log()

    def entropy(self):
        return T.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class Binomial(_Lazy):
    """The number of successes in `total_count` trials."""

    arg_constraints = {"total_count": constraints.nonnegative_integer, "probs": constraints.unit_interval,
                       "logits": constraints.real}
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args: bool | None = None):
        need_one(probs, logits)
        self.total_count, given = broadcast_all(total_count, probs if probs is not None else logits)
        self.total_count = self.total_count.type_as(given)
        self._set(given if probs is not None else None, given if logits is not None else None)
        super().__init__(self._param.shape, (), validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with autograd.no_grad():
            return T.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        self._check_sample(value)
        n, logits = self.total_count, self.logits
        above = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2  # whose slope at 0 is 1/2
        normal = n * above + n * T.log1p(T.exp(-T.abs(logits))) - T.lgamma(n + 1)
        return value * logits - T.lgamma(value + 1) - T.lgamma(n - value + 1) - normal

    def _one_count(self) -> int:
        most = int(self.total_count.max())
        if not self.total_count.min() == most:
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy` and `enumerate_support`.")
        return most

    def entropy(self):
        self._one_count()
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(T.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True):
        return self._enumerated(T.arange(1 + self._one_count(), dtype=self._param.dtype), expand)


class Categorical(_Lazy):
    """One of several categories (last dim of `probs` or `logits`)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    is_binary = False
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args: bool | None = None):
        given = probs if probs is not None else logits
        if given is not None and given.dim() < 1:
            raise BadValue(f"`{'probs' if probs is not None else 'logits'}` parameter must be at least one-dimensional.")
        if probs is not None and logits is None:
            probs = probs / probs.sum(-1, keepdim=True)
        elif logits is not None and probs is None:
            logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._set(probs, logits)
        self._num_events = self._param.shape[-1]
        super().__init__(self._param.shape[:-1], (), validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self):
        return T.full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    variance = mean

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    @property
    def param_shape(self):
        return self._param.size()

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        count = Size(sample_shape if not isinstance(sample_shape, int) else (sample_shape,)).numel()
        flat = self.probs.detach().reshape(-1, self._num_events)
        return T.multinomial(flat, count, True).T.reshape(shape)

    def log_prob(self, value):
        self._check_sample(value)
        value = value.long().unsqueeze(-1)
        shape = T.broadcast_tensors(value, self.logits.select(-1, 0).unsqueeze(-1))[0].shape
        logits = self.logits.expand((*shape[:-1], self._num_events))
        return logits.gather(-1, value.expand(shape)[..., :1]).squeeze(-1)

    def entropy(self):
        logits = self.logits.clamp(min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True):
        return self._enumerated(T.arange(self._num_events), expand)


class _OfCategorical(Distribution):
    """A distribution whose events are vectors over the categories of a Categorical."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs=None, logits=None, validate_args: bool | None = None):
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def probs(self):
        return self._categorical.probs

    @property
    def logits(self):
        return self._categorical.logits

    @property
    def param_shape(self):
        return self._categorical.param_shape


class OneHotCategorical(_OfCategorical):
    """A Categorical whose samples are one-hot vectors."""

    support = constraints.one_hot
    has_enumerate_support = True

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return T.one_hot(self.probs.argmax(-1), self.probs.shape[-1]).to(self.probs)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        index = self._categorical.sample(sample_shape)
        return T.one_hot(index, self._categorical._num_events).to(self.probs)

    def log_prob(self, value):
        self._check_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self):
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True):
        n = self._event_shape[0]
        values = T.eye(n, dtype=self.probs.dtype).view((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """A OneHotCategorical whose rsample passes gradients straight to the probabilities."""

    has_rsample = True

    def rsample(self, sample_shape=()):
        probs = self.probs
        return self.sample(sample_shape) + (probs - probs.detach())


class Multinomial(_OfCategorical):
    """How often each category comes up in `total_count` draws."""

    def __init__(self, total_count: int = 1, probs=None, logits=None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)
        self._binomial = Binomial(total_count, probs=self.probs)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        sample_shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        draws = self._categorical.sample(Size((self.total_count, *sample_shape)))
        draws = draws.permute(*range(1, draws.dim()), 0) if draws.dim() > 1 else draws
        counts = T.zeros(self._extended_shape(sample_shape), dtype=draws.dtype)
        counts.scatter_add_(-1, draws, T.ones_like(draws))
        return counts.type_as(self.probs)

    def log_prob(self, value):
        self._check_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = T.where((value == 0) & (logits == -math.inf), T.zeros_like(logits), logits)
        return T.lgamma(value.sum(-1) + 1) - T.lgamma(value + 1).sum(-1) + (logits * value).sum(-1)

    def entropy(self):
        n = self.total_count
        counts = self._binomial.enumerate_support(expand=False)[1:]
        weights = T.exp(self._binomial.log_prob(counts))
        return (n * self._categorical.entropy() - math.lgamma(n + 1)
                + (weights * T.lgamma(counts + 1)).sum((0, -1)))


class Poisson(ExponentialFamily):
    """Counts of events that come at a constant `rate`."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate, validate_args: bool | None = None):
        self.rate, = broadcast_all(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self):
        return self.rate

    variance = mean

    @property
    def mode(self):
        return self.rate.floor()

    def sample(self, sample_shape=()):
        return T.poisson(self.rate.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        self._check_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()


class NegativeBinomial(_Lazy):
    """The number of successes before `total_count` failures."""

    arg_constraints = {"total_count": constraints.greater_than_eq(0),
                       "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args: bool | None = None):
        need_one(probs, logits)
        self.total_count, given = broadcast_all(total_count, probs if probs is not None else logits)
        self.total_count = self.total_count.type_as(given)
        self._set(given if probs is not None else None, given if logits is not None else None)
        super().__init__(self._param.shape, (), validate_args)

    @property
    def mean(self):
        return self.total_count * T.exp(self.logits)

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / T.sigmoid(-self.logits)

    def sample(self, sample_shape=()):
        with autograd.no_grad():
            rate = Gamma(self.total_count, T.exp(-self.logits), validate_args=False).sample(sample_shape)
            return T.poisson(rate)

    def log_prob(self, value):
        self._check_sample(value)
        unnormalised = self.total_count * T.logsigmoid(-self.logits) + value * T.logsigmoid(self.logits)
        constant = T.lgamma(1.0 + value) + T.lgamma(self.total_count) - T.lgamma(self.total_count + value)
        return unnormalised - T.where(self.total_count + value == 0.0, 0.0, constant)


class ContinuousBernoulli(_Lazy):
    """Loaiza-Ganem and Cunningham's (2019) density on [0, 1] that is proportional to p^x (1 - p)^(1 - x)."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args: bool | None = None):
        need_one(probs, logits)
        given, = broadcast_all(probs if probs is not None else logits)
        if probs is not None:
            if validate_args is not None and not constraints.unit_interval.check(given).all():
                raise BadValue("The parameter probs has invalid values")
            given = clamped(given)
        self._lims = lims
        self._set(given if probs is not None else None, given if logits is not None else None)
        super().__init__(self._param.shape, (), validate_args)

    def __getattr__(self, name: str):
        value = super().__getattr__(name)
        if name == "probs":
            value = self.__dict__["probs"] = clamped(value)
        return value

    def _near_half(self, outside, series):
        """`outside(p)` away from 1/2, where the formulas cancel, else `series(p - 1/2)`."""
        p = self.probs
        far = (p <= self._lims[0]) | (p > self._lims[1])
        return T.where(far, outside(T.where(far, p, self._lims[0])), series(p - 0.5))

    def _log_normaliser(self):
        def outside(p):
            below, above = T.where(p <= 0.5, p, 0.0), T.where(p >= 0.5, p, 1.0)
            return (T.log(T.abs(T.log1p(-p) - T.log(p)))
                    - T.where(p <= 0.5, T.log1p(-2.0 * below), T.log(2.0 * above - 1.0)))

        return self._near_half(outside, lambda d: math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * d ** 2) * d ** 2)

    @property
    def mean(self):
        return self._near_half(lambda p: p / (2.0 * p - 1.0) + 1.0 / (T.log1p(-p) - T.log(p)),
                               lambda d: 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * d ** 2) * d)

    @property
    def variance(self):
        return self._near_half(lambda p: p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / (T.log1p(-p) - T.log(p)) ** 2,
                               lambda d: 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * d ** 2) * d ** 2)

    def rsample(self, sample_shape=()):
        return self.icdf(T.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value):
        self._check_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -T.binary_cross_entropy_with_logits(logits, value, reduction="none") + self._log_normaliser()

    def cdf(self, value):
        self._check_sample(value)
        found = self._near_half(lambda p: (p ** value * (1.0 - p) ** (1.0 - value) + p - 1.0) / (2.0 * p - 1.0),
                                lambda d: value)
        return T.where(value <= 0.0, 0.0, T.where(value >= 1.0, 1.0, found))

    def icdf(self, value):
        return self._near_half(lambda p: (T.log1p(-p + value * (2.0 * p - 1.0)) - T.log1p(-p)) / (T.log(p) - T.log1p(-p)),
                               lambda d: value)

    def entropy(self):
        zero, one = T.log1p(-self.probs), T.log(self.probs)
        return self.mean * (zero - one) - self._log_normaliser() - zero
