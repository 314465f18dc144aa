"""The tables of the profiler per source line and per op, and Chrome traces: for `tcli --profile` and `torch_profiler`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..engine.profile import Call, Recorder, Roofline
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


def grouped(calls: Iterable[Call], key: Callable[[Call], tuple[str, str]]) -> list[Row]:
    """The rows of calls, the longest first."""
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
    """`key_averages()`: a row per op, or per op and shapes, and one per named range, whose time is not counted again."""

    def __init__(self, rows: list[Row], seconds: float, ranges: Iterable[Row] = ()):
        self.ops, self.seconds = rows, seconds
        self.rows = [*ranges, *rows]

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    def total_average(self) -> Row:
        """One row for everything."""
        found = Row("Total")
        for row in self.ops:
            found.count, found.seconds = found.count + row.count, found.seconds + row.seconds
            found.flops, found.bytes = found.flops + row.flops, found.bytes + row.bytes
        return found

    def table(self, sort_by: str | None = None, row_limit: int = 100, **_layout: object) -> str:
        """The rows as text, the longest first unless `sort_by` says count, flops or cpu_time."""
        keys: dict[str, Callable[[Row], float]] = {"count": lambda row: row.count, "flops": lambda row: row.flops,
                                                   "cpu_time": lambda row: row.cpu_time}
        rows = sorted(self.rows, key=keys.get(sort_by or "", lambda row: row.seconds), reverse=True)[:row_limit]
        total = sum(row.seconds for row in self.ops) or 1.0
        cells = [("Name", "Self CPU %", "Self CPU", "CPU time avg", "# of Calls", "Total FLOPs")]
        cells += [(row.key, f"{100 * row.seconds / total:.2f}%", _time(row.seconds), _time(row.seconds / row.count),
                   str(row.count), str(row.flops) if row.flops else "--") for row in rows]
        lines = _aligned(cells)
        rule = "-" * max(map(len, lines))
        foot = f"Self CPU time total: {_time(total if self.ops else 0)}"
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, foot, ""])


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.3f}s"
    return f"{seconds * 1e3:.3f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3f}us"


def _aligned(cells: list[tuple], left: tuple = (0,)) -> list[str]:
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) if i in left else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in cells]


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
    for title, rows in (("line", grouped(recorder.calls, place_of)),
                        ("op", grouped(recorder.calls, lambda call: (call.name, "")))):
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
