"""Compiled pooling against that of NumPy: values, places and gradients, with ties, nan and infinities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import autograd, threads
from tcli.engine.registry import T
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

torch, F = tree("torch"), tree("torch.nn.functional")
compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
KERNELS = ("max_pool", "max_pool_places", "max_pool_back", "scatter_planes", "mean_pool", "mean_pool_back")


def both(fn):
    """What `fn` gives with the kernels of this file and without."""
    with pytest.MonkeyPatch.context() as patched:
        got = fn()
        for name in KERNELS:
            patched.setattr(native, name, lambda *args: False, raising=False)
        return got, fn()


def same(fn, rtol=1e-5):
    got, wanted = both(fn)
    for a, e in zip(got, wanted, strict=True):
        assert a.dtype == e.dtype and a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol)


def values(op, x, *options, **more):
    """The results, and the gradient of x."""
    x = tensor(x).requires_grad_()
    found = op(x, *options, **more)
    y, rest = found if isinstance(found, tuple) else (found, None)
    weights = torch.arange(y.numel(), dtype=y.dtype).reshape(y.shape) + 1
    gradient = autograd.grad((y * weights).sum(), x)[0]
    return [t.detach().numpy() for t in (y, rest, gradient) if t is not None]


@st.composite
def windows(draw):
    dims = draw(st.integers(1, 3))
    kernel, stride = (draw(st.tuples(*[st.integers(1, 4)] * dims)) for _ in range(2))
    pads = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = draw(st.tuples(*[st.integers(1, 2)] * dims))
    size = tuple(draw(st.integers(d * (k - 1) + 1, 13 if dims > 1 else 70)) for k, d in zip(kernel, dilation, strict=True))
    lead = draw(st.sampled_from([(2,), (2, 3)]))
    return draw(st.sampled_from("fd")), (*lead, *size), kernel, stride, pads, dilation, draw(st.booleans())


@given(windows(), st.sampled_from(["plain", "ties", "nan", "low"]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_maxima(case, kind, indices):
    dtype, shape, kernel, stride, pads, dilation, ceil = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape) if kind == "plain" else rng.integers(0, 3, shape).astype("d")
    if kind == "nan":
        x[rng.random(shape) < 0.1], x[rng.random(shape) < 0.1] = np.nan, np.inf
    if kind == "low":
        x[rng.random(shape) < 0.7] = -np.inf
    op = getattr(F, f"max_pool{len(kernel)}d")
    with np.errstate(all="ignore"):
        same(lambda: values(op, x.astype(dtype), kernel, stride, pads, dilation, ceil, indices))


@given(st.sampled_from("fd"), st.lists(st.integers(1, 4), max_size=2), st.integers(2, 9), st.integers(2, 70),
       st.sampled_from(["plain", "ties", "nan", "low"]))
@settings(max_examples=200, deadline=None)
def test_maxima_of_squares_side_by_side(dtype, lead, rows, columns, kind):
    shape, rng = (*lead, rows, columns), np.random.default_rng(rows * columns)
    x = rng.standard_normal(shape) if kind == "plain" else rng.integers(-1, 2, shape) * rng.choice([-1.0, 1.0], shape)
    if kind == "nan":
        x[rng.random(shape) < 0.2], x[rng.random(shape) < 0.1] = np.nan, np.inf
    if kind == "low":
        x[rng.random(shape) < 0.7] = -np.inf
    x = x.astype(dtype)
    g = rng.integers(-1, 2, (*lead, rows // 2, columns // 2)).astype(dtype)
    options = (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)

    def run():
        y = T._max_pool(tensor(x), *options, g.shape[-2:])
        dx = T._max_pool_back(tensor(g), tensor(x), *options, g.shape[-2:])
        return [y.numpy(), dx.numpy()]
    with np.errstate(all="ignore"):
        same(run, 0)


@given(windows(), st.booleans(), st.sampled_from([None, 3]))
@settings(max_examples=150, deadline=None)
def test_means(case, count_pad, divisor):
    dtype, shape, kernel, stride, pads, _, ceil = case
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    more = (divisor,) if len(kernel) > 1 else ()
    same(lambda: values(getattr(F, f"avg_pool{len(kernel)}d"), x, kernel, stride, pads, ceil, count_pad, *more))


@given(st.sampled_from("fd"), st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=3), st.booleans())
@settings(max_examples=150, deadline=None)
def test_adaptive_windows(dtype, dims, ties):
    rng = np.random.default_rng(0)
    shape, size = (2, 3, *(m for m, _ in dims)), tuple(n for _, n in dims)
    x = (rng.integers(0, 3, shape) if ties else rng.standard_normal(shape)).astype(dtype)
    same(lambda: values(getattr(F, f"adaptive_avg_pool{len(dims)}d"), x, size))
    same(lambda: values(getattr(F, f"adaptive_max_pool{len(dims)}d"), x, size, return_indices=True))


@given(st.sampled_from("fd"), st.lists(st.tuples(st.integers(1, 40), st.integers(1, 4)), min_size=1, max_size=3),
       st.sampled_from(["nearest", "nearest-exact"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_repeated_numbers(dtype, dims, mode, by_size):
    x = np.random.default_rng(0).standard_normal((2, 3, *(n for n, _ in dims))).astype(dtype)
    if by_size:
        same(lambda: values(F.interpolate, x, size=tuple(n * k for n, k in dims), mode=mode))
    else:
        same(lambda: values(F.interpolate, x, scale_factor=tuple(float(k) for _, k in dims), mode=mode))


@given(st.sampled_from("fd"), st.lists(st.integers(1, 4), max_size=2), st.integers(2, 9), st.integers(2, 70),
       st.sampled_from([None, 3]))
@settings(max_examples=100, deadline=None)
def test_means_of_squares_side_by_side(dtype, lead, rows, columns, divisor):
    x = np.random.default_rng(0).standard_normal((2, *lead, rows, columns)[-4:]).astype(dtype)
    same(lambda: values(F.avg_pool2d, x[None] if x.ndim < 3 else x, 2, 2, 0, False, True, divisor))


def test_gradients_of_gradients_and_inputs_with_gaps():
    x = np.random.default_rng(1).standard_normal((3, 2, 9, 8)).transpose(0, 1, 3, 2)[:, :, ::2]

    def twice():
        t = tensor(x).requires_grad_()
        y = F.max_pool2d(t, 2, 1) * F.avg_pool2d(t, 2, 1)
        first = autograd.grad((y * y).sum(), t, create_graph=True)[0]
        return [v.detach().numpy() for v in (y, first, autograd.grad((first * first).sum(), t)[0])]
    same(twice)


@compiled
@pytest.mark.parametrize("op", [F.max_pool2d, F.avg_pool2d])
def test_results_do_not_depend_on_the_number_of_threads(op):
    x = np.random.default_rng(2).standard_normal((7, 16, 40, 41)).astype("f")
    count, found = threads.get_num_threads(), []
    try:
        for k in (1, 2, 4):
            threads.set_num_threads(k)
            found.append(values(op, x, 3, 2, 1))
    finally:
        threads.set_num_threads(count)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@compiled
def test_what_does_not_fit_is_left_alone():
    x, y, g = np.ones((2, 6, 6), "f"), np.full((2, 3, 3), 7, "f"), np.ones((2, 3, 3), "f")
    good = [(2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)]
    assert native.max_pool(y.copy(), x, *good) is True
    for k, wrong in ((0, (0, 2)), (0, (2,)), (0, None), (1, (3, 2)), (1, (0, 1)), (2, ((2, 2), (2, 2))), (2, ((-1, 0), (0, 0))),
                     (2, (0, 0)), (3, (0, 1)), (3, ("a", 1))):
        args = [*good[:k], wrong, *good[k + 1:]]
        assert native.max_pool(y, x, *args) is False, (k, wrong)
        assert native.max_pool_back(x.copy(), g, x, *args) is False
    for a in (x.astype("d"), x[:, ::2], x.astype("i"), x[:1], x[:0], None):
        assert native.max_pool(y, a, *good) is False
        assert native.mean_pool(y, a, 2) is False
    assert native.max_pool_places(y, x, *good) is False
    assert native.mean_pool(y, x, 0) is False and native.mean_pool(y, x, 4) is False and native.mean_pool(y, x, "2") is False
    assert native.mean_pool(y, x, *good[:3], True, "a") is False
    places = np.zeros((2, 3, 3), np.int64)
    assert native.scatter_planes(x.copy(), g, places, 2) is True
    for at in (-1, 36):
        places[1, 2, 2] = at
        assert native.scatter_planes(x, g, places, 2) is False
    assert native.scatter_planes(x, g, places.astype("i"), 2) is False
    assert (y == 7).all() and (x == 1).all()
