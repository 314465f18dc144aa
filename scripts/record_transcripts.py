#!/usr/bin/env python3
"""Runs the programs of tests/transcripts and tests/programs with Python and PyTorch: what NAME.tsr prints goes to NAME.out.

Run it with a Python that has torch; with names it records these alone. The programs use only what Python and tcli share.
"""

import contextlib
import io
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from types import ModuleType

import torch

TESTS = Path(__file__).resolve().parent.parent / "tests"


def record(file: Path) -> None:
    """Runs one program as `__main__`, in a folder of its own."""
    main, printed = ModuleType("__main__"), io.StringIO()
    sys.modules["__main__"], sys.argv = main, [str(file)]
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch), contextlib.redirect_stdout(printed):
        exec(compile(file.read_text(), str(file), "exec"), main.__dict__)
    file.with_suffix(".out").write_text(printed.getvalue())


def in_a_process_of_its_own(file: Path) -> bool:
    """Settings and hooks of one program must not reach the next one."""
    child = os.fork()
    if child == 0:
        try:
            record(file)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def main(names: list) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for file in sorted([*(TESTS / "transcripts").glob("*.tsr"), *(TESTS / "programs").glob("*.tsr")]):
        if names and file.stem not in names:
            continue
        done = in_a_process_of_its_own(file)
        lines = len(file.with_suffix(".out").read_text().splitlines()) if done else 0
        print(f"{file.stem}: {lines} lines" if done else f"{file.stem}: FAILED")


if __name__ == "__main__":
    main(sys.argv[1:])
