"""Singular values, eigenvalues and QR decompositions.

Signs and order are LAPACK's. The gradients are those of PyTorch: singular and eigenvectors of complex
matrices are free up to a phase, so a loss that depends on that phase is refused.
"""

from math import prod

import numpy as np

from ..engine import dtypes
from ..engine.cost import cubic
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..errors import DTypeError, EngineError, GradError, LinAlgError
from . import lapack_signs
from .linalg import scalar
from .matrices import each, need_lapack, need_matrix, need_square, rectangles


def column(k, v):
    return k.unsqueeze(v, -1)


def row(k, v):
    return k.unsqueeze(v, -2)


def _gaps(k, v):
    """v_j - v_i at (i, j), and 1 on the diagonal."""
    return row(k, v) - column(k, v) + k.identity_like(v, v.shape[-1])


def _skew(k, m):
    return m - k.adjoint_of(m)


def _phase_free(name: str, what: str, *parts) -> None:
    """Raises when a gradient depends on the phase of complex vectors: the diagonals must be real."""
    if any(hasattr(p._a, "place") for p in parts):
        return
    total = sum(np.diagonal(p._a, 0, -2, -1).imag for p in parts)
    scale = max((float(np.abs(p._a).max()) for p in parts if p._a.size), default=0.0)
    if scale and not np.allclose(total, 0, atol=1e-2 * max(scale, 1e-30)):
        raise GradError(f"{name}: The {what} in the complex case are specified up to multiplication by e^{{i phi}}. "
                        "The specified loss function depends on this quantity, so it is ill-defined.")


# Stacks of more matrices go to NumPy at once, which is much faster; the signs of their vectors are its LAPACK's.
_MANY = 64


def _one_by_one(xp, x) -> bool:
    """Whether each matrix is decomposed by itself, with the signs that PyTorch gives."""
    return xp is np and x.size > 0 and prod(x.shape[:-2]) <= _MANY


# ---------------------------------------------------------------- singular values

def _svd_gradient(k, g, full_matrices, out0, out1, out2):
    gU, gS, gVh = g
    n = out1.shape[-1]
    U, S, Vh = k.part_of(out0, -1, n), out1, k.part_of(out2, -2, n)
    if gU is None and gVh is None:
        return None if gS is None else k.matmul(U * row(k, gS), Vh)
    gU = None if gU is None else k.part_of(gU, -1, n)
    gVh = None if gVh is None else k.part_of(gVh, -2, n)
    left = None if gU is None else _skew(k, k.mm_tn(U, gU))
    right = None if gVh is None else _skew(k, k.mm_nt(Vh, gVh))
    if U.is_complex():
        _phase_free("svd_backward", "singular vectors", *(p for p in (left, right) if p is not None))
    inner = _svd_inner(k, left, right, S)
    if gS is not None:
        inner = inner + k.diag_matrix(gS)
    if U.is_complex() and left is not None and right is not None:
        inner = inner + k.diag_matrix(k.diag_of(left) / (2 * S))
    if U.shape[-2] > n and gU is not None:
        scaled = gU / row(k, S)
        return k.matmul(k.matmul(U, inner) + scaled - k.matmul(U, k.mm_tn(U, scaled)), Vh)
    if Vh.shape[-1] > n and gVh is not None:
        scaled = gVh / column(k, S)
        return k.matmul(U, k.matmul(inner, Vh) + scaled - k.matmul(k.mm_nt(scaled, Vh), Vh))
    return k.matmul(U, k.matmul(inner, Vh))


def _svd_inner(k, left, right, S):
    gaps = _gaps(k, S * S)
    if right is None:
        return left / gaps * row(k, S)
    if left is None:
        return column(k, S) * (right / gaps)
    return (left * row(k, S) + column(k, S) * right) / gaps


@op("_svd", cost=cubic(14), at="", outs=3, half=False, check=rectangles("linalg.svd"), grad_name="LinalgSvdBackward0",
    samples=[], vjp={"x": _svd_gradient})
def _svd(xp, x, full_matrices: "bool"):
    if not _one_by_one(xp, x):
        try:
            return tuple(xp.linalg.svd(x, full_matrices=full_matrices))
        except np.linalg.LinAlgError:
            raise _no_convergence(x) from None
    m, n = x.shape[-2:]
    k = min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)
    *found, info = each(xp, lambda a: lapack_signs.svd(a, full_matrices), [(m, rows), (k,), (columns, n), ()],
                        [x.dtype, x.real.dtype, x.dtype, np.int32], x)
    if info.any() or not np.isfinite(x).all():
        raise _no_convergence(x)
    return tuple(found)


def _no_convergence(x):
    bad = ~np.isfinite(x).all(axis=(-2, -1))
    where = f"(Batch element {int(np.flatnonzero(bad)[0])}): " if bad.ndim and bad.any() else ""
    why = ("the input matrix contained non-finite values." if bad.any() else
           "the input matrix is ill-conditioned or has too many repeated singular values.")
    return LinAlgError(f"linalg.svd: {where}The algorithm failed to converge because {why}")


@op("_svdvals", cost=cubic(4), at="", nograd=True, half=False, check=rectangles("linalg.svd"), samples=[])
def _svdvals(xp, x):
    try:
        return xp.linalg.svd(x, compute_uv=False)
    except np.linalg.LinAlgError:
        raise _no_convergence(x) from None


_WIDE_TALL = ["r(2, 3)", "r(3, 2)", "r(2, 3, 3)"]


@composite("linalg_svd", out="exact", at="", also=["linalg.svd"], fields=("U", "S", "Vh"),
           samples=["r(3, 3)", "r(3, 2), False", "r(3, 4), full_matrices=False", "r(2, 2, 2), False", "r(7, 4), False",
                    "r(3, 8), False", "r(2, 6, 5), False", "c(3, 3).detach()", "r(0, 3)"])
def linalg_svd(A, full_matrices: "bool" = True, *, driver: "str?" = None):
    """A = U @ diag(S) @ Vh with orthogonal U and Vh and falling S; smaller U, Vh with full_matrices=False.

    >>> linalg.svd(tensor([[3., 0.], [0., 4.]])).S
    tensor([4., 3.])
    """
    if driver is not None:
        raise EngineError("linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
                          "backend.")
    return T._svd(A, full_matrices)


@composite("linalg_svdvals", out="exact", at="", also=["linalg.svdvals"], samples=[*_WIDE_TALL, "r(0, 2)", "c(2, 3)"])
def linalg_svdvals(A, *, driver: "str?" = None):
    """The singular values, largest first.

    >>> linalg.svdvals(tensor([[3., 0.], [0., 4.]]))
    tensor([4., 3.])
    """
    return T._svd(A, False)[1] if A._rg else T._svdvals(A)


@composite("svd", out="exact", at="torch tensor", fields=("U", "S", "V"), samples=["r(3, 2)", "r(3, 3), False"])
def svd(x, some: "bool" = True, compute_uv: "bool" = True):
    """x = U @ diag(S) @ V^H: the older form of `linalg.svd`, which returns V itself.

    >>> svd(tensor([[3., 0.], [0., 4.]])).S
    tensor([4., 3.])
    """
    if x.ndim < 2:
        raise EngineError(f"linalg.svd: input should have at least 2 dimensions, but has {x.ndim} dimensions instead")
    if not compute_uv:
        m, n = x.shape[-2:]
        batch = tuple(x.shape[:-2])
        zeros = [T.zeros((*batch, size, size), dtype=x.dtype) for size in (m, n)]
        return zeros[0], T.linalg_svdvals(x), zeros[1]
    u, s, vh = T._svd(x, not some)
    return u, s, T.adjoint_of(vh)


# ---------------------------------------------------------------- eigenvalues

def _eigh_gradient(k, g, out0, out1):
    gL, gV = g
    L, V = out0, out1
    if gV is None:
        return None if gL is None else k.mm_nt(V * row(k, gL), V)
    projected = k.mm_tn(V, gV)
    if V.is_complex():
        _phase_free("linalg_eigh_backward", "eigenvectors", projected)
    inner = projected / _gaps(k, L)
    inner = inner - k.diag_matrix(k.diag_of(inner))
    if gL is not None:
        inner = inner + k.diag_matrix(gL)
    gA = k.matmul(V, k.mm_nt(inner, V))
    return (gA + k.adjoint_of(gA)) * 0.5


def _check_eigh(values: list) -> None:
    need_square(values[0]._a, "linalg.eigh")
    a = values[0]._a
    need_lapack(a, "linalg_eigh_cpu")
    if values[1].upper() not in ("L", "U"):
        raise EngineError(f"Expected UPLO argument to be 'L' or 'U', but got {values[1]}")


@op("_eigh", cost=cubic(9), at="", outs=2, half=False, check=_check_eigh, grad_name="LinalgEighBackward0", samples=[],
    vjp={"x": _eigh_gradient})
def _eigh(xp, x, UPLO: "str"):
    if not _one_by_one(xp, x) and (xp is not np or np.isfinite(x).all()):
        return tuple(xp.linalg.eigh(x, UPLO.upper()))
    return tuple(each(xp, lambda a: lapack_signs.eigh(a, UPLO.upper() == "U"), [x.shape[-1:], x.shape[-2:]],
                      [x.real.dtype, x.dtype], x))


SYMMETRIC = "torch.cov(r(2, 6))"


@composite("linalg_eigh", out="exact", at="", also=["linalg.eigh"], fields=("eigenvalues", "eigenvectors"),
           samples=[SYMMETRIC, SYMMETRIC + ", 'U'", "torch.cov(r(5, 9))", "torch.cov(r(6, 9)), 'U'",
                    "torch.cov(c(4, 9)).detach()"])
def linalg_eigh(A, UPLO: "str" = "L"):
    """Eigenvalues (rising) and eigenvectors (columns) of symmetric or Hermitian matrices; one triangle is read.

    >>> linalg.eigh(tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    return T._eigh(A, UPLO)


@op("_eigvalsh", cost=cubic(4 / 3), at="", nograd=True, half=False, check=_check_eigh, samples=[])
def _eigvalsh(xp, x, UPLO: "str"):
    if xp is np and not np.isfinite(x).all():
        return _eigh(xp, x, UPLO)[0]
    return xp.linalg.eigvalsh(x, UPLO.upper())


@composite("linalg_eigvalsh", out="exact", at="", also=["linalg.eigvalsh"],
           samples=["torch.cov(r(3, 6))", SYMMETRIC + ", 'U'", "torch.cov(c(3, 6))"])
def linalg_eigvalsh(A, UPLO: "str" = "L"):
    """The eigenvalues of symmetric or Hermitian matrices, rising.

    >>> linalg.eigvalsh(tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    return T._eigh(A, UPLO)[0] if A._rg or A._a.size == 0 else T._eigvalsh(A, UPLO)


def _eig_gradient(k, g, out0, out1):
    gL, gV = g
    L, V = out0, out1
    Vh = k.adjoint_of(V)
    if gV is None:
        return None if gL is None else k._solve(Vh, column(k, gL) * Vh, True)[0]
    projected = k.mm_tn(V, gV)
    _phase_free("linalg_eig_backward", "eigenvectors", projected)
    inner = projected - k.matmul(Vh, V * row(k, k.real(k.diag_of(projected))))
    inner = inner / k.conj_of(_gaps(k, L))
    inner = inner - k.diag_matrix(k.diag_of(inner))
    if gL is not None:
        inner = inner + k.diag_matrix(gL)
    return k._solve(Vh, k.matmul(inner, Vh), True)[0]


def _check_eig(values: list) -> None:
    a = values[0]._a
    need_square(a, "linalg.eig")
    if a.dtype.kind not in "fc" or a.dtype.itemsize < 4:
        raise DTypeError(f"Unknown Complex ScalarType for {scalar(a)}")
    if holds(~np.isfinite(a).all()):
        raise EngineError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


@op("_eig", cost=cubic(25), at="", outs=2, half=False, check=_check_eig, grad_name="LinalgEigBackward0", samples=[],
    vjp={"x": _eig_gradient})
def _eig(xp, x):
    wide = dtypes.of_numpy(x.dtype).to_complex().numpy if x.dtype.kind == "f" else x.dtype
    if _one_by_one(xp, x):
        values, vectors = each(xp, lapack_signs.eig, [x.shape[-1:], x.shape[-2:]], [wide, wide], x)
    else:
        values, vectors = xp.linalg.eig(x)
    return values.astype(wide, copy=False), vectors.astype(wide, copy=False)


@composite("linalg_eig", out=("eigenvalues", "eigenvectors"), at="", also=["linalg.eig"],
           fields=("eigenvalues", "eigenvectors"),
           samples=["torch.tensor([[2., 1.], [0., 1.]], dtype=torch.float64)", "r(3, 3).detach()",
                    "c(3, 3).detach()", "r(0, 0)"])
def linalg_eig(A):
    """Eigenvalues and eigenvectors (columns) of square matrices; always complex.

    >>> linalg.eig(tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([2.+0.j, 1.+0.j])
    """
    return T._eig(A)


@composite("linalg_eigvals", out="eigenvalues", at="", also=["linalg.eigvals"],
           samples=["r(2, 2) * 0.3 + torch.tensor([[3., 0.], [0., 1.]])"])
def linalg_eigvals(A):
    """The eigenvalues of square matrices; always complex.

    >>> linalg.eigvals(tensor([[2., 0.], [0., 1.]]))
    tensor([2.+0.j, 1.+0.j])
    """
    return T._eig(A)[0]


# ---------------------------------------------------------------- QR

def _qr_gradient(k, g, mode, out0, out1):
    gQ, gR = g
    Q, R = out0, out1
    if mode == "r":
        raise GradError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                        "linalg.qr(A, mode='reduced') if you are going to require gradients.")
    m, n = Q.shape[-2], R.shape[-1]
    if mode == "complete" and m > n:
        raise GradError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    if m >= n:
        return _qr_tall(k, gQ, gR, Q, R)
    # The columns beyond the first m only follow the others: A2 = Q @ R2.
    g2 = None if gR is None else k.part_of(gR, -1, n - m, m)
    if g2 is None:
        return k._range_into(_qr_tall(k, gQ, None, Q, k.part_of(R, -1, m)), -1, 0, n)
    later = k.mm_nt(k.matmul(Q, k.part_of(R, -1, n - m, m)), g2)
    gQ = later if gQ is None else gQ + later
    first = _qr_tall(k, gQ, k.part_of(gR, -1, m), Q, k.part_of(R, -1, m))
    return k._range_into(first, -1, 0, n) + k._range_into(k.matmul(Q, g2), -1, m, n)


def _qr_tall(k, gQ, gR, Q, R):
    if gQ is None and gR is None:
        return None
    inner = None if gR is None else k.mm_nt(gR, R)
    if gQ is not None:
        back = k.mm_tn(Q, gQ)
        inner = -back if inner is None else inner - back
    inner = k.upper(inner)
    inner = inner + k.adjoint_of(inner) - k.diag_matrix(k.real(k.diag_of(inner)))
    gA = k.matmul(Q, inner)
    if gQ is not None:
        gA = gA + gQ
    return k.linalg_solve_triangular(k.adjoint_of(R), gA, upper=False, left=False)


@op("_qr", cost=cubic(2), at="", outs=2, half=False, check=rectangles("linalg.qr"), grad_name="LinalgQrBackward0", samples=[],
    vjp={"x": _qr_gradient})
def _qr(xp, x, mode: "str"):
    if mode == "r":
        return xp.empty(0, x.dtype), xp.linalg.qr(x, "r")
    m, n = x.shape[-2:]
    if not min(m, n):  # LAPACK is not asked about nothing
        k = m if mode == "complete" else 0
        q = xp.broadcast_to(xp.eye(m, k, dtype=x.dtype), (*x.shape[:-2], m, k)).copy()
        return q, xp.zeros((*x.shape[:-2], k, n), x.dtype)
    return tuple(xp.linalg.qr(x, mode))


def _qr_mode(mode: str) -> str:
    if mode not in ("reduced", "complete", "r"):
        raise EngineError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
                          "'complete'")
    return mode


@composite("linalg_qr", out="exact", at="", also=["linalg.qr"], fields=("Q", "R"),
           samples=["r(3, 2)", "r(3, 3)", "r(2, 3)", "r(2, 3, 3)"])
def linalg_qr(A, mode: "str" = "reduced"):
    """A = Q @ R with orthonormal columns in Q and an upper triangular R.

    mode is 'reduced', 'complete' (a square Q) or 'r' (R alone).

    >>> linalg.qr(tensor([[2., 1.], [0., 3.]])).Q.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    return T._qr(A, _qr_mode(mode))


@composite("qr", out="exact", at="torch tensor", fields=("Q", "R"), samples=["r(3, 2)", "r(3, 3), False"])
def qr(x, some: "bool" = True):
    """x = Q @ R: the older form of `linalg.qr`.

    >>> qr(tensor([[2., 1.], [0., 3.]])).R.abs()
    tensor([[2., 1.],
            [0., 3.]])
    """
    need_matrix(x._a, "linalg.qr")
    return T._qr(x, "reduced" if some else "complete")
