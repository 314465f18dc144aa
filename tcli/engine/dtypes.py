"""PyTorch's element types, their promotion rules and numeric limits.

A `dtype` wraps the NumPy dtype that stores it; bfloat16 and the float8 types come from ml_dtypes,
which is imported when one of them is first used. Promotion follows PyTorch: the category decides
first (bool < integer < float < complex), and among operands tensors with dims outrank 0-d tensors,
which outrank Python numbers.
"""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError

BOOL, INTEGER, FLOAT, COMPLEX = 0, 1, 2, 3


class dtype:
    """An element type, for example `torch.float32`."""

    __module__ = "torch"

    __slots__ = ("_numpy", "_numpy_name", "category", "itemsize", "name", "short", "is_signed")

    def __init__(self, name: str, numpy_name: str, category: int, itemsize: int, short: str, signed: bool):
        self.name, self._numpy_name, self.category = name, numpy_name, category
        self.itemsize, self.short, self.is_signed = itemsize, short, signed
        self._numpy = None

    @property
    def numpy(self) -> np.dtype:
        """The NumPy dtype that stores this type."""
        if self._numpy is None:
            try:
                self._numpy = np.dtype(self._numpy_name)
            except TypeError:
                import ml_dtypes

                self._numpy = np.dtype(getattr(ml_dtypes, self._numpy_name))
            by_numpy.setdefault(self._numpy, self)  # complex32 is stored as complex64
        return self._numpy

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOAT

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    def to_real(self) -> dtype:
        return {complex64: float32, complex128: float64, complex32: float16}.get(self, self)

    def to_complex(self) -> dtype:
        return {float32: complex64, float64: complex128, float16: complex32, bfloat16: complex64}.get(self, self)

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> str:
        return self.name

    def __deepcopy__(self, memo) -> dtype:
        return self

    def __copy__(self) -> dtype:
        return self


by_numpy: dict[np.dtype, dtype] = {}

bool_ = dtype("bool", "bool", BOOL, 1, "bool", False)
uint8 = dtype("uint8", "uint8", INTEGER, 1, "u8", False)
int8 = dtype("int8", "int8", INTEGER, 1, "i8", True)
int16 = dtype("int16", "int16", INTEGER, 2, "i16", True)
int32 = dtype("int32", "int32", INTEGER, 4, "i32", True)
int64 = dtype("int64", "int64", INTEGER, 8, "i64", True)
uint16 = dtype("uint16", "uint16", INTEGER, 2, "u16", False)
uint32 = dtype("uint32", "uint32", INTEGER, 4, "u32", False)
uint64 = dtype("uint64", "uint64", INTEGER, 8, "u64", False)
float16 = dtype("float16", "float16", FLOAT, 2, "f16", True)
bfloat16 = dtype("bfloat16", "bfloat16", FLOAT, 2, "bf16", True)
float32 = dtype("float32", "float32", FLOAT, 4, "f32", True)
float64 = dtype("float64", "float64", FLOAT, 8, "f64", True)
float8_e4m3fn = dtype("float8_e4m3fn", "float8_e4m3fn", FLOAT, 1, "f8e4m3", True)
float8_e5m2 = dtype("float8_e5m2", "float8_e5m2", FLOAT, 1, "f8e5m2", True)
float8_e4m3fnuz = dtype("float8_e4m3fnuz", "float8_e4m3fnuz", FLOAT, 1, "f8e4m3fnuz", True)
float8_e5m2fnuz = dtype("float8_e5m2fnuz", "float8_e5m2fnuz", FLOAT, 1, "f8e5m2fnuz", True)
complex32 = dtype("complex32", "complex64", COMPLEX, 4, "c32", True)
complex64 = dtype("complex64", "complex64", COMPLEX, 8, "c64", True)
complex128 = dtype("complex128", "complex128", COMPLEX, 16, "c128", True)

ALL = (bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64, float16, bfloat16, float32,
       float64, float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, complex64, complex128)
# The names under `torch.`; one type may have several.
NAMES: dict[str, dtype] = {d.name: d for d in ALL} | {
    "complex32": complex32, "chalf": complex32,
    "half": float16, "float": float32, "double": float64, "short": int16, "int": int32,
    "long": int64, "cfloat": complex64, "cdouble": complex128}

for _d in (bool_, uint8, int8, int16, int32, int64, uint16, uint32, uint64, float16, float32, float64,
           complex64, complex128):
    by_numpy[_d.numpy] = _d

_PYTHON = {bool: bool_, int: int64, float: float32, complex: complex64}
_default = float32


def get_default_dtype() -> dtype:
    return _default


def set_default_dtype(d: dtype) -> None:
    global _default
    d = as_dtype(d)
    if d.category != FLOAT:
        raise ArgumentError("only floating-point types are supported as the default type")
    _default = d


def default_complex() -> dtype:
    return complex128 if _default is float64 else complex64


_names: dict[np.dtype, str] = {}


def name_of(d: np.dtype) -> str:
    """`d.name`, which NumPy works out anew every time."""
    found = _names.get(d)
    if found is None:
        found = _names[d] = d.name
    return found


def of_numpy(d: np.dtype) -> dtype:
    """The dtype of a NumPy dtype; raises for what PyTorch cannot store."""
    found = by_numpy.get(d)
    if found is None:
        for candidate in ALL:
            if candidate._numpy_name == d.name:
                found = candidate
                break
        else:
            raise ArgumentError(
                f"can't convert np.ndarray of type numpy.{d.name if d.name != 'object' else 'object_'}. "
                "The only supported types are: float64, float32, float16, complex64, complex128, int64, "
                "int32, int16, int8, uint64, uint32, uint16, uint8, and bool.")
        by_numpy[d] = found
    return found


def as_dtype(value) -> dtype:
    """A dtype from a dtype, or from a Python type (`float` is the default dtype's category)."""
    if type(value) is dtype:
        return value
    if value is float:
        return float64
    if value in (bool, int, complex):
        return {bool: bool_, int: int64, complex: complex128}[value]
    raise ArgumentError(f"dtype must be a torch.dtype, not {type(value).__name__}")


def of_scalar(value) -> dtype:
    """The dtype a Python number takes when it becomes a tensor."""
    kind = type(value)
    if kind is float or isinstance(value, float):
        return _default
    if kind is bool:
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, complex):
        return default_complex()
    return of_numpy(np.asarray(value).dtype)


# Promotion of two dtypes. Rows and columns in the order of `_LATTICE`.
_INT_ORDER = (uint8, int8, int16, int32, int64)
_promoted: dict[tuple[dtype, dtype], dtype] = {}


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest type that PyTorch lets both convert to.

    >>> torch.promote_types(torch.uint8, torch.int8)
    torch.int16
    """
    if a is b:
        return a
    found = _promoted.get((a, b))
    if found is None:
        found = _promoted[a, b] = _promoted[b, a] = _promote(a, b)
    return found


def _promote(a: dtype, b: dtype) -> dtype:
    if a.category > b.category:
        a, b = b, a
    if a.category < b.category:
        if b.category != COMPLEX or a.category != FLOAT:
            return b
        return complex128 if float64 in (a, b) or b is complex128 else complex64
    if a.category == COMPLEX:
        return complex128
    if a.category == FLOAT:
        return _promote_float(a, b)
    return _promote_integer(a, b)


def _promote_float(a: dtype, b: dtype) -> dtype:
    from ..errors import EngineError

    if a.itemsize == 1 or b.itemsize == 1:
        raise EngineError(f"Promotion for Float8 Types is not supported, attempted to promote "
                          f"{SCALAR_NAMES[a.name]} and {SCALAR_NAMES[b.name]}")
    if a.itemsize == b.itemsize:  # float16 with bfloat16
        return float32
    return a if a.itemsize > b.itemsize else b


def _promote_integer(a: dtype, b: dtype) -> dtype:
    from ..errors import EngineError

    wide = (uint16, uint32, uint64)
    if a in wide or b in wide:
        raise EngineError(f"Promotion for uint16, uint32, uint64 types is not supported, attempted to "
                          f"promote {SCALAR_NAMES[a.name]} and {SCALAR_NAMES[b.name]}")
    if {a, b} == {uint8, int8}:
        return int16
    return a if _INT_ORDER.index(a) > _INT_ORDER.index(b) else b


# How PyTorch's C++ side spells types in messages.
SCALAR_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64", "float16": "Half", "bfloat16": "BFloat16",
    "float32": "Float", "float64": "Double", "float8_e4m3fn": "Float8_e4m3fn",
    "float8_e5m2": "Float8_e5m2", "float8_e4m3fnuz": "Float8_e4m3fnuz",
    "float8_e5m2fnuz": "Float8_e5m2fnuz", "complex32": "ComplexHalf", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble"}
C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int",
    "int64": "long long", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float",
    "float64": "double", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
    "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long"}


def scalar_name(d: dtype) -> str:
    """`Float` for float32: the name used in PyTorch's messages."""
    return SCALAR_NAMES[d.name]


def class_name(d: dtype) -> str:
    """`torch.FloatTensor` for float32: the old name of such tensors in PyTorch's messages, which has no class for bool."""
    return "CPUBoolType" if d.name == "bool" else f"torch.{scalar_name(d)}Tensor"


class finfo:
    """Numeric limits of a floating-point type: bits, eps, max, min, tiny, smallest_normal, resolution."""

    __module__ = "torch"

    def __init__(self, type: dtype | None = None):
        d = as_dtype(type) if type is not None else get_default_dtype()
        if d.category < FLOAT:
            raise ArgumentError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'")
        real = d.to_real()
        if real in (float16, float32, float64):
            info = np.finfo(real.numpy)
        else:
            import ml_dtypes

            info = ml_dtypes.finfo(real.numpy)
        self.bits, self.dtype = info.bits, real.name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = 10.0 ** -(info.precision if real.itemsize > 1 else 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
                f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
                f"dtype={self.dtype})")


class iinfo:
    """Numeric limits of an integer type: bits, max, min."""

    __module__ = "torch"

    def __init__(self, type: dtype):
        d = as_dtype(type)
        if d.category > INTEGER:
            raise ArgumentError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        if d is bool_:
            raise ArgumentError("torch.bool is not supported by torch.iinfo")
        info = np.iinfo(d.numpy)
        self.bits, self.max, self.min, self.dtype = info.bits, int(info.max), int(info.min), d.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
