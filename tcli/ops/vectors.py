"""Cross, dot and Kronecker products along one dim, and integer powers of matrices."""

from ..engine import dtypes
from ..engine.args import broadcast_shapes, wrap_dim
from ..engine.registry import T, composite, op
from ..errors import DTypeError, EngineError, ShapeError
from .arrays import refuse
from .linalg import no_bool, scalar
from .matrices import need_float, need_square

# ---------------------------------------------------------------- cross


@op("_cross", at="", promote="same", samples=["r(2, 3), r(2, 3), 1", "r(3, 1), r(3, 4), 0", "c(3), c(3), 0"],
    grad_name="LinalgCrossBackward0",
    vjp={"x": lambda k, g, other, dim: k._cross(k.conj_of(other), g, dim),
         "other": lambda k, g, x, dim: k._cross(g, k.conj_of(x), dim)})
def _cross(xp, x, other, dim: "int"):
    a, b = (xp.moveaxis(v, dim, 0) for v in xp.broadcast_arrays(x, other))
    out = xp.empty(a.shape, a.dtype)
    for i in range(3):
        j, m = (i + 1) % 3, (i + 2) % 3
        xp.subtract(a[j] * b[m], a[m] * b[j], out=out[i, ...])
    return xp.moveaxis(out, 0, dim)


@composite("linalg_cross", out="exact", at="", also=["linalg.cross"], grad_name="LinalgCrossBackward0",
           samples=["r(2, 3), r(2, 3)", "r(3, 2), r(3, 1), dim=0", "r(1, 3), r(4, 3)", "c(3), c(3)"])
def linalg_cross(x, other, *, dim: "int" = -1):
    """The cross product along a dim of size 3; other dims broadcast.

    >>> linalg.cross(tensor([1., 0., 0.]), tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    a, b = x._a, other._a
    if a.ndim != b.ndim:
        raise ShapeError("linalg.cross: inputs must have the same number of dimensions.")
    d = wrap_dim(dim, a.ndim, scalar_ok=False)
    if a.shape[d] != 3 or b.shape[d] != 3:
        raise ShapeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[d]} and "
                         f"{b.shape[d]}")
    shape = broadcast_shapes(a.shape, b.shape)
    refuse(a, "b", "cross")
    if a.dtype != b.dtype:
        raise DTypeError(f"expected scalar type {dtypes.scalar_name(x.dtype)} but found {dtypes.scalar_name(other.dtype)}")
    return T._cross(x, other, d - a.ndim + len(shape))


@composite("cross", out="exact", at="torch tensor", grad_name="LinalgCrossBackward0",
           samples=["r(2, 3), r(2, 3), 1", "r(3, 2), r(3, 2)", "r(2, 3), r(2, 3)"])
def cross(x, other, dim: "int?" = None):
    """The cross product along a dim of size 3: the first such dim where none is given.

    >>> cross(tensor([1., 0., 0.]), tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    if dim is None:
        dim = next((i for i, n in enumerate(x._a.shape) if n == 3), None)
        if dim is None:
            raise ShapeError("no dimension of size 3 in input")
    return T.linalg_cross(x, other, dim=dim)


# ---------------------------------------------------------------- dot and Kronecker products

@composite("linalg_vecdot", out="vecdot", at="", also=["linalg.vecdot"],
           samples=["r(2, 3), r(2, 3)", "r(3, 2), r(3, 1), dim=0", "c(2, 3), c(3)", "r(3), r(3)"])
def linalg_vecdot(x, y, *, dim: "int" = -1):
    """The sum of conj(x) * y along a dim; other dims broadcast.

    >>> linalg.vecdot(tensor([1., 2.]), tensor([[1., 1.], [0., 2.]]))
    tensor([3., 4.])
    """
    a, b = x._a, y._a
    need_float(a, "linalg.vecdot", low=True)
    if a.dtype != b.dtype:
        raise DTypeError("linalg.vecdot: Expected x and y to have the same dtype, but found x of type "
                         f"{scalar(a)} and y of type {scalar(b)} instead")
    if a.ndim == b.ndim == 1:
        wrap_dim(dim, 1)
        return T.vdot(x, y)
    return T.sum(T.conj_of(x) * y, dim)


@composite("kron", at="torch tensor", grad_name="UnsafeViewBackward0",
           samples=["r(2, 3), r(2, 2)", "r(2), r(3)", "r(2, 2), r(3)", "r(), r(2)", "r(2, 1, 2), r(2, 2)"])
def kron(x, other):
    """The Kronecker product: every element of x times the whole of other.

    >>> kron(tensor([1, 10]), tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    n = max(x.ndim, other.ndim)
    a, b = ((1,) * (n - t.ndim) + tuple(t.shape) for t in (x, other))
    left = T.reshape(x, tuple(v for size in a for v in (size, 1)))
    right = T.reshape(other, tuple(v for size in b for v in (1, size)))
    return T.reshape(left * right, tuple(i * j for i, j in zip(a, b, strict=True)))


# ---------------------------------------------------------------- powers of matrices

def _power_out(A, n: int) -> str | None:
    """Powers that are squares of squares are copied into `out`, the others multiplied into it."""
    n = abs(n) if n != -1 else 2
    return "exact" if n == 2 or n & (n - 1) else None


@composite("linalg_matrix_power", out=_power_out, at="",
           also=["torch.matrix_power", "tensor.matrix_power", "linalg.matrix_power"],
           samples=["r(3, 3), 2", "r(2, 3, 3), 5", "r(3, 3), 0", "r(3, 3), 1", "r(3, 3) + 3 * torch.eye(3), -2",
                    "r(0, 0), 3"])
def linalg_matrix_power(A, n: "int"):
    """A square matrix multiplied with itself n times; the inverse is multiplied for negative n.

    >>> linalg.matrix_power(tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    need_square(A._a, "linalg.matrix_power")
    if n == 0:
        return T.masked_fill(A, T.ones_like(A, dtype=dtypes.bool_), 0) + T.identity_like(A, A.shape[-1])
    if n == 1:
        return T.clone(A)
    power, n = (T.linalg_inv(A) if n < 0 else A), abs(n)
    result = None
    while True:
        if n & 1:
            result = power if result is None else T.matmul(result, power)
        n >>= 1
        if not n:
            return result
        power = T.matmul(power, power)


@composite("trace", at="torch tensor", grad_name="TraceBackward0", samples=["r(3, 3)", "r(2, 4)", "r(0, 0)"])
def trace(x):
    """The sum of the diagonal of a matrix.

    >>> torch.trace(tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    if x.ndim != 2:
        raise EngineError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    no_bool(x._a, "trace", True)
    return T.sum(T.diagonal(x, 0, 0, 1))


@composite("linalg_diagonal", at="", also=["linalg.diagonal"], out=False,
           samples=["r(3, 4)", "r(2, 3, 3)", "r(3, 4), offset=1", "r(3, 2, 3), dim1=0, dim2=2"])
def linalg_diagonal(A, *, offset: "int" = 0, dim1: "Dim" = -2, dim2: "Dim" = -1):
    """A view of the diagonals of matrices: of the last two dims unless others are named.

    >>> linalg.diagonal(tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return T.diagonal(A, offset, dim1, dim2)


@composite("vander", at="torch", samples=["r(3)", "r(3), 2", "r(3), 4, True", "r(3), 0"], out=False)
def vander(x, N: "int?" = None, increasing: "bool" = False):
    """Powers of the elements of a vector as the columns of a matrix, falling unless `increasing`.

    >>> vander(tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise ShapeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise EngineError("N must be non-negative.")
    powers = _powers(x if x.dtype.category > dtypes.INTEGER else x.to(dtypes.int64), n)
    return powers if increasing else T.flip(powers, (1,))


def _powers(x, n: int):
    """(..., n): the powers 0 .. n - 1 of every element."""
    if not n:
        stacked = T._slice(T.unsqueeze(x, -1), -1, 0, 0)
    else:
        columns = [T.ones_like(x)]
        for _ in range(n - 1):
            columns.append(columns[-1] * x)
        stacked = T.stack(columns, -1)
    return stacked if stacked._a.dtype.kind != "b" else T._cast(stacked, dtypes.int64)


@composite("linalg_vander", at="", also=["linalg.vander"], out=False, grad_name="CatBackward0",
           samples=["r(3)", "r(2, 3)", "r(3), N=2"])
def linalg_vander(x, *, N: "int?" = None):
    """The powers 0 .. N - 1 of the elements along the last dim, as a new last dim.

    >>> linalg.vander(tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    if x._a.dtype.kind == "b" or x._a.dtype.kind in "fV" and x._a.dtype.itemsize == 2:
        raise EngineError("linalg.vander supports floating point, complex, and integer tensors, but got "
                          f"{dtypes.scalar_name(x.dtype)}")
    n = N if N is not None else x.shape[-1] if x.ndim else 1
    if n <= 1:
        raise EngineError("N must be greater than 1.")
    x = x if x.ndim else T.reshape(x, (1,))
    return _powers(T._cast(x, dtypes.int64) if x._a.dtype.kind in "iu" else x, n)
