"""Determinants, their logarithms, and the gradients of both."""

import numpy as np

from ..engine.cost import cubic
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from .matrices import need_float, need_square, squares

# ---------------------------------------------------------------- det


def _det_gradient(k, g, x, out):
    """g * det * A^-H; singular matrices go through their singular values."""
    n = x.shape[-1]
    if not n:
        return k.zeros_like(x)
    if n == 1:
        return k.unsqueeze(k.unsqueeze(g, -1), -1)
    if not holds((out._a == 0).any()):
        inverse = k._inv(x)[0]
        return k.unsqueeze(k.unsqueeze(g * k.conj_of(out), -1), -1) * k.adjoint_of(inverse)
    u, s, vh = k._svd(x, False)
    sign = k.conj_of(k._det(u) * k._det(vh))
    others = [_product_without(s, i) for i in range(n)]
    scaled = k.stack(others, -1) * k.unsqueeze(g * sign, -1)
    return k.matmul(u, k.unsqueeze(scaled, -1) * vh)


def _product_without(s, skip: int):
    """The product of all singular values but one."""
    result = None
    for i in range(s.shape[-1]):
        if i != skip:
            factor = T.select(s, -1, i)
            result = factor if result is None else result * factor
    return result if result is not None else T.ones_like(T.select(s, -1, 0))


@op("_det", cost=cubic(2 / 3), at="", samples=["r(3, 3)", "r(2, 2, 2)", "c(2, 2)"], half=False, check=squares("linalg.det"),
    grad_name="LinalgDetBackward0", vjp={"x": _det_gradient})
def _det(xp, x):
    return xp.linalg.det(x)


@composite("linalg_det", out="exact", at="", also=["linalg.det", "torch.det", "tensor.det"],
           samples=["r(3, 3)", "r(2, 2, 2)", "r(1, 1)", "r(0, 0)", "c(2, 2)"])
def linalg_det(A):
    """The determinant of square matrices.

    >>> linalg.det(tensor([[1., 2.], [3., 4.]]))
    tensor(-2.)
    """
    return T._det(A)


# ---------------------------------------------------------------- its logarithm

def _slogdet_gradient(k, g, x, out0):
    gsign, glog = g
    if x.is_complex() and gsign is not None:
        turn = k.imag(k.conj_of(out0) * gsign)
        weight = turn * 1j if glog is None else glog + turn * 1j
    elif glog is None:
        return None
    else:
        weight = glog
    return k.unsqueeze(k.unsqueeze(weight, -1), -1) * k.adjoint_of(k._inv(x)[0])


@op("_slogdet", cost=cubic(2 / 3), at="", outs=2, samples=["r(3, 3)", "c(2, 2)"], half=False, check=squares("linalg.slogdet"),
    grad_name="LinalgSlogdetBackward0", vjp={"x": _slogdet_gradient})
def _slogdet(xp, x):
    sign, logabsdet = xp.linalg.slogdet(x)
    return xp.asarray(sign), xp.asarray(logabsdet)


@composite("linalg_slogdet", out="exact", at="", also=["linalg.slogdet"], fields=("sign", "logabsdet"),
           samples=["r(3, 3)", "r(2, 2, 2)", "r(0, 0)", "c(2, 2)"])
def linalg_slogdet(A):
    """(sign, logarithm of the absolute value) of the determinant.

    >>> linalg.slogdet(tensor([[1., 0.], [0., -1.]])).sign
    tensor(-1.)
    """
    return T._slogdet(A)


@composite("slogdet", at="torch tensor", fields=("sign", "logabsdet"), samples=["r(3, 3)"])
def slogdet(A):
    """(sign, logarithm of the absolute value) of the determinant.

    >>> slogdet(tensor([[1., 0.], [0., -1.]])).logabsdet
    tensor(0.)
    """
    return T._slogdet(A)


@composite("logdet", at="torch tensor", samples=["r(3, 3) * 0.3 + 3 * torch.eye(3)", "r(0, 0)", "c(2, 2)"], out=False)
def logdet(A):
    """The logarithm of the determinant: NaN where that is negative, -inf where it is 0.

    >>> logdet(tensor([[1., 0.], [0., 1.]]))
    tensor(0.)
    """
    need_square(A._a, "logdet")
    need_float(A._a, "logdet")
    sign, logabsdet = T._slogdet(A)
    if A.is_complex():
        return T.log(sign) + logabsdet
    return T.where(sign == -1, np.nan, logabsdet)
