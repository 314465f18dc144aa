"""`torch.autograd.graph`: nodes, hooks over several tensors, and what happens to saved tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..engine import backward, hooks, tape
from ..engine.autograd import saved_tensors_hooks
from ..engine.node_view import GraphNode
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError


class save_on_cpu:
    """Where values saved for backward live does not change."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        self.pin_memory, self.device_type = pin_memory, device_type

    def __enter__(self) -> save_on_cpu:
        return self

    def __exit__(self, *_error: Any) -> None:
        pass


class disable_saved_tensors_hooks:
    """A block, or function, in which `saved_tensors_hooks` raises with this message."""

    def __init__(self, error_message: str) -> None:
        self.message = error_message

    def __enter__(self) -> None:
        if state.saved_hooks:
            raise EngineError(self.message)
        self._before, saved_tensors_hooks.refusal = saved_tensors_hooks.refusal, self.message

    def __exit__(self, *_error: Any) -> None:
        saved_tensors_hooks.refusal = self._before

    def __call__(self, function: Callable) -> Callable:
        def inside(*args: Any, **kwargs: Any) -> Any:
            with disable_saved_tensors_hooks(self.message):
                return function(*args, **kwargs)
        return inside


class GradientEdge(NamedTuple):
    """A node and which of its outputs."""

    node: Any
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of a tensor flows to."""
    if not tensor.requires_grad:
        raise EngineError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = tensor.grad_fn
    return GradientEdge(tape.edge_of(tensor) if node is None else node, tensor.output_nr)


def increment_version(tensor: Any) -> None:
    """Counts a write to the memory of a tensor, or of several."""
    tensors: Any = (tensor,) if isinstance(tensor, Tensor) else tensor
    for t in tensors:
        t._v[0] += 1


class _Handles:
    """What `register_multi_grad_hook` returns: `remove()` takes the hooks away again."""

    def __init__(self, handles: list) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *_error: Any) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Any, fn: Callable, *, mode: str = "all") -> _Handles:
    """Calls `fn` with the gradients of all tensors once the last has come, or with mode "any" with the first that comes.

    A tensor that a backward pass does not reach has None there.
    """
    if mode not in ("all", "any"):
        raise BadValue(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = list(tensors)
    nodes = [tape.edge_of(t) if t.requires_grad else None for t in tensors]
    waiting: dict[int, list] = {}  # by backward pass: the gradients, and how many are still to come

    def note(place: int, gradient: Tensor) -> None:
        key = id(state.roots)
        if key not in waiting:
            reached = backward.reached_from(state.roots)
            if state.wanted is not None:
                reached &= state.wanted
            waiting.clear()
            waiting[key] = [[None] * len(tensors), sum(node in reached for node in nodes if node is not None)]
        entry = waiting[key]
        entry[0][place] = gradient
        entry[1] -= 1
        if mode == "any":
            if sum(g is not None for g in entry[0]) == 1:
                fn(gradient)
        elif not entry[1]:
            del waiting[key]
            fn(entry[0])

    def hook_for(place: int) -> Callable:
        return lambda gradient: note(place, gradient)

    return _Handles([hooks.add_hook(node, hook_for(i)) for i, node in enumerate(nodes) if node is not None])


class allow_mutation_on_saved_tensors:
    """A block in which tensors may be written to after they were saved: the backward pass gets copies."""

    _open = False

    def __enter__(self) -> allow_mutation_on_saved_tensors:
        if allow_mutation_on_saved_tensors._open:
            raise EngineError("allow_mutation_on_saved_tensors contexts cannot be nested")
        allow_mutation_on_saved_tensors._open = self._here = True
        self._hooks = saved_tensors_hooks(lambda t: t.clone(), self._unpack)
        self._hooks.__enter__()
        return self

    def _unpack(self, t: Tensor) -> Tensor:
        if not self._here:
            raise AssertionError("Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the "
                                 "graph was originally recorded.")
        return t

    def __exit__(self, *_error: Any) -> None:
        self._hooks.__exit__()
        allow_mutation_on_saved_tensors._open = self._here = False

    def clear(self) -> None:
        """There is nothing to clear: copies go with their graph."""


def names() -> dict[str, Any]:
    """What `torch.autograd.graph` offers."""
    return {"Node": GraphNode, "saved_tensors_hooks": saved_tensors_hooks, "save_on_cpu": save_on_cpu,
            "disable_saved_tensors_hooks": disable_saved_tensors_hooks, "GradientEdge": GradientEdge,
            "get_gradient_edge": get_gradient_edge, "increment_version": increment_version,
            "register_multi_grad_hook": register_multi_grad_hook,
            "allow_mutation_on_saved_tensors": allow_mutation_on_saved_tensors}
