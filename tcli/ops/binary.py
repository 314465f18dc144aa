"""Functions of two numbers: remainders, angles, sums of exponentials, and nearness."""

import math

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.dispatch import cast, result_type
from ..engine.placement import holds
from ..engine.registry import T, composite, function, op, ops
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError
from .arithmetic import division_operator
from .arrays import named, not_implemented, refuse, select

EVERYWHERE = "torch tensor tensor_"
PAIRS = ["r(3, 4), r(3, 4)", "r(3, 4), r(4)", "r(), r(3)", "r(0, 3), r(3)",
         "r(4, 3).t(), r(3, 4)", "r(3, 4)[:, ::2], r(3, 1)"]
DIVISORS = ["r(3, 4), away(3, 4)", "r(3, 4), away(4)", "r(3), 2.5", "r(3), -0.7"]


def _checked(x, other, kernel: str):
    first = x if hasattr(x, "dtype") else other
    refuse(first, "bc", kernel)
    return first


# ---------------------------------------------------------------- remainders

def _integer_divisor(xp, other) -> None:
    if holds(xp.any(xp.equal(other, 0))):
        raise EngineError("ZeroDivisionError")


@op("remainder", at=EVERYWHERE, also=["tensor.__mod__", "tensor.__rmod__", "tensor.__imod__"], promote="same",
    samples=[*DIVISORS, "2.5, away(3)"], grad_name=named("Remainder", 1, 0),
    vjp={"x": lambda k, g: g, "other": lambda k, g, x, other: g * -k.div(x, other, rounding_mode="floor")})
def remainder(xp, x: "Operand", other: "Operand"):
    """The remainder of x / other, with the sign of other (Python's %).

    >>> remainder(tensor([-3., 5.]), 2)
    tensor([1., 1.])
    """
    if _checked(x, other, "remainder_cpu").dtype.kind in "iu":
        _integer_divisor(xp, other)
        return xp.remainder(x, other)
    # C's remainder, moved by one divisor where its sign is wrong: zeros keep the sign of x.
    r = xp.fmod(x, other)
    wrong = xp.not_equal(r, 0) & (xp.less(other, 0) != xp.less(r, 0))
    return select(xp, wrong, r + other, r) if holds(xp.any(wrong)) else r


division_operator(ops["remainder"], False)


@op("fmod", fuse=True, at=EVERYWHERE, promote="same", samples=DIVISORS, grad_name=named("Fmod", 1, 0),
    vjp={"x": lambda k, g: g, "other": lambda k, g, x, other: g * -k.div(x, other, rounding_mode="trunc")})
def fmod(xp, x, other: "Operand"):
    """The remainder of x / other, with the sign of x (C's fmod).

    >>> fmod(tensor([-3., 5.]), 2)
    tensor([-1.,  1.])
    """
    if _checked(x, other, "fmod_cpu").dtype.kind in "iu":
        _integer_divisor(xp, other)
    return xp.fmod(x, other)


# ---------------------------------------------------------------- geometry

def _slope_of_angle(k, g, one, x, other):
    square = x * x + other * other
    return k.where(square == 0, 0.0, g * (one / square))


@op("atan2", at=EVERYWHERE, also=["arctan2"], promote="float", samples=PAIRS, ufunc="arctan2",
    vjp={"x": lambda k, g, x, other: _slope_of_angle(k, g, other, x, other),
         "other": lambda k, g, x, other: _slope_of_angle(k, g, -x, x, other)}, raw_vjp=True)
def atan2(xp, x, other):
    """The angle of the point (other, x), in (-pi, pi].

    >>> atan2(tensor([1., -1.]), tensor([1., -1.]))
    tensor([ 0.7854, -2.3562])
    """
    refuse(x, "c", "atan2_cpu")
    return xp.arctan2(x, other)


@op("hypot", fuse=True, at=EVERYWHERE, promote="same", samples=PAIRS,
    vjp={"x": lambda k, g, x, out: g * (x / out), "other": lambda k, g, other, out: g * (other / out)})
def hypot(xp, x, other):
    """sqrt(x^2 + other^2) without overflow.

    >>> hypot(tensor([3., 5.]), tensor([4., 12.]))
    tensor([ 5., 13.])
    """
    refuse(x, "biuc", "hypot_cpu")
    return xp.hypot(x, other)


@op("copysign", fuse=True, at=EVERYWHERE, promote="float", grad_name=named("Copysign", 0, 1),
    samples=["away(3, 4), away(3, 4)", "away(3), -1.0", "away(3), away(1)"],
    vjp={"x": lambda k, g, x, out: k.where(x == 0, 0.0, g * (out / x)), "other": lambda k, g: k.zeros_like(g)})
def copysign(xp, x, other: "Operand"):
    """The magnitude of x with the sign of other.

    >>> copysign(tensor([1., 2.]), tensor([-1., 0.]))
    tensor([-1.,  2.])
    """
    refuse(x, "c", "copysign_cpu")
    return xp.copysign(x, other)


@op("nextafter", fuse=True, at=EVERYWHERE, promote="same", half=False,
    samples=["torch.tensor([1.0, 2.0]), torch.tensor([2.0, 1.0])"],
    vjp={"x": lambda k, g, x, other: k._gate(x != other, g), "other": lambda k, g: k.zeros_like(g)})
def nextafter(xp, x, other):
    """The next number after x in the direction of other.

    >>> nextafter(tensor([1.]), tensor([2.])) > 1
    tensor([True])
    """
    refuse(x, "biuc", "nextafter_cpu")
    return xp.nextafter(x, other)


HEAVISIDE = not_implemented("derivative for aten::heaviside is not implemented")


def _one_dtype(values: list) -> None:
    if values[0].is_complex() or values[1].is_complex():
        raise EngineError("heaviside is not yet implemented for complex tensors.")
    if values[0].dtype is not values[1].dtype:
        raise EngineError("heaviside is not yet implemented for tensors with different dtypes.")


@op("heaviside", out="heaviside", fuse=True, check=_one_dtype, grad_name="NotImplemented", at=EVERYWHERE, promote="same",
    samples=["torch.tensor([-1.0, 0.0, 2.0]), torch.tensor(0.5)"],
    vjp={"x": HEAVISIDE, "values": HEAVISIDE})
def heaviside(xp, x, values):
    """0 below 0, 1 above 0 and `values` at 0.

    >>> heaviside(tensor([-1., 0., 2.]), tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return xp.where(xp.equal(x, 0), values, xp.greater(x, 0).astype(x.dtype))


# ---------------------------------------------------------------- sums of exponentials

def _share_of_sum(k, g, x, other, base):
    """1 / (1 + base^(other - x)): the part of the sum that is base^x; one half where both are infinite."""
    step = k.where(x == other, k.zeros_like(x), other - x)
    return g * k.conj_of(k.sigmoid(step * -base))


@op("logaddexp", fuse=True, at="torch tensor", promote="same", samples=[*PAIRS, "c(3), c(3)"],
    vjp={"x": lambda k, g, x, other: _share_of_sum(k, g, x, other, 1.0),
         "other": lambda k, g, x, other: _share_of_sum(k, g, other, x, 1.0)})
def logaddexp(xp, x, other):
    """log(exp(x) + exp(other)) without overflow.

    >>> logaddexp(tensor([0., 1000.]), tensor([0., 1000.]))
    tensor([6.9315e-01, 1.0007e+03])
    """
    refuse(x, "biu", "logaddexp_cpu")
    if x.dtype.kind == "c":
        high = xp.where(xp.greater_equal(x.real, other.real), x, other)
        low = xp.where(xp.greater_equal(x.real, other.real), other, x)
        return high + xp.log1p(xp.exp(low - high))
    return xp.logaddexp(x, other)


@op("logaddexp2", fuse=True, at="torch tensor", promote="same", samples=PAIRS,
    vjp={"x": lambda k, g, x, other: _share_of_sum(k, g, x, other, math.log(2)),
         "other": lambda k, g, x, other: _share_of_sum(k, g, other, x, math.log(2))})
def logaddexp2(xp, x, other):
    """log2(2^x + 2^other) without overflow.

    >>> logaddexp2(tensor([1., 3.]), tensor([1., 1.]))
    tensor([2.0000, 3.3219])
    """
    refuse(x, "biuc", "logaddexp2_cpu")
    return xp.logaddexp2(x, other)


# ---------------------------------------------------------------- powers of two, float powers

@composite("ldexp", at=EVERYWHERE, grad_name="LdexpBackward0",
           samples=["r(3, 4), ints(4)", "r(3), ints(1)", "ints(3), ints(3)",
                    "torch.tensor([1.5]).double(), torch.tensor([200])",
                    "torch.tensor([1]), torch.tensor(0.5).double()"])
def ldexp(x, other):
    """x * 2 ** other.

    >>> ldexp(tensor([1., 3.]), tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    if x.is_floating_point():
        refuse(other._a, "b", "ldexp_cpu_exp")
    common = result_type((x, other))
    wide = common if common.category >= dtypes.FLOAT else dtypes.get_default_dtype()
    return x * T.pow(2.0, cast(other, wide) if other.dtype is not wide else other)


@op("frexp", out=("mantissa", "exponent"), at="torch tensor", outs=2, fields=("mantissa", "exponent"),
    samples=["away(3, 4)", "away()"],
    vjp={"x": lambda k, g, out1: g[0] / k.exp2(out1) if g[0] is not None else None})
def frexp(xp, x):
    """(mantissa, exponent) with x = mantissa * 2 ** exponent and the mantissa in [0.5, 1).

    >>> frexp(tensor([6., 0.5])).exponent
    tensor([3, 0], dtype=torch.int32)
    """
    if x.dtype.kind != "f":
        raise EngineError("torch.frexp() only supports floating-point dtypes")
    mantissa, exponent = xp.frexp(x)
    return mantissa, exponent.astype(np.int32)


@composite("float_power", out="float_power", at=EVERYWHERE,
           same_dtype="the base given to float_power_ has dtype {Have} but the operation's result requires dtype {Want}",
           samples=["pos(3, 4), 2.5", "pos(3), r(3)", "2.0, r(3)", "ints(3), 2"])
def float_power(x: "Operand", exponent: "Operand"):
    """x to the power of exponent in float64 (complex128).

    >>> float_power(tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    tensors = [v for v in (x, exponent) if isinstance(v, Tensor)]
    if not tensors:
        raise ArgumentError("float_power(): argument 'input' must be Tensor")
    wide = any(isinstance(v, complex) or isinstance(v, Tensor) and v.is_complex() for v in (x, exponent))
    target = dtypes.complex128 if wide else dtypes.float64
    number = complex if wide else float
    return T.pow(*(v.to(target) if isinstance(v, Tensor) else number(v) for v in (x, exponent)))


# ---------------------------------------------------------------- nearness and equality

def _of_one_dtype(values: list) -> None:
    if values[0].dtype is not values[1].dtype:
        raise EngineError(f"{dtypes.scalar_name(values[0].dtype)} did not match {dtypes.scalar_name(values[1].dtype)}")


@op("isclose", fuse=True, at="torch tensor", nograd=True, half=True, check=_of_one_dtype,
    samples=["r(3), r(3)", "pos(3), pos(3), 0.5, 0.1"])
def isclose(xp, x, other, rtol: "float" = 1e-05, atol: "float" = 1e-08, equal_nan: "bool" = False):
    """Whether abs(x - other) <= atol + rtol * abs(other), elementwise.

    >>> isclose(tensor([1., 2.]), tensor([1., 2.1]))
    tensor([ True, False])
    """
    if rtol < 0 or atol < 0:
        word, value = ("rtol", rtol) if rtol < 0 else ("atol", atol)
        raise EngineError(f"{word} must be greater than or equal to zero, but got {value:g}")
    close = xp.equal(x, other)
    if equal_nan and x.dtype.kind in "fc":
        close = close | (xp.isnan(x) & xp.isnan(other))
    if rtol == 0 and atol == 0:
        return close
    if x.dtype.kind in "biu":
        x, other = x.astype(np.float64), other.astype(np.float64)
    error = xp.absolute(x - other)
    return close | (xp.isfinite(error) & xp.less_equal(error, atol + xp.absolute(rtol * other)))


@function("torch.allclose", "tensor.allclose", samples=["r(3), r(3)"])
def allclose(input, other, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as a bool: abs(input - other) <= atol + rtol * abs(other).

    >>> allclose(tensor([1., 2.]), tensor([1., 2.1]))
    False
    """
    return bool(T.isclose(input, other, rtol, atol, equal_nan)._a.all())


@function("torch.equal", "tensor.equal", samples=["r(3), r(3)"])
def equal(input, other) -> bool:
    """Whether two tensors have the same size and elements, as a bool.

    >>> equal(tensor([1, 2]), tensor([1, 2]))
    True
    """
    found = native.are_equal(input, other)
    if found is not False:
        return found is True
    for i, value in enumerate((input, other)):
        if not isinstance(value, Tensor):
            raise ArgumentError(f"equal(): argument '{('input', 'other')[i]}' (position {i + 1}) must be Tensor, not "
                                f"{type(value).__name__}")
    if input._a.shape != other._a.shape:
        return False
    return bool((input._a == other._a).all())


