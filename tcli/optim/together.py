"""The updates of a step, collected and run together: on a GPU in one launch for all parameters of a dtype.

Inside `together()` updates that compiled kernels can do wait for each other and become one call; those of other large
arrays on the CPU are cut into pieces, which wait as well: threads are woken once for all. Updates of device arrays are
noted instead of run. What an update does is found by running its kernel on `Cell`s with a `Recording` as array module:
every `out=` becomes the cell's new expression. Parameters whose update has the same kernel, numbers and dtypes share one
generated kernel that walks a table of addresses. Halves are computed in float32 and rounded once, complex numbers as pairs
of real ones, as on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import native
from ..engine.device import backend, device_of, module_of
from ..engine.dispatch import is_half
from ..engine.plan import Group
from ..engine.storage import root_of
from ..engine.symbols import CAST, Expr, symbols
from ..engine.threads import parallel

WORTH = 1 << 20  # elements read by the pieces of a step from which a second thread gains something

_noted: list | None = None
_pieces: _Pieces | None = None
_calls: list | None = None  # (what native.steps takes, a function that does the same without it)


class together:
    """Inside, updates of large arrays wait for each other; they run at the end."""

    __slots__ = ("before",)

    def __enter__(self) -> None:
        global _noted, _pieces, _calls
        self.before, _noted, _pieces, _calls = (_noted, _pieces, _calls), [], _Pieces(), []

    def __exit__(self, kind: type | None, *_error: object) -> None:
        global _noted, _pieces, _calls
        noted, pieces = _noted, _pieces
        try:
            if kind is None:
                run_calls()
        finally:
            _noted, _pieces, _calls = self.before
        if kind is None:
            pieces.run()
            if noted:
                _run(noted)


def are_waiting() -> bool:
    """Whether updates wait, which may be of the same memory as the next one."""
    return bool(_calls or _noted or _pieces is not None and _pieces.calls)


# ---------------------------------------------------------------- on the CPU

def call(step: tuple, otherwise: Callable[[], object], later: bool) -> None:
    """A step for `native.steps`, at the end of the optimiser's step if `later`; `otherwise` is called where it is not taken."""
    if later and _calls is not None:
        _calls.append((step, otherwise))
        return
    run_calls()
    if not native.steps([step]):
        otherwise()


def run_calls() -> None:
    """Does what has been left for later."""
    if not _calls:
        return
    calls = _calls.copy()
    _calls.clear()
    if len(calls) > 1 and native.steps([step for step, _ in calls]):
        return
    for step, otherwise in calls:
        if not native.steps([step]):
            otherwise()


class _Pieces:
    """Calls that write to different places, to be made in any order and by all threads."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[[int], object], int]] = []
        self.roots: set[int] = set()
        self.elements = 0

    def add(self, piece: Callable[[int], object], count: int, arrays: list) -> None:
        roots = {id(root_of(a)) for a in arrays}
        if not self.roots.isdisjoint(roots):
            self.run()  # parameters that share memory are done in turn
        self.roots |= roots
        self.calls += [(piece, i) for i in range(count)]
        self.elements += sum(a.size for a in arrays)

    def run(self) -> None:
        calls, elements = self.calls, self.elements
        self.__init__()  # type: ignore[misc]
        if elements < WORTH:
            for piece, i in calls:
                piece(i)
        else:
            parallel(len(calls), lambda n: calls[n][0](calls[n][1]))


def run_pieces(piece: Callable[[int], object], count: int, arrays: list, later: bool) -> None:
    """`piece(i)` for all i in range(count), at the end of the step if `later`; `arrays` are what it reads and writes."""
    if later and _pieces is not None:
        _pieces.add(piece, count, arrays)
    else:
        parallel(count, piece)


# ---------------------------------------------------------------- on a GPU


def note(kernel: Callable, arrays: list, scratch: int, numbers: tuple) -> bool:
    """Notes an update of device arrays; False where it has to be run on its own."""
    if _noted is None:
        return False
    p, g, *state = arrays
    flat = [p, module_of(g).ascontiguousarray(g), *state]
    if len({device_of(a) for a in flat}) > 1 or not all(a.flags.c_contiguous and a.size == p.size for a in flat):
        return False
    if not hasattr(backend(device_of(p)), "update"):
        return False
    if p.dtype.kind == "c":
        flat = [a.reshape(-1).view(a.real.dtype) if a.dtype.kind == "c" else a for a in flat]
        if len({a.size for a in flat}) > 1:
            return False
    _noted.append((kernel, flat, scratch, numbers))
    return True


def _run(noted: list) -> None:
    alike: dict = {}
    for kernel, arrays, scratch, numbers in noted:
        key = kernel, scratch, numbers, device_of(arrays[0]), tuple(a.dtype for a in arrays)
        alike.setdefault(key, []).append(arrays)
    for (kernel, scratch, numbers, device, _), sets in alike.items():
        first = sets[0]
        outputs = _trace(kernel, first, scratch, numbers)
        group = Group([e for _, e in outputs], [], first[0].shape)
        reads = [next(i for i, a in enumerate(first) if a is leaf) for leaf in group.leaves]
        writes = [i for i, _ in outputs]
        backend(device).update(device, group, [([arrays[i] for i in reads], [arrays[i] for i in writes]) for arrays in sets])


# ---------------------------------------------------------------- what an update does

def _trace(kernel: Callable, arrays: list, scratch: int, numbers: tuple) -> list:
    """(number of the array, its new expression) for every array that an update writes."""
    leaves = [Expr(None, (), a.dtype, arrays[0].shape, a) for a in arrays]
    cells = [Cell(symbols.asarray(e, np.float32) if is_half(e.dtype) else e) for e in leaves]
    before = [cell.e for cell in cells]
    kernel(Recording(), *cells, *[Cell(None, cells[0].dtype) for _ in range(scratch)], *numbers)
    written = [i for i, cell in enumerate(cells) if cell.e is not before[i] and i != 1]
    return [(i, cells[i].e if cells[i].e.dtype == leaves[i].dtype else Expr(CAST, (cells[i].e,), leaves[i].dtype,
                                                                              leaves[i].shape)) for i in written]


class Cell:
    """An array of an update: the expression of what it holds now."""

    __slots__ = ("dtype", "e")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, e: Expr | None, dtype: Any = None):
        self.e, self.dtype = e, e.dtype if dtype is None and e is not None else dtype

    def __neg__(self) -> Cell:
        return Cell(np.negative(self.e))

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis:
            raise TypeError("an update writes whole arrays")
        found = _held(value)
        self.e = symbols.asarray(found, self.dtype) if type(found) is Expr else Expr(
            CAST, (np.asarray(found, self.dtype),), self.dtype, self.e.shape)


def _held(value: Any) -> Any:
    return value.e if type(value) is Cell else value


class Recording:
    """The array module of cells: ufuncs that note what they would write into `out`."""

    def __getattr__(self, name: str) -> Callable:
        ufunc = getattr(np, name)

        def call(*args: Any, out: Any = None) -> Any:
            if out is None and len(args) > ufunc.nin:
                out = args[ufunc.nin]
            return _put(ufunc(*map(_held, args[:ufunc.nin])), out)
        return call

    def where(self, mask: Any, a: Any, b: Any) -> Cell:
        return Cell(symbols.where(*map(_held, (mask, a, b))))

    def clip(self, x: Any, low: Any, high: Any, out: Any = None) -> Any:
        return _put(np.minimum(np.maximum(*map(_held, (x, low))), _held(high)), out)


def _put(found: Expr, out: Any) -> Any:
    if out is None:
        return Cell(found)
    out[...] = Cell(found)
    return out


def _operator(ufunc: np.ufunc) -> Callable:
    return lambda self, other: Cell(ufunc(_held(self), _held(other)))


for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "lt": np.less,
                      "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal}.items():
    setattr(Cell, f"__{_name}__", _operator(_ufunc))
