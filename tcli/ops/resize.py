"""In-place changes of sizes, strides and memory: `squeeze_`, `t_`, `resize_`, `set_`; and elementwise Python functions."""

import math

import numpy as np

from ..engine import dtypes
from ..engine.args import Size, check_numel, to_shape
from ..engine.dispatch import check_history, check_writable, new
from ..engine.from_data import from_results
from ..engine.out import c_name
from ..engine.registry import T, function
from ..engine.storage import channels_last, channels_last_3d, preserve_format, shaped
from ..engine.storage import memory_format as memory_order
from ..engine.storages import TypedStorage, UntypedStorage
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError


def _metadata(name: str, view: str, names: tuple, *where: str) -> None:
    """In-place changes of shape only: the tensor becomes a view of its own memory."""
    @function("tensor." + name, *where)
    def method(x, *args, **kwargs):
        if state.grad and x._rg:
            check_history(x)
        if name == "t_" and x.ndim > 2:
            raise EngineError(f"t_() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
        twin = getattr(T, view)(x, *args, **kwargs)
        if twin is x:
            return x
        if twin._node is not None:
            base = twin._node.name()
            twin._node._name = names[int(base[-1]) if base[-1].isdigit() and int(base[-1]) < len(names) else 0]
        if x._base is not None and twin._view is not None:
            _, o, options = twin._view
            x._view = (_stand_in(x), o, options)
        x._a = twin._a
        if state.grad:
            x._node, x._rg = twin._node, twin._rg
        x._v[0] += 1
        return x

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{view}` in place: only sizes and strides change."


def _stand_in(x):
    """What x was before it changed its sizes: the parent of what it is now."""
    t = new(Tensor)
    t._a, t._v, t._node, t._rg = x._a, x._v, x._node, x._rg
    t._base, t._view, t._several = x._base, x._view, x._several
    return t


for _name, _view, _names in (
        ("squeeze_", "squeeze", ("SqueezeBackward3", "SqueezeBackward4", "SqueezeBackward5")),
        ("unsqueeze_", "unsqueeze", ("UnsqueezeBackward1",)), ("transpose_", "transpose", ("TransposeBackward1",)),
        ("t_", "t", ("TBackward1",)), ("swapaxes_", "swapaxes", ("TransposeBackward1",)),
        ("swapdims_", "swapdims", ("TransposeBackward1",))):
    _metadata(_name, _view, _names)
_metadata("as_strided_", "as_strided", ("AsStridedBackward1",), "torch.as_strided_")


# ---------------------------------------------------------------- other memory

@function("tensor.resize_")
def resize_(x, *sizes, memory_format=None):
    """Changes the shape in place; more elements are new memory, fewer keep the first ones."""
    shape = to_shape(sizes[0] if len(sizes) == 1 else sizes, None, "resize_", "size")
    if x._rg:
        raise EngineError("cannot resize variables that require grad")
    if any(n < 0 for n in shape):
        raise EngineError("numel: integer multiplication overflow")
    if shape == tuple(x.shape):
        return x
    from .strided import memory_of

    n = math.prod(shape)
    if n >= 1 << 63:
        raise EngineError("numel: integer multiplication overflow")
    check_numel(shape)
    flat = memory_of(x._a)[x.storage_offset():]
    if n > flat.size:
        grown = np.zeros(n, flat.dtype)
        grown[:flat.size] = flat
        flat = grown
    x._a = shaped(flat[:n], shape, memory_format)
    x._v[0] += 1
    return x


@function("tensor.resize_as_", "torch.resize_as_")
def resize_as_(x, the_template, *, memory_format=None):
    """`x.resize_(other.size())`."""
    if memory_format is preserve_format:
        formats = (channels_last, channels_last_3d)
        memory_format = next((f for f in formats if the_template.is_contiguous(memory_format=f)), None)
    return resize_(x, tuple(the_template.shape), memory_format=memory_format)


def _check_inside(flat, offset: int, size, steps: list) -> None:
    """Raises where a view would reach beyond the memory that it looks at."""
    if any(n < 0 for n in (offset, *size, *steps)):
        raise EngineError(f"as_strided: Negative strides, sizes and offsets are not supported, got strides: {steps}")
    last = offset + sum((n - 1) * s for n, s in zip(size, steps, strict=True)) if 0 not in size else -1
    if last >= flat.size:
        raise EngineError(f"setStorage: sizes {list(size)}, strides {steps}, storage offset {offset}, and itemsize "
                          f"{flat.itemsize} requiring a storage size of {(last + 1) * flat.itemsize} are out of bounds for "
                          f"storage of size {flat.size * flat.itemsize}")


@function("tensor.set_")
def set_(x, source=None, storage_offset: int = 0, size=None, stride=None):
    """Makes a tensor use the memory, sizes and strides of another, or of a storage."""
    if state.grad and x._rg:
        check_history(x)
    if source is None:
        x._a = np.empty(0, x._a.dtype)
    elif isinstance(source, (UntypedStorage, TypedStorage)):
        if isinstance(source, TypedStorage) and source.dtype is not x.dtype:
            raise EngineError(f"Expected a Storage of type {dtypes.C_NAMES[x.dtype.name]} or an UntypedStorage, but got type "
                              f"{dtypes.scalar_name(source.dtype)} for argument 1 'storage'")
        memory = source._memory()
        flat = memory[:memory.size // x._a.dtype.itemsize * x._a.dtype.itemsize].view(x._a.dtype)
        size = (flat.size,) if size is None else to_shape(size, None, "set_", "size")
        steps = np.empty(size).strides if stride is None else [s * 8 for s in stride]
        steps = [s // 8 for s in steps]
        _check_inside(flat, storage_offset, size, steps)
        x._a = np.lib.stride_tricks.as_strided(flat[storage_offset:], size, [s * flat.itemsize for s in steps])
    elif isinstance(source, Tensor):
        if source.dtype is not x.dtype:
            raise EngineError(f"Could not set tensor of type {c_name(source.dtype)} to a tensor of type {c_name(x.dtype)}")
        other = source if size is None else T.as_strided(source.detach(), size, stride or Size(size), storage_offset)
        x._a = other._a
    else:
        raise ArgumentError(f"set_() received an invalid combination of arguments - got ({type(source).__name__})")
    x._v[0] += 1
    return x


def _check_one_order(x, strides: tuple, formats) -> None:
    known = isinstance(formats, list) and all(isinstance(each, memory_order) for each in formats)
    if formats is not True and not known:
        raise ArgumentError("The ambiguity_check argument must be a bool or a list of memory formats.")
    several = 1 in x.shape or any(a == b for a, b in zip(strides, strides[1:], strict=False))
    fitting = 0 if formats is True else sum(x.is_contiguous(memory_format=each) for each in formats)
    if several and fitting != 1:
        raise EngineError("The tensor does not have unique dim order, or cannot map to exact one of the given memory formats.")


@function("tensor.dim_order")
def dim_order(x, *, ambiguity_check=False) -> tuple:
    """The dims from the widest stride to the narrowest.

    ambiguity_check: True refuses tensors with several such orders, a list of memory formats those that fit not one of them.
    """
    strides = x.stride()
    if ambiguity_check is not False:
        _check_one_order(x, strides, ambiguity_check)
    return tuple(sorted(range(x.ndim), key=lambda d: -strides[d]))


# ---------------------------------------------------------------- Python functions, element by element

def _elementwise(x, function, *others):
    if state.grad and any(t._rg for t in (x, *others)):
        raise EngineError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead." if not others
                          else f"Can't call map{len(others) if len(others) > 1 else ''}_() on Variable that requires grad. Use "
                          f"var.detach().map{len(others) if len(others) > 1 else ''}_() instead.")
    name = f"map{len(others) if len(others) > 1 else ''}_"
    for t in others:
        if t.dtype is not x.dtype:
            raise ArgumentError(f"{name}: expected {x.type()} for 'other' (got {t.type()})")
    check_writable(x)
    operands = [x, *(T.expand(t.detach(), tuple(x.shape)) for t in others)]
    found = [function(*values) for values in zip(*(t.flatten().tolist() for t in operands), strict=True)]
    if found:
        x._a[...] = from_results(found, x.dtype).reshape(x._a.shape)
    return x


@function("tensor.apply_")
def apply_(x, callable):
    """Replaces every element by what a Python function makes of it."""
    return _elementwise(x, callable)


@function("tensor.map_")
def map_(x, tensor, callable):
    """Replaces every element by a Python function of it and the element of another tensor."""
    return _elementwise(x, callable, tensor)


@function("tensor.map2_")
def map2_(x, tensor1, tensor2, callable):
    """Replaces every element by a Python function of it and those of two other tensors."""
    return _elementwise(x, callable, tensor1, tensor2)
