"""Did-you-mean: the known name that is nearest to a mistyped one.

Damerau-Levenshtein distance (a swap of neighbours is one step) with a bound that grows with the
length of the name; case costs nothing. Nothing is suggested for names of one or two letters.
"""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The best match among `known`, or None.

    >>> nearest("sofmax", ["relu", "softmax", "max"])
    'softmax'
    >>> nearest("sun", ["sgn", "sum"])
    'sum'
    """
    if len(name) < 3:
        return next((each for each in known if each != name and each.lower() == name.lower()), None)
    limit = 1 if len(name) < 5 else 2 if len(name) < 9 else 3
    best, best_cost = None, limit + 0.5
    word = name.lower()
    for each in known:
        if abs(len(each) - len(name)) > limit or each == name:
            continue
        cost = distance(word, each.lower(), limit) + 0.1 * (each[:1].lower() != word[:1])
        cost -= 0.05 * each.lower().startswith(word)  # a name that was not typed to its end
        cost -= 0.01 * _shared_start(word, each.lower())
        if cost < best_cost or (cost == best_cost and best is not None and each < best):
            best, best_cost = each, cost
    return best


def _shared_start(a: str, b: str) -> int:
    """How many letters two names have in common before they differ."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def distance(a: str, b: str, limit: int) -> int:
    """Edits from `a` to `b`; anything above `limit` comes back as `limit + 1`."""
    if a == b:
        return 0
    before, row = [], list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, right in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """`did you mean 'relu'?` or None."""
    found = nearest(name, known)
    return f"did you mean '{found}'?" if found else None


def similar_file(path: str) -> str | None:
    """`did you mean 'data/a.npy'?`: a file of nearly the same name in the same folder."""
    import os

    folder, name = os.path.split(path)
    try:
        found = nearest(name, os.listdir(folder or "."))
    except OSError:
        return None
    return f"did you mean '{os.path.join(folder, found)}'?" if found else None
