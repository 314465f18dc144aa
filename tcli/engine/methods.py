"""Gives `Tensor` its methods and operators from the registry."""

from __future__ import annotations

from . import callables, registry, rule_helpers  # noqa: F401  declares the helpers
from .overrides import answers
from .tensor import Tensor

OPERATORS = ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift",
             "rshift", "eq", "ne", "lt", "le", "gt", "ge")
REFLECTED_NAMES = {"__rsub__": "RsubBackward1"}


def install() -> None:
    """Gives the class its methods: everything the registry declares at `tensor.`, each made when it is first used."""
    for table in (registry.paths, registry.functions):
        for path in table:
            space, _, name = path.partition(".")
            if space == "tensor":
                setattr(Tensor, name, OnDemand(name))


class OnDemand:
    """Stands for a method or property of Tensor until somebody asks for it; then its family is loaded."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def _make(self) -> None:
        path = "tensor." + self.name
        found = registry.functions.get(path)
        setattr(Tensor, self.name, _method(self.name, registry.paths[path]) if found is None else found)

    def __get__(self, tensor, owner):
        self._make()
        return getattr(owner if tensor is None else tensor, self.name)

    def __set__(self, tensor, value):
        self._make()
        setattr(tensor, self.name, value)


def _method(name: str, o):
    """What the class gets for an op: its function, its in-place form or an operator."""
    if name.endswith("_") and not name.endswith("__") and o.name != name:
        return callables.make_inplace(o)
    return _operator(name, o) if name.startswith("__") else o.function


def _operator(name: str, o):
    if name.startswith("__i") and name[3:-2] in ("add", "sub", "mul", "truediv") and o.ufunc:
        return callables.make_inplace_operator(o)
    if name.startswith("__i") and name != "__invert__":
        return operands_only(callables.make_inplace(o))
    if name[2:-2] in OPERATORS and (o.ufunc or o in callables._operators) and len(o.tensor_slots) >= 2:
        return guarded_operator(callables.operator_for(o), name)
    if name.startswith("__r") and name[3:-2] in OPERATORS and o.name != "_rdiv":
        base = callables.operator_for(o) if o.ufunc or o in callables._operators else operands_only(o.function)
        # For + and * PyTorch does not turn the operands round, which shows where complex numbers are infinite.
        return base if name in ("__radd__", "__rmul__") else callables.reflected(base, REFLECTED_NAMES.get(name))
    return operands_only(o.function) if name[2:-2] in OPERATORS else o.function


def operands_only(function):
    """A function as an operator: Python words the error where one of the sides is no operand."""
    operands = (Tensor, *callables.OPERANDS)

    def operate(x, other):
        known = isinstance(other, operands) or answers(type(other))
        return function(x, other) if known and isinstance(x, operands) else NotImplemented
    return operate


def guarded_operator(operator, name: str):
    """The operator itself; comparisons with things that are no operands answer as Python does."""
    if name not in ("__eq__", "__ne__"):
        return operator

    def compare(x, other):
        if isinstance(other, (Tensor, *callables.OPERANDS)):
            return operator(x, other)
        return NotImplemented
    return compare
