"""Stacks of products and a large matrix times a vector by the compiled kernels."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import blas
from tcli.ops import linalg
from tcli.runtime.namespaces import tree

from .test_along import several_threads

torch = tree("torch")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")


def numbers(*shape, dtype="f"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def turned(x):
    """The same matrices with their columns packed."""
    return np.ascontiguousarray(x.swapaxes(-2, -1)).swapaxes(-2, -1)


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("ahead, m, k, n", [((5,), 3, 4, 5), ((), 30, 20, 10), ((2, 3), 40, 30, 20), ((70,), 33, 65, 17)])
def test_stacks(ahead, m, k, n, dtype):
    if not blas.tell_kernels():
        pytest.skip("another BLAS library")
    a, b = numbers(*ahead, m, k, dtype=dtype), numbers(*ahead, k, n, dtype=dtype)
    for x in (a, turned(a), np.broadcast_to(a[(0,) * len(ahead)], a.shape), numbers(*ahead, m, k + 3, dtype=dtype)[..., :k]):
        for y in (b, turned(b), b[::-1] if ahead else b):
            outs = several_threads(lambda x=x, y=y: multiply(x, y))
            np.testing.assert_allclose(outs[0], x @ y, rtol=1e-4, atol=1e-4)
            assert all((out == outs[0]).all() for out in outs)


def multiply(x, y):
    out = np.full((*x.shape[:-1], y.shape[-1]), np.nan, x.dtype)
    assert native.multiply_stacks(x, y, out)
    return out


def test_operators_with_kernels_and_without(monkeypatch):
    a, b = torch.tensor(numbers(64, 128, 128)), torch.tensor(numbers(64, 128, 128)[::-1].copy())
    calls = [lambda: a @ b, lambda: a[0] @ b, lambda: torch.bmm(a.transpose(1, 2), b), lambda: a.double() @ b.double()]
    found = [call().numpy() for call in calls]
    monkeypatch.setattr(native, "multiply_stacks", lambda *_: False)
    for one, call in zip(found, calls, strict=True):
        np.testing.assert_allclose(one, call().numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("rows, columns", [(1, 1), (3, 17), (65, 16), (1031, 2500), (4, 0)])
def test_a_matrix_times_a_vector(rows, columns, dtype):
    a, v = numbers(rows, columns, dtype=dtype), numbers(columns, dtype=dtype)

    def run(a):
        out = np.full(rows, np.nan, dtype)
        assert native.matrix_vector(a, v, out)
        return out
    for x in (a, numbers(rows, columns + 5, dtype=dtype)[:, :columns], a[::-1]):
        outs = several_threads(lambda x=x: run(x))
        np.testing.assert_allclose(outs[0], x @ v, rtol=1e-3, atol=1e-3)
        assert all((out == outs[0]).all() for out in outs)


def test_a_large_matrix_times_a_vector():
    a, v = numbers(1200, 2000), numbers(2000)
    assert a.size >= linalg.VECTOR
    np.testing.assert_allclose((torch.tensor(a) @ torch.tensor(v)).numpy(), a.astype("d") @ v, rtol=1e-3, atol=1e-3)
    a[3, 4], v[7] = np.inf, np.nan
    np.testing.assert_array_equal(np.isnan((torch.tensor(a) @ torch.tensor(v)).numpy()), np.isnan(a @ v))


def test_bad_arguments_are_left_to_numpy():
    a, out = numbers(2, 3, 3), np.zeros((2, 3, 3), "f")
    frozen = out.copy()
    frozen.flags.writeable = False
    for args in ((a, a, frozen), (a, a.astype("d"), out), (a[:, :2], a, out), (a, a[:1], out), (a, a, a), (a, None, out),
                 (a[:, :, ::2], a[:, :2], out), (a.astype("e"), a.astype("e"), out.astype("e"))):
        assert native.multiply_stacks(*args) is False
    v = np.zeros(3, "f")
    for args in ((a[0], v[:2], v), (a[0], v, v), (a[0].T, v, v.copy()), (a, v, v.copy()), (a[0], v, v.astype("d"))):
        assert native.matrix_vector(*args) is False
