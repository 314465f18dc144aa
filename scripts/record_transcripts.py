#!/usr/bin/env python3
"""Runs every tests/transcripts/NAME.tsr with Python and PyTorch and writes what it prints to NAME.out.

Run it with a Python that has torch. The programs use only what Python and tcli share.
"""

import contextlib
import io
import sys
import warnings
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "transcripts"


def main(names: list) -> None:
    warnings.simplefilter("ignore")
    for file in sorted(FOLDER.glob("*.tsr")):
        if names and file.stem not in names:
            continue
        printed = io.StringIO()
        code = compile(file.read_text(), str(file), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, {"__name__": "__main__"})
        file.with_suffix(".out").write_text(printed.getvalue())
        print(f"{file.stem}: {len(printed.getvalue().splitlines())} lines")


if __name__ == "__main__":
    main(sys.argv[1:])
