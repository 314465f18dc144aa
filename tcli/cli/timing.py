"""How long a function takes: batches of calls, so that the clock's own price does not count."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from ..show.units import duration

BUDGET = 1.5     # seconds in all
BATCH = 0.005    # the least time of one batch
LEAST, MOST = 5, 500


class Timing:
    """Seconds per call of each batch, sorted, and how many calls there were."""

    def __init__(self, seconds: list[float], calls: int):
        self.seconds, self.calls = sorted(seconds), calls

    def quantile(self, share: float) -> float:
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def __str__(self) -> str:
        if len(self.seconds) == 1:
            return f"{duration(self.seconds[0])}  (one call)"
        low, high = self.quantile(0.25), self.quantile(0.75)
        return (f"{duration(self.seconds[0])} at best, {duration(self.quantile(0.5))} in the middle, "
                f"half between {duration(low)} and {duration(high)}  ({self.calls:,} calls)")


def measure(function: Callable[[], object], synchronize: Callable[[], object] = lambda: None) -> Timing:
    """Calls `function` for about a second and a half, at least once; `synchronize` waits for a device."""
    first = _batch(function, 1, synchronize)
    if first > BUDGET:
        return Timing([first], 1)
    number = 1
    while first * number < BATCH and number < 1_000_000:
        number = max(2 * number, int(BATCH / max(first, 1e-9)))
        first = _batch(function, number, synchronize) / number
    found: list[float] = []
    start = perf_counter()
    while len(found) < LEAST or (perf_counter() - start < BUDGET and len(found) < MOST):
        found.append(_batch(function, number, synchronize) / number)
    return Timing(found, number * len(found))


def _batch(function: Callable[[], object], number: int, synchronize: Callable[[], object]) -> float:
    start = perf_counter()
    for _ in range(number):
        function()
    synchronize()
    return perf_counter() - start
