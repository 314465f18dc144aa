"""Whole scripts: the process time of `tcli SCRIPT`, import and all, against Python running the same text with PyTorch.

    python benchmarks/scripts_whole.py [--torch PYTHON] [--runs N] [PART OF A NAME ...]

The scripts are those of `benchmarks/scripts`. The processor time of a run counts (user and system), both
with one thread; the smallest of N runs in turn is shown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(__file__).parent / "scripts"


def cost(command: list[str]) -> float:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    print(f"{'script':<20} {'tcli s':>7} {'torch s':>8} {'ratio':>6}")
    for script in sorted(SCRIPTS.glob("*.tsr")):
        if given.names and not any(name in script.name for name in given.names):
            continue
        ours = [sys.executable, "-m", "tcli", str(script)]
        theirs = [given.torch, "-c", "import sys; exec(compile(open(sys.argv[1]).read(), sys.argv[1], 'exec'))", str(script)]
        tcli, torch = [], []
        for _ in range(given.runs):
            tcli.append(cost(ours))
            torch.append(cost(theirs) if given.torch else 0.0)
        line = f"{script.stem:<20} {min(tcli):7.2f}"
        if given.torch:
            line += f" {min(torch):8.2f} {min(tcli) / min(torch):6.2f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
