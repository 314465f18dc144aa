"""Sketching: a program runs on shapes while its tensors say they are on the devices it names.

Inside `with sketching():` new tensors are `MetaArray`s placed on cpu or cuda. Small values that the program
writes down itself stay known (`array.known`) and are computed along; a shape that depends on unknown values
has no answer. `watchers` are called with (op, operand arrays, result arrays) after each kernel, without an op for new arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import device, meta
from .device import Backend, Device
from .meta import MetaArray, NeedsValue
from .meta_module import MetaModule

LIMIT = 4096  # elements of an array whose values are computed along
PERMUTATION = 1 << 20

watchers: list[Callable[[Any, list, list], None]] = []


class SketchBackend(Backend):
    """A device type of which only the name is needed."""

    virtual = True

    def __init__(self, kind: str):
        self.type, self.count = kind, 8

    def owns(self, array: Any) -> bool:
        return type(array) is MetaArray

    def device_of(self, array: Any) -> Device:
        return array.place

    def module(self, device: Device) -> MetaModule:
        return MetaModule(_placed(device))

    def module_of(self, array: Any) -> MetaModule:
        return MetaModule(array.place)

    def create(self, device: Device, make: Callable) -> MetaArray:
        found = make(self.module(device))
        _made_now(found)
        if found.size > LIMIT:
            return found
        values = make(np)
        return remember(found, values) if isinstance(values, (np.ndarray, np.generic)) else found

    def draw(self, device: Device, sampler: Callable, generator, shape, dtype, parameters: tuple) -> MetaArray:
        found = _made_now(MetaArray(shape, dtype, _placed(device)))
        if sampler.__name__ == "_permutation" and found.size <= PERMUTATION:
            # One order is as good as another for shapes, and loaders ask for the numbers.
            found._known = np.arange(found.size, dtype=dtype)
        return found

    def to_device(self, array: Any, device: Device) -> MetaArray:
        found = _made_now(MetaArray(array.shape, array.dtype, _placed(device)))
        return remember(found, array if isinstance(array, np.ndarray) else array.known)

    def to_host(self, array: Any) -> MetaArray:
        return array


def _placed(device: Device) -> Device:
    return Device("cuda", 0) if device.type == "cuda" and device.index is None else device


def _made_now(array: MetaArray) -> MetaArray:
    for watch in watchers:
        watch(None, [], [array])
    return array


def remember(array: MetaArray, values: Any) -> MetaArray:
    """The array with its values, where they are known and few."""
    if values is not None and array.size <= LIMIT:
        array._known = np.asarray(values)
    return array


@contextmanager
def sketching(unknown: Callable[[], Any]) -> Iterator[None]:
    """Programs run on shapes; `unknown()` is the number that a tensor without values has."""
    before = dict(device._backends), device.sketch, meta.unknown
    device._backends.update(cpu=SketchBackend("cpu"), cuda=SketchBackend("cuda"))
    device.sketch, meta.unknown = True, unknown
    try:
        yield
    finally:
        device._backends.clear()
        device._backends.update(before[0])
        device.sketch, meta.unknown = before[1:]


def run(o: Any, kernel: Any, values: list, xp: MetaModule) -> Any:
    """A kernel on shapes, and on the values where all of them are known."""
    arrays = list(_arrays(values))
    known = all(a.known is not None for a in arrays) and sum(a.size for a in arrays) <= 4 * LIMIT and not any(
        type(v) is meta.unknown for v in values)
    try:
        found = (o.shape or kernel)(xp, *values)
    except NeedsValue:
        if not known:
            raise
        found = None
    if known:
        found = _with_values(o, kernel, values, found, xp)
    outs = list(found) if type(found) in (tuple, list) else [found]
    for watch in watchers:
        watch(o, arrays, outs)
    return found


def _arrays(values: list) -> Iterator[MetaArray]:
    for value in values:
        if type(value) is MetaArray:
            yield value
        elif type(value) is list or type(value) is tuple:
            yield from _arrays(value)


def _real(value: Any) -> Any:
    if type(value) is MetaArray:
        return value.known
    return type(value)(_real(v) for v in value) if type(value) in (list, tuple) else value


def _made(values: Any, xp: MetaModule) -> MetaArray:
    values = np.asarray(values)
    return remember(MetaArray(values.shape, values.dtype, xp.place), values)


def _with_values(o: Any, kernel: Any, values: list, found: Any, xp: MetaModule) -> Any:
    if found is not None and sum(a.size for a in _arrays(list(found) if isinstance(found, tuple) else [found])) > 4 * LIMIT:
        return found
    real = kernel(np, *[_real(v) for v in values])
    if found is None:
        return type(real)(_made(r, xp) for r in real) if type(real) in (tuple, list) else _made(real, xp)
    if type(found) in (tuple, list):
        return type(found)(remember(f, r) for f, r in zip(found, real, strict=True))
    return remember(found, real)
