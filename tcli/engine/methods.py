"""Gives `Tensor` its methods and operators from the registry; called once, when all ops are declared."""

from __future__ import annotations

from . import callables, registry, rule_helpers  # noqa: F401  declares the helpers
from .overrides import answers
from .tensor import Tensor

OPERATORS = ("add", "sub", "mul", "truediv", "div", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift",
             "rshift", "eq", "ne", "lt", "le", "gt", "ge")
REFLECTED_NAMES = {"__rsub__": "RsubBackward1", "__rtruediv__": "MulBackward0"}


def install() -> None:
    """Gives the class its methods: everything the registry declares at `tensor.`."""
    for path, o in registry.paths.items():
        space, _, name = path.partition(".")
        if space != "tensor":
            continue
        if name.endswith("_") and not name.endswith("__") and o.name != name:
            setattr(Tensor, name, callables.make_inplace(o))
        elif name.startswith("__"):
            _install_operator(name, o)
        else:
            setattr(Tensor, name, o.function)
    for path, fn in registry.functions.items():
        space, _, name = path.partition(".")
        if space == "tensor":
            setattr(Tensor, name, fn)


def _install_operator(name: str, o) -> None:
    if name.startswith("__i") and name[3:-2] in ("add", "sub", "mul", "truediv") and o.ufunc:
        setattr(Tensor, name, callables.make_inplace_operator(o))
    elif name.startswith("__i") and name not in ("__invert__",):
        setattr(Tensor, name, callables.make_inplace(o))
    elif name[2:-2] in OPERATORS and (o.ufunc or o in callables._operators) and len(o.tensor_slots) >= 2:
        setattr(Tensor, name, guarded_operator(callables.operator_for(o), name))
    elif name.startswith("__r") and name[3:-2] in OPERATORS:
        base = callables.operator_for(o) if o.ufunc or o in callables._operators else o.function
        if name == "__radd__":  # PyTorch does not turn the operands round, which shows where complex numbers are infinite
            setattr(Tensor, name, base)
            return
        setattr(Tensor, name, callables.reflected(base, REFLECTED_NAMES.get(name)))
    else:
        setattr(Tensor, name, operands_only(o.function) if name[2:-2] in OPERATORS else o.function)


def operands_only(function):
    """A function as an operator: Python words the error where the other side is no operand."""
    def operate(x, other):
        known = isinstance(other, (Tensor, *callables.OPERANDS)) or answers(type(other))
        return function(x, other) if known else NotImplemented
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
