"""Which memory a written tensor may share: with an operand as a whole or not at all, and no two of its own elements."""

from __future__ import annotations

import numpy as np

from ..errors import EngineError

OVERLAP = ("unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
           "location. Please clone() the tensor before performing the operation.")
SINGLE = ("unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
          "clone() the tensor before performing the operation.")


def is_expanded(a) -> bool:
    """Whether several elements of an array are one in memory because a dim was expanded."""
    return 0 in a.strides and a.size > 1 and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))


def collapsed(a: np.ndarray) -> np.ndarray:
    """A writable view of an array that has each element of an expanded one once."""
    view = a[tuple(slice(0, 1) if s == 0 else slice(None) for s in a.strides)]
    if not view.flags.writeable:
        try:
            view.flags.writeable = True
        except ValueError:
            raise EngineError(SINGLE) from None
    return view


def same_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays that share memory are the very same elements (or lie between each other's, which nobody
    looks into)."""
    if not (a.flags.forc and b.flags.forc):
        return True
    return a.ctypes.data == b.ctypes.data and a.shape == b.shape and (a.strides == b.strides or a.size == 1)


def share(a, b) -> bool:
    """Whether two arrays have memory in common."""
    return type(a) is np.ndarray is type(b) and a.size > 0 and b.size > 0 and np.may_share_memory(a, b)


def check_apart(x, *tensors) -> None:
    """Raises where a tensor that is written shares memory with one of `tensors`."""
    for t in tensors:
        if share(x._a, getattr(t, "_a", None)):
            raise EngineError(OVERLAP)


def check_in_place(o, values: list) -> None:
    """Raises where the first operand of an in-place op overlaps another one in part, or an index at all."""
    a = values[0]._a
    others = [(kind, value._a) for kind, value in zip(o.kinds[1:], values[1:], strict=True) if hasattr(value, "_a")]
    places = any(kind[:5] == "Index" and b.dtype.kind != "b" for kind, b in others)
    for _, b in others:
        if share(a, b) and (places or b is not a and not same_memory(a, b)):
            raise EngineError(OVERLAP)
