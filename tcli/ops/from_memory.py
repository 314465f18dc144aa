"""Tensors over memory and data that are there: arrays, buffers, other tensors; and new ones like a given one."""

import numpy as np

from ..engine import dtypes
from ..engine.dispatch import wrap
from ..engine.registry import T, function
from ..engine.tensor import FLOATS_ONLY, Tensor, as_tensor, legacy_tensor, tensor
from ..engine.warn import warn_once
from ..errors import ArgumentError, BadValue, EngineError, GradError
from .create import empty_strided, filled
from .making import checked, made, make


@function("torch.asarray")
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad: bool | None = None):
    """A tensor of `obj`; shares memory where it can unless copy=True."""
    if isinstance(obj, (bytes, bytearray, memoryview)):
        obj = frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
    if type(obj).__name__ == "PyCapsule":
        obj = from_dlpack(obj)
    if copy is False:
        _check_alias(obj, dtype)
    t = as_tensor(obj, dtype, device)
    if copy and t is obj or isinstance(obj, np.ndarray) and copy and np.may_share_memory(t._a, obj):
        t = T.clone(t)
    if requires_grad is False and t._rg:
        return t.detach()
    return t.requires_grad_(True) if requires_grad else t


class _Handed:
    """A DLPack capsule as an object that NumPy takes over."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **ignored):
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


@function("torch.from_dlpack", "utils.dlpack.from_dlpack")
def from_dlpack(ext_tensor):
    """A tensor that shares memory with what an array of another library, or a DLPack capsule, hands over.

    >>> torch.from_dlpack(torch.utils.dlpack.to_dlpack(tensor([1, 2])))
    tensor([1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__") and type(ext_tensor).__name__ != "PyCapsule":
        raise ArgumentError(f"from_dlpack(): expected an object with __dlpack__ or a DLPack capsule, got "
                            f"{type(ext_tensor).__name__}")
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    handed = ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Handed(ext_tensor)
    try:
        array = np.from_dlpack(handed)
    except (BufferError, RuntimeError, ValueError) as error:
        raise EngineError(f"from_dlpack(): {error}") from None
    return wrap(array if array.flags.writeable or not array.size else _writable(array))


def _writable(array: np.ndarray) -> np.ndarray:
    """An array over the same memory that may be written: NumPy makes what a capsule hands over read-only."""
    import ctypes

    extent = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)) + array.itemsize
    memory = (ctypes.c_char * extent).from_address(array.ctypes.data)
    memory.owner = array
    return np.ndarray(array.shape, array.dtype, memory, 0, array.strides)


@function("utils.dlpack.to_dlpack")
def to_dlpack(tensor):
    """A capsule that another library takes the memory of a tensor over from, once.

    >>> torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(ones(2)))
    tensor([1., 1.])
    """
    return tensor.__dlpack__()


def _check_alias(obj, dtype) -> None:
    """Raises where a tensor of `obj` would need memory of its own."""
    if isinstance(obj, np.generic):
        raise EngineError("can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. ")
    if not isinstance(obj, (Tensor, np.ndarray)):
        raise BadValue("can't alias arbitrary sequence into a tensor.")
    have = dtypes.of_numpy(obj.dtype) if isinstance(obj, np.ndarray) else obj.dtype
    if dtype is not None and have is not dtype:
        raise BadValue(f"can't alias tensor with dtype '{dtypes.scalar_name(have)}' into dtype '{dtypes.scalar_name(dtype)}'.")


@function("torch.frombuffer")
def frombuffer(buffer, *, dtype, count: int = -1, offset: int = 0, requires_grad: bool = False):
    """A 1-D tensor over the bytes of a buffer: `count` elements (-1: all) from a byte `offset` on."""
    dtype = dtypes.as_dtype(dtype)
    try:
        view = memoryview(buffer)
    except TypeError:
        raise BadValue("object does not implement Python buffer protocol.") from None
    size, item = view.nbytes, dtype.itemsize
    _check_buffer(size, item, count, offset)
    if view.readonly:
        warn_once("The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can "
                  "write to the underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer "
                  "to protect its data or make it writable before converting it to a tensor. This type of warning will be "
                  "suppressed for the rest of this program.")
    n = (size - offset) // item if count < 0 else count
    array = np.frombuffer(view, dtype.numpy, n, offset)
    if requires_grad and dtype.category < dtypes.FLOAT:
        raise GradError("only Tensors of floating point dtype can require gradients")
    return made(array, None, requires_grad)


def _check_buffer(size: int, item: int, count: int, offset: int) -> None:
    if not size or not count:
        raise BadValue(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise BadValue(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) minus 1")
    if count < 0 and (size - offset) % item:
        raise BadValue(f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a multiple of element "
                       f"size ({item})")
    if count > 0 and offset + count * item > size:
        raise BadValue(f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must not be greater "
                       f"than actual buffer length ({size} bytes)")


# ---------------------------------------------------------------- tensors like this one

@function("tensor.new_tensor")
def new_tensor(x, data, *, dtype=None, device=None, requires_grad: bool = False, layout=None, pin_memory: bool = False):
    """A tensor of `data` with the dtype and device of this one."""
    return tensor(data, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad)


def _new(name: str, summary: str, build: str) -> None:
    @function("tensor." + name)
    def method(x, *size, dtype=None, device=None, requires_grad: bool = False, layout=None, pin_memory: bool = False,
               **named):
        size = named.pop("size", size)
        if len(size) > 1 and isinstance(size[0], (tuple, list)):
            raise ArgumentError(f"{name}() takes 1 positional argument but {len(size)} were given")
        shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
        d = (dtype or x.dtype).numpy
        if requires_grad and d.kind in "biu":
            raise GradError(FLOATS_ONLY)
        return make(lambda xp: getattr(xp, build)(checked(shape), d), device or x.device, requires_grad)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = summary


_new("new_zeros", "Zeros with the dtype and device of this tensor.", "zeros")
_new("new_ones", "Ones with the dtype and device of this tensor.", "ones")
_new("new_empty", "A tensor with the dtype and device of this one whose values are not set yet.", "empty")


@function("tensor.new")
def new(x, *args, **kwargs):
    """A tensor of this one's dtype from sizes, data or another tensor: the constructor of old."""
    return legacy_tensor(x.dtype, args, kwargs).to(kwargs.get("device") or x.device)


@function("tensor.new_empty_strided")
def new_empty_strided(x, size, stride, dtype=None, layout=None, device=None, requires_grad: bool = False,
                      pin_memory: bool = False):
    """A tensor of given sizes and strides with the dtype and device of this one, its values not set yet."""
    return empty_strided(tuple(size), tuple(stride), dtype=dtype or x.dtype, device=device or x.device,
                         requires_grad=requires_grad)


@function("tensor.new_full")
def new_full(x, size, fill_value, *, dtype=None, device=None, requires_grad: bool = False, layout=None,
             pin_memory: bool = False):
    """One value with the dtype and device of this tensor."""
    d = (dtype or x.dtype).numpy
    return filled(checked(tuple(size)), fill_value, d, device or x.device, requires_grad)
