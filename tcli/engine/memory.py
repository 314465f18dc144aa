"""A bounded pool of memory for large results.

Fresh memory costs more than the arithmetic done in it: every page has to be cleared and mapped when it is
first touched. Arrays of a megabyte or more that fusion writes come from here, and their memory comes back
when the array and all views of it are gone. `TCLI_POOL` is the bound in megabytes of what is kept for
reuse (256 unless said otherwise; 0 switches the pool off).

Smaller arrays have the C library's memory. Left to itself that gives memory back to the system whenever a few
temporaries are freed, and gets it back empty for the next ones; it is told to keep some.
"""

from __future__ import annotations

import os
import sys
from math import prod

import numpy as np

SMALLEST = 1 << 20
STEP = 1 << 21  # sizes are whole huge pages


LINE = 64  # bytes of a cache line; what starts within one is written at half the speed


def aligned(n: int, dtype) -> np.ndarray:
    """Like `np.empty(n, dtype)`, from the start of a cache line on."""
    memory = np.empty(n * dtype.itemsize + LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % LINE
    return memory[start:start + n * dtype.itemsize].view(dtype)


class Memory(np.ndarray):
    """What is lent; being no plain array it keeps NumPy from taking it for the base of what lies in it."""


class Lease(np.ndarray):
    """The owner of lent memory, below the array that uses it; its end is the end of the loan."""

    pool = None

    def __array_finalize__(self, source):
        pass

    def __del__(self):
        if self.pool is not None:
            self.pool.take_back(self.base)


class Pool:
    """Free memory by size, and what is to be known about it."""

    def __init__(self, limit: int):
        self.limit, self.free = limit, {}
        self.cached = self.lent = self.peak = self.hits = self.misses = 0

    def empty(self, shape: tuple, dtype) -> np.ndarray:
        """Like `np.empty`."""
        size = prod(shape) * dtype.itemsize
        if size < SMALLEST or not self.limit:
            return np.empty(shape, dtype)
        memory = self._find(-(-size // STEP) * STEP)
        lease = memory.view(Lease)
        lease.pool = self
        self.lent += memory.nbytes - LINE
        self.peak = max(self.peak, self.lent)
        return np.ndarray(shape, dtype, lease, -memory.__array_interface__["data"][0] % LINE)

    def copy(self, a: np.ndarray) -> np.ndarray:
        """Like `np.array(a)`; a large array of numbers starts where a cache line does."""
        if a.nbytes < SMALLEST or not a.flags.c_contiguous or a.dtype.kind not in "fiubc":
            return np.array(a)
        out = self.empty(a.shape, a.dtype)
        np.copyto(out, a)
        return out

    def _find(self, size: int) -> np.ndarray:
        """Memory of `size` bytes, or a quarter more where that is free already."""
        for n in (size, *sorted(n for n in self.free if size < n <= size + size // 4)):
            found = self.free.get(n)
            if found:
                memory = found.pop()
                self.cached -= n
                self.hits += 1
                return memory
        self.misses += 1
        return Memory(size + LINE, np.uint8)

    def take_back(self, memory: np.ndarray) -> None:
        n = memory.nbytes - LINE
        self.lent -= n
        if n > self.limit:
            return
        while self.cached + n > self.limit:
            self._drop_one()
        self.free.setdefault(n, []).append(memory)
        self.cached += n

    def _drop_one(self) -> None:
        n = next(n for n, found in self.free.items() if found)
        self.free[n].pop(0)
        self.cached -= n

    def set_limit(self, limit: int) -> None:
        """Changes the bound in bytes; what is kept beyond it is freed at once."""
        self.limit = limit
        while self.cached > limit:
            self._drop_one()

    def clear(self) -> None:
        """Frees what is kept for reuse."""
        self.free.clear()
        self.cached = 0


def _limit_from_environment() -> int:
    text = os.environ.get("TCLI_POOL", "")
    return int(text) << 20 if text.isdigit() else 256 << 20


_TRIM, _MAP = -1, -3  # parameters of glibc's mallopt
KEPT, MAPPED = 128 << 20, 32 << 20  # bytes that stay with the process when freed; allocations that never come of them


def _keep_freed_memory() -> None:
    """Tells glibc to keep what is freed, unless the user has told it something; other C libraries go on as they do."""
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return
    import ctypes  # NumPy has loaded it

    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is not None:
        tell(_MAP, MAPPED)
        tell(_TRIM, KEPT)


pool = Pool(_limit_from_environment())
if pool.limit:
    _keep_freed_memory()
