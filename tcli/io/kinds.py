"""Element types as files name them: one row per type, readable without NumPy.

Listing a file must not wait for NumPy, so headers speak of types by PyTorch's names and this table
says how wide each is and what .npy, .safetensors and PyTorch's storages call it.
"""

from __future__ import annotations


class Kind:
    """An element type: `torch`'s name, bytes per element, and its names elsewhere."""

    __slots__ = ("itemsize", "name", "npy", "safetensors", "short", "storage")

    def __init__(self, name: str, itemsize: int, short: str, npy: str | None, safetensors: str | None,
                 storage: str | None):
        self.name, self.itemsize, self.short = name, itemsize, short
        self.npy, self.safetensors, self.storage = npy, safetensors, storage


KINDS = {row[0]: Kind(*row) for row in (
    # torch's name, bytes, short, .npy, .safetensors, storage class of a checkpoint
    ("bool", 1, "bool", "b1", "BOOL", "BoolStorage"),
    ("uint8", 1, "u8", "u1", "U8", "ByteStorage"),
    ("int8", 1, "i8", "i1", "I8", "CharStorage"),
    ("int16", 2, "i16", "i2", "I16", "ShortStorage"),
    ("int32", 4, "i32", "i4", "I32", "IntStorage"),
    ("int64", 8, "i64", "i8", "I64", "LongStorage"),
    ("uint16", 2, "u16", "u2", "U16", None),
    ("uint32", 4, "u32", "u4", "U32", None),
    ("uint64", 8, "u64", "u8", "U64", None),
    ("float16", 2, "f16", "f2", "F16", "HalfStorage"),
    ("bfloat16", 2, "bf16", None, "BF16", "BFloat16Storage"),
    ("float32", 4, "f32", "f4", "F32", "FloatStorage"),
    ("float64", 8, "f64", "f8", "F64", "DoubleStorage"),
    ("float8_e4m3fn", 1, "f8e4m3", None, "F8_E4M3", None),
    ("float8_e5m2", 1, "f8e5m2", None, "F8_E5M2", None),
    ("float8_e4m3fnuz", 1, "f8e4m3fnuz", None, "F8_E4M3FNUZ", None),
    ("float8_e5m2fnuz", 1, "f8e5m2fnuz", None, "F8_E5M2FNUZ", None),
    ("complex32", 4, "c32", None, None, None),
    ("complex64", 8, "c64", "c8", "C64", "ComplexFloatStorage"),
    ("complex128", 16, "c128", "c16", None, "ComplexDoubleStorage"))}

BY_NPY = {kind.npy: kind for kind in KINDS.values() if kind.npy}
BY_SAFETENSORS = {kind.safetensors: kind for kind in KINDS.values() if kind.safetensors}
BY_STORAGE = {kind.storage: kind for kind in KINDS.values() if kind.storage}
# Types that NumPy lacks: .npy keeps their bits in a field of that name.
BITS = {name: f"u{kind.itemsize}" for name, kind in KINDS.items() if kind.npy is None and kind.itemsize <= 2}


def short(name: str) -> str:
    """`f32` for float32; an unknown type stays what the file calls it."""
    kind = KINDS.get(name)
    return kind.short if kind is not None else name


def count(shape) -> int:
    """The number of elements of a shape; Python's integers do not overflow."""
    total = 1
    for size in shape:
        total *= size
    return total
