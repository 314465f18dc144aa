"""Updates on raw arrays: in place, block by block, so that all passes over a block find it in the cache, on all threads.

A kernel is `(xp, p, g, *state, *scratch, *numbers)`; it writes into everything but `g`, always through `xp`, so that one
kernel serves arrays, halves (`_Rounding`) and gradients through a step (`_Recording`). Complex numbers go as pairs of
real ones. The second scratch array holds what PyTorch never stores: in halves it is a float32 one.
"""

from __future__ import annotations

import numpy as np

from .. import native
from ..engine.blocks import scratch as buffer
from ..engine.device import module_of
from ..engine.dispatch import is_half
from ..engine.registry import T
from ..engine.tape import FLOAT32, FLOAT64
from ..engine.tape import state as modes
from ..engine.waiting import before_write, readers
from . import together

BLOCK, SMALL = 1 << 16, 1024
AT_ONCE = 1 << 14  # elements that are not worth waiting for others
UNSTORED = 1
compiled: dict = {}  # by kernel: a function of (state, numbers) that gives its name, states and numbers for native.steps
_scratch: dict = {}
_like: dict = {}


def run(kernel, tensors: list, scratch: int, *numbers, differentiable: bool = False) -> None:
    """Runs a kernel over parameter, gradient and state of one shape."""
    if differentiable:
        _record(kernel, tensors, scratch, numbers)
    else:
        _run(kernel, [t._a for t in tensors], scratch, numbers)


def run_all(kernel, params: list, states: list, numbers: tuple) -> bool:
    """Runs a kernel over all parameters that have a gradient, beside lists of their states; says whether it did, for small
    steps of what is plain: compiled code does them in one call."""
    if readers or together.are_waiting():
        return False
    name, *rest = compiled[kernel](states, numbers)
    return native.step_tensors(name, params, *rest)


def _run(kernel, arrays: list, scratch: int, numbers: tuple, later: bool = True) -> None:
    p = arrays[0]
    if readers:
        for a in (p, *arrays[2:]):
            before_write(a)
    on_host = type(p) is np.ndarray
    if not on_host and together.note(kernel, arrays, scratch, numbers):
        return
    if on_host and native.kernels is not None and kernel in compiled:
        name, *rest = compiled[kernel](arrays[2:], numbers)
        step = name, p, np.ascontiguousarray(arrays[1]), *rest
        together.call(step, lambda: _run_plain(kernel, arrays, scratch, numbers, later), later)
    else:
        together.run_calls()
        _run_plain(kernel, arrays, scratch, numbers, later)


def _run_plain(kernel, arrays: list, scratch: int, numbers: tuple, later: bool) -> None:
    p = arrays[0]
    on_host = type(p) is np.ndarray
    xp = np if on_host else module_of(p)
    if on_host and p.size <= SMALL and (p.dtype is FLOAT32 or p.dtype is FLOAT64):
        kernel(np, *arrays, *_scratch_like(p, scratch), *numbers)
    elif not on_host and p.dtype.kind != "c" and not is_half(p.dtype):
        kernel(xp, *arrays, *[xp.empty_like(p) for _ in range(scratch)], *numbers)
    elif is_half(p.dtype) and not on_host:
        _through(kernel, arrays, [a.astype(np.float32) for a in arrays], scratch, numbers)
    elif is_half(p.dtype):
        spare = [np.empty(p.shape, np.float32 if i == UNSTORED else p.dtype) for i in range(scratch)]
        kernel(_rounding, *arrays, *spare, *numbers)
    elif p.dtype.kind == "c":
        pairs = [xp.ascontiguousarray(a).reshape(-1).view(p.real.dtype) for a in arrays]
        _through(kernel, arrays, pairs, scratch, numbers)
    elif p.size <= AT_ONCE or not all(a.flags.c_contiguous for a in (p, *arrays[2:])):
        kernel(np, *arrays, *_scratch_like(p, scratch), *numbers)
    else:
        _blocks(kernel, [np.ascontiguousarray(a).reshape(-1) for a in arrays], scratch, numbers, later)


class _Rounding:
    """NumPy for halves: each function computes in float32, and what is stored is rounded, as PyTorch does it."""

    def __getattr__(self, name: str):
        fn = getattr(np, name)

        def rounded(*args, out=None):
            if out is None and len(args) > fn.nin:
                *args, out = args
            if fn is np.add and isinstance(args[1], float):
                args = args[0], alpha(args[1], args[0])
            found = fn(*(a.astype(np.float32) if isinstance(a, np.ndarray) and is_half(a.dtype) else a for a in args))
            if out is None:
                return found
            out[...] = found
            return out

        self.__dict__[name] = rounded
        return rounded

    def where(self, condition, a, b):
        return np.where(condition, a, b)

    def clip(self, a, low, high, out):
        out[...] = a.astype(np.float32).clip(low, high)
        return out


_rounding = _Rounding()


class _Cell:
    """A place that a kernel writes into: it holds the tensor written last, which knows how it was made."""

    __slots__ = ("dtype", "t")

    def __init__(self, t):
        self.t, self.dtype = t, t._a.dtype

    def __setitem__(self, _everything, value) -> None:
        self.t = _content(value)

    def __lt__(self, other):
        return self.t < other

    def __gt__(self, other):
        return self.t > other


def _content(value):
    return value.t if isinstance(value, _Cell) else value


class _Recording:
    """The functions of NumPy that kernels use, on cells."""

    FIRST_OUT = {"negative": 1, "sqrt": 1, "abs": 1, "sign": 1}

    def __getattr__(self, name: str):
        fn = getattr(T, name)
        inputs = self.FIRST_OUT.get(name, 2)

        def recorded(*args, out=None):
            if out is None and len(args) > inputs:
                *args, out = args
            found = fn(*map(_content, args))
            if out is None:
                return found
            out.t = found
            return out

        self.__dict__[name] = recorded
        return recorded

    def where(self, condition, a, b):
        return T.where(_content(condition), _content(a), _content(b))

    def clip(self, a, low, high, out):
        out.t = T.clip(a.t, low, high)
        return out


_recording = _Recording()


def _record(kernel, tensors: list, scratch: int, numbers: tuple) -> None:
    """A step that gradients go through: the kernel on cells, and what they hold in the end copied into the tensors."""
    before, modes.grad = modes.grad, True
    try:
        p = tensors[0]
        views = [T.view_as_real(t) for t in tensors] if p.is_complex() else tensors
        cells = [_Cell(T.clone(t)) for t in views]
        spare = [_Cell(cells[0].t) for _ in range(scratch)]
        kernel(_recording, *cells, *spare, *numbers)
        for i, (t, cell) in enumerate(zip(tensors, cells, strict=True)):
            if i != 1:
                t.copy_(T.view_as_complex(cell.t) if p.is_complex() else cell.t)
    finally:
        modes.grad = before


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
    _run(kernel, stand_ins, scratch, numbers, False)
    for i, (a, b) in enumerate(zip(arrays, stand_ins, strict=True)):
        if i != 1:
            a[...] = (b.view(a.dtype) if a.dtype.kind == "c" else b).reshape(a.shape)


def _blocks(kernel, flat: list, scratch: int, numbers: tuple, later: bool) -> None:
    dtype, size = flat[0].dtype, flat[0].size

    def piece(i: int) -> None:
        start, stop = i * BLOCK, min((i + 1) * BLOCK, size)
        spare = [buffer(dtype, BLOCK, j)[:stop - start] for j in range(scratch)]
        kernel(np, *[a[start:stop] for a in flat], *spare, *numbers)
    together.run_pieces(piece, -(-size // BLOCK), flat, later)


# ---------------------------------------------------------------- what kernels are made of

def detached(a):
    """What is in `a` for a new state to begin with: gradients do not go through it."""
    return a.t.detach() if isinstance(a, _Cell) else a


def alpha(factor, a):
    """A factor as PyTorch's `add` takes it beside `a`: one for halves is rounded to a half, unlike that of `mul`."""
    return float(a.dtype.type(factor)) if is_half(a.dtype) else factor


def direction(xp, p, g, out, tmp, weight_decay: float, maximize: bool):
    """The gradient to follow: negated to maximise, plus weight_decay · p; `out` holds it if it is not `g` itself."""
    if weight_decay:
        xp.multiply(p, alpha(weight_decay, p), tmp)
        return xp.subtract(tmp, g, out) if maximize else xp.add(g, tmp, out)
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
    xp.multiply(b, alpha(factor, b), tmp)
    xp.add(a, tmp, a)


def add_ratio(xp, a, b, c, factor: float, tmp) -> None:
    """a becomes a + factor · b / c."""
    xp.multiply(b, factor, tmp)
    xp.divide(tmp, c, tmp)
    xp.add(a, tmp, a)
