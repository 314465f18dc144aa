"""The one-line summary of a tensor."""

import time

import pytest

import tcli
from tcli.show.tensor import header, sample_of


@pytest.fixture(scope="module")
def session():
    return tcli.Session(seed=0)


@pytest.mark.parametrize(("text", "line"), [
    ("tensor([1., 2., 4.])", "f32[3]  cpu  |  1.00 … 4.00  mean 2.33  std 1.53"),
    ("tensor(3)", "i64[]  cpu  |  3"),
    ("tensor([[True, False]])", "bool[1, 2]  cpu  |  50 % True"),
    ("ones(2, 2)", "f32[2, 2]  cpu  |  all 1.00"),
    ("zeros(0, 3)", "f32[0, 3]  cpu  |  empty"),
    ("tensor([1., float('nan'), float('inf'), 2.])", "f32[4]  cpu  |  1.00 … 2.00  mean 1.50  std 0.707  1 NaN 1 Inf"),
    ("tensor([float('nan')])", "f32[1]  cpu  |  1 NaN"),
    ("tensor([3 + 4j])", "c64[1]  cpu  |  |z| 5.00"),
    ("ones(2, requires_grad=True)", "f32[2]  cpu  requires grad  |  all 1.00"),
    ("ones(2, requires_grad=True) * 2", "f32[2]  cpu  grad: mul  |  all 2.00"),
    ("F.cross_entropy(ones(2, 3, requires_grad=True), tensor([0, 1]))", "f32[]  cpu  grad: nll_loss  |  1.10"),
    ("arange(8)", "i64[8]  cpu  |  0 … 7  mean 3.50  std 2.45  ████████"),
])
def test_the_header_says_what_a_tensor_is(session, text, line):
    assert header(session.run(text)) == line


def test_names_of_dims_stand_before_their_sizes(session):
    assert header(session.run("ones(2, 3)"), ("B", None)).startswith("f32[B=2, 3]")


def test_where_a_tensor_was_made_is_said_when_it_is_known():
    session = tcli.Session(trace=True)
    value = session.run("x = ones(2, requires_grad=True)\ny = x * 2\ny", name="a.tsr")
    assert "grad: mul 2:5" in header(value)


def test_a_large_tensor_is_sampled_and_marked(session):
    value = session.run("ones(11_000, 1000)")
    assert sample_of(value)[0].size <= 1_000_000
    assert "~ all 1.00" in header(value)
    assert "  |  all 1.00" in header(session.run("ones(10_000, 1000)"))


def test_the_header_of_a_large_tensor_is_quick(session):
    value = session.run("ones(30_000_000)")
    start = time.perf_counter()
    header(value)
    assert time.perf_counter() - start < 2  # whatever its size; minutes if it were not sampled


def test_a_strided_view_is_summarised(session):
    assert header(session.run("arange(6).reshape(2, 3).t()")).startswith("i64[3, 2]  cpu  |  0 … 5")
