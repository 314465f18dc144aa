"""Writes PyTorch's zip checkpoint: byte for byte what `torch.save` writes.

The pickle is made by Python's own pickler, which is told how tensors fall apart; the names that they are
put together by (torch._utils._rebuild_tensor_v2 and the like) are not importable here and are written
as they are. Tensors that share memory share a storage in the file; views keep their strides.
"""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from functools import cache
from io import BytesIO
from sys import intern

import numpy as np

from ..engine import dtypes
from ..engine.args import Size
from ..engine.device import Device
from ..engine.tensor import Parameter, Tensor, from_numpy
from ..errors import FileError
from .arrays import write_values
from .kinds import KINDS
from .torch_archive import TorchArchive
from .zips import metadata_comment

MAX_DEPTH = 100
_HELP = "save model.state_dict(): tcli does not write classes"


class _Name:
    """Something of PyTorch's that the pickle names, such as `torch FloatStorage`."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name

    def __call__(self, *_args):
        """Never called: the pickler wants what rebuilds a value to be callable."""
        raise NotImplementedError(f"{self.module}.{self.name}")


named = cache(_Name)  # one object per name: the pickler writes it once and refers to it then


class _Storage:
    """Memory to be written once: the array that covers it, and what the pickle says of it."""

    __slots__ = ("array", "count", "key", "kind", "location")


class Pickler(pickle._Pickler):
    """The pickle of protocol 2; `storages` are the values to write beside it."""

    dispatch = dict(pickle._Pickler.dispatch)

    def __init__(self, out):
        super().__init__(out, 2)
        self.storages: dict[tuple, _Storage] = {}
        self.depth = 0

    def save(self, value, save_persistent_id=True):
        value = _plain(value)
        inner = isinstance(value, (dict, list, tuple, set))
        self.depth += inner
        if self.depth > MAX_DEPTH:
            raise FileError(f"cannot save: the value is nested more than {MAX_DEPTH} levels deep")
        super().save(value, save_persistent_id)
        self.depth -= inner

    def persistent_id(self, value):
        if type(value) is _Storage:
            return "storage", value.kind, value.key, value.location, value.count
        return None

    def reducer_override(self, value):
        """How a value falls apart: (what rebuilds it, its arguments); NotImplemented for what pickle knows."""
        kind = type(value)
        if kind in _AS_PICKLE_DOES:
            return NotImplemented
        parts = _PARTS.get(kind) or next((each for base, each in _BASES if isinstance(value, base)), None)
        if parts is None:
            raise FileError(f"cannot save a {kind.__name__}: a checkpoint holds tensors, numbers, text, lists, "
                            "tuples and dicts", help=_HELP if hasattr(value, "state_dict") else None)
        return parts(self, value)

    def _save_name(self, name: _Name) -> None:
        self.write(pickle.GLOBAL + f"{name.module}\n{name.name}\n".encode())
        self.memoize(name)

    def _save_dtype(self, dtype: dtypes.dtype) -> None:
        self.save(named("torch", dtype.name))

    dispatch[_Name], dispatch[dtypes.dtype] = _save_name, _save_dtype

    # ------------------------------------------------------------ tensors

    def tensor(self, t: Tensor) -> tuple:
        return self._rebuild(t, t.requires_grad and t.is_leaf)

    def parameter(self, t: Parameter) -> tuple:
        return named("torch._utils", "_rebuild_parameter"), (t.detach(), t.requires_grad, OrderedDict())

    def _rebuild(self, t: Tensor, requires_grad: bool) -> tuple:
        storage, offset, strides = self.place(t, t.dtype.name)
        # Tuples of their own, as in PyTorch: the pickle refers back to an object that it has seen.
        parts = storage, offset, (*t.shape,), (*strides,), requires_grad, OrderedDict()
        if KINDS[t.dtype.name].storage:
            return named("torch._utils", "_rebuild_tensor_v2"), parts
        return named("torch._utils", "_rebuild_tensor_v3"), (*parts, t.dtype)

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
            typed = KINDS[dtype].storage
            found = self.storages[key] = _Storage()
            found.array, found.location, found.key = array, intern(location), str(len(self.storages) - 1)
            found.kind = named("torch", typed) if typed else named("torch.storage", "UntypedStorage")
            found.count = array.nbytes // KINDS[dtype].itemsize if typed else array.nbytes
        return found


def root_of(array: np.ndarray) -> np.ndarray | None:
    """The array that owns the memory, flat, if the tensor is a fair part of it; None: write a copy.

    A slice of a few elements does not drag a whole data set into the file.
    """
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    if array.dtype.byteorder == ">" or any(s < 0 for s in array.strides):
        return None
    if root.dtype.itemsize == 1 and root.ndim == 1 and root.flags.c_contiguous and not root.nbytes % array.dtype.itemsize:
        root = root.view(array.dtype)  # the bytes of a storage that came out of a file
    if root.dtype.itemsize != array.dtype.itemsize:
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

def _plain(value):
    """A number of NumPy's, a dict or a list of another class: as the plain one, which every reader knows."""
    if isinstance(value, np.generic):
        return value.item()
    for base in (dict, list):
        if isinstance(value, base) and type(value) not in (base, OrderedDict):
            return base(value)
    return value


def _dict(_p: Pickler, value: dict):
    if any(isinstance(key, Tensor) for key in value):
        raise FileError("cannot save a dict whose keys are tensors")
    if type(value) is dict:
        return NotImplemented
    return named("collections", "OrderedDict"), (), vars(value) or None, None, iter(value.items())


def _integer(_p: Pickler, value: int):
    if value.bit_length() > 2000:
        raise FileError("cannot save a number of more than 2000 bits")
    return NotImplemented


def _device(_p: Pickler, value: Device) -> tuple:
    kind = value.type.encode().decode()  # a text of its own, as in PyTorch: the pickle does not refer to another one
    return named("torch", "device"), (kind,) if value.index is None else (kind, value.index)


_AS_PICKLE_DOES = frozenset({type(None), bool, float, str, list, tuple, dtypes.dtype, _Name})
_PARTS = {
    int: _integer, dict: _dict, OrderedDict: _dict, Device: _device,
    Size: lambda _, v: (named("torch", "Size"), ((*v,),)),
    set: lambda _, v: (named("__builtin__", "set"), (sorted(v, key=repr),)),  # the same values, the same bytes
    bytes: lambda _, v: (named("_codecs", "encode"), (v.decode("latin-1"), "latin1")),
    complex: lambda _, v: (named("__builtin__", "complex"), (v.real, v.imag))}
_BASES = ((Parameter, Pickler.parameter), (Tensor, Pickler.tensor),
          (np.ndarray, lambda p, v: p.tensor(from_numpy(np.ascontiguousarray(v)))))


def folder_of(path) -> str:
    """What PyTorch calls the folder in an archive: as the file without its ending, "archive" without a plain name."""
    name = os.path.basename(os.fspath(path)).rpartition("\\")[2]
    stem = name.rpartition(".")[0] if "." in name else name
    return stem if stem and stem.isascii() and os.fspath(path).isascii() else "archive"


def write(value: object, stream, metadata: dict | None = None, folder: str = "archive") -> None:
    """The archive: the pickle, the storages, and what PyTorch puts beside them, all in one folder."""
    out = BytesIO()
    pickler = Pickler(out)
    pickler.dump(value)
    with TorchArchive(stream, folder, metadata_comment(metadata)) as archive:
        archive.add("data.pkl", out.getvalue())
        archive.add(".format_version", b"1")
        archive.add(".storage_alignment", b"64")
        archive.add("byteorder", b"little")
        for storage in pickler.storages.values():
            with archive.member(f"data/{storage.key}", storage.array.nbytes) as out:
                write_values(storage.array, out)
        archive.add("version", b"3\n")
