"""Reading an index expression: which entries make a view, and which gather.

PyTorch applies the plain entries first and the gathering ones to what they leave. No op is declared here.
"""

import numpy as np

from ..engine.args import broadcast_shapes
from ..engine.placement import beside, has_values, outside, values_of
from ..engine.tensor import Tensor, as_tensor, tensor
from ..engine.warn import warn
from ..errors import ArgumentError, BadIndex, BadValue, ShapeError

FULL = slice(None)


def is_whole(s: slice, size: int) -> bool:
    return s.step in (None, 1) and s.start in (None, 0) and (s.stop is None or s.stop >= size)


def parse_index(x, index) -> tuple[tuple, tuple | None]:
    """(plain part, gathering part or None) of `x[index]`, checked against the shape of `x`."""
    plain, gather = read_index(x, index)
    return plain, None if gather is None else fitting(plain, gather, x._a.shape)


def read_index(x, index) -> tuple[tuple, list | None]:
    """(plain part, gathering part or None) of `x[index]`: whether the latter fits is not looked at yet."""
    items = [_item(i) for i in _as_items(index)]
    _check_count(x, index, items)
    plain, gather, dim, some = [], [], 0, False
    shape = x._a.shape
    for place, item in enumerate(items):
        kind = type(item)
        if dim >= len(shape) and item is not None and item is not Ellipsis and kind is not bool:
            raise BadIndex(f"too many indices for tensor of dimension {len(shape)} (got {dim + 1})")
        if kind is int:
            plain.append(checked_int(shape, item, dim, place))
            dim += 1
        elif kind is slice:
            plain.append(_checked_slice(item, shape[dim]))
            gather.append(FULL)
            dim += 1
        elif item is None or kind is bool:
            plain.append(None)
            gather.append(FULL if item is None else np.array([item]))
            some = some or item is not None
        elif item is Ellipsis:
            n = min(len(shape) - _count(items), len(shape) - dim)  # there may be several: all but the first are void
            plain += [FULL] * n
            gather += [FULL] * n
            dim += n
        else:
            n = item.ndim if item.dtype.kind == "b" else 1
            plain += [FULL] * n
            gather.append(item)
            dim, some = dim + n, True
    return tuple(plain), beside(x._a, gather) if some else None


def _as_items(index) -> tuple:
    if type(index) is tuple:
        return index
    if isinstance(index, list) and len(index) < 32 and any(
            i is None or i is Ellipsis or isinstance(i, (Tensor, slice, list, tuple, np.ndarray)) for i in index):
        return tuple(index)  # as old programs have it: PyTorch reads such a list as a tuple
    return (index,)


def _item(item):
    """One entry: int, bool, slice, None, Ellipsis, or an array of int64 or bool."""
    if type(item) is int or item is None or item is Ellipsis or isinstance(item, (bool, slice)):
        return item
    if isinstance(item, (list, tuple, range)):
        item = tensor(list(item))
        item = item.long() if item._a.dtype.kind in "fc" else item
    elif isinstance(item, np.ndarray):
        item = as_tensor(item)
    if isinstance(item, Tensor):
        return _index_array(item._a)
    if isinstance(item, (str, bytes)):
        raise ArgumentError(f"new(): invalid data type '{type(item).__name__}'")
    if hasattr(item, "__index__"):
        return item.__index__()
    raise BadIndex("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
                   f"{type(item).__name__})")


def _index_array(a):
    if a.dtype == np.uint8:
        warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.")
    if a.dtype == np.bool_ or a.dtype == np.uint8:
        return bool(a) if a.ndim == 0 else a.astype(bool, copy=False)
    if a.ndim == 0 and a.dtype.kind in "iu":
        return int(a)
    if a.dtype not in (np.int64, np.int32):
        raise BadIndex("tensors used as indices must be long, int, byte or bool tensors")
    return a.astype(np.int64, copy=False)


def _count(items) -> int:
    """How many dims the entries take up."""
    return sum(1 if type(i) in (int, slice) else i.ndim if i.dtype.kind == "b" else 1
               for i in items if i is not None and i is not Ellipsis and type(i) is not bool)


def _check_count(x, index, items: list) -> None:
    ndim = x._a.ndim
    if ndim == 0 and type(index) in (int, slice):
        if type(items[0]) is slice:
            raise BadIndex("slice() cannot be applied to a 0-dim tensor.")
        if items[0] == 0:
            raise BadIndex("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                           "convert a 0-dim tensor to a number")
        raise BadIndex(f"index {items[0]} is out of bounds for dimension 0 with size 0")
    if _count(items) > ndim:
        raise BadIndex(f"too many indices for tensor of dimension {ndim}")


def checked_int(shape: tuple, i: int, dim: int = 0, place: int = 0) -> int:
    size = shape[dim]
    if not -size <= i < size:
        if not -2**63 <= i < 2**63:
            raise BadValue("Overflow when unpacking long long")
        raise BadIndex(f"index {i} is out of bounds for dimension {place} with size {size}")
    return i


def _checked_slice(s: slice, size: int) -> slice:
    if s == FULL:
        return FULL
    parts = []
    for value in (s.start, s.stop, s.step):
        if value is not None and type(value) is not int:
            if isinstance(value, float) or not hasattr(value, "__index__"):
                raise ArgumentError("slice indices must be integers or None or have an __index__ method")
            value = value.__index__()
        parts.append(value)
    start, stop, step = parts
    if step is not None and step <= 0:
        raise BadValue("slice step cannot be zero" if step == 0 else "step must be greater than zero")
    found = slice(start, stop, step)
    return FULL if is_whole(found, size) else found


def fitting(plain, gather: list, shape: tuple, within: bool = True) -> tuple:
    """The gathering entries, which must fit each other and what the plain ones leave of `shape`.

    `within`: the numbers in them are looked at as well.
    """
    sizes, at = _sizes(plain, shape), 0
    arrays, bounds = [], []
    for item in gather:
        if type(item) is slice:
            at += 1
            continue
        if item.dtype.kind != "b":
            arrays.append(item.shape)
            bounds.append((item, sizes[at]))
            at += 1
            continue
        for j, n in enumerate(item.shape):
            if at + j >= len(sizes) or sizes[at + j] != n:
                raise BadIndex(f"The shape of the mask {list(item.shape)} at index {j} does not match the shape of the "
                               f"indexed tensor {sizes} at index {at + j}")
        if has_values(item):
            arrays += [(int(np.count_nonzero(item)),)] * item.ndim
        bounds += [None] * item.ndim
        at += item.ndim
    _check_broadcast(arrays)
    for j, entry in enumerate(bounds if within else ()):
        if entry is not None:
            _check_bounds(*entry, j)
    return tuple(gather)


def _sizes(plain, shape: tuple) -> list:
    sizes, dim = [], 0
    for item in plain:
        if item is None:
            sizes.append(1)
            continue
        if type(item) is slice:
            sizes.append(shape[dim] if item == FULL else len(range(*item.indices(shape[dim]))))
        dim += 1
    return sizes + list(shape[dim:])


def _check_broadcast(shapes: list) -> None:
    if len(shapes) < 2:
        return
    try:
        broadcast_shapes(*shapes)
    except ShapeError:
        raise BadIndex("shape mismatch: indexing tensors could not be broadcast together with shapes "
                       + ", ".join(str(list(s)) for s in shapes)) from None


def _check_bounds(a, size: int, j: int) -> None:
    if outside(a, -size, size):
        a = values_of(a)
        bad = int(a[(a >= size) | (a < -size)].ravel()[0])
        raise BadIndex(f"index {bad} is out of bounds for dimension {j} with size {size}" if size else
                       "index is out of bounds for dimension with size 0")
