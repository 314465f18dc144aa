"""Large arrays in blocks of rows that stay in cache, shared by the threads of the pool.

Blocks follow from the shape alone, so that results do not depend on the number of threads. No op is
declared here.
"""

from __future__ import annotations

from collections.abc import Callable

from ..engine.threads import parallel

BLOCK = 1 << 17  # elements
LARGE = 1 << 18  # elements from which a second thread pays


def over_rows(n: int, per_row: int, fn: Callable[[int, int], object], block: int = BLOCK) -> None:
    """Calls `fn(start, stop)` for the blocks of `n` rows of `per_row` elements each, in any order."""
    step = max(1, block // max(per_row, 1))
    count = -(-n // step)

    def one(i: int) -> None:
        fn(i * step, min(n, (i + 1) * step))
    if count > 1 and n * per_row >= LARGE:
        parallel(count, one)
    else:
        for i in range(count):
            one(i)


def in_order(n: int, per_row: int, fn: Callable[[int, int], object], block: int = BLOCK) -> None:
    """The same in the order of the rows, in one thread: for blocks that write to the same places."""
    step = max(1, block // max(per_row, 1))
    for start in range(0, n, step):
        fn(start, min(n, start + step))
