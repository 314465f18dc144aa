"""Vector norms, and what is scaled by them.

The gradient at 0 is 0, as PyTorch has it; elements that attain an infinity norm share its gradient equally.
Norms of matrices stand with the linear algebra.
"""

import math

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.callables import short_way
from ..engine.passing import passing_on
from ..engine.registry import T, composite, op
from ..engine.sums import SMALL, at_once
from ..engine.tensor import Tensor
from ..errors import EngineError
from .blocks import in_columns, is_large, neighbours, sum_of_products
from .reduce import axes, kept
from .row_kernels import squares_of_rows, sum_of_squares

P_SAMPLES = ["r(3, 4), 1", "r(3, 4), math.inf", "r(3, 4), -math.inf", "r(3, 4), 0", "away(3, 4), 3",
             "away(3, 4), 0.5", "away(3), 1.5"]


# ---------------------------------------------------------------- the kernel and its gradient

def _is_alone(x, dim) -> bool:
    """Whether each number is reduced by itself: it keeps its size then, however large its square would be.

    Not so, in PyTorch, the number of a tensor without dims where a dim is named.
    """
    return all(x.shape[d] == 1 for d in dim or range(x.ndim)) if x.ndim else not dim


def _two(xp, x, dim, keepdim):
    """The Euclidean norm in one pass where the memory allows."""
    if _is_alone(x, dim):
        return xp.maximum.reduce(xp.absolute(x), axes(x, dim), None, None, keepdim)
    if type(x) is np.ndarray and x.size > SMALL:
        span = neighbours(x.ndim, dim or None)
        squares = None if span is None else at_once(None, x, *span, keepdim)
        if squares is not None:
            return np.sqrt(squares, squares if squares.ndim else None)
    if type(x) is np.ndarray and x.size <= SMALL and (dim is None or len(dim) == 1):
        found = native.few_of("norm", x, dim[0] if dim else None, keepdim)
        if found is not False:
            return found
    if x.dtype.kind != "c" and x.flags.c_contiguous:
        if dim is None or dim == ():
            flat = x.reshape(-1)
            found = xp.sqrt(sum_of_products(flat, flat) if is_large(x) and x.dtype.kind == "f" else xp.dot(flat, flat))
            return found.reshape((1,) * x.ndim) if keepdim else found
        if dim == (x.ndim - 1,):
            found = xp.sqrt(squares_of_rows(x) if is_large(x) and x.dtype.kind == "f" else xp.einsum("...i,...i->...", x, x))
            return found[..., None] if keepdim else found
        if is_large(x) and len(dim) == 1 and in_columns(x.shape, dim[0]):
            found = xp.sqrt(sum_of_squares(x, dim[0]))
            return found if keepdim else found.reshape(x.shape[:dim[0]] + x.shape[dim[0] + 1:])
    squares = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
    return xp.sqrt(xp.add.reduce(squares, axes(x, dim), None, None, keepdim))


def _small_norm(ndim: int, ord, dim, keepdim: bool):
    if ord != 2 or dim is not None and len(dim) != 1:
        return None

    def run(x):
        if x.dtype.kind != "f":
            raise TypeError
        return _two(np, x, dim, keepdim)
    return native.few("norm", ndim, dim[0] if dim else None, keepdim, run) or run


def _onto_two(ndim: int, p, dim, keepdim: bool, dtype):
    """What `norm` of order 2 hands its tensor on to."""
    if dtype is not None or p not in ("fro", 2, None) or dim is not None and len(dim) != 1:
        return None
    return "_vector_norm", 2, dim, keepdim


@op("_vector_norm", fuse=True, at="", small=_small_norm, grad_name="LinalgVectorNormBackward0",
    samples=[*(f"{s}, None, False" for s in P_SAMPLES), "r(3, 4), 2, (1,), True", "r(2, 3, 4), 1, (0, 2), False",
             "torch.zeros(3), 2, None, False", "c(3, 2), 2, (0,), False"],
    vjp={"x": lambda k, g, x, x_shape, out, ord, dim, keepdim: norm_rule(k, g, x, x_shape, out, ord, dim, keepdim)})
def _vector_norm(xp, x, ord: "any", dim: "any", keepdim: "any"):
    if ord == 2:
        return _two(xp, x, dim, keepdim)
    axis = axes(x, dim)
    size = xp.absolute(x)
    if math.isinf(ord) or ord and _is_alone(x, dim):
        return getattr(xp, "maximum" if ord > 0 else "minimum").reduce(size, axis, None, None, keepdim)
    if ord == 0:
        return xp.add.reduce(size != 0, axis, size.dtype, None, keepdim)
    if ord == 1:
        return xp.add.reduce(size, axis, None, None, keepdim)
    total = xp.asarray(xp.add.reduce(size ** size.dtype.type(ord), axis, None, None, keepdim))
    return total ** total.dtype.type(1 / ord)


def norm_rule(k, g, x, x_shape, out, ord, dim, keepdim):
    """The gradient of a vector norm, for every order."""
    if ord == 0:
        return k.zeros_like(x)
    g, out = kept(k, g, x_shape, dim, keepdim), kept(k, out, x_shape, dim, keepdim)
    if ord == 2:
        return g * k.where(out == 0, 0.0, x / out)
    if ord == 1:
        return k.sgn(x) * g
    size = k.abs(x)
    if math.isinf(ord):
        best = T._is_best(size, out)
        count = k.sum(best, dim, True) if dim else k.sum(best)
        return k.sgn(x) * k.where(best, g / count, 0.0)
    if ord < 1:
        scaled = k.sgn(x) * k.where(x == 0, 0.0, k.pow(size, ord - 1))
        return scaled * g * k.pow(out, 1 - ord)
    scaled = k.sgn(x) * k.pow(size, ord - 1) if ord < 2 else x * k.pow(size, ord - 2)
    return scaled * k.where(out == 0, 0.0, g / k.pow(out, ord - 1))


# ---------------------------------------------------------------- norms

def _check_norm(x, ord, dim, dtype) -> None:
    d = x.dtype
    if d.category < dtypes.FLOAT:
        raise EngineError("linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
                          f"{dtypes.scalar_name(d)}")
    if dtype is not None:
        if dtype.category < dtypes.FLOAT or (dtype.category == dtypes.COMPLEX) != (d.category == dtypes.COMPLEX):
            wanted = "floating point or complex" if dtype.category < dtypes.FLOAT else \
                "complex" if d.category == dtypes.COMPLEX else "floating point"
            raise EngineError(f"linalg.vector_norm: dtype should be {wanted}. Got {dtypes.scalar_name(dtype)}")
        if dtypes.promote_types(d, dtype) is not dtype:
            raise EngineError(f"linalg.vector_norm: the dtype of the input ({dtypes.scalar_name(d)}) should be "
                              "convertible "
                              f"without narrowing to the specified dtype ({dtypes.scalar_name(dtype)})")
    if not x._a.size and (ord < 0 or math.isinf(ord)):
        _refuse_empty(x, ord, dim)


def _refuse_empty(x, ord, dim) -> None:
    empty = None if dim is None else next((i for i in dim if x.shape[i] == 0), -1)
    if empty == -1:
        return
    where = "an empty tensor because the operation does" if empty is None else \
        f"the dimension {empty} because this dimension is empty and the operation does"
    raise EngineError(f"linalg.vector_norm cannot compute the {ord:g} norm on {where} not have an identity")


def vector_norm(x, ord, dim, keepdim: bool, dtype=None):
    """The norm of checked arguments."""
    _check_norm(x, ord, dim, dtype)
    if dtype is not None and dtype is not x.dtype:
        x = T._cast(x, dtype)
    return T._vector_norm(x, ord, dim, keepdim)


@composite("linalg_vector_norm", out="exact", at="", also=["linalg.vector_norm"],
           samples=["r(3, 4)", "r(3, 4), 2, 1", "r(2, 3, 4), 1, (0, 2), keepdim=True", "r(), 2", *P_SAMPLES,
                    "c(3), 3"])
def linalg_vector_norm(x, ord: "Scalar" = 2, dim: "Dims?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The vector norm of the given order, of the whole tensor or along dims.

    >>> linalg.vector_norm(tensor([3., 4.]))
    tensor(5.)
    """
    return vector_norm(x, ord, dim, keepdim, dtype)


@composite("norm", out="exact", at="torch tensor",
           samples=["r(3, 4)", "r(3, 4), 2, 1", "r(3, 4), 'fro', (0, 1)", "r(2, 3, 4), 1, (0, 2), True",
                    "r(3, 4), p=math.inf, dim=0",
                    "r(3, 4), 3, -1, keepdim=True", "r()", "torch.zeros(3)", "c(3)"])
def norm(x, p: "any" = "fro", dim: "Dims?" = None, keepdim: "bool" = False, dtype: "DType?" = None):
    """The vector norm of order p, of the whole tensor or along dims; p may be "fro" (2) or "nuc" (of matrices).

    >>> norm(tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    if isinstance(p, str):
        if p == "nuc":
            return _nuclear(x, dim, keepdim, dtype)
        if p != "fro":
            raise EngineError(f"linalg.matrix_norm: Order {p} not supported.")
        if dim is not None and len(dim) > 2:
            raise EngineError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {', '.join(map(str, dim))}")
        p = 2
    if isinstance(p, Tensor):
        p = p.item()
    return vector_norm(x, 2 if p is None else p, dim, keepdim, dtype)


short_way("norm")(passing_on(_onto_two))


def _nuclear(x, dim, keepdim: bool, dtype):
    if dtype is not None:
        x = T._cast(x, dtype)
    dim = dim if dim is not None else tuple(range(x.ndim))
    if len(dim) != 2:
        raise EngineError("linalg.matrix_norm: dim must be a 2-tuple. Got " + ", ".join(map(str, dim)))
    found = T.sum(T.linalg_svdvals(T.movedim(x, dim, (-2, -1))), -1)
    return T.reshape(found, tuple(1 if i in dim else n for i, n in enumerate(x.shape))) if keepdim else found


# ---------------------------------------------------------------- scaled by a norm

@composite("normalize", at="F",
           samples=["r(3, 4)", "r(3, 4), 1, 0", "r(2, 3, 2), dim=-1", "torch.zeros(2, 3)", "r(3), dim=0",
                    "r(2, 3), p=3.0"])
def normalize(x, p: "any" = 2.0, dim: "any" = 1, eps: "any" = 1e-12):
    """x divided by its p-norm along dim, which is taken as at least eps.

    >>> F.normalize(tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    size = T.norm(x, p, dim, True)
    return x / T.expand(T.clamp_min(size, eps), x.shape)


@composite("renorm", out="exact", at="torch tensor tensor_", grad_name="RenormBackward0",
           samples=["r(3, 4), 2, 0, 1.0", "r(3, 4), 1, 1, 0.5", "r(2, 3, 2), 2, -1, 1.0", "r(2, 3), 2, 0, 100.0"])
def renorm(x, p: "Scalar", dim: "int", maxnorm: "Scalar"):
    """x with the slices along dim scaled down to a p-norm of at most maxnorm.

    >>> renorm(tensor([[3., 4.], [0., 1.]]), 2, 0, 1.)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if p <= 0:
        raise EngineError("renorm: non-positive norm not supported")
    if x.ndim < 2:
        raise EngineError(f"renorm: input needs at least 2 dimensions, got {x.ndim} dimensions")
    dim = wrap_dim(dim, x.ndim)
    if maxnorm < 0:
        raise EngineError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    half = x.dtype.itemsize == 2
    wide = T._cast(x, dtypes.float32) if half else x
    size = vector_norm(wide, p, tuple(i for i in range(x.ndim) if i != dim), True)
    factor = T.where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
    return T._cast(wide * factor, x.dtype) if half else x * factor
