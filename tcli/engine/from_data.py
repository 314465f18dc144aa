"""Arrays from Python data: numbers, nested sequences, arrays and tensors, with PyTorch's dtypes and errors."""

from __future__ import annotations

import math

import numpy as np

from .. import native
from ..errors import ArgumentError, BadValue, EngineError
from . import dispatch, dtypes
from .device import CPU, move
from .memory import pool
from .warn import warn, warn_once

_PLAIN = frozenset((float, int, bool, complex))
_SCANNED = 1 << 12  # elements up to which a nested list is searched for NumPy's numbers; of more the first one tells
_SLOW = ("Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single "
         "numpy.ndarray with numpy.array() before converting to a tensor.")


def array_of_data(data, d) -> np.ndarray:
    """A new array of `data`, of dtype `d` or, for None, of the dtype that PyTorch would infer."""
    kind = type(data)
    if kind is list or kind is tuple:
        found = native.array_of_list(data, None if d is None else d.numpy, dtypes.get_default_dtype().numpy)
        return _from_sequence(data, d) if found is False else found
    if kind is float or kind is int or kind is bool or kind is complex:
        return _number_array(data, d)
    if isinstance(data, dispatch.Tensor):
        a = data._a
        a = pool.copy(a) if type(a) is np.ndarray and a.flags.c_contiguous else a.copy()
        return a if d is None or a.dtype == d.numpy else _convert(a, d)
    if isinstance(data, (np.ndarray, np.generic)):
        a = pool.copy(data)
        dtypes.of_numpy(a.dtype)
    elif hasattr(data, "untyped"):
        return _of_storage(data, d)
    elif isinstance(data, (list, tuple, range)) or hasattr(data, "__len__") and hasattr(data, "__getitem__") \
            and not isinstance(data, (str, bytes, dict)):
        return _from_sequence(data, d)
    elif hasattr(data, "__array__"):
        a = np.array(data)
    else:
        raise _cannot_infer(data)
    return a if d is None or a.dtype == d.numpy else _convert(a, d)


def _number_array(value, d) -> np.ndarray:
    if d is None:
        d = dtypes.of_scalar(value)
    if d.category <= dtypes.INTEGER and d.numpy.kind != "b" or type(value) is complex:
        _check_number(value, d)
    if type(value) is float and d.itemsize < 8 and d.category == dtypes.FLOAT and not -200.0 < value < 200.0:
        with np.errstate(over="ignore"):
            return np.asarray(value).astype(d.numpy)
    return np.asarray(value).astype(d.numpy)


def _check_number(value, d) -> None:
    """Raises where a number does not fit an integer or real dtype."""
    if type(value) is complex:
        if d.category == dtypes.INTEGER:
            raise ArgumentError("'complex' object cannot be interpreted as an integer")
        if d.category < dtypes.COMPLEX:
            raise ArgumentError("must be real number, not complex")
        return
    low, high = _bounds(d)
    if (low if type(value) is int or d.is_signed else 0) <= value <= high:
        return
    if type(value) is int and not -1 << 63 <= value < 1 << 63:
        raise _too_large(d)
    raise _no_conversion(d)


def _bounds(d) -> tuple[int, int]:
    """The numbers that this integer dtype takes: the negative ones of an unsigned type wrap around."""
    info = np.iinfo(d.numpy)
    return int(info.min) if info.min else -int(info.max), int(info.max)


def _too_large(d) -> BadValue:
    return BadValue("int too big to convert" if d is not None and d.name == "uint64" else "Overflow when unpacking long long")


def _no_conversion(d) -> EngineError:
    return EngineError(f"value cannot be converted to type {d.name} without overflow")


def _of_storage(storage, d) -> np.ndarray:
    """A copy of the elements of a `TypedStorage`, or of the bytes of an `UntypedStorage` read as `d`."""
    have = getattr(storage, "dtype", None)
    d = d or have or dtypes.get_default_dtype()
    if have not in (None, d):
        raise EngineError(f"Expected a Storage of type {dtypes.C_NAMES[d.name]} or an UntypedStorage, but got type "
                          f"{dtypes.scalar_name(have)} for argument 1 'storage'")
    memory = storage._memory()
    return memory[:memory.size // d.itemsize * d.itemsize].copy().view(d.numpy)


def _convert(a: np.ndarray, d) -> np.ndarray:
    if a.dtype.kind == "c" and d.category < dtypes.COMPLEX:
        a = a.real
    with np.errstate(over="ignore", invalid="ignore"):
        return a.astype(d.numpy)


# ---------------------------------------------------------------- sequences

def _from_sequence(data, d) -> np.ndarray:
    if _holds_tensors(data):
        d = d or _common_type(data)
        data = _without_tensors(data)
    try:
        a = np.array(data)
    except (ValueError, OverflowError, TypeError):
        return _refused(data, d)
    if a.dtype == object or a.dtype.kind in "USMm":
        return _refused(data, d)
    if d is not None:
        return _of_dtype(data, a, d)
    return _of_inferred_dtype(data, a)


def _of_dtype(data, a: np.ndarray, d) -> np.ndarray:
    if a.dtype == d.numpy:
        return a
    if a.dtype.kind == "c" and d.category < dtypes.COMPLEX:
        if d.category == dtypes.BOOL:
            return np.array(data, bool)
        _check_number(1j, d)
    if d.category == dtypes.INTEGER and a.size and a.dtype.kind in "iuf" and not _all_fit(a, d):
        raise _too_large(d) if a.dtype.kind == "u" and d.name != "uint64" else _no_conversion(d)
    return _convert(a, d)


def _all_fit(a: np.ndarray, d) -> bool:
    low, high = a.min(), a.max()
    if a.dtype.kind == "f":
        if not (math.isfinite(low) and math.isfinite(high)):
            return False
        low, high = float(low), float(high)
    least, most = _bounds(d)
    return least <= low and high <= most


def _of_inferred_dtype(data, a: np.ndarray) -> np.ndarray:
    if a.dtype == np.uint64 and not _numpy_inside(data, a):
        raise _too_large(None)
    if not a.size and a.dtype == np.float64 and not _numpy_inside(data, a):
        return a.astype(dtypes.get_default_dtype().numpy)
    if a.dtype.kind in "fc" or a.dtype.kind in "iu" and a.dtype != np.int64:
        if _numpy_inside(data, a):
            common = _common_type(data)
            return a if common is None else _convert(a, common)
        return _convert(a, dtypes.get_default_dtype() if a.dtype.kind == "f" else dtypes.default_complex())
    return a


def _numpy_inside(data, a: np.ndarray) -> bool:
    """Whether a sequence has arrays or numbers of NumPy in it."""
    if a.ndim == 1 or a.size <= _SCANNED:
        return _scan(data)
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.generic, np.ndarray))


def _scan(data) -> bool:
    if isinstance(data, (np.generic, np.ndarray)):
        return True
    if isinstance(data, range) or not hasattr(data, "__len__"):
        return False
    return any(_scan(data[i]) for i, kind in enumerate(map(type, data)) if kind not in _PLAIN)


def _common_type(data):
    """The dtype of a nested sequence of Python's and NumPy's numbers; None where it is empty."""
    if isinstance(data, np.ndarray):
        warn_once(_SLOW)
        return dtypes.of_numpy(data.dtype)
    if isinstance(data, np.generic):
        return dtypes.of_numpy(data.dtype)
    if isinstance(data, dispatch.Tensor):
        return data.dtype
    if not isinstance(data, (int, float, complex)) and not hasattr(data, "__len__") or isinstance(data, str):
        raise _cannot_infer(data)
    if not hasattr(data, "__len__"):
        return dtypes.of_scalar(data)
    common = None
    for value in data:
        d = _common_type(value)
        if d is not None:
            common = d if common is None else dtypes.promote_types(common, d)
    return common


# ---------------------------------------------------------------- tensors among the elements

def _holds_tensors(data, depth: int = 0) -> bool:
    for value in data:
        if isinstance(value, dispatch.Tensor):
            return True
        if isinstance(value, (list, tuple)):
            if depth < 32 and value and _holds_tensors(value, depth + 1):
                return True
        elif depth == 0 and type(value) in (float, int):
            return any(isinstance(v, dispatch.Tensor) for v in data)
    return False


def _without_tensors(data):
    def strip(value):
        if isinstance(value, dispatch.Tensor):
            if value._a.ndim and value._a.size != 1:
                raise BadValue("only one element tensors can be converted to Python scalars")
            return move(value._a, CPU).reshape(())[()] if not dispatch.is_half(value._a.dtype) else value.item()
        return [strip(v) for v in value] if isinstance(value, (list, tuple)) else value
    return strip(data)


# ---------------------------------------------------------------- what cannot be

def from_results(found: list, d) -> np.ndarray:
    """What a Python function gave for each element; text is no sequence here."""
    for value in found:
        if isinstance(value, str):
            raise _bad_element(value, found, d)
    return array_of_data(found, d)


def _refused(data, d) -> np.ndarray:
    """What NumPy makes no array of numbers of: integers beyond 64 bits may still do; for the rest PyTorch's error."""
    if _refers_to_itself(data, ()):
        raise ArgumentError("new(): self-referential lists are incompatible")
    shape = _shape_of(data)
    if shape and shape[-1] == 0 and all(_is_sequence(v) for v in data):
        return np.empty(shape, (d or dtypes.get_default_dtype()).numpy)  # PyTorch looks at the first one alone
    _check_nested(data, data, 0, shape, d)
    if d is None or d.category == dtypes.INTEGER:
        raise _too_large(d)
    with np.errstate(over="ignore"):
        return np.array(data, d.numpy if d.category == dtypes.BOOL else np.float64).astype(d.numpy)


def _is_sequence(value) -> bool:
    return isinstance(value, (list, tuple, range, np.ndarray))


def _refers_to_itself(data, above: tuple) -> bool:
    if not isinstance(data, (list, tuple)):
        return False
    above = (*above, id(data))
    return any(id(v) in above or _refers_to_itself(v, above) for v in data if isinstance(v, (list, tuple)))


def _shape_of(data) -> list:
    shape = []
    while _is_sequence(data) or isinstance(data, str) and data:
        if isinstance(data, str):
            raise BadValue(f"too many dimensions '{type(data).__name__}'") if shape else ArgumentError(
                "new(): invalid data type 'str'")
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return shape


def _check_nested(data, whole, dim: int, shape: list, d) -> None:
    """Raises PyTorch's error for a ragged or non-numeric nested sequence."""
    if dim == len(shape):
        if not isinstance(data, (int, float, complex, bool, np.generic)):
            raise _bad_element(data, whole, d)
        return
    if not _is_sequence(data):
        raise _bad_element(data, whole, d) if not isinstance(data, (int, float, complex)) else ArgumentError("not a sequence")
    if len(data) != shape[dim]:
        raise BadValue(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})")
    for value in data:
        _check_nested(value, whole, dim + 1, shape, d)


def _bad_element(value, whole, d) -> Exception:
    """The error for what is no number: of the search for a dtype, or of the conversion to one."""
    kind = type(value).__name__
    if d is None and not isinstance(value, (list, tuple)):
        return ArgumentError(f"new(): invalid data type '{kind}'") if isinstance(value, str) else _cannot_infer(value)
    whole_numbers = d.category == dtypes.INTEGER if d is not None else not _has_floats(whole)
    return ArgumentError(f"'{kind}' object cannot be interpreted as an integer" if whole_numbers else
                         f"must be real number, not {kind}")


def _has_floats(data) -> bool:
    return any(_has_floats(v) if isinstance(v, (list, tuple)) else isinstance(v, (float, complex)) for v in data)


def _cannot_infer(data) -> EngineError:
    if isinstance(data, str):
        return ArgumentError("new(): invalid data type 'str'")
    return EngineError(f"Could not infer dtype of {type(data).__name__}")


def warn_copied() -> None:
    """`torch.tensor(x)` of a tensor copies it, which has clearer forms."""
    warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
         "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).")
