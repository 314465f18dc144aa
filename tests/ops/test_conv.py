"""Convolutions and pooling against plain loops, and what generated tests cannot see of them."""

from itertools import product

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine import autograd
from tcli.engine.tensor import tensor
from tcli.errors import EngineError
from tcli.runtime.namespaces import tree

torch, F = tree("torch"), tree("torch.nn.functional")


def _direct(x, w, stride, pad, dilation, groups):
    """conv2d by its definition."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    n, _, height, width = x.shape
    out, per, kh, kw = w.shape
    size = [(m - dilation * (k - 1) - 1) // stride + 1 for m, k in ((height, kh), (width, kw))]
    y = np.zeros((n, out, *size))
    for o, i, j in product(range(out), range(size[0]), range(size[1])):
        first = o // (out // groups) * per
        part = x[:, first:first + per, i * stride:i * stride + dilation * kh:dilation,
                 j * stride:j * stride + dilation * kw:dilation]
        y[:, o, i, j] = (part[:, :, :kh, :kw] * w[o]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize("stride, pad, dilation, groups", [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 2), (2, 1, 1, 4)])
def test_conv2d_is_its_definition(stride, pad, dilation, groups):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 7, 6)), rng.standard_normal((8, 4 // groups, 3, 2))
    got = F.conv2d(tensor(x), tensor(w), None, stride, pad, dilation, groups)
    np.testing.assert_allclose(got.numpy(), _direct(x, w, stride, pad, dilation, groups), atol=1e-12)


def test_many_images_are_computed_in_blocks(monkeypatch):
    from tcli.ops import conv

    rng = np.random.default_rng(0)
    x, w = (tensor(rng.standard_normal(s)).requires_grad_() for s in ((5, 3, 8, 8), (4, 3, 3, 3)))
    whole = autograd.grad(F.conv2d(x, w).pow(2).sum(), [x, w])
    monkeypatch.setattr(conv, "BLOCK", 1)
    parts = autograd.grad(F.conv2d(x, w).pow(2).sum(), [x, w])
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-10)


@pytest.mark.parametrize("call, message", [
    (lambda: F.conv2d(torch.ones(1, 4, 8, 8), torch.ones(8, 3, 3, 3)),
     "Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 4, 8, 8] to have 3 channels, but got 4 channels "
     "instead"),
    (lambda: F.conv2d(torch.ones(1, 3, 2, 2), torch.ones(8, 3, 3, 3)),
     "Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3). Kernel size can't be greater than "
     "actual input size"),
    (lambda: F.conv2d(torch.ones(8, 8), torch.ones(8, 3, 3, 3)),
     "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [8, 8]"),
    (lambda: F.max_pool2d(torch.ones(1, 3, 4, 4), 5),
     "Given input size: (3x4x4). Calculated output size: (3x0x0). Output size is too small"),
])
def test_errors_in_pytorchs_words(call, message):
    with pytest.raises(EngineError) as error:
        call()
    assert str(error.value) == message


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = torch.ones(1, 1, 3, 3, requires_grad=True)
    F.max_pool2d(x, 2, 1).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], [[1, 1, 0], [1, 1, 0], [0, 0, 0]])


def test_nan_wins_a_maximum():
    x = tensor([[[1.0, float("nan"), 3.0, 2.0]]])
    values, places = F.max_pool1d(x, 2, return_indices=True)
    assert np.isnan(values.numpy()[0, 0, 0]) and places.tolist() == [[[1, 2]]]
    assert np.isnan(F.max_pool1d(x, 2).numpy()[0, 0, 0])


def test_a_maximum_of_minus_infinity_is_never_in_the_padding():
    x = torch.full((1, 1, 2, 2), float("-inf"))
    _, places = F.max_pool2d(x, 3, 1, 1, return_indices=True)
    assert places.tolist() == [[[[0, 0], [0, 0]]]]


@pytest.mark.parametrize(("pool", "shape", "size", "name"), [
    (F.adaptive_max_pool1d, (2, 3, 8), 4, "SqueezeBackward1"),
    (F.adaptive_max_pool2d, (2, 3, 8, 6), (4, 2), "AdaptiveMaxPool2DBackward0"),
    (F.adaptive_max_pool3d, (1, 2, 4, 2, 6), (2, 1, 3), "AdaptiveMaxPool3DBackward0")])
def test_adaptive_maxima_over_equal_windows(pool, shape, size, name):
    x = torch.randint(0, 5, shape).double().requires_grad_()
    y, (wanted, _) = pool(x, size), pool(x, size, True)
    assert y.grad_fn.name() == name
    assert torch.equal(y, wanted)
    g = torch.randn(y.shape).double()
    first, same = (torch.autograd.grad((v * v * g).sum(), x, create_graph=True)[0] for v in (y, wanted))
    assert torch.equal(first, same)
    second, same = (torch.autograd.grad((v * v).sum(), x)[0] for v in (first, same))
    assert torch.equal(second, same)
