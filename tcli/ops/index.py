"""Indexing: `x[...]` to read and to write.

Integers, slices, None and `...` make a view; tensors, masks and lists gather a copy. PyTorch applies
the plain ones first and the gathering ones to what they leave, which differs from NumPy where an
integer stands beside an index tensor.
"""

import numpy as np

from ..engine import dtypes
from ..engine.callables import finish
from ..engine.dispatch import READY, assign, bump, cast, check_history, check_writable
from ..engine.options import ANY_DTYPE, compiled, plain_target
from ..engine.overlap import check_operand, check_repeats, related
from ..engine.placement import beside
from ..engine.quick_views import in_c, view_of
from ..engine.registry import T, function, op, ops
from ..engine.tape import SMALL, state
from ..engine.tensor import Tensor, as_tensor
from ..engine.warn import warn
from ..errors import ArgumentError, BadIndex, EngineError, ShapeError
from .arrays import fill_where
from .blocks import zeros
from .convert import copy_, fill_
from .fits import check_fits
from .index_kept import Indices, watched, watching
from .index_read import FULL, checked_int, fitting, is_whole, parse_index, read_index
from .places import FLATTEN_FROM, add_rows, flattened, take_rows, write_rows


def _basic_name(x, index: tuple, shape: tuple | None = None) -> str:
    """PyTorch takes one view after the other: the last one gives the name."""
    sizes = list(x._a.shape if shape is None else shape)
    dim = sum(item is not None for item in index)
    for item in reversed(index):
        if item is None:
            return "UnsqueezeBackward0"
        dim -= 1
        if type(item) is not slice:
            return "SelectBackward0"
        if not is_whole(item, sizes[dim]):
            return "SliceBackward0"
    return "AliasBackward0"


_basic_name.by_options = True
_basic_name.by_shape = True


@op("_basic_index", at="", view=True, samples=["r(3, 4), (0,)", "r(3, 4), (slice(1, 3), None, 2)"], grad_name=_basic_name,
    vjp={"x": lambda k, g, x_shape, index: k._basic_index_adjoint(g, x_shape, index)}, raw_vjp=True)
def _basic_index(xp, x, index: "any"):
    out = x[index]
    # An index of integers alone gives a scalar, which is no view: an ellipsis keeps it an array.
    return out if isinstance(out, xp.ndarray) else x[(*index, Ellipsis)]


@op("_basic_index_adjoint", at="", half=False, samples=["r(4), (3, 4), (0,)"], grad_name="SelectBackward0",
    vjp={"g": lambda k, g, index: k._basic_index(g, index)})
def _basic_index_adjoint(xp, g, shape: "any", index: "any"):
    """Zeros of `shape` with `g` at `index`."""
    out = zeros(xp, shape, g.dtype)
    out[index] = g
    return out


@op("_gather_index", rows=True, at="", half=False, frees=True, samples=["r(3, 4), (torch.tensor([0, 2, 0]),)"],
    grad_name="IndexBackward0",
    vjp={"x": lambda k, g, x_shape, index: k._gather_index_adjoint(g, x_shape, index)}, raw_vjp=True)
def _gather_index(xp, x, index: "any"):
    index = _arrays(index)
    if xp is np and x.flags.c_contiguous and getattr(index[0], "size", 0) >= FLATTEN_FROM:
        flat = flattened(index, x.shape)
        if flat is not None:
            return take_rows(x, *flat)
    return x[index]


@op("_gather_index_adjoint", at="", samples=["r(3), (3,), (torch.tensor([0, 2, 0]),)"], grad_name="IndexPutBackward0",
    vjp={"g": lambda k, g, index: k._gather_index(g, index)})
def _gather_index_adjoint(xp, g, shape: "any", index: "any"):
    """Zeros of `shape` with `g` added at every place of `index`."""
    out = zeros(xp, shape, g.dtype)
    add_at(xp, out, _arrays(index), g)
    return out


def add_at(xp, out, index: tuple, values) -> None:
    """`out[index] += values` where an index may come up several times."""
    if xp is np and out.flags.c_contiguous and out.size and out.dtype != np.bool_:
        flat = flattened(index, out.shape)
        if flat is not None:
            places, dims = flat
            rest = out.shape[dims:]
            add_rows(out.reshape(-1, *rest), places, np.broadcast_to(values, places.shape + rest))
            return
    if any(getattr(i, "dtype", None) == np.bool_ for i in index) and len(index) == 1:
        out[index] += values
    else:
        xp.add.at(out, index, values)


def _arrays(index: tuple) -> tuple:
    if type(index) is Indices:
        index.check()
    return tuple(i._a if isinstance(i, Tensor) else i for i in index)


# ---------------------------------------------------------------- the short ways

def _is_plain(index: tuple) -> bool:
    """Whether all entries are integers, None and slices whose steps are positive; NumPy looks at ranges."""
    for item in index:
        kind = type(item)
        if kind is slice:
            start, stop, step = item.start, item.stop, item.step
            if (start is not None and type(start) is not int or stop is not None and type(stop) is not int
                    or step is not None and (type(step) is not int or step <= 0)):
                return False
        elif kind is not int and item is not None:
            return False
    return True


def _taken(x, index: tuple):
    """x[index], a view, for plain entries; None where they do not fit."""
    try:
        return view_of(BASIC, x, (index,), x._a[(*index, Ellipsis)])
    except IndexError:
        return None


def _quick(x, index):
    """x[index] of a small tensor for one index tensor or a mask; None where it is something else."""
    a = x._a
    if type(index) is list:
        if not index or len(index) > 64 or any(type(i) is not int for i in index):
            return None
        i = np.array(index)
    elif type(index) in READY:
        i = index._a
    else:
        return None
    if type(i) is not np.ndarray or i.size > SMALL:
        return None
    if i.dtype is INT64 and i.ndim and a.ndim:
        try:
            r = a.take(i, 0)
        except (IndexError, OverflowError):
            return None
    elif i.dtype is BOOL and i.shape == a.shape and i.ndim:
        r = a[i]
    else:
        return None
    kept = watched(i, index) if x._rg and state.grad and type(index) is not list else (i,)
    return finish(GATHER, (x, kept), r, x._rg)


def _quick_several(x, index: tuple):
    """x[index] without a gradient for one index tensor among whole slices, or one for each of the first dims; else None."""
    a, places = x._a, [place for place, item in enumerate(index) if type(item) in READY]
    arrays = [index[place]._a for place in places]
    if x._rg and state.grad or not places or len(index) > a.ndim or any(
            type(i) is not np.ndarray or i.dtype is not INT64 or not i.ndim or i.size > SMALL for i in arrays):
        return None
    alone = len(places) == 1 and all(item == FULL for item in index if type(item) is slice)
    if not (alone and all(type(item) is slice for item in index if type(item) not in READY)) and not (
            len(places) == len(index) and all(i.shape == arrays[0].shape for i in arrays)):
        return None
    try:
        r = a.take(arrays[0], places[0]) if alone else a[tuple(arrays)]
    except IndexError:
        return None
    return finish(GATHER, (x, tuple(arrays)), r, False)


def _written(x, index, value) -> bool:
    """Writes a number or a small tensor to a plain place of a tensor that no graph looks at; says whether it did."""
    a = plain_target(x)
    if a is None:
        return False
    kind = type(value)
    if kind in READY:
        b = value._a
        if value._rg and state.grad or b.dtype is not a.dtype or b.size > SMALL or type(b) is not np.ndarray \
                or value._v is x._v or related(a, b):
            return False
    elif (kind is float or kind is int) and a.dtype.kind == "f" or kind is int and a.dtype is INT64:
        b = value
    else:
        return False
    if type(index) in READY:
        index = index._a
        if type(index) is not np.ndarray or index.dtype is not INT64 or not index.ndim or related(a, index):
            return False
    elif type(index) is not int and not _is_plain(index if type(index) is tuple else (index,)):
        return False
    try:
        a[index] = b
    except (ValueError, OverflowError, IndexError):
        return False
    bump(x)
    return True


BASIC, GATHER = ops["_basic_index"], ops["_gather_index"]
INT64, BOOL = np.dtype(np.int64), np.dtype(bool)


# ---------------------------------------------------------------- the two entry points

def _getitem(x, index):
    """x[index]: a view for integers, slices, None and `...`; a copy for tensors, masks and lists."""
    if type(x) in READY and type(x._a) is np.ndarray and x._a.size <= SMALL and not x._half_complex:
        kind = type(index)
        if kind is int:
            try:
                return view_of(BASIC, x, ((index,),), x._a[index, ...])
            except IndexError:
                t = None
        elif kind is tuple:
            t = _taken(x, index) if _is_plain(index) else _quick_several(x, index) if x._a.dtype in ANY_DTYPE else None
        elif kind is slice:
            t = _taken(x, (index,)) if _is_plain((index,)) else None
            if t is not None and t._node is not None:
                t._node._name = "SliceBackward0"
        else:
            t = _quick(x, index) if x._a.dtype in ANY_DTYPE else None
        if t is not None:
            return t
    plain, gather = parse_index(x, index)
    if gather is None:
        t = T._basic_index(x, plain)
        if type(index) is slice and t._node is not None:
            t._node._name = "SliceBackward0"
        return t
    if any(p != FULL for p in plain):
        x = T._basic_index(x, plain)
    while gather and type(gather[-1]) is slice:
        gather = gather[:-1]
    return T._gather_index(x, watching(gather, index, x))


getitem = function("tensor.__getitem__")(in_c("indexing", BASIC, {}, _getitem) or _getitem)


def _value(x, value):
    """What is assigned, as a tensor; numbers take the dtype of x."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, (bool, int, float, complex)):
        module = type(value).__module__
        kind = ("numpy." if module == "numpy" else "") + type(value).__name__
        raise ArgumentError(f"can't assign a {kind} to a torch.{dtypes.scalar_name(x.dtype)}Tensor")
    check_fits(value, x.dtype)
    value = value.real if isinstance(value, complex) and not x.is_complex() else value
    return as_tensor(np.asarray(value).astype(x._a.dtype), device=x.device)


@function("tensor.__setitem__")
@compiled("storing")
def setitem(x, index, value) -> None:
    """x[index] = value, in place; value broadcasts to the shape of x[index]."""
    if _written(x, index, value):
        return
    value = _value(x, value)
    if index is False:
        return
    plain, gather = read_index(x, index) if type(index) is not int or not x._a.ndim else (
        (checked_int(x._a.shape, index),), None)
    if index is True:
        gather = None
    base = T._basic_index(x, plain) if any(p != FULL for p in plain) else x
    if gather is None:
        _write(base, value)
    else:
        while gather and type(gather[-1]) is slice:
            gather = gather[:-1]
        _assign(base, gather, _without_ones(value), lambda fitted: watching(fitted, index, x, value))


def _without_ones(value):
    """Leading dims of size 1 fall away."""
    shape = tuple(value.shape)
    lead = 0
    while lead < len(shape) and shape[lead] == 1:
        lead += 1
    return T.reshape(value, shape[lead:]) if lead else value


def _write(region, value) -> None:
    shape, want = tuple(value.shape), tuple(region.shape)
    if shape == want:
        copy_(region, value)
    elif not shape:
        check_repeats(region._a)
        fill_(region, value)
    else:
        copy_(region, T.expand(_without_ones(value), want))


@op("_index_put", rows="first", at="", half=False, grad_name="IndexPutBackward0",
    samples=["r(3), (torch.tensor([0, 2]),), r(2)"],
    vjp={"x": lambda k, g, index, accumulate: g if accumulate else k._index_put(g, index, k.zeros_like(
            k._gather_index(g, index)), False),
         "values": lambda k, g, index: k._gather_index(g, index)})
def _index_put(xp, x, index: "any", values: "Index", accumulate: "bool" = False):
    out = x.copy()
    index = _arrays(index)
    try:
        if accumulate:
            add_at(xp, out, index, values)
        else:
            out[index] = values
    except (ValueError, TypeError):  # NumPy raises the latter for a mask
        raise _misfit(out, index, values) from None
    return out


def _misfit(out, index: tuple, values) -> ShapeError:
    return ShapeError(f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing "
                      f"result of shape {list(out[index].shape)}")


def _assign(x, gather: list, values, kept) -> None:
    """x[gather] = values, which may not fit: what PyTorch refuses in the order in which it looks. `kept` is what a graph
    keeps of an index."""
    if state.grad and (x._rg or x._base is not None and x._base._rg):
        check_history(x)
    if not _fills(gather, values):
        check_operand(x._a, values._a, apart=True)
    _put(x, kept(_fitted(x, gather, values)), values, False)


def _fitted(x, gather: list, values) -> tuple:
    """The checked entries of an index; what is to be written must fit before their numbers do."""
    try:
        return fitting((), gather, x._a.shape)
    except BadIndex:
        _check_values(x, fitting((), gather, x._a.shape, within=False), values)
        raise


def _fills(gather, values) -> bool:
    """Whether the same number goes to all places of masks, which is what masked_fill does."""
    return values._a.size == 1 and all(type(g) is slice or g.dtype.kind == "b" for g in gather)


def _check_values(x, index: tuple, values) -> None:
    """Raises where sizes or dtypes do not fit, wherever the index points."""
    shown = tuple(i if type(i) is slice or i.dtype.kind == "b" else np.zeros_like(i) for i in _arrays(index))
    if x._a.size:
        _check_fits(x._a, shown, values._a)
    if values.dtype is not x.dtype:
        raise EngineError("Index put requires the source and destination dtypes match, got "
                          f"{dtypes.scalar_name(x.dtype)} for the destination and {dtypes.scalar_name(values.dtype)} for "
                          "the source.")


def _check_fits(out, index: tuple, values) -> None:
    """Raises where the sizes do not fit, which PyTorch looks at before the dtypes."""
    want = out[index].shape
    if len(values.shape) > len(want) or any(n not in (1, m) for n, m in zip(values.shape[::-1], want[::-1], strict=False)):
        raise _misfit(out, index, values)


def _put(x, gather: tuple, values, accumulate: bool):
    if accumulate or not _fills(gather, values):
        check_operand(x._a, values._a, apart=True)
    elif values.dtype is not x.dtype:
        values = cast(values, x.dtype)
    if values.dtype is not x.dtype:
        _check_values(x, gather, values)
    if not accumulate and type(x._a) is np.ndarray and not (state.grad and (x._rg or values._rg)) and not x._inference:
        check_writable(x)
        _write_at(x._a, _arrays(gather), values._a)
        bump(x)
        return x
    return assign(x, T._index_put(x, gather, values, accumulate))


def _write_at(out, index: tuple, values) -> None:
    """`out[index] = values`, in place."""
    if values.size == 1 and len(index) == 1 and getattr(index[0], "dtype", None) == np.bool_ and index[0].shape == out.shape:
        fill_where(out, index[0], values.reshape(()))
        return
    if np.may_share_memory(out, values):
        values = values.copy()
    if write_rows(out, index, values):
        return
    try:
        out[index] = values
    except (ValueError, TypeError):
        raise _misfit(out, index, values) from None


def _put_arguments(x, indices, values):
    indices = (indices,) if isinstance(indices, Tensor) else tuple(indices)
    for i, entry in enumerate(indices):
        if not isinstance(entry, Tensor):
            raise ArgumentError(f"expected Tensor as element {i} in argument 0, but got {type(entry).__name__}")
    if not isinstance(values, Tensor):
        raise ArgumentError(f"index_put_(): argument 'values' (position 2) must be Tensor, not {type(values).__name__}")
    if any(e._a.dtype == np.uint8 for e in indices):
        warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.")
    arrays = [e._a.astype(bool) if e._a.dtype == np.uint8 else e._a for e in indices]
    for a in arrays:
        if a.dtype not in (np.int64, np.int32, np.bool_):
            raise BadIndex("tensors used as indices must be long, int, byte or bool tensors")
    if not arrays and values.ndim > x.ndim:
        raise ShapeError(f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result "
                         f"of shape {list(x.shape)}")
    used = sum(a.ndim if a.dtype == np.bool_ else 1 for a in arrays)
    if used > x.ndim:
        raise BadIndex(f"too many indices for tensor of dimension {x.ndim} (got {used})")
    return _fitted(x, beside(x._a, arrays), values), values


@function("tensor.index_put_", "torch.index_put_")
def index_put_(x, indices, values, accumulate: bool = False):
    """Writes `values` at `indices` (a tuple of index tensors), in place; `accumulate` adds instead."""
    gather, values = _put_arguments(x, indices, values)
    for t in (values, *((indices,) if isinstance(indices, Tensor) else indices)):
        check_operand(x._a, getattr(t, "_a", None), apart=True)
    return _put(x, watching(gather, indices, x, values), values, accumulate)


@function("torch.index_put", "tensor.index_put", samples=["r(4, 3), (ints(2, high=4),), r(2, 3)"])
def index_put(x, indices, values, accumulate: bool = False):
    """A copy of x with `values` written at `indices` (a tuple of index tensors).

    >>> torch.index_put(zeros(3), (tensor([0, 2]),), tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    gather, values = _put_arguments(x, indices, values)
    if values.dtype is not x.dtype:
        return _put(T.clone(x), gather, values, accumulate)
    return T._index_put(x, watching(gather, indices, x, values), values, accumulate)
