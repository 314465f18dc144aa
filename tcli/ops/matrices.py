"""Parts of matrices, and the checks that the families of linear algebra share.

The helpers for triangles, diagonals and ranges of rows are made of ops, so gradient rules written with
them can be differentiated again. The checks raise in PyTorch's words:
`name` is the function the user called, `linalg.inv`.
"""

import numpy as np

from ..engine import dtypes
from ..engine.dispatch import wrap
from ..engine.registry import T, op, rule_helper
from ..errors import DTypeError, ShapeError, Unsupported

SINGLE = {np.dtype(np.float32): "s", np.dtype(np.float64): "d", np.dtype(np.complex64): "c",
          np.dtype(np.complex128): "z"}


# ---------------------------------------------------------------- checks

def need_matrix(a, name: str, letter: str = "A") -> None:
    if a.ndim < 2:
        raise ShapeError(f"{name}: The input tensor {letter} must have at least 2 dimensions.")


def need_float(a, name: str, low: bool = False) -> None:
    """Floating point or complex, and not of half precision."""
    d = dtypes.of_numpy(a.dtype)
    if d.category < dtypes.FLOAT:
        raise DTypeError(f"{name}: Expected a floating point or complex tensor as input. Got {dtypes.scalar_name(d)}")
    if not low and a.dtype.kind != "c" and d.itemsize <= 2:
        raise DTypeError(f"{name}: Low precision dtypes not supported. Got {dtypes.scalar_name(d)}")


def need_lapack(a, kernel: str) -> None:
    """A dtype for which the kernel exists."""
    if a.dtype not in SINGLE:
        raise Unsupported(f"\"{kernel}\" not implemented for '{dtypes.scalar_name(dtypes.of_numpy(a.dtype))}'")


def need_square(a, name: str, letter: str = "A") -> None:
    need_matrix(a, name, letter)
    if a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} "
                         "matrices")


def squares(name: str, low: bool = False):
    """A `check` for ops on square float matrices."""
    def check(values: list) -> None:
        need_square(values[0]._a, name)
        need_float(values[0]._a, name, low)
    return check


def rectangles(name: str):
    """A `check` for ops on float matrices of any shape."""
    def check(values: list) -> None:
        need_matrix(values[0]._a, name)
        need_float(values[0]._a, name)
    return check


# ---------------------------------------------------------------- LAPACK

def lapack(routine: str, d):
    """A routine of LAPACK for one dtype: `lapack("getrf", a.dtype)`; SciPy is imported on first use."""
    import scipy.linalg.lapack as library

    return getattr(library, SINGLE[d] + routine)


def each(xp, function, shapes, kinds, *arrays, core: int = 2):
    """Runs a function that takes single matrices on stacks of them: one filled array per output.

    `shapes` and `kinds` are the shape of one result and its dtype.
    """
    batch = xp.broadcast_shapes(*(a.shape[:-core] for a in arrays))
    full = [xp.broadcast_to(a, batch + a.shape[-core:]) for a in arrays]
    outs = [xp.empty(batch + s, d) for s, d in zip(shapes, kinds, strict=True)]
    for i in np.ndindex(*batch):
        for out, r in zip(outs, function(*(a[i] for a in full)), strict=True):
            out[i] = r
    return outs


def first_failure(info) -> tuple[str, int]:
    """("(Batch element 1): ", code) of the first matrix of a stack whose factorisation failed."""
    flat = info.reshape(-1)
    i = int(np.flatnonzero(flat)[0])
    return (f"(Batch element {i}): " if info.ndim else ""), int(flat[i])


# ---------------------------------------------------------------- triangles and diagonals

@op("_tri", at="", samples=["r(3, 4), 0, True", "r(2, 3, 3), -1, False"], half=False,
    vjp={"x": lambda k, g, diagonal, upper: k._tri(g, diagonal, upper)}, raw_vjp=True)
def _tri(xp, x, diagonal: "int", upper: "bool"):
    return (xp.triu if upper else xp.tril)(x, diagonal)


@rule_helper
def lower(x, diagonal: int = 0):
    """The lower triangle, zeros elsewhere."""
    return T._tri(x, diagonal, False)


@rule_helper
def upper(x, diagonal: int = 0):
    return T._tri(x, diagonal, True)


@rule_helper
def diag_of(x):
    """The diagonals of the last two dims."""
    return T.diagonal(x, 0, -2, -1)


@rule_helper
def diag_matrix(x, n: int | None = None):
    """Square matrices (n x n) with x on the diagonal."""
    n = x.shape[-1] if n is None else n
    lead = len(x.shape) - 1
    return T._diagonal_adjoint(x, (*x.shape[:-1], n, n), 0, lead, lead + 1)


@rule_helper
def identity_like(x, n: int, value=1):
    """One n x n identity in the dtype and on the device of x, times a number."""
    eye = np.eye(n, dtype=x._a.dtype)
    t = wrap(eye if value == 1 else eye * eye.dtype.type(value))
    return t if type(x._a) is np.ndarray else t.to(device=x.device)


# ---------------------------------------------------------------- ranges of a dim

@rule_helper
def part_of(x, dim: int, length: int, start: int = 0):
    """`length` rows or columns from `start`; x itself where that is all."""
    return x if start == 0 and x.shape[dim] == length else T._slice(x, dim, start, start + length)


@op("_range_into", at="", samples=["r(3, 2), -1, 1, 4", "r(3), 0, 0, 5"], half=False, grad_name="SliceBackward0",
    vjp={"x": lambda k, g, x_shape, dim, start: k._slice(g, dim, start, start + x_shape[dim])})
def _range_into(xp, x, dim: "Dim", start: "int", total: "int"):
    """Zeros with x in a range of one dim: the adjoint of `part_of`."""
    full = xp.zeros((*x.shape[:dim], total, *x.shape[dim + 1:]), x.dtype)
    full[(slice(None),) * dim + (slice(start, start + x.shape[dim]),)] = x
    return full


@rule_helper
def to_tensor_like(array, x):
    """A new array as a tensor on the device of x."""
    t = wrap(array)
    return t if type(x._a) is np.ndarray else t.to(device=x.device)
