"""The format of MNIST's files: two zero bytes, a type, the number of dims, big-endian sizes, values."""

from __future__ import annotations

from .formats import format
from .kinds import count
from .listing import Entry, Listing
from .source import Input, clean

_TYPES = {8: "uint8", 9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}
_CODES = {name: code for code, name in _TYPES.items()}


@format("idx")
class Idx:
    """One array."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        head = file.exactly(0, 4, "the idx header")
        if head[:2] != b"\0\0" or head[2] not in _TYPES:
            raise file.broken(f"{clean(head.hex())} is no idx header")
        sizes = file.exactly(4, 4 * head[3], "the idx sizes")
        shape = [int.from_bytes(sizes[k:k + 4], "big") for k in range(0, len(sizes), 4)]
        entry = Entry("", _TYPES[head[2]], shape, source=4 + len(sizes))
        if entry.source + entry.nbytes != file.size:
            raise file.broken(f"the shape {clean(shape, 60)} takes {entry.nbytes} bytes, "
                              f"{file.size - entry.source} are there")
        if entry.nbytes == entry.count:
            entry.start = entry.source
        return Listing("idx", [entry])

    @staticmethod
    def load(file: Input):
        from .arrays import mapped_tensor

        entry = Idx.read_header(file).entries[0]
        return mapped_tensor(file.buffer(), entry.dtype, entry.shape, entry.source, big=True)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from ..errors import FileError
        from .arrays import one_tensor, prepared, write_values

        array, dtype = prepared(one_tensor(value, "an idx file"))
        if dtype not in _CODES or not 0 < array.ndim < 256 or count(array.shape) >= 1 << 40:
            raise FileError(f"idx files hold no {dtype} of {array.ndim} dims",
                            help="uint8 .. float64, at least one dim")
        stream.write(bytes((0, 0, _CODES[dtype], array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape))
        write_values(array.byteswap(), stream)
