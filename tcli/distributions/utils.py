"""`torch.distributions.utils`: what people use who write distributions of their own."""

from __future__ import annotations

from ..engine import autograd
from .base import broadcast_all
from .discrete import clamped as clamp_probs
from .discrete import probs_to_logits

__all__ = ["broadcast_all", "clamp_probs", "euler_constant", "lazy_property", "logits_to_probs", "probs_to_logits"]

euler_constant = 0.57721566490153286060


def logits_to_probs(logits, is_binary: bool = False):
    """Probabilities of (log-odds or unnormalised log) logits."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


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
