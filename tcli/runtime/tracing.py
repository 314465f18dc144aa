"""`trace(loss)`, `trace_steps(optimizer)`, `why_no_grad(x)` and `why_nan(x)`, with the program's own names."""

from __future__ import annotations

from ..engine import tracing
from ..engine.tensor import Tensor
from ..errors import BadValue
from .program_names import variables_of_program


class Trace:
    """The rows of a backward pass; prints as a tree. `rows`, `json()`, `to(format)` and `save(path)` give it as data."""

    def __init__(self, rows: list):
        self.rows = rows

    def __repr__(self) -> str:
        from ..show.gradtrace import render

        return render(self.rows)

    def on_screen(self, screen) -> str:
        """The tree in the width and colours of a terminal."""
        from ..show.gradtrace import render

        return render(self.rows, color=screen.color != "none", width=screen.width)

    def json(self) -> list:
        from ..show.gradtrace import as_json

        return as_json(self.rows)

    def to(self, format: str) -> str:
        """The trace as text: "tree", "table", "json", "dot" (Graphviz) or "html" (one page that needs nothing else)."""
        from ..show import gradtrace

        if format == "json":
            from json import dumps

            return dumps(self.json(), ensure_ascii=False, indent=1)
        if format == "html":
            from ..show.tracepage import page

            return page(self.rows)
        writers = {"tree": gradtrace.render, "table": gradtrace.table, "dot": gradtrace.as_dot}
        if format not in writers:
            raise BadValue(f"trace format {format!r} is unknown", help="one of tree, table, json, dot, html")
        return writers[format](self.rows)

    def save(self, path: str) -> None:
        """Writes the trace to a .json, .dot, .html or .txt file."""
        import os

        from ..io.access import check
        from ..io.atomic import writing

        ending = os.path.splitext(os.fspath(path))[1].lower()
        known = {".json": "json", ".dot": "dot", ".gv": "dot", ".html": "html", ".txt": "tree"}
        if ending not in known:
            raise BadValue(f"cannot tell the format of a trace from {path!r}", help="end it in .html, .json, .dot or .txt")
        with writing(check(path, write=True)) as file:
            file.write((self.to(known[ending]) + "\n").encode())

    def tree(self):
        from ..show.gradtrace import tree

        return tree(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows)


def named(rows: list, variables: dict) -> list:
    """Gives the leaves of a trace the names that the program knows them by."""
    names = leaf_names(variables)
    for row in rows:
        if row.leaf:
            row.name = names.get(id(row.variable))
    return rows


def leaf_names(variables: dict) -> dict[int, str]:
    """id of a tensor -> its name: `w`, or `net.fc1.weight` for a parameter of a module."""
    found: dict[int, str] = {}
    for name, value in list(variables.items()):
        if name.startswith("_"):
            continue
        if isinstance(value, Tensor):
            found.setdefault(id(value), name)
        elif callable(getattr(type(value), "named_parameters", None)):
            for inner, parameter in value.named_parameters():
                found.setdefault(id(parameter), f"{name}.{inner}")
    return found


def names_for(session) -> dict:
    """The functions a program of this session gets."""
    def trace(loss, gradient=None, format: str | None = None):
        """The backward pass of `loss` as a tree: line, op, shape, gradient norm, zeros, saved bytes, time.

        format: "tree", "table", "json", "dot" or "html" gives it as text; `trace(loss).save("t.html")` writes a file.
        """
        found = Trace(named(tracing.trace_rows(loss, gradient), session.globals))
        return found if format is None else found.to(format)

    def why_no_grad(x):
        """Why a tensor has no gradient: the line of the program that lost it, or where its gradient comes from."""
        from ..engine import questions
        from .lost_gradient import cause
        from .unreached import story

        said, variables = questions.why_no_grad(x), variables_of_program(session.globals)
        if x.grad is not None:
            return said
        if x.requires_grad:
            found = story(x, variables) if x.is_leaf else None
            return f"{said}; {found}" if found else said
        found = cause(x, variables)
        if said != "it does not require a gradient" and found is not None and found.startswith("made without"):
            return said
        return f"{said}: {found}" if found else said + _NO_HISTORY if said == "it does not require a gradient" else said

    def why_nan(x):
        """The op that first made a NaN or an infinity of finite numbers: its line, and the range of its operands."""
        from ..engine import questions

        names = leaf_names(variables_of_program(session.globals))
        return questions.why_nan(x, lambda leaf: names.get(id(leaf)))

    def trace_steps(optimizer, every: int = 1):
        """Shows, after each `every`-th step of an optimizer, a line for each parameter on stderr.

        Gradient norm, weight norm, the ratio of the update to the weight, zeros, NaN. Returns a handle: `.remove()` ends it.
        """
        from .steps import watch_steps

        return watch_steps(optimizer, every, lambda: leaf_names(variables_of_program(session.globals)), session.show_steps)

    return {"trace": trace, "why_no_grad": why_no_grad, "why_nan": why_nan, "trace_steps": trace_steps}


_NO_HISTORY = ": it was made without requires_grad=True, detached, or computed under no_grad"
