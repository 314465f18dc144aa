"""`torch.overrides`: what functions of a program use to let classes with `__torch_function__` answer for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..engine import dispatch, overrides
from ..engine.tensor import Tensor


def has_torch_function(relevant_args) -> bool:
    """Whether the class of one of these, other than the plain tensors', has `__torch_function__`."""
    return bool(overrides.operands_that_answer(relevant_args, dispatch.TENSORS))


def has_torch_function_unary(value: Any) -> bool:
    """`has_torch_function((value,))`."""
    return has_torch_function((value,))


def has_torch_function_variadic(*values: Any) -> bool:
    """`has_torch_function(values)`."""
    return has_torch_function(values)


def handle_torch_function(public_api: Callable, relevant_args, *args: Any, **kwargs: Any) -> Any:
    """Hands a call of `public_api` to the first class among `relevant_args` that answers for it."""
    return overrides.answer(public_api, overrides.operands_that_answer(relevant_args, dispatch.TENSORS), args, kwargs)


def wrap_torch_function(dispatcher: Callable) -> Callable:
    """Decorates a function: the arguments that `dispatcher` picks are asked before it runs."""
    def decorate(function: Callable) -> Callable:
        @wraps(function)
        def asking(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(asking, relevant, *args, **kwargs)
            return function(*args, **kwargs)
        return asking
    return decorate


def is_tensor_like(value: Any) -> bool:
    """Whether a value is a tensor or of a class with `__torch_function__`."""
    return isinstance(value, Tensor) or hasattr(type(value), overrides.HOOK)


def names() -> dict[str, Callable]:
    """What `torch.overrides` offers."""
    return {each.__name__: each for each in (has_torch_function, has_torch_function_unary, has_torch_function_variadic,
                                             handle_torch_function, wrap_torch_function, is_tensor_like)}
