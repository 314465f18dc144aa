"""The operands of a failing expression: where they stand in the source, and what they are.

Takes an error whose span is known and the variables of the failing frame; adds a `Label` with
dtype[shape] under each operand, or a note where an operand has no text of its own, and a hint. Python
text is parsed again for this: errors are rare, and code objects keep no tree.
"""

from __future__ import annotations

import ast

from ..errors import Label, TcliError
from ..show import is_tensor
from ..source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_SPAN_TEXT = 2000
MAX_HINT_TEXT = 40
_SYMBOLS = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "MatMult": "@", "Pow": "**", "Mod": "%", "FloorDiv": "//"}


def label(failure: TcliError, values: dict[str, object]) -> None:
    """Puts `f32[3, 4]` under each operand of the failing expression; else says it in a note."""
    if failure.span is None or failure.labels:
        return
    node, shift = _parse_span(failure.span)
    for op_name, operands in _calls_described(failure.operands):
        places = _operand_places(node, failure.span, op_name, [name for name, _ in operands], values)
        placed = [(places.get(name), name, _with_dims(places.get(name), text, values)) for name, text in operands]
        failure.labels += [Label(shift(part), text) for part, _, text in placed if part is not None]
        mended = _mend(failure, node, [text for part, _, text in placed if part is not None])
        failure.help = mended or failure.help
        loose = ", ".join(f"{name} {text}" for part, name, text in placed if part is None)
        if loose and _is_stage(failure.span):
            loose = "piped in: " + ", ".join(text for part, _, text in placed if part is None)
        elif loose and op_name and op_name[0] != "_":  # else it is a name inside tcli, which says nothing
            loose = f"{op_name}: {loose}"
        failure.notes[:0] = [loose] if loose else []
    if failure.help is None and node is not None:
        failure.help = _cast_to_float(failure, node, values)
    if not failure.operands and node is not None:
        failure.labels += [Label(shift(name), _type_of(values[name.id])) for name in _tensor_names(node, values)]


def _with_dims(node, text: str, values: dict[str, object]) -> str:
    """`f32[B=64, C=10]` for a variable whose dims a contract named."""
    value: Any = values.get(node.id) if isinstance(node, ast.Name) else None
    names = getattr(value, "_dim_names", None) if is_tensor(value) else None
    if not names or len(names) != value.ndim or not any(names):
        return text
    from ..show.tensor import type_of

    named = type_of(value, names)
    return named if named.partition("[")[0] == text.partition("[")[0] and type_of(value) == text else text


def _mend(failure: TcliError, node, types: list[str]) -> str | None:
    """A hint for a binary operator with both operands in sight."""
    from .hints import Operand, mend

    symbol = _SYMBOLS.get(type(getattr(node, "op", None)).__name__)
    if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("matmul", "mm"):
        symbol = "@"
    if symbol is None or len(failure.labels) != 2 or isinstance(node, ast.UnaryOp):
        return None
    texts = [each.span.text for each in failure.labels]
    return mend(failure.code, symbol, *map(Operand, texts, types))


def _cast_to_float(failure: TcliError, node, values: dict[str, object]) -> str | None:
    """`x.float()` for a call of an op that takes no integers."""
    from .hints import needs_floats

    types = [text for _, operands in _calls_described(failure.operands) for _, text in operands]
    if not needs_floats(str(failure.message), types) or not isinstance(node, ast.Call):
        return None
    operand = node.func.value if isinstance(node.func, ast.Attribute) else None
    if operand is None or _is_namespace(operand, values):
        operand = node.args[0] if node.args else None
    text = ast.unparse(operand) if operand is not None else ""
    if not text or len(text) > MAX_HINT_TEXT or types and len(types) > 1:
        return "it takes floating-point numbers: .float() makes them"
    one_piece = isinstance(operand, (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
    return f"it takes floating-point numbers: {text if one_piece else f'({text})'}.float()"


def _tensor_names(node, values: dict[str, object]) -> list[ast.Name]:
    """The variables that are operands of the failing expression itself and hold tensors."""
    if isinstance(node, ast.Call):
        receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts: list = [*receiver, *node.args, *(keyword.value for keyword in node.keywords)]
    elif isinstance(node, ast.Subscript):
        parts = [node.value, *(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])]
    else:
        parts = list(ast.iter_child_nodes(node))
    return [part for part in parts if isinstance(part, ast.Name) and is_tensor(values.get(part.id))]


def _type_of(value: object) -> str:
    from ..show.tensor import type_of

    return type_of(value)


def _calls_described(operands: list) -> list[tuple[str, list[tuple[str, str]]]]:
    """[(op, [(parameter, type)])]; a flat list of (parameter, type) belongs to no named op."""
    if operands and isinstance(operands[0][1], str):
        return [("", list(operands))]
    return [(name, list(described)) for name, described in operands]


def _operand_places(node, span: Span, op_name: str, params: list[str], values: dict) -> dict[str, ast.expr]:
    """Parameter -> the expression that was passed for it."""
    if isinstance(node, ast.BinOp):
        found = _two_sides(params, node.left, node.right, values)
    elif isinstance(node, ast.AugAssign):
        found = _two_sides(params, node.target, node.value, values)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        found = _two_sides(params, node.left, node.comparators[0], values)
    elif isinstance(node, ast.UnaryOp):
        found = dict(zip(params[:1], [node.operand], strict=True))
    elif isinstance(node, ast.Subscript):
        found = dict(zip(params[:1], [node.value], strict=True))
    elif isinstance(node, ast.Call):
        found = _arguments(node, op_name, params, values, _is_stage(span))
    else:
        found = {}
    return found


def _parse_span(span: Span):
    """(the node of a span's text, node -> span in the program)."""
    text = span.text
    if len(text) > MAX_SPAN_TEXT:
        return None, None
    for mode, opening in (("eval", "("), ("exec", "")):
        try:
            tree: Any = ast.parse(f"{opening}{text}\n)" if opening else text, mode=mode)
        except (SyntaxError, ValueError):
            continue
        node = tree.body if mode == "eval" else tree.body[0] if len(tree.body) == 1 else None
        local = Source(opening + text)
        back = len(opening)

        def shift(node, local=local, back=back):
            found = local.span_of_node(node)
            first = span.column - 1 - back if found.line == 1 else 0
            last = span.column - 1 - back if found.end_line == 1 else 0
            return Span(span.source, span.line + found.line - 1, found.column + first,
                        span.line + found.end_line - 1, found.end_column + last)

        return node, shift
    return None, None


def _is_stage(span: Span) -> bool:
    """Whether the span is a stage of a pipe, whose first argument stands to its left."""
    before = span.source.line(span.line)[:span.column - 1].rstrip()
    return before.endswith("|>")


def _two_sides(params: list[str], left, right, values: dict) -> dict:
    if len(params) >= 2:
        return {params[0]: left, params[1]: right}
    sides = [side for side in (left, right) if _may_be_tensor(side, values)]
    return {params[0]: sides[0]} if len(sides) == 1 else {}


def _may_be_tensor(node, values: dict) -> bool:
    if isinstance(node, ast.Constant):
        return False
    return not (isinstance(node, ast.Name) and node.id in values) or is_tensor(values[node.id])


def _arguments(node: ast.Call, op_name: str, params: list[str], values: dict, stage: bool) -> dict:
    """The arguments of a call by parameter name; a method's receiver is the first."""
    callee = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    names = _parameter_names(op_name, callee)
    if names is None:
        return {}
    given: list = list(node.args)
    if stage:
        given.insert(0, None)
    elif isinstance(node.func, ast.Attribute) and not _is_namespace(node.func.value, values):
        given.insert(0, node.func.value)
    found = {}
    for name, each in zip(names, given, strict=False):
        if isinstance(each, ast.Starred):
            break
        found[name] = each
    found |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    return {name: found[name] for name in params if found.get(name) is not None}


def _parameter_names(op_name: str, callee: str) -> list[str] | None:
    """The parameters of the op, if the call in the source is a call of that op and not of a caller."""
    from ..engine.registry import ops, paths

    op: Any = ops.get(op_name)
    if op is None:
        return None
    plain = callee.rstrip("_")
    same = plain == op_name or any(paths.get(f"{home}.{name}") is op for name in (callee, plain)
                                   for home in ("torch", "tensor", "F", "linalg", "special", "fft"))
    return list(op.names) if same else None


def _is_namespace(node, values: dict) -> bool:
    """Whether the thing before the dot is a module such as `torch` or `F`, and not a tensor."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    value = values.get(node.id)
    if value is None:
        return node.id in ("torch", "F", "nn", "np")
    return not is_tensor(value) and (type(value).__name__ == "module" or isinstance(value, type)
                                         or type(value).__module__.startswith("tcli.runtime"))
