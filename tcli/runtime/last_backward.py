"""The last backward pass, kept cheaply enough to be always on: `:trace` shows it afterwards.

While a pass runs only references are noted: each node with its gradient, its time and what reached the
leaves. They are dropped when the next pass starts. Once the gradients noted exceed a byte budget the
numbers of a node are worked out at once instead, so that no large gradient is held.
"""

from __future__ import annotations

from ..engine.broadcasting import sum_to
from ..engine.tape import AccumulateGrad
from ..engine.trace_order import inputs_of, tree_walk
from ..engine.tracing import TraceRow, saved_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BUDGET = 64 << 20


class LastBackward:
    """An observer of backward passes; `rows()` gives the last one as a tree walk from its loss."""

    def __init__(self, budget: int = BUDGET):
        self.budget = budget
        self.clear()

    def clear(self) -> None:
        # node -> (gradient or the row made of it, seconds, bytes saved for the pass)
        self.passed: dict[Any, tuple] = {}
        self.reached: dict[AccumulateGrad, list] = {}
        self.held, self.sequence = 0, 0

    def __call__(self, node: Any, gradient: Any, produced: list, seconds: float) -> None:
        if node.seq > self.sequence:  # nodes come from newest to oldest: a newer one starts a pass
            self.clear()
        self.sequence = node.seq
        g = next((each for each in gradient if each is not None), None) if type(gradient) is list else gradient
        nbytes = saved_bytes(node)
        if g is not None and self.held + _bytes(g) > self.budget:
            self.passed[node] = (TraceRow(node, g, 0, seconds), seconds, nbytes)
        else:
            self.held += 0 if g is None else _bytes(g)
            self.passed[node] = (g, seconds, nbytes)
        for edge, r in produced:
            if type(edge) is AccumulateGrad:
                self.held += _bytes(r)
                self.reached.setdefault(edge, []).append(r)

    def rows(self) -> list[TraceRow]:
        walk = tree_walk(self._roots(), lambda node: node in self.passed or node in self.reached)
        return [self._row(node, depth, chained) for node, depth, chained in walk]

    def _roots(self) -> list:
        """The nodes that no other node of the pass leads to."""
        below = {child for node in self.passed for child in inputs_of(node)}
        return [node for node in self.passed if node not in below]

    def _row(self, node: Any, depth: int, chained: bool) -> TraceRow:
        if type(node) is AccumulateGrad:
            return TraceRow(node, _total(self.reached[node], node.shape), depth, 0.0)
        found, seconds, nbytes = self.passed[node]
        row = found if type(found) is TraceRow else TraceRow(node, found, depth, seconds)
        row.depth, row.chained, row.saved_bytes = depth, chained, nbytes
        return row


def _total(parts: list, shape: tuple) -> Any:
    """The sum of what reached a leaf, in the leaf's shape."""
    fitted = [part if part._a.shape == shape else sum_to(part, shape) for part in parts]
    total = fitted[0]
    for part in fitted[1:]:
        total = total + part
    return total


def _bytes(tensor: Any) -> int:
    """The memory of a gradient, computed or still an expression."""
    return int(tensor.numel()) * int(tensor.element_size())
