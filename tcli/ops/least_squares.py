"""Pseudo-inverse, rank and least squares: what is solved through singular values."""

import numpy as np

from ..engine import dtypes
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.tensor import Tensor
from ..errors import BadValue, DTypeError, EngineError, LinAlgError, ShapeError
from .decomposition import _eigh, _svd
from .linalg import scalar
from .matrices import need_matrix, need_square

# ---------------------------------------------------------------- tolerances


def _tolerances(x, atol, rtol) -> tuple:
    """(atol, rtol), numbers or tensors; a missing rtol is that of the dtype, but 0 beside a positive atol."""
    base = 0.0 if atol is None else atol
    if rtol is None:
        eps = float(np.finfo(x._a.dtype).eps) * max(x.shape[-2:])
        rtol = T.where(base > 0, 0.0, eps) if isinstance(base, Tensor) else 0.0 if base > 0 else eps
    return base, rtol


def _limit(xp, sizes, atol, rtol):
    """Arrays: up to where singular values count as 0, for every matrix."""
    largest = sizes.max(-1) if sizes.shape[-1] else sizes.sum(-1)
    return xp.maximum(rtol * largest, atol)[..., None]


def _array(value):
    return value._a if isinstance(value, Tensor) else value


def _values(x, hermitian: bool):
    """The absolute eigenvalues or the singular values of a tensor without history."""
    return T.abs(T._eigh(x, "L")[0]) if hermitian else T._svdvals(x)


@composite("linalg_matrix_rank", out="castable torch", at="", also=["linalg.matrix_rank"], nograd=True,
           samples=["r(3, 3)", "r(2, 3, 4)", "torch.ones(3, 3, dtype=torch.float64)", "r(3, 3), tol=0.5"])
def linalg_matrix_rank(A, tol: "any" = None, hermitian: "bool" = False, *, atol: "any" = None, rtol: "any" = None):
    """How many singular values are larger than the tolerance max(atol, rtol * the largest).

    >>> linalg.matrix_rank(tensor([[1., 2.], [2., 4.]]))
    tensor(1)
    """
    need_matrix(A._a, "torch.linalg.matrix_rank", "input")
    if isinstance(tol, bool):
        tol, hermitian = None, tol
    if A._a.dtype.kind not in "fc" or A._a.dtype.itemsize < 4:
        raise EngineError("This function doesn't handle types other than float and double")
    values = _values(A.detach(), hermitian)._a
    if tol is not None:  # the older name of an absolute tolerance, alone
        atol, rtol = tol, 0.0
    atol, rtol = map(_array, _tolerances(A, atol, rtol)) if A._a.size else (0, 0)
    return wrap((values > _limit(module_of(values), values, atol, rtol)).sum(-1))


# ---------------------------------------------------------------- pseudo-inverse

def _pinv_gradient(k, g, x, out):
    m, n = x.shape[-2:]
    outh, gh = k.adjoint_of(out), k.adjoint_of(g)
    if m <= n:
        inner = k.matmul(gh, out)
        both = k.matmul(inner, outh)
        return (both - k.adjoint_of(k.matmul(out, inner)) - k.matmul(k.matmul(x, out), both)
                + k.matmul(k.matmul(outh, out), gh - k.matmul(inner, x)))
    inner = k.matmul(out, gh)
    both = k.matmul(outh, inner)
    return (both - k.adjoint_of(k.matmul(inner, out)) - k.matmul(k.matmul(both, out), x)
            + k.matmul(k.matmul(gh - k.matmul(x, inner), out), outh))


@op("_pinv", at="", half=False, samples=["r(3, 2), 0, 0, False", "r(2, 3), 0, 0, False", "c(3, 2), 0, 0, False"],
    grad_name="LinalgPinvBackward0", vjp={"x": _pinv_gradient})
def _pinv(xp, x, atol: "Operand", rtol: "Operand", hermitian: "bool"):
    if not x.size:
        return xp.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    if hermitian:
        values, u = _eigh(xp, x, "L")
        vh = xp.conj(u.swapaxes(-1, -2))
    else:
        u, values, vh = _svd(xp, x, False)
    size = xp.absolute(values)
    kept = size > _limit(xp, size, atol, rtol)
    inverse = xp.where(kept, 1 / xp.where(kept, values, 1), 0).astype(values.dtype)
    return xp.matmul(xp.conj(vh.swapaxes(-1, -2)) * inverse[..., None, :], xp.conj(u.swapaxes(-1, -2)))


@composite("linalg_pinv", out="castable", at="", also=["linalg.pinv"],
           samples=["r(3, 2)", "r(2, 3)", "r(2, 3, 3)", "r(3, 2), rtol=0.01", "r(0, 3)", "c(2, 3)"])
def linalg_pinv(A, rcond: "any" = None, hermitian: "bool" = False, *, atol: "any" = None, rtol: "any" = None):
    """The pseudo-inverse; singular values up to max(atol, rtol * the largest) count as 0.

    >>> linalg.pinv(tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    a = A._a
    if a.ndim < 2 or a.dtype.kind not in "fc" or a.dtype.itemsize < 4:
        raise EngineError(f"linalg.pinv({scalar(a)}{{{list(a.shape)}}}): expected a tensor with 2 or more dimensions "
                          "of float, double, cfloat or cdouble types")
    if hermitian:
        need_square(a, "linalg.eigh")
    return T._pinv(A, *_tolerances(A, atol, rcond if rtol is None else rtol), hermitian)


@composite("pinverse", at="torch tensor", samples=["r(3, 2)"], out=False)
def pinverse(x, rcond: "float" = 1e-15):
    """The pseudo-inverse; singular values up to rcond * the largest count as 0.

    >>> pinverse(tensor([[2.]]))
    tensor([[0.5000]])
    """
    return T.linalg_pinv(x, rcond)


# ---------------------------------------------------------------- least squares

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _lstsq_gradient(k, g, need, x, B):
    if g[0] is None:
        return None, None
    inverse = k.linalg_pinv(x)
    gA = _pinv_gradient(k, k.mm_nt(g[0], B), x, inverse) if need[0] else None
    return gA, (k.mm_tn(inverse, g[0]) if need[1] else None)


def _lstsq_shapes(xp, x, B, rcond):
    m, n = x.shape[-2:]
    batch = xp.broadcast_shapes(x.shape[:-2], B.shape[:-2])
    return (xp.zeros((*batch, n, B.shape[-1]), B.dtype), xp.zeros(batch, np.int64),
            xp.zeros((*batch, min(m, n)), x.real.dtype))


@op("_lstsq", at="", outs=3, half=False, samples=[], shape=_lstsq_shapes,
    grad_name="LinalgLstsqBackward0", vjp={"x, B": _lstsq_gradient})
def _lstsq(xp, x, B, rcond: "any"):
    """(solution, rank, singular values)."""
    m, n = x.shape[-2:]
    batch = xp.broadcast_shapes(x.shape[:-2], B.shape[:-2])
    solution = xp.zeros((*batch, n, B.shape[-1]), B.dtype)
    rank = xp.zeros(batch, np.int64)
    values = xp.zeros((*batch, min(m, n)), x.real.dtype)
    if x.size and B.shape[-1]:
        left, right = xp.broadcast_to(x, batch + x.shape[-2:]), xp.broadcast_to(B, batch + B.shape[-2:])
        for i in np.ndindex(*batch):
            solution[i], _, rank[i], values[i] = xp.linalg.lstsq(left[i], right[i], rcond=rcond)
    return solution, rank, values


def _check_lstsq(A, B, driver) -> bool:
    a, b = A._a, B._a
    name = "torch.linalg.lstsq"
    if a.dtype.kind not in "fc" or a.dtype.itemsize < 4:
        raise EngineError("This function doesn't handle types other than float and double")
    if a.ndim < 2:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise ShapeError(f"{name}: other must have at least 1 dimension.")
    if a.dtype != b.dtype:
        raise DTypeError(f"{name}: Expected input and other to have the same dtype, but got input's dtype "
                         f"{scalar(a)} and other's dtype {scalar(b)}")
    vector = a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]
    if a.shape[-2] != (b.shape[-1] if vector else b.shape[-2] if b.ndim > 1 else -1):
        where = "-1" if vector else "-2"
        raise ShapeError(f"{name}: input.size(-2) should match other.size({where})")
    if driver is not None and driver not in _DRIVERS:
        raise EngineError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    return vector


@composite("linalg_lstsq", at="", also=["linalg.lstsq"], fields=("solution", "residuals", "rank", "singular_values"),
           out=False,
           samples=["r(4, 2), r(4, 3)", "r(2, 4), r(2, 1)", "r(4, 2), r(4), driver='gels'", "r(2, 4, 3), r(2, 4, 1), "
                                                                                            "driver='gels'"])
def linalg_lstsq(A, B, rcond: "float?" = None, *, driver: "str?" = None):
    """(solution, residuals, rank, singular_values): the X that makes A @ X - B smallest.

    What a driver (gelsy unless said, gels, gelsd, gelss) does not compute is an empty tensor.

    >>> linalg.lstsq(tensor([[1.], [1.]]), tensor([[1.], [3.]])).solution
    tensor([[2.]])
    """
    vector = _check_lstsq(A, B, driver)
    driver = driver or "gelsy"
    right = T.unsqueeze(B, -1) if vector else B
    m, n = A.shape[-2:]
    limit = float(np.finfo(A._a.dtype).eps) * max(m, n) if rcond is None else rcond
    solution, rank, values = T._lstsq(A, right, limit)
    full = not holds((rank._a != min(m, n)).any())
    if driver == "gels" and not full and A._a.size:
        raise LinAlgError("torch.linalg.lstsq: The least squares solution could not be computed because the input "
                          "matrix does not have full rank (error code: " f"{int(rank._a.min()) + 1}).")
    residuals = T.abs(T._slice(T.reshape(solution, (-1,)), 0, 0, 0))  # empty, but part of the graph
    if m > n and driver != "gelsy" and full:
        off = T.matmul(A, solution) - right
        residuals = T.sum(T.abs(off) ** 2, -2)
    empty = T.zeros(0, dtype=values.dtype)
    values = values.detach() if driver in ("gelsd", "gelss") else empty
    rank = T.zeros(0, dtype=dtypes.int64) if driver == "gels" else rank
    return (T.squeeze(solution, -1) if vector else solution), residuals, rank, values


# ---------------------------------------------------------------- random sketches

def _range_of(A, q: int, niter: int, M):
    """An orthonormal basis that nearly spans the range of A, from products with random vectors."""
    times = (lambda v: T.matmul(A, v)) if M is None else lambda v: T.matmul(A - M, v)
    back = (lambda v: T.matmul(T.adjoint_of(A), v)) if M is None else lambda v: T.matmul(T.adjoint_of(A - M), v)
    start = T.randn((A.shape[-1], q), dtype=A.dtype)
    Q = T._qr(times(start), "reduced")[0]
    for _ in range(niter):
        Q = T._qr(back(Q), "reduced")[0]
        Q = T._qr(times(Q), "reduced")[0]
    return Q


@composite("svd_lowrank", at="torch", samples=["r(4, 4), 3"], out=False)
def svd_lowrank(A, q: "int?" = 6, niter: "int?" = 2, M: "Tensor?" = None):
    """(U, S, V) of the q largest singular values of A (of A - M), by random projections.

    >>> svd_lowrank(tensor([[3., 0.], [0., 0.]]), 1)[1]
    tensor([3.])
    """
    m, n = A.shape[-2:]
    q = 6 if q is None else q
    wide = m < n
    x = T.adjoint_of(A) if wide else A
    centre = None if M is None else (T.adjoint_of(M) if wide else M)
    Q = _range_of(x, q, 2 if niter is None else niter, centre)
    small = T.matmul(T.adjoint_of(Q), x if centre is None else x - centre)
    U, S, Vh = T._svd(small, False)
    U, V = T.matmul(Q, U), T.adjoint_of(Vh)
    return (V, S, U) if wide else (U, S, V)


@composite("pca_lowrank", at="torch", samples=["r(5, 4), 3"], out=False)
def pca_lowrank(A, q: "int?" = None, center: "bool" = True, niter: "int" = 2):
    """(U, S, V) of the q principal components of the rows of A, by random projections.

    >>> pca_lowrank(tensor([[1.], [3.]]), 1)[1]
    tensor([1.4142])
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise BadValue(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise BadValue(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - T.mean(A, -2, True) if center else A, q, niter)


@composite("lobpcg", at="torch", samples=[], out=False, nograd=True)
def lobpcg(A, k: "int?" = None, B: "Tensor?" = None, X: "Tensor?" = None, n: "int?" = None, iK: "any" = None,
           niter: "any" = None,
           tol: "any" = None, largest: "bool?" = None, method: "any" = None, tracker: "any" = None,
           ortho_iparams: "any" = None,
           ortho_fparams: "any" = None, ortho_bparams: "any" = None):
    """(eigenvalues, eigenvectors): the k largest (or smallest) of A v = l B v for a symmetric A.

    The whole decomposition is computed, so the arguments of the iteration have no effect.

    >>> lobpcg(tensor([[2., 0.], [0., 1.]]), 1)[0]
    tensor([2.])
    """
    count = k if k is not None else X.shape[-1] if X is not None else 1
    if B is None:
        values, vectors = T._eigh(A, "L")
    else:
        L = T.linalg_cholesky(B)
        half = T.linalg_solve_triangular(L, A, upper=False)
        inner = T.linalg_solve_triangular(T.adjoint_of(L), half, upper=True, left=False)
        values, vectors = T._eigh(inner, "L")
        vectors = T.linalg_solve_triangular(T.adjoint_of(L), vectors, upper=True)
    if largest is None or largest:
        values, vectors = T.flip(values, (-1,)), T.flip(vectors, (-1,))
    return T.part_of(values, -1, count), T.part_of(vectors, -1, count)
