"""Clipping gradients by norm or by value; in place."""

from __future__ import annotations

import math

import numpy as np

from ...engine.autograd import no_grad
from ...engine.dispatch import READY
from ...engine.registry import T, paths
from ...engine.tensor import Tensor, tensor
from ...engine.warn import warn
from ...errors import EngineError


def _gradients(parameters) -> list:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]


def _beside(t, number):
    """`number` on the device of `t`."""
    at_hand = type(number) in READY and type(t) in READY and type(number._a) is type(t._a) is np.ndarray
    return number if at_hand else number.to(t.device)


@no_grad()
def get_total_norm(tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach=None):
    """The norm of all tensors as if they were one vector."""
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return tensor(0.0)
    norm = paths["linalg.vector_norm"].function
    total = norm(T.stack([_beside(tensors[0], norm(t.detach(), norm_type)) for t in tensors], 0), norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise EngineError(f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
                          "cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
                          "anyway, set `error_if_nonfinite=False`")
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm: float, total_norm, foreach=None) -> None:
    """Scales gradients so that a norm of `total_norm` becomes `max_norm` at most."""
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for g in _gradients(parameters):
        g.mul_(_beside(g, factor))


@no_grad()
def clip_grad_norm_(parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                    foreach=None):
    """Scales all gradients so that their common norm is `max_norm` at most; returns the norm before."""
    if not isinstance(parameters, Tensor):
        parameters = _listed(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def _listed(parameters) -> list:
    found = list(parameters)
    if not found and type(parameters).__name__ == "generator":
        warn("`parameters` is an empty generator, no gradient clipping will occur.")
    return found


def clip_grad_norm(parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                   foreach=None):
    """The old name of `clip_grad_norm_`."""

    warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
         FutureWarning)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters, clip_value: float, foreach=None) -> None:
    """Cuts every element of the gradients to ±clip_value."""
    for g in _gradients(parameters):
        g.clamp_(min=-float(clip_value), max=float(clip_value))
