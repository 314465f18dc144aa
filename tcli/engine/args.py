"""Arguments of a call, checked and brought into one form before an op sees them.

An op's Python signature is its schema: each parameter's annotation names a *kind*, and each kind has
one converter here. A converter takes (value, first tensor argument, op name, parameter name) and
returns the value in normal form or raises the error PyTorch raises. No annotation on a parameter
without default means `Tensor`.

kinds: Tensor, Tensor? (optional), Tensors (list), Operand (tensor or number), Operand?, Value (the same,
also where all operands are numbers), Index (a
tensor that takes no part in promotion: indices, masks, conditions), Index?, Dim, Dim?, Dims, Dims?,
Shape, DType?, Layout?, Device?, int, int?, float, float?, Scalar, Scalar?, bool, str, any. A star (`Shape*`,
`Dims*`, `int*`) also takes the values as separate positional arguments.
"""

from __future__ import annotations

import math

from .. import native
from ..errors import ArgumentError, BadIndex, DTypeError, EngineError, Unsupported
from . import dtypes, half_complex
from .device import as_device
from .dtypes import as_dtype
from .storage import layout, strided

_NUMBERS = (int, float, complex, bool)


class PlainItems(tuple):
    """`native.SizeItems` in Python."""

    __slots__ = ()

    def __getitem__(self, item, get=tuple.__getitem__):
        found = get(self, item)
        return found if type(found) is not tuple else type(self)(found)


class Size(PlainItems if native.kernels is None else native.SizeItems):  # type: ignore[misc]
    """`torch.Size`: a tuple of dimension sizes."""

    __module__ = "torch"

    __slots__ = ()

    def __new__(cls, sizes=()):
        sizes = tuple(sizes)
        for i, size in enumerate(sizes):
            if type(size) is not int:
                return tuple.__new__(cls, (*sizes[:i], *(_as_size(size, i + j) for j, size in enumerate(sizes[i:]))))
        return tuple.__new__(cls, sizes)

    def numel(self) -> int:
        total = 1
        for size in self:
            total *= size
        return total

    def __repr__(self) -> str:
        return "torch.Size([" + ", ".join(map(str, self)) + "])"

    __str__ = __repr__

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times):
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self):
        return (Size, (tuple(self),))


def _as_size(size, i: int) -> int:
    """One element of a `Size`, which may be an integer of another class or a tensor of one."""
    if hasattr(size, "__index__") and getattr(getattr(size, "_a", None), "size", 1) == 1:
        try:
            return size.__index__()
        except ArgumentError:
            pass  # a tensor of another dtype
    raise ArgumentError(f"torch.Size() takes an iterable of 'int' (item {i} is '{type(size).__name__}')")


sizes: dict[tuple, Size] = {}


def size_of(shape: tuple) -> Size:
    """`shape` as a `Size`, the same one for equal shapes."""
    found = sizes.get(shape)
    if found is None:
        if len(sizes) > 500:
            sizes.clear()
        found = sizes[shape] = Size(shape)
    return found


def wrap_dim(dim: int, ndim: int, *, scalar_ok: bool = True) -> int:
    """A dim in [0, ndim): negative ones count from the end; a 0-d tensor takes -1 and 0."""
    if -ndim <= dim < ndim:
        return dim + ndim if dim < 0 else dim
    if ndim == 0:
        if not scalar_ok:
            raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")
        if dim in (-1, 0):
            return 0
        ndim = 1
    raise BadIndex(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")


def check_numel(size: tuple) -> tuple:
    """The sizes themselves; raises where no memory can hold so many elements."""
    if 0 in size and math.prod(n for n in size if n) >= 1 << 63:
        raise EngineError("Stride calculation overflowed")
    if size and math.prod(size) >= 1 << 60:
        raise EngineError(f"Storage size calculation overflowed with sizes={list(size)}")
    return size


def describe(value) -> str:
    """`f32[3, 4]` for a tensor, the type name for anything else."""
    array = getattr(value, "_a", None)
    if array is None:
        return type(value).__name__
    return dtypes.of_numpy(array.dtype).short + "[" + ", ".join(map(str, array.shape)) + "]"


def type_name(value) -> str:
    """How PyTorch names the type of a wrong argument."""
    if isinstance(value, (tuple, list)):
        kind = type(value).__name__
        if not value:
            return kind
        inner = ", ".join(type(v).__name__ for v in list(value)[:3])
        return f"{kind} of ({inner})" if kind == "tuple" and len(value) > 1 else kind
    return type(value).__name__


def wrong(op: str, name: str, wanted: str, value) -> ArgumentError:
    from .registry import ops

    o = ops.get(op)
    position = o.index[name] if o is not None and name in o.index else None
    where = f" (position {position + 1})" if position is not None and position < o.n_positional else ""
    given = "" if "found element" in wanted else f", not {type_name(value)}"
    return ArgumentError(f"{op}(): argument '{name}'{where} must be {wanted}{given}")


def to_int(value, x, op, name) -> int:
    if type(value) is int:
        return value
    if hasattr(value, "_a"):
        array = value._a
        if array.size == 1 and dtypes.of_numpy(array.dtype).category <= dtypes.INTEGER:
            return int(array.reshape(()).item())
        raise wrong(op, name, "int", value)
    if isinstance(value, (float, bool)) or not hasattr(value, "__index__"):
        raise wrong(op, name, "int", value)
    try:
        return value.__index__()
    except TypeError:
        raise wrong(op, name, "int", value) from None


def to_float(value, x, op, name) -> float:
    if type(value) is float or type(value) is int:
        return value
    if hasattr(value, "_a"):
        if value._rg:
            raise wrong(op, name, "float", value)
        return value.item()
    if isinstance(value, _NUMBERS):
        return value
    if hasattr(value, "item"):
        return value.item()
    raise wrong(op, name, "float", value)


def to_scalar(value, x, op, name):
    if type(value) in _NUMBERS:
        return value
    if hasattr(value, "_a"):
        if value._rg:
            raise wrong(op, name, "Number", value)
        if value._a.size != 1:
            raise EngineError(f"a Tensor with {value._a.size} elements cannot be converted to Scalar")
        return value.item()
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, _NUMBERS):
        return value
    raise wrong(op, name, "Number", value)


def to_bool(value, x, op, name) -> bool:
    if type(value) is bool:
        return value
    if hasattr(value, "_a"):
        return bool(value)
    if isinstance(value, int):
        return bool(value)
    raise wrong(op, name, "bool", value)


def to_str(value, x, op, name) -> str:
    if isinstance(value, str):
        return value
    raise wrong(op, name, "str", value)


def to_dim(value, x, op, name) -> int:
    dim = to_int(value, x, op, name)
    return wrap_dim(dim, x._a.ndim) if x is not None else dim


def to_dims(value, x, op, name) -> tuple:
    if isinstance(value, (tuple, list)):
        dims = tuple(to_int(v, x, op, name) for v in value)
    else:
        dims = (to_int(value, x, op, name),)
    if x is None:
        return dims
    dims = tuple(wrap_dim(d, x._a.ndim) for d in dims)
    if len(set(dims)) != len(dims):
        again = next(d for d in dims if dims.count(d) > 1)
        raise EngineError(f"dim {again} appears multiple times in the list of dims")
    return dims


def to_shape(value, x, op, name) -> tuple:
    if type(value) is int:
        return (value,)
    if isinstance(value, (tuple, list)) or (hasattr(value, "_a") and value._a.ndim == 1):
        return tuple([v if type(v) is int else _size_at(i, v, op, name) for i, v in enumerate(value)])
    if hasattr(value, "__index__") or hasattr(value, "_a"):
        return (to_int(value, x, op, name),)
    raise wrong(op, name, "tuple of ints", value)


def _size_at(i: int, value, op, name) -> int:
    try:
        return to_int(value, None, op, name)
    except ArgumentError:
        raise wrong(op, name, f"tuple of ints, but found element of type {type(value).__name__} at pos {i}", None) from None


def to_dtype(value, x, op, name):
    if type(value) is dtypes.dtype:
        if value is dtypes.complex32 and op not in half_complex.MADE:
            raise Unsupported(f"\"{op}\" not implemented for 'ComplexHalf'", help="make it in complex64 and call .chalf()")
        return value
    try:
        return as_dtype(value)
    except ArgumentError:
        refusal = wrong(op, name, "torch.dtype", value)
        if isinstance(value, str) and value in dtypes.NAMES:
            refusal.help = f"write torch.{value}, without quotes"
        raise refusal from None


def to_layout(value, x, op, name):
    if not isinstance(value, layout):
        raise wrong(op, name, "torch.layout", value)
    if value is not strided:
        raise Unsupported(f"{op}(): {value!r} tensors are not supported", help="tensors here are dense: torch.strided")
    return value


def to_device(value, x, op, name):
    return as_device(value)


def keep(value, x, op, name):
    return value


def optional(convert):
    def converter(value, x, op, name):
        return None if value is None else convert(value, x, op, name)
    return converter


CONVERTERS = {
    "Dim": to_dim, "Dims": to_dims, "Shape": to_shape, "int": to_int, "float": to_float, "Scalar": to_scalar,
    "Layout": to_layout, "bool": to_bool, "str": to_str, "DType": to_dtype, "Device": to_device, "any": keep, "any*": keep,
    "Shape*": to_shape, "Dims*": to_dims, "int*": to_shape,
}
CONVERTERS |= {kind + "?": optional(convert) for kind, convert in CONVERTERS.items()}
TENSOR_KINDS = frozenset({"Tensor", "Tensor?", "Tensors", "Operand", "Operand?", "Value", "Index", "Index?"})
NUMBER_KINDS = frozenset({"Operand", "Operand?", "Value"})


def broadcast_shapes(*shapes) -> tuple:
    """The common shape of broadcasting; sizes must be equal or 1, aligned from the right."""
    ndim = max((len(s) for s in shapes), default=0)
    result = [1] * ndim
    for which, shape in enumerate(shapes):
        offset = ndim - len(shape)
        for i, size in enumerate(shape):
            have = result[offset + i]
            if size == have or size == 1:
                continue
            if have != 1:
                from ..errors import ShapeError

                raise ShapeError(f"The size of tensor a ({have}) must match the size of tensor b ({size}) at "
                                 f"non-singleton dimension {offset + i}", help=_broadcast_hint(shapes, which))
            result[offset + i] = size
    return tuple(result)


def _broadcast_hint(shapes, which: int) -> str | None:
    """The one hint that makes two shapes fit: a trailing or a missing size-1 dim."""
    a, b = tuple(shapes[0]), tuple(shapes[which])
    if len(b) == len(a) - 1 and b == a[:-1]:
        return f"unsqueeze(-1) makes the second operand {list(b) + [1]}, which fits (or keepdim=True where it was reduced)"
    if len(a) == len(b) - 1 and a == b[:-1]:
        return f"unsqueeze(-1) makes the first operand {list(a) + [1]}, which fits (or keepdim=True where it was reduced)"
    if len(a) == len(b) == 2 and (a[::-1] == b):
        return "transposing one of them (.T) makes them fit"
    return None


def require_floating(op: str, d) -> None:
    if d.category < dtypes.FLOAT:
        raise DTypeError(f"{op}(): input dtype should be either floating point or complex dtypes. Got "
                         f"{dtypes.scalar_name(d)} instead.")
