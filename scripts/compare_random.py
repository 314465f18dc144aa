"""Random programs of views, in-place changes and gradients, run by PyTorch and by tcli: `compare_random.py 3000 [seed]`.

Needs a Python with torch and tcli's dependencies, and tcli on its path. Compared are values, dtypes, shapes,
requires_grad, versions, names of gradient nodes, `.grad`, and which statement fails with which error. Each
kind of difference is printed once, with the program. What follows a failed backward is not comparable: the
order in which leaves get their gradients is each engine's own.
"""

from __future__ import annotations

import random
import re
import sys
import warnings
from collections import Counter

import numpy as np
import torch

import tcli.ops  # noqa: F401
from tcli.runtime.namespaces import known_modules

MINE = known_modules().get("torch")
SHAPES = [(2, 3), (3,), (1, 3), (2, 1), (4, 3), (2, 3, 4), (), (6,), (3, 2), (1,)]
METHODS = """exp() sin() relu() sigmoid() tanh() abs() neg() square() t() clone() detach() contiguous() sum() mean() max() min()
    flatten() ravel() squeeze() cumsum(0) sort()[0] softmax(-1) log_softmax(0) std(0) var() norm() prod() amax(0) logsumexp(0)
    unsqueeze(0) unsqueeze(-1) transpose(0,-1) flip(0) roll(1,0) diff(dim=-1) expand(2,*%.shape) repeat(2,1) view(-1)
    reshape(-1) median(0)[0] cummax(0)[0] tril() triu() diagonal() chunk(2)[0] split(1)[0] unbind(0)[0] narrow(0,0,1)
    movedim(0,-1) squeeze(0) mT T double() float() half() bfloat16() int() bool() nan_to_num() clamp(min=0.2)
    masked_fill(%>0.5,2.) round() floor() frac() sign() reciprocal() sqrt() log1p() erf() atan() heaviside(%.detach()) dist(%)
    outer(%) topk(1)[0] kthvalue(1)[0] argmax() argsort() unfold(0,1,1) index_select(0,torch.tensor([0]))
    gather(0,torch.zeros_like(%,dtype=torch.long)) count_nonzero() any() all() isfinite()""".split()
IN_PLACE = """add_(1) mul_(2) zero_() sub_(%) mul_(%) div_(2) exp_() relu_() clamp_(min=0) fill_(3) copy_(%) t_() unsqueeze_(0)
    squeeze_() detach_() requires_grad_() sigmoid_() neg_() abs_() cumsum_(0) masked_fill_(%>0,1.5) addcmul_(%,%) lerp_(%,0.3)
    index_fill_(0,torch.tensor([0]),2.) pow_(2) transpose_(0,-1) tril_() floor_()""".split()
PLACES = "0 -1 :,0 ...,0 1: ::2 None :,None [0,0] torch.tensor([0,1]) %>0 ...,-1: 0:0 True :,1:".split()
OPERATORS = "+ - * / ** @ // % < ==".split()
ERRORS = (IndexError, TypeError, NotImplementedError, ValueError, ZeroDivisionError, RuntimeError)


def program(rng: random.Random) -> list[str]:
    """Statements over a, b, c and what was made of them; the last one is a backward pass."""
    names = ["a", "b", "c"]
    lines = [f"{name}=T({list(rng.choice(SHAPES))},{rng.randrange(1000)},torch.{rng.choice(('float32', 'float32', 'float64'))},"
             f"{rng.random() < 0.6})" for name in names]

    def some(pieces) -> str:
        return re.sub("%", lambda _: rng.choice(names), rng.choice(pieces))

    for k in range(rng.randrange(3, 10)):
        x, y, z, kind = *rng.choices(names, k=3), rng.random()
        made = f"v{k}="
        if kind < 0.35:
            line = f"{made}{x}.{some(METHODS)}"
        elif kind < 0.6:
            line = f"{made}{x} {rng.choice(OPERATORS)} {rng.choice((y, y, y, '2', '0.5', 'True'))}"
        elif kind < 0.72:
            line = f"{made}{x}[{some(PLACES)}]"
        elif kind < 0.86:
            made, line = "", ("with torch.no_grad(): " if rng.random() < 0.25 else "") + f"{x}.{some(IN_PLACE)}"
        elif kind < 0.93:
            made, line = "", f"{x}[{some(PLACES)}] {rng.choice(('=', '+=', '*='))} {rng.choice((y, '1.', '2'))}"
        else:
            line = f"{made}torch.cat([{x},{y}],0)" if rng.random() < 0.5 else f"{made}torch.where({x}>0,{y},{z})"
        lines.append(line)
        if made:
            names.append(made[:-1])
    return [*lines, f"{names[-1]}.sum().backward()"]


def outcome(library, lines: list[str]) -> tuple[list, dict]:
    """(the error of each statement or None, what is known of each tensor)"""
    def made(shape, seed, dtype, requires_grad):
        values = np.random.RandomState(seed).randn(*shape)
        return library.tensor(values.tolist() if shape else float(values), dtype=dtype).requires_grad_(requires_grad)

    scope, errors = {"torch": library, "T": made}, []
    for line in lines:
        try:
            exec(line, scope)
            errors.append(None)
        except NameError:
            errors.append("no such name")
        except ERRORS as error:
            kind = next(each for each in ERRORS if isinstance(error, each))
            errors.append((kind.__name__, re.sub(r"\d+", "N", str(error).split("\n")[0])[:60]))
    return errors, {name: facts(value) for name, value in scope.items() if isinstance(value, library.Tensor)}


def facts(t) -> dict:
    """What is compared of a tensor."""
    try:
        return _facts(t)
    except RuntimeError as error:  # a view of a split whose base was changed says so only now
        return {"error": str(error)[:60]}


def _facts(t) -> dict:
    node = t.grad_fn.name().replace("torch::autograd::", "").replace("AsStrided", "View") if t.grad_fn is not None else None
    return {"dtype": str(t.dtype), "shape": tuple(t.shape), "requires_grad": t.requires_grad, "is_leaf": t.is_leaf,
            "is a view": t._base is not None, "grad_fn": node, "values": numbers(t.detach()),
            "grad": numbers(t.grad) if t.is_leaf and t.grad is not None else None}


def numbers(t) -> np.ndarray:
    return np.array(t.double().tolist() if str(t.dtype) != "torch.bool" else t.tolist(), dtype=float)


def same(mine, theirs, tolerance: float) -> bool:
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return mine.shape == theirs.shape and np.allclose(mine, theirs, rtol=tolerance, atol=tolerance, equal_nan=True)
    return type(mine) is type(theirs) and (isinstance(mine, np.ndarray) or mine == theirs)


def difference(lines: list[str]) -> tuple | None:
    """The first difference: (kind, PyTorch's, tcli's)."""
    (their_errors, theirs), (my_errors, mine) = (outcome(library, lines) for library in (torch, MINE))
    for line, a, b in zip(lines, their_errors, my_errors, strict=True):
        if a != b:
            return "error", str(a), str(b), re.sub(r"\b[abcv]\d*\b", "_", line)
    if their_errors[-1] is not None:
        return None
    tolerance = 3e-2 if "float16" in str(theirs) else 1e-4
    for name, known in theirs.items():
        for what, value in known.items():
            if not same(mine[name].get(what), value, tolerance):
                numeric = what in ("values", "grad")
                return (what, name) if numeric else (what, str(value)[:60], str(mine[name].get(what))[:60])
    return None


def main(count: int, seed: int) -> int:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found: Counter = Counter()
    for at in range(seed, seed + count):
        lines = program(random.Random(at))
        with np.errstate(all="ignore"):
            kind = difference(lines)
        if kind is not None:
            found[kind] += 1
            if found[kind] == 1:
                print(f"--- {at} {kind}\n    {'; '.join(lines)}", flush=True)
    print(f"{count} programs, {sum(found.values())} with a difference, {len(found)} kinds of it")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 0))
