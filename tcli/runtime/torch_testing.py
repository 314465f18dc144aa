"""`torch.testing.make_tensor`: a tensor of random numbers for a test."""

from __future__ import annotations

import math

from ..engine import dtypes
from ..engine.registry import T
from ..engine.warn import warn
from ..errors import ArgumentError, BadValue


def make_tensor(*shape, dtype, device=None, low: float | None = None, high: float | None = None, requires_grad: bool = False,
                noncontiguous: bool = False, exclude_zero: bool = False, memory_format: object = None):
    """Numbers drawn evenly from [low, high): from -9 to 9 unless told otherwise, 0 and 1 for bool."""
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)
    whole = dtype.category <= dtypes.INTEGER
    if noncontiguous and memory_format is not None:
        raise BadValue("The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
                       f"noncontiguous={noncontiguous} and memory_format={memory_format}")
    if requires_grad and whole:
        raise BadValue(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}")
    noncontiguous = noncontiguous and math.prod(sizes) > 1
    if noncontiguous:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    found = _drawn(sizes, dtype, device, *_interval(dtype, low, high))
    if noncontiguous:
        found = found[..., 1::2]
    elif memory_format is not None:
        found = T.clone(found, memory_format=memory_format)
    if exclude_zero:
        found[found == 0] = 1 if whole else dtypes.finfo(dtype).tiny
    return found.requires_grad_(requires_grad) if not whole else found


def _drawn(sizes: tuple, dtype, device, low, high):
    if dtype.category <= dtypes.INTEGER:
        return T.randint(low, high, sizes, device=device, dtype=dtype)
    if dtype.itemsize == 1:
        return _drawn(sizes, dtypes.float32, device, low, high).to(dtype)
    found = T.empty(sizes, device=device, dtype=dtype)
    parts = T.view_as_real(found) if found.is_complex() else found
    if high - low >= dtypes.finfo(dtype).max:  # wider than what can be drawn at once
        parts.uniform_(low / 2, high / 2).mul_(2)
    else:
        parts.uniform_(low, high)
    return found


def _limits(dtype) -> tuple:
    """(the least value, the first beyond the most, the default interval) of a dtype."""
    if dtype.category < dtypes.INTEGER:
        return 0, 2, (0, 2)
    if dtype.category == dtypes.INTEGER:
        info = dtypes.iinfo(dtype)
        return info.min, info.max + (dtype is not dtypes.int64), (-9, 10)
    real = dtypes.finfo(dtype)
    return real.min, real.max, (-9, 9)


def _interval(dtype, low: float | None, high: float | None) -> tuple:
    if dtype.category > dtypes.COMPLEX:
        raise ArgumentError(f"The requested dtype '{dtype}' is not supported by torch.testing.make_tensor().")
    least, most, plain = _limits(dtype)
    low, high = plain[0] if low is None else low, plain[1] if high is None else high
    if any(isinstance(value, float) and math.isnan(value) for value in (low, high)):
        raise BadValue(f"`low` and `high` cannot be NaN, but got low={low!r} and high={high!r}")
    if low == high and dtype.category > dtypes.INTEGER:
        warn("Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since "
             "2.1 and will be removed in 2.3. Use `torch.full(...)` instead.", FutureWarning)
    elif low >= high:
        raise BadValue(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise BadValue(f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports "
                       f"[{least}, {most})")
    low, high = min(max(low, least), most), min(max(high, least), most)
    return (math.ceil(low), math.ceil(high)) if dtype.category <= dtypes.INTEGER else (low, high)
