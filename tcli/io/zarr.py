"""Zarr stores, version 2: folders with small JSON headers and chunks.

Plain and zlib-packed arrays are read here; other packings and version 3 through the zarr package.
Links inside of a store are not followed: what it holds lies in its folder.
"""

from __future__ import annotations

import os

from ..errors import FileError
from .extras import need
from .formats import format
from .kinds import BY_NPY, KINDS, count
from .limits import check_expansion
from .listing import Entry, Listing
from .source import BytesInput, Input, clean

MAX_HEADER = 1 << 20
MAX_ARRAYS, MAX_CHUNKS = 10_000, 1_000_000


class FolderInput(BytesInput):
    """A folder that is read as one file: `path` is the folder, the bytes are the header of its array, if it is one."""


def folder_input(path: str) -> Input:
    found = FolderInput(_read(os.path.join(path, ".zarray"), MAX_HEADER) or b"", path)
    found.path = path
    return found


def _read(path: str, most: int | None = None) -> bytes | None:
    """The bytes of a file in the store; None if there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as stream:
            data = stream.read() if most is None else stream.read(most + 1)
            return None if most is not None and len(data) > most else data
    except OSError:
        return None


class _Array:
    """An array of the store: its header, checked, and its folder."""

    __slots__ = ("fields", "file", "folder", "kind", "name")

    def __init__(self, file: Input, folder: str, name: str, header: bytes):
        from json import loads

        self.file, self.folder, self.name = file, folder, name
        try:
            self.fields = fields = loads(header)
        except (ValueError, RecursionError):
            raise file.broken(f"the .zarray{self.of()} is no JSON") from None
        if not isinstance(fields, dict) or fields.get("zarr_format") != 2 \
                or not _fit(fields.get("shape"), fields.get("chunks")):
            raise file.broken(f"the .zarray{self.of()} is no header of a version 2 array")
        self.kind = BY_NPY.get(str(fields.get("dtype"))[1:])
        if self.kind is None:
            raise file.broken(f"elements of type {clean(fields.get('dtype'))!r} are no numbers")

    def of(self) -> str:
        return f" of {clean(self.name)!r}" if self.name else ""

    def entry(self) -> Entry:
        return Entry(self.name, self.kind.name, self.fields["shape"], source=self)

    def tensor(self):
        from ..engine.tensor import from_numpy
        from .arrays import np

        if self._packing() not in (None, "zlib") or self.fields.get("filters"):
            zarr = need("zarr", f"{self.file.name}: a compressed zarr array", "zarr")
            return _through_the_package(self.file, lambda: zarr.open(self.folder, mode="r")[...])
        return from_numpy(self._assembled(np))

    def _packing(self) -> str | None:
        packing = self.fields.get("compressor")
        return packing.get("id") if isinstance(packing, dict) else packing

    def _assembled(self, np):
        from itertools import product

        fields = self.fields
        shape, chunks, kind = fields["shape"], fields["chunks"], np.dtype(fields["dtype"])
        grid = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
        if count(grid) > MAX_CHUNKS:
            raise self.file.broken(f"the array{self.of()} claims {count(grid)} chunks")
        stored = sum(each.stat().st_size for each in os.scandir(self.folder) if each.is_file())
        check_expansion(max(stored, 1), count(shape) * kind.itemsize, f"{self.file.name}: the array")
        fill = fields.get("fill_value")
        found = np.full(shape, fill if isinstance(fill, (int, float)) else 0, kind.newbyteorder("="))
        for place in product(*map(range, grid)):
            data = self._chunk(place)
            if data is None:
                continue
            if len(data) != count(chunks) * kind.itemsize:
                raise self.file.broken(f"chunk {place} has {len(data)} bytes, {count(chunks) * kind.itemsize} are expected")
            part = np.frombuffer(data, kind).reshape(chunks, order="F" if fields.get("order") == "F" else "C")
            where = tuple(slice(i * c, min(n, (i + 1) * c)) for i, c, n in zip(place, chunks, shape, strict=True))
            found[where] = part[tuple(slice(0, s.stop - s.start) for s in where)]
        return found

    def _chunk(self, place: tuple) -> bytes | None:
        import zlib

        separator = "/" if self.fields.get("dimension_separator") == "/" else "."
        data = _read(os.path.join(self.folder, separator.join(map(str, place)) or "0"))
        if data is None or self._packing() is None:
            return data
        size = count(self.fields["chunks"]) * self.kind.itemsize
        check_expansion(len(data), size, f"{self.file.name}: chunk {place}")
        try:
            return zlib.decompressobj().decompress(data, size)
        except zlib.error as error:
            raise self.file.broken(f"chunk {place} is damaged: {error}") from None


def _fit(shape, chunks) -> bool:
    """Whether these are sizes, as many chunks as dims."""
    return all(isinstance(each, list) and all(type(n) is int and 0 <= n < 1 << 62 for n in each)
               for each in (shape, chunks)) and len(shape) == len(chunks) <= 32 and 0 not in chunks


def _arrays(file: Input) -> list[_Array] | None:
    """The array of the store, or those of a group, by dotted names; None for a store of version 3."""
    header = bytes(file.data)
    if header:
        return [_Array(file, file.path, "", header)]
    if os.path.isfile(os.path.join(file.path, "zarr.json")):
        return None
    found = []
    for folder, inner, names in os.walk(file.path):
        inner.sort()
        if ".zarray" in names:
            inner.clear()
            name = os.path.relpath(folder, file.path).replace(os.sep, ".")
            found.append(_Array(file, folder, name, _read(os.path.join(folder, ".zarray"), MAX_HEADER) or b""))
            if len(found) > MAX_ARRAYS:
                raise file.broken(f"more than {MAX_ARRAYS} arrays")
    if not found:
        raise file.broken("the folder holds no array of zarr")
    return found


def _through_the_package(file: Input, read):
    from ..engine.tensor import from_numpy
    from .arrays import np

    try:
        return from_numpy(np.asarray(read()))
    except FileError:
        raise
    except Exception as error:  # a damaged store fails in many ways
        raise file.broken(f"the zarr package cannot read it: {clean(error, 120)}") from None


def _third_version(file: Input) -> list[tuple[str, object]]:
    """(name, array of the zarr package) of a store of version 3."""
    zarr = need("zarr", f"{file.name}: a zarr store of version 3", "zarr")
    try:
        top = zarr.open(file.path, mode="r")
        if isinstance(top, zarr.Array):
            return [("", top)]
        return [(name.replace("/", "."), each) for name, each in top.members(max_depth=None) if isinstance(each, zarr.Array)]
    except Exception as error:  # as above
        raise file.broken(f"the zarr package cannot read it: {clean(error, 120)}") from None


@format("zarr", extra="zarr")
class Zarr:
    """One array in chunks, or a group of them by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        arrays = _arrays(file)
        if arrays is None:
            return Listing("zarr", [Entry(clean(name), str(each.dtype), each.shape) for name, each in _third_version(file)])
        return Listing("zarr", [each.entry() for each in arrays],
                       {"chunks": str(arrays[0].fields["chunks"])} if not arrays[0].name else {})

    @staticmethod
    def load(file: Input):
        arrays = _arrays(file)
        if arrays is None:
            found = {name: _through_the_package(file, lambda each=each: each[...]) for name, each in _third_version(file)}
        else:
            found = {each.name: each.tensor() for each in arrays}
        return found.get("", found)

    @staticmethod
    def save_folder(value, folder: str, options=None) -> None:
        """One chunk per tensor, not packed; names with dots become folders."""
        from ..engine.tensor import Tensor
        from .arrays import named_tensors

        if isinstance(value, Tensor):
            _write_array(value, folder)
            return
        _write_json(os.path.join(folder, ".zgroup"), {"zarr_format": 2})
        for name, tensor in named_tensors(value, "a .zarr store").items():
            parts = name.split(".")
            if not all(parts) or "/" in name or os.sep in name:
                raise FileError(f"cannot save {clean(name)!r} as a zarr store: its parts name folders", help="use .npz or .pt")
            at = folder
            for part in parts[:-1]:
                at = os.path.join(at, part)
                os.makedirs(at, exist_ok=True)
                _write_json(os.path.join(at, ".zgroup"), {"zarr_format": 2})
            os.makedirs(os.path.join(at, parts[-1]), exist_ok=True)
            _write_array(tensor, os.path.join(at, parts[-1]))


def _write_json(path: str, fields: dict) -> None:
    from json import dumps

    with open(path, "w", encoding="utf-8") as out:
        out.write(dumps(fields, indent=4))


def _write_array(tensor, folder: str) -> None:
    from .arrays import NUMPY_KINDS, prepared, write_values

    array, dtype = prepared(tensor, "a .zarr store", NUMPY_KINDS)
    sign = "|" if array.dtype.itemsize == 1 else "<"
    _write_json(os.path.join(folder, ".zarray"), {
        "chunks": [max(n, 1) for n in array.shape], "compressor": None, "dtype": sign + KINDS[dtype].npy, "fill_value": 0,
        "filters": None, "order": "C", "shape": list(array.shape), "zarr_format": 2})
    if array.size:
        with open(os.path.join(folder, ".".join("0" * array.ndim) or "0"), "wb") as out:
            write_values(array, out)
