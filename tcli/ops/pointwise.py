"""Exponentials, logarithms, roots, angles: the functions of one number that NumPy has as a ufunc.

Each is one row: the ufunc, what it is, an executed example, its gradient and where calls of it are tried.
The gradient of a complex function is the conjugate of its derivative times `g`, hence `conj_of`.
"""

import math

import numpy as np

from ..engine import dtypes
from ..engine.callables import of_pair, short_way
from ..engine.registry import composite, op
from ..errors import EngineError, Unsupported
from .arrays import refuse

EVERYWHERE = "torch tensor tensor_"
PLAIN = ("r(3, 4)", "r()", "r(0, 2)", "r(3, 4).t()", "c(2, 3)")
POSITIVE = ("pos(3, 4)", "pos()", "pos(0, 2)", "c(2, 3)")
COMPLEX = (dtypes.complex64, dtypes.complex128)
UNIT = ("unit(3, 4)", "unit()", "unit(0, 2)", "c(2, 3)")
AWAY = ("away(3, 4)", "away()", "away(0, 2)")


multiply, subtract, ndarray = np.multiply, np.subtract, np.ndarray

# As an array: quicker than the Python number.
_ONES = {np.dtype(d): np.ones((), d) for d in ("float32", "float64")}


def _tanh_gradient(k, g, out):
    """g * (1 - out * out), in one array."""
    r = multiply(out, out)
    if type(r) is not ndarray:
        return g * (1 - r)
    subtract(_ONES[r.dtype], r, r)
    return multiply(g, r, r)


def _sigmoid_gradient(k, g, out):
    """g * (1 - out) * out, in one array."""
    r = subtract(_ONES[out.dtype], out)
    if type(r) is not ndarray:
        return g * (r * out)
    multiply(r, out, r)
    return multiply(g, r, r)


def unary(name: str, ufunc: str, what: str, example: str, shown: str, gradient, samples=PLAIN, also=(),
          at: str = EVERYWHERE, raw_vjp=True, of_complex=None):
    """Declares the op that is exactly one ufunc (but of complex numbers, where another function of (xp, x) is given);
    integers go to the default float type."""
    @op(name, at=at, also=also, promote="float", ufunc=ufunc, samples=list(samples), vjp={"x": gradient}, raw_vjp=raw_vjp)
    def kernel(xp, x):
        return getattr(xp, ufunc)(x) if of_complex is None or x.dtype.kind != "c" else of_complex(xp, x)

    kernel.__doc__ = f"""{what}, elementwise.

    >>> {example}
    {shown}
    """


# ---------------------------------------------------------------- exponentials and logarithms

def _log1p_of_complex(xp, z):
    """log(1 + z) that keeps small parts: |1 + z|^2 - 1 is x (2 + x) + y^2."""
    x, y = z.real, z.imag
    square = x * (2 + x) + y * y
    near = xp.where(square == 0, x, xp.log1p(square) / 2)
    length = xp.where(xp.absolute(z) < 0.5, near, xp.log(xp.hypot(x + 1, y)))
    return (length + 1j * xp.arctan2(y, x + 1)).astype(z.dtype)


unary("exp", "exp", "e to the power of x", "exp(tensor([0., 1., 2.]))", "tensor([1.0000, 2.7183, 7.3891])",
      lambda k, g, out: g * k.conj_of(out), raw_vjp={"x": lambda k, g, out: g * out})
unary("exp2", "exp2", "2 to the power of x", "exp2(tensor([0., 1., 3.]))", "tensor([1., 2., 8.])",
      lambda k, g, out: g * k.conj_of(out) * math.log(2), at="torch tensor tensor_ special")
unary("expm1", "expm1", "exp(x) - 1, exact near 0", "expm1(tensor([0., 1.]))", "tensor([0.0000, 1.7183])",
      lambda k, g, out: g * (k.conj_of(out) + 1), at="torch tensor tensor_ special")
unary("log", "log", "The natural logarithm", "log(tensor([1., 2., 10.]))", "tensor([0.0000, 0.6931, 2.3026])",
      lambda k, g, x: g / k.conj_of(x), POSITIVE)
unary("log2", "log2", "The logarithm to base 2", "log2(tensor([1., 2., 8.]))", "tensor([0., 1., 3.])",
      lambda k, g, x: g / (k.conj_of(x) * math.log(2)), POSITIVE)
unary("log1p", "log1p", "log(1 + x), exact near 0", "log1p(tensor([0., 1.]))", "tensor([0.0000, 0.6931])",
      lambda k, g, x: g / (k.conj_of(x) + 1), POSITIVE, at="torch tensor tensor_ special", of_complex=_log1p_of_complex)
unary("sqrt", "sqrt", "The square root", "sqrt(tensor([4., 2., 0.]))", "tensor([2.0000, 1.4142, 0.0000])",
      lambda k, g, out: g / (k.conj_of(out) * 2), POSITIVE)


@op("log10", fuse=True, at=EVERYWHERE, promote="float", samples=list(POSITIVE), raw_vjp=True,
    vjp={"x": lambda k, g, x: g / (k.conj_of(x) * math.log(10))})
def log10(xp, x):
    """The logarithm to base 10, elementwise.

    >>> log10(tensor([1., 10., 1000.]))
    tensor([0., 1., 3.])
    """
    # In float32 NumPy's is off by a bit or two at powers of ten, where people look.
    return xp.log10(x.astype(np.float64)).astype(np.float32) if x.dtype == np.float32 else xp.log10(x)


# ---------------------------------------------------------------- circular and hyperbolic functions

def _acosh_slope(k, x):
    """1 / sqrt(x^2 - 1); of complex numbers the product of two roots is on the right branch."""
    return k.conj_of(k.rsqrt(x - 1) * k.rsqrt(x + 1)) if x.dtype in COMPLEX else k.rsqrt(x * x - 1)


unary("sin", "sin", "The sine", "sin(tensor([0., 1.]))", "tensor([0.0000, 0.8415])",
      lambda k, g, x: g * k.conj_of(k.cos(x)))
unary("cos", "cos", "The cosine", "cos(tensor([0., 1.]))", "tensor([1.0000, 0.5403])",
      lambda k, g, x: g * -k.conj_of(k.sin(x)))
unary("tan", "tan", "The tangent", "tan(tensor([0., 1.]))", "tensor([0.0000, 1.5574])",
      lambda k, g, out: g * k.conj_of(out * out + 1), UNIT)
unary("sinh", "sinh", "The hyperbolic sine", "sinh(tensor([0., 1.]))", "tensor([0.0000, 1.1752])",
      lambda k, g, x: g * k.conj_of(k.cosh(x)))
unary("cosh", "cosh", "The hyperbolic cosine", "cosh(tensor([0., 1.]))", "tensor([1.0000, 1.5431])",
      lambda k, g, x: g * k.conj_of(k.sinh(x)))
unary("tanh", "tanh", "The hyperbolic tangent", "tanh(tensor([0., 1.]))", "tensor([0.0000, 0.7616])",
      lambda k, g, out: k._tanh_adjoint(g, out), also=["F.tanh"],
      raw_vjp={"x": _tanh_gradient})
unary("asin", "arcsin", "The angle whose sine is x", "asin(tensor([0., 1.]))", "tensor([0.0000, 1.5708])",
      lambda k, g, x: g * k.conj_of(k.rsqrt(1 - x * x)), UNIT, also=["arcsin"])
unary("acos", "arccos", "The angle whose cosine is x", "acos(tensor([0., 1.]))", "tensor([1.5708, 0.0000])",
      lambda k, g, x: g * -k.conj_of(k.rsqrt(1 - x * x)), UNIT, also=["arccos"])
unary("atan", "arctan", "The angle whose tangent is x", "atan(tensor([0., 1.]))", "tensor([0.0000, 0.7854])",
      lambda k, g, x: g / k.conj_of(x * x + 1), also=["arctan"])
unary("asinh", "arcsinh", "The inverse of the hyperbolic sine", "asinh(tensor([0., 1.]))", "tensor([0.0000, 0.8814])",
      lambda k, g, x: g * k.conj_of(k.rsqrt(x * x + 1)), also=["arcsinh"])
unary("acosh", "arccosh", "The inverse of the hyperbolic cosine", "acosh(tensor([1., 2.]))",
      "tensor([0.0000, 1.3170])",
      lambda k, g, x: g * _acosh_slope(k, x), ("torch.tensor([1.5, 2.0, 10.0])", "torch.tensor(1.0)", "c(2, 3)"),
      also=["arccosh"])
unary("atanh", "arctanh", "The inverse of the hyperbolic tangent", "atanh(tensor([0., 0.5]))",
      "tensor([0.0000, 0.5493])",
      lambda k, g, x: g / k.conj_of(1 - x * x), UNIT, also=["arctanh"])

def _turn(name: str, what: str, factor: float, example: str, shown: str):
    @op(name, fuse=True, at=EVERYWHERE, promote="float", samples=list(PLAIN[:3]), vjp={"x": lambda k, g: g * factor},
        raw_vjp=True)
    def kernel(xp, x):
        if x.dtype.kind == "c":
            raise EngineError(f"{name} is not supported for complex tensors.")
        return x * factor

    kernel.__doc__ = f"""{what}, elementwise.

    >>> {example}
    {shown}
    """


_turn("deg2rad", "Degrees as radians", math.pi / 180, "deg2rad(tensor([180., 90.]))", "tensor([3.1416, 1.5708])")
_turn("rad2deg", "Radians as degrees", 180 / math.pi, "rad2deg(tensor([3.14159265, 1.]))",
      "tensor([180.0000,  57.2958])")


@op("_tanh_adjoint", fuse=True, at="", samples=["r(3), unit(3)", "c(3), c(3)"], grad_name="TanhBackwardBackward0",
    vjp={"g": lambda k, gg, out: k._tanh_adjoint(gg, k.conj_of(out)),
         "out": lambda k, gg, g, out: k.conj_of(gg * out) * g * -2})
def _tanh_adjoint(xp, g, out):
    """g * (1 - out * out), the gradient of tanh."""
    if out.dtype.kind == "c":
        return g * xp.conj(1 - out * out)
    slope = xp.multiply(out, out)
    slope = xp.subtract(1, slope)
    return slope * g


# ---------------------------------------------------------------- powers

@op("rsqrt", fuse=True, at=EVERYWHERE, promote="float", samples=POSITIVE, raw_vjp=True,
    vjp={"x": lambda k, g, out: g * k.conj_of(out * out * out) * -0.5})
def rsqrt(xp, x):
    """1 / sqrt(x), elementwise.

    >>> rsqrt(tensor([4., 1.]))
    tensor([0.5000, 1.0000])
    """
    return xp.reciprocal(xp.sqrt(x))


@op("reciprocal", at=EVERYWHERE, promote="float", samples=AWAY, ufunc="reciprocal", raw_vjp=True,
    vjp={"x": lambda k, g, out: -g * k.conj_of(out * out)})
def reciprocal(xp, x):
    """1 / x, elementwise.

    >>> reciprocal(tensor([4., 0.5]))
    tensor([0.2500, 2.0000])
    """
    return xp.reciprocal(x)


@op("square", at=EVERYWHERE, samples=PLAIN, ufunc="square", grad_name="PowBackward0",
    vjp={"x": lambda k, g, x: g * (k.conj_of(x) * 2)}, raw_vjp=True)
def square(xp, x):
    """x * x, elementwise.

    >>> square(tensor([1., -2., 3.]))
    tensor([1., 4., 9.])
    """
    return xp.square(x.astype(np.int64) if x.dtype == np.bool_ else x)


# ---------------------------------------------------------------- sigmoid and its inverse

def _logistic(x):
    e = np.negative(x)
    if not e.ndim:
        return 1 / (1 + np.exp(e))
    np.exp(e, e)
    np.add(e, _ONES.get(e.dtype, 1), e)
    return np.reciprocal(e, e)


@op("sigmoid", at=EVERYWHERE, also=["F.sigmoid", "special.expit"], promote="float", samples=PLAIN, ufunc=_logistic,
    vjp={"x": lambda k, g, out: k._sigmoid_adjoint(g, out)},
    raw_vjp={"x": _sigmoid_gradient})
def sigmoid(xp, x):
    """1 / (1 + exp(-x)), elementwise: the real line squeezed into (0, 1).

    >>> sigmoid(tensor([-1., 0., 1.]))
    tensor([0.2689, 0.5000, 0.7311])
    """
    return _logistic(x) if xp is np else 1 / (1 + xp.exp(-x))


@op("_sigmoid_adjoint", fuse=True, at="", samples=["r(3), unit(3)", "c(3), c(3)"], grad_name="SigmoidBackwardBackward0",
    vjp={"g": lambda k, gg, out: k._sigmoid_adjoint(gg, k.conj_of(out)),
         "out": lambda k, gg, g, out: k.conj_of(gg * (1 - 2 * out)) * g})
def _sigmoid_adjoint(xp, g, out):
    """g * out * (1 - out), the gradient of sigmoid."""
    slope = (1 - out) * out
    return g * (xp.conj(slope) if slope.dtype.kind == "c" else slope)


short_way("_tanh_adjoint")(of_pair)
short_way("_sigmoid_adjoint")(of_pair)


def _logit_gradient(k, g, x, eps):
    slope = g / (x * (1 - x))
    if eps is None:
        return k.where((x >= 0) & (x <= 1), slope, math.nan)
    return k.where((x >= eps) & (x <= 1 - eps), slope, 0.0)


@op("logit", fuse=True, at="torch tensor tensor_ special", promote="float", vjp={"x": _logit_gradient},
    samples=["torch.tensor([0.2, 0.9])", "pos(3), 0.2", "unit(3), eps=0.1"])
def logit(xp, x, eps: "float?" = None):
    """log(x / (1 - x)), elementwise; eps keeps x in [eps, 1 - eps] first.

    >>> logit(tensor([0.25, 0.5]))
    tensor([-1.0986,  0.0000])
    """
    refuse(x, "c", "logit_cpu")
    if eps is not None:
        x = xp.minimum(xp.maximum(x, eps), 1 - eps)
    return xp.log(x / (1 - x))


def _sinc_gradient(k, g, x):
    """(pi x cos(pi x) - sin(pi x)) / (pi x^2); 0 where x is 0."""
    turn = x * math.pi
    area = turn * x
    slope = g * k.conj_of((turn * k.cos(turn) - k.sin(turn)) / area)
    return k.where(area == 0, 0.0, slope)


@op("sinc", fuse=True, at="torch tensor tensor_ special", promote="float", samples=["away(3, 4)", "away()", "c(3)"],
    vjp={"x": _sinc_gradient})
def sinc(xp, x):
    """sin(pi x) / (pi x), and 1 at 0.

    >>> sinc(tensor([0., 0.5, 1.5]))
    tensor([ 1.0000,  0.6366, -0.2122])
    """
    turn = x * math.pi
    # The quotient is 0 / 0 at 0 only; adding the mask to both sides makes it 1 there.
    zero = xp.equal(turn, 0)
    return (xp.sin(turn) + zero) / (turn + zero)


# ---------------------------------------------------------------- sign and size

@op("abs", out=lambda x: "magnitude" if x.dtype.is_complex else "found",
    same_dtype="In-place abs is not supported for complex tensors.",
    at=EVERYWHERE, also=["absolute", "tensor.__abs__"], samples=[*AWAY, "c(2, 3)"], ufunc="absolute",
    vjp={"x": lambda k, g, x: g * k.sgn(x)}, raw_vjp=True)
def abs(xp, x):
    """The absolute value; the magnitude of complex numbers.

    >>> abs(tensor([-1., 2.]))
    tensor([1., 2.])
    """
    refuse(x, "b", "abs_cpu")
    return xp.absolute(x)


@op("sign", out="found", at=EVERYWHERE, samples=AWAY, vjp={"x": lambda k, g: k.zeros_like(g)})
def sign(xp, x):
    """-1, 0 or 1, by the sign of x.

    >>> sign(tensor([-3., 0., 2.]))
    tensor([-1.,  0.,  1.])
    """
    if x.dtype.kind == "c":
        raise Unsupported("Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn "
                          "instead.")
    return _sign(xp, x)


def _sign(xp, x):
    if x.dtype.kind == "b":
        return x.copy()
    if x.dtype.kind != "f":
        return xp.sign(x)
    # PyTorch gives 0 for nan, and comparisons are quicker than NumPy's sign.
    positive = xp.greater(x, 0).view(np.int8)
    return (positive - xp.less(x, 0).view(np.int8)).astype(x.dtype)


def _sgn_gradient(k, g, x, out):
    """For complex numbers the part of `g` across the direction of x, over the size of x."""
    if not x.is_complex():
        return k.zeros_like(g)
    size = k.abs(x)
    along = k.real(k.conj(out) * g)
    return k.where(size == 0, 0.0, (g - along * out) / size)


@op("sgn", out="found", at=EVERYWHERE, samples=[*AWAY, "c(3)"], vjp={"x": _sgn_gradient})
def sgn(xp, x):
    """The sign; x / abs(x) for complex numbers, and 0 at 0.

    >>> sgn(tensor([3 + 4j, 0j]))
    tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """
    if x.dtype.kind != "c":
        return _sign(xp, x)
    size = xp.absolute(x)
    out = xp.empty(x.shape, x.dtype)
    with np.errstate(invalid="ignore"):
        out.real, out.imag = x.real / size, x.imag / size  # a complex quotient would make nan of both parts
    return xp.where(size == 0, xp.zeros((), x.dtype), out)


@composite("positive", at="torch tensor", also=["tensor.__pos__"], samples=AWAY, out=False)
def positive(x):
    """x itself.

    >>> positive(tensor([-1, 2]))
    tensor([-1,  2])
    """
    if x.dtype is dtypes.bool_:
        raise EngineError("The `+` operator, on a bool tensor is not supported.")
    return x
