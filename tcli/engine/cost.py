"""What a call of an op costs: floating-point operations, from its `cost` rule or from the sizes alone.

A rule is `(arrays, outs) -> flops`; it sees shapes only. Without one an op costs an operation per element of
its result, a reduction one per element of what it reads, and a view nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt, log2, prod
from typing import Any


def flops(o: Any, arrays: list, outs: list) -> int:
    """Floating-point operations of one call."""
    if o.view or not outs:
        return 0
    if o.cost is not None:
        return int(o.cost(arrays, outs))
    if o.name in ("_cast", "clone", "_move_between"):
        return 0
    made = sum(prod(a.shape) for a in outs if hasattr(a, "shape"))
    return max(made, max((prod(a.shape) for a in arrays), default=0) if made < sum(prod(a.shape) for a in arrays) else 0)


def moved(arrays: list, outs: list) -> int:
    """Bytes read and written, each array once."""
    return sum(a.nbytes for a in [*arrays, *outs] if hasattr(a, "nbytes"))


def matrix_product(arrays: list, outs: list) -> int:
    """Matrix products: a multiplication and an addition for each element of the result and of the inner dim."""
    a = arrays[0]
    return 2 * prod(outs[0].shape) * (a.shape[-1] if a.shape else 1)


def added_product(arrays: list, outs: list) -> int:
    """`addmm` and its kin: the product of the last two, added to the first."""
    return matrix_product(arrays[1:], outs) + prod(outs[0].shape)


def convolution(arrays: list, outs: list) -> int:
    """Two operations for each weight of each output element."""
    weight = arrays[1]
    return 2 * prod(outs[0].shape) * prod(weight.shape[1:])


def attention(arrays: list, outs: list) -> int:
    """Both products of scaled dot-product attention and the softmax between them."""
    query, key, value = arrays[:3]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    return scores * (2 * query.shape[-1] + 2 * value.shape[-1] + 5)


def operations(n: int) -> Callable[[list, list], int]:
    """n operations per element of the result."""
    def rule(arrays: list, outs: list) -> int:
        return n * prod(outs[0].shape)
    return rule


def transposed_convolution(arrays: list, outs: list) -> int:
    """Two operations for each weight of each input element."""
    given, weight = arrays[:2]
    return 2 * prod(given.shape) * prod(weight.shape[1:])


def convolution_weight(arrays: list, outs: list) -> int:
    """The gradient of a convolution's weights: each element of the result's gradient meets a window."""
    return 2 * prod(arrays[0].shape) * prod(outs[0].shape[1:])


def contraction(arrays: list, outs: list) -> int:
    """A product of two tensors over some of their dims."""
    made = prod(outs[0].shape)
    return 2 * made * isqrt(prod(arrays[0].shape) * prod(arrays[1].shape) // made) if made else 0


def recurrence(arrays: list, outs: list) -> int:
    """The state's part of all gates at each step; the input's part is a product of its own."""
    gates, state = arrays[:2]
    return prod(gates.shape) * (2 * state.shape[-1] + 1)


def recurrence_back(arrays: list, outs: list) -> int:
    """Two products for each one of the way forward."""
    gates = next(a for a in arrays if len(a.shape) == 4)
    return 4 * prod(gates.shape) * gates.shape[-1]


def transform(arrays: list, outs: list) -> int:
    """5 n log2(n) for each Fourier transform of n values, of which n is the last dim."""
    large = max(arrays[0], outs[0], key=lambda a: prod(a.shape))
    n = large.shape[-1] if large.shape else 1
    return int(5 * prod(large.shape) * log2(n)) if n > 1 else prod(large.shape)


def cubic(factor: float) -> Callable[[list, list], int]:
    """`factor` m n min(m, n) for each matrix of the first operand."""
    def rule(arrays: list, outs: list) -> int:
        shape = arrays[0].shape
        return int(factor * prod(shape) * min(shape[-2:])) if len(shape) > 1 else prod(shape)
    return rule


def solution(arrays: list, outs: list) -> int:
    """A factorisation and two triangular solutions for each column on the right side."""
    a, b = arrays[:2]
    n = a.shape[-1]
    return 2 * prod(a.shape) * n // 3 + 2 * prod(b.shape) * n


def triangular(arrays: list, outs: list) -> int:
    """One triangular solution for each column."""
    return prod(outs[0].shape) * arrays[0].shape[-1]
