"""The profiler: `tcli --profile` and `torch.profiler.profile`. Tables per source line and per op, Chrome traces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from ..engine.profile import Call, Recorder, Roofline
from ..errors import BadValue
from ..show.units import duration, size
from ..source import span_of_instruction


class Row:
    """What the calls of one op, or of one line, took together."""

    __slots__ = ("bytes", "count", "flops", "key", "longest", "seconds", "text")

    def __init__(self, key: str, text: str = ""):
        self.key, self.text = key, text
        self.count = self.flops = self.bytes = 0
        self.seconds = self.longest = 0.0

    def add(self, call: Call) -> None:
        self.count += 1
        self.seconds += call.seconds
        self.longest = max(self.longest, call.seconds)
        self.flops += call.flops
        self.bytes += call.bytes

    # PyTorch's names, in microseconds.

    @property
    def cpu_time_total(self) -> float:
        return self.seconds * 1e6

    self_cpu_time_total = cpu_time_total

    @property
    def cpu_time(self) -> float:
        return self.seconds * 1e6 / max(self.count, 1)


def _grouped(calls: Iterable[Call], key: Callable[[Call], tuple[str, str]]) -> list[Row]:
    rows: dict[str, Row] = {}
    for call in calls:
        name, text = key(call)
        rows.setdefault(name, Row(name, text)).add(call)
    return sorted(rows.values(), key=lambda row: -row.seconds)


def place_of(call: Call) -> tuple[str, str]:
    """("file:line", its text) of the program's line that made a call."""
    span = span_of_instruction(*call.place) if call.place is not None else None
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
        keys: dict[str, Callable[[Row], float]] = {"count": lambda row: row.count, "flops": lambda row: row.flops,
                                                   "cpu_time": lambda row: row.cpu_time}
        rows = sorted(self.rows, key=keys.get(sort_by or "", lambda row: row.seconds), reverse=True)[:row_limit]
        total = sum(row.seconds for row in self.rows) or 1.0
        cells = [("Name", "Self CPU %", "Self CPU", "CPU time avg", "# of Calls", "Total FLOPs")]
        cells += [(row.key, f"{100 * row.seconds / total:.2f}%", _time(row.seconds), _time(row.seconds / row.count),
                   str(row.count), str(row.flops) if row.flops else "--") for row in rows]
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
    """`torch.profiler.profile()`: records the op calls made inside `with`."""

    def __init__(self, activities: object = None, schedule: object = None, on_trace_ready: Callable[[Any], None] | None = None,
                 record_shapes: bool = False, profile_memory: bool = False, with_stack: bool = False,
                 with_flops: bool = False, with_modules: bool = False, **_other: object):
        self._recorder, self._ready = Recorder(), on_trace_ready

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to record."""
        self._recorder.__enter__()

    def stop(self) -> None:
        """Ends the recording."""
        self._recorder.__exit__()
        if self._ready is not None:
            self._ready(self)

    def step(self) -> None:
        """Marks the end of a step; everything is recorded as one."""

    def events(self) -> list[Call]:
        """The calls in order."""
        return list(self._recorder.calls)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> Averages:
        """The calls grouped by op, with `group_by_input_shape` by op and shapes."""
        def key(call: Call) -> tuple[str, str]:
            shapes = " " + str([list(s) for s in call.shapes]) if group_by_input_shape else ""
            return "aten::" + call.name + shapes, ""

        return Averages(_grouped(self._recorder.calls, key), self._recorder.seconds)

    def export_chrome_trace(self, path: str) -> None:
        """Writes the calls for chrome://tracing or Perfetto."""
        from .sandbox import allowed_path

        with open(allowed_path(path, write=True), "w", encoding="utf-8") as file:
            json.dump(chrome_trace(self._recorder), file)


def chrome_trace(recorder: Recorder) -> dict:
    """The calls as complete events of the Chrome trace format."""
    events = [{"ph": "X", "cat": "cpu_op", "name": "aten::" + call.name, "pid": 0, "tid": str(call.device),
               "ts": (call.start - recorder.started) * 1e6, "dur": call.seconds * 1e6,
               "args": {"Input Dims": [list(s) for s in call.shapes], "line": place_of(call)[0], "flops": call.flops,
                        "bytes": call.bytes}} for call in recorder.calls]
    return {"schemaVersion": 1, "traceEvents": events, "displayTimeUnit": "ms"}


def report(recorder: Recorder, roofline: Roofline, limit: int = 20) -> str:
    """The two tables of `--profile`: by source line and by op."""
    inside = sum(call.seconds for call in recorder.calls)
    head = (f"{duration(recorder.seconds)} in all, {duration(inside)} in {len(recorder.calls)} operator calls; this machine: "
            f"{roofline.flops / 1e9:.3g} GFLOP/s, {roofline.bandwidth / 1e9:.3g} GB/s")
    parts = [head]
    for title, rows in (("line", _grouped(recorder.calls, place_of)),
                        ("op", _grouped(recorder.calls, lambda call: (call.name, "")))):
        cells = [(title, "time", "%", "calls", "FLOP", "bytes", "roofline", "")]
        for row in rows[:limit]:
            share = roofline.share(row.seconds, row.flops, row.bytes)
            cells.append((row.key, duration(row.seconds), f"{100 * row.seconds / (inside or 1):.1f}", str(row.count),
                          f"{row.flops:.3g}", size(row.bytes), f"{100 * share:.0f} %",
                          row.text if len(row.text) <= 50 else row.text[:49] + "…"))
        parts.append("\n".join(_aligned(cells, (0, 7))))
        if len(rows) > limit:
            parts[-1] += f"\n… {len(rows) - limit} more"
    return "\n\n".join(parts)


class record_function:
    """`with torch.profiler.record_function("name"):` accepted; the ops inside are recorded under their own names."""

    def __init__(self, name: str, args: str | None = None):
        self.name = name

    def __enter__(self) -> record_function:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None


class ProfilerActivity:
    """What PyTorch lets one choose to record; tcli records where the tensors are."""

    CPU, CUDA = "CPU", "CUDA"


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0) -> Callable[[int], str]:
    """Which steps PyTorch would record; tcli records them all."""
    if active < 1:
        raise BadValue("Invalid profiler schedule arguments")
    return lambda step: "record"


def names() -> dict:
    """The names of `torch.profiler`."""
    return {"profile": profile, "record_function": record_function, "ProfilerActivity": ProfilerActivity, "schedule": schedule}
