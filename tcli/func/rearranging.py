"""`torch.func.rearrange`: the dims of a tensor reordered, joined and split as a pattern of names says.

"b h w c -> b (c h w)" flattens each image; "(b n) c -> b n c" needs a length for one of the two, n=4.
"""

from __future__ import annotations

import math
import re

from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import ArgumentError, BadValue

_WORD = re.compile(r"\.\.\.|[()]|[^\s()]+")
_ELLIPSIS = "..."


def rearrange(tensor, pattern: str, **axes_lengths: int):
    """A tensor with its dims as the right side of a pattern has them; several tensors are stacked first.

    >>> torch.func.rearrange(torch.arange(4), "(a b) -> b a", a=2)
    tensor([[0, 2],
            [1, 3]])
    """
    x = tensor if isinstance(tensor, Tensor) else T.stack(list(tensor), 0)
    left, right = _sides(pattern)
    _check(left, right, pattern, axes_lengths)
    left, right = _without_ellipsis(left, right, x.ndim)
    if len(left) != x.ndim:
        raise BadValue(f"Number of dimensions in pattern ({len(left)}) must be equal to the number of dimensions in the "
                       f"tensor ({x.ndim})")
    sizes = _sizes(left, x, axes_lengths)
    order = [name for group in left for name in group]
    split = T.reshape(x, [sizes[name] for name in order])
    moved = T.permute(split, [order.index(name) for group in right for name in group]) if order else split
    return T.reshape(moved, [math.prod(sizes[name] for name in group) for group in right])


def _sides(pattern: str) -> tuple[list, list]:
    parts = pattern.split("->")
    if len(parts) != 2:
        raise BadValue("Pattern must contain a single '->' separator")
    return _groups(parts[0]), _groups(parts[1])


def _groups(side: str) -> list:
    """A list of names for each dim; "..." stands for itself, 1 for no name."""
    found: list = []
    inside: list | None = None
    for word in _WORD.findall(side):
        if word == "(" and inside is None:
            inside = []
        elif word == ")" and inside is not None:
            found.append(inside)
            inside = None
        elif word in ("(", ")"):
            raise BadValue("Brackets are not balanced")
        elif word == _ELLIPSIS and inside is None:
            found.append(_ELLIPSIS)
        elif inside is not None:
            inside.extend(_names(word))
        else:
            found.append(_names(word))
    if inside is not None:
        raise BadValue(f"Imbalanced parentheses in expression: '{side}'")
    names = [name for group in found for name in ([group] if group == _ELLIPSIS else group)]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise BadValue(f"Indexing expression contains duplicate dimension '{double}'")
    return found


def _names(word: str) -> list[str]:
    if word.isdecimal():
        if int(word) != 1:
            raise BadValue("rearrange only supports unnamed axes of size 1")
        return []
    if word != _ELLIPSIS and not word.isidentifier():
        raise BadValue(f"Invalid axis identifier: {word}\nnot a valid python identifier")
    return [word]


def _check(left: list, right: list, pattern: str, lengths: dict) -> None:
    if any(_ELLIPSIS in group for group in left if group != _ELLIPSIS):
        raise BadValue(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    names, others = ({name for group in side for name in ([group] if group == _ELLIPSIS else group)} for side in (left, right))
    if _ELLIPSIS in others - names:
        raise BadValue(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if names != others:
        raise BadValue(f"Identifiers only on one side of rearrange expression (should be on both): {names ^ others}")
    if lengths.keys() - names:
        raise BadValue(f"Identifiers not found in rearrange expression: {lengths.keys() - names}")
    for length in lengths.values():
        if type(length) is not int:
            raise ArgumentError(f"rearrange axis lengths must be integers, got: {type(length)}")


def _without_ellipsis(left: list, right: list, ndim: int) -> tuple[list, list]:
    """The sides with names for the dims that "..." stands for."""
    if _ELLIPSIS not in left:
        return left, right
    names = [f"...{i}" for i in range(ndim - len(left) + 1)]

    def spread(side: list) -> list:
        found: list = []
        for group in side:
            if group == _ELLIPSIS:
                found.extend([name] for name in names)
            else:
                found.append([each for name in group for each in (names if name == _ELLIPSIS else [name])])
        return found

    return spread(left), spread(right)


def _sizes(left: list, x: Tensor, lengths: dict) -> dict:
    """The length of each name; one of a group may follow from the others."""
    sizes: dict = {}
    for d, group in enumerate(left):
        unknown = [name for name in group if name not in lengths]
        known = math.prod(lengths[name] for name in group if name in lengths)
        if len(unknown) > 1:
            raise BadValue(f"Could not infer the lengths of {', '.join(unknown)}: give all but one of them")
        size = x.shape[d]
        if size % known if known else size:
            raise BadValue(f"dim {d} of size {size} cannot be split into parts of {known}")
        sizes |= {name: lengths.get(name, size // known if known else 0) for name in group}
        if math.prod(sizes[name] for name in group) != size:
            raise BadValue(f"dim {d} has size {size}, the pattern says {math.prod(sizes[name] for name in group)}")
    return sizes
