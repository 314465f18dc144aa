"""`torch.profiler` and `torch.autograd.profiler`: what runs inside `with profile() as prof:`, and named ranges in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ContextDecorator
from enum import Enum
from time import perf_counter
from typing import Any

from ..engine.device import CPU
from ..engine.profile import Call, Recorder
from ..errors import BadValue
from .profiler import Averages, Row, chrome_trace, grouped


class ProfilerActivity(Enum):
    """What PyTorch lets one choose to record; tcli records where the tensors are."""

    CPU, CUDA, XPU = 0, 2, 1


class ProfilerAction(Enum):
    """What a schedule says about a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


_RECORDS = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
             skip_first_wait: int = 0) -> Callable[[int], ProfilerAction]:
    """Which steps are recorded: cycles of `wait` and `warmup` steps without and `active` steps with recording."""
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise BadValue("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat and step >= length * repeat:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE
    return action


class profile:
    """`with torch.profiler.profile() as prof:` records the op calls made inside."""

    def __init__(self, activities: object = None, schedule: Callable[[int], ProfilerAction] | None = None,
                 on_trace_ready: Callable[[Any], None] | None = None, record_shapes: bool = False,
                 profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False,
                 with_modules: bool = False, **_other: object):
        self._schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self._recorder, self._ready, self.step_num = Recorder(), on_trace_ready, 0
        self._action = ProfilerAction.NONE

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to record."""
        self._go_to(self._schedule(self.step_num))

    def stop(self) -> None:
        """Ends the recording."""
        recording = self._action in _RECORDS
        self._go_to(ProfilerAction.NONE)
        if recording and self._ready is not None:
            self._ready(self)

    def step(self) -> None:
        """Marks the end of a step; the schedule says what becomes of the next one."""
        before, self.step_num = self._action, self.step_num + 1
        if before is ProfilerAction.RECORD_AND_SAVE:
            self._go_to(ProfilerAction.NONE)
            if self._ready is not None:
                self._ready(self)
        self._go_to(self._schedule(self.step_num))

    def _go_to(self, action: ProfilerAction) -> None:
        if action in _RECORDS and self._action not in _RECORDS:
            self._recorder = Recorder()
            self._recorder.__enter__()
        elif action not in _RECORDS and self._action in _RECORDS:
            self._recorder.__exit__()
        self._action = action

    def events(self) -> list[Call]:
        """The calls in order."""
        return list(self._recorder.calls)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> Averages:
        """The calls grouped by op, with `group_by_input_shape` by op and shapes; named ranges have rows of their own."""
        def key(call: Call) -> tuple[str, str]:
            shapes = " " + str([list(s) for s in call.shapes]) if group_by_input_shape else ""
            return "aten::" + call.name + shapes, ""

        rows = grouped(self._recorder.calls, key)
        return Averages(rows, self._recorder.seconds, grouped(self._recorder.ranges, lambda call: (call.name, "")))

    def total_average(self) -> Row:
        """One row for everything."""
        return self.key_averages().total_average()

    def export_chrome_trace(self, path: str) -> None:
        """Writes the calls for chrome://tracing or Perfetto."""
        from .sandbox import allowed_path

        with open(allowed_path(path, write=True), "w", encoding="utf-8") as file:
            json.dump(chrome_trace(self._recorder), file)

    def __str__(self) -> str:
        return self.key_averages().table()


class record_function(ContextDecorator):
    """`with record_function("name"):` a named range: a row of its own in the table."""

    def __init__(self, name: str, args: str | None = None):
        self.name, self._start = name, 0.0

    def __enter__(self) -> record_function:
        self._start = perf_counter()
        return self

    def __exit__(self, *_exc: object) -> None:
        recorder = Recorder.active()
        if recorder is not None:
            call = Call(self.name, None, (), CPU)
            call.start, call.seconds = self._start, perf_counter() - self._start
            recorder.ranges.append(call)


def names() -> dict:
    """The names of `torch.profiler`."""
    return {"profile": profile, "record_function": record_function, "ProfilerActivity": ProfilerActivity,
            "ProfilerAction": ProfilerAction, "schedule": schedule,
            "supported_activities": lambda: {ProfilerActivity.CPU}}


def autograd_names() -> dict:
    """The names of `torch.autograd.profiler`."""
    return {"profile": _old_profile, "record_function": record_function}


def _old_profile(enabled: bool = True, **options: object) -> profile:
    """`torch.autograd.profiler.profile()`: the profiler of old, whose first option turns it off."""
    return profile(schedule=None if enabled else lambda step: ProfilerAction.NONE)
