"""The modules of Python that a program may import, each reduced to names that are safe.

A program gets a fresh module object with copies of the listed names, never the real module: real
modules lead to `sys` and from there everywhere. A module is loaded when it is first imported. The
tensor modules (`torch`, `nn`, ...) are not here: `namespaces.known_modules` has them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from .sandbox import File, allowed_path, check_attribute, leave, safe_open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# module -> names a program may use; "*" means the module's own __all__ or public names.
_NAMES = {
    "math": "*", "cmath": "*", "random": "*", "itertools": "*", "numbers": "*", "statistics": "*", "re": "*",
    "bisect": "*", "heapq": "*", "textwrap": "*", "fractions": "*", "decimal": "*", "array": "array",
    "datetime": "date datetime time timedelta timezone MINYEAR MAXYEAR", "zlib": "crc32 adler32",
    "hashlib": "md5 sha1 sha256 sha512", "pprint": "pprint pformat pp", "string": """ascii_letters ascii_lowercase
        ascii_uppercase capwords digits hexdigits octdigits printable punctuation whitespace""",
    "functools": "cache cached_property cmp_to_key lru_cache partial partialmethod reduce singledispatch total_ordering",
    "collections": "ChainMap Counter OrderedDict UserDict UserList UserString defaultdict deque namedtuple",
    "collections.abc": "*", "copy": "copy deepcopy Error", "json": "JSONDecodeError JSONEncoder dump dumps load loads",
    "time": """asctime ctime gmtime localtime mktime monotonic monotonic_ns perf_counter perf_counter_ns
        process_time process_time_ns sleep strftime strptime thread_time time time_ns""",
    "typing": """
        Annotated Any AnyStr Awaitable Callable ClassVar Collection Concatenate Container ContextManager Counter
        DefaultDict Deque Dict Final FrozenSet Generator Generic Hashable Iterable Iterator List Literal Mapping
        MutableMapping MutableSequence NamedTuple NewType Never NoReturn NotRequired Optional OrderedDict
        ParamSpec Protocol Required Self Sequence Set Sized SupportsFloat SupportsIndex SupportsInt
        TYPE_CHECKING Text Tuple Type TypeAlias TypeGuard TypeVar TypedDict Union Unpack cast final get_args
        no_type_check overload runtime_checkable
        """,
    "abc": "abstractmethod", "enum": "auto unique",
    "contextlib": """AbstractContextManager ContextDecorator ExitStack closing contextmanager nullcontext
        redirect_stdout redirect_stderr suppress""",
    "types": "GenericAlias MappingProxyType MethodType NoneType",
    "warnings": "filterwarnings resetwarnings simplefilter warn",
    "operator": """abs add and_ concat contains countOf delitem eq floordiv ge getitem gt iadd iand ifloordiv
        ilshift imatmul imod imul index indexOf inv invert ior ipow irshift is_ is_not isub itemgetter itruediv
        ixor le length_hint lshift lt matmul mod mul ne neg not_ or_ pos pow rshift setitem sub truediv truth xor""",
    "dataclasses": "FrozenInstanceError InitVar KW_ONLY MISSING field fields is_dataclass",
    "gc": "collect", "platform": "system machine python_version",
    "os": "", "os.path": "", "sys": "", "pathlib": "", "numpy": "", "__future__": "*", "argparse": "", "inspect": "",
    "tqdm": "", "tqdm.auto": "", "tqdm.notebook": "", "torchinfo": "", "logging": "", "safetensors": "",
    "safetensors.torch": "",
    "csv": "DictReader DictWriter Error QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE QUOTE_NONNUMERIC reader writer",
    "io": "BytesIO StringIO", "struct": "Struct calcsize error iter_unpack pack unpack unpack_from",
    "uuid": "UUID uuid4",
    "unicodedata": "*", "traceback": "",
    "timeit": "default_timer", "base64": "b64decode b64encode", "calendar": "isleap month_name monthrange",
    "colorsys": "hls_to_rgb hsv_to_rgb rgb_to_hls rgb_to_hsv", "difflib": "SequenceMatcher get_close_matches",
    "secrets": "randbelow token_hex",
    "weakref": "WeakKeyDictionary WeakSet WeakValueDictionary ref", "typing_extensions": "",
}


def known_names() -> list[str]:
    return list(_NAMES)


_USUAL = {"np": "import numpy as np", "Path": "from pathlib import Path", "defaultdict": "from collections import defaultdict",
          "Counter": "from collections import Counter", "partial": "from functools import partial",
          "DataLoader": "from torch.utils.data import DataLoader", "Dataset": "from torch.utils.data import Dataset",
          "TensorDataset": "from torch.utils.data import TensorDataset", "deepcopy": "from copy import deepcopy"}


def import_of(name: str) -> str | None:
    """The import line that a program lacks which uses a well-known name.

    >>> import_of("np"), import_of("json"), import_of("x")
    ('import numpy as np is missing', 'import json is missing', None)
    """
    line = _USUAL.get(name) or (f"import {name}" if name in _NAMES and name.isidentifier() else None)
    return f"{line} is missing" if line else None


class Modules:
    """The modules of one session; the same import gives the same object."""

    def __init__(self, args: list[str]):
        self.args = args
        self._made: dict[str, ModuleType] = {}

    def get(self, name: str) -> ModuleType | None:
        """The guarded module, or None if programs cannot have it."""
        if name in self._made:
            return self._made[name]
        if name not in _NAMES:
            parent, _, leaf = name.rpartition(".")
            found = getattr(self.get(parent), leaf, None) if parent == "numpy" or parent.startswith("numpy.") else None
            return found if isinstance(found, ModuleType) else None
        module = self._made[name] = ModuleType(name, f"The part of {name} that tcli programs may use.")
        module.__dict__.update(self._contents(name))
        parent, _, leaf = name.rpartition(".")
        if parent in _NAMES:
            self.get(parent).__dict__.setdefault(leaf, module)
        return module

    def _contents(self, name: str) -> dict[str, object]:
        special = _SPECIAL.get(name)
        if special is not None and _NAMES[name] == "":
            return special(self)
        real = import_module(name)
        names = public_names(real) if _NAMES[name] == "*" else _NAMES[name].split()
        contents = {each: getattr(real, each) for each in names if hasattr(real, each)}
        return contents | (special(self) if special else {})


def public_names(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None)
    return list(listed) if listed else [
        name for name in dir(module) if name[0] != "_" and not isinstance(getattr(module, name), ModuleType)]


# ---------------------------------------------------------------- modules with parts of our own

def _collections(modules: Modules) -> dict[str, object]:
    return {"abc": modules.get("collections.abc")}


def _dataclasses(modules: Modules) -> dict[str, object]:
    from .classes import dataclass_names

    return dataclass_names()


def _abc(modules: Modules) -> dict[str, object]:
    from .classes import abc_names

    return abc_names()


def _enum(modules: Modules) -> dict[str, object]:
    from .classes import enum_names

    return enum_names()


def _typing(modules: Modules) -> dict[str, object]:
    import typing

    from .sandbox import Type

    def get_origin(annotation):
        """`typing.get_origin`: `list` of `list[int]`."""
        found = typing.get_origin(annotation)
        return Type if found is type else found

    return {"get_origin": get_origin}


def _functools(modules: Modules) -> dict[str, object]:
    from .classes import wraps

    return {"wraps": wraps}


def _operator(modules: Modules) -> dict[str, object]:
    import operator

    def attrgetter(*names):
        for name in names:
            if type(name) is not str:  # a subclass could split as it likes
                raise TypeError("attribute name must be a string")
            for part in name.split("."):
                check_attribute(part)
        return operator.attrgetter(*names)

    def methodcaller(name, /, *args, **kwargs):
        return operator.methodcaller(check_attribute(name), *args, **kwargs)

    return {"attrgetter": attrgetter, "methodcaller": methodcaller}


def _types(modules: Modules) -> dict[str, object]:
    import types

    from .classes import namespace_names

    def kind_of(real):
        class Meta(type):
            def __instancecheck__(cls, value):
                return isinstance(value, real)

        return Meta(real.__name__, (), {"__doc__": f"For isinstance(x, types.{real.__name__})."})

    names = "FunctionType LambdaType BuiltinFunctionType GeneratorType ModuleType"
    return namespace_names() | {name: kind_of(getattr(types, name)) for name in names.split()}


def _io(modules: Modules) -> dict[str, object]:
    return {"open": safe_open}


def _traceback(modules: Modules) -> dict[str, object]:
    """The last line of a traceback: frames are closed to programs."""
    def text() -> str:
        error = sys.exc_info()[1]
        return "NoneType: None\n" if error is None else f"{type(error).__name__}: {error}\n"

    def print_exc(limit: object = None, file: Any = None, chain: bool = True) -> None:
        print(text(), end="", file=file or sys.stderr)

    return {"format_exc": lambda limit=None, chain=True: text(), "print_exc": print_exc}


def _warnings(modules: Modules) -> dict[str, object]:
    import warnings
    from contextlib import contextmanager

    @contextmanager
    def catch_warnings(*, record: bool = False, **ignored):
        with warnings.catch_warnings(record=record) as log:
            yield log

    return {"catch_warnings": catch_warnings}


class _Output:
    """`sys.stdout` and `sys.stderr` for programs: what is written goes to the real stream."""

    __slots__ = ("encoding", "name")

    def __init__(self, name: str):
        self.name, self.encoding = f"<{name}>", "utf-8"

    def _is(self, name: str) -> bool:
        return self.name == f"<{name}>"

    def write(self, text: str) -> int:
        return (sys.stderr if self._is("stderr") else sys.stdout).write(text)

    def flush(self) -> None:
        (sys.stderr if self._is("stderr") else sys.stdout).flush()

    def isatty(self) -> bool:
        return (sys.stderr if self._is("stderr") else sys.stdout).isatty()


class _Input:
    """`sys.stdin` for programs."""

    __slots__ = ()

    def read(self, size: int = -1) -> str:
        return sys.stdin.read(size)

    def readline(self) -> str:
        return sys.stdin.readline()

    def __iter__(self):
        return iter(self.readline, "")


def _sys(modules: Modules) -> dict[str, object]:
    plain = "byteorder float_info int_info maxsize platform version version_info getrecursionlimit getsizeof"
    return {name: getattr(sys, name) for name in plain.split()} | {
        "argv": modules.args, "exit": leave, "stdout": _Output("stdout"), "stderr": _Output("stderr"),
        "stdin": _Input(), "setrecursionlimit": _set_recursion_limit}


def _set_recursion_limit(limit: int) -> None:
    """Bounded: a runaway recursion must end in an error and not in a crash. A level through C may take 12 KB of stack."""
    most = 10_000 if limit <= 1000 or _stack_holds(120 << 20) else 1000
    sys.setrecursionlimit(max(100, min(int(limit), most)))


def _stack_holds(size: int) -> bool:
    """Makes room on the main thread's stack, which grows up to the limit of the moment."""
    try:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        if soft != resource.RLIM_INFINITY and soft < size:
            resource.setrlimit(resource.RLIMIT_STACK, (size, hard))
    except (ImportError, OSError, ValueError):
        return False
    return True


def _os(modules: Modules) -> dict[str, object]:
    import os

    def makedirs(name, mode=0o777, exist_ok=False):
        os.makedirs(allowed_path(name, write=True), mode, exist_ok)

    def remove(path):
        os.remove(allowed_path(path, write=True))

    def listdir(path="."):
        return os.listdir(allowed_path(path))

    return {"path": modules.get("os.path"), "environ": _Environment(os.environ), "getcwd": os.getcwd,
            "getenv": _Environment(os.environ).get, "sep": os.sep, "linesep": os.linesep, "name": os.name,
            "cpu_count": os.cpu_count, "makedirs": makedirs, "remove": remove, "listdir": listdir}


def _os_path(modules: Modules) -> dict[str, object]:
    from os import path

    pure = "abspath basename commonpath dirname exists expanduser isabs isdir isfile join normpath relpath split splitext"
    return {name: getattr(path, name) for name in pure.split()} | {
        "getsize": lambda name: path.getsize(allowed_path(name)), "sep": path.sep}


class _Environment(dict):
    """A copy of the environment: a program may read it, and set values for itself alone."""


def _pathlib(modules: Modules) -> dict[str, object]:
    return {"Path": Path, "PurePath": Path}


class Path:
    """The part of `pathlib.Path` that programs need; files open as with `open`."""

    __slots__ = ("_text",)

    def __init__(self, *parts):
        import os

        self._text = os.path.normpath(os.path.join("", *map(str, parts))) if parts else "."

    def __fspath__(self) -> str:
        return self._text

    __str__ = __fspath__

    def __repr__(self) -> str:
        return f"Path({self._text!r})"

    def __truediv__(self, other) -> Path:
        return Path(self, other)

    def __rtruediv__(self, other) -> Path:
        return Path(other, self)

    def __eq__(self, other) -> bool:
        return isinstance(other, Path) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self._text)

    joinpath = __truediv__

    @property
    def name(self) -> str:
        return self._text.rsplit("/", 1)[-1]

    @property
    def parent(self) -> Path:
        head, slash, _ = self._text.rpartition("/")
        return Path(head or slash or ".")

    @property
    def suffix(self) -> str:
        stem, dot, end = self.name.rpartition(".")
        return dot + end if stem else ""

    @property
    def stem(self) -> str:
        return self.name.removesuffix(self.suffix)

    def with_suffix(self, suffix: str) -> Path:
        return self.parent / (self.stem + suffix)

    def exists(self) -> bool:
        import os

        return os.path.exists(self._text)

    def open(self, mode: str = "r", **options) -> File:
        return safe_open(self._text, mode, **options)

    def read_text(self) -> str:
        with self.open() as file:
            return file.read()

    def write_text(self, text: str) -> int:
        with self.open("w") as file:
            return file.write(text)

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        import os

        os.makedirs(allowed_path(self._text, write=True), mode, exist_ok)


# ---------------------------------------------------------------- numpy

# Names of numpy that reach files, memory addresses or Python text.
_NUMPY_CLOSED = frozenset("""
    DataSource asmatrix bmat core ctypeslib distutils f2py fromfile fromregex genfromtxt get_include info lib
    load loadtxt lookfor ma matrix memmap ndarray rec recarray record save savetxt savez savez_compressed
    show_config show_runtime source strings char test testing typing exceptions
    """.split())
_NUMPY_TESTING = "assert_allclose assert_almost_equal assert_array_almost_equal assert_array_equal assert_equal"


class _ArrayType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, import_module("numpy").ndarray)


class ndarray(metaclass=_ArrayType):
    """`numpy.ndarray` for annotations and isinstance; arrays are made by `numpy.array` and its kin."""

    __module__ = "numpy"


def _numpy(modules: Modules) -> dict[str, object]:
    import numpy

    contents: dict[str, object] = {"__version__": numpy.__version__, "ndarray": ndarray}
    for name in numpy.__all__:
        value = getattr(numpy, name, None)
        if name not in _NUMPY_CLOSED and not isinstance(value, ModuleType) and name[0] != "_":
            contents[name] = value
    for name in ("random", "linalg", "fft"):
        contents[name] = _part(f"numpy.{name}", import_module(f"numpy.{name}").__all__)
    contents["testing"] = _part("numpy.testing", _NUMPY_TESTING.split())
    contents["exceptions"] = _part("numpy.exceptions", numpy.exceptions.__all__)
    return contents


def _part(name: str, names: list[str]) -> ModuleType:
    real, part = import_module(name), ModuleType(name)
    part.__dict__.update({each: getattr(real, each) for each in names
                          if not isinstance(getattr(real, each), ModuleType)})
    return part


def _argparse(modules: Modules) -> dict[str, object]:
    from .arguments import module_contents

    return module_contents(modules.args)


def _inspect(modules: Modules) -> dict[str, object]:
    from .signatures import module_contents

    return module_contents()


def _tqdm(modules: Modules) -> dict[str, object]:
    from .progress import tqdm, trange

    return {"tqdm": tqdm, "trange": trange}


def _torchinfo(modules: Modules) -> dict[str, object]:
    from .model_summary import ModelSummary, model_summary, summary

    return {"summary": summary, "ModelStatistics": ModelSummary, "model_summary": model_summary}


def _logging(modules: Modules) -> dict[str, object]:
    from .logs import Logs

    return Logs().contents()


def _safetensors(modules: Modules) -> dict[str, object]:
    from .weight_files import safe_open

    return {"safe_open": safe_open, "torch": modules.get("safetensors.torch")}


def _safetensors_torch(modules: Modules) -> dict[str, object]:
    from .weight_files import load_file, save_file

    return {"load_file": load_file, "save_file": save_file}


def _typing_extensions(modules: Modules) -> dict[str, object]:
    names = modules.get("typing")
    return {name: value for name, value in vars(names).items() if not name.startswith("__")}


_SPECIAL = {
    "abc": _abc, "argparse": _argparse, "collections": _collections, "dataclasses": _dataclasses, "enum": _enum, "io": _io,
    "traceback": _traceback,
    "functools": _functools, "inspect": _inspect, "logging": _logging, "numpy": _numpy, "operator": _operator, "os": _os,
    "os.path": _os_path, "pathlib": _pathlib, "safetensors": _safetensors, "safetensors.torch": _safetensors_torch,
    "sys": _sys, "torchinfo": _torchinfo, "tqdm": _tqdm, "tqdm.auto": _tqdm, "tqdm.notebook": _tqdm, "types": _types,
    "typing": _typing,
    "typing_extensions": _typing_extensions, "warnings": _warnings}
