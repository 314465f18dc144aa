#!/usr/bin/env python3
"""Holds tcli's optimisers against PyTorch's own samples (`optim_db`): one line per optimiser, faults by kind.

Run it with a Python that has torch and tcli's dependencies, tcli on the path:

    scripts/compare_optimizers.py --only SGD,Adam          two optimisers, every fault with its first example

Every set of options, in each implementation PyTorch has on a CPU, takes 20 steps over each problem (float64, float32,
complex, 0-d, missing gradients, groups, names) and is compared after every one: `step` (parameters), `state` (the state
dict), `loss`, `text` (repr), `load` (going on from a state dict), `diff` (gradients through `differentiable` steps),
`lr` (a schedule of each kind in the list), `error` and `message` for what must fail.
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, OptimizerInfo, optim_db

from scripts.opinfo.compare import Comparison, Report, outcome
from scripts.opinfo.report import add_report_options, report_all
from scripts.opinfo.values import Untranslatable, at_path, differing, mine, to_mine, translate

STEPS = 20
SHAPES = {"float64": ("float64", [(5, 4), (4,)]), "float32": ("float32", [(3, 5), (2, 2, 3)]), "scalar": ("float64", [()]),
          "complex": ("complex128", [(3, 2), (2,)]), "complex64": ("complex64", [(3, 2)]), "large": ("float32", [(70, 90)]),
          "half": ("float16", [(8, 16)]), "bfloat16": ("bfloat16", [(8, 16)]), "empty": ("float64", [(0, 3), (2, 2)]),
          "matrices": ("float32", [(6, 4), (3, 8)]), "matrices64": ("float64", [(6, 4), (5, 5)])}
FORMS = ("list", "groups", "names", "named groups", "missing")
SCHEDULES = ["StepLR(o, 3, 0.5)", "CosineAnnealingLR(o, 5)", "CyclicLR(o, 0.01, 0.2, 3, 4)", "OneCycleLR(o, 0.3, 30)"]


class Sample:
    """What `describe` shows of one case."""

    def __init__(self, text: str, kwargs: dict):
        self.input, self.args, self.kwargs = text, (), kwargs


def start(problem: str) -> list:
    dtype, shapes = SHAPES[problem]
    stream = np.random.RandomState(3)
    values = [stream.standard_normal(s) + (1j * stream.standard_normal(s) if "complex" in dtype else 0) for s in shapes]
    return [torch.from_numpy(np.asarray(v)).to(getattr(torch, dtype)) for v in values]


def arrange(params: list, form: str):
    if form == "groups":
        return [{"params": params[:1], "lr": 0.02}, *({"params": [p]} for p in params[1:])]
    if form == "names":
        return [(f"p{i}", p) for i, p in enumerate(params)]
    if form == "named groups":
        return [{"params": [("a", params[0])]}, *({"params": [(f"b{i}", p)]} for i, p in enumerate(params[1:]))]
    return params


def closure_of(library, params: list, optimizer, skip: bool, counts: list):
    """The loss of a problem with curvature, kinks and, for `skip`, a parameter that only sometimes counts."""
    def closure():
        optimizer.zero_grad()
        counts[0] += 1
        loss = 0.0
        for i, p in enumerate(params):
            if skip and i and counts[0] % 3 == 0:
                continue
            q = library.view_as_real(p) if p.is_complex() else p
            if q.itemsize == 2:  # an exact gradient: halves differ in how they round sums
                loss = loss + (q * (0.25 * counts[0])).sum()
                continue
            loss = loss + ((q * (i + 1)).sin() + 0.1 * q * q + 0.05 * q.abs()).sum()
        loss.backward()
        return loss
    return closure


class OptimizerComparison(Comparison):
    """One optimiser with one set of options."""

    def __init__(self, info: OptimizerInfo, kwargs: dict, report: Report):
        self.info, self.kwargs, self.report = info, kwargs, report
        self.random, self.dtype, self.note = np.random.RandomState(7), "", ""
        self.kind = at_path("optim." + info.name)

    def both(self, problem: str, form: str) -> list:
        """Parameters, optimiser and closure of each library, or the errors."""
        params = start(problem)
        made = []
        for library, kind, own in ((torch, self.info.optim_cls, [p.clone().requires_grad_() for p in params]),
                                   (mine, self.kind, [to_mine(p).clone().requires_grad_() for p in params])):
            kwargs = copy.deepcopy(self.kwargs) if library is torch else translate(copy.deepcopy(self.kwargs))
            optimizer, error = outcome(lambda kind=kind, own=own, kwargs=kwargs: kind(arrange(own, form), **kwargs))
            made.append((own, optimizer, optimizer and closure_of(library, own, optimizer, form == "missing", [0]), error))
        return made

    def follow(self, problem: str, form: str) -> None:
        sample = Sample(f"{problem} {form}", self.kwargs)
        self.report.samples += 1
        (params, optimizer, closure, error), (own, ours, my_closure, failure) = self.both(problem, form)
        if not self.agrees("step", sample, error, failure) or error is not None:
            return
        if repr(optimizer) != repr(ours):
            self.fault("text", sample, f"{optimizer!r}, here {ours!r}")
        for step in range(STEPS):
            loss, error = outcome(functools.partial(self.advance, optimizer, closure, step))
            my_loss, failure = outcome(functools.partial(self.advance, ours, my_closure, step))
            if not self.agrees("step", sample, error, failure) or error is not None:
                return
            if self.differs(sample, f"step {step}: ", (loss, params, optimizer), (my_loss, own, ours)):
                return
        self.reload(sample, problem, form, (params, optimizer), (own, ours))

    def advance(self, optimizer, closure, step: int):
        if self.info.step_requires_closure or step % 2:
            return optimizer.step(closure)
        loss = closure()
        optimizer.step()
        return loss

    def agrees(self, kind: str, sample, error, failure) -> bool:
        if not self.same_outcome(kind, sample, error, failure):
            return False
        if error is not None and str(error).splitlines()[0] != str(failure).splitlines()[0]:
            self.fault("message", sample, f"{error}, here {failure}")
        return True

    def differs(self, sample, at: str, theirs, ours) -> bool:
        loose = self.info.name == "LBFGS" or "float32" in SHAPES[sample.input.split()[0]][0]
        for kind, a, b in (("loss", theirs[0], ours[0]), ("step", theirs[1], ours[1])):
            found = differing(a, b, loose or kind == "loss")
            if found:
                self.fault(kind, sample, at + found)
                return True
        found = different_state(theirs[2].state_dict(), ours[2].state_dict(), loose)
        if found:
            self.fault("state", sample, at + found)
        return bool(found)

    def reload(self, sample, problem: str, form: str, theirs, ours) -> None:
        """A fresh optimiser that loads the state goes on as PyTorch's does."""
        after = []
        for library, (params, optimizer) in ((torch, theirs), (mine, ours)):
            fresh = [p.detach().clone().requires_grad_() for p in params]
            kwargs = copy.deepcopy(self.kwargs) if library is torch else translate(copy.deepcopy(self.kwargs))
            kind = self.info.optim_cls if library is torch else self.kind
            second = kind(arrange(fresh, form), **kwargs)
            state = copy.deepcopy(optimizer.state_dict())
            _, error = outcome(lambda second=second, state=state: second.load_state_dict(state))
            if error is not None:
                self.fault("load", sample, repr(error))
                return
            closure = closure_of(library, fresh, second, False, [0])
            for step in range(3):
                self.advance(second, closure, step)
            after.append((fresh, second))
        found = differing(after[0][0], after[1][0], True) or different_state(
            after[0][1].state_dict(), after[1][1].state_dict(), True)
        if found:
            self.fault("load", sample, found)

    def differentiable(self) -> None:
        """Gradients through three steps, in the parameters, the gradients and the state."""
        sample = Sample("differentiable", self.kwargs)
        self.report.samples += 1
        results = []
        for library, kind in ((torch, self.info.optim_cls), (mine, self.kind)):
            w, g = start("matrices64")
            g = g.flatten()[:24].reshape(6, 4) if g.numel() >= 24 else start("matrices64")[0].flip(0)
            if library is mine:
                w, g = to_mine(w), to_mine(g)
            w.requires_grad_(), g.requires_grad_()
            kwargs = copy.deepcopy(self.kwargs) if library is torch else translate(copy.deepcopy(self.kwargs))

            def run(library=library, kind=kind, w=w, g=g, kwargs=kwargs):
                p = w.clone()
                optimizer = kind([p], differentiable=True, **kwargs)
                for i in range(3):
                    p.grad = (g * (i + 1)).sin() + p.detach() * 0.1
                    optimizer.step()
                return p, library.autograd.grad((p * p).sum(), [w, g], allow_unused=True)
            results.append(outcome(run))
        (theirs, error), (ours, failure) = results
        if error is not None:
            return  # PyTorch cannot
        if self.agrees("diff", sample, error, failure):
            found = differing(theirs, ours, True)
            if found:
                self.fault("diff", sample, found)

    def schedules(self) -> None:
        for text in SCHEDULES:
            rates = []
            for library, (params, optimizer, closure, error) in zip((torch, mine), self.both("matrices64", "list")):
                if error is None:
                    rates.append(outcome(functools.partial(rates_of, library, text, optimizer, closure, params)))
            if len(rates) == 2 and self.agrees("lr", Sample(text, self.kwargs), rates[0][1], rates[1][1]):
                found = differing(rates[0][0], rates[1][0], True)
                if found:
                    self.fault("lr", Sample(text, self.kwargs), found)

    def error_case(self, case) -> None:
        given = case.optimizer_error_input
        sample = Sample(given.desc, given.kwargs)
        self.report.samples += 1
        params = given.params if given.params is not None else [torch.ones(2, 2, requires_grad=True)]
        my_params = own(params, {})
        optimizer, error = outcome(lambda: self.info.optim_cls(params, **given.kwargs))
        ours, failure = outcome(lambda: self.kind(my_params, **translate(given.kwargs)))
        if case.error_on is OptimizerErrorEnum.STEP_ERROR and error is None and failure is None:
            error, failure = outcome(lambda: optimizer.step())[1], outcome(lambda: ours.step())[1]
        self.agrees("error", sample, error, failure)


def own(params, seen: dict):
    """Parameters and groups for tcli: one tensor for each of PyTorch's."""
    if isinstance(params, dict):
        return {k: own(v, seen) for k, v in params.items()}
    if isinstance(params, (list, tuple)):
        return type(params)(own(p, seen) for p in params)
    made = translate(params, seen)
    if isinstance(params, torch.Tensor) and params.is_leaf and params.grad is not None:
        made.grad = to_mine(params.grad)
    return made


def rates_of(library, text: str, optimizer, closure, params) -> list:
    schedule = eval("s." + text, {"s": library.optim.lr_scheduler, "o": optimizer})
    found = []
    for _ in range(8):
        optimizer.step(closure)
        schedule.step()
        found += schedule.get_last_lr()
    return found + [p.detach() for p in params]


def different_state(theirs, ours, loose: bool, at: str = "") -> str | None:
    if isinstance(theirs, dict):
        if list(map(str, theirs)) != list(map(str, ours)):
            return f"{at}: {list(theirs)}, here {list(ours)}"
        for (key, a), b in zip(theirs.items(), ours.values()):
            found = different_state(a, b, loose, f"{at}[{key!r}]")
            if found:
                return found
        return None
    if isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        if type(theirs) is not type(ours) or len(theirs) != len(ours):
            return f"{at}: {theirs!r}, here {ours!r}"[:300]
        return next((f for i, (a, b) in enumerate(zip(theirs, ours))
                     if (f := different_state(a, b, loose, f"{at}[{i}]"))), None)
    found = differing([theirs], [ours], loose)
    return f"{at} {found}" if found else None


def implementations(info: OptimizerInfo) -> list:
    """The flags PyTorch accepts on a CPU."""
    found = [{}]
    found += [{"foreach": True}, {"foreach": False}] if "foreach" in info.supported_impls else []
    found += [{"fused": True}] if "fused" in info.supported_impls and "cpu" in info.supports_fused_on else []
    return found + ([{"capturable": True}] if info.has_capturable_arg else [])


def compare(info: OptimizerInfo) -> Report:
    report = Report(info.name)
    options = [given.kwargs for given in info.optim_inputs_func("cpu")]
    try:
        for kwargs, flags in itertools.product(options, implementations(info)):
            comparison = OptimizerComparison(info, kwargs | flags, report)
            problems = ("matrices", "matrices64") if info.name == "Muon" else SHAPES
            for problem, form in itertools.product(problems, FORMS):
                if flags and SHAPES[problem][0] in ("float16", "bfloat16"):
                    continue  # kernels of many tensors at once round elsewhere
                if info.name == "LBFGS" and SHAPES[problem][0] != "float64":
                    continue  # differences of rounding grow too fast
                if form == "list" or (problem in ("float64", "matrices") and not flags):
                    comparison.follow(problem, form)
            if "differentiable" in info.supported_impls and not flags:
                comparison.differentiable()
            if not flags:
                comparison.schedules()
        comparison = OptimizerComparison(info, {}, report)
        for case in info.optim_error_inputs_func("cpu", torch.float32):
            comparison.error_case(case)
    except Untranslatable as error:
        report.fault("missing", "", str(error))
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda s: s.split(","), help="optimisers by name, comma separated")
    add_report_options(parser)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    part, parts = (int(n) for n in options.part.split("/"))
    chosen = [info for info in optim_db if not options.only or info.name in options.only][part - 1::parts]
    return report_all("optimisers", (compare(info) for info in chosen), options)


if __name__ == "__main__":
    sys.exit(main())
