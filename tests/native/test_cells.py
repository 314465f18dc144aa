"""Compiled layers of recurrent cells against those of NumPy, and the curves that they are made of."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import autograd, threads
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

torch = tree("torch")
compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")


def layer(mode: str, steps: int, batch: int, inputs: int, units: int, biases: bool, two: bool, dtype: str):
    """Arguments of torch.lstm or torch.gru, as leaves."""
    rng, gates = np.random.default_rng(0), {"lstm": 4, "gru": 3}[mode]
    sizes = [(gates * units, inputs), (gates * units, units), *([(gates * units,)] * 2 if biases else [])] * (1 + two)
    x, *params = (tensor(rng.standard_normal(s).astype(dtype) / 2).requires_grad_() for s in ((steps, batch, inputs), *sizes))
    states = [tensor(rng.standard_normal((1 + two, batch, units)).astype(dtype)).requires_grad_() for _ in range(2)]
    return x, states if mode == "lstm" else states[:1], params


def results(mode: str, used: tuple, *case) -> list:
    """The outputs, and the gradients of all inputs of a sum of those that are `used`."""
    x, states, params = layer(mode, *case)
    hx = tuple(states) if mode == "lstm" else states[0]
    outs = getattr(torch, mode)(x, hx, params, case[4], 1, 0.0, True, case[5], False)
    leaves = [x, *states, *params]
    total = sum((y * y * (k + 1)).sum() for k, y in enumerate(outs) if k in used)
    return [t.detach().numpy() for t in (*outs, *autograd.grad(total, leaves))]


def without(fn):
    with pytest.MonkeyPatch.context() as patched:
        for name in ("recurrent", "recurrent_back"):
            patched.setattr(native, name, lambda *args: False, raising=False)
        return fn()


@given(st.sampled_from(["lstm", "gru"]), st.sampled_from([(0,), (0, 1), (1,)]), st.integers(1, 5), st.integers(1, 20),
       st.tuples(st.sampled_from([1, 3]), st.sampled_from([5, 8, 16, 17, 31, 40, 64, 70]), st.booleans(), st.booleans(),
                 st.sampled_from("fd")))
@settings(max_examples=100, deadline=None)
def test_layers(mode, used, steps, batch, rest):
    case = steps, batch, *rest
    got, wanted = results(mode, used, *case), without(lambda: results(mode, used, *case))
    scale = 2e-5 if case[-1] == "f" else 1e-12
    for a, e in zip(got, wanted, strict=True):
        assert a.dtype == e.dtype and a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=scale, atol=scale * max(1, np.abs(e).max()))


def test_the_last_cell_state_has_a_gradient_too():
    case = 4, 3, 2, 24, True, False, "d"
    for used in ((2,), (0, 1, 2)):
        for a, e in zip(results("lstm", used, *case), without(lambda u=used: results("lstm", u, *case)), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-12)


@compiled
@pytest.mark.parametrize("mode", ["lstm", "gru"])
def test_results_do_not_depend_on_the_number_of_threads(mode):
    count, found = threads.get_num_threads(), []
    try:
        for k in (1, 2, 4):
            threads.set_num_threads(k)
            found.append(results(mode, (0, 1), 6, 70, 8, 40, True, True, "f"))
    finally:
        threads.set_num_threads(count)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def curves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(sigmoid(x), tanh(x)): gates of an LSTM whose weights are zero."""
    rows, n = np.resize(x, (-(-x.size // 64), 64)), 64
    zero, w = np.zeros(rows.shape, x.dtype), np.zeros((4 * n, n), x.dtype)
    y, cells = np.empty((2, 1, *rows.shape), x.dtype)
    kept = np.empty((1, len(rows), 4, n), x.dtype)
    assert native.recurrent("lstm", False, y, kept, cells, np.tile(rows, 4)[None], zero, zero, w, None) is True
    return tuple(kept[0, :, k].reshape(-1)[:x.size] for k in (0, 2))


@compiled
@pytest.mark.parametrize(("dtype", "width"), [("f", np.float32), ("d", np.float64)])
def test_sigmoid_and_tanh_are_within_two_units(dtype, width):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-12, 12, 400), rng.uniform(-1, 1, 300), 10.0 ** rng.uniform(-30, 2, 100), [0, 20, -20]])
    x = x.astype(dtype)
    exact_ones = [1 / (1 + math.exp(-float(v))) for v in x], [math.tanh(float(v)) for v in x]
    for got, exact in zip(curves(x), exact_ones, strict=True):
        error = np.abs(got.astype("d") - exact) / np.spacing(np.abs(exact).astype(width)).astype("d")
        assert error.max() <= 3  # the yardstick itself is half a unit off


@compiled
def test_special_values():
    x = np.zeros(64, "f")
    x[:6] = np.inf, -np.inf, np.nan, 1e30, -1e30, 0
    sigmoid, tanh = curves(x)
    np.testing.assert_array_equal(sigmoid[:6], np.array([1, 0, np.nan, 1, 0, 0.5], "f"))
    np.testing.assert_array_equal(tanh[:6], np.array([1, -1, np.nan, 1, -1, 0], "f"))


@compiled
def test_what_does_not_fit_is_left_alone():
    n, dtype = 32, "f"
    good = ["lstm", False, np.empty((2, 3, n), dtype), np.empty((2, 3, 4, n), dtype), np.empty((2, 3, n), dtype),
            np.zeros((2, 3, 4 * n), dtype), np.zeros((3, n), dtype), np.zeros((3, n), dtype), np.zeros((4 * n, n), dtype), None]
    assert native.recurrent(*good) is True
    for k in range(2, 9):
        for wrong in (good[k].astype("d"), good[k][..., ::2], good[k][:1], None, np.zeros((), dtype)):
            assert native.recurrent(*good[:k], wrong, *good[k + 1:]) is False
    for k, wrong in ((0, "tanh"), (0, 3), (9, np.zeros(n, dtype)), (9, 1), (3, good[2]), (4, good[2])):
        assert native.recurrent(*good[:k], wrong, *good[k + 1:]) is False
    assert native.recurrent() is False and native.recurrent_back(*good) is False
    y, kept, cells, _, h0, c0, w, _ = good[2:]
    back = ["lstm", False, y, np.empty((2, 3, 4 * n), dtype), None, np.empty((3, n), dtype), np.empty((3, n), dtype), kept,
            cells, h0, c0, w, None, None, None]
    assert native.recurrent_back(*back) is True
    for k in (2, 3, 5, 6, 7, 8, 9, 10, 11):
        for wrong in (back[k].astype("d"), back[k][..., ::2], None):
            assert native.recurrent_back(*back[:k], wrong, *back[k + 1:]) is False
    for k in (12, 13, 14):
        assert native.recurrent_back(*back[:k], np.zeros(3, dtype), *back[k + 1:]) is False
