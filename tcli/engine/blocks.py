"""Runs a group of expressions in one pass: block by block, on all threads, through few buffers.

`run(roots)` takes expressions of one shape whose inputs are all leaves or expressions of that shape. The
plan (which ufunc writes which buffer when) depends on the structure alone and is kept; the geometry (how
leaves lie in memory) is found for each run. A block is some rows of what is left of the shape after dims
that all leaves traverse alike are merged: usually a piece of one flat row. All buffers of a block fit the
cache, and no result depends on the number of threads.
"""

from __future__ import annotations

import threading
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .memory import pool
from .symbols import COPY, Expr, Primitive
from .threads import spread

BLOCK_BYTES = 1 << 20  # of one buffer
CACHE_BYTES = 3 << 20  # of all buffers that are live at once
LONGEST_ROW = 1 << 20  # elements of a row that is reduced within one block
_BY_KEYWORD = (np.maximum, np.minimum)  # these deprecate a third positional argument


# ---------------------------------------------------------------- the group and its plan

class Group:
    """The expressions of one pass in the order of computing: leaves and numbers first."""

    __slots__ = ("constants", "finals", "index", "key", "leaves", "outputs", "shape", "steps")

    def __init__(self, outputs: list, finals: list, shape: tuple):
        """`outputs` are stored, `finals` are only looked at block by block."""
        self.shape, self.outputs, self.finals = shape, outputs, finals
        self.leaves, self.constants, self.steps = [], [], []
        self.index: dict = {}
        self._collect(outputs + finals)

    def _collect(self, roots: list) -> None:
        """Orders the steps so that inputs come first; equal steps become one."""
        known: dict = {}
        stack = [(root, False) for root in reversed(roots)]
        while stack:
            e, ready = stack.pop()
            if id(e) in self.index:
                continue
            if e.array is not None:
                self.index[id(e)] = self._leaf(e, known)
            elif not ready:
                stack.append((e, True))
                stack.extend((a, False) for a in reversed(e.args) if type(a) is Expr and id(a) not in self.index)
            else:
                self._step(e, known)
        outs = [self.index[id(e)] for e in self.outputs + self.finals]
        self.key = (tuple(self.steps), tuple(a.dtype.num for a in self.leaves),
                    tuple(c.dtype.num for c in self.constants), tuple(outs), len(self.outputs))

    def _leaf(self, e: Expr, known: dict) -> tuple:
        a = e.array
        place = known.get(id(a))
        if place is None:
            if not any(a.strides) or a.size == 1:
                place = self._constant(a[(0,) * a.ndim] if a.ndim else a[()], a.dtype)
            else:
                place = ("leaf", len(self.leaves))
                self.leaves.append(a)
            known[id(a)] = place
        return place

    def _constant(self, value, dtype) -> tuple:
        self.constants.append(np.asarray(value, dtype))
        return ("number", len(self.constants) - 1)

    def _step(self, e: Expr, known: dict) -> None:
        places = tuple(self._place(a, known) for a in e.args)
        if e.fn is COPY and len(places) == 1 and type(e.args[0]) is Expr and not any(e is o for o in self.outputs):
            self.index[id(e)] = places[0]
            return
        if e.fn is np.multiply and (one := self._factor(places)) is not None and not any(e is o for o in self.outputs):
            self.index[id(e)] = one
            return
        if e.fn is np.multiply or e.fn is np.add:
            places = tuple(sorted(places))
        step = (e.fn, places, e.dtype)
        place = known.get(step)
        if place is None or any(e is o for o in self.outputs):
            place = known[step] = ("step", len(self.steps))
            self.steps.append(step)
        self.index[id(e)] = place

    def _factor(self, places: tuple):
        """What is multiplied by 1 in a product of two places; None where nothing is."""
        for i in (0, 1):
            kind, index = places[i]
            if kind == "number" and self.constants[index] == 1:
                return places[1 - i]
        return None

    def _place(self, a, known: dict) -> tuple:
        if type(a) is Expr:
            return self.index[id(a)]
        key = (a.dtype, a.tobytes())
        place = known.get(key)
        if place is None:
            place = known[key] = self._constant(a, a.dtype)
        return place


class Plan:
    """Which buffer every step reads and writes. Slots: leaves, numbers, outputs, then scratch buffers."""

    __slots__ = ("finals", "scratch", "steps")

    def __init__(self, group: Group, may_overwrite: bool):
        outs = [group.index[id(e)] for e in group.outputs]
        finals = [group.index[id(e)] for e in group.finals]
        n_leaves, n_numbers = len(group.leaves), len(group.constants)
        first_out = n_leaves + n_numbers
        self.scratch: list = []
        self.steps: list = []
        slot_of = self._allocate(group.steps, outs, finals, n_leaves, first_out, may_overwrite)
        self.finals = [index if kind == "leaf" else n_leaves + index if kind == "number" else slot_of[index]
                       for kind, index in finals]

    def _allocate(self, steps, outs, finals, n_leaves, first_out, may_overwrite) -> dict:
        output_of = {place[1]: first_out + i for i, place in enumerate(outs) if place[0] == "step"}
        last_use = self._last_uses(steps, finals)
        slot_of: dict = {}
        # An output's memory may hold other values until its own step comes.
        free = [(slot, steps[i][2], i) for i, slot in output_of.items()] if may_overwrite else []
        free.reverse()
        first_scratch = first_out + len(outs)
        for i, (fn, places, dtype) in enumerate(steps):
            inputs = [index if kind == "leaf" else n_leaves + index if kind == "number" else slot_of[index]
                      for kind, index in places]
            dying = [index for kind, index in set(places) if kind == "step" and last_use[index] == i]
            apart = _is_apart(fn)
            if i in output_of:
                slot = output_of[i]
                free = [f for f in free if f[0] != slot]
            if not apart:
                self._release(i, dying, slot_of, steps, output_of, free)
            if i not in output_of:
                slot = self._take(free, dtype, last_use[i], steps, first_scratch)
            if apart:
                self._release(i, dying, slot_of, steps, output_of, free)
            slot_of[i] = slot
            self.steps.append(_bound(fn, inputs, slot))
        return slot_of

    @staticmethod
    def _last_uses(steps, finals) -> dict:
        last: dict = {}
        for i, (_, places, _) in enumerate(steps):
            last[i] = i
            for kind, index in places:
                if kind == "step":
                    last[index] = i
        for kind, index in finals:
            if kind == "step":
                last[index] = len(steps)
        return last

    @staticmethod
    def _release(now, dying, slot_of, steps, output_of, free) -> None:
        """Buffers of values that step `now` was the last to read are free again."""
        for index in dying:
            slot = slot_of[index]
            owner = next((i for i, s in output_of.items() if s == slot), None)
            if owner is None:
                free.append((slot, steps[index][2], None))
            elif owner > now:
                free.append((slot, steps[owner][2], owner))

    def _take(self, free, dtype, last, steps, first_scratch) -> int:
        for j in range(len(free) - 1, -1, -1):
            slot, d, until = free[j]
            # The memory of an output is good for values that are gone when its own step writes.
            if d == dtype and (until is None or last < until or last == until and not _is_apart(steps[until][0])):
                del free[j]
                return slot
        self.scratch.append(dtype)
        return first_scratch + len(self.scratch) - 1


def _is_apart(fn) -> bool:
    return type(fn) is Primitive and fn.apart


def _bound(fn, inputs: list, slot: int) -> tuple:
    """(call, a, b, c, out): unused inputs are -1."""
    if type(fn) is Primitive:
        fn = fn.fn
    elif fn in _BY_KEYWORD:
        fn = _by_keyword(fn)
    a, b, c = (*inputs, -1, -1)[:3]
    return fn, a, b, c, slot


def _by_keyword(ufunc):
    return lambda a, b, out: ufunc(a, b, out=out)


_plans: dict = {}


def plan_of(group: Group, may_overwrite: bool) -> Plan:
    key = (group.key, may_overwrite)
    found = _plans.get(key)
    if found is None:
        if len(_plans) > 512:
            _plans.clear()
        found = _plans[key] = Plan(group, may_overwrite)
    return found


# ---------------------------------------------------------------- the geometry

def memory_order(shape: tuple, leaves: list) -> tuple | None:
    """The order of dims in which the first full leaf that is not C-contiguous lies in memory; None if none is."""
    for a in leaves:
        if a.shape == shape and not a.flags.c_contiguous and 0 not in a.strides:
            order = tuple(sorted(range(len(shape)), key=lambda i, a=a: -abs(a.strides[i]) if shape[i] > 1 else 0))
            if a.transpose(order).flags.c_contiguous:
                return order
        if a.shape == shape:
            return None
    return None


def merged(shape: tuple, strides: list, barrier: int = -1) -> tuple[list, list, int]:
    """`shape` with dims of size 1 left out and neighbours merged wherever all arrays traverse them alike.

    Dims before and from `barrier` on stay apart; the third value says how many are left before it.
    """
    ahead = 0
    sizes: list = []
    steps: list = [[] for _ in strides]
    for i, n in enumerate(shape):
        if i == barrier:
            ahead = len(sizes)
        if n == 1:
            continue
        if len(sizes) > ahead and all(own[-1] == s[i] * n for own, s in zip(steps, strides, strict=True)):
            sizes[-1] *= n
            for own, s in zip(steps, strides, strict=True):
                own[-1] = s[i]
            continue
        sizes.append(n)
        for own, s in zip(steps, strides, strict=True):
            own.append(s[i])
    return (sizes, steps, ahead) if sizes else ([1], [[0] for _ in strides], 0)


class Geometry:
    """How blocks are cut: `sizes[axis]` in pieces of `rows`, one block for every index before `axis`."""

    __slots__ = ("axis", "before", "inner", "pieces", "rows", "sizes")

    def __init__(self, sizes: list, block: int, highest: int | None = None):
        axis = len(sizes) - 1 if highest is None else highest
        while axis > 0 and prod(sizes[axis:]) <= block:
            axis -= 1
        self.sizes, self.axis, self.inner = sizes, axis, tuple(sizes[axis + 1:])
        self.rows = min(max(1, block // prod(self.inner)), sizes[axis])
        self.pieces = -(-sizes[axis] // self.rows)
        self.before = tuple(sizes[:axis])

    @property
    def n_blocks(self) -> int:
        return self.pieces * prod(self.before)

    @property
    def block(self) -> int:
        return self.rows * prod(self.inner)

    def place(self, i: int) -> tuple:
        """The index of block `i`, and its number of rows."""
        outer, piece = divmod(i, self.pieces)
        start = piece * self.rows
        stop = min(start + self.rows, self.sizes[self.axis])
        if not self.before:
            return slice(start, stop), stop - start
        return (*np.unravel_index(outer, self.before), slice(start, stop)), stop - start


def block_size(n_buffers: int, itemsize: int) -> int:
    """Elements per block: as many as fit the cache, a power of two."""
    budget = min(BLOCK_BYTES, CACHE_BYTES // max(n_buffers, 1)) // itemsize
    return max(1 << (budget.bit_length() - 1), 1 << 14)


# ---------------------------------------------------------------- running

_local = threading.local()


def scratch(dtype, n: int, number: int) -> np.ndarray:
    """The `number`-th buffer of this thread of `n` elements."""
    buffers = getattr(_local, "buffers", None)
    if buffers is None:
        buffers = _local.buffers = {}
    found = buffers.get((dtype, number))
    if found is None or found.size < n:
        found = buffers[dtype, number] = np.empty(n, dtype)
    return found[:n]


def run(outputs: list, shape: tuple, into: list | None = None) -> list:
    """The values of `outputs`, expressions of one shape; `into` are arrays to write them to (None: new ones)."""
    group = Group(outputs, [], shape)
    order = memory_order(shape, group.leaves)
    if into is None:
        into = [None] * len(outputs)
    given = [a for a in into if a is not None]
    if order is not None and given:
        order = None
    laid = shape if order is None else tuple(shape[i] for i in order)
    results = [pool.empty(laid, e.dtype) if a is None else a for e, a in zip(outputs, into, strict=True)]
    leaves = [np.broadcast_to(a, shape) if a.shape != shape else a for a in group.leaves]
    if order is not None:
        leaves = [a.transpose(order) for a in leaves]
    plan = plan_of(group, not given)
    arrays = leaves + results
    sizes, strides, _ = merged(laid, [a.strides for a in arrays])
    flat = [as_strided(a, sizes, s) if a.shape != tuple(sizes) else a for a, s in zip(arrays, strides, strict=True)]
    n = len(leaves)
    geometry = _geometry(plan, flat[:n], flat[n:], sizes)
    _pass(plan, flat[:n], group.constants, flat[n:], geometry)
    back = None if order is None else tuple(np.argsort(order))
    return [r if back is None else r.transpose(back) for r in results]


def reduce(e: Expr) -> np.ndarray:
    """The value of a reduction, whose input is computed block by block and never stored."""
    inner, how = e.args[0], e.fn
    shape, n = inner.shape, len(inner.shape)
    group = Group([], [inner], shape)
    order, k = None, len(how.axes)
    if k == n:
        order, barrier = memory_order(shape, group.leaves), -1
    elif how.axes == tuple(range(n - k, n)):
        barrier = n - k
    elif how.axes == tuple(range(k)):
        barrier = k
    else:
        return _reduce_stored(e)
    leaves = [np.broadcast_to(a, shape) if a.shape != shape else a for a in group.leaves]
    if order is not None:
        leaves = [a.transpose(order) for a in leaves]
        shape = tuple(shape[i] for i in order)
    sizes, strides, ahead = merged(shape, [a.strides for a in leaves], barrier)
    leaves = [as_strided(a, sizes, s) if a.shape != tuple(sizes) else a for a, s in zip(leaves, strides, strict=True)]
    plan = plan_of(group, True)
    if k == n:
        found = _reduce_all(plan, leaves, group.constants, sizes, how)
    elif how.axes[0]:
        found = _reduce_rows(plan, leaves, group.constants, sizes, ahead, how)
    else:
        found = _reduce_columns(plan, leaves, group.constants, sizes, ahead, how)
    return _reduce_stored(e) if found is None else found.reshape(e.shape)


def _reduce_stored(e: Expr) -> np.ndarray:
    inner, how = e.args[0], e.fn
    if inner.array is None:
        inner.settle(run([inner], inner.shape)[0])
    return np.asarray(how.ufunc.reduce(inner.array, how.axes, how.dtype, None, how.keepdims))


def _reduce_all(plan, leaves, numbers, sizes, how):
    geometry = _geometry(plan, leaves, [], sizes)
    parts, (slot,) = np.empty(geometry.n_blocks, how.dtype), plan.finals

    def finish(v, i, where) -> None:
        parts[i] = how.ufunc.reduce(v[slot], None, how.dtype)

    _pass(plan, leaves, numbers, [], geometry, finish)
    return np.asarray(how.ufunc.reduce(parts))


def _reduce_rows(plan, leaves, numbers, sizes, ahead, how):
    if not ahead or ahead == len(sizes) or prod(sizes[ahead:]) > LONGEST_ROW:
        return None
    geometry = _geometry(plan, leaves, [], sizes, ahead - 1)
    result, (slot,) = np.empty(sizes[:ahead], how.dtype), plan.finals
    axes = tuple(range(ahead - len(sizes), 0))

    def finish(v, i, where) -> None:
        how.ufunc.reduce(v[slot], axes, how.dtype, result[where])

    _pass(plan, leaves, numbers, [], geometry, finish)
    return result


def _reduce_columns(plan, leaves, numbers, sizes, ahead, how):
    if not ahead or ahead == len(sizes):
        return None
    geometry = _geometry(plan, leaves, [], sizes, ahead - 1)
    columns = tuple(sizes[ahead:])
    if geometry.rows * prod(geometry.inner) < 8 * prod(columns):
        return None
    parts, (slot,) = np.empty((geometry.n_blocks, *columns), how.dtype), plan.finals
    axes = tuple(range(ahead - geometry.axis))

    def finish(v, i, where) -> None:
        how.ufunc.reduce(v[slot], axes, how.dtype, parts[i])

    _pass(plan, leaves, numbers, [], geometry, finish)
    return how.ufunc.reduce(parts, 0)


def _geometry(plan: Plan, leaves: list, outs: list, sizes: list, highest: int | None = None) -> Geometry:
    itemsize = max([a.dtype.itemsize for a in (*outs, *leaves)] + [d.itemsize for d in plan.scratch])
    full = [a for a in leaves if 0 not in a.strides]
    return Geometry(sizes, block_size(len(full) + len(outs) + len(plan.scratch), itemsize), highest)


def _pass(plan: Plan, leaves: list, numbers: list, outs: list, geometry: Geometry, finish=None) -> None:
    """Runs the steps on every block; `finish(slots, block number, index of the block)` looks at what came out."""
    leaves = [_tiled(a, geometry) for a in leaves]
    n_leaves, first_out = len(leaves), len(leaves) + len(numbers)
    moving = [(i, a) for i, (a, fixed) in enumerate(leaves) if not fixed]
    moving += [(first_out + i, a) for i, a in enumerate(outs)]
    fixed = [(i, a) for i, (a, still) in enumerate(leaves) if still]
    first_scratch = first_out + len(outs)
    steps, dtypes, rows, inner = plan.steps, plan.scratch, geometry.rows, geometry.inner

    def work(blocks) -> None:
        v = [None] * n_leaves + numbers + [None] * (len(outs) + len(dtypes))
        buffers = [(first_scratch + j, scratch(d, geometry.block, j).reshape(rows, *inner))
                   for j, d in enumerate(dtypes)]
        buffers += fixed
        have = 0
        for i in blocks:
            where, n = geometry.place(i)
            for slot, a in moving:
                v[slot] = a[where]
            if n != have:
                for slot, a in buffers:
                    v[slot] = a[:n]
                have = n
            for fn, a, b, c, out in steps:
                if b < 0:
                    fn(v[a], v[out])
                elif c < 0:
                    fn(v[a], v[b], v[out])
                else:
                    fn(v[a], v[b], v[c], v[out])
            if finish is not None:
                finish(v, i, where)

    spread(geometry.n_blocks, work)


def _tiled(a, geometry: Geometry) -> tuple:
    """(array, False), or for one that is the same in all rows a whole block of it, and True."""
    axis = geometry.axis
    if any(a.strides[:axis + 1]) or not geometry.inner:
        return a, False
    row = a[(0,) * (axis + 1)]
    tile = np.empty((geometry.rows, *geometry.inner), a.dtype)
    tile[...] = row
    return tile, True
