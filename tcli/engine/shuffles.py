"""Forward Fisher-Yates shuffles without compiled kernels: step i exchanges what stands at i and at a place from i on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_CHUNK = 1 << 16
_SHUFFLE_AT_ONCE = 2000  # elements from which a shuffle without a loop is the faster one
_FEWEST_SWAPS = 100  # elements of a shuffle that is worth calling LAPACK
_SWAPS_FROM = 1 << 21  # elements shuffled in this process from which swapping them in LAPACK pays for loading it


def by_words(words: np.ndarray) -> np.ndarray:
    """0..n shuffled by n random words."""
    count = len(words) + 1
    return _way(count)(_targets(words, count))


def _targets(words: np.ndarray, count: int) -> np.ndarray:
    """i + word i modulo what is left at step i."""
    out = np.empty(count - 1, np.int64)
    for start in range(0, count - 1, _CHUNK):
        steps = np.arange(start, min(start + _CHUNK, count - 1))
        np.add(words[start:start + _CHUNK] % (count - steps).astype(np.uint32), steps, out=out[start:start + _CHUNK])
    return out


_so_far = [0]


def _way(count: int) -> Callable[[np.ndarray], np.ndarray]:
    """The fastest one; LAPACK is worth loading once much was to be shuffled."""
    if count >= _SHUFFLE_AT_ONCE:
        _so_far[0] += count
    if _so_far[0] > _SWAPS_FROM and _FEWEST_SWAPS < count < 2**31:
        return _by_swaps
    return in_turn if count < _SHUFFLE_AT_ONCE else _at_once


def _by_swaps(targets: np.ndarray) -> np.ndarray:
    from .lapack import swap_in_turn

    order = np.arange(len(targets) + 1)
    swap_in_turn(order, targets)
    return order


def in_turn(targets: np.ndarray | list[int]) -> np.ndarray:
    """0..n after step i has swapped the elements at i and targets[i], for all i in turn."""
    order = list(range(len(targets) + 1))
    for i, target in enumerate(targets if type(targets) is list else targets.tolist()):
        order[i], order[target] = order[target], order[i]
    return np.array(order)


def _at_once(targets: np.ndarray) -> np.ndarray:
    """The same without a loop over steps.

    A place that no step has touched holds its own number; otherwise it holds what the last step that aimed at it had
    at its own place, which in turn came from an earlier step: chains of steps, followed by doubling.
    """
    count = len(targets) + 1
    steps = np.arange(count - 1)
    ordered = np.sort(targets << 32 | steps)
    place, step = ordered >> 32, ordered & 0xFFFFFFFF
    again = np.flatnonzero(place[1:] == place[:-1])
    start = np.arange(count)  # of the chain that brought step i what it finds at its own place
    moves = targets != steps
    start[targets[moves]] = steps[moves]  # the last one stays
    while not np.array_equal(start, further := start[start]):
        start = further
    order = np.append(targets, start[-1])
    order[step[again + 1]] = start[step[again]]
    return order
