"""The graph of a backward pass as a tree that grows slowly to the right: long chains stay at one depth.

Each node hangs below the last op that sends gradient to it, so each has one place. Of a node's inputs the one with most
below it goes on at the same depth (`chained`); the others, and every leaf, are branches one deeper. So the depth
grows with the logarithm of the size of the graph, whatever its shape: a recurrent net is as flat as a chain.
"""

from __future__ import annotations

from .tape import AccumulateGrad, Pick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def tree_walk(roots: list, wanted: Callable[[Any], bool] = lambda node: True) -> list[tuple[Any, int, bool]]:
    """(node, depth, chained) from the roots on; branches come before the chain goes on."""
    order = _newest_first(roots, wanted)
    below = _below(order)
    size = dict.fromkeys(order, 1)
    for node in reversed(order):
        size[node] += sum(size[child] for child in below[node])
    hanging = {child for children in below.values() for child in children}
    stack = [(node, 0, False) for node in reversed(order) if node not in hanging]
    stack.sort(key=lambda entry: -_place(entry[0], roots))
    found = []
    while stack:
        node, depth, chained = stack.pop()
        found.append((node, depth, chained))
        heavy = max((child for child in below[node] if type(child) is not AccumulateGrad), key=size.__getitem__, default=None)
        if heavy is not None:
            stack.append((heavy, depth, True))
        stack.extend((child, depth + 1, False) for child in reversed(below[node]) if child is not heavy)
    return found


def _place(node: Any, roots: list) -> int:
    return roots.index(node) if node in roots else len(roots)


def inputs_of(node: Any) -> list:
    """The nodes that a node sends its gradient to."""
    return [edge.parent if type(edge) is Pick else edge for edge in node.edges if edge is not None]


def _newest_first(roots: list, wanted: Callable[[Any], bool]) -> list:
    """All nodes, each before those that it sends gradient to; leaves last."""
    seen: set = set()
    stack = [root.parent if type(root) is Pick else root for root in roots if root is not None]
    while stack:
        node = stack.pop()
        if node not in seen and wanted(node):
            seen.add(node)
            stack.extend(inputs_of(node))
    return sorted(seen, key=lambda node: -node.seq)


def _below(order: list) -> dict:
    """node -> the nodes that hang below it: those whose last sender it is."""
    known = set(order)
    sender = {child: node for node in order for child in inputs_of(node)}
    return {node: [child for child in dict.fromkeys(inputs_of(node)) if child in known and sender[child] is node]
            for node in order}
