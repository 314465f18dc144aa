#!/usr/bin/env python3
"""Holds tcli against PyTorch's own operator samples (`op_db`): one line per operator, faults by kind.

Run it with a Python that has torch and tcli's dependencies, tcli on the path:

    scripts/compare_opinfo.py --only add,cumsum            two operators, every fault with its first example
    scripts/compare_opinfo.py --match '^nn.functional' --summary
    scripts/compare_opinfo.py --part 1/4 --dtype float64,bool --samples 20 --json out.json

For each sample the call is made in both libraries on the same bits and compared: `value` (also shape, dtype,
structure), `grad` and `gradgrad` (the same random cotangents), `method`, `inplace`, `out`, `error` (the class that
PyTorch raises), `message` (its text), `crash` (no error of tcli's own), `missing` (no such operator), `slow`.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import signal
import sys
import time
import types
import warnings
from collections import Counter, defaultdict
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
import torch.nn.functional as F
from torch.testing._internal import common_methods_invocations as opinfo
from torch.testing._internal.common_methods_invocations import wrapper_set_seed
from torch.testing._internal.common_utils import freeze_rng_state

from tcli.engine.tensor import Tensor, from_numpy
from tcli.errors import TcliError
from tcli.runtime.namespaces import known_modules

USUAL = "float64,float32,int64,bool,complex64"
ALL = USUAL + ",float16,bfloat16,complex128,int32,uint8,int16,int8"
TOLERANCE = {"float64": (1e-7, 1e-7), "complex128": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "complex64": (1.3e-6, 1e-5),
             "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5)}
LOOSE = {"float32": (1e-4, 1e-4), "complex64": (1e-4, 1e-4), "float64": (1e-6, 1e-6), "complex128": (1e-6, 1e-6),
         "float16": (2e-2, 2e-2), "bfloat16": (1e-1, 1e-1)}
SKIPPED = re.compile(r"^(_(?!_)|jiterator|slice$|sparse\.|torch\.|to_sparse|hash_tensor|grid_sampler_|native_)"
                     r"|max_pool2d_with_indices|_native|_dropout_backward")
SKIPPED_VARIANTS = re.compile(r"triton|cudnn|decomposed")
NO_VALUES = frozenset("empty empty_like empty_permuted empty_strided new_empty new_empty_strided resize_ resize_as_".split())
CUT = 300

mine = known_modules().get("torch")
BUDGET = {"sample": 10, "op": 90}


class Slow(BaseException):
    """A call took longer than its budget."""


@contextmanager
def within(seconds: float):
    def stop(*_):
        raise Slow

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


class Untranslatable(Exception):
    """A value that has no counterpart in tcli: a fault of kind `missing` when it is an operator."""


def _known_callables() -> dict:
    """id of a public object of torch -> the dotted paths at which it is found."""
    spaces = {"": torch, "nn.functional.": F, "linalg.": torch.linalg, "fft.": torch.fft, "special.": torch.special,
              "signal.windows.": torch.signal.windows, "masked.": torch.masked, "Tensor.": torch.Tensor}
    found = defaultdict(list)
    for prefix, home in spaces.items():
        for name in dir(home):
            value = getattr(home, name, None)
            if callable(value):
                found[id(value)].append(prefix + name)
    return found


KNOWN = _known_callables()
MODULES = {id(torch): "", id(F): "nn.functional", id(torch.nn): "nn", id(torch.linalg): "linalg", id(torch.fft): "fft",
           id(torch.special): "special", id(torch.signal): "signal", id(torch.autograd): "autograd"}


def at_path(path: str):
    """tcli's object at a dotted path below torch."""
    value = mine
    for name in path.split(".") if path else ():
        try:
            value = getattr(value, name)
        except AttributeError:
            raise Untranslatable(f"torch.{path}") from None
    return value


def to_mine(t: torch.Tensor, seen: dict | None = None):
    """The tensor in tcli: the same bits and strides, a leaf when it requires gradients; in one call, tensors that
    share memory share it here."""
    if t.layout is not torch.strided:
        raise Untranslatable(f"layout {t.layout}")
    plain = t.detach().resolve_conj().resolve_neg()
    if plain.dtype is torch.bfloat16:
        import ml_dtypes
        d = np.dtype(ml_dtypes.bfloat16)
    else:
        d = np.dtype(str(plain.dtype).removeprefix("torch."))
    storage = plain.untyped_storage()
    kept = {} if seen is None else seen.setdefault("memory", {})
    if storage.data_ptr() not in kept:  # with the storage itself, so that its address is not given away again
        kept[storage.data_ptr()] = storage, torch.empty(0, dtype=torch.uint8).set_(storage).clone().numpy()
    memory = kept[storage.data_ptr()][1]
    typed = memory[:len(memory) // d.itemsize * d.itemsize].view(d)
    if plain.numel() == 0:
        array = np.empty(tuple(plain.shape), d)
    else:
        array = np.lib.stride_tricks.as_strided(typed[plain.storage_offset():], tuple(plain.shape),
                                                tuple(s * d.itemsize for s in plain.stride()))
    made = from_numpy(array)
    return made.requires_grad_() if t.requires_grad else made


def translate(value, seen=None):
    """A value of an OpInfo for tcli: tensors, dtypes, operators, and Python functions written over torch."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, torch.Tensor):
        seen[id(value)] = to_mine(value, seen)
        return seen[id(value)]
    if isinstance(value, torch.Size):
        return mine.Size(value)
    if isinstance(value, (list, tuple, dict, set)):
        return _container(value, seen)
    if value is None or isinstance(value, (bool, int, float, complex, str, slice, np.generic)) or value is Ellipsis:
        return translate_slice(value, seen) if isinstance(value, slice) else value
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return at_path(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return mine.device(str(value))
    if isinstance(value, types.ModuleType):
        return at_path(MODULES[id(value)]) if id(value) in MODULES else value
    return _callable(value, seen)


def translate_slice(value: slice, seen) -> slice:
    return slice(*(translate(part, seen) for part in (value.start, value.stop, value.step)))


def _container(value, seen):
    if isinstance(value, dict):
        return {k: translate(v, seen) for k, v in value.items()}
    items = [translate(item, seen) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _callable(value, seen):
    if value is freeze_rng_state:
        return nullcontext
    if value is wrapper_set_seed:
        return _seeded
    if id(value) in KNOWN:
        failure = None
        for path in KNOWN[id(value)]:
            try:
                return at_path(path)
            except Untranslatable as error:
                failure = failure or error
        raise failure
    if isinstance(value, functools.partial):
        return functools.partial(translate(value.func, seen), *translate(value.args, seen), **translate(value.keywords, seen))
    if isinstance(value, types.FunctionType) and value.__module__.startswith("torch"):
        return _rebuilt(value, seen)
    if isinstance(value, opinfo.OpInfo):
        return value
    if isinstance(value, torch.nn.Module):
        return at_path("nn." + type(value).__name__)()
    if getattr(value, "__module__", "").startswith("torch") and callable(value):
        raise Untranslatable(getattr(value, "__name__", str(value)))
    return value


def _seeded(op, *args, **kwargs):
    mine.manual_seed(42)
    return op(*args, **kwargs)


def _rebuilt(f: types.FunctionType, seen):
    """The same Python code with torch's names bound to tcli's."""
    names = {"__builtins__": f.__globals__["__builtins__"]}
    cells = tuple(types.CellType() for _ in f.__closure__ or ())
    made = types.FunctionType(f.__code__, names, f.__name__, None, cells or None)
    seen[id(f)] = made
    for cell, original in zip(cells, f.__closure__ or ()):
        cell.cell_contents = translate(original.cell_contents, seen)
    for name in _names_read(f.__code__):
        if name in f.__globals__:
            names[name] = translate(f.__globals__[name], seen)
    made.__defaults__ = translate(f.__defaults__, seen)
    made.__kwdefaults__ = translate(f.__kwdefaults__, seen)
    return made


def _names_read(code) -> set:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names_read(constant)
    return found


def counterpart(op, call):
    """tcli's callable for one of an OpInfo's callables."""
    path = op.name
    if call is op.op and id(call) not in KNOWN and not isinstance(call, (functools.partial, types.FunctionType)):
        return at_path(path)
    return translate(call)


def leaves_of(value, kind) -> list:
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return [leaf for item in value for leaf in leaves_of(item, kind)]
    return []


def flat(value) -> list:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def array_of(t) -> np.ndarray:
    if isinstance(t, torch.Tensor):
        t = t.detach().resolve_conj().resolve_neg()
        t = t.to(torch.complex64) if t.dtype is torch.complex32 else t
        return (t.float() if t.dtype in (torch.bfloat16, torch.float16) else t).numpy(force=True)
    t = t.detach()
    if t.dtype.name == "complex32":
        return t._a
    return (t.float() if t.dtype in (mine.bfloat16, mine.float16) else t).numpy()


def differing(theirs, ours, loose: bool = False, values: bool = True, precision=None) -> str | None:
    """What is different between two results, in a few words; None when nothing is."""
    a, b = flat(theirs), flat(ours)
    if len(a) != len(b):
        return f"{len(a)} results, here {len(b)}"
    for i, (x, y) in enumerate(zip(a, b)):
        found = _differing_one(x, y, loose, values, precision)
        if found:
            return found if len(a) == 1 else f"[{i}] {found}"
    return None


def _differing_one(x, y, loose: bool, values: bool, precision) -> str | None:
    if not isinstance(x, torch.Tensor):
        same = str(x) == str(y) if isinstance(x, (torch.dtype, torch.Size)) else x == y or (x != x and y != y)
        return None if same or isinstance(x, float) and np.isclose(x, y) else f"{x!r}, here {y!r}"[:CUT]
    if not isinstance(y, Tensor):
        return f"a tensor, here {type(y).__name__}"
    if str(x.dtype) != str(y.dtype):
        return f"{x.dtype}, here {y.dtype}"
    if tuple(x.shape) != tuple(y.shape):
        return f"shape {tuple(x.shape)}, here {tuple(y.shape)}"
    return _differing_values(x, y, loose, precision or x.dtype) if values else None


def _differing_values(x, y, loose: bool, precision) -> str | None:
    a, b = array_of(x), array_of(y)
    rtol, atol = (LOOSE if loose else TOLERANCE).get(str(precision).removeprefix("torch."), (0, 0))
    with np.errstate(all="ignore"):
        good = _close(a.real, b.real, rtol, atol) & _close(a.imag, b.imag, rtol, atol) if np.iscomplexobj(a) \
            else _close(a, b, rtol, atol)
        if np.iscomplexobj(a):
            good |= np.abs(a - b) <= atol + rtol * np.abs(a)
    if good.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~good)[0])
    return f"{int((~good).sum())}/{good.size} values, at {at}: {a[at]!r}, here {b[at]!r}"


def _close(a, b, rtol: float, atol: float):
    if a.dtype.kind not in "fc":
        return a == b
    return np.isclose(b, a, rtol, atol, equal_nan=True)


class Report:
    """The faults of one operator: how many of each kind, and the first example."""

    def __init__(self, name: str):
        self.name, self.samples, self.seconds = name, 0, 0.0
        self.counts: Counter = Counter()
        self.examples: dict = defaultdict(list)

    def fault(self, kind: str, where: str, text: str) -> None:
        self.counts[kind] += 1
        if len(self.examples[kind]) < 40:
            self.examples[kind].append(f"{where} -> {text}"[:2 * CUT])

    def line(self) -> str:
        counts = " ".join(f"{kind}={n}" for kind, n in sorted(self.counts.items())) or "ok"
        return f"{self.name:44s} {self.samples:5d} {counts}"


def outcome(call) -> tuple:
    """(result, error) of a call."""
    try:
        return call(), None
    except Slow:
        raise
    except Exception as error:
        return None, error


def base_class(error) -> type:
    """The Python class a handler would catch: torch's own subclasses count as what they derive from."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins" and not issubclass(c, Warning))


class Comparison:
    """All the ways in which one operator is compared, for one dtype."""

    def __init__(self, op, dtype, report: Report, options):
        self.op, self.dtype, self.report, self.options = op, dtype, report, options
        self.call = counterpart(op, op.op)
        self.process = translate(op.output_process_fn_grad) if hasattr(op, "output_process_fn_grad") else None
        self.values = op.name not in NO_VALUES
        self.random, self.note = np.random.RandomState(7), ""

    def fault(self, kind: str, sample, text: str) -> None:
        self.report.fault(kind, f"{str(self.dtype).removeprefix('torch.')} {describe(sample)}{self.note}", text)

    def run(self, sample) -> None:
        self.report.samples += 1
        self.note = ""
        try:
            with within(BUDGET["sample"]):
                self._run(sample)
        except Slow:
            self.fault("slow", sample, f"over {BUDGET['sample']} s")
        except Exception as error:
            self.fault("untranslatable", sample, f"{type(error).__name__}: {error}{_where(error)}")

    def _run(self, sample) -> None:
        theirs, error = outcome(lambda: seeded(torch, self.op.op, *inputs(sample)))
        arguments = translate(inputs(sample))
        ours, failure = outcome(lambda: seeded(mine, self.call, *arguments))
        if not self.same_outcome("value", sample, error, failure) or error is not None:
            return
        process, my_process = self.processing(sample)
        found = differing(process(theirs), my_process(ours), values=self.values)
        if found:
            self.fault("value", sample, found)
            return
        if self.dtype.is_floating_point or self.dtype.is_complex:
            self.gradients(sample, process(theirs), my_process(ours), arguments)
        self.forms(sample, theirs)

    def processing(self, sample):
        given = getattr(sample, "output_process_fn_grad", None)
        if given is None or given is opinfo.SampleInput(torch.ones(())).output_process_fn_grad:
            return (lambda v: v), (lambda v: v)
        return given, translate(given)

    def same_outcome(self, kind: str, sample, error, failure) -> bool:
        """Whether both raised or neither did, with the class PyTorch has; says so when not."""
        if failure is not None and not isinstance(failure, TcliError):
            self.fault("crash", sample, f"{kind}: {type(failure).__name__}: {failure}" + _where(failure))
        elif error is None and failure is not None:
            self.fault(kind, sample, f"raises {failure!r}")
        elif error is not None and failure is None:
            self.fault(kind if kind != "value" else "error", sample, f"must raise {type(error).__name__}: {error}")
        elif error is not None and not isinstance(failure, base_class(error)):
            self.fault("error", sample, f"{kind}: must raise {type(error).__name__}: {error}; here {failure!r}")
        else:
            return True
        return False

    def gradients(self, sample, theirs, ours, arguments) -> None:
        op = self.op
        if not op.supports_autograd or self.dtype not in op.supported_backward_dtypes("cpu"):
            return
        leaves = [t for t in leaves_of(inputs(sample), torch.Tensor) if t.requires_grad]
        my_leaves = [t for t in leaves_of(arguments, Tensor) if t.requires_grad]
        roots = [t for t in flat(theirs) if isinstance(t, torch.Tensor)]
        my_roots = [t for t in flat(ours) if isinstance(t, Tensor)]
        needs, my_needs = [t.requires_grad for t in roots], [t.requires_grad for t in my_roots]
        if needs != my_needs:
            self.fault("grad", sample, f"requires_grad {needs}, here {my_needs}")
            return
        roots, my_roots = [t for t in roots if t.requires_grad], [t for t in my_roots if t.requires_grad]
        if not roots or not leaves or any(t.is_leaf and t._is_view() for t in leaves):
            return  # a leaf that is a view, as some samples have, gets no gradient in PyTorch
        first = self.derive("grad", sample, (roots, leaves), (my_roots, my_leaves))
        if first is not None and op.supports_gradgrad:
            again = [(g, m) for g, m in first[0] if g is not None and g.requires_grad]
            if again and any(not m.requires_grad for _, m in again):
                self.fault("gradgrad", sample, "the gradient does not require gradients")
            elif again:
                gs, ms = zip(*again)
                self.derive("gradgrad", sample, (gs, leaves + first[1][0]), (ms, my_leaves + first[1][1]))

    def derive(self, kind: str, sample, theirs, ours, again: bool = True):
        """Pairs of gradients and the cotangents they were taken with, which are differentiable in turn."""
        seeds = [self.cotangent(t).requires_grad_(kind == "grad") for t in theirs[0]]
        my_seeds = [to_mine(s) for s in seeds]
        first, error = outcome(lambda: torch.autograd.grad(theirs[0], theirs[1], seeds, create_graph=again, allow_unused=True))
        mine_first, failure = outcome(lambda: mine.autograd.grad(list(ours[0]), ours[1], my_seeds, create_graph=again,
                                                                 allow_unused=True))
        if not self.same_outcome(kind, sample, error, failure) or error is not None:
            return None
        for i, (g, m) in enumerate(zip(first, mine_first)):
            missing = (g is None) != (m is None)
            zero = missing and bool(((m if g is None else g).abs() < 1e-5).all())
            found = None if zero or g is None else differing(g, m, loose=True)
            if missing and not zero:
                found = f"{'None' if g is None else 'a gradient'}, here {'None' if m is None else 'a gradient'}"
            if found:
                self.fault(kind, sample, f"input {i}: {found}")
                return None
        pairs = [(g, m) for g, m in zip(first, mine_first) if g is not None and m is not None]
        return pairs, (seeds, my_seeds)

    def cotangent(self, t: torch.Tensor) -> torch.Tensor:
        values = self.random.uniform(-1, 1, tuple(t.shape))
        if t.dtype.is_complex:
            values = values + 1j * self.random.uniform(-1, 1, tuple(t.shape))
        return torch.from_numpy(np.asarray(values)).to(t.dtype)

    def forms(self, sample, expected) -> None:
        method, inplace = self.op.get_method(), self.op.get_inplace()
        if method is not None and callable(method):
            self.form("method", sample, method, copied=False)
        if inplace is not None and callable(inplace):
            self.form("inplace", sample, inplace, copied=True)
        if self.options.out and self.op.supports_out and not sample.kwargs.get("out"):
            self.outs(sample, expected)

    def form(self, kind: str, sample, call, copied: bool) -> None:
        try:
            my_call = translate(call)
        except Untranslatable as error:
            if not self.report.counts["missing"]:
                self.fault("missing", sample, f"{kind} {error}")
            return
        args, kwargs = detached(inputs(sample))
        my_args, my_kwargs = translate((args, kwargs))
        if copied:
            if not isinstance(args[0], torch.Tensor):
                return
            args, my_args = (args[0].clone(), *args[1:]), (my_args[0].clone(), *my_args[1:])
        theirs, error = outcome(lambda: seeded(torch, call, args, kwargs))
        ours, failure = outcome(lambda: seeded(mine, my_call, my_args, my_kwargs))
        if not self.same_outcome(kind, sample, error, failure) or error is not None:
            return
        process, my_process = self.processing(sample)
        found = differing(process(theirs), my_process(ours), values=self.values)
        if not found and copied and theirs is args[0] and ours is not my_args[0]:
            found = "must return the tensor itself"
        if found:
            self.fault(kind, sample, found)

    def outs(self, sample, expected) -> None:
        expected = list(flat(expected))
        if not all(isinstance(t, torch.Tensor) for t in expected):
            return
        for how in ("same", "strided", "empty", "wrong size", "double", "int64", "complex128"):
            self.note = f" out={how}"
            self.out(sample, expected, [out_tensor(t.detach(), how) for t in expected])
        self.note = ""

    def out(self, sample, expected: list, made: list) -> None:
        args, kwargs = detached(inputs(sample))
        my_args, my_kwargs = translate((args, kwargs))
        mine_made = [to_mine(t) for t in made]
        out, my_out = (made[0], mine_made[0]) if len(made) == 1 else (tuple(made), tuple(mine_made))
        theirs, error = outcome(lambda: seeded(torch, self.op.op, args, {**kwargs, "out": out}))
        if isinstance(error, TypeError):
            return
        ours, failure = outcome(lambda: seeded(mine, self.call, my_args, {**my_kwargs, "out": my_out}))
        if self.same_outcome("out", sample, error, failure) and error is None:
            process, my_process = self.processing(sample)
            precision = expected[0].dtype if expected[0].dtype in (torch.float32, torch.complex64) else None
            found = differing(process(made), my_process(mine_made), values=self.values, precision=precision)
            if not found and len(made) == 1 and theirs is out and ours is not my_out:
                found = "must return out"
            if found:
                self.fault("out", sample, found)

    def errors(self) -> None:
        """The calls that PyTorch's operator tests expect to fail."""
        for case in self.op.error_inputs("cpu"):
            sample = case.sample_input
            self.report.samples += 1
            try:
                with within(BUDGET["sample"]):
                    self.error_case(case, sample)
            except Slow:
                self.fault("slow", sample, "error case")
            except Exception as error:
                self.fault("untranslatable", sample, f"{type(error).__name__}: {error}{_where(error)}")

    def error_case(self, case, sample) -> None:
        arguments = translate(inputs(sample))
        _, error = outcome(lambda: self.op.op(*inputs(sample)[0], **inputs(sample)[1]))
        if error is None:
            return
        ours, failure = outcome(lambda: self.call(*arguments[0], **arguments[1]))
        if self.same_outcome("error", sample, error, failure) and not re.search(case.error_regex, str(failure)):
            self.fault("message", sample, f"{error}, here {failure}")


def _where(error) -> str:
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    return f" [{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}]"


def inputs(sample) -> tuple:
    return (sample.input, *sample.args), sample.kwargs


def detached(value):
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {k: detached(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        items = [detached(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def seeded(library, call, args, kwargs):
    library.manual_seed(0)
    return call(*args, **kwargs)


def out_tensor(t: torch.Tensor, how: str) -> torch.Tensor:
    """A tensor to write a result into: right, or wrong in one way."""
    if how == "empty":
        return t.new_empty(0)
    if how == "wrong size":
        return t.new_zeros((*t.shape[:-1], t.shape[-1] + 2) if t.dim() else (3,))
    if how == "strided":
        return t.new_zeros((*t.shape, 2))[..., 0]
    if how in ("double", "int64", "complex128"):
        return torch.zeros(t.shape, dtype=getattr(torch, how))
    return torch.zeros_like(t, memory_format=torch.contiguous_format)


def describe(sample) -> str:
    def text(value):
        if isinstance(value, torch.Tensor):
            odd = "" if value.is_contiguous() else " strides " + str(value.stride())
            body = f"={value.tolist()}" if value.dim() == 0 else ""
            return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}{odd}{body}"
        if isinstance(value, (list, tuple)):
            return "(" + ", ".join(text(v) for v in value) + ")"
        if isinstance(value, (types.FunctionType, torch.nn.Module)):
            return "f"
        return repr(value)

    parts = [text(v) for v in (sample.input, *sample.args)] + [f"{k}={text(v)}" for k, v in sample.kwargs.items()]
    return f"({', '.join(parts)})"[:CUT]


def compare(op, options) -> Report:
    report = Report(op.name + (f"/{op.variant_test_name}" if op.variant_test_name else ""))
    start = time.monotonic()
    for position, dtype in enumerate(getattr(torch, name) for name in options.dtype):
        if not op.supports_dtype(dtype, "cpu"):
            continue
        try:
            comparison = Comparison(op, dtype, report, options)
        except Untranslatable as error:
            report.fault("missing", "", str(error))
            break
        for sample in chosen(samples_of(op, dtype, options, report), options.samples):
            if time.monotonic() - start > BUDGET["op"] * (position + 1) / len(options.dtype):
                report.fault("slow", str(dtype), "the time of this operator is over")
                break
            comparison.run(sample)
    if not report.counts["missing"] and options.errors:
        comparison_errors(op, report, options)
    report.seconds = time.monotonic() - start
    return report


def comparison_errors(op, report: Report, options) -> None:
    if op.error_inputs_func is None:
        return
    try:
        Comparison(op, torch.float32, report, options).errors()
    except (Untranslatable, NotImplementedError) as error:
        report.fault("untranslatable", "error inputs", str(error))


def samples_of(op, dtype, options, report: Report) -> list:
    needs = (dtype.is_floating_point or dtype.is_complex) and op.supports_autograd
    maker = op.reference_inputs if options.reference else op.sample_inputs
    torch.manual_seed(0)
    np.random.seed(0)
    try:
        with within(60):
            return list(maker("cpu", dtype, requires_grad=needs))
    except Slow:
        report.fault("untranslatable", str(dtype), "making the samples takes too long")
    except Exception as error:
        report.fault("untranslatable", str(dtype), f"no samples: {type(error).__name__}: {error}")
    return []


def chosen(samples: list, n: int) -> list:
    if not n or len(samples) <= n:
        return samples
    return [samples[i] for i in np.unique(np.linspace(0, len(samples) - 1, n).astype(int))]


def selected(options) -> list:
    found = [op for op in opinfo.op_db if not SKIPPED.search(op.name) and not SKIPPED_VARIANTS.search(op.variant_test_name)]
    if options.only:
        found = [op for op in found if op.name in options.only]
    if options.match:
        found = [op for op in found if re.search(options.match, op.name)]
    if options.exclude:
        found = [op for op in found if not re.search(options.exclude, op.name)]
    part, parts = (int(n) for n in options.part.split("/"))
    return found[part - 1::parts]


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """The options of every comparison: which part of the list to walk, and what to print."""
    parser.add_argument("--part", default="1/1", help="i/n: every n-th, from the i-th")
    parser.add_argument("--summary", action="store_true", help="only counts, no examples")
    parser.add_argument("--examples", type=int, default=1, help="how many examples of each kind to print")
    parser.add_argument("--faulty", action="store_true", help="leave out operators without faults")
    parser.add_argument("--json", type=Path, help="write everything to this file")


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda s: s.split(","), help="operators by name, comma separated")
    parser.add_argument("--match", help="a regular expression that names must match")
    parser.add_argument("--exclude", help="a regular expression that names must not match")
    parser.add_argument("--dtype", default=USUAL, help=f"comma separated, or all; else {USUAL}")
    parser.add_argument("--samples", type=int, default=0, help="at most so many samples per dtype")
    parser.add_argument("--reference", action="store_true", help="the longer list: reference_inputs")
    parser.add_argument("--no-errors", dest="errors", action="store_false", help="leave out error_inputs")
    parser.add_argument("--no-out", dest="out", action="store_false", help="leave out the out= forms")
    add_report_options(parser)
    options = parser.parse_args()
    options.dtype = (ALL if options.dtype == "all" else options.dtype).split(",")
    return options


def report_all(what: str, reports, options) -> int:
    """Prints each report as it comes, then the sums; the exit status."""
    done = []
    for report in reports:
        done.append(report)
        if report.counts or not options.faulty:
            print(report.line(), flush=True)
        for kind, examples in () if options.summary else sorted(report.examples.items()):
            for example in examples[:options.examples]:
                print(f"    {kind}: {example}", flush=True)
    total = sum((r.counts for r in done), Counter())
    faulty = sum(bool(r.counts) for r in done)
    print(f"{len(done)} {what}, {sum(r.samples for r in done)} samples, {faulty} {what} with faults: "
          + (" ".join(f"{k}={n}" for k, n in sorted(total.items())) or "none"))
    if options.json:
        options.json.write_text(json.dumps([{"name": r.name, "samples": r.samples, "seconds": round(r.seconds, 1),
                                             "counts": r.counts, "examples": r.examples} for r in done], indent=1))
    return 1 if faulty else 0


def main() -> int:
    options = options_of()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return report_all("operators", (compare(op, options) for op in selected(options)), options)


if __name__ == "__main__":
    sys.exit(main())
