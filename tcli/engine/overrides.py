"""`__torch_function__`: classes that answer for torch's functions themselves, subclasses of `Tensor` among them.

An op finds out about such a class where an operand is of no class that it knows (`dispatch.normalise`); it raises
`Overridden`, and the call is handed to the class. So calls on plain tensors pay nothing. Functions that are no ops
ask in the methods that a subclass gets when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from ..errors import ArgumentError
from .args import Size

HOOK = "__torch_function__"
METHODS = ("detach", "to", "cpu", "cuda", "type", "requires_grad_", "detach_", "__reversed__")  # that are in no registry


class Overridden(Exception):
    """The class of an operand answers for the op."""


class _State:
    asking = True


state = _State()


@staticmethod
def disabled(func: Callable, types: Iterable, args: tuple = (), kwargs: dict | None = None) -> Any:
    """The hook of classes that leave everything to torch; their results are plain tensors."""
    with plainly():
        return func(*args, **(kwargs or {}))


class plainly:
    """A block in which no class is asked: `torch._C.DisableTorchFunctionSubclass`."""

    def __enter__(self) -> None:
        self.before, state.asking = state.asking, False

    def __exit__(self, *_error) -> None:
        state.asking = self.before


def answers(kind: type) -> bool:
    """Whether a class, which is none of the plain tensors', answers for torch's functions."""
    if not state.asking:
        return False
    hook = getattr(kind, HOOK, None)
    return hook is not None and hook is not disabled.__func__


def operands_that_answer(values: Iterable, plain: frozenset) -> list:
    """One operand for each class that answers, subclasses before their bases; lists and tuples are looked into."""
    found: list = []
    for value in values:
        for each in value if type(value) in (list, tuple) else (value,):
            kind = type(each)
            if kind in plain or not answers(kind) or any(type(other) is kind for other in found):
                continue
            place = next((i for i, other in enumerate(found) if issubclass(kind, type(other))), len(found))
            found.insert(place, each)
    return found


def answer(func: Callable, operands: list, args: tuple, kwargs: dict) -> Any:
    """What the first of the classes that wants to makes of `func(*args, **kwargs)`."""
    types = tuple(type(each) for each in operands)
    for each in operands:
        result = getattr(each, HOOK)(func, types, args, kwargs)
        if result is not NotImplemented:
            return result
    tried = "\n".join(f"  - tensor subclass {kind}" for kind in types)
    name = getattr(func, "__name__", func)
    raise ArgumentError(f"Multiple dispatch failed for 'torch.{name}'; all __torch_function__ handlers returned "
                        f"NotImplemented:\n\n{tried}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented")


def in_class(cls: type, func: Callable, args: tuple, kwargs: dict, tensor_class: type) -> Any:
    """`func(*args, **kwargs)` with its tensors as instances of `cls`: what a subclass of `Tensor` does unless it says else."""
    with plainly():
        return _converted(func(*args, **kwargs), cls, args, tensor_class)


def _converted(result, cls: type, args: tuple, tensor_class: type):
    if isinstance(result, tensor_class):
        if isinstance(result, cls):
            return result
        if any(result is each for each in args):
            return result.as_subclass(cls)
        result._a = result._a  # is computed now, where it was waiting
        result.__class__ = cls
        return result
    if isinstance(result, (tuple, list)) and not isinstance(result, Size):
        return type(result)(_converted(each, cls, args, tensor_class) for each in result)
    return result


def ask_first(cls: type, functions: dict[str, Callable], plain: frozenset) -> None:
    """Gives a subclass of `Tensor` methods that ask it before they run."""
    for name, function in functions.items():
        if callable(function) and getattr(cls, name, function) is function:  # the class and its mixins have none of their own
            setattr(cls, name, _asking(function, plain))


def _asking(function: Callable, plain: frozenset) -> Callable:
    @wraps(function)
    def method(*args, **kwargs):
        operands = operands_that_answer((*args, *kwargs.values()), plain) if state.asking else ()
        return answer(function, operands, args, kwargs) if operands else function(*args, **kwargs)
    return method
