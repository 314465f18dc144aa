"""Compiled reductions, softmax, normalisation, optimiser steps and fused passes, beside the same ops in NumPy."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcli import native
from tcli.engine import fuse, threads
from tcli.engine.dispatch import wrap
from tcli.engine.registry import T
from tcli.runtime.namespaces import known_modules

pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
KERNELS = ("reduce", "softmax", "softmax_backward", "exponential_sums", "scaled_exponentials", "cross_entropy",
           "cross_entropy_backward", "row_norm", "row_norm_backward", "channel_norm", "channel_norm_backward", "steps",
           "run_program")
torch = known_modules()["torch"]
F = torch.nn.functional


def numbers(*shape: int, seed: int = 0, dtype: str = "f") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def both_ways(run, monkeypatch) -> tuple:
    """What `run()` gives with compiled kernels and without."""
    compiled = run()
    with monkeypatch.context() as patch:
        for name in KERNELS:
            patch.setattr(native, name, lambda *_: False, raising=False)
        plain = run()
    return compiled, plain


def close(found, wanted, rel: float = 2e-5) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=rel, atol=rel, equal_nan=True)


# ---------------------------------------------------------------- reductions

WHOLE = ["sum", "mean", "amax", "amin", "norm"]


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("dim", [None, 0, 1, 2, (0, 1), (1, 2)])
@pytest.mark.parametrize("name", WHOLE)
def test_reductions(name, dim, dtype, monkeypatch):
    x = wrap(numbers(67, 70, 80, dtype=dtype))

    def run():
        op = torch.linalg.vector_norm if name == "norm" else getattr(torch, name)
        kept = op(x, dim=dim, keepdim=True)
        assert kept.shape == tuple(1 if dim is None or i in np.atleast_1d(dim) else n for i, n in enumerate(x.shape))
        return [op(x, dim=dim)._a, kept._a]
    close(*both_ways(run, monkeypatch), 1e-4 if dtype == "f" else 1e-12)


@pytest.mark.parametrize("kind, reduce", [(0, np.add.reduce), (1, lambda x, dim: (x * x).sum(dim)),
                                          (2, np.maximum.reduce), (3, np.minimum.reduce)])
@given(st.integers(1, 5), st.integers(1, 300), st.integers(1, 40), st.sampled_from("fd"), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_a_reduction_over_the_middle(kind, reduce, before, n, behind, dtype, seed):
    x, out = numbers(before, n, behind, seed=seed, dtype=dtype), np.empty((before, behind), dtype)
    assert native.reduce(kind, x, out, behind)
    np.testing.assert_allclose(out, reduce(x.astype("d"), 1), rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 17, 63, 64, 999])
@pytest.mark.parametrize("n", [3, 70, 1000, 200_000])
@pytest.mark.parametrize("dtype", "fd")
def test_extremes_find_what_is_no_number(n, place, value, dtype):
    x = numbers(2, n, dtype=dtype)
    x[1, place % n] = value
    for kind, ufunc in ((2, np.maximum), (3, np.minimum)):
        for behind, dim in ((1, 1), (n, 0)):
            out = np.empty(2 if dim else n, dtype)
            assert native.reduce(kind, x, out, behind)
            np.testing.assert_array_equal(out, ufunc.reduce(x, dim))


def with_threads(run) -> list:
    before, found = threads.get_num_threads(), []
    try:
        for k in (1, 2, 4):
            threads.set_num_threads(k)
            found += [run() for _ in range(5)]
    finally:
        threads.set_num_threads(before)
    return found


@pytest.mark.parametrize("shape, behind", [((300_001,), 1), ((700, 900), 1), ((700, 900), 900), ((3, 200_001), 1)])
@pytest.mark.parametrize("kind", range(4))
def test_reductions_do_not_depend_on_the_number_of_threads(kind, shape, behind):
    x = numbers(*shape)

    def run():
        out = np.empty(behind if behind > 1 else shape[0] if len(shape) > 1 else 1, "f")
        assert native.reduce(kind, x, out, behind)
        return out.tobytes()
    assert len(set(with_threads(run))) == 1


def test_a_long_sum_is_exact_to_float32():
    x = np.full(20_000_000, 0.1, "f")
    assert T.sum(wrap(x)).item() == pytest.approx(x.sum(dtype="d"), rel=1e-6)


# ---------------------------------------------------------------- rows

@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", [(3, 3), (5, 1), (700, 411), (4, 9, 70), (1, 3), (2, 300_000)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_and_its_gradient(name, shape, dtype, monkeypatch):
    values, g = numbers(*shape, dtype=dtype) * 10, wrap(numbers(*shape, seed=1, dtype=dtype))

    def run():
        x = wrap(values.copy()).requires_grad_()
        y = getattr(F, name)(x, -1)
        y.backward(g)
        return y.detach()._a, x.grad._a
    close(*both_ways(run, monkeypatch), 2e-5 if dtype == "f" else 1e-12)


@pytest.mark.parametrize("log", [False, True])
def test_softmax_of_infinities_and_nan(log, monkeypatch):
    rows = numbers(6, 40)
    rows[0, 3], rows[1, 5], rows[2, 7], rows[3] = np.nan, np.inf, -np.inf, -np.inf
    rows[4] *= 1e4
    x = wrap(np.tile(rows, (1, 1)))
    with np.errstate(all="ignore"):
        close(*both_ways(lambda: [(F.log_softmax if log else F.softmax)(x, 1)._a], monkeypatch))


@given(st.floats(-90, 88, width=32))
def test_exponentials_are_exact_to_a_few_units(x):
    pair, out = np.array([[0, -abs(x)]], "f"), np.empty((1, 2), "f")
    assert native.scaled_exponentials(pair, np.zeros(1, "f"), np.ones(1, "f"), out, 2)
    np.testing.assert_allclose(out, np.exp(pair.astype("d")), rtol=2.5e-7, atol=1e-45)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("n, classes", [(3, 3), (4, 10), (300, 500), (5, 40_000)])
def test_cross_entropy(n, classes, reduction, monkeypatch):
    values, target = numbers(n, classes) * 4, np.random.default_rng(1).integers(0, classes, n)

    def run():
        x = wrap(values.copy()).requires_grad_()
        loss = F.cross_entropy(x, wrap(target), reduction=reduction)
        loss.sum().backward()
        return loss.detach()._a, x.grad._a
    close(*both_ways(run, monkeypatch))


def test_targets_that_are_no_classes_are_refused():
    x, out = numbers(2, 3), np.empty((), "f")
    for target in ([0, 3], [-1, 0], [0]):
        assert native.cross_entropy(x, np.array(target), out, 3) is False


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("mean", [0, 1e4])
@pytest.mark.parametrize("text", [
    "F.layer_norm(x, (24,), w24, b24)", "F.layer_norm(x, (24,))", "F.layer_norm(x, (24,), w24)", "F.layer_norm(x, (6, 24))",
    "F.rms_norm(x, (24,), w24)", "F.rms_norm(x, (24,))", "F.group_norm(x, 4, w8, b8)", "F.group_norm(x, 8)",
    "F.group_norm(x.reshape(288, 24), 3, w24, b24)", "F.batch_norm(x, None, None, w8, b8, True)",
    "F.batch_norm(x, w8, w8 * w8, w8, b8)", "F.instance_norm(x)",
    "F.batch_norm(x.reshape(288, 24), None, None, w24, b24, True)"])
def test_normalisation_and_its_gradients(text, mean, dtype, monkeypatch):
    values = {"x": numbers(6, 8, 6, 24, dtype=dtype) + mean, "w24": numbers(24, seed=1, dtype=dtype),
              "b24": numbers(24, seed=2, dtype=dtype), "w8": numbers(8, seed=3, dtype=dtype),
              "b8": numbers(8, seed=4, dtype=dtype)}

    def run():
        scope = {k: wrap(v.astype(dtype)).requires_grad_() for k, v in values.items()}
        y = eval(text.replace("w8 * w8", "(w8 * w8).detach()").replace("(x, w8,", "(x, w8.detach(),"), {"F": F, **scope})
        y.backward(wrap(numbers(*y.shape, seed=5, dtype=dtype)))
        return [y.detach()._a, *[t.grad._a for t in scope.values() if t.grad is not None]]
    close(*both_ways(run, monkeypatch), (2e-4 if mean == 0 else 5e-2) if dtype == "f" else 1e-7)


def test_weight_gradients_do_not_depend_on_the_number_of_threads():
    g, x, mean, rstd = numbers(3000, 200), numbers(3000, 200, seed=1), numbers(3000), numbers(3000) ** 2

    def run():
        gx, gw, gb = np.empty_like(g), np.empty(200, "f"), np.empty(200, "f")
        assert native.row_norm_backward(g, x, None, mean, rstd, gx, gw, gb, 3000, 1, 200)
        return gx.tobytes() + gw.tobytes() + gb.tobytes()
    assert len(set(with_threads(run))) == 1


# ---------------------------------------------------------------- optimisers

@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("make", [
    lambda p: torch.optim.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.1, maximize=True),
    lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, dampening=0.2),
    lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    lambda p: torch.optim.Adam(p, 0.1), lambda p: torch.optim.Adam(p, 0.1, betas=(0.3, 0.8), weight_decay=0.1, amsgrad=True),
    lambda p: torch.optim.AdamW(p, 0.1, maximize=True),
    lambda p: torch.optim.Adagrad(p, 0.1, lr_decay=0.1), lambda p: torch.optim.Adagrad(p, 0.1, weight_decay=0.1, maximize=True),
    lambda p: torch.optim.RMSprop(p, 0.1), lambda p: torch.optim.RMSprop(p, 0.1, alpha=0.3, weight_decay=0.1, maximize=True),
    lambda p: torch.optim.RMSprop(p, 0.1, momentum=0.9), lambda p: torch.optim.RMSprop(p, 0.1, centered=True),
    lambda p: torch.optim.RMSprop(p, 0.1, momentum=0.9, centered=True)])
def test_steps_are_the_same_to_the_last_bit(make, dtype, monkeypatch):
    def run():
        parts = [wrap(numbers(*shape, dtype=dtype)).requires_grad_() for shape in ((3,), (70, 50), (300, 400))]
        optimiser = make(parts)
        for step in range(3):
            for p in parts:
                p.grad = wrap(numbers(*p.shape, seed=step, dtype=dtype))
            optimiser.step()
        return [p.detach()._a.copy() for p in parts]
    for a, b in zip(*both_ways(run, monkeypatch), strict=True):
        np.testing.assert_array_equal(a, b)


def step_of(p, g, momentum=None) -> tuple:
    return "sgd", p, g, momentum, 0.1, 0, False, 0, 0, False, False


def test_steps_take_no_arrays_that_overlap():
    p, q, g = numbers(10), numbers(8), numbers(8)
    before = p.copy(), q.copy()
    assert native.steps([step_of(p[:8], p[2:])]) is False
    assert native.steps([step_of(q, g), step_of(p[:8], g), step_of(p[2:], g)]) is False
    assert native.steps([step_of(q, g), step_of(p[:8], q)]) is False
    np.testing.assert_array_equal(p, before[0])
    np.testing.assert_array_equal(q, before[1])
    assert native.steps([step_of(q, g), step_of(p[:5], g[:5]), step_of(p[5:], g[:5])]) is True
    np.testing.assert_allclose(q, before[1] - 0.1 * g, rtol=1e-6)


def test_steps_take_nothing_else():
    p, g = numbers(8), numbers(8)
    read_only = p.copy()
    read_only.flags.writeable = False
    good = step_of(p, g)
    for wrong in (step_of(p[::2], g[:4]), step_of(p, g.astype("d")), step_of(p, g[:4]), step_of(read_only, g),
                  step_of(p.astype("i"), g.astype("i")), step_of(p, None), step_of(p, g, p[:4].copy()), ("none", *good[1:]),
                  good[:-1], (), None, [*good], (3, *good[1:]), (*good[:-1], "x"), ("adam", p, g, None, None, None, *[1] * 8)):
        assert native.steps([wrong]) is False
    assert native.steps(good) is False and native.steps([]) is True


def test_parameters_that_share_memory_are_done_in_turn(monkeypatch):
    def run():
        whole = numbers(400)
        parts = [wrap(a).requires_grad_() for a in (whole[:300], whole[100:], whole.reshape(20, 20).T)]
        for p in parts:
            p.grad = wrap(numbers(*p.shape, seed=1))
        torch.optim.SGD(parts, 0.1, weight_decay=0.5).step()
        return [whole]
    for a, b in zip(*both_ways(run, monkeypatch), strict=True):
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- fused passes

@pytest.mark.parametrize("layout", ["flat", "columns", "gaps"])
def test_gelu(layout, monkeypatch):
    x = np.linspace(-15, 15, 40000, dtype="f").reshape(200, 200).copy()
    x[0, :9] = np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-30, -1e-30, 1e30, -1e30
    x = {"flat": x, "columns": x.T, "gaps": x[:, ::3]}[layout]
    g = wrap(numbers(*x.shape))

    def run():
        t = wrap(x).requires_grad_()
        y = F.gelu(t)
        y.backward(g)
        return [y.detach()._a, t.grad._a]
    with np.errstate(all="ignore"):
        (y, dx), plain = both_ways(run, monkeypatch)
    finite = np.isfinite(x)
    for found, wanted in zip((y, dx), plain, strict=True):
        np.testing.assert_allclose(found[finite], wanted[finite], atol=1e-6)
    assert np.array_equal(y[x == np.inf], [np.inf] * int((x == np.inf).sum()))
    assert np.isnan(y[x == -np.inf]).all() and np.isnan(y[np.isnan(x)]).all() and np.isnan(dx[~finite]).all()
    zeros = x == 0
    np.testing.assert_array_equal(np.signbit(y[zeros]), np.signbit(x[zeros]))


FORMULAS = ["x * y + z", "torch.tanh(x * 2 - y) / (z * z + 1)", "torch.where(x > y, x, z * 3)", "torch.relu(x) * y",
            "torch.where(x > 0, y, 0.0)", "F.gelu(x) + y", "x * column + row", "torch.exp(x - column) * row",
            "x.t() * y.t() + 1"]


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text, dtype, monkeypatch):
    a = {k: wrap(numbers(310, 900, seed=i, dtype=dtype)) for i, k in enumerate("xyz")}
    scope = {"torch": torch, "F": F, **a, "column": wrap(numbers(310, 1, dtype=dtype)), "row": wrap(numbers(900, dtype=dtype))}

    def run():
        texts = text, f"({text}).sum()", f"(({text}) ** 2).mean()", f"({text}).amax()"
        return [eval(t, scope)._a for t in texts]
    compiled, plain = both_ways(run, monkeypatch)
    if "gelu" not in text:
        np.testing.assert_array_equal(compiled[0], plain[0])
    close(compiled, plain, 1e-4 if dtype == "f" else 1e-11)


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("gradient", ["one number", "transposed", "flat"])
@pytest.mark.parametrize("text", ["torch.relu(x * y)", "torch.relu(x * column + row)", "F.gelu(x * y)",
                                  "F.gelu(x * column + row)"])
def test_gradients_of_activations_of_formulas(text, gradient, dtype, monkeypatch):
    arrays = {"x": numbers(310, 900, dtype=dtype), "y": numbers(310, 900, seed=1, dtype=dtype),
              "column": numbers(310, 1, seed=2, dtype=dtype), "row": numbers(900, seed=3, dtype=dtype)}
    g = {"one number": wrap(np.ones((), dtype)).expand(310, 900), "transposed": wrap(numbers(900, 310, dtype=dtype)).t(),
         "flat": wrap(numbers(310, 900, dtype=dtype))}[gradient]

    def run():
        inputs = {k: wrap(a).requires_grad_() for k, a in arrays.items()}
        eval(text, {"torch": torch, "F": F, **inputs}).backward(g)
        return [t.grad._a for t in inputs.values() if t.grad is not None]
    with np.errstate(all="ignore"):
        compiled, plain = both_ways(run, monkeypatch)
    close(compiled, plain, 1e-4 if dtype == "f" else 1e-11)


def test_sums_of_formulas_do_not_depend_on_the_number_of_threads():
    x = wrap(numbers(1_000_003))
    assert fuse.settings.on
    assert len(set(with_threads(lambda: T.sum(T.exp(x) * x).item()))) == 1


def test_a_program_that_makes_no_sense_is_refused():
    x, out = numbers(100), np.empty(100, "f")
    add = np.add
    assert native.run_program([(add, 0, 0, -1, 1)], [x], [], [out], (), [])
    np.testing.assert_array_equal(out, x + x)
    for steps in ([(add, 0, 7, -1, 1)], [(add, 0, 0, -1, 0)], [(add, 0, -1, -1, 1)], [(np.divmod, 0, 0, -1, 1)],
                  [("add", 0, 0, -1, 1)], [(9, 0, 0, -1, 1)], [(add, 0, 0)]):
        assert native.run_program(steps, [x], [], [out], (), []) is False
    assert native.run_program([(add, 0, 0, -1, 1)], [x], [], [out[:50]], (), []) is False
    assert native.run_program([(add, 0, 0, -1, 1)], [x], [], [out.astype("d")], (), []) is False
    assert native.run_program([(add, 0, 0, -1, 1)], [x], [], [out], (), [(0, 1, 1, np.empty(2, "f"))]) is False


@pytest.mark.parametrize("name", KERNELS)
def test_what_kernels_do_not_take_they_leave(name):
    kernel = getattr(native, name)
    for args in ((), (1,), (None,) * 4, ([1.0],) * 5):
        with suppress(TypeError):  # a number was asked for, and it was none
            assert kernel(*args) is False


# ---------------------------------------------------------------- scans and halves

@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", [(3, 3), (1,), (9, 40), (100, 5000), (300_001,), (2, 200_000)])
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running_sums_and_products(name, shape, dtype, monkeypatch):
    x = wrap(numbers(*shape, dtype=dtype) / (1 if name == "cumsum" else 100) + (name != "cumsum"))
    monkeypatch.setattr("tests.native.test_rows.KERNELS", ("scan",))
    close(*both_ways(lambda: [getattr(torch, name)(x, -1)._a], monkeypatch), 1e-5 if dtype == "f" else 1e-10)


def test_a_long_running_sum_does_not_depend_on_the_number_of_threads():
    x = wrap(numbers(300_001))
    assert len(set(with_threads(lambda: T.cumsum(x, 0)._a.tobytes()))) == 1


def test_halves_are_rounded_as_numpy_does():
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    wide, back = np.empty(every.shape, "f"), np.empty_like(every)
    assert native.convert_half(every, wide)
    np.testing.assert_array_equal(wide, every.astype("f"))
    some = numbers(99_999) * 10.0 ** np.arange(-8, 7).repeat(6667)[:99_999]
    some = np.concatenate([some, [np.nan, np.inf, 65520, 65519, -0.0]]).astype("f")
    found = np.empty(100_004, "e")
    assert native.convert_half(some, found)
    assert native.convert_half(wide, back)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(found, some.astype("e"))
    np.testing.assert_array_equal(back, every)
