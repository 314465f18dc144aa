"""Orthogonal polynomials by their recurrences; PyTorch does not differentiate them.

Each is p0 = 1, p1 given, then p(k+1) from p(k) and p(k-1). The degree may be a tensor: the recurrence
runs to the largest one and every element keeps the polynomial of its own degree.
"""

import numpy as np

from ..engine.registry import op
from .arrays import refuse, some_tensor

SAMPLES = ["torch.tensor([-0.5, 0.3, 2.0]), 3", "torch.tensor([0.5, 1.0]), torch.tensor([0, 4])"]


def _evaluated(xp, x, n, first, following):
    """p_n(x): `first(x)` is p1, `following(x, k, p, before)` is p(k+1); 0 for negative degrees."""
    like = next(v for v in (x, n) if hasattr(v, "dtype"))
    x, degree = xp.asarray(x, like.dtype), xp.trunc(xp.asarray(n, np.float64))
    degree = xp.where(xp.isfinite(degree), degree, -1)
    shape = xp.broadcast_shapes(x.shape, degree.shape)
    out = xp.broadcast_to(xp.equal(degree, 0), shape).astype(like.dtype)
    before, p = xp.ones_like(x), first(x)
    most = int(degree.max()) if degree.size and not hasattr(degree, "place") else 0
    for k in range(1, most + 1):
        out = xp.where(xp.equal(degree, k), p, out)
        before, p = p, following(x, k, p, before)
    return out.astype(like.dtype)


def _polynomial(name: str, what: str, first, following, shown: str):
    @op(name, rows=True, at="special", promote="float", nograd=True, half=False, samples=SAMPLES,
        check=some_tensor("special_" + name))
    def kernel(xp, x: "Operand", n: "Operand"):
        for v in (x, n):
            refuse(v, "ch", name + "_cpu")
        return _evaluated(xp, x, n, first, following)

    kernel.__doc__ = f"""The {what} of degree n at x, elementwise.

    >>> special.{name}(tensor([0.5, 2.]), 3)
    {shown}
    """


def _chebyshev(x, k, p, before):
    return 2 * x * p - before


def _moved(x, k, p, before):
    return 2 * (2 * x - 1) * p - before


for _letter, _kind, _first, _moved_first, _shown, _moved_shown in (
        ("t", "first", lambda x: x, lambda x: 2 * x - 1, "tensor([-1., 26.])", "tensor([-0., 99.])"),
        ("u", "second", lambda x: 2 * x, lambda x: 4 * x - 2, "tensor([-1., 56.])", "tensor([ -0., 204.])"),
        ("v", "third", lambda x: 2 * x - 1, lambda x: 4 * x - 3, "tensor([-1., 41.])",
         "tensor([  1., 169.])"),
        ("w", "fourth", lambda x: 2 * x + 1, lambda x: 4 * x - 1, "tensor([-1., 71.])",
         "tensor([ -1., 239.])")):
    _polynomial(f"chebyshev_polynomial_{_letter}", f"Chebyshev polynomial of the {_kind} kind", _first, _chebyshev,
                _shown)
    _polynomial(f"shifted_chebyshev_polynomial_{_letter}",
                f"Chebyshev polynomial of the {_kind} kind, shifted to [0, 1],",
                _moved_first, _moved, _moved_shown)

_polynomial("hermite_polynomial_h", "physicist's Hermite polynomial", lambda x: 2 * x,
            lambda x, k, p, before: 2 * (x * p - k * before), "tensor([-5., 40.])")
_polynomial("hermite_polynomial_he", "probabilist's Hermite polynomial", lambda x: x,
            lambda x, k, p, before: x * p - k * before, "tensor([-1.3750,  2.0000])")
_polynomial("laguerre_polynomial_l", "Laguerre polynomial", lambda x: 1 - x,
            lambda x, k, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1), "tensor([-0.1458, -0.3333])")
_polynomial("legendre_polynomial_p", "Legendre polynomial", lambda x: x,
            lambda x, k, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1), "tensor([-0.4375, 17.0000])")
