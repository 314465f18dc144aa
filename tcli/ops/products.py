"""Products of vectors, matrices and stacks of matrices, with and without a sum added to them."""

from math import prod

from .. import native
from ..engine.args import to_dims
from ..engine.callables import finish, plans_of_two, short_way
from ..engine.cost import added_product, contraction, matrix_product
from ..engine.dispatch import assign, check_writable, rebase, result_type
from ..engine.dtypes import C_NAMES, COMPLEX
from ..engine.options import multiple
from ..engine.out import write_out
from ..engine.registry import T, composite, function, op, ops
from ..engine.tape import state
from ..errors import BadIndex, DTypeError, EngineError, ShapeError
from .linalg import (
    c_name,
    check_matrices,
    check_matrix_vector,
    check_stacks,
    check_vectors,
    no_bool,
    product,
    scalar,
    set_product,
)

# ---------------------------------------------------------------- two tensors


def _check_bmm(values: list) -> None:
    a, b = values[0]._a, values[1]._a
    for word, t in (("batch1", a), ("batch2", b)):
        if t.ndim != 3:
            raise ShapeError(f"{word} must be a 3D tensor")
    check_stacks(a, b)


@op("bmm", out="exact", at="torch tensor", cost=matrix_product, check=_check_bmm,
    samples=["r(2, 3, 4), r(2, 4, 5)", "r(0, 3, 4), r(0, 4, 5)"],
    vjp={"x": lambda k, g, mat2: k.mm_nt(g, mat2), "mat2": lambda k, g, x: k.mm_tn(x, g)}, raw_vjp=True)
def bmm(xp, x, mat2):
    """The products of the matrices of two stacks, one by one: (B, n, m), (B, m, p) -> (B, n, p).

    >>> bmm(ones(2, 1, 3), ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    return product(xp, x, mat2)


def _check_mv(values: list) -> None:
    a, v = values[0]._a, values[1]._a
    if a.ndim == 0:
        raise BadIndex("Dimension specified as 0 but tensor has no dimensions")
    if a.ndim != 2 or v.ndim != 1:
        raise ShapeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {v.ndim}")
    check_matrix_vector(a, v)


@op("mv", out="addmv", at="torch tensor", cost=matrix_product, check=_check_mv,
    samples=["r(3, 4), r(4)", "r(0, 4), r(4)", "c(2, 3), c(3)"],
    vjp={"x": lambda k, g, vec: k.unsqueeze(g, -1) * k.conj_of(vec),
         "vec": lambda k, g, x: k.matmul(k.adjoint_of(x), g)})
def mv(xp, x, vec):
    """The product of a matrix and a vector.

    >>> mv(tensor([[1., 2.], [3., 4.]]), tensor([1., 1.]))
    tensor([3., 7.])
    """
    return product(xp, x, vec)


def _check_dot(values: list) -> None:
    a, b = values[0]._a, values[1]._a
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    check_vectors(a, b)


@op("dot", out="product", at="torch tensor", cost=matrix_product, check=_check_dot,
    samples=["r(4), r(4)", "r(0), r(0)", "c(3), c(3)"],
    vjp={"x": lambda k, g, tensor: g * k.conj_of(tensor), "tensor": lambda k, g, x: g * k.conj_of(x)}, raw_vjp=True)
def dot(xp, x, tensor):
    """The sum of the products of two vectors.

    >>> dot(tensor([2., 3.]), tensor([2., 1.]))
    tensor(7.)
    """
    return product(xp, x, tensor)


set_product("mv", (2, 1))
set_product("dot", (1, 1))


@op("vdot", out="product", at="torch tensor", cost=matrix_product, check=_check_dot, samples=["r(4), r(4)", "c(3), c(3)"],
    vjp={"x": lambda k, g, other: k.conj_of(g) * other, "other": lambda k, g, x: g * x})
def vdot(xp, x, other):
    """The dot product of the conjugate of x and another vector.

    >>> vdot(tensor([2., 3.]), tensor([2., 1.]))
    tensor(7.)
    """
    return product(xp, xp.conj(x), other)


@composite("inner", out=lambda x, other: "tensordot" if x.ndim and other.ndim else None,
    at="torch tensor", samples=["r(3), r(3)", "r(2, 3), r(4, 3)", "r(), r(3)", "r(2, 2, 3), r(3)"])
def inner(x, other):
    """Dot products along the last dims: every row of x with every row of other.

    >>> inner(tensor([[1., 2.], [3., 4.]]), tensor([1., 1.]))
    tensor([3., 7.])
    """
    a, b = x._a, other._a
    if not a.ndim or not b.ndim:
        return x * other
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError("inner() the last dimension must match on both input tensors but got shapes "
                         f"{list(a.shape)} and {list(b.shape)}")
    if a.dtype != b.dtype:
        raise DTypeError("both inputs should have same dtype")
    no_bool(a, "addmm_impl_cpu_")
    return _named(T.tensordot(x, other, ([-1], [-1])), "ViewBackward0")


def _named(t, name: str):
    if t._node is not None:
        t._node._name = name
    return t


@composite("outer", at="torch tensor", also=["ger"], samples=["r(3), r(2)", "r(0), r(2)", "c(2), c(2)"])
def outer(x, vec2):
    """The products of every element of x with every element of vec2, as a matrix.

    >>> outer(tensor([1., 2.]), tensor([1., 10.]))
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    _vectors("outer", x, vec2)
    return T.unsqueeze(x, 1) * vec2


@short_way("outer")
def _quick_outer(o, slow):
    mul = ops["mul"]
    usual = multiple(o, finish)
    return native.outer_product(mul, plans_of_two(mul), T.unsqueeze, usual) or usual


def _vectors(name: str, x, vec2) -> None:
    for word, t in (("self" if name == "outer" else "vec1", x), ("vec2", vec2)):
        if t._a.ndim != 1:
            raise ShapeError(f"{name}: Expected 1-D argument {word}, but got {t._a.ndim}-D")


# ---------------------------------------------------------------- a product and a sum

def _combine(xp, x, y, beta, alpha):
    """beta * x + alpha * y in the memory of y; beta == 0 leaves x out, whatever it holds."""
    if y.dtype.kind in "iu":
        alpha, beta = int(alpha), int(beta)
    if alpha != 1:
        y = y * y.dtype.type(alpha) if not y.ndim else xp.multiply(y, y.dtype.type(alpha), out=y)
    if beta == 0:
        return y
    scaled = x if beta == 1 else x * x.dtype.type(beta)
    return y + scaled if not y.ndim or scaled.dtype != y.dtype else xp.add(y, scaled, out=y)


def _expands(have: tuple, want: tuple) -> None:
    """Raises unless a tensor of shape `have` can be expanded to `want`."""
    lead = len(want) - len(have)
    for i in reversed(range(len(want))):
        n = have[i - lead] if i >= lead else 1
        if n not in (1, want[i]):
            raise ShapeError(f"The expanded size of the tensor ({want[i]}) must match the existing size ({n}) at "
                             f"non-singleton dimension {i}.  Target sizes: {list(want)}.  Tensor sizes: {list(have)}")
    if lead < 0:
        raise EngineError(f"The expanded size of the tensor ({want[-1] if want else 0}) must match the existing size "
                          f"({have[-1]}) at non-singleton dimension {len(have) - 1}.  Target sizes: {list(want)}.  "
                          f"Tensor sizes: {list(have)}")


def _scaled(k, g, factor):
    return g if factor == 1 else g * (factor.conjugate() if isinstance(factor, complex) else factor)


_SUM = {"x": lambda k, g, beta: _scaled(k, g, beta)}


def _check_addmm(values: list) -> None:
    x, a, b = (v._a for v in values[:3])
    for word, t in (("mat1", a), ("mat2", b)):
        if t.ndim != 2:
            raise ShapeError(f"{word} must be a matrix, got {t.ndim}-D tensor")
    if a.shape[1] != b.shape[0]:
        check_matrices(a, b.astype(a.dtype))
    _expands(x.shape, (a.shape[0], b.shape[1]))
    for t in (b, a):
        if x.dtype != t.dtype:
            raise DTypeError(f"self and mat2 must have the same dtype, but got {scalar(x)} and {scalar(t)}")
    check_matrices(a, b)


@op("addmm", out="exact", at="torch tensor tensor_", cost=added_product, check=_check_addmm,
    samples=["r(3, 2), r(3, 4), r(4, 2)", "r(2), r(3, 4), r(4, 2), beta=0.5, alpha=2", "r(3, 2), r(3, 4), r(4, 2), "
                                                                                       "beta=0"],
    vjp={**_SUM, "mat1": lambda k, g, mat2, alpha: _scaled(k, k.mm_nt(g, mat2), alpha),
         "mat2": lambda k, g, mat1, alpha: _scaled(k, k.mm_tn(mat1, g), alpha)}, raw_vjp=True)
def addmm(xp, x, mat1, mat2, *, beta: "Scalar" = 1, alpha: "Scalar" = 1):
    """beta * x + alpha * (mat1 @ mat2).

    >>> addmm(tensor([1., 1.]), ones(2, 3), ones(3, 2))
    tensor([[4., 4.],
            [4., 4.]])
    """
    return _combine(xp, x, product(xp, mat1, mat2), beta, alpha)


def _check_baddbmm(values: list) -> None:
    x, a, b = (v._a for v in values[:3])
    for t in (a, b):
        if t.ndim < 3:
            raise BadIndex(f"Dimension out of range (expected to be in range of [{-t.ndim}, {t.ndim - 1}], but got "
                           "2)")
    _expands(x.shape, (a.shape[0], a.shape[1], b.shape[2]))
    if x.dtype != a.dtype:
        raise DTypeError(f"Input dtypes must be the same, got: input {scalar(x)}, batch1: {scalar(a)}, batch2: "
                         f"{scalar(b)}")
    check_stacks(a, b, "baddbmm")


@op("baddbmm", out="exact", at="torch tensor tensor_", cost=added_product, check=_check_baddbmm,
    samples=["r(2, 3, 5), r(2, 3, 4), r(2, 4, 5)", "r(5), r(2, 3, 4), r(2, 4, 5), beta=0.5, alpha=2"],
    vjp={**_SUM, "batch1": lambda k, g, batch2, alpha: _scaled(k, k.mm_nt(g, batch2), alpha),
         "batch2": lambda k, g, batch1, alpha: _scaled(k, k.mm_tn(batch1, g), alpha)}, raw_vjp=True)
def baddbmm(xp, x, batch1, batch2, *, beta: "Scalar" = 1, alpha: "Scalar" = 1):
    """beta * x + alpha * (batch1 @ batch2) for stacks of matrices.

    >>> baddbmm(zeros(1, 1, 2), ones(1, 1, 3), ones(1, 3, 2))
    tensor([[[3., 3.]]])
    """
    return _combine(xp, x, product(xp, batch1, batch2), beta, alpha)


def _check_addbmm(values: list) -> None:
    x, a, b = (v._a for v in values[:3])
    for t in (a, b):
        if t.ndim < 3:
            raise BadIndex(f"Dimension out of range (expected to be in range of [{-t.ndim}, {t.ndim - 1}], but got "
                           "2)")
    _expands(x.shape, (a.shape[1], b.shape[2]))
    if a.shape[0] != b.shape[0]:
        raise ShapeError(f"batch1 and batch2 must have same number of batches, got {a.shape[0]} and {b.shape[0]}")
    if a.shape[2] != b.shape[1]:
        raise ShapeError("Incompatible matrix sizes for bmm "
                         f"({a.shape[1]}x{a.shape[2]} and {b.shape[1]}x{b.shape[2]})")
    no_bool(a, "addmm_impl_cpu_")


@op("addbmm", out="addbmm", at="torch tensor", cost=added_product, check=_check_addbmm,
    samples=["r(3, 5), r(2, 3, 4), r(2, 4, 5)", "r(5), r(2, 3, 4), r(2, 4, 5), beta=0.5, alpha=2"],
    vjp={**_SUM, "batch1": lambda k, g, batch2, alpha: _scaled(k, k.mm_nt(g, batch2), alpha),
         "batch2": lambda k, g, batch1, alpha: _scaled(k, k.mm_tn(batch1, g), alpha)})
def addbmm(xp, x, batch1, batch2, *, beta: "Scalar" = 1, alpha: "Scalar" = 1):
    """beta * x + alpha * the sum of the products of two stacks of matrices.

    >>> addbmm(zeros(1, 2), ones(4, 1, 3), ones(4, 3, 2))
    tensor([[12., 12.]])
    """
    n, m, p = batch1.shape
    side = batch1.swapaxes(0, 1).reshape(m, n * p)  # one product sums over the stack as well
    return _combine(xp, x, product(xp, side, batch2.reshape(n * p, batch2.shape[2])), beta, alpha)


@function("tensor.addbmm_")
def addbmm_(x, *batches, **scales):
    """`addbmm` (batch1, batch2, beta=1, alpha=1) written into x, which takes the shape of the result.

    >>> zeros(1, 2).addbmm_(ones(4, 1, 3), ones(4, 3, 2))
    tensor([[12., 12.]])
    """
    check_writable(x)
    result = T.addbmm(x, *batches, **scales)
    if result._a.shape == x._a.shape:
        return assign(x, result, "AddbmmBackward0")
    write_out("addbmm", x, result)
    if state.grad and result._rg:
        rebase(x, result, "AddbmmBackward0")
    return x


def _check_addmv(values: list) -> None:
    x, a, v = (t._a for t in values[:3])
    if a.ndim != 2 or v.ndim != 1 or x.ndim > 1:
        raise ShapeError(f"vector + matrix @ vector expected, got {x.ndim}, {a.ndim}, {v.ndim}")
    if x.ndim == 0 and a.shape[1] != v.shape[0]:
        raise BadIndex("Dimension specified as 0 but tensor has no dimensions")
    check_matrix_vector(a, v, x)


@op("addmv", out="exact", at="torch tensor tensor_", cost=added_product, check=_check_addmv,
    samples=["r(3), r(3, 4), r(4)", "r(1), r(3, 4), r(4), beta=0.5, alpha=2", "r(3), r(3, 4), r(4), beta=0"],
    vjp={**_SUM, "mat": lambda k, g, vec, alpha: _scaled(k, k.unsqueeze(g, 1) * k.conj_of(vec), alpha),
         "vec": lambda k, g, mat, alpha: _scaled(k, k.matmul(k.adjoint_of(mat), g), alpha)})
def addmv(xp, x, mat, vec, *, beta: "Scalar" = 1, alpha: "Scalar" = 1):
    """beta * x + alpha * (mat @ vec).

    >>> addmv(tensor([1., 2.]), ones(2, 3), ones(3))
    tensor([4., 5.])
    """
    return _combine(xp, x, product(xp, mat, vec), beta, alpha)


@composite("addr", at="torch tensor tensor_", grad_name="AddrBackward0",
           samples=["r(3, 2), r(3), r(2)", "r(2), r(3), r(2), beta=0.5, alpha=2", "r(3, 2), r(3), r(2), beta=0"])
def addr(x, vec1, vec2, *, beta: "Scalar" = 1, alpha: "Scalar" = 1):
    """beta * x + alpha * the outer product of two vectors.

    >>> addr(ones(2, 2), tensor([1., 2.]), tensor([1., 10.]))
    tensor([[ 2., 11.],
            [ 3., 21.]])
    """
    _vectors("addr", vec1, vec2)
    common = result_type([x, vec1, vec2])
    if common.category < COMPLEX and any(isinstance(factor, complex) for factor in (beta, alpha)):
        raise EngineError(f"value cannot be converted to type {C_NAMES[common.name]} without overflow")
    _expands(x._a.shape, (vec1._a.shape[0], vec2._a.shape[0]))
    if all(t._a.dtype.kind in "biu" for t in (x, vec1, vec2)):
        for word, factor in (("beta", beta), ("alpha", alpha)):
            if isinstance(factor, float):
                raise EngineError(f"For integral input tensors, argument {word} must not be a floating point number.")
    y = T.unsqueeze(vec1, 1) * vec2
    if x._a.dtype.kind == y._a.dtype.kind == "b":
        y = y if alpha else T.zeros_like(y)
        return y | x if beta else y
    y = y if alpha == 1 else y * alpha
    if beta == 0:
        return y + T.zeros_like(x) if x._a.dtype != y._a.dtype else y
    return y + (x if beta == 1 else x * beta)


# ---------------------------------------------------------------- chains and general contractions

def _chain_order(sizes: list) -> dict:
    """Where to split a chain of matrices with these sizes so that multiplying it costs least."""
    n = len(sizes) - 1
    cost, split = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            found = [(cost[i, s] + cost[s + 1, j] + sizes[i] * sizes[s + 1] * sizes[j + 1], s) for s in range(i, j)]
            cost[i, j], split[i, j] = min(found)
    return split


def _multiply_chain(tensors: list):
    sizes = [tensors[0]._a.shape[0], *(t._a.shape[1] for t in tensors)]
    split = _chain_order(sizes)

    def part(i: int, j: int):
        if i == j:
            return tensors[i]
        return T.mm(part(i, split[i, j]), part(split[i, j] + 1, j))
    return part(0, len(tensors) - 1)


def _check_chain(tensors: list) -> None:
    if len(tensors) < 2:
        raise EngineError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    last = len(tensors) - 1
    for i, t in enumerate(tensors):
        a = t._a
        if i in (0, last) and a.ndim not in (1, 2):
            raise ShapeError(f"multi_dot(): the {'last' if i else 'first'} tensor must be 1D or 2D but got {a.ndim}D")
        if i not in (0, last) and a.ndim != 2:
            raise ShapeError(f"multi_dot(): tensor {i} must be 2D but got {a.ndim}D")
        if a.dtype != tensors[0]._a.dtype:
            raise DTypeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                             f"{c_name(tensors[0]._a)} and tensor {i} {c_name(a)}")
    for i in range(last):
        a, b = tensors[i]._a, tensors[i + 1]._a
        if a.shape[-1] != b.shape[0]:
            raise ShapeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} "
                             "cannot be multiplied")


@composite("linalg_multi_dot", out="multi_dot", at="", also=["linalg.multi_dot"],
           samples=["[r(2, 3), r(3, 4), r(4, 2)]", "[r(3), r(3, 4)]", "[r(3), r(3, 4), r(4, 2), r(2)]"])
def linalg_multi_dot(tensors: "Tensors"):
    """The product of several matrices in the cheapest order; the first and last may be vectors.

    >>> linalg.multi_dot([ones(2, 3), ones(3, 4), ones(4, 1)])
    tensor([[12.],
            [12.]])
    """
    _check_chain(tensors)
    first, last = tensors[0]._a.ndim == 1, tensors[-1]._a.ndim == 1
    shape = [*tensors[0]._a.shape[:-1], *tensors[-1]._a.shape[1:]]
    chain = list(tensors)
    if first:
        chain[0] = T.unsqueeze(chain[0], 0)
    if last:
        chain[-1] = T.unsqueeze(chain[-1], 1)
    return _named(T.reshape(_multiply_chain(chain), tuple(shape)), "ViewBackward0")


@function("torch.chain_matmul", samples=["r(2, 3), r(3, 4), r(4, 2)"])
def chain_matmul(*matrices, out=None):
    """The product of several matrices in the cheapest order.

    >>> chain_matmul(ones(2, 3), ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    tensors = list(matrices[0]) if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)) else list(matrices)
    if not tensors:
        raise EngineError("chain_matmul(): Expected one or more matrices")
    for t in tensors:
        if t.ndim != 2:
            raise ShapeError(f"Tensor dimension is {t.ndim}, expected 2 instead.")
    result = tensors[0] if len(tensors) == 1 else T.linalg_multi_dot(tensors)
    if out is not None:
        write_out("chain_matmul", out, result)
    return result if out is None else out


# ---------------------------------------------------------------- tensordot


def _contracted(x, other, dims) -> tuple[list, list]:
    """The dims of both tensors to sum over, as lists."""
    if hasattr(dims, "_a"):
        dims = dims.tolist()
    if not isinstance(dims, (int, float)):
        first, second = dims
        return _dim_list(first), _dim_list(second)
    if dims < 0:
        raise EngineError(f"tensordot expects dims >= 0, but got dims={dims}")
    if dims > min(x.ndim, other.ndim):
        raise EngineError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
    return list(range(-dims, 0)), list(range(dims))


def _dim_list(dims) -> list:
    return [int(d) for d in dims] if isinstance(dims, (list, tuple)) else [int(dims)]


@op("_contract", cost=contraction, at="", samples=["r(2, 3, 4), r(4, 5, 3), (1, 2), (2, 0)"], grad_name="ViewBackward0",
    vjp={"x": lambda k, g, x_shape, other, dims1, dims2: _contract_back(k, g, x_shape, other, dims1, dims2),
         "other": lambda k, g, x, other_shape, dims1,
         dims2: _contract_back(k, g, other_shape, x, dims2, dims1, True)})
def _contract(xp, x, other, dims1: "any", dims2: "any"):
    free1 = [d for d in range(x.ndim) if d not in dims1]
    free2 = [d for d in range(other.ndim) if d not in dims2]
    rows, columns = [x.shape[d] for d in free1], [other.shape[d] for d in free2]
    n = prod(x.shape[d] for d in dims1)
    a = x.transpose(*free1, *dims1).reshape(prod(rows), n)
    b = other.transpose(*dims2, *free2).reshape(n, prod(columns))
    return product(xp, a, b).reshape((*rows, *columns))


def _contract_back(k, g, shape, other, dims, other_dims, second: bool = False):
    """The gradient of the operand with `shape`: g contracted with the other over the dims that one kept."""
    free = [d for d in range(len(shape)) if d not in dims]
    kept = [d for d in range(len(other.shape)) if d not in other_dims]
    at = range(len(kept)) if second else range(len(free), len(g.shape))
    grad = k._contract(g, k.conj_of(other), tuple(at), tuple(kept))  # dims: free, then other_dims in their order
    order = [*free, *(dims[other_dims.index(d)] for d in sorted(other_dims))]
    return k.permute(grad, tuple(order.index(d) for d in range(len(shape)))) if len(shape) > 1 else grad


@composite("tensordot", out="tensordot", at="torch", grad_name="ViewBackward0",
           samples=["r(2, 3, 4), r(3, 4, 5)", "r(2, 3), r(3, 2), 1", "r(2, 3, 4), r(5, 4, 3), ([1, 2], [2, 1])",
                    "r(2), r(3), 0", "r(2, 3), r(3, 2), ([0], [1])"])
def tensordot(x, other, dims: "any" = 2):
    """The sum of products over pairs of dims: the last n of x and the first n of other, or two lists.

    >>> tensordot(ones(2, 3, 4), ones(3, 4, 5)).shape
    torch.Size([2, 5])
    """
    first, second = _contracted(x, other, dims)
    if len(first) != len(second):
        raise EngineError("both dimension lists should have same length")
    a, b = x._a, other._a
    if a.dtype != b.dtype:
        raise DTypeError("both inputs should have same dtype")
    dims1, dims2 = (to_dims(d, t, "tensordot", "dims") for d, t in ((first, x), (second, other)))
    for i, (d1, d2) in enumerate(zip(dims1, dims2, strict=True)):
        n, m = a.shape[d1], b.shape[d2]
        if n == 1 or m == 1:  # a size of 1 broadcasts: the other side is summed alone
            x = T.sum(x, d1, True, dtype=x.dtype) if n != 1 else x
            other = T.sum(other, d2, True, dtype=other.dtype) if m != 1 else other
        elif n != m:
            raise ShapeError(f"contracted dimensions need to match, but first has size {n} in dim {first[i]} and "
                             f"second has size {m} in dim {second[i]}")
    no_bool(a, "addmm_impl_cpu_")
    return T._contract(x, other, dims1, dims2)
