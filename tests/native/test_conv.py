"""Compiled convolutions against those of NumPy, over shapes, layouts and options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import autograd, threads
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

F = tree("torch.nn.functional")
compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
KERNELS = ("conv", "conv_transposed", "conv_weight")


@pytest.fixture
def without(monkeypatch):
    """A way to run something without the kernels of this file."""
    def run(fn):
        with monkeypatch.context() as patched:
            for name in KERNELS:
                patched.setattr(native, name, lambda *args: False, raising=False)
            return fn()
    return run


def results(op, x, w, b, *options):
    """The result and the gradients of all inputs."""
    inputs = [tensor(a).requires_grad_() for a in (x, w, b) if a is not None]
    y = op(*inputs[:2], inputs[2] if b is not None else None, *options)
    return [t.detach().numpy() for t in (y, *autograd.grad((y * y).sum(), inputs))]


def check(without, op, x, w, b, *options):
    got, wanted = results(op, x, w, b, *options), without(lambda: results(op, x, w, b, *options))
    scale = 1e-4 if x.dtype == np.float32 else 1e-11
    for a, e in zip(got, wanted, strict=True):
        assert a.dtype == e.dtype and a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=scale, atol=scale * max(1, np.abs(e).max(initial=0)))


sizes = st.integers(1, 3)


@st.composite
def cases(draw):
    dims, groups = draw(sizes), draw(st.sampled_from([1, 1, 2, 3]))
    ci, co = draw(st.integers(1, 5)), draw(st.integers(1, 19))
    kernel, stride, dilation, pads = (draw(st.tuples(*[s] * dims)) for s in (sizes, sizes, st.integers(1, 2),
                                                                             st.integers(0, 2)))
    size = tuple(draw(st.integers(max(1, d * (k - 1) + 1 - 2 * p), 12)) for k, d, p in zip(kernel, dilation, pads, strict=True))
    return (draw(st.sampled_from("fd")), (draw(st.integers(1, 4)), groups * ci, *size), (groups * co, ci, *kernel),
            draw(st.booleans()), stride, pads, dilation, groups)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_any_convolution(case):
    dtype, x_shape, w_shape, has_bias, *options = case
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, w_shape[0]))
    with pytest.MonkeyPatch.context() as patched:
        def numpy_way(fn):
            for name in KERNELS:
                patched.setattr(native, name, lambda *args: False, raising=False)
            return fn()
        check(numpy_way, getattr(F, f"conv{len(x_shape) - 2}d"), x, w, b if has_bias else None, *options)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize(("x", "w", "options"), [
    ((3, 3, 40, 37), (20, 3, 7, 7), (2, 3)), ((2, 64, 28, 28), (64, 1, 3, 3), (1, 1, 1, 64)),
    ((2, 40, 40, 40), (33, 40, 3, 3), (1, 1)), ((2, 16, 32, 32), (24, 16, 1, 1), ()), ((1, 130, 9, 9), (70, 130, 3, 3), (1, 1)),
    ((2, 6, 3000), (8, 3, 5), (1, 2, 1, 2)), ((1, 2, 40000), (3, 2, 3), (1,)), ((1, 4, 9, 17, 18), (8, 4, 3, 3, 3), (1, 1)),
    ((1, 300, 33, 33), (17, 300, 2, 2), ()), ((2, 3, 5, 5), (4, 3, 1, 1), (4, 3)), ((9, 8, 16), (8, 8, 1), ())])
def test_sizes_with_bands_parts_and_slices(without, dtype, x, w, options):
    rng = np.random.default_rng(1)
    check(without, getattr(F, f"conv{len(x) - 2}d"), rng.standard_normal(x).astype(dtype), rng.standard_normal(w).astype(dtype),
          None, *options)


@pytest.mark.parametrize(("x", "w", "options"), [
    ((2, 32, 14, 14), (32, 16, 4, 4), (2, 1)), ((2, 5, 9), (5, 3, 3), (3, 1, 2)), ((1, 4, 5, 6), (4, 1, 3, 3), (2, 1, 1, 2)),
    ((1, 3, 4, 5, 4), (3, 2, 2, 3, 2), (2,)), ((1, 3, 6, 6), (3, 4, 1, 1), (3, 0, 2))])
def test_transposed_convolutions(without, x, w, options):
    rng = np.random.default_rng(2)
    op = getattr(F, f"conv_transpose{len(x) - 2}d")
    check(without, op, rng.standard_normal(x), rng.standard_normal(w), None, *options)


@pytest.mark.parametrize(("stride", "pad", "dilation"), [(1, 1, 1), (2, 0, 1), (1, 2, 2)])
@pytest.mark.parametrize(("width", "n_out"), [(20, 3), (7, 3), (20, 12)])
def test_what_is_not_seen_stays_out(stride, pad, dilation, width, n_out):
    """Infinities beside a window, and those that wrap around behind a row, are not part of its sum."""
    x = np.ones((2, 2, 9, width), "f")
    x[:, :, 4, 0], x[:, :, 8, -1], x[0, 1, 0, 0] = np.inf, np.nan, -np.inf
    w = np.ones((n_out, 2, 3, 3), "f")
    full = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    seen = np.lib.stride_tricks.sliding_window_view(full, (2 * dilation + 1,) * 2, (2, 3))
    seen = seen[:, :, ::stride, ::stride, ::dilation, ::dilation]
    inputs = [tensor(x), tensor(w).requires_grad_()]
    with np.errstate(all="ignore"):
        y = F.conv2d(*inputs, None, stride, pad, dilation)
        y.sum().backward()
        np.testing.assert_array_equal(y.detach().numpy(), np.repeat(seen.sum((1, 4, 5))[:, None], n_out, 1))
        np.testing.assert_array_equal(inputs[1].grad.numpy(), np.repeat(seen.sum((0, 2, 3))[None], n_out, 0))


def test_inputs_with_gaps(without):
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((2, 8, 9, 3)).transpose(0, 3, 1, 2), rng.standard_normal((3, 3, 4, 5)).transpose(3, 0, 1, 2)[::2]
    check(without, F.conv2d, x, w, None, 1, 1)


@compiled
@pytest.mark.parametrize(("x", "w", "options"), [
    ((5, 20, 30, 30), (24, 20, 3, 3), (1, 1)), ((5, 6, 30, 30), (6, 1, 3, 3), (1, 1, 1, 6)),
    ((1, 40, 2000), (64, 40, 3), (1, 1))])
def test_results_do_not_depend_on_the_number_of_threads(x, w, options):
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal(x).astype("f"), rng.standard_normal(w).astype("f")
    count, found = threads.get_num_threads(), []
    try:
        for k in (1, 2, 4):
            threads.set_num_threads(k)
            found.append(results(getattr(F, f"conv{x.ndim - 2}d"), x, w, None, *options))
    finally:
        threads.set_num_threads(count)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


GEOMETRY = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)


@compiled
@pytest.mark.parametrize("change", [
    {"x": np.ones((2, 3, 8, 8))}, {"x": np.ones((2, 4, 8, 8), "f")}, {"x": np.ones((1, 3, 8, 8), "f")}, {"x": None},
    {"x": np.ones((2, 3, 8, 16), "f")[..., ::2]}, {"x": np.ones((2, 3, 0, 8), "f")}, {"w": np.ones((4, 3, 3), "f")},
    {"b": np.ones(3, "f")}, {"b": 1}, {"g": None}, {"g": (1, 2, 3, 4)}, {"g": ((1,), ((1, 1),), (1,), 1)},
    *[{"g": (stride, pads, (1, 1), groups)} for stride, pads, groups in (
        ((0, 1), ((1, 1), (1, 1)), 1), ((1, 1), ((-1, 1), (1, 1)), 1), ((1, 1), ((1, 1), (1, 1)), 2),
        ((1, 1), ((1, 1), (1, 1)), 0), (("a", 1), ((1, 1), (1, 1)), 1), ((1000, 1), ((1, 1), (1, 1)), 1))]])
def test_what_does_not_fit_is_left_alone(change):
    a = {"x": np.ones((2, 3, 8, 8), "f"), "w": np.ones((4, 3, 3, 3), "f"), "b": None, "g": GEOMETRY, **change}
    y = np.full((2, 4, 8, 8), 7, "f")
    assert native.conv(y, a["x"], a["w"], a["b"], a["g"]) is False
    assert (y == 7).all()
    if "b" not in change:
        assert native.conv_weight(np.full((4, 3, 3, 3), 7, "f") if "w" not in change else a["w"], y, a["x"], a["g"]) is False
    assert native.conv() is False and native.conv_weight(y) is False
    assert native.conv_transposed(y, y, y, None, GEOMETRY) is False
    y.flags.writeable = False
    assert native.conv(y, np.ones((2, 3, 8, 8), "f"), np.ones((4, 3, 3, 3), "f"), None, GEOMETRY) is False


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("pads", [(0, 0), (1, 1), (2, 0), (1, 2), (4, 3)])
@pytest.mark.parametrize("size", [(3, 3), (5, 4), (4, 17), (9, 16), (11, 33), (6, 70)])
def test_a_kernel_for_each_channel(without, size, pads, dtype):
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in ((2, 3, *size), (3, 1, 3, 3), 3))
    x[1, 2, -1, -1] = np.nan  # the last number of all spoils what it is part of alone
    y = F.conv2d(tensor(x), tensor(w), tensor(b), 1, pads, 1, 3).numpy()
    wanted = without(lambda: F.conv2d(tensor(x), tensor(w), tensor(b), 1, pads, 1, 3).numpy())
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
    x[1, 2, -1, -1] = 1
    check(without, F.conv2d, x, w, b, 1, pads, 1, 3)
