"""BLAS threads: the command starts NumPy with one, which is quicker, and the first large product gets them all."""

from __future__ import annotations

import os

MARK = "TCLI_RAISE_THREADS"  # set by the command when it held the number down at the start
LARGE = 1 << 20  # multiplications from which a second thread gains more than the import below costs

_held = [MARK in os.environ]


def expect(work: int) -> None:
    """Called before a product of `work` multiplications: lets BLAS use every processor from the first large one on."""
    if not _held[0] or work < LARGE:
        return
    _held[0] = False
    from threadpoolctl import threadpool_limits

    affinity = getattr(os, "sched_getaffinity", None)
    threadpool_limits(len(affinity(0)) if affinity else os.cpu_count() or 1, "blas")


def settled() -> None:
    """Called when a program sets the number itself: it stays what it is."""
    _held[0] = False
