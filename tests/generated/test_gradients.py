"""Every differentiable op in the registry against central differences, first and second order."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine import autograd
from tcli.engine.registry import ops

from .local import LIBRARY, callable_of, is_tensor
from .vocabulary import arguments, flat

STEP = 1e-6


def _samples() -> list:
    return [pytest.param(o.name, i, id=f"{o.name}-{s}") for o in ops.values() if not o.nograd
            for i, s in enumerate(o.samples)]


def _projected(op, number: int, call, shift=None):
    """A scalar of the op's outputs, its leaves, and the words; `shift` moves each leaf by an array."""
    import tcli.engine.random as random

    random.manual_seed(0)
    args, kwargs, words = arguments(op.samples[number], LIBRARY, "float64", f"{op.name}{number}", shift)
    leaves = [t for t in words.leaves if t.dtype.name == "float64"]
    values = [v for v in flat(call(*args, **kwargs)) if is_tensor(v) and v.dtype.category >= 2]
    stream = np.random.RandomState(7)
    total = None
    for value in values:
        weights = LIBRARY.tensor(stream.standard_normal(tuple(value.shape)), False)
        part = ((value if value.dtype.category == 2 else value.abs()).double() * weights).sum()
        total = part if total is None else total + part
    return total, leaves, words


def _directional(evaluate, leaves, stream) -> tuple[float, list]:
    directions = [stream.standard_normal(tuple(leaf.shape)) for leaf in leaves]
    plus = evaluate([STEP * d for d in directions])
    minus = evaluate([-STEP * d for d in directions])
    return (plus - minus) / (2 * STEP), directions


@pytest.mark.parametrize("name, number", _samples())
@pytest.mark.filterwarnings("ignore")
def test_gradient_matches_differences(name, number):
    op = ops[name]
    call = callable_of(op)
    total, leaves, _ = _projected(op, number, call)
    if total is None or not total.requires_grad or not leaves:
        return
    gradients = autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    if any(g is not None and not np.isfinite(g._a).all() for g in gradients):
        return  # a kink or a pole; the goldens hold PyTorch's convention there
    numeric, directions = _directional(lambda s: _projected(op, number, call, s)[0].item(), leaves,
                                       np.random.RandomState(3))
    exact = sum(float((g._a * d).sum()) for g, d in zip(gradients, directions, strict=True) if g is not None)
    assert exact == pytest.approx(numeric, rel=2e-4, abs=2e-6)
    _second_order(op, number, call, gradients, leaves)


def _second_order(op, number, call, gradients, leaves) -> None:
    if not any(g is not None and g.requires_grad for g in gradients):
        return
    stream = np.random.RandomState(11)
    weights = [stream.standard_normal(tuple(leaf.shape)) for leaf in leaves]

    def slope(shift):
        total, moved, _ = _projected(op, number, call, shift)
        found = autograd.grad(total, moved, allow_unused=True)
        return sum(float((g._a * w).sum()) for g, w in zip(found, weights, strict=True) if g is not None)

    numeric, directions = _directional(slope, leaves, np.random.RandomState(5))
    scalar = None
    for g, w in zip(gradients, weights, strict=True):
        if g is not None and g.requires_grad:
            part = (g * LIBRARY.tensor(w, False)).sum()
            scalar = part if scalar is None else scalar + part
    second = autograd.grad(scalar, leaves, allow_unused=True)
    exact = sum(float((g._a * d).sum()) for g, d in zip(second, directions, strict=True) if g is not None)
    assert exact == pytest.approx(numeric, rel=1e-3, abs=1e-4)
