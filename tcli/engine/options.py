"""The short ways of calls whose only tensor is the first argument, or that have none: options are worked out once.

The normal form of options depends on what was given and on the number of dims alone, so each way a call is
written is remembered with the options it stands for. Whatever fails goes the long road and fails there, in
full words. An op's `small` makes a function of one array from options, for kernels that look at more than a
small array needs.
"""

from __future__ import annotations

from functools import update_wrapper

import numpy as np

from .. import native
from ..errors import TcliError
from . import fuse as _fuse  # noqa: F401  binds the classes that dispatch hands out below
from .args import NUMBER_KINDS
from .dispatch import (
    PLAIN,
    READY,
    Tensor,
    bind,
    call,
    keep,
    kernel_of,
    name_composite,
    new,
    normalise,
    takes_one,
    wrap,
)
from .quick_views import viewing
from .registry import FIRST, RESULT, SHAPE, Op, plan_for
from .storage import laid_out
from .tape import FLOAT32, FLOAT64, OUT, SMALL, Node, edge_of, locate, ndarray, next_sequence, saved_as_is, state
from .waiting import before_write, readers
from .ways import MISSING, LongRoad, _add_part, is_memorable, key_of, learnt, remember, way_of, worked_out

asarray, generic = np.asarray, np.generic
ANY_DTYPE = PLAIN | {np.dtype(bool)}
KERNEL_ERRORS = (TypeError, ValueError, AttributeError, IndexError, ArithmeticError)


def plain_target(x):
    """The array of a tensor that may be written to at once, because nothing is recorded; None where it takes more."""
    if type(x) not in READY or x._inference or state.grad and (x._rg or x._base is not None and x._base._rg):
        return None
    a = x._a
    if type(a) is not ndarray or a.dtype not in ANY_DTYPE:
        return None
    flags = a.flags
    if not flags.c_contiguous or not flags.writeable:
        return None
    if readers:
        before_write(a)
    return a


def compiled(kind: str):
    """A decorator: does the common case of a function that writes in compiled code, where there is some."""
    def make(fn):
        way = getattr(native, kind)(fn)
        return update_wrapper(way, fn) if way else fn
    return make


# ---------------------------------------------------------------- an op on one tensor

def is_single(o: Op) -> bool:
    """Whether an op takes one tensor, its first argument, and gives one: the form with a short way.

    One with a check has it for options that it has a `small` of: with them there is nothing to check.
    """
    return (takes_one(o) and (o.check is None or o.small is not None) and o.out_count == 1 and not o.fields
            and "inplace" not in o.index and "out" not in o.index)


def single(o: Op):
    """The function of an op on one tensor with options."""
    if o.view:
        return viewing(o)
    kernel, memory, in_rows = None, {}, o.rows
    plan = plan_for(o, (True, False)) if o.rules else None
    named = o.grad_name_ if callable(o.grad_name_) else None
    others = ANY_DTYPE if o.promote is None else frozenset()

    def fn(x=MISSING, /, *args, **kwargs):
        nonlocal kernel
        if type(x) not in READY:
            return call(o, (x, *args) if x is not MISSING else args, kwargs)
        a = x._a
        d = a.dtype
        if d is not FLOAT32 and d is not FLOAT64 and d not in others or a.size > SMALL or type(a) is not ndarray:
            return call(o, (x, *args), kwargs)
        try:
            key = key_of(a.ndim, args, kwargs)
            known = memory.get(key)
            if known is None:
                kernel, known = kernel_of(o), learnt(o, memory, key, a.ndim, (x, *args), kwargs)
            options, run = known
            r = kernel(np, a, *options) if run is None else run(a)
        except Exception:
            return call(o, (x, *args), kwargs)
        if in_rows and a.ndim > 1 and not a.flags.c_contiguous:
            r = laid_out(in_rows, r, (a,))
        t = new(Tensor)
        t._a = r if type(r) is ndarray else asarray(r) if isinstance(r, generic) else wrap(r)._a
        t._v = [0]
        if state.grad:
            if x._rg and plan is not None and t._a.dtype.kind in "fcV":  # V: bfloat16
                record_single(o, plan, x, (x, *options), t)
                if named is not None:
                    t._node._name = (named, options) if hasattr(named, "by_options") else named(x, *options)
        elif state.inference:
            t._inference = True
        return t
    return native.single(o, plan, memory, named, fn, bool(others), bool(in_rows)) or fn


def record_single(o: Op, plan, x, values, t) -> None:
    """Makes the node of an op on one tensor that needs a gradient."""
    node = new(Node)
    a = t._a
    node.op = o
    node.plan = plan
    node.shape = a.shape
    node.dtype = a.dtype
    node.seq = next_sequence()
    node._name = None
    edge = x._node or x._leaf or edge_of(x)
    node.edges = (edge,)
    if state.where:
        node.place = locate()
    saves = plan.saves
    if state.odd and (state.saved_hooks or x._inference):
        node.saved = [keep(fetch, values, (t,), node) for fetch in saves]
    else:
        node.saved = saved = []
        for fetch in saves:
            if fetch is FIRST:
                saved.append(saved_as_is(x, edge))
            elif fetch is RESULT:
                saved.append(saved_as_is(t, OUT))
            elif fetch is SHAPE:
                saved.append(x._a.shape)
            else:
                what, i = fetch
                saved.append(values[i] if what == "arg" else keep(fetch, values, (t,), node))
    t._node = node
    t._rg = True


# ---------------------------------------------------------------- an op on several tensors

def is_multiple(o: Op) -> bool:
    """Whether an op or composite takes several tensors and gives one result, with nothing that needs the long road."""
    return (not o.view and o.list_slot is None and o.out_count == 1 and len(o.tensor_slots) > 1 and "inplace" not in o.index
            and "out" not in o.index and (o.promote is None and o.check is None if o.composite else not o.fields))


def multiple(o: Op, finish):
    """The function of an op on several small tensors, of one dtype where it has them brought to one, with options."""
    memory, run, slots, named = {}, kernel_of(o), o.tensor_slots, o.composite and (o.grad_name_ is not None or o.fields)
    alike = frozenset(i for i in slots if o.kinds[i][:5] != "Index") if o.promote is not None else frozenset()
    numbers = frozenset(i for i in alike if o.kinds[i] in NUMBER_KINDS)

    def fn(*args, **kwargs):
        if kwargs or len(args) < o.required or len(args) > o.n_positional:
            return call(o, args, kwargs)
        dtype, needs, parts, tensors = None, False, [], []
        for i, value in enumerate(args):
            if i not in slots or i in numbers and (type(value) is float or type(value) is int) or value is None:
                _add_part(parts, value)
                continue
            a = value._a if type(value) in READY else None
            if type(a) is not ndarray or a.size > SMALL or a.dtype not in ANY_DTYPE:
                return call(o, args, kwargs)
            tensors.append(i)
            parts.append(a.ndim)
            needs = needs or value._rg
            if i in alike:
                if dtype is None and (a.dtype is FLOAT32 or a.dtype is FLOAT64):
                    dtype = a.dtype
                if a.dtype is not dtype:
                    return call(o, args, kwargs)
        if alike and dtype is None:
            return call(o, args, kwargs)
        try:
            key = tuple(parts)
            values = memory.get(key)
            if values is None:
                values = _without_tensors(o, args, tensors)
                if values is None:
                    raise LongRoad
                remember(memory, key, values)
            values = values[:]
            for i in tensors:
                values[i] = args[i]
            if o.composite:
                result = run(*values)
                return name_composite(o, result, values) if named else result
            if o.check is not None:
                o.check(values)
            raw = values[:]
            for i in tensors:
                raw[i] = values[i]._a
            r = run(np, *raw)
            if type(r) is tuple:
                raise LongRoad
            if o.rows:
                r = laid_out(o.rows, r, raw)
        except (TcliError, LongRoad, *KERNEL_ERRORS):
            return call(o, args, kwargs)
        return finish(o, values, r, needs)
    return fn


def _without_tensors(o: Op, args: tuple, tensors: list) -> list | None:
    """The values of a call in normal form, None in the place of tensors; None for a call of another kind."""
    if not all(is_memorable(v) for i, v in enumerate(args) if i not in tensors):
        return None
    values = bind(o, args, {})
    if any(values[i] is not args[i] for i in tensors):
        return None
    normalise(o, values)
    if any(type(v) is list for v in values):
        return None
    for i in tensors:
        values[i] = None
    return values


# ---------------------------------------------------------------- a composite of one tensor, or of none

def is_composed(o: Op) -> bool:
    """Whether a composite takes one tensor, its first argument, or none, and nothing that needs the long road."""
    return (o.composite and o.check is None and o.promote is None and o.list_slot is None and "inplace" not in o.index
            and (not o.tensor_slots or o.tensor_slots == (0,) and o.kinds[0] == "Tensor"))


def composed(o: Op):
    """The function of a composite of one tensor, or of none, with options."""
    return _of_one(o) if o.tensor_slots else _of_none(o)


def _of_one(o: Op):
    memory, run, named = {}, kernel_of(o), o.grad_name_ is not None or o.fields

    def fn(x=MISSING, /, *args, **kwargs):
        if type(x) not in READY:
            return call(o, (x, *args) if x is not MISSING else args, kwargs)
        a = x._a
        if type(a) is not ndarray or a.size > SMALL or a.dtype not in ANY_DTYPE:
            return call(o, (x, *args), kwargs)
        try:
            key = key_of(a.ndim, args, kwargs)
            options = memory.get(key)
            if options is None:
                options = worked_out(o, (x, *args), kwargs, 1)
                if options is None:
                    raise LongRoad
                remember(memory, key, options)
            result = run(x, *options)
        except (TcliError, LongRoad, *KERNEL_ERRORS):
            return call(o, (x, *args), kwargs)
        return name_composite(o, result, (x,)) if named else result
    return fn


def _of_none(o: Op):
    memory, run = {}, kernel_of(o)

    def fn(*args, **kwargs):
        try:
            key = way_of(0, args, kwargs)
            options = memory.get(key)
            if options is None:
                options = worked_out(o, args, kwargs, 0)
                if options is None:
                    raise LongRoad
                remember(memory, key, options)
            return run(*options)
        except (TcliError, LongRoad, *KERNEL_ERRORS):
            return call(o, args, kwargs)
    return fn
