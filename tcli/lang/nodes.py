"""The nodes of the syntax that Python does not have; `lower.py` replaces every one of them.

They are `ast` nodes with the usual four positions. CPython's `compile()` refuses them, so that one
that was forgotten cannot get lost. Two pieces of sugar need no node of their own: a shape contract is
an annotation of a certain form (`contracts.py`), and a trailing `;` is the attribute `quiet` of an
`ast.Expr`. An `ast.ImportFrom` has a further attribute too: `name_place`, a node whose position is that
of the module's name.
"""

from __future__ import annotations

from _ast import expr, stmt


class Row(expr):
    """One row of a matrix."""

    _fields = ("elts",)

    def __init__(self, elts: list[expr]) -> None:
        super().__init__()
        self.elts = elts


class Matrix(expr):
    """`[1, 2; 3, 4]`."""

    _fields = ("rows",)

    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self.rows = rows


class Pipe(expr):
    """`value |> stage`: a stage that is a call takes the value as its first argument.

    In parentheses (`grouped`) it does not: `x |> (make(y))` calls what make(y) returns.
    """

    _fields = ("value", "stage", "grouped")

    def __init__(self, value: expr, stage: expr, grouped: bool) -> None:
        super().__init__()
        self.value, self.stage, self.grouped = value, stage, grouped


class HelpRequest(stmt):
    """`name?` or `?name` as a whole line."""

    _fields = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
