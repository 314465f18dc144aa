"""Lazy layers: the first input says how many input features there are; then they become plain layers."""

from __future__ import annotations

from inspect import signature

from ..engine import dtypes
from ..engine.device import as_device
from ..engine.fields import new
from ..engine.registry import T
from ..engine.tensor import Parameter, Tensor
from ..errors import BadValue, EngineError
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d

_ALLOWED = frozenset(("_cast", "_move", "to", "detach", "cpu", "cuda", "half", "float", "double", "bfloat16"))


class _Uninitialized:
    """A tensor without a shape yet."""

    is_lazy = True

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", func)
        if name in _ALLOWED:
            return super().__torch_function__(func, types, args, kwargs)
        raise BadValue(f"Attempted to use an uninitialized parameter in <method '{name}' of 'torch._C.TensorBase' objects>. "
                       "This error happens when you are using a `LazyModule` or explicitly manipulating "
                       "`torch.nn.parameter.UninitializedParameter` objects. When using LazyModules Call `forward` with a "
                       "dummy batch to initialize the parameters before calling torch functions")

    def _hollow(self, device, dtype) -> None:
        self._a = T.empty(0, device=as_device(device), dtype=dtype or dtypes.get_default_dtype())._a
        self._v = [0]

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Becomes a tensor of a shape; its values are still to be set."""
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        fresh = T.empty(sizes, device=device or self.device, dtype=dtype or self.dtype)
        self._a, self.__class__ = fresh._a, type(self)._becomes

    @property
    def shape(self):
        raise EngineError("Can't access the shape of an uninitialized parameter or buffer. This error usually "
                          "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
                          "initialized one. Call `forward` to initialize the parameters before accessing their "
                          "attributes.")

    def numel(self):
        return self.__torch_function__(Tensor.numel, ())

    def share_memory_(self):
        raise EngineError("Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
                          "parameters before calling `module.share_memory()`.")

    def detach(self):
        return self

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape the first input will tell."""

    _becomes = Parameter

    def __new__(cls, requires_grad: bool = True, device=None, dtype=None):
        t = new(cls)
        t._hollow(device, dtype)
        t._rg = requires_grad
        return t

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), UninitializedParameter(self._rg, self.device, self.dtype))


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose shape the first input will tell."""

    _becomes = Tensor

    def __new__(cls, requires_grad: bool = False, device=None, dtype=None, persistent: bool = True):
        t = new(cls)
        t._hollow(device, dtype)
        return t

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), UninitializedBuffer(False, self.device, self.dtype))


def is_lazy(t) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(t, _Uninitialized)


class LazyModuleMixin:
    """What lazy layers share: `initialize_parameters(input)` runs before the first `forward`."""

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _lazy_load_hook(self, state_dict, prefix, *_rest) -> None:
        for name, t in [*self._parameters.items(), *self._buffers.items()]:
            value = state_dict.get(prefix + name)
            if is_lazy(t) and value is not None and not is_lazy(value):
                t.materialize(value.shape)

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer has no shape yet."""
        return any(is_lazy(t) for t in [*self._parameters.values(), *self._buffers.values()])

    def initialize_parameters(self, *args, **kwargs) -> None:
        from ..errors import Unsupported

        raise Unsupported(f"initialize_parameters is not implemented for {type(self).__name__}")

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self._is_known():
            super().reset_parameters()

    def _is_known(self) -> bool:
        return True

    def _infer_parameters(self, module, args, kwargs=None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise EngineError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook
        del module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that takes in_features from its first input."""

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def _is_known(self) -> bool:
        return self.in_features != 0

    def initialize_parameters(self, input) -> None:
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
        elif self.in_features == 0:
            self.in_features = input.shape[-1]


class _LazyConv(LazyModuleMixin):
    def __init__(self, out_channels: int, kernel_size, *args, **kwargs):
        base = self.cls_to_become
        names = "stride padding dilation groups bias padding_mode device dtype"
        if base.transposed:
            names = "stride padding output_padding groups bias dilation padding_mode device dtype"
        given = dict(zip(names.split(), args, strict=False)) | kwargs
        bias = given.pop("bias", True)
        super().__init__(0, 0, kernel_size, bias=False, **given)
        where = {"device": given.get("device"), "dtype": given.get("dtype")}
        self.weight = UninitializedParameter(**where)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(**where)

    def _is_known(self) -> bool:
        return self.in_channels != 0

    def initialize_parameters(self, input, *args, **kwargs) -> None:
        if not self.has_uninitialized_params():
            return
        n = self._dims
        if input.dim() not in (n + 1, n + 2):
            raise EngineError(f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, "
                              f"but got input of size: {input.shape}")
        self.in_channels = input.shape[1] if input.dim() == n + 2 else input.shape[0]
        if self.in_channels % self.groups:
            raise BadValue("in_channels must be divisible by groups")
        self.weight.materialize(self._weight_shape())
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyNorm(LazyModuleMixin):
    def __init__(self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device=None, dtype=None, *, bias: bool = True):
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine, self.track_running_stats = affine, track_running_stats
        where = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**where)
            if bias:
                self.bias = UninitializedParameter(**where)
        if track_running_stats:
            self.running_mean, self.running_var = UninitializedBuffer(**where), UninitializedBuffer(**where)
            self.num_batches_tracked = T.zeros((), dtype=dtypes.int64)

    def _is_known(self) -> bool:
        return self.num_features != 0

    def initialize_parameters(self, input) -> None:
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for t in (self.weight, self.bias, self.running_mean, self.running_var):
            if is_lazy(t):
                t.materialize((self.num_features,))
        self.reset_parameters()


def _lazy(mixin: type, base: type) -> type:
    name = "Lazy" + base.__name__
    kind = type(name, (mixin, base), {"cls_to_become": base, "__module__": __name__, "__doc__":
                                      f"A `{base.__name__}` that takes its input channels from its first input."})
    if mixin is _LazyConv:
        of_base = signature(base)
        kind.__signature__ = of_base.replace(parameters=[p for p in of_base.parameters.values() if p.name != "in_channels"])
    return kind


LazyConv1d, LazyConv2d, LazyConv3d = (_lazy(_LazyConv, base) for base in (Conv1d, Conv2d, Conv3d))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (
    _lazy(_LazyConv, base) for base in (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d))
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (
    _lazy(_LazyNorm, base) for base in (BatchNorm1d, BatchNorm2d, BatchNorm3d))
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = (
    _lazy(_LazyNorm, base) for base in (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d))
