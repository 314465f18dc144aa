"""`Tensor`: an array, its history and its version.

The array (`_a`) is NumPy's or CuPy's; the dtype, shape and device are read from it. `_node` is the
tape entry that made the tensor, `_rg` whether it needs a gradient, `_v` the version counter that all
views of one memory share, `_base` and `_view` what a view is a view of, `_several` (name, index) where it is one of
several views that one op returned. `_half_complex` marks complex32: NumPy has no such type, complex64 holds it.
Nearly all methods come from the registry (`install`); only what is no op stands here.
"""

from __future__ import annotations

import numpy as np

from ..errors import ArgumentError, BadIndex, BadValue, EngineError, GradError
from . import backward, dispatch, dtypes, half_complex, hooks, overrides, registry, tape
from . import device as devices
from .args import Size, size_of, sizes, to_dim, type_name
from .broadcasting import restore_dtype, sum_to
from .device import CPU, Device, as_device, backend, device_of, move
from .dispatch import wrap
from .fields import Fields, compiled, copy_fields, new
from .from_data import array_of_data, warn_copied
from .registry import RAW, T
from .storage import (
    address,
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    preserve_format,
    root_of,
    sparse_coo,
    strided,
)
from .tape import edge_of, state
from .waiting import expose
from .warn import warn_first, warn_once

__all__ = ["Parameter", "Tensor", "as_tensor", "channels_last", "channels_last_3d", "contiguous_format", "from_numpy",
           "is_tensor", "layout", "preserve_format", "sparse_coo", "strided", "tensor"]


def is_tensor(value: object) -> bool:
    """Whether `value` is a tensor; asks its class and never the object."""
    return isinstance(value, Tensor)


class Tensor(Fields):
    """A multi-dimensional array that remembers how it was made.

    It has no `__getattr__`: with one, CPython would look up every attribute and method the slow way.
    """

    retains_grad = False
    is_sparse = is_quantized = is_nested = is_mkldnn = is_sparse_csr = False
    names = None
    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __new__(cls, *args, **kwargs):
        found = legacy_tensor(None, args, kwargs)
        return found if cls is Tensor else found.as_subclass(cls)

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        if overrides.answers(cls):
            functions = {path[7:]: fn for path, fn in registry.functions.items() if path.startswith("tensor.")}
            own = {name: getattr(Tensor, name) for name in overrides.METHODS}
            overrides.ask_first(cls, functions | own, dispatch.TENSORS)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """What a subclass makes of a call of torch: the same, its tensors as instances of the subclass."""
        if not all(issubclass(cls, kind) for kind in types):
            return NotImplemented
        return overrides.in_class(cls, func, args, kwargs or {}, Tensor)

    @staticmethod
    def _make_subclass(cls, data, require_grad: bool = False):
        return data.detach().requires_grad_(require_grad).as_subclass(cls)

    def __init__(self, *args, **kwargs):
        pass

    # ------------------------------------------------------------ what it is

    @compiled
    def size(self, dim: int | None = None):
        shape = self._a.shape
        if dim is None:
            return sizes.get(shape) or size_of(shape)
        if type(dim) is int and 0 <= dim < len(shape):
            return shape[dim]
        return shape[to_dim(dim, self, "size", "dim")] if shape else _no_dims(dim)

    @property
    def device(self) -> Device:
        return CPU if type(self._a) is np.ndarray else device_of(self._a)

    @compiled
    def dim(self) -> int:
        return self._a.ndim

    ndimension = dim

    @compiled
    def numel(self) -> int:
        return self._a.size

    nelement = numel

    @property
    def grad_fn(self):
        node = self._node
        return tape.shown(node.parent if type(node) is tape.Pick else node)

    @property
    def is_leaf(self) -> bool:
        return self._node is None

    @property
    def output_nr(self) -> int:
        return self._node.index if type(self._node) is tape.Pick else 0

    @property
    def _version(self) -> int:
        return self._v[0]

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return type(self._a) is np.ndarray or self.device.type == "cpu"

    @property
    def is_meta(self) -> bool:
        return self.device.type == "meta"

    @property
    def layout(self):
        return strided

    @property
    def _grad(self):
        return self.grad

    @_grad.setter
    def _grad(self, value) -> None:
        self.grad = value

    @property
    def itemsize(self) -> int:
        return self._a.dtype.itemsize if not self._half_complex else 4

    def element_size(self) -> int:
        return self.itemsize

    @property
    def nbytes(self) -> int:
        return int(self._a.nbytes)

    def is_floating_point(self) -> bool:
        return self.dtype.category == dtypes.FLOAT

    def is_complex(self) -> bool:
        return self.dtype.category == dtypes.COMPLEX

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def _is_view(self) -> bool:
        return self._base is not None

    def is_inference(self) -> bool:
        return self._inference

    def is_conj(self) -> bool:
        return False

    def is_neg(self) -> bool:
        return False

    @compiled
    def stride(self, dim: int | None = None):
        itemsize = self._a.dtype.itemsize
        strides = tuple(s // itemsize for s in self._a.strides)
        if 0 in strides or 0 in self._a.shape:
            strides = _canonical_strides(self._a.shape, strides)
        if dim is None:
            return strides
        return strides[to_dim(dim, self, "stride", "dim")]

    def storage_offset(self) -> int:
        if not self._a.size:
            return 0
        a = self._a
        return (a.offset if hasattr(a, "offset") else address(a) - address(root_of(a))) // a.dtype.itemsize

    def data_ptr(self) -> int:
        return address(self._a)

    @compiled
    def is_contiguous(self, memory_format=None) -> bool:
        if memory_format is channels_last or memory_format is channels_last_3d:
            n = 4 if memory_format is channels_last else 5
            return self._a.ndim == n and self._a.transpose(0, *range(2, n), 1).flags.c_contiguous
        return bool(self._a.flags.c_contiguous)

    def is_set_to(self, other) -> bool:
        return self.data_ptr() == other.data_ptr() and self.shape == other.shape and self.stride() == other.stride()

    def _is_view(self) -> bool:
        return self._base is not None

    def untyped_storage(self):
        from .storages import UntypedStorage

        return UntypedStorage.over(self._a)

    def storage(self):
        from .storages import TypedStorage

        warn_first("TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage "
                   "class. This should only matter to you if you are using storages directly.  To access UntypedStorage "
                   "directly, use tensor.untyped_storage() instead of tensor.storage()")
        return TypedStorage.over(self._a, self.dtype)

    def storage_type(self):
        from .storages import legacy_classes

        return legacy_classes()[dtypes.scalar_name(self.dtype) + "Storage"]

    # ------------------------------------------------------------ values out

    @compiled
    def item(self):
        a = self._a
        if a.size != 1:
            raise EngineError(f"a Tensor with {a.size} elements cannot be converted to Scalar")
        value = a.item()
        return value if type(value) is float or isinstance(value, (float, int, complex)) else float(value)

    @compiled
    def tolist(self):
        if devices.sketch and type(self._a) is not np.ndarray:
            return self._a.tolist()
        a = _host(self)
        return a.astype(np.float32).tolist() if dispatch.is_half(a.dtype) else a.tolist()

    @compiled
    def numpy(self, *, force: bool = False):
        if force:
            expose(self._a)
            return _host(self)
        if self._rg and state.grad:
            raise GradError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if type(self._a) is not np.ndarray:
            if self.is_cpu:  # a sketch
                return self._a.__array__()
            raise ArgumentError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy "
                                "the tensor to host memory first.")
        if dtypes.name_of(self._a.dtype) == "bfloat16":
            raise ArgumentError("Got unsupported ScalarType BFloat16")
        expose(self._a)
        return self._a

    def __array__(self, dtype=None, copy=None):
        if self._rg and state.grad:
            raise GradError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        a = _host(self)
        if dtypes.name_of(a.dtype) == "bfloat16":
            a = a.astype(np.float32)
        if dtype is not None and a.dtype != dtype:
            return a.astype(dtype)
        if copy:
            return a.copy()
        expose(a)
        return a

    def __array_wrap__(self, array, context=None, return_scalar: bool = False):
        """What NumPy's functions of tensors give back: tensors, with uint8 for bool."""
        array = np.asarray(array)
        return wrap(array.astype(np.uint8) if array.dtype == np.bool_ else array)

    def __dlpack__(self, **kwargs):
        a = self._a
        expose(a)
        return a.__dlpack__(**kwargs)

    def __dlpack_device__(self):
        return self._a.__dlpack_device__()

    @compiled
    def __len__(self) -> int:
        if self._a.ndim == 0:
            raise ArgumentError("len() of a 0-d tensor")
        return self._a.shape[0]

    def __iter__(self):
        if self._a.ndim == 0:
            raise ArgumentError("iteration over a 0-d tensor")
        return iter(T.unbind(self, 0))

    def __reversed__(self):
        return self if self._a.ndim == 0 else T.flip(self, (0,))

    def __delitem__(self, index):
        raise ArgumentError("Tensor does not support deleting items")

    @compiled
    def __bool__(self) -> bool:
        a = self._a
        if a.size != 1:
            if a.size == 0:
                raise EngineError("Boolean value of Tensor with no values is ambiguous")
            raise EngineError("Boolean value of Tensor with more than one value is ambiguous",
                              help="reduce it first, for example with .any() or .all()")
        return bool(a.item())

    def _number(self):
        if self._a.size != 1:
            raise BadValue("only one element tensors can be converted to Python scalars")
        return self.item()

    @compiled
    def __float__(self) -> float:
        value = self._number()
        if type(value) is float:
            return value
        if type(value) is complex:
            if value.imag:
                raise EngineError("value cannot be converted to type double without overflow")
            value = value.real
        return float(value)

    @compiled
    def __int__(self) -> int:
        value = self._number()
        if type(value) is complex:
            if value.imag:
                raise EngineError("value cannot be converted to type int64_t without overflow")
            value = value.real
        return int(value)

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        if self._a.size != 1 or self._a.dtype.kind not in "biu":
            raise ArgumentError("only integer tensors of a single element can be converted to an index")
        return int(self._a.item())

    def __contains__(self, element) -> bool:
        if isinstance(element, (Tensor, int, float, bool, complex)):
            return bool((self == element)._a.any())
        raise EngineError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    @compiled
    def __format__(self, spec: str) -> str:
        if self._a.ndim == 0 and not self.is_meta:
            return format(self.item(), spec)
        return object.__format__(self, spec) if spec else str(self)

    def __repr__(self, *, tensor_contents=None) -> str:
        from .show_text import text_of

        return text_of(self)

    __str__ = __repr__

    def __reduce_ex__(self, protocol):
        kind = type(self) if type(self) not in (Tensor, Parameter) else type(self).__name__  # renamed below
        return (_rebuild, (kind, np.ascontiguousarray(_host(self)) if self._a.ndim else _host(self).copy(),
                           self._rg and self._node is None))

    def __deepcopy__(self, memo):
        if self._node is not None:
            raise GradError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol "
                            "at the moment.  If you were attempting to deepcopy a module, this may be because of a "
                            "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001")
        if id(self) in memo:
            return memo[id(self)]
        t = new(type(self))
        memo[id(self)] = t
        t._a, t._v, t._rg = self._a.copy(), [0], self._rg
        if self.grad is not None:
            t.grad = self.grad.__deepcopy__(memo)
        for key, value in self.__dict__.items():
            if not key.startswith("_") and key not in ("grad",):
                import copy

                t.__dict__[key] = copy.deepcopy(value, memo)
        return t

    def __copy__(self):
        t = new(type(self))
        copy_fields(t, self)
        return t

    # ------------------------------------------------------------ gradients

    def requires_grad_(self, requires_grad: bool = True):
        if not requires_grad and self._node is not None:
            raise GradError("you can only change requires_grad flags of leaf variables. If you want to use a computed "
                            "variable in a subgraph that doesn't require differentiation use var_no_grad = "
                            "var.detach().")
        if requires_grad and self.dtype.category < dtypes.FLOAT:
            raise GradError("only Tensors of floating point dtype can require gradients")
        if self._inference and requires_grad and not state.inference:
            raise GradError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        if self._node is None:
            self._rg = bool(requires_grad)
        return self

    def backward(self, gradient=None, retain_graph: bool | None = None, create_graph: bool = False, inputs=None,
                 trace: bool = False):
        """Computes the gradient of this tensor w.r.t. graph leaves and adds it to their `.grad`."""
        if gradient is None and inputs is None and not (create_graph or trace) and backward.run_scalar(self, retain_graph):
            return
        from . import autograd

        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs, trace=trace)

    @compiled
    def detach(self):
        t = wrap(self._a)
        t._v = self._v
        return t

    def detach_(self):
        if self._base is not None:
            raise GradError("Can't detach views in-place. Use detach() instead. If you are using "
                            "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, "
                            "gradients are views of DDP buckets, and hence detach_() cannot be called on these "
                            "gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                            "torch/optim/optimizer.py as the solution.")
        self._node, self._rg = None, False
        return self

    @property
    def data(self):
        t = wrap(self._a)
        return t

    @data.setter
    def data(self, value) -> None:
        if not isinstance(value, Tensor):
            raise ArgumentError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._a = value._a
        if self._leaf is None:
            return

    def register_hook(self, hook):
        if not self._rg:
            raise GradError("cannot register a hook on a tensor that doesn't require gradient")
        return hooks.add_hook(edge_of(self), hook)

    def register_post_accumulate_grad_hook(self, hook):
        leaf = edge_of(self)
        if type(leaf) is not tape.AccumulateGrad:
            raise GradError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if leaf.post_hooks is None:
            leaf.post_hooks = {}
        key = len(leaf.post_hooks)
        leaf.post_hooks[key] = hook
        return hooks.RemovableHandle(leaf.post_hooks, key)

    def retain_grad(self) -> None:
        if not self._rg:
            raise GradError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is None or self.retains_grad:
            return
        self.retains_grad = True
        hooks.retain(self)

    # ------------------------------------------------------------ elsewhere

    def type(self, dtype=None, non_blocking: bool = False):
        if dtype is None:
            prefix = "torch.cuda." if self.is_cuda else "torch."
            return prefix + dtypes.scalar_name(self.dtype) + "Tensor"
        if isinstance(dtype, str):
            name = dtype.rpartition(".")[2].removesuffix("Tensor")
            found = next((d for d in dtypes.ALL if dtypes.SCALAR_NAMES[d.name] == name), None)
            if found is None:
                raise BadValue(f"invalid type: '{dtype}'")
            return self.to(found)
        if dtype is Tensor:
            return self.to(dtypes.get_default_dtype())
        if isinstance(dtype, type) and not isinstance(getattr(dtype, "dtype", None), dtypes.dtype):
            raise BadValue(f"invalid type: '{dtype.__name__}'")
        return self.to(getattr(dtype, "dtype", dtype))

    @compiled
    def to(self, *args, dtype=None, device=None, non_blocking: bool = False, copy: bool = False, memory_format=None,
           other=None):
        """This tensor with another dtype, on another device, or like another tensor; itself if nothing changes."""
        flags = [value for value in args if isinstance(value, bool)]
        copy = copy or (flags[1] if len(flags) > 1 else False)
        for value in (*args, other):
            if isinstance(value, dtypes.dtype) or value in (float, int, bool, complex):
                dtype = dtypes.as_dtype(value)
            elif isinstance(value, (str, Device)) or isinstance(value, int) and not isinstance(value, bool):
                device = value
            elif isinstance(value, Tensor):
                dtype, device = value.dtype, value.device
            elif value is not None and not isinstance(value, bool):
                raise ArgumentError(f"to() received an invalid combination of arguments - got ({type_name(value)}), "
                                    "but expected one of: (torch.device device, torch.dtype dtype), (torch.dtype "
                                    "dtype), (Tensor tensor)")
        t = self
        if device is not None:
            device = as_device(device)
            backend(device)
            here = t.device
            if here.type != device.type or (device.index is not None and here.index is not None
                                            and here.index != device.index):
                t = T._move(t, device)
        if dtype is not None and dtypes.as_dtype(dtype) is not t.dtype:
            dtype = dtypes.as_dtype(dtype)
            warn_of_imaginary(t, dtype)
            t = T._cast(t, dtype) if dtype is not dtypes.complex32 else T.chalf(t)
        if memory_format is not None and memory_format is not preserve_format and not t.is_contiguous(memory_format):
            return T.clone(t, memory_format=memory_format)
        if copy and t is self:
            t = T.clone(t)
            if t._node is not None:
                t._node._name = "ToCopyBackward0"
        return t

    @compiled
    def cpu(self):
        return self.to(CPU)

    def cuda(self, device=None, non_blocking: bool = False):
        return self.to(as_device("cuda" if device is None else device))

    def pin_memory(self, device=None):
        return self

    def is_pinned(self) -> bool:
        return False

    def is_shared(self) -> bool:
        return False

    def share_memory_(self):
        return self

    def as_subclass(self, cls):
        found = T.alias(self) if self._rg and self._node is None else self
        t = new(cls)
        copy_fields(t, found)
        t._a = found._a  # computed where it waits
        return t

    def get_device(self) -> int:
        device = self.device
        return -1 if device.type == "cpu" else device.index or 0

    def cpu_array(self):
        return _host(self)


class Parameter(Tensor):
    """A leaf tensor that a module owns and an optimiser updates (`torch.nn.Parameter`)."""

    __torch_function__ = overrides.disabled

    def __new__(cls, data=None, requires_grad: bool = True):
        t = new(cls)
        t._a = data._a if isinstance(data, Tensor) else as_tensor(data if data is not None else [])._a
        t._v = data._v if isinstance(data, Tensor) else [0]
        if requires_grad and t.dtype.category < dtypes.FLOAT:
            raise GradError("Only Tensors of floating point and complex dtype can require gradients")
        t._rg = requires_grad
        return t

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        t = new(type(self))
        t._a, t._v, t._rg = self._a.copy(), [0], self._rg
        memo[id(self)] = t
        return t

    def __repr__(self, *, tensor_contents=None) -> str:
        return "Parameter containing:\n" + Tensor.__repr__(self)

    __str__ = __repr__


def warn_of_imaginary(t, dtype) -> None:
    """PyTorch's warning about a complex tensor that is to become a real one."""
    if t._a.dtype.kind == "c" and dtypes.BOOL < dtype.category < dtypes.COMPLEX:
        warn_once("Casting complex values to real discards the imaginary part")


def _no_dims(dim):
    raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")


def _canonical_strides(shape, strides) -> tuple:
    """PyTorch's strides where NumPy leaves them at 0: in empty tensors and for dims of size 1."""
    result, step, empty = [], 1, 0 in shape and not any(strides)
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        result.append(step if empty or (stride == 0 and size == 1) else stride)
        step = result[-1] * max(size, 1)
    return tuple(reversed(result))


def _host(t) -> np.ndarray:
    a = t._a if type(t._a) is np.ndarray else move(t._a, CPU)
    return a if type(a) is np.ndarray or not devices.sketch else a.__array__()


def _rebuild(cls, array, requires_grad):
    t = new({"Tensor": Tensor, "Parameter": Parameter}.get(cls, cls))
    t._a, t._v, t._rg = array, [0], requires_grad
    return t

# ---------------------------------------------------------------- tensors from Python data

def as_tensor(data, dtype=None, device=None):
    """A tensor of `data`; shares memory with a NumPy array or tensor where the dtype allows."""
    if isinstance(data, Tensor):
        return data if dtype is None and device is None else data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray):
        t = wrap(_native(data))
        device = as_device(device)
        return t if dtype is None and device.type == "cpu" and not devices.sketch else t.to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array):
    """A tensor that shares memory with a NumPy array."""
    if not isinstance(array, np.ndarray) and not devices.is_sketched(array):
        kind = type(array)
        raise ArgumentError(f"expected np.ndarray (got {'numpy.' if kind.__module__ == 'numpy' else ''}{kind.__name__})")
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        warn_once("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
                  "writing to this tensor will result in undefined behavior. You may want to copy the array to protect its "
                  "data or make it writable before converting it to a tensor. This type of warning will be suppressed for the "
                  "rest of this program.")
    return over_array(array)


def over_array(array):
    """The same for an array of our own, which may be read-only: `thaw` is called before the first write."""
    return wrap(move(_native(array), CPU))


FLOATS_ONLY = "Only Tensors of floating point and complex dtype can require gradients"


def _native(array: np.ndarray) -> np.ndarray:
    dtypes.of_numpy(array.dtype)
    if any(s < 0 for s in array.strides):
        raise BadValue("At least one stride in the given numpy array is negative, and tensors with negative strides are "
                       "not currently supported. (You can probably work around this by making a copy of your array "
                       "with array.copy().) ")
    if not array.dtype.isnative:
        raise BadValue("given numpy array has byte order different from the native byte order. Conversion between byte "
                       "orders is currently not supported.")
    found = array.view(np.ndarray) if type(array) is not np.ndarray else array
    expose(found)
    return found


@compiled
def tensor(data, *, dtype=None, device=None, requires_grad: bool = False, pin_memory: bool = False):
    """A new tensor from numbers, nested sequences, arrays or tensors; always a copy, always a leaf."""
    d = dtypes.as_dtype(dtype) if dtype is not None else None
    if isinstance(data, Tensor):
        warn_copied()
    t = wrap(array_of_data(data, d))
    if d is dtypes.complex32:
        half_complex.rounded(t)
    where = data.device if device is None and isinstance(data, Tensor) else as_device(device)
    if where.type != "cpu" or type(t._a) is not np.ndarray or devices.sketch:
        t._a = move(t._a, where)
    if requires_grad:
        if t.dtype.category < dtypes.FLOAT:
            raise GradError("Only Tensors of floating point and complex dtype can require gradients")
        t._rg = True
    return t


def legacy_tensor(d, args, kwargs):
    """`torch.Tensor(2, 3)`, `torch.FloatTensor([1, 2])`, `x.new(2, 3)`: the old constructors."""
    target = d or dtypes.get_default_dtype()
    device = as_device(kwargs["device"]) if kwargs.get("device") is not None else CPU
    if device.type != "cpu":
        raise EngineError(f"legacy constructor expects device type: cpu but device type: {device.type} was passed")
    if "size" in kwargs:
        args = (Size(kwargs["size"]),)
    args = args or tuple(kwargs[name] for name in ("other", "data") if name in kwargs)
    if not args:
        return wrap(np.empty(0, target.numpy))
    first = args[0]
    if isinstance(first, Tensor):
        if kwargs.get("device") is not None:
            raise EngineError("Legacy tensor constructor of the form torch.Tensor(tensor, device=device) is not supported.  "
                              "Use torch.tensor(...) or torch.as_tensor(...) instead." if d is None else
                              "Legacy tensor new of the form tensor.new(tensor, device=device) is not supported.  Use "
                              "torch.as_tensor(...) instead.")
        if d is not None and first.dtype is not target:
            raise ArgumentError(f"expected {dtypes.scalar_name(target)} (got {dtypes.scalar_name(first.dtype)})")
        return first.detach()
    if hasattr(first, "untyped"):
        t = wrap(np.empty(0, target.numpy))
        return t.set_(first)
    if isinstance(first, str):
        raise ArgumentError("new(): invalid data type 'str'")
    if len(args) > 1 and isinstance(first, (tuple, list)):
        given = ", ".join(type(value).__name__ for value in args)
        raise ArgumentError(f"new() received an invalid combination of arguments - got ({given}), but expected one of: (*, "
                            "torch.device device), (Tensor other), (tuple of ints size), (object data)")
    if len(args) == 1 and not isinstance(first, Size) and (hasattr(first, "__len__") or isinstance(first, np.ndarray)):
        return tensor(first, dtype=target)
    shape = tuple(first) if isinstance(first, Size) else args
    for i, n in enumerate(shape):
        if not hasattr(n, "__index__") or isinstance(n, bool):
            raise ArgumentError(f"new(): argument 'size' failed to unpack the object at pos {i + 1} with error \"type must be "
                                f"tuple of ints,but got {type(n).__name__}\"" if i else
                                f"new(): data must be a sequence (got {type(first).__name__})")
        if n < 0:
            raise EngineError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return wrap(np.zeros([n.__index__() for n in shape], target.numpy))


# ---------------------------------------------------------------- joining with the tape and the registry

dispatch.bind_classes(Tensor, (Tensor, Parameter), as_tensor)
tape.bind(Tensor, T)
backward.bind(Tensor, T, RAW, sum_to, restore_dtype)
Tensor.__module__, Parameter.__module__ = "torch", "torch.nn.parameter"
