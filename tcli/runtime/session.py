"""A session: names that persist, programs that run in them, values and errors that come out.

    session = Session(seed=0)
    session.run("x = randn(3); x * 2")      # the value of the last bare expression
    session["x"]

`run` compiles a text, gives it the program names, runs it and turns whatever goes wrong into a
`TcliError`. The tensor engine is loaded when a program first names something of it, so that
`1 + 1` does not wait for NumPy. Knows no terminal: who wants to see values passes `echo`.
"""

from __future__ import annotations

import sys
from _ast import Expr
from _contextvars import copy_context
from itertools import count
from opcode import opmap

from ..errors import TcliError, UnknownName
from ..source import Source, source_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType
    from typing import Any

_sequence = count(1)

# Program names that Python's own builtins also have, but that serve tensors in tcli.
SHARED = frozenset("abs all any max min pow round sum".split())


class Session:
    """A namespace in which programs run.

    device, dtype: where new tensors live and their default floating-point type.
    seed:  seeds the random streams.
    echo:  is called with the value of each top-level bare expression that is not None.
    quiet: no echo and no notes; trace: positions are recorded and backward passes shown.
    steps: every so many steps of an optimizer, what the step did to each parameter is shown; 0 is never.
    args:  what the program finds in `args` and `sys.argv[1:]`.
    """

    def __init__(self, device: str = "cpu", seed: int | None = None, dtype: object = None, quiet: bool = False,
                 trace: bool = False, echo: Callable[[object], None] | None = None, *,
                 args: Iterable[str] = (), script: str = "tcli", threads: int | None = None, steps: int = 0):
        self.device, self.seed, self.dtype, self.threads = device, seed, dtype, threads
        self.quiet, self.trace, self.echo, self.steps = quiet, trace, echo, steps
        # What watches the steps of optimizers, while something does.
        self._stepping: Any = None
        # Whether to show `x.add_(1)`, whose value is its own receiver: not in scripts.
        self.echo_receivers = echo is not None
        # "auto", "always" or "never": whether pictures have colours.
        self.color = "auto"
        # Whether tensors note where in the program they were made.
        self.positions = trace
        # Called with (node, gradient, produced, seconds) for each node of a backward pass, while a program runs.
        self.observers: list[Callable] = []
        # Called with the `Trace` of a backward pass.
        self.show_trace: Callable[[object], None] = lambda trace: print(trace, file=sys.stderr)
        # Called when all is loaded that a program needs, before it runs.
        self.before_program: Callable[[], None] | None = None
        self.args = [str(each) for each in args]
        self.script = script
        # Called for a name that a program reads and nobody has bound: `_` from stdin.
        self.providers: dict[str, Callable[[], object]] = {}
        self._context = copy_context()
        # A token of the run that is under way; the run that finds another one when it ends was abandoned.
        self._running: object = None
        self._modes: tuple | None = None
        self.access: Any = None
        self.set_access()
        self._clear()

    def set_access(self, access: object = None) -> None:
        """Which files programs may read and write; without an argument the rules for scripts."""
        from ..io.access import Access, current

        self.access = access or Access(named=self.args)
        self._context.run(current.set, self.access)

    def _clear(self) -> None:
        from .helpers import helpers_for
        from .modules import Modules
        from .sandbox import safe_builtins

        self.modules = Modules([self.script, *self.args])
        self.builtins = safe_builtins()
        self.builtins.update(helpers_for(self), args=self.args)
        self.globals: dict[str, object] = {"__name__": "__main__", "__builtins__": self.builtins}
        # The tensor names, `namespaces.BareNames`, once the engine is loaded.
        self.bare: Any = None
        self.engine: Any = None
        self.value: object = None

    # ------------------------------------------------------------ running

    def run(self, text: str, name: str | None = None) -> object:
        """Runs a program; returns the value of its last statement if that is a bare expression."""
        source = Source(text, name or f"<tsr {next(_sequence)}>").register()
        code, shows = self.compile(source)
        if "trace" in text or "why_" in text:
            self.positions = True
        value = self.run_code(code)
        return value if shows else None

    def eval(self, text: str) -> object:
        """The value of an expression, without echo."""
        echo, self.echo = self.echo, None
        try:
            return self.run(text)
        finally:
            self.echo = echo

    def compile(self, source: Source) -> tuple[CodeType, bool]:
        """(code, whether the last statement is a bare expression); raises TsrSyntaxError and kin."""
        from ..lang.compile import lower, parse, to_code

        failure = None
        try:
            tree = parse(source)
            last = tree.body[-1] if tree.body else None
            shows = type(last) is Expr and not getattr(last, "quiet", False)
            module, future = lower(tree, source, echo=True, known_lists=self._lists())
            return to_code(module, source, future), shows
        except TcliError as error:
            failure = error
        failure.__traceback__ = failure.__context__ = None
        raise failure

    def _lists(self) -> frozenset[str]:
        """The variables that hold lists: the compiler promotes those where Python would refuse."""
        return frozenset([name for name, value in self.globals.items() if type(value) is list])

    def run_code(self, code: CodeType) -> object:
        """Runs compiled code in the session's names; the value of its last bare expression."""
        self.prepare(code)
        self.value = None
        if self.before_program is not None:
            self.before_program()
        try:
            self.guarded(exec, code, self.globals)
        except BaseException as failure:
            self.globals.pop("__receiver__", None)  # of an echo that was under way
            if not isinstance(failure, (SystemExit, KeyboardInterrupt)):
                _show_lines(code)
            raise
        value, self.value = self.value, None
        return value

    def guarded(self, function: Callable, *args: object) -> Any:
        """`call`, with whatever goes wrong as a TcliError that keeps no frame and so no tensor."""
        failure: Any = None
        cause: BaseException | None = None
        try:
            return self.call(function, *args)
        except SystemExit:
            raise
        except KeyboardInterrupt as error:
            from .failure import mark_interrupt

            failure = mark_interrupt(error)
        except BaseException as error:
            failure, cause = self._failure(error), error
        # Raised outside of the handler: a context would bring the frames back.
        raise failure from (None if cause is failure else cause)

    def call(self, function: Callable, *args: object) -> Any:
        """Calls a function as a program would: in the session's own context, so that NumPy's error state
        and the like stay out of the caller's, and with the session's settings in place."""
        if self._running is not None:
            return function(*args)
        run = self._running = object()
        if self.engine is not None:
            self._enter_engine()
        try:
            return self._context.run(function, *args)
        finally:
            if self._running is run:
                self._leave()

    def _enter_engine(self) -> None:
        self.engine.positions = self.positions
        self.engine.take_stream()
        self.engine.exchange()
        self._modes = self.engine.modes_in_place()

    def _leave(self) -> None:
        self._running = None
        if self.engine is not None:
            self.engine.exchange()

    def abandon(self) -> None:
        """Lets go of a run in another thread that cannot be stopped now: when it ends, nothing changes here."""
        if self._running is None:
            return
        self._context = self._context.copy()
        self.globals.pop("__receiver__", None)
        if self.engine is not None and self._modes is not None:
            self.engine.put_modes(self._modes)
        self._leave()

    def _failure(self, error: BaseException) -> TcliError:
        from .failure import from_exception

        return from_exception(error, self.all_names)

    # ------------------------------------------------------------ what a program finds

    def prepare(self, code: CodeType) -> None:
        """Binds the tensor names that the code reads; loads the engine only if there are any."""
        free, deleted = free_names(code)
        for name in free:
            if name in self.globals and name not in deleted:
                continue
            if name in self.providers:
                self.load_engine()
                self.builtins[name] = self.providers.pop(name)()
            elif name not in self.builtins or (name in SHARED and self.bare is None):
                self.bind(name)

    def bind(self, name: str) -> bool:
        """Makes a tensor name available; says whether there is one of that name."""
        self.load_engine()
        try:
            self.builtins[name] = self.bare.get(name)
        except KeyError:
            return False
        return True

    def load_engine(self) -> None:
        """Loads the tensor engine; called when something of it is first needed."""
        if self.bare is not None:
            return
        self._context.run(_silence_numpy) if self._running is None else _silence_numpy()
        from .engine_state import EngineState
        from .expansion_note import ExpansionNotes
        from .namespaces import BareNames

        self.engine = EngineState(self.device, self.dtype, self.seed, self.trace, self._traced, self.observers)
        if self.threads is not None:
            from ..engine.threads import set_num_threads

            set_num_threads(self.threads)
        if not self.quiet:
            self.engine.expanded = ExpansionNotes(self._note)
        self.bare = BareNames(self)
        if self._running is not None:
            self._enter_engine()
        for name in SHARED:
            self.bind(name)
        self.watch_steps(self.steps)

    def _note(self, line: str) -> None:
        sys.stdout.flush()
        print(line, file=sys.stderr)

    def _traced(self, rows: list) -> None:
        """Shows a traced backward pass, with the program's names for its leaves."""
        from .program_names import variables_of_program
        from .tracing import Trace, named

        self.show_trace(Trace(named(rows, variables_of_program(self.globals))))

    def watch_steps(self, every: int) -> None:
        """From now on shows what every so many steps of each optimizer did; 0 ends that."""
        self.steps = every
        if self._stepping is not None:
            self._stepping.remove()
            self._stepping = None
        if every:
            from .program_names import variables_of_program
            from .steps import EveryOptimizer
            from .tracing import leaf_names

            self._stepping = EveryOptimizer(every, lambda: leaf_names(variables_of_program(self.globals)), self.show_steps,
                                            lambda: self._running is not None)

    def show_steps(self, optimizer: object, step: int, rows: list) -> None:
        """Shows what a step of an optimizer did, on stderr; says of which one where the program has several."""
        from ..show.gradtrace import steps_table
        from .program_names import variables_of_program

        names = {id(value): name for name, value in variables_of_program(self.globals).items()
                 if isinstance(getattr(value, "param_groups", None), list)}
        of = f" of {names[id(optimizer)]}" if len(names) > 1 and id(optimizer) in names else ""
        sys.stdout.flush()
        print(steps_table(f"step {step}{of}", rows), file=sys.stderr)

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
        return [*self.names(), *self.bare.names(), *(name for name in self.builtins if not name.startswith("__"))]

    def lookup(self, name: str) -> object:
        """The value of a name; KeyError if there is none."""
        if name in self.globals:
            return self.globals[name]
        if name not in self.builtins or name in SHARED:
            self.bind(name)
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


def _show_lines(code: CodeType) -> None:
    """Makes the lines of a program that failed known to plain tracebacks."""
    source = source_named(code.co_filename)
    if source is not None:
        source.show_lines()


def _silence_numpy() -> None:
    """PyTorch gives inf and nan without a word."""
    import numpy

    numpy.seterr(all="ignore")


def free_names(code: CodeType) -> tuple[set[str], set[str]]:
    """(the global names that a program reads and has not bound before, the names it deletes)."""
    free: set[str] = set()
    inner: set[str] = set()
    bound, deleted = _scan(code, free)
    todo = _nested(code)
    while todo:
        each = todo.pop()
        deleted |= _scan(each, inner)[1]
        todo += _nested(each)
    return free | (inner - bound), deleted


def _scan(code: CodeType, free: set[str]) -> tuple[set[str], set[str]]:
    """Walks the instructions in order. `dis` would be an import of ten milliseconds."""
    names, ops, high = code.co_names, code.co_code, 0
    bound: set[str] = set()
    deleted: set[str] = set()
    for at in range(0, len(ops), 2):
        op, arg = ops[at], ops[at + 1] | high
        high = arg << 8 if op == _EXTENDED else 0
        if op == _LOAD_GLOBAL:
            free.add(names[arg >> 1])
        elif op == _LOAD_NAME:
            if names[arg] not in bound:
                free.add(names[arg])
        elif op in _STORES:
            bound.add(names[arg])
        elif op in _DELETES:
            bound.discard(names[arg])
            deleted.add(names[arg])
    return bound, deleted


def _nested(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if type(each) is type(code)]


_STORES = frozenset((opmap["STORE_NAME"], opmap["STORE_GLOBAL"]))
_DELETES = frozenset((opmap["DELETE_NAME"], opmap["DELETE_GLOBAL"]))
_LOAD_NAME, _LOAD_GLOBAL, _EXTENDED = opmap["LOAD_NAME"], opmap["LOAD_GLOBAL"], opmap["EXTENDED_ARG"]

__all__ = ["Session", "free_names"]
