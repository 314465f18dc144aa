"""Which line put the operands of a failing expression on the devices where they are.

Takes the span of an error about two devices and the variables of the failing frame; reads the program's text
backwards for the statement that last bound, or moved, each variable of the expression that holds a tensor or a module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ..errors import TcliError
from ..lang.parser import parse
from ..source import Source, Span, source_named

_CHUNK = re.compile(r"<tsr (\d+)>$")  # what is typed at the prompt: earlier lines are sources of their own
_MOVERS = ("to", "cuda", "cpu", "load")


def notes(span: Span, values: dict[str, object]) -> list[str]:
    """`x was put on cuda:0 at line 3`, for each variable of the expression."""
    found = []
    for name in dict.fromkeys(re.findall(r"[^\W\d]\w*", span.text)):
        device = _device_of(values.get(name))
        place = _last(span, name) if device is not None else None
        if place is not None:
            where, moved = place
            found.append(f"{name} was {'put' if moved else 'made'} on {device} at {where}")
    return found


def _device_of(value: object) -> str | None:
    from ..show import is_tensor

    if is_tensor(value):
        return str(value.device)  # type: ignore[attr-defined]
    parameters = getattr(value, "parameters", None)
    if callable(parameters) and hasattr(value, "forward") and not isinstance(value, type):
        first = next(iter(parameters()), None)
        return None if first is None else str(first.device)
    return None


def _last(span: Span, name: str) -> tuple[str, bool] | None:
    """(the place in words, whether the statement names a device) of the statement that last gave the name its tensor."""
    for source, before in _texts(span):
        for statement in _backwards(source, before):
            if _moves(statement, name):
                return _place(source, span, statement), True
            if _binds(statement, name):
                bound = statement if not isinstance(statement, (ast.For, ast.With)) else ast.Pass()
                return _place(source, span, statement), any(map(_names_device, ast.walk(bound)))
    return None


def _texts(span: Span) -> Iterator[tuple[Source, tuple[int, int]]]:
    """The program's sources from the failing one backwards, with the place before which to look."""
    yield span.source, (span.line, span.column)
    number = _CHUNK.match(span.source.name)
    for n in range(int(number[1]) - 1, 0, -1) if number else ():
        earlier = source_named(f"<tsr {n}>")
        if earlier is not None:
            yield earlier, (1 << 30, 0)


def _backwards(source: Source, before: tuple[int, int]) -> list[ast.stmt]:
    """All statements that end before a place, or hold it, the latest first."""
    try:
        tree = parse(source)
    except (TcliError, RecursionError):
        return []
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and (node.lineno, node.col_offset + 1) < before]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True)


def _binds(statement: ast.stmt, name: str) -> bool:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif hasattr(statement, "target") and not isinstance(statement, ast.AugAssign):  # also a contract
        targets = [statement.target]
    elif isinstance(statement, ast.With):
        targets = [item.optional_vars for item in statement.items if item.optional_vars is not None]
    return any(isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
               for target in targets for part in ast.walk(target))


def _moves(statement: ast.stmt, name: str) -> bool:
    """Whether a statement moves a module in place: `net.cuda()`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _MOVERS and isinstance(
        call.func.value, ast.Name) and call.func.value.id == name


def _names_device(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MOVERS:
        return True
    return isinstance(node, ast.keyword) and node.arg == "device"


def _place(source: Source, span: Span, statement: ast.stmt) -> str:
    return f"line {statement.lineno}" if source is span.source else f"{source.name}:{statement.lineno}"
