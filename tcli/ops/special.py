"""Special functions: error functions, the normal distribution, gamma and its kin, zeta.

The values come from SciPy (CuPy's twin on a GPU), which is imported when the first of them runs.
"""

import math

import numpy as np

from ..engine import dtypes
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..errors import EngineError
from . import error_function
from .arrays import named, not_implemented, refuse, some_tensor, special

EVERYWHERE = "torch tensor tensor_ special"
SAMPLES = ("r(3, 4)", "r()", "r(0, 2)")
POSITIVE = ("pos(3, 4)", "pos()", "pos(0, 2)")
UNIT = ("unit(3, 4)", "unit()", "unit(0, 2)")


def evaluated(xp, function, *values):
    """A special function (its name, or itself for some module) of promoted operands, in their dtype."""
    like = next(v for v in values if hasattr(v, "dtype"))
    run = function(special(xp)) if callable(function) else getattr(special(xp), function)
    found = xp.asarray(run(*values)).astype(like.dtype, copy=False)
    if function in ("i0", "i1"):  # in PyTorch a product with exp(abs(x)), which overflows before the result does
        top = math.log(np.finfo(like.dtype).max)
        size = xp.absolute(like)
        overflow = like.dtype.type(math.inf) if function == "i0" else xp.copysign(like.dtype.type(math.inf), like)
        return xp.where(size > top, xp.where(xp.isinf(size), like.dtype.type(math.nan), overflow), found)
    return found


def special_name(name: str) -> str:
    """`SpecialI0EBackward0`: the nodes of what PyTorch has in torch.special only."""
    letters = "special_" + name
    return "".join(c.upper() if i == 0 or letters[i - 1] in "_0123456789" else c
                   for i, c in enumerate(letters) if c != "_") + "Backward0"


def unary(name: str, function, what: str, example: str, shown: str, gradient=None, samples=SAMPLES, also=(),
          at: str = EVERYWHERE, kernel_name: str = "", half: bool = True, fuse: bool = True):
    """Declares a special function of one number; integers go to the default float type."""
    @op(name, at=at, half=half, also=also, promote="float", fuse=fuse, samples=list(samples),
        vjp={"x": gradient} if gradient else None,
        nograd=gradient is None, grad_name=special_name(name) if at == "special" and gradient else None)
    def kernel(xp, x):
        refuse(x, "c" if half else "ch", kernel_name or name + "_cpu")
        return evaluated(xp, function, x)

    kernel.__doc__ = f"""{what}, elementwise.

    >>> {example}
    {shown}
    """


# ---------------------------------------------------------------- error functions

@op("erf", rows="first", fuse=True, at=EVERYWHERE, promote="float", samples=list(SAMPLES),
    vjp={"x": lambda k, g, x: g * (k.exp(-x * x) * (2 / math.sqrt(math.pi)))}, raw_vjp=True)
def erf(xp, x):
    """The error function, elementwise.

    >>> erf(tensor([0., 0.5]))
    tensor([0.0000, 0.5205])
    """
    refuse(x, "c", "erf_vml_cpu")
    return error_function.erf(xp, x)


unary("erfc", "erfc", "1 - erf(x), exact for large x", "erfc(tensor([0., 2.]))", "tensor([1.0000, 0.0047])",
      lambda k, g, x: g * (k.exp(-x * x) * (-2 / math.sqrt(math.pi))), kernel_name="erfc_vml_cpu")
unary("erfcx", "erfcx", "exp(x^2) * erfc(x), which does not underflow", "special.erfcx(tensor([0., 5.]))",
      "tensor([1.0000, 0.1107])",
      lambda k, g, x, out: g * (x * out * 2 - 2 / math.sqrt(math.pi)), at="special", half=False)


@op("erfinv", at=EVERYWHERE, promote="float", samples=list(UNIT),
    vjp={"x": lambda k, g, x: g * (k.exp(k.square(k.erfinv(x))) * (math.sqrt(math.pi) / 2))})
def erfinv(xp, x):
    """The inverse of the error function, elementwise.

    >>> erfinv(tensor([0., 0.5]))
    tensor([0.0000, 0.4769])
    """
    refuse(x, "c", "erfinv_vml_cpu")
    return xp.copysign(evaluated(xp, "erfinv", x), x)


# ---------------------------------------------------------------- the normal distribution

unary("ndtr", "ndtr", "The probability that a normal number is below x", "special.ndtr(tensor([0., 1.]))",
      "tensor([0.5000, 0.8413])",
      lambda k, g, x: g * (k.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))), at="special",
      kernel_name="erf_vml_cpu")
unary("ndtri", "ndtri", "The x below which a normal number is with this probability",
      "special.ndtri(tensor([0.5, 0.975]))", "tensor([0.0000, 1.9600])",
      lambda k, g, out: g * (k.exp(out * out * 0.5) * math.sqrt(2 * math.pi)), ["torch.tensor([0.1, 0.5, 0.9])"], at="special",
      half=False)
unary("log_ndtr", "log_ndtr", "The logarithm of ndtr(x), exact far in the tail",
      "special.log_ndtr(tensor([0., -20.]))", "tensor([  -0.6931, -203.9172])",
      lambda k, g, x: g / k.erfcx(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi), at="special", half=False)


@op("entr", at="special", grad_name="SpecialEntrBackward0", promote="float", samples=["pos(3, 4)", "pos()"],
    vjp={"x": lambda k, g, x: g * -(k.log(x) + 1)})
def entr(xp, x):
    """-x * log(x), 0 at 0 and -inf below.

    >>> special.entr(tensor([0., 0.5, 1.]))
    tensor([0.0000, 0.3466, -0.0000])
    """
    refuse(x, "c", "entr_cpu")
    return evaluated(xp, "entr", x)


# ---------------------------------------------------------------- gamma

@op("lgamma", at="torch tensor tensor_", also=["special.gammaln"], promote="float", samples=list(POSITIVE),
    vjp={"x": lambda k, g, x: g * k.digamma(x)})
def lgamma(xp, x):
    """The logarithm of the absolute value of gamma(x), elementwise.

    >>> lgamma(tensor([1., 5.]))
    tensor([0.0000, 3.1781])
    """
    refuse(x, "c", "lgamma_vml_cpu")
    # C's lgamma, and so PyTorch's, is +inf at -inf.
    return evaluated(xp, "gammaln", xp.where(xp.isneginf(x), -x, x))


@op("digamma", at=EVERYWHERE, also=["special.psi"], promote="float", samples=POSITIVE,
    vjp={"x": lambda k, g, x: g * k.polygamma(1, x)})
def digamma(xp, x):
    """The derivative of lgamma.

    >>> digamma(tensor([1., 0.5]))
    tensor([-0.5772, -1.9635])
    """
    refuse(x, "c", "digamma")
    out = evaluated(xp, "psi", x)
    return xp.where(xp.equal(x, 0), xp.copysign(x.dtype.type(np.inf), -x), out)


@op("polygamma", at="torch special", promote="float", samples=["1, pos(3, 4)", "2, pos(3)", "0, pos(3)"],
    vjp={"x": lambda k, g, n, x: g * k.polygamma(n + 1, x)})
def polygamma(xp, n: "int", x):
    """The n-th derivative of digamma.

    >>> polygamma(1, tensor([1., 0.5]))
    tensor([1.6449, 4.9348])
    """
    if n < 0:
        raise EngineError("polygamma(n, x) does not support negative n.")
    refuse(x, "c", {0: "digamma", 1: "trigamma"}.get(n, "polygamma"))
    if n == 0:
        return digamma(xp, x)
    if n == 1:
        return _trigamma(xp, x)
    out = evaluated(xp, "zeta", x.dtype.type(n + 1), x)
    return out * x.dtype.type((-1.0) ** (n + 1) * math.exp(math.lgamma(n + 1.0)))


def _trigamma(xp, x):
    """zeta(2, x); below 1/2 by reflection."""
    low = xp.less(x, 0.5)
    out = evaluated(xp, "zeta", x.dtype.type(2), xp.where(low, 1 - x, x))
    if not holds(xp.any(low)):
        return out
    return xp.where(low, (np.pi / xp.sin(np.pi * x)) ** 2 - out, out).astype(x.dtype)


@composite("_method_polygamma", at="", also=["tensor.polygamma", "tensor.polygamma_"], samples=[], out=False)
def _method_polygamma(x, n: "int"):
    return T.polygamma(n, x)


@composite("mvlgamma", at="torch tensor tensor_", also=["special.multigammaln"],
           samples=["torch.tensor([2.5, 3.0]), 3", "pos(3), 1", "pos(3), 2"],
           grad_name="MvlgammaBackward0")
def mvlgamma(x, p: "int"):
    """The logarithm of the multivariate gamma function of dimension p.

    >>> mvlgamma(tensor([2., 3.]), 2)
    tensor([0.4516, 1.5502])
    """
    if x._a.dtype.kind == "b":
        raise EngineError("The input tensor may not be a boolean tensor.")
    if p < 1:
        raise EngineError("p has to be greater than or equal to 1")
    if x._a.dtype.kind in "iu":
        x = x.to(dtypes.get_default_dtype())
    total = T.lgamma(x)
    for j in range(1, p):
        total = total + T.lgamma(x - j / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


def _density(k, g, x, other):
    return g * k.exp((x - 1) * k.log(other) - other - k.lgamma(x))


@op("igamma", at="torch tensor tensor_", also=["special.gammainc"], promote="same",
    samples=["torch.tensor([0.5, 2.0]), pos(2)"],
    vjp={"x": not_implemented("the derivative for 'igamma: input' is not implemented."), "other": _density})
def igamma(xp, x, other):
    """The regularised lower incomplete gamma function.

    >>> igamma(tensor([1., 2.]), tensor([1., 1.]))
    tensor([0.6321, 0.2642])
    """
    refuse(x, "biuc", "igamma_cpu")
    return evaluated(xp, "gammainc", x, other)


@op("igammac", at="torch tensor tensor_", also=["special.gammaincc"], promote="same",
    samples=["torch.tensor([0.5, 2.0]), pos(2)"],
    vjp={"x": not_implemented("the derivative for 'igammac: input' is not implemented."),
         "other": lambda k, g, x, other: -_density(k, g, x, other)})
def igammac(xp, x, other):
    """The regularised upper incomplete gamma function: 1 - igamma.

    >>> igammac(tensor([1., 2.]), tensor([1., 1.]))
    tensor([0.3679, 0.7358])
    """
    refuse(x, "biuc", "igammac_cpu")
    return evaluated(xp, "gammaincc", x, other)


@op("zeta", at="special", promote="float", half=False, check=some_tensor("special_zeta"),
    samples=["3.0, pos(3)", "torch.tensor([2.0, 4.0]), 1"],
    grad_name=named("SpecialZeta", 0, 2, 1),
    vjp={"x": not_implemented("the derivative for 'zeta' is not implemented."),
         "other": lambda k, g, x, other: g * -x * k.zeta(x + 1.0, other)})
def zeta(xp, x: "Operand", other: "Operand"):
    """The Hurwitz zeta function: the sum of 1 / (n + other) ** x over n >= 0.

    >>> special.zeta(tensor([2., 4.]), 1)
    tensor([1.6449, 1.0823])
    """
    for v in (x, other):
        refuse(v, "ch", "zeta_cpu")
    like = next(v for v in (x, other) if hasattr(v, "dtype"))
    return evaluated(xp, "zeta", xp.asarray(x, like.dtype), xp.asarray(other, like.dtype))


# ---------------------------------------------------------------- x log y

def _xlogy(xp, x, other, logarithm):
    """x * log(other), 0 where x is 0, nan where other is."""
    like = next(v for v in (x, other) if hasattr(v, "dtype"))
    refuse(like, "c", "xlogy_cpu" if logarithm == "log" else "xlog1py_cpu")
    x, other = xp.asarray(x, like.dtype), xp.asarray(other, like.dtype)
    out = x * getattr(xp, logarithm)(other)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(other), xp.zeros((), out.dtype), out)


@op("xlogy", fuse=True, at=EVERYWHERE, promote="float", check=some_tensor("xlogy"), grad_name=named("Xlogy", 0, 2, 1),
    samples=["r(3, 4), pos(4)", "r(3), 2.0", "1.5, pos(3)", "torch.zeros(2), pos(2)"],
    vjp={"x": lambda k, g, x, other: g * k._where((x == 0) & (other <= 0), 0.0, k.log(other))
         if hasattr(other, "dtype") else g * _plain_log(k, x, other),
         "other": lambda k, g, x, other: g * (x / other)})
def xlogy(xp, x: "Operand", other: "Operand"):
    """x * log(other), and 0 where x is 0.

    >>> xlogy(tensor([0., 2.]), tensor([0., 3.]))
    tensor([0.0000, 2.1972])
    """
    return _xlogy(xp, x, other, "log")


def _plain_log(k, x, other):
    if other > 0:
        return math.log(other)
    return k._where(x == 0, 0.0, -math.inf if other == 0 else math.nan)


@op("xlog1py", fuse=True, at="special", promote="float", check=some_tensor("special_xlog1py"),
    grad_name=named("SpecialXlog1Py", 0, 2, 1),
    samples=["r(3, 4), pos(4)", "r(3), 2.0", "1.5, pos(3)", "torch.zeros(2), pos(2)"],
    vjp={"x": lambda k, g, x, other: g * k._where((x == 0) & (other <= -1), 0.0, k.log1p(other))
         if hasattr(other, "dtype") else g * _plain_log(k, x, other + 1),
         "other": lambda k, g, x, other: g * (x / (other + 1))})
def xlog1py(xp, x: "Operand", other: "Operand"):
    """x * log1p(other), and 0 where x is 0.

    >>> special.xlog1py(tensor([0., 2.]), tensor([-1., 3.]))
    tensor([0.0000, 2.7726])
    """
    return _xlogy(xp, x, other, "log1p")
