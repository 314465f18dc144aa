"""Devices: where a tensor's array lives, and the array module that computes there.

`Device` is PyTorch's `torch.device`. A device *type* has a `Backend`: the array module (NumPy,
CuPy, ...), how to move an array there, and how to wait for it. CuPy is imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError, DeviceError, EngineError, Unsupported

_TYPES = tuple("""cpu cuda ipu xpu mkldnn opengl opencl ideep hip ve fpga maia xla lazy vulkan mps meta hpu mtia
    privateuseone""".split())


class Device:
    """`torch.device("cuda:1")`: `type` and `index` (None: the current one)."""

    __module__, __qualname__ = "torch", "device"

    __slots__ = ("index", "type")

    def __init__(self, type="cpu", index: int | None = None):
        if isinstance(type, Device):
            type, index = type.type, type.index if index is None else index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        elif isinstance(type, str):
            type, index = _parse(type, index)
        else:
            raise ArgumentError(f"device(): argument 'type' (position 1) must be str, not "
                                f"{type.__class__.__name__}")
        if index is not None and index < 0:
            raise EngineError("Device index must not be negative")
        self.type, self.index = type, index

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other) -> bool:
        return isinstance(other, Device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __enter__(self) -> Device:
        _default_stack.append(self)
        return self

    def __exit__(self, *_exc) -> None:
        _default_stack.pop()


def _parse(text: str, index: int | None) -> tuple[str, int | None]:
    kind, colon, number = text.partition(":")
    if not text:
        raise EngineError("Device string must not be empty")
    if kind not in _TYPES or (colon and (not number.isdigit() or number[0] == "0" and number != "0")):
        from .dtypes import NAMES

        raise EngineError(f"Expected one of {', '.join(_TYPES)} device type at start of device string: {text}"
                          if kind not in _TYPES else f"Invalid device string: '{text}'",
                          help=f"for the dtype write torch.{kind}, without quotes" if kind in NAMES else None)
    if colon and index is not None:
        raise EngineError(f"type (string) must not include an index because index was passed explicitly: {text}")
    return kind, int(number) if colon else index


CPU = Device("cpu")
_default_stack: list[Device] = [CPU]


def default_device() -> Device:
    return _default_stack[-1]


def set_default_device(device) -> None:
    _default_stack[0] = as_device(device)


def as_device(value) -> Device:
    """A device from a `Device`, a string, an index or None (the default device)."""
    if value is None:
        return _default_stack[-1]
    return value if type(value) is Device else Device(value)


def device_of(array) -> Device:
    """The device that holds an array."""
    return CPU if type(array) is np.ndarray else backend_of(array).device_of(array)


def module_of(array):
    """The array module (`xp`) that computes on an array."""
    return np if type(array) is np.ndarray else backend_of(array).module_of(array)


def module_for(device: Device):
    """The array module whose creation functions make arrays on a device."""
    return backend(device).module(device)


class Backend:
    """What the engine asks of a device type: its array module and how to move arrays there and back."""

    type = "cpu"
    xp: Any = np
    virtual = False  # arrays have shapes, and no values

    def owns(self, array) -> bool:
        return isinstance(array, np.ndarray)

    def device_of(self, array) -> Device:
        return CPU

    def module(self, device: Device):
        return self.xp

    def module_of(self, array):
        return self.xp

    def create(self, device: Device, make: Callable):
        """A new array on the device: `make(xp)`."""
        return make(self.module(device))

    def draw(self, device: Device, sampler: Callable, generator, shape, dtype, parameters: tuple):
        """Random numbers on the device; `sampler` is one of `engine.samplers`."""
        return sampler(generator, shape, dtype, *parameters)

    def to_device(self, array: np.ndarray, device: Device):
        return array

    def to_host(self, array) -> np.ndarray:
        return array

    def run(self, device: Device, kernel, xp, values: list):
        """Calls a kernel with the device as the current one."""
        return kernel(xp, *values)

    def seed(self, seed: int) -> None:
        """Seeds the random numbers that the device draws itself."""

    def release(self) -> bool:
        """Gives cached memory back; False where there is none to give."""
        return False


class MetaBackend(Backend):
    """Shapes, dtypes and strides alone: no memory, no values."""

    type = "meta"
    virtual = True

    def __init__(self):
        from .meta import MetaArray
        from .meta_module import MetaModule

        self._array, self._module = MetaArray, MetaModule

    def owns(self, array) -> bool:
        return type(array) is self._array

    def device_of(self, array) -> Device:
        return array.place

    def module(self, device: Device):
        return self._module(device)

    def module_of(self, array):
        return self._module(array.place)

    def draw(self, device: Device, sampler: Callable, generator, shape, dtype, parameters: tuple):
        return self._array(shape, dtype, device)

    def to_device(self, array, device: Device):
        return self._array(array.shape, array.dtype, device)

    def to_host(self, array) -> np.ndarray:
        raise Unsupported("Cannot copy out of meta tensor; no data!")


def _cuda() -> Backend:
    from .cuda import CudaBackend

    return CudaBackend()


sketch = False  # `engine/sketch.py` is at work
_backends: dict[str, Backend] = {}
_makers: dict[str, Callable[[], Backend]] = {"cpu": Backend, "meta": MetaBackend, "cuda": _cuda}


def backend(device: Device) -> Backend:
    """The backend of a device; raises `DeviceError` when the device is not here."""
    found = _backends.get(device.type)
    if found is None:
        maker = _makers.get(device.type)
        if maker is None:
            raise DeviceError(f"the {device.type} device is not available in tcli")
        found = _backends[device.type] = maker()
    return found


def backend_of(array) -> Backend:
    """The backend that owns an array."""
    for found in _backends.values():
        if (found.type != "cpu" or found.virtual) and found.owns(array):
            return found
    return backend(CPU)


def filled_like(array, value):
    """A new array of the shape, dtype and device of an array, or of the expression of one that is still to be computed."""
    home = (array.home or CPU) if hasattr(array, "home") else device_of(array)
    return backend(home).create(home, lambda xp: xp.full(array.shape, value, array.dtype))


def is_sketched(array) -> bool:
    """Whether an array is one of `tcli check`: a shape that says it is on cpu or cuda."""
    return sketch and backend(CPU).owns(array)


def move(array, device: Device):
    """The array on another device; itself when it is there already."""
    if type(array) is np.ndarray and device.type == "cpu" and not sketch:
        return array
    here = device_of(array)
    stays = here.type == device.type and (device.index is None or here.index == device.index)
    if stays and not (sketch and type(array) is np.ndarray):
        return array
    target = backend(device)
    if here.type != device.type and not target.virtual:
        array = backend_of(array).to_host(array)
    return target.to_device(array, device)


def seed_devices(seed: int) -> None:
    """Seeds every device in use."""
    for found in _backends.values():
        found.seed(seed)


def cuda_is_available() -> bool:
    if sketch:
        return default_device().type == "cuda"
    try:
        backend(Device("cuda"))
    except DeviceError:
        return False
    return True
