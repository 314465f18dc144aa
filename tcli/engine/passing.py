"""Ways that only compiled code makes short: ops on one tensor that give several, and composites that hand their tensor on."""

from __future__ import annotations

from collections.abc import Callable

from .. import native
from ..errors import TcliError
from .dispatch import READY, call, takes_one
from .named_results import struct
from .options import ANY_DTYPE, composed
from .registry import Op, T, ops, plan_for
from .tape import ndarray
from .ways import MISSING, LongRoad, key_of, learnt, remember, worked_out


def _learns(o: Op, memory: dict, learn: Callable, slow: Callable) -> Callable:
    """`slow`, which remembers how it was called: the next time the way is a short one."""
    def fn(x=MISSING, /, *args, **kwargs):
        if x is MISSING:
            return slow(*args, **kwargs)
        if type(x) in READY and type(x._a) is ndarray and x._a.dtype in ANY_DTYPE and not (args and type(args[0]) in READY):
            try:
                key = key_of(x._a.ndim, args, kwargs)
                if key not in memory:
                    learn(key, x, args, kwargs)
            except (TcliError, LongRoad, TypeError, ValueError):
                pass
        return slow(x, *args, **kwargs)
    return fn


def with_shortcut(o: Op, quick: Callable):
    """The function of an op whose common calls `quick` does; it answers NotImplemented to others."""
    def fn(*args, **kwargs):
        try:
            result = quick(*args, **kwargs)
        except (TypeError, ValueError, AttributeError, TcliError):
            result = NotImplemented
        return result if result is not NotImplemented else call(o, args, kwargs)
    return fn


def is_several(o: Op) -> bool:
    """Whether an op takes one tensor, its first argument, and gives several, with a `small` for some of its options."""
    return takes_one(o) and o.out_count > 1 and o.small is not None and not o.view and "inplace" not in o.index


def giving_several(o: Op):
    """The function of an op that gives several tensors."""
    memory: dict = {}

    def learn(key, x, args, kwargs) -> None:
        learnt(o, memory, key, x._a.ndim, (x, *args), kwargs)
        if memory[key][1] is None:
            del memory[key]

    def slow(*args, **kwargs):
        return call(o, args, kwargs)
    fn = _learns(o, memory, learn, slow)
    plan = plan_for(o, (True, False)) if o.rules else None
    named = o.grad_name_ if callable(o.grad_name_) else None
    kind = struct(o.name, o.fields) if o.fields else tuple
    return native.several(o, plan, memory, named, fn, o.promote is None, kind) or slow


def passing_on(where: Callable, quick: Callable | None = None):
    """A maker of the short way of a composite that hands its tensor on, with other options, to another op.

    `where(ndim, *options)` gives that op's name and its options, or None for a call that takes more. `quick` is a
    shortcut of the composite (see `callables.shortcut`) for where there is no compiled code.
    """
    def make(o: Op, long_road):
        memory: dict = {}

        def learn(key, x, args, kwargs) -> None:
            options = worked_out(o, (x, *args), kwargs, 1)
            found = where(x._a.ndim, *options) if options is not None else None
            if found is None:
                return
            inner, options = ops[found[0]], found[1:]
            run = inner.small(x._a.ndim, *options) if inner.small is not None else None
            if run is not None:
                kind = None if inner.out_count == 1 else struct(o.name, o.fields) if o.fields else tuple
                remember(memory, key, (options, run, getattr(T, inner.name), kind))
        slow = composed(o) if quick is None else with_shortcut(o, quick)
        return native.passing(o, memory, _learns(o, memory, learn, slow)) or slow
    return make
