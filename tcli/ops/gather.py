"""Gathering and scattering by index tensors along one dim."""

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.args import broadcast_shapes, wrap_dim
from ..engine.callables import finish, short_way
from ..engine.dispatch import READY
from ..engine.meta import MetaArray
from ..engine.options import ANY_DTYPE
from ..engine.placement import has_values, values_of
from ..engine.registry import T, composite, op, ops
from ..engine.tape import SMALL
from ..engine.tensor import Tensor
from ..engine.ways import MISSING
from ..errors import EngineError
from .arrays import refuse
from .blocks import own_copy, zeros
from .places import HOW, combine_along, in_range, quickly_placed, quickly_taken, take_along, write_along


def _check_index(name: str, index) -> None:
    if index.dtype not in (np.int64, np.int32) and index.size:
        raise EngineError(f"{name}(): Expected dtype int32/int64 for index")


def _bounds(index, size: int, dim: int) -> None:
    if has_values(index) and index.size and not in_range(values_of(index), size):
        bad = int(index[(index < 0) | (index >= size)].ravel()[0])
        raise EngineError(f"index {bad} is out of bounds for dimension {dim} with size {size}")


def _places(xp, index, dim: int) -> tuple:
    """The index tuple that takes `index` along `dim` and every other dim at its own place."""
    grids = list(xp.ix_(*(xp.arange(n) for n in index.shape)))
    grids[dim] = index
    return tuple(grids)


@op("gather", out="exact", out_apart=True,
    at="torch tensor", half=False, samples=["r(3, 4), 1, ints(3, 2, high=4)", "r(3, 4), 0, ints(2, 4, high=3)",
                                                      "r(4), 0, ints(6, high=4)", "r(), 0, ints(high=1)"],
    vjp={"x": lambda k, g, x_shape, dim, index: k._scatter_add_zeros(g, x_shape, dim, index)}, raw_vjp=True)
def gather(xp, x, dim: "Dim", index: "Index", *, sparse_grad: "bool" = False):
    """The elements of x that `index` names along one dim; index.shape is the shape of the result.

    >>> gather(tensor([[1, 2], [3, 4]]), 1, tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    _check_index("gather", index)
    if index.size and max(x.ndim, 1) != max(index.ndim, 1):
        raise EngineError("Index tensor must have the same number of dimensions as input tensor")
    if x.ndim == 0 or index.ndim == 0:
        return x.reshape(-1)[index.reshape(-1)].reshape(index.shape)
    if index.size:
        _check_gather(x, index, dim)
        found = quickly_taken(x, index, dim) if xp is np else None
        if found is not None:
            return found
    _bounds(index, x.shape[dim], dim)
    if not index.size:
        return xp.empty(index.shape, x.dtype)
    return take_along(x, index, dim) if xp is np else x[_places(xp, index, dim)]


@short_way("gather")
def _quick_gather(o, slow):
    """Small tensors go straight to the compiled kernel, which looks at shapes and bounds."""
    def fn(x=MISSING, dim=MISSING, index=MISSING, **named):
        if named or type(x) not in READY or type(index) not in READY or type(dim) is not int:
            return slow(*[value for value in (x, dim, index) if value is not MISSING], **named)
        a, i = x._a, index._a
        if type(a) is np.ndarray is type(i) and 0 < a.size <= SMALL and 0 < i.size <= SMALL and a.dtype in ANY_DTYPE:
            out = np.empty(i.shape, a.dtype)
            if native.take_along(a, i, dim if dim >= 0 else dim + a.ndim, out):
                return finish(GATHER, (x, dim % a.ndim, index, False), out, x._rg)
        return slow(x, dim, index)
    return native.gathering(o, fn) or fn


GATHER = ops["gather"]


def _check_gather(x, index, dim: int) -> None:
    if index.ndim != x.ndim:
        raise EngineError("Index tensor must have the same number of dimensions as input tensor")
    for d, (a, b) in enumerate(zip(index.shape, x.shape, strict=True)):
        if d != dim and a > b:
            raise EngineError(f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than "
                              f"self {list(x.shape)} apart from dimension {dim}")


def _check_scatter(name: str, x, dim: int, index, src=None) -> None:
    """Raises where the shapes of `scatter`'s arguments do not fit; all are arrays. The kernels look at the index."""
    _check_index(name, index)
    if not index.size:
        return
    for label, other in (("self", x), ("src", src)):
        if other is not None and max(index.ndim, 1) != max(other.ndim, 1):
            raise EngineError(f"Index tensor must have the same number of dimensions as {label} tensor")
    fits = all(a <= b for d, (a, b) in enumerate(zip(index.shape, x.shape, strict=False)) if d != dim)
    text = f"Expected index {list(index.shape)} to be no larger than self {list(x.shape)} apart from dimension {dim}"
    if src is None:
        if not fits:
            raise EngineError(text)
    elif not fits or any(a > b for a, b in zip(index.shape, src.shape, strict=False)):
        raise EngineError(f"{text} and to be no larger size than src {list(src.shape)}")


@op("_scatter_add_zeros", at="", samples=["r(3, 2), (3, 4), 1, ints(3, 2, high=4)"], grad_name="GatherBackward0",
    vjp={"g": lambda k, g, dim, index: k.gather(g, dim, index)})
def _scatter_add_zeros(xp, g, shape: "any", dim: "int", index: "Index"):
    out = zeros(xp, shape, g.dtype)
    if not index.size:
        return out
    if not out.ndim:
        return g.sum().reshape(())
    _combine(xp, "add", out, dim, index, g)
    return out


def _combine(xp, ufunc: str, out, dim: int, index, values) -> None:
    """Combines values into a contiguous `out` of several dims where `index` says along a dim."""
    if xp is np and index.ndim and quickly_placed(HOW[getattr(np, ufunc)], out, index, dim, values):
        return
    _bounds(index, out.shape[dim], dim)
    if index.ndim == 0:
        getattr(xp, ufunc).at(out, (index,), values)
    elif xp is np:
        combine_along(getattr(np, ufunc), out, index, dim, values)
    else:
        reduce_at(xp, ufunc, out, _places(xp, index, dim), values)


def _write(xp, out, dim: int, index, values) -> None:
    """Writes values into a contiguous `out` where `index` says along a dim."""
    if xp is np and index.ndim and quickly_placed("=", out, index, dim, values):
        return
    _bounds(index, out.shape[dim], dim)
    if xp is np and index.ndim:
        write_along(out, index, dim, values)
    else:
        out[_places(xp, index, dim) if index.ndim else (index,)] = values


_REDUCE = {"sum": "add", "prod": "multiply", "amax": "maximum", "amin": "minimum"}


def _cut(src, index):
    """The part of `src` that an index of a smaller shape reads."""
    return src[tuple(slice(0, n) for n in index.shape)]


@op("_scatter", at="", half=False, samples=["r(3, 4), 1, torch.tensor([[0, 2], [1, 3], [2, 0]]), r(3, 2)"],
    grad_name="ScatterBackward0",
    vjp={"x": lambda k, g, dim, index: k._scatter_value(g, dim, index, 0),
         "src": lambda k, g, dim, index, src_shape: k._padded(k.gather(g, dim, index), src_shape)})
def _scatter(xp, x, dim: "Dim", index: "Index", src: "Index"):
    out = own_copy(xp, x)
    if index.size == 0:
        return out
    if not out.ndim:
        _bounds(index, 1, dim)
        out[...] = src.reshape(-1)[-1]
        return out
    _write(xp, out, dim, index, _cut(src, index))
    return out


@op("_scatter_value", at="", half=False, samples=["r(3, 4), 1, torch.tensor([[0, 2], [1, 3], [2, 0]]), 1.5"],
    grad_name="ScatterBackward1", vjp={"x": lambda k, g, dim, index: k._scatter_value(g, dim, index, 0)})
def _scatter_value(xp, x, dim: "Dim", index: "Index", value: "Scalar"):
    out = own_copy(xp, x)
    if not index.size:
        return out
    if not out.ndim:
        _bounds(index, 1, dim)
        out[...] = value
    else:
        _write(xp, out, dim, index, value)
    return out


@op("_padded", at="", half=False, samples=["r(2, 3), (3, 4)"], grad_name="ScatterBackward0",
    vjp={"x": lambda k, g, x_shape: k._basic_index(g, tuple(slice(0, n) for n in x_shape))})
def _padded(xp, x, shape: "any"):
    """x in the corner of zeros of a larger shape."""
    if x.shape == shape:
        return x
    out = zeros(xp, shape, x.dtype)
    out[tuple(slice(0, n) for n in x.shape)] = x
    return out


@op("_scatter_add", at="", samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2)"], grad_name="ScatterAddBackward0",
    vjp={"x": lambda k, g: g, "src": lambda k, g, dim, index, src_shape: k._padded(k.gather(g, dim, index), src_shape)},
    raw_vjp=True)
def _scatter_add(xp, x, dim: "Dim", index: "Index", src: "Index"):
    out = own_copy(xp, x)
    if index.size == 0:
        return out
    if not out.ndim:
        _bounds(index, 1, dim)
        return (out | src.any()) if out.dtype == np.bool_ else out + src.sum(dtype=src.dtype)
    _combine(xp, "add", out, dim, index, _cut(src, index))
    return out


def _source(name: str, x, index, dim: int, src):
    if src.dtype is not x.dtype:
        raise EngineError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    _check_scatter(name, x._a, dim, index._a, src._a)
    return src


_OLD_REDUCE = {"add": "sum", "multiply": "prod"}


@composite("scatter", out="exact",
    at="torch tensor tensor_", samples=["r(3, 4), 1, torch.tensor([[0, 2], [1, 3], [2, 0]]), r(3, 2)",
                                                         "r(3, 4), 0, torch.tensor([[0, 2]]), 1.5"])
def scatter(x, dim: "Dim", index: "Index", src: "any" = None, *, value: "any" = None, reduce: "str?" = None):
    """x with the elements of src (or one value) written where `index` says along a dim.

    >>> torch.scatter(zeros(1, 3), 1, tensor([[2]]), 5.)
    tensor([[0., 0., 5.]])
    """
    src = value if src is None else src
    if reduce is not None and reduce not in _OLD_REDUCE:
        raise EngineError("reduce argument must be either add or multiply.")
    if isinstance(src, Tensor):
        src = _source("scatter", x, index, dim, src)
        return T._scatter(x, dim, index, src) if reduce is None else T._scatter_reduce(
            x, dim, index, src, _OLD_REDUCE[reduce], True)
    _check_scatter("scatter", x._a, dim, index._a)
    if reduce is None:
        return T._scatter_value(x, dim, index, src)
    source = T.full(tuple(index.shape), src, dtype=x.dtype, device=x.device)
    return T._scatter_reduce(x, dim, index, source, _OLD_REDUCE[reduce], True)


@composite("scatter_add", out="exact", at="torch tensor tensor_", samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2)"])
def scatter_add(x, dim: "Dim", index: "Index", src):
    """x with the elements of src added where `index` says along a dim.

    >>> scatter_add(zeros(3), 0, tensor([0, 0]), tensor([1., 2.]))
    tensor([3., 0., 0.])
    """
    return T._scatter_add(x, dim, index, _source("scatter", x, index, dim, src))


# ---------------------------------------------------------------- reductions

def reduce_at(xp, ufunc: str, out, places, src) -> None:
    """`ufunc.at`, for array modules that have none for products as well."""
    if ufunc != "multiply" or xp is np or xp.ndarray is MetaArray:
        getattr(xp, ufunc).at(out, places, src)
    elif src.size:
        _multiply_at(xp, out, places, src)


def _multiply_at(xp, out, places, src) -> None:
    """Products of what comes to the same place by doubling: sorted by place, each takes in what stands 1, 2, 4, ... before."""
    at = xp.ravel_multi_index(tuple(p.reshape(-1) for p in xp.broadcast_arrays(*places)), out.shape)
    order = xp.argsort(at)
    at, products, step = at[order], src.reshape(-1)[order], 1
    while step < at.size:
        both = xp.where(at[step:] == at[:-step], products[:-step], products.dtype.type(1))
        products = xp.concatenate([products[:step], products[step:] * both])
        step *= 2
    last = xp.concatenate([at[1:] != at[:-1], xp.ones(1, bool)])
    where = xp.unravel_index(at[last], out.shape)
    out[where] = out[where] * products[last]


@op("_scatter_reduce", at="", half=False, grad_name="ScatterReduceBackward0",
    samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'prod', True"],
    vjp={"x, src": lambda k, g, need, x, dim, index, src, reduce, include_self, out: _reduce_gradients(
        k, g, need, x, dim, index, src, reduce, include_self, out)})
def _scatter_reduce(xp, x, dim: "Dim", index: "Index", src: "Index", reduce: "str", include_self: "bool"):
    if not x.ndim:
        found = _scatter_reduce(xp, x.reshape(1), 0, index.reshape(-1), src.reshape(-1), reduce, include_self)
        return found.reshape(())
    if not index.size:
        return x.copy()
    if reduce in _UNORDERED:
        refuse(x, _UNORDERED[reduce], f"scatter_gather_tensor_cpu_reduce_{reduce}")
    if x.dtype == np.bool_:
        # Sums and maxima of truth values are `or`, products and minima `and`: the same as in small integers.
        wide = _scatter_reduce(xp, x.astype(np.uint8), dim, index, src.astype(np.int64), reduce, include_self)
        return wide.astype(bool)
    out = own_copy(xp, x)
    src = _cut(src, index).astype(x.dtype, copy=False)
    if not include_self:
        start = _lowest(x.dtype) if reduce == "amax" else _highest(x.dtype) if reduce == "amin" else int(reduce == "prod")
        _write(xp, out, dim, index, start)
    _combine(xp, _REDUCE.get(reduce, "add"), out, dim, index, src)
    if reduce == "mean":
        count = xp.ones(x.shape, x.dtype) if include_self else xp.zeros(x.shape, x.dtype)
        _combine(xp, "add", count, dim, index, xp.ones(index.shape, x.dtype))
        count = xp.maximum(count.real, 1)
        out = out // count if x.dtype.kind in "iu" else out / count
    return out


_UNORDERED = {"mean": "b", "amax": "c", "amin": "c"}  # the dtype kinds that a reduction does not take


def _lowest(d):
    return -np.inf if d.kind in "fV" else np.iinfo(d).min


def _highest(d):
    return np.inf if d.kind in "fV" else np.iinfo(d).max


def _reduce_gradients(k, g, need, x, dim, index, src, reduce, include_self, out):
    """As PyTorch: ties of amax and amin share, a product with one zero factor is worked out without it."""
    shape = src.shape
    if index.ndim != src.ndim:
        index = k.reshape(index, (1,) * src.ndim)
    if tuple(shape) != tuple(index.shape):
        src = k._basic_index(src, tuple(slice(0, n) for n in index.shape))
    if reduce == "sum":
        mine, theirs = g, k.gather(g, dim, index)
    elif reduce == "mean":
        count = k.ones_like(g) if include_self else k.zeros_like(g)
        count = k._scatter_add(count, dim, index, k.ones_like(src))
        mine = g / k.where(count == 0, 1, count)
        theirs = k.gather(mine, dim, index)
    elif reduce == "prod":
        mine, theirs = _product_gradients(k, g, x, dim, index, src, include_self, out)
    else:
        is_mine, is_theirs = (x == out).to(g.dtype), (src == k.gather(out, dim, index)).to(g.dtype)
        part = g / k._scatter_add(is_mine, dim, index, is_theirs)
        mine, theirs = is_mine * part, is_theirs * k.gather(part, dim, index)
    if not include_self:
        mine = k._scatter_value(mine, dim, index, 0)
    return mine, k._padded(theirs, tuple(shape))


def _product_gradients(k, g, x, dim, index, src, include_self, out):
    zero = x == 0
    safe = k.where(zero, 1, x)
    mine = g * k._scatter_reduce(safe, dim, index, src, "prod", include_self) / safe
    zero = src == 0
    zeros = k.gather(k._scatter_add(k.zeros_like(x), dim, index, zero.to(x.dtype)), dim, index)
    single = zero & (zeros == 1)
    without = k._scatter_reduce(x, dim, index, k.where(single, 1, src), "prod", include_self)
    theirs = k.where(single, k.gather(g * without, dim, index), k.gather(g * out, dim, index) / k.where(zero, 1, src))
    return mine, theirs


@composite("scatter_reduce", out="exact", at="torch tensor tensor_",
           samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'sum'", "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'mean'",
                    "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'amax'", "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'prod'",
                    "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'sum', include_self=False"])
def scatter_reduce(x, dim: "Dim", index: "Index", src, reduce: "str", *, include_self: "bool" = True):
    """x combined with the elements of src where `index` says: sum, prod, mean, amax or amin.

    >>> scatter_reduce(ones(2), 0, tensor([0, 0]), tensor([2., 3.]), "amax")
    tensor([3., 1.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise EngineError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    return T._scatter_reduce(x, dim, index, _source("scatter", x, index, dim, src), reduce, include_self)


@composite("take_along_dim", out="exact",
    at="torch tensor", samples=["r(3, 4), ints(3, 2, high=4), 1", "r(3, 4), torch.tensor([0, 5])"])
def take_along_dim(x, indices: "Index", dim: "any" = None):
    """`gather` with broadcasting; without a dim, over the flattened tensor.

    >>> take_along_dim(tensor([[3, 1]]), tensor([[1, 0]]), 1)
    tensor([[1, 3]])
    """
    if indices.dtype is not dtypes.int64:
        raise EngineError("torch.take_along_dim(): dtype of indices should be Long but got "
                          f"{dtypes.scalar_name(indices.dtype)}")
    if dim is None:
        return T.gather(T.reshape(x, (-1,)), 0, T.reshape(indices, (-1,)))
    if x.ndim != indices.ndim:
        raise EngineError("torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
                          f"{x.ndim} dimensions for input, and {indices.ndim} dimensions for indices")
    dim = wrap_dim(dim, x.ndim, scalar_ok=False)
    indices = T.where(indices < 0, indices + x.shape[dim], indices)
    mine, theirs = list(x.shape), list(indices.shape)
    mine[dim] = theirs[dim] = 1
    shape = list(broadcast_shapes(mine, theirs))
    mine, theirs = shape[:], shape[:]
    mine[dim], theirs[dim] = x.shape[dim], indices.shape[dim]
    return T.gather(T.expand(x, mine), dim, T.expand(indices, theirs))
