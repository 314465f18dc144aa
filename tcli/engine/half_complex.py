"""complex32, complex numbers of two float16: NumPy has no such type, so complex64 arrays stand for it.

A tensor says with `_half_complex` that it is one. PyTorch computes little on the CPU with this dtype; the rest it
refuses.
"""

from __future__ import annotations

import numpy as np

from ..errors import Unsupported
from . import dtypes
from .warn import warn_once

COMPUTED = frozenset("add sub rsub mul eq ne _cat where positive neg sgn isclose float_power _cast".split())
# What makes tensors of it, or reads memory as it.
MADE = frozenset("_cast empty empty_like empty_permuted empty_strided full full_like ones ones_like rand rand_like randn "
                 "randn_like scalar_tensor to type view zeros zeros_like".split())
_VML = frozenset("acos asin atan cos exp expm1 log log10 log1p log2 sin sqrt tan tanh erf erfc erfinv lgamma i0".split())
_KERNELS = {"_true_divide": "div_cpu", "_div_trunc": "div_trunc_cpu", "_div_floor": "div_floor_cpu", "pow": "pow",
            "digamma": "digamma", "exp2": "exp2", "round": "round_vml_cpu"}


def refuse(name: str) -> None:
    """Raises for an op that PyTorch has no kernel of two halves for."""
    if name not in COMPUTED:
        kernel = _KERNELS.get(name) or (f"{name}_vml_cpu" if name in _VML else f"{name}_cpu")
        raise Unsupported(f"\"{kernel}\" not implemented for 'ComplexHalf'")


def mark(values: list, slots: list, cast) -> None:
    """Operands become complex64 that say what they stand for; in place."""
    for i in slots:
        values[i] = cast(values[i], dtypes.complex64)
        values[i]._half_complex = True


def rounded(t):
    """`t` (complex64) with both parts rounded to half precision, marked as complex32."""
    warn_once("ComplexHalf support is experimental and many operators don't support it yet.")
    with np.errstate(over="ignore"):
        for part in (t._a.real, t._a.imag):
            part[...] = part.astype(np.float16)
    t._half_complex = True
    return t
