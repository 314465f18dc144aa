"""The tables of the profiler per source line and per op, and Chrome traces: for `tcli --profile` and `torch_profiler`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..engine.profile import Call, Recorder, Roofline
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


def grouped(calls: Iterable[Call], key: Callable[[Call], tuple[str, str]]) -> list[Row]:
    """The rows of calls, the longest first."""
    rows: dict[str, Row] = {}
    for call in calls:
        name, text = key(call)
        rows.setdefault(name, Row(name, text)).add(call)
    return sorted(rows.values(), key=lambda row: -row.seconds)


def by_line(calls: Iterable[Call]) -> list[Row]:
    """A row per line: its own calls, and in `inside` also what the functions took that it called."""
    rows = {row.key: row for row in grouped(calls, place_of)}
    for call in calls:
        own = place_of(call)
        for key, text in dict.fromkeys(map(_line_of, call.stack)):
            if key != own[0]:
                rows.setdefault(key, Row(key, text)).inside += call.seconds
    return sorted(rows.values(), key=lambda row: (-row.inside, -row.seconds))


def by_op(calls: Iterable[Call]) -> list[Row]:
    """A row per op."""
    return grouped(calls, lambda call: (call.name, ""))


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
