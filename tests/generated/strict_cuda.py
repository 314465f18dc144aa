"""`cupy.cuda` for the stand-in: devices with memory of their own, a pool that caches, streams and events.

Nothing runs on a GPU; what is kept is the bookkeeping that programs rely on: which device is current, how much of its
memory is in use or cached, when it runs out, and which stream work was queued in.
"""

import types
from time import perf_counter

count = 1  # how many devices there are
capacity = 1 << 34  # bytes of each
_current = [0]
used: dict = {}  # bytes in arrays, by device
cached: dict = {}  # bytes that the pool keeps
hooks: list = []


def reset(devices: int = 1, size: int = 1 << 34) -> None:
    global count, capacity, used, cached
    count, capacity, used, cached = devices, size, {}, {}
    _current[:] = [0]
    hooks.clear()


class OutOfMemoryError(MemoryError):
    pass


class CUDARuntimeError(RuntimeError):
    pass


def current() -> int:
    return _current[-1]


def take(n: int) -> tuple:
    """Memory for an array on the current device; gives the device, and what `give` wants to have back."""
    device = current()
    for hook in list(hooks):
        hook.malloc_preprocess(device_id=device, size=n, mem_size=n)
    kept = cached.get(device, 0)
    reused = min(kept, n) if kept >= n else 0
    if used.get(device, 0) + kept - reused + n > capacity:
        raise OutOfMemoryError(f"Out of memory allocating {n:,} bytes (allocated so far: {used.get(device, 0):,} bytes).")
    cached[device] = kept - reused
    used[device] = used.get(device, 0) + n
    for hook in list(hooks):
        hook.malloc_postprocess(device_id=device, size=n, mem_size=n, mem_ptr=1, pmem_id=1)
    return device, (used, cached, n)


def give(device: int, loan: tuple) -> None:
    lent, kept, n = loan  # the books of the test that made the array
    lent[device] -= n
    kept[device] = kept.get(device, 0) + n


class Device:
    def __init__(self, device=None):
        self.id = current() if device is None else int(device)
        if not 0 <= self.id < count:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __enter__(self):
        _current.append(self.id)
        return self

    def __exit__(self, *_failure):
        _current.pop()

    def use(self):
        _current[-1] = self.id

    def synchronize(self):
        pass


class MemoryPool:
    def used_bytes(self):
        return used.get(current(), 0)

    def total_bytes(self):
        return used.get(current(), 0) + cached.get(current(), 0)

    def free_all_blocks(self, stream=None):
        cached.clear()


class MemoryHook:
    name = "MemoryHook"

    def __enter__(self):
        if any(hook.name == self.name for hook in hooks):
            raise KeyError(f"memory hook {self.name} already exists")
        hooks.append(self)
        return self

    def __exit__(self, *_failure):
        hooks.remove(self)

    def malloc_preprocess(self, **details):
        pass

    malloc_postprocess = alloc_preprocess = alloc_postprocess = malloc_preprocess


class Event:
    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.timing, self.when, self.stream = not disable_timing, None, None

    def record(self, stream=None):
        self.when, self.stream = perf_counter(), stream or get_current_stream()

    def synchronize(self):
        pass

    done = property(lambda self: True)


class Stream:
    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.device, self.waited = current(), []

    def __enter__(self):
        _streams.append(self)
        return self

    def __exit__(self, *_failure):
        _streams.pop()

    def synchronize(self):
        pass

    def record(self, event=None):
        event = Event(disable_timing=True) if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        self.waited.append(event)

    done = property(lambda self: True)


_streams = [Stream(null=True)]


def get_current_stream(device_id=-1):
    return _streams[-1]


def get_elapsed_time(start_event, end_event):
    for event in (start_event, end_event):
        if event.when is None or not event.timing:
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return (end_event.when - start_event.when) * 1000


def _properties(device):
    return {"name": b"Stand-in", "major": 9, "minor": 0, "totalGlobalMem": capacity, "multiProcessorCount": 132, "warpSize": 32,
            "l2CacheSize": 1 << 25}


runtime = types.SimpleNamespace(
    getDeviceCount=lambda: count, getDeviceProperties=_properties, CUDARuntimeError=CUDARuntimeError,
    memGetInfo=lambda: (capacity - used.get(current(), 0) - cached.get(current(), 0), capacity),
    runtimeGetVersion=lambda: 12090, driverGetVersion=lambda: 12090)
_pool, _pinned = MemoryPool(), MemoryPool()
namespace = types.SimpleNamespace(
    Device=Device, Stream=Stream, Event=Event, MemoryPool=MemoryPool, runtime=runtime, get_elapsed_time=get_elapsed_time,
    get_current_stream=get_current_stream, memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    memory_hook=types.SimpleNamespace(MemoryHook=MemoryHook))
