"""The memory under a tensor, and the names of layouts and memory formats."""

from __future__ import annotations

import numpy as np

from ..errors import EngineError
from .memory import Lease


def root_of(a):
    """The array that owns the memory of `a`, which may be a view of a view of it."""
    while True:
        base = a.base
        if base is not None and not hasattr(base, "strides"):
            base = getattr(base, "base", None)  # `as_strided` puts an object of its own between the two
        if not hasattr(base, "strides") or not hasattr(base, "dtype") or type(base) is Lease:
            return a
        a = base


def address(a) -> int:
    return a.__array_interface__["data"][0] if isinstance(a, np.ndarray) else a.data.ptr


def thaw(array: np.ndarray) -> None:
    """Makes an array over a mapped file writable; its memory says how. Other arrays stay what they are."""
    root = array
    while isinstance(root, np.ndarray):
        root = root.base
    release = getattr(getattr(root, "obj", root), "thaw", None)
    if release is not None and 0 not in array.strides:
        release()
        array.flags.writeable = True


class layout:
    """`torch.strided` and other layouts; only strided tensors exist here."""

    __module__ = "torch"

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return "torch." + self._name


strided, sparse_coo = layout("strided"), layout("sparse_coo")
contiguous_format, channels_last = layout("contiguous_format"), layout("channels_last")
preserve_format, channels_last_3d = layout("preserve_format"), layout("channels_last_3d")


def in_format(flat: np.ndarray, shape: tuple, memory_format) -> np.ndarray:
    """A vector of memory as an array of a shape, its dims in the order of a memory format."""
    if memory_format is channels_last or memory_format is channels_last_3d:
        n = 4 if memory_format is channels_last else 5
        if len(shape) != n:
            raise EngineError(f"required rank {n} tensor to use {memory_format!r} format".replace("torch.", ""))
        return np.moveaxis(flat.reshape(shape[0], *shape[2:], shape[1]), -1, 1)
    return flat.reshape(shape)


def by_rows(raw, values):
    """A kernel's results in row-major memory, but for those that share the memory of an operand."""
    if type(raw) is tuple:
        return tuple(by_rows(r, values) for r in raw)
    if type(raw) is not np.ndarray or raw.ndim < 2 or raw.flags.c_contiguous:
        return raw
    given = (v for value in values for v in (value if type(value) is list else (value,)) if type(v) is np.ndarray)
    if raw.base is not None and any(np.may_share_memory(raw, v) for v in given):
        return raw
    return np.ascontiguousarray(raw)
