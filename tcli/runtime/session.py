"""A session: names that persist, programs that run in them, values and errors that come out.

    session = Session(seed=0)
    session.run("x = randn(3); x * 2")      # the value of the last bare expression
    session["x"]

`run` compiles a text, gives it the program names, runs it and turns whatever goes wrong into a
`TcliError`. The tensor engine is loaded when a program first names something of it, so that
`1 + 1` does not wait for NumPy. Knows no terminal: who wants to see values passes `echo`.
"""

from __future__ import annotations

from _contextvars import copy_context
from itertools import count
from opcode import opmap

from ..errors import TcliError, TsrSyntaxError, UnknownName
from ..source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

_sequence = count(1)

# Program names that Python's own builtins also have, but that serve tensors in tcli.
SHARED = frozenset("abs all any max min pow round sum".split())


class Session:
    """A namespace in which programs run.

    device, dtype: where new tensors live and their default floating-point type.
    seed:  seeds the random streams.
    echo:  is called with the value of each top-level bare expression that is not None.
    quiet: no echo and no notes; trace: positions are recorded and backward passes shown.
    args:  what the program finds in `args` and `sys.argv[1:]`.
    """

    def __init__(self, device: str = "cpu", seed: int | None = None, dtype: object = None, quiet: bool = False,
                 trace: bool = False, echo: Callable[[object], None] | None = None, *,
                 args: Iterable[str] = (), script: str = "tcli", threads: int | None = None):
        self.device, self.seed, self.dtype, self.threads = device, seed, dtype, threads
        self.quiet, self.trace, self.echo = quiet, trace, echo
        self.args = [str(each) for each in args]
        self.script = script
        # Called for a name that a program reads and nobody has bound: `_` from stdin.
        self.providers: dict[str, Callable[[], object]] = {}
        self._context = copy_context()
        self._inside = 0
        self._clear()

    def _clear(self) -> None:
        from .helpers import helpers_for
        from .modules import Modules
        from .sandbox import safe_builtins

        self.modules = Modules([self.script, *self.args])
        self.builtins = safe_builtins()
        self.builtins.update(helpers_for(self), args=self.args)
        self.globals: dict[str, object] = {"__name__": "__main__", "__builtins__": self.builtins}
        self.contract_names: dict = {}
        self.loaded = False
        self.value: object = None

    # ------------------------------------------------------------ running

    def run(self, text: str, name: str | None = None) -> object:
        """Runs a program; returns the value of its last statement if that is a bare expression."""
        source = Source(text, name or f"<tsr {next(_sequence)}>").register()
        return self.run_code(self.compile(source))

    def eval(self, text: str) -> object:
        """The value of an expression, without echo."""
        echo, self.echo = self.echo, None
        try:
            return self.run(text)
        finally:
            self.echo = echo

    def compile(self, source: Source) -> CodeType:
        """The code of a program; raises TsrSyntaxError."""
        from ..lang.compile import compile_program

        failure = None
        try:
            return compile_program(source, echo=True)
        except TsrSyntaxError as error:
            failure = error
        except (SyntaxError, RecursionError) as error:
            from .failure import syntax_error

            failure = (syntax_error(error) if isinstance(error, SyntaxError)
                       else TsrSyntaxError("the program is nested too deeply"))
        failure.__traceback__ = failure.__context__ = None
        raise failure

    def run_code(self, code: CodeType) -> object:
        """Runs compiled code in the session's names."""
        self._prepare(code)
        self.value = None
        failure = interrupt = None
        try:
            self._execute(code)
        except SystemExit:
            raise
        except KeyboardInterrupt as error:
            from .failure import mark_interrupt

            mark_interrupt(error)
            interrupt = error
        except BaseException as error:
            failure, cause = self._failure(error), error
        if interrupt is not None:
            raise interrupt
        if failure is not None:
            # Outside of the handler: a context would bring the frames back.
            raise failure from (None if cause is failure else cause)
        value, self.value = self.value, None
        return value

    def _execute(self, code: CodeType) -> None:
        """In the session's own context: NumPy's error state and the like stay out of the caller's."""
        if self._inside:
            exec(code, self.globals)
            return
        self._inside += 1
        try:
            self._context.run(exec, code, self.globals)
        finally:
            self._inside -= 1

    def _failure(self, error: BaseException) -> TcliError:
        from .failure import from_exception

        return from_exception(error, self.all_names)

    # ------------------------------------------------------------ what a program finds

    def _prepare(self, code: CodeType) -> None:
        """Loads the engine if the code names anything that plain Python does not have."""
        read, stored = names_in(code)
        if not self.loaded:
            light = self.builtins.keys() - SHARED
            if any(name not in light and name not in stored and name not in self.globals for name in read):
                self.load_engine()
        for name, provide in list(self.providers.items()):
            if name in read and name not in stored and name not in self.globals:
                self.load_engine()
                self.builtins[name] = provide()
                del self.providers[name]

    def load_engine(self) -> None:
        """Binds the tensor names; called once, when they are first needed."""
        if self.loaded:
            return
        self.loaded = True
        self._context.run(_silence_numpy) if not self._inside else _silence_numpy()
        from .namespaces import build_globals

        for name, value in build_globals(self).items():
            self.builtins[name] = value

    def import_module(self, name: str) -> object:
        """The module a program gets for an import, or None if programs cannot have it."""
        found = self.modules.get(name)
        if found is None or name.partition(".")[0] == "numpy":
            self.load_engine()
        if found is None:
            from .namespaces import known_modules

            found = known_modules().get(name)
        return found

    # ------------------------------------------------------------ names

    def names(self) -> list[str]:
        """The names that programs and the caller have bound."""
        return [name for name in self.globals if not (name.startswith("__") and name.endswith("__"))]

    def all_names(self) -> list[str]:
        """Every name a program can use: its own, the program names, the builtins."""
        self.load_engine()
        return [*self.names(), *(name for name in self.builtins if not name.startswith("__"))]

    def lookup(self, name: str) -> object:
        """The value of a name; KeyError if there is none."""
        if name in self.globals:
            return self.globals[name]
        if name not in self.builtins:
            self.load_engine()
        return self.builtins[name]

    def __getitem__(self, name: str) -> object:
        try:
            return self.lookup(name)
        except KeyError:
            from ..show.suggest import did_you_mean

            hint = did_you_mean(name, self.all_names())
        raise UnknownName(f"name '{name}' is not defined", help=hint)

    def __setitem__(self, name: str, value: object) -> None:
        self.globals[name] = self._adopted(value)

    def __delitem__(self, name: str) -> None:
        self[name]
        self.globals.pop(name, None)

    def __contains__(self, name: str) -> bool:
        return name in self.globals

    def __iter__(self):
        return iter(self.names())

    def _adopted(self, value: object) -> object:
        """NumPy arrays become tensors; everything else stays what it is."""
        if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray":
            self.load_engine()
            from ..engine.tensor import from_numpy

            return from_numpy(value)
        return value

    def reset(self) -> None:
        """Forgets all names; device, seed and dtype are as at the start."""
        self._clear()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self._clear()

    def __repr__(self) -> str:
        return f"<tcli.Session on {self.device}, {len(self.names())} names>"


def _silence_numpy() -> None:
    """PyTorch gives inf and nan without a word."""
    import numpy

    numpy.seterr(all="ignore")


def names_in(code: CodeType) -> tuple[set[str], set[str]]:
    """(every name a code object and the functions in it use, the names stored at its top level)."""
    read, todo = set(), [code]
    while todo:
        each = todo.pop()
        read.update(each.co_names)
        todo += [const for const in each.co_consts if type(const) is type(code)]
    return read, {code.co_names[arg] for op, arg in _arguments(code.co_code) if op in _STORES}


_STORES = frozenset((opmap["STORE_NAME"], opmap["STORE_GLOBAL"]))
_EXTENDED = opmap["EXTENDED_ARG"]


def _arguments(code: bytes):
    """(opcode, argument) of each instruction. `dis` would be an import of ten milliseconds."""
    high = 0
    for at in range(0, len(code), 2):
        op, arg = code[at], code[at + 1] | high
        high = arg << 8 if op == _EXTENDED else 0
        yield op, arg


__all__ = ["Session", "names_in"]
