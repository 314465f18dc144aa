"""Sums and extrema of blocks: as exact as pairwise sums, and nan wins everywhere."""

import math

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine.sums import LINE, block_dot, block_sum, column_best, line_best, line_dots, line_sums
from tcli.runtime.namespaces import tree

torch = tree("torch")


def numbers(*shape, dtype=np.float32):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("n", [1, 7, LINE - 1, LINE, LINE + 1, 5 * LINE, 61 * LINE + 999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_as_exact_as_pairwise_ones(n, dtype):
    a, b = numbers(n, dtype=dtype) + dtype(3), numbers(n, dtype=dtype) + dtype(5)
    eps = float(np.finfo(dtype).eps)
    assert block_sum(a) == pytest.approx(math.fsum(a), rel=4 * eps)
    assert block_dot(a, b) == pytest.approx(math.fsum(a.astype(np.float64) * b), rel=8 * eps)
    assert block_sum(a).dtype == block_dot(a, b).dtype == dtype
    pairs = np.repeat(a, 2)[::2]
    assert block_sum(pairs) == pytest.approx(math.fsum(a), rel=4 * eps)
    assert block_dot(pairs, b) == pytest.approx(math.fsum(a.astype(np.float64) * b), rel=8 * eps)


@pytest.mark.parametrize("shape", [(5, 40), (3, 5000), (4, 3, 2)])
def test_lines(shape):
    a = numbers(*shape)
    wide = a.astype(np.float64)
    np.testing.assert_allclose(line_sums(a), wide.sum(1, keepdims=True), 1e-5, 1e-4)
    np.testing.assert_allclose(line_dots(a), (wide * wide).sum(1, keepdims=True), 1e-5)


def test_integers_and_infinities_add_up_as_they_should():
    assert block_sum(np.arange(5000)) == 4999 * 2500
    a = np.ones(3 * LINE, np.float32)
    a[LINE] = np.inf
    assert block_sum(a) == np.inf
    a[5] = -np.inf
    with np.errstate(all="ignore"):
        assert np.isnan(block_sum(a))


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("special", [None, np.nan, np.inf, -np.inf])
def test_extrema_are_those_of_reduce(ufunc, dtype, special):
    a = (numbers(50, 300) * 100).astype(dtype)
    if special is not None and dtype is not np.int32:
        a[7, 5:8] = a[3, 299] = special
    lines, columns = np.empty(50, dtype), np.empty(300, dtype)
    with np.errstate(all="ignore"):
        line_best(ufunc, a, lines)
        column_best(ufunc, a, columns)
    np.testing.assert_array_equal(lines, ufunc.reduce(a, 1))
    np.testing.assert_array_equal(columns, ufunc.reduce(a, 0))


@pytest.mark.parametrize(("shape", "dim"), [((100000, 8), 0), ((300000, 3), 0), ((3, 100000, 5), 1)])
@pytest.mark.parametrize("way", [lambda x: x * x, lambda x: x * 2 + 1, lambda x: x.exp()])
def test_many_rows_of_a_pass_are_added_up_in_pieces(shape, dim, way):
    x = torch.linspace(0, 1, math.prod(shape)).reshape(shape)
    exact = way(x.double()).sum(dim)
    assert float(((way(x).sum(dim) - exact) / exact).abs().max()) < 1e-6
