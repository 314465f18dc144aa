"""Cold start: what a one-liner costs from the shell, against `python -c 'import numpy'` and PyTorch.

    python benchmarks/startup.py [--runs N] [--torch PYTHON]

Every command is run N times in turn with the others; the table gives the smallest processor time (user and
system, which other load disturbs least), the median wall time, and ratios to `import numpy`.
`--torch` names a Python that has PyTorch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENTRY = "import sys; from tcli.cli import main; main(sys.argv[1:])"


def commands(torch: str | None) -> dict[str, list[str]]:
    python = sys.executable
    found = {"python -c pass": [python, "-c", "pass"], "python -c 'import numpy'": [python, "-c", "import numpy"]}
    for words in (["-e", "1+1"], ["-e", "sum(arange(10))"], ["-e", "x = randn(3, 3); softmax(x @ x.T, 1).sum()"],
                  ["--version"], ["--help"]):
        found["tcli " + " ".join(f"'{w}'" if " " in w or "(" in w else w for w in words)] = [python, "-c", ENTRY, *words]
    if torch:
        found["torch.arange(10).sum()"] = [torch, "-c", "import torch; print(torch.arange(10).sum())"]
    return found


def cost(command: list[str]) -> tuple[float, float]:
    """(processor seconds, wall seconds) of one run."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--torch", metavar="PYTHON")
    given = parser.parse_args()
    table = commands(given.torch)
    times: dict[str, list] = {name: [] for name in table}
    for command in table.values():
        cost(command)
    for _ in range(given.runs):
        for name, command in table.items():
            times[name].append(cost(command))
    best = {name: min(t[0] for t in found) for name, found in times.items()}
    base = best["python -c 'import numpy'"]
    print(f"{'command':<52} {'cpu ms':>8} {'wall ms':>8} {'x numpy':>8}")
    for name, found in times.items():
        wall = statistics.median(t[1] for t in found)
        print(f"{name:<52} {best[name] * 1e3:8.1f} {wall * 1e3:8.1f} {best[name] / base:8.2f}")


if __name__ == "__main__":
    main()
