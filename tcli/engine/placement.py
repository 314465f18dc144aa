"""Running a kernel where its arrays are: one device for all operands, and what other devices than the CPU need.

0-d CPU operands follow the others, as in PyTorch. An op that declares `host` computes on the CPU whatever
device its tensors are on: its arrays are copied there and its results back, and each such round trip is
counted in `round_trips`. On arrays without data an op's `shape` rule stands for its kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import native
from ..errors import DeviceError, EngineError, Unsupported
from .device import CPU, Device, backend, device_of, move
from .meta import MetaArray, NeedsValue

round_trips: dict[str, int] = {}  # op name -> how often its arrays went to the host and back


def has_values(array: Any) -> bool:
    return type(array) is not MetaArray or array.known is not None


def values_of(array: Any) -> Any:
    """The values of an array of which a sketch knows them; else the array itself."""
    return array.known if type(array) is MetaArray else array


def holds(condition: Any) -> bool:
    """Whether a check on values holds; never on arrays that have no values."""
    if type(condition) is MetaArray:
        condition = condition.known
    return condition is not None and bool(condition)


def outside(array: Any, low: int, high: int) -> bool:
    """Whether an element is below `low` or not below `high`; never in arrays that have no values."""
    if type(array) is MetaArray:
        array = array.known
    if native.all_within(array, low, high):
        return False
    return array is not None and bool(array.size) and (int(array.min()) < low or int(array.max()) >= high)


def common_device(arrays: list) -> Device:
    """The one device of all arrays but the 0-d ones on the CPU; raises PyTorch's error where there are two."""
    found: list[Device] = []
    for a in arrays:
        device = device_of(a)
        if device not in found and (a.ndim or device.type != "cpu"):
            found.append(device)
    if len(found) > 1:
        raise _mixed(found)
    return found[0] if found else device_of(arrays[0])


def beside(a: Any, gather: list) -> list:
    """Index arrays on the device of what they index: those of the CPU are moved there."""
    home = device_of(a)
    if type(a) is np.ndarray and all(type(g) is slice or type(g) is np.ndarray for g in gather):
        return gather
    for g in gather:
        if type(g) is not slice and device_of(g) not in (home, CPU):
            raise EngineError("indices should be either on cpu or on the same device as the indexed tensor "
                              f"({home})", help=f"move the index: .to('{home}')")
    return [g if type(g) is slice else move(g, home) for g in gather]


def _mixed(devices: list) -> DeviceError:
    if any(d.type == "meta" for d in devices):
        other = next(d for d in devices if d.type != "meta")
        return DeviceError(f"Tensor on device {other} is not on the expected device meta!")
    listed = sorted(devices, key=lambda d: (d.type == "cpu", str(d)))
    return DeviceError("Expected all tensors to be on the same device, but found at least two devices, "
                       + " and ".join(map(str, listed)) + "!", help=f"move one of them: .to('{listed[0]}')")


def _where(o: Any, values: list) -> list[str]:
    """Which operand is on which device, in words."""
    placed = [(name, device_of(v)) for name, v in zip(o.names, values, strict=False) if hasattr(v, "strides")]
    return [", ".join(f"{'input' if name == 'x' else name} is on {device}" for name, device in placed)] if placed else []


def run(o: Any, kernel: Any, values: list, arrays: list):
    """The kernel's results for operands of which some are not on the CPU."""
    try:
        device = common_device(arrays)
    except DeviceError as error:
        error.notes += _where(o, values)
        raise
    home = backend(device)
    if o.host and not home.virtual:
        return _on_host(o, kernel, values, device)
    values = [_moved(v, device) for v in values]
    if home.virtual:
        return _without_data(o, kernel, values, home.module(device))
    return home.run(device, kernel, home.module(device), values)


def _moved(value: Any, device: Device):
    if type(value) is np.ndarray:
        return value if value.ndim and device.type == "meta" else move(value, device)
    if type(value) is list:
        return [_moved(v, device) for v in value]
    return value


def _without_data(o: Any, kernel: Any, values: list, xp: Any):
    try:
        if xp.place.type != "meta":
            from .sketch import run

            return run(o, kernel, values, xp)
        return (o.shape or kernel)(xp, *values)
    except NeedsValue as error:
        if "meta tensor" in str(error) and "item()" not in str(error):
            raise
        raise no_meta(str(error) if str(error) == "nonzero" else o.name) from error


def no_meta(name: str) -> Unsupported:
    """PyTorch's error of an op that has no answer without values."""
    if name in ("nonzero", "_places"):
        return Unsupported("The register_meta function for torch.nonzero() raises unimplemented by default, as a correct "
                           "data-independent implementation does not exist.")
    return Unsupported(f"aten::{name}: attempted to run this operator with Meta tensors, but there was no fake impl or Meta "
                       "kernel registered.", notes=["the shape of its result depends on values, which meta tensors do not "
                                                    "have"])


def _on_host(o: Any, kernel: Any, values: list, device: Device):
    round_trips[o.name] = round_trips.get(o.name, 0) + 1
    host = Device("cpu")

    def home(value: Any):
        if type(value) is list:
            return [home(v) for v in value]
        return move(value, host) if hasattr(value, "strides") else value

    result = kernel(np, *[home(v) for v in values])
    if type(result) in (tuple, list):
        return type(result)(move(np.asarray(r), device) for r in result)
    return move(np.asarray(result), device)
