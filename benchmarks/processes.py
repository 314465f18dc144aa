"""Cases that take a process for each sample: how long it runs, or how much memory it needs at its peak.

Their builders get the contestant's interpreter and return a command. A `memory` command prints the bytes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from statistics import median
from time import perf_counter

from .common import ROOT, Case, shown


def measure(case: Case, pythons: dict[str, str], rounds: int) -> tuple[dict[str, float], Callable]:
    """({contestant: seconds or bytes}, how to show them); contestants take turns."""
    commands = {name: case.builder(name)(python) for name, python in pythons.items() if case.builder(name) is not None}
    found: dict[str, list[float]] = {name: [] for name in commands}
    for command in commands.values():
        one(command, case.kind)  # fills the file cache
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(one(command, case.kind))
    return {name: median(values) for name, values in found.items()}, shown if case.kind == "process" else megabytes


def one(command: list[str], kind: str) -> float:
    """One sample."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": str(ROOT)}
    start = perf_counter()
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    return perf_counter() - start if kind == "process" else float(done.stdout)


def megabytes(n: float | None) -> str:
    """`153 MB`."""
    return "-" if n is None else f"{n / 1e6:.0f} MB"
