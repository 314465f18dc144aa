"""`MetaArray`: an array without memory; it has a shape, a dtype, strides and an offset, and no values.

Views are worked out on strides alone. Functions of the array API come from `meta_rules.py` through NumPy's
own protocols, so a kernel that calls `np.exp` or `xp.where` runs on such arrays unchanged. Whoever asks for
a value gets `NeedsValue`. `place` is the device that the array says it is on: meta, or in `tcli check` the
device on which the program would have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import EngineError


class NeedsValue(EngineError):
    """A kernel asked an array without data for a value; `dispatch` turns it into the error of the op at hand."""


# In a sketch: makes the number that stands for an unknown value.
unknown: Callable[[], Any] | None = None


def needs_value(*_args: Any, **_kwargs: Any):
    raise NeedsValue("Tensor.item() cannot be called on meta tensors")


class _Flags:
    """What kernels and the engine ask of `array.flags`."""

    def __init__(self, a: MetaArray):
        self.c_contiguous = _contiguous(a.shape, a.strides, a.dtype.itemsize)
        self.f_contiguous = _contiguous(a.shape[::-1], a.strides[::-1], a.dtype.itemsize)
        self.writeable = True
        self.forc, self.owndata, self.aligned = self.c_contiguous or self.f_contiguous, a.base is None, True

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())


def _contiguous(shape, strides, itemsize: int) -> bool:
    if 0 in shape:
        return True
    step = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def dense_strides(shape, itemsize: int) -> tuple:
    """Row-major strides in bytes."""
    strides, step = [], itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


class MetaArray:
    """A shape, a dtype, strides and an offset, on `place`."""

    __slots__ = ("__weakref__", "_known", "_shape", "_spoilt", "base", "dtype", "offset", "place", "strides")
    __array_priority__ = 900
    __hash__ = None

    def __init__(self, shape, dtype, place, strides: tuple | None = None, offset: int = 0, base: MetaArray | None = None):
        self._shape, self.dtype, self.place = tuple(shape), np.dtype(dtype), place
        self.strides = dense_strides(self._shape, self.dtype.itemsize) if strides is None else strides
        self.offset, self.base = offset, base
        self._known, self._spoilt = None, False

    @property
    def known(self) -> Any:
        """The values, in a sketch and as long as nothing unknown was written to this memory; else None."""
        root = self if self.base is None else self.base
        return None if root._spoilt else self._known

    def spoil(self) -> None:
        """Something unknown is written to this memory."""
        root = self if self.base is None else self.base
        root._spoilt = True

    # ------------------------------------------------------------ what it is

    @property
    def shape(self) -> tuple:
        return self._shape

    @shape.setter
    def shape(self, shape) -> None:
        strides = reshaped_strides(self._shape, self.strides, tuple(shape), self.dtype.itemsize)
        if strides is None:
            raise AttributeError("incompatible shape for in-place modification")
        self._shape, self.strides = tuple(shape), strides

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def flags(self) -> _Flags:
        return _Flags(self)

    @property
    def data(self):
        return _Address()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"MetaArray({self.shape}, {self.dtype})"

    def item(self) -> Any:
        known = self.known
        if known is not None:
            return known.item()
        if unknown is None or self.place.type == "meta":
            needs_value()
        return unknown()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        return self.item().__index__()

    def tolist(self) -> Any:
        known = self.known
        if known is not None:
            return known.tolist()
        return [a.tolist() for a in self] if self.ndim else self.item()

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        known = self.known
        if known is None:
            needs_value()
        return known if dtype is None else known.astype(dtype)

    tobytes = needs_value

    # ------------------------------------------------------------ views

    def like(self, shape, dtype=None) -> MetaArray:
        """A fresh array on the same place."""
        return MetaArray(shape, self.dtype if dtype is None else dtype, self.place)

    def view_of(self, shape, strides, offset: int = 0, dtype=None) -> MetaArray:
        """A view of the same memory, `offset` bytes on."""
        return MetaArray(shape, self.dtype if dtype is None else dtype, self.place, tuple(strides), self.offset + offset,
                         self if self.base is None else self.base)

    def view(self, dtype=None, type=None) -> MetaArray:
        if dtype is None or dtype is np.ndarray:
            return self.view_of(self.shape, self.strides)
        dtype = np.dtype(dtype)
        have, want = self.dtype.itemsize, dtype.itemsize
        if have == want:
            return self.view_of(self.shape, self.strides, dtype=dtype)
        shape = (*self.shape[:-1], self.shape[-1] * have // want)
        return self.view_of(shape, (*self.strides[:-1], want), dtype=dtype)

    def reshape(self, *shape, order: str = "C") -> MetaArray:
        shape = known_shape(shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape, self.size)
        strides = reshaped_strides(self.shape, self.strides, shape, self.dtype.itemsize)
        return self.like(shape) if strides is None else self.view_of(shape, strides)

    def transpose(self, *dims) -> MetaArray:
        if len(dims) == 1 and not isinstance(dims[0], int):
            dims = dims[0] if dims[0] is not None else ()
        order = [d % self.ndim for d in dims] if dims else list(range(self.ndim))[::-1]
        return self.view_of([self.shape[d] for d in order], [self.strides[d] for d in order])

    @property
    def T(self) -> MetaArray:
        return self.transpose()

    def swapaxes(self, a: int, b: int) -> MetaArray:
        order = list(range(self.ndim))
        order[a], order[b] = order[b], order[a]
        return self.transpose(*order)

    def squeeze(self, axis=None) -> MetaArray:
        dims = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        gone = {d % self.ndim for d in dims if self.shape[d] == 1}
        keep = [d for d in range(self.ndim) if d not in gone]
        return self.view_of([self.shape[d] for d in keep], [self.strides[d] for d in keep])

    def ravel(self, order: str = "C") -> MetaArray:
        return self.reshape(-1) if self.flags.c_contiguous else self.like((self.size,))

    def flatten(self, order: str = "C") -> MetaArray:
        return self.like((self.size,))

    @property
    def real(self) -> MetaArray:
        part = real_dtype(self.dtype)
        return self if part == self.dtype else self.view_of(self.shape, self.strides, dtype=part)

    @property
    def imag(self) -> MetaArray:
        part = real_dtype(self.dtype)
        return self.like(self.shape) if part == self.dtype else self.view_of(self.shape, self.strides, part.itemsize, part)

    @real.setter
    def real(self, value) -> None:
        self.real[...] = value

    @imag.setter
    def imag(self, value) -> None:
        self.imag[...] = value

    @property
    def flat(self) -> MetaArray:
        return self.ravel()

    # ------------------------------------------------------------ copies

    def copy(self, order: str = "K") -> MetaArray:
        return self.like(self.shape)

    __copy__ = copy

    def astype(self, dtype, order: str = "K", casting: str = "unsafe", copy: bool = True, **_other) -> MetaArray:
        return self if not copy and np.dtype(dtype) == self.dtype else self.like(self.shape, dtype)

    def fill(self, value) -> None:
        """There is no memory to fill."""
        self.spoil()

    def sort(self, axis: int = -1, kind=None, **_other) -> None:
        """There are no values to order."""
        self.spoil()

    partition = fill

    # ------------------------------------------------------------ indexing

    def __getitem__(self, index):
        from .meta_index import indexed

        return indexed(self, index)

    def __setitem__(self, index, value) -> None:
        from .meta_index import assigned

        assigned(self, index, value)

    # ------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc, method: str, *inputs, **kwargs):
        from .meta_rules import run_ufunc

        return run_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        from .meta_rules import run_function

        return run_function(func, args, kwargs)


class _Address:
    """Where an array without memory lies: nowhere."""

    ptr = 0


def real_dtype(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def known_shape(shape, size: int) -> tuple:
    """The shape with its -1 worked out; raises as NumPy does where the sizes do not fit."""
    shape = tuple(int(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,)))
    if -1 in shape:
        known = -math.prod(shape)
        if known == 0 or size % known:
            raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
        shape = tuple(size // known if n == -1 else n for n in shape)
    if math.prod(shape) != size:
        raise ValueError(f"cannot reshape array of size {size} into shape {shape}")
    return shape


def reshaped_strides(old, strides, new, itemsize: int) -> tuple | None:
    """The strides that show the same memory in another shape, or None where that needs a copy."""
    if 0 in old:
        return dense_strides(new, itemsize)
    runs, left, stride = _runs(old, strides), 1, itemsize
    found = []
    for size in reversed(new):
        if size != 1 and left == 1:
            left, stride = runs.pop()
        if left % size:
            return None
        found.append(stride)
        stride, left = stride * size, left // size
    return tuple(reversed(found))


def _runs(shape, strides) -> list:
    """The dims joined into runs that lie evenly in memory: (size, stride of the innermost)."""
    runs: list[list[int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == stride * size:
            runs[-1] = [runs[-1][0] * size, stride]
        else:
            runs.append([size, stride])
    return [tuple(run) for run in runs]


def _operators() -> None:
    """Python's operators and NumPy's methods, each through the function of that name."""
    binary = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
              "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
              "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift"}
    for word, name in binary.items():
        ufunc = getattr(np, name)
        setattr(MetaArray, f"__{word}__", lambda self, other, ufunc=ufunc: ufunc(self, other))
        setattr(MetaArray, f"__r{word}__", lambda self, other, ufunc=ufunc: ufunc(other, self))
        setattr(MetaArray, f"__i{word}__", lambda self, other, ufunc=ufunc: ufunc(self, other, out=(self,)))
    for word, name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
                       "ne": "not_equal"}.items():
        ufunc = getattr(np, name)
        setattr(MetaArray, f"__{word}__", lambda self, other, ufunc=ufunc: ufunc(self, other))
    for word, name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
        ufunc = getattr(np, name)
        setattr(MetaArray, f"__{word}__", lambda self, ufunc=ufunc: ufunc(self))
    for name in ("sum", "prod", "mean", "var", "std", "any", "all", "argmax", "argmin", "argsort", "cumsum", "cumprod", "take",
                 "clip", "round", "repeat", "diagonal", "trace", "dot", "nonzero", "searchsorted", "ptp"):
        function = getattr(np, name)
        setattr(MetaArray, name, lambda self, *args, function=function, **kwargs: function(self, *args, **kwargs))
    for name, other in {"max": np.max, "min": np.min, "conj": np.conj, "conjugate": np.conj}.items():
        setattr(MetaArray, name, lambda self, *args, function=other, **kwargs: function(self, *args, **kwargs))
    MetaArray.__divmod__ = lambda self, other: np.divmod(self, other)


_operators()
