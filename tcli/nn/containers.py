"""Containers: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from operator import index as as_index

from ..engine.tensor import Parameter, Tensor
from ..errors import ArgumentError, BadIndex, BadValue, EngineError, UnknownAttribute
from .module import Module, class_text, indented, typename


class _Listed(Module):
    """What Sequential and ModuleList share: modules under the names "0", "1", ..."""

    def _keys_at(self, idx) -> list[str]:
        keys = list(self._modules)
        return keys[idx] if isinstance(idx, slice) else [keys[_position(idx, len(keys))]]

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, self._keys_at(as_index(idx))[0], module)

    def __delitem__(self, idx) -> None:
        for key in self._keys_at(idx):
            delattr(self, key)
        self.__dict__["_modules"] = {str(i): m for i, m in enumerate(self._modules.values())}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def append(self, module: Module):
        """Adds a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key):
        """Takes out the module at an index and returns it."""
        module = self[key]
        del self[key]
        return module

    def _make_room(self, index: int) -> None:
        for i in range(len(self._modules), index, -1):
            self._modules[str(i)] = self._modules[str(i - 1)]


def _position(idx, size: int) -> int:
    i = as_index(idx)
    if not -size <= i < size:
        raise BadIndex(f"index {idx} is out of range")
    return i % size


class Sequential(_Listed):
    """Modules run one after the other.

    >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args):
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else \
            ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[self._keys_at(idx)[0]]

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def __add__(self, other):
        _check_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other):
        _check_sequential(other)
        return self.extend(list(other))

    def __mul__(self, other: int):
        self._check_factor(other)
        return Sequential(*[module for _ in range(other) for module in self])

    __rmul__ = __mul__

    def __imul__(self, other: int):
        self._check_factor(other)
        return self.extend([module for _ in range(other - 1) for module in list(self)])

    def _check_factor(self, other) -> None:
        if not isinstance(other, int):
            raise ArgumentError(f"unsupported operand type(s) for *: {class_text(self)} and {class_text(other)}")
        if other <= 0:
            raise BadValue(f"Non-positive multiplication factor {other} for {class_text(self)}")

    def insert(self, index: int, module: Module):
        """Puts a module at an index, the later ones move on; returns the container."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {class_text(Module)}")
        n = len(self._modules)
        if not -n <= index <= n:
            raise BadIndex(f"Index out of range: {index}")
        index += n if index < 0 else 0
        self._make_room(index)
        self._modules[str(index)] = module
        return self

    def extend(self, sequential):
        """Adds modules at the end; returns the container."""
        for module in sequential:
            self.append(module)
        return self


def _check_sequential(other) -> None:
    if not isinstance(other, Sequential):
        raise BadValue(f"add operator supports only objects of Sequential class, but {type(other)} is given.")


class ModuleList(_Listed):
    """A list of modules that the module it belongs to knows about."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self._modules.values())[idx])
        return self._modules[str(_position(idx, len(self)))]

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList([*self, *other])

    def insert(self, index: int, module: Module) -> None:
        """Puts a module at an index, the later ones move on."""
        self._make_room(index)
        self._modules[str(index)] = module

    def extend(self, modules):
        """Adds modules at the end; returns the list."""
        if not isinstance(modules, Iterable):
            raise ArgumentError("ModuleList.extend should be called with an iterable, but got "
                                + type(modules).__name__)
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self) -> str:
        runs: list[list] = []  # [first, last, text] of equal neighbours
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        if not runs:
            return self._get_name() + "()"
        lines = [f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
                 for first, last, text in runs]
        return self._get_name() + "(\n  " + "\n  ".join(map(indented, lines)) + "\n)"


def _pairs(owner: str, update: str, given):
    """(key, value) of a mapping or of pairs, checked as PyTorch checks them."""
    if not isinstance(given, (Iterable, ModuleDict, ParameterDict)):
        raise ArgumentError(f"{update}.update should be called with an iterable of key/value pairs, but got "
                            + type(given).__name__)
    if isinstance(given, (Mapping, ModuleDict, ParameterDict)):
        plain = owner == "ParameterDict" and isinstance(given, Mapping) and not isinstance(given, OrderedDict)
        return sorted(given.items()) if plain else list(given.items())
    found = []
    for j, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise ArgumentError(f"{owner} update sequence element #{j} should be Iterable; is" + type(pair).__name__)
        pair = list(pair)
        if len(pair) != 2:
            raise BadValue(f"{owner} update sequence element #{j} has length {len(pair)}; 2 is required")
        found.append(pair)
    return found


class ModuleDict(Module):
    """A dict of modules that the module it belongs to knows about."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Takes all modules out."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Takes out the module of a key and returns it."""
        return self._modules.pop(key)

    def keys(self):
        return self._modules.keys()

    def items(self):
        return self._modules.items()

    def values(self):
        return self._modules.values()

    def update(self, modules) -> None:
        """Adds or replaces modules from a mapping or from pairs."""
        for key, module in _pairs("ModuleDict", "ModuleDict", modules):
            self[key] = module


class _NotCallable(Module):
    def __call__(self, *args, **kwargs):
        raise EngineError(f"{type(self).__name__} should not be called.")


class ParameterList(_NotCallable):
    """A list of parameters; tensors become parameters, other values are kept as they are."""

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(self[i] for i in range(*idx.indices(len(self))))
        return getattr(self, str(_position(idx, len(self))))

    def __setitem__(self, idx: int, param) -> None:
        setattr(self, str(_position(idx, len(self))), _as_parameter(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, parameters):
        return self.extend(parameters)

    def append(self, value):
        """Adds a value at the end; returns the list."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values):
        """Adds values at the end; returns the list."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise ArgumentError("ParameterList.extend should be called with an iterable, but got "
                                + type(values).__name__)
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(_describe(i, p, lambda t: t.dtype) for i, p in enumerate(self))


def _as_parameter(value):
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _describe(key, value, kind) -> str:
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    device = f" ({value.device})" if value.is_cuda else ""
    name = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({key}): {name} containing: [{kind(value)} of size {'x'.join(map(str, value.shape))}{device}]"


class ParameterDict(_NotCallable):
    """A dict of parameters; tensors become parameters, other values are kept as they are."""

    def __init__(self, parameters=None):
        super().__init__()
        self._keys: dict = {}
        if parameters is not None:
            self.update(parameters)

    def _attribute(self, key) -> str:
        if not isinstance(key, str):
            raise ArgumentError("Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                                f"'{type(key).__name__}'). Open an issue on github if you need non-string keys.")
        if key[:2] == "__":
            raise UnknownAttribute(f"'{key}' is no name for a parameter")
        return key

    def __getitem__(self, key: str):
        return getattr(self, self._attribute(key))

    def __setitem__(self, key: str, value) -> None:
        self._attribute(key)
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._attribute(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(self._keys)

    def __contains__(self, key) -> bool:
        return key in self._keys

    def copy(self):
        """A new dict with the same parameters."""
        return ParameterDict(OrderedDict((key, self[key]) for key in self._keys))

    def setdefault(self, key: str, default=None):
        """The value of a key, which is set first if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Takes everything out."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str):
        """Takes out the value of a key and returns it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Takes out the newest (key, value) and returns it."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default=None):
        """The value of a key, or `default`."""
        if key not in self:
            return default
        return self[key]

    def fromkeys(self, keys, default=None):
        """A new dict with one value for all keys."""
        return ParameterDict((key, default) for key in keys)

    def keys(self):
        return self._keys.keys()

    def items(self):
        return ((key, self[key]) for key in self._keys)

    def values(self):
        return (self[key] for key in self._keys)

    def update(self, parameters) -> None:
        """Adds or replaces values from a mapping or from pairs."""
        for key, value in _pairs("ParameterDict", "ParametersDict", parameters):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_describe(key, p, typename) for key, p in self.items())

    def __or__(self, other):
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other):
        joined = other.copy()
        joined.update(self)
        return joined

    def __ior__(self, other):
        self.update(other)
        return self
