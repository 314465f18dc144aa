#!/usr/bin/env python3
"""Holds tcli's modules against PyTorch's own module samples (`module_db`): one line per module, faults by kind.

Run it with a Python that has torch and tcli's dependencies, tcli on the path:

    scripts/compare_modules.py --only nn.Linear,nn.LSTM    two modules, every fault with its first example
    scripts/compare_modules.py --part 1/4 --summary

Each module is made in both libraries after `manual_seed(0)` and compared: `init` (parameters bit for bit), `state`
(names, shapes, dtypes of the state dict), `text` (repr), then in training and in evaluation, with the same bits:
`value`, `grad`, `gradgrad`, `buffers` after the call, `strided` (non-contiguous inputs), `copy` (deepcopy and pickle),
`move` (`double()`, `half()`, `to`), `switch` (`zero_grad`, `requires_grad_`); `error` and `message` for the calls that
must fail; `crash` and `missing` as in compare_opinfo.py.
"""

from __future__ import annotations

import argparse
import copy
import pickle
import re
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, ModuleInfo, module_db
from torch.testing._internal.common_utils import noncontiguous_like

from scripts.opinfo.compare import Comparison, Report, outcome, seeded
from scripts.opinfo.report import add_report_options, report_all
from scripts.opinfo.values import MORE, Untranslatable, array_of, at_path, differing, leaves_of, mine, translate
from tcli.engine.tensor import Tensor

SKIPPED = re.compile(r"quantiz|\.qat\.|SyncBatchNorm")


def remember_arguments() -> None:
    """Lets every module of PyTorch know what it was made with, so that its like can be made here."""
    def new(kind, *args, **kwargs):
        made = object.__new__(kind)
        object.__setattr__(made, "made_with", (args, kwargs))
        return made

    torch.nn.Module.__new__ = staticmethod(new)


def like(module: torch.nn.Module, seen: dict):
    """The same module in tcli, with the same state."""
    args, kwargs = translate(module.made_with, seen)
    made = at_path("nn." + type(module).__name__)(*args, **kwargs)
    made.load_state_dict(translate(dict(module.state_dict())))
    return made.train(module.training)


def _translated(value: torch.nn.Module, seen: dict):
    if id(value) not in seen:
        seen[id(value)] = like(value, seen) if hasattr(value, "made_with") else at_path("nn." + type(value).__name__)()
    return seen[id(value)]


def strided(value):
    if isinstance(value, torch.Tensor):
        return noncontiguous_like(value)
    if isinstance(value, dict):
        return {k: strided(v) for k, v in value.items()}
    return type(value)(strided(v) for v in value) if type(value) in (list, tuple) else value


def plain_state(module) -> dict:
    return {k: (str(v.dtype), tuple(v.shape)) for k, v in module.state_dict().items()}


class Sample:
    """What `describe` shows of one case."""

    def __init__(self, made_with, given=None):
        self.input, self.args = "make", (made_with.args,)
        self.kwargs = made_with.kwargs | ({"forward": (given.args, given.kwargs)} if given is not None else {})


class ModuleComparison(Comparison):
    """One module in one dtype and mode."""

    def __init__(self, info: ModuleInfo, dtype, training: bool, report: Report):
        self.info, self.dtype, self.training, self.report = info, dtype, training, report
        self.random, self.note = np.random.RandomState(7), " train" if training else " eval"
        self.kind = at_path(info.name)

    def make(self, given) -> tuple:
        """The module of both libraries, and the errors of making it."""
        kwargs = {"dtype": self.dtype, **given.kwargs} if self.takes_dtype(given) else given.kwargs
        my_args, my_kwargs = translate((given.args, kwargs))
        torch.manual_seed(0)
        theirs, error = outcome(lambda: self.info.module_cls(*given.args, **kwargs))
        mine.manual_seed(0)
        ours, failure = outcome(lambda: self.kind(*my_args, **my_kwargs))
        return theirs, ours, error, failure

    def takes_dtype(self, given) -> bool:
        import inspect
        return "dtype" in inspect.signature(self.info.module_cls.__init__).parameters

    def _run(self, case) -> None:
        sample = Sample(case.constructor_input, case.forward_input)
        self.twice = case.constructor_input.kwargs.get("options") is None  # no second order for a loss in chunks
        theirs, ours, error, failure = self.make(case.constructor_input)
        if not self.same_outcome("init", sample, error, failure) or error is not None:
            return
        self.made(sample, theirs, ours)
        theirs.train(self.training), ours.train(self.training)
        if not self.takes_dtype(case.constructor_input):
            theirs.to(self.dtype), ours.to(translate(self.dtype))
        given = (case.forward_input.args, case.forward_input.kwargs)
        if self.forward("value", sample, theirs, ours, given):
            self.after(sample, theirs, ours)
        theirs, ours = self.make(case.constructor_input)[:2]
        theirs.to(self.dtype).train(self.training), ours.to(translate(self.dtype)).train(self.training)
        if self.indifferent(sample, theirs, given):
            self.forward("strided", sample, theirs, ours, strided(given))
        self.copies(sample, theirs, ours, given)
        self.moves(sample, theirs, ours)

    def made(self, sample, theirs, ours) -> None:
        if repr(theirs) != repr(ours):
            self.fault("text", sample, f"{theirs!r}, here {ours!r}")
        if self.info.is_lazy:
            return
        if list(plain_state(theirs).items()) != list(plain_state(ours).items()):
            self.fault("state", sample, f"{plain_state(theirs)}, here {plain_state(ours)}")
            return
        for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
            names, my_names = ([name for name, _ in getattr(m, walk)()] for m in (theirs, ours))
            if names != my_names:
                self.fault("state", sample, f"{walk} {names}, here {my_names}")
        for name, value in theirs.state_dict().items():
            if not np.array_equal(array_of(value), array_of(ours.state_dict()[name]), equal_nan=True):
                self.fault("init", sample, f"{name}: " + str(differing(value, ours.state_dict()[name])))
                break

    def forward(self, kind: str, sample, theirs, ours, given) -> bool:
        arguments = translate(given)
        outputs, error = outcome(lambda: seeded(torch, theirs, *given))
        my_outputs, failure = outcome(lambda: seeded(mine, ours, *arguments))
        if not self.same_outcome(kind, sample, error, failure) or error is not None:
            return False
        found = differing(outputs, my_outputs)
        if found:
            self.fault(kind, sample, found)
            return False
        self.differentiate(kind, sample, (outputs, leaves(given, theirs)), (my_outputs, leaves(arguments, ours)))
        return True

    def indifferent(self, sample, theirs, given) -> bool:
        """Whether PyTorch itself gives the same for other strides: ctc_loss does not."""
        runs = [outcome(lambda a=a: seeded(torch, copy.deepcopy(theirs), *a))[0] for a in (given, strided(given))]
        first, second = (leaves_of(run, torch.Tensor) for run in runs)
        return all(torch.allclose(a, b, equal_nan=True) for a, b in zip(first, second))

    def differentiate(self, kind: str, sample, theirs, ours) -> None:
        roots, my_roots = ([t for t in leaves_of(found, kind_) if t.requires_grad]
                           for found, kind_ in ((theirs[0], torch.Tensor), (ours[0], Tensor)))
        if len(roots) != len(my_roots):
            self.fault("grad", sample, f"{len(roots)} outputs require gradients, here {len(my_roots)}")
        elif roots and theirs[1]:
            first = self.derive("grad" if kind == "value" else kind, sample, (roots, theirs[1]), (my_roots, ours[1]),
                                again=self.twice)
            twice = self.twice and self.info.supports_gradgrad and kind == "value" and self.dtype is torch.float64
            if first is not None and twice:
                self.again(sample, first, theirs[1], ours[1])

    def again(self, sample, first, inputs, my_inputs) -> None:
        pairs = [(g, m) for g, m in first[0] if g.requires_grad]
        if pairs and any(not m.requires_grad for _, m in pairs):
            self.fault("gradgrad", sample, "the gradient does not require gradients")
        elif pairs:
            gs, ms = zip(*pairs)
            if outcome(lambda: torch.autograd.grad([g.sum() for g in gs], inputs, retain_graph=True,
                                                   allow_unused=True))[1] is not None:
                return  # PyTorch has no second derivative here
            self.derive("gradgrad", sample, (gs, inputs + first[1][0]), (ms, my_inputs + first[1][1]))

    def after(self, sample, theirs, ours) -> None:
        if self.info.is_lazy and repr(theirs) != repr(ours):
            self.fault("text", sample, f"{theirs!r}, here {ours!r}")
        if list(theirs.state_dict()) != list(ours.state_dict()):
            self.fault("state", sample, f"{list(theirs.state_dict())}, here {list(ours.state_dict())}")
            return
        for (name, value), my_value in zip(theirs.state_dict().items(), ours.state_dict().values()):
            found = differing(value, my_value)
            if found:
                self.fault("buffers", sample, f"{name}: {found}")

    def copies(self, sample, theirs, ours, given) -> None:
        for way in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
            if outcome(lambda way=way: way(theirs))[1] is not None:
                continue
            made, failure = outcome(lambda way=way: way(ours))
            if failure is not None:
                self.fault("copy", sample, f"{type(failure).__name__}: {failure}")
                continue
            if repr(made) != repr(ours) or plain_state(made) != plain_state(ours):
                self.fault("copy", sample, f"{made!r}")
            a, b = (outcome(lambda m=m: seeded(mine, m, *translate(given)))[0] for m in (made, copy.deepcopy(ours)))
            if any(not np.array_equal(array_of(x), array_of(y), equal_nan=True)
                   for x, y in zip(leaves_of(a, Tensor), leaves_of(b, Tensor))):
                self.fault("copy", sample, "the copy computes something else")

    def moves(self, sample, theirs, ours) -> None:
        for way in (lambda m, t: m.double(), lambda m, t: m.half(), lambda m, t: m.bfloat16(), lambda m, t: m.float(),
                    lambda m, t: m.to(t.float64), lambda m, t: m.to("cpu", t.float16), lambda m, t: m.to(t.zeros(2))):
            error, failure = outcome(lambda way=way: way(theirs, torch))[1], outcome(lambda way=way: way(ours, mine))[1]
            if not self.same_outcome("move", sample, error, failure) or error is not None:
                return
            if not self.info.is_lazy and plain_state(theirs) != plain_state(ours):
                self.fault("move", sample, f"{plain_state(theirs)}, here {plain_state(ours)}")
                return
        for module in (theirs, ours):
            module.requires_grad_(False)
            module.zero_grad()
        needs, my_needs = ([(n, p.requires_grad, p.grad is None) for n, p in m.named_parameters()] for m in (theirs, ours))
        if needs != my_needs:
            self.fault("switch", sample, f"{needs}, here {my_needs}")

    def error_case(self, case) -> None:
        given = case.module_error_input
        sample = Sample(given.constructor_input, given.forward_input)
        self.report.samples += 1
        theirs, ours, error, failure = self.make(given.constructor_input)
        if case.error_on is ModuleErrorEnum.FORWARD_ERROR and error is None and failure is None:
            args, kwargs = given.forward_input.args, given.forward_input.kwargs
            my_args, my_kwargs = translate((args, kwargs))
            error, failure = outcome(lambda: theirs(*args, **kwargs))[1], outcome(lambda: ours(*my_args, **my_kwargs))[1]
        if self.same_outcome("error", sample, error, failure) and error is not None and str(error) != str(failure):
            self.fault("message", sample, f"{error}, here {failure}")


def leaves(given, module) -> list:
    kind = torch.Tensor if isinstance(module, torch.nn.Module) else Tensor
    return [t for t in leaves_of(given, kind) if t.requires_grad] + list(module.parameters())


def compare(info: ModuleInfo, options) -> Report:
    report = Report(info.name)
    for name in options.dtype:
        dtype = getattr(torch, name)
        for training in (True, False) if dtype in info.dtypes else ():
            try:
                comparison = ModuleComparison(info, dtype, training, report)
            except Untranslatable as error:
                report.fault("missing", "", str(error))
                return report
            torch.manual_seed(0)
            for case in info.module_inputs_func(info, "cpu", dtype, True, training):
                comparison.run(case)
            if info.module_error_inputs_func is not None and dtype is torch.float64:
                for case in info.module_error_inputs_func(info, "cpu", dtype, False, training):
                    comparison.error_case(case)
    return report


def selected(options) -> list:
    found = [m for m in module_db if not SKIPPED.search(m.name)]
    found = [m for m in found if not options.only or m.name in options.only]
    part, parts = (int(n) for n in options.part.split("/"))
    return found[part - 1::parts]


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda s: s.split(","), help="modules by name, comma separated")
    parser.add_argument("--dtype", type=lambda s: s.split(","), default=["float32", "float64"])
    add_report_options(parser)
    return parser.parse_args()


def main() -> int:
    options = options_of()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    remember_arguments()
    MORE[torch.nn.Module] = _translated
    return report_all("modules", (compare(info, options) for info in selected(options)), options)


if __name__ == "__main__":
    sys.exit(main())
