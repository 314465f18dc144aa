"""What one pass does: the steps of a group of expressions, and which buffer each of them writes.

A `Group` puts the expressions that are computed together in order, finds equal ones, and tells leaves from
numbers. A `Plan` gives every step its buffers; it depends on the structure alone and is kept, so that a
loop that builds the same expressions again finds it ready.
"""

from __future__ import annotations

import numpy as np

from .symbols import COPY, Expr, Primitive

_BY_KEYWORD = (np.maximum, np.minimum)  # these deprecate a third positional argument


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
        index, known, stack, stored = self.index, {}, roots[::-1], {id(e) for e in self.outputs}
        while stack:
            e = stack[-1]
            key = id(e)
            if key not in index:
                if e.array is not None:
                    index[key] = self._leaf(e.array, known)
                else:
                    ahead = [a for a in e.args if type(a) is Expr and id(a) not in index]
                    if ahead:
                        stack += ahead[::-1]
                        continue
                    index[key] = self._step(e, known, key in stored)
            stack.pop()
        outs = [index[id(e)] for e in self.outputs + self.finals]
        self.key = (tuple(self.steps), tuple([a.dtype.num for a in self.leaves]),
                    tuple([c.dtype.num for c in self.constants]), tuple(outs), len(self.outputs))

    def _leaf(self, a, known: dict) -> tuple:
        place = known.get(id(a))
        if place is None:
            if type(a) is np.ndarray and (not any(a.strides) or a.size == 1):
                place = self._constant(a[(0,) * a.ndim] if a.ndim else a[()], a.dtype)
            else:
                place = ("leaf", len(self.leaves))
                self.leaves.append(a)
            known[id(a)] = place
        return place

    def _constant(self, value, dtype) -> tuple:
        self.constants.append(np.asarray(value, dtype))
        return ("number", len(self.constants) - 1)

    def _step(self, e: Expr, known: dict, stored: bool) -> tuple:
        """Where the value of a step is found: a step of its own, unless another one gives it and `e` need not be stored."""
        index = self.index
        places = tuple([index[id(a)] if type(a) is Expr else self._number(a, known) for a in e.args])
        fn = e.fn
        if not stored:
            if fn is COPY and type(e.args[0]) is Expr and len(places) == 1:
                return places[0]
            if fn is np.multiply and (one := self._factor(places)) is not None:
                return one
        if (fn is np.multiply or fn is np.add) and places[1] < places[0]:
            places = places[::-1]
        step = (fn, places, e.dtype)
        place = None if stored else known.get(step)
        if place is None:
            place = known[step] = ("step", len(self.steps))
            self.steps.append(step)
        return place

    def _factor(self, places: tuple):
        """What is multiplied by 1 in a product of two places; None where nothing is."""
        for i in (0, 1):
            kind, index = places[i]
            if kind == "number" and self.constants[index] == 1 and places[1 - i][0] != "number":
                return places[1 - i]
        return None

    def _number(self, a, known: dict) -> tuple:
        key = (a.dtype, a.tobytes())
        place = known.get(key)
        if place is None:
            place = known[key] = self._constant(a, a.dtype)
        return place


class Plan:
    """Which buffer every step reads and writes. Slots: leaves, numbers, outputs, then scratch buffers."""

    __slots__ = ("finals", "program", "scratch", "steps")

    def __init__(self, group: Group, may_overwrite: bool):
        outs = [group.index[id(e)] for e in group.outputs]
        finals = [group.index[id(e)] for e in group.finals]
        n_leaves, n_numbers = len(group.leaves), len(group.constants)
        first_out = n_leaves + n_numbers
        self.scratch: list = []
        self.steps: list = []
        self.program: list | None = []  # the steps for `native.run_program`; None where it does not know one of them
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
            code = fn if type(fn) is np.ufunc else fn.code
            if code is None or len(inputs) > 3:
                self.program = None
            if self.program is not None:
                self.program.append((code, *(*inputs, -1, -1)[:3], slot))
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
