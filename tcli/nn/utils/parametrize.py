"""`torch.nn.utils.parametrize`: a parameter computed from others by a module, at every access.

A parametrized module gets a class of its own with a property per parametrized tensor; what the
property is computed from lives in `module.parametrizations[name]`.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from copy import deepcopy

from ...engine.autograd import no_grad
from ...engine.tensor import Parameter, Tensor
from ...errors import BadValue, EngineError
from ..containers import ModuleDict, ModuleList
from ..module import Module

__all__ = ["ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
           "transfer_parametrizations_and_params", "type_before_parametrizations"]

_caching = [0]
_cache: dict = {}


@contextmanager
def cached():
    """Inside, every parametrized tensor is computed once only."""
    _caching[0] += 1
    try:
        yield
    finally:
        _caching[0] -= 1
        if not _caching[0]:
            _cache.clear()


def _keep(module, name: str, t) -> None:
    if isinstance(t, Parameter):
        module.register_parameter(name, t)
    else:
        module.register_buffer(name, t)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor and what they start from: `original`, or `original0`, `original1`, ..."""

    def __init__(self, modules, original, unsafe: bool = False):
        if not modules:
            raise BadValue("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = self._inverted(original)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if original.dtype is not new.dtype:
                raise BadValue("When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                               f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}")
            if new is not original:
                with no_grad():
                    original.set_(new.detach())
            _keep(self, "original", original)
        else:
            self._keep_several(new, original)
        if not unsafe:
            _check_same(self(), "the tensor", "unparametrized", "parametrized", dtype, shape, "`unsafe`")

    def _inverted(self, original):
        new = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (Tensor, list, tuple)):
            raise BadValue("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                           f"{type(new).__name__}")
        return new

    def _keep_several(self, new, original) -> None:
        for i, t in enumerate(new):
            if not isinstance(t, Tensor):
                raise BadValue("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                               f"element {i} of the sequence with type {type(t).__name__}.")
            if isinstance(original, Parameter):
                t = Parameter(t, original.requires_grad)
            _keep(self, f"original{i}", t.requires_grad_(original.requires_grad))

    def _originals(self) -> list:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    @no_grad()
    def right_inverse(self, value) -> None:
        """Sets the originals so that the parametrized tensor becomes `value`."""
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise EngineError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            value = module.right_inverse(value)
        values = [value] if self.is_tensor else list(value)
        if len(values) != self.ntensors:
            raise BadValue(f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a "
                           f"sequence of length {len(values)}.")
        for original, t in zip(self._originals(), values, strict=True):
            if not isinstance(t, Tensor):
                raise BadValue(f"`right_inverse` should return a tensor. Got {type(t).__name__}")
            if t.dtype is not original.dtype:
                raise BadValue(f"The tensor returned by `right_inverse` has dtype {t.dtype} while `original` has "
                               f"dtype {original.dtype}")
            with no_grad():
                original.set_(t.detach())

    def forward(self):
        x = None
        for i, module in enumerate(self):
            x = module(*self._originals()) if i == 0 else module(x)
        return x


def _check_same(found, what: str, before: str, after: str, dtype, shape, flag: str) -> None:
    """Raises unless a parametrization gave a tensor of the same dtype and shape."""
    if not isinstance(found, Tensor):
        raise BadValue(f"A parametrization must return a tensor. Got {type(found).__name__}.")
    for kind, wanted, got in (("dtype", dtype, found.dtype), ("shape", shape, found.shape)):
        if wanted != got:
            raise BadValue(f"Registering a parametrization may not change the {kind} of {what}, unless {flag} flag "
                           f"is enabled.\n{before} {kind}: {wanted}\n{after} {kind}: {got}")


def _refuse_pickling(self):
    raise EngineError("Serialization of parametrized modules is only supported through state_dict(). See:\n"
                      "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
                      "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training")


def _deepcopy(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    twin = memo[id(self)] = object.__new__(type(self))
    twin.__dict__.update(deepcopy(self.__dict__, memo))
    return twin


def _give_class(module) -> None:
    """Gives a module a class of its own, where properties can live."""
    base = type(module)
    module.__class__ = type("Parametrized" + base.__name__, (base,), {
        "__getstate__": _refuse_pickling, "__deepcopy__": _deepcopy, "__module__": base.__module__})


def _give_property(module, name: str) -> None:
    def read(self):
        parametrization = self.parametrizations[name]
        if not _caching[0]:
            return parametrization()
        key = id(self), name
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def write(self, value) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


def _check_right_inverse(parametrization, changed, now, tensor_name: str) -> None:
    """A further parametrization, run the other way, keeps dtype and shape too."""
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        found = parametrization.right_inverse(changed)
    except NotImplementedError:
        return
    if not isinstance(found, Tensor):
        raise BadValue(f"parametrization.right_inverse must return a tensor. Got: {type(found).__name__}")
    for word in ("dtype", "shape"):
        want, got = getattr(now, word), getattr(found, word)
        if want != got:
            raise BadValue(f"The tensor returned by parametrization.right_inverse must have the same {word} as "
                           f"module.{tensor_name}, unless the `unsafe` flag is enabled.\nmodule.{tensor_name}.{word}: {want}\n"
                           f"returned {word}: {got}")


def register_parametrization(module, tensor_name: str, parametrization, *, unsafe: bool = False):
    """Makes `module.<tensor_name>` the result of `parametrization(original)`; returns the module."""
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            now = getattr(module, tensor_name)
            changed = parametrization(now)
            _check_same(changed, "the tensor", f"module.{tensor_name}",
                        f"parametrization(module.{tensor_name})", now.dtype, now.shape, "the `unsafe`")
            _check_right_inverse(parametrization, changed, now, tensor_name)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        found = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_class(module)
            module.parametrizations = ModuleDict()
        _give_property(module, tensor_name)
        module.parametrizations[tensor_name] = found
    else:
        raise BadValue(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
                       f"'{tensor_name}'")
    return module


def is_parametrized(module, tensor_name: str | None = None) -> bool:
    """Whether a module (or one of its tensors) is parametrized."""
    found = module._modules.get("parametrizations") if isinstance(module, Module) else None
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module, tensor_name: str, leave_parametrized: bool = True):
    """Makes a tensor a plain parameter again, with its parametrized value or its original one; returns the module."""
    if not is_parametrized(module, tensor_name):
        raise BadValue(f"Module {module} does not have a parametrization on {tensor_name}")
    found = module.parametrizations[tensor_name]
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            with no_grad():
                original.set_(getattr(module, tensor_name).detach())
    elif leave_parametrized:
        t = getattr(module, tensor_name)
        original = Parameter(t.detach()) if t.requires_grad else t
    else:
        raise BadValue("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in "
                       "terms of a sequence of tensors.")
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    _keep(module, tensor_name, original)
    return module


def type_before_parametrizations(module) -> type:
    """The class a module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name: str | None = None):
    """Copies parametrizations and their originals from one module to another; returns the second."""
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, deepcopy(getattr(from_module, name)))
        for parametrization in from_module.parametrizations[name]:
            register_parametrization(to_module, name, deepcopy(parametrization), unsafe=True)
        target, source = to_module.parametrizations[name], from_module.parametrizations[name]
        for i, (mine, theirs) in enumerate(zip(target._originals(), source._originals(), strict=True)):
            if isinstance(theirs, Parameter):
                setattr(target, "original" if target.is_tensor else f"original{i}",
                        Parameter(theirs.detach().clone(), theirs.requires_grad))
            else:
                mine.copy_(theirs)
    return to_module
