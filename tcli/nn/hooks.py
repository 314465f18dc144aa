"""Hooks around a module's `forward`, and on the gradients that pass through it.

Forward hooks see and may replace arguments and results. For backward hooks the module's inputs and
outputs go through two identity functions on the tape, where its gradients come by.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from itertools import count

from ..engine.autograd import Function
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..engine.warn import warn
from ..errors import EngineError
from . import module as base

_ids = count()


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook out; works as a context manager too.

    It keeps no table alive: a handle of a module that is gone has nothing to remove.
    """

    def __init__(self, hooks_dict, *marks):
        self.id = next(_ids)
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self._marks = tuple(map(weakref.ref, marks))

    def remove(self) -> None:
        """Takes the hook out; does nothing the second time."""
        for reference in (self.hooks_dict_ref, *self._marks):
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_exc) -> None:
        self.remove()

    def __reduce__(self) -> tuple:
        return (_handle_again, (self.id, *(reference() for reference in (self.hooks_dict_ref, *self._marks))))


def _handle_again(key: int, *tables) -> RemovableHandle:
    """A copied handle: it removes from the copies of the tables."""
    handle = RemovableHandle(*(OrderedDict() if table is None else table for table in tables))
    handle.id = key
    return handle


class WithModule:
    """A hook that is called with its module first, which it does not keep alive."""

    def __init__(self, hook, module):
        self.hook, self.module = hook, weakref.ref(module)

    def __call__(self, *args):
        return self.hook(self.module(), *args)

    def __reduce__(self) -> tuple:
        return WithModule, (self.hook, self.module())


def call_with_hooks(module, forward, args: tuple, kwargs: dict):
    """Runs `forward` between the hooks of the module and those on every module."""
    call = _Call(module)
    try:
        return call.run(forward, args, kwargs)
    except Exception:
        call.run_always()
        raise


class _Call:
    """One call of a module with hooks: what it was given and gave so far, which hooks have run."""

    def __init__(self, module):
        self.module, self.done, self.result = module, set(), None
        self.args: tuple = ()
        self.kwargs: dict = {}

    def run(self, forward, args: tuple, kwargs: dict):
        module, self.args, self.kwargs = self.module, args, kwargs
        for hook in _global("forward_pre").values():
            self._before(hook, False)
        for key, hook in list(module._forward_pre_hooks.items()):
            self._before(hook, key in module._forward_pre_hooks_with_kwargs)
        backward = _BackwardHooks.of(module)
        if backward is not None:
            self.args = backward.watch_inputs(self.args)
        self.result = forward(*self.args, **self.kwargs)
        for key, hook, with_kwargs, _ in _after(module):
            self.done.add(key)
            self._after(hook, with_kwargs)
        if backward is not None:
            self.result = backward.watch_outputs(self.result)
        _old_backward_hooks(module, self.args, self.result)
        return self.result

    def _before(self, hook, with_kwargs: bool) -> None:
        if not with_kwargs:
            changed = hook(self.module, self.args)
            if changed is not None:
                self.args = changed if isinstance(changed, tuple) else (changed,)
            return
        changed = hook(self.module, self.args, self.kwargs)
        if changed is None:
            return
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise EngineError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                              f"{changed}.")
        self.args, self.kwargs = changed

    def _after(self, hook, with_kwargs: bool) -> None:
        changed = hook(self.module, self.args, *([self.kwargs] if with_kwargs else []), self.result)
        if changed is not None:
            self.result = changed

    def run_always(self) -> None:
        """After a failure: the hooks that are always called and were not; what they raise is only told."""
        for key, hook, with_kwargs, always in _after(self.module):
            if not always or key in self.done:
                continue
            try:
                self._after(hook, with_kwargs)
            except Exception as error:
                kind = "global module" if key in _global("forward") else "module"
                warn(f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced as "
                     f"another error was raised in forward: {error}")


def _after(module) -> list:
    """(key, hook, whether it takes kwargs, whether it is always called) of the forward hooks, in order."""
    keywords, always = _global("forward_with_kwargs"), _global("forward_always_called")
    return [(key, hook, key in keywords, key in always) for key, hook in _global("forward").items()] + [
        (key, hook, key in module._forward_hooks_with_kwargs, key in module._forward_hooks_always_called)
        for key, hook in module._forward_hooks.items()]


# ---------------------------------------------------------------- the old form of backward hooks

def _old_backward_hooks(module, args: tuple, result) -> None:
    """Hooks on the last op that a module ran, which is all that `register_backward_hook` sees."""
    own = module._backward_hooks.values() if module._is_full_backward_hook is False else ()
    hooks = [*(_global("backward").values() if _full[0] is False else ()), *own]
    if not hooks:
        return
    node = _first_tensor(result).grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(_told_of(hook, module))
    _warn_of_old_hooks(args, result, node)


def _told_of(hook, module):
    def told(grad_input, grad_output):
        return hook(module, grad_input, grad_output)
    told.__name__ = getattr(hook, "__name__", "<unknown>")
    return told


def _first_tensor(result) -> Tensor:
    while not isinstance(result, Tensor):
        result = next(v for v in result.values() if isinstance(v, Tensor)) if isinstance(result, dict) else result[0]
    return result


_OLD = ("Using non-full backward hooks on a Module that does not {} single Tensor or a tuple of Tensors is deprecated and will "
        "be removed in future versions. This hook will be missing some of the {}. Please use register_full_backward_hook to "
        "get the documented behavior.")
_OLD_GRAPH = ("Using a non-full backward hook when {} is deprecated and will be removed in future versions. This hook will be "
              "missing some {}.{}")
_INSTEAD = " Please use register_full_backward_hook to get the documented behavior."


def _warn_of_old_hooks(args, result, node) -> None:
    """Says what an old hook does not get to see."""
    text = None
    outputs = _tensors_alone(result)
    inputs = _tensors_alone(args)
    nodes = set() if outputs is None else {t.grad_fn for t in outputs if t.grad_fn is not None}
    if outputs is None:
        text = _OLD.format("return a", "grad_output")
    elif inputs is None:
        text = _OLD.format("take as input a", "grad_input")
    elif not nodes or len(nodes) == 1 and node not in nodes:
        text = _OLD_GRAPH.format("outputs are nested in python data structure", "grad_output", "")
    elif len(nodes) > 1:
        text = _OLD_GRAPH.format("outputs are generated by different autograd Nodes", "grad_output", _INSTEAD)
    elif {t.grad_fn for t in inputs if t.grad_fn is not None} != {each for each, _ in node.next_functions}:
        text = _OLD_GRAPH.format("the forward contains multiple autograd Nodes", "grad_input", _INSTEAD)
    if text is not None:
        warn(text, FutureWarning)


def _tensors_alone(value) -> tuple | None:
    """A tensor or a tuple of tensors as a tuple; None for anything else."""
    values = (value,) if isinstance(value, Tensor) else value
    return values if isinstance(values, tuple) and all(isinstance(v, Tensor) for v in values) else None


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
        own = module._backward_hooks.values() if module._is_full_backward_hook is True else ()
        hooks = [*(_global("backward").values() if _full[0] is True else ()), *own]
        pre_hooks = [*_global("full_backward_pre").values(), *module._backward_pre_hooks.values()]
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
            warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                 f"received {type(result)}")
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
                self.grad_outputs = _as_many(changed, self.n_outputs, "Backward pre hook", "grad_output")
        found = tuple(self.grad_outputs[i] for i in where)
        if self.watched is None:
            self._without_inputs()
        return found

    def _without_inputs(self) -> None:
        """No input requires a gradient: the hooks see None for each, and may change nothing."""
        warn("Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
             "require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
             "#torch.nn.Module.register_full_backward_hook for more details.")
        for hook in self.hooks:
            changed = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if changed is not None and not (isinstance(changed, tuple) and all(g is None for g in changed)):
                raise EngineError("Backward hook for Modules where no input requires gradient should always "
                                  "return None or None for all gradients.")
        self.grad_outputs = None

    def inputs_arrived(self, grads: tuple) -> tuple:
        if self.grad_outputs is None:  # a gradient of the inputs that did not come through the outputs
            return grads
        full = [None] * self.n_inputs
        for i, g in zip(self.watched, grads, strict=True):
            full[i] = g
        result = tuple(full)
        for hook in self.hooks:
            changed = hook(self.module, result, self.grad_outputs)
            if changed is not None:
                result = _as_many(changed, len(result), "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple(result[i] for i in self.watched)


def _as_many(changed, expected: int, who: str, what: str) -> tuple:
    """What a hook returned, if that is as many gradients as it was given."""
    if len(changed) != expected:
        raise EngineError(f"{who} returned an invalid number of {what}, got {len(changed)}, but expected {expected}")
    return changed


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

def _global(kind: str) -> OrderedDict:
    table = base.every_module_hooks
    return table[kind] if table and kind in table else _NOTHING


_NOTHING: OrderedDict = OrderedDict()
_full: list[bool | None] = [None]  # whether the backward hooks on every module are of the full form; None while there are none


def _register(kind: str, hook, **flags: bool) -> RemovableHandle:
    if base.every_module_hooks is None:
        base.every_module_hooks = {}
    tables = base.every_module_hooks
    marks = [tables.setdefault(name, OrderedDict()) for name, on in flags.items() if on]
    table = tables.setdefault(kind, OrderedDict())
    handle = _GlobalHandle(table, *marks)
    table[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    return handle


class _GlobalHandle(RemovableHandle):
    def remove(self) -> None:
        RemovableHandle.remove(self)
        if base.every_module_hooks is not None and not any(base.every_module_hooks.values()):
            base.every_module_hooks = None


def _register_backward(hook, full: bool) -> RemovableHandle:
    if _full[0] is not None and _full[0] is not full and _global("backward"):
        raise EngineError("Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
                          "Please use only one of them.")
    _full[0] = full
    return _register("backward", hook)


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """`hook(module, args)` before the `forward` of every module."""
    return _register("forward_pre", hook)


def register_module_forward_hook(hook, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """`hook(module, args, output)` after the `forward` of every module."""
    return _register("forward", hook, forward_with_kwargs=with_kwargs, forward_always_called=always_call)


def register_module_backward_hook(hook) -> RemovableHandle:
    """The old form of `register_module_full_backward_hook`: sees the last op of every module."""
    return _register_backward(hook, full=False)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """`hook(module, grad_input, grad_output)` when the gradients of any module are there."""
    return _register_backward(hook, full=True)


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
