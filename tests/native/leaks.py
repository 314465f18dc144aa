"""What a piece of program leaves behind in memory each time it runs."""

from __future__ import annotations

import gc
import sys

from tcli import Session


def blocks_left(setup: str, lines: str, times: int) -> int:
    """How many more blocks Python's memory has after `times` more runs of `lines`; the least of some tries."""
    session = Session(quiet=True)
    session.run(setup)
    session.run("def once():\n" + "\n".join("    " + line for line in lines.strip().splitlines()))
    once = session["once"]

    def blocks() -> int:
        for _ in range(times):
            once()
        gc.collect()
        return sys.getallocatedblocks()

    counts = [blocks() for _ in range(4)]  # caches elsewhere may still fill up at first
    return min(b - a for a, b in zip(counts, counts[1:], strict=False))
