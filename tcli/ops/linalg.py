"""The matrix product: kernels, gradients, and the short way from `a @ b` to them.

`product` multiplies raw arrays and is what every product op of the sibling modules runs. A stack times
one matrix is one large product, small and medium matrices of a stack are multiplied with a single BLAS
thread (handing out their few rows costs more than it saves), and large integer matrices go through
float64 where that is exact.
"""

from itertools import product as all_places
from math import prod

import numpy as np

from .. import native
from ..engine import blas, callables, dispatch, dtypes, overrides
from ..engine.cost import matrix_product
from ..engine.dispatch import FLOATS, TENSORS, new, wrap
from ..engine.memory import pool
from ..engine.registry import T, op, ops, raw_helper, rule_helper
from ..engine.tape import FLOAT32, FLOAT64, SMALL, state
from ..engine.tensor import Tensor
from ..errors import DTypeError, ShapeError, Unsupported
from .blocks import over_rows, several_threads

STACKED = 8  # within one matrix of a stack threads pay from so many times more on
VECTOR = 1 << 21  # elements of a matrix from which two threads multiply it with a vector
SMALLEST = 8  # rows and columns of matrices: thinner ones are multiplied in other ways
SHARED = blas.LARGE if native.kernels is None else 1 << 21  # multiplications of a stack that threads share
SHORT = 1 << 19  # elements of two stacks whose product takes the short way
APART = 1 << 19 if native.kernels is None else 1 << 14  # multiplications of one product from which threads take some each


# ---------------------------------------------------------------- arrays

def product(xp, a, b):
    """The matrix product of two arrays with at least one dim each."""
    if a.ndim <= 2 and b.ndim <= 2:
        work = a.size * (b.shape[1] if b.ndim == 2 else 1)
        if a.dtype.kind in "iu" and work > 4096:
            return _integers(xp, a, b)
        if work >= VECTOR and a.ndim + b.ndim == 3 and xp is np and a.dtype.char in "fd":
            return _with_vector(a, b) if b.ndim == 1 else _with_vector(b.T, a)
        with blas.threads_for(work):
            return xp.dot(a, b)
    if b.ndim <= 2:  # one product of all rows instead of one per matrix of the stack
        with blas.threads_for(a.size * (b.shape[1] if b.ndim == 2 else 1)):
            flat = xp.dot(a.reshape(prod(a.shape[:-1]), a.shape[-1]), b)
        return flat.reshape(a.shape[:-1] + b.shape[1:])
    if a.dtype.kind in "iu":
        return _integers(xp, a, b)
    work = a.shape[-1] * b.shape[-1] * (a.shape[-2] if a.ndim > 1 else 1)
    if APART <= work < blas.LARGE * STACKED and xp is np and several_threads():
        found = _stack(a, b, work)
        if found is not None:
            return found
    with blas.threads_for(work // STACKED):
        return xp.matmul(a, b)


def _with_vector(a, v):
    """A large matrix times a vector, some rows at a time: BLAS's own threads would change the order of sums."""
    out, v = np.empty(len(a), a.dtype), np.ascontiguousarray(v)
    if native.matrix_vector(a, v, out):
        return out
    over_rows(len(a), a.shape[1], lambda start, stop: np.dot(a[start:stop], v, out[start:stop]), max(a.size // 4, a.shape[1]))
    return out


def _stack(a, b, work: int):
    """The products of two stacks on several threads, or None: `np.matmul` holds the interpreter lock, `np.dot` does not."""
    if a.ndim < 2 or a.dtype != b.dtype or a.dtype.char not in "fd" or min(*a.shape[-2:], b.shape[-1]) < SMALLEST:
        return None
    ahead, alike = a.shape[:-2], a.shape[:-2] == b.shape[:-2]
    if not alike:
        ahead = np.broadcast_shapes(ahead, b.shape[:-2])
    count = prod(ahead)
    if count * work < SHARED:
        return None
    if not alike:
        a, b = (np.broadcast_to(x, ahead + x.shape[-2:]) for x in (a, b))
    out = pool.empty((*ahead, a.shape[-2], b.shape[-1]), a.dtype)
    if blas.tell_kernels():
        blas.narrow()
        if native.multiply_stacks(a, b, out):
            return out
    places = list(all_places(*map(range, ahead)))

    def some(start: int, stop: int) -> None:
        for i in places[start:stop]:
            np.dot(a[i], b[i], out[i])
    over_rows(count, work, some, max(count * work // 4, 1))
    return out


def _integers(xp, a, b):
    """Integer products: in float64 when no sum can leave its exact range."""
    if not a.size or not b.size or a.dtype.itemsize < 4 or xp is not np:
        return xp.matmul(a, b)
    top = max(int(a.max()), -int(a.min())) * max(int(b.max()), -int(b.min())) * a.shape[-1]
    if top >= 1 << 53 or top > np.iinfo(a.dtype).max:
        return xp.matmul(a, b)
    return product(xp, a.astype(np.float64), b.astype(np.float64)).astype(a.dtype)


# ---------------------------------------------------------------- gradients

def _plain(x, y) -> bool:
    """Whether two arrays are float matrices of one dtype whose product need not be recorded."""
    return not state.grad and x.ndim == y.ndim == 2 and x.dtype is y.dtype and x.dtype in FLOATS \
        and type(x) is np.ndarray


@rule_helper
def mm_nt(a, b):
    """a @ b^H for matrices or stacks of them."""
    if _plain(a._a, b._a):
        with blas.threads_for(a._a.size * b._a.shape[0]):
            return wrap(a._a.dot(b._a.T))
    return T.matmul(a, T.adjoint_of(b))


@rule_helper
def mm_tn(a, b):
    """a^H @ b for matrices or stacks of them."""
    if _plain(a._a, b._a):
        with blas.threads_for(a._a.size * b._a.shape[1]):
            return wrap(a._a.T.dot(b._a))
    return T.matmul(T.adjoint_of(a), b)


raw_helper(lambda a, b: a.dot(b.T) if a.ndim == b.ndim == 2 else np.matmul(a, b.swapaxes(-2, -1)), "mm_nt")
raw_helper(lambda a, b: a.T.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a.swapaxes(-2, -1), b), "mm_tn")
raw_helper(lambda x, dim: x.squeeze(dim), "squeeze")


@rule_helper
def adjoint_of(x):
    """The conjugate transpose of the last two dims."""
    return T.conj_of(T.transpose(x, -2, -1))


def _rows(k, t):
    """A stack of matrices with all its rows below each other."""
    return k.reshape(t, (prod(t.shape[:-1]), t.shape[-1]))


def _columns(k, t):
    """A stack of matrices with all its columns beside each other."""
    n = len(t.shape)
    side = k.permute(t, (n - 2, *range(n - 2), n - 1))
    return k.reshape(side, (t.shape[-2], prod(side.shape[1:])))


def matmul_x(k, g, x_shape, other, other_shape):
    if len(other_shape) == 1:
        if len(x_shape) == 1:
            return k.mul(g, k.conj_of(other))
        return k.mul(k.unsqueeze(g, -1), k.conj_of(other))
    if len(x_shape) == 1:
        grad = k.mm_nt(k.unsqueeze(g, -2), other)
        return k.squeeze(grad, -2)
    if len(other_shape) == 2 and len(x_shape) > 2:
        return k.reshape(k.mm_nt(_rows(k, g), other), x_shape)
    if len(x_shape) == 2 and len(other_shape) > 2:
        return k.mm_nt(_columns(k, g), _columns(k, other))
    return k.mm_nt(g, other)


def matmul_other(k, g, x, x_shape, other_shape):
    if len(x_shape) == 1:
        if len(other_shape) == 1:
            return k.mul(g, k.conj_of(x))
        return k.mul(k.unsqueeze(k.conj_of(x), -1), k.unsqueeze(g, -2))
    if len(other_shape) == 1:
        rows = _rows(k, x) if len(x_shape) > 2 else x
        return k.squeeze(k.mm_tn(rows, k.reshape(g, (prod(g.shape), 1))), -1)
    if len(other_shape) == 2 and len(x_shape) > 2:
        return k.mm_tn(_rows(k, x), _rows(k, g))
    return k.mm_tn(x, g)


RULES = {"x": matmul_x, "other": matmul_other}


# ---------------------------------------------------------------- errors

def scalar(a) -> str:
    return dtypes.scalar_name(dtypes.of_numpy(a.dtype))


def c_name(a) -> str:
    return dtypes.C_NAMES[dtypes.of_numpy(a.dtype).name].replace("long long", "long int")


def no_bool(a, kernel: str, even_empty: bool = False) -> None:
    if a.dtype.kind == "b" and (a.size or even_empty):
        raise Unsupported(f"\"{kernel}\" not implemented for 'Bool'")


def check_vectors(a, b) -> None:
    if a.dtype != b.dtype:
        raise DTypeError(f"dot : expected both vectors to have same dtype, but found {scalar(a)} and {scalar(b)}")
    if a.shape != b.shape:
        raise ShapeError(f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same "
                         f"number of elements, but got {a.size} and {b.size} elements respectively")
    no_bool(a, "dot", True)


def check_matrix_vector(a, v, out=None) -> None:
    """`a` is a matrix, or a stack that is taken as one."""
    rows = prod(a.shape[:-1])
    size = rows if out is None else out.size
    if a.shape[-1] != v.shape[0] or size not in (1, rows):
        raise ShapeError(f"size mismatch, got input ({size}), mat ({rows}x{a.shape[-1]}), vec ({v.shape[0]})")
    if a.dtype != v.dtype or out is not None and out.dtype != a.dtype:
        raise DTypeError("addmv input tensors must have the same dtype, but got "
                         f"{scalar(v if out is None else out)}, {scalar(a)}, and {scalar(v)}")
    no_bool(a, "addmv_impl_cpu")


def check_matrices(a, b) -> None:
    """`a` is a matrix, a row, or a stack that is taken as one matrix."""
    if a.shape[-1] != b.shape[0]:
        raise ShapeError(f"mat1 and mat2 shapes cannot be multiplied ({prod(a.shape[:-1])}x{a.shape[-1]} and "
                         f"{b.shape[0]}x{b.shape[1]})")
    if a.dtype != b.dtype:
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {c_name(a)} != {c_name(b)}")
    no_bool(a, "addmm_impl_cpu_")


def check_stacks(a, b, kernel: str = "bmm") -> None:
    """Both are stacks of one size, apart from broadcasting."""
    n = max(prod(a.shape[:-2]), prod(b.shape[:-2]))
    if a.shape[-1] != b.shape[-2] or kernel != "matmul" and a.shape[0] != b.shape[0]:
        size = n if kernel == "matmul" else a.shape[0]
        got = n if kernel == "matmul" else b.shape[0]
        raise ShapeError(f"Expected size for first two dimensions of batch2 tensor to be: [{size}, {a.shape[-1]}] "
                         f"but got: [{got}, {b.shape[-2]}].")
    if a.dtype != b.dtype:
        raise DTypeError(f"expected scalar type {scalar(a)} but found {scalar(b)}")
    no_bool(a, "bmm" if kernel == "matmul" else kernel)


def _folds(a, other) -> bool:
    """Whether PyTorch takes the stack `a` as one matrix: its rows follow each other in memory, or `other` has a gradient."""
    steps = zip(a.strides[:-2], a.strides[1:-1], a.shape[1:-1], strict=True)
    return other._rg or not a.size or all(step == below * n for step, below, n in steps)


def check_matmul(values: list) -> None:
    """Raises PyTorch's error for dtypes or sizes that do not multiply."""
    a, b = values[0]._a, values[1]._a
    if not a.ndim or not b.ndim:
        raise ShapeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    if a.ndim > 2 > b.ndim - 1 and not _folds(a, values[1]):
        check_stacks(a, b[:, None] if b.ndim == 1 else b, "matmul")
    elif b.ndim == 1:
        check_vectors(a, b) if a.ndim == 1 else check_matrix_vector(a, b)
    elif b.ndim == 2:
        check_matrices(a, b)
    elif a.ndim < 3 and values[0]._rg:  # PyTorch turns this around, so that its gradient has no batch
        check_matrix_vector(b.swapaxes(-1, -2), a) if a.ndim == 1 else check_matrices(b.swapaxes(-1, -2), a.T)
    else:
        from ..engine.args import broadcast_shapes

        broadcast_shapes(a.shape[:-2], b.shape[:-2])
        check_stacks(a, b, "matmul")


# ---------------------------------------------------------------- the op

_FLAT_NAMES = {(1, 1): "DotBackward0", (2, 1): "MvBackward0", (2, 2): "MmBackward0", (1, 2): "SqueezeBackward4"}


def _name(x, other) -> str:
    dims = x._a.ndim, other._a.ndim
    return _FLAT_NAMES.get(dims) or ("CloneBackward0" if dims[0] == 2 else "UnsafeViewBackward0")


def _out_rule(x, other) -> str:
    return "product" if x.ndim == other.ndim == 1 else "addmv" if (x.ndim, other.ndim) == (2, 1) else "exact"


@op("matmul", out=_out_rule, at="torch tensor linalg", cost=matrix_product,
    also=["tensor.__matmul__", "tensor.__rmatmul__", "tensor.__imatmul__"],
    grad_name=_name, check=check_matmul,
    samples=["r(3, 4), r(4, 2)", "r(4), r(4)", "r(3, 4), r(4)", "r(4), r(4, 2)", "r(2, 3, 4), r(4, 5)", "r(2, 3, 4), "
                                                                                                        "r(4)",
             "r(2, 1, 3, 4), r(5, 4, 2)", "r(3, 4), r(2, 4, 5)", "r(4), r(2, 4, 5)", "r(0, 3), r(3, 2)",
             "c(2, 3), c(3, 2)"],
    vjp=RULES, raw_vjp=True)
def matmul(xp, x, other):
    """The matrix product; leading dims broadcast, vectors are rows or columns as needed.

    >>> matmul(tensor([[1., 2.], [3., 4.]]), tensor([1., 1.]))
    tensor([3., 7.])
    """
    return product(xp, x, other)


def _check_mm(values: list) -> None:
    for word, t in (("self", values[0]), ("mat2", values[1])):
        if t._a.ndim != 2:
            raise ShapeError(f"{word} must be a matrix")
    check_matrices(values[0]._a, values[1]._a)


@op("mm", out="exact", at="torch tensor", cost=matrix_product, check=_check_mm,
    samples=["r(3, 4), r(4, 2)", "r(2, 0), r(0, 3)", "c(2, 3), c(3, 2)"],
    vjp={"x": lambda k, g, mat2: k.mm_nt(g, mat2), "mat2": lambda k, g, x: k.mm_tn(x, g)}, raw_vjp=True)
def mm(xp, x, mat2):
    """The product of two matrices.

    >>> mm(tensor([[1., 2.], [3., 4.]]), tensor([[1., 0.], [1., 1.]]))
    tensor([[3., 2.],
            [7., 4.]])
    """
    return product(xp, x, mat2)


SIDES = (Tensor, *(kind for kind in callables.OPERANDS if kind not in (int, float, complex)))
def short_way(name: str, dims: tuple, plans_of: str | None = None):
    """`fn(x, other)` of a product op for tensors of these dims and one float dtype: straight to BLAS."""
    o = ops[name]
    plans = callables.plans_of_two(ops[plans_of or name])
    node_name, (n, m), ready = _FLAT_NAMES[dims], dims, dispatch.READY

    def fn(x, other):
        if type(x) in ready and type(other) in ready:
            a, b = x._a, other._a
            d = a.dtype
            if a.ndim == n and b.ndim == m and d is b.dtype and (d is FLOAT32 or d is FLOAT64) and \
                    type(a) is type(b) is np.ndarray and a.shape[-1] == b.shape[0] and a.size + b.size <= SMALL:
                t = callables.finish(o, (), a.dot(b), False)
                if state.grad and (x._rg or other._rg):
                    callables.record_binary(o, plans, x, other, t, ())
                    t._node._name = node_name
                return t
        return dispatch.call(o, (x, other), {})
    return fn


def set_product(name: str, dims: tuple) -> None:
    """Gives a product op that takes tensors of these dims alone its short way."""
    fn, entry = short_way(name, dims), (callables.plans_of_two(ops[name]), _FLAT_NAMES[dims])
    entries = tuple(entry if dims == each else None for each in _DIMS)
    callables.set_operator(ops[name], fn, native.matrix_product(ops[name], entries, fn))


_DIMS = (1, 1), (1, 2), (2, 1), (2, 2)


def _stacks(x, other):
    """`x @ other` of two stacks of matrices that need no gradient."""
    o = ops["matmul"]
    if type(x) in TENSORS and type(other) in TENSORS and not (state.grad and (x._rg or other._rg)):
        a, b = x._a, other._a
        if a.dtype in FLOATS and a.dtype is b.dtype and type(a) is type(b) is np.ndarray and a.shape[0] == b.shape[0] and \
                a.shape[2] == b.shape[1] and a.size + b.size <= SHORT:
            return callables.finish(o, (), product(np, a, b), False)
    return dispatch.call(o, (x, other), {})


def _matmul_operator():
    ways = {dims: short_way("matmul", dims, "mm" if dims == (2, 2) else None) for dims in _FLAT_NAMES}
    ways[3, 3] = _stacks
    matmul, ready = ops["matmul"], dispatch.READY
    plans = callables.plans_of_two(ops["mm"])

    def operator(x, other):
        """`x @ other`, by the dims of both: two small matrices at once, the rest by way of a function each."""
        if type(x) in ready and type(other) in ready:
            a, b = x._a, other._a
            d = a.dtype
            if (d is FLOAT32 or d is FLOAT64) and d is b.dtype and a.ndim == 2 and b.ndim == 2 and \
                    a.shape[1] == b.shape[0] and a.size + b.size <= SMALL and type(a) is np.ndarray and type(b) is np.ndarray:
                t = new(Tensor)
                t._a = a.dot(b)
                t._v = [0]
                if state.grad:
                    if x._rg or other._rg:
                        callables.record_binary(matmul, plans, x, other, t, ())
                        t._node._name = "MmBackward0"
                elif state.inference:
                    t._inference = True
                return t
            way = ways.get((x._a.ndim, other._a.ndim))
            if way is not None:
                return way(x, other)
        elif not all(isinstance(side, SIDES) or overrides.answers(type(side)) for side in (x, other)):
            return NotImplemented
        return dispatch.call(ops["matmul"], (x, other), {})
    flat = callables.plans_of_two(matmul)
    entries = tuple((plans if dims == (2, 2) else flat, _FLAT_NAMES[dims]) for dims in _DIMS)
    return operator, native.matrix_product(matmul, entries, operator)


set_product("mm", (2, 2))
callables.set_operator(ops["matmul"], *_matmul_operator())
