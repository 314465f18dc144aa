"""Whole slices along a dim by a vector of indices, and elements by flat indices or masks."""

import numpy as np

from ..engine import dtypes
from ..engine.args import broadcast_shapes
from ..engine.deterministic import alert
from ..engine.device import module_of
from ..engine.placement import has_values, holds, outside, values_of
from ..engine.registry import T, composite, function, op
from ..engine.tensor import Tensor
from ..errors import BadIndex, DTypeError, EngineError
from .arrays import refuse
from .blocks import own_copy, zeros
from .index_kept import watching
from .places import FLATTEN_FROM, combine_along, in_range, quickly_placed, quickly_taken, take_along, take_rows


def _at(dim: int, index) -> tuple:
    return (*(slice(None),) * dim, index)


@op("index_select", out="selection", out_apart=True, at="torch tensor", half=False,
    samples=["r(3, 4), 0, torch.tensor([2, 0, 2])", "r(3, 4), 1, ints(2, high=4)"],
    vjp={"x": lambda k, g, x_shape, dim, index: k._index_add_zeros(g, x_shape, dim, index)}, raw_vjp=True)
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
        if outside(index, 0, 1):
            raise BadIndex("index out of range in self")
        if index.size != 1:
            raise EngineError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
        return x.reshape(1)[index.reshape(-1)].reshape(())
    found = _quickly_selected(x, dim, index) if xp is np else None
    if found is not None:
        return found
    n = x.shape[dim]
    if not n and index.size and x.ndim > 1:
        raise EngineError("index_select(): self indexing axis dim should be positive")
    if has_values(index) and index.size and not in_range(values_of(index), n):
        if x.ndim == 1 or dim == 0 or not x.flags.c_contiguous:
            raise BadIndex("index out of range in self")
        bad = index[(index < 0) | (index >= n)].ravel()[0]
        raise EngineError(f"INDICES element is out of DATA bounds, id={bad} axis_dim={n}")
    index = index.reshape(-1)
    if xp is np and x.flags.c_contiguous and dim < 2:
        if dim == 0:
            return take_rows(x, index, 1)
        if x.ndim == 2 and index.size >= FLATTEN_FROM:
            return take_along(x, np.broadcast_to(index, (len(x), index.size)), 1)
    return xp.take(x, index, axis=dim)


def _quickly_selected(x, dim: int, index):
    """The slices by an index that was not checked; None where it has to be."""
    return quickly_taken(x, _for_all(index, (*x.shape[:dim], index.size, *x.shape[dim + 1:]), dim), dim)


def _for_all(index, shape: tuple, dim: int):
    """A vector of indices as an index tensor of a shape along a dim."""
    return np.broadcast_to(index.reshape(-1, *(1,) * (len(shape) - dim - 1)), shape)


@op("_index_add_zeros", at="", samples=["r(3, 4), (5, 4), 0, torch.tensor([2, 0, 2])"], grad_name="IndexSelectBackward0",
    vjp={"g": lambda k, g, dim, index: k.index_select(g, dim, index)})
def _index_add_zeros(xp, g, shape: "any", dim: "int", index: "Index"):
    out = zeros(xp, shape, g.dtype)
    if not out.ndim:
        return g.sum().reshape(())
    return _add_slices(xp, out, dim, index.reshape(-1), g)


def _add_slices(xp, out, dim: int, index, values):
    """Adds slices of `values` into `out`, in place; an index may come several times."""
    from .index import add_at

    if dim == 0:
        add_at(xp, out, (index,), values)
    elif xp is np and out.flags.c_contiguous and index.size:
        combine_along(np.add, out, _for_all(index, values.shape, dim), dim, values)
    else:
        xp.add.at(xp.moveaxis(out, dim, 0), index, xp.moveaxis(values, dim, 0))
    return out


def _check_vector(name: str, x, dim: int, index, source) -> None:
    """Raises where index and source of `index_add` and `index_copy` do not fit x."""
    if index.ndim > 1:
        raise BadIndex(f"{name}(): Index should have dimension 1 or 0 (got {index.ndim})")
    n = source.shape[dim] if source.ndim else 1
    if name == "index_copy_" and index.numel() != n:
        raise BadIndex(f"{name}(): Number of indices ({index.numel()}) should be equal to source.size(dim) ({n})")
    if source.ndim and name != "index_copy_":
        mine, theirs = list(x.shape), list(source.shape)
        if x.ndim != source.ndim or any(a != b for d, (a, b) in enumerate(zip(mine, theirs, strict=True)) if d != dim):
            raise EngineError("source tensor shape must match self tensor shape, excluding the specified dimension. Got "
                              f"self.shape = {mine} source.shape = {theirs}")
    if name != "index_copy_" and index.numel() != n:
        if not source.ndim:
            raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")
        raise EngineError(f"{name}(): Number of indices ({index.numel()}) should be equal to source.size(dim): ({n}), for "
                          f"dim: {dim}")


def _range(x, dim: int, index):
    """The first index out of range, or None."""
    a, n = index._a, x.shape[dim] if x.ndim else 1
    if not has_values(a):
        return None
    a = values_of(a)
    return int(a[(a < 0) | (a >= n)].ravel()[0]) if a.size and not in_range(a, n) else None


@op("_index_add", at="", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4), 2.0"], grad_name="IndexAddBackward0",
    vjp={"x": lambda k, g: g, "source": lambda k, g, dim, index, source_shape, alpha: _source_gradient(
        k, g, dim, index, source_shape, alpha)})
def _index_add(xp, x, dim: "Dim", index: "Index", source: "Index", alpha: "Scalar"):
    out = own_copy(xp, x)
    if alpha != 1:
        source = source * np.asarray(alpha).astype(source.dtype)[()]
    if not out.ndim:
        return out + source.sum(dtype=source.dtype) if out.dtype != np.bool_ else out | source.any()
    if out.dtype == np.bool_:
        counts = _index_add(xp, out.astype(np.int64), dim, index, source.astype(np.int64), 1)
        return counts != 0
    return _add_slices(xp, out, dim, index.reshape(-1), source if source.ndim else source.reshape(1))


def _source_gradient(k, g, dim, index, shape, alpha=1):
    found = k.reshape(k.index_select(g, dim, index), tuple(shape))
    return found if alpha == 1 else found * alpha


@composite("index_add", out="exact", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4)",
                                                           "r(3, 4), 1, torch.tensor([1, 1]), r(3, 2), alpha=2"])
def index_add(x, dim: "Dim", index: "Index", source, *, alpha: "Scalar" = 1):
    """x with the slices of source added at indices along a dim.

    >>> index_add(zeros(3), 0, tensor([0, 0]), tensor([1., 2.]))
    tensor([3., 0., 0.])
    """
    if source.dtype is not x.dtype:
        raise EngineError(f"index_add_(): self ({dtypes.scalar_name(x.dtype)}) and source "
                          f"({dtypes.scalar_name(source.dtype)}) must have the same scalar type")
    _check_vector("index_add_", x, dim, index, source)
    if _range(x, dim, index) is not None:
        raise BadIndex("index out of range in self")
    return T._index_add(x, dim, index, source, alpha)


@op("_index_copy", at="", half=False, samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4)"], grad_name="IndexCopyBackward0",
    vjp={"x": lambda k, g, dim, index: k.index_fill(g, dim, index, 0), "source": lambda k, g, dim, index, source_shape:
         _source_gradient(k, g, dim, index, source_shape)})
def _index_copy(xp, x, dim: "Dim", index: "Index", source: "Index"):
    out = own_copy(xp, x)
    if out.ndim and xp is np and source.ndim == out.ndim and source.dtype == out.dtype and quickly_placed(
            "=", out, _for_all(index, source.shape, dim), dim, source):
        return out
    if out.ndim:
        out[_at(dim, index.reshape(-1))] = source
    elif index.size:
        out[...] = source.reshape(())
    return out


@composite("index_copy", out="exact", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4)"])
def index_copy(x, dim: "Dim", index: "Index", source):
    """x with the slices of source written at indices along a dim.

    >>> index_copy(zeros(3), 0, tensor([2]), tensor([5.]))
    tensor([0., 0., 5.])
    """
    _check_vector("index_copy_", x, dim, index, source)
    if source.dtype is not x.dtype:
        raise EngineError("index_copy_(): self and source expected to have the same dtype, but got (self) "
                          f"{dtypes.scalar_name(x.dtype)} and (source) {dtypes.scalar_name(source.dtype)}")
    bad = _range(x, dim, index)
    if bad is not None:
        size = x.shape[dim] if x.ndim else 1
        raise BadIndex(f"index_copy_(): index {bad} is out of bounds for dimension {dim} with size {size}")
    return T._index_copy(x, dim, index, source)


def _fill_name(x, dim, index, value) -> str:
    return "IndexFillBackward" + ("1" if hasattr(value, "_a") else "0")


@op("_index_fill", rows="first", at="", half=False, samples=["r(3, 4), 0, torch.tensor([2, 0]), r()"], grad_name=_fill_name,
    vjp={"x": lambda k, g, dim, index: k.index_fill(g, dim, index, 0),
         # An index that comes twice is filled once: its gradient counts once.
         "value": lambda k, g, dim, index: k.sum(k.index_select(g, dim, k.unique(index)))})
def _index_fill(xp, x, dim: "Dim", index: "Index", value: "Operand"):
    out = x.copy()
    value = xp.asarray(value).astype(x.dtype)
    if out.ndim:
        out[_at(dim, index.reshape(-1))] = value
    elif index.size:
        out[...] = value
    return out


@composite("index_fill", at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), 1.5"])
def index_fill(x, dim: "Dim", index: "Index", value: "any"):
    """x with the slices at indices along a dim set to a value.

    >>> index_fill(zeros(3), 0, tensor([1]), 7.)
    tensor([0., 7., 0.])
    """
    if isinstance(value, Tensor) and value.ndim:
        raise EngineError("index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                          f"{value.ndim} dimension(s).")
    if index.dtype is not dtypes.int64:
        raise BadIndex("index_fill_(): Expected dtype int64 for index.")
    if x.ndim and x.is_complex() is False and isinstance(value, complex):
        raise EngineError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    a, n = index._a, x.shape[dim] if x.ndim else 1
    if outside(a, -n, n):
        bad = int(a[(a < -n) | (a >= n)].ravel()[0])
        raise BadIndex(f"index {bad} is out of bounds for dimension {dim} with size {n}")
    return T._index_fill(x, dim, T.where(index < 0, index + n, index) if holds((a < 0).any()) else index, value)


def _along(x, dim: int, index):
    """`index` as a full index tensor over the other dims of x."""
    shape = [1] * x.ndim
    shape[dim] = -1
    size = list(x.shape)
    size[dim] = index.numel()
    return T.expand(T.reshape(index, shape), size)


@composite("index_reduce", out="exact",
    at="torch tensor tensor_", samples=["r(3, 4), 0, torch.tensor([2, 0]), r(2, 4), 'amax'"],
           grad_name="IndexReduceBackward0")
def index_reduce(x, dim: "Dim", index: "Index", source, reduce: "str", *, include_self: "bool" = True):
    """x combined with the slices of source at indices along a dim: prod, mean, amax or amin.

    >>> index_reduce(ones(2), 0, tensor([0]), tensor([3.]), "amax")
    tensor([3., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise EngineError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if source.dtype is not x.dtype:
        raise EngineError("index_reduce(): self and source expected to have the same dtype, but got (self) "
                          f"{dtypes.scalar_name(x.dtype)} and (source) {dtypes.scalar_name(source.dtype)}")
    _check_vector("index_reduce_", x, dim, index, source)
    if _range(x, dim, index) is not None:
        raise BadIndex("index out of range in self")
    if x.ndim < 2:
        refuse(x._a, "bc", "index_func_")
    if not x.ndim:
        return T._scatter_reduce(x, dim, index, source, reduce, include_self)
    return T.scatter_reduce(x, dim, _along(x, dim, index), source, reduce, include_self=include_self)


# ---------------------------------------------------------------- by flat indices

def _flat_index(index, n: int):
    a = index._a
    if outside(a, -n, n):
        bad = int(a[(a < -n) | (a >= n)].ravel()[0])
        raise BadIndex(f"out of range: tried to access index {bad} on a tensor of {n} elements.")
    return a


@composite("take", out="take", out_apart=True, at="torch tensor",
           samples=["r(3, 4), torch.tensor([0, 5, -1])"], grad_name="TakeBackward0")
def take(x, index: "Index"):
    """The elements of the flattened tensor at indices.

    >>> take(tensor([[1, 2], [3, 4]]), tensor([0, 3]))
    tensor([1, 4])
    """
    if index.dtype is not dtypes.int64:
        raise EngineError(f"take(): Expected a long tensor for index, but got {dtypes.scalar_name(index.dtype)}")
    if not x.numel() and index.numel():
        raise BadIndex("take(): tried to take from an empty tensor")
    return T._gather_index(T.reshape(x, (-1,)), (_flat_index(index, x.numel()),))


@op("_put", rows="first", at="", half=False,
    samples=["r(3, 4), torch.tensor([0, 5]), r(2), False", "r(4), torch.tensor([0, 0]), r(2), True"],
    grad_name="PutBackward0",
    vjp={"x": lambda k, g, index, source, accumulate: g if accumulate else k._put(g, index, k.zeros_like(source), False),
         "source": lambda k, g, index, source_shape: k.reshape(k.take(g, index), tuple(source_shape))})
def _put(xp, x, index: "Index", source: "Index", accumulate: "bool"):
    from .index import add_at

    out = own_copy(xp, x)
    flat = out.reshape(-1)
    if accumulate:
        add_at(xp, flat, (index.reshape(-1),), source.reshape(-1))
    else:
        flat[index.reshape(-1)] = source.reshape(-1)
    return out


@composite("put", at="torch tensor tensor_", samples=["r(3, 4), torch.tensor([0, 5]), r(2)",
                                                     "r(4), torch.tensor([0, 0]), r(2), True"])
def put(x, index: "Index", source, accumulate: "bool" = False):
    """The tensor with elements of its flattened form replaced (or added to).

    >>> put(zeros(3), tensor([1]), tensor([5.]))
    tensor([0., 5., 0.])
    """
    if not accumulate:
        alert("put_")
    if index.dtype is not dtypes.int64:
        raise EngineError(f"put_(): Expected a long tensor for index, but got {dtypes.scalar_name(index.dtype)}")
    if source.dtype is not x.dtype:
        raise EngineError("put_(): self and source expected to have the same dtype, but got self.dtype = "
                          f"{dtypes.scalar_name(x.dtype)} and source.dtype = {dtypes.scalar_name(source.dtype)}")
    if index.numel() != source.numel():
        raise BadIndex("put_(): Expected source and index to have the same number of elements, but got source.numel() = "
                       f"{source.numel()}, index.numel() = {index.numel()}")
    _flat_index(index, x.numel())
    return T._put(x, index, source, accumulate)


@function("torch.unravel_index", samples=["ints(3, high=12), (3, 4)",
                                          "torch.tensor([4], dtype=torch.int32), (2, 3)"])
def unravel_index(indices, shape):
    """Flat indices as a tuple of one index tensor per dim of `shape`.

    >>> unravel_index(tensor([4]), (2, 3))
    (tensor([1]), tensor([1]))
    """
    from ..engine.args import to_shape
    from ..errors import ArgumentError, BadValue

    if not isinstance(indices, Tensor) or indices.dtype.category != dtypes.INTEGER:
        kind = repr(indices.dtype) if isinstance(indices, Tensor) else type(indices).__name__
        raise BadValue(f"expected 'indices' to be integer dtype, but got {kind}") if not isinstance(indices, Tensor) else \
            ArgumentError(f"expected 'indices' to be integer dtype, but got {kind}")
    indices = T._cast(indices, dtypes.int64)
    found, step = [], 1
    for n in reversed(to_shape(shape, None, "unravel_index", "shape")):
        found.append(T.remainder(T.div(indices, step, rounding_mode="trunc"), n))
        step *= n
    return tuple(reversed(found))


# ---------------------------------------------------------------- by masks

def _common(mask, x) -> tuple:
    return broadcast_shapes(tuple(mask.shape), tuple(x.shape))


@composite("masked_select", out="selection", out_apart=True, at="torch tensor", samples=["r(3, 4), b(3, 4)", "r(3, 4), b(4)"],
           grad_name="MaskedSelectBackward0")
def masked_select(x, mask: "Index"):
    """The elements where the mask is true, as a vector.

    >>> masked_select(tensor([1, 2, 3]), tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.dtype is not dtypes.bool_:
        raise EngineError("masked_select: expected BoolTensor for mask")
    shape = _common(mask, x)
    places = module_of(mask._a).flatnonzero(T.expand(mask, shape)._a)
    return T._gather_index(T.reshape(T.expand(x, shape), (-1,)), watching((places,), mask, x))


@op("_masked_scatter", at="", half=False,
    shape=lambda xp, x, mask, source: xp.empty(broadcast_shapes(x.shape, mask.shape), x.dtype),
    samples=["r(3), torch.tensor([True, False, True]), r(4)"],
    grad_name="MaskedScatterBackward0",
    vjp={"x": lambda k, g, mask: k.masked_fill(g, mask, 0),
         "source": lambda k, g, mask, source_shape: k._masked_gather(g, mask, source_shape)})
def _masked_scatter(xp, x, mask: "Index", source: "Index"):
    shape = broadcast_shapes(x.shape, mask.shape)
    out, mask = xp.array(xp.broadcast_to(x, shape), order="C"), xp.broadcast_to(mask, shape)
    out[mask] = source.reshape(-1)[:int(mask.sum())]
    return out


@op("_masked_gather", at="", half=False, shape=lambda xp, g, mask, shape: xp.zeros(shape, g.dtype),
    samples=["r(3), torch.tensor([True, False, True]), (4,)"],
    grad_name="MaskedScatterBackwardBackward0",
    vjp={"g": lambda k, gg, g_shape, g_dtype, mask: k._masked_scatter(
        k.zeros(g_shape, dtype=g_dtype, device=gg.device), mask, gg)})
def _masked_gather(xp, g, mask: "Index", shape: "any"):
    """The elements of g under the mask, in order, in zeros of a shape."""
    out = zeros(xp, shape, g.dtype)
    found = g[xp.broadcast_to(mask, g.shape)]
    out.reshape(-1)[:found.size] = found
    return out


@composite("masked_scatter", at="torch tensor tensor_", samples=["r(3), torch.tensor([True, False, True]), r(4)"])
def masked_scatter(x, mask: "Index", source):
    """x with the elements of source written, in order, where the mask is true.

    >>> masked_scatter(zeros(3), tensor([True, False, True]), tensor([5., 6.]))
    tensor([5., 0., 6.])
    """
    if source.dtype is not x.dtype:
        raise DTypeError("masked_scatter: expected self and source to have same dtypes but got"
                         f"{dtypes.scalar_name(x.dtype)} and {dtypes.scalar_name(source.dtype)}")
    if mask.dtype is not dtypes.bool_:
        raise EngineError("masked_scatter_ only supports boolean masks, but got mask with dtype "
                          f"{dtypes.scalar_name(mask.dtype)}")
    if holds(T.expand(mask, _common(mask, x))._a.sum() > source.numel()):
        raise EngineError("Number of elements of source < number of ones in mask")
    return T._masked_scatter(x, mask, source)
