"""Running statistics, half types and blocks of the normalisations."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine import autograd
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

torch, F = tree("torch"), tree("torch.nn.functional")


def test_batch_norm_moves_the_running_statistics():
    x = tensor([[1.0, 2.0], [3.0, 6.0]])
    mean, var = torch.zeros(2), torch.ones(2)
    F.batch_norm(x, mean, var, training=True, momentum=0.5)
    assert mean.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(var.numpy(), [0.5 + 0.5 * 2, 0.5 + 0.5 * 8], rtol=1e-6)
    assert mean._version == 0  # PyTorch counts no write here


def test_evaluation_leaves_them_alone():
    mean, var = torch.zeros(2), torch.ones(2)
    F.batch_norm(torch.ones(3, 2), mean, var)
    assert mean.tolist() == [0, 0] and var.tolist() == [1, 1]


def test_layer_norm_over_many_blocks(monkeypatch):
    from tcli.ops import norm

    rng = np.random.default_rng(0)
    x, w, b = (tensor(rng.standard_normal(s)).requires_grad_() for s in ((50, 8), (8,), (8,)))

    def gradients():
        return autograd.grad(F.layer_norm(x, (8,), w, b).pow(3).sum(), [x, w, b])

    whole = gradients()
    monkeypatch.setattr(norm, "BLOCK", 16)
    for a, part in zip(whole, gradients(), strict=True):
        np.testing.assert_allclose(a.numpy(), part.numpy(), atol=1e-10)


def test_bfloat16_statistics_are_kept_in_float32():
    x = torch.full((1, 4), 256.0).bfloat16() + tensor([0.0, 2.0, 4.0, 6.0]).bfloat16()
    y = F.layer_norm(x, (4,))
    assert y.dtype is torch.bfloat16
    np.testing.assert_allclose(y.float().numpy(), [[-1.34, -0.447, 0.447, 1.34]], atol=0.01)


@pytest.mark.parametrize(("name", "arguments"), [("renorm", (2, 0, 1.0)), ("mvlgamma", (2,))])
def test_gradients_flow_through_composites_in_place(name, arguments):
    first, second = (torch.tensor([[3.0, 4.0], [1.5, 2.5]], requires_grad=True) for _ in range(2))
    getattr(first.clone(), name + "_")(*arguments).sum().backward()
    getattr(second, name)(*arguments).sum().backward()
    np.testing.assert_allclose(first.grad.numpy(), second.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
def test_weights_of_no_rows_have_gradients_of_zero(name):
    x, w = torch.ones(0, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    getattr(F, name)(x, (3,), w).sum().backward()
    assert x.grad.shape == (0, 3)
    assert w.grad.tolist() == [0, 0, 0]
