"""GGUF, the format of llama.cpp: metadata, then tensors, plain or in quantised blocks.

Written from the format's description. Plain types and the simple blocks (Q8_0, Q4_0, Q4_1, Q5_0, Q5_1)
load, the latter as float32; other blocks are listed with their size and refused when loaded. Written are
the plain types.
"""

from __future__ import annotations

import struct

from ..errors import FileError
from .formats import format
from .kinds import KINDS, count
from .limits import MAX_HEADER, check_memory
from .listing import Entry, Listing
from .source import Input, clean

# number -> (name, elements of a block, bytes of a block)
TYPES = {
    0: ("float32", 1, 4), 1: ("float16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("int8", 1, 1), 25: ("int16", 1, 2), 26: ("int32", 1, 4), 27: ("int64", 1, 8), 28: ("float64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("bfloat16", 1, 2)}
NUMBERS = {name: number for number, (name, block, _) in TYPES.items() if block == 1}
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
SHOWN = 8  # elements of an array that the metadata shows
MAX_DIMS, WRITTEN_DIMS, ALIGNMENT = 8, 4, 32


class _Cursor:
    """Reads the header field by field; each read is held against the size of the file."""

    def __init__(self, file: Input):
        self.file, self.at, self.data, self.base = file, 0, b"", 0
        self.order = "<"

    def take(self, size: int, what: str) -> bytes:
        start = self.at - self.base
        if start < 0 or start + size > len(self.data):
            if size > MAX_HEADER:
                raise self.file.broken(f"{what} claims {size} bytes")
            self.base, start = self.at, 0
            self.data = self.file.read(self.at, max(size, 1 << 16))
        if start + size > len(self.data):
            raise self.file.broken(f"{what} is cut short at byte {self.at}")
        self.at += size
        return self.data[start:start + size]

    def number(self, code: str, what: str = "the header"):
        size = struct.calcsize(self.order + code)
        return struct.unpack(self.order + code, self.take(size, what))[0]

    def text(self, what: str) -> str:
        size = self.number("Q", what)
        return self.take(size, what).decode("utf-8", "replace")

    def value(self, kind: int, what: str, depth: int = 0):
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind], what)
        if kind == _STRING:
            return self.text(what)
        if kind != _ARRAY or depth > 4:
            raise self.file.broken(f"{what} has the unknown type {kind}")
        return self._array(what, depth)

    def _array(self, what: str, depth: int):
        """The first elements; the others are passed over."""
        kind, size = self.number("I", what), self.number("Q", what)
        if size > self.file.size:
            raise self.file.broken(f"{what} claims {size} elements")
        found = [self.value(kind, what, depth + 1) for _ in range(min(size, SHOWN))]
        rest = size - len(found)
        if kind in _NUMBERS:
            self.at += rest * struct.calcsize("<" + _NUMBERS[kind])
            if self.at > self.file.size:
                raise self.file.broken(f"{what} is cut short")
        else:
            for _ in range(rest):
                self.value(kind, what, depth + 1)
        return clean(found, 100) + (f" … {size} in all" if rest else "")


def _header(file: Input) -> tuple[list[Entry], dict]:
    cursor = _Cursor(file)
    if cursor.take(4, "the header") != b"GGUF":
        raise file.broken("these are no GGUF bytes")
    version = cursor.number("I")
    if version >= 1 << 16:
        cursor.order, version = ">", int.from_bytes(version.to_bytes(4, "little"), "big")
    if version not in (2, 3):
        raise file.broken(f"version {version} of GGUF is not known")
    tensors, fields = cursor.number("Q"), cursor.number("Q")
    if tensors * 24 > file.size or fields * 12 > file.size:
        raise file.broken(f"the header claims {tensors} tensors and {fields} fields, the file has {file.size} bytes")
    metadata = {}
    for _ in range(fields):
        key = clean(cursor.text("a metadata key"))
        if key in metadata:
            raise file.broken(f"the metadata names {key!r} twice")
        metadata[key] = cursor.value(cursor.number("I"), f"metadata {key!r}")
    entries = [_tensor_info(cursor) for _ in range(tensors)]
    _place(file, entries, cursor.at, metadata.get("general.alignment", 32))
    return entries, metadata


def _tensor_info(cursor: _Cursor) -> Entry:
    file, name = cursor.file, cursor.text("a tensor name")
    who = f"tensor {clean(name)!r}"
    dims = cursor.number("I", who)
    if dims > MAX_DIMS:
        raise file.broken(f"{who} claims {dims} dims")
    shape = [cursor.number("Q", who) for _ in range(dims)][::-1]
    kind, offset = cursor.number("I", who), cursor.number("Q", who)
    if kind not in TYPES:
        raise file.broken(f"{who} has the unknown type {kind}")
    dtype, block, width = TYPES[kind]
    elements = count(shape)
    if elements >= 1 << 62 or elements % block or (shape and shape[-1] % block):
        raise file.broken(f"{who} of shape {clean(shape, 60)} does not divide into blocks of {block}")
    return Entry(name, dtype, shape, elements // block * width, source=(kind, cursor.order == ">", offset))


def _place(file: Input, entries: list[Entry], at: int, alignment) -> None:
    """Offsets count from the first multiple of the alignment behind the header."""
    if type(alignment) is not int or not 0 < alignment <= 1 << 20:
        raise file.broken(f"the alignment {clean(alignment)} is no size")
    start, names = at + -at % alignment, set()
    for entry in entries:
        kind, big, offset = entry.source
        begin = start + offset
        if begin + entry.nbytes > file.size:
            raise file.broken(f"tensor {clean(entry.name)!r} needs bytes {begin} to {begin + entry.nbytes}, "
                              f"the file has {file.size}")
        entry.source, entry.start = (kind, big, begin), None if big else begin
        if entry.name in names:
            raise file.broken(f"two tensors are called {clean(entry.name)!r}")
        names.add(entry.name)


@format("gguf", magic=b"GGUF")
class Gguf:
    """Tensors by name, with metadata."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        entries, metadata = _header(file)
        return Listing("gguf", entries, metadata)

    @staticmethod
    def load(file: Input):
        entries, _ = _header(file)
        buffer = file.buffer()
        return {entry.name: _tensor(file, entry, buffer) for entry in entries}

    @staticmethod
    def load_one(file: Input, entry: Entry):
        return _tensor(file, entry, file.buffer())

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import named_tensors, prepared, write_values

        tensors = [(name, *prepared(tensor, "a .gguf file", NUMBERS))
                   for name, tensor in named_tensors(value, "a .gguf file").items()]
        stream.write(_header_bytes(tensors, (options or {}).get("metadata") or {}))
        for _, array, _ in tensors:
            write_values(array, stream)
            stream.write(bytes(-array.nbytes % ALIGNMENT))


def _header_bytes(tensors: list, metadata: dict) -> bytes:
    """Version 3, padded to where the values begin; the dims stand in reverse order."""
    out = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    for key, text in metadata.items():
        out += [_text_bytes(str(key)), struct.pack("<I", _STRING), _text_bytes(str(text))]
    at = 0
    for name, array, dtype in tensors:
        if array.ndim > WRITTEN_DIMS:
            raise FileError(f"a .gguf file holds {WRITTEN_DIMS} dims, {clean(name)!r} has {array.ndim}")
        out += [_text_bytes(name), struct.pack("<I", array.ndim), struct.pack(f"<{array.ndim}Q", *array.shape[::-1]),
                struct.pack("<IQ", NUMBERS[dtype], at)]
        at += array.nbytes + -array.nbytes % ALIGNMENT
    header = b"".join(out)
    return header + bytes(-len(header) % ALIGNMENT)


def _text_bytes(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(raw)) + raw


def _tensor(file: Input, entry: Entry, buffer):
    from .arrays import mapped_tensor

    _, big, begin = entry.source
    if entry.dtype in KINDS:
        return mapped_tensor(buffer, entry.dtype, entry.shape, begin, big=big)
    if entry.dtype not in _UNPACK:
        raise file.broken(f"tensor {clean(entry.name)!r} is quantised as {entry.dtype}, which tcli does not unpack",
                          help="read: " + ", ".join(_UNPACK))
    return _dequantised(entry, buffer)


def _dequantised(entry: Entry, buffer):
    import numpy as np

    from ..engine.tensor import from_numpy

    check_memory(4 * entry.count, f"tensor {clean(entry.name)!r} in float32")
    width = TYPES[entry.source[0]][2]
    blocks = np.frombuffer(buffer, np.uint8, entry.nbytes, entry.source[2]).reshape(-1, width)
    with np.errstate(all="ignore"):  # a scale may be infinite
        return from_numpy(_UNPACK[entry.dtype](np, blocks).astype(np.float32).reshape(entry.shape))


def _half(np, blocks, at: int):
    return np.ascontiguousarray(blocks[:, at:at + 2]).view(np.float16).astype(np.float32)


def _nibbles(np, data):
    return np.concatenate([data & 15, data >> 4], 1).astype(np.float32)


def _fifth_bits(np, data):
    """The high bits of 32 five-bit numbers, from four bytes."""
    bits = np.unpackbits(np.ascontiguousarray(data), axis=1, bitorder="little")
    return 16 * bits.astype(np.float32)


_UNPACK = {
    "Q8_0": lambda np, b: _half(np, b, 0) * np.ascontiguousarray(b[:, 2:]).view(np.int8),
    "Q4_0": lambda np, b: _half(np, b, 0) * (_nibbles(np, b[:, 2:]) - 8),
    "Q4_1": lambda np, b: _half(np, b, 0) * _nibbles(np, b[:, 4:]) + _half(np, b, 2),
    "Q5_0": lambda np, b: _half(np, b, 0) * (_nibbles(np, b[:, 6:]) + _fifth_bits(np, b[:, 2:6]) - 16),
    "Q5_1": lambda np, b: _half(np, b, 0) * (_nibbles(np, b[:, 8:]) + _fifth_bits(np, b[:, 4:8])) + _half(np, b, 2)}
