"""An op's public callables: the function, the in-place method, the operators.

Pointwise ops with a ufunc get shortcuts for the common case (same dtype, no options): the shortest way
from `a + b` to NumPy and the tape. Everything else, errors included, takes the road of `dispatch.py`.
"""

from __future__ import annotations

import numpy as np

from ..errors import TcliError
from . import tensor as _tensor  # noqa: F401  binds the classes that dispatch hands out below
from .dispatch import (
    FLOATS,
    PLAIN,
    TENSORS,
    Tensor,
    _into_first,
    _keep,
    bind,
    bump,
    call,
    describe_operands,
    new,
    wrap,
)
from .meta import MetaArray
from .registry import Op, plan_for
from .tape import Node, edge_of, state

# what can stand beside a tensor in an operator
OPERANDS = (int, float, complex, list, tuple, range, np.ndarray, np.generic)


def make_function(o: Op):
    """The function a program calls: `torch.exp`."""
    if o.ufunc is not None and len(o.tensor_slots) == 1:
        fn = _unary(o, o.ufunc if callable(o.ufunc) else getattr(np, o.ufunc))
    elif o.ufunc is not None and len(o.tensor_slots) >= 2:
        fn = _binary_function(o, operator_for(o))
    elif o in _operators:
        fn = _binary_function(o, _operators[o])
    else:
        def fn(*args, **kwargs):
            return call(o, args, kwargs)
    fn.__name__ = fn.__qualname__ = o.name
    fn.__doc__ = o.fn.__doc__
    fn.op = o
    return fn


def make_inplace(o: Op):
    """The in-place method: `x.exp_()`."""
    def fn(x, *args, **kwargs):
        try:
            return _into_first(o, bind(o, (x, *args), kwargs))
        except TcliError as error:
            if not error.operands:
                error.operands = [(o.name, describe_operands(o, (x, *args), kwargs))]
            raise
    fn.__name__ = fn.__qualname__ = o.name + "_"
    fn.__doc__ = o.fn.__doc__
    fn.op = o
    return fn


def _unary(o: Op, ufunc):
    plan = plan_for(o, (True, False)) if o.rules else None

    def fn(x=None, *args, **kwargs):
        if type(x) not in TENSORS or args or kwargs or x._a.dtype not in FLOATS or type(x._a) is not np.ndarray:
            return call(o, (x, *args) if x is not None else args, kwargs)
        t = new(Tensor)
        a = ufunc(x._a)
        t._a = a if type(a) is np.ndarray else np.asarray(a)
        t._v = [0]
        if x._rg and state.grad and plan is not None:
            _record_unary(o, plan, x, t)
        return t
    return fn


def _record_unary(o: Op, plan, x, t) -> None:
    node = Node(o, plan, (edge_of(x),), None, t._a)
    node.saved = [_keep(fetch, (x,), (t,), node) for fetch in plan.saves]
    t._node, t._rg = node, True


_operators: dict[Op, object] = {}


def set_operator(o: Op, fn) -> None:
    """Gives a binary op that is no ufunc its own short way: `fn(x, other)`."""
    _operators[o] = fn


def operator_for(o: Op):
    """`(x, other)` for a binary pointwise op: the shortest way from `a + b` to the ufunc and the tape."""
    if o not in _operators:
        _operators[o] = _binary(o, getattr(np, o.ufunc))
    return _operators[o]


def _binary(o: Op, ufunc):
    extras = tuple(o.defaults[2:])
    plans = {mask: plan_for(o, (*mask, False)) for mask in ((True, False), (False, True), (True, True))} \
        if o.rules else None
    floats_only = o.promote == "float"
    ndarray = np.ndarray

    def slow(x, other):
        if isinstance(x, (Tensor, *OPERANDS)) and isinstance(other, (Tensor, *OPERANDS)):
            return call(o, (x, other), {})
        return NotImplemented

    def fn(x, other):
        kind, kind2 = type(x), type(other)
        try:
            if kind2 in TENSORS:
                b = other._a
                if kind in TENSORS:
                    a = x._a
                    if a.dtype is not b.dtype or a.dtype not in (FLOATS if floats_only else PLAIN):
                        return slow(x, other)
                    needs = x._rg or other._rg
                elif (kind is float or kind is int) and b.dtype in FLOATS:
                    a, needs = x, other._rg
                else:
                    return slow(x, other)
            elif (kind2 is float or kind2 is int) and x._a.dtype in FLOATS:
                a, b, needs = x._a, other, x._rg
            else:
                return slow(x, other)
            r = ufunc(a, b)
        except (ValueError, TypeError, OverflowError, AttributeError):
            return slow(x, other)
        if type(r) is MetaArray:
            return slow(x, other)  # the long road looks at devices
        t = new(Tensor)
        t._a = r if type(r) is ndarray else wrap(r)._a
        t._v = [0]
        if needs:
            if state.grad and plans is not None:
                _record_binary(o, plans, x, other, t, extras)
            elif state.inference:
                t._inference = True
        return t
    return fn


def _record_binary(o: Op, plans, x, other, t, extras) -> None:
    e1 = edge_of(x) if type(x) in TENSORS else None
    e2 = edge_of(other) if type(other) in TENSORS else None
    plan = plans[e1 is not None, e2 is not None]
    node = Node(o, plan, (e1, e2), None, t._a)
    saves = plan.saves
    if saves:
        values = (x, other, *extras)
        node.saved = [_keep(fetch, values, (t,), node) for fetch in saves]
    else:
        node.saved = saves
    t._node, t._rg = node, True


def _binary_function(o: Op, operator):
    def fn(*args, **kwargs):
        if not kwargs and len(args) == 2:
            result = operator(*args)
            if result is not NotImplemented:
                return result
        return call(o, args, kwargs)
    return fn


def make_inplace_operator(o: Op):
    """`x += y`: straight into the memory of `x` when nothing is recorded."""
    ufunc = getattr(np, o.ufunc)
    slow = make_inplace(o)

    def fn(x, other):
        kind = type(other)
        if not (x._rg and state.grad) and type(x) in TENSORS:
            a = x._a
            if kind in TENSORS:
                b = other._a
                if (not (other._rg and state.grad) and a.dtype is b.dtype and a.dtype in FLOATS and type(b) is np.ndarray
                        and a.shape == b.shape and a.flags.writeable):
                    ufunc(a, b, a)
                    bump(x)
                    return x
            elif (kind is float or kind is int) and a.dtype in FLOATS and type(a) is np.ndarray and a.flags.c_contiguous \
                    and a.flags.writeable:
                ufunc(a, other, a)
                bump(x)
                return x
        return slow(x, other)
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
