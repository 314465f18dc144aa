"""Rounding, and tests of what a number is: finite, nan, negative."""

import numpy as np

from ..engine.registry import op
from ..errors import EngineError, Unsupported
from .arrays import gate, refuse

EVERYWHERE = "torch tensor tensor_"
SAMPLES = ["r(3, 4)", "r()", "r(0, 2)", "r(4, 3).t()"]


def _rounder(name: str, ufunc: str, what: str, shown: str, also=()):
    @op(name, out="found", at=EVERYWHERE, also=also, samples=SAMPLES, ufunc=ufunc, vjp={"x": lambda k, g: k.zeros_like(g)})
    def kernel(xp, x):
        if x.dtype.kind == "c":
            raise Unsupported(f"{name} is not supported for complex inputs")
        refuse(x, "b", f"{name}_vml_cpu")
        return getattr(xp, ufunc)(x) if x.dtype.kind == "f" else x.copy()

    kernel.__doc__ = f"""x {what}, elementwise; the gradient is 0.

    >>> {name}(tensor([-1.5, 0.3, 1.7]))
    {shown}
    """


_rounder("floor", "floor", "rounded down", "tensor([-2.,  0.,  1.])")
_rounder("ceil", "ceil", "rounded up", "tensor([-1.,  1.,  2.])")
_rounder("trunc", "trunc", "without its fraction", "tensor([-1.,  0.,  1.])", ["fix"])


@op("round", fuse=True, out="found", at="torch tensor tensor_ special",
    grad_name=lambda x, decimals: f"RoundBackward{int(decimals != 0)}",
    samples=["r(3, 4)", "r(3), decimals=1", "torch.tensor([123.0, -155.0]), decimals=-1"],
    vjp={"x": lambda k, g: k.zeros_like(g)})
def round(xp, x, *, decimals: "int" = 0):
    """x rounded to the nearest integer (halves to even) or to `decimals` places; the gradient is 0.

    >>> round(tensor([0.5, 1.5, -2.6]))
    tensor([ 0.,  2., -3.])
    """
    refuse(x, "bc" if decimals == 0 else "biuc", "round_vml_cpu" if decimals == 0 else "round_cpu")
    if x.dtype.kind != "f":
        return x.copy()
    if decimals == 0:
        return xp.rint(x)
    scale = x.dtype.type(10.0 ** np.abs(decimals))
    return xp.rint(x * scale) / scale if decimals > 0 else xp.rint(x / scale) * scale


@op("frac", fuse=True, out="found", at=EVERYWHERE, samples=SAMPLES, vjp={"x": lambda k, g: g})
def frac(xp, x):
    """The fraction of x, with its sign.

    >>> frac(tensor([1.5, -2.25]))
    tensor([ 0.5000, -0.2500])
    """
    refuse(x, "biuc", "frac_cpu")
    return x - xp.trunc(x)


def _finite_gate(k, g, x):
    return k._gate(k.isfinite(x), g) if not x.is_complex() else k.where(k.isfinite(x), g, 0.0)


@op("nan_to_num", rows="first", out="nan_to_num", at=EVERYWHERE, half=False,
    samples=["r(3)", "torch.tensor([math.nan, math.inf, 1.0]), 2.0, posinf=5.0",
             "torch.tensor([math.nan, math.inf, -math.inf, 1.0]).half()",
             "torch.tensor([math.nan, math.inf, -math.inf, 1.0]).bfloat16()"],
    vjp={"x": _finite_gate})
def nan_to_num(xp, x, nan: "float?" = None, posinf: "float?" = None, neginf: "float?" = None):
    """nan, inf and -inf replaced: by 0 and the largest numbers of the dtype where no value is given.

    >>> nan_to_num(tensor([float("nan"), 1.0]), nan=5.0)
    tensor([5., 1.])
    """
    if x.dtype.kind not in "fcV":
        return x.copy()
    if x.dtype.kind == "V":
        wide = _largest_of_halves(x.dtype)
        posinf, neginf = (wide if posinf is None else posinf), (-wide if neginf is None else neginf)
        return xp.nan_to_num(x.astype(np.float32), nan=nan or 0.0, posinf=posinf, neginf=neginf).astype(x.dtype)
    return xp.nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def _largest_of_halves(d) -> float:
    import ml_dtypes

    return float(ml_dtypes.finfo(d).max)


@op("_gate", fuse=True, at="", samples=["b(3), r(3)"], vjp={"g": lambda k, gg, mask: k._gate(mask, gg)},
    grad_name="MulBackward0")
def _gate(xp, mask: "Index", g):
    """g where the mask is true, else 0."""
    return gate(xp, mask, g)


def _test(name: str, what: str, kernel, shown: str, complex_error=None, out: bool | str = True):
    @op(name, fuse=name != "isreal", out=out, at="torch tensor",
        samples=["r(3)", "torch.tensor([math.nan, math.inf, -math.inf, 1.0])", "ints(3)"],
        nograd=True, half=True)
    def declared(xp, x):
        if complex_error is not None and x.dtype.kind == "c":
            raise complex_error
        return kernel(xp, x)

    declared.__doc__ = f"""{what}, elementwise; a bool tensor.

    >>> {name}(tensor([1.0, -inf, nan]))
    {shown}
    """


_test("isnan", "Whether x is nan", lambda xp, x: xp.isnan(x), "tensor([False, False,  True])")
_test("isinf", "Whether x is infinite", lambda xp, x: xp.isinf(x), "tensor([False,  True, False])")
_test("isfinite", "Whether x is neither infinite nor nan", lambda xp, x: xp.isfinite(x),
      "tensor([ True, False, False])")
_test("isposinf", "Whether x is +infinity", lambda xp, x: xp.equal(x, np.inf), "tensor([False, False, False])",
      EngineError("isposinf does not support complex inputs."), "boolean")
_test("isneginf", "Whether x is -infinity", lambda xp, x: xp.equal(x, -np.inf), "tensor([False,  True, False])",
      EngineError("isneginf does not support complex inputs."), "boolean")
_test("isreal", "Whether x has no imaginary part", lambda xp, x: xp.isreal(x), "tensor([True, True, True])")
_test("signbit", "Whether the sign of x is set (-0. has it)",
      lambda xp, x: xp.signbit(x) if x.dtype.kind == "f" else xp.less(x, 0), "tensor([False,  True, False])",
      Unsupported("signbit is not implemented for complex tensors."), "boolean")
