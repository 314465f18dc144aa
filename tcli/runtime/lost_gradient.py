"""Where a value lost its gradient: found in the program's text, from the variable back to the line that cut it off.

A tensor that requires no gradient has no history, so its history is read off the source: the assignments
of its name, then of the names that these use and whose values require none either.
"""

from __future__ import annotations

import ast
from typing import Any

from .. import source
from ..engine.tensor import Tensor
from ..errors import TcliError
from ..lang.parser import parse
from ..source import Source

_CUTS = {"detach": "detach() cuts the graph", "detach_": "detach_() cuts the graph", "data": ".data is outside of the graph",
         "item": "item() makes a plain number", "tolist": "tolist() makes plain numbers",
         "numpy": "numpy() leaves the graph", "no_grad": "computed under no_grad"}
_INTEGERS = frozenset("long int short byte char bool argmax argmin argsort eq ne lt le gt ge isnan isfinite nonzero".split())
_INTEGER_DTYPES = frozenset("int8 int16 int32 int64 uint8 short int long bool".split())
_NEW = frozenset(("tensor", "from_numpy"))
_OFF = frozenset(("no_grad", "inference_mode"))


def cause(value: Any, variables: dict[str, object]) -> str | None:
    """The line that lost the gradient of a variable's value, in words; None if the text does not tell."""
    name = next((name for name, each in variables.items() if each is value and not name.startswith("_")), None)
    return _of_name(name, variables, set()) if name is not None else None


def _of_name(name: str, variables: dict[str, object], seen: set) -> str | None:
    if name in seen:
        return None
    seen.add(name)
    found = _last_assignment(name)
    if found is None:
        return None
    text, statement, under_no_grad = found
    if _switched_off(statement, name):
        return _told(text, statement, f"requires_grad is switched off for {name}")
    if under_no_grad:
        return _told(text, statement, "computed under no_grad")
    for node in _evaluated(statement.value):
        said = _cut(node)
        if said is not None:
            return _told(text, node, said)
    used = [node.id for node in _evaluated(statement.value) if isinstance(node, ast.Name)]
    for each in dict.fromkeys(used):
        operand = variables.get(each)
        if isinstance(operand, Tensor) and not operand.requires_grad:
            deeper = _of_name(each, variables, seen)
            if deeper is not None and "without requires_grad" not in deeper:
                return deeper
    tensors = [each for each in dict.fromkeys(used) if isinstance(variables.get(each), Tensor)]
    if tensors:
        return _told(text, statement, f"nothing that it is computed from requires a gradient ({', '.join(tensors)})")
    return _told(text, statement, "made without requires_grad=True")


def _told(text: Source, node: Any, said: str) -> str:
    span = text.span_of_node(node)
    return f"{said} at {span.line}:{span.column}: {' '.join(span.text.split())}"


def _last_assignment(name: str) -> tuple[Source, Any, bool] | None:
    """(source, statement, whether it stands under no_grad) of the newest text that binds the name."""
    for text in reversed(list(source._sources.values())):
        try:
            tree = parse(text)
        except TcliError:
            continue
        found = list(_assignments(tree.body, name, False))
        if found:
            return text, *found[-1]
    return None


def _assignments(body: list, name: str, off: bool):
    for statement in body:
        if _binds(statement, name) or _switched_off(statement, name):
            yield statement, off
        inner = off or _turns_off(statement)
        for block in ("body", "orelse", "finalbody"):
            yield from _assignments(getattr(statement, block, None) or [], name, inner)


def _binds(statement: Any, name: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else \
        [statement.target] if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and statement.value is not None else []
    return any(isinstance(node, ast.Name) and node.id == name for target in targets for node in ast.walk(target)
               if not isinstance(target, (ast.Subscript, ast.Attribute)))


def _switched_off(statement: Any, name: str) -> bool:
    """`x.requires_grad = False` or `x.requires_grad_(False)`."""
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        return isinstance(target, ast.Attribute) and target.attr == "requires_grad" and _is_false(statement.value) \
            and isinstance(target.value, ast.Name) and target.value.id == name
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "requires_grad_" \
        and bool(call.args) and _is_false(call.args[0]) and isinstance(call.func.value, ast.Name) and call.func.value.id == name


def _is_false(node: Any) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _turns_off(statement: Any) -> bool:
    """`with torch.no_grad():` and functions under `@torch.no_grad()`."""
    heads = [item.context_expr for item in statement.items] if isinstance(statement, ast.With) else \
        getattr(statement, "decorator_list", [])
    return any(isinstance(node, (ast.Name, ast.Attribute)) and _name(node) in _OFF for head in heads for node in ast.walk(head))


def _evaluated(expression: Any) -> list:
    """The parts of an expression, innermost last, without the bodies of lambdas."""
    found = [expression]
    for node in ast.iter_child_nodes(expression):
        if not isinstance(node, ast.Lambda):
            found += _evaluated(node)
    return found


def _name(node: Any) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _cut(node: Any) -> str | None:
    """What this part of an expression does to a gradient, if it ends it."""
    if isinstance(node, ast.Attribute) and node.attr == "data":
        return _CUTS["data"]
    if isinstance(node, ast.Compare):
        return "a comparison gives booleans"
    if not isinstance(node, ast.Call):
        return None
    name = _name(node.func)
    if isinstance(node.func, ast.Attribute) and name in _CUTS and name != "data":
        return _CUTS[name]
    if name in _INTEGERS and (isinstance(node.func, ast.Attribute) or name in ("argmax", "argmin", "argsort")):
        return f"{name}() gives integers or booleans, which carry no gradient"
    if name in ("to", "type") and any(_name(each) in _INTEGER_DTYPES for each in node.args):
        return "a cast to integers ends the graph"
    if name in _NEW and node.args and not isinstance(node.args[0], (ast.Constant, ast.List, ast.Tuple)):
        return f"{name}() makes a new leaf of the values"
    return None
