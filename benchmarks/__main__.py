"""`python -m benchmarks [MODULE[:TEXT] ...] [--threads N] [--rounds N] [--only NAME,...] [--write]`."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from . import common

RESULTS = Path(__file__).parent / "RESULTS.md"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="tcli beside NumPy, PyTorch and JAX.")
    parser.add_argument("what", nargs="*", help=f"modules ({', '.join(common.MODULES)}), or MODULE:TEXT for the cases "
                        "whose names contain TEXT; all by default")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads per contestant; 1 pins all to a core")
    parser.add_argument("--rounds", type=int, default=9, help="samples of each contestant")
    parser.add_argument("--busy", action="store_true", help="minima of processor time instead of medians of time; with "
                        "--threads 1, for a machine that does other things")
    parser.add_argument("--only", default="", help="contestants to run, separated by commas")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {RESULTS.name}")
    return parser.parse_args()


def machine() -> str:
    """The kind of processor, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def run(which: str, text: str, workers: dict, options: argparse.Namespace) -> str:
    """The table of a module."""
    rows = []
    for case in common.cases_of(which):
        if text not in case.name:
            continue
        if case.kind == "time":
            rows.append(common.row(case, common.measure(workers, which, case, options.rounds, options.busy)))
        else:
            from . import processes

            found, show = processes.measure(case, {name: w.python for name, w in workers.items()}, options.rounds)
            rows.append(common.row(case, found, show))
        print("  ".join(rows[-1]), flush=True)
    return common.table(rows) if rows else ""


def main() -> None:
    options = arguments()
    only = options.only.split(",") if options.only else common.CONTESTANTS
    workers = {name: common.Worker(name, python, options.threads)
               for name, python in common.pythons().items() if name in only}
    sections = []
    try:
        versions = ", ".join(w.ask("versions") for w in workers.values())
        for what in options.what or common.MODULES:
            which, _, text = what.partition(":")
            found = run(which, text, workers, options)
            if found:
                sections.append(f"### {which}\n\n{found}\n")
    finally:
        for worker in workers.values():
            worker.close()
    word = "Minima of processor time" if options.busy else "Medians"
    head = (f"## {options.threads} thread{'s' if options.threads > 1 else ''}\n\n{machine()}. {versions}.\n"
            f"{word}, {options.rounds} samples taken in turn; ratios are tcli's time over the other's.\n")
    text = "\n".join([head, *sections])
    print(text)
    if options.write:
        write(text, options.threads)


def write(text: str, threads: int) -> None:
    """Replaces the part of RESULTS.md for this number of threads."""
    old = RESULTS.read_text() if RESULTS.exists() else "# Benchmarks\n\nWritten by `scripts/bench --write`.\n"
    title, *parts = old.split("\n## ")
    parts = [part for part in parts if not part.startswith(f"{threads} thread")]
    parts.append(text.removeprefix("## ").rstrip() + "\n")
    RESULTS.write_text("\n## ".join([title.rstrip() + "\n", *sorted(parts, reverse=True)]))


if __name__ == "__main__":
    main()
