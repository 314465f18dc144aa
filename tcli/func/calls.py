"""Calling a module with other parameters than its own."""

from __future__ import annotations

from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import ArgumentError, BadValue, EngineError, UnknownAttribute

_NOTHING = object()  # in the place of an attribute that is not there


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights: bool = True,
                    strict: bool = False):
    """Calls `module` with the tensors of a dict (or several) in place of its parameters and buffers."""
    given = _one_dict(parameter_and_buffer_dicts)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    if tie_weights:
        given = _with_tied(module, given)
    if strict:
        _check_keys(module, given)
    before: dict = {}
    try:
        for name, tensor in given.items():
            before[name] = _exchange(module, name, tensor)
        return module(*arguments, **(kwargs or {}))
    finally:
        after = {name: _exchange(module, name, tensor) for name, tensor in reversed(before.items())}
        if isinstance(parameter_and_buffer_dicts, dict):  # what the module assigned is the caller's
            parameter_and_buffer_dicts.update({name: after[name] for name in parameter_and_buffer_dicts if name in after})


def _own(module) -> dict:
    """Every name of a parameter or buffer, those of tied ones too, with its tensor."""
    return dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))


def _one_dict(dicts) -> dict:
    if isinstance(dicts, dict):
        return dict(dicts)
    if not isinstance(dicts, (tuple, list)):
        raise BadValue("Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
                       f"{type(dicts)}")
    if not all(isinstance(each, dict) for each in dicts):
        raise BadValue("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for each in dicts for name in each]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadValue(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: t for each in dicts for name, t in each.items()}


def _with_tied(module, given: dict) -> dict:
    """The tensors, also under the other names of what is tied."""
    names: dict[int, list[str]] = {}
    for name, tensor in _own(module).items():
        names.setdefault(id(tensor), []).append(name)
    found = dict(given)
    for tied in names.values():
        mine = [name for name in tied if name in given]
        if len(tied) == 1 or not mine:
            continue
        if len({id(given[name]) for name in mine}) > 1:
            raise BadValue(f"functional_call got multiple values for keys {sorted(tied)}, which are tied. Consider using "
                           "tie_weights=False")
        found.update(dict.fromkeys(tied, given[mine[0]]))
    return found


def _check_keys(module, given: dict) -> None:
    own = _own(module)
    unexpected, missing = sorted(given.keys() - own.keys()), sorted(own.keys() - given.keys())
    wrong = [f"{what} key(s): {', '.join(map(repr, keys))}."
             for what, keys in (("Unexpected", unexpected), ("Missing", missing)) if keys]
    if wrong:
        raise EngineError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(wrong))


def _exchange(module, name: str, tensor):
    """Puts a tensor (or _NOTHING) in the place of a parameter, buffer or attribute; gives what was there."""
    owner, (*path, leaf) = module, name.split(".")
    for part in path:
        owner = owner._modules.get(part, None)
        if owner is None:
            raise UnknownAttribute(f"{type(module).__name__} has no attribute `{part}`")
    if not (tensor is None or tensor is _NOTHING or isinstance(tensor, Tensor)):
        raise ArgumentError(f"{tensor} is not an instance of torch.Tensor")
    for table in (owner._parameters, owner._buffers):
        if leaf in table:
            before = table[leaf]
            if tensor is _NOTHING:
                del table[leaf]
            else:
                table[leaf] = tensor
            return before
    before = getattr(owner, leaf, _NOTHING)
    if not (before is None or before is _NOTHING or isinstance(before, Tensor)):
        raise ArgumentError(f"attribute `{leaf}`: {before} is not an instance of torch.Tensor")
    if tensor is _NOTHING:
        delattr(owner, leaf)
    else:
        setattr(owner, leaf, tensor)
    return before


def stack_module_state(models) -> tuple[dict, dict]:
    """(parameters, buffers) of several modules of one kind, stacked along a new first dim."""
    models = list(models)
    if not models:
        raise EngineError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise EngineError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise EngineError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    stacked = {name: T.stack([p[name] for p in parameters], 0).detach().requires_grad_(parameters[0][name].requires_grad)
               for name in parameters[0]}
    return stacked, {name: T.stack([b[name] for b in buffers], 0) for name in buffers[0]}
