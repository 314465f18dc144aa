"""`torch.testing.make_tensor`: a tensor of random numbers for a test."""

from __future__ import annotations

import math
import warnings

from ..engine import dtypes
from ..engine.registry import T
from ..errors import BadValue


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
    found = _drawn((*sizes[:-1], 2 * sizes[-1]) if noncontiguous else sizes, dtype, device, low, high)
    if noncontiguous:
        found = found[..., 1::2]
    elif memory_format is not None:
        found = found.clone(memory_format=memory_format)
    if exclude_zero:
        found[found == 0] = 1 if whole else dtypes.finfo(dtype).tiny
    return found if whole or dtype.itemsize == 1 else found.requires_grad_(requires_grad)


def _drawn(sizes: tuple, dtype, device, low: float | None, high: float | None):
    low, high = _interval(dtype, low, high)
    if dtype.category <= dtypes.INTEGER:
        return T.randint(math.ceil(low), math.ceil(high), sizes, device=device, dtype=dtype)
    small = dtype.itemsize == 1
    found = T.empty(sizes, device=device, dtype=dtypes.float32 if small else dtype)
    into = T.view_as_real(found) if found.is_complex() else found
    real = dtypes.finfo(into.dtype)
    if high - low < real.max:
        into.uniform_(low, high)
    else:  # the width of the interval is no number of the dtype
        into.uniform_(low / 2, high / 2).mul_(2)
    return found.to(dtype) if small else found


def _interval(dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """The bounds as the dtype can hold them."""
    least, most, plain = _limits(dtype)
    low, high = plain[0] if low is None else low, plain[1] if high is None else high
    if any(isinstance(each, float) and math.isnan(each) for each in (low, high)):
        raise BadValue(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low == high and dtype.category > dtypes.INTEGER and dtype.itemsize > 1:
        warnings.warn("Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since "
                      "2.1 and will be removed in 2.3. Use `torch.full(...)` instead.", FutureWarning, stacklevel=4)
    elif low >= high:
        raise BadValue(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise BadValue(f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports "
                       f"[{least}, {most})")
    return min(max(low, least), most), min(max(high, least), most)


def _limits(dtype) -> tuple:
    """(the least number, the end of the range, the usual interval)."""
    if dtype.category < dtypes.INTEGER:
        return 0, 2, (0, 2)
    if dtype.category == dtypes.INTEGER:
        whole = dtypes.iinfo(dtype)
        return whole.min, whole.max + (dtype is not dtypes.int64), (-9, 10)
    real = dtypes.finfo(dtype)
    return real.min, real.max, (-9, 9)
