"""Attention masks, and recurrent layers against their cells."""

import numpy as np

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine import autograd
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

torch, F = tree("torch"), tree("torch.nn.functional")


def test_a_row_without_any_key_gives_zeros_and_no_gradient():
    q = torch.randn(2, 3, requires_grad=True)
    mask = tensor([[True, False], [False, False]])
    y = F.scaled_dot_product_attention(q, torch.ones(2, 3), torch.ones(2, 3), mask)
    np.testing.assert_allclose(y.detach().numpy(), [[1, 1, 1], [0, 0, 0]])
    (g,) = autograd.grad(y.sum(), [q], create_graph=True)
    assert g.abs().sum().item() == 0
    (second,) = autograd.grad(g.sum(), [q])
    assert not np.isnan(second.numpy()).any()


def test_causal_is_a_lower_triangle():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 3)
    mask = torch.ones(4, 4).tril().bool()
    a = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    b = F.scaled_dot_product_attention(x, x, x, mask)
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-7)  # two ways, each rounded by itself


def test_a_layer_is_its_cell_step_by_step():
    torch.manual_seed(0)
    x, h, c = torch.randn(4, 2, 3), torch.randn(1, 2, 5), torch.randn(1, 2, 5)
    weights = [torch.randn(20, 3), torch.randn(20, 5), torch.randn(20), torch.randn(20)]
    y, last_h, last_c = torch.lstm(x, (h, c), weights, True, 1, 0.0, False, False, False)
    state = h[0], c[0]
    for t in range(4):
        state = torch.lstm_cell(x[t], state, *weights)
        np.testing.assert_allclose(y[t].numpy(), state[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(last_h[0].numpy(), state[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(last_c[0].numpy(), state[1].numpy(), atol=1e-6)


def test_packed_sequences_stop_where_they_end():
    torch.manual_seed(0)
    weights = [torch.randn(6, 2), torch.randn(6, 2), torch.randn(6), torch.randn(6)]
    long, short, h = torch.randn(3, 1, 2), torch.randn(1, 1, 2), torch.zeros(1, 2, 2)
    data = torch.cat([long[0], short[0], long[1], long[2]])
    y, last = torch.gru(data, tensor([2, 1, 1]), h, weights, True, 1, 0.0, False, False)
    alone, end = torch.gru(long, h[:, :1], weights, True, 1, 0.0, False, False, False)
    np.testing.assert_allclose(y[[0, 2, 3]].numpy(), alone[:, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(last[0, 0].numpy(), end[0, 0].numpy(), atol=1e-6)
    np.testing.assert_allclose(last[0, 1].numpy(), y[1].numpy(), atol=1e-6)
