"""Bessel and Airy functions. PyTorch differentiates i0, i0e, i1 and i1e only."""

import math

import numpy as np

from ..engine.registry import op
from .arrays import refuse, special
from .special import SAMPLES, unary

PLAIN = ("torch.tensor([0.5, 1.0, 3.0, 6.5])",)


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

# In Cephes' asymptotic form, which PyTorch computes for x > 5: the factor of the second term is _P(z) / (z^7 + _Q(z)) with
# z = 25 / x^2. PyTorch leaves out z^7, which moves results in the 7th digit.
_P = {"0": (-1.13663838898469149931e-2, -1.28252718670509318512, -19.5539544257735972385, -93.2060152123768231369,
            -177.681167980488050595, -147.077505154951170175, -51.4105326766599330220, -6.05014350600728481186),
      "1": (5.10862594750176621635e-2, 4.98213872951233449420, 75.8238284132545283818, 366.779609360150777800,
            710.856304998926107277, 597.489612400613639965, 211.688757100572135698, 25.2070205858023719784)}
_Q = {"0": (64.3178256118178023184, 856.430025976980587198, 3882.40183605401609683, 7240.46774195652478189,
            5930.72701187316984827, 2062.09331660327847417, 242.005740240291393179),
      "1": (74.2373277035675149943, 1056.44886038262816351, 4986.41058337653607651, 9562.31892404756170795,
            7997.04160447350683650, 2826.19278517639096600, 336.093607810698293419)}


def _horner(coefficients, z):
    total = coefficients[0] * z ** 0
    for c in coefficients[1:]:
        total = total * z + c
    return total


def _as_pytorch(name: str):
    """The Bessel function `name` (j0, j1, y0, y1) with PyTorch's second term of the asymptotic form."""
    def of(functions):
        def bessel(x):
            size = abs(x)
            far = np.minimum(np.maximum(size, 5.0), 1e15)  # where the form holds, and its angle still means something
            z = 25 / (far * far)
            q = _Q[name[1]]
            moved = _horner(_P[name[1]], z) * (1 / _horner(q, z) - 1 / _horner((1.0, *q), z))
            angle = far - math.pi / 4 * (1 if name[1] == "0" else 3)
            turn = np.cos(angle) if name[0] == "y" else -np.sin(angle)
            change = math.sqrt(2 / math.pi) / np.sqrt(far) * (5 / far) * moved * turn * (size > 5)
            return getattr(functions, name)(x) + (change * np.sign(x) if name == "j1" else change)
        return bessel
    return of


for _name, _function, _shown in (
        ("bessel_j0", _as_pytorch("j0"), "[0.9385, 0.7652]"), ("bessel_j1", _as_pytorch("j1"), "[0.2423, 0.4401]"),
        ("bessel_y0", _as_pytorch("y0"), "[-0.4445,  0.0883]"), ("bessel_y1", _as_pytorch("y1"), "[-1.4715, -0.7812]"),
        ("modified_bessel_i0", "i0", "[1.0635, 1.2661]"), ("modified_bessel_i1", "i1", "[0.2579, 0.5652]"),
        ("modified_bessel_k0", "k0", "[0.9244, 0.4210]"),
        ("modified_bessel_k1", "k1", "[1.6564, 0.6019]"), ("scaled_modified_bessel_k0", "k0e", "[1.5241, 1.1445]"),
        ("scaled_modified_bessel_k1", "k1e", "[2.7310, 1.6362]")):
    unary(_name, _function, f"{_KIND[_name[:-1]]}, order {_name[-1]}", f"special.{_name}(tensor([0.5, 1.]))",
          f"tensor({_shown})",
          samples=PLAIN, at="special", half=False, fuse=type(_function) is str)


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


