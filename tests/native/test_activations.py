"""Activations of middle-sized arrays, which compiled kernels compute at once, against NumPy's way and the deferred one."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import fuse
from tcli.engine.registry import T
from tcli.engine.tensor import Tensor, tensor

SHAPE = (600, 700)
OPS = {"relu": T.relu, "gelu": T.gelu, "relu_adjoint": lambda x: T._relu_adjoint(x + 1, x),
       "gelu_adjoint": lambda x: T._gelu_adjoint(x + 1, x, "none")}


def numbers(dtype: str) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal(SHAPE).astype(dtype)
    x.reshape(-1)[:6] = np.nan, np.inf, -np.inf, -0.0, 0.0, -1e-30
    return x


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("name", OPS)
def test_both_ways_give_the_same(name, dtype):
    x = numbers(dtype)
    if "gelu" in name:
        x[np.isinf(x)] = 1  # of which NumPy warns
    x = tensor(x)
    found = OPS[name](x).numpy()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "run_program", lambda *args: False)
        wanted = OPS[name](x).numpy()
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-7)
    try:
        fuse.set_fusion(False)
        alone = OPS[name](x).numpy()
    finally:
        fuse.set_fusion(True)
    np.testing.assert_allclose(found, alone, rtol=2e-6, atol=2e-7)
    if name == "relu":
        np.testing.assert_array_equal(np.signbit(found), np.signbit(alone))
        assert np.signbit(found.reshape(-1)[3]) and np.isnan(found.reshape(-1)[0])


@pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
def test_what_waits_and_what_does_not():
    x = tensor(numbers("f"))
    assert type(T.relu(x)) is Tensor and type(T.gelu(x)) is Tensor
    assert type(T.relu(x * 2)) is fuse.Pending  # joins what waits
    assert type(T.gelu(x, approximate="tanh")) is fuse.Pending
    assert type(T.relu(T.cat([x] * 8))) is fuse.Pending  # too large to be stored for nothing
    assert type(T.relu(x.t())) is fuse.Pending and type(T.relu(x.double())) is fuse.Pending
