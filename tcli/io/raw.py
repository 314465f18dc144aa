"""Raw numbers without a header, `bin:<f4` or `bin:<f4:3,4`: byte order, type and, if given, shape."""

from __future__ import annotations

from ..errors import FileError
from .formats import format
from .kinds import BY_NPY, KINDS, count
from .listing import Entry, Listing
from .source import Input, clean

_HELP = "write the type as in bin:<f4 or bin:<i2:3,4 or bin:bfloat16"


@format("raw")
class Raw:
    """Numbers one after the other. `of("bin:<f4:3,4")` makes a format of that type and shape."""

    dtype, big, shape = "uint8", False, None

    @classmethod
    def of(cls, text: str) -> type:
        _, kind, *sizes = text.split(":")
        code = kind.lstrip("<>=|")
        found = BY_NPY.get(code) or KINDS.get(code)
        numbers = sizes[0].split(",") if sizes else []
        if found is None or len(sizes) > 1 or not all(n.strip().lstrip("-").isdigit() for n in numbers):
            raise FileError(f"{clean(text)!r} names no raw format", help=_HELP)
        shape = tuple(int(n) for n in sizes[0].split(",")) if sizes else None
        return type("Raw", (cls,), {"name": "raw", "dtype": found.name, "big": kind[:1] == ">", "shape": shape})

    @classmethod
    def _shape(cls, file: Input) -> tuple:
        width = KINDS[cls.dtype].itemsize
        if file.size % width:
            raise file.broken(f"{file.size} bytes are no whole number of {cls.dtype}")
        there = file.size // width
        if cls.shape is None:
            return (there,)
        shape = list(cls.shape)
        if -1 in shape:
            known = count(n for n in shape if n != -1)
            shape[shape.index(-1)] = there // known if known else 0
        if any(n < 0 for n in shape) or count(shape) != there:
            raise file.broken(f"it holds {there} elements of {cls.dtype}, the shape {list(cls.shape)} asks for "
                              f"{count(cls.shape)}")
        return tuple(shape)

    @classmethod
    def read_header(cls, file: Input) -> Listing:
        return Listing("raw", [Entry("", cls.dtype, cls._shape(file), start=None if cls.big else 0)])

    @classmethod
    def load(cls, file: Input):
        from .arrays import mapped_tensor

        return mapped_tensor(file.buffer(), cls.dtype, cls._shape(file), big=cls.big)

    @classmethod
    def save(cls, value, stream, options=None) -> None:
        from .arrays import dtype_named, one_tensor, prepared, write_values

        tensor = one_tensor(value, "raw numbers")
        if cls is not Raw:
            tensor = tensor.to(dtype_named(cls.dtype))
        array, _ = prepared(tensor)
        write_values(array.byteswap() if cls.big else array, stream)
