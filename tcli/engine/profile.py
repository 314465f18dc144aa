"""Recording what every op call takes: time, bytes and operations, and the place in the program.

While a `Recorder` is entered, calls take the long road of `dispatch` (the shortcuts of `callables` are off) and
each kernel is timed there; on a GPU with events of its stream. One recorder at a time.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

import numpy as np

from . import callables, cost, dispatch, options, tape
from .device import CPU, Device, backend, device_of

# What the shortcuts ask before they go their own way, and the answer that sends every call down the long road.
_ASKED: dict[str, Any] = {"SMALL": -1, "is_small": lambda t: False}


def _nothing(*_seen: Any) -> None:
    """An observer of the backward pass: while there is one, gradients are computed by ops."""


class Call:
    """One call of an op: `start` and `seconds` on the program's clock, shapes, and (code, lasti) of the program."""

    __slots__ = ("bytes", "device", "flops", "marks", "name", "place", "seconds", "shapes", "start")

    def __init__(self, name: str, place: tuple | None, shapes: tuple, device: Device):
        self.name, self.place, self.shapes, self.device = name, place, shapes, device
        self.start = self.seconds = 0.0
        self.bytes = self.flops = 0
        self.marks: tuple | None = None


class Recorder:
    """The calls made while it is entered, in order; `seconds` is the time from entering to leaving."""

    _active: Recorder | None = None

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.ranges: list[Call] = []  # named by the program, around calls
        self.started = self.seconds = 0.0
        self._before: list[tuple] = []
        self._guarded: Any = None

    @classmethod
    def active(cls) -> Recorder | None:
        """The recorder that is entered."""
        return cls._active

    def __enter__(self) -> Recorder:
        if Recorder._active is not None:
            from ..errors import EngineError

            raise EngineError("a profiler is running already")
        Recorder._active = self
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("tcli.ops") or module in (callables, options):
                self._before += [(module, name, getattr(module, name)) for name in _ASKED
                                 if getattr(module, name, None) in (tape.SMALL, callables.is_small)]
        for module, name, _ in self._before:
            setattr(module, name, _ASKED[name])
        tape.observers.append(_nothing)
        self._guarded, dispatch._guarded = dispatch._guarded, self._timed
        self.started = perf_counter()
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.seconds += perf_counter() - self.started
        dispatch._guarded = self._guarded
        for module, name, value in self._before:
            setattr(module, name, value)
        self._before = []
        tape.observers.remove(_nothing)
        Recorder._active = None
        for call in self.calls:
            _settle(call)

    def _timed(self, o: Any, xp: Any, values: list) -> Any:
        arrays = [v for value in values for v in (value if type(value) is list else (value,)) if hasattr(v, "strides")]
        elsewhere = [a for a in arrays if type(a) is not np.ndarray]
        device = device_of(elsewhere[0]) if elsewhere else CPU
        call = Call(o.name.lstrip("_"), tape.locate(), tuple(a.shape for a in arrays), device)
        clock = backend(device).xp.cuda.Event if device.type == "cuda" and hasattr(backend(device).xp, "cuda") else None
        first = _mark(clock)
        call.start = perf_counter()
        found = self._guarded(o, xp, values)
        call.seconds = perf_counter() - call.start
        call.marks = (first, _mark(clock)) if clock is not None else None
        outs = list(found) if type(found) in (tuple, list) else [found]
        call.flops = cost.flops(o, arrays, [out for out in outs if hasattr(out, "shape")])
        call.bytes = 0 if o.view else cost.moved(arrays, outs)
        self.calls.append(call)
        return found


def _mark(event: Any) -> Any:
    if event is None:
        return None
    found = event()
    found.record()
    return found


def _settle(call: Call) -> None:
    """The GPU's own time, once its events have come."""
    if call.marks is None:
        return
    first, last = call.marks
    last.synchronize()
    call.seconds = backend(call.device).xp.cuda.get_elapsed_time(first, last) / 1000
    call.marks = None


class Roofline:
    """What this machine can do at most: operations and bytes per second, measured with NumPy in some 50 ms."""

    def __init__(self) -> None:
        self.flops = _best(_product, 3)
        self.bandwidth = _best(_copy, 3)

    def share(self, seconds: float, flops: int, size: int) -> float:
        """How near to the limit a call came: 1 is the roofline."""
        least = max(flops / self.flops, size / self.bandwidth)
        return least / seconds if seconds else 0.0


def _best(run: Any, times: int) -> float:
    return max(run() for _ in range(times))


def _product() -> float:
    a = np.ones((768, 768), np.float32)
    start = perf_counter()
    a @ a
    return 2 * 768 ** 3 / (perf_counter() - start)


def _copy() -> float:
    a, b = np.ones(1 << 23, np.float32), np.empty(1 << 23, np.float32)
    np.copyto(b, a)
    start = perf_counter()
    np.copyto(b, a)
    return 2 * a.nbytes / (perf_counter() - start)
