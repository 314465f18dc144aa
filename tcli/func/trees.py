"""Nested tuples, lists and dicts of tensors, taken apart and put together again."""

from __future__ import annotations

from ..engine.tensor import Tensor


def flatten(tree) -> list:
    """The leaves of a nested structure, from left to right."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in flatten(value)]
    if isinstance(tree, (tuple, list)):
        return [leaf for value in tree for leaf in flatten(value)]
    return [tree]


def rebuild(tree, leaves):
    """The structure of `tree` around new leaves (an iterator or sequence)."""
    leaves = iter(leaves)

    def build(node):
        if isinstance(node, dict):
            return type(node)((key, build(value)) for key, value in node.items())
        if isinstance(node, tuple) and hasattr(node, "_fields"):
            return type(node)(*(build(each) for each in node)) if not hasattr(node, "op_name") else tuple(map(build, node))
        if isinstance(node, (tuple, list)):
            return type(node)(build(each) for each in node)
        return next(leaves)
    return build(tree)


def map_tensors(fn, tree):
    """`fn` applied to every tensor of a structure; other leaves stay."""
    return rebuild(tree, [fn(leaf) if isinstance(leaf, Tensor) else leaf for leaf in flatten(tree)])
