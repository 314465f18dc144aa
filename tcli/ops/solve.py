"""Inverses, determinants and linear systems.

Kernels take stacks of matrices. Where a matrix of a stack is singular the op goes through it again one
by one: `info` then says which pivot is zero, as LAPACK counts them, and the others keep their results.
"""

from math import prod

import numpy as np

from ..engine.args import broadcast_shapes, wrap_dim
from ..engine.cost import cubic, solution, triangular
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..errors import ArgumentError, DTypeError, EngineError, LinAlgError, ShapeError
from .linalg import scalar
from .matrices import each, first_failure, lapack, need_float, need_lapack, need_matrix, need_square, squares

_INFO = np.dtype(np.int32)
REGULAR = "r(3, 3) + 3 * torch.eye(3)"


def _lu(a) -> int:
    """The 1-based index of the first zero pivot of one matrix, 0 where there is none."""
    return int(lapack("getrf", a.dtype)(a)[2]) if a.size else 0


# ---------------------------------------------------------------- inverse

def _inverse_gradient(k, g, out0):
    inverse = k.adjoint_of(out0)
    return None if g[0] is None else -k.matmul(inverse, k.matmul(g[0], inverse))


@op("_inv", cost=cubic(2), at="", outs=2, samples=[REGULAR], half=False, check=squares("linalg.inv"),
    grad_name="LinalgInvExBackward0", vjp={"x": _inverse_gradient})
def _inv(xp, x):
    try:
        return xp.linalg.inv(x), xp.zeros(x.shape[:-2], _INFO)
    except np.linalg.LinAlgError:
        return tuple(each(xp, _inv_one, (x.shape[-2:], ()), (x.dtype, _INFO), x))


def _inv_one(a):
    info = _lu(a)
    return (np.full(a.shape, np.nan, a.dtype) if info else np.linalg.inv(a)), info


def _raise_singular(info, name: str = "linalg.inv") -> None:
    if holds(info._a.any()):
        where, i = first_failure(info._a)
        raise LinAlgError(f"{name}: {where}The diagonal element {i} is zero, the inversion could not be completed "
                          "because the input matrix is singular.")


@composite("linalg_inv", out="exact", at="", also=["linalg.inv", "torch.inverse", "tensor.inverse"],
           samples=[REGULAR, "r(2, 2, 2) + 3 * torch.eye(2)", "r(0, 0)", "c(2, 2) + 3 * torch.eye(2)"])
def linalg_inv(A):
    """The inverse of square matrices; raises where one is singular.

    >>> linalg.inv(tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    inverse, info = T._inv(A)
    _raise_singular(info)
    return inverse


@composite("linalg_inv_ex", out="exact", at="", also=["linalg.inv_ex"], fields=("inverse", "info"), samples=[REGULAR])
def linalg_inv_ex(A, *, check_errors: "bool" = False):
    """(inverse, info): info is 0 for a regular matrix, else the index of the pivot that is zero.

    >>> linalg.inv_ex(tensor([[2.]])).info
    tensor(0, dtype=torch.int32)
    """
    inverse, info = T._inv(A)
    if check_errors:
        _raise_singular(info, "linalg.inv_ex")
    return inverse, info


# ---------------------------------------------------------------- systems

def is_vector(a, b) -> bool:
    """Whether the right side is a vector (or a stack of them) and no matrix."""
    return b.ndim == 1 or a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]


def check_system(a, b, left: bool, name: str) -> None:
    if a.dtype != b.dtype:
        raise DTypeError(f"{name}: Expected A and B to have the same dtype, but found A of type {scalar(a)} and B of "
                         f"type {scalar(b)} instead")
    if a.shape[-2] != b.shape[-2 if left else -1]:
        raise ShapeError(f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
                         f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})")
    broadcast_shapes(a.shape[:-2], b.shape[:-2])


def _check_solve(values: list) -> None:
    a, b, left = values[0]._a, values[1]._a, values[2]
    need_square(a, "linalg.solve")
    need_float(a, "linalg.solve")
    check_system(a, b, left, "linalg.solve")


def _solve_both(k, g, need, x, left, out0):
    if g[0] is None:
        return None, None
    gB = k._solve(k.adjoint_of(x), g[0], left)[0]
    if not need[0]:
        return None, gB
    return (-k.mm_nt(gB, out0) if left else -k.mm_tn(out0, gB)), gB


@op("_solve", cost=solution, at="", outs=2, samples=[REGULAR + ", r(3, 2), True", REGULAR + ", r(2, 3), False"], half=False,
    check=_check_solve, grad_name="LinalgSolveExBackward0", vjp={"x, B": _solve_both})
def _solve(xp, x, B, left: "bool"):
    a, b = (x, B) if left else (x.swapaxes(-1, -2), B.swapaxes(-1, -2))
    batch = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if b.ndim == 1:
        b = b[None]
    try:
        r, info = xp.linalg.solve(a, b), xp.zeros(batch, _INFO)
    except np.linalg.LinAlgError:
        r, info = each(xp, _solve_one, (b.shape[-2:], ()), (b.dtype, _INFO), a, b)
    return (r if left else r.swapaxes(-1, -2)), info


def _solve_one(a, b):
    info = _lu(a)
    return (np.full(b.shape, np.nan, b.dtype) if info else np.linalg.solve(a, b)), info


def _solved(A, B, left: bool):
    """(X, info) for a right side that may be a vector."""
    need_matrix(A._a, "linalg.solve")
    vector = is_vector(A._a, B._a)
    if vector and not left:
        raise ShapeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. "
                         "In this case linalg.solve is equivalent to B / A.squeeze(-1)")
    x, info = T._solve(A, T.unsqueeze(B, -1) if vector else B, left)
    if vector:
        x = T.squeeze(x, -1)
        if x._node is not None:
            x._node._name = "LinalgSolveExBackward0"
    return x, info


@composite("linalg_solve", out="exact", at="", also=["linalg.solve"],
           samples=[REGULAR + ", r(3, 2)", REGULAR + ", r(3)", "r(2, 2, 2) + 3 * torch.eye(2), r(2, 3)",
                    REGULAR + ", r(2, 3), left=False", "c(2, 2) + 3 * torch.eye(2), c(2)"])
def linalg_solve(A, B, *, left: "bool" = True):
    """The X of A @ X = B (of X @ A = B with left=False); B is a matrix or a vector.

    >>> linalg.solve(tensor([[2., 0.], [0., 4.]]), tensor([2., 8.]))
    tensor([1., 2.])
    """
    x, info = _solved(A, B, left)
    if holds(info._a.any()):
        where, _ = first_failure(info._a)
        raise LinAlgError(f"torch.linalg.solve: {where}The solver failed because the input matrix is singular.")
    return x


@composite("linalg_solve_ex", out="exact", at="", also=["linalg.solve_ex"], fields=("result", "info"),
           samples=[REGULAR + ", r(3, 2)"])
def linalg_solve_ex(A, B, *, left: "bool" = True, check_errors: "bool" = False):
    """(X, info): info is 0 for a regular matrix, else the index of the pivot that is zero.

    >>> linalg.solve_ex(tensor([[2.]]), tensor([4.])).result
    tensor([2.])
    """
    x, info = _solved(A, B, left)
    if check_errors and info._a.any():
        where, _ = first_failure(info._a)
        raise LinAlgError(f"torch.linalg.solve: {where}The solver failed because the input matrix is singular.")
    return x, info


# ---------------------------------------------------------------- triangular systems

def _check_triangular(values: list) -> None:
    if values[2] is None:
        raise ArgumentError("linalg_solve_triangular() missing 1 required positional arguments: \"upper\"")
    a, b, left = values[0]._a, values[1]._a, values[3]
    need_square(a, "linalg.solve_triangular")
    need_matrix(b, "linalg.solve_triangular", "B")
    need_lapack(a, "triangular_solve_cpu")
    if a.shape[-2] != b.shape[-2 if left else -1]:
        raise ShapeError("linalg.solve_triangular: Incompatible shapes of A and B for the equation "
                         f"{'AX' if left else 'XA'} = B ({a.shape[-2]}x{a.shape[-1]} and "
                         f"{b.shape[-2]}x{b.shape[-1]})")
    broadcast_shapes(a.shape[:-2], b.shape[:-2])


def _triangular_both(k, g, need, x, upper, left, unitriangular, out):
    gB = k.linalg_solve_triangular(k.adjoint_of(x), g, upper=not upper, left=left, unitriangular=unitriangular)
    if not need[0]:
        return None, gB
    gA = -k.mm_nt(gB, out) if left else -k.mm_tn(out, gB)
    edge = 1 if unitriangular else 0
    return k.upper(gA, edge) if upper else k.lower(gA, -edge), gB


_TRIANGLE = "r(3, 3) + 3 * torch.eye(3), "


@op("linalg_solve_triangular", cost=triangular, out="of type", at="", also=["linalg.solve_triangular"],
    half=False, check=_check_triangular,
    samples=[_TRIANGLE + "r(3, 2), upper=True", _TRIANGLE + "r(3, 2), upper=False",
             _TRIANGLE + "r(2, 3), upper=True, left=False",
             _TRIANGLE + "r(3, 2), upper=False, unitriangular=True"],
    vjp={"x, B": _triangular_both})
def linalg_solve_triangular(xp, x, B, *, upper: "bool?" = None, left: "bool" = True, unitriangular: "bool" = False):
    """The X of A @ X = B where only the upper (or lower) triangle of A counts.

    >>> linalg.solve_triangular(tensor([[2., 1.], [9., 4.]]), tensor([[4.], [8.]]), upper=True)
    tensor([[1.],
            [2.]])
    """
    a, b = (x, B) if left else (x.swapaxes(-1, -2), B.swapaxes(-1, -2))
    r = triangular(xp, a, b.astype(a.dtype, copy=False), upper == left, unitriangular)
    return r if left else r.swapaxes(-1, -2)


def triangular(xp, a, b, upper: bool, unit: bool):
    """Arrays: A @ X = B for stacks; a zero on the diagonal gives inf, not an error."""
    batch = xp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    n = a.shape[-1]
    if not n or not b.size or not prod(batch):
        return xp.zeros(batch + b.shape[-2:], b.dtype)
    if xp is np and (n >= 64 or not unit and not a.diagonal(0, -2, -1).all()):
        return each(xp, lambda m, v: (_trsm(m, v, upper, unit),), (b.shape[-2:],), (b.dtype,), a, b)[0]
    full = (xp.triu if upper else xp.tril)(a)
    if unit:
        i = xp.arange(n)
        full[..., i, i] = 1
    if upper:  # the factorisation of an upper triangle exchanges no rows
        return xp.linalg.solve(full, b)
    return xp.linalg.solve(full[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]


def _trsm(a, b, upper: bool, unit: bool):
    import scipy.linalg.blas as blas

    from .matrices import SINGLE

    return getattr(blas, SINGLE[a.dtype] + "trsm")(1, a, b, lower=not upper, diag=unit)


@composite("triangular_solve", out="exact", at="torch tensor", fields=("solution", "cloned_coefficient"),
           samples=["r(3, 2), r(3, 3) + 3 * torch.eye(3)", "r(3, 2), r(3, 3) + 3 * torch.eye(3), False",
                    "r(3, 2), r(3, 3) + 3 * torch.eye(3), True, True"])
def triangular_solve(b, A, upper: "bool" = True, transpose: "bool" = False, unitriangular: "bool" = False):
    """(X, A) with A @ X = b for a triangular A; the older form of `linalg.solve_triangular`.

    >>> triangular_solve(tensor([[4.], [8.]]), tensor([[2., 1.], [0., 4.]])).solution
    tensor([[1.],
            [2.]])
    """
    need_matrix(b._a, "torch.triangular_solve", "b")
    need_matrix(A._a, "torch.triangular_solve")
    if b._a.dtype != A._a.dtype:
        raise DTypeError(f"Expected b and A to have the same dtype, but found b of type {scalar(b._a)} and A of type "
                         f"{scalar(A._a)} instead.")
    coefficient = T.transpose(A, -2, -1) if transpose else A
    x = T.linalg_solve_triangular(coefficient, b, upper=upper != transpose, unitriangular=unitriangular)
    return x, T.clone(A)


# ---------------------------------------------------------------- tensors as matrices

@composite("linalg_tensorinv", at="", also=["linalg.tensorinv"], samples=["r(4, 2, 2), ind=1", "r(2, 2, 4)"])
def linalg_tensorinv(A, ind: "int" = 2):
    """The inverse of a tensor as a linear map from its dims after `ind` to those before.

    >>> linalg.tensorinv(eye(4).reshape(4, 2, 2), ind=1).shape
    torch.Size([2, 2, 4])
    """
    if ind <= 0:
        raise EngineError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = A._a.shape
    rows, columns = prod(shape[:ind]), prod(shape[ind:])
    if rows != columns:
        raise ShapeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), "
                         f"but got {columns} != {rows}")
    return T.reshape(T.linalg_inv(T.reshape(A, (rows, columns))), shape[ind:] + shape[:ind])


@composite("linalg_tensorsolve", at="", also=["linalg.tensorsolve"],
           samples=["r(2, 3, 6), r(2, 3)", "r(2, 6, 3), r(2, 3), dims=(1,)"])
def linalg_tensorsolve(A, B, dims: "any" = None):
    """The X of tensordot(A, X, X.ndim) = B.

    >>> linalg.tensorsolve(eye(4).reshape(2, 2, 4), ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        dims = [wrap_dim(d, A.ndim) for d in dims]
        A = T.permute(A, tuple(d for d in range(A.ndim) if d not in dims) + tuple(dims if A.ndim else ()))
    shape = A._a.shape[B.ndim:]
    rows, columns = prod(B._a.shape), prod(shape)
    if rows != columns:
        raise ShapeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
                         f"prod(self.shape[:other.ndim]), but got {columns} != {rows}")
    return T.reshape(T.linalg_solve(T.reshape(A, (rows, columns)), T.reshape(B, (prod(B._a.shape),))), shape)
