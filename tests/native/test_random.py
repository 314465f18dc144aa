"""The streams of the compiled kernels: number for number those of NumPy's way, from any state to any other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import random, samplers
from tcli.engine.tape import SMALL
from tcli.runtime.namespaces import tree

from .test_along import several_threads

torch = tree("torch")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
KERNELS = ("seed_words", "draw_words", "fill_uniform", "fill_normal", "normal_pairs", "fill_exponential", "fill_bernoulli",
           "fill_integers", "shuffle")
F32, F64, I64, F16, BOOL = (np.dtype(c) for c in "fdle?")
DRAWS = [
    lambda g, n: samplers.uniform(g, (n,), F32), lambda g, n: samplers.uniform(g, (n,), F64),
    lambda g, n: samplers.uniform(g, (n,), F32, -1.5, 3.25), lambda g, n: samplers.uniform(g, (n,), F64, -1.5, 3.3),
    lambda g, n: samplers.normal(g, (n,), F32), lambda g, n: samplers.normal(g, (n,), F64, 0.5, 2.5),
    lambda g, n: samplers.normal(g, (n,), F32, 0.5, 2.5), lambda g, n: samplers.normal(g, (n,), F16),
    lambda g, n: samplers.normal(g, (n,), F32, 0.5, 2.5, serial=True), lambda g, n: samplers.normal(g, (n,), F64, serial=True),
    lambda g, n: samplers.bernoulli(g, (n,), F32, 0.3), lambda g, n: samplers.bernoulli(g, (n,), BOOL, 0.3),
    lambda g, n: samplers.bernoulli(g, (n,), F64, 1.0), lambda g, n: samplers.exponential(g, (n,), F64, 0.7),
    lambda g, n: samplers.exponential(g, (n,), F32, 0.7), lambda g, n: samplers.randint(g, (n,), I64, -5, 100),
    lambda g, n: samplers.randint(g, (n,), I64, 0, 2**28 - 1), lambda g, n: samplers.randint(g, (n,), I64, 0, 2**28),
    lambda g, n: samplers.randint(g, (n,), I64, -2**63, 2**63 - 1), lambda g, n: samplers.randperm(g, n, I64),
    lambda g, n: samplers.randperm(g, n, F32), lambda g, n: samplers.log_normal(g, (n,), F32),
    lambda g, n: samplers.geometric(g, (n,), F32, 0.3), lambda g, n: g.words(n), lambda g, n: g.words64(n),
    lambda g, n: np.array([g.random() for _ in range(n % 5)]), lambda g, n: np.array(g.few(n % 7)),
    lambda g, n: g.clone_state().words(n), lambda g, n: g.state_bytes(),
]
SIZES = [0, 1, 2, 15, 16, 17, 31, 64, 100, 623, 624, 625, 5000, 8192, 8193, 20_011]


def drawn(seed: int, calls: list) -> list:
    g = random.Generator().manual_seed(seed)
    return [each for draw, n in calls for each in (draw(g, n), g.state_bytes())]


def without(fn, monkeypatch):
    with monkeypatch.context() as m:
        for name in KERNELS:
            m.setattr(native, name, lambda *_: False, raising=False)
        native.set_small(-1)  # shuts the functions of ops in compiled code
        try:
            return fn()
        finally:
            native.set_small(SMALL)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64 - 1), st.lists(st.tuples(st.sampled_from(DRAWS), st.sampled_from(SIZES)), max_size=8))
def test_any_draws_one_after_the_other(seed, calls):
    with pytest.MonkeyPatch.context() as m:
        wanted = without(lambda: drawn(seed, calls), m)
    for found, want in zip(drawn(seed, calls), wanted, strict=True):
        assert found.dtype == want.dtype and found.shape == want.shape
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("draw", DRAWS[:20])
def test_large_draws_do_not_depend_on_the_number_of_threads(draw, monkeypatch):
    wanted = without(lambda: drawn(7, [(draw, 100_003)]), monkeypatch)
    for found in several_threads(lambda: drawn(7, [(draw, 100_003)])):
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


CALLS = [
    "torch.rand(3)", "torch.rand(2, 3)", "torch.rand((2, 3))", "torch.randn(5)", "torch.randn(7, 9)", "torch.randint(10, (4,))",
    "torch.randint(-3, 10, (2, 2))", "torch.randperm(7)", "torch.rand(0)", "torch.randn(3, 0)", "torch.rand(())",
    "torch.randint(0, 2**40, (3,))", "torch.randperm(1)", "torch.rand(5000)", "torch.dropout(torch.ones(50), 0.5, True)",
    "torch.empty(9).normal_(1, 2)", "torch.rand(2, dtype=torch.float64)", "torch.randn(4, generator=torch.Generator())",
    "torch.rand(torch.Size([2, 3]))", "torch.rand([2, 3])", "torch.randn(3, dtype=torch.float64)", "torch.randn(3, dtype=None)",
    "torch.randn(20, dtype=torch.float64)", "torch.rand(2, dtype=torch.float16)", "torch.randn(4, device='cpu')",
    "torch.randn(3, requires_grad=True).detach()", "torch.randint(0, 7, torch.Size([3]))", "torch.randint(9, (2, 0))",
    "torch.randint(-2**63, 2**63 - 1, (3,))", "torch.randint(5, [3])", "torch.randint(0, 9, (3,), dtype=torch.int32)",
    "torch.randperm(512)", "torch.randperm(513)", "torch.randperm(0)", "torch.rand(*[1] * 9)", "torch.randn(16)",
    "torch.rand(4097)", "torch.rand_like(torch.ones(2, 3))", "torch.randn_like(torch.ones(4))",
    "torch.randn_like(torch.ones(20))", "torch.rand_like(torch.ones(3, dtype=torch.float64))",
    "torch.rand_like(torch.ones(2, 3).t())", "torch.randn_like(torch.ones(0))", "torch.rand_like(torch.ones(3).half())",
    "torch.rand_like(torch.ones(3), dtype=torch.float64)", "torch.rand_like(torch.ones(()))",
]


def test_calls_share_a_pair_of_normals():
    torch.manual_seed(3)
    together = torch.randn(6).tolist()
    torch.manual_seed(3)
    assert torch.randn(3).tolist() + [torch.randn(1, requires_grad=True).item()] + torch.randn(2).tolist() == together


@pytest.mark.parametrize("call", CALLS)
def test_calls_of_a_program(call, monkeypatch):
    def run():
        torch.manual_seed(11)
        return [eval(call, {"torch": torch}).numpy() for _ in range(3)] + [torch.get_rng_state().numpy()]
    for found, want in zip(run(), without(run, monkeypatch), strict=True):
        assert found.dtype == want.dtype and found.shape == want.shape
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("call", ["torch.rand(-1)", "torch.randn(2.5)", "torch.rand('a')", "torch.randint(5, 5, (2,))",
                                  "torch.randint(0, 2**64, (2,))", "torch.randperm(-1)", "torch.randint(3.5, (2,))",
                                  "torch.rand(2**70)", "torch.rand(2**40, 2**40)", "torch.randn((2,), 3)",
                                  "torch.rand(2, dtype=torch.int64)", "torch.rand(2, nonsense=1)",
                                  "torch.randint(3)", "torch.randint(True, (2,), 3)",
                                  "torch.rand_like(torch.ones(2).long())", "torch.randperm(2.0)", "torch.randperm(True, 2)"])
def test_refused_calls_draw_nothing(call, monkeypatch):
    def message():
        torch.manual_seed(11)
        with pytest.raises(Exception) as error:
            eval(call, {"torch": torch})
        return type(error.value), str(error.value), torch.get_rng_state().tolist()
    assert message() == without(message, monkeypatch)


def test_empty_draws_leave_numpys_generator_alone(monkeypatch):
    def run():
        generator = torch.Generator()
        generator._numpy()  # as after many numbers
        generator.manual_seed(11)
        before = generator.get_state().tolist()
        for dtype in (torch.float32, torch.float64):
            torch.rand(0, dtype=dtype, generator=generator), torch.randn(0, dtype=dtype, generator=generator)
        torch.randint(0, 9, (0,), generator=generator), torch.randperm(0, generator=generator)
        torch.zeros(0).bernoulli_(0.5, generator=generator)
        assert generator.get_state().tolist() == before
    run()
    without(run, monkeypatch)


def test_bad_arguments_are_left_to_numpy():
    stream, out = random.Generator().stream(), np.zeros(20, "f")
    frozen = out.copy()
    frozen.flags.writeable = False
    for s, a in ((stream[:-1], out), (stream.astype("l"), out), (stream, frozen), (stream, out[::2]), (stream, out.astype("e")),
                 (stream, None), (None, out), (stream, stream.view("f"))):
        assert native.fill_uniform(s, a, 0.0, 1.0) is False
        assert native.fill_normal(s, a, 0.0, 1.0) is False
        assert native.normal_pairs(s, a, 0.0, 1.0, None) is False
        assert native.fill_bernoulli(s, a, 0.5) is False
    assert native.fill_normal(stream, out[:15], 0.0, 1.0) is False
    assert native.fill_integers(stream, out, 0, 5) is False
    assert native.fill_integers(stream, np.zeros(3, "l"), 0, 0) is False
    assert native.shuffle(stream, out) is False
    with pytest.raises(TypeError):
        native.drawing_few("rand", 1, [], len)
    assert native.drawing_few("normal", random.Generator(), [], len) is False
    stream[624] = 2**32 - 1  # no state of a generator: a new block is made
    assert native.draw_words(stream, np.zeros(3, np.uint32))
    assert stream[624] == 3
