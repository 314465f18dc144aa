"""How new tensors come about: on which device, with which sizes, needing a gradient or not."""

import numpy as np

from ..engine import device as device_module
from ..engine import dtypes
from ..engine.args import check_numel
from ..engine.device import CPU, as_device, backend, default_device, move
from ..engine.dispatch import new, wrap
from ..engine.tensor import FLOATS_ONLY, Tensor
from ..errors import EngineError, GradError


def made(array, device=None, requires_grad: bool = False):
    """A fresh leaf on `device` around a new array."""
    device = as_device(device)
    t = wrap(array if device.type == "cpu" else move(array, device))
    return needing_grad(t) if requires_grad else t


def needing_grad(t):
    if t.dtype.category < dtypes.FLOAT:
        raise GradError(FLOATS_ONLY)
    return t.requires_grad_(True)


def make(build, device=None, requires_grad: bool = False):
    """A fresh leaf on `device` around the array that `build(xp)` makes there."""
    device = as_device(device)
    t = wrap(build(np) if device is CPU and not device_module.sketch else backend(device).create(device, build))
    return needing_grad(t) if requires_grad else t


def checked(size: tuple) -> tuple:
    for n in size:
        if n < 0:
            raise EngineError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
    return check_numel(size)


def is_plain() -> bool:
    """Whether new tensors lie in NumPy's memory and nothing else has to be looked at."""
    return default_device() is CPU and not device_module.sketch


def fresh(array):
    """A tensor around an array of NumPy that nothing else has."""
    t = new(Tensor)
    t._a = array
    t._v = [0]
    return t
