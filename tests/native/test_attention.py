"""Attention by its kernel beside that of NumPy, and products of many rows that are cut into parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import threads
from tcli.engine.tensor import tensor
from tcli.ops import attention_blocks
from tcli.runtime.namespaces import tree

F = tree("torch.nn.functional")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")


def numbers(*shape: int, seed: int = 0, dtype: str = "f") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def both(run):
    """What `run` gives with the kernel and without it."""
    with pytest.MonkeyPatch.context() as patched:
        found = run()
        for name in ("attention", "multiply_stacks"):
            patched.setattr(native, name, lambda *_: False, raising=False)
        return found, run()


@given(st.sampled_from("fd"), st.lists(st.integers(1, 3), max_size=2), st.integers(1, 130), st.integers(1, 200),
       st.integers(1, 40), st.integers(1, 7), st.booleans())
@settings(max_examples=100, deadline=None)
def test_attention(dtype, lead, length, source, inner, outer, causal):
    sizes = (length, inner), (source, inner), (source, 16 * outer)
    q, k, v = (numbers(*lead, *size, seed=i, dtype=dtype) for i, size in enumerate(sizes))
    found, wanted = both(lambda: attention_blocks.forward(q, k, v, None, causal, 0.4))
    for a, e in zip(found, wanted, strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-5 if dtype == "f" else 1e-12)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e4, -1e4])
@pytest.mark.parametrize("causal", [False, True])
def test_odd_scores(odd, causal):
    q, k, v = (np.abs(numbers(1, 70, 16, seed=i)) for i in range(3))
    k[0, 30] = odd
    with np.errstate(all="ignore"):
        found, wanted = both(lambda: attention_blocks.forward(q, k, v, None, causal, 1.0))
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4, atol=1e-5)


def test_attention_does_not_depend_on_the_number_of_threads():
    q, k, v = (numbers(3, 300, 32, seed=i) for i in range(3))
    count, found = threads.get_num_threads(), []
    try:
        for n in (1, 2, 4):
            threads.set_num_threads(n)
            found.append(attention_blocks.forward(q, k, v, None, True, 0.2))
    finally:
        threads.set_num_threads(count)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_heads_with_gaps_and_gradients():
    x = tensor(numbers(2, 300, 3, 4, 32)).requires_grad_()

    def run():
        x.grad = None
        q, k, v = x.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y.backward(tensor(numbers(*y.shape, seed=1)))
        return y.detach().numpy(), x.grad.numpy()
    for a, e in zip(*both(run), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_left_alone():
    q, k, v = numbers(2, 5, 8), numbers(2, 6, 8, seed=1), numbers(2, 6, 16, seed=2)
    y, logs, packed = np.full((2, 5, 16), 7, "f"), np.zeros((2, 5), "f"), np.zeros(2 * 64 * 8, "f")
    good = [y, logs, packed, q, k, v, False, 0.5]
    assert native.attention(*good) is True and not (y == 7).any()
    y[...] = 7
    read_only = y.copy()
    read_only.flags.writeable = False
    for place, wrong in ((0, y[:1]), (0, read_only), (0, y.astype("d")), (1, logs[:1]), (2, packed[:10]), (2, y), (3, q[0]),
                         (3, q[:1]), (3, q[:, :0]), (3, q[:, :, ::2]), (4, k[:, :, :7].copy()), (4, k[:1]), (4, None),
                         (5, v[:, :5].copy()), (5, v[..., :5].copy()), (5, v.astype("d")), (3, q.astype("i")), (7, "x")):
        assert native.attention(*good[:place], wrong, *good[place + 1:]) is False, (place, wrong)
    assert native.attention(*good[:-1]) is False and (y == 7).all()


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", [(512, 64), (2, 4, 256, 40), (770, 128), (1024, 256)])
def test_many_rows_by_parts(shape, dtype):
    x, weight, bias = (tensor(numbers(*s, seed=i, dtype=dtype)) for i, s in enumerate((shape, (130, shape[-1]), (130,))))
    found, wanted = both(lambda: F.linear(x, weight, bias).numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)
