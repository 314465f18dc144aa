"""The arguments of a call in the order of an op's parameters, by place and by name."""

from __future__ import annotations

from ..errors import ArgumentError
from .old_signatures import from_old_order
from .registry import Op, missing_argument

ALIASES = {"input": "x", "axis": "dim", "keepdims": "keepdim", "x": "input", "self": "x", "x1": "x", "x2": "other"}


def bind(o: Op, args: tuple, kwargs: dict) -> list:
    """The values of a call in the order of the op's parameters."""
    n = len(args)
    if o.star is not None and n > o.star:
        head = args[o.star]
        if n > o.star + 1 and (type(head) is int or hasattr(head, "__index__") and not isinstance(head, (tuple, list))):
            args = (*args[:o.star], args[o.star:])
            n = o.star + 1
    if n > o.n_positional:
        old = from_old_order(o, args)
        if old is not None:
            return bind(o, old[0], old[1] | kwargs)
        raise ArgumentError(f"{o.name}() takes {o.n_positional} positional argument"
                            f"{'s' if o.n_positional != 1 else ''} but {n} were given")
    values = [*args, *o.defaults[n:]]
    bound = _bind_keywords(o, values, n, kwargs) if kwargs else ()
    if n < o.required and any(i not in bound for i in range(n, o.required)):
        raise missing_argument(o, n)
    return values


def _bind_keywords(o: Op, values: list, n: int, kwargs: dict) -> set[int]:
    """Puts keyword arguments in their places; says which places these are."""
    bound = set()
    for name, value in kwargs.items():
        i = o.index.get(name)
        if i is None:
            i = o.index.get(ALIASES.get(name, name))
        if i is None:
            raise ArgumentError(f"{o.name}() got an unexpected keyword argument '{name}'")
        if i < n:
            raise ArgumentError(f"{o.name}() got multiple values for argument '{name}'")
        values[i] = value
        bound.add(i)
    return bound
