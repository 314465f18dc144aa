"""Discrete distributions."""

from __future__ import annotations

import math

from ..engine import dtypes
from ..engine.args import Size
from ..engine.registry import T
from ..errors import BadValue
from . import constraints
from .base import Distribution, broadcast_all


def clamped(probs):
    """Probabilities kept off 0 and 1 by one eps, so that their logs are finite."""
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary: bool = False):
    safe = clamped(probs)
    return T.log(safe) - T.log1p(-safe) if is_binary else T.log(safe)


class _Lazy(Distribution):
    """Given by `probs` or by `logits`; the other one is worked out when somebody asks."""

    is_binary = True

    def _set(self, probs, logits) -> None:
        if (probs is None) == (logits is None):
            raise BadValue("Either `probs` or `logits` must be specified, but not both.")
        name = "probs" if probs is not None else "logits"
        self._given = name
        self.__dict__[name] = probs if probs is not None else logits

    def __getattr__(self, name: str):
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

    def expand(self, batch_shape, _instance=None):
        tail = () if self.is_binary else tuple(self._param.shape[-1:])
        return type(self)(**{self._given: self._param.expand(tuple(batch_shape) + tail)}, validate_args=False)

    def __repr__(self) -> str:
        v = self._param
        return f"{type(self).__name__}({self._given}: {v if v.numel() == 1 else v.size()})"


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
        values = T.arange(2, dtype=self._param.dtype).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class Geometric(_Lazy):
    """The number of failures before the first success."""

    arg_constraints = {"probs": constraints.half_open_unit, "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, probs=None, logits=None, validate_args: bool | None = None):
        self._set(*(broadcast_all(v)[0] if v is not None else None for v in (probs, logits)))
        super().__init__(self._param.shape, (), validate_args)

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

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(self, total_count=1, probs=None, logits=None, validate_args: bool | None = None):
        given = probs if probs is not None else logits
        if given is not None:
            self.total_count, given = broadcast_all(total_count, given)
            self.total_count = self.total_count.type_as(given)
        self._set(given if probs is not None else None, given if logits is not None else None)
        super().__init__(self._param.shape, (), validate_args)

    @property
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
        return T.binomial(self.total_count.expand(shape), self.probs.detach().expand(shape))

    def log_prob(self, value):
        self._check_sample(value)
        n, logits = self.total_count, self.logits
        constant = T.lgamma(n + 1) - T.lgamma(value + 1) - T.lgamma(n - value + 1)
        normal = n * logits.clamp(min=0) + n * T.log1p(T.exp(-T.abs(logits)))
        return value * logits + constant - normal


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

    @property
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
        values = T.arange(self._num_events).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class OneHotCategorical(Distribution):
    """A Categorical whose samples are one-hot vectors."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot

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

    def __repr__(self) -> str:
        return "OneHotCategorical()"


class Multinomial(Distribution):
    """How often each category comes up in `total_count` draws."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, total_count: int = 1, probs=None, logits=None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count, self._categorical = total_count, Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    @property
    def probs(self):
        return self._categorical.probs

    @property
    def logits(self):
        return self._categorical.logits

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
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


class Poisson(Distribution):
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
