"""`Distribution`: batch and event shapes, argument checks, and what subclasses have in common."""

from __future__ import annotations

from ..engine import autograd
from ..engine.args import Size, broadcast_shapes
from ..engine.registry import T
from ..engine.tensor import Tensor, as_tensor
from ..engine.warn import warn
from ..errors import BadValue, Unsupported
from . import constraints

_validate_by_default = True


class Distribution:
    """A probability distribution: parameters of `batch_shape`, samples of sample + batch + event shape."""

    has_rsample = False
    has_enumerate_support = False

    def __init__(self, batch_shape=(), event_shape=(), validate_args: bool | None = None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        self._validate_args = _validate_by_default if validate_args is None else validate_args
        if self._validate_args:
            self._check_parameters()

    @property
    def arg_constraints(self) -> dict:
        """Which values the parameters may take: a dict from names to constraints, an attribute of subclasses."""
        raise NotImplementedError

    def _check_parameters(self) -> None:
        try:
            constrained = self.arg_constraints
        except NotImplementedError:
            constrained = {}
            warn(f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize "
                 "the distribution with `validate_args=False` to turn off validation.")
        for name, constraint in constrained.items():
            value = self.__dict__.get(name)
            if value is None or constraints.is_dependent(constraint):
                continue
            if not constraint.check(value).all():
                raise BadValue(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}")

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        global _validate_by_default
        _validate_by_default = bool(value)

    @property
    def batch_shape(self) -> Size:
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        return self._event_shape

    def _lacks(self, what: str) -> Unsupported:
        return Unsupported(f"{type(self).__name__} has no {what}")

    @property
    def mean(self):
        raise self._lacks("mean")

    @property
    def mode(self):
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self):
        raise self._lacks("variance")

    @property
    def stddev(self):
        return self.variance.sqrt()

    @property
    def support(self):
        raise NotImplementedError

    def sample(self, sample_shape=()):
        """A sample, or samples of shape `sample_shape`; carries no gradient."""
        with autograd.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """A reparameterised sample: gradients flow to the parameters."""
        raise self._lacks("rsample")

    def sample_n(self, n: int):
        return self.sample(Size((n,)))

    def log_prob(self, value):
        """The log of the density (or probability) at `value`."""
        raise self._lacks("log_prob")

    def cdf(self, value):
        raise self._lacks("cdf")

    def icdf(self, value):
        raise self._lacks("icdf")

    def entropy(self):
        raise self._lacks("entropy")

    def enumerate_support(self, expand: bool = True):
        """All values that a sample can take, along a new first dim."""
        raise self._lacks("enumerate_support")

    def perplexity(self):
        return T.exp(self.entropy())

    def _extended_shape(self, sample_shape=()) -> Size:
        if isinstance(sample_shape, int):
            sample_shape = (sample_shape,)
        return Size(tuple(sample_shape) + tuple(self._batch_shape) + tuple(self._event_shape))

    def _enumerated(self, values, expand: bool):
        """A list of values as the first dim before the batch dims."""
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def _check_sample(self, value) -> None:
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise BadValue("The value argument to log_prob must be a Tensor")
        event = tuple(self._event_shape)
        if event and tuple(value.shape[value.ndim - len(event):]) != event:
            raise BadValue(f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}.")
        own, given = (tuple(self._batch_shape) + event)[::-1], tuple(value.shape)[::-1]
        if any(a != 1 and b != 1 and a != b for a, b in zip(given, own, strict=False)):
            raise BadValue(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs "
                           f"{Size(own[::-1])}.")
        try:
            support = self.support
        except NotImplementedError:
            warn(f"{type(self)} does not define `support` to enable sample validation. Please initialize the "
                 "distribution with `validate_args=False` to turn off validation.")
            return
        if not support.check(value).all():
            raise BadValue(f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the "
                           f"support ({support!r}) of the distribution {self!r}, but found invalid values:\n{value}")

    _validate_sample = _check_sample

    def _get_checked_instance(self, cls: type, _instance=None):
        """A new object for `expand` of a class `cls`, which a subclass with another __init__ must define itself."""
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ "
                                      "method must also define a custom .expand() method.")
        return object.__new__(type(self)) if _instance is None else _instance

    def expand(self, batch_shape, _instance=None):
        """The same distribution with its parameters expanded to a larger batch shape."""
        batch, old = tuple(batch_shape), len(self._batch_shape)
        new = object.__new__(type(self))
        for name, value in self.__dict__.items():
            if isinstance(value, Tensor) and name in self.arg_constraints:
                value = value.expand(batch + tuple(value.shape[old:]))
            elif isinstance(value, Distribution):
                value = value.expand(batch + tuple(value.batch_shape[old:]))
            new.__dict__[name] = value
        new._batch_shape, new._validate_args = Size(batch), self._validate_args
        return new

    def __repr__(self) -> str:
        names = [n for n in self.arg_constraints if n in self.__dict__]
        parts = [f"{n}: {v if v.numel() == 1 else v.size()}" for n in names for v in (self.__dict__[n],)]
        return f"{type(self).__name__}({', '.join(parts)})"


def broadcast_all(*values) -> tuple:
    """Numbers and tensors as tensors of one shape."""
    example = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = example.dtype if example is not None and example.is_floating_point() else None
    found = []
    for value in values:
        if not isinstance(value, (Tensor, int, float)):
            raise BadValue("Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                           "__torch_function__.")
        t = value if isinstance(value, Tensor) else as_tensor(float(value), dtype=dtype)
        found.append(t)
    shape = broadcast_shapes(*(tuple(t.shape) for t in found))
    return tuple(t.expand(shape) if tuple(t.shape) != shape else t for t in found)


def sum_rightmost(value, n: int):
    """The sum over the last n dims."""
    return value.sum(tuple(range(-n, 0))) if n else value


class ExponentialFamily(Distribution):
    """A distribution given by natural parameters: its entropy follows from `_log_normalizer` by differentiation."""

    _mean_carrier_measure: float

    @property
    def _natural_params(self) -> tuple:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    def entropy(self):
        """The Bregman divergence of the log normaliser."""
        with autograd.enable_grad():
            natural = [p.detach().requires_grad_(True) for p in self._natural_params]
            log_normalizer = self._log_normalizer(*natural)
            gradients = autograd.grad(log_normalizer.sum(), natural, create_graph=True)
        found = -self._mean_carrier_measure + log_normalizer
        for p, g in zip(natural, gradients, strict=True):
            found = found - (p * g).reshape((*self._batch_shape, -1)).sum(-1)
        return found


class Independent(Distribution):
    """Takes the last `reinterpreted_batch_ndims` batch dims of a distribution as part of the event."""

    arg_constraints: dict = {}

    def __init__(self, base_distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None):
        n = len(base_distribution.batch_shape)
        if reinterpreted_batch_ndims > n:
            raise BadValue("Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                           f"{reinterpreted_batch_ndims} vs {n}")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        cut = n - reinterpreted_batch_ndims
        batch, moved = tuple(base_distribution.batch_shape)[:cut], tuple(base_distribution.batch_shape)[cut:]
        super().__init__(batch, moved + tuple(base_distribution.event_shape), validate_args)

    @property
    def has_rsample(self) -> bool:
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:
        return not self.reinterpreted_batch_ndims and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self):
        inner = self.base_dist.support
        return constraints.independent(inner, self.reinterpreted_batch_ndims) if self.reinterpreted_batch_ndims else inner

    @property
    def mean(self):
        return self.base_dist.mean

    @property
    def mode(self):
        return self.base_dist.mode

    @property
    def variance(self):
        return self.base_dist.variance

    def sample(self, sample_shape=()):
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape=()):
        return self.base_dist.rsample(sample_shape)

    def _summed(self, value):
        return sum_rightmost(value, self.reinterpreted_batch_ndims)

    def log_prob(self, value):
        return self._summed(self.base_dist.log_prob(value))

    def entropy(self):
        return self._summed(self.base_dist.entropy())

    def enumerate_support(self, expand: bool = True):
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
