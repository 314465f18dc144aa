#!/usr/bin/env python3
"""Runs the `>>>` examples of PyTorch's docstrings in PyTorch and in tcli, and shows where they differ, by kind.

Run it with a Python that has torch and tcli's dependencies:

    scripts/compare_docstrings.py                          every public module
    scripts/compare_docstrings.py --only 'nn.Linear|optim' the docstrings whose name the pattern finds
    scripts/compare_docstrings.py --summary                one line for each fault

A docstring is one program, a statement at a time, after `manual_seed(0)` and with the names of `PRELUDE`. What is printed and
the echo of each expression are compared: words exactly, numbers at the precision of the print, addresses not at all.
The kinds of faults: `missing` (no such name), `refused` (raises only in tcli), `accepted` (raises only in PyTorch), `error`
(another class), `message`, `text`. Left out are statements that lack a name or a file, need CUDA, a compiler or more
than one process, or that do not give the same twice in PyTorch; see `FOREIGN`.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import contextlib
import importlib
import inspect
import io
import os
import re
import signal
import sys
import tempfile
import textwrap
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch

import tcli
from tcli.errors import TcliError
from tests.nn.program import kind_of, parts

MODULES = """torch torch.nn torch.nn.functional torch.nn.init torch.nn.attention torch.nn.parameter torch.nn.utils
    torch.nn.utils.rnn torch.nn.utils.parametrize torch.nn.utils.parametrizations torch.nn.utils.prune
    torch.nn.utils.stateless torch.nn.modules.module torch.nn.modules.lazy torch.linalg torch.fft torch.special torch.optim
    torch.optim.lr_scheduler torch.optim.swa_utils torch.autograd torch.autograd.function torch.autograd.functional
    torch.autograd.graph torch.autograd.forward_ad torch.autograd.grad_mode torch.autograd.profiler torch.func
    torch.distributions torch.distributions.constraints torch.distributions.constraint_registry
    torch.distributions.transforms torch.distributions.kl torch.distributions.utils torch.utils torch.utils.data
    torch.utils.checkpoint torch.utils.dlpack torch.utils.hooks torch.random torch.testing torch.serialization
    torch.overrides torch.types torch.signal.windows torch.hub torch.storage torch.masked torch.backends
    torch.utils.benchmark torch.cpu torch.amp torch.functional""".split()

PRELUDE = """
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import numpy as np
model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
net = nn.Linear(4, 3)
input, target = torch.randn(2, 4), torch.randn(2, 3)
x, y = torch.randn(3), torch.randn(3)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
dataset = torch.utils.data.TensorDataset(torch.randn(8, 4), torch.randn(8, 3))
loader = dataloader = data_loader = torch.utils.data.DataLoader(dataset, batch_size=4)
def train(*given): optimizer.step()
def validate(*given): return 0.5
"""

FOREIGN = re.compile(r"""cuda|num_workers=[1-9]|hub\.|gpu|torch\.jit|torch\.compile|distributed(?!\w)|sparse|quantiz|qint|onnx
    |multiprocess|nested|to_mkldnn|csr|profiler|make_fx|set_device|benchmark|xpu|mtia|names=|rename|refine_names|align_|torchvision
    |__torch_function__|torch\._C|torch\.library|torch\.mps|is_conj|is_neg|privateuse|np\.sort|set_default_device""", re.X)
SECONDS = 20  # for one docstring in one library


@dataclass
class Example:
    """One docstring: its dotted name and the statements of its examples."""

    name: str
    statements: list[str]


@dataclass
class Shown:
    """What came of one statement: what it printed and echoed, or the error."""

    text: str = ""
    error: BaseException | None = None


@dataclass
class Tally:
    """What was compared: docstrings and statements, and the faults as (kind, name, statement, torch's, tcli's)."""

    docstrings: int = 0
    equal: int = 0
    statements: int = 0
    faults: list[tuple[str, str, str, str, str]] = field(default_factory=list)


# ---------------------------------------------------------------- finding

def documented() -> Iterator[tuple[str, str]]:
    """(dotted name, docstring) of what the modules hold, each text once."""
    seen: set[str] = set()
    for module in MODULES:
        try:
            home = importlib.import_module(module)
        except ImportError:
            continue
        for name, value in [(module, home), *((f"{module}.{each}", getattr(home, each, None)) for each in public(home))]:
            for path, each in [(name, value), *members(name, value)]:
                text = inspect.getdoc(each)
                if text and ">>>" in text and text not in seen:
                    seen.add(text)
                    yield path, text


def public(home: object) -> list[str]:
    names = getattr(home, "__all__", None) or dir(home)
    return [name for name in names if not name.startswith("_")]


def members(name: str, value: object) -> Iterator[tuple[str, object]]:
    """The documented attributes of a class of PyTorch's."""
    if inspect.isclass(value) and value.__module__.startswith("torch"):
        for each in dir(value):
            if not each.startswith("_") and each not in ("type", "mro"):
                yield f"{name}.{each}", inspect.getattr_static(value, each, None)


def statements_of(text: str) -> list[str]:
    """The statements behind the prompts of a docstring; what Python does not parse is left out."""
    text = text.replace("torch.masked._ops.", "torch.masked.")
    return [each for chunk in chunks(text) for each in parsed(chunk)]


def chunks(text: str) -> Iterator[list[str]]:
    """Runs of lines with prompts."""
    run: list[str] = []
    for line in text.split("\n"):
        found = re.match(r"\s*(?:>>>|\.\.\.)(?: (.*)|)$", line)
        if found and (run or ">>>" in line):
            run.append(found[1] or "")
        elif run:
            yield run
            run = []
    if run:
        yield run


def parsed(lines: list[str]) -> list[str]:
    source = textwrap.dedent("\n".join(lines))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError:
        return [each for line in lines for each in parsed([line])] if len(lines) > 1 else []
    return [_segment(source, node) for node in tree.body]


def _segment(source: str, node: ast.stmt) -> str:
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    if first == node.lineno:
        return ast.get_source_segment(source, node) or ""
    return "\n".join(source.split("\n")[first - 1:node.end_lineno])


# ---------------------------------------------------------------- running

class Late(Exception):
    """A docstring took too long."""


@contextlib.contextmanager
def quietly() -> Iterator[io.StringIO]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield out


def _ring(*_: object) -> None:
    raise Late


def shown_by(statements: list[str], run: Callable[[str], None]) -> list[Shown]:
    """What each statement shows; an error ends that statement only, lateness everything."""
    results = []
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(SECONDS)
    try:
        for statement in statements:
            with quietly() as out:
                try:
                    run(statement)
                    shown = Shown(out.getvalue())
                except Late:
                    raise
                except (Exception, SystemExit) as error:
                    shown = Shown(out.getvalue(), error)
            results.append(shown)
    except Late:
        results.append(Shown(error=TimeoutError("the time is over")))
    finally:
        signal.alarm(0)
    return results


def in_torch(statements: list[str]) -> list[Shown]:
    bare = {name: value for name, value in vars(torch).items() if not name.startswith("_") and callable(value)}
    names: dict[str, object] = {"__name__": "__main__", "__builtins__": bare | vars(builtins)}

    def run(statement: str) -> None:
        [node] = ast.parse(statement).body
        if isinstance(node, ast.Expr):
            value = eval(compile(statement, "<docstring>", "eval"), names)
            if value is not None:
                print(repr(value))
        else:
            exec(compile(statement, "<docstring>", "exec"), names)

    with quietly():
        exec(PRELUDE, names)
    torch.manual_seed(0)
    try:
        return shown_by(statements, run)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_printoptions(profile="default", sci_mode=None)
        torch.set_grad_enabled(True)
        torch.use_deterministic_algorithms(False)


def in_tcli(statements: list[str]) -> list[Shown]:
    session = tcli.Session(seed=0)
    with quietly():
        session.run(PRELUDE)
        session.run("torch.manual_seed(0);")
    session.echo, session.echo_receivers = lambda value: print(repr(value)), True
    return shown_by(statements, session.run)


# ---------------------------------------------------------------- comparing

def normal(text: str) -> str:
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r"<(?:function|built-in method) (?:\S*\.)?(\w+)( of type object)? at ADDRESS>", r"<function \1>", text)
    return re.sub(r"<torch.(_C.)?Generator [^>]*>\n?", "", text)  # tcli does not echo it


def same(a: str, b: str) -> bool:
    (words, numbers), (others, values) = parts(normal(a)), parts(normal(b))
    return words == others and len(numbers) == len(values) and np.allclose(numbers, values, 2e-4, 2e-4, equal_nan=True)


def names_in(statement: str, kinds: tuple) -> set[str]:
    """The names that a statement binds, or reads."""
    found = {node.id for node in ast.walk(ast.parse(statement)) if isinstance(node, ast.Name) and isinstance(node.ctx, kinds)}
    if ast.Store not in kinds:
        return found
    [top] = ast.parse(statement).body
    if isinstance(top, ast.Import | ast.ImportFrom):
        return {each.asname or each.name.partition(".")[0] for each in top.names}
    return found | ({top.name} if isinstance(top, ast.FunctionDef | ast.ClassDef) else set())


LACKING = (NameError, ImportError, FileNotFoundError, UnboundLocalError, SyntaxError, TimeoutError, OSError)


def comparable(statement: str, first: Shown, again: Shown) -> bool:
    if FOREIGN.search(statement) or isinstance(first.error, LACKING):
        return False
    return same(first.text, again.text) and type(first.error) is type(again.error)


def fault_of(theirs: Shown, ours: Shown) -> tuple[str, str, str] | None:
    """(kind, torch's, tcli's) where a statement shows something else."""
    wanted, got = said(theirs.error), said(ours.error)
    if theirs.error is None and ours.error is None:
        return None if same(theirs.text, ours.text) else ("text", theirs.text, ours.text)
    if theirs.error is None:
        lacks = isinstance(ours.error, (AttributeError, NameError, ImportError))
        return ("missing" if lacks else "refused", theirs.text, got)
    if ours.error is None:
        return "accepted", wanted, ours.text
    if class_of(theirs.error) != class_of(ours.error):
        return "error", wanted, got
    return None if same(wanted.split("\n")[0], got.split("\n")[0]) else ("message", wanted, got)


def said(error: BaseException | None) -> str:
    if error is None:
        return ""
    message = error.message if isinstance(error, TcliError) else str(error)
    return f"{class_of(error)}: {message}"


def class_of(error: BaseException) -> str:
    """The Python class that a handler in the program would catch."""
    if isinstance(error, TcliError) and error.__cause__ is not None:
        return class_of(error.__cause__)
    return kind_of(error) if isinstance(error, Exception) else type(error).__name__


def compare(example: Example, tally: Tally) -> None:
    theirs, again = in_torch(example.statements), in_torch(example.statements)
    ours = in_tcli(example.statements)
    rows = list(zip(example.statements, theirs, again, ours, strict=False))
    kept, found, lost = 0, [], set()
    for statement, want, twice, got in rows:
        fault = None
        usable = comparable(statement, want, twice) and not names_in(statement, (ast.Load,)) & lost
        if usable:
            kept += 1
            fault = fault_of(want, got)
        if fault is not None:
            found.append((fault[0], example.name, statement, *fault[1:]))
        # What the next statements make of names that are missing, or hold something else, says nothing.
        bound = names_in(statement, (ast.Store,))
        lost = lost - bound if usable and fault is None else lost | bound
    if kept:
        tally.docstrings += 1
        tally.equal += not found
        tally.statements += kept
    tally.faults += found


def report(tally: Tally, summary: bool) -> None:
    for kind, name, statement, want, got in sorted(tally.faults):
        if summary:
            print(f"{kind:8} {name}: {statement.splitlines()[-1][:90]}  ->  {(got.splitlines() or [''])[0][:120]}")
            continue
        print(f"{kind}  {name}")
        for mark, text in ((">>>", statement), ("torch", want), ("tcli", got)):
            print(textwrap.indent(text.rstrip()[:1500], f"    {mark:5} "))
    print(dict(Counter(kind for kind, *_ in tally.faults)))
    differ = tally.docstrings - tally.equal
    print(f"{tally.docstrings} docstrings with {tally.statements} statements, {differ} docstrings differ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="a pattern for the dotted names")
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in documented():
            if re.search(options.only, name) and (statements := statements_of(text)):
                compare(Example(name, statements), tally)
    report(tally, options.summary)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
