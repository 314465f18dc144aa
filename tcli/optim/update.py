"""Updates on raw arrays: in place, block by block, so that all passes over a block find it in the cache, on all threads.

A kernel is `(xp, p, g, *state, *scratch, *numbers)`; it writes into everything but `g`. Halves are
updated in float32 and rounded once, complex numbers as pairs of real ones.
"""

from __future__ import annotations

import numpy as np

from ..engine.blocks import scratch as buffer
from ..engine.device import module_of
from ..engine.dispatch import is_half
from ..engine.threads import spread
from ..engine.waiting import before_write
from . import together

BLOCK, SMALL = 1 << 16, 1024
_scratch: dict = {}
_like: dict = {}


def run(kernel, arrays: list, scratch: int, *numbers) -> None:
    """Runs a kernel over parameter, gradient and state arrays of one shape."""
    p = arrays[0]
    for a in (p, *arrays[2:]):
        before_write(a)
    on_host = type(p) is np.ndarray
    if not on_host and together.note(kernel, arrays, scratch, numbers):
        return
    xp = np if on_host else module_of(p)
    if not on_host and p.dtype.kind != "c" and not is_half(p.dtype):
        kernel(xp, *arrays, *[xp.empty_like(p) for _ in range(scratch)], *numbers)
    elif is_half(p.dtype):
        _through(kernel, arrays, [a.astype(np.float32) for a in arrays], scratch, numbers)
    elif p.dtype.kind == "c":
        pairs = [xp.ascontiguousarray(a).reshape(-1).view(p.real.dtype) for a in arrays]
        _through(kernel, arrays, pairs, scratch, numbers)
    elif p.size <= BLOCK or not all(a.flags.c_contiguous for a in (p, *arrays[2:])):
        kernel(np, *arrays, *_scratch_like(p, scratch), *numbers)
    else:
        _blocks(kernel, [np.ascontiguousarray(a).reshape(-1) for a in arrays], scratch, numbers)


def _scratch_like(p, count: int) -> list:
    """`count` arrays like `p`, the same ones at every step: making them costs as much as the arithmetic on small ones."""
    key = p.shape, p.dtype, count
    found = _like.get(key)
    if found is None:
        if p.size > SMALL or not p.flags.c_contiguous:
            return [np.empty_like(p) for _ in range(count)]
        if len(_like) > 200:
            _like.clear()
        found = _like[key] = [np.empty_like(p) for _ in range(count)]
    return found


def _through(kernel, arrays: list, stand_ins: list, scratch: int, numbers: tuple) -> None:
    """Runs a kernel on stand-ins of another dtype and writes all but the gradient back."""
    run(kernel, stand_ins, scratch, *numbers)
    for i, (a, b) in enumerate(zip(arrays, stand_ins, strict=True)):
        if i != 1:
            a[...] = b if b.dtype.kind != "f" or a.dtype.kind != "c" else b.view(a.dtype).reshape(a.shape)


def _blocks(kernel, flat: list, scratch: int, numbers: tuple) -> None:
    dtype, size = flat[0].dtype, flat[0].size

    def work(blocks) -> None:
        buffers = [buffer(dtype, BLOCK, j) for j in range(scratch)]
        for i in blocks:
            start, stop = i * BLOCK, min((i + 1) * BLOCK, size)
            kernel(np, *[a[start:stop] for a in flat], *[b[:stop - start] for b in buffers], *numbers)

    spread(-(-size // BLOCK), work)


# ---------------------------------------------------------------- what kernels are made of

def direction(xp, p, g, out, weight_decay: float, maximize: bool):
    """The gradient to follow: negated to maximise, plus weight_decay · p; `out` holds it if it is not `g` itself."""
    if weight_decay:
        xp.multiply(p, weight_decay, out)
        return xp.subtract(out, g, out) if maximize else xp.add(g, out, out)
    return xp.negative(g, out) if maximize else g


def lerp(xp, a, b, weight: float, tmp) -> None:
    """a becomes a + weight · (b - a)."""
    xp.subtract(b, a, tmp)
    if weight < 0.5:
        xp.multiply(tmp, weight, tmp)
        xp.add(a, tmp, a)
    else:
        xp.multiply(tmp, 1 - weight, tmp)
        xp.subtract(b, tmp, a)


def decay_square(xp, v, g, decay: float, tmp) -> None:
    """v becomes decay · v + (1 - decay) · g²."""
    xp.multiply(v, decay, v)
    xp.multiply(g, 1 - decay, tmp)
    xp.multiply(tmp, g, tmp)
    xp.add(v, tmp, v)


def add_scaled(xp, a, b, factor: float, tmp) -> None:
    """a becomes a + factor · b."""
    xp.multiply(b, factor, tmp)
    xp.add(a, tmp, a)


def add_ratio(xp, a, b, c, factor: float, tmp) -> None:
    """a becomes a + factor · b / c."""
    xp.multiply(b, factor, tmp)
    xp.divide(tmp, c, tmp)
    xp.add(a, tmp, a)
