"""What each operator is called and what it can do, read from the registry and from runs of its samples.

Names, signature and example are the declaration's. Which dtypes an operator takes and whether its result
has a gradient is found out by calling it on its samples: what is said here is what happened.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..engine import dtypes
from ..engine.registry import function_samples, functions, ops
from ..engine.tensor import Tensor, tensor
from ..engine.vocabulary import NAMES, Library, Words, flat
from ..show.help import signature

_HOMES = {"tensor": "torch.Tensor", "F": "torch.nn.functional", "init": "torch.nn.init", "torch": "torch"}
# Tried on operators that declare no samples.
_ANY_SAMPLES = ("r(3, 3)", "pos(4), 2", "pos(3), pos(3) / 8", "(2, 3), (3, 1)", "pos(9, 9), 1")
_PROBED = """bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128""".split()


@dataclass
class Facts:
    """One operator as `tcli ops --json` lists it."""

    name: str
    names: list[str] = field(default_factory=list)
    signature: str = ""
    summary: str = ""
    family: str = ""
    dtypes: list[str] = field(default_factory=list)
    gradient: bool = False
    fusable: bool = False
    inplace: bool = False
    out: bool = False
    example: str = ""
    doc: str = ""  # the docstring, for the reference; not in the JSON

    def as_dict(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if name != "doc"}


def torch_name(path: str) -> str:
    """PyTorch's name of a place in the registry.

    >>> from tcli.runtime.op_facts import torch_name
    >>> torch_name("F.relu"), torch_name("tensor.exp_"), torch_name("linalg.qr")
    ('torch.nn.functional.relu', 'torch.Tensor.exp_', 'torch.linalg.qr')
    """
    space, _, name = path.partition(".")
    return f"{_HOMES.get(space, 'torch.' + space)}.{name}"


def all_facts(pattern: str = "", probe: bool = True) -> list[Facts]:
    """Every public operator whose name contains `pattern`, by name; without `probe` no dtypes and the declared gradient."""
    groups: dict[str, list] = {}
    for each in _declared():
        groups.setdefault(each[0], []).append(each)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the samples
        return [_facts(name, groups[name], probe) for name in sorted(groups) if pattern in name]


def _declared() -> Iterator[tuple[str, list[str], Any, tuple, Any]]:
    """(name, paths, function, samples, op) of each declaration that a program can name."""
    op: Any
    for op in ops.values():
        paths = [p for p in op.paths if not p.rpartition(".")[2].startswith("_") or p.endswith("__")]
        named = [p for p in paths if not p.endswith("__")]
        if named:
            name = op.name if op.public else named[0].rpartition(".")[2].rstrip("_")
            yield name, paths, op.function, tuple(op.samples), op
    places: dict[int, list[str]] = {}
    for path, fn in functions.items():
        if callable(fn) and function_samples.get(path):
            places.setdefault(id(fn), []).append(path)
    for paths in places.values():
        name = paths[0].partition(".")[2]
        yield name, paths, functions[paths[0]], function_samples[paths[0]], None


def _facts(name: str, declared: list, probe: bool) -> Facts:
    main = next((each for each in declared if each[4] is not None and each[4].public), declared[0])
    fn, op = main[2], main[4]
    doc = (op.doc if op is not None else fn.__doc__ or "").strip()
    found = Facts(name, [torch_name(p) for each in declared for p in each[1]], signature(fn, name),
                  doc.partition("\n")[0], op.family if op is not None else fn.__module__.rpartition(".")[2])
    found.doc = doc
    found.inplace = any(n.endswith("_") and not n.endswith("__") for n in found.names)
    found.out = op is not None and op.takes_out
    found.fusable = op is not None and bool(op.fuse)
    found.example = "\n".join(line.strip() for line in doc.split("\n") if line.strip().startswith((">>> ", "... ")))
    found.gradient = op is not None and op.differentiable and not op.nograd
    if probe:
        calls = [(each[2], sample, each[4]) for each in declared for sample in each[3] or _ANY_SAMPLES]
        found.dtypes = [d for d in _PROBED if any(_runs(*call, d) is not None for call in calls)]
        found.gradient = any(_has_gradient(_runs(*call, d)) for d in ("float64", "complex128") for call in calls)
    return found


# ---------------------------------------------------------------- runs

class _Cast(Words):
    """The words of a sample with their values in any dtype.

    The real and complex words are cast; where a sample has none, all its tensors are.
    """

    def __init__(self, target: str, everything: bool):
        from .namespaces import tree

        super().__init__(Library(tree("torch"), self._made), "float64", "probe")
        self.target, self.everything, self.cast = dtypes.NAMES[target], everything, 0

    def _made(self, values: np.ndarray, requires_grad: bool) -> Tensor:
        real = values.dtype.kind in "fc"
        if not real and not self.everything:
            return tensor(values)
        self.cast += 1
        return _converted(values, self.target).requires_grad_(requires_grad and self.target.category >= dtypes.FLOAT)


def _converted(values: np.ndarray, target: dtypes.dtype) -> Tensor:
    """The values in a dtype that may be narrower: signs, parts and sizes are given up rather than wrapped."""
    if values.dtype.kind == "c" and target.category < dtypes.COMPLEX:
        values = values.real
    if values.dtype.kind == "f" and target.category < dtypes.FLOAT:
        values = values * 3
    if target is dtypes.uint8:
        values = np.abs(values)
    return tensor(values).to(target)


def _runs(fn: Callable, sample: str, op: Any, target: str):
    """What a call of the sample in a dtype gives, or None where it is refused."""
    for everything in (False, True):
        words = _Cast(target, everything)
        try:
            args, kwargs = _arguments(sample, words)
            if words.cast or everything:
                return _result(fn, args, kwargs, op, words, target)
        except Exception:  # whatever an operator raises, it does not take this dtype
            return None
    return None


def _arguments(sample: str, words: Words) -> tuple[tuple, dict]:
    import math

    names = {name: getattr(words, name) for name in NAMES}
    names.update(torch=words.library.torch, math=math, slice=slice, inf=math.inf, nan=math.nan)
    return eval(f"_collect({sample})", {"_collect": lambda *a, **k: (a, k), **names})


def _result(fn: Callable, args: tuple, kwargs: dict, op: Any, words: _Cast, target: str):
    """The result; an operator without tensors to cast is asked for the dtype by name."""
    given = [v.dtype for v in flat((args, kwargs)) if isinstance(v, Tensor)]
    if words.cast and words.target not in given:
        return None
    if not words.cast and (op is None or "dtype" in op.names):
        kwargs = {**kwargs, "dtype": words.target}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = flat(fn(*args, **kwargs))
    if not words.cast and op is not None and "dtype" not in op.names:
        made = [v.dtype.name for v in values if isinstance(v, Tensor)]
        return values if target in made else None
    return values


def _has_gradient(values) -> bool:
    return values is not None and any(isinstance(v, Tensor) and v.requires_grad for v in values)
