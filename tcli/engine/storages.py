"""The memory under tensors as objects: `UntypedStorage` counts bytes, `TypedStorage` elements of a dtype.

Both hold a flat uint8 array that shares memory with the tensors over it; on the meta device they have a size alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, BadIndex, EngineError, Unsupported
from . import dtypes
from .device import CPU, Device, as_device, device_of
from .from_data import array_of_data
from .storage import address, root_of, thaw
from .waiting import before_write

BYTE = np.dtype(np.uint8)


def bytes_under(a) -> tuple[Any, Device]:
    """The memory that an array is part of, as bytes (their number where there is no memory), and its device."""
    if type(a) is not np.ndarray:
        return int(a.nbytes), device_of(a)
    root = root_of(a)
    if not root.flags.c_contiguous:
        root = root.transpose(sorted(range(root.ndim), key=lambda d: -abs(root.strides[d])))
    return (root.reshape(-1).view(BYTE) if root.size else np.empty(0, BYTE)), CPU


class _Storage:
    """What both kinds of storage have in common."""

    __slots__ = ("_bytes", "_device")
    _bytes: Any
    _device: Device
    __module__ = "torch.storage"
    is_sparse = is_cuda = is_hpu = False

    @property
    def device(self) -> Device:
        return self._device

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._bytes if type(self._bytes) is int else int(self._bytes.size)

    def data_ptr(self) -> int:
        """The address; 0 where there is no memory."""
        return 0 if type(self._bytes) is int else address(self._bytes)

    @property
    def _cdata(self) -> int:
        return self.data_ptr()

    def _memory(self) -> np.ndarray:
        if type(self._bytes) is int:
            raise Unsupported("Not available for 'meta' device storage")
        return self._bytes

    def _elements(self) -> np.ndarray:
        return self._memory()

    def _target(self) -> np.ndarray:
        """The elements, to be written."""
        a = self._elements()
        if not a.flags.writeable:
            thaw(a)
        if not a.flags.writeable:
            raise EngineError("this storage cannot be written")
        before_write(a)
        return a

    def _like(self, memory: np.ndarray):
        raise NotImplementedError

    def tolist(self) -> list:
        """The elements as a list."""
        a = self._elements()
        return a.astype(np.float32).tolist() if a.dtype.kind == "V" or a.dtype == np.float16 else a.tolist()

    def __iter__(self):
        return iter(self.tolist())

    def size(self) -> int:
        """The number of elements."""
        return self.nbytes() // self.element_size()

    __len__ = size

    def element_size(self) -> int:
        """The bytes of an element."""
        return 1

    def clone(self):
        """A copy."""
        return self._like(self._memory().copy())

    def copy_(self, source, non_blocking: bool = False):
        """Copies the elements of another storage of the same length into this one."""
        self._target()[...] = source._elements()
        return self

    def fill_(self, value):
        """Sets all elements."""
        self._target()[...] = value
        return self

    def cpu(self):
        """The storage itself: it is on the CPU."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes see it: never."""
        return False

    def is_pinned(self, device=None) -> bool:
        """Whether it is page-locked: never."""
        return False

    def __setitem__(self, index, value) -> None:
        self._target()[index] = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.data_ptr() == other.data_ptr() and self.nbytes() == other.nbytes()

    __hash__ = None  # type: ignore[assignment]

    def _index(self, i: int) -> int:
        n = self.size()
        if not hasattr(i, "__index__"):
            raise ArgumentError(f"can't index a <class 'torch.storage.{type(self).__name__}'> with {type(i)}")
        if not -n <= i < n:
            raise BadIndex(f"index {i} out of range for storage of size {n}")
        return i.__index__()


class UntypedStorage(_Storage):
    """`torch.UntypedStorage(n)`: n bytes; `(list)`: these bytes."""

    __slots__ = ()
    __module__ = "torch.storage"

    def __init__(self, *args, device=None):
        self._device = as_device(device)
        given = args[0] if args else 0
        if self._device.type == "meta":
            self._bytes = given if isinstance(given, int) else len(given)
        else:
            self._bytes = np.zeros(given, BYTE) if isinstance(given, int) else array_of_data(list(given), dtypes.uint8)

    @classmethod
    def over(cls, a) -> UntypedStorage:
        """The storage that an array is part of."""
        storage = object.__new__(cls)
        storage._bytes, storage._device = bytes_under(a)
        return storage

    def _like(self, memory: np.ndarray) -> UntypedStorage:
        storage = object.__new__(UntypedStorage)
        storage._bytes, storage._device = memory, self._device
        return storage

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def __getitem__(self, index):
        memory = self._memory()
        return self._like(memory[index]) if isinstance(index, slice) else int(memory[self._index(index)])

    def resize_(self, size: int) -> UntypedStorage:
        """Refused: the memory of a tensor here has one size."""
        raise EngineError("Trying to resize storage that is not resizable")

    def __repr__(self) -> str:
        values = "...\n" if type(self._bytes) is int else "".join(f" {v}\n" for v in self.tolist())
        return f"{values}[torch.storage.UntypedStorage(device={self.device}) of size {self.size()}]"


class TypedStorage(_Storage):
    """`torch.FloatStorage(n)`, `torch.TypedStorage([1, 2], dtype=...)`: memory read as elements of a dtype."""

    __slots__ = ("dtype",)
    __module__ = "torch.storage"
    _kind: dtypes.dtype | None = None

    def __init__(self, *args, dtype=None, device=None, wrap_storage: UntypedStorage | None = None):
        self.dtype = d = self._kind or dtype or dtypes.get_default_dtype()
        if wrap_storage is not None:
            self._bytes, self._device = wrap_storage._bytes, wrap_storage._device
            return
        self._device, given = as_device(device), args[0] if args else 0
        if self._device.type == "meta":
            self._bytes = (given if isinstance(given, int) else len(given)) * d.itemsize
        else:
            a = np.zeros(given, d.numpy) if isinstance(given, int) else array_of_data(list(given), d)
            self._bytes = a.view(BYTE) if a.size else np.empty(0, BYTE)

    @classmethod
    def over(cls, a, d: dtypes.dtype) -> TypedStorage:
        """The storage that an array is part of, as elements of dtype `d`."""
        return TypedStorage(dtype=d, wrap_storage=UntypedStorage.over(a))

    def _like(self, memory: np.ndarray) -> TypedStorage:
        return TypedStorage(dtype=self.dtype, wrap_storage=UntypedStorage._like(self, memory))  # type: ignore[arg-type]

    def _elements(self) -> np.ndarray:
        return self._memory()[:self.size() * self.dtype.itemsize].view(self.dtype.numpy)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage._like(self, self._bytes)  # type: ignore[arg-type]

    def element_size(self) -> int:
        return self.dtype.itemsize

    def type(self) -> str:
        """`torch.FloatStorage`: the old name of such a storage."""
        return f"torch.{dtypes.scalar_name(self.dtype)}Storage"

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise EngineError("slices are only supported in UntypedStorage.__getitem__")
        a = self._elements()[self._index(index)]
        return a.item() if hasattr(a, "item") and a.dtype.kind != "V" else float(a)

    def __repr__(self) -> str:
        values = "...\n" if type(self._bytes) is int else "".join(f" {v}\n" for v in self.tolist())
        return f"{values}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"


def _cast(name: str, d: dtypes.dtype) -> None:
    def method(self: TypedStorage) -> TypedStorage:
        if self.dtype is d:
            return self
        a = self._elements().astype(d.numpy)
        return TypedStorage(dtype=d, wrap_storage=UntypedStorage._like(self, a.view(BYTE)))  # type: ignore[arg-type]

    method.__name__, method.__doc__ = name, f"The elements as {d}."
    setattr(TypedStorage, name, method)


CASTS = {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
         "int": dtypes.int32, "long": dtypes.int64, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
         "bool": dtypes.bool_, "complex_double": dtypes.complex128, "complex_float": dtypes.complex64}
for _name, _d in CASTS.items():
    _cast(_name, _d)


class _Legacy(type):
    """`isinstance(x.storage(), torch.FloatStorage)` looks at the dtype."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, TypedStorage) and getattr(value, "dtype", None) is cls._kind

    def __call__(cls, *args, **kwargs):
        return TypedStorage(*args, dtype=cls._kind, **kwargs)


def storage_names() -> dict[dtypes.dtype, str]:
    """The old name of a storage of each dtype: `FloatStorage`."""
    return {d: f"{dtypes.scalar_name(d)}Storage" for d in CASTS.values()}


def legacy_classes() -> dict[str, type]:
    """`FloatStorage` and its like, by name."""
    if not _legacy:
        for d, name in storage_names().items():
            _legacy[name] = _Legacy(name, (), {"_kind": d, "dtype": d, "__module__": "torch"})
    return _legacy


_legacy: dict[str, type] = {}
