"""Kernels that work in blocks agree with plain NumPy, over odd sizes, every dim, strides and special values."""

import numpy as np
import pytest

from tcli.engine import autograd, threads
from tcli.engine.autograd import no_grad
from tcli.engine.registry import T
from tcli.engine.tensor import tensor
from tcli.errors import EngineError
from tcli.ops import attention_blocks, conv, conv_flat, index_sums, places
from tcli.ops.blocks import BLOCK, LARGE, over_rows, place_of_best, reduced, row_major_copy

SHAPES = [(LARGE + 3,), (1, LARGE + 1), (LARGE + 1, 1), (700, 401), (3, 300, 311), (2, 5, 40_000), (40_000, 3, 3)]
DIMS = [(shape, dim) for shape in SHAPES for dim in range(len(shape))]


def numbers(*shape, dtype="float32", seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 3).astype(dtype)


def close(found, wanted, tolerance=2e-5):
    np.testing.assert_allclose(found._a, wanted, rtol=tolerance, atol=tolerance)


@pytest.fixture(params=[1, 2, 4], autouse=True)
def thread_count(request, monkeypatch):
    monkeypatch.setattr(threads, "get_num_threads", lambda: request.param)
    with np.errstate(all="ignore"):  # as programs run
        yield


# ---------------------------------------------------------------- reductions

@pytest.mark.parametrize(("shape", "dim"), DIMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reductions_along_a_dim(shape, dim, dtype):
    a = numbers(*shape, dtype=dtype)
    x, wide = tensor(a), a.astype(np.float64)
    close(T.sum(x, dim), wide.sum(dim), 1e-3)
    close(T.mean(x, dim, True), wide.mean(dim, keepdims=True))
    close(T.linalg_vector_norm(x, dim=dim), np.sqrt((wide ** 2).sum(dim)), 1e-4)
    if shape[dim] > 1:
        close(T.var(x, dim), wide.var(dim, ddof=1), 1e-4)
        close(T.std(x, dim, keepdim=True), wide.std(dim, ddof=1, keepdims=True), 1e-4)
    for name, find, best in (("max", a.argmax, a.max), ("min", a.argmin, a.min)):
        values, indices = getattr(T, name)(x, dim)
        np.testing.assert_array_equal(values._a, best(dim))
        np.testing.assert_array_equal(indices._a, find(dim))
        np.testing.assert_array_equal(getattr(T, "a" + name)(x, dim, True)._a, best(dim, keepdims=True))
        np.testing.assert_array_equal(getattr(T, "arg" + name)(x, dim, True)._a, find(dim, keepdims=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_reductions_of_all(shape):
    a = numbers(*shape)
    x, wide = tensor(a), a.astype(np.float64)
    close(T.sum(x), wide.sum(), 1e-3)
    close(T.var(x), wide.var(ddof=1))
    close(T.logsumexp(x, tuple(range(a.ndim))), np.log(np.exp(wide - wide.max()).sum()) + wide.max())
    assert T.argmax(x)._a == a.argmax() and T.max(x)._a == a.max() and T.argmin(x)._a == a.argmin()
    assert T.count_nonzero(x > 1)._a == (a > 1).sum() and T.sum(x > 1)._a == (a > 1).sum()
    assert bool(T.any(x > 100)._a) is False and bool(T.all(x < 100)._a) is True


def test_the_first_nan_and_the_first_of_equals_win():
    a = np.zeros((600, 500), np.float32)
    a[5:, 3] = 2
    assert place_of_best("argmax", a, None) == 5 * 500 + 3
    np.testing.assert_array_equal(place_of_best("argmax", a, 0), a.argmax(0))
    a[300:, 7] = np.nan
    a[200, 7] = np.inf
    assert place_of_best("argmax", a, None) == place_of_best("argmin", a, None) == 300 * 500 + 7
    np.testing.assert_array_equal(place_of_best("argmax", a, 0), a.argmax(0))
    np.testing.assert_array_equal(place_of_best("argmin", a, 0), a.argmin(0))
    assert np.isnan(T.max(tensor(a))._a) and T.max(tensor(a), 0)[1]._a[7] == 300


def test_variance_of_numbers_far_from_zero():
    a = numbers(LARGE * 2 + 5) + np.float32(1000)
    close(T.var(tensor(a)), a.astype(np.float64).var(ddof=1), 1e-4)


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_variance_where_some_lines_are_far_from_zero_and_some_are_not_finite(dim):
    a = numbers(900, 400)
    a[3], a[:, 5], a[17], a[8, 8] = 5000 + a[3] / 8, 5000 + a[:, 5] / 8, 2.5, 1e25
    wide = a.astype(np.float64)
    if dim is not None:
        np.testing.assert_allclose(T.var(tensor(a), dim)._a, wide.var(dim, ddof=1).astype(np.float32), 1e-3)
    a[8, 8], a[40, 2] = np.nan, np.inf
    found = T.var(tensor(a)) if dim is None else T.var(tensor(a), dim)
    bad = np.isnan(found._a)
    assert bad.sum() == (1 if dim is None else 2)
    if dim is not None:
        np.testing.assert_allclose(found._a[~bad], a.astype(np.float64).var(dim, ddof=1)[~bad], 1e-3)


@pytest.mark.parametrize("shape", [(LARGE + 3,), (700, 403), (5, 70_001)])
def test_variance_waits_only_for_values_that_wait(shape):
    a = numbers(*shape)
    x = tensor(a)
    close(T.var(x * 2 + 1), 4 * a.astype(np.float64).var(ddof=1), 1e-4)
    close(T.std(x * 2 + 1, -1), 2 * a.astype(np.float64).std(-1, ddof=1), 1e-4)


def test_integers_and_non_contiguous_arrays_take_the_short_way():
    a = np.arange(LARGE * 2).reshape(512, -1)
    assert T.sum(tensor(a))._a == a.sum()
    np.testing.assert_array_equal(T.sum(tensor(a).t(), 0)._a, a.sum(1))
    np.testing.assert_array_equal(reduced(np.maximum, a.T, 0), a.max(1))


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    x, found = tensor(numbers(3 * BLOCK + 17)), []
    for n in (1, 2, 4):
        monkeypatch.setattr(threads, "get_num_threads", lambda n=n: n)
        found.append([float(T.sum(x)._a), float(T.var(x)._a), float(T.logsumexp(x, 0)._a), T.cumsum(x, 0)._a.tobytes()])
    assert found[0] == found[1] == found[2]


# ---------------------------------------------------------------- softmax and its kin

@pytest.mark.parametrize(("shape", "dim"), DIMS)
def test_softmax_and_its_gradient(shape, dim):
    a, g = numbers(*shape), numbers(*shape, seed=1)
    wide = a.astype(np.float64)
    e = np.exp(wide - wide.max(dim, keepdims=True))
    soft = e / e.sum(dim, keepdims=True)
    close(T.softmax(tensor(a), dim), soft)
    close(T.log_softmax(tensor(a), dim), np.log(soft), 1e-4)
    close(T.logsumexp(tensor(a), dim, True), np.log(e.sum(dim, keepdims=True)) + wide.max(dim, keepdims=True))
    x = tensor(a).requires_grad_()
    T.softmax(x, dim).backward(tensor(g))
    close(x.grad, soft * (g - (g * soft).sum(dim, keepdims=True)), 1e-4)
    x.grad = None
    T.log_softmax(x, dim).backward(tensor(g))
    close(x.grad, g - soft * g.sum(dim, keepdims=True, dtype=np.float64), 1e-2)


@pytest.mark.parametrize("big", [30.0, 80.0, 1e4, -1e4])
@pytest.mark.parametrize(("shape", "dim"), [((700, 401), 0), ((700, 401), 1), ((LARGE + 5,), 0)])
def test_logsumexp_far_from_zero(big, shape, dim):
    a = numbers(*shape, dtype="float64") + big
    top = a.max(dim, keepdims=True)
    close(T.logsumexp(tensor(a), dim), (np.log(np.exp(a - top).sum(dim, keepdims=True)) + top).squeeze(dim), 1e-12)


def test_logsumexp_of_infinities():
    a = np.full((600, 500), -np.inf, np.float32)
    a[:, 1] = np.inf
    a[3, 2] = np.nan
    for x, dim in ((a, 0), (np.ascontiguousarray(a.T), 1)):
        found = T.logsumexp(tensor(x), dim)._a
        assert found[0] == -np.inf and found[1] == np.inf and np.isnan(found[2]) and found[3] == -np.inf
    assert T.logsumexp(tensor(np.full(LARGE + 1, -np.inf, np.float32)), 0)._a == -np.inf


# ---------------------------------------------------------------- scans, sorting

@pytest.mark.parametrize(("shape", "dim"), DIMS)
def test_running_sums_and_their_gradient(shape, dim):
    a = numbers(*shape)
    x = tensor(a).requires_grad_()
    y = T.cumsum(x, dim)
    np.testing.assert_array_equal(y._a, a.cumsum(dim, dtype=np.float64).astype(np.float32))
    y.backward(tensor(a))
    close(x.grad, np.flip(np.flip(a, dim).cumsum(dim, dtype=np.float64), dim), 1e-4)
    b = (1 + a / 3000).astype(np.float32)
    close(T.cumprod(tensor(b), dim), b.cumprod(dim, dtype=np.float64))


def test_running_sums_past_infinity_and_nan():
    a = numbers(3 * BLOCK)
    a[BLOCK + 5], a[2 * BLOCK + 7] = np.inf, -np.inf
    np.testing.assert_array_equal(T.cumsum(tensor(a), 0)._a, a.cumsum(dtype=np.float64).astype(np.float32))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_sorting_along_every_dim(dim):
    a = numbers(30, 101, 97)
    values, indices = T.sort(tensor(a), dim)
    np.testing.assert_array_equal(values._a, np.sort(a, dim))
    np.testing.assert_array_equal(np.take_along_axis(a, indices._a, dim), values._a)
    np.testing.assert_array_equal(T.median(tensor(a), dim)[0]._a, np.sort(a, dim).take((a.shape[dim] - 1) // 2, dim))
    np.testing.assert_array_equal(T.topk(tensor(a), 3, dim)[0]._a, np.flip(np.sort(a, dim), dim).take(range(3), dim))


# ---------------------------------------------------------------- indices

@pytest.mark.parametrize(("shape", "index_shape", "dim"), [
    ((5000,), (9000,), 0), ((60, 70), (60, 200), 1), ((60, 70), (200, 70), 0), ((9, 40, 50), (7, 300, 33), 1),
    ((9, 40, 50), (9, 40, 80), 2), ((9, 40, 50), (90, 30, 20), 0), ((50, 1000), (50, 6000), 1), ((1000, 3), (300_000, 3), 0)])
def test_gather_and_scatter_by_flat_places(shape, index_shape, dim):
    rng = np.random.default_rng(2)
    a, index = numbers(*shape), rng.integers(0, shape[dim], index_shape)
    grids = list(np.ix_(*map(np.arange, index_shape)))
    grids[dim] = index
    where = tuple(grids)
    np.testing.assert_array_equal(T.gather(tensor(a), dim, tensor(index))._a, a[where])
    src = rng.integers(-4, 5, index_shape).astype(np.float32)
    wanted = np.zeros(shape, np.float32)
    np.add.at(wanted, where, src)
    np.testing.assert_array_equal(T.scatter_add(T.zeros(shape), dim, tensor(index), tensor(src))._a, wanted)
    wanted = a.copy()
    np.maximum.at(wanted, where, src)
    np.testing.assert_array_equal(T.scatter_reduce(tensor(a), dim, tensor(index), tensor(src), "amax")._a, wanted)
    wanted = a.copy()
    wanted[where] = src
    np.testing.assert_array_equal(T.scatter(tensor(a), dim, tensor(index), tensor(src))._a, wanted)
    x = tensor(a).requires_grad_()
    T.gather(x, dim, tensor(index)).backward(tensor(src))
    wanted = np.zeros(shape, np.float32)
    np.add.at(wanted, where, src)
    np.testing.assert_array_equal(x.grad._a, wanted)


@pytest.mark.parametrize("n", [3, 5000, 40_000])
@pytest.mark.parametrize("rest", [(), (8,), (3, 5)])
def test_rows_are_added_up_by_index(n, rest):
    rng = np.random.default_rng(3)
    rows, values = rng.integers(0, 77, n), rng.integers(-4, 5, (n, *rest)).astype(np.float32)
    wanted = np.zeros((77, *rest), np.float32)
    np.add.at(wanted, rows, values)
    out = np.zeros_like(wanted)
    places.add_rows(out, rows, values)
    np.testing.assert_array_equal(out, wanted)
    np.testing.assert_array_equal(T.index_add(T.zeros(77, *rest), 0, tensor(rows), tensor(values))._a, wanted)
    if rest:
        source = tensor(np.moveaxis(values, 0, -1))
        across = T.index_add(T.zeros(*rest, 77), len(rest), tensor(rows), source)
        np.testing.assert_array_equal(across._a, np.moveaxis(wanted, 0, -1))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64", "float16", "bool"])
@pytest.mark.parametrize("index_dtype", [np.int64, np.int32])
def test_additions_by_index_are_the_same_with_and_without_scipy(dtype, index_dtype, monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.integers(-4, 5, (40, 300)).astype(dtype)
    lines, rows = rng.integers(0, 77, values.shape).astype(index_dtype), rng.integers(0, 40, 40).astype(index_dtype)
    same = np.broadcast_to(lines[0], lines.shape)
    found = []
    for name in ("scipy.sparse", "no such module"):
        monkeypatch.setattr(index_sums, "LOADS", name)
        monkeypatch.setattr(index_sums, "_added", [0])
        outs = [np.zeros((40, 77), dtype) for _ in range(2)] + [np.zeros((40, 300), dtype), np.zeros(77, dtype)]
        places.combine_along(np.add, outs[0], lines, 1, values)
        places.combine_along(np.add, outs[1], same, 1, values)
        places.add_rows(outs[2], rows, values)
        places.add_rows(outs[3], lines[0], values[0])
        found.append(outs)
    for mine, other in zip(*found, strict=True):
        np.testing.assert_array_equal(mine, other)
    wanted = np.zeros((40, 77), dtype)
    np.add.at(wanted, (np.arange(40)[:, None], lines), values)
    np.testing.assert_array_equal(found[0][0], wanted)


def test_the_largest_by_index_takes_nan_and_the_first_of_equals():
    rng = np.random.default_rng(6)
    a, index = rng.integers(-5, 6, 50_000).astype(np.float32), rng.integers(0, 900, 50_000)
    a[::997] = np.nan
    for name, ufunc in (("amax", np.maximum), ("amin", np.minimum)):
        wanted = np.zeros(900, np.float32)
        wanted[3] = np.nan
        start = wanted.copy()
        ufunc.at(wanted, index, a)
        np.testing.assert_array_equal(T.scatter_reduce(tensor(start), 0, tensor(index), tensor(a), name)._a, wanted)


def test_several_index_arrays_negative_ones_and_masks():
    rng = np.random.default_rng(4)
    a, i, j = numbers(90, 80, 3), rng.integers(-90, 90, (50, 200)), rng.integers(-80, 80, (50, 200))
    x = tensor(a).requires_grad_()
    y = x[tensor(i), tensor(j)]
    np.testing.assert_array_equal(y._a, a[i, j])
    y.backward(T.ones(y.shape))
    wanted = np.zeros_like(a)
    np.add.at(wanted, (i, j), np.ones((50, 200, 3), np.float32))
    np.testing.assert_array_equal(x.grad._a, wanted)
    for mask in (a > 0, a[:, :, 0] > 0):
        x.grad = None
        y = x[tensor(mask)]
        np.testing.assert_array_equal(y._a, a[mask])
        y.backward(T.ones(y.shape))
        np.testing.assert_array_equal(x.grad._a, np.broadcast_to(mask.reshape(*mask.shape, *(1,) * (3 - mask.ndim)), a.shape))


@pytest.mark.parametrize("n", [100, 2 * LARGE + 9])
def test_masks_write_in_place(n):
    a = numbers(n)
    x = tensor(a)
    x[x > 0] = 5.0
    np.testing.assert_array_equal(x._a, np.where(a > 0, np.float32(5), a))
    x = tensor(a)
    x[tensor(a) > 0] = x[tensor(a) > 0] * 2
    np.testing.assert_array_equal(x._a, np.where(a > 0, a * 2, a))
    np.testing.assert_array_equal(T.where(tensor(a) > 0, tensor(a), tensor(-a))._a, np.abs(a))
    np.testing.assert_array_equal(T.masked_fill(tensor(a), tensor(a) > 0, 2.5)._a, np.where(a > 0, np.float32(2.5), a))


def test_a_write_by_index_is_seen_by_saved_values():
    x = T.ones(5).requires_grad_()
    y = x * 2
    z = (y * y).sum()
    with no_grad():
        y[tensor([0, 1])] = 7.0
    with pytest.raises(EngineError, match="modified by an inplace operation"):
        z.backward()


# ---------------------------------------------------------------- copies

def test_copies_of_many_small_transposed_matrices():
    x = numbers(300, 65, 71).transpose(0, 2, 1)
    assert np.array_equal(row_major_copy(x), x)
    assert np.array_equal(row_major_copy(x, np.float64), x)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0), (0, 1, 2)])
def test_copies_of_permuted_arrays(order):
    a = numbers(71, 67, 83).transpose(order)
    found = row_major_copy(a)
    np.testing.assert_array_equal(found, a)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(row_major_copy(a[:, ::-1], np.int64), a[:, ::-1].astype(np.int64))


def test_halves_are_rounded_as_numpy_rounds_them():
    a = numbers(LARGE + 1)
    half = tensor(a).half()
    np.testing.assert_array_equal(half._a, a.astype(np.float16))
    np.testing.assert_array_equal(half.float()._a, a.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(tensor(a)[::2].half()._a, a[::2].astype(np.float16))


def test_blocks_cover_every_row_once():
    for n, per_row in ((0, 5), (1, 10 * BLOCK), (7, BLOCK), (LARGE + 1, 1), (1000, 1000)):
        seen = np.zeros(n, int)
        over_rows(n, per_row, lambda start, stop, seen=seen: seen[start:stop].__iadd__(1))
        assert (seen == 1).all()


# ---------------------------------------------------------------- convolutions

@pytest.mark.parametrize(("size", "kernel", "pads", "dilation", "groups"), [
    ((9, 11), (3, 3), ((1, 1), (1, 1)), (1, 1), 1), ((9, 11), (2, 3), ((0, 1), (2, 0)), (1, 2), 2),
    ((12, 12), (5, 1), ((2, 2), (0, 0)), (1, 1), 1), ((5, 6, 7), (3, 2, 3), ((1, 1), (0, 1), (1, 1)), (1, 1, 1), 2),
    ((40, 50), (3, 3), ((1, 1), (1, 1)), (1, 1), 1), ((9, 8), (1, 1), ((0, 0), (0, 0)), (1, 1), 3),
    ((9, 8), (1, 1), ((2, 0), (0, 1)), (1, 1), 1), ((6, 7), (3, 2), ((4, 5), (3, 4)), (1, 1), 2),
    ((3, 2), (3, 3), ((3, 3), (3, 3)), (3, 3), 1), ((30,), (4,), ((2, 1),), (1,), 1), ((30,), (3,), ((0, 0),), (4,), 2)])
@pytest.mark.parametrize("cache", [1 << 18, 1 << 12, 1 << 9])
def test_flattened_convolutions_equal_the_general_ones(monkeypatch, size, kernel, pads, dilation, groups, cache):
    stride = (1,) * len(size)
    geometry = (stride, pads, dilation, groups)
    out = conv.out_size(size, kernel, stride, pads, dilation)
    x, w = numbers(7, 4 * groups, *size, dtype="float64"), numbers(6, 4, *kernel, dtype="float64", seed=1)
    b, g = numbers(6, dtype="float64"), numbers(7, 6, *out, dtype="float64", seed=2)
    found = []
    for flat in (True, False):
        monkeypatch.setattr(conv_flat, "fits", lambda *_, flat=flat: flat)
        monkeypatch.setattr(conv_flat, "CACHE", cache)
        found.append((conv._conv(np, x, w, b, geometry, out), conv._conv_input(np, g, w, None, geometry, size),
                      conv._conv_weight(np, g, x, geometry, kernel)))
    for mine, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("channels", "groups", "kernel"), [(16, 1, 3), (1, 1, 3), (24, 24, 3), (32, 4, 1)])
def test_convolutions_are_the_same_with_any_number_of_threads(channels, groups, kernel, monkeypatch):
    found = []
    geometry = ((1, 1), ((kernel // 2,) * 2,) * 2, (1, 1), groups)
    x, w = numbers(32, channels, 28, 28), numbers(24, channels // groups, kernel, kernel, seed=1)
    b, g = numbers(24), numbers(32, 24, 28, 28, seed=2)
    for n in (1, 2, 4):
        monkeypatch.setattr(threads, "get_num_threads", lambda n=n: n)
        found.append((conv._conv(np, x, w, b, geometry, (28, 28)), conv._conv_input(np, g, w, None, geometry, (28, 28)),
                      conv._conv_weight(np, g, x, geometry, (kernel, kernel))))
    for other in found[1:]:
        for a, c in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, c)


# ---------------------------------------------------------------- attention

@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mask", [None, "bool", "float", "per head"])
@pytest.mark.parametrize("shapes", [((2, 3, 150, 8), (2, 3, 170, 8), (2, 3, 170, 5)), ((300, 4), (290, 4), (290, 4))])
def test_blocked_attention_equals_the_one_that_keeps_weights(monkeypatch, causal, mask, shapes):
    if causal and mask is not None and len(shapes[0]) < 4:
        pytest.skip("refused, as PyTorch does")
    q, k, v = (numbers(*shape, dtype="float64", seed=i) for i, shape in enumerate(shapes))
    size = (shapes[0][-2], shapes[1][-2])
    if mask == "bool":
        mask = numbers(*size, seed=5) > 0
        mask[7] = False
    elif mask is not None:
        lead = shapes[0][:-2] if mask == "per head" else ()
        mask = numbers(*lead, *size, dtype="float64", seed=6)
    g, found = numbers(*shapes[0][:-1], shapes[2][-1], dtype="float64", seed=7), []
    for blocked in (True, False):
        monkeypatch.setattr(attention_blocks, "fits", lambda *_, blocked=blocked: blocked)
        monkeypatch.setattr(attention_blocks, "BLOCK", 5000)
        inputs = [tensor(a).requires_grad_() for a in (q, k, v)]
        y = T.scaled_dot_product_attention(*inputs, None if mask is None else tensor(mask), is_causal=causal)
        y.backward(tensor(g))
        found.append([y._a, *(t.grad._a for t in inputs)])
    for mine, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-9)


def test_blocked_attention_can_be_differentiated_twice(monkeypatch):
    found = []
    for blocked in (True, False):
        monkeypatch.setattr(attention_blocks, "fits", lambda *_, blocked=blocked: blocked)
        q, k, v = (tensor(numbers(2, 5, 3, dtype="float64", seed=i)).requires_grad_() for i in range(3))
        y = T.scaled_dot_product_attention(q, k, v, is_causal=True)
        first = autograd.grad([T.sum(y * y)], [q, k], create_graph=True)
        second = autograd.grad([T.sum(first[0] * first[0]) + T.sum(first[1])], [q, k, v])
        found.append([t._a for t in (*first, *second)])
    for mine, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------- lines, and a kernel for each channel

@pytest.mark.parametrize("dtype", ["float32", "complex128", "int8", "bool"])
@pytest.mark.parametrize("shape", [(3, 300), (2, 5, 500), (700, 700)])
def test_indices_along_long_lines(shape, dtype):
    x = numbers(*shape).astype(dtype)
    index = np.random.default_rng(1).integers(0, shape[-1], (*shape[:-1], 400))
    values = numbers(*index.shape, seed=2).astype(dtype)
    wanted = x.copy()
    for line in np.ndindex(*shape[:-1]):
        wanted[line][index[line]] = values[line]
    for k, v in ((index, values), (np.asfortranarray(index), np.asfortranarray(values))):
        assert np.array_equal(places.take_along(x, k, -1), np.take_along_axis(x, index, -1))
        written = x.copy()
        places.write_along(written, k, len(shape) - 1, v)
        assert np.array_equal(written, wanted)


@pytest.mark.parametrize("kernel", [(3, 3), (5, 1), (2, 4)])
@pytest.mark.parametrize(("pad", "dilation"), [(0, 1), (1, 1), (2, 2)])
def test_depthwise_convolutions_over_runs(monkeypatch, kernel, pad, dilation):
    def results():
        x, w, b = (tensor(numbers(*s, dtype="float64")).requires_grad_() for s in ((9, 40, 11, 13), (40, 1, *kernel), (40,)))
        y = T.conv2d(x, w, b, padding=pad, dilation=dilation, groups=40)
        autograd.backward(y, tensor(numbers(*y.shape, dtype="float64", seed=1)))
        return [y, x.grad, w.grad, b.grad]
    found = results()
    monkeypatch.setattr(conv_flat, "fits", lambda *_: False)
    for a, b in zip(found, results(), strict=True):
        close(a, b.detach()._a, 1e-10)


@pytest.mark.parametrize("shift", [-300.0, -60.0, 0.0, 60.0, 300.0])
def test_logsumexp_of_infinities_and_nan(shift):
    a = numbers(700, 401) + np.float32(shift)
    a[3] = -np.inf
    a[4, 5], a[6, 7] = np.inf, np.nan
    with np.errstate(all="ignore"):
        for dim in (0, 1):
            close(T.logsumexp(tensor(a), dim), np.logaddexp.reduce(a.astype(np.float64), dim), 1e-5)
        close(T.logsumexp(tensor(a[8:].reshape(-1)), 0), np.logaddexp.reduce(a[8:].astype(np.float64), None), 1e-5)


# ---------------------------------------------------------------- norms, pools and softmax by blocks

@pytest.mark.parametrize("offset", [0.0, 1.0, 50.0])
def test_norms_of_rows_far_from_zero_are_centred_first(offset):
    a = numbers(1100, 256) + np.float32(offset)
    w, b, g = numbers(256, seed=1), numbers(256, seed=2), numbers(1100, 256, seed=3)
    found, wanted = [], []
    for dtype, results in (("float32", found), ("float64", wanted)):
        x, weight, bias = (tensor(v.astype(dtype)).requires_grad_() for v in (a, w, b))
        y = T.layer_norm(x, (256,), weight, bias)
        autograd.backward(y, tensor(g.astype(dtype)))
        results.extend([y.detach(), x.grad, weight.grad, bias.grad])
    for mine, exact in zip(found, wanted, strict=True):
        close(mine, exact._a, 1e-5 * max(1.0, np.abs(exact._a).max()))


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "group_norm", "batch_norm"])
def test_norms_do_not_depend_on_threads(name, monkeypatch):
    def results(count):
        monkeypatch.setattr(threads, "get_num_threads", lambda: count)
        shape = (1100, 256) if name in ("layer_norm", "rms_norm") else (16, 64, 20, 20)
        x = tensor(numbers(*shape)).requires_grad_()
        w = tensor(numbers(shape[1], seed=1)).requires_grad_()
        y = {"layer_norm": lambda: T.layer_norm(x, (256,), w), "rms_norm": lambda: T.rms_norm(x, (256,), w),
             "group_norm": lambda: T.group_norm(x, 8, w),
             "batch_norm": lambda: T.batch_norm(x, None, None, w, training=True)}[name]()
        autograd.backward(y, tensor(numbers(*shape, seed=2)))
        return y.detach()._a, x.grad._a, w.grad._a
    for one, several in zip(results(1), results(3), strict=True):
        np.testing.assert_array_equal(one, several)


def test_softmax_shifts_only_lines_that_need_it():
    a = numbers(700, 401)
    a[3], a[4], a[5, 1:] = a[3] + 500, a[4] - 500, -np.inf
    a[6, 0], a[7, 2], a[8] = np.nan, np.inf, -np.inf
    wide = a.astype(np.float64)
    with np.errstate(all="ignore"):
        e = np.exp(wide - wide.max(1, keepdims=True))
        wanted = e / e.sum(1, keepdims=True)
        close(T.softmax(tensor(a), 1), wanted, 1e-6)
        np.testing.assert_array_equal(T.softmax(tensor(a), 1)._a[9:400], T.softmax(tensor(a[9:]), 1)._a[:391])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("height", [30, 31])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0)])
def test_the_gradient_of_max_pooling_goes_to_the_first_maximum(kernel, stride, pad, odd, height, dtype):
    a = np.random.default_rng(0).integers(0, 4, (40, 9, height, 30)).astype(dtype)
    if odd:
        a[0, 0, 3, 3], a[1, 1, 2] = np.nan, -np.inf
    x = tensor(a).requires_grad_()
    y, places = T.max_pool2d(x, kernel, stride, pad, return_indices=True)
    z = T.max_pool2d(x, kernel, stride, pad)
    g = numbers(*z.shape, dtype=dtype)
    g[3, 4] = np.inf
    autograd.backward(z, tensor(g))
    wanted = np.zeros((360, height * 30), dtype)
    np.add.at(wanted, (np.arange(360)[:, None], places._a.reshape(360, -1)), g.reshape(360, -1))
    close(x.grad, wanted.reshape(a.shape), 1e-5)


def test_gelu_of_float32_is_as_good_as_that_of_float64():
    a = np.concatenate([np.linspace(-12, 12, 100_001), [-np.inf, np.inf, np.nan, 0, -0.0, 1e-30, -100, 100]]).astype("float32")
    with np.errstate(all="ignore"):
        found, exact = T.gelu(tensor(a))._a, T.gelu(tensor(a.astype("float64")))._a
    np.testing.assert_allclose(found, exact, rtol=4e-7, atol=1e-6)


def test_rows_of_one_number_become_zeros():
    w = numbers(256)
    for value in (5.0, 3.3, 1234.5):
        x = tensor(np.full((1100, 256), value, "float32"))
        np.testing.assert_array_equal(T.layer_norm(x, (256,), tensor(w))._a, 0)
        np.testing.assert_array_equal(T.group_norm(T.reshape(x, (1100, 64, 4)), 8, tensor(w[:64]))._a, 0)


# ---------------------------------------------------------------- products

STACKS = [((40, 96, 80), (40, 80, 88)), ((96, 96), (40, 96, 96)), ((5, 1, 90, 128), (1, 9, 128, 90)),
          ((3, 700, 9), (3, 9, 700))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shapes", STACKS)
@pytest.mark.parametrize("askew", ["no", "transposed", "reversed"])
def test_products_of_stacks(shapes, dtype, askew):
    a, b = (numbers(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes))
    if askew == "transposed":
        a = np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)
    elif askew == "reversed":
        b = b[..., ::-1]
    assert np.array_equal(T.matmul(tensor(a), tensor(b))._a, np.matmul(a, b))


@pytest.mark.parametrize("shape", [(1999, 2001), (3, 800_003), (700_001, 5)])
def test_a_large_matrix_times_a_vector(shape):
    a, right, left = numbers(*shape), numbers(shape[1], seed=1), numbers(shape[0], seed=2)
    wide = a.astype(np.float64)
    for matrix in (tensor(a), tensor(np.asfortranarray(a))):
        close(T.matmul(matrix, tensor(right)), wide @ right, 2e-3)
        close(T.matmul(tensor(left), matrix), left @ wide, 2e-3)
        close(T.mv(matrix, tensor(np.repeat(right, 2)[::2])), wide @ right, 2e-3)


@pytest.mark.parametrize("length", [40, 1000, 5000])
def test_equal_rows_have_equal_sums(length):
    x = tensor(np.tile(numbers(length), (LARGE // length + 2, 1)))
    for found in (T.sum(x, 1), T.mean(x, 1), T._vector_norm(x, 2, (1,), False)):
        assert len(np.unique(found._a)) == 1
