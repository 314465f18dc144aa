"""Devices: where a tensor's array lives, and the array module that computes there.

`Device` is PyTorch's `torch.device`. A device *type* has a `Backend`: the array module (NumPy,
CuPy, ...), how to move an array there, and how to wait for it. CuPy is imported on first use.
"""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, DeviceError, EngineError

_TYPES = ("cpu", "cuda", "meta", "mps", "xpu")


class Device:
    """`torch.device("cuda:1")`: `type` and `index` (None: the current one)."""

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
    if kind not in _TYPES or (colon and not number.isdigit()):
        raise EngineError(f"Expected one of cpu, cuda, meta device type at start of device string: {text}"
                          if kind not in _TYPES else f"Invalid device string: '{text}'")
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
    if type(array) is np.ndarray:
        return CPU
    for backend in _backends.values():
        if backend.owns(array):
            return backend.device_of(array)
    return CPU


def module_of(array):
    """The array module (`xp`) that computes on an array."""
    if type(array) is np.ndarray:
        return np
    for backend in _backends.values():
        if backend.owns(array):
            return backend.xp
    return np


class Backend:
    """What the engine asks of a device type: its array module and how to move arrays there and back."""

    type = "cpu"
    xp = np

    def owns(self, array) -> bool:
        return isinstance(array, np.ndarray)

    def device_of(self, array) -> Device:
        return CPU

    def to_device(self, array: np.ndarray, device: Device):
        return array

    def to_host(self, array) -> np.ndarray:
        return array


class CudaBackend(Backend):
    """NVIDIA GPUs through CuPy."""

    type = "cuda"

    def __init__(self):
        try:
            import cupy
        except ImportError as error:
            raise DeviceError("Torch not compiled with CUDA enabled", notes=[
                "CuPy is not installed"], help="pip install 'tcli[cuda]' (CUDA 12) or 'tcli[cuda13]'") from error
        try:
            count = cupy.cuda.runtime.getDeviceCount()
        except cupy.cuda.runtime.CUDARuntimeError:
            count = 0
        if not count:
            raise DeviceError("No CUDA GPUs are available")
        self.xp, self.count = cupy, count

    def owns(self, array) -> bool:
        return isinstance(array, self.xp.ndarray)

    def device_of(self, array) -> Device:
        return Device("cuda", array.device.id)

    def to_device(self, array, device: Device):
        with self.xp.cuda.Device(device.index or 0):
            return self.xp.asarray(array)

    def to_host(self, array) -> np.ndarray:
        return self.xp.asnumpy(array)


_backends: dict[str, Backend] = {}
_makers: dict[str, type[Backend]] = {"cpu": Backend, "cuda": CudaBackend}


def backend(device: Device) -> Backend:
    """The backend of a device; raises `DeviceError` when the device is not here."""
    found = _backends.get(device.type)
    if found is None:
        maker = _makers.get(device.type)
        if maker is None:
            raise DeviceError(f"the {device.type} device is not available in tcli")
        found = _backends[device.type] = maker()
    return found


def move(array, device: Device):
    """The array on another device; itself when it is there already."""
    here = device_of(array)
    if here.type == device.type and (device.index is None or here.index == device.index):
        return array
    target = backend(device)
    return target.to_device(backend(here).to_host(array), device)


def cuda_is_available() -> bool:
    try:
        backend(Device("cuda"))
    except DeviceError:
        return False
    return True
