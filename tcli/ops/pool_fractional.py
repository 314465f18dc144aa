"""Fractional max pooling: windows at pseudo-random steps, so that the size shrinks by any ratio.

One random number per channel and dim decides where its windows begin (Graham, 2014).
"""

from math import prod

import numpy as np

from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.registry import T, composite
from ..errors import BadValue, EngineError, ShapeError
from .arrays import refuse
from .windows import exact_sizes, offsets


def _starts(samples, n: int, out: int, k: int):
    """(N, C, out): where the windows of each channel begin, for random numbers `samples` (N, C)."""
    first = module_of(samples).zeros((*samples.shape, out), np.int64)
    if out > 1:
        alpha = samples.dtype.type((n - k) / (out - 1))
        u = samples[..., None]
        i = module_of(samples).arange(out - 1).astype(samples.dtype)
        first[..., :-1] = ((i + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    if out > 0:
        first[..., -1] = n - k
    return first


def _places(x, samples, kernel, out):
    """The index in its plane of each window's maximum, the first of equals."""
    n = len(kernel)
    spatial = x.shape[2:]
    # In two dims the first random number belongs to the width.
    order = range(n - 1, -1, -1) if n == 2 else range(n)
    starts = [None] * n
    for number, d in enumerate(order):
        starts[d] = _starts(samples[..., number], spatial[d], out[d], kernel[d])
    xp, flat = module_of(x), x.reshape(*x.shape[:2], -1)
    best = where = None
    for offset in offsets(kernel):
        at = 0
        for d in range(n):
            shape = (*x.shape[:2], *(out[d] if e == d else 1 for e in range(n)))
            at = at * spatial[d] + (starts[d] + offset[d]).reshape(shape)
        at = at.reshape(*x.shape[:2], -1)
        values = xp.take_along_axis(flat, at, 2)
        if best is None:
            best, where = values, at
            continue
        better = (values > best) | (values != values)
        best, where = xp.where(better, values, best), xp.where(better, at, where)
    return where.reshape(*x.shape[:2], *out)


def _given_samples(samples, shape: tuple, n: int):
    """A row of n random numbers for each plane; more rows than the batch has are left alone."""
    if samples._a.ndim != 3:
        raise ShapeError("Expect _random_samples to have 3 dimensions, got " + str(samples._a.ndim))
    rows, channels, numbers = samples._a.shape
    if rows < shape[0]:
        raise ShapeError("Expect _random_samples.size(0) no less then input batch size.")
    if channels != shape[1]:
        raise ShapeError("Expect _random_samples.size(1) equals to input channel size.")
    if numbers != n:
        raise ShapeError(f"Expect _random_samples.size(2) equals to {n}; got {numbers}.")
    return samples[:shape[0]] if rows > shape[0] else samples


def _sizes(value, n: int, name: str, word: str) -> tuple:
    found = value if isinstance(value, (tuple, list)) else (value,) * n
    if len(found) != n:
        ints = "Ints" if n == 2 else "three Ints"
        raise EngineError(f"{name}: {word} must either be a single Int or tuple of {ints}")
    return exact_sizes(value, n, name, word)


def _fractional(name: str, n: int, x, kernel_size, output_size, output_ratio, samples):
    if output_size is None and output_ratio is None:
        raise BadValue(f"{name} requires specifying either an output_size or an output_ratio")
    if x._a.ndim not in (n + 1, n + 2):
        raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D tensor, but got: {list(x._a.shape)}")
    refuse(x._a, "c", f"fractional_max_pool{n}d_out_frame")
    batched = x._a.ndim == n + 2
    if not batched:
        x = T.unsqueeze(x, 0)
    kernel, spatial = _sizes(kernel_size, n, name, "kernel_size"), x._a.shape[2:]
    empty = next((d for d, size in enumerate(x._a.shape[1:], 1) if not size), None)
    if empty is not None:
        raise ShapeError(f"{name}{'_out' if n == 3 else ''}(): Expected input to have non-zero size for non-batch dimensions, "
                         f"but got{list(x._a.shape)} with dimension {empty} being empty.")
    if output_size is None:
        ratio = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
        if not all(0 < r < 1 for r in ratio):
            raise BadValue("output_ratio must be between 0 and 1 (got " + str(output_ratio) + ")")
        out = tuple(int(m * r) for m, r in zip(spatial, ratio, strict=True))
    else:
        out = _sizes(output_size, n, name, "output_size")
    for word, m, o, k in zip(("time", "height", "width")[-n:], spatial, out, kernel, strict=True):
        if o + k - 1 > m - (n == 3):
            raise EngineError(f"{name}{'_out' if n == 3 else ''}(): pool {word} {k} too large relative to input {word} {m}")
    if samples is None:
        samples = T.rand(*x._a.shape[:2], n, dtype=x.dtype)
    elif samples.dtype is not x.dtype:
        raise EngineError("Expect _random_samples to have the same dtype as input")
    else:
        samples = _given_samples(samples, x._a.shape, n)
    raw = samples._a.astype(np.float32) if samples._a.dtype.kind == "V" else samples._a
    source = x._a.astype(np.float32) if x._a.dtype.kind == "V" else x._a
    places = wrap(_places(source, raw, kernel, out)) if prod(source.shape[:2]) else wrap(
        np.zeros((*source.shape[:2], *out), np.int64))
    y = T._gather_planes(x, places, n) if places.numel() else _cut(x, out)
    if not batched:
        y, places = T.squeeze(y, 0), T.squeeze(places, 0)
    if y._node is not None:
        y._node._name = f"FractionalMaxPool{n}DBackward0"
    return y, places


def _cut(x, out: tuple):
    """An empty batch in the shape of the result."""
    for d, size in enumerate(out, 2):
        x = T._slice(x, d, 0, size)
    return x


def _declare(n: int):
    name = f"fractional_max_pool{n}d"
    sizes = ", ".join(["1", "2"] + ["5"] * n)
    fixed = f"_random_samples=torch.tensor({[[[0.3, 0.7, 0.5][:n]] * 2]}).reshape(1, 2, {n}).double()"

    @composite(name, at="F", samples=[f"distinct({sizes}), 2, 3, {fixed}", f"distinct({sizes}), 2, output_ratio={(0.6,) * n}, "
                                                                           f"{fixed}"])
    def pool(x, kernel_size: "any", output_size: "any" = None, output_ratio: "any" = None,
             return_indices: "bool" = False, _random_samples: "Tensor?" = None):
        found = _fractional(name, n, x, kernel_size, output_size, output_ratio, _random_samples)
        return found if return_indices else found[0]

    @composite(name + "_with_indices", at="F", samples=[f"distinct({sizes}), 2, 3, {fixed}"])
    def pool_with_indices(x, kernel_size: "any", output_size: "any" = None, output_ratio: "any" = None,
                          return_indices: "bool" = False, _random_samples: "Tensor?" = None):
        return _fractional(name, n, x, kernel_size, output_size, output_ratio, _random_samples)

    image = ", ".join(["1", "1"] + ["4"] * n)
    result = ", ".join(["1", "1"] + ["2"] * n)
    pool.__doc__ = f"""The maxima of {n}-d windows at pseudo-random steps: output_size of them, or output_ratio of x.

    >>> F.{name}(ones({image}), 2, output_size=2).shape
    torch.Size([{result}])
    """
    pool_with_indices.__doc__ = f"""({name}, the places of the maxima in their planes).

    >>> F.{name}_with_indices(ones({image}), 2, output_size=2)[1].shape
    torch.Size([{result}])
    """


for _n in (2, 3):
    _declare(_n)
