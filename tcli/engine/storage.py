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


class memory_format(layout):
    """`torch.channels_last` and other orders in which elements lie in memory."""

    __module__ = "torch"


strided, sparse_coo = layout("strided"), layout("sparse_coo")
contiguous_format, channels_last = memory_format("contiguous_format"), memory_format("channels_last")
preserve_format, channels_last_3d = memory_format("preserve_format"), memory_format("channels_last_3d")


def is_channels_last(a) -> bool:
    """Whether images lie in memory pixel by pixel, and not row-major as well."""
    return (type(a) is np.ndarray and a.ndim in (4, 5) and not a.flags.c_contiguous
            and a.transpose(0, *range(2, a.ndim), 1).flags.c_contiguous)


def in_format(raw, values):
    """A kernel's results channels last, if one of its first two operands is, or all of a list; else `by_rows`."""
    several = values and type(values[0]) is list
    ndim = next((v.ndim for v in (values[0] if several else values[:2]) if is_channels_last(v)), 0)
    if not ndim or several and not all(map(is_channels_last, values[0])):
        return by_rows(raw, values)
    if type(raw) is tuple:
        return tuple(in_format(r, values) for r in raw)
    if type(raw) is not np.ndarray or raw.ndim != ndim or is_channels_last(raw):
        return raw
    return np.ascontiguousarray(raw.transpose(0, *range(2, ndim), 1)).transpose(0, ndim - 1, *range(1, ndim - 1))


def as_first(raw, values):
    """A kernel's results in memory as their first operand is, which is how PyTorch clones; else `by_rows`."""
    first = values[0]
    if type(raw) is tuple:
        return tuple(as_first(r, values) for r in raw)
    if type(raw) is not np.ndarray or raw.shape != first.shape or first.flags.c_contiguous or 0 in first.strides:
        return by_rows(raw, values)
    out = np.empty_like(first, raw.dtype)
    if out.strides == raw.strides:
        return raw
    out[...] = raw
    return out


def converted(a, dtype):
    """`a.astype(dtype)`, in rows where elements of `a` share memory, as PyTorch has it."""
    return a.astype(dtype) if a.flags.c_contiguous or 0 not in a.strides else a.astype(dtype, order="C")


def laid_out(how: bool | str, raw, values):
    """A kernel's results in memory as the `rows` of its op say."""
    if how == "format":
        return in_format(raw, values)
    if how == "first":
        return as_first(raw, values)
    return by_rows(raw, values) if how else raw


def shaped(flat: np.ndarray, shape: tuple, memory_format) -> np.ndarray:
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
