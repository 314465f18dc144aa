"""Bessel and Airy functions. PyTorch differentiates i0, i0e, i1 and i1e only."""

from ..engine.registry import op
from .arrays import refuse, special
from .special import SAMPLES, unary

PLAIN = ("torch.tensor([0.5, 1.0, 3.0])",)


def _i1_gradient(k, g, x, out):
    slope = k.i0(x) - out / k._where(x == 0, 1.0, x)
    return g * k._where(abs(x) > 0, slope, 0.5)


def _i1e_gradient(k, g, x, out):
    safe = k._where(x == 0, 1.0, x)
    slope = k.i0e(x) - out * (k.sgn(x) + k.reciprocal(safe))
    return g * k._where(abs(x) > 0, slope, 0.5)


unary("i0", "i0", "The modified Bessel function of the first kind, order 0",
      "i0(tensor([0., 1.]))", "tensor([1.0000, 1.2661])",
      lambda k, g, x: g * k.i1(x), kernel_name="i0_vml_cpu")
unary("i0e", "i0e", "exp(-abs(x)) * i0(x)", "special.i0e(tensor([0., 1.]))", "tensor([1.0000, 0.4658])",
      lambda k, g, x, out: g * (k.i1e(x) - k.sgn(x) * out), at="special")
unary("i1", "i1", "The modified Bessel function of the first kind, order 1",
      "special.i1(tensor([0., 1.]))", "tensor([0.0000, 0.5652])",
      _i1_gradient, at="special", samples=SAMPLES)
unary("i1e", "i1e", "exp(-abs(x)) * i1(x)", "special.i1e(tensor([0., 1.]))", "tensor([0.0000, 0.2079])",
      _i1e_gradient, at="special")

_KIND = {"bessel_j": "The Bessel function of the first kind", "bessel_y": "The Bessel function of the second kind",
         "modified_bessel_i": "The modified Bessel function of the first kind",
         "modified_bessel_k": "The modified Bessel function of the second kind",
         "scaled_modified_bessel_k": "exp(x) times the modified Bessel function of the second kind"}

for _name, _function, _shown in (
        ("bessel_j0", "j0", "[0.9385, 0.7652]"), ("bessel_j1", "j1", "[0.2423, 0.4401]"),
        ("bessel_y0", "y0", "[-0.4445,  0.0883]"), ("bessel_y1", "y1", "[-1.4715, -0.7812]"),
        ("modified_bessel_i0", "i0", "[1.0635, 1.2661]"), ("modified_bessel_i1", "i1", "[0.2579, 0.5652]"),
        ("modified_bessel_k0", "k0", "[0.9244, 0.4210]"),
        ("modified_bessel_k1", "k1", "[1.6564, 0.6019]"), ("scaled_modified_bessel_k0", "k0e", "[1.5241, 1.1445]"),
        ("scaled_modified_bessel_k1", "k1e", "[2.7310, 1.6362]")):
    unary(_name, _function, f"{_KIND[_name[:-1]]}, order {_name[-1]}", f"special.{_name}(tensor([0.5, 1.]))",
          f"tensor({_shown})",
          samples=PLAIN, at="special", half=False)


@op("spherical_bessel_j0", half=False, at="special", promote="float", samples=PLAIN, nograd=True)
def spherical_bessel_j0(xp, x):
    """sin(x) / x, and 1 at 0.

    >>> special.spherical_bessel_j0(tensor([0., 1.]))
    tensor([1.0000, 0.8415])
    """
    refuse(x, "ch", "spherical_bessel_j0_cpu")
    zero = xp.equal(x, 0)
    out = (xp.sin(x) + zero) / (x + zero)
    return xp.where(xp.isinf(x), x.dtype.type(0), out)


@op("airy_ai", half=False, at="special", promote="float", host=True, samples=PLAIN, nograd=True)
def airy_ai(xp, x):
    """The Airy function Ai.

    >>> special.airy_ai(tensor([0., 1.]))
    tensor([0.3550, 0.1353])
    """
    refuse(x, "ch", "airy_ai_cpu")
    out = xp.asarray(special(xp).airy(x)[0]).astype(x.dtype, copy=False)
    return xp.where(xp.greater(x, 103.892) & xp.isfinite(x), x.dtype.type(0), out)


