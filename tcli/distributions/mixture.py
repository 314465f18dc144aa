"""Mixtures of distributions of one kind."""

from __future__ import annotations

from ..engine import autograd
from ..engine.args import Size
from ..engine.registry import T
from ..errors import BadValue
from . import constraints
from .base import Distribution
from .discrete import Categorical


class MixtureSameFamily(Distribution):
    """Draws a component by a Categorical, then from that component (the last batch dim of another distribution)."""

    arg_constraints: dict = {}

    def __init__(self, mixture_distribution, component_distribution, validate_args: bool | None = None):
        self._mixture, self._component = mixture_distribution, component_distribution
        if not isinstance(mixture_distribution, Categorical):
            raise BadValue(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component_distribution, Distribution):
            raise BadValue("The Component distribution need to be an instance of torch.distributions.Distribution")
        batch = tuple(component_distribution.batch_shape)[:-1]
        for size, other in zip(reversed(tuple(mixture_distribution.batch_shape)), reversed(batch), strict=False):
            if size != 1 and other != 1 and size != other:
                raise BadValue(f"`mixture_distribution.batch_shape` ({mixture_distribution.batch_shape}) is not compatible "
                               f"with `component_distribution.batch_shape`({component_distribution.batch_shape})")
        count, components = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if count != components:
            raise BadValue(f"`mixture_distribution component` ({count}) does not equal "
                           f"`component_distribution.batch_shape[-1]` ({components})")
        self._num_component, self._event_ndims = components, len(component_distribution.event_shape)
        super().__init__(batch, component_distribution.event_shape, validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        new.__dict__.update(self.__dict__)
        new._mixture = self._mixture.expand(batch_shape)
        new._component = self._component.expand((*batch_shape, self._num_component))
        new._batch_shape = Size(batch_shape)
        return new

    @property
    def mixture_distribution(self):
        return self._mixture

    @property
    def component_distribution(self):
        return self._component

    @constraints.dependent_property
    def support(self):
        return constraints.MixtureSameFamilyConstraint(self._component.support)

    def _beside(self, x):
        """x with a dim for the components before the event dims."""
        return x.unsqueeze(-1 - self._event_ndims)

    def _weights(self):
        weights = self._mixture.probs
        return weights.reshape(tuple(weights.shape) + (1,) * self._event_ndims)

    @property
    def mean(self):
        return (self._weights() * self._component.mean).sum(-1 - self._event_ndims)

    @property
    def variance(self):
        weights, dim = self._weights(), -1 - self._event_ndims
        inside = (weights * self._component.variance).sum(dim)
        between = (weights * (self._component.mean - self._beside(self.mean)).pow(2.0)).sum(dim)
        return inside + between

    def cdf(self, x):
        return (self._component.cdf(self._beside(x)) * self._mixture.probs).sum(-1)

    def log_prob(self, value):
        self._check_sample(value)
        each = self._component.log_prob(self._beside(value))
        return T.logsumexp(each + T.log_softmax(self._mixture.logits, -1), -1)

    def sample(self, sample_shape=()):
        with autograd.no_grad():
            chosen = self._mixture.sample(sample_shape)
            every = self._component.sample(sample_shape)
            dim = every.dim() - 1 - self._event_ndims
            index = chosen.reshape(tuple(chosen.shape) + (1,) * (self._event_ndims + 1))
            index = index.expand((*chosen.shape, 1, *self._event_shape))
            return every.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture},\n  {self._component})"
