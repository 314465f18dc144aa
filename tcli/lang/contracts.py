"""Shape contracts: what `f32[B, H]` in an annotation says.

Takes the `ast` node of an annotation, gives a constant that the runtime checks a value against:
("f32", dims, text), each dim one of
    ("name", "B")               binds B in the frame, or must equal it
    ("int", 3)                  exactly this size
    ("any",)                    `_`: any size
    ("ellipsis",)               `...`: any number of dims
    ("star", "batch")           `*batch`: any number of dims, bound as a tuple
    ("expr", "n+1", tree)       tree = a name, an integer, or (operator, tree, tree)
"""

from __future__ import annotations

from _ast import (
    Add,
    BinOp,
    Constant,
    FloorDiv,
    Mult,
    Name,
    Starred,
    Sub,
    Subscript,
    Tuple,
    UnaryOp,
    USub,
    expr,
)

from tcli.errors import TsrSyntaxError
from tcli.source import Source

DTYPES = frozenset("f16 bf16 f32 f64 i8 i16 i32 i64 u8 bool c64 c128 any".split())

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPERATORS = {Add: "+", Sub: "-", Mult: "*", FloorDiv: "//"}


def is_contract(annotation: expr | None) -> bool:
    """Whether an annotation is a dtype's short name with dims: `f32[B, 3]`, but not `f32` or `list[int]`."""
    return (isinstance(annotation, Subscript) and isinstance(annotation.value, Name)
            and annotation.value.id in DTYPES)


def contract_of(annotation: expr, source: Source) -> tuple[str, tuple[Any, ...], str]:
    """The constant for a contract; its text is as the program has it."""
    assert isinstance(annotation, Subscript) and isinstance(annotation.value, Name)
    index = annotation.slice
    nodes = index.elts if isinstance(index, Tuple) else [index]
    dims = tuple([_dim(node, source) for node in nodes])
    open_ended = [node for node, dim in zip(nodes, dims, strict=True) if dim[0] in ("ellipsis", "star")]
    if len(open_ended) > 1:
        raise TsrSyntaxError("only one '...' or '*name' fits into a contract",
                             span=source.span_of_node(open_ended[1]))
    return annotation.value.id, dims, source.span_of_node(annotation).text


def _dim(node: expr, source: Source) -> tuple[Any, ...]:
    if isinstance(node, Name):
        return ("any",) if node.id == "_" else ("name", node.id)
    if isinstance(node, Constant):
        if node.value is ...:
            return ("ellipsis",)
        if type(node.value) is int:
            return ("int", node.value)
    if isinstance(node, Starred) and isinstance(node.value, Name):
        return ("star", node.value.id)
    if isinstance(node, (BinOp, UnaryOp)):
        return ("expr", source.span_of_node(node).text, _tree(node, source))
    raise _no_dim(node, source)


def _tree(node: expr, source: Source) -> Any:
    if isinstance(node, Name) and node.id != "_":
        return node.id
    if isinstance(node, Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, UnaryOp) and isinstance(node.op, USub):
        return ("-", 0, _tree(node.operand, source))
    if isinstance(node, BinOp) and type(node.op) in _OPERATORS:
        return (_OPERATORS[type(node.op)], _tree(node.left, source), _tree(node.right, source))
    raise _no_dim(node, source)


def _no_dim(node: expr, source: Source) -> TsrSyntaxError:
    return TsrSyntaxError("this cannot be a dim of a contract", span=source.span_of_node(node),
                          help="a dim is a name, a number, _, ..., *name, or a formula of names and numbers")
