"""The LU decomposition with its older forms, and LDL for symmetric matrices."""

import numpy as np

from ..engine.cost import cubic
from ..engine.device import module_of
from ..engine.placement import has_values, holds, outside, values_of
from ..engine.registry import T, composite, op
from ..errors import DTypeError, EngineError, ShapeError
from .arrays import not_implemented
from .linalg import scalar
from .matrices import each, first_failure, lapack, need_float, need_lapack, need_matrix, need_square

_INFO = np.dtype(np.int32)
PIVOTS = "torch.tensor([2, 2, 3], dtype=torch.int32)"


# ---------------------------------------------------------------- packed LU

def _packed_gradient(k, gL, gU, L, U):
    """The gradient of a matrix from those of its factors (without the permutation)."""
    m, n = L.shape[-2], U.shape[-1]
    size = min(m, n)
    L1, U1 = k.part_of(L, -2, size), k.part_of(U, -1, size)
    below = right = None
    if m > n and gL is not None:  # L2 = A2 @ U^-1
        L2, g2 = k.part_of(L, -2, m - n, n), k.part_of(gL, -2, m - n, n)
        below = k.linalg_solve_triangular(k.adjoint_of(U1), g2, upper=False, left=False)
        more = -k.mm_tn(L2, below)
        gU = more if gU is None else gU + more
        gL = k.part_of(gL, -2, n)
    if n > m and gU is not None:  # U2 = L^-1 @ A2
        U2, g2 = k.part_of(U, -1, n - m, m), k.part_of(gU, -1, n - m, m)
        right = k.linalg_solve_triangular(k.adjoint_of(L1), g2, upper=True, unitriangular=True)
        more = -k.mm_nt(right, U2)
        gL = more if gL is None else gL + more
        gU = k.part_of(gU, -1, m)
    inner = None
    if gL is not None:
        inner = k.lower(k.mm_tn(L1, gL), -1)
    if gU is not None:
        up = k.upper(k.mm_nt(gU, U1))
        inner = up if inner is None else inner + up
    inner = k.linalg_solve_triangular(k.adjoint_of(L1), inner, upper=True, unitriangular=True)
    inner = k.linalg_solve_triangular(k.adjoint_of(U1), inner, upper=False, left=False)
    if m > n:
        inner = k._range_into(inner, -2, 0, m)
        return inner if below is None else inner + k._range_into(below, -2, n, m)
    if n > m:
        inner = k._range_into(inner, -1, 0, n)
        return inner if right is None else inner + k._range_into(right, -1, m, n)
    return inner


def _factors(k, LU):
    """(L with ones on its diagonal, U) from the packed form."""
    m, n = LU.shape[-2:]
    size = min(m, n)
    packed = k.part_of(LU, -1, size)
    eye = k.identity_like(LU, size)
    L = k.lower(packed, -1) + (eye if m == size else k._range_into(eye, -2, 0, m))
    return L, k.upper(k.part_of(LU, -2, size))


def _lu_gradient(k, g, out0, out1):
    if g[0] is None:
        return None
    L, U = _factors(k, out0)
    m, n = out0.shape[-2:]
    size = min(m, n)
    gL = k.lower(k.part_of(g[0], -1, size), -1)
    gU = k.upper(k.part_of(g[0], -2, size))
    return k.matmul(_permutation(out1, m, out0), _packed_gradient(k, gL, gU, L, U))


def rows_of(pivots, m: int):
    """Arrays: the order of rows after the exchanges that LAPACK's pivots (counted from 1) name."""
    batch = pivots.shape[:-1]
    if hasattr(pivots, "place"):
        return pivots.like((*batch, m), np.int64)
    order = np.broadcast_to(np.arange(m), (*batch, m)).copy()
    for i in np.ndindex(*batch):
        rows = order[i]
        for j, p in enumerate(pivots[i]):
            rows[j], rows[p - 1] = rows[p - 1], rows[j]
    return order


def _permutation(pivots, m: int, like):
    """The matrix P of A = P @ L @ U as a tensor."""
    order = rows_of(pivots._a, m)
    xp = module_of(order)
    P = xp.zeros((*order.shape, m), like._a.dtype)
    xp.put_along_axis(P, order[..., None, :], 1, axis=-2)
    return T.to_tensor_like(P, like)


def _check_lu(values: list) -> None:
    a = values[0]._a
    if a.ndim < 2:
        raise ShapeError(f"{values[1]}: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} instead")
    need_lapack(a, "lu_cpu")


def _lu_shapes(xp, x, name):
    return xp.empty_like(x), xp.empty((*x.shape[:-2], min(x.shape[-2:])), _INFO), xp.empty(x.shape[:-2], _INFO)


@op("_lu_factor", cost=cubic(2 / 3), at="", outs=3, half=False,
    shape=_lu_shapes, host=True, check=_check_lu, grad_name="LinalgLuFactorExBackward0", samples=[],
    vjp={"x": _lu_gradient})
def _lu_factor(xp, x, name: "str"):
    m, n = x.shape[-2:]
    size = min(m, n)
    if not x.size:
        return xp.array(x), xp.zeros((*x.shape[:-2], size), _INFO), xp.zeros(x.shape[:-2], _INFO)

    def one(a):
        lu, pivots, info = lapack("getrf", a.dtype)(a)
        return lu, pivots + 1, info
    return tuple(each(xp, one, ((m, n), (size,), ()), (x.dtype, _INFO, _INFO), x))


def _need_pivot(pivot: bool) -> None:
    if not pivot:
        raise EngineError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


@composite("linalg_lu_factor_ex", out="exact", at="", also=["linalg.lu_factor_ex"], fields=("LU", "pivots", "info"),
           samples=["r(3, 3)"])
def linalg_lu_factor_ex(A, *, pivot: "bool" = True, check_errors: "bool" = False):
    """(LU, pivots, info): both triangles in one matrix, the rows exchanged, and the first zero pivot or 0.

    >>> linalg.lu_factor_ex(tensor([[0.]])).info
    tensor(1, dtype=torch.int32)
    """
    _need_pivot(pivot)
    LU, pivots, info = T._lu_factor(A, "torch.lu_factor")
    if check_errors:
        _raise_zero(info, "torch.linalg.lu_factor_ex")
    return LU, pivots, info


def _raise_zero(info, name: str) -> None:
    if holds(info._a.any()):
        where, i = first_failure(info._a)
        raise EngineError(f"{name}: {where}U[{i},{i}] is zero and using it on lu_solve would result in a division by "
                          "zero. If "
                          "you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                          "linalg.lu_factor_ex(A, pivot)")


@composite("linalg_lu_factor", out="exact", at="", also=["linalg.lu_factor"], fields=("LU", "pivots"),
           samples=["r(3, 3)", "r(2, 3)", "r(3, 2)", "r(2, 2, 2)"])
def linalg_lu_factor(A, *, pivot: "bool" = True):
    """(LU, pivots): both triangular factors in one matrix and the rows exchanged, for `lu_solve`.

    >>> linalg.lu_factor(tensor([[1., 2.], [4., 4.]])).LU
    tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]])
    """
    _need_pivot(pivot)
    LU, pivots, info = T._lu_factor(A, "torch.lu_factor")
    _raise_zero(info, "torch.linalg.lu_factor")
    return LU, pivots


@composite("_lu_with_info", at="", also=["torch._lu_with_info"], fields=("LU", "pivots", "info"))
def _lu_with_info(A, pivot: "bool" = True, check_errors: "bool" = False):
    return T._lu_factor(A, "torch.lu_factor")


@composite("lu", at="torch tensor", samples=["r(3, 3)"], out="copied")
def lu(A, pivot: "bool" = True, get_infos: "bool" = False):
    """(LU, pivots), and with get_infos the first zero pivot as well: the older form of `linalg.lu_factor`.

    >>> lu(tensor([[1., 2.], [4., 4.]]))[1]
    tensor([2, 2], dtype=torch.int32)
    """
    _need_pivot(pivot)
    LU, pivots, info = T._lu_factor(A, "torch.lu_factor")
    if get_infos:
        return LU, pivots, info
    _raise_zero(info, "torch.linalg.lu_factor_ex")
    return LU, pivots


# ---------------------------------------------------------------- the factors themselves

@composite("lu_unpack", out="exact", at="torch", fields=("P", "L", "U"), samples=["r(3, 3), " + PIVOTS, "r(3, 4), " + PIVOTS])
def lu_unpack(LU_data, LU_pivots: "Index", unpack_data: "bool" = True, unpack_pivots: "bool" = True):
    """(P, L, U) with A = P @ L @ U from what `linalg.lu_factor` returns.

    >>> lu_unpack(*linalg.lu_factor(tensor([[1., 2.], [4., 4.]]))).U
    tensor([[4., 4.],
            [0., 1.]])
    """
    if LU_data.ndim < 2:
        raise EngineError("torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: "
                          f"{list(LU_data.shape)} instead")
    m = LU_data.shape[-2]
    pivots = LU_pivots._a
    if unpack_pivots:
        if pivots.dtype != _INFO:
            raise EngineError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
                              "dtype.\nNote: this function is intended to be used with the output produced by "
                              "torch.linalg.lu_factor")
        if outside(pivots, 1, m + 1):
            raise EngineError("pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you "
                              "properly pass the result of lu_factor?")
    empty = T.to_tensor_like(np.empty(0, LU_data._a.dtype), LU_data)
    P = _permutation(LU_pivots, m, LU_data) if unpack_pivots else empty
    if not unpack_data:
        return P, empty, empty
    L, U = _factors(T, LU_data)
    for factor in (L, U):
        if factor._node is not None:
            factor._node._name = "LuUnpackBackward0"
    return P, L, U


@composite("linalg_lu", out="exact", at="", also=["linalg.lu"], fields=("P", "L", "U"),
           samples=["r(3, 3)", "r(2, 3)", "r(3, 2)"])
def linalg_lu(A, *, pivot: "bool" = True):
    """A = P @ L @ U: a permutation, a unit lower and an upper triangular matrix.

    >>> linalg.lu(tensor([[1., 2.], [4., 4.]])).L
    tensor([[1.0000, 0.0000],
            [0.2500, 1.0000]])
    """
    _need_pivot(pivot)
    LU, pivots, _ = T._lu_factor(A, "linalg.lu")
    P = _permutation(pivots, A.shape[-2], A)
    L, U = _factors(T, LU)
    for factor in (L, U):
        if factor._node is not None:
            factor._node._name = "LinalgLuBackward0"
    return P, L, U


# ---------------------------------------------------------------- solving

def _check_lu_solve(LU, pivots, B, left: bool) -> None:
    a, p, b = LU._a, pivots._a, B._a
    need_float(a, "linalg.lu_solve")
    if a.dtype != b.dtype:
        raise DTypeError("linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type "
                         f"{scalar(a)} and B of type {scalar(b)} instead")
    if p.dtype != _INFO:
        raise EngineError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    need_square(a, "torch.linalg.lu_solve", "LU")
    need_matrix(b, "linalg.lu_solve", "B")
    if a.shape[-2] != b.shape[-2 if left else -1]:
        raise ShapeError(f"linalg.lu_solve: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} "
                         f"= B ({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})")
    if p.shape[-1] != a.shape[-1]:
        raise ShapeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if outside(p, 1, a.shape[-1] + 1):
        bound = "greater or equal to 1" if holds((p < 1).any()) else "at most the number of rows"
        raise EngineError(f"Pivots given to lu_solve must all be {bound}. Did you properly pass the result of lu_factor?")


@composite("linalg_lu_solve", out="exact", at="", also=["linalg.lu_solve"], grad_name="LinalgLuSolveBackward0",
           samples=[f"r(3, 3) + 3 * torch.eye(3), {PIVOTS}, {rest}" for rest in ("r(3, 2)", "r(2, 3), left=False",
                                                                                   "r(3, 2), adjoint=True")])
def linalg_lu_solve(LU, pivots: "Index", B, *, left: "bool" = True, adjoint: "bool" = False):
    """The X of A @ X = B (X @ A = B, A^H @ X = B) from the LU factors of A.

    >>> linalg.lu_solve(*linalg.lu_factor(tensor([[2., 0.], [0., 4.]])), tensor([[2.], [4.]]))
    tensor([[1.],
            [1.]])
    """
    _check_lu_solve(LU, pivots, B, left)
    P = _permutation(pivots, LU.shape[-1], LU)
    L, U = _factors(T, LU)
    if not left:  # X A = B is A^H X^H = B^H
        return T.adjoint_of(_lu_solved(P, L, U, T.adjoint_of(B), not adjoint))
    return _lu_solved(P, L, U, B, adjoint)


def _lu_solved(P, L, U, B, adjoint: bool):
    solve = T.linalg_solve_triangular
    if not adjoint:
        half = solve(L, T.matmul(T.transpose(P, -2, -1), B), upper=False, unitriangular=True)
        return solve(U, half, upper=True)
    half = solve(T.adjoint_of(U), B, upper=False)
    return T.matmul(P, solve(T.adjoint_of(L), half, upper=True, unitriangular=True))


@composite("lu_solve", out="exact", at="torch tensor", grad_name="LinalgLuSolveBackward0",
           samples=["r(3, 2), r(3, 3) + 3 * torch.eye(3), " + PIVOTS])
def lu_solve(b, LU_data, LU_pivots: "Index"):
    """The X of A @ X = b from the LU factors of A: the older form of `linalg.lu_solve`.

    >>> lu_solve(tensor([[2.]]), *linalg.lu_factor(tensor([[4.]])))
    tensor([[0.5000]])
    """
    return T.linalg_lu_solve(LU_data, LU_pivots, b)


# ---------------------------------------------------------------- LDL

LDL = not_implemented("the derivative for 'linalg_ldl_factor_ex' is not implemented.")


def _check_ldl(values: list) -> None:
    need_square(values[0]._a, "torch.linalg.ldl_factor_ex")
    need_float(values[0]._a, "torch.linalg.ldl_factor_ex")


@op("_ldl", at="", outs=3, half=False, check=_check_ldl, samples=[], grad_name="torch::autograd::NotImplemented",
    vjp={"x": LDL})
def _ldl(xp, x, hermitian: "bool"):
    n = x.shape[-1]
    if not x.size:
        return xp.array(x), xp.zeros(x.shape[:-1], _INFO), xp.zeros(x.shape[:-2], _INFO)
    routine = lapack("hetrf" if hermitian and x.dtype.kind == "c" else "sytrf", x.dtype)

    def one(a):
        factor, pivots, info = routine(a, lower=1)
        return np.tril(factor), pivots, info
    return tuple(each(xp, one, ((n, n), (n,), ()), (x.dtype, _INFO, _INFO), x))


@composite("linalg_ldl_factor_ex", out="exact", at="", also=["linalg.ldl_factor_ex"], fields=("LD", "pivots", "info"),
           samples=[], nograd=True)
def linalg_ldl_factor_ex(A, *, hermitian: "bool" = False, check_errors: "bool" = False):
    """(LD, pivots, info) of the decomposition of a symmetric matrix, in LAPACK's packed form.

    >>> linalg.ldl_factor_ex(tensor([[2.]])).info
    tensor(0, dtype=torch.int32)
    """
    return T._ldl(A, hermitian)


@composite("linalg_ldl_factor", out="exact", at="", also=["linalg.ldl_factor"], fields=("LD", "pivots"),
           samples=[], nograd=True)
def linalg_ldl_factor(A, *, hermitian: "bool" = False):
    """(LD, pivots) of the decomposition of a symmetric matrix, for `ldl_solve`.

    >>> linalg.ldl_factor(tensor([[2.]])).LD
    tensor([[2.]])
    """
    return T._ldl(A, hermitian)[:2]


LDL_SOLVE = not_implemented("derivative for aten::linalg_ldl_solve is not implemented")


def _rows(a):
    return a.reshape(-1, a.shape[-1]) if a.size else ()


def _are_ldl_pivots(pivots, n: int) -> bool:
    """Whether LAPACK may walk along these: it takes them as places in memory, and two at a time where one is negative."""
    values, k = pivots.tolist(), 0
    while k < len(values):
        here = values[k:k + 2] if values[k] < 0 else values[k:k + 1]
        if values[k] < 0 and (len(here) < 2 or here[1] >= 0) or not all(1 <= abs(p) <= n for p in here):
            return False
        k += len(here)
    return True


def _check_ldl_solve(values: list) -> None:
    ld, pivots, b = (v._a for v in values[:3])
    need_matrix(b, "torch.linalg.ldl_solve", "B")
    if pivots.dtype.kind not in "iu":
        raise EngineError(f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {scalar(pivots)}")
    if has_values(pivots) and not all(_are_ldl_pivots(row, ld.shape[-1]) for row in _rows(values_of(pivots))):
        raise EngineError("torch.linalg.ldl_solve: pivots must count rows from 1, negative ones in pairs. Did you properly "
                          "pass the result of ldl_factor?")
    if ld.dtype != b.dtype:
        raise DTypeError("torch.linalg.ldl_solve: LD dtype " f"{scalar(ld)} does not match b dtype {scalar(b)}")


@op("linalg_ldl_solve", out="exact", at="", also=["linalg.ldl_solve"], half=False, host=True,
    shape=lambda xp, LD, pivots, B, *_: xp.empty((*xp.broadcast_shapes(LD.shape[:-2], B.shape[:-2]), *B.shape[-2:]), B.dtype),
    check=_check_ldl_solve,
    samples=["torch.tensor([[2., 0.], [0.5, 3.]], dtype=torch.float64), torch.tensor([1, 2], dtype=torch.int32), "
             "torch.tensor([[1., 2.], [0., 1.]], dtype=torch.float64)"],
    vjp={"LD": LDL_SOLVE, "B": LDL_SOLVE}, grad_name="NotImplemented")
def linalg_ldl_solve(xp, LD, pivots: "Index", B, *, hermitian: "bool" = False):
    """The X of A @ X = B from what `ldl_factor` returns.

    >>> linalg.ldl_solve(*linalg.ldl_factor(tensor([[2.]])), tensor([[4.]]))
    tensor([[2.]])
    """
    batch = xp.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    out = xp.zeros(batch + B.shape[-2:], B.dtype)
    routine = lapack("hetrs" if hermitian and LD.dtype.kind == "c" else "sytrs", LD.dtype)
    full = [xp.broadcast_to(a, batch + a.shape[n:]) for a, n in ((LD, -2), (pivots, -1), (B, -2))]
    if out.size:
        for i in np.ndindex(*batch):
            out[i] = routine(full[0][i], full[1][i], full[2][i], lower=1)[0]
    return out
