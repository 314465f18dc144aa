#!/usr/bin/env python3
"""Runs the sections of tests/nn and tests/optim (what the golden files hold) in PyTorch and tcli, and shows where they differ.

Run it with a Python that has torch and tcli's dependencies: scripts/compare_programs.py [NAME ...]
"""

from __future__ import annotations

import sys
import traceback
import warnings
from itertools import zip_longest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
import torch.nn.utils.parametrizations
import torch.nn.utils.prune
import torch.nn.utils.stateless
import torch.optim.swa_utils

from tcli.runtime.namespaces import known_modules
from tests.nn import blocks, checks, extras, program, tools
from tests.optim import program as optim_program

mine = known_modules()["torch"]
SECTIONS = [*program.SECTIONS, *tools.TOOLS, *extras.SECTIONS, *blocks.SECTIONS, *checks.SECTIONS, *optim_program.SECTIONS]
CUT = 900


def lines_of(fn, library) -> list:
    lines: list = []
    try:
        program.run(fn, library, library.nn, lines)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)
        own = next((f for f in reversed(place) if "tests" in f.filename), place[-1])
        lines.append(f"STOPPED at {Path(own.filename).name}:{own.lineno}: {type(error).__name__}: {error}")
    return lines


def same(a: str, b: str) -> bool:
    (words, numbers), (others, values) = program.parts(a), program.parts(b)
    return words == others and len(numbers) == len(values) and np.allclose(numbers, values, 2e-4, 2e-4)


def main() -> int:
    warnings.simplefilter("ignore")
    faults = total = 0
    for fn in SECTIONS:
        if sys.argv[1:] and fn.__name__ not in sys.argv[1:]:
            continue
        pairs = list(zip_longest(lines_of(fn, torch), lines_of(fn, mine), fillvalue=""))
        wrong = [(a, b) for a, b in pairs if not same(a, b)]
        print(f"{fn.__name__}: {len(pairs)} lines, {len(wrong)} differ", flush=True)
        for a, b in wrong:
            print(f"    torch {a[:CUT]}\n    tcli  {b[:CUT]}")
        faults, total = faults + len(wrong), total + len(pairs)
    print(f"{total} lines, {faults} differ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
