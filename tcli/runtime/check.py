"""`tcli check`: a program run on shapes alone, and everything that is wrong with it.

Takes a program text; gives a `Report`: faults (errors with their places), warnings (broadcasts that look
accidental, results nobody uses), notes (conditions that depend on values, loops cut short), and for each line
its operations, bytes and parameters. Nothing is computed and no file but headers is read.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

from ..engine.meta import NeedsValue
from ..errors import FileError, Label, TcliError, UnknownName, Unsupported
from ..source import Source, Span, is_program_code, span_of_instruction
from .check_tree import CAUGHT, ENTERED, FAULT, KNOWN, TURN, UNKNOWN_NAME, UNUSED, instrument
from .check_trials import Trials, raised_by_program
from .check_values import UNKNOWN, Loaded, Symbols, Unknown, UnknownNumber, absorbing, holds_unknown, unclear, walked
from .session import Session, free_names

TURNS, CALLS = 100, 4000  # of a loop: after that many turns or operator calls it is cut short


# Where a shape that both operands grow to is seldom meant.
# Products and powers often are tables of pairs.
_PAIRED = frozenset({"add", "sub", "_true_divide", "eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum", "logical_and",
                     "logical_or", "logical_xor"})
_MEANT = re.compile(r"None|unsqueeze|reshape|view\(|outer|backward|grad\(")  # a column was made, or a gradient


class Line:
    """What a line of the program costs."""

    __slots__ = ("bytes", "calls", "flops", "number", "parameters", "peak", "result")

    def __init__(self, number: int):
        self.number, self.calls, self.flops, self.bytes, self.peak, self.parameters = number, 0, 0, 0, 0, 0
        self.result = ""  # dtype and shape of what was computed last


class Remark(TcliError):
    """A warning or a note: drawn like an error, under its own word."""

    word = "warning"


class BroadcastWarning(Remark):
    """Both operands of an operator grow when they are broadcast, though nobody asked for it.

    `tcli check` warns of (N,) - (N, 1), which gives (N, N): usually a `squeeze` or `keepdim=True` is missing. An index with
    None says that it is meant.
    """

    code = "broadcast"


class UnusedWarning(Remark):
    """The result of a call in a function is used by nobody.

    `tcli check` warns of `x.exp()` as a statement of its own: the operator gives a new tensor, and `x` stays what it was.
    """

    code = "unused"


class ProgramWarning(Remark):
    """A warning that the program or an operator gave while `tcli check` ran it on shapes."""

    code = "warning"


class Note(Remark):
    """Something depends on values, which `tcli check` does not have.

    Both branches of a condition are checked then, a loop is left after some turns, and what comes out of `nonzero` or of a
    mask has an unknown size.
    """

    code, word = "values", "note"


class Report:
    """What a check found."""

    def __init__(self) -> None:
        self.faults: list[TcliError] = []
        self.warnings: list[Remark] = []
        self.notes: list[Remark] = []
        self.lines: dict[int, Line] = {}
        self.flops = self.peak = self.parameters = 0

    def line(self, number: int) -> Line:
        if number not in self.lines:
            self.lines[number] = Line(number)
        return self.lines[number]


def check(text: str, name: str = "<tsr>", *, device: str = "cpu", args: Iterable[str] = (),
          inputs: dict[str, str] | None = None) -> Report:
    """Checks a program; `inputs` declares variables by contracts: {"x": "f32[B, 784]"}."""
    return Checker(text, name, device, args, inputs or {}).run()


def _wants_values(error: BaseException) -> bool:
    """Whether an error says that shapes alone do not do."""
    return isinstance(error, NeedsValue) or isinstance(error, Unsupported) and re.search(
        "[Mm]eta tensor|register_meta", str(error)) is not None


class Checker:
    """One check of one program."""

    def __init__(self, text: str, name: str, device: str, args: Iterable[str], inputs: dict[str, str]):
        self.source = Source(text, name).register()
        self.session = Session(device=device, seed=0, args=args, script=name)
        self.inputs, self.report, self.symbols = inputs, Report(), Symbols()
        self._seen: set[tuple] = set()
        self._spans: dict[tuple, Span | None] = {}
        self._live = self._calls = 0
        self._absorbed = False  # a statement did not run
        self.trials = Trials()

    def run(self) -> Report:
        """The report; raises what makes the text no program."""
        from ..engine import sketch

        self.session.positions = True
        code = self._code()
        with sketch.sketching(UnknownNumber), contextlib.redirect_stdout(io.StringIO()), self._warnings():
            self.session.load_engine()
            self._install()
            sketch.watchers.append(self._watch)
            try:
                self._declare()
                self._execute(code)
                self._undefined(code)
                self._parameters()
                self.trials.run(self._tree, self.session.globals)
            finally:
                sketch.watchers.remove(self._watch)
        self.report.flops = sum(line.flops for line in self.report.lines.values())
        self._name_sizes()
        return self.report

    @contextlib.contextmanager
    def _warnings(self) -> Iterator[None]:
        import warnings

        def show(message: Any, *_where: Any, **_more: Any) -> None:
            if not self._absorbed:
                self._warn(ProgramWarning(str(message), span=self._here()))

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = show
            yield

    def _code(self) -> Any:
        from ..lang.compile import lower, parse, to_code

        module, future = lower(parse(self.source), self.source, echo=True, known_lists=frozenset())
        self._tree = module
        stored = [each for each in ast.walk(module) if isinstance(getattr(each, "ctx", None), ast.Store)]
        self._bound = {getattr(each, "id", getattr(each, "attr", "")) for each in stored}
        return to_code(instrument(module), self.source, future)

    def _execute(self, code: Any) -> None:
        try:
            self.session.run_code(code)
        except TcliError as error:
            self._add(error)
        except SystemExit:
            self._note("the program ends here with exit()", None)

    def _declare(self) -> None:
        for name, contract in self.inputs.items():
            self.session.globals[name] = UNKNOWN
            self.session.run(f"{name}: {contract} = {name}", f"<-v {name}>")

    # ------------------------------------------------------------ what the instrumented program calls

    def _install(self) -> None:
        builtins = self.session.builtins
        builtins.update({FAULT: self._fault, TURN: self._turn, KNOWN: self._known, UNUSED: self._unused,
                         UNKNOWN_NAME: UNKNOWN, CAUGHT: Exception, ENTERED: self.trials.entered})
        contract: Any = builtins["__contract__"]
        builtins["__contract__"] = lambda value, spec, dims, name, place: contract(
            self._of_contract(value, spec, dims), spec, dims, name, place)
        builtins["load"] = self._load
        for name in ("trace", "why_no_grad", "why_nan", "plot", "hist", "heat", "imshow", "summary"):
            builtins[name] = UNKNOWN
        for name in ("len", "sorted", "sum", "max", "min", "round"):
            if name in builtins:
                plain: Any = builtins[name]
                builtins[name] = absorbing(plain)
        self.session.echo = None

    def _fault(self, passing: bool = False) -> None:
        """Called where a statement failed: reports it, unless it only passes on that something is unknown.

        `passing`: an error that does not come of something unknown is for the program's own handlers.
        """
        error = sys.exc_info()[1]
        if error is None or self._follows(error) or self._absorbed and self._may_follow(error) or (
                self.trials.on and raised_by_program(error)):
            self._absorbed = True
            return
        if passing and not _wants_values(error):
            raise error
        self._absorbed = True
        failure = self.session._failure(error)
        if _wants_values(error):
            self._note("what comes of this depends on values: it is not checked further", failure.span)
        elif isinstance(error, FileError | OSError):
            self._note(f"{failure.message}: its shapes are unknown", failure.span)
        else:
            self._add(failure)

    def _follows(self, error: BaseException) -> bool:
        """Whether an error comes of an unknown value in the failing expression."""
        if "Unknown" in str(error) or isinstance(error, StopIteration):
            return True
        if isinstance(error, ValueError) and "to unpack" in str(error) and walked:
            walked.clear()
            return True
        found, trace = None, error.__traceback__
        while trace is not None:
            if is_program_code(trace.tb_frame.f_code):
                found = trace
            trace = trace.tb_next
        if found is None:
            return False
        span = span_of_instruction(found.tb_frame.f_code, found.tb_lasti)
        names = set(re.findall(r"[^\W\d]\w*", span.text if span is not None else ""))
        variables = found.tb_frame.f_globals | found.tb_frame.f_locals
        return any(holds_unknown(variables.get(name)) for name in names)

    def _may_follow(self, error: BaseException) -> bool:
        """Whether an error may come of statements that could not run before: names never bound, gradients never computed."""
        if isinstance(error, UnknownName | NameError):
            return bool(self._bound.intersection(re.findall(r"'(\w+)'", str(error))))
        if isinstance(error, AttributeError) and self._bound.intersection(re.findall(r"no attribute '(\w+)'", str(error))):
            return True
        if "does not require grad" in str(error):
            return True
        return "NoneType" in str(error) and isinstance(error, TypeError | AttributeError)

    def _known(self, condition: Any, branches: bool = True) -> bool | None:
        """The answer of a condition, None where there is none."""
        if unclear(condition):
            if not branches:
                return None
            self._note("this depends on values: both ways are checked", self._here())
            return None
        return bool(condition)

    def _turn(self, iterable: Any, *condition: Any) -> Any:
        """A `for` loop's values, or whether a `while` loop goes on; long loops are cut short."""
        if condition:
            return self._again(condition[0])
        return self._bounded(iterable, self._here())

    def _bounded(self, iterable: Any, where: Span | None) -> Iterator[Any]:
        start = self._calls
        for number, value in enumerate(iterable, 1):
            yield value
            if number >= TURNS or self._calls - start > CALLS:
                self._note(f"only the first {number} turns of this loop are checked", where)
                return

    def _again(self, condition: Any) -> bool:
        where = self._here()
        key = ("while", str(where))
        turns = self._turns[key] = self._turns.get(key, 0) + 1
        if unclear(condition):
            if turns <= 2:
                self._note("how long this loop runs depends on values: two turns are checked", where)
                return True
        elif condition and turns <= TURNS:
            return True
        elif condition:
            self._note(f"only the first {TURNS} turns of this loop are checked", where)
        self._turns[key] = 0
        return False

    @property
    def _turns(self) -> dict:
        return self.__dict__.setdefault("_turn_counts", {})

    def _unused(self, value: Any) -> Any:
        from ..engine.tensor import Tensor

        where = self._here()
        # A draw that nobody reads moves the random stream.
        if isinstance(value, Tensor) and not (where is not None and re.search(r"\brand|normal|bernoulli", where.text)):
            self._warn(UnusedWarning("nothing uses the result of this call", span=where))
        return value

    # ------------------------------------------------------------ values from outside

    def _of_contract(self, value: Any, spec: tuple, dims: dict) -> Any:
        """An unknown value with a contract is a tensor of that dtype and shape, its sizes by name."""
        from .contracts import Binding, evaluate

        kind, wanted, text = spec
        if type(value) is not Unknown or any(dim[0] in ("ellipsis", "star") for dim in wanted):
            return value
        shape = []
        for number, dim in enumerate(wanted):
            if dim[0] == "name":
                bound = dims.get(dim[1])
                shape.append(bound.size if bound is not None else self.symbols.size(dim[1]))
            elif dim[0] == "int":
                shape.append(dim[1])
            elif dim[0] == "any":
                shape.append(self.symbols.size(f"_{number}"))
            else:
                shape.append(evaluate(dim[2], {k: Binding(b.size, b.place) for k, b in dims.items()}, dim[1]))
        return self._tensor(shape, kind)

    def _tensor(self, shape: Iterable[int], kind: str) -> Any:
        from ..engine import dtypes
        from ..engine.dispatch import wrap
        from ..engine.meta import MetaArray

        dtype = next((d for d in dtypes.ALL if kind in (d.short, d.name)), dtypes.get_default_dtype())
        return wrap(MetaArray(shape, dtype.numpy, self._place()))

    def _place(self) -> Any:
        from ..engine.device import default_device

        return default_device()

    def _load(self, path: Any, **options: Any) -> Any:
        """`load`, but of the header alone."""
        from ..io import open_input, read_listing, split_name

        if type(path) is Unknown:
            return UNKNOWN
        base, wanted = split_name(str(path))
        try:
            with open_input(base) as file:
                listing = read_listing(file, options.get("format"))
        except FileError as error:
            self._note(f"{error.message}: its shapes are unknown", self._here())
            return UNKNOWN
        tensors = {entry.name: self._tensor(entry.shape, entry.dtype) for entry in listing.entries}
        if wanted is not None:
            return tensors.get(wanted, UNKNOWN)
        return next(iter(tensors.values())) if len(tensors) == 1 else Loaded(tensors) if tensors else UNKNOWN

    # ------------------------------------------------------------ what ops do

    def _watch(self, o: Any, arrays: list, outs: list) -> None:
        """Counts one call of an op and looks at how its operands broadcast."""
        where = self._here()
        self._calls += o is not None
        if not self.trials.on:
            self._count(o, arrays, outs, self.report.line(where.line if where is not None else 0))
        if o is not None and o.name in _PAIRED and len(arrays) == 2 and len(outs) == 1:
            self._both_grow(arrays[0].shape, arrays[1].shape, where)

    def _count(self, o: Any, arrays: list, outs: list, line: Line) -> None:
        from ..engine.cost import flops
        from ..engine.dtypes import of_numpy

        if o is not None:
            line.calls += 1
            line.flops += flops(o, arrays, outs)
            if outs and hasattr(outs[0], "shape"):
                line.result = f"{of_numpy(outs[0].dtype).short}[{', '.join(map(str, outs[0].shape))}]"
        for out in outs:
            root = getattr(out, "base", None)
            root = out if root is None else root
            # A view of an operand takes no memory; one of what the kernel made does.
            if hasattr(root, "nbytes") and not any(root is a or root is getattr(a, "base", None) for a in arrays):
                self._allocated(root.nbytes, root, line)

    def _allocated(self, size: int, array: Any, line: Line) -> None:
        self._live += size
        line.bytes += size
        line.peak = max(line.peak, self._live)
        self.report.peak = max(self.report.peak, self._live)
        weakref.finalize(array, self._freed, size).atexit = False

    def _freed(self, size: int) -> None:
        self._live -= size

    def _both_grow(self, a: tuple, b: tuple, where: Span | None) -> None:
        """(N,) and (N, 1) make (N, N): seldom what was meant where nobody wrote a None."""
        small, large = sorted((a, b), key=len)
        if len(small) == len(large) or not small or small[-1] < 2 or large[-1] != 1 or len(large) < 2:
            return
        if large[-2] != small[-1] or where is None or _MEANT.search(where.text):
            return
        self._warn(BroadcastWarning(f"both operands grow: {list(a)} and {list(b)} broadcast to "
                                    f"{[*large[:-1], small[-1]]}", span=where,
                                    help="squeeze(-1) the one with the 1, or write None where a table of pairs is meant"))

    # ------------------------------------------------------------ at the end

    def _undefined(self, code: Any) -> None:
        """Names that functions read which nobody called, and that stand nowhere."""
        session = self.session
        known = {*session.globals, *session.builtins, *session.bare.names()}
        for name in sorted(free_names(code)[0] - known):
            if name.startswith("__") or session.bind(name):
                continue
            where = self._first_use(name)
            if where is not None:
                from ..show.suggest import did_you_mean

                self._add(UnknownName(f"name '{name}' is not defined", span=where,
                                      help=did_you_mean(name, [n for n in known if not n.startswith("_")])))

    def _first_use(self, name: str) -> Span | None:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                return self.source.span_of_node(node)
        return None

    def _parameters(self) -> None:
        """The parameters of each module, at the line that bound it."""
        places = {target.id: node.lineno for node in ast.walk(self._tree) if isinstance(node, ast.Assign)
                  for target in node.targets if isinstance(target, ast.Name)}
        counted: set[int] = set()
        items: list[tuple[str, Any]] = list(self.session.globals.items())
        for name, value in items:
            if name.startswith("_") or not callable(getattr(type(value), "parameters", None)):
                continue
            fresh = {id(p): p.numel() for p in value.parameters() if id(p) not in counted}
            counted |= set(fresh)
            self.report.parameters += sum(fresh.values())
            if name in places:
                self.report.line(places[name]).parameters += sum(fresh.values())

    # ------------------------------------------------------------ remarks

    def _here(self) -> Span | None:
        """The instruction of the program that is running."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            if is_program_code(frame.f_code) and frame.f_code.co_filename == self.source.name:
                key = frame.f_code, frame.f_lasti
                if key not in self._spans:
                    self._spans[key] = span_of_instruction(*key)
                return self._spans[key]
            frame = frame.f_back
        return None

    def _fresh(self, kind: str, message: str, span: Span | None) -> bool:
        key = (kind, message if kind == "fault" else "", str(span))
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _add(self, failure: TcliError) -> None:
        failure.__traceback__ = failure.__cause__ = failure.__context__ = None
        if self._fresh("fault", failure.message, failure.span):
            self.report.faults.append(failure)

    def _warn(self, warning: Remark) -> None:
        if self._fresh(warning.code, warning.message, warning.span):
            self.report.warnings.append(warning)

    def _note(self, message: str, span: Span | None) -> None:
        if self._fresh("note", message, span):
            self.report.notes.append(Note(message, span=span))

    def _name_sizes(self) -> None:
        """Writes named sizes by their names in everything that a person reads."""
        named = self.symbols.named
        for line in self.report.lines.values():
            line.result = named(line.result)
        for remark in [*self.report.faults, *self.report.warnings, *self.report.notes]:
            remark.message = named(remark.message)
            remark.notes = [named(str(note)) for note in remark.notes]
            remark.help = named(remark.help) if remark.help else remark.help
            remark.labels = [Label(label.span, named(label.text)) for label in remark.labels]


__all__ = ["Checker", "Report", "check"]
