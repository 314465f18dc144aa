"""Losses: extreme values, ignored classes, messages; and embedding gradients."""

import math

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine.tensor import tensor
from tcli.errors import BadIndex, BadValue, EngineError
from tcli.runtime.namespaces import tree

torch, F = tree("torch"), tree("torch.nn.functional")


def test_cross_entropy_of_huge_scores_is_finite():
    x = tensor([[1e4, -1e4], [-1e4, 1e4]]).requires_grad_()
    loss = F.cross_entropy(x, tensor([0, 0]))
    assert loss.item() == 1e4
    loss.backward()
    assert x.grad.tolist() == [[0, 0], [-0.5, 0.5]]


def test_ignored_targets_count_nothing():
    x = tensor([[0.0, 1.0], [float("nan"), 0.0]]).requires_grad_()
    loss = F.cross_entropy(x, tensor([1, -100]))
    assert math.isclose(loss.item(), math.log(1 + math.exp(-1)), rel_tol=1e-6)
    loss.backward()
    assert not np.isnan(x.grad.numpy()[0]).any()
    assert math.isnan(F.cross_entropy(x, tensor([-100, -100])).item())


def test_blocks_of_samples_agree_with_the_whole(monkeypatch):
    from tcli.ops import loss_class

    x, t = torch.randn(30, 7), torch.randint(0, 7, (30,))
    whole = F.cross_entropy(x, t).item()
    monkeypatch.setattr(loss_class, "BLOCK", 20)
    assert math.isclose(F.cross_entropy(x, t).item(), whole, rel_tol=1e-6)


@pytest.mark.parametrize("call, kind, message", [
    (lambda: F.cross_entropy(torch.ones(2, 3), tensor([1, 5])), BadIndex, "Target 5 is out of bounds."),
    (lambda: F.cross_entropy(torch.ones(2, 3), tensor([1, 2, 0])), BadValue,
     "Expected input batch_size (2) to match target batch_size (3)."),
    (lambda: F.nll_loss(torch.ones(2, 3, 4), torch.zeros(2, 5).long()), EngineError,
     "Expected target size [2, 4], got [2, 5]"),
    (lambda: F.mse_loss(torch.ones(2), torch.ones(2), reduction="foo"), BadValue,
     "foo is not a valid value for reduction"),
    (lambda: F.linear(torch.ones(2, 3), torch.ones(4, 5)), EngineError,
     "mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)"),
])
def test_errors_in_pytorchs_words(call, kind, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("width", [3, 3000])  # sorted segments, and the sparse product
def test_embedding_adds_the_gradients_of_repeated_rows(width):
    w = torch.ones(5, width, requires_grad=True)
    F.embedding(tensor([[1, 1, 4], [0, 1, 0]] * 10), w, padding_idx=0).sum().backward()
    assert w.grad[:, 0].tolist() == [0, 30, 0, 0, 10]


def test_names_of_nodes():
    x, t = torch.ones(2, 3, requires_grad=True), tensor([0, 1])
    assert F.cross_entropy(x, t).grad_fn.name() == "NllLossBackward0"
    assert F.linear(x, torch.ones(4, 3), torch.ones(4)).grad_fn.name() == "AddmmBackward0"
    assert F.linear(x, torch.ones(4, 3)).grad_fn.name() == "MmBackward0"
    assert F.mse_loss(x, x.detach()).grad_fn.name() == "MseLossBackward0"
