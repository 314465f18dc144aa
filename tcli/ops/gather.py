"""Gathering and scattering by index tensors, triangles and diagonals."""

import numpy as np

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.dispatch import assign
from ..engine.registry import T, composite, function, op
from ..engine.tensor import Tensor, as_tensor
from ..errors import BadIndex, DTypeError, EngineError


def _check_index(name: str, index) -> None:
    if index.dtype not in (np.int64, np.int32) and index.size:
        raise EngineError(f"{name}(): Expected dtype int64 for index")


def _bounds(index, size: int, dim: int, words: str = "") -> None:
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = int(index[(index < 0) | (index >= size)].ravel()[0])
        raise EngineError(f"index {bad} is out of bounds for dimension {dim} with size {size}{words}")


def _places(xp, index, dim: int) -> tuple:
    """The index tuple that takes `index` along `dim` and every other dim at its own place."""
    grids = list(xp.ix_(*(xp.arange(n) for n in index.shape)))
    grids[dim] = index
    return tuple(grids)


@op("gather", at="torch tensor", half=False, samples=["r(3, 4), 1, ints(3, 2, high=4)", "r(3, 4), 0, ints(2, 4, high=3)",
                                                      "r(4), 0, ints(6, high=4)", "r(), 0, ints(high=1)"],
    vjp={"x": lambda k, g, x_shape, dim, index: k._scatter_add_zeros(g, x_shape, dim, index)})
def gather(xp, x, dim: "Dim", index: "Index", *, sparse_grad: "bool" = False):
    """The elements of x that `index` names along one dim; index.shape is the shape of the result.

    >>> gather(tensor([[1, 2], [3, 4]]), 1, tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    _check_index("gather", index)
    if x.ndim == 0 or index.ndim == 0:
        return x.reshape(-1)[index.reshape(-1)].reshape(index.shape)
    _check_sizes("gather", x, index, dim)
    _bounds(index, x.shape[dim], dim)
    if not index.size:
        return xp.empty(index.shape, x.dtype)
    return x[_places(xp, index, dim)]


def _check_sizes(name: str, x, index, dim: int) -> None:
    if index.size == 0:
        return
    if index.ndim != x.ndim:
        raise EngineError("Index tensor must have the same number of dimensions as "
                          f"{'input' if name == 'gather' else 'self'} tensor")
    for d, (a, b) in enumerate(zip(index.shape, x.shape, strict=True)):
        if d != dim and a > b:
            raise EngineError(f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than "
                              f"self {list(x.shape)} apart from dimension {dim}")


@op("_scatter_add_zeros", at="", samples=["r(3, 2), (3, 4), 1, ints(3, 2, high=4)"], grad_name="GatherBackward0",
    vjp={"g": lambda k, g, dim, index: k.gather(g, dim, index)})
def _scatter_add_zeros(xp, g, shape: "any", dim: "int", index: "Index"):
    out = xp.zeros(shape, g.dtype)
    if not index.size:
        return out
    if not out.ndim:
        return g.sum().reshape(())
    xp.add.at(out, _places(xp, index, dim) if g.ndim else (index,), g)
    return out


_REDUCE = {"sum": "add", "add": "add", "prod": "multiply", "multiply": "multiply", "amax": "maximum", "amin": "minimum"}


def _cut(src, index):
    """The part of `src` that an index of a smaller shape reads."""
    return src[tuple(slice(0, n) for n in index.shape)]


@op("_scatter", at="", half=False, samples=["r(3, 4), 1, torch.tensor([[0, 2], [1, 3], [2, 0]]), r(3, 2)"],
    grad_name="ScatterBackward0",
    vjp={"x": lambda k, g, dim, index: k._scatter(g, dim, index, k.zeros_like(k.gather(g, dim, index))),
         "src": lambda k, g, dim, index, src_shape: k._padded(k.gather(g, dim, index), src_shape)})
def _scatter(xp, x, dim: "Dim", index: "Index", src: "Index"):
    out = x.copy()
    if index.size == 0:
        return out
    if not out.ndim:
        out[...] = src.reshape(-1)[-1]
        return out
    _check_sizes("scatter", x, index, dim)
    _bounds(index, x.shape[dim], dim)
    out[_places(xp, index, dim)] = _cut(src, index)
    return out


@op("_padded", at="", half=False, samples=["r(2, 3), (3, 4)"], grad_name="ScatterBackward0",
    vjp={"x": lambda k, g, x_shape: k._basic_index(g, tuple(slice(0, n) for n in x_shape))})
def _padded(xp, x, shape: "any"):
    """x in the corner of zeros of a larger shape."""
    out = xp.zeros(shape, x.dtype)
    out[tuple(slice(0, n) for n in x.shape)] = x
    return out


@op("_scatter_add", at="", samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2)"], grad_name="ScatterAddBackward0",
    vjp={"x": lambda k, g: g, "src": lambda k, g, dim, index, src_shape: k._padded(k.gather(g, dim, index), src_shape)})
def _scatter_add(xp, x, dim: "Dim", index: "Index", src: "Index"):
    out = x.copy()
    if index.size == 0:
        return out
    if not out.ndim:
        return (out | src.any()) if out.dtype == np.bool_ else out + src.sum(dtype=src.dtype)
    _check_sizes("scatter", x, index, dim)
    _bounds(index, x.shape[dim], dim)
    if out.ndim == 1 and out.dtype.kind == "f":
        return out + xp.bincount(index, _cut(src, index), out.size).astype(out.dtype)
    xp.add.at(out, _places(xp, index, dim), _cut(src, index))
    return out


def _source(x, index, src):
    if not isinstance(src, Tensor):
        return T.full(tuple(index.shape), src, dtype=x.dtype)
    if src.dtype is not x.dtype:
        raise EngineError("scatter(): Expected self.dtype to be equal to src.dtype")
    return src


@composite("scatter", at="torch tensor tensor_", samples=["r(3, 4), 1, torch.tensor([[0, 2], [1, 3], [2, 0]]), r(3, 2)",
                                                         "r(3, 4), 0, torch.tensor([[0, 2]]), 1.5"])
def scatter(x, dim: "Dim", index: "Index", src: "any" = None, *, value: "any" = None, reduce: "str?" = None):
    """x with the elements of src (or one value) written where `index` says along a dim.

    >>> scatter(zeros(1, 3), 1, tensor([[2]]), 5.)
    tensor([[0., 0., 5.]])
    """
    src = value if src is None else src
    if reduce is not None:
        return T._scatter_reduce(x, dim, index, _source(x, index, src), {"add": "sum", "multiply": "prod"}[reduce], True)
    return T._scatter(x, dim, index, _source(x, index, src))


@composite("scatter_add", at="torch tensor tensor_", samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2)"])
def scatter_add(x, dim: "Dim", index: "Index", src):
    """x with the elements of src added where `index` says along a dim.

    >>> scatter_add(zeros(3), 0, tensor([0, 0]), tensor([1., 2.]))
    tensor([3., 0., 0.])
    """
    return T._scatter_add(x, dim, index, _source(x, index, src))


@op("_scatter_reduce", at="", samples=[], half=False, nograd=True)
def _scatter_reduce_kernel(xp, x, dim: "Dim", index: "Index", src: "Index", reduce: "str", include_self: "bool"):
    if not x.ndim:
        found = _scatter_reduce_kernel(xp, x.reshape(1), 0, index.reshape(-1), src.reshape(-1), reduce, include_self)
        return found.reshape(())
    if not index.size:
        return x.copy()
    _check_sizes("scatter", x, index, dim)
    _bounds(index, x.shape[dim], dim)
    if x.dtype == np.bool_:
        # Sums and maxima of truth values are `or`, products and minima `and`: the same as in small integers.
        wide = _scatter_reduce_kernel(xp, x.astype(np.uint8), dim, index, src.astype(np.int64), reduce, include_self)
        return wide.astype(bool)
    out = x.copy()
    places = _places(xp, index, dim)
    src = _cut(src, index).astype(x.dtype, copy=False)
    if not include_self:
        start = {"sum": 0, "mean": 0, "prod": 1, "amax": _lowest(x.dtype), "amin": _highest(x.dtype)}[reduce]
        out[places] = start
    getattr(xp, _REDUCE.get(reduce, "add")).at(out, places, src)
    if reduce == "mean":
        count = xp.ones(x.shape, x.dtype) if include_self else xp.zeros(x.shape, x.dtype)
        xp.add.at(count, places, 1)
        count = xp.maximum(count, 1)
        out = out // count if x.dtype.kind in "iu" else out / count
    return out


def _lowest(d):
    return -np.inf if d.kind == "f" else np.iinfo(d).min


def _highest(d):
    return np.inf if d.kind == "f" else np.iinfo(d).max


@composite("scatter_reduce", at="torch tensor tensor_",
           samples=["r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'sum'", "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'mean'",
                    "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'amax'",
                    "r(3, 4), 1, ints(3, 2, high=4), r(3, 2), 'sum', include_self=False"])
def scatter_reduce(x, dim: "Dim", index: "Index", src, reduce: "str", *, include_self: "bool" = True):
    """x combined with the elements of src where `index` says: sum, prod, mean, amax or amin.

    >>> scatter_reduce(ones(2), 0, tensor([0, 0]), tensor([2., 3.]), "amax")
    tensor([3., 1.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise EngineError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    src = _source(x, index, src)
    if not (x.requires_grad or src.requires_grad):
        return T._scatter_reduce(x, dim, index, src, reduce, include_self)
    if not x.ndim:
        return T.reshape(_differentiable_reduce(x.reshape(1), 0, index.reshape(-1), src.reshape(-1), reduce, include_self), ())
    return _differentiable_reduce(x, dim, index, src, reduce, include_self)


def _differentiable_reduce(x, dim, index, src, reduce, include_self):
    """The same by ops that carry gradients; ties of amax and amin share theirs."""
    base = x if include_self else T._scatter(x, dim, index, T.zeros_like(T.gather(x, dim, index)))
    if reduce in ("sum", "mean"):
        total = T._scatter_add(base, dim, index, src)
        if reduce == "sum":
            return total
        ones = T.ones_like(x.detach())
        start = ones if include_self else T._scatter(ones, dim, index, T.zeros_like(T.gather(ones, dim, index)))
        count = T._scatter_add(start, dim, index, T.ones_like(src.detach()))
        return total / T.where(count == 0, T.ones_like(count), count)
    if reduce == "prod":
        return _product(x, dim, index, src, include_self)
    best = T._scatter_reduce(x.detach(), dim, index, src.detach(), reduce, include_self)
    mine = (x.detach() == best) if include_self else T._scatter((x.detach() == x.detach()), dim, index, T.zeros_like(
        T.gather(x.detach(), dim, index)).bool())
    theirs = src.detach() == T.gather(best, dim, index) if index.shape == src.shape else src.detach() == src.detach()
    mine, theirs = mine.to(x.dtype), theirs.to(x.dtype)
    count = T._scatter_add(mine, dim, index, theirs)
    share = 1 / T.where(count == 0, T.ones_like(count), count)
    total = T._scatter_add(x * mine, dim, index, src * theirs)
    return total * share


def _product(x, dim, index, src, include_self):
    """Products by logs of magnitudes would lose exactness: one factor at a time along the index dim."""
    out = x if include_self else T._scatter(x, dim, index, T.ones_like(T.gather(x, dim, index)))
    for i in range(index.shape[dim]):
        where = T.narrow(index, dim, i, 1)
        factor = T.narrow(T._basic_index(src, tuple(slice(0, n) for n in index.shape)), dim, i, 1)
        out = T._scatter(out, dim, where, T.gather(out, dim, where) * factor)
    return out


# ---------------------------------------------------------------- along a dim

@op("index_select", at="torch tensor", half=False, samples=["r(3, 4), 0, torch.tensor([2, 0, 2])", "r(3, 4), 1, ints(2, high=4)"],
    vjp={"x": lambda k, g, x_shape, dim, index: k._index_add_zeros(g, x_shape, dim, index)})
def index_select(xp, x, dim: "Dim", index: "Index"):
    """The slices of x that a vector of indices names along a dim.

    >>> index_select(tensor([[1, 2], [3, 4]]), 0, tensor([1]))
    tensor([[3, 4]])
    """
    if index.ndim > 1:
        raise BadIndex("index_select(): Index is supposed to be a vector")
    if index.dtype not in (np.int64, np.int32):
        raise EngineError("index_select(): Expected dtype int32 or int64 for index")
    if not x.ndim:
        return x.reshape(1)[index.reshape(-1)].reshape(())
    if index.size and (index.min() < 0 or index.max() >= x.shape[dim]):
        raise BadIndex("index out of range in self")
    return xp.take(x, index.reshape(-1), axis=dim)


@op("_index_add_zeros", at="", samples=["r(3, 4), (5, 4), 0, torch.tensor([2, 0, 2])"], grad_name="IndexSelectBackward0",
    vjp={"g": lambda k, g, dim, index: k.index_select(g, dim, index)})
def _index_add_zeros(xp, g, shape: "any", dim: "int", index: "Index"):
    from .index import add_at

    out = xp.zeros(shape, g.dtype)
    if not out.ndim:
        return g.sum().reshape(())
    moved = xp.moveaxis(out, dim, 0)
    if dim == 0:
        add_at(xp, out, (index.reshape(-1),), g)
    else:
        xp.add.at(moved, index.reshape(-1), xp.moveaxis(g, dim, 0))
    return out


@composite("index_add", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4)",
                                                           "r(3, 4), 1, torch.tensor([1, 1]), r(3, 2), alpha=2"])
def index_add(x, dim: "Dim", index: "Index", source, *, alpha: "Scalar" = 1):
    """x with the slices of source added at indices along a dim.

    >>> index_add(zeros(3), 0, tensor([0, 0]), tensor([1., 2.]))
    tensor([3., 0., 0.])
    """
    if source.dtype is not x.dtype:
        raise EngineError("index_add_(): self and source expected to have the same dtype, but got (self) "
                          f"{dtypes.scalar_name(x.dtype)} and (source) {dtypes.scalar_name(source.dtype)}")
    if not x.ndim:
        return x + source.reshape(()) * alpha
    shape = [1] * source.ndim
    shape[dim] = -1
    full = T.expand(T.reshape(index, shape), tuple(source.shape))
    return T._scatter_add(x, dim, full.long(), source * alpha if alpha != 1 else source)


def _along(x, dim: int, index):
    """`index` as a full index tensor over the other dims of x."""
    shape = [1] * x.ndim
    shape[dim] = -1
    size = list(x.shape)
    size[dim] = index.numel()
    return T.expand(T.reshape(index, shape), size)


@composite("index_copy", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4)"])
def index_copy(x, dim: "Dim", index: "Index", source):
    """x with the slices of source written at indices along a dim.

    >>> index_copy(zeros(3), 0, tensor([2]), tensor([5.]))
    tensor([0., 0., 5.])
    """
    if not x.ndim:
        return T.clone(source.reshape(()))
    return T._scatter(x, dim, _along(x, dim, index), source)


@composite("index_fill", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), 1.5"])
def index_fill(x, dim: "Dim", index: "Index", value: "any"):
    """x with the slices at indices along a dim set to a value.

    >>> index_fill(zeros(3), 0, tensor([1]), 7.)
    tensor([0., 7., 0.])
    """
    if not x.ndim:
        return T.reshape(T.index_fill(T.reshape(x, (1,)), 0, T.reshape(index, (-1,)), value), ())
    # An index that comes twice is filled once: its gradient counts once.
    full = _along(x, dim, as_tensor(np.unique(index._a)))
    source = T.expand(value, tuple(full.shape)) if isinstance(value, Tensor) else T.full(tuple(full.shape), value,
                                                                                        dtype=x.dtype)
    return T._scatter(x, dim, full, source.to(x.dtype))


@composite("index_reduce", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4), 'amax'"])
def index_reduce(x, dim: "Dim", index: "Index", source, reduce: "str", *, include_self: "bool" = True):
    """x combined with the slices of source at indices along a dim: prod, mean, amax or amin.

    >>> index_reduce(ones(2), 0, tensor([0]), tensor([3.]), "amax")
    tensor([3., 1.])
    """
    if not x.ndim:
        x, source = x.reshape(1), source.reshape(1)
        return T.scatter_reduce(x, 0, index.reshape(1), source, reduce, include_self=include_self).reshape(())
    return T.scatter_reduce(x, dim, _along(x, dim, index), source, reduce, include_self=include_self)


@composite("take", at="torch tensor", samples=["r(3, 4), torch.tensor([0, 5, -1])"])
def take(x, index: "Index"):
    """The elements of the flattened tensor at indices.

    >>> take(tensor([[1, 2], [3, 4]]), tensor([0, 3]))
    tensor([1, 4])
    """
    n = x.numel()
    a = index._a
    if a.size and (a.min() < -n or a.max() >= n):
        raise BadIndex("out of range: tried to access index " + str(int(a[(a < -n) | (a >= n)].ravel()[0])) + " on a tensor of "
                       f"{n} elements.")
    return T._gather_index(T.reshape(x, (-1,)), (np.asarray(a),))


@composite("put", at="torch tensor tensor_", samples=["r(3, 4), torch.tensor([0, 5]), r(2)",
                                                     "r(4), torch.tensor([0, 0]), r(2), True"])
def put(x, index: "Index", source, accumulate: "bool" = False):
    """The tensor with elements of its flattened form replaced (or added to).

    >>> put(zeros(3), tensor([1]), tensor([5.]))
    tensor([0., 5., 0.])
    """
    if index.numel() != source.numel():
        raise EngineError("put_(): Expected source and index to have the same number of elements, but got source.numel() = "
                          f"{source.numel()}, index.numel() = {index.numel()}")
    flat = T._index_put(T.reshape(x, (-1,)), (np.asarray(index._a).reshape(-1),), T.reshape(source, (-1,)), accumulate)
    return T.reshape(flat, tuple(x.shape))


@composite("take_along_dim", at="torch tensor", samples=["r(3, 4), ints(3, 2, high=4), 1", "r(3, 4), torch.tensor([0, 5])"])
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
    dim = wrap_dim(dim, x.ndim)
    indices = T.where(indices < 0, indices + x.shape[dim], indices)
    from ..engine.args import broadcast_shapes

    mine, theirs = list(x.shape), list(indices.shape)
    mine[dim] = theirs[dim] = 1
    shape = list(broadcast_shapes(mine, theirs))
    mine, theirs = shape[:], shape[:]
    mine[dim], theirs[dim] = x.shape[dim], indices.shape[dim]
    return T.gather(T.expand(x, mine), dim, T.expand(indices, theirs))


@composite("masked_select", at="torch tensor", samples=["r(3, 4), b(3, 4)", "r(3, 4), b(4)"])
def masked_select(x, mask: "Index"):
    """The elements where the mask is true, as a vector.

    >>> masked_select(tensor([1, 2, 3]), tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.dtype is not dtypes.bool_:
        raise EngineError("masked_select: expected BoolTensor for mask")
    x, mask = T.broadcast_to(x, _common(x, mask)), T.broadcast_to(mask, _common(x, mask))
    return T._gather_index(T.reshape(x, (-1,)), (np.flatnonzero(mask._a),))


def _common(*tensors) -> tuple:
    from ..engine.args import broadcast_shapes

    return broadcast_shapes(*(tuple(t.shape) for t in tensors))


@composite("masked_scatter", at="torch tensor tensor_", samples=["r(3), torch.tensor([True, False, True]), r(4)"])
def masked_scatter(x, mask: "Index", source):
    """x with the elements of source written, in order, where the mask is true.

    >>> masked_scatter(zeros(3), tensor([True, False, True]), tensor([5., 6.]))
    tensor([5., 0., 6.])
    """
    if mask.dtype is not dtypes.bool_:
        raise EngineError("masked_scatter_ only supports boolean masks, but got mask with dtype "
                          f"{dtypes.scalar_name(mask.dtype)}")
    if source.dtype is not x.dtype:
        raise DTypeError("masked_scatter: expected self and source to have same dtypes but got "
                         f"{dtypes.scalar_name(x.dtype)} and {dtypes.scalar_name(source.dtype)}")
    shape = _common(x, mask)
    x, mask = T.broadcast_to(x, shape), T.broadcast_to(mask, shape)
    places = np.flatnonzero(mask._a)
    if places.size > source.numel():
        raise EngineError("masked_scatter: expected self and source to have same number of elements "
                          f"as number of ones in mask = {places.size}, source = {source.numel()}")
    flat = T._index_put(T.reshape(x, (-1,)), (places,), T.reshape(source, (-1,))[:places.size], False)
    return T.reshape(flat, shape)


@function("torch.index_put", "tensor.index_put")
def index_put(x, indices, values, accumulate: bool = False):
    """A copy of x with `values` written at `indices` (a tuple of index tensors)."""
    return T.clone(x).index_put_(indices, values, accumulate)


# ---------------------------------------------------------------- triangles and diagonals

@op("tril", at="torch tensor tensor_", half=False, samples=["r(3, 4)", "r(3, 3), 1", "r(2, 3, 3), -1"],
    vjp={"x": lambda k, g, diagonal: k.tril(g, diagonal)})
def tril(xp, x, diagonal: "int" = 0):
    """The lower triangle; everything above a diagonal is 0.

    >>> tril(tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [3, 4]])
    """
    if x.ndim < 2:
        raise EngineError("tril: input tensor must have at least 2 dimensions")
    return xp.tril(x, diagonal)


@op("triu", at="torch tensor tensor_", half=False, samples=["r(3, 4)", "r(3, 3), 1", "r(2, 3, 3), -1"],
    vjp={"x": lambda k, g, diagonal: k.triu(g, diagonal)})
def triu(xp, x, diagonal: "int" = 0):
    """The upper triangle; everything below a diagonal is 0.

    >>> triu(tensor([[1, 2], [3, 4]]))
    tensor([[1, 2],
            [0, 4]])
    """
    if x.ndim < 2:
        raise EngineError("triu: input tensor must have at least 2 dimensions")
    return xp.triu(x, diagonal)


@composite("diag_embed", at="torch tensor", samples=["r(3)", "r(2, 3)", "r(2, 3), 1", "r(2, 3), 0, 0, 2"], out=False)
def diag_embed(x, offset: "int" = 0, dim1: "int" = -2, dim2: "int" = -1):
    """Matrices with the last dim on a diagonal.

    >>> diag_embed(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = x.shape[-1] + abs(offset)
    ndim = x.ndim + 1
    dim1, dim2 = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if dim1 == dim2:
        raise EngineError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    lead = tuple(x.shape[:-1])
    shape = list(lead)
    for d in sorted((dim1, dim2)):
        shape.insert(d, n)
    return T._diagonal_adjoint(x, tuple(shape), offset, dim1, dim2)


@composite("diag", at="torch tensor", samples=["r(3)", "r(3, 4)", "r(3), 1", "r(3, 3), -1"])
def diag(x, diagonal: "int" = 0):
    """The diagonal of a matrix (a copy), or a matrix with a vector on its diagonal.

    >>> diag(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if x.ndim == 1:
        return T.diag_embed(x, diagonal)
    if x.ndim != 2:
        raise EngineError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    return T.clone(T.diagonal(x, diagonal))


@composite("diagflat", at="torch tensor", samples=["r(2, 2)", "r(3), 1"], out=False)
def diagflat(x, offset: "int" = 0):
    """A matrix with the flattened tensor on a diagonal.

    >>> diagflat(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return T.diag_embed(T.reshape(x, (-1,)), offset)


@composite("diagonal_scatter", at="torch tensor", samples=["r(3, 3), r(3)", "r(3, 4), r(3), 1"])
def diagonal_scatter(x, src, offset: "int" = 0, dim1: "int" = 0, dim2: "int" = 1):
    """A copy of x with src on a diagonal.

    >>> diagonal_scatter(zeros(2, 2), ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    out = T.clone(x)
    region = T.diagonal(out, offset, dim1, dim2)
    _same_shape(src, region)
    assign(region, T.clone(src))
    return out


def _same_shape(src, region) -> None:
    if src.shape != region.shape:
        raise EngineError("expected src to have a size equal to the slice of self. src size = "
                          f"{list(src.shape)}, slice size = {list(region.shape)}")


@composite("select_scatter", at="torch tensor", samples=["r(3, 4), r(4), 0, 1"])
def select_scatter(x, src, dim: "int", index: "int"):
    """A copy of x with src at one index of a dim.

    >>> select_scatter(zeros(2, 2), ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    out = T.clone(x)
    region = T.select(out, dim, index)
    _same_shape(src, region)
    assign(region, T.clone(src))
    return out


@composite("slice_scatter", at="torch tensor", samples=["r(4, 2), r(2, 2), 0, 1, 3", "r(4, 2), r(2, 2), 0, 0, None, 2"])
def slice_scatter(x, src, dim: "Dim" = 0, start: "int?" = None, end: "int?" = None, step: "int" = 1):
    """A copy of x with src in a slice of a dim.

    >>> slice_scatter(zeros(3), ones(1), 0, 1, 2)
    tensor([0., 1., 0.])
    """
    out = T.clone(x)
    region = T._slice(out, dim, *slice(start, end, step).indices(x.shape[dim]))
    _same_shape(src, region)
    assign(region, T.clone(src))
    return out


@function("torch.tril_indices")
def tril_indices(row: int, col: int, offset: int = 0, *, dtype=None, device=None, layout=None):
    """The row and column indices of a lower triangle: a (2, n) tensor."""
    return as_tensor(np.array(np.tril_indices(row, offset, col)), dtype=dtype)


@function("torch.triu_indices")
def triu_indices(row: int, col: int, offset: int = 0, *, dtype=None, device=None, layout=None):
    """The row and column indices of an upper triangle: a (2, n) tensor."""
    return as_tensor(np.array(np.triu_indices(row, offset, col)), dtype=dtype)


@composite("one_hot", at="F", nograd=True, samples=["ints(4)", "ints(2, 2), 6"])
def one_hot(x, num_classes: "int" = -1):
    """Vectors with a 1 at the index that x gives, as a new last dim.

    >>> F.one_hot(tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if x.dtype is not dtypes.int64:
        raise EngineError("one_hot is only applicable to index tensor of type LongTensor.")
    a = x._a
    if a.size == 0 and num_classes <= 0:
        raise EngineError("Can not infer total number of classes from empty tensor.")
    if a.size and a.min() < 0:
        raise EngineError("Class values must be non-negative.")
    n = int(a.max()) + 1 if num_classes == -1 else num_classes
    if a.size and a.max() >= n:
        raise EngineError("Class values must be smaller than num_classes.")
    return as_tensor((a[..., None] == np.arange(n)).astype(np.int64))
