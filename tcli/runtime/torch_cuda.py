"""`torch.cuda`: what there is, memory, streams and events. Without a GPU the same calls answer as PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ..engine import device, random
from ..engine.device import Device, as_device, cuda_is_available
from ..errors import BadValue, DeviceError, EngineError


def _backend() -> Any:
    """The CUDA backend; raises the error that says what is missing."""
    return device.backend(Device("cuda"))


def _device(which: Any) -> Device:
    found = as_device("cuda" if which is None else which)
    if found.type != "cuda":
        raise BadValue(f"Expected a cuda device, but got: {found}")
    return found


def device_count() -> int:
    """How many GPUs there are."""
    return _backend().count if cuda_is_available() else 0


def current_device() -> int:
    """The ordinal of the current GPU."""
    return _backend().number()


def set_device(which: Any) -> None:
    """Makes a GPU the current one."""
    backend = _backend()
    backend.chosen = backend.number(_device(which))


def get_device_name(which: Any = None) -> str:
    """The name of a GPU."""
    return get_device_properties(which).name


def get_device_capability(which: Any = None) -> tuple[int, int]:
    """The compute capability (major, minor) of a GPU."""
    found = get_device_properties(which)
    return found.major, found.minor


class DeviceProperties:
    """`torch.cuda.get_device_properties(0)`: name, compute capability, memory and processors of a GPU."""

    def __init__(self, found: dict) -> None:
        name = found["name"]
        self.name = name.decode() if isinstance(name, bytes) else name
        self.major, self.minor = found["major"], found["minor"]
        self.total_memory = found["totalGlobalMem"]
        self.multi_processor_count = found["multiProcessorCount"]
        self.warp_size = found.get("warpSize", 32)
        self.L2_cache_size = found.get("l2CacheSize", 0)

    def __repr__(self) -> str:
        return (f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
                f"total_memory={self.total_memory >> 20}MB, multi_processor_count={self.multi_processor_count})")


def get_device_properties(which: Any = None) -> DeviceProperties:
    """What the runtime says about a GPU."""
    backend = _backend()
    return DeviceProperties(backend.xp.cuda.runtime.getDeviceProperties(backend.number(_device(which))))


def mem_get_info(which: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a GPU."""
    backend = _backend()
    with backend.on(_device(which)):
        return tuple(backend.xp.cuda.runtime.memGetInfo())


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether bfloat16 tensors can be on the GPUs; on those before compute capability 8.0 they are emulated."""
    if not cuda_is_available():
        return False
    return _backend().has_bfloat16() and (including_emulation or get_device_capability()[0] >= 8)


def synchronize(which: Any = None) -> None:
    """Waits until a GPU has done all that was asked of it."""
    _backend().synchronize(_device(which))


def empty_cache() -> None:
    """Gives cached memory back to the GPUs."""
    if cuda_is_available():
        _backend().release()


def _bytes(name: str) -> Callable[[Any], int]:
    def count(which: Any = None) -> int:
        return int(getattr(_backend(), name)(_device(which))) if cuda_is_available() else 0
    return count


memory_allocated, memory_reserved, max_memory_allocated = _bytes("allocated"), _bytes("reserved"), _bytes("peak")


def reset_peak_memory_stats(which: Any = None) -> None:
    """Starts `max_memory_allocated` anew."""
    _backend().reset_peak(_device(which))


def memory_summary(which: Any = None, abbreviated: bool = False) -> str:
    """What is in use on a GPU, in words."""
    free, total = mem_get_info(which)
    rows = [("allocated", memory_allocated(which)), ("reserved", memory_reserved(which)),
            ("peak", max_memory_allocated(which)), ("free", free), ("total", total)]
    return "\n".join(f"{name:<10} {size / 2**20:12.1f} MiB" for name, size in rows)


def manual_seed(seed: int) -> None:
    """Seeds the generators of the GPUs."""
    if cuda_is_available():
        _backend().seed(int(seed))


def initial_seed() -> int:
    """The seed that the program was given last."""
    return random.initial_seed()


class device_of_name:
    """`with torch.cuda.device(1):` makes a GPU the current one for a while."""

    def __init__(self, which: Any) -> None:
        self._which, self._before = which, 0

    def __enter__(self) -> None:
        if self._which is not None and cuda_is_available():
            self._before = _backend().chosen
            set_device(self._which)

    def __exit__(self, *_failure: Any) -> None:
        if self._which is not None and cuda_is_available():
            _backend().chosen = self._before


class Stream:
    """A queue of work on a GPU; work of different streams may overlap."""

    def __init__(self, which: Any = None, priority: int = 0) -> None:
        if not cuda_is_available():
            raise EngineError("torch.cuda.Stream requires CUDA support")
        with _backend().on(_device(which)):
            self._stream = _backend().xp.cuda.Stream(non_blocking=True)

    def synchronize(self) -> None:
        self._stream.synchronize()

    def query(self) -> bool:
        return bool(self._stream.done)

    def wait_event(self, event: Event) -> None:
        self._stream.wait_event(event._event)

    def wait_stream(self, other: Stream) -> None:
        self._stream.wait_event(other._stream.record())

    def record_event(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def __enter__(self) -> Stream:
        self._stream.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._stream.__exit__(*failure)


class Event:
    """A mark in a stream; the time between two marks is the GPU's own."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        if not cuda_is_available():
            raise EngineError("Tried to instantiate dummy base class Event")
        self._event = _backend().xp.cuda.Event(block=blocking, disable_timing=not enable_timing)

    def record(self, stream: Stream | None = None) -> None:
        self._event.record(None if stream is None else stream._stream)

    def synchronize(self) -> None:
        self._event.synchronize()

    def query(self) -> bool:
        return bool(self._event.done)

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this mark to another."""
        return _backend().xp.cuda.get_elapsed_time(self._event, end._event)


def stream(which: Stream | None) -> Any:
    """`with torch.cuda.stream(s):` queues work in that stream."""
    return which if which is not None else device_of_name(None)


def _default_stream(which: Any = None) -> Any:
    found = object.__new__(Stream)
    found._stream = _backend().xp.cuda.get_current_stream()
    return found


def names(amp: SimpleNamespace) -> dict:
    """The names of `torch.cuda`."""
    return {
        "is_available": cuda_is_available, "device_count": device_count, "current_device": current_device,
        "set_device": set_device, "get_device_name": get_device_name, "get_device_capability": get_device_capability,
        "get_device_properties": get_device_properties, "mem_get_info": mem_get_info, "synchronize": synchronize,
        "empty_cache": empty_cache, "memory_allocated": memory_allocated, "memory_reserved": memory_reserved,
        "max_memory_allocated": max_memory_allocated, "reset_peak_memory_stats": reset_peak_memory_stats,
        "memory_summary": memory_summary, "manual_seed": manual_seed, "manual_seed_all": manual_seed,
        "initial_seed": initial_seed, "is_initialized": lambda: "cuda" in device._backends, "init": lambda: None,
        "is_bf16_supported": is_bf16_supported, "device": device_of_name, "Stream": Stream, "Event": Event, "stream": stream,
        "current_stream": _default_stream, "default_stream": _default_stream, "OutOfMemoryError": DeviceError, "amp": amp}
