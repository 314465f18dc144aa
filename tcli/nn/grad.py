"""`torch.nn.grad`: the gradients of a convolution with respect to its input or its weight, by themselves."""

from __future__ import annotations

from collections.abc import Callable

from ..engine import autograd
from ..engine.registry import T
from ._make import F

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _of_input(n: int) -> Callable:
    def gradient(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups: int = 1):
        return _gradient(n, T.zeros(tuple(input_size), dtype=weight.dtype, device=weight.device), weight, 0, grad_output,
                         (stride, padding, dilation, groups))

    return _named(gradient, f"conv{n}d_input", f"The gradient of conv{n}d with respect to an input of a size.")


def _of_weight(n: int) -> Callable:
    def gradient(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups: int = 1):
        return _gradient(n, input, T.zeros(tuple(weight_size), dtype=input.dtype, device=input.device), 1, grad_output,
                         (stride, padding, dilation, groups))

    return _named(gradient, f"conv{n}d_weight", f"The gradient of conv{n}d with respect to a weight of a size.")


def _gradient(n: int, input, weight, which: int, grad_output, options: tuple):
    with autograd.enable_grad():
        operands = [input.detach(), weight.detach()]
        operands[which].requires_grad_()
        result = getattr(F, f"conv{n}d")(*operands, None, *options)
    return autograd.grad(result, operands[which], grad_output)[0]


def _named(function: Callable, name: str, doc: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


conv1d_input, conv2d_input, conv3d_input = map(_of_input, (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = map(_of_weight, (1, 2, 3))
