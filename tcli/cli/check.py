"""`tcli check FILE.tsr`: prints what `runtime/check.py` finds.

Exit code 0 no fault, 1 there are faults or the text is no program, 2 usage. Warnings and notes change nothing.
"""

from __future__ import annotations

import json
from typing import Any

from ..show.units import size
from .file_options import Choices
from .options import UsageError


def run_check(choices: Choices, color: bool) -> int:
    """Checks one program; prints its faults, warnings and notes, or the plan, as text or JSON."""
    from ..runtime.check import check
    from .run import read_program

    if not choices.words:
        raise UsageError("check needs a FILE.tsr")
    path, *args = choices.words
    text = read_program(path)
    report = check(text, path, device=choices.device, args=args, inputs=_inputs(choices.var))
    if choices.json:
        print(json.dumps(_as_json(report, text), indent=2))
    else:
        _print(report, text, path, choices, color)
    return 1 if report.faults else 0


def _inputs(words: list[str]) -> dict[str, str]:
    found = {}
    for word in words:
        name, sign, contract = word.partition("=")
        if not sign or not name.isidentifier():
            raise UsageError(f"-v takes NAME=TYPE, such as x=f32[B,784], not {word!r}")
        found[name] = contract
    return found


def _print(report: Any, text: str, path: str, choices: Choices, color: bool) -> None:
    from ..show.diagnostic import render

    for remark in [*report.faults, *report.warnings, *([] if choices.quiet else report.notes)]:
        print(render(remark, color=color))
        print()
    if choices.plan:
        print("\n".join(plan(report, text)))
        print()
    print(f"{path}: {_count(len(report.faults), 'fault')}, {_count(len(report.warnings), 'warning')}; "
          f"{short(report.flops)}FLOP, {size(report.peak)} at most, {short(report.parameters).strip()} parameters")


def _count(n: int, word: str) -> str:
    return f"{n or 'no'} {word}{'s' * (n != 1)}"


def short(number: float) -> str:
    """1234567 as `1.23 M`.

    >>> short(1234567), short(12)
    ('1.23 M', '12 ')
    """
    for unit in ("", "K", "M", "G", "T", "P"):
        if abs(number) < 1000 or unit == "P":
            return f"{number:.3g} {unit}" if unit else f"{number:g} "
        number /= 1000
    return ""


def plan(report: Any, text: str) -> list[str]:
    """A table with a row for each line that computes or holds parameters."""
    lines = text.splitlines()
    rows = [("line", "result", "calls", "FLOP", "made", "peak", "parameters", "")]
    for number, line in sorted(report.lines.items()):
        if not number or not (line.calls or line.parameters):
            continue
        source = lines[number - 1].strip() if number <= len(lines) else ""
        rows.append((str(number), line.result, str(line.calls), short(line.flops), size(line.bytes), size(line.peak),
                     short(line.parameters) if line.parameters else "", source if len(source) <= 60 else source[:59] + "…"))
    widths = [max(len(row[i]) for row in rows) for i in range(7)]
    return ["  ".join([*(cell.rjust(width) for cell, width in zip(row[:7], widths, strict=True)), row[7]]).rstrip()
            for row in rows]


def _as_json(report: Any, text: str) -> dict:
    from ..show.diagnostic import as_json

    return {
        "faults": [as_json(each) for each in report.faults],
        "warnings": [as_json(each) for each in report.warnings],
        "notes": [as_json(each) for each in report.notes],
        "flops": report.flops, "peak_bytes": report.peak, "parameters": report.parameters,
        "lines": [{"line": line.number, "result": line.result, "calls": line.calls,
                   "flops": line.flops, "bytes": line.bytes, "peak_bytes": line.peak,
                   "parameters": line.parameters} for _, line in sorted(report.lines.items())]}
