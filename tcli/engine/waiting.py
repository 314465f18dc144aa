"""Memory that is read later than the program says, because an expression waits for its value.

Every leaf of an expression is noted under the array that owns its memory. `before_write` is called by
whatever writes into the memory of a tensor: expressions that still wait are computed first if their results
are smaller than what they read, else they get a copy of it. Memory that left for NumPy may be written at any
time, so nothing waits on it. What a waiting sum keeps alive is bounded, too.
"""

from __future__ import annotations

from weakref import ref

import numpy as np

from ..errors import ArgumentError
from .device import device_of
from .memory import pool
from .storage import root_of
from .symbols import Expr

readers: dict[int, list] = {}  # the id of an array that owns memory -> weak references to leaves that read it
exposed: dict[int, object] = {}  # arrays whose memory left for NumPy
MOST_HELD = 1 << 30  # bytes that leaves may keep alive before waiting reductions are computed
arrays: set = {np.ndarray}  # the classes of arrays that expressions may read
_small: list = []  # weak references to reductions that wait
_held = [0]
evaluate = None


def bind_evaluate(function) -> None:
    """Called once by `fuse.py`, which imports this file."""
    global evaluate
    evaluate = function


def leaf(a) -> Expr:
    """An expression that stands for an array: the one that others read it by, if there is one."""
    known = readers.get(id(a))
    if known is not None:
        e = known[-1]()
        if e is not None and e.array is a and e.fn is None:
            return e
    e = Expr(None, (), a.dtype, a.shape, a)
    if type(a) is not np.ndarray:
        e.home = device_of(a)
    note_reader(e)
    return e


def note_reader(e: Expr) -> None:
    """Remembers that an expression is part of others and has its value in memory that may be written."""
    key = id(root_of(e.array))
    known = readers.get(key)
    if known is None or all(weak() is None for weak in known):
        if len(readers) > 512:
            _forget_dead()
        n = e.array.nbytes
        _held[0] += n
        readers[key] = [ref(e, lambda _, n=n: _let_go(n))]
        return
    if len(known) > 64:
        known[:] = [weak for weak in known if weak() is not None]
    known.append(ref(e))


def _let_go(n: int) -> None:
    _held[0] -= n


def _forget_dead() -> None:
    for key in [k for k, known in readers.items() if all(weak() is None for weak in known)]:
        del readers[key]


def note_small(e: Expr) -> None:
    """Remembers a reduction that waits; when too much memory is kept for them, all are computed."""
    _small.append(ref(e))
    if _held[0] <= MOST_HELD:
        if len(_small) > 256:
            _small[:] = [weak for weak in _small if (x := weak()) is not None and x.array is None]
        return
    waiting, _small[:] = list(_small), []
    for weak in waiting:
        x = weak()
        if x is not None and x.array is None and is_owned(x):
            evaluate(x)


def is_owned(e: Expr) -> bool:
    """Whether a tensor stands for the expression."""
    return any(weak() is not None for weak in e.owners)


def before_write(a) -> None:
    """To be called when the memory of `a` is about to change."""
    known = readers.pop(id(root_of(a)), None) if readers else None
    if known is None:
        return
    for weak in known:
        _compute_small(weak)
    for weak in known:
        e = weak()
        if e is not None and e.array is not None:
            e.array = e.array.copy()


def _compute_small(weak) -> None:
    """Computes what waits on a leaf if that takes less memory than a copy of the leaf."""
    e = weak()
    if e is not None and e.array is not None:
        waiting = _waiting_on(e)
        if sum(x.nbytes for x in waiting) <= e.array.nbytes:
            for x in waiting:
                evaluate(x)


def _waiting_on(e: Expr) -> list:
    """The expressions with a tensor that read a leaf, directly or not."""
    found, seen, stack = [], set(), [e]
    while stack:
        for weak in stack.pop().users:
            x = weak()
            if x is None or x.array is not None or id(x) in seen:
                continue
            seen.add(id(x))
            stack.append(x)
            if is_owned(x):
                found.append(x)
    return found


def expose(a) -> None:
    """The memory of `a` left for code that may write it unseen: from now on nothing waits on it."""
    if type(a) not in arrays:
        return
    before_write(a)
    root = root_of(a)
    key = id(root)
    exposed[key] = ref(root, lambda _, key=key: exposed.pop(key, None))


def reads_exposed(e: Expr) -> bool:
    """Whether an expression reads memory that left."""
    seen, stack = set(), [e]
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        if e.array is not None and id(root_of(e.array)) in exposed:
            return True
        stack.extend(a for a in e.args if type(a) is Expr)
    return False


# ---------------------------------------------------------------- what programs see of it

def memory_summary() -> str:
    """The memory of large results: in use, kept for reuse, and what is kept for values that are still to be computed.

    >>> print(torch.memory_summary().splitlines()[0])
    memory of large results
    """
    rows = [("in use", pool.lent), ("most in use", pool.peak), ("kept for reuse", pool.cached), ("kept at most", pool.limit),
            ("read by what is still to be computed", max(_held[0], 0)), ("most memory of the process", _peak())]
    lines = ["memory of large results", *(f"  {name:<38}{n / (1 << 20):10.1f} MB" for name, n in rows)]
    return "\n".join([*lines, f"  {'reused':<38}{pool.hits:10} times", f"  {'newly allocated':<38}{pool.misses:10} times"])


def _peak() -> int:
    try:
        import resource
    except ImportError:
        return 0
    import sys

    # Kilobytes on Linux, bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def set_memory_pool(megabytes: int) -> None:
    """Sets how much memory of large results is kept for reuse; 0 keeps none.

    >>> torch.set_memory_pool(256)
    """
    if type(megabytes) is not int or megabytes < 0:
        raise ArgumentError(f"set_memory_pool(): megabytes must be a number that is not negative, not {megabytes!r}")
    pool.set_limit(megabytes << 20)
