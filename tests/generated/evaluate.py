"""Evaluates a sample of an op in one variant: outputs, first and second gradients, or the error.

Written against what tcli and PyTorch share, so that goldens are recorded by the very same steps.
"""

import numpy as np

from .vocabulary import Library, arguments, flat


class Outcome:
    """What a call gave: `error` (class names), or lists of outputs and gradients (arrays or None)."""

    def __init__(self):
        self.error = None
        self.outputs: list = []
        self.first: list = []
        self.second: list = []


def evaluate(call, sample: str, library: Library, variant: str, seed: str, autograd, is_tensor, to_array) -> Outcome:
    """Runs `call` on a sample; `to_array(tensor)` gives (dtype name, NumPy array)."""
    outcome = Outcome()
    args, kwargs, words = arguments(sample, library, variant, seed)
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        outcome.error = error
        return outcome
    values = flat(result)
    outcome.outputs = [to_array(v) if is_tensor(v) else ("python", v) for v in values]
    if variant == "float64":
        roots = [v for v in values if is_tensor(v) and v.requires_grad]
        if roots and words.leaves:
            _gradients(outcome, roots, words, autograd, to_array)
    return outcome


def _gradients(outcome: Outcome, roots, words, autograd, to_array) -> None:
    seeds = [words.cotangent(tuple(t.shape), to_array(t)[0]) for t in roots]
    first = autograd.grad(roots, words.leaves, seeds, create_graph=True, allow_unused=True)
    outcome.first = [None if g is None else to_array(g) for g in first]
    again = [g for g in first if g is not None and g.requires_grad]
    if not again:
        return
    seeds = [words.cotangent(tuple(t.shape), to_array(t)[0]) for t in again]
    second = autograd.grad(again, words.leaves, seeds, allow_unused=True)
    outcome.second = [None if g is None else to_array(g) for g in second]


def resolve(path: str, torch, functional):
    """The callable at a path of the registry (`torch.exp`, `F.relu`, `tensor.expand`)."""
    space, _, name = path.partition(".")
    if space == "tensor":
        return lambda x, *args, **kwargs: getattr(x, name)(*args, **kwargs)
    home = {"torch": torch, "F": functional}.get(space)
    return getattr(home if home is not None else getattr(torch, space), name)


def as_array(value) -> np.ndarray:
    return np.asarray(value)
