"""Helpers on raw arrays that the kernels of several families share.

NumPy's `where` and `copyto` take a branch per element, which costs twenty times a pass over memory when
the mask is irregular. `gate` and `select` do the same with bit masks for float arrays of one shape.
"""

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.blocks import FEW, run_step
from ..engine.memory import pool
from ..engine.meta import MetaArray
from ..engine.registry import T, op, raw_helper, rule_helper
from ..engine.symbols import Expr, symbols
from ..engine.tape import state
from ..errors import ArgumentError, GradError, Unsupported
from .blocks import LARGE, over_rows

# The ufunc behind `np.clip`, without the Python around it. With two bounds it is three times as fast as
# `maximum` with a number, and keeps the sign of zeros and nan.
CLIP = getattr(getattr(getattr(np, "_core", None), "umath", None), "clip", np.clip)
FEW_CHOICES = 512  # elements of a choice that NumPy makes as fast as bits do
_BITS = {np.dtype(np.float32): np.dtype(np.int32), np.dtype(np.float64): np.dtype(np.int64)}


def refuse(x, kinds: str, kernel: str) -> None:
    """Raises when the dtype kind of `x` is one of `kinds`, in the words of PyTorch's kernels; h is for the 16-bit floats."""
    d = getattr(x, "dtype", None)
    if d is None:
        return
    kind = "f" if d.kind == "V" else d.kind
    if kind in kinds or "h" in kinds and kind == "f" and d.itemsize == 2:
        raise Unsupported(f"\"{kernel}\" not implemented for '{dtypes.scalar_name(dtypes.of_numpy(d))}'")


def not_implemented(message: str):
    """A gradient rule for what PyTorch records but cannot differentiate."""
    kind = GradError if message.startswith("derivative for") else Unsupported

    def rule(k, g):
        raise kind(message)
    return rule


def named(base: str, with_tensor: int, with_number: int, from_number: int = 0):
    """The name of the gradient node of a binary op, which PyTorch numbers by which operand is a number."""
    def name(x, other, *rest) -> str:
        if not hasattr(x, "_a"):
            return f"{base}Backward{from_number}"
        return f"{base}Backward{with_tensor if hasattr(other, '_a') else with_number}"
    return name


@op("_link", at="", half=False, samples=[], grad_name="ThresholdBackwardBackward0",
    vjp={"g": lambda k, gg: gg, "x": lambda k, gg: k.zeros_like(gg)})
def _link(xp, g, x: "Tensor"):
    return g


@rule_helper
def linked(g, x):
    """`g`, which depends on `x` through comparisons alone: a second derivative is 0 instead of an error."""
    return T._link(g, x) if x._rg and state.grad else g


raw_helper(lambda g, x: g, "linked")


def some_tensor(name: str):
    """A `check` for ops of two operands, of which one at least must be a tensor."""
    def check(values: list) -> None:
        if not any(hasattr(v, "_a") for v in values[:2]):
            kinds = ", ".join(type(v).__name__ for v in values[:2])
            raise ArgumentError(f"{name}() received an invalid combination of arguments - got ({kinds}), but expected "
                                "at least one Tensor")
    return check


def kind_of(*values) -> str:
    """The dtype kind of the operands of a promoted kernel: that of the first array among them."""
    return next((v.dtype.kind for v in values if hasattr(v, "dtype")), "f")


def special(xp):
    """The special functions that go with an array module; SciPy is imported when they are first used."""
    if xp in (np, symbols):
        from scipy import special as found
    elif xp.ndarray is MetaArray:
        from ..engine.meta_rules import special_shapes as found
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


def bounded(xp, x, low=None, high=None):
    """min(max(x, low), high) for numbers as bounds; nan stays nan."""
    if xp in (np, symbols) and x.dtype in _BITS:
        kind = x.dtype.type
        return CLIP(x, kind(-np.inf if low is None else low), kind(np.inf if high is None else high))
    # NumPy returns its second operand at ties: x, whose zeros then keep their sign.
    out = x if low is None else xp.maximum(low, x)
    return out if high is None else xp.minimum(high, out)


def _in_blocks(fn, like, *operands):
    """`fn` over blocks of contiguous arrays of one shape (and numbers), as one array like `like`."""
    out = np.empty(like.shape, like.dtype)
    target, flat = out.reshape(-1), [v.reshape(-1) if getattr(v, "ndim", 0) else v for v in operands]

    def block(start: int, stop: int) -> None:
        target[start:stop] = fn(*[v[start:stop] if getattr(v, "ndim", 0) else v for v in flat])
    over_rows(out.size, 1, block)
    return out


def in_one_step(xp, kinds: str, *operands) -> bool:
    """Whether these are expressions, all of one dtype of `kinds`, for which compiled passes have steps that are no ufuncs."""
    return (xp is symbols and native.kernels is not None and all(type(e) is Expr and e.home is None for e in operands)
            and operands[0].dtype.char in kinds and all(e.dtype == operands[0].dtype for e in operands[1:]))


def done_in_one_step(xp, what, kinds: str, *operands):
    """The result of such a step, or of a ufunc, on arrays alike (some may have no dims), the last one large; or None."""
    x = operands[-1]
    if xp is not np or x.size < FEW or x.dtype.char not in kinds or any(
            a.dtype != x.dtype or a.ndim and a.shape != x.shape or not a.flags.c_contiguous for a in operands):
        return None
    out = pool.empty(x.shape, x.dtype)
    return out if run_step(what, operands, out) else None


def gate(xp, mask, g):
    """`g` where the mask is true, else 0 (even where `g` is not finite)."""
    if _bitwise(xp, mask, g):
        if mask.size >= LARGE:
            return _in_blocks(lambda m, a: gate(np, m, a), g, mask, g)
        bits = _BITS[g.dtype]
        kept = _bit_mask(mask, bits)
        return np.bitwise_and(kept, g.view(bits), out=kept).view(g.dtype)
    return xp.where(mask, g, xp.zeros((), getattr(g, "dtype", None)))


def select(xp, mask, a, b):
    """`a` where the mask is true, else `b`; one of them may be a number."""
    arrays = [v for v in (a, b) if getattr(v, "ndim", 0)]
    if not arrays or not _bitwise(xp, mask, *arrays) or mask.size <= FEW_CHOICES and len(arrays) == 2:
        return xp.where(mask, a, b)
    if mask.size >= LARGE:
        return _in_blocks(lambda m, a, b: select(np, m, a, b), arrays[0], mask, a, b)
    d = arrays[0].dtype
    bits = _BITS[d]
    kept = _bit_mask(mask, bits)
    a, b = (v.view(bits) if v is arrays[0] or v is arrays[-1] else np.asarray(v).astype(d).view(bits) for v in (a, b))
    # b ^ ((a ^ b) & mask)
    kept &= a ^ b
    kept ^= b
    return kept.view(d)


def fill_where(out, mask, value) -> None:
    """Writes one value where the mask (of the same shape) is true, in place."""
    if out.size < LARGE or not out.flags.c_contiguous or not mask.flags.c_contiguous or out.dtype not in _BITS:
        np.copyto(out, value, where=mask)
        return
    flat, where = out.reshape(-1), mask.reshape(-1)

    def block(start: int, stop: int) -> None:
        flat[start:stop] = select(np, where[start:stop], value, flat[start:stop])
    over_rows(out.size, 1, block)
