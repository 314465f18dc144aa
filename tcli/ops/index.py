"""Indexing: `x[...]` to read and to write.

Integers, slices, None and `...` make a view; tensors, masks and lists gather a copy. PyTorch applies
the plain ones first and the gathering ones to what they leave, which differs from NumPy where an
integer stands beside an index tensor.
"""

import numpy as np

from ..engine.dispatch import assign, cast
from ..engine.registry import T, function, op
from ..engine.tensor import Tensor, as_tensor
from ..errors import ArgumentError, BadIndex, BadValue, EngineError, ShapeError


def _basic_name(index: tuple) -> str:
    last = index[-1] if index else Ellipsis
    for item in reversed(index):
        if item is not Ellipsis and not (isinstance(item, slice) and item == slice(None)):
            last = item
            break
    if isinstance(last, int):
        return "SelectBackward0"
    if last is None:
        return "UnsqueezeBackward0"
    return "SliceBackward0" if isinstance(last, slice) and last != slice(None) else "AliasBackward0"


@op("_basic_index", at="", view=True, samples=["r(3, 4), (0,)", "r(3, 4), (slice(1, 3), None, 2)"],
    vjp={"x": lambda k, g, x_shape, index: k._basic_index_adjoint(g, x_shape, index)})
def _basic_index(xp, x, index: "any"):
    out = x[index]
    # An index of integers alone gives a scalar, which is no view: an ellipsis keeps it an array.
    return out if isinstance(out, xp.ndarray) else x[(*index, Ellipsis)]


@op("_basic_index_adjoint", at="", half=False, samples=["r(4), (3, 4), (0,)"], grad_name="SelectBackward0",
    vjp={"g": lambda k, g, index: k._basic_index(g, index)})
def _basic_index_adjoint(xp, g, shape: "any", index: "any"):
    """Zeros of `shape` with `g` at `index`."""
    out = xp.zeros(shape, g.dtype)
    out[index] = g
    return out


@op("_gather_index", at="", half=False, samples=["r(3, 4), (torch.tensor([0, 2, 0]),)"], grad_name="IndexBackward0",
    vjp={"x": lambda k, g, x_shape, index: k._gather_index_adjoint(g, x_shape, index)})
def _gather_index(xp, x, index: "any"):
    return x[_arrays(index)]


@op("_gather_index_adjoint", at="", samples=["r(3), (3,), (torch.tensor([0, 2, 0]),)"], grad_name="IndexPutBackward0",
    vjp={"g": lambda k, g, index: k._gather_index(g, index)})
def _gather_index_adjoint(xp, g, shape: "any", index: "any"):
    """Zeros of `shape` with `g` added at every place of `index`."""
    out = xp.zeros(shape, g.dtype)
    add_at(xp, out, _arrays(index), g)
    return out


def add_at(xp, out, index: tuple, values) -> None:
    """`out[index] += values` where an index may come up several times."""
    if len(index) == 1 and index[0].dtype != np.bool_ and xp is np and out.ndim >= 1 and out.dtype.kind == "f" \
            and out.size and values.size:
        _add_rows(out, np.broadcast_to(values, index[0].shape + out.shape[1:]), index[0].ravel())
    elif any(getattr(i, "dtype", None) == np.bool_ for i in index) and len(index) == 1:
        out[index] += values
    else:
        xp.add.at(out, index, values)


def _add_rows(out, values, rows) -> None:
    """Adds rows of `values` into `out`: bincount for vectors, one product per column block otherwise."""
    n = out.shape[0]
    rows = np.where(rows < 0, rows + n, rows)
    if out.ndim == 1:
        out += np.bincount(rows, values.ravel(), n).astype(out.dtype)
        return
    flat = values.reshape(len(rows), -1)
    order = np.argsort(rows, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(rows[order]) != 0])
    sums = np.add.reduceat(flat[order], starts, axis=0)
    target = out.reshape(n, -1)
    target[rows[order][starts]] += sums


def _arrays(index: tuple) -> tuple:
    return tuple(i._a if isinstance(i, Tensor) else i for i in index)


# ---------------------------------------------------------------- reading an index expression

def parse_index(x, index) -> tuple[tuple, tuple | None]:
    """(plain part, gathering part or None) of `x[index]`, checked against the shape of `x`."""
    items = list(index) if type(index) is tuple else [index]
    if isinstance(index, list):
        items = [as_tensor(index) if not any(isinstance(i, slice) or i is None or i is Ellipsis for i in index)
                 else index] if index else [as_tensor(index).long()]
        if isinstance(items[0], list):
            items = items[0]
    items = [_item(i) for i in items]
    items = _expand_ellipsis(x, items)
    plain, gather, dim = [], [], 0
    some = False
    for item in items:
        if item is None or isinstance(item, bool):
            plain.append(None)
            if isinstance(item, bool):
                gather.append(np.array([item]))
                some = True
            else:
                gather.append(slice(None))
        elif isinstance(item, int):
            plain.append(_checked_int(x, item, dim))
            dim += 1
        elif isinstance(item, slice):
            plain.append(_checked_slice(item))
            gather.append(slice(None))
            dim += 1
        else:
            some = True
            dim = _gather_item(x, item, dim, plain, gather)
    return tuple(plain), tuple(gather) if some else None


def _gather_item(x, item, dim: int, plain: list, gather: list) -> int:
    a = item._a
    if a.dtype == np.bool_ or a.dtype == np.uint8:
        mask = a.astype(bool)
        for j, n in enumerate(mask.shape):
            if dim + j >= x._a.ndim or x._a.shape[dim + j] != n:
                raise BadIndex(f"The shape of the mask {list(mask.shape)} at index {j} does not match the shape of the "
                               f"indexed tensor {list(x._a.shape)} at index {dim + j}")
            plain.append(slice(None))
        gather.append(mask)
        return dim + mask.ndim
    size = x._a.shape[dim]
    if a.size and (a.max() >= size or a.min() < -size):
        bad = int(a[(a >= size) | (a < -size)].ravel()[0])
        raise BadIndex(f"index {bad} is out of bounds for dimension {dim} with size {size}")
    plain.append(slice(None))
    gather.append(a.astype(np.int64, copy=False))
    return dim + 1


def _item(item):
    if item is None or item is Ellipsis or isinstance(item, (bool, int)):
        return item
    if isinstance(item, slice):
        return item
    if isinstance(item, Tensor):
        kind = item._a.dtype.kind
        if kind == "b" and item._a.ndim == 0:
            return bool(item._a)
        if kind in "iu" and item._a.ndim == 0:
            return int(item._a)
        if kind not in "iub":
            raise BadIndex(f"tensors used as indices must be long, int, byte or bool tensors")
        return item
    if isinstance(item, (list, tuple, range, np.ndarray)):
        found = as_tensor(item if not isinstance(item, tuple) else list(item))
        return _item(found.long() if found._a.size == 0 and found._a.dtype.kind == "f" else found)
    if hasattr(item, "__index__"):
        return item.__index__()
    raise ArgumentError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                        f"(got {type(item).__name__})")


def _expand_ellipsis(x, items: list) -> list:
    used = sum(0 if i is None or i is Ellipsis or isinstance(i, bool)
               else i._a.ndim if isinstance(i, Tensor) and i._a.dtype in (np.bool_, np.uint8) else 1 for i in items)
    ndim = x._a.ndim
    if used > ndim:
        if ndim == 0:
            raise BadIndex("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
                           "to convert a 0-dim tensor to a number")
        raise BadIndex(f"too many indices for tensor of dimension {ndim}")
    fill = [slice(None)] * (ndim - used)
    where = next((i for i, item in enumerate(items) if item is Ellipsis), None)
    if where is None:
        return items + fill if any(isinstance(i, Tensor) for i in items) else items
    rest = [i for i in items[where + 1:] if i is not Ellipsis]
    return items[:where] + fill + rest


def _checked_int(x, i: int, dim: int) -> int:
    size = x._a.shape[dim]
    if not -size <= i < size:
        raise BadIndex(f"index {i} is out of bounds for dimension {dim} with size {size}")
    return int(i)


def _checked_slice(s: slice) -> slice:
    parts = []
    for value in (s.start, s.stop, s.step):
        if value is not None and not isinstance(value, int):
            if not hasattr(value, "__index__"):
                raise ArgumentError("slice indices must be integers or None or have an __index__ method")
            value = value.__index__()
        parts.append(value)
    if parts[2] is not None and parts[2] <= 0:
        raise BadValue("step must be greater than zero" if parts[2] < 0 else "step must be greater than zero")
    return slice(*parts)


# ---------------------------------------------------------------- the two entry points

@function("tensor.__getitem__")
def getitem(x, index):
    """x[index]: a view for integers, slices, None and `...`; a copy for tensors, masks and lists."""
    if type(index) is int and x._a.ndim:
        plain, gather = (_checked_int(x, index, 0),), None
    else:
        plain, gather = parse_index(x, index)
    if gather is None:
        return _named(T._basic_index(x, plain), plain)
    if any(not (isinstance(p, slice) and p == slice(None)) for p in plain):
        x = _named(T._basic_index(x, plain), plain)
    while gather and isinstance(gather[-1], slice):
        gather = gather[:-1]
    return T._gather_index(x, gather)


def _named(t, plain: tuple):
    if t._node is not None:
        t._node._name = _basic_name(plain)
    return t


@function("tensor.__setitem__")
def setitem(x, index, value) -> None:
    """x[index] = value, in place; value broadcasts to the shape of x[index]."""
    plain, gather = parse_index(x, index)
    value = value if isinstance(value, Tensor) else as_tensor(value, dtype=None if isinstance(value, (list, tuple))
                                                              else x.dtype if not isinstance(value, complex) else None)
    if gather is None:
        region = T._basic_index(x, plain)
        assign(region, _fitted(value, region))
        if region._v is not x._v and x._a.size:
            raise EngineError("the indexed part is no view of the tensor")
        return
    base = x
    if any(not (isinstance(p, slice) and p == slice(None)) for p in plain):
        base = T._basic_index(x, plain)
    index_put_(base, gather, value)


def _fitted(value, region):
    shape, want = value._a.shape, region._a.shape
    lead = len(shape) - len(want)
    if lead > 0 and all(n == 1 for n in shape[:lead]):
        value = T.reshape(value, shape[lead:])
        shape = shape[lead:]
    if len(shape) > len(want) or any(a != b and a != 1 for a, b in zip(shape[::-1], want[::-1], strict=False)):
        bad = next((i for i, (a, b) in enumerate(zip(shape[::-1], want[::-1], strict=False)) if a not in (b, 1)), 0)
        raise ShapeError(f"The expanded size of the tensor ({want[::-1][bad] if want else 0}) must match the existing size "
                         f"({shape[::-1][bad]}) at non-singleton dimension {len(want) - 1 - bad}.  Target sizes: "
                         f"{list(want)}.  Tensor sizes: {list(shape)}")
    if value.dtype is not region.dtype:
        value = cast(value, region.dtype)
    return T.expand(value, want) if shape != want else T.clone(value) if value._rg else value


@op("_index_put", at="", half=False, samples=["r(3), (torch.tensor([0, 2]),), r(2)"], grad_name="IndexPutBackward0",
    vjp={"x": lambda k, g, index, accumulate: g if accumulate else k._index_put(g, index, k.zeros_like(
            k._gather_index(g, index)), False),
         "values": lambda k, g, index: k._gather_index(g, index)})
def _index_put(xp, x, index: "any", values: "Index", accumulate: "bool" = False):
    out = x.copy()
    index = _arrays(index)
    where = out[index].shape
    if len(values.shape) > len(where) or any(a not in (b, 1) for a, b in zip(values.shape[::-1], where[::-1], strict=False)):
        raise ShapeError(f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing "
                         f"result of shape {list(where)}")
    if accumulate:
        add_at(xp, out, index, values)
    else:
        out[index] = values
    return out


@function("tensor.index_put_")
def index_put_(x, indices, values, accumulate: bool = False):
    """Writes `values` at `indices` (a tuple of index tensors), in place; `accumulate` adds instead."""
    indices = tuple(i._a if isinstance(i, Tensor) else i for i in indices)
    if not isinstance(values, Tensor):
        values = as_tensor(values)
    if values.dtype is not x.dtype:
        values = cast(values, x.dtype)
    return assign(x, T._index_put(x, indices, values, accumulate))
