"""Writes PyTorch's zip checkpoint: what `torch.load(weights_only=True)` and tcli read.

The pickle is written opcode by opcode, since its names (torch._utils._rebuild_tensor_v2 and the like)
are not importable here. Tensors that share memory share a storage in the file; views keep their strides.
"""

from __future__ import annotations

import struct
from collections import OrderedDict

import numpy as np

from ..engine import dtypes
from ..engine.args import Size
from ..engine.device import Device
from ..engine.tensor import Parameter, Tensor
from ..errors import FileError
from .arrays import write_values
from .kinds import KINDS
from .zip_writer import ZipWriter
from .zips import metadata_comment

MAX_DEPTH = 100


class _Storage:
    """Memory to be written once: the array that covers it, or the bytes of it."""

    __slots__ = ("array", "dtype", "key", "location", "nbytes")


class Pickle:
    """The bytes of a pickle of protocol 2, and the storages that it refers to."""

    def __init__(self):
        self.out: list[bytes] = [b"\x80\x02"]
        self.storages: dict[tuple, _Storage] = {}
        self.memo: dict[int, int] = {}
        self.keep: list = []

    def finished(self) -> bytes:
        return b"".join([*self.out, b"."])

    def put(self, *parts: bytes) -> None:
        self.out.extend(parts)

    # ------------------------------------------------------------ values

    def value(self, value: object, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise FileError(f"cannot save: the value is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, (Tensor, dict, list)) and id(value) in self.memo:
            self.put(b"j", struct.pack("<I", self.memo[id(value)]))
            return
        kind = type(value)
        writer = _WRITERS.get(kind) or next((w for base, w in _BASES if isinstance(value, base)), None)
        if writer is None:
            raise FileError(f"cannot save a {kind.__name__}: a checkpoint holds tensors, numbers, text, lists, "
                            "tuples and dicts", help=_HELP if hasattr(value, "state_dict") else None)
        writer(self, value, depth)

    def remember(self, value: object) -> None:
        at = self.memo[id(value)] = len(self.memo)
        self.keep.append(value)
        self.put(b"r", struct.pack("<I", at))

    def name(self, module: str, name: str) -> None:
        self.put(f"c{module}\n{name}\n".encode())

    def text(self, text: str) -> None:
        raw = text.encode("utf-8", "surrogatepass")
        self.put(b"X", struct.pack("<I", len(raw)), raw)

    def integer(self, value: int) -> None:
        if 0 <= value < 256:
            self.put(b"K", bytes((value,)))
        elif -1 << 31 <= value < 1 << 31:
            self.put(b"J", struct.pack("<i", value))
        else:
            width = value.bit_length() // 8 + 1
            if width > 255:
                raise FileError("cannot save a number of more than 2000 bits")
            self.put(b"\x8a", bytes((width,)), value.to_bytes(width, "little", signed=True))

    def integers(self, values) -> None:
        self.put(b"(")
        for value in values:
            self.integer(int(value))
        self.put(b"t")

    # ------------------------------------------------------------ tensors

    def tensor(self, t: Tensor, depth: int) -> None:
        if isinstance(t, Parameter):
            self.name("torch._utils", "_rebuild_parameter")
            self.put(b"(")
            self._tensor(t, False)
            self.put(b"\x88" if t.requires_grad else b"\x89")
            self._no_hooks()
            self.put(b"tR")
        else:
            self._tensor(t, t.requires_grad and t.is_leaf)
        self.remember(t)

    def _tensor(self, t: Tensor, requires_grad: bool) -> None:
        name = t.dtype.name
        storage, offset, strides = self.place(t, name)
        typed = KINDS[name].storage
        self.name("torch._utils", "_rebuild_tensor_v2" if typed else "_rebuild_tensor_v3")
        self.put(b"((")
        self.text("storage")
        self.name(*(("torch", typed) if typed else ("torch.storage", "UntypedStorage")))
        self.text(storage.key)
        self.text(storage.location)
        self.integer(storage.nbytes // KINDS[name].itemsize if typed else storage.nbytes)
        self.put(b"tQ")
        self.integer(offset)
        self.integers(t.shape)
        self.integers(strides)
        self.put(b"\x88" if requires_grad else b"\x89")
        self._no_hooks()
        if not typed:
            self.name("torch", name)
        self.put(b"tR")

    def _no_hooks(self) -> None:
        self.name("collections", "OrderedDict")
        self.put(b")R")

    def place(self, t: Tensor, name: str) -> tuple[_Storage, int, tuple]:
        """(storage, offset, strides) of a tensor: in the memory that it shares with others."""
        if t.is_meta:
            raise FileError("a tensor on the meta device has no values to save")
        array = t.detach().cpu_array()
        if name == "complex32":
            array = np.stack([array.real, array.imag], -1).astype(np.float16)
            return self._storage(array, name, str(t.device)), 0, _row_major(t.shape)
        root = root_of(array)
        if root is None:
            array = np.ascontiguousarray(array).reshape(array.shape)
            return self._storage(array, name, str(t.device)), 0, _row_major(array.shape)
        width = array.dtype.itemsize
        offset = (array.__array_interface__["data"][0] - root.__array_interface__["data"][0]) // width
        strides = t.stride() if array.size > 1 or 0 in array.shape else _row_major(array.shape)
        return self._storage(root, name, str(t.device)), offset if array.size else 0, strides

    def _storage(self, array: np.ndarray, dtype: str, location: str) -> _Storage:
        key = (array.__array_interface__["data"][0], array.nbytes, dtype) if array.nbytes else (id(array), 0, dtype)
        found = self.storages.get(key)
        if found is None:
            found = self.storages[key] = _Storage()
            found.array, found.dtype, found.location = array, dtype, location
            found.key, found.nbytes = str(len(self.storages) - 1), array.nbytes
            self.keep.append(array)
        return found


def root_of(array: np.ndarray) -> np.ndarray | None:
    """The array that owns the memory, flat, if the tensor is a fair part of it; None: write a copy.

    A slice of a few elements does not drag a whole data set into the file.
    """
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    foreign = root.dtype.itemsize != array.dtype.itemsize or array.dtype.byteorder == ">"
    if foreign or any(s < 0 for s in array.strides):
        return None
    if root.flags.f_contiguous and not root.flags.c_contiguous:
        root = root.T
    if not root.flags.c_contiguous or root.nbytes > max(4 * array.nbytes, 1 << 16):
        return None
    offset = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    if offset % array.dtype.itemsize or any(s % array.dtype.itemsize for s in array.strides):
        return None
    return root


def _row_major(shape) -> tuple:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


# ---------------------------------------------------------------- plain values

_HELP = "save model.state_dict(): tcli does not write classes"


def _dict(p: Pickle, value: dict, depth: int) -> None:
    if type(value) is OrderedDict:
        p.name("collections", "OrderedDict")
        p.put(b")R")
    else:
        p.put(b"}")
    p.remember(value)
    p.put(b"(")
    for key, each in value.items():
        if isinstance(key, Tensor):
            raise FileError("cannot save a dict whose keys are tensors")
        p.value(key, depth + 1)
        p.value(each, depth + 1)
    p.put(b"u")


def _list(p: Pickle, value: list, depth: int) -> None:
    p.put(b"]")
    p.remember(value)
    p.put(b"(")
    for each in value:
        p.value(each, depth + 1)
    p.put(b"e")


def _tuple(p: Pickle, value: tuple, depth: int) -> None:
    p.put(b"(")
    for each in value:
        p.value(each, depth + 1)
    p.put(b"t")


def _size(p: Pickle, value: Size, depth: int) -> None:
    p.name("torch", "Size")
    p.put(b"(")
    p.integers(value)
    p.put(b"tR")


def _set(p: Pickle, value: set, depth: int) -> None:
    p.name("__builtin__", "set")
    p.put(b"(")
    _list(p, sorted(value, key=repr), depth)
    p.put(b"tR")


def _bytes(p: Pickle, value: bytes, depth: int) -> None:
    p.name("_codecs", "encode")
    p.put(b"(")
    p.text(bytes(value).decode("latin-1"))
    p.text("latin1")
    p.put(b"tR")


def _complex(p: Pickle, value: complex, depth: int) -> None:
    p.name("__builtin__", "complex")
    p.put(b"(G", struct.pack(">d", value.real), b"G", struct.pack(">d", value.imag), b"tR")


def _device(p: Pickle, value: Device, depth: int) -> None:
    p.name("torch", "device")
    p.put(b"(")
    p.text(value.type)
    if value.index is not None:
        p.integer(value.index)
    p.put(b"tR")


_WRITERS = {
    type(None): lambda p, v, d: p.put(b"N"), bool: lambda p, v, d: p.put(b"\x88" if v else b"\x89"),
    int: lambda p, v, d: p.integer(v), float: lambda p, v, d: p.put(b"G", struct.pack(">d", v)),
    str: lambda p, v, d: p.text(v), Size: _size, list: _list, tuple: _tuple, set: _set, bytes: _bytes,
    complex: _complex,
    Device: _device, dtypes.dtype: lambda p, v, d: p.name("torch", v.name)}
_BASES = ((Tensor, Pickle.tensor), (dict, _dict), (list, _list), (tuple, _tuple),
          (np.ndarray, lambda p, v, d: p.value(_from_numpy(v), d)),
          (np.generic, lambda p, v, d: p.value(v.item(), d)))


def _from_numpy(array: np.ndarray) -> Tensor:
    from ..engine.tensor import from_numpy

    return from_numpy(np.ascontiguousarray(array))


def write(value: object, stream, metadata: dict | None = None) -> None:
    """The archive: data.pkl, byteorder, the storages, version."""
    pickle = Pickle()
    pickle.value(value)
    with ZipWriter(stream, metadata_comment(metadata)) as archive:
        archive.add("archive/data.pkl", pickle.finished())
        archive.add("archive/byteorder", b"little")
        for storage in pickle.storages.values():
            with archive.member(f"archive/data/{storage.key}", storage.nbytes) as out:
                write_values(storage.array, out)
        archive.add("archive/version", b"3\n")

