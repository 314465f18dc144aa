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
    """The text is not a program.

    The caret stands where reading stopped making sense; an opening bracket that is never closed is named with its place.
    Nothing has run: a program is read whole before its first line is executed.

        y = softmax(x, dim=0
    """

    code = "syntax"

    def __init__(self, message: str = "", *, incomplete: bool = False, **kwargs):
        TcliError.__init__(self, message, **kwargs)
        self.msg = message
        # The text ends inside something open: a prompt reads on instead of complaining.
        self.incomplete = incomplete


class UnknownName(TcliError, NameError):
    """A name that is bound nowhere.

    Names come from the program itself, from imports, and from what is there without import: torch and all its functions,
    nn, F, optim, math and Python's safe builtins. The nearest known name is offered.

        x = torch.ones(3)
        sofmax(x, dim=0)
    """

    code = "name"


class UnknownAttribute(TcliError, AttributeError):
    """An object has no attribute of that name, or programs may not read it.

    Attributes that lead into Python's own machinery (`__globals__`, `__class__`, frames, code) are closed to programs, so
    that a script somebody sent can be run without fear.

        x = torch.ones(3)
        x.sofmax(0)
    """

    code = "attribute"


class UnknownModule(TcliError, ModuleNotFoundError):
    """An import of something that is not among the known modules.

    Programs import torch and its submodules, numpy, math, random and other harmless parts of the standard library. Modules
    that reach files, processes or the network are not available.

        import pandas
    """

    code = "import"


class EngineError(TcliError, RuntimeError):
    """An operator could not do what was asked, for a reason that is none of the more special kinds.

    The message is PyTorch's where PyTorch has one, so that a search finds what others wrote about it.

        torch.ones(3).item()
    """

    code = "runtime"


class ShapeError(EngineError):
    """Sizes that do not fit together.

    Elementwise operators broadcast: aligned from the right, each pair of sizes must be equal, or one of them 1. A product
    `x @ w` needs the last size of x to be the second last of w. A view must have as many elements as its tensor. The
    shapes of the operands stand under them; a hint is given only if it was tried and fits.

        x = torch.ones(2, 3)
        x @ torch.ones(2, 3)
    """

    code = "shape"


class DTypeError(EngineError):
    """Element types that do not fit together.

    Arithmetic promotes its operands, but products of matrices, indices, and results written in place do not: convert one
    side with `.float()`, `.long()` or `.to(other.dtype)`.

        torch.ones(2, 3) @ torch.ones(3, 2).double()
    """

    code = "dtype"


class DeviceError(EngineError):
    """Tensors on different devices, or a device that is not here.

    Move one of them with `.to(x.device)`. `tcli devices` says which devices there are and what is missing for the others.

        torch.ones(3).to("mps")
    """

    code = "device"


class GradError(EngineError):
    """The gradient tape cannot do what was asked.

    Usual causes: backward() on a tensor that depends on nothing with requires_grad=True; a second backward() through a graph
    that was freed (retain_graph=True keeps it); a value saved for the backward pass that was overwritten in place, in which
    case both lines are named. `why_no_grad(x)` tells where a gradient was lost.

        x = torch.ones(3)
        x.sum().backward()
    """

    code = "grad"


class ContractError(EngineError):
    """A shape contract does not hold.

    `h: f32[B, H] = x @ w` checks dtype and sizes and binds the names B and H; the same name must mean the same size wherever
    it is used in the frame. `_` fits any size, `...` any number of dims, `dim+1` is arithmetic on a bound name.

        h: f32[3, B] = torch.ones(2, 4)
    """

    code = "contract"


class ForbiddenError(EngineError):
    """The rules for programs say no.

    A script writes below the directory it was started in, or to its arguments; with --sandbox it writes nothing and reads
    only what the command line names. What you type at the prompt may do more.

        eval("1 + 1")
    """

    code = "forbidden"


class ArgumentError(TcliError, TypeError):
    """A call with arguments that are missing, too many, or of the wrong type.

        torch.softmax(torch.ones(3))
    """

    code = "type"


class BadValue(TcliError, ValueError):
    """An argument of the right type with a value that makes no sense there.

        torch.nn.Dropout(p=2.0)
    """

    code = "value"


class BadIndex(TcliError, IndexError):
    """An index or a dim that is out of range.

    Indices run from -n to n - 1 for a size of n, dims from -d to d - 1 for a tensor with d dims.

        torch.ones(2, 3)[5]
    """

    code = "index"


class Unsupported(TcliError, NotImplementedError):
    """An operator that exists, but not for this dtype, layout or number of dims.

        torch.nn.functional.pad(torch.ones(3), (1, 1), mode="reflect")
    """

    code = "unsupported"


class _LinAlgError(RuntimeError):
    """What programs see as `type(error)` of a `LinAlgError`, as in PyTorch."""


class LinAlgError(EngineError, _LinAlgError):
    """A matrix that the algorithm cannot take: singular, not positive-definite, or without convergence.

        torch.linalg.inv(torch.zeros(2, 2))
    """

    code = "linalg"


class FileError(TcliError, OSError):
    """A file that cannot be read or written, or does not hold what its format promises.

    Files are checked before anything is allocated, and nothing of a file is ever run. `tcli inspect FILE` shows what a file
    holds as far as it can be read.

        load("no_such_file.npy")
    """

    code = "file"

    def __init__(self, message: str = "", **kwargs):
        TcliError.__init__(self, message, **kwargs)


class NoSuchFile(FileError, FileNotFoundError):
    """A file that is not there; programs may catch FileNotFoundError.

        torch.load("no_such_file.pt")
    """


class NoCuda(DeviceError, AssertionError):
    """CUDA is asked for where there is none; PyTorch raises AssertionError, and programs may catch that.

        torch.ones(3).cuda()
    """

    @classmethod
    def python_class(cls) -> type:
        return AssertionError


class ProgramError(EngineError):
    """An exception of Python that the program raised itself.

    Its class is in the brackets: error[ZeroDivisionError]. The place is that of the expression that raised it.

        1 / 0
    """

    code = "python"

    def __init__(self, message: str = "", *, kind: str = "Exception", **kwargs):
        super().__init__(message, **kwargs)
        self.kind = kind
