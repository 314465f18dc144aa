"""Rules on arrays (`raw_vjp`) against the rules on tensors beside them, over every sample in the registry."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine import autograd, backward
from tcli.engine.registry import ops

from .local import LIBRARY, callable_of, is_tensor
from .vocabulary import arguments, flat


def _samples() -> list:
    return [pytest.param(o.name, i, dtype, id=f"{o.name}-{s}-{dtype}") for o in ops.values() if o.raw_vjp
            for i, s in enumerate(o.samples) for dtype in ("float32", "float64") if "c(" not in s]


def _outputs(op, number: int, dtype: str) -> tuple[list, list]:
    args, kwargs, words = arguments(op.samples[number], LIBRARY, dtype, f"{op.name}{number}")
    found = [v for v in flat(callable_of(op)(*args, **kwargs)) if is_tensor(v) and v.requires_grad]
    return found, [t for t in words.leaves if t.requires_grad]


def _seeds(values: list) -> list:
    stream = np.random.RandomState(5)
    return [LIBRARY.tensor(stream.standard_normal(tuple(v.shape)), False).to(v.dtype) for v in values]


@pytest.mark.parametrize("name, number, dtype", _samples())
@pytest.mark.filterwarnings("ignore")
def test_rules_on_arrays_agree_with_rules_on_tensors(name, number, dtype, monkeypatch):
    values, leaves = _outputs(ops[name], number, dtype)
    if not values or not leaves:
        return
    on_the_long_road = []
    step = backward._step
    monkeypatch.setattr(backward, "_step", lambda node, *rest: on_the_long_road.append(node) or step(node, *rest))
    on_arrays = autograd.grad(values, leaves, _seeds(values), retain_graph=True, allow_unused=True)
    assert not [node for node in on_the_long_road if node.op is ops[name]]
    on_tensors = autograd.grad(values, leaves, _seeds(values), create_graph=True, allow_unused=True)
    for leaf, a, b in zip(leaves, on_arrays, on_tensors, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert a.dtype is leaf.dtype and a.shape == leaf.shape
            np.testing.assert_allclose(a._a, b._a, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6)
