"""What a benchmark is made of, and how contestants are run beside each other.

A `Case` names a piece of work and holds one builder per contestant: `builder(module, data)` prepares
inputs and returns a function without arguments, whose calls are timed. `torchlike` is the builder of
both tcli and PyTorch, which run the same text. Each contestant lives in a process of its own for a
whole run; the driver asks them in turn, sample by sample, so that a change in the machine's load hits
all of them. Nothing in this file imports a contestant before its process needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time, sleep

ROOT = Path(__file__).parent.parent
CONTESTANTS = ("tcli", "numpy", "torch", "jax")
MODULES = ("elementwise", "small", "language", "reductions", "linalg", "gather", "nn", "steps", "memory", "start")
PAUSE = 0.03  # before a sample: threads of the contestant before look for work for some time before they sleep
SAMPLE_SECONDS = 0.03  # a sample repeats its work until it took about this long
WARM_UP, MOST_TIMES = 100, 100_000  # how often, to find out how long work of microseconds takes; at most, in a sample


@dataclass
class Case:
    """One piece of work. `size(tiny)` gives what the builders get as `data`: sizes, small ones for tests."""

    name: str
    torchlike: Callable | None = None
    numpy: Callable | None = None
    jax: Callable | None = None
    tcli: Callable | None = None
    torch: Callable | None = None
    n: tuple = ()
    tiny: tuple = ()
    bounds: tuple = ()  # (contestants, highest ratio): what tcli should stay below of the fastest of them
    kind: str = "time"
    repeats: bool = False  # whether builders return a function of the number of times, which counts them itself

    def builder(self, contestant: str) -> Callable | None:
        """How a contestant does the work; None where it takes no part."""
        own = getattr(self, contestant)
        return own if own is not None or contestant not in ("tcli", "torch") else self.torchlike


# ---------------------------------------------------------------- in a contestant's process

def load(contestant: str, threads: int):
    """The module a builder gets, set to use `threads` threads."""
    if contestant == "tcli":
        from tcli.runtime.namespaces import known_modules

        module = known_modules().get("torch")
        module.set_num_threads(threads)
        return module
    if contestant == "torch":
        import torch

        torch.set_num_threads(threads)
        return torch
    if contestant == "jax":
        import jax

        return jax
    import numpy

    return numpy


def settle(result) -> None:
    """Waits until a result is really there."""
    if isinstance(result, (tuple, list)):
        for part in result:
            settle(part)
    elif hasattr(result, "block_until_ready"):
        result.block_until_ready()
    elif hasattr(result, "_a"):
        result._a  # noqa: B018  a pending tensor is computed here


def floats(*shape: int, seed: int = 0, dtype: str = "float32"):
    """The same normal numbers in every process."""
    import numpy as np

    return np.random.default_rng(seed).standard_normal(shape, np.float32).astype(dtype, copy=False)


def integers(high: int, *shape: int, seed: int = 0):
    """The same integers below `high` in every process."""
    import numpy as np

    return np.random.default_rng(seed).integers(0, high, shape)


def repeat(call: Callable, times: int) -> None:
    """Calls a function that many times, each time until its result is there."""
    for _ in range(times):
        settle(call())


def sample(run: Callable[[int], object], times: int, clock: Callable[[], float] = perf_counter) -> float:
    """Seconds for one time of `run`, which does its work a number of times."""
    start = clock()
    run(times)
    return (clock() - start) / times


def serve(contestant: str, threads: int, tiny: bool) -> None:
    """Reads commands from stdin, one JSON list a line, and answers each with one line."""
    answers, sys.stdout = sys.stdout, sys.stderr
    module = load(contestant, threads)
    runs: dict[str, Callable] = {}
    for line in sys.stdin:
        command, *rest = json.loads(line)
        try:
            answer = _obey(command, rest, module, contestant, runs, tiny)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


def _obey(command: str, rest: list, module, contestant: str, runs: dict, tiny: bool):
    if command == "prepare":
        which, name = rest
        runs.clear()
        case = find_case(which, name)
        call = case.builder(contestant)(module, *(case.tiny if tiny else case.n))
        run = runs["run"] = call if case.repeats else partial(repeat, call)
        sample(run, 1)
        took = sample(run, 1)
        if took < SAMPLE_SECONDS / WARM_UP:
            took = sample(run, WARM_UP)
        return max(1, min(MOST_TIMES, int(SAMPLE_SECONDS / took)))
    if command == "sample":
        times, busy = rest
        sleep(PAUSE)
        return sample(runs["run"], times, process_time if busy else perf_counter)
    return versions(contestant, module)


def versions(contestant: str, module) -> str:
    """`torch 2.13.0`."""
    if contestant == "tcli":
        import tcli

        return f"tcli {tcli.__version__}"
    return f"{contestant} {module.__version__}"


# ---------------------------------------------------------------- cases

def cases_of(which: str) -> list[Case]:
    """The cases of a module; none where it does not exist (yet)."""
    from importlib import import_module

    if not (Path(__file__).parent / f"{which}.py").exists():
        return []
    return [case if isinstance(case, Case) else from_text(**case) for case in import_module(f"benchmarks.{which}").CASES]


def from_text(name: str, setup: str, stmt: str, target: float) -> Case:
    """The case of a program: `setup` runs once, `stmt` is timed; tcli compiles both as it compiles programs.

    The program repeats the statement itself, for many take less time than a call of the function they stand in.
    """
    from .small import loop

    program = loop(setup, stmt)

    def tcli(_module):
        from tcli import Session

        session = Session()
        session.run(program)
        return session["_run"]

    def torch(_module):
        scope: dict = {}
        exec(program, scope)
        return scope["_run"]
    return Case(name, tcli=tcli, torch=torch, bounds=((("torch",), target),), repeats=True)


def find_case(which: str, name: str) -> Case:
    """The case of a name in a module."""
    return next(case for case in cases_of(which) if case.name == name)


# ---------------------------------------------------------------- the driver

class Worker:
    """A contestant in its own process."""

    def __init__(self, contestant: str, python: str, threads: int, tiny: bool = False):
        count = str(threads)
        # A forced choice of OpenBLAS kernels would slow down two of the contestants.
        inherited = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        env = {**inherited, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count,
               "MKL_NUM_THREADS": count, "JAX_PLATFORMS": "cpu"}
        command = [python, "-m", "benchmarks.worker", contestant, count, str(int(tiny))]
        if threads == 1 and hasattr(os, "sched_getaffinity"):
            core = str(max(os.sched_getaffinity(0)))  # jax takes its number of threads from the cores it may use
            command = ["taskset", "-c", core, *command]
        self.name, self.python = contestant, python
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)

    def ask(self, *command):
        """The answer to a command; raises RuntimeError with what went wrong."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        if isinstance(answer, dict):
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(20)


def pythons() -> dict[str, str]:
    """The interpreter of every contestant that is there."""
    found = {"tcli": sys.executable, "numpy": sys.executable}
    for name in ("torch", "jax"):
        python = os.environ.get(f"TCLI_{name.upper()}_PYTHON", sys.executable)
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({name!r}) is None)"
        if subprocess.run([python, "-c", probe], check=False).returncode == 0:
            found[name] = python
    return found


def measure(workers: dict[str, Worker], which: str, case: Case, rounds: int, busy: bool = False) -> dict[str, float]:
    """Seconds for every contestant that takes part: the median of samples taken in turn.

    On a `busy` machine the minimum of the processor time, which means something for one thread only.
    """
    counts = {}
    for name, worker in workers.items():
        if case.builder(name) is None:
            continue
        try:
            counts[name] = worker.ask("prepare", which, case.name)
        except RuntimeError as error:
            print(f"  {case.name}: {error}", file=sys.stderr)
    times: dict[str, list[float]] = {name: [] for name in counts}
    for _ in range(rounds):
        for name, n in counts.items():
            times[name].append(workers[name].ask("sample", n, busy))
    return {name: (min if busy else median)(found) for name, found in times.items()}


# ---------------------------------------------------------------- tables

def shown(seconds: float | None) -> str:
    """A time with three digits and its unit."""
    if seconds is None:
        return "-"
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1 or unit == "us":
            return f"{seconds * factor:.3g} {unit}"
    return ""


def row(case: Case, found: dict, show: Callable = shown) -> list[str]:
    """A line of the table: times, then tcli's ratio to each of the others, then the bound and whether it holds."""
    mine = found.get("tcli")
    cells = [case.name, *(show(found.get(c)) for c in CONTESTANTS)]
    for other in CONTESTANTS[1:]:
        cells.append(f"{mine / found[other]:.2f}" if mine and other in found else "-")
    return [*cells, verdict(case, found)]


def verdict(case: Case, found: dict) -> str:
    """`<= 1.1: ok` for each bound, or the ratio that is over it."""
    parts = []
    for others, bound in case.bounds:
        there = [found[c] for c in others if c in found]
        if not there or "tcli" not in found:
            continue
        ratio = found["tcli"] / min(there)
        parts.append(f"{'/'.join(others)} <= {bound}: {'ok' if ratio <= bound else f'{ratio:.2f}'}")
    return "; ".join(parts)


HEAD = ["", *CONTESTANTS, *(f"/ {c}" for c in CONTESTANTS[1:]), "wanted"]


def table(rows: list[list[str]]) -> str:
    """Markdown with columns of one width."""
    widths = [max(len(line[i]) for line in [HEAD, *rows]) for i in range(len(HEAD))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in [HEAD, *rows]]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)
