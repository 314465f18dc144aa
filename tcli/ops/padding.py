"""Padding: with a constant, or with values of the tensor itself (reflect, replicate, circular).

`pad` lists (low, high) pairs from the last dim backwards; negative numbers cut off. A constant pad is
its own adjoint with the signs changed. The other modes copy places of the input; their adjoint adds the
copies back to where they came from.
"""

import numpy as np

from ..engine.registry import T, composite, op
from ..errors import EngineError, Unsupported
from .arrays import refuse


def _pairs(pad, ndim: int) -> list:
    """(low, high) for every dim, first to last."""
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]


def _check_constant(shape, pad) -> None:
    if len(pad) % 2:
        raise EngineError("Length of pad must be even but instead it equals " + str(len(pad)))
    if len(pad) > 2 * len(shape):
        raise EngineError("Length of pad should be no more than twice the number of dimensions of the input. Pad "
                          f"length is {len(pad)} while the input has {len(shape)} dimensions.")
    for n, (low, high) in zip(shape, _pairs(pad, len(shape)), strict=True):
        if n + low + high < 0:
            raise EngineError("narrow(): length must be non-negative." if low < 0 or high < 0 else "negative size")


@op("constant_pad_nd", rows="format", at="torch", half=False, grad_name="ConstantPadNdBackward0",
    samples=["r(2, 3), (1, 2)", "r(2, 3), (1, -1, 0, 2), 0.5", "r(3), (-1, 0)"],
    vjp={"x": lambda k, g, pad: k.constant_pad_nd(g, tuple(-p for p in pad), 0)}, raw_vjp=True)
def constant_pad_nd(xp, x, pad: "Shape", value: "Scalar" = 0):
    """x with places of `value` added (low, high) to each dim, the last first; negative ones cut off.

    >>> constant_pad_nd(tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    _check_constant(x.shape, pad)
    pairs = _pairs(pad, x.ndim)
    shape = tuple(n + low + high for n, (low, high) in zip(x.shape, pairs, strict=True))
    out = xp.zeros(shape, x.dtype) if value == 0 else xp.full(shape, _as(value, x.dtype), x.dtype)
    source = tuple(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(x.shape, pairs, strict=True))
    target = tuple(slice(max(low, 0), n - max(high, 0)) for n, (low, high) in zip(shape, pairs, strict=True))
    out[target] = x[source]
    return out


def _as(value, dtype):
    """A fill value in the dtype; fractions of integers are cut off."""
    return int(value) if dtype.kind in "iu" and not isinstance(value, complex) else value


# ---------------------------------------------------------------- padding with the tensor's own values

def _positions(n: int, low: int, high: int, mode: str):
    """Which place of a dim of size n each padded place copies."""
    i = np.arange(-low, n + high)
    if mode == "replicate":
        return np.clip(i, 0, max(n - 1, 0))
    if mode == "circular":
        # What is cut off does not come round again.
        start = max(-low, 0)
        return start + (i - start) % max(n - start - max(-high, 0), 1)
    return np.where(i < 0, -i, np.where(i >= n, 2 * (n - 1) - i, i))


def _pad_name(x, pairs, mode: str) -> str:
    if mode == "circular":
        return "torch::autograd::CopySlices"
    return f"{'Reflection' if mode == 'reflect' else 'Replication'}Pad{len(pairs)}DBackward0"


@op("_pad_with_self", rows="format", at="", half=False, grad_name=_pad_name,
    samples=["r(2, 4), ((1, 2),), 'reflect'", "r(2, 3, 4), ((1, 0), (2, 1)), 'circular'"],
    vjp={"x": lambda k, g, x_shape, pairs, mode: k._pad_back(g, x_shape, pairs, mode)})
def _pad_with_self(xp, x, pairs: "any", mode: "any"):
    lead = x.ndim - len(pairs)
    for d, (low, high) in enumerate(pairs, lead):
        if low or high:
            x = _pad_dim(xp, x, d, low, high, mode)
    return x if any(map(any, pairs)) else x.copy()


def _middle(where, low: int, high: int):
    """The padded places (first, beyond last) that are the tensor's own, not copies."""
    first = max(low, 0)
    return first, max(first, len(where) - max(high, 0))


def _pad_dim(xp, x, d: int, low: int, high: int, mode: str):
    where, lead = _positions(x.shape[d], low, high, mode).tolist(), (slice(None),) * d
    first, last = _middle(where, low, high)
    out = xp.empty((*x.shape[:d], len(where), *x.shape[d + 1:]), x.dtype)
    if last > first:
        out[(*lead, slice(first, last))] = x[(*lead, slice(where[first], where[last - 1] + 1))]
    for i in (*range(first), *range(last, len(where))):
        out[(*lead, i)] = x[(*lead, where[i])]
    return out


@op("_pad_back", at="", grad_name="PadBackward0", samples=["r(2, 7), (2, 4), ((1, 2),), 'reflect'"],
    vjp={"g": lambda k, h, pairs, mode: k._pad_with_self(h, pairs, mode)})
def _pad_back(xp, g, shape: "any", pairs: "any", mode: "any"):
    """The adjoint of `_pad_with_self`: every copy is added to its source."""
    lead = g.ndim - len(pairs)
    for d, (low, high) in enumerate(pairs, lead):
        if low or high:
            g = _fold_dim(xp, g, d, shape[d], low, high, mode)
    return g


def _fold_dim(xp, g, d: int, n: int, low: int, high: int, mode: str):
    where, lead = _positions(n, low, high, mode).tolist(), (slice(None),) * d
    first, last = _middle(where, low, high)
    out = xp.zeros((*g.shape[:d], n, *g.shape[d + 1:]), g.dtype)
    if last > first:
        out[(*lead, slice(where[first], where[last - 1] + 1))] = g[(*lead, slice(first, last))]
    for i in (*range(first), *range(last, len(where))):
        out[(*lead, where[i])] += g[(*lead, i)]
    return out


_UNSUPPORTED = """Padding size {} is not supported for {}D input tensor.
Supported combinations for non-constant padding:
  - 2D or 3D input: padding size = 2 (pads last dimension)
  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)
  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"""


def _check_self_pad(x, pad, pairs, mode: str) -> None:
    ndim, n = x._a.ndim, len(pad) // 2
    if mode != "circular":
        refuse(x._a, "b", f"{'reflection' if mode == 'reflect' else 'replication'}_pad{n}d")
    if n not in (1, 2, 3) or ndim not in (n + 1, n + 2):
        raise Unsupported(_UNSUPPORTED.format(len(pad), ndim))
    if mode != "circular" and 0 in x._a.shape[ndim == n + 2:]:
        raise EngineError(f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
                          f"dimensions for input, but got: {list(x._a.shape)}")
    for d, (low, high) in reversed(list(enumerate(pairs, ndim - n))):
        size = x._a.shape[d]
        if mode == "reflect" and (low >= size or high >= size):
            number = 4 + 2 * (ndim - 1 - d)
            raise EngineError(f"Argument #{number}: Padding size should be less than the corresponding input "
                              f"dimension, but got: padding ({low}, {high}) at dimension {d} of input "
                              f"{list(x._a.shape)}")
        if mode == "circular" and (low > size or high > size):
            raise EngineError("Padding value causes wrapping around more than once.")
        if size + low + high < 1 and mode != "circular":
            raise EngineError(f"input (W: {size}) is too small. Calculated output W: {size + low + high}")
        if mode == "circular" and size + low + high < 0:
            raise EngineError("Negative padding value is resulting in an empty dimension")


@composite("pad", at="F", samples=["r(2, 3), (1, 2)", "r(2, 3, 4), (1, 1, 2, 0), value=0.5",
                                   "r(2, 3, 4), (2, 1), mode='reflect'",
                                   "r(1, 2, 3, 4), (2, 1, 0, 3), mode='replicate'",
                                   "r(2, 3, 4), (2, 1), mode='circular'",
                                   "r(2, 5), (-1, 2), mode='reflect'"])
def pad(x, pad: "Shape", mode: "str" = "constant", value: "Scalar?" = None):
    """x with (low, high) places added to the last dims, the last one first: of `value`, or of x itself in the modes
    "reflect", "replicate" and "circular". Negative numbers cut off.

    >>> F.pad(tensor([[1., 2., 3.]]), (1, 2), mode="reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    if len(pad) % 2:
        raise EngineError("Padding length must be divisible by 2")
    if len(pad) > 2 * x._a.ndim:
        raise EngineError("Padding length should be less than or equal to two times the input dimension but got "
                          f"padding length {len(pad)} and input of dimension {x._a.ndim}")
    if mode == "constant":
        return T.constant_pad_nd(x, pad, 0 if value is None else value)
    if value is not None and value != 0:
        raise EngineError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise Unsupported(f"Unrecognised padding mode {mode}")
    pairs = tuple(_pairs(pad, len(pad) // 2))
    _check_self_pad(x, pad, pairs, mode)
    return T._pad_with_self(x, pairs, mode)
