"""Samples on other devices: the same call as on the CPU, with every tensor of the sample made on the device."""

import numpy as np

from tcli.engine import autograd
from tcli.engine.device import CPU, Device, move
from tcli.engine.dispatch import wrap

from .evaluate import evaluate
from .local import callable_of, is_tensor, torch
from .vocabulary import Library


def library_on(device: Device) -> Library:
    def tensor(array, requires_grad):
        t = wrap(move(np.array(array), device))
        return t.requires_grad_(True) if requires_grad else t
    return Library(torch, tensor)


def facts(t):
    """(dtype name, shape and device): what a tensor without values can be compared by."""
    return t.dtype.name, (tuple(t.shape), str(t.device))


def values(t):
    name, a = t.dtype.name, move(t.detach()._a, CPU)
    return name, a.astype(np.float32) if name in ("bfloat16", "float16") else a


def run_on(device: Device, op, number: int, sample: str, variant: str, to_array):
    """An `Outcome` of the sample on the device."""
    import tcli.engine.random as random

    random.manual_seed(0)
    library = library_on(device)
    with device:
        return evaluate(callable_of(op), sample, library, variant, f"{op.name}{number}", autograd, is_tensor, to_array)
