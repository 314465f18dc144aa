"""What an operation may write to.

Each element has its own place in memory, operands lie there as a whole or not at all, and no graph is broken.
"""

from __future__ import annotations

import numpy as np

from ..errors import EngineError, GradError
from .fields import Fields, has_array
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


def collapsed(a: np.ndarray) -> np.ndarray:
    """A writable view of an array that has each element of an expanded one once."""
    view = a[tuple(slice(0, 1) if s == 0 else slice(None) for s in a.strides)]
    if not view.flags.writeable:
        try:
            view.flags.writeable = True
        except ValueError:
            raise EngineError(REPEATED) from None
    return view


def related(a, b) -> bool:
    """Whether two arrays may be parts of one memory, told by their bases alone."""
    return a is not b and (a.base is b or b.base is a or a.base is not None and a.base is b.base)


def check_operand(a, b, apart: bool = False) -> None:
    """Raises where operand `b` lies partly in the memory of `a`, which is written to; `apart`: also where it is `a`.

    Arrays with gaps may interleave: as in PyTorch nobody looks into those.
    """
    if type(a) is not np.ndarray or type(b) is not np.ndarray or not a.size or not b.size or not np.may_share_memory(a, b):
        return
    if not (_dense(a) and _dense(b)):
        return
    same = a is b or a.nbytes == b.nbytes and a.ctypes.data == b.ctypes.data and a.strides == b.strides
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


_NUMBERS = ("Operand", "Value")


def check_operands(o: Op, values: list) -> None:
    """`check_operand` for an op that is to write its result into its first argument.

    An op that finds the elements that it writes by an index tensor reads its operands while it writes.
    """
    if o.promote is None and not any(kind[:5] == "Index" or kind in _NUMBERS for kind in o.kinds):
        return
    a = values[0]._a
    others = [(kind, value._a) for kind, value in zip(o.kinds[1:], values[1:], strict=True)
              if isinstance(value, Fields) and has_array(value)]  # what waits overlaps nothing yet
    places = any(kind[:5] == "Index" and b.dtype.kind != "b" for kind, b in others)
    for kind, b in others:
        if places:
            if b.ndim or kind not in _NUMBERS:
                check_operand(a, b, apart=True)
        elif o.promote is not None or kind[:5] == "Index" or o.composite and kind in _NUMBERS:
            check_operand(a, b)


def check_history(x) -> None:
    """Raises when an in-place op on `x`, which requires grad or is a view of what does, would break a graph."""
    if not x._rg:
        raise GradError("A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that "
                        "this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
                        "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
                        "tracked) or both outside (if you want the inplace to be tracked).")
    if x._node is None:
        raise GradError("a leaf Variable that requires grad is being used in an in-place operation.",
                        help="wrap the update in `with torch.no_grad():`")
    if x._several:
        raise GradError(f"Output {x._several[1]} of {x._several[0]} is a view and is being modified inplace. This view is "
                        "the output of a function that returns multiple views. Such functions do not allow the output "
                        "views to be modified inplace. You should replace the inplace operation by an out-of-place one.")
    if x._base is not None and x._base._rg and x._base._node is None:
        raise GradError("a view of a leaf Variable that requires grad is being used in an in-place operation.",
                        help="wrap the update in `with torch.no_grad():`")
