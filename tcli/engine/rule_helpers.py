"""Plain functions on tensors that many gradient rules use, as `k.<name>`."""

from __future__ import annotations

import numpy as np

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


def _spread_array(g, shape: tuple):
    return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape)) if not g.shape else np.broadcast_to(g, shape)


raw_helper(_spread_array, "spread_to")
raw_helper(np.zeros_like, "zeros_like")
raw_helper(np.where, "where")
