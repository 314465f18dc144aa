"""The larger or smaller of two numbers, and bounds on one."""

import numpy as np

from .. import native
from ..engine.callables import constant, finish, is_small, short_way
from ..engine.placement import holds
from ..engine.registry import op
from ..errors import EngineError, Unsupported
from .arrays import CLIP, bounded, gate, kind_of, named, refuse

PAIRS = ["r(3, 4), r(3, 4)", "r(3, 4), r(4)", "r(), r(3)", "r(0, 3), r(3)", "torch.ones(2), torch.ones(2)",
         "r(4, 3).t(), r(3, 4)", "ints(3, 4), ints(4)"]


def _real(name: str, x) -> None:
    if x.dtype.kind == "c":
        raise EngineError(f"{name} not implemented for complex tensors.")


@op("_share", at="", samples=["r(3), distinct(3), r(3)"], grad_name="MaskedFillBackward0",
    vjp={"g": lambda k, gg, x, other: k._share(gg, x, other)})
def _share(xp, g, x: "Index", other: "Index"):
    """g where x > other, half of it at ties, 0 where x < other."""
    taken = gate(xp, ~xp.less(x, other), xp.broadcast_to(g, xp.broadcast_shapes(g.shape, x.shape, other.shape)))
    tied = xp.equal(x, other)
    if holds(xp.any(tied)):
        taken = xp.where(tied, taken * np.float32(0.5) if taken.dtype == np.float32 else taken * 0.5, taken).astype(
            taken.dtype, copy=False)
    return taken


@op("maximum", at="torch tensor", promote="same", samples=PAIRS, ufunc="maximum",
    vjp={"x": lambda k, g, x, other: k._share(g, x, other), "other": lambda k, g, x, other: k._share(g, other, x)},
    raw_vjp=True)
def maximum(xp, x, other):
    """The larger of x and other, elementwise; nan if one is nan. A tie splits the gradient.

    >>> maximum(tensor([1, 5]), tensor([3, 2]))
    tensor([3, 5])
    """
    _real("maximum", x)
    return xp.maximum(x, other)


@op("minimum", at="torch tensor", promote="same", samples=PAIRS, ufunc="minimum",
    vjp={"x": lambda k, g, x, other: k._share(g, other, x), "other": lambda k, g, x, other: k._share(g, x, other)},
    raw_vjp=True)
def minimum(xp, x, other):
    """The smaller of x and other, elementwise; nan if one is nan. A tie splits the gradient.

    >>> minimum(tensor([1, 5]), tensor([3, 2]))
    tensor([1, 2])
    """
    _real("minimum", x)
    return xp.minimum(x, other)


@op("fmax", fuse=True, at="torch tensor", promote="same", samples=PAIRS,
    vjp={"x": lambda k, g, x, other: k._gate((x >= other) | k.isnan(other), g),
         "other": lambda k, g, x, other: k._gate(~((x >= other) | k.isnan(other)), g)})
def fmax(xp, x, other):
    """The larger of x and other, elementwise; the number where one of them is nan.

    >>> fmax(tensor([1.0, nan]), tensor([3.0, 2.0]))
    tensor([3., 2.])
    """
    _real("fmax", x)
    return xp.fmax(x, other)


@op("fmin", fuse=True, at="torch tensor", promote="same", samples=PAIRS,
    vjp={"x": lambda k, g, x, other: k._gate((x <= other) | k.isnan(other), g),
         "other": lambda k, g, x, other: k._gate(~((x <= other) | k.isnan(other)), g)})
def fmin(xp, x, other):
    """The smaller of x and other, elementwise; the number where one of them is nan.

    >>> fmin(tensor([1.0, nan]), tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    _real("fmin", x)
    return xp.fmin(x, other)


# ---------------------------------------------------------------- bounds

def _bounded(xp, x, low, high):
    """min(max(x, low), high); `high` wins where the bounds cross."""
    if not hasattr(low, "dtype") and not hasattr(high, "dtype"):
        return bounded(xp, x, low, high)
    out = x if low is None else xp.maximum(low, x)
    return out if high is None else xp.minimum(high, out)


def _within(k, g, x, min, max):
    if min is None:
        return k._gate(x <= max, g)
    return k._gate(x >= min, g) if max is None else k._gate(k._between(x, min, max), g)


@op("_between", fuse=True, at="", samples=[], nograd=True, promote="compare")
def _between(xp, x, low: "Operand", high: "Operand"):
    inside = xp.greater_equal(x, low)
    return inside & xp.less_equal(x, high)


def _at_low(k, g, x, min, max):
    below = x < min
    return k._gate(below if max is None else below & (min < max), g)


def _at_high(k, g, x, min, max):
    above = x > max
    return k._gate(above if min is None else above | (max < min), g)


def _clamp_name(x, min, max) -> str:
    return f"ClampBackward{int(not any(hasattr(bound, '_a') for bound in (min, max)))}"


@op("clamp", fuse=True, at="torch tensor tensor_", also=["clip"], promote="same", grad_name=_clamp_name,
    samples=["r(3, 4), -0.5, 0.5", "r(3), min=0", "r(3), max=0.1", "r(3, 4), r(4), r(3, 1)", "r(3), None, r(3)"],
    vjp={"x": _within, "min": _at_low, "max": _at_high}, raw_vjp=True)
def clamp(xp, x, min: "Operand?" = None, max: "Operand?" = None):
    """x brought into [min, max], elementwise; a bound may be a number, a tensor or None.

    >>> clamp(tensor([-2., 0.5, 3.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise EngineError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if kind_of(x) == "c":
        raise Unsupported("clamp is not supported for complex types")
    if min is not None and max is not None or not (hasattr(min, "dtype") or hasattr(max, "dtype")):
        refuse(x, "b", "clamp_cpu")
    return _bounded(xp, x, min, max)


@short_way("clamp")
def _quick_clamp(o, slow):
    def fn(*args, **named):
        if len(args) + len(named) > 3:
            return slow(*args, **named)
        return quick(*args, **named) if args and named.keys() <= NAMES else slow(*args, **named)

    def quick(x, min=None, max=None):
        if not is_small(x) or type(min) not in BOUNDS or type(max) not in BOUNDS or min is max:
            return slow(x, min, max)
        a = x._a
        try:
            low = constant(-INFINITY if min is None else min, a, a.dtype)
            high = constant(INFINITY if max is None else max, a, a.dtype)
        except OverflowError:
            return slow(x, min, max)
        return finish(o, (x, min, max), CLIP(a, low, high), x._rg, "ClampBackward1")
    return native.clamping(o, "ClampBackward1", fn) or fn


@short_way("clamp_")
def _quick_clamp_(o, slow):
    return native.clamping_in_place(slow) or slow


NAMES, INFINITY = frozenset({"min", "max"}), float("inf")


BOUNDS = frozenset({int, float, type(None)})


def _out_of_clamp(x, limit):
    return None if hasattr(limit, "_a") else "found"


@op("clamp_min", out=_out_of_clamp, fuse=True, at="torch tensor tensor_", promote="same", grad_name=named("ClampMin", 1, 0),
    samples=["r(3, 4), 0.1", "r(3, 4), r(4)"],
    vjp={"x": lambda k, g, x, min: k._gate(x >= min, g), "min": lambda k, g, x, min: k._gate(x < min, g)}, raw_vjp=True)
def clamp_min(xp, x, min: "Operand"):
    """The larger of x and min; the gradient goes to x where they are equal.

    >>> clamp_min(tensor([-2., 0.5]), 0)
    tensor([0.0000, 0.5000])
    """
    refuse(x, "c" if hasattr(min, "dtype") else "bc", "maximum_cpu" if hasattr(min, "dtype") else "clamp_min_scalar_cpu")
    return _bounded(xp, x, min, None)


@op("clamp_max", out=_out_of_clamp, fuse=True, at="torch tensor tensor_", promote="same", grad_name=named("ClampMax", 1, 0),
    samples=["r(3, 4), 0.1", "r(3, 4), r(4)"],
    vjp={"x": lambda k, g, x, max: k._gate(x <= max, g), "max": lambda k, g, x, max: k._gate(x > max, g)}, raw_vjp=True)
def clamp_max(xp, x, max: "Operand"):
    """The smaller of x and max; the gradient goes to x where they are equal.

    >>> clamp_max(tensor([-2., 0.5]), 0)
    tensor([-2.,  0.])
    """
    refuse(x, "c" if hasattr(max, "dtype") else "bc", "minimum_cpu" if hasattr(max, "dtype") else "clamp_max_scalar_cpu")
    return _bounded(xp, x, None, max)
