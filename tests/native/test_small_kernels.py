"""Running sums and variances of small arrays: compiled kernels give what NumPy gives."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine.registry import T
from tcli.engine.tensor import tensor

SHAPES = [(), (1,), (7,), (0,), (3, 4), (4, 0), (2, 3, 5), (1, 1, 6)]


@pytest.fixture
def without(monkeypatch):
    """Runs a call with and without the kernel of that name."""
    def both(name, call):
        found = call()
        monkeypatch.setattr(native, name, lambda *args: False)
        expected = call()
        monkeypatch.undo()
        return found, expected
    return both


def values(shape, dtype):
    x = np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)
    if x.size > 3:
        x.flat[1], x.flat[3] = np.nan, np.inf
    return x


def same(found, expected):
    a, b = found._a, expected._a
    assert a.dtype == b.dtype and a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i8"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_running_sums_are_those_of_numpy(name, shape, dtype, without):
    x = values(shape, dtype) if dtype[0] == "f" else np.arange(int(np.prod(shape))).reshape(shape)
    for dim in range(-max(len(shape), 1), max(len(shape), 1)):
        same(*without("scan_small", lambda dim=dim: getattr(T, name)(tensor(x), dim)))
        same(*without("scan_small", lambda dim=dim: getattr(T, name)(tensor(x), dim, dtype=tensor(1.0).dtype)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["var", "std"])
def test_variances_are_those_of_numpy(name, shape, dtype, without):
    x = values(shape, dtype)
    calls = [{}, {"correction": 0}, {"correction": 1.5}, {"correction": 9}, {"correction": -2}, {"dim": (), "keepdim": True}]
    if shape:
        calls += [{"dim": dim, "keepdim": keepdim} for dim in range(-len(shape), len(shape)) for keepdim in (True, False)]
    for call in calls:
        for array in (x, x.T):
            same(*without("spread_small", lambda call=call, array=array: getattr(T, name)(tensor(array), **call)))


@pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
def test_what_they_do_not_take_is_left():
    for x in (np.ones(3), [1.0], np.ones((4, 4))[:, ::2], np.ones(3, "i8"), np.ones(1 << 15)):
        if not (isinstance(x, np.ndarray) and x.shape == (3,) and x.dtype == "d"):
            assert native.scan_small(x, 0, False) is False
            assert native.spread_small(x, 0, 1, False, False) is False
    assert native.scan_small(np.ones(3), 1, False) is False
    assert native.scan_small(np.ones(3), -1, False) is False
    assert native.spread_small(np.ones(3), 1, 1, False, False) is False
