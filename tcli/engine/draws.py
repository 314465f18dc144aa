"""Random numbers on any device: the CPU's own streams here, a backend's generator elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import samplers
from .device import CPU, Device, backend, device_of


def draw(device: Device, sampler: Callable, generator, shape, dtype, *parameters: Any):
    """`sampler(generator, shape, dtype, *parameters)` as an array on the device."""
    return backend(device).draw(device, sampler, generator, shape, dtype, parameters)


def draw_like(array: Any, sampler: Callable, *parameters: Any, shape=None, generator=None):
    """Numbers in an array's dtype, on its device, in its shape and order of memory unless a `shape` is given."""
    if type(array) is not np.ndarray:
        return draw(device_of(array), sampler, generator, array.shape if shape is None else shape, array.dtype, *parameters)
    if shape is None and not array.flags.c_contiguous:
        return samplers.fill(np.empty_like(array), sampler, *parameters, generator=generator)
    return draw(CPU, sampler, generator, array.shape if shape is None else shape, array.dtype, *parameters)


def fill(array: Any, sampler: Callable, *parameters: Any, generator=None) -> None:
    """Fills an array, strided or not."""
    if type(array) is np.ndarray:
        samplers.fill(array, sampler, *parameters, generator=generator)
    else:
        array[...] = draw(device_of(array), sampler, generator, array.shape, array.dtype, *parameters)
