"""What the tape does to gradients: undoing broadcasting and casts."""

from __future__ import annotations

import numpy as np

from . import dispatch, dtypes
from .dispatch import wrap
from .registry import T
from .tape import state


def sum_to(g, shape: tuple):
    """`g` summed over the dims along which a tensor of `shape` was broadcast."""
    have = tuple(g.shape)
    lead = len(have) - len(shape)
    if lead < 0:
        return T.reshape(g, shape)
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and have[i + lead] != 1)
    if not state.grad and type(g) in dispatch.READY:
        a = g._a.sum(axis=dims, keepdims=True) if dims else g._a
        if not dispatch.is_half(a.dtype):
            return wrap(a.reshape(shape))
    if dims == tuple(range(lead)) and lead:
        return T.sum(g, dims)
    if dims:
        g = T.sum(g, dims, True)
    return T.reshape(g, shape) if lead else g


def restore_dtype(g, target: np.dtype):
    """`g` in the dtype of the tensor it is the gradient of; the real part where that is real."""
    if g.dtype.category == dtypes.COMPLEX and target.kind != "c":
        g = T.real(g)
    return dispatch.cast(g, dtypes.of_numpy(target))
