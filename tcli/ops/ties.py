"""Which of several equal elements selection answers with.

PyTorch selects with unstable algorithms, so the index of one among equals follows from their steps: the
introselect and introsort of the C++ library, and a quickselect of its own. Small rows with equals in them
take those steps here, on keys that are compared with `<`; large ones get the first of equals.
"""

import numpy as np

SMALL = 8192  # elements in all
SHORT = 16  # rows that the C++ library sorts by insertion


def has_ties(rows):
    """Which rows (of the last dim) hold an element twice."""
    ordered = np.sort(rows, axis=-1)
    same = ordered[..., 1:] == ordered[..., :-1]
    if rows.dtype.kind == "f":
        same |= (ordered[..., :-1] != ordered[..., :-1])
    return same.any(-1)


def keys_of(row, largest: bool) -> list:
    """Numbers in the wanted order: nan is the largest of all."""
    found = [float("inf") if v != v else v for v in row.tolist()]
    if any(v != v for v in row.tolist()):  # ranks keep nan apart from inf
        ranks = {v: i for i, v in enumerate(sorted({v for v in row.tolist() if v == v}))}
        found = [len(ranks) if v != v else ranks[v] for v in row.tolist()]
    return [-v for v in found] if largest else found


# ---------------------------------------------------------------- the C++ library

def _insert(a: list, key: list, first: int, last: int) -> None:
    for i in range(first + 1, last):
        moving, j = a[i], i
        while j > first and key[moving] < key[a[j - 1]]:
            a[j] = a[j - 1]
            j -= 1
        a[j] = moving


def _median_to_first(a: list, key: list, first: int, x: int, y: int, z: int) -> None:
    kx, ky, kz = key[a[x]], key[a[y]], key[a[z]]
    if kx < ky:
        chosen = y if ky < kz else z if kx < kz else x
    else:
        chosen = x if kx < kz else z if ky < kz else y
    a[first], a[chosen] = a[chosen], a[first]


def _partition(a: list, key: list, first: int, last: int) -> int:
    _median_to_first(a, key, first, first + 1, first + (last - first) // 2, last - 1)
    pivot = key[a[first]]
    i, j = first + 1, last
    while True:
        while key[a[i]] < pivot:
            i += 1
        j -= 1
        while pivot < key[a[j]]:
            j -= 1
        if i >= j:
            return i
        a[i], a[j] = a[j], a[i]
        i += 1


def select(a: list, key: list, nth: int) -> None:
    """Brings the element of rank `nth` of the places `a` to its place, smaller ones before it."""
    first, last = 0, len(a)
    while last - first > 3:
        cut = _partition(a, key, first, last)
        first, last = (cut, last) if cut <= nth else (first, cut)
    _insert(a, key, first, last)


def order(a: list, key: list, first: int, last: int) -> None:
    """Sorts the places a[first:last]."""
    stack, whole = [(first, last)], (first, last)
    while stack:
        low, high = stack.pop()
        while high - low > SHORT:
            cut = _partition(a, key, low, high)
            stack.append((cut, high))
            high = cut
    _insert(a, key, *whole)


# ---------------------------------------------------------------- PyTorch's own

def _three(a: list, key: list, low: int, high: int) -> None:
    def swap_if_greater(i, j):
        if key[a[i]] > key[a[j]]:
            a[i], a[j] = a[j], a[i]
    middle = low + (high - low) // 2
    a[middle], a[low + 1] = a[low + 1], a[middle]
    swap_if_greater(low + 1, high)
    swap_if_greater(low, high)
    swap_if_greater(low + 1, low)


def quickselect(a: list, key: list, rank: int) -> None:
    """Brings the element of a rank to its place."""
    low, high = 0, len(a) - 1
    while high > low:
        if high == low + 1:
            if key[a[low]] > key[a[high]]:
                a[low], a[high] = a[high], a[low]
            return
        _three(a, key, low, high)
        i, j, pivot = low + 1, high, key[a[low]]
        while True:
            i += 1
            while pivot > key[a[i]]:
                i += 1
            j -= 1
            while key[a[j]] > pivot:
                j -= 1
            if j < i:
                break
            a[i], a[j] = a[j], a[i]
        a[low], a[j] = a[j], a[low]
        low, high = (i if j <= rank else low), (j - 1 if j >= rank else high)


# ---------------------------------------------------------------- rows

def resolve(rows, places, choose, always: bool = False) -> None:
    """Rewrites `places` (..., k) of small rows with equals by `choose(row)`."""
    if type(rows) is not np.ndarray or not 1 < rows.size <= SMALL:
        return
    if rows.dtype.kind == "V":  # ml_dtypes
        rows = rows.astype(np.float32)
    flat, found = rows.reshape(-1, rows.shape[-1]), places.reshape(-1, places.shape[-1])
    for i in range(len(flat)) if always else np.flatnonzero(has_ties(flat)):
        found[i] = choose(flat[i])
    places[...] = found.reshape(places.shape)


def top(k: int, largest: bool, in_order: bool):
    """Chooser for topk."""
    def choose(row):
        n = len(row)
        a, key = list(range(n)), keys_of(row, largest)
        if k * 64 <= n:
            return sorted(a, key=key.__getitem__)[:k]
        select(a, key, k - 1)
        if in_order:
            order(a, key, 0, k - 1)
        return a[:k]
    return choose


def all_in_order(descending: bool):
    """Chooser for an unstable sort."""
    def choose(row):
        a = list(range(len(row)))
        order(a, keys_of(row, descending), 0, len(a))
        return a
    return choose


def last_of(row) -> list:
    """The place that mode answers with: the last of the longest run."""
    a, key = list(range(len(row))), keys_of(row, False)
    order(a, key, 0, len(a))
    best = length = 0
    for i, place in enumerate(a):
        length = length + 1 if i and row[place] == row[a[i - 1]] else 1
        if length > best:
            best, chosen = length, place
    return [chosen]


def kth(rank: int):
    """Chooser for the element of a rank."""
    def choose(row):
        a = list(range(len(row)))
        quickselect(a, keys_of(row, False), rank)
        return [a[rank]]
    return choose
