"""Zarr stores, version 2: a folder with a small JSON header and chunks. Compressed ones need the zarr package."""

from __future__ import annotations

import os

from .extras import need
from .formats import format
from .kinds import BY_NPY, count
from .limits import check_expansion
from .listing import Entry, Listing
from .source import BytesInput, Input, clean

MAX_HEADER = 1 << 20


class FolderInput(BytesInput):
    """A folder that is read as one file: `path` is the folder, the bytes are its header."""


def folder_input(path: str) -> Input:
    header = os.path.join(path, ".zarray")
    data = b"{}"
    if os.path.isfile(header) and os.path.getsize(header) <= MAX_HEADER:
        with open(header, "rb") as file:
            data = file.read()
    found = FolderInput(data, path)
    found.path = path
    return found


def _parsed(file: Input) -> dict:
    from json import loads

    try:
        fields = loads(file.all())
    except (ValueError, RecursionError):
        raise file.broken("its .zarray is no JSON") from None
    shape, chunks = fields.get("shape"), fields.get("chunks")
    sizes = all(isinstance(each, list) and all(type(n) is int and 0 <= n < 1 << 62 for n in each)
                for each in (shape, chunks))
    if fields.get("zarr_format") != 2 or not sizes or len(shape) != len(chunks) or 0 in chunks or len(shape) > 32:
        raise file.broken("its .zarray is no header of a version 2 array",
                          help="groups and version 3: pip install zarr, and save the arrays as .npz")
    kind = BY_NPY.get(str(fields.get("dtype"))[1:])
    if kind is None:
        raise file.broken(f"elements of type {clean(fields.get('dtype'))!r} are no numbers")
    return fields | {"kind": kind}


@format("zarr", extra="zarr")
class Zarr:
    """One array in chunks."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        fields = _parsed(file)
        return Listing("zarr", [Entry("", fields["kind"].name, fields["shape"])], {"chunks": str(fields["chunks"])})

    @staticmethod
    def load(file: Input):
        from ..engine.tensor import from_numpy
        from .arrays import np

        fields = _parsed(file)
        if fields.get("compressor") not in (None,) or fields.get("filters"):
            compressor = (fields.get("compressor") or {}).get("id")
            if compressor != "zlib" or fields.get("filters"):
                zarr = need("zarr", f"{file.name}: a compressed zarr array", "zarr")
                return from_numpy(np.asarray(zarr.open(file.path, mode="r")[...]))
        return from_numpy(_assembled(np, file, fields))


def _assembled(np, file: Input, fields: dict):
    from itertools import product

    shape, chunks, kind = fields["shape"], fields["chunks"], np.dtype(fields["dtype"])
    grid = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
    stored = sum(each.stat().st_size for each in os.scandir(file.path) if each.is_file())
    check_expansion(max(stored, 1), count(shape) * kind.itemsize, f"{file.name}: the array")
    fill = fields.get("fill_value")
    found = np.full(shape, fill if isinstance(fill, (int, float)) else 0, kind.newbyteorder("="))
    for place in product(*map(range, grid)):
        data = _chunk(file, fields, ".".join(map(str, place)) or "0")
        if data is None:
            continue
        if len(data) != count(chunks) * kind.itemsize:
            raise file.broken(f"chunk {place} has {len(data)} bytes, {count(chunks) * kind.itemsize} are expected")
        part = np.frombuffer(data, kind).reshape(chunks, order=fields.get("order", "C"))
        where = tuple(slice(i * c, min(n, (i + 1) * c)) for i, c, n in zip(place, chunks, shape, strict=True))
        found[where] = part[tuple(slice(0, s.stop - s.start) for s in where)]
    return found


def _chunk(file: Input, fields: dict, name: str) -> bytes | None:
    import zlib

    if fields.get("dimension_separator") == "/":
        name = name.replace(".", "/")
    try:
        with open(os.path.join(file.path, name), "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        return None
    if not fields.get("compressor"):
        return data
    size = count(fields["chunks"]) * fields["kind"].itemsize
    check_expansion(len(data), size, f"{file.name}: chunk {name}")
    try:
        return zlib.decompressobj().decompress(data, size)
    except zlib.error as error:
        raise file.broken(f"chunk {name} is damaged: {error}") from None
