"""`torch.testing.make_tensor`: a tensor of random numbers for a test."""

from __future__ import annotations

import math

from ..engine import dtypes
from ..engine.registry import T
from ..errors import BadValue


def make_tensor(*shape, dtype, device=None, low: float | None = None, high: float | None = None, requires_grad: bool = False,
                noncontiguous: bool = False, exclude_zero: bool = False, memory_format: object = None):
    """Numbers drawn evenly from [low, high): from -9 to 9 unless told otherwise, 0 and 1 for bool."""
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else tuple(shape)
    whole = dtype.category <= dtypes.INTEGER
    if requires_grad and whole:
        raise BadValue(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}")
    if noncontiguous and math.prod(sizes) > 1:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    low, high = _interval(dtype, low, high)
    if whole:
        found = T.randint(math.ceil(low), math.ceil(high), sizes, device=device, dtype=dtype)
    else:
        found = T.empty(sizes, device=device, dtype=dtype)
        (T.view_as_real(found) if found.is_complex() else found).uniform_(low, high)
    if noncontiguous and found.numel() > 1:
        found = found[..., 1::2]
    if exclude_zero:
        found[found == 0] = 1 if whole else dtypes.finfo(dtype).tiny
    return found.requires_grad_(requires_grad) if not whole else found


def _interval(dtype, low: float | None, high: float | None) -> tuple[float, float]:
    if dtype.category < dtypes.INTEGER:
        least, most, plain = 0.0, 2.0, (0.0, 2.0)
    elif dtype.category == dtypes.INTEGER:
        whole = dtypes.iinfo(dtype)
        least, most, plain = whole.min, whole.max + (whole.bits < 64), (-9, 10)
    else:
        real = dtypes.finfo(dtype)
        least, most, plain = real.min, real.max, (-9, 9)
    low, high = plain[0] if low is None else low, plain[1] if high is None else high
    if not low <= high or low == high and dtype.category <= dtypes.INTEGER:
        raise BadValue(f"`low` must be less than `high`, but got {low} >= {high}")
    return min(max(low, least), most), min(max(high, least), most)
