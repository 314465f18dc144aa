"""Calling a module with other parameters than its own."""

from __future__ import annotations

from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import ArgumentError, BadValue, EngineError, UnknownAttribute


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights: bool = True,
                    strict: bool = False):
    """Calls `module` with the tensors of a dict (or several) in place of its parameters and buffers."""
    given = _one_dict(parameter_and_buffer_dicts)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    if tie_weights:
        given = _with_tied(module, given)
    if strict:
        _check_keys(module, given)
    changed: list = []
    try:
        _swap(module, given, changed)
        return module(*arguments, **(kwargs or {}))
    finally:
        _restore(changed, parameter_and_buffer_dicts)


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


_MISSING = object()


def _swap(module, tensors: dict, changed: list) -> None:
    """Puts the tensors into the module, and notes in `changed` (owner, name, what was there, the full name)."""
    for name, tensor in tensors.items():
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentError(f"{tensor} is not an instance of torch.Tensor")
        owner, (*path, leaf) = module, name.split(".")
        for part in path:
            owner = owner._modules.get(part, None)
            if owner is None:
                raise UnknownAttribute(f"{type(module).__name__} has no attribute `{part}`")
        table = _table(owner, leaf)
        before = table[leaf] if table is not None else getattr(owner, leaf, _MISSING)
        if before is not _MISSING and before is not None and not isinstance(before, Tensor):
            raise ArgumentError(f"attribute `{name}`: {before} is not an instance of torch.Tensor")
        changed.append((owner, leaf, before, name))
        if table is not None:
            table[leaf] = tensor
        else:
            setattr(owner, leaf, tensor)


def _table(owner, leaf: str) -> dict | None:
    """The parameters or buffers that a name belongs to; None for a plain attribute."""
    return next((table for table in (owner._parameters, owner._buffers) if leaf in table), None)


def _restore(changed: list, given) -> None:
    """Takes the tensors out again; a dict that was given gets those that the call put in their places."""
    for owner, leaf, before, name in reversed(changed):
        table = _table(owner, leaf)
        if isinstance(given, dict) and name in given:
            given[name] = table[leaf] if table is not None else getattr(owner, leaf, given[name])
        if before is _MISSING:
            delattr(owner, leaf)
        elif table is not None:
            table[leaf] = before
        else:
            setattr(owner, leaf, before)


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


def replace_all_batch_norm_modules_(root):
    """Takes the running statistics out of all batch norms of a module, which then use those of the batch; gives it back."""
    for module in root.modules():
        if any(kind.__name__ == "_BatchNorm" for kind in type(module).__mro__) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
