"""Conversions between dtypes, and in-place fills and copies."""

import numpy as np

from ..engine import dtypes
from ..engine.dispatch import assign, bump, cast, check_writable
from ..engine.registry import T, function, op
from ..engine.tensor import Tensor, as_tensor
from ..errors import EngineError, GradError


def _to(name: str, d) -> None:
    @function("tensor." + name)
    def method(x, memory_format=None):
        return x if x.dtype is d else T._cast(x, d)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as {d!r}; itself if it is that already."


for _name, _d in (("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
                  ("bfloat16", dtypes.bfloat16), ("int", dtypes.int32), ("long", dtypes.int64), ("short", dtypes.int16),
                  ("char", dtypes.int8), ("byte", dtypes.uint8), ("bool", dtypes.bool_), ("cfloat", dtypes.complex64),
                  ("cdouble", dtypes.complex128)):
    _to(_name, _d)


@function("tensor.type_as")
def type_as(x, other):
    """The tensor with the dtype and device of another."""
    return x.to(other)


@function("torch.can_cast")
def can_cast(from_, to) -> bool:
    """Whether PyTorch's promotion lets one dtype be cast to another: never to a lower category."""
    return from_.category <= to.category or (from_.category == dtypes.BOOL)


@function("torch.numel")
def numel(input) -> int:
    """The number of elements."""
    return input.numel()


@function("torch.is_floating_point")
def is_floating_point(input) -> bool:
    """Whether the dtype is a floating-point one."""
    return input.is_floating_point()


@function("torch.is_complex")
def is_complex(input) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


@function("torch.is_nonzero", "tensor.is_nonzero")
def is_nonzero(input) -> bool:
    """Whether a tensor of one element is not zero."""
    if input.numel() != 1:
        raise EngineError("Boolean value of Tensor with " + ("no values" if not input.numel() else "more than one value")
                          + " is ambiguous")
    return bool(input)


@function("torch.is_same_size", "tensor.is_same_size")
def is_same_size(input, other) -> bool:
    """Whether two tensors have the same shape."""
    return input.shape == other.shape


@function("tensor.detach_copy", "torch.detach_copy")
def detach_copy(x):
    """A copy without history."""
    return x.detach().clone()


@function("torch.detach")
def detach(input):
    """The same values without history; shares memory."""
    return input.detach()


# ---------------------------------------------------------------- in-place fills and copies

@op("_filled", at="", half=False, samples=[], grad_name="FillBackward0",
    vjp={"x": lambda k, g: k.zeros_like(g), "value": lambda k, g: k.sum(g)})
def _filled(xp, x, value: "Operand"):
    return xp.full(x.shape, value, x.dtype)


@function("tensor.fill_", "torch.fill_")
def fill_(x, value):
    """Sets every element to a value (a number or a 0-d tensor), in place."""
    if isinstance(value, Tensor) and value.ndim:
        raise EngineError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    check_writable(x)
    if x._rg or isinstance(value, Tensor):
        return assign(x, T._filled(x, value))
    if isinstance(value, complex) and x.dtype.category < dtypes.COMPLEX:
        raise EngineError(f"value cannot be converted to type {dtypes.C_NAMES[x.dtype.name]} without overflow")
    x._a[...] = np.asarray(value).astype(x._a.dtype)
    bump(x)
    return x


@function("torch.fill", "tensor.fill")
def fill(x, value):
    """A tensor like x with every element set to a value."""
    return T._filled(x, value)


@function("tensor.zero_", "torch.zero_")
def zero_(x):
    """Sets every element to 0, in place."""
    check_writable(x)
    if x._rg:
        result = T._filled(x, 0)
        if result._node is not None:
            result._node._name = "ZeroBackward0"
        return assign(x, result)
    x._a[...] = 0
    bump(x)
    return x


@function("tensor.copy_")
def copy_(x, src, non_blocking: bool = False):
    """Copies the elements of another tensor (broadcast, converted) into this one."""
    if not isinstance(src, Tensor):
        src = as_tensor(src)
    shape = tuple(x.shape)
    if tuple(src.shape) != shape:
        src = T.expand(src, shape)
    check_writable(x)
    if x._a.dtype.kind != "c" and src._a.dtype.kind == "c":
        src = T.real(src)
    value = cast(src, x.dtype) if src.dtype is not x.dtype else src
    if value._rg:
        value = T.clone(value)
        value._node._name = "CopyBackwards"
    return assign(x, value)


@function("tensor.fill_diagonal_")
def fill_diagonal_(x, fill_value, wrap: bool = False):
    """Sets the main diagonal to a value, in place."""
    if x.ndim < 2:
        raise EngineError("dimensions must larger than 1")
    check_writable(x)
    a = x._a
    if x.ndim > 2 and len(set(a.shape)) > 1:
        raise EngineError("all dimensions of input must be of equal length")
    if x.ndim == 2:
        rows, columns = a.shape
        n = min(rows, columns)
        a[range(n), range(n)] = fill_value
        if wrap and rows > columns:
            for start in range(columns + 1, rows, columns + 1):
                m = min(columns, rows - start)
                a[range(start, start + m), range(m)] = fill_value
    else:
        a[(np.arange(a.shape[0]),) * a.ndim] = fill_value
    bump(x)
    return x


def _metadata(name: str, view: str) -> None:
    """In-place changes of shape only: the tensor becomes a view of its own memory."""
    @function("tensor." + name)
    def method(x, *args, **kwargs):
        if x._rg and x._node is None:
            raise GradError("a leaf Variable that requires grad is being used in an in-place operation.")
        twin = getattr(T, view)(x, *args, **kwargs)
        x._a, x._node, x._rg = twin._a, twin._node, twin._rg
        x._v[0] += 1
        return x

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{view}` in place: only sizes and strides change."


for _name, _view in (("squeeze_", "squeeze"), ("unsqueeze_", "unsqueeze"), ("transpose_", "transpose"), ("t_", "t"),
                     ("swapaxes_", "transpose"), ("swapdims_", "transpose"), ("as_strided_", "as_strided")):
    _metadata(_name, _view)


@function("tensor.resize_")
def resize_(x, *sizes, memory_format=None):
    """Changes the shape in place; more elements are new memory, fewer keep the first ones."""
    shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    if x._rg:
        raise EngineError("cannot resize variables that require grad")
    n = int(np.prod(shape))
    flat = np.ascontiguousarray(x._a).reshape(-1)
    if n > flat.size:
        grown = np.zeros(n, flat.dtype)
        grown[:flat.size] = flat
        flat = grown
    x._a = flat[:n].reshape(shape)
    return x


@function("tensor.resize_as_")
def resize_as_(x, other, memory_format=None):
    """`x.resize_(other.size())`."""
    return resize_(x, *other.shape)
