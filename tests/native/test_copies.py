"""Copies, half precision and comparisons by the compiled kernels: bit for bit what NumPy makes of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

from .test_along import several_threads

torch = tree("torch")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_copy_of_any_strides(data):
    shape = data.draw(st.lists(st.integers(0, 20), min_size=0, max_size=4))
    dtype = data.draw(st.sampled_from("fdlhb?F"))
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(dtype)
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    way = data.draw(st.integers(0, 3))
    if x.ndim and way == 1:
        x = x[::-2]
    elif x.ndim and way == 2:
        x = x[..., ::-1]
    elif way == 3:
        x = np.broadcast_to(x, (3, *x.shape))
    out = np.empty(x.shape, dtype)
    assert native.copy(out, x) is True
    np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("shape, order", [((20, 128, 100), (0, 2, 1)), ((700, 500), (1, 0)), ((8, 30, 40, 50), (0, 2, 3, 1)),
                                          ((30, 4, 50, 60), (1, 3, 0, 2))])
def test_large_permuted_copies(shape, order):
    x = np.random.default_rng(0).standard_normal(shape).transpose(order)

    def run():
        out = np.empty(x.shape)
        assert native.copy(out, x)
        return out
    for out in several_threads(run):
        np.testing.assert_array_equal(out, x)
    t = tensor(np.ascontiguousarray(x.transpose(np.argsort(order)))).permute(*order)
    np.testing.assert_array_equal(t.contiguous().numpy(), x)


def test_zeros():
    out = np.ones(300_001, "h")
    assert native.clear(out) and not out.any()
    assert native.clear(np.ones((4, 4))[:, ::2]) is False


def test_every_half_becomes_a_float():
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    out = np.empty(65536, np.float32)
    assert native.convert_half(halves, out)
    np.testing.assert_array_equal(out.view(np.uint32), halves.astype(np.float32).view(np.uint32))


def test_floats_become_the_nearest_half():
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    halves = halves[np.isfinite(halves)]
    between = (halves[1:] + halves[:-1]) / 2
    bits = np.random.default_rng(0).integers(0, 2**32, 400_000, dtype=np.uint32).view(np.float32)
    above, below = (np.nextafter(between, np.float32(end)) for end in (np.inf, -np.inf))
    x = np.concatenate([halves, between, above, below, bits,
                        np.array([np.inf, -np.inf, 65519.99, 65520, -65520, 1e38, 2**-25, 2**-24 * 1.5, -0.0, 1e-45], "f")])
    out = np.empty(x.shape, np.float16)
    assert native.convert_half(x, out)
    with np.errstate(over="ignore"):
        wanted = x.astype(np.float16)
    number = ~np.isnan(x)
    np.testing.assert_array_equal(out[number].view(np.uint16), wanted[number].view(np.uint16))
    assert np.isnan(out[~number]).all()


@pytest.mark.parametrize("dtype", "fdl")
@pytest.mark.parametrize("how, ufunc", [("<", np.less), ("<=", np.less_equal), ("==", np.equal), ("!=", np.not_equal)])
def test_comparisons(how, ufunc, dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-3, 3, 300_001).astype(dtype) for _ in range(2))
    if dtype != "l":
        a[::7], b[::11] = np.nan, np.nan
        a[1], b[1] = 0.0, -0.0
    for x, y in ((a, b), (a, b[:1].reshape(())), (a[3:4], b)):
        for out in several_threads(lambda x=x, y=y: run_compare(how, x, y)):
            np.testing.assert_array_equal(out, ufunc(x, y))


def run_compare(how, a, b):
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), bool)
    assert native.compare(how, a, b, out)
    return out


def test_comparisons_of_large_tensors():
    x = tensor(np.random.default_rng(0).standard_normal(300_000, dtype="f"))
    y = -x
    for fn, ufunc in ((torch.gt, np.greater), (torch.ge, np.greater_equal), (torch.lt, np.less), (torch.le, np.less_equal),
                      (torch.eq, np.equal), (torch.ne, np.not_equal)):
        np.testing.assert_array_equal(fn(x, y).numpy(), ufunc(x.numpy(), y.numpy()))


def test_bad_arguments_are_left_to_numpy():
    x, out = np.zeros((4, 4), "f"), np.zeros((4, 4), "f")
    frozen = out.copy()
    frozen.flags.writeable = False
    for target, source in ((out, x.astype("d")), (out[:2], x), (out[:, ::2], x[:, ::2]), (frozen, x), (x, x.T), (out, None),
                           (out.astype(object), x.astype(object))):
        assert native.copy(target, source) is False
    assert native.convert_half(x, out) is False
    assert native.convert_half(x, out[:2].astype("e")) is False
    assert native.compare("<", x, out.astype("d"), np.zeros((4, 4), bool)) is False
    assert native.compare("<", x, out, np.zeros(4, bool)) is False
    with pytest.raises(TypeError):
        native.compare(">", x, out, np.zeros((4, 4), bool))


@pytest.mark.parametrize("n", [70, 5000, 300_000])
def test_bfloat16_as_numpy_has_it(n):
    from tcli.engine import halves
    from tcli.engine.dtypes import bfloat16

    bits = np.random.default_rng(0).integers(0, 1 << 32, n, np.uint64).astype(np.uint32)
    bits[:8] = 0x7F800000, 0xFF800000, 0x7FC00000, 0x80000000, 0x7F7FFFFF, 1, 0x3F808000, 0x3F818000  # the last two are ties
    x = bits.view(np.float32)
    narrow = halves.cast(x, bfloat16.numpy)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(narrow.view(np.uint16), x.astype(bfloat16.numpy).view(np.uint16))
    np.testing.assert_array_equal(halves.cast(narrow, x.dtype).view(np.uint32), narrow.astype(np.float32).view(np.uint32))
    whole = np.arange(n, dtype=np.uint16)
    np.testing.assert_array_equal(halves.cast(whole, x.dtype), whole.astype(np.float32))  # no bits of a bfloat16


@pytest.mark.parametrize("n", [100, 300_000])
def test_whole_numbers_become_halves_and_back(n):
    x = np.arange(n) % 70_000 - 100
    with np.errstate(over="ignore"):
        wanted = x.astype(np.float16)
    np.testing.assert_array_equal(tensor(x).half().numpy(), wanted)
    small = tensor(x % 2000).half()
    np.testing.assert_array_equal(small.long().numpy(), x % 2000)
    np.testing.assert_array_equal(tensor(x % 2 == 0).bfloat16().float().numpy(), (x % 2 == 0).astype("f"))
