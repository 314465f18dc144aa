"""Householder reflections: the packed QR form of LAPACK and products with its Q.

Column i of the packed matrix holds, below its diagonal, the vector v (with a 1 on the diagonal) of
H_i = I - tau_i v v^H; Q is their product. The gradients walk the reflections one by one.
"""

import numpy as np

from ..engine.registry import T, composite, op
from ..errors import DTypeError, ShapeError
from .arrays import not_implemented
from .linalg import scalar
from .matrices import each, lapack, need_float, need_lapack

# ---------------------------------------------------------------- reflections one by one


def _vectors(k, x, tau):
    """(v_i as columns, tau_i as 1 x 1 matrices)."""
    m, n = x.shape[-2], tau.shape[-1]
    packed = k.lower(k.part_of(x, -1, n), -1)
    eye = k.identity_like(x, n)
    full = packed + (eye if m == n else k._range_into(eye, -2, 0, m))
    return ([k.part_of(full, -1, 1, i) for i in range(n)],
            [k.unsqueeze(k.part_of(tau, -1, 1, i), -1) for i in range(n)])


def _applied(k, steps, x):
    """[x, after the first step, ...]: each step is (v, t) of x - t v (v^H x)."""
    found = [x]
    for v, t in steps:
        found.append(found[-1] - t * k.matmul(v, k.mm_tn(v, found[-1])))
    return found


def _pulled_back(k, steps, values, g):
    """(gradients of v, of t, of x) for a row of reflections whose inputs were `values`."""
    gvs, gts = [], []
    for (v, t), x in zip(reversed(steps), reversed(values[:-1]), strict=True):
        w = k.mm_tn(v, x)
        into = k.mm_tn(v, g)
        gts.append(-k.sum(k.sum(g * k.conj_of(k.matmul(v, w)), -1, True), -2, True))
        gvs.append(-(k.conj_of(t) * k.mm_nt(g, w) + t * k.mm_nt(x, into)))
        g = g - k.conj_of(t) * k.matmul(v, into)
    return gvs[::-1], gts[::-1], g


def _packed(k, gvs, gts, x_shape):
    """The gradients of v and tau in the packed form."""
    n = len(gvs)
    gx = gtau = None
    for i in range(n):
        column = k._range_into(gvs[i], -1, i, x_shape[-1])
        one = k._range_into(k.squeeze(gts[i], -1), -1, i, n)
        gx, gtau = (column, one) if gx is None else (gx + column, gtau + one)
    return (k.lower(gx, -1) if gx is not None else None), gtau


# ---------------------------------------------------------------- Q itself

def _check_product(values: list) -> None:
    a, tau = values[0]._a, values[1]._a
    name = "torch.linalg.householder_product"
    if a.ndim < 2:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    if a.shape[-2] < a.shape[-1]:
        raise ShapeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if a.shape[-1] < tau.shape[-1]:
        raise ShapeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if a.dtype != tau.dtype:
        raise DTypeError(f"{name}: tau dtype {scalar(tau)} does not match input dtype {scalar(a)}")
    if a.shape[:-2] != tau.shape[:-1]:
        raise ShapeError(f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
                         f"{list(tau.shape[:-1])}")
    need_float(a, name)


def _product_gradient(k, g, need, x, tau):
    vs, ts = _vectors(k, x, tau)
    steps = list(zip(vs, ts, strict=True))[::-1]
    if not steps:
        return k.zeros_like(x), k.zeros_like(tau)
    m, n = x.shape[-2:]
    eye = k.part_of(k.identity_like(x, m), -1, n)
    gvs, gts, _ = _pulled_back(k, steps, _applied(k, steps, eye), g)
    return _packed(k, gvs[::-1], gts[::-1], x.shape)


@op("linalg_householder_product", out="castable torch", at="",
    also=["linalg.householder_product", "torch.orgqr", "tensor.orgqr"],
    half=False, shape=lambda xp, x, tau: xp.empty_like(x), host=True,
    check=_check_product, samples=["r(3, 2), r(2)", "r(3, 3), r(2)", "r(2, 3, 2), r(2, 2)"],
    vjp={"x, tau": _product_gradient})
def linalg_householder_product(xp, x, tau):
    """The first columns of the product of Householder reflections, as `geqrf` returns them.

    >>> linalg.householder_product(tensor([[1.], [1.]]), tensor([1.]))
    tensor([[ 0.],
            [-1.]])
    """
    if not x.size:
        return xp.array(x)
    n = tau.shape[-1]
    routine = lapack("ungqr" if x.dtype.kind == "c" else "orgqr", x.dtype)
    out = xp.empty(x.shape, x.dtype)
    for i in np.ndindex(*x.shape[:-2]):
        out[i] = routine(x[i], tau[i])[0] if n else np.eye(*x.shape[-2:], dtype=x.dtype)
    return out


# ---------------------------------------------------------------- Q times a matrix

def _check_ormqr(values: list) -> None:
    a, tau, c, left = values[0]._a, values[1]._a, values[2]._a, values[3]
    for word, t in (("input", a), ("other", c)):
        if t.ndim < 2:
            raise ShapeError(f"torch.ormqr: {word} must have at least 2 dimensions.")
    dim = -2 if left else -1
    if c.shape[dim] != a.shape[-2]:
        raise ShapeError(f"torch.ormqr: other.shape[{dim}] must be equal to input.shape[-2]")
    if c.shape[dim] < tau.shape[-1]:
        raise ShapeError(f"torch.ormqr: other.shape[{dim}] must be greater than or equal to tau.shape[-1]")
    if tau.shape[-1] > a.shape[-1]:
        raise ShapeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{dim}], input.shape[-1])")
    for word, t in (("tau", tau), ("other", c)):
        if t.dtype != a.dtype:
            raise DTypeError(f"torch.ormqr: Expected input and {word} to have the same dtype, but input has dtype "
                             f"{scalar(a)} and {word} has dtype {scalar(t)}")
    need_float(a, "torch.ormqr")


def _ormqr_gradient(k, g, need, x, tau, other, left, transpose):
    vs, ts = _vectors(k, x, tau)
    steps = list(zip(vs, ts, strict=True))
    if not steps:
        return k.zeros_like(x), k.zeros_like(tau), g
    if not left:  # C @ Q is the adjoint of Q^H @ C^H
        other, g, transpose = k.adjoint_of(other), k.adjoint_of(g), not transpose
    if transpose:
        steps = [(v, k.conj_of(t)) for v, t in steps]
    else:
        steps = steps[::-1]
    gvs, gts, gother = _pulled_back(k, steps, _applied(k, steps, other), g)
    if transpose:
        gts = [k.conj_of(t) for t in gts]
    else:
        gvs, gts = gvs[::-1], gts[::-1]
    gx, gtau = _packed(k, gvs, gts, x.shape)
    return gx, gtau, (gother if left else k.adjoint_of(gother))


@op("ormqr", out="ormqr", at="torch tensor", half=False, host=True,
    shape=lambda xp, x, tau, other, *_: xp.empty_like(other), check=_check_ormqr,
    samples=["r(3, 2), r(2), r(3, 2)", "r(3, 2), r(2), r(2, 3), False", "r(3, 2), r(2), r(3, 2), True, True"],
    vjp={"x, tau, other": _ormqr_gradient})
def ormqr(xp, x, tau, other, left: "bool" = True, transpose: "bool" = False):
    """The product of the Q of `geqrf` (or Q^H with transpose) and a matrix, from the left or the right.

    >>> ormqr(tensor([[1.], [0.]]), tensor([2.]), eye(2))
    tensor([[-1.,  0.],
            [ 0.,  1.]])
    """
    if not other.size or not tau.shape[-1]:
        return xp.array(other)
    routine = lapack("unmqr" if x.dtype.kind == "c" else "ormqr", x.dtype)
    flip = ("C" if x.dtype.kind == "c" else "T") if transpose else "N"
    n = tau.shape[-1]

    def one(a, t, c):
        work = max(1, c.shape[1] if left else c.shape[0]) * 64
        return (routine("L" if left else "R", flip, np.asfortranarray(a[:, :n]), t[0], c, work)[0],)
    return each(xp, one, (other.shape[-2:],), (other.dtype,), x, tau[..., None, :], other)[0]


# ---------------------------------------------------------------- the packed form

GEQRF = not_implemented("the derivative for 'geqrf' is not implemented.")


@op("_geqrf", at="", outs=2, half=False, samples=[], grad_name="GeqrfBackward0", vjp={"x": GEQRF})
def _geqrf(xp, x):
    if x.ndim < 2:
        raise ShapeError("torch.geqrf: input must have at least 2 dimensions.")
    need_lapack(x, "geqrf_cpu")
    m, n = x.shape[-2:]
    size = min(m, n)
    if not x.size:
        return xp.array(x), xp.zeros((*x.shape[:-2], size), x.dtype)
    return tuple(each(xp, lambda a: lapack("geqrf", a.dtype)(a)[:2], ((m, n), (size,)), (x.dtype, x.dtype), x))


@composite("geqrf", at="torch tensor", fields=("a", "tau"), samples=[], nograd=True)
def geqrf(x):
    """(a, tau): the QR decomposition in LAPACK's form; R above the diagonal, reflections below.

    >>> geqrf(tensor([[2.]])).a
    tensor([[2.]])
    """
    return T._geqrf(x)
