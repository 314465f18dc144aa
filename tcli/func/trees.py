"""Nested tuples, lists and dicts of tensors, taken apart and put together again."""

from __future__ import annotations

from ..engine.tensor import Tensor
from ..errors import BadValue


def flatten(tree) -> list:
    """The leaves of a nested structure, from left to right."""
    if type(tree) is Tensor:
        return [tree]
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in flatten(value)]
    if isinstance(tree, (tuple, list)):
        return [leaf for value in tree for leaf in flatten(value)]
    return [tree]


def rebuild(tree, leaves):
    """The structure of `tree` around new leaves (an iterator or sequence)."""
    leaves = iter(leaves)
    if type(tree) is Tensor:
        return next(leaves)

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
    if type(tree) is Tensor:
        return fn(tree)
    return rebuild(tree, [fn(leaf) if isinstance(leaf, Tensor) else leaf for leaf in flatten(tree)])


# ---------------------------------------------------------------- what `torch.utils._pytree` offers

class TreeSpec:
    """The structure of a tree without its leaves."""

    def __init__(self, tree):
        self.type = type(tree) if is_node(tree) else None
        self.context = list(tree) if isinstance(tree, dict) else None
        parts = () if self.type is None else tree.values() if isinstance(tree, dict) else tree
        self.children_specs = [TreeSpec(each) for each in parts]
        self.num_leaves = 1 if self.type is None else sum(each.num_leaves for each in self.children_specs)
        self._shape = rebuild(tree, [_STAR] * self.num_leaves)

    def is_leaf(self) -> bool:
        return self.type is None

    def unflatten(self, leaves):
        return tree_unflatten(leaves, self)

    def __eq__(self, other) -> bool:
        return isinstance(other, TreeSpec) and (self.type, self.context, self.children_specs) == (
            other.type, other.context, other.children_specs)

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        indent += 2
        children = f",\n{' ' * indent}".join(each.__repr__(indent) for each in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"

    def sketch(self) -> str:
        """The structure as Python would write it, with stars for leaves."""
        return repr(self._shape)


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()


def is_node(tree) -> bool:
    """Whether a value is a container that trees are made of."""
    return isinstance(tree, (dict, tuple, list))


def tree_flatten(tree, is_leaf=None) -> tuple[list, TreeSpec]:
    """(the leaves, the structure)."""
    return flatten(tree), TreeSpec(tree)


def tree_unflatten(leaves, treespec: TreeSpec):
    """The tree of a structure around leaves."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise BadValue(f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree "
                       f"that holds {treespec.num_leaves} items ({treespec}).")
    return rebuild(treespec._shape, leaves)


def tree_leaves(tree, is_leaf=None) -> list:
    """The leaves, from left to right."""
    return flatten(tree)


def tree_structure(tree, is_leaf=None) -> TreeSpec:
    """The structure."""
    return TreeSpec(tree)


def tree_map(func, tree, *rests, is_leaf=None):
    """`func` of the leaves at each place of one or more trees of one structure."""
    return rebuild(tree, [func(*each) for each in zip(*map(flatten, (tree, *rests)), strict=True)])


def tree_map_(func, tree, *rests, is_leaf=None):
    """`tree_map` for its effect; gives back the first tree."""
    tree_map(func, tree, *rests)
    return tree


def tree_map_only(kind, func, tree, is_leaf=None):
    """`tree_map` on the leaves of one type (or of a tuple of types); the others stay."""
    return tree_map(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)


def tree_all(predicate, tree, is_leaf=None) -> bool:
    """Whether a predicate holds for all leaves."""
    return all(map(predicate, flatten(tree)))


def tree_any(predicate, tree, is_leaf=None) -> bool:
    """Whether a predicate holds for some leaf."""
    return any(map(predicate, flatten(tree)))
