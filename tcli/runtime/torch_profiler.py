"""`torch.profiler` and `torch.autograd.profiler`: what runs inside `with profile() as prof:`, and named stretches in it."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable
from enum import Enum
from time import perf_counter
from typing import Any

from ..engine.profile import Call, Recorder, Region
from ..errors import BadValue
from .profiler import Averages, Row, chrome_trace, grouped


class ProfilerActivity(Enum):
    """What PyTorch lets one choose to record; tcli records where the tensors are."""

    CPU, CUDA, XPU = 0, 2, 1


class ProfilerAction(Enum):
    """What a schedule says of a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
             skip_first_wait: int = 0) -> Callable[[int], ProfilerAction]:
    """Which steps to record: after `skip_first` steps, `repeat` times (0: for ever) wait, warm up, record."""
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise BadValue("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        length = wait + warmup + active
        if repeat and step >= repeat * length:
            return ProfilerAction.NONE
        place = step % length
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < length - 1 else ProfilerAction.RECORD_AND_SAVE
    return action


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Callable:
    """For `on_trace_ready`: writes each trace into a folder."""
    count = itertools.count()

    def ready(found: profile) -> None:
        found.export_chrome_trace(f"{dir_name}/{worker_name or 'tcli'}.{next(count)}.pt.trace.json")
    return ready


class profile:
    """`torch.profiler.profile()`: records the op calls made inside `with`.

    With a `schedule` the steps that `step()` counts are recorded as it says: after each active stretch `on_trace_ready` is
    called, and the record starts anew.
    """

    def __init__(self, activities: object = None, schedule: Callable[[int], ProfilerAction] | None = None,
                 on_trace_ready: Callable[[Any], None] | None = None, record_shapes: bool = False,
                 profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False, with_modules: bool = False,
                 **_other: object):
        self._recorder, self._ready, self._schedule = Recorder(), on_trace_ready, schedule
        self.step_num, self.current_action = 0, ProfilerAction.NONE
        self._step: Region | None = None
        self._running = False

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to record, or to count steps."""
        self._enter(self._action())

    def stop(self) -> None:
        """Ends the recording."""
        recording = self._running and self.current_action in _RECORDING
        self._pause()
        if recording and self._ready is not None:
            self._ready(self)
        self.current_action = ProfilerAction.NONE

    def step(self) -> None:
        """Marks the end of a step."""
        saves = self.current_action == ProfilerAction.RECORD_AND_SAVE
        self._end_step()
        if saves:
            self._pause()
            if self._ready is not None:
                self._ready(self)
        self.step_num += 1
        after = self._action()
        if saves and after in _RECORDING:
            self._recorder = Recorder()
        self._enter(after)

    def _action(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self._schedule is None else self._schedule(self.step_num)

    def _enter(self, action: ProfilerAction) -> None:
        if action in _RECORDING:
            if not self._running:
                if self.current_action not in _RECORDING and self.step_num:
                    self._recorder = Recorder()
                self._recorder.__enter__()
                self._running = True
            if self._schedule is not None or self.step_num:
                self._step = Region(f"ProfilerStep#{self.step_num}", perf_counter())
        else:
            self._pause()
        self.current_action = action

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.seconds = perf_counter() - self._step.start
            self._recorder.regions.append(self._step)
            self._step = None

    def _pause(self) -> None:
        self._end_step()
        if self._running:
            self._recorder.__exit__()
            self._running = False

    def events(self) -> list[Call]:
        """The calls in order."""
        return list(self._recorder.calls)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> Averages:
        """The calls grouped by op, with `group_by_input_shape` by op and shapes; and the regions by name."""
        def key(call: Call) -> tuple[str, str]:
            shapes = " " + str([list(s) for s in call.shapes]) if group_by_input_shape else ""
            return "aten::" + call.name + shapes, ""

        rows = grouped(self._recorder.calls, key) + _regions(self._recorder)
        return Averages(sorted(rows, key=lambda row: -row.seconds), self._recorder.seconds)

    def total_average(self) -> Row:
        """One row for everything."""
        return self.key_averages().total_average()

    def export_chrome_trace(self, path: str) -> None:
        """Writes the calls for chrome://tracing or Perfetto."""
        from .sandbox import allowed_path

        with open(allowed_path(path, write=True), "w", encoding="utf-8") as file:
            json.dump(chrome_trace(self._recorder), file)

    def add_metadata(self, key: str, value: str) -> None:
        """Accepted as in PyTorch; the trace does not hold it."""


def _regions(recorder: Recorder) -> list[Row]:
    """A row per name of a region: `inside` is its time, `seconds` that without the calls and regions in it."""
    rows: dict[str, Row] = {}
    for region in recorder.regions:
        row = rows.setdefault(region.name, Row(region.name))
        row.count += 1
        row.inside += region.seconds
        row.seconds += region.seconds - _covered(recorder, region)
    return list(rows.values())


def _covered(recorder: Recorder, region: Region) -> float:
    """The time of a region that belongs to what is directly inside it."""
    begin, end = region.start, region.start + region.seconds
    inner = [other for other in recorder.regions if other is not region and begin <= other.start
             and other.start + other.seconds <= end and other.seconds < region.seconds]
    outermost = [each for each in inner if not any(
        o is not each and o.start <= each.start and each.start + each.seconds <= o.start + o.seconds for o in inner)]
    calls = [call for call in recorder.calls if begin <= call.start <= end and not any(
        o.start <= call.start <= o.start + o.seconds for o in outermost)]
    return sum(each.seconds for each in outermost) + sum(call.seconds for call in calls)


class record_function:
    """`with torch.profiler.record_function("name"):` gives the stretch a name in tables and traces; also a decorator."""

    def __init__(self, name: str, args: str | None = None):
        self.name = name
        self._region: Region | None = None

    def __enter__(self) -> record_function:
        self._region = Region(self.name, perf_counter())
        return self

    def __exit__(self, *_exc: object) -> None:
        recorder = Recorder.active()
        if recorder is not None and self._region is not None and self._region.start >= recorder.started:
            self._region.seconds = perf_counter() - self._region.start
            recorder.regions.append(self._region)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def named(*args: Any, **options: Any) -> Any:
            with record_function(self.name):
                return function(*args, **options)
        return named


def names() -> dict:
    """The names of `torch.profiler`."""
    return {"profile": profile, "record_function": record_function, "ProfilerActivity": ProfilerActivity,
            "ProfilerAction": ProfilerAction, "schedule": schedule,
            "tensorboard_trace_handler": tensorboard_trace_handler,
            "supported_activities": lambda: {ProfilerActivity.CPU}}


def autograd_names() -> dict:
    """The names of `torch.autograd.profiler`."""
    return {"profile": _old_profile, "record_function": record_function}


def _old_profile(enabled: bool = True, **options: object) -> profile:
    """`torch.autograd.profiler.profile()`: the profiler of old, whose first option turns it off."""
    return profile(schedule=None if enabled else lambda step: ProfilerAction.NONE)
