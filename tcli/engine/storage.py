"""The memory under a tensor, and the names of layouts and memory formats."""

from __future__ import annotations

import numpy as np


class Storage:
    """The memory under a tensor: its size, address and bytes."""

    def __init__(self, t):
        a = t._a
        while isinstance(a.base, np.ndarray):
            a = a.base
        self._a, self._dtype = a, t.dtype

    def data_ptr(self) -> int:
        return self._a.__array_interface__["data"][0]

    def nbytes(self) -> int:
        return int(self._a.nbytes)

    def size(self) -> int:
        return int(self._a.size)

    __len__ = size

    def tolist(self) -> list:
        return self._a.reshape(-1, order="A").tolist()

    def __getitem__(self, i):
        return self._a.ravel(order="K")[i].item()

    def __eq__(self, other) -> bool:
        return isinstance(other, Storage) and self.data_ptr() == other.data_ptr()

    __hash__ = None


class layout:
    """`torch.strided` and other layouts; only strided tensors exist here."""

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return "torch." + self._name


strided, sparse_coo = layout("strided"), layout("sparse_coo")
contiguous_format, channels_last = layout("contiguous_format"), layout("channels_last")
preserve_format, channels_last_3d = layout("preserve_format"), layout("channels_last_3d")
