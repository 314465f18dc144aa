"""What generated tests cannot see of reductions: names of nodes, accumulation, empty dims, kinks of gradients."""

import math

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine.tensor import tensor
from tcli.errors import BadIndex, EngineError
from tcli.runtime.namespaces import tree

torch = tree("torch")


@pytest.fixture(autouse=True)
def quiet_numpy():
    """As programs run: without NumPy's floating-point warnings."""
    with np.errstate(all="ignore"):
        yield


def _gradient(fn, values: list) -> list:
    x = tensor(values, requires_grad=True)
    fn(x).backward()
    return x.grad.tolist()


@pytest.mark.parametrize(("call", "name"), [
    (lambda x: x.sum(), "SumBackward0"), (lambda x: x.sum(0), "SumBackward1"),
    (lambda x: x.mean((0, 1)), "MeanBackward1"),
    (lambda x: x.max(), "MaxBackward1"), (lambda x: x.max(0)[0], "MaxBackward0"),
    (lambda x: x.sort()[0], "SortBackward0"),
    (lambda x: x.sort(stable=True)[0], "SortBackward1"), (lambda x: torch.max(x, x), "MaximumBackward0"),
    (lambda x: x.std(), "StdBackward0"), (lambda x: x.norm(), "LinalgVectorNormBackward0"),
    (lambda x: torch.var_mean(x)[1], "VarMeanBackward0"), (lambda x: torch.trapezoid(x)[0], "SelectBackward0")])
def test_nodes_are_named_as_in_pytorch(call, name):
    assert call(torch.ones(2, 3).requires_grad_()).grad_fn.name() == name


def test_halves_and_integers_add_up_in_wider_types():
    assert torch.full((4096,), 1.0, dtype=torch.bfloat16).sum().item() == 4096.0
    assert torch.full((300,), 200, dtype=torch.uint8).sum().item() == 60_000
    assert torch.ones(3, dtype=torch.bool).sum().dtype is torch.int64
    assert torch.ones(3, dtype=torch.uint8).all().dtype is torch.uint8
    many = torch.full((1 << 20,), 0.1)
    assert abs(many.cumsum(0)[-1].item() - 104857.6) < 0.01


def test_equals_share_the_gradient_of_whole_extrema_but_not_along_a_dim():
    values = [1.0, 3.0, 3.0]
    for fn in (torch.max, torch.amax, lambda x: torch.aminmax(x).max):
        assert _gradient(fn, values) == [0.0, 0.5, 0.5]
    assert _gradient(lambda x: x.max(0).values, values) == [0.0, 1.0, 0.0]
    assert _gradient(torch.median, values) == [0.0, 0.5, 0.5]


def test_products_with_zeros_have_their_gradient():
    assert _gradient(torch.prod, [2.0, 0.0, 3.0]) == [0.0, 6.0, 0.0]
    assert _gradient(torch.prod, [0.0, 0.0, 3.0]) == [0.0, 0.0, 0.0]
    assert _gradient(lambda x: x.cumprod(0).sum(), [2.0, 0.0, 3.0, 4.0]) == [1.0, 32.0, 0.0, 0.0]


def test_norms_have_no_gradient_at_zero():
    assert _gradient(lambda x: x.norm(), [0.0, 0.0]) == [0.0, 0.0]
    assert _gradient(lambda x: torch.cdist(x, x).sum(), [[1.0, 2.0], [1.0, 2.0]]) == [[0.0, 0.0], [0.0, 0.0]]


def test_logsumexp_of_nothing_but_minus_infinity():
    assert torch.logsumexp(tensor([-math.inf, -math.inf]), 0).item() == -math.inf
    assert _gradient(lambda x: torch.logsumexp(x, 0), [-math.inf, 0.0]) == [0.0, 1.0]


def test_empty_dims_are_refused_where_nothing_is_neutral():
    empty = torch.zeros(0, 3)
    with pytest.raises(EngineError,
                       match=r"max\(\): Expected reduction dim to be specified for input.numel\(\) == 0"):
        empty.max()
    with pytest.raises(BadIndex, match=r"argmax\(\): Expected reduction dim 0 to have non-zero size."):
        empty.argmax(0)
    assert empty.sum(0).tolist() == [0.0] * 3 and empty.prod().item() == 1.0
    assert empty.amax(1).shape == (0,) and math.isnan(empty.mean().item())


def test_too_few_values_for_a_variance_warn():
    with pytest.warns(UserWarning, match=r"std\(\): degrees of freedom is <= 0"):
        assert math.isnan(tensor([1.0]).std().item())


def test_out_takes_both_results_of_a_dim():
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    result = torch.max(tensor([[1.0, 5.0], [3.0, 2.0]]), 1, out=(values, indices))
    assert result.values is values and values.tolist() == [5.0, 3.0] and indices.tolist() == [1, 0]


@pytest.mark.parametrize("p", [2, 3, 1, 0.5, -2, float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_norm_of_a_number_alone_is_its_size(p, dtype):
    large, small = float(torch.finfo(dtype).max) / 4, float(torch.finfo(dtype).tiny)
    x = torch.tensor([[large], [-large], [small], [0.0]], dtype=dtype)
    assert x.norm(p, dim=1).tolist() == x.abs().flatten().tolist()
    assert x[1, 0].norm(p).item() == large
    assert x[2:3].norm(p, dim=(0, 1)).item() == small


def test_squares_that_are_too_large_make_a_norm_infinite():
    assert torch.tensor([3e38, 1.0]).norm().item() == float("inf")
    assert torch.tensor([1e-30, 1e-30]).norm().item() == 0
    assert torch.tensor([[3e38, 1.0], [3.0, 4.0]]).norm(dim=1).tolist() == [float("inf"), 5]
