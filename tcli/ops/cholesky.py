"""The Cholesky decomposition, and what is solved with its factors."""

import numpy as np

from ..engine.cost import cubic
from ..engine.placement import holds
from ..engine.registry import T, composite, op, rule_helper
from ..errors import DTypeError, LinAlgError, ShapeError
from .linalg import scalar
from .matrices import each, first_failure, lapack, need_float, need_lapack, need_square
from .solve import triangular

_INFO = np.dtype(np.int32)

def _cholesky_gradient(k, g, upper, out0):
    if g[0] is None:
        return None
    L, gL = (k.adjoint_of(out0), k.adjoint_of(g[0])) if upper else (out0, g[0])
    inner = k.lower(k.mm_tn(L, gL))
    inner = inner + k.adjoint_of(k.lower(inner, -1))
    half = k.linalg_solve_triangular(k.adjoint_of(L), inner, upper=True)
    return k.linalg_solve_triangular(L, half, upper=False, left=False) * 0.5


def _check_cholesky(values: list) -> None:
    need_square(values[0]._a, "linalg.cholesky")
    need_float(values[0]._a, "linalg.cholesky")


@op("_cholesky", cost=cubic(1 / 3), at="", outs=2, half=False, check=_check_cholesky, grad_name="LinalgCholeskyExBackward0",
    samples=[],
    vjp={"x": _cholesky_gradient})
def _cholesky(xp, x, upper: "bool"):
    lower = xp.conj(x.swapaxes(-1, -2)) if upper else x
    try:
        L, info = xp.linalg.cholesky(lower), xp.zeros(x.shape[:-2], _INFO)
    except np.linalg.LinAlgError:
        L, info = each(xp, _cholesky_one, (x.shape[-2:], ()), (x.dtype, _INFO), lower)
    return (xp.conj(L.swapaxes(-1, -2)) if upper else L), info


def _cholesky_one(a):
    return lapack("potrf", a.dtype)(a, lower=1, clean=1)


def raise_indefinite(info, name: str) -> None:
    if holds(info._a.any()):
        where, i = first_failure(info._a)
        raise LinAlgError(f"{name}: {where}The factorization could not be completed because the input is not "
                          f"positive-definite (the leading minor of order {i} is not positive-definite).")


@rule_helper
def linalg_cholesky_ex_ok(x):
    """Whether matrices are positive-definite."""
    return T._cholesky(x, False)[1] == 0


DEFINITE = "torch.cov(r(3, 8))"


@composite("linalg_cholesky", out="exact", at="", also=["linalg.cholesky"],
           samples=[DEFINITE, DEFINITE + ", upper=True", "torch.cov(c(3, 8))"])
def linalg_cholesky(A, *, upper: "bool" = False):
    """The lower triangular L with A = L @ L^H (or the upper U with A = U^H @ U); raises where there is none.

    >>> linalg.cholesky(tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    L, info = T._cholesky(A, upper)
    raise_indefinite(info, "linalg.cholesky")
    return L


@composite("linalg_cholesky_ex", out="exact", at="", also=["linalg.cholesky_ex"], fields=("L", "info"), samples=[DEFINITE])
def linalg_cholesky_ex(A, *, upper: "bool" = False, check_errors: "bool" = False):
    """(L, info): info is 0, or the order of the leading minor that is not positive.

    >>> linalg.cholesky_ex(tensor([[-1.]])).info
    tensor(1, dtype=torch.int32)
    """
    L, info = T._cholesky(A, upper)
    if check_errors:
        raise_indefinite(info, "torch.linalg.cholesky_ex")
    return L, info


@composite("cholesky", at="torch tensor", samples=[DEFINITE])
def cholesky(x, upper: "bool" = False):
    """The lower triangular L with x = L @ L^H: the older form of `linalg.cholesky`.

    >>> cholesky(tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    L, info = T._cholesky(x, upper)
    raise_indefinite(info, "cholesky")
    if L._node is not None:
        L._node.parent._name = "CholeskyBackward0"
    return L


_FACTOR = "torch.tril(r(3, 3)) + 3 * torch.eye(3)"


# ---------------------------------------------------------------- with a factor at hand

def _check_cholesky_solve(values: list) -> None:
    b, a = values[0]._a, values[1]._a
    if b.ndim < 2:
        raise ShapeError(f"b should have at least 2 dimensions, but has {b.ndim} dimensions instead")
    if a.ndim < 2:
        raise ShapeError(f"u should have at least 2 dimensions, but has {a.ndim} dimensions instead")
    if a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} "
                         "matrices")
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(f"Incompatible matrix sizes for linear_solve: each A matrix is {a.shape[-1]} by "
                         f"{a.shape[-1]} but each b matrix is {b.shape[-2]} by {b.shape[-1]}")
    if a.dtype != b.dtype:
        raise DTypeError(f"Expected b and A to have the same dtype, but found b of type {scalar(b)} and A of type "
                         f"{scalar(a)} instead.")
    need_lapack(a, "cholesky_solve_cpu")


def _cholesky_solve_both(k, g, need, L, upper, out):
    gx = k.cholesky_solve(g, L, upper)
    if not need[1]:
        return gx, None
    both = k.mm_nt(gx, out)
    both = both + k.adjoint_of(both)
    return gx, -(k.matmul(L, both) if upper else k.matmul(both, L))


_FACTOR = "torch.tril(r(3, 3)) + 3 * torch.eye(3)"


@op("cholesky_solve", out="castable", at="torch tensor", half=False, check=_check_cholesky_solve,
    samples=["r(3, 2), " + _FACTOR, "r(3, 2), (" + _FACTOR + ").t(), True"],
    vjp={"x, L": _cholesky_solve_both})
def cholesky_solve(xp, x, L, upper: "bool" = False):
    """The X of (L @ L^H) @ X = x for a Cholesky factor L (upper: of U^H @ U).

    >>> cholesky_solve(tensor([[4.]]), tensor([[2.]]))
    tensor([[1.]])
    """
    return _solve_factored(xp, x, L, upper)


def _solve_factored(xp, b, factor, upper: bool):
    adjoint = xp.conj(factor.swapaxes(-1, -2))
    first, second = (adjoint, factor) if upper else (factor, adjoint)
    return triangular(xp, second, triangular(xp, first, b, False, False), True, False)


def _cholesky_inverse_gradient(k, g, L, upper, out):
    both = k.matmul(out, k.matmul(g + k.adjoint_of(g), out))
    return -(k.matmul(L, both) if upper else k.matmul(both, L))


@op("cholesky_inverse", out="castable", at="torch tensor", half=False, samples=[_FACTOR, "(" + _FACTOR + ").t(), True"],
    vjp={"L": _cholesky_inverse_gradient})
def cholesky_inverse(xp, L, upper: "bool" = False):
    """The inverse of L @ L^H for a Cholesky factor L (upper: of U^H @ U).

    >>> cholesky_inverse(tensor([[2.]]))
    tensor([[0.2500]])
    """
    need_square(L, "cholesky_inverse")
    need_lapack(L, "cholesky_inverse_out_cpu")
    eye = xp.broadcast_to(xp.eye(L.shape[-1], dtype=L.dtype), L.shape)
    return _solve_factored(xp, eye, L, upper)
