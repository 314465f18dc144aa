"""One operator against tcli: the call, its gradients, its method, in-place and out= forms, its error cases."""

from __future__ import annotations

import re
import signal
import types
import warnings
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch.testing._internal import common_methods_invocations as opinfo
from torch.testing._internal.common_device_type import toleranceOverride

from tcli.engine.storage import root_of
from tcli.engine.tensor import Tensor
from tcli.errors import TcliError

from .values import (
    CUT,
    LOOSE,
    Untranslatable,
    counterpart,
    differing,
    flat,
    leaves_of,
    mine,
    name_of,
    no_worse,
    to_mine,
    translate,
)

NO_VALUES = frozenset("empty empty_like empty_permuted empty_strided new_empty new_empty_strided resize_ resize_as_".split())
SINGLE = (torch.float32, torch.complex64, torch.float16, torch.bfloat16)  # dtypes whose results are held to double precision
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


class Report:
    """The faults of one operator: how many of each kind, and the first example."""

    def __init__(self, name: str):
        self.name, self.samples, self.seconds, self.excused = name, 0, 0.0, 0
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


def warned(call) -> tuple:
    """(result, error, whether it was said that a given tensor was resized) of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result, error = outcome(call)
    return result, error, any("was resized" in str(w.message) for w in caught)


def base_class(error) -> type:
    """The Python class a handler would catch: torch's own subclasses count as what they derive from."""
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins" and not issubclass(c, Warning))


class Comparison:
    """All the ways in which one operator is compared, for one dtype."""

    op, tolerance, seeds = None, None, ()  # of those that compare something else than operators

    def __init__(self, op, dtype, report: Report, options):
        self.op, self.dtype, self.report, self.options = op, dtype, report, options
        self.call = counterpart(op, op.op)
        self.process = translate(op.output_process_fn_grad) if hasattr(op, "output_process_fn_grad") else None
        self.values = op.name not in NO_VALUES
        self.random, self.note = np.random.RandomState(7), ""
        self.tolerance = tolerance_of(op, dtype)
        self.seeds: list = []

    def fault(self, kind: str, sample, text: str) -> None:
        if self.op is not None and excused(self.op, kind, self.dtype):
            self.report.excused += 1
            return
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
        found = differing(process(theirs), my_process(ours), values=self.values, tolerance=self.tolerance)
        if found and not self.rounded(process(theirs), my_process(ours), lambda: process(self.precise(sample)[0])):
            self.fault("value", sample, found)
            return
        if self.dtype.is_floating_point or self.dtype.is_complex:
            self.gradients(sample, process(theirs), my_process(ours), arguments)
            if self.options.saved:
                self.saved(sample)
        if self.options.alias:
            self.aliases(sample)
        self.forms(sample, theirs)

    def saved(self, sample) -> None:
        """Results and inputs that may be written to before the backward pass, as PyTorch does not save them for it."""
        position, more = 0, True
        while more:
            text, error, more = self.written(torch, self.op.op, inputs(sample), torch.Tensor, position)
            my_text, failure, _ = self.written(mine, self.call, translate(inputs(sample)), Tensor, position)
            if text and text == my_text and error is None and failure is not None:
                self.fault("saved", sample, f"{text} is written to: {failure!r}")
            position += 1

    def written(self, library, call, arguments, kind: type, position: int) -> tuple:
        """What was written to, the error of the backward pass after it, and whether there is more to write to."""
        result = seeded(library, call, *arguments)
        roots = [t for t in flat(result) if isinstance(t, kind) and t.requires_grad]
        leaves = [t for t in leaves_of(arguments, kind) if t.requires_grad]
        targets = [(f"result {i}", t) for i, t in enumerate(roots)] + [(f"input {i}", t) for i, t in enumerate(leaves)]
        if not roots or position >= len(targets):
            return "", None, False
        text, target = targets[position]
        with library.no_grad():
            _, error = outcome(lambda: target.mul_(1))
        if error is None:
            _, error = outcome(lambda: library.autograd.grad([r.sum() for r in roots], leaves, allow_unused=True))
            return text, error, position + 1 < len(targets)
        return "", None, position + 1 < len(targets)

    def aliases(self, sample) -> None:
        """Results that are, or view, an argument, and how often the call wrote into arguments."""
        args, kwargs = detached(inputs(sample))
        my_args, my_kwargs = translate((args, kwargs))
        versions = [t._version for t in leaves_of((args, kwargs), torch.Tensor)]
        theirs, error = outcome(lambda: seeded(torch, self.op.op, args, kwargs))
        ours, failure = outcome(lambda: seeded(mine, self.call, my_args, my_kwargs))
        if error is not None or failure is not None:
            return
        given, my_given = leaves_of((args, kwargs), torch.Tensor), leaves_of((my_args, my_kwargs), Tensor)
        writes = [t._version - v for t, v in zip(given, versions, strict=True)]
        my_writes = [t._version for t in my_given]
        if writes != my_writes:
            self.fault("alias", sample, f"writes {writes}, here {my_writes}")
        for i, (x, y) in enumerate(zip(flat(theirs), flat(ours), strict=True)):
            found = self.alias(x, y, given, my_given)
            if found:
                self.fault("alias", sample, f"result {i}: {found}")

    def alias(self, x, y, given: list, my_given: list) -> str | None:
        if not isinstance(x, torch.Tensor) or x.is_conj() or x.is_neg():
            return None  # tcli conjugates at once, where PyTorch marks a view
        same, my_same = [x is t for t in given], [y is t for t in my_given]
        if same != my_same:
            return f"is an argument {same}, here {my_same}"
        if not x.numel():
            return None
        shares = [x.untyped_storage().data_ptr() == t.untyped_storage().data_ptr() for t in given]
        my_shares = [root_of(y._a) is root_of(t._a) or np.may_share_memory(y._a, t._a) for t in my_given]
        if any(shares) != any(my_shares):
            return f"shares memory {shares}, here {my_shares}"
        if (any(shares) or self.options.strides) and not _same_strides(x, y):
            return f"shape {tuple(x.shape)} strides {x.stride()}, here {y.stride()}"
        if any(shares) and not any(same) and x._is_view() and y._base is None:
            return "a view, here not"
        return None

    def precise(self, sample):
        """What PyTorch computes in double precision, and the leaves it was computed from."""
        args, kwargs = inputs(sample.transform(_doubled))
        return seeded(torch, self.op.op, args, kwargs), [t for t in leaves_of((args, kwargs), torch.Tensor) if t.requires_grad]

    def precise_gradients(self, sample) -> tuple:
        """First and second gradients in double precision, with the cotangents that were drawn before."""
        process, _ = self.processing(sample)
        result, leaves = self.precise(sample)
        roots = [t for t in flat(process(result)) if isinstance(t, torch.Tensor) and t.requires_grad]
        seeds = [_doubled(t) for t in self.seeds[0]]
        first = torch.autograd.grad(roots, leaves, seeds, create_graph=True, allow_unused=True)
        if len(self.seeds) == 1:
            return first
        again = [g for g in first if g is not None and g.requires_grad]
        return torch.autograd.grad(again, leaves + seeds, [_doubled(t) for t in self.seeds[1]], allow_unused=True)

    def rounded(self, theirs, ours, precise) -> bool:
        """Whether both differ from the result in double precision by about as much: a badly conditioned sample."""
        if self.dtype not in SINGLE:
            return False
        truth, error = outcome(precise)
        return error is None and no_worse(theirs, ours, truth)

    def processing(self, sample):
        given = getattr(sample, "output_process_fn_grad", None)
        if given is None or given is opinfo.SampleInput(torch.ones(())).output_process_fn_grad:
            return (lambda v: v), (lambda v: v)
        return given, translate(given)

    def same_outcome(self, kind: str, sample, error, failure) -> bool:
        """Whether both raised or neither did, with the class PyTorch has; says so when not."""
        if re.search("INTERNAL ASSERT FAILED|MKL FFT error", str(error)):  # a fault of PyTorch or of its libraries
            return False
        if failure is not None and not isinstance(failure, TcliError):
            self.fault("crash", sample, f"{kind}: {type(failure).__name__}: {failure}" + _where(failure))
        elif error is not None and failure is None and kind in OWN_TESTS and re.search(LACKING, str(error)):
            self.report.excused += 1  # a derivative that PyTorch lacks
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
        self.seeds = [*self.seeds[:1], seeds] if kind == "gradgrad" else [seeds]
        my_seeds = [to_mine(s) for s in seeds]
        first, error = outcome(lambda: torch.autograd.grad(theirs[0], theirs[1], seeds, create_graph=again, allow_unused=True))
        mine_first, failure = outcome(lambda: mine.autograd.grad(list(ours[0]), ours[1], my_seeds, create_graph=again,
                                                                 allow_unused=True))
        if not self.same_outcome(kind, sample, error, failure) or error is not None:
            return None
        for i, (g, m) in enumerate(zip(first, mine_first)):
            missing = (g is None) != (m is None)
            zero = missing and bool(((m if g is None else g).abs() < 1e-5).all())
            found = None if zero or g is None else differing(g, m, tolerance=LOOSE.get(name_of(g.dtype)))
            if missing and not zero:
                found = f"{'None' if g is None else 'a gradient'}, here {'None' if m is None else 'a gradient'}"
            if found and not (not missing and self.rounded(g, m, lambda i=i: self.precise_gradients(sample)[i])):
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
        if method is not None and callable(method) and isinstance(sample.input, torch.Tensor):
            self.form("method", sample, method, copied=False)
        if inplace is not None and callable(inplace):
            self.form("inplace", sample, inplace, copied=True)
            self.inplace_gradient(sample, inplace)
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
        found = differing(process(theirs), my_process(ours), self.values, tolerance=self.tolerance)
        if not found and copied and theirs is args[0] and ours is not my_args[0]:
            found = "must return the tensor itself"
        if found and not self.rounded(process(theirs), my_process(ours), lambda: process(self.precise(sample)[0])):
            self.fault(kind, sample, found)

    def inplace_gradient(self, sample, call) -> None:
        """The gradients through the in-place form, written into a copy of the input."""
        (x, *args), kwargs = inputs(sample)
        leaves = [t for t in leaves_of(((x, *args), kwargs), torch.Tensor) if t.requires_grad]
        if not self.op.supports_inplace_autograd or not isinstance(x, torch.Tensor) or not x.requires_grad or any(
                not t.is_leaf or t._is_view() for t in leaves):
            return
        (my_x, *my_args), my_kwargs = mine_of = translate(((x, *args), kwargs))
        y, error = outcome(lambda: seeded(torch, call, (x.clone(), *args), kwargs))
        my_y, failure = outcome(lambda: seeded(mine, translate(call), (my_x.clone(), *my_args), my_kwargs))
        if self.same_outcome("inplace grad", sample, error, failure) and error is None and y.requires_grad:
            if not my_y.requires_grad:
                self.fault("inplace grad", sample, "does not require gradients")
                return
            my_leaves = [t for t in leaves_of(mine_of, Tensor) if t.requires_grad]
            self.derive("inplace grad", sample, ([y], leaves), ([my_y], my_leaves))

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
        theirs, error, resized = warned(lambda: seeded(torch, self.op.op, args, {**kwargs, "out": out}))
        if isinstance(error, TypeError):
            return
        ours, failure, my_resized = warned(lambda: seeded(mine, self.call, my_args, {**my_kwargs, "out": my_out}))
        if self.same_outcome("out", sample, error, failure) and error is None:
            process, my_process = self.processing(sample)
            precision = expected[0].dtype if expected[0].dtype in SINGLE else None
            found = differing(process(made), my_process(mine_made), self.values, precision, self.tolerance)
            if found and how_differs(made, expected):
                found = differing(process([e.to(t.dtype) for e, t in zip(expected, made)]), my_process(mine_made), self.values,
                                  precision, self.tolerance)
            if found and self.rounded(made, mine_made, lambda: flat(process(self.precise(sample)[0]))):
                found = None
            if not found and len(made) == 1 and theirs is out and ours is not my_out:
                found = "must return out"
            if not found and resized != my_resized:
                found = f"{'warns' if resized else 'does not warn'} of another size, here not so"
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
                if re.search(BEYOND, str(error)):
                    self.report.excused += 1
                    continue
                self.fault("untranslatable", sample, f"{type(error).__name__}: {error}{_where(error)}")

    def error_case(self, case, sample) -> None:
        arguments = translate(inputs(sample))
        _, error = outcome(lambda: self.op.op(*inputs(sample)[0], **inputs(sample)[1]))
        if error is None or re.search("descriptor '|'int' object has no attribute", str(error)):
            return  # a method called with something else than a tensor
        ours, failure = outcome(lambda: self.call(*arguments[0], **arguments[1]))
        if self.same_outcome("error", sample, error, failure) and not re.search(case.error_regex, str(failure)):
            self.fault("message", sample, f"{error}, here {failure}")


def _where(error) -> str:
    frame = error.__traceback__
    while frame.tb_next is not None:
        frame = frame.tb_next
    return f" [{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}]"


def _doubled(t):
    if not isinstance(t, torch.Tensor) or not (t.dtype.is_floating_point or t.dtype.is_complex):
        return t
    return t.detach().to(torch.complex128 if t.dtype.is_complex else torch.float64).requires_grad_(t.requires_grad)


LACKING = "not implemented|functions with out=... arguments don't support automatic differentiation"
BEYOND = r"number of dimensions must be within \[0, 64\]|storage on different device"  # NumPy's limit, tensors without data
OWN_TESTS = {"grad": "test_fn_grad", "gradgrad": "test_fn_gradgrad"}
EXCUSED = {
    ("renorm", "grad", torch.complex64): "nan where its two ways to the magnitude of a complex number round differently",
    ("sort", "value", torch.bool): "above 1024 elements the order of ties follows the vector unit of the machine",
    ("argsort", "value", torch.bool): "as sort",
    ("gather", "error", torch.float32): "an out= that grows in memory it shares; here it moves",
}


def excused(op, kind: str, dtype) -> bool:
    """Whether PyTorch's own test of this kind is known to fail for the operator, or its answer is one of the machine's."""
    if (op.name, kind, dtype) in EXCUSED:
        return True
    return any(getattr(d, "cls_name", None) in ("TestBwdGradients", "TestGradients") and d.test_name == OWN_TESTS.get(kind)
               and (d.dtypes is None or dtype in d.dtypes) for d in op.decorators)


def tolerance_of(op, dtype) -> tuple | None:
    """The widest tolerance that PyTorch's own tests of the operator state for a dtype."""
    found = [d.d[dtype] for info in op.decorators for d in getattr(info, "decorators", ())
             if isinstance(d, toleranceOverride) and dtype in d.d]
    return max(((t.rtol, t.atol) for t in found), default=None)


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


def _same_strides(x: torch.Tensor, y) -> bool:
    """Whether the steps through memory are the same; along dims of one element they mean nothing."""
    return all(a == b for a, b, n in zip(x.stride(), y.stride(), x.shape, strict=True) if n > 1)


def how_differs(made: list, expected: list) -> bool:
    """Whether PyTorch's out= form left another result than the call without it gives."""
    return any(t.shape != e.shape or not torch.allclose(t, e.detach().to(t.dtype), equal_nan=True)
               for t, e in zip(made, expected, strict=True))


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
