"""Shape contracts when they run: `h: f32[B, H] = x @ w`.

Takes the constant that `lang/contracts.py` makes of the annotation, and a value. The first use of a
name binds it in the frame it stands in, later uses must agree; `...` takes any number of dims,
`*name` too and binds them. A failed check binds nothing, and its error lists every binding with the
line that made it. Knows a tensor by its dtype and shape alone.
"""

from __future__ import annotations

from ..errors import ContractError
from ..show.place import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..source import Span


class Binding:
    """What a dimension name stands for: one size, or for `*name` a tuple; and where that was said."""

    __slots__ = ("place", "size")

    def __init__(self, size: int | tuple[int, ...], place: Span | None):
        self.size, self.place = size, place

    def say(self, name: str) -> str:
        where = f" (bound at {short(self.place)})" if self.place is not None else ""
        return f"{name}={_show(self.size)}{where}"


Bindings = dict[str, Binding]


def check(value: object, contract: tuple, name: str, bindings: Bindings, place: Span | None = None) -> tuple:
    """Checks `value` against ("f32", dims, text), binds new names, gives the names of its dims.

    Raises ContractError; the bindings are then as they were.
    """
    kind, dims, text = contract
    trial = dict(bindings)
    try:
        pairs = _checked(value, kind, dims, text, name, trial, place)
    except ContractError as error:
        if bindings:
            error.notes.append("bound: " + ", ".join(each.say(dim) for dim, each in bindings.items()))
        raise
    bindings.update(trial)
    return _names_of(pairs)


def _checked(value, kind: str, dims: tuple, text: str, name: str, trial: Bindings, place) -> list[tuple]:
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise ContractError(f"{name} should be {text}, it is a {type(value).__name__}")
    short, shape = value.dtype.short, tuple(int(size) for size in value.shape)
    if kind not in ("any", short):
        raise ContractError(f"{name} should be {kind}, it is {short}")
    pairs = _aligned(dims, shape, text, name)
    for index, (dim, size) in enumerate(pairs):
        problem = _mismatch(dim, size, trial, place)
        if problem:
            raise ContractError(f"{name} has shape {list(shape)}: dim {index} is {_show(size)}, {problem}")
    return pairs


def _aligned(dims: tuple, shape: tuple[int, ...], text: str, name: str) -> list[tuple]:
    """(dim, size) pairs; `...` or `*name` takes the sizes that the other dims leave, as a tuple."""
    wide = next((index for index, dim in enumerate(dims) if dim[0] in ("ellipsis", "star")), None)
    least = len(dims) - (wide is not None)
    if len(shape) < least or (wide is None and len(shape) > least):
        raise ContractError(f"{name} should be {text}, with {'at least ' * (wide is not None)}{least} "
                            f"dim{'s' * (least != 1)}, it has {len(shape)}: {list(shape)}")
    if wide is None:
        return list(zip(dims, shape, strict=True))
    end = len(shape) - (len(dims) - wide - 1)
    return [*zip(dims[:wide], shape[:wide], strict=True), (dims[wide], shape[wide:end]),
            *zip(dims[wide + 1:], shape[end:], strict=True)]


def _mismatch(dim: tuple, size, trial: Bindings, place) -> str | None:
    """What is wrong with a dim of this size; binds a new name in `trial`."""
    if dim[0] in ("any", "ellipsis"):
        return None
    if dim[0] in ("name", "star"):
        known = trial.setdefault(dim[1], Binding(size, place))
        return None if known.size == size else f"but {dim[1]} is {_show(known.size)}"
    if dim[0] == "int":
        return None if dim[1] == size else f"not {dim[1]}"
    wanted = evaluate(dim[2], trial, dim[1])
    return None if wanted == size else f"but {dim[1]} is {wanted}"


def evaluate(tree: Any, known: Bindings, text: str) -> int:
    """The size an expression such as `2*H + 1` stands for."""
    if isinstance(tree, int):
        return tree
    if isinstance(tree, str):
        found = known.get(tree)
        if found is None or not isinstance(found.size, int):
            raise ContractError(f"the size {text} needs {tree}, which is not bound yet")
        return found.size
    operator, left, right = tree
    a, b = evaluate(left, known, text), evaluate(right, known, text)
    if operator == "//":
        if not b:
            raise ContractError(f"the size {text} divides by zero")
        return a // b
    return a + b if operator == "+" else a - b if operator == "-" else a * b


def _names_of(pairs: list[tuple]) -> tuple[str | None, ...]:
    """A name or None for each dim of the tensor."""
    names: list[str | None] = []
    for dim, size in pairs:
        if isinstance(size, tuple):
            names += [None] * len(size)
        else:
            names.append(dim[1] if dim[0] == "name" else None)
    return tuple(names)


def _show(size: int | tuple[int, ...]) -> str:
    return str(list(size)) if isinstance(size, tuple) else str(size)
