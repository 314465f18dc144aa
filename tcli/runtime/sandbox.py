"""What a program may touch: its builtins, attribute names, files.

Programs are safe by construction: the compiler refuses attribute names that lead into Python, and
the functions here keep the same rule for names that are known only at run time (`getattr`), for
classes made on the fly and for files. Nothing here knows tensors; imports are `modules.py`'s.
"""

from __future__ import annotations

import builtins
import os

from ..errors import BadValue, FileError, ForbiddenError, TcliError, UnknownAttribute
from ..lang.format_fields import names_alone
from ..lang.names import attribute_problem, is_dunder

_PLAIN = """
    ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
    BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError
    ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError Ellipsis EnvironmentError
    Exception ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError FutureWarning
    GeneratorExit IOError ImportError ImportWarning IndentationError IndexError InterruptedError
    IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError None
    NotADirectoryError NotImplemented NotImplementedError OSError OverflowError PendingDeprecationWarning
    PermissionError ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError
    RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit
    TabError TimeoutError True TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError
    UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning ZeroDivisionError
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod
    enumerate filter float format frozenset hash hex id input int isinstance issubclass iter len list map
    max memoryview min next object oct ord pow print property range repr reversed round set slice sorted
    staticmethod str sum tuple zip __debug__
    """.split()


def safe_builtins() -> dict[str, object]:
    """The builtins of a program. Names that would leave the sandbox are there to say so."""
    from .classes import Super, build_class

    names = {name: getattr(builtins, name) for name in _PLAIN if hasattr(builtins, name)}
    names |= {"super": Super, "__build_class__": build_class}
    names |= {"getattr": safe_getattr, "setattr": safe_setattr, "hasattr": safe_hasattr,
              "delattr": safe_delattr, "type": Type, "vars": safe_vars, "dir": safe_dir, "open": safe_open,
              "exit": leave, "quit": leave}
    names |= {name: _refusal(name) for name in ("eval", "exec", "compile", "breakpoint", "locals", "globals")}
    # Programs cannot say this name, but NumPy imports from C with the builtins of whoever calls it.
    names["__import__"] = builtins.__import__
    return names


def _refusal(name: str):
    def refused(*args, **kwargs):
        raise ForbiddenError(f"{name} is not available in a tcli program")

    refused.__name__ = refused.__qualname__ = name
    return refused


def leave(code: object = None) -> None:
    """Ends the program, as `exit()` does."""
    raise SystemExit(code)


leave.__qualname__ = "exit"  # what programs call it


# ---------------------------------------------------------------- attributes by name

def check_attribute(name: object, store: bool = False) -> str:
    """The name, if a program may use it; a subclass of str could change between check and use."""
    if type(name) is not str:
        raise TypeError(f"attribute name must be string, not '{type(name).__name__}'")
    problem = attribute_problem(name, store=store)
    if problem:
        raise UnknownAttribute(problem)
    return name


_MISSING = object()


def safe_getattr(target: object, name: str, default: object = _MISSING, /) -> object:
    check_attribute(name)
    return getattr(target, name) if default is _MISSING else getattr(target, name, default)


def safe_hasattr(target: object, name: str, /) -> bool:
    return not (type(name) is str and attribute_problem(name)) and hasattr(target, check_attribute(name))


def check_match_args(kind: object) -> None:
    """Raises where a pattern `kind(x)` would read an attribute that a program may not."""
    if not isinstance(kind, type):
        return  # CPython says so itself
    names = getattr(kind, "__match_args__", ())
    if hasattr(type(kind), "__getattr__") or type(names) is not tuple:
        raise UnknownAttribute(f"a pattern cannot take the parts of {kind.__name__} by place")
    for name in names:
        check_attribute(name)


def safe_setattr(target: object, name: str, value: object, /) -> None:
    setattr(target, check_attribute(name, store=True), value)


def safe_delattr(target: object, name: str, /) -> None:
    if is_dunder(check_attribute(name, store=True)):
        raise UnknownAttribute(f"'{name}' cannot be deleted")
    delattr(target, name)


def safe_vars(target: object, /) -> dict[str, object]:
    """The attributes of an instance, without the names that programs may not use."""
    from .attributes import Attributes

    return Attributes(target)


def safe_dir(target: object, /) -> list[str]:
    return [name for name in dir(target) if not name.startswith("__")]


class _TypeOfTypes(type):
    """Makes `Type` look like `type` in `type(x)`, `isinstance(x, type)` and `type[...]`."""

    def __call__(cls, *args):
        if len(args) != 1:
            raise ForbiddenError("type() with three arguments is not available in a tcli program: use class")
        kind = args[0].__class__  # a node of the graph has a class to show; programs cannot set it
        if issubclass(kind, TcliError):
            # A pasted program prints `type(error).__name__`: it sees the class PyTorch raises.
            return kind.python_class()
        if issubclass(kind, type):
            return Type  # a metaclass makes classes of any dict
        if kind.__name__ == "ndarray" and kind.__module__ == "numpy":
            from .modules import ndarray

            return ndarray  # the real class takes any bytes for objects
        if kind.__name__ == "Tensor" and kind.__module__ == "torch":
            from ..engine.tensor import Tensor

            return Tensor  # also for one whose value is still to be computed
        if kind.__module__[:5] == "tcli.":
            from ..engine.class_names import named_as_in_torch

            return named_as_in_torch(kind)
        return kind

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, type)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, type)

    def __getitem__(cls, item: object):
        from types import GenericAlias

        return GenericAlias(cls, item)

    def __repr__(cls) -> str:
        return "<class 'type'>"


class Type(metaclass=_TypeOfTypes):
    """`type` for programs."""


# ---------------------------------------------------------------- text

def safe_format(text: str, args: tuple, kwargs: dict) -> str:
    """`text.format(*args, **kwargs)`; a field may go through open attributes only."""
    text = str.__str__(text)  # a subclass of str could answer `in` as it likes
    if names_alone(text):
        return str.format(text, *args, **kwargs)
    return _formatter().vformat(text, args, kwargs)


def _formatter():
    from string import Formatter

    class SafeFormatter(Formatter):
        def get_field(self, field_name, args, kwargs):
            for part in field_name.replace("[", ".").split("."):
                check_attribute(part)
            return super().get_field(field_name, args, kwargs)

    return SafeFormatter()


# ---------------------------------------------------------------- files

def allowed_path(path: object, write: bool = False) -> str:
    """The real path of a file at or under the working directory; links that lead out are refused."""
    from ..io.access import check, is_named

    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"expected a file name, not {type(path).__name__}")
    home, real = os.path.realpath(os.getcwd()), os.path.realpath(os.fspath(path))
    check(path, write=write)
    if real != home and not real.startswith(home.rstrip(os.sep) + os.sep) and not is_named(real):
        raise ForbiddenError(f"{os.fspath(path)} lies outside the working directory",
                             help="programs open files at or below the directory tcli was started in")
    return real


def safe_open(path: str, mode: str = "r", buffering: int = -1, encoding: str | None = None,
              errors: str | None = None, newline: str | None = None) -> File:
    """Opens a file at or under the working directory."""
    if set(mode) - set("rwaxbt+"):
        raise BadValue(f"invalid mode: {mode!r}")
    real = allowed_path(path, write=bool(set(mode) & set("wax+")))
    if "b" not in mode:
        encoding = encoding or "utf-8"
    try:
        return File(open(real, mode, buffering, encoding, errors, newline), str(path))
    except OSError as error:
        raise _file_error(error, str(path)) from None


safe_open.__qualname__ = "open"  # what programs call it


def _file_error(error: OSError, path: str) -> Exception:
    """The same class for `except FileNotFoundError`, worded without the real path."""
    return type(error)(error.errno, error.strerror, path) if error.errno else FileError(str(error))


_FILE_METHODS = frozenset("read readline readlines write writelines seek tell flush close".split())


class File:
    """An open file for programs: the methods of a file and no way to the object below."""

    __slots__ = ("__call", "mode", "name")

    def __init__(self, stream, name: str):
        self.name, self.mode = name, stream.mode

        def call(method: str, *args):
            if method not in _FILE_METHODS:
                raise ForbiddenError(f"a file has no open method {method!r}")
            return getattr(stream, method)(*args)

        self.__call = call

    def read(self, size: int = -1):
        return self.__call("read", size)

    def readline(self, size: int = -1):
        return self.__call("readline", size)

    def readlines(self) -> list:
        return self.__call("readlines")

    def write(self, data) -> int:
        return self.__call("write", data)

    def writelines(self, lines) -> None:
        self.__call("writelines", lines)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.__call("seek", offset, whence)

    def tell(self) -> int:
        return self.__call("tell")

    def flush(self) -> None:
        self.__call("flush")

    def close(self) -> None:
        self.__call("close")

    def __iter__(self):
        return self

    def __next__(self):
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __enter__(self) -> File:
        return self

    def __exit__(self, *exc) -> None:
        self.close()
