"""The arguments of a call in the order of an op's parameters, by place and by name."""

from __future__ import annotations

from ..errors import ArgumentError
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
        raise ArgumentError(f"{o.name}() takes {o.n_positional} positional argument"
                            f"{'s' if o.n_positional != 1 else ''} but {n} were given")
    values = [*args, *o.defaults[n:]]
    if kwargs:
        _bind_keywords(o, values, n, kwargs)
    if n < o.required:
        for name in o.names[n:o.required]:
            if name not in kwargs and ALIASES.get(name) not in kwargs and not (name == "x" and "input" in kwargs):
                raise missing_argument(o, n)
    return values


def _bind_keywords(o: Op, values: list, n: int, kwargs: dict) -> None:
    for name, value in kwargs.items():
        i = o.index.get(name)
        if i is None:
            i = o.index.get(ALIASES.get(name, name))
        if i is None:
            raise ArgumentError(f"{o.name}() got an unexpected keyword argument '{name}'")
        if i < n:
            raise ArgumentError(f"{o.name}() got multiple values for argument '{name}'")
        values[i] = value
