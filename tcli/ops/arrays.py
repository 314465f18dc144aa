"""Helpers on raw arrays that the kernels of several families share.

NumPy's `where` and `copyto` take a branch per element, which costs twenty times a pass over memory when
the mask is irregular. `gate` and `select` do the same with bit masks for float arrays of one shape.
"""

import numpy as np

from ..engine import dtypes
from ..errors import Unsupported

_BITS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}


def refuse(x, kinds: str, kernel: str) -> None:
    """Raises when the dtype kind of `x` is one of `kinds`, in the words of PyTorch's kernels."""
    d = getattr(x, "dtype", None)
    if d is not None and d.kind in kinds:
        raise Unsupported(f"\"{kernel}\" not implemented for '{dtypes.scalar_name(dtypes.of_numpy(d))}'")


def not_implemented(what: str):
    """A gradient rule for what PyTorch records but cannot differentiate."""
    def rule(k, g):
        raise Unsupported(f"the derivative for '{what}' is not implemented.")
    return rule


def kind_of(*values) -> str:
    """The dtype kind of the operands of a promoted kernel: that of the first array among them."""
    return next((v.dtype.kind for v in values if hasattr(v, "dtype")), "f")


def special(xp):
    """The special functions that go with an array module; SciPy is imported when they are first used."""
    if xp is np:
        from scipy import special as found
    else:
        from cupyx.scipy import special as found
    return found


def _bit_mask(mask, bits):
    """All ones where the mask is true."""
    return np.negative(mask.view(np.int8)).astype(bits)


def _bitwise(xp, mask, *arrays) -> bool:
    first = arrays[0]
    return (xp is np and first.dtype in _BITS and mask.dtype == np.bool_ and mask.flags.c_contiguous and mask.ndim > 0
            and all(a.shape == mask.shape and a.dtype is first.dtype and a.flags.c_contiguous for a in arrays))


def gate(xp, mask, g):
    """`g` where the mask is true, else 0 (even where `g` is not finite)."""
    if _bitwise(xp, mask, g):
        bits = _BITS[g.dtype]
        kept = _bit_mask(mask, bits)
        return np.bitwise_and(kept, g.view(bits), out=kept).view(g.dtype)
    return xp.where(mask, g, xp.zeros((), getattr(g, "dtype", None)))


def select(xp, mask, a, b):
    """`a` where the mask is true, else `b`."""
    if not hasattr(a, "dtype") or not hasattr(b, "dtype") or not _bitwise(xp, mask, a, b):
        return xp.where(mask, a, b)
    bits = _BITS[a.dtype]
    kept = _bit_mask(mask, bits)
    other = b.view(bits)
    kept &= a.view(bits) ^ other
    kept ^= other
    return kept.view(a.dtype)
