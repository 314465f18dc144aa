"""Resizing by the compiled kernel against NumPy's way, and what the kernel refuses."""

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
MODES = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}


def results(x: np.ndarray, **options) -> list:
    """The result, and the gradient of a sum of it."""
    t = tensor(x).requires_grad_()
    y = F.interpolate(t, **options)
    return [y.detach().numpy(), autograd.grad((y * y).sum(), [t])[0].numpy()]


@given(st.data(), st.integers(1, 3), st.sampled_from("fd"), st.booleans())
@settings(max_examples=80, deadline=None)
def test_both_ways_give_the_same(data, dims, dtype, align):
    sizes = st.tuples(*[st.integers(1, 40 if dims < 3 else 9)] * dims)
    mode, shape, size = data.draw(st.sampled_from(MODES[dims])), data.draw(sizes), data.draw(sizes)
    antialias = dims == 2 and data.draw(st.booleans())
    x = np.random.default_rng(0).standard_normal((2, 3, *shape)).astype(dtype)
    options = {"size": size, "mode": mode, "align_corners": align, "antialias": antialias}
    found = results(x, **options)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "resample", lambda *args: False, raising=False)
        wanted = results(x, **options)
    scale = 1e-5 if dtype == "f" else 1e-12
    for a, e in zip(found, wanted, strict=True):
        assert a.dtype == e.dtype and a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=scale, atol=scale * max(1, np.abs(e).max()))


@pytest.mark.skipif(native.kernels is None, reason="a product with a matrix spreads nan")
def test_gradients_that_are_nan_stay_where_they_belong():
    x = tensor(np.ones((1, 1, 8), "f")).requires_grad_()
    y = F.interpolate(x, size=13, mode="linear")
    g = np.ones(13, "f")
    g[0] = np.nan
    found = autograd.grad(y, [x], [tensor(g[None, None])])[0].numpy()
    assert np.isnan(found[0, 0, 0]) and not np.isnan(found[0, 0, 2:]).any()


def test_results_do_not_depend_on_the_number_of_threads():
    x, found, count = np.random.default_rng(0).standard_normal((4, 8, 40, 41)).astype("f"), [], threads.get_num_threads()
    try:
        for k in (1, 2, 4):
            threads.set_num_threads(k)
            found.append(results(x, scale_factor=2.5, mode="bicubic"))
    finally:
        threads.set_num_threads(count)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
def test_what_does_not_fit_is_left_alone():
    x, y = np.ones((2, 5, 3), "f"), np.full((2, 4, 3), 7, "f")
    places, weights = np.array([[0, 1, 2, 4]], np.int32), np.ones((1, 4), "f")
    good = [y, x, 1, places, weights]
    assert native.resample(*good) is True and (y == 1).all()
    y[...] = 7
    for k, wrong in ((0, y.astype("d")), (0, y[:, :3]), (0, x), (0, y[0]), (1, x[:, ::2]), (1, x.astype("e")), (2, 0), (2, 3),
                     (2, -1), (3, places + 1), (3, places - 2), (3, places.astype(np.int64)), (3, places[0]),
                     (3, places[:, :3].copy()), (3, places[:0]), (4, weights.astype("d")), (4, weights[:0]), (4, None)):
        assert native.resample(*good[:k], wrong, *good[k + 1:]) is False, (k, wrong)
    assert native.resample(*good[:-1]) is False and (y == 7).all()
