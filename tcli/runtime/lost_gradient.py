"""Where a value lost its gradient: from the variable back to the line that cut it off.

A tensor that requires no gradient has no history, so its history is read off the source: the assignments of its name,
then of the names that these use and whose values require none either; what the values tell to be functions and modules
of the program is followed into their text. A leaf that has no gradient is looked for in the graphs of the variables.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from inspect import getattr_static
from types import FunctionType, MethodType
from typing import Any

from .. import source
from ..engine import tape
from ..engine.tensor import Tensor
from ..errors import TcliError
from ..lang.parser import parse
from ..source import Source, Span

_CUTS = {"detach": "detach() cuts the graph", "detach_": "detach_() cuts the graph", "data": ".data is outside of the graph",
         "item": "item() makes a plain number", "tolist": "tolist() makes plain numbers",
         "numpy": "numpy() leaves the graph", "no_grad": "computed under no_grad"}
_INTEGERS = frozenset("long int short byte char bool argmax argmin argsort eq ne lt le gt ge isnan isfinite nonzero".split())
_INTEGER_DTYPES = frozenset("int8 int16 int32 int64 uint8 short int long bool".split())
_NEW = frozenset(("tensor", "from_numpy"))
_OFF = frozenset(("no_grad", "inference_mode"))


def cause(value: Any, variables: dict[str, object]) -> str | None:
    """The line that lost the gradient of a value, in words; None if the text does not tell."""
    name = next((name for name, each in variables.items() if each is value and not name.startswith("_")), None)
    search = _Search(variables)
    return search.of_name(name) if name is not None else search.of_argument()


def cut_of(name: str, variables: dict[str, object]) -> str | None:
    """What cuts the graph on the way to a variable that has one."""
    found = _Search(variables).of_name(name)
    return None if found is None or found.startswith(("nothing that", "made without")) else found


def cut_before(span: Span, variables: dict[str, object]) -> str | None:
    """What cuts the graph in front of `loss.backward()`, whose text a span holds."""
    call = _expression(span.text)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    search = _Search(variables)
    if isinstance(call.func.value, ast.Name):
        return search.of_name(call.func.value.id)
    return search.of_part(span, call.func.value)


class _Search:
    """One walk back through the program: what was looked at already is not looked at again."""

    def __init__(self, variables: dict[str, object]):
        self.variables = variables
        self.seen: set[Any] = set()

    def of_name(self, name: str) -> str | None:
        """From the newest line that binds a variable."""
        if name in self.seen:
            return None
        self.seen.add(name)
        found = _last_assignment(name)
        if found is None:
            return None
        text, statement, under_no_grad = found
        if _switched_off(statement, name):
            return _told(text, statement, f"requires_grad is switched off for {name}")
        if under_no_grad:
            return _told(text, statement, "computed under no_grad")
        return self._of_value(text, statement, statement.value)

    def of_argument(self) -> str | None:
        """From the argument of the `why_no_grad(...)` that asks, where that is no variable."""
        place = tape.locate()
        span = source.span_of_instruction(*place) if place is not None else None
        call = _expression(span.text) if span is not None else None
        if span is None or not isinstance(call, ast.Call) or len(call.args) != 1 \
                or isinstance(call.args[0], (ast.Name, ast.Starred)):
            return None
        return self.of_part(span, call.args[0])

    def of_part(self, span: Span, part: Any) -> str | None:
        """From a part of the expression whose text a span holds."""
        node: Any
        for node in ast.walk(part):
            if hasattr(node, "col_offset") and node.lineno == 1:
                node.col_offset += span.column - 1
                node.end_col_offset += span.column - 1 if node.end_lineno == 1 else 0
        return self._of_value(_Piece(span), part, part)

    def _of_value(self, text: Any, statement: Any, value: Any) -> str | None:
        found = self._cut_in(text, value, self.variables)
        if found is not None:
            return found
        used = [node.id for node in _evaluated(value) if isinstance(node, ast.Name)]
        for each in dict.fromkeys(used):
            operand = self.variables.get(each)
            if isinstance(operand, Tensor) and not operand.requires_grad:
                deeper = self.of_name(each)
                if deeper is not None and "without requires_grad" not in deeper:
                    return deeper
        tensors = [each for each in dict.fromkeys(used) if isinstance(self.variables.get(each), Tensor)]
        if tensors:
            return _told(text, statement, f"nothing that it is computed from requires a gradient ({', '.join(tensors)})")
        return _told(text, statement, "made without requires_grad=True")

    def _cut_in(self, text: Any, expression: Any, names: dict[str, object]) -> str | None:
        """What cuts the graph in an expression, or in the functions of the program that it calls."""
        for node in _evaluated(expression):
            said = _cut(node)
            if said is not None:
                return _told(text, node, said)
        for node in _evaluated(expression):
            if isinstance(node, ast.Call):
                for function, inner in _bodies(_value(node.func, names)):
                    found = self._in_function(function, {**names, **inner})
                    if found is not None:
                        return found
        return None

    def _in_function(self, function: FunctionType, names: dict[str, object]) -> str | None:
        """From what a function returns, back through its own assignments."""
        if function.__code__ in self.seen:
            return None
        self.seen.add(function.__code__)
        found = _definition(function.__code__)
        if found is None:
            return None
        text, definition = found
        if _turns_off(definition):
            return _told(text, definition, f"computed under no_grad, as the whole of {definition.name} is", first_line=True)
        for statement, off in _statements(definition.body, False):
            if isinstance(statement, ast.Return) and statement.value is not None:
                if off:
                    return _told(text, statement, "computed under no_grad")
                cut = self._in_body(text, statement.value, definition.body, names, set())
                if cut is not None:
                    return cut
        return None

    def _in_body(self, text: Source, expression: Any, body: list, names: dict[str, object], seen: set[str]) -> str | None:
        cut = self._cut_in(text, expression, names)
        if cut is not None:
            return cut
        for name in dict.fromkeys(node.id for node in _evaluated(expression) if isinstance(node, ast.Name)):
            if name in seen:
                continue
            seen.add(name)
            for statement, off in reversed(list(_assignments(body, name, False))):
                if off:
                    return _told(text, statement, "computed under no_grad")
                found = self._in_body(text, statement.value, body, names, seen) if hasattr(statement, "value") else None
                if found is not None:
                    return found
        return None


class _Piece:
    """The text of a span as a program of its own, whose spans are those of the program that it is from."""

    def __init__(self, span: Span):
        self.span, self.text = span, Source(" " * (span.column - 1) + span.text, span.source.name)

    def span_of_node(self, node: Any) -> Span:
        found, lines = self.text.span_of_node(node), self.span.line - 1
        return Span(self.span.source, found.line + lines, found.column, found.end_line + lines, found.end_column)


def _expression(text: str) -> Any:
    try:
        body = parse(Source(text)).body
    except TcliError:
        return None
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None


def _value(node: Any, names: dict[str, object]) -> Any:
    """What a name, or an attribute of a module of layers, stands for; None where only running could tell."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    owner = _value(node.value, names)
    if owner is None:
        return None
    inner = vars(owner) if hasattr(owner, "__dict__") and not isinstance(owner, type) else {}
    layers = inner.get("_modules")
    if isinstance(layers, dict) and node.attr in layers:
        return layers[node.attr]
    method = getattr_static(type(owner), node.attr, None)
    return MethodType(method, owner) if isinstance(method, FunctionType) else inner.get(node.attr)


def _bodies(called: Any) -> Iterator[tuple[FunctionType, dict[str, object]]]:
    """The functions of the program that a call runs, each with the names that are known in it."""
    called = getattr(called, "__wrapped__", called)  # what a decorator was put around
    if isinstance(called, MethodType):
        yield called.__func__, {"self": called.__self__}  # type: ignore[misc]
    elif isinstance(called, FunctionType) and source.is_program_code(called.__code__):
        yield called, called.__globals__
    elif all(callable(getattr(type(called), name, None)) for name in ("modules", "forward", "named_parameters")):
        for module in called.modules():
            forward = getattr_static(type(module), "forward", None)
            if isinstance(forward, FunctionType) and source.is_program_code(forward.__code__):
                yield forward, {**forward.__globals__, "self": module}


def _definition(code: Any) -> tuple[Source, Any] | None:
    """(source, `def` statement) of a function of the program."""
    text = source.source_named(code.co_filename)
    if text is None:
        return None
    try:
        tree = parse(text)
    except TcliError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name \
                and code.co_firstlineno in (node.lineno, *(each.lineno for each in node.decorator_list)):
            return text, node
    return None


def _told(text: Any, node: Any, said: str, first_line: bool = False) -> str:
    """`detach() cuts the graph at 3:5: x.detach()`, with the file where it is one that was read."""
    span = text.span_of_node(node)
    shown = span.text.split("\n")[0] if first_line else span.text
    return f"{said} at {span.short()}: {' '.join(shown.split())}"


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


def _assignments(body: list, name: str, off: bool) -> Iterator[tuple[Any, bool]]:
    for statement, under_no_grad in _statements(body, off):
        if _binds(statement, name) or _switched_off(statement, name):
            yield statement, under_no_grad


def _statements(body: list, off: bool) -> Iterator[tuple[Any, bool]]:
    """(statement, whether it stands under no_grad), those inside of others too."""
    for statement in body:
        yield statement, off
        inner = off or _turns_off(statement)
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, None) or [], inner)


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
        if not isinstance(node, ast.Lambda) and not (isinstance(expression, ast.IfExp) and node is expression.test):
            found += _evaluated(node)
    return found


def _name(node: Any) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _cut(node: Any) -> str | None:
    """What this part of an expression does to a gradient, if it ends it."""
    if isinstance(node, ast.Attribute) and node.attr == "data":
        return _CUTS["data"]
    if isinstance(node, ast.Compare) and not isinstance(node.ops[0], (ast.Is, ast.IsNot, ast.In, ast.NotIn)):
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
