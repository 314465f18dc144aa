"""The errors of tcli: every failure a user can see is one of these kinds.

    TcliError                          message, span, labels, notes, help; `code` names the kind
    ├── TsrSyntaxError   (SyntaxError)        the text is not a program
    ├── UnknownName      (NameError)          a name that is bound nowhere
    ├── UnknownAttribute (AttributeError)     no such attribute, or one that programs may not read
    ├── UnknownModule    (ImportError)        an import of something other than the known modules
    ├── ShapeError       (RuntimeError)       sizes that do not fit together
    ├── DTypeError       (RuntimeError)       element types that do not fit together
    ├── DeviceError      (RuntimeError)       tensors on different devices, or a device that is not here
    ├── GradError        (RuntimeError)       the tape: no graph, freed graph, modified saved tensor
    ├── EngineError      (RuntimeError)       any other failure of an operator
    ├── ArgumentError    (TypeError)          a call with wrong or missing arguments
    ├── BadValue         (ValueError)         an argument of the right type with a wrong value
    ├── BadIndex         (IndexError)         an index or dim that is out of range
    ├── Unsupported      (NotImplementedError) an operator that does not take this dtype or layout
    ├── FileError        (OSError)            a file that cannot be read or written
    ├── ContractError    (RuntimeError)       a shape contract `h: f32[B, H]` that does not hold
    ├── ForbiddenError   (RuntimeError)       the sandbox says no
    └── ProgramError     (RuntimeError)       a Python exception of the program itself, with its span

Each kind is also the Python class PyTorch raises in that place, so that a pasted
`except RuntimeError` catches it, and `str(error)` is PyTorch's classic phrase. What tcli adds
(operands, hints, positions) lives beside the message; `show/diagnostic.py` draws it.
"""

from __future__ import annotations


class Label:
    """A stretch of source with a remark under it: `span` is a `source.Span`, `text` the remark."""

    __slots__ = ("span", "text")

    def __init__(self, span, text: str):
        self.span, self.text = span, text


class TcliError(Exception):
    """The base of all kinds.

    message: PyTorch's classic phrase where there is one.
    span:    where in the program (`source.Span`), filled in by the session when the kind has none.
    labels:  `Label`s under the source line: operands with dtype[shape], where a size was bound.
    notes:   further lines, `help`: one hint that was tried and works.
    operands: (name, "f32[3, 4]") pairs: what the operator was given. Text, so no tensor stays alive.
    """

    code = "error"
    word = "error"  # how bad it is: what a check finds may be a warning or a note

    def __init__(self, message: str = "", *, span=None, labels=(), notes=(), help: str | None = None,
                 operands=()):
        super().__init__(message)
        self.message = message
        self.span = span
        self.labels = list(labels)
        self.notes = list(notes)
        self.help = help
        self.operands = list(operands)
        # (function, span of the call, times in a row), outermost first; filled in by the session.
        self.calls: list = []

    @property
    def line(self) -> int | None:
        return self.span.line if self.span is not None else None

    @property
    def column(self) -> int | None:
        return self.span.column if self.span is not None else None

    def __str__(self) -> str:
        return self.message

    @classmethod
    def python_class(cls) -> type:
        """The Python class that PyTorch raises in this place: what a program sees as `type(error)`."""
        return next((c for c in cls.__mro__ if not issubclass(c, TcliError)), Exception)

    def __repr__(self) -> str:
        return f"{self.python_class().__name__}({self.message!r})"


class TsrSyntaxError(TcliError, SyntaxError):
    code = "syntax"

    def __init__(self, message: str = "", *, incomplete: bool = False, **kwargs):
        TcliError.__init__(self, message, **kwargs)
        self.msg = message
        # The text ends inside something open: a prompt reads on instead of complaining.
        self.incomplete = incomplete


class UnknownName(TcliError, NameError):
    code = "name"


class UnknownAttribute(TcliError, AttributeError):
    code = "attribute"


class UnknownModule(TcliError, ModuleNotFoundError):
    code = "import"


class EngineError(TcliError, RuntimeError):
    code = "runtime"


class ShapeError(EngineError):
    code = "shape"


class DTypeError(EngineError):
    code = "dtype"


class DeviceError(EngineError):
    code = "device"


class GradError(EngineError):
    code = "grad"


class ContractError(EngineError):
    code = "contract"


class ForbiddenError(EngineError):
    code = "forbidden"


class ArgumentError(TcliError, TypeError):
    code = "type"


class BadValue(TcliError, ValueError):
    code = "value"


class BadIndex(TcliError, IndexError):
    code = "index"


class Unsupported(TcliError, NotImplementedError):
    code = "unsupported"


class LinAlgError(EngineError):
    """`torch.linalg.LinAlgError`: singular or not positive-definite input, no convergence."""

    code = "linalg"


class FileError(TcliError, OSError):
    code = "file"

    def __init__(self, message: str = "", **kwargs):
        TcliError.__init__(self, message, **kwargs)


class ProgramError(EngineError):
    """A Python exception that the program raised itself; `__cause__` is that exception."""

    code = "python"

    def __init__(self, message: str = "", *, kind: str = "Exception", **kwargs):
        super().__init__(message, **kwargs)
        self.kind = kind
