"""Fusion: the same answers as without it, at the right time, whatever is written in between."""

import gc
import subprocess
import sys
from pathlib import Path

import ml_dtypes  # noqa: F401  NumPy knows bfloat16 from here on
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tcli.engine.random as random
import tcli.ops
from tcli.engine import blocks, fuse, plan, threads
from tcli.engine.dispatch import wrap
from tcli.engine.fuse import Pending
from tcli.engine.memory import Pool, pool
from tcli.engine.registry import T, ops
from tcli.engine.tape import state
from tcli.errors import ArgumentError, EngineError, GradError

from ..generated.local import run

ROOT = Path(__file__).parent.parent.parent
FUSABLE = [o for o in ops.values() if o.fuse and o.samples]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 1e-2}


@pytest.fixture(autouse=True)
def _restore():
    on, minimum, count = fuse.settings.on, fuse.settings.minimum, threads._count[0]
    with np.errstate(all="ignore"):
        yield
    fuse.set_fusion(on, minimum)
    threads._count[0] = count


@pytest.fixture
def everything():
    """Ops wait from one element on."""
    fuse.set_fusion(True, 1)


def _numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _waits(t) -> bool:
    return type(t) is Pending and t._p.array is None


# ---------------------------------------------------------------- every op that says it fuses

def _outcome(o, variant: str) -> list:
    random.manual_seed(0)
    return [run(o, i, sample, variant) for i, sample in enumerate(o.samples)]


def _same(a, b, tolerance: float) -> None:
    assert (a is None) == (b is None)
    if a is not None:
        assert a[0] == b[0]
        x, y = np.asarray(a[1]), np.asarray(b[1])
        assert x.shape == y.shape
        np.testing.assert_allclose(y.astype(x.dtype), x, tolerance, tolerance)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", TOLERANCE)
@pytest.mark.parametrize("o", FUSABLE, ids=lambda o: o.name)
def test_an_op_gives_the_same_fused_and_unfused(o, variant):
    fuse.set_fusion(False)
    apart = _outcome(o, variant)
    fuse.set_fusion(True, 1)
    for a, b in zip(apart, _outcome(o, variant), strict=True):
        assert type(a.error) is type(b.error), b.error
        for kind in ("outputs", "first", "second"):
            for x, y in zip(getattr(a, kind), getattr(b, kind), strict=True):
                _same(x, y, TOLERANCE[variant])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("o", FUSABLE, ids=lambda o: o.name)
def test_an_op_that_says_it_fuses_does(o, everything, monkeypatch):
    deferred = []

    def note(name: str) -> None:
        ordinary = getattr(fuse, name)

        def noting(op, *rest):
            result = ordinary(op, *rest)
            if result is not None:
                deferred.append(op)
            return result

        monkeypatch.setattr(fuse, name, noting)

    note("_deferred")
    note("_finished")
    _outcome(o, "float32")
    assert o in deferred


# ---------------------------------------------------------------- layouts

LAYOUTS = {
    "flat": lambda a: a, "transposed": lambda a: a.T, "strided": lambda a: a[::2, ::3], "backwards": lambda a: a[::-1, ::-1],
    "row": lambda a: np.broadcast_to(a[0], a.shape), "column": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "number": lambda a: np.broadcast_to(a[0, 0], a.shape), "deep": lambda a: a.reshape(4, -1, a.shape[1]).transpose(1, 2, 0),
    "padded": lambda a: a[:, 1:-1], "one": lambda a: a[:1, :1],
}


@pytest.mark.parametrize("block", [16, 1 << 14])
@pytest.mark.parametrize("second", [None, *LAYOUTS])
@pytest.mark.parametrize("first", LAYOUTS)
def test_layouts(first, second, block, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", block)
    a, b = LAYOUTS[first](_numbers(24, 30)), LAYOUTS[second or first](_numbers(24, 30, seed=1))
    if second and a.ndim != b.ndim:
        pytest.skip("these do not broadcast")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        pytest.skip("these do not broadcast")

    def program():
        x, y = wrap(a.copy() if a.strides == a.copy().strides else a), wrap(b)
        z = T.tanh(x * 2 + y) - T.where(x > y, x, y)
        return [z, z.sum(), z.sum(0), z.mean(-1), T.amax(z, (0, 1)), T.softmax(z, -1), T.logsumexp(z, 0),
                T.var(z, -1, correction=0)]

    fuse.set_fusion(False)
    apart = [t._a for t in program()]
    fuse.set_fusion(True, 1)
    fused = program()
    if second is None:
        assert fused[0].stride() == wrap(apart[0]).stride() or first not in ("flat", "transposed")
    for want, t in zip(apart, fused, strict=True):
        assert t._a.shape == want.shape and t._a.dtype == want.dtype
        np.testing.assert_allclose(t._a, want, 2e-5, 2e-5)


# ---------------------------------------------------------------- random expressions

UNARY = ["exp", "tanh", "sigmoid", "neg", "abs", "sin", "relu", "square", "erf", "clone"]
BINARY = ["add", "sub", "mul", "maximum", "atan2"]
STEPS = st.lists(st.one_of(
    st.tuples(st.sampled_from(UNARY), st.integers(0, 9)),
    st.tuples(st.sampled_from(BINARY), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("scale"), st.integers(0, 9), st.sampled_from([0.5, 2, -1.25, 1])),
    st.tuples(st.just("where"), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("mean"), st.integers(0, 9), st.sampled_from([0, 1, (0, 1)])),
    st.tuples(st.just("softmax"), st.integers(0, 9)),
    st.tuples(st.just("view"), st.integers(0, 9)),
    st.tuples(st.just("write"), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("look"), st.integers(0, 9)),
    st.tuples(st.just("double"), st.integers(0, 9)),
), min_size=1, max_size=12)


def _follow(steps, leaves, writes: bool) -> list:
    """The values of a random program: each step takes earlier values and adds one."""
    known = list(leaves)
    for name, *numbers in steps:
        x, *others = [known[n % len(known)] for n in numbers if type(n) is int and n < 10] or [known[0]]
        if name in UNARY or name in BINARY:
            known.append(getattr(T, name)(x, *others[:1 if name in BINARY else 0]) * 0.5)
        elif name == "scale":
            known.append(x * numbers[1])
        elif name == "where":
            known.append(T.where(x > others[0] + 0.0137, others[0], others[-1]))  # where equal values do not decide
        elif name == "mean":
            known.append(x - T.mean(x, numbers[1], True))
        elif name == "softmax":
            known.append(T.softmax(x, -1))
        elif name == "view":
            known.append(x[:, :1] * x[:1])
        elif name == "look":
            x.sum().item()
        elif name == "double":
            known.append(x.double().to(x.dtype) + 1)
        elif writes and name == "write":
            x.mul_(0.75).add_(others[-1].detach() if x is not others[-1] else 0.5)
    return known


@given(STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_programs_with_writes_and_views_give_the_same_values(steps):
    found = []
    for on in (False, True):
        fuse.set_fusion(on, 1)
        found.append([t._a.copy() for t in _follow(steps, [wrap(_numbers(5, 7)), wrap(_numbers(5, 7, seed=1))], True)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, 1e-4, 1e-5)


@given(STEPS, st.booleans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_programs_give_the_same_gradients(steps, look):
    found = []
    for on in (False, True):
        fuse.set_fusion(on, 1)
        leaves = [wrap(_numbers(5, 7)).requires_grad_(), wrap(_numbers(5, 7, seed=1)).requires_grad_()]
        values = _follow(steps, leaves, False)
        total = T.sum(values[-1] * values[len(values) // 2])
        if look:
            total.item()
        total.backward()
        found.append([None if t.grad is None else t.grad._a for t in leaves])
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b, a, 1e-3, 1e-4)


# ---------------------------------------------------------------- when values are computed

def test_small_tensors_do_not_wait():
    assert not _waits(wrap(_numbers(10)) * 2)


def test_large_tensors_wait_until_somebody_looks():
    y = wrap(_numbers(600, 600)) * 2 + 1
    assert _waits(y) and y.shape == (600, 600) and y.dtype is T.zeros(1).dtype and y.numel() == 360000 and len(y) == 600
    assert _waits(y) and y.ndim == 2 and y.device.type == "cpu" and not y.requires_grad
    y[0, 0].item()
    assert not _waits(y) and type(y) is type(wrap(_numbers(1)))


@pytest.mark.parametrize("look", [
    lambda t: t.sum().item(), lambda t: t.tolist(), lambda t: t.numpy(), repr, lambda t: t @ t, lambda t: t[0],
    lambda t: np.asarray(t), lambda t: t.sort(), lambda t: bool(t.any()), lambda t: t.add_(1)], ids=range(10))
def test_what_looks_gets_the_value(look, everything):
    y = wrap(np.ones((3, 3), np.float32)) * 2
    look(y)
    assert y._a.tolist() == [[3 if look(wrap(np.zeros((3, 3), np.float32))) is None else y._a[0, 0]] * 3] * 3
    assert y._a[0, 0] in (2, 3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("other", [2, 2.5, True, -(1 << 53), (1 << 53) + 1, 10**30, 1e39, -0.0, float("nan"), float("inf"), 1j],
                         ids=repr)
@pytest.mark.parametrize("dtype", [T.float, T.double, T.half, T.long])
def test_a_number_beside_a_tensor_is_what_it_is_without_fusion(dtype, other):
    x = dtype(wrap(_numbers(3, 4) * 4))
    outcomes = []
    for on in (False, True):
        fuse.set_fusion(on, 1)
        outcomes.append([_result(lambda f=f: f(x)) for f in (
            lambda x: x + other, lambda x: other - x, lambda x: x * other * other, lambda x: x / other, lambda x: x >= other)])
    assert outcomes[0] == outcomes[1]


def _result(call):
    try:
        t = call()
        return t.dtype, repr(t.tolist())
    except Exception as error:
        return type(error), str(error)


def test_one_op_on_one_tensor_needs_no_plan(everything, monkeypatch):
    monkeypatch.setattr(blocks, "run", None)
    monkeypatch.setattr(blocks, "BLOCK", 16)
    x, y = wrap(_numbers(40, 5)), wrap(_numbers(40, 5, seed=1))
    for found, wanted in ((x + y, x._a + y._a), (x * 2, x._a * 2), (T.exp(x), np.exp(x._a)), (T.reciprocal(y), 1 / y._a)):
        assert _waits(found)
        np.testing.assert_array_equal(found._a, wanted)


def test_errors_come_at_once(everything):
    with pytest.raises(EngineError, match="must match"):
        wrap(_numbers(3)) * 2 + (wrap(_numbers(4)) * 2)


def test_long_chains_are_cut(everything):
    x = wrap(_numbers(4))
    for _ in range(5000):
        x = x * 1.0001
    assert x._p.weight <= fuse.MOST_STEPS if _waits(x) else True
    assert np.isfinite(x._a).all()


def test_backward_of_a_sum_nobody_looks_at_runs_one_pass(everything, monkeypatch):
    passes = []
    monkeypatch.setattr(blocks, "_pass", lambda *args, run=blocks._pass: (passes.append(1), run(*args)))
    x = wrap(_numbers(50)).requires_grad_()
    T.sum(T.tanh(x) * x).backward()
    assert not passes
    x.grad._a
    assert len(passes) == 1


def test_gradients_of_one_pass_are_computed_together(everything, monkeypatch):
    passes = []
    monkeypatch.setattr(blocks, "_pass", lambda *args, run=blocks._pass: (passes.append(1), run(*args)))
    x, c, r = (wrap(_numbers(*s)).requires_grad_() for s in ((64, 64), (64, 1), (64,)))
    T.sum(T.relu(x * c + r)).backward()
    for t in (x, c, r):
        t.grad._a
    assert len(passes) == 1


def test_two_leaves_never_share_a_gradient(everything):
    a, b = wrap(_numbers(5)).requires_grad_(), wrap(_numbers(5)).requires_grad_()
    ((a + b) * 2).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [2.0] * 5


def test_a_dear_value_that_backward_needs_is_stored_when_it_was_computed(everything, monkeypatch):
    x = wrap(_numbers(50)).requires_grad_()
    y = T.erf(T.exp(T.sin(x))) + 1
    y._a
    counts = []
    monkeypatch.setattr(blocks, "plan_of", lambda group, free: (counts.append(len(group.steps)), plan.plan_of(group, free))[1])
    T.sum(y).backward()
    x.grad._a
    assert sum(counts) < 12


# ---------------------------------------------------------------- writes

def test_what_waits_sees_memory_as_it_was(everything):
    x = wrap(np.ones(4, np.float32))
    y, total = x * 2, x.sum()
    x.add_(10)
    x[0] = 7
    assert y.tolist() == [2.0] * 4 and total.item() == 4


@pytest.mark.parametrize("write", [
    lambda x: x.add_(1), lambda x: x.fill_(9), lambda x: x.zero_(), lambda x: x.copy_(x * 3), lambda x: x[1:].mul_(4),
    lambda x: x.__setitem__(0, 5.0), lambda x: x.normal_(), lambda x: T.exp(x, out=x), lambda x: x.t().add_(1),
    lambda x: x.detach().add_(1), lambda x: x.relu_(), lambda x: x.clamp_(0, 1), lambda x: x.numpy().fill(3)], ids=range(13))
def test_every_write_leaves_what_waits_alone(write, everything):
    x = wrap(_numbers(4, 4))
    y, column = x * 2, (x - 1).sum(0)
    want, sums = x._a * 2, (x._a - 1).sum(0)
    write(x)
    np.testing.assert_allclose(y._a, want)
    np.testing.assert_allclose(column._a, sums, 1e-6, 1e-6)


def test_an_optimiser_step_leaves_what_waits_alone(everything):
    from tcli.optim import Adam

    w = wrap(_numbers(6)).requires_grad_()
    optimiser = Adam([w], lr=0.1)
    before = w._a.copy()
    loss = (w * w).sum()
    loss.backward()
    optimiser.step()
    assert loss.item() == pytest.approx(float((before * before).sum()), rel=1e-5)


def test_losses_that_wait_keep_no_copies_of_parameters(everything):
    w = wrap(_numbers(1000))
    losses = []
    for _ in range(20):
        losses.append((w * w).sum())
        w.mul_(0.9)
    assert not any(_waits(t) for t in losses[:-1])
    assert losses[1].item() == pytest.approx(losses[0].item() * 0.81, rel=1e-4)


def test_an_in_place_op_reads_its_own_target(everything):
    x, y = wrap(_numbers(40, 40)), wrap(_numbers(40, 40, seed=1))
    want = np.where(x._a > y._a, x._a, y._a * 2)
    T.where(x > y, x, y * 2)
    place = x.data_ptr()
    x.copy_(T.where(x > y, x, y * 2))
    assert x.data_ptr() == place
    np.testing.assert_allclose(x._a, want)
    x[1:].add_(x[:-1] * 1)
    want[1:] += want[:-1].copy()
    np.testing.assert_allclose(x._a, want)


@pytest.mark.parametrize("turn", [lambda x: (x * 1).T, lambda x: x.flip(0), lambda x: x.t()[:, :].T.T.clone()])
def test_an_in_place_op_may_read_its_target_in_another_order(turn, everything):
    x = wrap(_numbers(300, 300))
    want = (x + turn(x))._a.copy()
    x.add_(turn(x))
    np.testing.assert_array_equal(x._a, want)


def test_an_in_place_op_refuses_its_target_turned_round(everything):
    x = wrap(_numbers(300, 300))
    for other in (x.T, x.t()[:, :].T.T):
        with pytest.raises(RuntimeError, match="some elements of the input tensor and the written-to tensor refer to a single"):
            x.add_(other)


def test_memory_that_left_for_numpy_is_read_at_once(everything):
    x = wrap(np.ones(4, np.float32))
    a = x.numpy()
    y = x * 2
    a[:] = 5
    assert y.tolist() == [2.0] * 4


def test_memory_that_came_from_numpy_is_read_at_once(everything):
    a = np.ones(4, np.float32)
    y = tcli.engine.tensor.from_numpy(a) * 2
    a[:] = 5
    assert y.tolist() == [2.0] * 4


def test_writes_between_forward_and_backward_are_noticed(everything):
    x = wrap(_numbers(4)).requires_grad_()
    y = T.exp(x * 2)
    z = (y * y).sum()
    y.detach().add_(1)
    with pytest.raises(GradError, match="modified by an inplace operation"):
        z.backward()


def test_detached_twins_share_memory(everything):
    y = wrap(np.ones(3, np.float32)) * 2
    twin = y.detach()
    twin.add_(1)
    assert y.tolist() == [3.0] * 3


# ---------------------------------------------------------------- threads, plans, memory

@pytest.mark.parametrize("n", [1, 2, 4])
def test_results_do_not_depend_on_the_number_of_threads(n):
    a, b = _numbers(700, 900), _numbers(900)

    def program():
        x = wrap(a.copy()).requires_grad_()
        y = T.tanh(x * wrap(b)) + x.mean(0)
        loss = (y * y).mean() + T.logsumexp(y, 1).sum()
        loss.backward()
        return [y._a, loss._a, x.grad._a, T.var(x)._a, T.softmax(x.detach(), 1)._a]

    threads._count[0] = 1
    alone = program()
    threads._count[0] = n
    for want, found in zip(alone, program(), strict=True):
        assert np.array_equal(want, found)


def test_a_loop_finds_its_plan_again(everything):
    x = wrap(_numbers(10))
    T.tanh(x * 1.5 + 2)._a
    n = len(plan._plans)
    for i in range(5):
        T.tanh(x * (1.25 + i) + 3.5)._a
    assert len(plan._plans) == n


def test_equal_steps_are_done_once(everything, monkeypatch):
    steps = []
    monkeypatch.setattr(blocks, "plan_of", lambda group, free: (steps.extend(group.steps), plan.plan_of(group, free))[1])
    x, y = wrap(_numbers(10)), wrap(_numbers(10, seed=1))
    (T.exp(x * y) + T.exp(y * x) * 1)._a
    assert len(steps) == 3


def test_the_pool_reuses_memory_that_nobody_holds():
    own = Pool(64 << 20)
    a = own.empty((1 << 20,), np.dtype(np.float32))
    place, part = a.ctypes.data, a[100:200]
    del a
    assert own.cached == 0  # a view is left
    del part
    gc.collect()
    assert own.cached == 4 << 20 and own.lent == 0
    assert own.empty((1 << 20,), np.dtype(np.float32)).ctypes.data == place
    assert own.hits == 1


def test_the_pool_keeps_no_more_than_its_bound():
    own = Pool(8 << 20)
    held = [own.empty((1 << 20,), np.dtype(np.float32)) for _ in range(5)]
    held.clear()
    assert own.cached <= 8 << 20
    own.set_limit(0)
    assert own.cached == 0


def test_a_storage_does_not_show_the_pool():
    y = wrap(_numbers(600, 600)) * 2
    assert y.untyped_storage().nbytes() == 600 * 600 * 4 and y.storage_offset() == 0
    assert pool.lent >= 600 * 600 * 4


def test_a_sum_of_an_expression_stores_nothing():
    x = wrap(_numbers(1 << 20))
    before = pool.hits + pool.misses
    T.sum(T.exp(x * 0.1) - 1).item()
    assert pool.hits + pool.misses == before


def test_products_are_summed_without_being_computed(everything, monkeypatch):
    x, y, column = (wrap(_numbers(*shape, seed=i)) for i, shape in enumerate([(600, 500), (600, 500), (600, 1)]))
    a, b, c = (t._a.astype(np.float64) for t in (x, y, column))
    steps = []
    bound = plan._bound
    monkeypatch.setattr(plan, "_plans", {})
    monkeypatch.setattr(plan, "_bound", lambda fn, *rest: steps.append(fn) or bound(fn, *rest))
    for found, wanted in (((x + 1) * (y + 2), (a + 1) * (b + 2)), (x * y, a * b), (x * column, a * c), (x * 3, a * 3),
                          (x.t() * y.t(), a.T * b.T), (x * y[:1], a * b[:1])):
        np.testing.assert_allclose(found.sum()._a, wanted.sum(), 1e-4, 1e-2)
        np.testing.assert_allclose(found._a, wanted, 1e-5, 1e-5)
    steps.clear()
    t = x - y
    np.testing.assert_allclose((t * t).sum()._a, ((a - b) ** 2).sum(), 1e-5)
    assert steps == [np.subtract]


def test_sums_of_what_is_the_same_everywhere(everything):
    n = 1 << 19
    ones, two = T.ones(1).expand(n), T.ones(1).expand(n) * 2
    assert two.sum().item() == (ones * two).sum().item() == 2 * n
    t = ones * two
    assert (t * t).sum().item() == 4 * n and (t * t).mean().item() == 4


def test_modes_are_kept(everything):
    state.grad = False
    try:
        y = wrap(_numbers(4)).requires_grad_() * 2
    finally:
        state.grad = True
    assert _waits(y) and not y.requires_grad


def test_values_that_wait_are_copied_and_pickled(everything):
    import copy
    import pickle

    for again in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        assert again(wrap(np.ones(3, np.float32)) * 2).tolist() == [2.0] * 3


def test_programs_see_one_class_of_tensors():
    from tcli import Session

    assert Session().eval("type(ones(1000, 1000) * 2) is Tensor and type(ones(2)) is Tensor")


def test_other_threads_compute_what_waits(everything):
    import threading

    found = []
    y = T.exp(wrap(np.zeros(5, np.float32)) * 2)
    thread = threading.Thread(target=lambda: found.append(y.tolist()))
    thread.start()
    thread.join()
    assert found == [[1.0] * 5]


def test_the_switches_refuse_what_makes_no_sense():
    from tcli.engine.waiting import memory_summary, set_memory_pool

    with pytest.raises(ArgumentError, match="minimum must be"):
        fuse.set_fusion(True, 0)
    with pytest.raises(ArgumentError, match="megabytes must be"):
        set_memory_pool(-1)
    assert "kept for reuse" in memory_summary()


# ---------------------------------------------------------------- the rest of the suite

@pytest.mark.slow
def test_the_suite_passes_when_everything_waits(tmp_path):
    import os

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/ops", "tests/nn", "tests/optim",
         "tests/test_transcripts.py"], cwd=ROOT, capture_output=True, text=True, timeout=500,
        env={**os.environ, "TCLI_FUSE_MIN": "1", "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("write", ["k.add_(1)", "k += 1", "k[0] = 1", "k.mul_(k)"])
@pytest.mark.parametrize("count", [3, 1 << 20])
def test_the_culprit_of_a_write_in_place_is_named_with_both_lines(write, count):
    session = tcli.Session(trace=True)
    with pytest.raises(tcli.TcliError) as caught:
        session.run(f"w = ones({count}, requires_grad=True)\nk = (w * 2).exp()\n{write}\nk.sum().backward()", "c.tsr")
    saved, written = caught.value.notes
    assert saved == "the value was saved for the backward pass by '(w * 2).exp()' at c.tsr:2:5"
    assert "c.tsr:3:1" in written
