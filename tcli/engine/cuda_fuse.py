"""Runs a group of expressions on a GPU: one generated kernel, and one more where partial results are put together.

It is to CUDA what `blocks.py` is to the CPU. The text of a kernel (`cuda_source.py`) is made once per structure and
handed to `cupy.RawKernel`, which keeps what was compiled, in memory and on disk. How a pass is divided among threads
follows from shapes alone: so do the results.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from . import cuda_source as source
from .blocks import memory_order, merged
from .cuda_source import ITEMS, MOST_ARGUMENTS, OPTIONS, THREADS, Layout
from .plan import Group
from .symbols import Expr, Reduction

MOST_BLOCKS = 1 << 16
GOOD_BLOCKS = 1024  # so many blocks keep any GPU of today busy
NEIGHBOURS = 32  # threads that read side by side where what is reduced lies apart
LENGTH = 1 << 14  # elements of one block of an update
_FLOAT32 = np.dtype(np.float32)

_sources: dict[tuple, str] = {}  # structure -> text


class Launcher:
    """Compiled kernels of one array module by their text."""

    def __init__(self, module: Any):
        self.module, self.kernels = module, {}

    def __call__(self, key: tuple, make: Any, blocks: tuple, arguments: list) -> None:
        text = _sources.get(key)
        if text is None:
            if len(_sources) > 2048:
                _sources.clear()
            text = _sources[key] = make()
        kernel = self.kernels.get(text)
        if kernel is None:
            kernel = self.kernels[text] = self.module.RawKernel(text, "fused", options=OPTIONS)
        kernel(blocks, (THREADS,), tuple(arguments))


def covers(e: Expr, known: set) -> bool:
    """Whether all steps of an expression, down to the expressions whose ids are known, have a form in CUDA C."""
    seen, stack = set(known), [e]
    while stack:
        x = stack.pop()
        if id(x) in seen or x.array is not None:
            continue
        seen.add(id(x))
        if not source.covers(x.fn, tuple(a.dtype for a in x.args), x.dtype):
            return False
        stack.extend(a for a in x.args if type(a) is Expr)
    return True


def run(launch: Launcher, outputs: list, reduced: list, shape: tuple, into: list | None = None,
        at_once: bool = False) -> list | None:
    """The values of `outputs`, expressions of one shape, and of `reduced`, reductions of such expressions.

    `into` are arrays to write outputs to (None: new ones); `at_once`: no partial results. None comes back where
    reductions do not agree in what they reduce, or where one kernel cannot take all arguments.
    """
    if any(type(e.fn) is not Reduction or e.fn.axes != reduced[0].fn.axes for e in reduced):
        return None
    group = Group(outputs, [e.args[0] for e in reduced], shape)
    axes = reduced[0].fn.axes if reduced else ()
    order = _order(group, shape, axes, into)
    laid = tuple(shape[i] for i in order)
    results = [_result(launch.module, shape, order if not axes else None, e.dtype, a)
               for e, a in zip(outputs, into or [None] * len(outputs), strict=True)]
    arrays = group.leaves + results
    strides = [[_strides(a, shape)[i] for i in order] for a in arrays]
    kept = len(shape) - len(axes)
    sizes, steps, ahead = merged(laid, strides, kept if axes else -1)
    layout = Layout(sizes, steps, linear=not axes)
    if len(arrays) + len(group.constants) + len(reduced) + len(layout.arguments()) > MOST_ARGUMENTS:
        return None
    wide = prod(shape) >= 1 << 30 or any(_reach(a) >= 1 << 30 for a in arrays)
    if not axes:
        _elementwise(launch, group, layout, results, into is None, wide)
        return results
    return results + _reduce(launch, group, layout, ahead, results, _Division(layout, ahead, at_once), reduced, wide)


def _order(group: Group, shape: tuple, axes: tuple, into: list | None) -> tuple:
    """The order in which dims are traversed: what is reduced comes last."""
    if axes:
        return tuple(i for i in range(len(shape)) if i not in axes) + axes
    return into is None and memory_order(shape, group.leaves) or tuple(range(len(shape)))


def _result(module: Any, shape: tuple, order: tuple | None, dtype: Any, into: Any) -> Any:
    if into is not None:
        return into
    if order is None or order == tuple(range(len(shape))):
        return module.empty(shape, dtype)
    return module.empty(tuple(shape[i] for i in order), dtype).transpose(tuple(int(i) for i in np.argsort(order)))


def _strides(a: Any, shape: tuple) -> list:
    """Steps in elements along the dims of `shape`, to which `a` is broadcast."""
    missing = len(shape) - a.ndim
    return [0] * missing + [0 if n == 1 else s // a.itemsize for n, s in zip(a.shape, a.strides, strict=True)]


def _reach(a: Any) -> int:
    return sum(abs(s) // a.itemsize * (n - 1) for n, s in zip(a.shape, a.strides, strict=True))


def _elementwise(launch: Launcher, group: Group, layout: Layout, results: list, apart: bool, wide: bool) -> None:
    n = prod(layout.sizes)
    if not n:
        return
    blocks = min(-(-n // (THREADS * ITEMS)), MOST_BLOCKS)
    launch((group.key, _dtypes(group), layout.key(), apart, wide),
           lambda: source.elementwise(group, layout, apart, wide), (blocks,),
           [np.int64(n), *group.leaves, *map(source.number_argument, group.constants), *results, *layout.arguments()])


def _dtypes(group: Group) -> tuple:
    """`Group.key` has type numbers, which user-defined dtypes may share."""
    return tuple(a.dtype for a in group.leaves), tuple(c.dtype for c in group.constants), tuple(
        e.dtype for e in group.outputs)


# ---------------------------------------------------------------- reductions

class _Division:
    """How `kept` results of `reduced` elements each are shared out among blocks of threads."""

    def __init__(self, layout: Layout, ahead: int, at_once: bool):
        self.kept, self.reduced = prod(layout.sizes[:ahead]), prod(layout.sizes[ahead:])
        # Neighbouring threads read neighbouring elements: along what is reduced, or across it.
        inner = [own[-1] for own in layout.classes] or [1]
        self.across = bool(ahead) and self.kept > 1 and min(map(abs, inner)) > 1
        self.near = _power_of_two(self.kept, NEIGHBOURS) if self.across else _power_of_two(self.reduced, THREADS)
        lanes, owns = (THREADS // self.near, self.near) if self.across else (self.near, THREADS // self.near)
        self.rows = max(-(-self.kept // owns), 1)
        most = max(-(-self.reduced // (lanes * 8)), 1)
        self.pieces = 1 if at_once else min(max(GOOD_BLOCKS // self.rows, 1), most)
        self.piece = max(-(-self.reduced // self.pieces), 1)


def _power_of_two(n: int, most: int) -> int:
    return min(1 << max(n - 1, 0).bit_length(), most)


def _reduce(launch: Launcher, group: Group, layout: Layout, ahead: int, results: list, how: _Division, reduced: list,
            wide: bool) -> list:
    last = how.pieces == 1
    finals = [(e.fn.ufunc.__name__, e.dtype, last) for e in reduced]
    parts = [launch.module.empty((how.pieces, how.kept), d if last else _wide(d)) for _, d, _ in finals]
    if how.kept:
        launch((group.key, _dtypes(group), layout.key(), ahead, tuple(finals), how.across, wide),
               lambda: source.reducing(group, layout, ahead, finals, how.across, wide), (how.rows, how.pieces),
               [np.int64(how.kept), np.int64(how.reduced), np.int64(how.piece), np.int32(how.near), *group.leaves,
                *map(source.number_argument, group.constants), *results, *parts, *layout.arguments()])
    return [_joined(launch, e, part).reshape(e.shape) for e, part in zip(reduced, parts, strict=True)]


def _joined(launch: Launcher, e: Expr, parts: Any) -> Any:
    """The partial results of a reduction, reduced."""
    if len(parts) == 1:
        return parts
    whole = Expr(Reduction(e.fn.ufunc, (0,), e.dtype, False), (Expr(None, (), parts.dtype, parts.shape, parts),), e.dtype,
                 parts.shape[1:])
    return run(launch, [], [whole], parts.shape, at_once=True)[0]


def _wide(dtype: Any) -> Any:
    """The dtype in which partial results are kept."""
    return _FLOAT32 if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


# ---------------------------------------------------------------- updates

def update(launch: Launcher, group: Group, sets: list) -> None:
    """Runs a group over many sets of arrays `(leaves, outputs)` of one structure, each set of one size and in C order."""
    rows = np.array([[leaves[0].size, *(a.data.ptr for a in (*leaves, *outs))] for leaves, outs in sets], np.int64)
    pieces = -(-rows[:, 0] // LENGTH)
    which = np.repeat(np.arange(len(sets)), pieces)
    if not which.size:
        return
    first = (np.arange(which.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)) * LENGTH
    table = launch.module.asarray(np.stack([which, first], 1).astype(np.int64))
    launch((group.key, _dtypes(group), "update"), lambda: source.updating(group), (which.size,),
           [table, launch.module.asarray(rows), np.int64(LENGTH), *map(source.number_argument, group.constants)])
