"""Choosing and mixing elementwise: where, masked_fill, lerp and the fused multiply-adds."""

import math

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.args import broadcast_shapes
from ..engine.callables import finish, is_small, short_way
from ..engine.dispatch import TENSORS, result_type
from ..engine.options import multiple
from ..engine.passing import with_shortcut
from ..engine.registry import T, composite, op, ops
from ..engine.tape import SMALL
from ..engine.tensor import tensor
from ..engine.warn import warn
from ..errors import EngineError
from .arrays import gate, kind_of, refuse, select
from .fits import check_fits


def _as_mask(condition, what: str):
    """The condition as bools; PyTorch still takes uint8."""
    d = condition.dtype
    if d == np.bool_:
        return condition
    if d == np.uint8:
        return condition.astype(np.bool_)
    raise EngineError(f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                      f"{dtypes.scalar_name(dtypes.of_numpy(d))}")


def _is_zero(value) -> bool:
    """Whether this is the Python number 0 (not -0.0)."""
    return type(value) in (int, float) and value == 0 and math.copysign(1, value) > 0


@op("_where", fuse=True, at="", promote="same", grad_name="WhereBackward0",
    samples=["b(3, 4), r(3, 4), r(3, 4)", "b(3, 1), r(4), r(3, 4)", "b(3), r(3), 2.0", "b(3), 0.0, r(3)",
             "b(), r(), r(2)"],
    vjp={"x": lambda k, g, condition: k._gate(condition, g), "other": lambda k, g, condition: k._gate(~condition, g)},
    raw_vjp=True)
def _where(xp, condition: "Index", x: "Operand", other: "Operand"):
    mask = _as_mask(condition, "where")
    if _is_zero(other) and kind_of(x) == "f":
        return gate(xp, mask, x)
    if _is_zero(x) and kind_of(other) == "f":
        return gate(xp, ~mask, other)
    return select(xp, mask, x, other)


@composite("where", out="choice", at="torch", samples=["b(3, 4), r(3, 4), r(3, 4)", "b(3), r(3), 0.5", "b(3), 1.0, 0.0"])
def where(condition: "Index", x: "Operand?" = None, other: "Operand?" = None):
    """x where the condition holds, else other, with broadcasting; with the condition alone, where it holds.

    >>> where(tensor([True, False]), tensor([1., 2.]), 0.)
    tensor([1., 0.])
    """
    if x is None and other is None:
        return T.nonzero(condition, as_tuple=True)
    if condition.dtype is dtypes.uint8:
        warn("where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version of "
             "PyTorch. Use a boolean condition instead.")
    if not (hasattr(x, "_a") or hasattr(other, "_a")):
        x = tensor(x, dtype=result_type([x, other]))
    return T._where(condition, x, other)


def _small_where(condition, x, other):
    if type(condition) not in TENSORS or condition._a.dtype is not BOOL:
        return NotImplemented
    if is_small(x):
        a, needs = x._a, x._rg
        if is_small(other):
            b, needs = other._a, needs or other._rg
            if a.dtype is not b.dtype:
                return NotImplemented
        elif type(other) is float or type(other) is int:
            b = a.dtype.type(other)
        else:
            return NotImplemented
    elif (type(x) is float or type(x) is int) and is_small(other):
        b, needs = other._a, other._rg
        a = b.dtype.type(x)
    else:
        return NotImplemented
    if max(getattr(a, "size", 1), getattr(b, "size", 1)) > SMALL:
        return NotImplemented
    return finish(WHERE, (condition, x, other), np.where(condition._a, a, b), needs)


WHERE, BOOL = ops["_where"], np.dtype(bool)


@short_way("where")
def _quick_where(o, slow):
    fn = with_shortcut(o, _small_where)
    return native.choosing(WHERE, None, fn) or fn


@composite("_method_where", at="", also=["tensor.where"], samples=[], out=False)
def _method_where(x: "Operand", condition: "Index", other: "Operand"):
    return T._where(condition, x, other)


@op("masked_fill", rows=True, fuse=True, at="torch tensor tensor_", half=False,
    grad_name=lambda x, mask, value: f"MaskedFillBackward{int(hasattr(value, '_a'))}",
    samples=["r(3, 4), b(3, 4), 0.5", "r(3, 4), b(4), 1", "r(4), b(3, 4), -1.0", "r(3), b(3), r()"],
    vjp={"x": lambda k, g, mask: k._gate(~mask, g), "value": lambda k, g, mask: k.sum(k._gate(mask, g))},
    raw_vjp={"x": lambda k, g, mask: k._gate(~mask, g), "value": lambda k, g, mask: k._gate(mask, g).sum()})
def masked_fill(xp, x, mask: "Index", value: "Operand"):
    """x with the elements where the mask is true replaced by a number or 0-d tensor.

    >>> masked_fill(tensor([1, 2, 3]), tensor([True, False, True]), 0)
    tensor([0, 2, 0])
    """
    if mask.dtype != np.bool_:
        name = dtypes.C_NAMES[dtypes.of_numpy(mask.dtype).name].replace("long long", "long int")
        raise EngineError(f"masked_fill_ only supports boolean masks, but got mask with dtype {name}")
    value = _fill_value(xp, x, value)
    if x.shape != mask.shape:
        broadcast_shapes(mask.shape, x.shape)
        x, mask = xp.broadcast_arrays(x, mask)
    if x.dtype.kind == "f":
        return select(xp, mask, value, x)
    out = xp.array(x)
    xp.copyto(out, value, where=mask)
    return out


@short_way("masked_fill")
def _quick_masked_fill(o, slow):
    fn = multiple(o, finish)
    return native.masking(o, "MaskedFillBackward0", fn) or fn


@short_way("masked_fill_")
def _quick_masked_fill_(o, slow):
    return native.filling_masked(slow) or slow


def _fill_value(xp, x, value):
    """The number in the dtype of `x`; refused where it does not fit."""
    if getattr(value, "ndim", 0):
        raise EngineError("masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                          f"{value.ndim} dimension(s).")
    if hasattr(value, "place"):
        return value.astype(x.dtype)
    number = value.item() if hasattr(value, "item") else value
    check_fits(number, dtypes.of_numpy(x.dtype), as_opmath=True)
    return xp.asarray(number).astype(x.dtype)


# ---------------------------------------------------------------- mixing

def _mix_weight(k, g, x, end):
    return g * k.conj_of(end - x)


def _same_floats(values: list) -> None:
    """lerp takes floats of one dtype; nothing is promoted."""
    start, end, weight = values
    tensor_weight = hasattr(weight, "_a")
    for name, other in (("end", end), *([("weight", weight)] if tensor_weight and weight.ndim else [])):
        if other.dtype is not start.dtype:
            wanted, found = (dtypes.C_NAMES[t.dtype.name].replace("long long", "long int") for t in (start, other))
            raise EngineError(f"expected dtype {wanted} for `{name}` but got dtype {found}")
    refuse(start._a, "biu", "lerp_kernel_" + ("tensor" if tensor_weight else "scalar"))


@op("lerp", fuse=True, out=lambda x, end, weight: "found" if hasattr(weight, "_a") else None,
    at="torch tensor tensor_", promote="same", check=_same_floats, wide=True,
    grad_name=lambda x, end, weight: f"LerpBackward{int(hasattr(weight, '_a'))}",
    samples=["r(3, 4), r(3, 4), 0.3", "r(3), r(3), r(3)", "r(2, 3), r(3), r()", "r(3), r(3), 0.8",
             "c(3), c(3), c(3)"],
    vjp={"x": lambda k, g, weight: g * k.conj_of(1 - weight), "end": lambda k, g, weight: g * k.conj_of(weight),
         "weight": _mix_weight})
def lerp(xp, x, end, weight: "Operand"):
    """x + weight * (end - x), elementwise.

    >>> lerp(tensor([0., 10.]), tensor([10., 20.]), 0.25)
    tensor([ 2.5000, 12.5000])
    """
    span = end - x
    if not hasattr(weight, "dtype"):
        # From the nearer end: exact at both.
        near = np.abs(weight) < 0.5
        return x + weight * span if near else end - span * (1 - weight)
    return xp.where(xp.absolute(weight) < 0.5, x + weight * span, end - span * (1 - weight))


def _factor(value, d):
    """A number as PyTorch's kernels take it: in the dtype of the tensors, its fraction cut off where they are integers."""
    if type(value) is int and d.kind not in "iu":
        return value
    wanted = dtypes.of_numpy(d)
    check_fits(value, wanted, as_opmath=True)
    value = value.real if isinstance(value, complex) and not wanted.is_complex else value
    return np.asarray(int(value)).astype(d)[()] if wanted.category == dtypes.INTEGER else value


def _scaled(value, product):
    return product if value == 1 else product * value


@op("addcmul", fuse=True, at="torch tensor tensor_", promote="same",
    samples=["r(3, 4), r(3, 4), r(4)", "r(3), r(3), r(3), value=0.5", "r(2, 1), r(3), r(), value=-2",
             "c(2), c(2), c(2)"],
    vjp={"x": lambda k, g: g,
         "tensor1": lambda k, g, tensor2, value: g * k.conj_of(_scaled(value, tensor2)),
         "tensor2": lambda k, g, tensor1, value: g * k.conj_of(_scaled(value, tensor1))}, raw_vjp=True)
def addcmul(xp, x, tensor1, tensor2, *, value: "Scalar" = 1):
    """x + value * tensor1 * tensor2, elementwise.

    >>> addcmul(tensor([1., 1.]), tensor([2., 3.]), tensor([4., 5.]), value=0.5)
    tensor([5.0000, 8.5000])
    """
    refuse(x, "b", "addcmul_cpu_out")
    return x + _scaled(_factor(value, x.dtype), tensor1 * tensor2)


def _divides_reals(values: list) -> None:
    if all(t.dtype.category <= dtypes.INTEGER for t in values[1:3]):
        raise EngineError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
            "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value "
            "* tensor1 / tensor2), for all dtypes.")


@op("addcdiv", fuse=True, at="torch tensor tensor_", promote="same", check=_divides_reals,
    samples=["r(3, 4), r(3, 4), away(4)", "r(3), r(3), away(3), value=0.5", "c(2), c(2), c(2)"],
    vjp={"x": lambda k, g: g,
         "tensor1": lambda k, g, tensor2, value: g * k.conj_of(value / tensor2),
         "tensor2": lambda k, g, tensor1, tensor2, value:
             g * -k.conj_of(_scaled(value, tensor1) / (tensor2 * tensor2))}, raw_vjp=True)
def addcdiv(xp, x, tensor1, tensor2, *, value: "Scalar" = 1):
    """x + value * tensor1 / tensor2, elementwise.

    >>> addcdiv(tensor([1., 1.]), tensor([2., 3.]), tensor([4., 6.]), value=2)
    tensor([2., 2.])
    """
    return x + _scaled(_factor(value, x.dtype), tensor1) / tensor2
