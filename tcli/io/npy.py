"""NumPy's files: `.npy` holds one array, `.npz` a zip of them. Pickled objects are refused."""

from __future__ import annotations

import numpy as np

from ..engine.tensor import Tensor, as_tensor, from_numpy
from .formats import format


def _tensor(array: np.ndarray):
    return from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def _array(value) -> np.ndarray:
    t = value if isinstance(value, Tensor) else as_tensor(value)
    return t.detach().cpu_array()


@format(".npy", magic=b"\x93NUMPY")
class Npy:
    @staticmethod
    def load(stream):
        return _tensor(np.load(stream, allow_pickle=False))

    @staticmethod
    def save(value, stream) -> None:
        np.save(stream, _array(value), allow_pickle=False)


@format(".npz")
class Npz:
    @staticmethod
    def load(stream):
        with np.load(stream, allow_pickle=False) as archive:
            return {name: _tensor(archive[name]) for name in archive.files}

    @staticmethod
    def save(value, stream) -> None:
        tensors = value if isinstance(value, dict) else {"arr_0": value}
        np.savez(stream, **{name: _array(each) for name, each in tensors.items()})
