"""Arithmetic and comparison: the ops behind Python's operators."""

import math

import numpy as np

from .. import native
from ..engine.callables import OPERANDS, finish, is_small, plans_of_two, record_binary, set_operator
from ..engine.dispatch import TENSORS, call, is_half
from ..engine.node_view import as_input, graph_of
from ..engine.notes import note_expansion
from ..engine.overrides import answers
from ..engine.placement import holds
from ..engine.registry import T, composite, op, ops
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import EngineError
from .arrays import named, not_implemented, refuse

PAIRS = ["r(3, 4), r(3, 4)", "r(3, 4), r(4)", "r(), r(2, 3)", "r(3), 2.5", "r(0, 3), r(3)", "r(2, 1, 3), r(4, 1)",
         "r(4, 3).t(), r(3, 4)", "r(3, 4)[:, ::2], r(2)", "ints(3, 4), ints(4)"]


def _is_bool(a) -> bool:
    return isinstance(a, bool) or getattr(a, "dtype", None) == np.bool_


def _scaled(xp, other, alpha, like):
    """`alpha * other`; PyTorch refuses a fractional alpha on integers."""
    if alpha == 1 and type(alpha) is not bool:
        return _times_one(xp, other, like)
    if getattr(like, "dtype", np.dtype(float)).kind in "iub" and isinstance(alpha, float):
        raise EngineError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and getattr(like, "dtype", np.dtype(complex)).kind != "c":
        raise EngineError("For non-complex input tensors, argument alpha must not be a complex number.")
    if type(alpha) is bool and not _is_bool(like):
        raise EngineError("Boolean alpha only supported for Boolean results.")
    if _is_bool(other) and _is_bool(like):
        return other & bool(alpha)
    d = getattr(like, "dtype", None)
    return other * (np.asarray(alpha).astype(d) if d is not None and d.kind == "u" else alpha)


def _times_one(xp, other, like):
    """`other` as PyTorch's complex product with 1 leaves it: an infinite or nan part makes nan of the other part."""
    for d in (getattr(like, "dtype", None), getattr(other, "dtype", None)):
        if d is not None and d.kind == "c" and holds(xp.any(~xp.isfinite(other))):
            with np.errstate(invalid="ignore"):
                return xp.multiply(xp.asarray(other, d), d.type(1))
    return other


@op("add", at="torch tensor tensor_", also=["tensor.__add__", "tensor.__radd__", "tensor.__iadd__"], promote="same",
    ufunc="add", samples=[*PAIRS, "r(3), r(3), alpha=2",
                          "torch.tensor([1 + 2j]), math.inf"],
    vjp={"x": lambda k, g: g, "other": lambda k, g, alpha: g if alpha == 1 else g * alpha}, raw_vjp=True)
def add(xp, x: "Value", other: "Operand", *, alpha: "Scalar" = 1):
    """x + alpha * other, elementwise with broadcasting.

    >>> add(tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return xp.add(x, _scaled(xp, other, alpha, x))


def _no_bools(values: list) -> None:
    """PyTorch refuses bools as operands of `-`."""
    found = [_is_bool(getattr(v, "_a", v)) for v in values[:2]]
    if all(found):
        raise EngineError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                          "`logical_xor()` operator instead.")
    if any(found):
        raise EngineError("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
                          "invert a mask, use the `~` or `logical_not()` operator instead.")


@op("sub", at="torch tensor tensor_", also=["subtract", "tensor.__sub__", "tensor.__rsub__", "tensor.__isub__"],
    promote="same", ufunc="subtract", check=_no_bools, samples=[*PAIRS, "r(3), r(3), alpha=2",
                                                                "torch.tensor([1 + 2j]), math.inf"],
    vjp={"x": lambda k, g: g, "other": lambda k, g, alpha: -g if alpha == 1 else g * -alpha}, raw_vjp=True)
def sub(xp, x: "Value", other: "Operand", *, alpha: "Scalar" = 1):
    """x - alpha * other, elementwise with broadcasting.

    >>> sub(tensor([3., 2.]), tensor([1., 1.]))
    tensor([2., 1.])
    """
    return xp.subtract(x, _scaled(xp, other, alpha, x))


@op("rsub", fuse=True, at="torch", promote="same", check=_no_bools, grad_name=named("Rsub", 0, 1), samples=PAIRS,
    vjp={"x": lambda k, g, alpha: -g if alpha == 1 else g * -alpha, "other": lambda k, g: g}, raw_vjp=True)
def rsub(xp, x, other: "Operand", alpha: "Scalar" = 1):
    """other - alpha * x, elementwise with broadcasting.

    >>> rsub(tensor([3., 2.]), 1)
    tensor([-2., -1.])
    """
    return sub(xp, other, x, alpha=alpha)


@op("mul", at="torch tensor tensor_", also=["multiply", "tensor.__mul__", "tensor.__rmul__", "tensor.__imul__"],
    promote="same", ufunc="multiply", samples=PAIRS, frees=True, wide=True,
    vjp={"x": lambda k, g, other: g * k.conj_of(other), "other": lambda k, g, x: g * k.conj_of(x)},
    raw_vjp={"x": lambda k, g, other: g * other, "other": lambda k, g, x: g * x})
def mul(xp, x: "Value", other: "Operand"):
    """x * other, elementwise with broadcasting.

    >>> mul(tensor([1., 2.]), tensor([3., 4.]))
    tensor([3., 8.])
    """
    return xp.multiply(x, other)


DIVISORS = ["r(3, 4), away(3, 4)", "r(3, 4), away(4)", "r(3), 2.5", "r(0, 3), away(3)"]


def _truncated(xp, x, other):
    q = xp.true_divide(x, other) if _kind(x, other) == "f" else None
    if q is not None:
        return xp.trunc(q)
    _no_zero(xp, other)
    quotient = xp.floor_divide(x, other)
    exact = quotient * other == x
    return xp.where(~exact & ((xp.less(x, 0)) != (xp.less(other, 0))), quotient + 1, quotient).astype(quotient.dtype)


def _kind(*values) -> str:
    found = (getattr(v, "dtype", None) or np.dtype(type(v)) for v in values)
    return "f" if any(d.kind == "f" for d in found) else "i"


def _no_zero(xp, other) -> None:
    if holds(xp.any(xp.equal(other, 0))):
        raise EngineError("ZeroDivisionError")


def _floored(xp, x, other):
    """Floor division as PyTorch does it: a correction of the quotient, and x / 0 for floats."""
    if _kind(x, other) == "i":
        _no_zero(xp, other)
        return xp.floor_divide(x, other)
    remainder = xp.fmod(x, other)
    quotient = (x - remainder) / other
    quotient = quotient - ((remainder != 0) & ((xp.less(other, 0)) != (xp.less(remainder, 0))))
    nearest = xp.floor(quotient)
    nearest = xp.where(quotient - nearest > 0.5, nearest + 1, nearest)
    nearest = xp.where(quotient == 0, xp.copysign(xp.zeros_like(quotient), xp.true_divide(x, other)), nearest)
    return xp.where(xp.equal(other, 0), xp.true_divide(x, other), nearest).astype(quotient.dtype)


@op("_true_divide", at="", also=["tensor.__truediv__", "tensor.__rtruediv__", "tensor.__rdiv__"], promote="float",
    ufunc="true_divide", frees=True, wide=True,
    samples=DIVISORS, grad_name="DivBackward0",
    vjp={"x": lambda k, g, other: g / k.conj_of(other),
         "other": lambda k, g, x, other: -g * k.conj_of((x / other) / other)},
    raw_vjp={"x": lambda k, g, other: g / other, "other": lambda k, g, x, other: -g * ((x / other) / other)})
def _true_divide(xp, x: "Value", other: "Operand"):
    return xp.true_divide(x, other)


@op("_div_trunc", fuse=True, at="", promote="same", samples=[], grad_name="DivBackward2",
    vjp={"x": lambda k, g: k.zeros_like(g), "other": lambda k, g: k.zeros_like(g)})
def _div_trunc(xp, x: "Value", other: "Operand"):
    refuse(x if hasattr(x, "dtype") else other, "bc", "div_trunc_cpu")
    return _truncated(xp, x, other)


@op("_div_floor", fuse=True, at="", promote="same", samples=[], grad_name="DivBackward2",
    vjp={"x": lambda k, g: k.zeros_like(g), "other": lambda k, g: k.zeros_like(g)})
def _div_floor(xp, x: "Value", other: "Operand"):
    refuse(x if hasattr(x, "dtype") else other, "bc", "div_floor_cpu")
    return _floored(xp, x, other)


@composite("div", at="torch tensor tensor_",
           also=["divide", "tensor.__itruediv__", "tensor.__div__", "tensor.__idiv__"],
           samples=[*DIVISORS, "r(3), away(3), rounding_mode='floor'", "r(3), away(3), rounding_mode='trunc'"])
def div(x: "Value", other: "Operand", *, rounding_mode: "str?" = None):
    """x / other; rounding_mode "trunc" rounds towards zero, "floor" down.

    >>> div(tensor([1., -3.]), 2)
    tensor([ 0.5000, -1.5000])
    """
    if rounding_mode is None:
        return T._true_divide(x, other)
    if rounding_mode not in ("trunc", "floor"):
        raise EngineError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                          f"'{rounding_mode}'")
    if rounding_mode == "floor":
        return T._div_floor(x, other)
    if any(hasattr(v, "_a") and is_half(v._a.dtype) for v in (x, other)):
        return T.trunc(T._true_divide(x, other))  # the quotient is rounded to its dtype first
    return T._div_trunc(x, other)


@composite("true_divide", at="torch tensor tensor_", samples=DIVISORS)
def true_divide(x: "Value", other: "Operand"):
    """x / other, elementwise with broadcasting.

    >>> true_divide(tensor([1, 2]), 2)
    tensor([0.5000, 1.0000])
    """
    return T._true_divide(x, other)


FLOOR_DIVIDE = not_implemented("derivative for aten::floor_divide is not implemented")


@op("floor_divide", fuse=True, at="torch tensor tensor_", also=["tensor.__floordiv__", "tensor.__ifloordiv__",
    "tensor.__rfloordiv__"], promote="same",
    samples=["torch.tensor([7.0, -7.0]), 2", "ints(3), 2", "torch.tensor([7.5, -2.0]), torch.tensor([2.0, 0.0])"],
    grad_name="NotImplemented",
    vjp={"x": FLOOR_DIVIDE, "other": FLOOR_DIVIDE})
def floor_divide(xp, x: "Value", other: "Operand"):
    """x / other rounded down.

    >>> floor_divide(tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    refuse(x if hasattr(x, "dtype") else other, "bc", "div_floor_cpu")
    return _floored(xp, x, other)


@op("neg", out="found", at="torch tensor tensor_", also=["negative", "tensor.__neg__"], samples=["r(3, 4)", "r()", "r(0, 2)"],
    ufunc="negative", vjp={"x": lambda k, g: -g}, raw_vjp=True)
def neg(xp, x):
    """-x, elementwise.

    >>> neg(tensor([1., -2.]))
    tensor([-1.,  2.])
    """
    if x.dtype == np.bool_:
        raise EngineError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
                          "a mask, use the `~` or `logical_not()` operator instead.")
    return xp.negative(x)


def _pow_x(k, g, x, exponent):
    if not hasattr(exponent, "shape"):
        if exponent == 0:
            return k.zeros_like(g)
        return g * k.conj_of(exponent * k.pow(x, exponent - 1))
    scaled = g * k.conj_of(exponent * k.pow(x, exponent - 1))
    return k.where(exponent == 0, k.zeros_like(scaled), scaled)


def _pow_exponent(k, g, x, exponent, out):
    if hasattr(x, "shape"):
        zero = (x == 0) & (exponent >= 0 if not exponent.is_complex() else exponent.real >= 0)
        return g * k.conj_of(k.where(zero, k.zeros_like(out), out * k.log(x)))
    if x == 0:
        return k.where(exponent >= 0, k.zeros_like(out), g * k.conj_of(out * math.log(1e-300) * math.inf))
    return g * k.conj_of(out * (math.log(x) if not isinstance(x, complex) and x > 0 else _complex_log(x)))


def _complex_log(x):
    import cmath

    return cmath.log(x) if isinstance(x, complex) else (math.nan if x < 0 else math.log(x))


def _raw_pow_x(k, g, x, exponent):
    if type(exponent) in (int, float):
        if exponent == 2:
            return g * (x + x)
        return g * (exponent * pow(np, x, exponent - 1)) if exponent else np.zeros_like(g)
    scaled = g * (exponent * np.power(x, exponent - 1))
    return np.where(exponent == 0, np.zeros_like(scaled), scaled)


def _raw_pow_exponent(k, g, x, exponent, out):
    if hasattr(x, "shape"):
        return g * np.where((x == 0) & (exponent >= 0), np.zeros_like(out), out * np.log(x))
    if x == 0:
        return np.where(exponent >= 0, np.zeros_like(out), g * (out * math.log(1e-300) * math.inf))
    return g * (out * (math.log(x) if x > 0 else math.nan))


def _no_negative(values: list) -> None:
    x, exponent = values[0], values[1]
    if type(exponent) is int and exponent < 0 and hasattr(x, "_a") and x._a.dtype.kind in "iub":
        raise EngineError("Integers to negative integer powers are not allowed.")


@op("pow", fuse=True, at="torch tensor tensor_", also=["tensor.__pow__", "tensor.__rpow__", "tensor.__ipow__"], promote="same",
    check=_no_negative,
    samples=["pos(3, 4), 2", "pos(3), 0.5", "r(3), 3", "pos(3, 4), r(4)", "2.0, r(3)", "r(3), 0", "r(0), 2"],
    grad_name=named("Pow", 1, 0, 2), vjp={"x": _pow_x, "exponent": _pow_exponent},
    raw_vjp={"x": _raw_pow_x, "exponent": _raw_pow_exponent})
def pow(xp, x: "Operand", exponent: "Operand"):
    """x to the power of exponent, elementwise with broadcasting.

    >>> pow(tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    d = getattr(x, "dtype", None) if getattr(x, "dtype", None) is not None else exponent.dtype
    if d.kind == "b":
        if hasattr(exponent, "dtype"):
            refuse(exponent, "b", "pow")
        return xp.array(x) if exponent else xp.ones_like(x)
    if d.kind in "iu":
        return _integer_power(xp, x, exponent, d)
    if type(exponent) in (int, float):
        # NumPy's power is slow, and slower still on negative bases: small powers are products.
        if exponent == 2:
            return xp.multiply(x, x)
        if exponent == 3:
            return x * x * x
        if exponent == 1:
            return xp.array(x)
        if exponent == 0.5:
            return xp.sqrt(x) if d.kind == "f" else xp.power(x, 0.5)
        if exponent == -1:
            return xp.reciprocal(x)
    return xp.power(x, exponent)


def _power_operator(o, plans: tuple):
    def operator(x, exponent):
        """`x ** exponent` for a float tensor and a number or a tensor of the same dtype."""
        if is_small(x):
            if type(exponent) is int or type(exponent) is float:
                r, needs = pow(np, x._a, exponent), x._rg
            elif is_small(exponent) and exponent._a.dtype is x._a.dtype:
                try:
                    r, needs = np.power(x._a, exponent._a), x._rg or exponent._rg
                except ValueError:
                    return call(o, (x, exponent), {})
            else:
                return _refused(x, exponent) or call(o, (x, exponent), {})
            t = finish(o, (), r, False)
            if type(exponent) in TENSORS:
                note_expansion(x, exponent, t)
            if needs and state.grad:
                record_binary(o, plans, x, exponent, t, ())
                t._node._name = "PowBackward1" if type(exponent) in TENSORS else "PowBackward0"
            return t
        t = _refused(x, exponent) or call(o, (x, exponent), {})
        if isinstance(x, Tensor) and isinstance(exponent, Tensor):
            note_expansion(x, exponent, t)
        return t
    return operator


def _refused(x, exponent):
    sides = (Tensor, *OPERANDS)
    return None if all(isinstance(side, sides) or answers(type(side)) for side in (x, exponent)) else NotImplemented


def _set_power_operator(o) -> None:
    plans = plans_of_two(o)
    operator = _power_operator(o, plans)
    set_operator(o, operator, native.power(o, plans, "PowBackward0", operator))


_set_power_operator(ops["pow"])
# A number as exponent is no input of PyTorch's node.
graph_of["pow"] = lambda node: (as_input(node.edges[0]),) if node.name() == "PowBackward0" else None


def _integer_power(xp, x, exponent, d):
    if not hasattr(exponent, "dtype"):
        if exponent < 0:
            raise EngineError("Integers to negative integer powers are not allowed.")
        return xp.power(x, xp.asarray(exponent, d))
    negative = exponent < 0
    if not holds(xp.any(negative)):
        return xp.power(x, exponent)
    # PyTorch answers 0, or +-1 for the bases 1 and -1, where the exponent is negative.
    base = xp.asarray(x, d)
    result = xp.power(base, xp.where(negative, 0, exponent))
    sign = xp.where(exponent % 2 == 0, 1, -1)
    special = xp.where(base == 1, 1, xp.where(base == -1, sign, 0)).astype(d)
    return xp.where(negative, special, result).astype(d)


def _comparison(name: str, symbol: str, also, ufunc: str):
    @op(name, at="torch tensor tensor_", also=[*also, f"tensor.__{name}__"], promote="compare", ufunc=ufunc,
        nograd=True,
        samples=PAIRS)
    def compare(xp, x, other: "Operand"):
        if name not in ("eq", "ne"):
            refuse(x if hasattr(x, "dtype") else other, "c", name + "_cpu")
        return getattr(xp, ufunc)(x, other)

    compare.__doc__ = f"""x {symbol} other, elementwise with broadcasting; a bool tensor.

    >>> {name}(tensor([1., 2., 3.]), 2)
    {_shown(name)}
    """


def _shown(name: str) -> str:
    import operator

    row = [str(getattr(operator, name)(v, 2)) for v in (1, 2, 3)]
    return "tensor([" + ", ".join(f"{v:>5}" for v in row) + "])"


for _name, _symbol, _also, _ufunc in (("eq", "==", [], "equal"), ("ne", "!=", ["not_equal"], "not_equal"),
                                      ("lt", "<", ["less"], "less"), ("le", "<=", ["less_equal"], "less_equal"),
                                      ("gt", ">", ["greater"], "greater"),
                                      ("ge", ">=", ["greater_equal"], "greater_equal")):
    _comparison(_name, _symbol, _also, _ufunc)
