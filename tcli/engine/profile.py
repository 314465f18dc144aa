"""Recording what every op call takes: time, bytes and operations, and the place in the program.

While a `Recorder` is entered, calls take the long road of `dispatch` (the shortcuts of `callables` are off) and
each kernel is timed there, each pass over a fused group in `fuse`; on a GPU with events of its stream. A call knows all
lines of the program that were waiting for it, so that time spent inside functions and modules can be given to the lines
that called them. `Region`s are stretches of the program with a name. One recorder at a time.
"""

from __future__ import annotations

import sys
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from .. import native, source
from . import callables, cost, dispatch, fuse, options, quick_views, symbols, tape
from .device import CPU, Device, backend, device_of

# What the shortcuts ask before they go their own way, and the answer that sends every call down the long road.
_ASKED: dict[str, Any] = {"SMALL": -1, "is_small": lambda t: False}


def _nothing(*_seen: Any) -> None:
    """An observer of the backward pass: while there is one, gradients are computed by ops."""


def _answer(before: dict, after: dict) -> None:
    """Gives other answers to the shortcuts, in families of ops that are loaded later too: they ask `tape` and `callables`."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("tcli.ops") or module in (callables, options, quick_views, tape):
            for name, value in before.items():
                if getattr(module, name, None) == value:
                    setattr(module, name, after[name])
    native.set_small(tape.SMALL)


class Call:
    """One call of an op: `start` and `seconds` on the program's clock, shapes, and (code, lasti) of the program.

    `stack` has the places of all frames of the program, the innermost first.
    """

    __slots__ = ("bytes", "device", "flops", "marks", "name", "seconds", "shapes", "stack", "start")

    def __init__(self, name: str, stack: tuple, shapes: tuple, device: Device):
        self.name, self.stack, self.shapes, self.device = name, stack, shapes, device
        self.start = self.seconds = 0.0
        self.bytes = self.flops = 0
        self.marks: tuple | None = None

    @property
    def place(self) -> tuple | None:
        return self.stack[0] if self.stack else None


class Region:
    """A stretch of the program under a name: a `record_function`, a step of the profiler."""

    __slots__ = ("name", "seconds", "start")

    def __init__(self, name: str, start: float, seconds: float = 0.0):
        self.name, self.start, self.seconds = name, start, seconds


def program_stack() -> tuple:
    """(code, lasti) of every running frame that was compiled from a program, the innermost first."""
    known, found = source._sources, []
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in known:
            found.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(found)


class Recorder:
    """The calls made while it is entered, in order; `seconds` is the time from entering to leaving."""

    _active: Recorder | None = None

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.regions: list[Region] = []
        self.started = self.seconds = 0.0
        self._before: dict[str, Any] = {}
        self._guarded: Any = None
        self._pass: Any = None

    @classmethod
    def active(cls) -> Recorder | None:
        """The recorder that is entered."""
        return cls._active

    def __enter__(self) -> Recorder:
        if Recorder._active is not None:
            from ..errors import EngineError

            raise EngineError("a profiler is running already")
        Recorder._active = self
        self._before = {"SMALL": tape.SMALL, "is_small": callables.is_small}
        _answer(self._before, _ASKED)
        tape.observers.append(_nothing)
        self._guarded, dispatch._guarded = dispatch._guarded, self._timed
        self._pass, fuse._run = fuse._run, self._timed_pass
        self.started = perf_counter()
        return self

    def __exit__(self, *_exc: Any) -> None:
        self.seconds += perf_counter() - self.started
        dispatch._guarded, fuse._run = self._guarded, self._pass
        _answer(_ASKED, self._before)
        tape.observers.remove(_nothing)
        Recorder._active = None
        for call in self.calls:
            _settle(call)

    def _timed(self, o: Any, xp: Any, values: list) -> Any:
        arrays = [v for value in values for v in (value if type(value) is list else (value,)) if hasattr(v, "strides")]
        elsewhere = [a for a in arrays if type(a) is not np.ndarray]
        call = Call(o.name.lstrip("_"), program_stack(), tuple(a.shape for a in arrays),
                    device_of(elsewhere[0]) if elsewhere else CPU)
        found = self._during(call, self._guarded, o, xp, values)
        outs = list(found) if type(found) in (tuple, list) else [found]
        call.flops = cost.flops(o, arrays, [out for out in outs if hasattr(out, "shape")])
        call.bytes = 0 if o.view else cost.moved(arrays, outs)
        return found

    def _timed_pass(self, together: list, shape: tuple, into: Any) -> bool:
        """A pass over a fused group, under the names of its steps."""
        leaves, steps = _group(together)
        size = prod(shape)
        call = Call("fused: " + " ".join(dict.fromkeys(steps)), program_stack(), tuple(a.shape for a in leaves),
                    together[0].home or CPU)
        call.flops, call.bytes = len(steps) * size, sum(a.nbytes for a in leaves) + sum(e.nbytes for e in together)
        return self._during(call, self._pass, together, shape, into)

    def _during(self, call: Call, run: Any, *arguments: Any) -> Any:
        clock = _events(call.device)
        first = _mark(clock)
        call.start = perf_counter()
        found = run(*arguments)
        call.seconds = perf_counter() - call.start
        call.marks = (first, _mark(clock)) if clock is not None else None
        self.calls.append(call)
        return found


def _group(together: list) -> tuple[list, list]:
    """The arrays that a group of expressions reads, and the names of its steps in the order of computing."""
    leaves: list = []
    steps: list = []
    seen: set[int] = set()

    def visit(e: Any) -> None:
        if id(e) in seen:
            return
        seen.add(id(e))
        if e.array is not None:
            leaves.append(e.array)
            return
        for a in e.args:
            if type(a) is symbols.Expr:
                visit(a)
        steps.append(getattr(e.fn, "__name__", None) or getattr(e.fn, "name", "rows"))
    for e in together:
        visit(e)
    return leaves, steps


def _events(device: Device) -> Any:
    """The class of marks in a GPU's stream; None on the CPU."""
    return backend(device).xp.cuda.Event if device.type == "cuda" and hasattr(backend(device).xp, "cuda") else None


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
        """How near to the limit a call came: 1 is the roofline.

        What the cache holds moves faster than the memory that was measured: it counts as 1 as well.
        """
        least = max(flops / self.flops, size / self.bandwidth)
        return min(least / seconds, 1.0) if seconds else 0.0


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
