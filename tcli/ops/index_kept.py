"""Indices that are kept for a gradient."""

from ..engine.node_view import modified
from ..engine.tape import saved_as_is, state
from ..engine.tensor import Tensor


class Indices(tuple):
    """The gathering part of an index that a gradient will need again: it notices writes to the tensors it came from."""

    watched: list

    def check(self) -> None:
        for saved in self.watched:
            if saved.versions[0] != saved.version:
                raise modified(saved, None, False, state.anomaly)


def watched(array, index) -> Indices:
    """The index tensor `index`, whose array this is, alone."""
    found = Indices((array,))
    found.watched = [saved_as_is(index, None)]
    return found


def watching(gather: tuple, index, *tensors) -> tuple:
    """`gather`, which `index` was read to; as `Indices` where one of the tensors records what is done to it."""
    if not state.grad or not any(t._rg for t in tensors):
        return gather
    found = Indices(gather)
    items = index if isinstance(index, (tuple, list)) else (index,)
    found.watched = [saved_as_is(item, None) for item in items if isinstance(item, Tensor)]
    return found
