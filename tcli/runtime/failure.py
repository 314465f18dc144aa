"""From the exception that left a program to the error a user sees.

Inside a program exceptions keep their Python classes; at its boundary each becomes a `TcliError`
with a span, the calls that led there, operands marked in the source, and a hint where one is known.
The error keeps no frame and so no tensor alive. Knows the names a program could have meant through
callables alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from ..errors import (
    ContractError, Label, ProgramError, TcliError, TsrSyntaxError, UnknownAttribute, UnknownModule, UnknownName)
from ..show.suggest import did_you_mean, nearest
from ..source import Source, Span, frames_of, source_named, span_of, span_of_instruction

MAX_CALLS = 40  # calls kept of a deep stack: the outermost and the innermost half
MAX_SPAN_TEXT = 2000


def from_exception(error: BaseException, names: Callable[[], Iterable[str]]) -> TcliError:
    """The TcliError for an exception; `names` gives every name the program could have used."""
    failure = error if isinstance(error, TcliError) else _translated(error, names)
    if isinstance(error, UnknownAttribute) and error.help is None:
        error.help = _unknown_attribute(error).help
    if failure.span is None:
        failure.span = span_of(error)
    failure.calls = calls_of(error)
    if isinstance(failure, UnknownAttribute):
        failure.span = _only_the_name(failure.span, getattr(error, "name", None))
    elif not isinstance(failure, (ContractError, UnknownName)):
        _label_operands(failure, _innermost_values(error))
    _note_cause(failure, error)
    _let_go(error)
    return failure


def mark_interrupt(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Gives an interrupt the place where the program was."""
    error.span = span_of(error)
    _let_go(error)
    return error


# ---------------------------------------------------------------- kinds

def _translated(error: BaseException, names: Callable[[], Iterable[str]]) -> TcliError:
    if isinstance(error, NameError):
        return _unknown_name(error, names)
    if isinstance(error, AttributeError):
        return _unknown_attribute(error)
    if isinstance(error, ImportError):
        return UnknownModule(str(error))
    if isinstance(error, SyntaxError):
        return syntax_error(error)
    return ProgramError(_message_of(error), kind=type(error).__name__, help=_hint_for(error))


def _unknown_name(error: NameError, names: Callable[[], Iterable[str]]) -> UnknownName:
    name = error.name
    if name is None or isinstance(error, UnboundLocalError):
        return UnknownName(str(error))
    known = [*_innermost_values(error), *names()]
    return UnknownName(f"name '{name}' is not defined", help=did_you_mean(name, known))


def _unknown_attribute(error: AttributeError) -> UnknownAttribute:
    name, target = getattr(error, "name", None), getattr(error, "obj", None)
    if name is None:
        return UnknownAttribute(str(error))
    known = [each for each in dir(target) if not each.startswith("_")]
    return UnknownAttribute(str(error), help=did_you_mean(name, known))


def _only_the_name(span: Span | None, name: str | None) -> Span | None:
    """The attribute's name inside the span of `x.name` or `x.name(...)`."""
    if span is None or not name or span.line != span.end_line:
        return span
    at = span.text.rfind("." + name)
    if at < 0:
        return span
    start = span.column + at + 1
    return Span(span.source, span.line, start, span.line, start + len(name))


def syntax_error(error: SyntaxError) -> TsrSyntaxError:
    """What CPython's own compiler refuses, such as `return` outside a function."""
    source = source_named(error.filename or "")
    span = None
    if source is not None and error.lineno:
        column = max(1, error.offset or 1)
        end = error.end_offset if error.end_lineno == error.lineno and error.end_offset else column + 1
        span = Span(source, error.lineno, column, error.lineno, max(end, column + 1))
    return TsrSyntaxError(error.msg or str(error), span=span)


def _message_of(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "the program calls itself too deeply"
    if isinstance(error, MemoryError):
        return _memory_message(error)
    if isinstance(error, KeyError) and error.args:
        return f"there is no key {_short(error.args[0])}"
    if isinstance(error, AssertionError) and not error.args:
        return "the assertion does not hold"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
    return str(error) or "raised without a message"


def _memory_message(error: MemoryError) -> str:
    """NumPy's says how much it wanted; Python's own says nothing."""
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is None or dtype is None:
        return "not enough memory"
    from math import prod

    from ..show.units import size

    wanted = size(prod(shape) * dtype.itemsize)
    return f"not enough memory: a {dtype.name} tensor of shape {list(shape)} takes {wanted}"


def _hint_for(error: BaseException) -> str | None:
    """For `f(dmi=1)`: the keyword that Python found nearest."""
    if isinstance(error, TypeError):
        text = str(error)
        if "has no len()" in text or "not subscriptable" in text:
            return None
    return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


# ---------------------------------------------------------------- calls and frames

def calls_of(error: BaseException) -> list[tuple[str, Span | None, int]]:
    """(function, where it was called, how many times in a row) from the outermost call to the innermost."""
    frames = frames_of(error)
    runs: list[list] = []
    for caller, (code, _) in zip(frames, frames[1:], strict=False):
        if code.co_name in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"):
            continue
        if runs and runs[-1][:2] == [code.co_qualname, caller]:
            runs[-1][2] += 1
        else:
            runs.append([code.co_qualname, caller, 1])
    if len(runs) > MAX_CALLS:
        runs = runs[:MAX_CALLS // 2] + runs[-MAX_CALLS // 2:]
    return [(name.replace("<locals>.", ""), span_of_instruction(*caller), times) for name, caller, times in runs]


def _innermost_values(error: BaseException) -> dict[str, object]:
    """The variables of the innermost frame of the program."""
    found, tb = {}, error.__traceback__
    while tb is not None:
        if source_named(tb.tb_frame.f_code.co_filename) is not None:
            found = tb.tb_frame
        tb = tb.tb_next
    return {**found.f_globals, **found.f_locals} if found else {}


def _note_cause(failure: TcliError, error: BaseException) -> None:
    cause = error.__cause__
    if cause is None or cause is failure or span_of(cause) is None:
        return
    failure.notes.append(f"caused by {type(cause).__name__}: {_message_of(cause)}  ({span_of(cause)})")


def _let_go(error: BaseException | None, depth: int = 8) -> None:
    """Drops the frames, which would keep every tensor of the failed call alive."""
    while error is not None and depth:
        error.__traceback__ = None
        if error.__context__ is not error.__cause__:
            _let_go(error.__context__, depth - 1)
        error, depth = error.__cause__, depth - 1


# ---------------------------------------------------------------- operands in the source

def _label_operands(failure: TcliError, values: dict[str, object]) -> None:
    """Puts `f32[3, 4]` under each operand of the failing expression; else says it in a note."""
    if failure.span is None or failure.labels:
        return
    node, shift = _parse_span(failure.span)
    for op_name, operands in _calls_described(failure.operands):
        places = _operand_places(node, failure.span, op_name, [name for name, _ in operands], values)
        placed = [(places.get(name), name, text) for name, text in operands]
        failure.labels += [Label(shift(part), text) for part, _, text in placed if part is not None]
        loose = ", ".join(f"{name} {text}" for part, name, text in placed if part is None)
        if loose:
            failure.notes.insert(0, f"{op_name}: {loose}" if op_name else loose)
    if not failure.operands and node is not None:
        failure.labels += [Label(shift(name), _type_of(values[name.id])) for name in _tensor_names(node, values)]


def _tensor_names(node, values: dict[str, object]) -> list[ast.Name]:
    """The variables that are operands of the failing expression itself and hold tensors."""
    if isinstance(node, ast.Call):
        receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts = [*receiver, *node.args, *(keyword.value for keyword in node.keywords)]
    elif isinstance(node, ast.Subscript):
        parts = [node.value, *(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])]
    else:
        parts = list(ast.iter_child_nodes(node))
    return [part for part in parts if isinstance(part, ast.Name) and hasattr(values.get(part.id), "_a")]


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
            tree = ast.parse(f"{opening}{text}\n)" if opening else text, mode=mode)
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
    return not (isinstance(node, ast.Name) and node.id in values) or hasattr(values[node.id], "_a")


def _arguments(node: ast.Call, op_name: str, params: list[str], values: dict, stage: bool) -> dict:
    """The arguments of a call by parameter name; a method's receiver is the first."""
    callee = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    names = _parameter_names(op_name, callee)
    if names is None:
        return {}
    given = list(node.args)
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

    op = ops.get(op_name)
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
    return not hasattr(value, "_a") and (type(value).__name__ == "module" or isinstance(value, type)
                                         or type(value).__module__.startswith("tcli.runtime"))


__all__ = ["calls_of", "from_exception", "mark_interrupt", "nearest", "syntax_error"]
