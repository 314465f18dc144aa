"""Calling a module with other parameters than its own."""

from __future__ import annotations

from ..engine.registry import T
from ..errors import ArgumentError


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights: bool = True,
                    strict: bool = False):
    """Calls `module` with the tensors of a dict (or several) in place of its parameters and buffers."""
    given: dict = {}
    for each in parameter_and_buffer_dicts if isinstance(parameter_and_buffer_dicts, (tuple, list)) \
            else [parameter_and_buffer_dicts]:
        given.update(each)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    before = _swap(module, given)
    try:
        return module(*arguments, **(kwargs or {}))
    finally:
        _restore(before)


def _swap(module, tensors: dict) -> list:
    before = []
    for name, tensor in tensors.items():
        owner, leaf = module, name
        *path, leaf = name.split(".")
        for part in path:
            owner = owner._modules.get(part, None)
            if owner is None:
                raise ArgumentError(f"the module has no parameter or buffer named '{name}'")
        table = owner._parameters if leaf in owner._parameters else owner._buffers
        if leaf not in table:
            raise ArgumentError(f"the module has no parameter or buffer named '{name}'")
        before.append((table, leaf, table[leaf]))
        table[leaf] = tensor
    return before


def _restore(before: list) -> None:
    for table, leaf, tensor in reversed(before):
        table[leaf] = tensor


def stack_module_state(models) -> tuple[dict, dict]:
    """(parameters, buffers) of several modules of one kind, stacked along a new first dim."""
    models = list(models)
    if not models:
        raise ArgumentError("stack_module_state: Expected at least one model, got 0.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    stacked = {name: T.stack([p[name] for p in parameters], 0).detach().requires_grad_(parameters[0][name].requires_grad)
               for name in parameters[0]}
    return stacked, {name: T.stack([b[name] for b in buffers], 0) for name in buffers[0]}
