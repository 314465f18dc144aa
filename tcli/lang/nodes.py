"""The nodes of the syntax that Python does not have; `lower.py` replaces every one of them.

They are `ast` nodes with the usual four positions. CPython's `compile()` refuses them, so that one
that was forgotten cannot get lost. Two pieces of sugar need no node of their own: a shape contract is
an annotation of a certain form (`contracts.py`), and a trailing `;` is the attribute `quiet` of an
`ast.Expr`.
"""

from __future__ import annotations

from _ast import Expr, ImportFrom, expr, stmt


class Matrix(expr):
    """`[1, 2; 3, 4]`: rows is a list of lists of expressions."""

    _fields = ("rows",)
    rows: list[list[expr]]


class Pipe(expr):
    """`value |> stage`. A stage that is a call and not in parentheses takes the value as its first argument."""

    _fields = ("value", "stage")
    value: expr
    stage: expr
    # `x |> (make(y))` calls what make(y) returns.
    grouped: bool


class HelpRequest(stmt):
    """`name?` or `?name` as a whole line."""

    _fields = ("name",)
    name: str


class QuietExpr(Expr):
    """Only for type checkers: an `ast.Expr` whose `quiet` says that a final `;` follows it."""

    quiet: bool


class PlacedImport(ImportFrom):
    """Only for type checkers: an `ast.ImportFrom` that knows where the module's name stands."""

    module_position: tuple[int, int, int, int]
