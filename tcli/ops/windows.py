"""Sliding windows, shared by convolutions and pooling: sizes, padding and strided slices.

No op is declared here. A window of `kernel` positions per spatial dim is never copied as such: for each
offset inside the window one strided slice of the padded input holds that offset for all outputs.
"""

from itertools import product

from ..engine import dtypes
from ..errors import ArgumentError, EngineError


def c_name(d) -> str:
    """PyTorch's C++ name of a NumPy dtype in messages: `long int` for int64."""
    return {"int64": "long int", "int16": "short int"}.get(d.name) or dtypes.C_NAMES[dtypes.of_numpy(d).name]


def sizes(value, n: int, op: str, name: str) -> tuple:
    """`value` (a number, or one or n numbers) as n numbers."""
    if type(value) is int:
        return (value,) * n
    if hasattr(value, "_a"):
        value = value.tolist()
    if isinstance(value, (tuple, list)):
        found = tuple(_int(v, op, name, n) for v in value)
        return found * n if len(found) == 1 else found
    return (_int(value, op, name, n),) * n


def _int(value, op: str, name: str, n: int) -> int:
    if type(value) is int:
        return value
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise ArgumentError(f"{op}(): argument '{name}' must be tuple of ints, not {type(value).__name__}")
    return value.__index__()


def exact_sizes(value, n: int, op: str, name: str) -> tuple:
    """The same for pooling, which names its argument in the error."""
    found = sizes(value, n, op, name)
    if len(found) != n:
        word = "a single int" if n == 1 else f"a single int, or a tuple of {'two' if n == 2 else 'three'} ints"
        omitted = "omitted, " if name == "stride" else ""
        raise EngineError(f"{op}: {name} must either be {omitted}{word}")
    return found


def offsets(kernel: tuple):
    """Every position inside a window, in row-major order."""
    return product(*map(range, kernel))


def slices(offset: tuple, out: tuple, stride: tuple, dilation: tuple) -> tuple:
    """Where the values at one offset of all windows lie in the padded input."""
    return tuple(slice(i * d, i * d + (n - 1) * s + 1 if n else 0, s)
                 for i, n, s, d in zip(offset, out, stride, dilation, strict=True))


def padded(xp, x, pads: tuple, value=0):
    """`x` with (low, high) extra places per spatial dim (the last ones); `x` itself where there are none."""
    if not any(low or high for low, high in pads):
        return x
    lead = x.ndim - len(pads)
    shape = x.shape[:lead] + tuple(n + low + high for n, (low, high) in zip(x.shape[lead:], pads, strict=True))
    full = xp.zeros(shape, x.dtype) if value == 0 else xp.full(shape, value, x.dtype)
    full[(Ellipsis, *(slice(low, low + n) for n, (low, _) in zip(x.shape[lead:], pads, strict=True)))] = x
    return full


def cropped(x, pads: tuple, size: tuple):
    """Undoes `padded`."""
    if not any(low or high for low, high in pads):
        return x
    return x[(Ellipsis, *(slice(low, low + n) for n, (low, _) in zip(size, pads, strict=True)))]


def columns(xp, x, kernel: tuple, stride: tuple, dilation: tuple, out: tuple):
    """(N, C, *kernel, *out): the windows of a padded input, one strided copy per offset."""
    if all(k == 1 for k in kernel):
        part = x if all(s == 1 for s in stride) and x.shape[2:] == out else \
            x[(slice(None), slice(None), *slices((0,) * len(kernel), out, stride, dilation))]
        return part.reshape(*x.shape[:2], *kernel, *out)
    cols = xp.empty((*x.shape[:2], *kernel, *out), x.dtype)
    every = (slice(None), slice(None))
    for offset in offsets(kernel):
        cols[(*every, *offset)] = x[(*every, *slices(offset, out, stride, dilation))]
    return cols
