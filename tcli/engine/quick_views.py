"""The short ways of views: from `x.t()` to NumPy's view, the base that it belongs to and the tape entry.

A view costs NumPy next to nothing, so what surrounds it is kept short. What a call asks for is looked up by the number
of dims and the options, as in `options.py`; whatever does not fit goes the long road.
"""

from __future__ import annotations

from functools import update_wrapper
from weakref import ref

import numpy as np

from .. import native
from . import fuse as _fuse  # noqa: F401  binds the classes that dispatch hands out below
from .args import Size
from .dispatch import PRUNED_AT, READY, Tensor, call, keep, kernel_of, new, note_view, outs_count
from .registry import FIRST, SHAPE, Op, plan_for
from .tape import SMALL, Node, Pick, edge_of, locate, ndarray, next_sequence, saved_as_is, state
from .ways import MISSING, learnt, way_of

FIRST_ALONE = (True, False)


def is_plain(x) -> bool:
    """Whether `view_of` may be given a view of `x`."""
    return type(x) in READY and type(x._a) is ndarray and x._a.size <= SMALL and not x._half_complex


def viewing(o: Op):
    """The function of an op that gives a view of its one tensor."""
    kernel, memory = None, {}

    def fn(x=MISSING, /, first=MISSING, second=MISSING, *rest, **kwargs):
        nonlocal kernel
        if type(x) not in READY or type(x._a) is not ndarray or x._half_complex or x._a.size > SMALL:
            return call(o, given(x, first, second, rest), kwargs)
        a = x._a
        try:
            if first is MISSING and not kwargs:
                key = a.ndim
            elif type(first) is int and second is MISSING and not kwargs:
                key = a.ndim, first
            elif type(first) is int and type(second) is int and not rest and not kwargs:
                key = a.ndim, first, second
            else:
                key = way_of(a.ndim, given(x, first, second, rest)[1:], kwargs)
            known = memory.get(key)
            if known is None:
                kernel, known = kernel_of(o), learnt(o, memory, key, a.ndim, given(x, first, second, rest), kwargs)
            options, run = known
            r = kernel(np, a, *options) if run is None else run(a)
        except Exception:
            return call(o, given(x, first, second, rest), kwargs)
        return view_of(o, x, options, r)
    return in_c("viewing", o, memory, fn) or fn


def in_c(kind: str, o: Op, memory: dict, slow):
    """The short way of an op that gives a view in compiled code, False without; `slow` is this one."""
    named = o.grad_name_ if callable(o.grad_name_) else None
    fn = getattr(native, kind)(o, plan_for(o, FIRST_ALONE) if o.rules else None, memory, named, slow)
    return fn and update_wrapper(fn, slow)


def reshaping(view_op: Op):
    """A maker of the short way of `view` and `reshape`: views of contiguous arrays, recorded as those of `view_op`."""
    def make(o: Op, slow):
        def fn(x=MISSING, /, m=MISSING, n=MISSING, *more, **kwargs):
            if more or kwargs or type(x) not in READY or type(x._a) is not ndarray or x._half_complex:
                return slow(*given(x, m, n, more), **kwargs)
            a = x._a
            if type(m) is int and (n is MISSING or type(n) is int and n >= -1) and m >= -1:
                shape = (m,) if n is MISSING else (m, n)
            elif n is MISSING and (type(m) is tuple or type(m) is Size):
                shape = m
                for size in shape:
                    if type(size) is not int or size < -1:
                        return slow(x, m)
            else:
                return slow(*given(x, m, n))
            if not 0 < a.size <= SMALL or not a.flags.c_contiguous:
                return slow(*given(x, m, n))
            try:
                r = a.reshape(shape)
            except ValueError:
                r = None
            return view_of(view_op, x, (shape,), r) if r is not None else slow(*given(x, m, n))
        return in_c("reshaping", view_op, {}, fn) or fn
    return make


def given(x, first, second=MISSING, rest=()) -> tuple:
    """The positional arguments of a call again."""
    if second is not MISSING:
        return x, first, second, *rest
    if first is not MISSING:
        return x, first, *rest
    return (x, *rest) if x is not MISSING else ()


def view_of(o: Op, x, options: tuple, r):
    """The tensor around `r`, a view of the array of `x`: the result of `o` with (x, *options), recorded."""
    t = new(Tensor)
    t._a = r
    base, a = r.base, x._a
    if base is a or base is a.base and base is not None:
        # `note_view`, written out: a call more is felt in every view.
        t._v = x._v
        root = x._base
        if root is None:
            root = x
        t._base = root
        t._view = x, o, options
        if x._several is not None:
            t._several = x._several
        views = root._views
        if views is None:
            root._views = [ref(t)]
        else:
            if len(views) in PRUNED_AT:
                views[:] = [v for v in views if v() is not None]
            views.append(ref(t))
    else:
        t._v = None
        note_view(o, x, options, t)
        if t._v is None:
            t._v = [0]
    if state.grad:
        if x._rg and o.rules:
            record_view(o, x, options, t)
    elif state.inference:
        t._inference = True
    return t


def splitting(kind: str, o: Op, slow, name: str, view_op: Op, node_name: str | None, *more):
    """The short way of a split in compiled code, or `slow`: `o` records it, `view_op` is what each part is a view by."""
    plan = plan_for(o, FIRST_ALONE)
    return getattr(native, kind)(o, plan, (name, view_op, node_name), outs_count, slow, *more) or slow


def parts_of(o: Op, values: tuple, name: str, view_op: Op, options: list, arrays) -> tuple:
    """Tensors around `arrays`, all the parts of a split: the results of op `o`, recorded as one node.

    `values` are the arguments of `o`; part i is the view that `view_op` gives of the first with `options[i]`.
    """
    x = values[0]
    node, version, root = None, x._v, x._base
    if root is None:
        root = x
    views = root._views
    if views is None:
        views = root._views = []
    elif (len(views) + len(options)).bit_length() != len(views).bit_length() > 6:
        views[:] = [v for v in views if v() is not None]
    if state.grad and x._rg:
        node = Node(o, plan_for(o, FIRST_ALONE), (x._node or edge_of(x),), None, arrays[0])
        node.saved = [keep(fetch, values, (), node) for fetch in node.plan.saves]
        node.saved.append(outs_count(len(options)))
        if o.grad_name_ is not None and type(o.grad_name_) is not str:
            node._name = o.grad_name_(*values)
    found = []
    for i, r in enumerate(arrays):
        t = new(Tensor)
        t._a = r
        t._v = version
        t._base = root
        t._view = x, view_op, options[i]
        t._several = name, i
        if node is not None:
            t._node = Pick(node, i, r)
            t._rg = True
        elif state.inference:
            t._inference = True
        views.append(ref(t))
        found.append(t)
    return tuple(found)


def is_splittable(x, dim) -> bool:
    """Whether `parts_of` may take the parts of `x` along `dim`."""
    if type(x) not in READY or type(dim) is not int:
        return False
    a = x._a
    return type(a) is ndarray and 0 < a.size <= SMALL and -a.ndim <= dim < a.ndim and not x._half_complex


def record_view(o: Op, x, options: tuple, t) -> None:
    """Makes the node of a view; a name that depends on the options is worked out when somebody asks."""
    a = t._a
    if a.dtype is not x._a.dtype and a.dtype.kind not in "fcV":  # V: bfloat16
        return
    plan = o.plans.get(FIRST_ALONE) or plan_for(o, FIRST_ALONE)
    node = new(Node)
    node.op = o
    node.plan = plan
    node.shape = a.shape
    node.dtype = a.dtype
    node.seq = next_sequence()
    named = o.grad_name_
    if named is None or type(named) is str:
        node._name = None
    elif hasattr(named, "by_options"):
        node._name = named, (*options, x._a.shape) if hasattr(named, "by_shape") else options
    else:
        node._name = named(x, *options)
    edge = x._node or x._leaf or edge_of(x)
    node.edges = (edge,)
    if state.where:
        node.place = locate()
    node.saved = saved = []
    for fetch in plan.saves:
        if fetch is SHAPE:
            saved.append(x._a.shape)
        elif fetch[0] == "arg" and fetch[1]:
            saved.append(options[fetch[1] - 1])
        elif fetch is FIRST and not (state.odd and (state.saved_hooks or x._inference)):
            saved.append(saved_as_is(x, edge))
        else:
            saved.append(keep(fetch, (x, *options), (t,), node))
    t._node = node
    t._rg = True
