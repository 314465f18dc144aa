"""What generated tests cannot see of the elementwise ops: bit tricks, ties, signed zeros, in-place forms."""

import math

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine import random
from tcli.engine.tensor import tensor
from tcli.errors import EngineError
from tcli.ops.arrays import gate, select
from tcli.ops.error_function import erf
from tcli.runtime.namespaces import tree

torch, F = tree("torch"), tree("torch.nn.functional")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (0, 2)])
def test_masks_choose_bit_by_bit(dtype, shape):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    mask = np.asarray(rng.random(shape) < 0.5)
    if a.ndim and a.size:
        a.ravel()[:2] = math.nan, math.inf
    np.testing.assert_array_equal(select(np, mask, a, b), np.where(mask, a, b))
    np.testing.assert_array_equal(select(np, mask, a, 2.5), np.where(mask, a, np.asarray(2.5, dtype)))
    np.testing.assert_array_equal(select(np, mask, -1, b), np.where(mask, np.asarray(-1, dtype), b))
    np.testing.assert_array_equal(gate(np, mask, a), np.where(mask, a, np.zeros((), dtype)))


def test_masks_choose_through_strides_and_broadcasting():
    a = np.arange(12, dtype="float32").reshape(3, 4)
    mask = a.T > 5
    np.testing.assert_array_equal(select(np, mask, a.T, -a.T), np.where(mask, a.T, -a.T))
    np.testing.assert_array_equal(gate(np, mask[:1], a.T), np.where(mask[:1], a.T, 0))


def test_erf_in_float32_is_erf():
    x = np.array([-math.inf, -5, -1.5, -1e-20, 0, 0.5, 3.9, 4, math.inf, math.nan], "float32")
    expected = [math.erf(v) for v in x.tolist()]
    np.testing.assert_allclose(erf(np, x), expected, rtol=6e-7)
    assert erf(np, x)[0] == -1 and erf(np, x)[-2] == 1
    many = np.linspace(-4, 4, 40_001, dtype="float32")
    np.testing.assert_allclose(erf(np, many), np.vectorize(math.erf)(many), rtol=6e-7, atol=1e-30)


def test_zeros_keep_their_sign_and_nan_stays():
    x = tensor([-0.0, math.nan, -1.0])
    assert torch.signbit(F.relu(x)).tolist() == [True, False, False]
    assert math.isnan(F.relu(x)[1].item()) and math.isnan(x.clamp(0, 1)[1].item())
    assert torch.signbit(tensor([-4.0]) % 2).item()
    assert torch.sign(tensor([math.nan])).item() == 0


def test_ties_split_the_gradient_of_maximum_and_bounds_pass_that_of_clamp():
    x, y = tensor([1.0, 2.0], requires_grad=True), tensor([1.0, 1.0], requires_grad=True)
    torch.maximum(x, y).sum().backward()
    assert x.grad.tolist() == [0.5, 1.0] and y.grad.tolist() == [0.5, 0.0]
    x.grad = None
    x.clamp(1, 2).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["relu", "elu", "celu", "selu", "leaky_relu", "hardtanh", "relu6", "silu", "mish"])
def test_inplace_activations_write_into_their_argument(name):
    activation = getattr(F, name)
    x = tensor([-1.5, 0.5])
    expected = activation(x)
    assert activation(x, inplace=True) is x and x.tolist() == expected.tolist()
    with pytest.raises(EngineError, match="a leaf Variable that requires grad"):
        activation(tensor([1.0], requires_grad=True), inplace=True)


def test_inplace_activation_of_an_intermediate_has_the_right_gradient():
    x = tensor([-1.0, 2.0], requires_grad=True)
    y = x * 1
    F.elu_(y)
    y.sum().backward()
    assert x.grad[0].item() == pytest.approx(math.exp(-1)) and x.grad[1].item() == 1


def test_rrelu_draws_one_slope_per_negative_element():
    random.manual_seed(5)
    x = tensor([0.8033, -0.6293, 0.089])
    assert F.rrelu(x, training=True).tolist()[::2] == x.tolist()[::2]
    y = F.rrelu(tensor([-1.0, -1.0]), training=True)
    assert all(-1 / 3 <= v <= -1 / 8 for v in y.tolist()) and y[0].item() != y[1].item()


def test_a_second_derivative_through_relu_is_zero_not_an_error():
    from tcli.engine.autograd import grad

    x = tensor([1.0, -2.0], requires_grad=True)
    (g,) = grad(F.relu(x).sum(), x, create_graph=True)
    assert grad(g.sum(), x)[0].tolist() == [0.0, 0.0]


def test_parts_of_complex_numbers_are_views():
    z = tensor([1 + 2j, 3 - 1j])
    z.real.mul_(2)
    torch.view_as_real(z)[..., 1].mul_(0).add_(7)
    assert z.tolist() == [2 + 7j, 6 + 7j]


def test_operators_leave_what_is_no_operand_to_python():
    for operate in (lambda x: x + "a", lambda x: None * x, lambda x: x % "a", lambda x: x @ None):
        with pytest.raises(TypeError, match="unsupported operand type"):
            operate(tensor([1.0]))
    with pytest.raises(EngineError, match="with a bool tensor is not supported"):
        1 - tensor([True])
    assert (tensor([1.0]) == None).__class__ is bool  # noqa: E711
