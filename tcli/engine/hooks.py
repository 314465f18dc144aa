"""Hooks on nodes: functions that see, and may change, the gradients that pass.

A node has hooks of its tensor, among them the one that `retain_grad` leaves, and hooks of its own before and after.
"""

from __future__ import annotations

from itertools import count
from weakref import ref

from ..errors import EngineError


class RemovableHandle:
    """What `register_hook` returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict, key: int):
        self._hooks, self.id = hooks, key

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_exc) -> None:
        self.remove()


_hook_ids = count()


def add_hook(node, hook) -> RemovableHandle:
    if node.hooks is None:
        node.hooks = {}
    return kept(node.hooks, hook)


def kept(hooks: dict, hook) -> RemovableHandle:
    key = next(_hook_ids)
    hooks[key] = hook
    if RETAINS in hooks:
        hooks[RETAINS] = hooks.pop(RETAINS)  # sees what the others give
    return RemovableHandle(hooks, key)


RETAINS = -1  # the key of the hook that keeps `.grad` of a tensor that is no leaf


def retain(t) -> None:
    """The gradient that reaches the node of `t`, which is no leaf, is kept in its `.grad`."""
    weak = ref(t)

    def keep(g):
        t = weak()
        if t is not None:
            t.grad = g if t.grad is None else t.grad + g

    if t._node.hooks is None:
        t._node.hooks = {}
    t._node.hooks[RETAINS] = keep


def moved(t, old) -> None:
    """After an op in place `t` has a new node: what is kept is its gradient from now on."""
    if old is not None and old.hooks:
        old.hooks.pop(RETAINS, None)
    if t._node is not None and t._node is not old:
        retain(t)


def run_hooks(node, g):
    for hook in list(node.hooks.values()):
        replaced = hook(g)
        if replaced is not None:
            if not hasattr(replaced, "_a"):
                raise EngineError("hooks must return None or a Tensor")
            if replaced.shape != g.shape:
                raise EngineError(f"hook '{getattr(hook, '__name__', 'hook')}' has changed the size of value")
            g = replaced
    return g


def packed(value, pair: tuple) -> tuple:
    """(what a pair of hooks for saved tensors makes of `value`, how it comes back)."""
    pack, unpack = pair
    version = value._v[0]
    found = pack(value.detach())
    if value._v[0] != version:
        raise EngineError("A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
                          "can not be modified by in-place operations as this can lead to unexpected side-effects. Please open "
                          "an issue if you need to perform in-place operations on the input to the pack hook.")
    return found, unpack
