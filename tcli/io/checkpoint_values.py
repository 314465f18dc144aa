"""From the references of a checkpoint to tensors: views of the mapped file, sharing kept."""

from __future__ import annotations

import numpy as np

from ..engine.args import Size
from ..engine.device import Device
from ..engine.tensor import Parameter
from ..errors import FileError
from .arrays import dtype_named, mapped_array, numpy_dtype, tensor_of
from .checkpoint import Checkpoint, leaves
from .checkpoint_refs import ArrayRef, Named, StorageRef, TensorRef
from .kinds import KINDS
from .pickles import Stub
from .source import BytesInput


class Values:
    """Makes the values of one checkpoint; each storage once, each container once."""

    def __init__(self, checkpoint: Checkpoint, place=None):
        self.checkpoint, self.place = checkpoint, place
        self.buffer = None
        self.raw: dict[str, np.ndarray] = {}
        self.made: dict[int, object] = {}

    # ------------------------------------------------------------ tensors

    def bytes_of(self, storage: StorageRef) -> np.ndarray:
        """The bytes of a storage as a writable uint8 array, all its views over the same memory."""
        found = self.raw.get(storage.key)
        if found is None:
            data, start = self._data(storage)
            found = np.frombuffer(data, np.uint8, storage.nbytes, start)
            width = KINDS[storage.dtype].itemsize if storage.dtype else 8
            if not found.flags.writeable or found.ctypes.data % width:
                found = found.copy()
            if self.checkpoint.big:
                found = self._swapped(found, storage)
            self.raw[storage.key] = found
        return found

    def _data(self, storage: StorageRef):
        if storage.start is not None:
            if self.buffer is None:
                self.buffer = self.checkpoint.file.buffer()
                if hasattr(self.buffer, "thaw"):  # parameters are there to be trained
                    self.buffer.thaw()
            return self.buffer, storage.start
        return BytesInput(self.checkpoint.archive.read(storage.member)).buffer(), 0

    def _swapped(self, raw: np.ndarray, storage: StorageRef) -> np.ndarray:
        if storage.dtype is None:
            raise self.checkpoint.file.broken("a big-endian storage without a type cannot be read")
        kind = numpy_dtype(storage.dtype)
        width = kind.itemsize // 2 if kind.kind == "c" else kind.itemsize
        return raw.view(f"u{width}").byteswap().view(np.uint8) if width > 1 else raw

    def tensor(self, ref: TensorRef):
        if ref.storage is None:
            raise self.checkpoint.file.broken("a tensor on the meta device has no values")
        raw = self.bytes_of(ref.storage.root)[ref.storage.offset:ref.storage.offset + ref.storage.nbytes]
        found = tensor_of(self._array(ref, raw), ref.dtype)
        if self.place is not None:
            found = self.place(found, ref.storage.location)
        if ref.parameter:
            return Parameter(found, requires_grad=ref.requires_grad)
        return found.requires_grad_(True) if ref.requires_grad else found

    def _array(self, ref: TensorRef, raw: np.ndarray) -> np.ndarray:
        width = KINDS[ref.dtype].itemsize
        if ref.dtype == "complex32":
            flat = mapped_array(raw, "complex32", (len(raw) // 4,))
            width = 8
        else:
            kind = dtype_named(ref.dtype).numpy
            flat = raw[:len(raw) // width * width].view(kind)
            if ref.dtype == "bool" and len(raw) and raw.max() > 1:
                flat = raw != 0
        if not flat.size or 0 in ref.shape:
            return np.zeros(ref.shape, flat.dtype)
        strides = tuple(step * width for step in ref.stride)
        array = np.ndarray(ref.shape, flat.dtype, flat, ref.offset * width, strides)
        if ref.flags.get("conj"):
            array = array.conj()
        return -array if ref.flags.get("neg") else array

    def array(self, ref: ArrayRef):
        if ref.descr is None:
            return tensor_of(np.zeros(0, np.uint8))
        kind = ref.descr.kind()
        found = mapped_array(BytesInput(ref.data).buffer(), kind.name, ref.shape,
                             big=ref.descr.big or ref.descr.code.startswith(">"), fortran=ref.fortran)
        return found.item() if ref.scalar else tensor_of(found)

    # ------------------------------------------------------------ containers

    def value(self, node):
        """The value of a node; a container that is reached twice is made once."""
        kind = type(node)
        if kind is TensorRef or kind is ArrayRef or isinstance(node, (dict, list, tuple)):
            found = self.made.get(id(node))
            if found is None:
                found = self.made[id(node)] = self._make(node, kind)
            return found
        return self._plain(node, kind)

    def _make(self, node, kind):
        if kind is TensorRef:
            return self.tensor(node)
        if kind is ArrayRef:
            return self.array(node)
        if isinstance(node, dict):
            found = kind((key, self.value(each)) for key, each in node.items())
            if hasattr(node, "_metadata"):
                found._metadata = self.value(node._metadata)
            return found
        return kind(self.value(each) for each in node)

    def _plain(self, node, kind):
        if kind is Named:
            return _real(node)
        if kind is Stub or kind.__module__.startswith("tcli.") or kind not in _PLAIN:
            raise FileError(f"{self.checkpoint.file.name}: a value of the checkpoint is a bare {kind.__name__}")
        return node


_PLAIN = frozenset((str, bytes, bytearray, int, float, bool, complex, set, frozenset, type(None)))


def _real(name: Named):
    if name.kind == "dtype":
        return dtype_named(name.args[0])
    if name.kind == "size":
        return Size(name.args)
    if name.kind == "device":
        try:
            return Device(*name.args)
        except (RuntimeError, TypeError) as error:
            raise FileError(str(error)) from None
    raise FileError(f"a {name.kind} alone is no value")


def values_of(checkpoint: Checkpoint, place=None):
    """The value that was saved. `place(tensor, location)` may move each tensor to a device."""
    return Values(checkpoint, place).value(checkpoint.tree)


def one_value(checkpoint: Checkpoint, name: str):
    """One tensor by its dotted name."""
    for each, node in leaves(checkpoint.tree):
        if each == name and type(node) in (TensorRef, ArrayRef):
            return Values(checkpoint).value(node)
    raise FileError(f"{checkpoint.file.name} holds no tensor {name!r}")
