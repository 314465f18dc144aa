"""Saving a module's tensors by name, and loading them back with PyTorch's strictness and wording."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from ..engine.tape import state
from ..engine.tensor import Parameter, Tensor
from ..engine.warn import warn
from ..errors import ArgumentError, EngineError
from .module import Module

EXTRA = "_extra_state"
STATE_DICT, SAVE = Module.state_dict, Module._save_to_state_dict
GET_EXTRA, SET_EXTRA = Module.get_extra_state, Module.set_extra_state


class IncompatibleKeys(tuple):
    """What `load_state_dict` returns: `missing_keys` and `unexpected_keys`."""

    __slots__ = ()
    _fields = ("missing_keys", "unexpected_keys")

    def __new__(cls, missing_keys: list, unexpected_keys: list):
        return tuple.__new__(cls, (missing_keys, unexpected_keys))

    @property
    def missing_keys(self) -> list:
        return self[0]

    @property
    def unexpected_keys(self) -> list:
        return self[1]

    def __repr__(self) -> str:
        if not self[0] and not self[1]:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self[0]!r}, unexpected_keys={self[1]!r})"

    __str__ = __repr__


def collect(module, args: tuple, destination, prefix: str, keep_vars: bool):
    """`Module.state_dict`: this module's tensors, then those of its submodules."""
    if args:
        _warn_positional()
        destination = args[0] if destination is None else destination
        prefix = args[1] if len(args) > 1 and not prefix else prefix
        keep_vars = args[2] if len(args) > 2 and not keep_vars else keep_vars
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    return _collect(module, destination, getattr(destination, "_metadata", None), prefix, keep_vars)


def _collect(module, destination, versions, prefix: str, keep_vars: bool):
    """`versions` is the metadata of the destination, where it has any."""
    metadata = {"version": module._version}
    if versions is not None:
        versions[prefix[:-1]] = metadata
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    own = vars(module)
    if type(module)._save_to_state_dict is SAVE and "_save_to_state_dict" not in own:
        save_own(module, destination, prefix, keep_vars)
    else:
        module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is None:
            continue
        if type(child).state_dict is STATE_DICT and "state_dict" not in vars(child):
            _collect(child, destination, versions, f"{prefix}{name}.", keep_vars)
        else:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_dict_hooks.values():
        changed = hook(module, destination, prefix, metadata)
        destination = destination if changed is None else changed
    return destination


def _warn_positional() -> None:
    warn("Positional args are being deprecated, use kwargs instead. Refer to "
         "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for "
         "details.",
         FutureWarning)


def save_own(module, destination, prefix: str, keep_vars: bool) -> None:
    """The tensors that belong to the module itself."""
    own = _own(module) if module._buffers else module._parameters
    for name, t in own.items():
        if t is not None:
            destination[prefix + name] = t if keep_vars else t.detach()
    if type(module).get_extra_state is not GET_EXTRA:
        destination[prefix + EXTRA] = module.get_extra_state()


def _own(module) -> dict:
    found = {name: p for name, p in module._parameters.items() if p is not None}
    for name, t in module._buffers.items():
        if t is not None and name not in module._non_persistent_buffers_set:
            found[name] = t
    return found


# ---------------------------------------------------------------- loading

def load(module, state_dict, strict: bool, assign: bool) -> IncompatibleKeys:
    """`Module.load_state_dict`."""
    if not isinstance(state_dict, Mapping):
        raise ArgumentError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    metadata = getattr(state_dict, "_metadata", None)
    tensors = OrderedDict(state_dict)
    if metadata is not None:
        tensors._metadata = metadata
    missing: list = []
    unexpected: list = []
    errors: list = []
    _load_tree(module, tensors, "", metadata or {}, assign, missing, unexpected, errors)
    if strict:
        if missing:
            errors.insert(0, "Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
        if unexpected:
            errors.insert(min(1, len(missing)), "Unexpected key(s) in state_dict: {}. ".format(
                ", ".join(f'"{k}"' for k in unexpected)))
    if errors:
        raise EngineError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(errors))
    return IncompatibleKeys(missing, unexpected)


def _load_tree(module, tensors, prefix: str, metadata, assign: bool, missing, unexpected, errors) -> None:
    local = metadata.get(prefix[:-1], {})
    if assign:
        local["assign_to_params_buffers"] = assign
    module._load_from_state_dict(tensors, prefix, local, True, missing, unexpected, errors)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = OrderedDict((key, value) for key, value in tensors.items() if key.startswith(below))
            _load_tree(child, part, below, metadata, assign, missing, unexpected, errors)
    keys = IncompatibleKeys(missing, unexpected)
    for hook in module._load_state_dict_post_hooks.values():
        if hook(module, keys) is not None:
            raise AssertionError("Hooks registered with ``register_load_state_dict_post_hook`` are not expected to "
                                 "return new values, if incompatible_keys need to be modified, it should be done "
                                 "inplace.")


def load_own(module, tensors, prefix: str, metadata: dict, strict: bool, missing, unexpected, errors) -> None:
    """Loads the tensors that belong to the module itself; problems go into the lists."""
    for hook in module._load_state_dict_pre_hooks.values():
        hook(tensors, prefix, metadata, strict, missing, unexpected, errors)
    own = _own(module)
    for name, t in own.items():
        key = prefix + name
        if key in tensors:
            _load_one(module, name, t, key, tensors[key], metadata.get("assign_to_params_buffers", False), errors)
        elif strict:
            missing.append(key)
    _load_extra(module, tensors, prefix + EXTRA, strict, missing, unexpected)
    if strict:
        _find_unexpected(module, own, tensors, prefix, unexpected)


def _load_one(module, name: str, t, key: str, value, assign: bool, errors: list) -> None:
    if not isinstance(value, Tensor):
        errors.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                      f"checkpoint but received {type(value)}")
        return
    lazy = getattr(t, "is_lazy", False)
    if lazy and getattr(value, "is_lazy", False):
        return
    if not lazy and t.dim() == 0 and value.shape == (1,):
        value = value[0]
    if not lazy and value.shape != t.shape:
        errors.append(f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the "
                      f"shape in current model is {t.shape}.")
        return
    before, state.grad = state.grad, False
    try:
        if assign:
            setattr(module, name, _assignable(t, value))
        else:
            t.copy_(value)
    except Exception as error:
        errors.append(f'While copying the parameter named "{key}", whose dimensions in the model are {t.size()} '
                      f"and whose dimensions in the checkpoint are {value.size()}, an exception occurred : "
                      f"{error.args}.")
    finally:
        state.grad = before


def _assignable(t, value):
    if not isinstance(t, Parameter):
        return value
    if isinstance(value, Parameter):
        return value.requires_grad_(t.requires_grad)
    return Parameter(value, requires_grad=t.requires_grad)


def _load_extra(module, tensors, key: str, strict: bool, missing, unexpected) -> None:
    if type(module).set_extra_state is not SET_EXTRA:
        if key in tensors:
            module.set_extra_state(tensors[key])
        elif strict:
            missing.append(key)
    elif strict and key in tensors:
        unexpected.append(key)


def _find_unexpected(module, own: dict, tensors, prefix: str, unexpected: list) -> None:
    for key in tensors:
        if not key.startswith(prefix) or key == prefix + EXTRA:
            continue
        head, dot, _ = key[len(prefix):].partition(".")
        if head not in (module._modules if dot else own):
            unexpected.append(key)


def consume_prefix_in_state_dict_if_present(state_dict: dict, prefix: str) -> None:
    """Takes a prefix such as "module." off the names of a state dict, in place."""
    for key in [key for key in state_dict if key.startswith(prefix)]:
        state_dict[key[len(prefix):]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    for key in [key for key in metadata or () if key and (key == prefix.replace(".", "") or key.startswith(prefix))]:
        metadata[key[len(prefix):]] = metadata.pop(key)
