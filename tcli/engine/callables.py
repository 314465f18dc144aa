"""An op's public callables: the function, the in-place method, the operators.

Pointwise ops with a ufunc get shortcuts for the common case (same dtype, no options): the shortest way
from `a + b` to NumPy and the tape. Everything else, errors included, takes the road of `dispatch.py`.
"""

from __future__ import annotations

from functools import partial
from math import copysign

import numpy as np

from .. import native
from ..errors import TcliError
from . import backward, device, dtypes, fuse, halves  # first: it binds the classes that dispatch hands out below
from .args import NUMBER_KINDS, size_of, sizes
from .dispatch import (
    PLAIN,
    READY,
    TENSORS,
    Tensor,
    _into_first,
    bind,
    bump,
    call,
    describe_operands,
    keep,
    kernel_of,
    new,
    normalise,
    overridden,
    record,
    wrap,
)
from .dtypes import by_numpy, dtype, get_default_dtype
from .fields import dtype_of
from .meta import MetaArray
from .notes import note_expansion, shortcuts
from .options import ANY_DTYPE, composed, is_composed, is_multiple, is_single, multiple, record_single, single
from .overlap import related
from .overrides import Overridden, answers
from .passing import giving_several, is_several, with_shortcut
from .quick_views import record_view, view_of
from .registry import FIRST, RESULT, SECOND, SHAPE, Op, Plan, T, ops, plan_for
from .tape import (
    FLOAT32,
    FLOAT64,
    OUT,
    SMALL,
    AccumulateGrad,
    Node,
    Pick,
    Saved,
    ShownNode,
    edge_of,
    locate,
    ndarray,
    next_sequence,
    saved_as_is,
    state,
)
from .waiting import before_write, exposed, readers

asarray, defer_one, defer_pair = np.asarray, fuse.defer_one, fuse.defer_pair

OF_TRUTH = (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.equal, np.not_equal)  # ufuncs that do on bools what PyTorch does
EXACT = frozenset((np.add, np.subtract, np.multiply, np.equal, np.not_equal, np.less, np.less_equal, np.greater,
                   np.greater_equal, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.maximum, np.minimum))  # of int64
INTEGERS = PLAIN - {FLOAT32, FLOAT64}
INT64, WIDEST = np.dtype(np.int64), 1 << 63


def __getattr__(name: str):
    """An op's function by its name, where pickle looks for it."""
    if name in ops:
        return getattr(T, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


# what can stand beside a tensor in an operator
OPERANDS = (int, float, complex, list, tuple, range, np.ndarray, np.generic)


if native.kernels is not None:
    native.bind_engine({
        "tensor": Tensor, "classes": tuple(READY), "ready": READY, "node": Node, "saved": Saved, "state": state, "first": FIRST,
        "second": SECOND, "result": RESULT, "shape": SHAPE, "out": OUT, "edge_of": edge_of, "locate": locate,
        "note_expansion": note_expansion, "kernel_of": kernel_of, "record_single": record_single, "view_of": view_of,
        "record_view": record_view, "readers": readers, "exposed": exposed, "dtypes": by_numpy, "dtype_of": dtype_of,
        "device_names": vars(device), "dtype_names": vars(dtypes), "sizes": sizes, "size_of": size_of, "plan": Plan,
        "numpy": np, "dtype": dtype, "shown": ShownNode, "accumulate": AccumulateGrad, "pick": Pick, "op": Op,
        **backward.steps()})
    native.set_small(SMALL)


def make_function(o: Op):
    """The function a program calls: `torch.exp`."""
    if o.ufunc is not None and len(o.tensor_slots) == 1:
        fn = _unary(o, o.ufunc if callable(o.ufunc) else getattr(np, o.ufunc))
    elif o.ufunc is not None and len(o.tensor_slots) >= 2:
        fn = _binary_function(o, operator_for(o))
    elif o in _operators:
        fn = _binary_function(o, _operators[o])
    elif o in _makers:
        fn = _makers[o](o, _long_road(o))
    elif o in _shortcuts:
        fn = with_shortcut(o, _shortcuts[o])
    elif is_single(o):
        fn = single(o)
    elif is_composed(o):
        fn = composed(o)
    elif is_several(o):
        fn = giving_several(o)
    elif is_multiple(o):
        fn = multiple(o, finish)
    else:
        def fn(*args, **kwargs):
            return call(o, args, kwargs)
    fn.__name__ = fn.__qualname__ = o.name
    fn.__doc__ = o.fn.__doc__
    fn.op = o
    return fn


_shortcuts: dict[Op, object] = {}


def shortcut(name: str):
    """Gives an op a short way for its common calls: a function of the same arguments that may answer
    NotImplemented, which sends the call down the long road."""
    def declare(fn):
        _shortcuts[ops[name]] = fn
        return fn
    return declare


_makers: dict[Op, object] = {}
_inplace_makers: dict[Op, object] = {}


def short_way(name: str):
    """`shortcut` for where a call counts: a maker of the op's function from (op, the function of the long road).

    "exp_" stands for the in-place form of the op "exp".
    """
    def declare(maker):
        if name not in ops and name.endswith("_"):
            _inplace_makers[ops[name[:-1]]] = maker
        else:
            _makers[ops[name]] = maker
        return maker
    return declare


def _long_road(o: Op):
    return lambda *args, **kwargs: call(o, args, kwargs)


def of_pair(o: Op, long_road):
    """A maker for `short_way`: the function of an op on two tensors of one dtype that compiled code has loops for."""
    return native.binary(o, partial(o.fn, np), plans_of_two(o), long_road, False, (None,)) or multiple(o, finish)


def finish(o: Op, values, r, needs: bool, name: str | None = None):
    """The tensor around a kernel's result, recorded where an operand needs a gradient: the end of a shortcut.

    `name` of the node, where the op's depends on the arguments and the caller knows it.
    """
    t = native.finish(o, values, r, needs, name)
    if t is not False:
        return t
    t = new(Tensor)
    t._a = r if type(r) is ndarray else asarray(r)
    t._v = [0]
    if state.grad:
        if needs:
            if o.list_slot is not None or state.odd and (state.saved_hooks or any(map(_is_inferred, values))):
                record(o, values, (t,))
            else:
                _record_one(o, values, t, name)
    elif state.inference:
        t._inference = True
    return t


def _record_one(o: Op, values, t, name: str | None) -> None:
    """`record` for one float result of READY tensors, numbers and None, without hooks for what is saved."""
    edges = []
    for i in o.tensor_slots:
        value = values[i]
        edges.append((value._node or value._leaf or edge_of(value)) if type(value) in TENSORS and value._rg else None)
    if len(edges) == 1:
        mask: tuple = FIRST_ALONE
    elif len(edges) == 2:
        mask = edges[0] is not None, edges[1] is not None, False
    else:
        mask = (*[edge is not None for edge in edges], False)
    plan = o.plans.get(mask) or plan_for(o, mask)
    if not plan.rules:
        return
    node = new(Node)
    a = t._a
    node.op = o
    node.plan = plan
    node.shape = a.shape
    node.dtype = a.dtype
    node.seq = next_sequence()
    node._name = name
    node.edges = edges
    if state.where:
        node.place = locate()
    node.saved = saved = []
    for fetch in plan.saves:
        what, i = fetch
        value = values[i] if what != "out" else t
        if type(value) in READY:
            if what == "shape":
                saved.append(value._a.shape)
            elif what == "dtype":
                saved.append(keep(fetch, values, (t,), node))
            else:
                saved.append(saved_as_is(value, OUT if value is t else value._node or edge_of(value)))
        elif what == "arg" and type(value) is not list:
            saved.append(value)
        else:
            saved.append(keep(fetch, values, (t,), node))
    if name is None and o.grad_name_ is not None and type(o.grad_name_) is not str:
        node._name = o.grad_name_(*values)
    t._node = node
    t._rg = True


FIRST_ALONE = (True, False)


def is_small(t) -> bool:
    """Whether `t` is a small float32 or float64 tensor in NumPy's memory: what shortcuts take."""
    if type(t) not in READY:
        return False
    a = t._a
    return (a.dtype is FLOAT32 or a.dtype is FLOAT64) and a.size <= SMALL and type(a) is ndarray


def make_inplace(o: Op):
    """The in-place method: `x.exp_()`."""
    quick = _write_binary(o, getattr(np, o.ufunc)) if isinstance(o.ufunc, str) and len(o.tensor_slots) == 2 else None

    def fn(x, *args, **kwargs):
        if quick is not None and len(args) == 1:
            if not kwargs and quick(x, args[0]):
                return x
            if len(kwargs) == 1 and type(kwargs.get("alpha")) in (int, float) and is_small(args[0]) and not (
                    args[0]._rg and state.grad) and quick(x, wrap(args[0]._a * kwargs["alpha"])):
                return x
        try:
            values = bind(o, (x, *args), kwargs)
            if type(x) not in TENSORS:
                normalise(o, values)  # may be of a class that answers for itself
            return _into_first(o, values)
        except Overridden:
            return overridden(fn, (x, *args), kwargs)
        except TcliError as error:
            if not error.operands:
                error.operands = [(o.name, describe_operands(o, (x, *args), kwargs))]
            raise
    if quick is not None:
        fn = native.writing(o, getattr(np, o.ufunc), fn) or fn
    elif o in _inplace_makers:
        fn = _inplace_makers[o](o, fn)
    elif o.ufunc is not None and len(o.tensor_slots) == 1:
        fn = native.rewriting(o, o.ufunc if callable(o.ufunc) else getattr(np, o.ufunc), fn) or fn
    fn.__name__ = fn.__qualname__ = o.name + "_"
    fn.__doc__ = o.fn.__doc__
    fn.op = o
    return fn


def record_alone(o: Op, plan, x, t, of_result: bool) -> None:
    """`record_single` where one value, the result or the operand, is all that the gradient asks for."""
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
    s = new(Saved)
    if of_result:
        s.array = a
        s.versions = t._v
        s.version = 0
        s.edge = OUT
    else:
        s.array = x._a
        v = s.versions = x._v
        s.version = v[0]
        s.edge = edge
    s.hooked = None
    node.saved = [s]
    t._node = node
    t._rg = True


def _unary(o: Op, ufunc):
    plan = plan_for(o, FIRST_ALONE) if o.rules else None
    saves = plan.saves if plan is not None else ()
    # Whether one saved value, the operand or the result, is all that the gradient asks for.
    alone = len(saves) == 1 and saves[0] in (FIRST, RESULT)
    of_result = alone and saves[0] is RESULT
    fuses = o.fuse is True and o.promote in ("same", "float") and isinstance(o.ufunc, str) and "d->d" in ufunc.types

    def fn(x=None, *args, **kwargs):
        if not args and not kwargs:
            if type(x) in READY:
                a = x._a
                if (a.dtype is FLOAT32 or a.dtype is FLOAT64) and a.size <= SMALL and type(a) is ndarray:
                    r = ufunc(a)
                    t = new(Tensor)
                    t._a = r if type(r) is ndarray else asarray(r)
                    t._v = [0]
                    if state.grad:
                        if x._rg and plan is not None:
                            if not alone or state.odd or state.where:
                                record_single(o, plan, x, (x,), t)
                            else:
                                record_alone(o, plan, x, t, of_result)
                    elif state.inference:
                        t._inference = True
                    return t
            if fuses and (t := defer_one(o, ufunc, x)) is not None:
                return t
        return call(o, (x, *args) if x is not None else args, kwargs)
    return native.unary(o, ufunc, plan, fn) or fn


_operators: dict[Op, object] = {}


def set_operator(o: Op, fn, compiled=False) -> None:
    """Gives a binary op that is no ufunc its own short way: `fn(x, other)`, or one made of it in compiled code."""
    _operators[o] = compiled or fn
    shortcuts.add(fn.__code__)


def operator_for(o: Op):
    """`(x, other)` for a binary pointwise op: the shortest way from `a + b` to the ufunc and the tape."""
    if o not in _operators:
        _operators[o] = _binary(o, getattr(np, o.ufunc))
    return _operators[o]


def _binary(o: Op, ufunc):
    extras = tuple(o.defaults[2:])
    plans = plans_of_two(o) if o.rules else None
    others = frozenset() if o.promote == "float" else ANY_DTYPE if ufunc in OF_TRUTH else PLAIN
    compares = o.promote == "compare"
    fuses = o.fuse is True and o.promote in ("same", "float") and "dd->d" in ufunc.types

    def fits(d, number: int) -> bool:
        # Out of range NumPy's arithmetic raises, which leads to the slow way; its comparisons do not.
        return d in PLAIN and d in others and (not compares or d is INT64 and -WIDEST <= number < WIDEST)

    def as_floats(a, number):
        """An array of integers in the default dtype, where a number beside it asks for that; else None."""
        if (type(number) is float or o.promote == "float") and type(a) is ndarray and a.size <= SMALL and a.dtype in INTEGERS:
            return halves.cast(a, get_default_dtype().numpy)
        return None

    def of_two_dtypes(x, other):
        """Small float tensors of two dtypes, neither of them a number without dims, which would not count."""
        if type(x) not in READY or type(other) not in READY or state.grad and (x._rg or other._rg) or state.inference:
            return None
        a, b = x._a, other._a
        if type(a) is not ndarray or type(b) is not ndarray or a.dtype not in _constants or b.dtype not in _constants or (
                not a.ndim or not b.ndim or a.shape != b.shape or a.size > SMALL):
            return None
        try:
            return wrap(ufunc(a, b))
        except TypeError:
            return None

    def slow(x, other):
        t = defer_pair(o, ufunc, x, other) if fuses else None
        if t is None:
            t = of_two_dtypes(x, other)
        if t is not None:
            return t
        if isinstance(x, (Tensor, *OPERANDS)) and isinstance(other, (Tensor, *OPERANDS)):
            result = call(o, (x, other), {})
            if isinstance(x, Tensor) and isinstance(other, Tensor):
                note_expansion(x, other, result)
            return result
        if any(type(side) not in TENSORS and answers(type(side)) for side in (x, other)):
            return overridden(o.function, (x, other), {})
        return NotImplemented

    def fn(x, other):
        kind, kind2 = type(x), type(other)
        try:
            if kind2 in READY:
                b = other._a
                d = b.dtype
                if kind in READY:
                    a = x._a
                    both = a.size + b.size
                    if a.dtype is not d or d is not FLOAT32 and d is not FLOAT64 and d not in others or both > SMALL:
                        return slow(x, other)
                    needs = x._rg or other._rg
                elif (kind is float or kind is int) and (d is FLOAT32 or d is FLOAT64) and b.size <= SMALL:
                    a, needs, both = constant(x, b, d), other._rg, SMALL
                elif kind is int and fits(d, x) and b.size <= SMALL:
                    a, needs, both = x, other._rg, SMALL
                else:
                    b = as_floats(b, x) if kind is float or kind is int else None
                    if b is None:
                        return slow(x, other)
                    a, needs, both = x, False, SMALL
            elif (kind2 is float or kind2 is int) and kind in READY:
                a, needs, both = x._a, x._rg, SMALL
                d = a.dtype
                if (d is FLOAT32 or d is FLOAT64) and a.size <= SMALL:
                    b = constant(other, a, d)
                else:
                    b = other
                    if kind2 is float or not fits(d, b) or a.size > SMALL:
                        a = as_floats(a, b)
                        if a is None:
                            return slow(x, other)
            else:
                return slow(x, other)
            r = ufunc(a, b)
        except (ValueError, TypeError, OverflowError, AttributeError, MemoryError):
            return slow(x, other)
        t = new(Tensor)
        if type(r) is ndarray:
            t._a = r
        elif type(r) is MetaArray:
            return slow(x, other)  # the long road looks at devices
        else:
            t._a = wrap(r)._a
        t._v = [0]
        if r.size > both:
            note_expansion(x, other, t)
        if state.grad:
            if needs and plans is not None:
                record_binary(o, plans, x, other, t, extras)
        elif state.inference:
            t._inference = True
        return t
    return native.binary(o, ufunc, plans, fn, ufunc in EXACT, (None, *extras)) or fn


_constants: dict = {FLOAT32: {}, FLOAT64: {}}  # by dtype and value: arrays without dims
_constants32, _constants64 = _constants.values()


def constant(number, a, d):
    """A number beside `a`, an array of dtype `d`, as NumPy takes it up quickest: as an array of that dtype."""
    if number == 0:
        if copysign(1.0, number) < 0:
            return number
        number = 0  # -0.0 == 0.0, and one array stands for the latter alone
    if type(a) is not ndarray:
        return number
    known = _constants32 if d is FLOAT32 else _constants64
    found = known.get(number)
    if found is None:
        if len(known) > 200:
            known.clear()
        found = known[number] = asarray(number, d)
    return found


def plans_of_two(o: Op) -> tuple:
    """The plans of an op on two tensors where the first, the second or both need a gradient."""
    return None, *(plan_for(o, (*mask, False)) for mask in ((True, False), (False, True), (True, True)))


def record_binary(o: Op, plans: tuple, x, other, t, extras) -> None:
    """Makes the node of an op on two operands, of which one is a tensor that needs a gradient."""
    if native.record_pair(o, plans, x, other, t, extras):
        return
    e1 = e2 = None
    if type(x) in READY and x._rg:
        e1 = x._node or x._leaf or edge_of(x)
    if type(other) in READY and other._rg:
        e2 = other._node or other._leaf or edge_of(other)
    plan = plans[1 if e2 is None else 2 if e1 is None else 3]
    node = new(Node)
    a = t._a
    node.op = o
    node.plan = plan
    node.shape = a.shape
    node.dtype = a.dtype
    node.seq = next_sequence()
    node._name = None
    node.edges = (e1, e2)
    if state.where:
        node.place = locate()
    saves = plan.saves
    if not saves:
        node.saved = saves
    elif state.odd and (state.saved_hooks or _is_inferred(x) or _is_inferred(other)):
        values = (x, other, *extras)
        node.saved = [keep(fetch, values, (t,), node) for fetch in saves]
    else:
        node.saved = saved = []
        for fetch in saves:
            if fetch is SECOND:
                value, edge = other, e2
            elif fetch is FIRST:
                value, edge = x, e1
            elif fetch is RESULT:
                value, edge = t, OUT
            else:
                what, i = fetch
                saved.append(extras[i - 2] if what == "arg" else keep(fetch, (x, other, *extras), (t,), node))
                continue
            if type(value) in READY:  # `saved_as_is`, written out
                s = new(Saved)
                s.array = value._a
                v = s.versions = value._v
                s.version = v[0]
                s.edge = edge
                s.hooked = None
                saved.append(s)
            else:
                saved.append(value)
    t._node = node
    t._rg = True


def _is_inferred(value) -> bool:
    return type(value) in READY and value._inference


def _binary_function(o: Op, operator):
    number, number2 = (kind in NUMBER_KINDS for kind in o.kinds[:2])

    def fn(*args, **kwargs):
        if not kwargs and len(args) == 2 and (number or type(args[0]) in TENSORS) and (number2 or type(args[1]) in TENSORS):
            result = operator(*args)
            if result is not NotImplemented:
                return result
        return call(o, args, kwargs)
    return fn


def _write_binary(o: Op, ufunc):
    """`fn(x, other)`: writes the result into `x` where nothing is recorded and says whether it did."""
    def write(x, other) -> bool:
        kind = type(other)
        if type(x) not in READY or x._rg and state.grad or x._inference or (
                x._base is not None and x._base._rg and state.grad):
            return False
        a = x._a
        d = a.dtype
        if d is not FLOAT32 and d is not FLOAT64 or a.size > SMALL or type(a) is not ndarray:
            return False
        if kind in READY:
            b = other._a
            if other._rg and state.grad or b.dtype is not d or type(b) is not ndarray or b.ndim and a.shape != b.shape or (
                    other._v is x._v and other is not x):
                return False
            if related(a, b):
                return False  # may overlap in part
        elif kind is float or kind is int:
            b = constant(other, a, d)
        else:
            return False
        flags = a.flags
        if not flags.c_contiguous or not flags.writeable:
            return False
        if readers:
            before_write(a)
        ufunc(a, b, a)
        if state.where:
            bump(x)
        else:
            x._v[0] += 1
        return True
    return write


def make_inplace_operator(o: Op):
    """`x += y`: straight into the memory of `x` when nothing is recorded."""
    write, slow = _write_binary(o, getattr(np, o.ufunc)), make_inplace(o)

    def fn(x, other):
        if write(x, other):
            return x
        return slow(x, other) if isinstance(other, (Tensor, *OPERANDS)) else NotImplemented
    fn = native.writing(o, getattr(np, o.ufunc), fn) or fn
    fn.__name__ = fn.__qualname__ = "__i" + o.name + "__"
    return fn


def reflected(operator, grad_name: str | None = None):
    """`other - x` from `x.__rsub__(other)`; `grad_name` where PyTorch's node is named after another op."""
    def fn(x, other):
        t = operator(other, x)
        if grad_name is not None and t is not NotImplemented and t._node is not None:
            t._node._name = grad_name
        return t
    return fn
