"""Arrays from Python data: numbers, nested sequences, arrays and tensors, with PyTorch's dtypes and errors."""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, BadValue, EngineError
from . import dispatch, dtypes
from .device import CPU, move


def array_of_data(data, d) -> np.ndarray:
    """A new array of `data`, of dtype `d` or, for None, of the dtype that PyTorch would infer."""
    kind = type(data)
    if kind is float or kind is int or kind is bool or kind is complex:
        return _number_array(data, d)
    if isinstance(data, dispatch.Tensor):
        a = data._a.copy()
    elif isinstance(data, (np.ndarray, np.generic)):
        a = np.array(data)
        dtypes.of_numpy(a.dtype)
    elif isinstance(data, (list, tuple, range)) or hasattr(data, "__len__") and hasattr(data, "__getitem__") \
            and not isinstance(data, (str, bytes, dict)):
        a = _from_sequence(data, d)
    elif hasattr(data, "__array__"):
        a = np.array(data)
    else:
        raise _cannot_infer(data)
    return a if d is None or a.dtype == d.numpy else _convert(a, d)


def _number_array(value, d) -> np.ndarray:
    if d is None:
        d = dtypes.of_scalar(value)
    if d.category < dtypes.COMPLEX and type(value) is complex:
        raise ArgumentError("must be real number, not complex")
    if d.category == dtypes.INTEGER and type(value) is int:
        low, high = _bounds(d)
        if not low <= value <= high:
            if not -2 ** 63 <= value < 2 ** 63:
                raise EngineError("Overflow when unpacking long long")
            raise EngineError(f"value cannot be converted to type {dtypes.C_NAMES[d.name]} without overflow")
    return np.asarray(value).astype(d.numpy)


def _bounds(d) -> tuple[int, int]:
    """The integers that this dtype takes: the negative ones of an unsigned type wrap around."""
    info = np.iinfo(d.numpy)
    return int(info.min) if info.min else -int(info.max), int(info.max)


def _convert(a: np.ndarray, d) -> np.ndarray:
    if a.dtype.kind == "c" and d.category < dtypes.COMPLEX:
        a = a.real
    return a.astype(d.numpy)


def _from_sequence(data, d) -> np.ndarray:
    if _holds_tensors(data):
        data = _without_tensors(data)
    try:
        a = np.array(data)
    except (ValueError, OverflowError, TypeError) as error:
        _check_nested(data, 0, _shape_of(data))
        raise EngineError("Overflow when unpacking long long") from error
    if a.dtype == object:
        _check_nested(data, 0, _shape_of(data))
        raise EngineError("Overflow when unpacking long long")
    if a.dtype.kind in "USMm":
        raise _bad_element(data)
    if d is None and a.dtype.kind == "f" and a.ndim == 1 and any(isinstance(v, np.generic) for v in data):
        common = dispatch.result_type_of_scalars(data)
        return a.astype(common.numpy)
    if a.dtype.kind == "f" and a.dtype == np.float64 and d is None and not _first_is_numpy(data):
        with np.errstate(over="ignore"):  # 1e39 is inf in float32
            return a.astype(dtypes.get_default_dtype().numpy)
    if a.dtype.kind == "c" and d is None and not _first_is_numpy(data):
        return a.astype(dtypes.default_complex().numpy)
    if a.size == 0 and a.dtype == np.float64 and d is None:
        return a.astype(dtypes.get_default_dtype().numpy)
    if a.dtype == np.uint64 and d is None:
        raise EngineError("Overflow when unpacking long long")
    if d is not None and d.category == dtypes.INTEGER and a.dtype.kind in "iu" and a.size and d.itemsize < 8:
        low, high = _bounds(d)
        if int(a.min()) < low or int(a.max()) > high:
            raise EngineError(f"value cannot be converted to type {dtypes.C_NAMES[d.name]} without overflow")
    return a


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


def _first_is_numpy(data) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    # np.float64 is a Python float and np.complex128 a Python complex: they count as such.
    return isinstance(data, (np.generic, np.ndarray)) and not isinstance(data, (float, complex))


def _shape_of(data) -> list:
    shape = []
    while isinstance(data, (list, tuple, range, np.ndarray)):
        shape.append(len(data))
        if not len(data):
            break
        data = data[0]
    return shape


def _check_nested(data, dim: int, shape: list) -> None:
    """Raises PyTorch's error for a ragged or non-numeric nested sequence."""
    if dim == len(shape):
        if isinstance(data, (list, tuple)):
            raise ArgumentError(f"must be real number, not {type(data).__name__}")
        if not isinstance(data, (int, float, complex, bool, np.generic)):
            raise _bad_element(data)
        return
    if not isinstance(data, (list, tuple, range, np.ndarray)):
        raise ArgumentError(f"not a sequence at dim {dim}") if data is None else _bad_or_short(data, dim, shape)
    if len(data) != shape[dim]:
        raise BadValue(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})")
    for value in data:
        _check_nested(value, dim + 1, shape)


def _bad_or_short(data, dim: int, shape: list):
    return ArgumentError(f"object of type '{type(data).__name__}' has no len()" if dim else "not a sequence")


def _bad_element(data):
    while isinstance(data, (list, tuple)) and data:
        text = next((v for v in data if not isinstance(v, (int, float, complex, bool))), data[0])
        data = text
    if isinstance(data, str):
        return BadValue(f"too many dimensions '{type(data).__name__}'")
    return _cannot_infer(data)


def _cannot_infer(data):
    return EngineError(f"Could not infer dtype of {type(data).__name__}")
