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


def related(a, b) -> bool:
    """Whether two arrays may be parts of one memory, told by their bases alone."""
    return a is not b and (a.base is b or b.base is a or a.base is not None and a.base is b.base)


def check_copy(a, b) -> None:
    """Raises where an array that is written overlaps its source in part."""
    if a is not b and share(a, b) and not same_memory(a, b):
        raise EngineError(OVERLAP)


_NUMBERS = ("Operand", "Value")


def check_in_place(o, values: list) -> None:
    """Raises where the first operand of an in-place op overlaps another one in part, or where there are indices at all."""
    if o.promote is None and not any(kind[:5] == "Index" or kind in _NUMBERS for kind in o.kinds):
        return
    a = values[0]._a
    others = [(kind, value.__dict__["_a"]) for kind, value in zip(o.kinds[1:], values[1:], strict=True)
              if "_a" in getattr(value, "__dict__", ())]  # what waits overlaps nothing yet
    places = any(kind[:5] == "Index" and b.dtype.kind != "b" for kind, b in others)
    for kind, b in others:
        if places:
            if (b.ndim or kind not in _NUMBERS) and share(a, b):
                raise EngineError(OVERLAP)
        elif o.promote is not None or kind[:5] == "Index" or o.composite and kind in _NUMBERS:
            check_copy(a, b)
