"""Between bytes and tensors: the NumPy half that all formats share.

`mapped_tensor` lays a tensor over bytes where they are; `prepared` and `write_values` give the values
of a tensor as little-endian bytes. Types that NumPy lacks come from ml_dtypes through `engine.dtypes`.
"""

from __future__ import annotations

from itertools import count as _count

import numpy as np

from ..engine import dtypes
from ..engine.tensor import Tensor, as_tensor, over_array
from ..errors import FileError
from .kinds import KINDS, count
from .limits import check_memory
from .source import clean

_CHUNK = 16 << 20


def dtype_named(name: str) -> dtypes.dtype:
    """The dtype of a torch name such as "float32"."""
    found = dtypes.complex32 if name == "complex32" else dtypes.NAMES.get(name)
    if found is None:
        raise FileError(f"tensors of type {clean(name)} are not supported", help="tcli inspect lists the others")
    return found


def numpy_dtype(name: str, big: bool = False) -> np.dtype:
    """The NumPy dtype of the bytes in a file."""
    found = np.dtype("(2,)f2") if name == "complex32" else dtype_named(name).numpy
    return found.newbyteorder(">") if big else found


def mapped_array(buffer, name: str, shape, start: int = 0, *, big: bool = False, fortran: bool = False) -> np.ndarray:
    """An array over `buffer`; a copy only for foreign byte order and places that are not aligned."""
    if name == "complex32":
        return _half_complex(buffer, shape, start, big)
    dtype = numpy_dtype(name, big)
    if not count(shape):
        return np.zeros(tuple(shape), dtype.newbyteorder("="))
    array = np.frombuffer(buffer, dtype, count(shape), start)
    if name == "bool":
        array = _checked_bool(array)
    if not dtype.isnative:
        check_memory(array.nbytes, "the tensor")
        array = array.astype(dtype.newbyteorder("="))
    elif not array.flags.aligned or not array.flags.writeable:
        array = array.copy()
    elif getattr(buffer, "thaw", None) is not None:
        array.flags.writeable = False  # until the engine thaws it, see `mapped`
    return array.reshape(tuple(shape), order="F" if fortran else "C")


def _checked_bool(array: np.ndarray) -> np.ndarray:
    """Bytes other than 0 and 1 would be neither True nor False."""
    raw = array.view(np.uint8)
    return array if not raw.size or raw.max() <= 1 else raw != 0


def _half_complex(buffer, shape, start, big) -> np.ndarray:
    pairs = np.frombuffer(buffer, ">f2" if big else "<f2", 2 * count(shape), start).astype(np.float32)
    return pairs.view(np.complex64).reshape(tuple(shape))


def tensor_of(array: np.ndarray, name: str | None = None):
    """A tensor over an array; complex32 is kept in complex64 and remembers what it is."""
    tensor = over_array(array)
    if name == "complex32":
        tensor._half_complex = True
    return tensor


def mapped_tensor(buffer, name: str, shape, start: int = 0, *, big: bool = False, fortran: bool = False):
    """A tensor over `buffer`, see `mapped_array`."""
    return tensor_of(mapped_array(buffer, name, shape, start, big=big, fortran=fortran), name)


# ---------------------------------------------------------------- values out

def as_tensor_value(value: object):
    """A tensor, or what makes one: numbers and nested lists."""
    if isinstance(value, Tensor):
        return value.detach()
    try:
        return as_tensor(value)
    except (RuntimeError, TypeError, ValueError) as error:
        raise FileError(f"cannot save {type(value).__name__}: {error}") from None


def one_tensor(value: object, what: str):
    """The tensor to write where only one fits; a dict of one counts."""
    if isinstance(value, dict):
        if len(value) != 1:
            raise FileError(f"{what} holds one tensor, this is a dict of {len(value)}",
                            help="use .safetensors, .npz or .pt for several")
        value = next(iter(value.values()))
    if hasattr(value, "columns") and hasattr(value, "tensor"):
        value = value.tensor()
    return as_tensor_value(value)


def named_tensors(value: object, what: str, first: str = "arr_") -> dict:
    """Tensors by name: a flat dict as it is, nested ones by dotted name, a sequence by number."""
    if isinstance(value, dict):
        return _flat(value, what)
    if hasattr(value, "state_dict"):
        return _flat(value.state_dict(), what)
    if isinstance(value, (list, tuple)) and any(isinstance(each, Tensor) for each in value):
        return {f"{first}{i}": as_tensor_value(each) for i, each in zip(_count(), value)}
    return {f"{first}0" if first == "arr_" else "tensor": as_tensor_value(value)}


def _flat(value: dict, what: str) -> dict:
    found: dict = {}
    todo = [("", value, 0)]
    while todo:
        prefix, each, depth = todo.pop()
        if depth > 50:
            raise FileError(f"cannot save as {what}: the dicts are nested too deeply")
        items = [(f"{prefix}{key}", inner) for key, inner in each.items()]
        for name, inner in items:
            if isinstance(inner, dict):
                todo.append((name + ".", inner, depth + 1))
            elif isinstance(inner, (str, bytes)) or inner is None:
                raise FileError(f"cannot save as {what}: {clean(name)!r} is {type(inner).__name__}, not a tensor",
                                help="a .pt file keeps text and numbers beside tensors")
            else:
                found[name] = as_tensor_value(inner)
    return found


NUMPY_KINDS = frozenset(name for name, kind in KINDS.items() if kind.npy)


def prepared(tensor, what: str = "", holds=None) -> tuple[np.ndarray, str]:
    """(array on the host, torch's name of its type) of a tensor that is to be written.

    what, holds: the format, and the types that it can hold; others are refused rather than changed.
    """
    name = tensor.dtype.name
    if holds is not None and name not in holds:
        raise FileError(f"{what} holds no {name}", help="convert it first, as in x.float(); .safetensors and .pt hold all")
    if tensor.is_meta:
        raise FileError("a tensor on the meta device has no values to save")
    array = tensor.cpu_array()
    if name == "complex32":
        array = np.stack([array.real, array.imag], -1).astype(np.float16)
    return array, name


def write_values(array: np.ndarray, stream) -> None:
    """The values in C order, little-endian, in parts of bounded size; the stream needs no seek."""
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("<"))
    if array.flags.c_contiguous:
        if array.size:
            data = memoryview(array.reshape(-1).view(np.uint8))
            for at in range(0, len(data), _CHUNK):
                stream.write(data[at:at + _CHUNK])
        return
    rows = max(1, _CHUNK // max(1, array.nbytes // max(1, array.shape[0])))
    for at in range(0, array.shape[0], rows):
        stream.write(np.ascontiguousarray(array[at:at + rows]).tobytes())


def cast_all(value: object, name: str):
    """Floating-point tensors of a value in another dtype; everything else stays."""
    target = dtype_named(name)
    if isinstance(value, Tensor):
        return value.to(target) if value.is_floating_point() or target.category < dtypes.FLOAT else value
    if isinstance(value, dict):
        return type(value)((key, cast_all(each, name)) for key, each in value.items())
    return type(value)(cast_all(each, name) for each in value) if type(value) in (list, tuple) else value
