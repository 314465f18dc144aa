"""From the exception that left a program to the error a user sees.

Inside a program exceptions keep their Python classes; at its boundary each becomes a `TcliError`
with a span, the calls that led there, operands marked in the source, and a hint where one is known.
The error keeps no frame and so no tensor alive. Knows the names a program could have meant through
callables alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from ..errors import (
    ContractError,
    ProgramError,
    TcliError,
    TsrSyntaxError,
    UnknownAttribute,
    UnknownModule,
    UnknownName,
)
from ..show.suggest import did_you_mean, similar_file
from ..source import Span, frames_of, source_named, span_of, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

MAX_CALLS = 40  # calls kept of a deep stack: the outermost and the innermost half


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
        from .operands import label

        with suppress(RecursionError):  # the stack may still be nearly full
            label(failure, _innermost_values(error))
            if isinstance(error, TypeError) and "() " in failure.message:
                _explain_arguments(failure, error)
    if isinstance(error, KeyError) and failure.help is None and failure.span is not None:
        from .keyword_hint import key_meant

        failure.help = key_meant(error.args[0] if error.args else None, failure.span.text, _innermost_values(error))
    if "does not require grad and does not have a grad_fn" in failure.message:
        _tell_cut(failure, error)
    if failure.help is None and "o such file or directory: '" in failure.message:
        failure.help = similar_file(failure.message.split("'")[1])
    if failure.code == "device" and failure.span is not None and "two devices" in failure.message:
        from . import placed

        failure.notes += placed.notes(failure.span, _innermost_values(error))
    _note_cause(failure, error)
    _let_go(error)
    return failure


def mark_interrupt(error: KeyboardInterrupt) -> KeyboardInterrupt:
    """Gives an interrupt the place where the program was."""
    error.span = span_of(error)  # type: ignore[attr-defined]
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
    return ProgramError(_message_of(error), kind=type(error).__name__)


def _unknown_name(error: NameError, names: Callable[[], Iterable[str]]) -> UnknownName:
    from .modules import import_of

    name = error.name
    if name is None or isinstance(error, UnboundLocalError):
        return UnknownName(str(error))
    known = [*_innermost_values(error), *names()]
    return UnknownName(f"name '{name}' is not defined", help=import_of(name) or did_you_mean(name, known))


def _unknown_attribute(error: AttributeError) -> UnknownAttribute:
    name, target = getattr(error, "name", None), getattr(error, "obj", None)
    if name is None:
        return UnknownAttribute(str(error))
    known = [each for each in dir(target) if not each.startswith("_")]
    return UnknownAttribute(str(error), help=_absent(name, target) or did_you_mean(name, known))


def _absent(name: str, target: object) -> str | None:
    """What to use instead of a name that PyTorch has there."""
    from .absent import hint_for_module, hint_for_name

    if type(target).__name__ == "Tree":
        return hint_for_name(name) or hint_for_module(f"{target.__name__}.{name}")  # type: ignore[attr-defined]
    return hint_for_name(name) if type(target).__name__ in ("Tensor", "Parameter") else None


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


def _innermost(error: BaseException) -> FrameType | None:
    """The innermost frame of the program."""
    frame, tb = None, error.__traceback__
    while tb is not None:
        if source_named(tb.tb_frame.f_code.co_filename) is not None:
            frame = tb.tb_frame
        tb = tb.tb_next
    return frame


def _innermost_values(error: BaseException) -> dict[str, object]:
    """The variables of the innermost frame of the program."""
    frame = _innermost(error)
    return {**frame.f_globals, **frame.f_locals} if frame is not None else {}


def _explain_arguments(failure: TcliError, error: BaseException) -> None:
    """The keyword that was meant, in a call that did not fit what it called."""
    from .keyword_hint import hint, with_public_name

    frame = _innermost(error)
    if frame is None or failure.span is None:
        return
    lookup = {**frame.f_builtins, **frame.f_globals, **frame.f_locals}.__getitem__
    failure.message = with_public_name(failure.message, failure.span.text, lookup)
    failure.help = failure.help or hint(failure.message, failure.span.text, lookup)


def _tell_cut(failure: TcliError, error: BaseException) -> None:
    """Where the graph was cut, in front of a backward() that finds none."""
    from .lost_gradient import cut_before

    found = cut_before(failure.span, _innermost_values(error)) if failure.span is not None else None
    if found is not None and not found.startswith("made without"):
        failure.notes.append(found)
        failure.help = failure.help if found.startswith("nothing that") else None


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
