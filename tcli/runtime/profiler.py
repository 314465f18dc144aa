"""The profiler: `tcli --profile` and `torch.profiler.profile`. Tables per source line and per op, Chrome traces."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from ..engine.profile import Call, Recorder, Region, Roofline
from ..errors import BadValue
from ..show.units import duration, size
from ..source import span_of_instruction


class Row:
    """What the calls of one op, or of one line, took together; `inside` is the time with what they called."""

    __slots__ = ("bytes", "count", "flops", "inside", "key", "longest", "on_host", "seconds", "text")

    def __init__(self, key: str, text: str = ""):
        self.key, self.text = key, text
        self.count = self.flops = self.bytes = 0
        self.seconds = self.longest = self.inside = 0.0
        self.on_host = True

    def add(self, call: Call) -> None:
        self.count += 1
        self.seconds += call.seconds
        self.inside += call.seconds
        self.longest = max(self.longest, call.seconds)
        self.flops += call.flops
        self.bytes += call.bytes
        self.on_host = self.on_host and call.device.type == "cpu"

    # PyTorch's names, in microseconds.

    @property
    def cpu_time_total(self) -> float:
        return self.inside * 1e6

    @property
    def self_cpu_time_total(self) -> float:
        return self.seconds * 1e6

    @property
    def cpu_time(self) -> float:
        return self.inside * 1e6 / max(self.count, 1)


def _grouped(calls: Iterable[Call], key: Callable[[Call], tuple[str, str]]) -> list[Row]:
    rows: dict[str, Row] = {}
    for call in calls:
        name, text = key(call)
        rows.setdefault(name, Row(name, text)).add(call)
    return sorted(rows.values(), key=lambda row: -row.seconds)


def by_line(calls: Iterable[Call]) -> list[Row]:
    """A row per line: its own calls, and in `inside` also what the functions took that it called."""
    rows = {row.key: row for row in _grouped(calls, place_of)}
    for call in calls:
        own = place_of(call)
        for key, text in dict.fromkeys(map(_line_of, call.stack)):
            if key != own[0]:
                rows.setdefault(key, Row(key, text)).inside += call.seconds
    return sorted(rows.values(), key=lambda row: (-row.inside, -row.seconds))


def by_op(calls: Iterable[Call]) -> list[Row]:
    """A row per op."""
    return _grouped(calls, lambda call: (call.name, ""))


def place_of(call: Call) -> tuple[str, str]:
    """("file:line", its text) of the program's line that made a call."""
    return _line_of(call.place)


def _line_of(place: tuple | None) -> tuple[str, str]:
    span = span_of_instruction(*place) if place is not None else None
    if span is None:
        return "(not in the program)", ""
    return f"{span.source.name}:{span.line}", span.source.line(span.line).strip()


class Averages:
    """`key_averages()`: a row per op, or per op and shapes."""

    def __init__(self, rows: list[Row], seconds: float):
        self.rows, self.seconds = rows, seconds

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    def total_average(self) -> Row:
        """One row for everything."""
        found = Row("Total")
        for row in self.rows:
            found.count, found.seconds = found.count + row.count, found.seconds + row.seconds
            found.flops, found.bytes = found.flops + row.flops, found.bytes + row.bytes
        return found

    def table(self, sort_by: str | None = None, row_limit: int = 100, **_layout: object) -> str:
        """The rows as text, the longest first unless `sort_by` says count, flops or cpu_time."""
        keys: dict[str, Callable[[Row], float]] = {
            "count": lambda row: row.count, "flops": lambda row: row.flops, "cpu_time": lambda row: row.cpu_time,
            "cpu_time_total": lambda row: row.inside}
        rows = sorted(self.rows, key=keys.get(sort_by or "", lambda row: row.seconds), reverse=True)[:row_limit]
        total = sum(row.seconds for row in self.rows) or 1.0
        cells: list[tuple] = [("Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls",
                               "Total FLOPs")]
        cells += [(row.key, f"{100 * row.seconds / total:.2f}%", _time(row.seconds), f"{100 * row.inside / total:.2f}%",
                   _time(row.inside), _time(row.inside / max(row.count, 1)), str(row.count),
                   str(row.flops) if row.flops else "--") for row in rows]
        lines = _aligned(cells)
        rule = "-" * max(map(len, lines))
        foot = f"Self CPU time total: {_time(total if self.rows else 0)}"
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, foot, ""])


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.3f}s"
    return f"{seconds * 1e3:.3f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3f}us"


def _aligned(cells: list[tuple], left: tuple = (0,)) -> list[str]:
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) if i in left else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in cells]


class profile:
    """`torch.profiler.profile()`: records the op calls made inside `with`.

    With a `schedule` the steps that `step()` counts are recorded as it says: after each active stretch `on_trace_ready` is
    called, and the record starts anew.
    """

    def __init__(self, activities: object = None, schedule: Callable[[int], str] | None = None,
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

    def _action(self) -> str:
        return ProfilerAction.RECORD if self._schedule is None else self._schedule(self.step_num)

    def _enter(self, action: str) -> None:
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

        rows = _grouped(self._recorder.calls, key) + _regions(self._recorder)
        return Averages(sorted(rows, key=lambda row: -row.seconds), self._recorder.seconds)

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


def chrome_trace(recorder: Recorder) -> dict:
    """The calls as complete events of the Chrome trace format."""
    events = [{"ph": "X", "cat": "cpu_op", "name": "aten::" + call.name, "pid": 0, "tid": str(call.device),
               "ts": (call.start - recorder.started) * 1e6, "dur": call.seconds * 1e6,
               "args": {"Input Dims": [list(s) for s in call.shapes], "line": place_of(call)[0], "flops": call.flops,
                        "bytes": call.bytes}} for call in recorder.calls]
    events += [{"ph": "X", "cat": "user_annotation", "name": region.name, "pid": 0, "tid": "program",
                "ts": (region.start - recorder.started) * 1e6, "dur": region.seconds * 1e6, "args": {}}
               for region in recorder.regions]
    return {"schemaVersion": 1, "traceEvents": events, "displayTimeUnit": "ms"}


def report(recorder: Recorder, roofline: Roofline, limit: int = 20) -> str:
    """The two tables of `--profile`: by source line and by op."""
    inside = sum(call.seconds for call in recorder.calls)
    head = (f"{duration(recorder.seconds)} in all, {duration(inside)} in {len(recorder.calls)} operator calls; this machine: "
            f"{roofline.flops / 1e9:.3g} GFLOP/s, {roofline.bandwidth / 1e9:.3g} GB/s")
    parts = [head]
    for title, rows in (("line", by_line(recorder.calls)), ("op", by_op(recorder.calls))):
        cells: list[tuple] = [(title, "time", "%", "with calls", "calls", "FLOP", "bytes", "roofline", "")]
        for row in rows[:limit]:
            share = f"{100 * roofline.share(row.seconds, row.flops, row.bytes):.0f} %" if row.on_host and row.count else ""
            cells.append((row.key, duration(row.seconds), f"{100 * row.seconds / (inside or 1):.1f}", duration(row.inside),
                          str(row.count), f"{row.flops:.3g}", size(row.bytes), share,
                          row.text if len(row.text) <= 50 else row.text[:49] + "…"))
        if title == "op":
            cells = [(*row[:3], *row[4:]) for row in cells]
        parts.append("\n".join(_aligned(cells, (0, len(cells[0]) - 1))))
        if len(rows) > limit:
            parts[-1] += f"\n… {len(rows) - limit} more"
    return "\n\n".join(parts)


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


class ProfilerActivity:
    """What PyTorch lets one choose to record; tcli records where the tensors are."""

    CPU, CUDA = "CPU", "CUDA"


class ProfilerAction:
    """What a schedule says of a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = "NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0,
             skip_first_wait: int = 0) -> Callable[[int], str]:
    """Which steps to record: after `skip_first` steps, `repeat` times (0: for ever) wait, warm up, record."""
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise BadValue("Invalid profiler schedule arguments")

    def action(step: int) -> str:
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


def names() -> dict:
    """The names of `torch.profiler`."""
    return {"profile": profile, "record_function": record_function, "ProfilerActivity": ProfilerActivity, "schedule": schedule,
            "ProfilerAction": ProfilerAction, "tensorboard_trace_handler": tensorboard_trace_handler}
