"""Plain functions on tensors that many gradient rules use, as `k.<name>`."""

from __future__ import annotations

from math import prod

import numpy as np

from .backward import ONES
from .dispatch import wrap
from .registry import T, raw_helper, rule_helper
from .tape import state


@rule_helper
def spread_to(g, shape: tuple):
    """A gradient expanded to `shape`: without a copy, and without a tape entry where none is kept."""
    a = g._a
    if state.grad or type(a) is not np.ndarray:
        return T.expand(g, shape)
    if a.ndim == 0:
        # Far quicker than broadcast_to for the gradient of every whole sum and mean.
        return wrap(np.ndarray(shape, a.dtype, a, 0, (0,) * len(shape)))
    return wrap(np.broadcast_to(a, shape))


_ones: dict = {}


def _spread_array(g, shape: tuple):
    """`spread_to` for arrays. Small ones are filled: NumPy is slow on strides of 0."""
    if g.shape:
        return np.broadcast_to(g, shape)
    ones = _ones.get((shape, g.dtype))
    if ones is None:
        if prod(shape) > 1024:
            return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))
        if len(_ones) > 200:
            _ones.clear()
        ones = _ones[shape, g.dtype] = np.ones(shape, g.dtype)
        ones.flags.writeable = False
    return ones if g is ONES.get(g.dtype) else np.multiply(ones, g)


raw_helper(_spread_array, "spread_to")
raw_helper(np.zeros_like, "zeros_like")
raw_helper(np.where, "where")
