"""The array module of arrays without memory: NumPy's names, with creation functions that allocate nothing.

Functions on arrays are NumPy's own: they find their rules through the arrays' protocols.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from .meta import MetaArray
from .meta_rules import run_function, shape_of


def as_strided(x, shape=None, strides=None, **_other) -> MetaArray:
    return x.view_of(x.shape if shape is None else shape, x.strides if strides is None else strides)


class MetaModule:
    """`xp` for one place: the device on which its arrays say they are."""

    ndarray = MetaArray
    lib = SimpleNamespace(stride_tricks=SimpleNamespace(as_strided=as_strided))

    def __init__(self, place):
        self.place = place

    def __getattr__(self, name: str):
        return getattr(np, name)

    def _new(self, shape, dtype) -> MetaArray:
        return MetaArray((shape,) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape), dtype, self.place)

    # ------------------------------------------------------------ from sizes

    def empty(self, shape, dtype=np.float64, order: str = "C", **_other) -> MetaArray:
        return self._new(shape, dtype)

    zeros = ones = empty

    def full(self, shape, fill_value, dtype=None, order: str = "C", **_other) -> MetaArray:
        return self._new(shape, np.asarray(fill_value).dtype if dtype is None and type(fill_value) is not MetaArray
                         else fill_value.dtype if dtype is None else dtype)

    def arange(self, start, stop=None, step=1, dtype=None, **_other) -> MetaArray:
        start, stop = (0, start) if stop is None else (start, stop)
        return self._new(max(0, math.ceil((stop - start) / step)), np.arange(start, start, step, dtype).dtype)

    def linspace(self, start, stop, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype=None,
                 axis: int = 0) -> MetaArray:
        return self._new(num, np.linspace(start, stop, 1, dtype=dtype).dtype)

    def eye(self, rows: int, columns: int | None = None, k: int = 0, dtype=np.float64, **_other) -> MetaArray:
        return self._new((rows, rows if columns is None else columns), dtype)

    identity = eye

    def tri(self, rows: int, columns: int | None = None, k: int = 0, dtype=np.float64) -> MetaArray:
        return self._new((rows, rows if columns is None else columns), dtype)

    def indices(self, dimensions, dtype=np.int64, sparse: bool = False) -> MetaArray:
        return self._new((len(dimensions), *dimensions), dtype)

    def tril_indices(self, n: int, k: int = 0, m: int | None = None) -> tuple:
        return np.tril_indices(n, k, m)

    # ------------------------------------------------------------ from arrays and numbers

    def asarray(self, a: Any, dtype=None, order=None, **_other) -> MetaArray:
        if type(a) is MetaArray:
            return a if dtype is None or a.dtype == dtype else a.astype(dtype)
        if isinstance(a, (list, tuple)) and any(type(v) is MetaArray for v in a):
            return np.stack([self.asarray(v, dtype) for v in a])
        found = np.asarray(a, dtype)
        return self._new(found.shape, found.dtype)

    def array(self, a: Any, dtype=None, copy: bool = True, **_other) -> MetaArray:
        found = self.asarray(a, dtype)
        return found.copy() if found is a and copy else found

    def ascontiguousarray(self, a: Any, dtype=None) -> MetaArray:
        a = self.asarray(a, dtype)
        a = a.reshape(1) if not a.shape else a
        return a if a.flags.c_contiguous else a.copy()

    def asfortranarray(self, a: Any, dtype=None) -> MetaArray:
        a = self.asarray(a, dtype)
        turned = a.transpose().copy().transpose()
        return a if a.flags.f_contiguous else turned

    def copyto(self, dst, src, casting: str = "same_kind", where=True) -> None:
        np.broadcast_shapes(shape_of(dst), shape_of(src))

    def _like(self, function, a, *args, **kwargs):
        return run_function(function, (self.asarray(a), *args), kwargs)

    def empty_like(self, a, *args, **kwargs) -> MetaArray:
        return self._like(np.empty_like, a, *args, **kwargs)

    zeros_like = ones_like = empty_like

    def full_like(self, a, fill_value, *args, **kwargs) -> MetaArray:
        return self._like(np.full_like, a, fill_value, *args, **kwargs)

    def ndindex(self, *shape):
        return np.ndindex(*shape)
