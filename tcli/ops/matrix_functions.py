"""Norms and condition numbers of matrices, and the matrix exponential."""

import math

import numpy as np

from ..engine.args import to_dims, wrap_dim
from ..engine.dispatch import cast
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.tensor import Tensor
from ..errors import EngineError, ShapeError
from .matrices import need_float, need_matrix, need_square, squares

# ---------------------------------------------------------------- matrix norms


def _shown(value) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else f"{value}"


def _dims(dim) -> tuple:
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {', '.join(map(str, dims))}")
    return dims


def _matrix_norm(x, ord, dim, keepdim: bool, dtype):
    need_matrix(x._a, "linalg.matrix_norm")
    ord = ord.item() if isinstance(ord, Tensor) else ord
    known = ord in ("fro", "nuc") if isinstance(ord, str) else abs(ord) in (1, 2, math.inf)
    if not known:
        raise EngineError(f"linalg.matrix_norm: Order {_shown(ord)} not supported.")
    dims = _dims(dim)
    rows, columns = (wrap_dim(d, x.ndim) for d in dims)
    need_float(x._a, "linalg.matrix_norm", low=ord not in ("nuc", 2, -2))
    if rows == columns:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({', '.join(map(str, dims))})")
    if ord == "fro":
        return T.linalg_vector_norm(x, 2, (rows, columns), keepdim, dtype=dtype)
    if dtype is not None:
        x = cast(x, dtype) if x.dtype is not dtype else x
    if ord in ("nuc", 2, -2):
        return _spectral(x, ord, rows, columns, keepdim)
    return _sums(x, ord, rows, columns, keepdim)


def _spectral(x, ord, rows: int, columns: int, keepdim: bool):
    """Norms made of singular values."""
    others = [d for d in range(x.ndim) if d not in (rows, columns)]
    values = T.linalg_svdvals(T.permute(x, (*others, rows, columns)))
    found = T.sum(values, -1) if ord == "nuc" else _extreme(values, -1, ord)
    if not keepdim:
        return found
    return T.reshape(found, [1 if d in (rows, columns) else x.shape[d] for d in range(x.ndim)])


def _sums(x, ord, rows: int, columns: int, keepdim: bool):
    """The largest (smallest) sum of a column for 1 (-1), of a row for inf (-inf)."""
    add, pick = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = T.sum(T.abs(x), add, keepdim)
    return _extreme(sums, pick if keepdim or pick < add else pick - 1, ord, keepdim)


def _extreme(x, dim: int, ord, keepdim: bool = False):
    if not x.shape[dim]:
        return T.sum(x, dim, keepdim)
    return (T.amax if ord > 0 else T.amin)(x, dim, keepdim)


@composite("linalg_matrix_norm", out="norm", at="", also=["linalg.matrix_norm"],
           samples=["r(3, 4)", "r(3, 4), 'nuc'", "r(3, 4), 2", "r(3, 4), -2", "r(3, 4), 1", "r(3, 4), -1",
                    "r(3, 4), math.inf",
                    "r(3, 4), -math.inf", "r(2, 3, 4), 2, (0, 1)", "r(2, 3, 4), 1, (0, -1), True", "r(2, 3, 4), "
                                                                                                   "'nuc', (0, 2), "
                                                                                                   "True",
                    "c(2, 3), 2"])
def linalg_matrix_norm(A, ord: "any" = "fro", dim: "any" = (-2, -1), keepdim: "bool" = False, *,
                       dtype: "DType?" = None):
    """A norm of matrices: "fro", "nuc" (sum of singular values), 2 (the largest), 1 (column sums), inf (row sums).

    >>> linalg.matrix_norm(tensor([[3., 0.], [0., 4.]]), 2)
    tensor(4.)
    """
    return _matrix_norm(A, ord, dim, keepdim, dtype)


@composite("linalg_norm", out="norm", at="", also=["linalg.norm"],
           samples=["r(3)", "r(3, 4)", "r(3), 1", "r(3, 4), 'nuc'", "r(3, 4), 2", "r(3, 4), 2, 1", "r(2, 3, 4), 1, "
                                                                                                   "(0, 2)",
                    "r(2, 3, 4), keepdim=True", "r(3, 4), -math.inf", "r(3, 4), 3, (1,), True"])
def linalg_norm(x, ord: "any" = None, dim: "any" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """A norm of a vector, of matrices, or without ord of all elements.

    >>> linalg.norm(tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    dims = None if dim is None else to_dims(dim, None, "linalg_norm", "dim")
    if dims is not None and ord is not None and len(dims) not in (1, 2):
        raise ShapeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if ord is None:
        return T.linalg_vector_norm(x, 2, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        return _matrix_norm(x, ord, (-2, -1) if dims is None else dims, keepdim, dtype)
    if dims is None:
        if x.ndim not in (1, 2):
            raise ShapeError("linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                             f"{x.ndim}D.")
        dims = (0,) if x.ndim == 1 else (0, 1)
    if len(dims) == 2:
        return _matrix_norm(x, ord, dims, keepdim, dtype)
    return T.linalg_vector_norm(x, ord, dims, keepdim, dtype=dtype)


# ---------------------------------------------------------------- condition

def _by_svd(A, p):
    values = T.linalg_svdvals(A)
    if not values.shape[-1]:
        return T.sum(values, -1)
    first, last = T.select(values, -1, 0), T.select(values, -1, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return last / first if p == -2 else first / last


@composite("linalg_cond", out="castable", at="", also=["linalg.cond"],
           samples=["r(3, 3)", "r(3, 4)", "r(3, 3), -2", "r(3, 3), 1", "r(3, 3), 'fro'", "r(3, 3), 'nuc'",
                    "r(2, 3, 3), math.inf"])
def linalg_cond(A, p: "any" = None):
    """The condition number: the norm of A times the norm of its inverse, inf where it is singular.

    >>> linalg.cond(tensor([[2., 0.], [0., 4.]]))
    tensor(2.)
    """
    if A.ndim < 2:
        raise ShapeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    p = p.item() if isinstance(p, Tensor) else p
    known = p is None or (p in ("fro", "nuc") if isinstance(p, str) else abs(p) in (1, 2, math.inf))
    if not known:
        raise EngineError(f"linalg.cond got an invalid norm type: {_shown(p)}")
    if p is None or p in (2, -2):
        return _by_svd(A if A._a.size else A.detach(), p)
    need_square(A._a, f"linalg.cond(ord={_shown(p)})")
    need_float(A._a, "linalg.cond")
    if not A._a.size:
        return T.zeros(tuple(A.shape[:-2]), dtype=A.dtype.to_real())
    inverse, info = T._inv(A)
    if p == "nuc" and holds(info._a.any()):  # PyTorch's inverse is then all inf, of which there are no singular values
        return T.where(info != 0, math.nan, T.linalg_matrix_norm(A, p) * T.linalg_matrix_norm(T.where(
            T.unsqueeze(T.unsqueeze(info != 0, -1), -1), 1, inverse), p))
    found = T.linalg_matrix_norm(A, p) * T.linalg_matrix_norm(inverse, p)
    return T.where(info != 0, math.inf, found) if holds(info._a.any()) else found


# ---------------------------------------------------------------- the matrix exponential

def _exp_gradient(k, g, x):
    """The exponential of [[x^H, g], [0, x^H]] holds the gradient in its upper right corner."""
    n = x.shape[-1]
    xh = k.adjoint_of(x)
    upper = k._range_into(xh, -1, 0, 2 * n) + k._range_into(g, -1, n, 2 * n)
    whole = k._range_into(upper, -2, 0, 2 * n) + k._range_into(k._range_into(xh, -1, n, 2 * n), -2, n, 2 * n)
    return k.part_of(k.part_of(k._matrix_exp(whole), -2, n), -1, n, n)


_PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
         670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)


@op("_matrix_exp", at="", shape=lambda xp, x: xp.empty_like(x), samples=["r(3, 3)", "r(2, 2, 2)", "c(2, 2)"],
    check=squares("linalg.matrix_exp", low=True),
    grad_name="LinalgMatrixExpBackward0", vjp={"x": _exp_gradient})
def _matrix_exp(xp, x):
    """Scaling by a power of 2, a rational approximation of order 13, and squaring; in double precision."""
    n = x.shape[-1]
    if not x.size:
        return xp.array(x)
    a = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    norm = xp.absolute(a).sum(-2).max(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = xp.nan_to_num(xp.ceil(xp.log2(norm / 5.371920351148152)), nan=0.0, posinf=0.0, neginf=0.0).clip(0,
                                                                                                                1100)
    a = a * xp.exp2(-steps)[..., None, None]
    eye = xp.eye(n, dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    b = _PADE
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
    r = eye + 2 * xp.linalg.solve(even - odd, odd) if np.isfinite(norm).all() else xp.full(a.shape, np.nan, a.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(int(steps.max())):
            r = xp.where((steps > i)[..., None, None], r @ r, r)
        return r.astype(x.dtype)


@composite("linalg_matrix_exp", at="", also=["linalg.matrix_exp", "torch.matrix_exp", "tensor.matrix_exp"],
           samples=["r(3, 3)", "r(2, 2, 2)", "r(1, 1)", "r(0, 0)", "c(2, 2)"], out=False)
def linalg_matrix_exp(A):
    """The exponential of square matrices: the sum of A^k / k!.

    >>> linalg.matrix_exp(tensor([[0., 1.], [0., 0.]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return T._matrix_exp(A)
