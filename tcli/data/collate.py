"""Collating: a list of samples becomes a batch of stacked tensors, field by field.

Containers keep their class where it can be made anew; tuples become lists.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..engine import dtypes
from ..engine.registry import T
from ..engine.tensor import Tensor, as_tensor, tensor
from ..errors import ArgumentError, EngineError


def _mapping_like(model: Mapping, found: dict) -> Any:
    """`found` in a container of the class of `model`."""
    try:
        if isinstance(model, MutableMapping):
            made = copy.copy(model)
            made.update(found)
            return made
        return type(model)(found)
    except TypeError:  # the class is made of something else
        return found


def _sequence_like(model: Sequence, found: list) -> Any:
    if isinstance(model, tuple):
        return type(model)(*found) if hasattr(model, "_fields") else found
    try:
        if isinstance(model, MutableSequence):
            made = copy.copy(model)
            for i, each in enumerate(found):
                made[i] = each
            return made
        return type(model)(found)
    except TypeError:
        return found


def default_convert(data):
    """NumPy arrays become tensors, inside of sequences and dicts too; everything else stays."""
    if isinstance(data, (np.ndarray, np.generic)):
        return data if data.dtype.kind in "SUO" else as_tensor(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [default_convert(each) for each in data])
    return data


def default_collate(batch):
    """A batch of samples: tensors are stacked, numbers become tensors, containers are taken apart."""
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch, *, collate_fn_map: dict[Any, Callable] | None = None):
    """A batch by the functions for classes of samples in `collate_fn_map`, and containers of such samples."""
    first = batch[0]
    functions = collate_fn_map or {}
    kind = type(first) if type(first) in functions else next((k for k in functions if isinstance(first, k)), None)
    if kind is not None:
        return functions[kind](batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _mapping_like(first, {key: collate([each[key] for each in batch], collate_fn_map=collate_fn_map)
                                     for key in first})
    if isinstance(first, Sequence):
        named = hasattr(first, "_fields")
        if not named and any(len(each) != len(first) for each in batch):
            raise EngineError("each element in list of batch should be of equal size")
        columns = zip(*batch, strict=False)
        return _sequence_like(first, [collate(list(column), collate_fn_map=collate_fn_map) for column in columns])
    raise _cannot(type(first))


def _cannot(kind: object) -> ArgumentError:
    return ArgumentError("default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
                         f"{kind}")


# ---------------------------------------------------------------- what becomes of which class

def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Tensors are stacked."""
    return T.stack(list(batch), 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """Arrays become tensors and are stacked."""
    if batch[0].dtype.kind in "SUO":
        raise _cannot(batch[0].dtype)
    return T.stack([as_tensor(each) for each in batch], 0)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """NumPy's numbers become a tensor of their dtype."""
    return as_tensor(np.array(batch))


def collate_float_fn(batch, *, collate_fn_map=None):
    """Python's floats become float64."""
    return tensor(list(batch), dtype=dtypes.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """Python's integers become int64, its bools bool."""
    return tensor(list(batch))


def collate_str_fn(batch, *, collate_fn_map=None):
    """Texts stay as they are."""
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    Tensor: collate_tensor_fn, np.ndarray: collate_numpy_array_fn, (np.bool_, np.number): collate_numpy_scalar_fn,
    float: collate_float_fn, int: collate_int_fn, str: collate_str_fn, bytes: collate_str_fn}

__all__ = ["collate", "collate_float_fn", "collate_int_fn", "collate_numpy_array_fn", "collate_numpy_scalar_fn",
           "collate_str_fn", "collate_tensor_fn", "default_collate", "default_collate_fn_map", "default_convert"]
