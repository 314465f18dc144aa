"""The value of an expression that can be had without running anything: for completion and the bottom line.

Names, attributes and subscripts with constants are followed as long as that runs no code of the
program: its properties, `__getattr__` and `__getitem__` are not called. A call is not made either; where
the class of what it would give is known, `Instance` stands for it.
"""

from __future__ import annotations

from ast import Attribute, Call, Constant, Expr, List, Name, Subscript, Tuple, UnaryOp, USub
from collections.abc import Callable
from inspect import getattr_static

from ..errors import TcliError
from ..lang.parser import parse
from ..source import Source, is_program_code

Lookup = Callable[[str], object]


class Unknown(Exception):
    """The value cannot be had without running something."""


class Instance:
    """Some value of a class, not computed."""

    def __init__(self, kind: type):
        self.kind = kind


def peek(text: str, lookup: Lookup) -> object:
    """The value (or an `Instance`) of an expression; raises Unknown.

    >>> peek("d['a'][1]", {"d": {"a": [5, 6]}}.__getitem__)
    6
    """
    try:
        body = parse(Source(text)).body
    except TcliError:
        raise Unknown(text) from None
    if len(body) != 1 or not isinstance(body[0], Expr):
        raise Unknown(text)
    return _value(body[0].value, lookup)


def _value(node, lookup: Lookup) -> object:
    if isinstance(node, Name):
        try:
            return lookup(node.id)
        except KeyError:
            raise Unknown(node.id) from None
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Attribute):
        return attribute(_value(node.value, lookup), node.attr)
    if isinstance(node, Subscript):
        return _item(_value(node.value, lookup), node.slice)
    if isinstance(node, Call):
        return _result(_value(node.func, lookup))
    if isinstance(node, List):
        return Instance(list)
    raise Unknown(type(node).__name__)


def attribute(value: object, name: str) -> object:
    """An attribute that is had without running code of the program."""
    if isinstance(value, Instance):
        found = getattr_static(value.kind, name, None)
        if found is None or isinstance(found, property):
            raise Unknown(name)
        return getattr(value.kind, name)
    if name.startswith("__") or not _is_safe(value, name):
        raise Unknown(name)
    try:
        return getattr(value, name)
    except Exception:
        raise Unknown(name) from None


def _is_safe(value: object, name: str) -> bool:
    kind = type(value)
    for hook in ("__getattribute__", "__getattr__"):
        if _is_of_program(getattr(kind, hook, None)):
            return False
    found = getattr_static(kind, name, None)
    if found is None:
        return True
    getter = found.fget if isinstance(found, property) else getattr(type(found), "__get__", None)
    return not _is_of_program(getter)


def _is_of_program(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and is_program_code(code)


def _item(value: object, index) -> object:
    if isinstance(index, UnaryOp) and isinstance(index.op, USub) and isinstance(index.operand, Constant):
        key = -index.operand.value
    elif isinstance(index, Constant):
        key = index.value
    elif isinstance(index, Tuple) and all(isinstance(each, Constant) for each in index.elts):
        key = tuple(each.value for each in index.elts)
    else:
        raise Unknown("index")
    getter = getattr(type(value), "__getitem__", None)
    if isinstance(value, Instance) or getter is None or _is_of_program(getter):
        raise Unknown("index")
    try:
        return value[key]  # type: ignore[index]
    except Exception:
        raise Unknown("index") from None


def keys_of(value: object) -> list[str]:
    """The names in a dict, a state_dict or a table; of a class of the program nothing is asked."""
    if isinstance(value, dict):
        return [key for key in dict.keys(value) if isinstance(key, str)]
    keys = getattr(type(value), "keys", None)
    if isinstance(value, Instance) or keys is None or _is_of_program(keys):
        raise Unknown("keys")
    return [key for key in keys(value) if isinstance(key, str)]


def _result(function: object) -> object:
    """What a call would give, as far as the function alone tells."""
    from ..engine.tensor import Tensor

    if isinstance(function, type):
        return Instance(function)
    op = getattr(function, "op", None)
    if op is not None and getattr(op, "out_count", 1) == 1 and not getattr(op, "fields", None):
        return Instance(Tensor)
    if callable(getattr(function, "named_parameters", None)):  # a module
        return Instance(Tensor)
    raise Unknown("a call")
