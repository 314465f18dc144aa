"""tcli as a `Library` for the sample words."""

import numpy as np

import tcli.ops  # noqa: F401
from tcli.engine import autograd
from tcli.engine.dispatch import wrap
from tcli.engine.tensor import Tensor
from tcli.runtime.namespaces import tree

from .evaluate import evaluate, resolve
from .vocabulary import Library, golden_path

torch = tree("torch")


def _tensor(array, requires_grad):
    t = wrap(np.array(array))
    return t.requires_grad_(True) if requires_grad else t


LIBRARY = Library(torch, _tensor)


def to_array(t):
    name = t.dtype.name
    a = t.detach()._a
    return name, a.astype(np.float32) if name in ("bfloat16", "float16") else a


def is_tensor(value) -> bool:
    return isinstance(value, Tensor)


def callable_of(op):
    path = golden_path(op)
    return resolve(path, torch, tree("torch.nn.functional")) if path is not None else op.function


def run(op, number: int, sample: str, variant: str):
    return evaluate(callable_of(op), sample, LIBRARY, variant, f"{op.name}{number}", autograd, is_tensor, to_array)
