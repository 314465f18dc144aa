"""Hooks around a module's `forward`, and on the gradients that pass through it.

Forward hooks see and may replace arguments and results. For backward hooks the module's inputs and
outputs go through two identity functions on the tape, where its gradients come by.
"""

from __future__ import annotations

from itertools import count

from ..engine.autograd import Function
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import EngineError
from . import module as base

_ids = count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook out; works as a context manager too."""

    def __init__(self, *tables):
        self.id = next(_ids)
        self._tables = tables

    def remove(self) -> None:
        for table in self._tables:
            table.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        self.remove()


def call_with_hooks(module, forward, args: tuple, kwargs: dict):
    """Runs `forward` between the hooks of the module and those on every module."""
    done: set = set()
    try:
        return _call(module, forward, args, kwargs, done)
    except Exception:
        for key, hook, with_kwargs in _after(module):
            if key in module._forward_hooks_always_called and key not in done:
                done.add(key)
                _run_after(hook, with_kwargs, module, args, kwargs, None)
        raise


def _call(module, forward, args: tuple, kwargs: dict, done: set):
    for hook, with_kwargs in _before(module):
        args, kwargs = _run_before(hook, with_kwargs, module, args, kwargs)
    backward = _BackwardHooks.of(module)
    if backward is not None:
        args = backward.watch_inputs(args)
    result = forward(*args, **kwargs)
    for key, hook, with_kwargs in _after(module):
        done.add(key)
        changed = _run_after(hook, with_kwargs, module, args, kwargs, result)
        if changed is not None:
            result = changed
    return result if backward is None else backward.watch_outputs(result)


def _before(module) -> list:
    found = [(hook, False) for hook in _global("forward_pre")]
    return found + [(hook, key in module._forward_pre_hooks_with_kwargs)
                    for key, hook in module._forward_pre_hooks.items()]


def _after(module) -> list:
    found = [(None, hook, False) for hook in _global("forward")]
    return found + [(key, hook, key in module._forward_hooks_with_kwargs)
                    for key, hook in module._forward_hooks.items()]


def _run_before(hook, with_kwargs: bool, module, args: tuple, kwargs: dict):
    if not with_kwargs:
        changed = hook(module, args)
        if changed is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs
    changed = hook(module, args, kwargs)
    if changed is None:
        return args, kwargs
    if isinstance(changed, tuple) and len(changed) == 2:
        return changed
    raise EngineError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                      f"{changed}.")


def _run_after(hook, with_kwargs: bool, module, args: tuple, kwargs: dict, result):
    return hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)


# ---------------------------------------------------------------- gradients

class _BackwardHooks:
    """The backward hooks of one call: what they need to see of both ends of the module."""

    def __init__(self, module, hooks: list, pre_hooks: list):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple | None = None
        self.watched: list | None = None
        self.n_inputs = self.n_outputs = 0

    @classmethod
    def of(cls, module):
        hooks = [*_global("full_backward"), *module._backward_hooks.values()]
        pre_hooks = [*_global("full_backward_pre"), *module._backward_pre_hooks.values()]
        return cls(module, hooks, pre_hooks) if hooks or pre_hooks else None

    def watch_inputs(self, args: tuple) -> tuple:
        where = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.n_inputs = len(args)
        if not (state.grad and any(args[i].requires_grad for i in where)):
            return args
        self.watched = where
        passed = _Inputs.apply(self, *(args[i] for i in where))
        result = list(args)
        for i, t in zip(where, passed, strict=True):
            if args[i].requires_grad:
                result[i] = t
        return tuple(result)

    def watch_outputs(self, result):
        single = isinstance(result, Tensor)
        values = (result,) if single else result
        if not isinstance(values, tuple):
            return result
        where = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
        self.n_outputs = len(values)
        if not where:
            return result
        passed = _Outputs.apply(self, where, *(values[i] for i in where))
        changed = list(values)
        for i, t in zip(where, passed, strict=True):
            changed[i] = t
        return changed[0] if single else tuple(changed)

    def outputs_arrived(self, where: list, grads: tuple) -> tuple:
        full = [None] * self.n_outputs
        for i, g in zip(where, grads, strict=True):
            full[i] = g
        self.grad_outputs = tuple(full)
        for hook in self.pre_hooks:
            changed = hook(self.module, self.grad_outputs)
            if changed is not None:
                self.grad_outputs = changed if isinstance(changed, tuple) else (changed,)
        if self.watched is None:
            nothing = (None,) * max(self.n_inputs, 1)
            for hook in self.hooks:
                changed = hook(self.module, nothing[:self.n_inputs], self.grad_outputs)
                if changed is not None and any(g is not None for g in changed):
                    raise EngineError("Backward hook for Modules where no input requires gradient should always "
                                      "return None or None for all gradients.")
        return tuple(self.grad_outputs[i] for i in where)

    def inputs_arrived(self, grads: tuple) -> tuple:
        if self.grad_outputs is None:  # a second derivative comes to the inputs without passing the outputs
            return grads
        full = [None] * self.n_inputs
        for i, g in zip(self.watched, grads, strict=True):
            full[i] = g
        result = tuple(full)
        for hook in self.hooks:
            changed = hook(self.module, result, self.grad_outputs)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(result):
                    raise EngineError(f"Backward hook returned an invalid number of grad_input, got {len(changed)}, "
                                      f"but expected {len(result)}")
                result = changed
        self.grad_outputs = None
        return tuple(result[i] for i in self.watched)


class _Inputs(Function):
    """The identity before a module: the gradients of its inputs end here."""

    @staticmethod
    def forward(ctx, hooks, *tensors):
        ctx.hooks = hooks
        ctx.set_materialize_grads(False)
        return tuple(t.detach() for t in tensors)

    @staticmethod
    def backward(ctx, *grads):
        return (None, *ctx.hooks.inputs_arrived(grads))


class _Outputs(Function):
    """The identity after a module: the gradients of its outputs come in here."""

    @staticmethod
    def forward(ctx, hooks, where, *tensors):
        ctx.hooks, ctx.where = hooks, where
        ctx.set_materialize_grads(False)
        return tuple(t.detach() for t in tensors)

    @staticmethod
    def backward(ctx, *grads):
        return (None, None, *ctx.hooks.outputs_arrived(ctx.where, grads))


# The name that `grad_fn` shows.
_Inputs.__name__ = _Outputs.__name__ = "BackwardHookFunction"


# ---------------------------------------------------------------- hooks on every module

def _global(kind: str) -> list:
    table = base.every_module_hooks
    return list(table[kind].values()) if table and kind in table else []


def _register(kind: str, hook) -> RemovableHandle:
    if base.every_module_hooks is None:
        base.every_module_hooks = {}
    table = base.every_module_hooks.setdefault(kind, {})
    handle = _GlobalHandle(table)
    table[handle.id] = hook
    return handle


class _GlobalHandle(RemovableHandle):
    def remove(self) -> None:
        RemovableHandle.remove(self)
        if base.every_module_hooks is not None and not any(base.every_module_hooks.values()):
            base.every_module_hooks = None


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """`hook(module, args)` before the `forward` of every module."""
    return _register("forward_pre", hook)


def register_module_forward_hook(hook, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """`hook(module, args, output)` after the `forward` of every module."""
    return _register("forward", hook)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """`hook(module, grad_input, grad_output)` when the gradients of any module are there."""
    return _register("full_backward", hook)


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """`hook(module, grad_output)` before the gradients of any module."""
    return _register("full_backward_pre", hook)


def register_module_parameter_registration_hook(hook) -> RemovableHandle:
    """`hook(module, name, param)` when any module gets a parameter; it may return another one."""
    return _register("parameter_registration", hook)


def register_module_buffer_registration_hook(hook) -> RemovableHandle:
    """`hook(module, name, buffer)` when any module gets a buffer; it may return another one."""
    return _register("buffer_registration", hook)


def register_module_module_registration_hook(hook) -> RemovableHandle:
    """`hook(module, name, submodule)` when any module gets a submodule; it may return another one."""
    return _register("module_registration", hook)
