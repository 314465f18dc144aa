"""Indexing of arrays without memory: basic indices give views, arrays of integers fresh shapes, masks no answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .meta import MetaArray, NeedsValue


def indexed(a: MetaArray, index: Any) -> MetaArray:
    """`a[index]`."""
    items = _expanded(a, index)
    if any(_is_array(item) for item in items):
        return _advanced(a, items)
    return _basic(a, items)


def assigned(a: MetaArray, index: Any, value: Any) -> None:
    """`a[index] = value`: nothing is written, but the shapes must fit."""
    if any(_is_mask(item) for item in _expanded(a, index, masks=True)):
        a.spoil()
        return
    target, shape = indexed(a, index).shape, np.shape(value) if not hasattr(value, "shape") else value.shape
    while len(shape) > len(target) and shape[0] == 1:
        shape = shape[1:]
    if np.broadcast_shapes(target, shape) != target:
        raise ValueError(f"could not broadcast input array from shape {shape} into shape {target}")
    values = value.known if type(value) is MetaArray else value
    if a.known is None or values is None or any(type(item) is MetaArray for item in _expanded(a, index)):
        a.spoil()
    else:
        a.known[index] = values


def _is_array(item: Any) -> bool:
    return isinstance(item, (MetaArray, np.ndarray))


def _is_mask(item: Any) -> bool:
    return type(item) is MetaArray and item.dtype.kind == "b"


def _expanded(a: MetaArray, index: Any, masks: bool = False) -> list:
    """The index as a list with one entry for each dim, the ellipsis written out."""
    items = list(index) if isinstance(index, tuple) else [index]
    items = [np.asarray(item) if isinstance(item, list) else item for item in items]
    if not masks and any(_is_mask(item) for item in items):
        raise NeedsValue("nonzero")
    items = [part for item in items for part in (item.nonzero() if isinstance(item, np.ndarray) and item.dtype.kind == "b"
                                                 else (item,))]
    used = sum(item.ndim if _is_mask(item) else item is not None and item is not Ellipsis for item in items)
    if used > a.ndim:
        raise IndexError(f"too many indices for array: array is {a.ndim}-dimensional, but {used} were indexed")
    rest = [slice(None)] * (a.ndim - used)
    places = [i for i, item in enumerate(items) if item is Ellipsis]
    if places:
        items[places[0]:places[0] + 1] = rest
        return items
    return items + rest


def _basic(a: MetaArray, items: list) -> MetaArray:
    shape, strides, offset, dim = [], [], 0, 0
    for item in items:
        if item is None:
            shape.append(1)
            strides.append(0)
            continue
        size, stride = a.shape[dim], a.strides[dim]
        if isinstance(item, slice):
            start, stop, step = item.indices(size)
            shape.append(len(range(start, stop, step)))
            strides.append(stride * step)
            offset += start * stride if shape[-1] else 0
        else:
            offset += _position(item, size, dim) * stride
        dim += 1
    return a.view_of(shape, strides, offset)


def _position(item: Any, size: int, dim: int) -> int:
    at = item.__index__()
    if not -size <= at < size:
        raise IndexError(f"index {at} is out of bounds for axis {dim} with size {size}")
    return at % size


def _advanced(a: MetaArray, items: list) -> MetaArray:
    """Arrays and integers among the indices broadcast; their dims stand where they stood, or first if apart."""
    items = [np.asarray(item) if not isinstance(item, slice) and item is not None and not _is_array(item) else item
             for item in items]
    arrays = [item for item in items if _is_array(item)]
    common = np.broadcast_shapes(*(item.shape for item in arrays))
    places = [i for i, item in enumerate(items) if _is_array(item)]
    together = places[-1] - places[0] + 1 == len(places)
    plain = _basic(a, [slice(None) if _is_array(item) else item for item in items])
    before = [plain.shape[i] for i in range(len(items)) if i not in places and i < places[0]]
    after = [plain.shape[i] for i in range(len(items)) if i not in places and i > places[0]]
    return a.like((*before, *common, *after) if together else (*common, *before, *after))
