"""Which memory an operation may write to: each element has its own, and operands lie in it as a whole or not at all."""

from __future__ import annotations

import numpy as np

from ..errors import EngineError
from .registry import Op

OVERLAP = ("unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
           "location. Please clone() the tensor before performing the operation.")
REPEATED = ("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation.")


def repeats(a) -> bool:
    """Whether an array shows one element at several places, as `expand` leaves it."""
    return 0 in a.strides and a.size > 1 and any(s == 0 and n > 1 for s, n in zip(a.strides, a.shape, strict=True))


def check_repeats(a) -> None:
    if repeats(a):
        raise EngineError(REPEATED)


def check_operand(a, b, apart: bool = False) -> None:
    """Raises where operand `b` lies partly in the memory of `a`, which is written to; `apart`: also where it is `a`.

    Arrays with gaps may interleave: as in PyTorch nobody looks into those.
    """
    if type(a) is not np.ndarray or type(b) is not np.ndarray or not a.size or not b.size or not np.may_share_memory(a, b):
        return
    if not (_dense(a) and _dense(b)):
        return
    same = a.nbytes == b.nbytes and a.ctypes.data == b.ctypes.data and a.strides == b.strides
    if apart or not same:
        raise EngineError(OVERLAP)


def _dense(a: np.ndarray) -> bool:
    """Whether the elements fill their stretch of memory, each place once."""
    if a.flags.forc:
        return True
    step = a.itemsize
    for stride, size in sorted((s, n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1):
        if stride != step:
            return False
        step *= size
    return True


def check_operands(o: Op, values: list) -> None:
    """`check_operand` for an op that is to write its result into its first argument."""
    x = values[0]
    apart = places(o)
    for i, t in enumerate(values[1:], 1):
        # Views of one memory share their versions.
        if getattr(t, "_v", None) is x._v:
            check_operand(x._a, t._a, apart and o.names[i] != "mask")


_places: dict[Op, bool] = {}


def places(o: Op) -> bool:
    """Whether an op finds the elements that it writes by an index tensor: it reads its operands while it writes."""
    found = _places.get(o)
    if found is None:
        found = _places[o] = "index" in o.index and o.kinds[o.index["index"]] == "Index"
    return found
