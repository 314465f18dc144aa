"""MATLAB's `.mat`, version 5: the arrays of numbers by name.

Read here and not through scipy, whose reader crashes on damaged files. Written from the description that
MathWorks publishes ("MAT-File Format"). Cells, structures, texts and objects are passed over; sparse
matrices come as dense ones. Version 7.3 is HDF5.
"""

from __future__ import annotations

import struct
import zlib

from .extras import need
from .formats import format
from .kinds import count
from .limits import MAX_DIMS, check_expansion
from .listing import Entry, Listing
from .source import Input, clean

_MATRIX, _COMPRESSED = 14, 15
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "float64", 7: "float32", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32",
            14: "int64", 15: "uint64"}
_SPARSE, _OTHERS = 5, {1: "cell", 2: "struct", 3: "object", 4: "text", 16: "function", 17: "object"}
_COMPLEX, _LOGICAL = 0x800, 0x200
_NAMED_WITHIN = 4096  # bytes that hold flags, dims and name of any honest matrix


class _Matrix:
    """One variable: its name and type, and the bytes of its values, still packed where they were packed."""

    __slots__ = ("at", "bits", "data", "file", "form", "kind", "name", "order", "packed", "shape", "size")

    def entry(self) -> Entry:
        return Entry(self.name, self.dtype(), self.shape, source=self)

    def dtype(self) -> str:
        if self.bits & _LOGICAL:
            return "bool"
        real = "float64" if self.form == _SPARSE else _CLASSES[self.form]
        return real if not self.bits & _COMPLEX else "complex64" if real == "float32" else "complex128"


class _Elements:
    """Walks over tagged elements in bytes; every size is held against what is there."""

    def __init__(self, file: Input, data: bytes, order: str, at: int = 0):
        self.file, self.data, self.order, self.at = file, data, order, at

    def next(self, what: str) -> tuple[int, bytes]:
        """(type, bytes) of the next element."""
        kind, size = self._pair(what)
        if kind >> 16:  # a small element: its bytes stand in the tag
            start, kind, size, end = self.at + 4, kind & 0xFFFF, kind >> 16, self.at + 8
            if size > 4:
                raise self.file.broken(f"{what} claims {size} bytes in a tag")
        else:
            start = self.at + 8
            end = start + size + -size % 8
        if start + size > len(self.data):
            raise self.file.broken(f"{what} claims {size} bytes, {max(0, len(self.data) - start)} are left")
        self.at = end
        return kind, self.data[start:start + size]

    def numbers(self, np, what: str):
        kind, raw = self.next(what)
        if kind not in _STORED or len(raw) % int(_STORED[kind][1]):
            raise self.file.broken(f"{what} are of the unknown type {kind}")
        return np.frombuffer(raw, self.order + _STORED[kind])

    def _pair(self, what: str) -> tuple[int, int]:
        if self.at + 8 > len(self.data):
            raise self.file.broken(f"{what} is cut short")
        return struct.unpack_from(self.order + "II", self.data, self.at)


def _matrices(file: Input) -> tuple[list[_Matrix], list[str]]:
    """(the variables with numbers, remarks on the others)"""
    head = file.exactly(0, 128, "the header")
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    version = struct.unpack(f"{order or '<'}H", head[124:126])[0]
    if order is not None and version == 0x200:
        raise file.broken("it is of version 7.3, which is HDF5", help="load(path, format='hdf5')")
    if order is None or version != 0x100:
        raise file.broken("it is no MATLAB file of version 5", help="in MATLAB: save('x.mat', '-v7')")
    found, others, at = [], [], 128
    while at < file.size:
        kind, size = struct.unpack(order + "II", file.exactly(at, 8, "a variable"))
        if at + 8 + size > file.size:
            raise file.broken(f"a variable claims bytes {at + 8} to {at + 8 + size}, the file has {file.size}")
        if kind in (_MATRIX, _COMPRESSED) and size:
            each = _matrix(file, order, at + 8, size, kind == _COMPRESSED)
            found.append(each) if each.form in _CLASSES or each.form == _SPARSE else others.append(each)
        at += 8 + size + (0 if kind == _COMPRESSED else -size % 8)
    names = [each.name for each in found]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise file.broken(f"two variables are called {clean(twice)!r}")
    return found, [f"{clean(each.name)!r} is a {_OTHERS.get(each.form, 'thing')}, not numbers" for each in others[:8]]


def _matrix(file: Input, order: str, at: int, size: int, packed: bool) -> _Matrix:
    found = _Matrix()
    found.file, found.order, found.at, found.size, found.packed = file, order, at, size, packed
    elements = _Elements(file, _head(found), order)
    kind, flags = elements.next("the flags of a variable")
    if kind != 6 or len(flags) < 8:
        raise file.broken("a variable begins with no flags")
    word = struct.unpack(order + "I", flags[:4])[0]
    found.form, found.bits = word & 0xFF, word
    kind, dims = elements.next("the dims of a variable")
    found.shape = struct.unpack(f"{order}{len(dims) // 4}i", dims[:len(dims) // 4 * 4])
    if kind not in (5, 6) or len(found.shape) > MAX_DIMS or min(found.shape, default=0) < 0:
        raise file.broken(f"a variable has the shape {clean(list(found.shape), 60)}")
    found.name = elements.next("the name of a variable")[1].decode("utf-8", "replace")
    found.data = elements.at
    return found


def _head(matrix: _Matrix) -> bytes:
    """The first bytes of a matrix, without the tag around it."""
    file = matrix.file
    if not matrix.packed:
        return file.read(matrix.at, min(matrix.size, _NAMED_WITHIN))
    raw = file.read(matrix.at, min(matrix.size, _NAMED_WITHIN))
    return _unpacked(matrix, raw, _NAMED_WITHIN)


def _unpacked(matrix: _Matrix, raw: bytes, most: int, whole: bool = False) -> bytes:
    unpack = zlib.decompressobj()
    try:
        data = unpack.decompress(raw, most)
    except zlib.error as error:
        raise matrix.file.broken(f"a packed variable is damaged ({clean(error, 60)})") from None
    if whole and not unpack.eof:
        raise matrix.file.broken(f"the packed variable {clean(matrix.name)!r} does not end where its shape says")
    if len(data) < 8 or struct.unpack(matrix.order + "I", data[:4])[0] != _MATRIX:
        raise matrix.file.broken("a packed variable is no matrix")
    return data[8:]


def _tensor(matrix: _Matrix):
    import numpy as np

    from ..engine.tensor import from_numpy

    file, who = matrix.file, f"{matrix.file.name}: {clean(matrix.name)!r}"
    dtype = np.dtype(matrix.dtype())
    check_expansion(matrix.size, count(matrix.shape) * dtype.itemsize, who)
    raw = file.read(matrix.at, matrix.size)
    if matrix.packed:
        # No type in the file is wider than 16 bytes per element; sparse indices come on top.
        raw = _unpacked(matrix, raw, (1 << 16) + count(matrix.shape) * 32 if matrix.form != _SPARSE else 1 << 28, True)
    elements = _Elements(file, raw, matrix.order, matrix.data)
    if matrix.form == _SPARSE:
        return from_numpy(_dense(np, matrix, elements, dtype))
    values = _values(np, matrix, elements, dtype)
    if values.size != count(matrix.shape):
        raise file.broken(f"{clean(matrix.name)!r} has {values.size} values, its shape {list(matrix.shape)} asks for "
                          f"{count(matrix.shape)}")
    return from_numpy(values.reshape(matrix.shape, order="F"))


def _values(np, matrix: _Matrix, elements: _Elements, dtype):
    """The values in the type of the variable's class: MATLAB stores whole numbers in fewer bytes."""
    real = elements.numbers(np, f"the values of {clean(matrix.name)!r}")
    if not matrix.bits & _COMPLEX or matrix.bits & _LOGICAL:
        return real.astype(dtype)
    imaginary = elements.numbers(np, f"the imaginary values of {clean(matrix.name)!r}")
    if imaginary.size != real.size:
        raise matrix.file.broken(f"{clean(matrix.name)!r} has {real.size} real and {imaginary.size} imaginary values")
    found = np.empty(real.size, dtype)
    found.real, found.imag = real, imaginary
    return found


def _dense(np, matrix: _Matrix, elements: _Elements, dtype):
    """A sparse matrix, column by column: row indices, where each column begins, values."""
    who = clean(matrix.name)
    rows = elements.numbers(np, f"the rows of {who!r}").astype(np.int64)
    starts = elements.numbers(np, f"the columns of {who!r}").astype(np.int64)
    fits = len(matrix.shape) == 2 and starts.size == matrix.shape[1] + 1
    used = int(starts[-1]) if fits and starts.size else 0
    if matrix.bits & _LOGICAL:  # bytes, whatever type MATLAB says
        values = np.frombuffer(elements.next(f"the values of {who!r}")[1], np.uint8).astype(bool)
    else:
        values = _values(np, matrix, elements, dtype)
    found = np.zeros(matrix.shape, dtype)
    if not fits or starts[0] != 0 or (np.diff(starts) < 0).any() or used > min(rows.size, values.size) \
            or (used and not 0 <= int(rows[:used].min()) <= int(rows[:used].max()) < matrix.shape[0]):
        raise matrix.file.broken(f"the sparse matrix {who!r} has places outside of its shape {list(matrix.shape)}")
    found[rows[:used], np.repeat(np.arange(matrix.shape[1]), np.diff(starts))] = values[:used]
    return found


@format("mat", magic=b"MATLAB 5.0", extra="scipy")
class Mat:
    """Arrays by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        found, notes = _matrices(file)
        return Listing("mat", [each.entry() for each in found], notes=notes)

    @staticmethod
    def load(file: Input):
        return {each.name: _tensor(each) for each in _matrices(file)[0]}

    @staticmethod
    def load_one(file: Input, entry: Entry):
        return _tensor(entry.source)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import NUMPY_KINDS, named_tensors, prepared

        io = need("scipy.io", "writing a MATLAB file", "scipy")
        io.savemat(stream, {name.replace(".", "_"): prepared(tensor, "a .mat file", NUMPY_KINDS - {"float16"})[0]
                            for name, tensor in named_tensors(value, "a .mat file").items()})
