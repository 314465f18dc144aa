"""What every declaration must have, and what every op's forms must agree on."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine.registry import ops, paths

from .local import LIBRARY, is_tensor
from .vocabulary import arguments, flat

PUBLIC = [o for o in ops.values() if o.public]


@pytest.mark.parametrize("op", PUBLIC, ids=lambda o: o.name)
def test_a_public_op_has_a_docstring_with_an_example(op):
    assert op.doc.strip(), "no docstring"
    assert ">>>" in op.doc, "no example"


@pytest.mark.parametrize("op", [o for o in PUBLIC if not o.nograd], ids=lambda o: o.name)
def test_a_differentiable_op_has_samples(op):
    assert op.samples, "the gradient check needs samples"


def _inplace() -> list:
    return [pytest.param(o, i, id=f"{o.name}_-{s}") for o in PUBLIC if "tensor_" in o.at
            for i, s in enumerate(o.samples)]


@pytest.mark.parametrize("op, i", _inplace())
@pytest.mark.filterwarnings("ignore")
def test_the_inplace_form_writes_what_the_function_returns(op, i):
    args, kwargs, _ = arguments(op.samples[i], LIBRARY, "float32", f"{op.name}{i}")
    if not args or not is_tensor(args[0]):
        return
    want = op.function(*args, **kwargs)
    if not is_tensor(want) or want.shape != args[0].shape or want.dtype is not args[0].dtype:
        return
    target = args[0].clone()
    result = getattr(target, op.name + "_")(*args[1:], **kwargs)
    assert result is target
    np.testing.assert_array_equal(target._a, want._a)


def _with_out() -> list:
    return [pytest.param(o, i, id=f"{o.name}-{s}") for o in PUBLIC if o.takes_out and "torch" in o.at
            for i, s in enumerate(o.samples)]


@pytest.mark.parametrize("op, i", _with_out())
@pytest.mark.filterwarnings("ignore")
def test_out_receives_the_result(op, i):
    import tcli.engine.random as random

    args, kwargs, _ = arguments(op.samples[i], LIBRARY, "float32", f"{op.name}{i}")
    if not all(is_tensor(a) or isinstance(a, (int, float, tuple, bool, str)) for a in args) or not args:
        return
    random.manual_seed(0)
    want = op.function(*args, **kwargs)
    if not is_tensor(want):
        return
    random.manual_seed(0)
    out = LIBRARY.torch.empty(0, dtype=want.dtype)
    op.function(*args, **kwargs, out=out)
    np.testing.assert_array_equal(out._a, want._a)


def test_every_method_is_on_the_class():
    from tcli.engine.tensor import Tensor

    for path in paths:
        space, _, name = path.partition(".")
        if space == "tensor":
            assert hasattr(Tensor, name), path


def test_results_of_samples_are_flat_values():
    assert flat(((1, 2), [3])) == [1, 2, 3]
