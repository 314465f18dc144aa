"""Calls in the order of old PyTorch: numbers before the tensors that they scale, `addmm(beta, x, alpha, a, b)`.

PyTorch still takes them, with a warning. They have more positional arguments than the op, so that nothing here runs
for a call of today.
"""

from __future__ import annotations

from .registry import Op
from .warn import warn_once

# op -> the names of its numbers in the order in which old calls give them
_SCALED = ("beta", "alpha")
_NUMBERS = {"add": ("alpha",), "sub": ("alpha",), "addcmul": ("value",), "addcdiv": ("value",),
            **dict.fromkeys(("addmm", "addmv", "addr", "addbmm", "baddbmm"), _SCALED)}


def from_old_order(o: Op, args: tuple) -> tuple[tuple, dict] | None:
    """The positional and keyword arguments that a call in the old order means; None if it is no such call."""
    names = _NUMBERS.get(o.name)
    if names is None:
        return None
    tensors = tuple(value for value in args if not isinstance(value, (int, float, complex)))
    numbers = [value for value in args if isinstance(value, (int, float, complex))]
    if len(tensors) != o.required or not 0 < len(numbers) <= len(names):
        return None
    warn_once(_warning(o, names[:len(numbers)]))
    return tensors, dict(zip(names, numbers, strict=False))


def _warning(o: Op, numbers: tuple) -> str:
    tensors = [f"Tensor {'input' if name == 'x' else name}" for name in o.names[:o.required]]
    first, rest = tensors[:1], tensors[1:]
    scaled = [f"Number {name}" for name in numbers]
    old = [*scaled[:1], *first, *scaled[1:], *rest] if "beta" in numbers else [*first, *scaled, *rest]
    now = [*tensors, "*", *(f"Number {name} = 1" for name in _NUMBERS[o.name])]
    return (f"This overload of {o.name} is deprecated:\n\t{o.name}({', '.join([*old, '*', 'Tensor out = None'])})\n"
            f"Consider using one of the following signatures instead:\n\t{o.name}({', '.join([*now, 'Tensor out = None'])})")
