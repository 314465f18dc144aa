"""Conversions between dtypes, and in-place fills and copies."""

import numpy as np

from ..engine import dtypes, half_complex
from ..engine.callables import is_small
from ..engine.device import device_of, move
from ..engine.dispatch import READY, assign, bump, cast, check_writable, new
from ..engine.fields import has_array
from ..engine.options import ANY_DTYPE, compiled, plain_target
from ..engine.overlap import check_operand, collapsed, related, repeats
from ..engine.registry import T, function, op
from ..engine.storage import contiguous_format, converted, preserve_format
from ..engine.tape import SMALL, state
from ..engine.tensor import Tensor, as_tensor, warn_of_imaginary
from ..errors import ArgumentError, EngineError, ShapeError
from .fits import check_fits


def _to(name: str, d) -> None:
    @function("tensor." + name)
    def method(x, memory_format=None):
        plain = type(x) in READY and memory_format is None and not (x._rg or state.inference or d is dtypes.bfloat16)
        a = x._a if plain else None
        if type(a) is np.ndarray and a.size <= SMALL and a.dtype in ANY_DTYPE and a.dtype is not d.numpy:
            t = new(Tensor)
            t._a = converted(a, d.numpy)
            t._v = [0]
            return t
        if x.dtype is not d:
            warn_of_imaginary(x, d)
        t = x if x.dtype is d else T._cast(x, d)
        if memory_format in (None, preserve_format) or memory_format is contiguous_format and t is x:
            return t
        return T.contiguous(t, memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor as {d!r}; itself if it is that already."


for _name, _d in (("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
                  ("bfloat16", dtypes.bfloat16), ("int", dtypes.int32), ("long", dtypes.int64), ("short", dtypes.int16),
                  ("char", dtypes.int8), ("byte", dtypes.uint8), ("bool", dtypes.bool_), ("cfloat", dtypes.complex64),
                  ("cdouble", dtypes.complex128)):
    _to(_name, _d)


@function("tensor.chalf")
def chalf(x, memory_format=None):
    """The tensor as torch.complex32: complex numbers of two float16."""
    if x.dtype is dtypes.complex32:
        return x
    out = T._cast(x, dtypes.complex64) if x.dtype is not dtypes.complex64 else T.clone(x)
    return half_complex.rounded(out)


def _tensor(name: str, value):
    if not isinstance(value, Tensor):
        raise ArgumentError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")
    return value


@function("tensor.to_dense")
def to_dense(x, dtype=None, *, masked_grad=None):
    """x itself, or a copy in another dtype: tensors are dense here.

    >>> ones(2).to_dense()
    tensor([1., 1.])
    """
    return x if dtype is None else x.to(dtype)


@function("tensor.type_as")
def type_as(x, other):
    """The tensor with the dtype and device of another."""
    return x.to(other)


@function("torch.can_cast")
def can_cast(from_, to) -> bool:
    """Whether PyTorch's promotion lets one dtype be cast to another: never to a lower category."""
    return from_.category <= to.category or (from_.category == dtypes.BOOL)


@function("torch.numel", samples=["r(3)"])
def numel(input) -> int:
    """The number of elements.

    >>> numel(zeros(2, 3))
    6
    """
    return _tensor("numel", input).numel()


@function("torch.is_floating_point")
def is_floating_point(input) -> bool:
    """Whether the dtype is a floating-point one."""
    return _tensor("is_floating_point", input).is_floating_point()


@function("torch.is_complex")
def is_complex(input) -> bool:
    """Whether the dtype is complex."""
    return _tensor("is_complex", input).is_complex()


@function("torch.is_nonzero", "tensor.is_nonzero", samples=["r(1)"])
def is_nonzero(input) -> bool:
    """Whether a tensor of one element is not zero.

    >>> is_nonzero(tensor([0.]))
    False
    """
    if input.numel() != 1:
        raise EngineError("Boolean value of Tensor with " + ("no values" if not input.numel() else "more than one value")
                          + " is ambiguous")
    return bool(input)


@function("torch.is_same_size", "tensor.is_same_size", samples=["r(3), r(2)"])
def is_same_size(input, other) -> bool:
    """Whether two tensors have the same shape.

    >>> is_same_size(zeros(2), zeros(3))
    False
    """
    return input.shape == other.shape


@function("torch.detach_copy", samples=["r(3)"])
def detach_copy(input):
    """A copy.

    >>> torch.detach_copy(tensor([1., 2.]))
    tensor([1., 2.])
    """
    return T.clone(input)


@function("torch.detach", samples=["r(3)"])
def detach(input):
    """The same values without history; shares memory.

    >>> detach(tensor([1.], requires_grad=True) * 2)
    tensor([2.])
    """
    return input.detach()


@function("torch.detach_")
def detach_(input):
    """Takes a tensor out of its graph, in place."""
    return input.detach_()


@function("torch.get_device")
def get_device(input) -> int:
    """The number of the device a tensor is on; -1 for the CPU."""
    return input.get_device()


# ---------------------------------------------------------------- in-place fills and copies

@op("_filled", at="", half=False, samples=[], grad_name="FillBackward0",
    vjp={"x": lambda k, g: k.zeros_like(g), "value": lambda k, g: k.sum(g)})
def _filled(xp, x, value: "Operand"):
    return xp.full(x.shape, value, x.dtype)


def _set_all(x, value, name: str):
    """Fills `x`; its history, and that of the tensor it is a view of, says so."""
    target = plain_target(x) if type(value) is float or type(value) is int else None
    if target is not None and target.dtype.kind == "f":
        target.fill(value)
        bump(x)
        return x
    check_writable(x, repeated=True)
    if state.grad and (x._rg or isinstance(value, Tensor) and value._rg):
        result = T._filled(x, value)
        return assign(x, result, name)
    a = value._a if isinstance(value, Tensor) else np.asarray(value)
    a = (a.real if a.dtype.kind == "c" and x._a.dtype.kind != "c" else a).astype(x._a.dtype)
    target = collapsed(x._a) if type(x._a) is np.ndarray and repeats(x._a) else x._a
    target[...] = move(a, device_of(x._a)) if isinstance(value, Tensor) else a[()]
    bump(x)
    return x


@function("tensor.fill_", "torch.fill_")
@compiled("filling")
def fill_(x, value):
    """Sets every element to a value (a number or a 0-d tensor), in place."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise EngineError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
        return _set_all(x, value, "FillBackward3")
    if not isinstance(value, (bool, int, float, complex, np.generic)):
        raise ArgumentError(f"fill_() received an invalid combination of arguments - got ({type(value).__name__}), but "
                            "expected one of:\n * (Tensor value)\n * (Number value)\n")
    value = value.item() if isinstance(value, np.generic) else value
    check_fits(value, x.dtype)
    value = value.real if isinstance(value, complex) and not x.is_complex() else value
    return _set_all(x, value, "FillBackward2")


@function("torch.fill", samples=["r(3), 2"])
def fill(input, value):
    """A tensor like x with every element set to a value.

    >>> torch.fill(zeros(2), 3)
    tensor([3., 3.])
    """
    out = T._filled(input, value)
    if out._node is not None and isinstance(value, Tensor):
        out._node._name = "FillBackward1"
    return out


@function("tensor.zero_", "torch.zero_")
@compiled("zeroing")
def zero_(x):
    """Sets every element to 0, in place."""
    return _set_all(x, 0, "ZeroBackward0")


@function("tensor.copy_")
@compiled("copying")
def copy_(x, src=None, non_blocking: bool = False, *, other=None):
    """Copies the elements of another tensor (broadcast, converted) into this one."""
    src = other if src is None else src
    target = plain_target(x) if is_small(src) and not (src._rg and state.grad) else None
    if target is not None and target.dtype is src._a.dtype and target.shape == src._a.shape and src._v is not x._v and (
            not related(target, src._a)):
        np.copyto(target, src._a)
        bump(x)
        return x
    if not isinstance(src, Tensor):
        if not isinstance(src, (bool, int, float, complex)):
            raise ArgumentError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
        src = as_tensor(src)
    check_writable(x)
    if has_array(src):  # what waits overlaps nothing yet
        check_operand(x._a, src._a)
    shape, have = tuple(x.shape), tuple(src.shape)
    if have != shape:
        src = T.expand(src, shape) if _broadcasts(have, shape) else src
    if x._a.dtype.kind != "c" and src._a.dtype.kind == "c":
        warn_of_imaginary(src, x.dtype)
        src = T.real(src)
    value = cast(src, x.dtype) if src.dtype is not x.dtype else src
    if state.grad and (x._rg or value._rg):
        value = T._replaced(x, value)
    return assign(x, value)


@op("_replaced", at="", half=False, samples=["r(3), r(3)"], grad_name="CopyBackwards",
    vjp={"x": lambda k, g: k.zeros_like(g), "src": lambda k, g: g})
def _replaced(xp, x, src):
    return src


def _broadcasts(have: tuple, want: tuple) -> bool:
    for i in range(1, 1 + min(len(have), len(want))):
        if have[-i] not in (1, want[-i]) and want[-i] != 1:
            raise ShapeError(f"The size of tensor a ({want[-i]}) must match the size of tensor b ({have[-i]}) at "
                             f"non-singleton dimension {max(len(have), len(want)) - i}")
    if len(have) > len(want) or any(a not in (1, b) for a, b in zip(have[::-1], want[::-1], strict=False)):
        both = max(have, want, key=len)
        common = [max(a, b) for a, b in zip(((1,) * (len(both) - len(have)) + have),
                                            ((1,) * (len(both) - len(want)) + want), strict=True)]
        raise ShapeError(f"output with shape {list(want)} doesn't match the broadcast shape {common}")
    return True


@function("tensor.fill_diagonal_")
def fill_diagonal_(x, fill_value, wrap: bool = False):
    """Sets the main diagonal to a value, in place."""
    if x.ndim < 2:
        raise EngineError("dimensions must larger than 1")
    shape = tuple(x.shape)
    if x.ndim > 2 and len(set(shape)) > 1:
        raise EngineError("all dimensions of input must be of equal length")
    step, offset = sum(x.stride()), x.storage_offset()
    n = min(shape)
    fill_(T.as_strided(x, (n,), (step,), offset), fill_value)
    if wrap and x.ndim == 2 and shape[0] > shape[1] + 1:
        rows, columns = shape
        size = columns * rows
        for start in range((columns + 1) * columns, size, (columns + 1) * columns):
            m = min(columns, -(-(size - start) // (columns + 1)))
            fill_(T.as_strided(x, (m,), (step,), offset + start // columns * x.stride(0)), fill_value)
    return x
