"""The help page of a value: signature, summary, examples, for `name?` and `help(x)`.

Takes any value a program can name; gives plain text. An op's docstring is its page; a tensor's is
its summary line; a plain value's is its type.
"""

from __future__ import annotations

from . import is_tensor, is_terminal
from .cells import wrapped


def page(value: object, name: str = "", width: int | None = None) -> str:
    """The help text of `value`, known to the reader as `name`; sentences are broken at `width`, else at the terminal's."""
    lines = [signature(value, name)]
    doc = documentation(value)
    if doc:
        width = width or _width()
        lines += ["", *(line for each in doc.split("\n") for line in _indented(each, width))]
    return "\n".join(lines)


def _width() -> int:
    """The width of the terminal; without one lines stay whole."""
    import sys

    from .screen import Screen

    return Screen.of(sys.stdout).width if is_terminal(sys.stdout) else 1000


def _indented(line: str, width: int) -> list[str]:
    """A line of a docstring; what is indented itself, or an example, is not broken."""
    if not line or line[0].isspace() or line.startswith((">>>", "...")):
        return ["    " + line if line else ""]
    return ["    " + part for part in wrapped(line, width - 5)]


def signature(value: object, name: str = "") -> str:
    """`softmax(x, dim, dtype=None)`; for what cannot be called `x: int = 3`."""
    name = name or getattr(value, "__name__", "")
    if is_tensor(value):
        from .tensor import header

        return f"{name}: {header(value)}" if name else header(value)
    if callable(value):
        return f"{name or type(value).__name__}({_parameters(value)})"
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:79] + "…"
    return f"{name}: {type(value).__name__} = {shown}" if name else shown


def parameters(value: object) -> list[str]:
    """The names of the parameters that a call may give by keyword."""
    op = getattr(value, "op", None)
    if op is not None and hasattr(op, "names"):
        return list(op.names[_bound(value):])
    from inspect import Parameter, signature

    given = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return [name for name, each in signature(value).parameters.items() if each.kind in given and name != "self"]


def _parameters(value: object) -> str:
    """What stands between the parentheses of a signature."""
    op = getattr(value, "op", None)
    if op is not None and hasattr(op, "names"):
        return _op_parameters(op, _bound(value))
    from inspect import Parameter, signature

    try:
        found = signature(value)
    except (ValueError, TypeError):
        return "..."
    plain = [each.replace(annotation=Parameter.empty) for each in found.parameters.values()
             if each.name != "self"]
    return str(found.replace(parameters=plain, return_annotation=Parameter.empty))[1:-1]


def _bound(value: object) -> int:
    """1 for a method of a tensor at hand, whose first parameter is that tensor."""
    return int(getattr(value, "__self__", None) is not None)


def _op_parameters(op, skip: int = 0) -> str:
    """The schema of an op: `x, dim, keepdim=False`; what follows `*` goes by keyword alone."""
    parts = []
    for index, name in enumerate(op.names):
        if index < skip:
            continue
        if index == op.n_positional:
            parts.append("*")
        parts.append(name if index < op.required else f"{name}={op.defaults[index]!r}")
    return ", ".join(parts)


def documentation(value: object) -> str:
    """The docstring, unindented; empty for plain data, whose class's docstring says little."""
    doc = getattr(value, "__doc__", None)
    own = callable(value) or type(value).__name__ == "module"
    if not doc or not own or is_tensor(value):
        return ""
    from inspect import cleandoc

    return cleandoc(doc)


def summary(value: object) -> str:
    """The first line of the documentation, or the type: for completion menus."""
    if is_tensor(value):
        from .tensor import type_of

        return type_of(value)
    return documentation(value).partition("\n")[0] or type(value).__name__


def source_of(value: object) -> str:
    """The source text of a function, an op's kernel or a class; empty where there is none."""
    from inspect import getsource, unwrap

    op = getattr(value, "op", None)
    target = getattr(op, "fn", None) or value
    try:
        return getsource(unwrap(target) if callable(target) else type(target)).rstrip()
    except (OSError, TypeError):
        return ""
