"""The ways in which an op is called: what tells them apart, and the options that each stands for, worked out once."""

from __future__ import annotations

from . import dtypes
from .args import Size
from .device import Device
from .dispatch import READY, bind, normalise
from .registry import Op

MISSING = object()
SEQUENCES = (tuple, list, Size)
MEMORABLE = frozenset({int, bool, str, float, type(None), dtypes.dtype, Device})
MOST = 256  # ways of calling one op that are remembered


_shut: dict = {}  # why short ways are shut -> the classes that took them


def shut(why: str) -> None:
    """From now on every call takes the long road, until `reopen(why)`."""
    _shut[why] = frozenset(READY) or next(iter(_shut.values()), frozenset())
    READY.clear()


def reopen(why: str) -> None:
    classes = _shut.pop(why, None)
    if classes is not None and not _shut:
        READY.update(classes)


class LongRoad(Exception):
    """A call has no short way. Raised, so that the long one runs outside of what catches its errors, and runs once."""


def key_of(ndim: int, args: tuple, kwargs: dict):
    """`way_of`, but nothing or a single integer stand for themselves: what a key is in compiled code."""
    if kwargs or len(args) > 1 or args and type(args[0]) is not int:
        return way_of(ndim, args, kwargs)
    return (ndim, args[0]) if args else ndim


def way_of(ndim: int, args: tuple, kwargs: dict) -> tuple:
    """What tells one way of calling an op from another: values and their types, for 1 == True == 1.0."""
    if len(kwargs) == 1 and not args:
        (name, value), = kwargs.items()
        if type(value) is int:
            return ndim, name, value
    parts: list = [ndim]
    for value in args:
        _add_part(parts, value)
    for name, value in kwargs.items():
        parts.append(name)
        _add_part(parts, value)
    return tuple(parts)


def _add_part(parts: list, value) -> None:
    kind = type(value)
    parts.append(kind)
    if kind is float and value == 0:
        parts.append(str(value))  # 0.0 == -0.0
    elif kind in SEQUENCES:
        parts.append(tuple(value))
        parts.extend(map(type, value))
    else:
        parts.append(value)


def is_memorable(value) -> bool:
    kind = type(value)
    return kind in MEMORABLE or kind in SEQUENCES and all(type(v) is int for v in value)


def worked_out(o: Op, args: tuple, kwargs: dict, skip: int) -> tuple | None:
    """The options of a call in normal form, after the first `skip` arguments; None for a call of another kind."""
    if not all(is_memorable(v) for v in (*args[skip:], *kwargs.values())):
        return None
    values = bind(o, args, kwargs)
    if skip and values[0] is not args[0]:
        return None
    normalise(o, values)
    found = tuple(values[skip:])
    # A list may be changed; what complex32 stands for takes the long road.
    return None if any(type(v) is list or v is dtypes.complex32 for v in found) else found


def remember(memory: dict, key, found) -> None:
    if len(memory) > MOST:
        memory.clear()
    memory[key] = found


def learnt(o: Op, memory: dict, key, ndim: int, args: tuple, kwargs: dict) -> tuple:
    """(options, what does it to small arrays or None) of a way of calling an op on one tensor, which is remembered."""
    options = worked_out(o, args, kwargs, 1)
    if options is None:
        raise LongRoad
    found = options, o.small(ndim, *options) if o.small is not None else None
    if found[1] is None and o.check is not None:
        raise LongRoad
    remember(memory, key, found)
    return found
