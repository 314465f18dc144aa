"""Collating: a list of samples becomes a batch of stacked tensors, field by field."""

from __future__ import annotations

import numpy as np

from ..engine import dtypes
from ..engine.registry import T
from ..engine.tensor import Tensor, as_tensor, tensor
from ..errors import ArgumentError, EngineError


def default_convert(data):
    """NumPy arrays become tensors, inside of sequences and dicts too; everything else stays."""
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind not in "SUO":
        return as_tensor(data)
    if isinstance(data, dict):
        return type(data)((key, default_convert(value)) for key, value in data.items())
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(each) for each in data))
    if isinstance(data, (tuple, list)):
        return [default_convert(each) for each in data]
    return data


def default_collate(batch):
    """A batch of samples: tensors are stacked, numbers become tensors, containers are taken apart."""
    first = batch[0]
    if isinstance(first, Tensor):
        return T.stack(list(batch), 0)
    if isinstance(first, np.ndarray) or isinstance(first, np.generic) and first.shape == ():
        return default_collate([as_tensor(each) for each in batch]) if isinstance(first, np.ndarray) else as_tensor(
            np.array(batch))
    if isinstance(first, bool | int):
        return tensor(list(batch))
    if isinstance(first, float):
        return tensor(list(batch), dtype=dtypes.float64)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, dict):
        return {key: default_collate([each[key] for each in batch]) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(list(column)) for column in zip(*batch, strict=True)))
    if isinstance(first, (tuple, list)):
        if any(len(each) != len(first) for each in batch):
            raise EngineError("each element in list of batch should be of equal size")
        return [default_collate(list(column)) for column in zip(*batch, strict=True)]
    raise ArgumentError("default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
                        f"{type(first)}")
