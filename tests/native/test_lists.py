"""Tensors from nested lists by the compiled walk: the dtypes, numbers and errors of the way without it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import dtypes
from tcli.engine.from_data import array_of_data

pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
NUMBERS = st.one_of(st.floats(), st.integers(-2**70, 2**70), st.integers(-9, 9), st.booleans(), st.just(1j), st.none(),
                    st.just(np.float32(0.5)))
PLAIN = st.one_of(st.floats(), st.integers(-2**63, 2**63 - 1), st.booleans())
DTYPES = st.sampled_from([None, dtypes.float32, dtypes.float64, dtypes.int64, dtypes.int32, dtypes.bool_, dtypes.float16,
                          dtypes.bfloat16, dtypes.complex64])


def outcome(data, d) -> tuple:
    try:
        a = array_of_data(data, d)
    except Exception as error:
        return type(error), str(error)
    return a.dtype, a.shape, a.tobytes()


def nested(leaf, data) -> list:
    shape = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))

    def make(dims):
        items = [make(dims[1:]) if len(dims) > 1 else data.draw(leaf) for _ in range(dims[0])]
        return items if data.draw(st.booleans()) else tuple(items)
    return make(shape)


@settings(max_examples=200, deadline=None)
@given(st.data(), DTYPES, st.sampled_from([NUMBERS, PLAIN, st.integers(-5, 5), st.booleans(), st.floats()]))
def test_nested_lists(data, d, leaf):
    given_data = nested(leaf, data)
    with pytest.MonkeyPatch.context() as m, np.errstate(all="ignore"):
        found = outcome(given_data, d)
        m.setattr(native, "array_of_list", lambda *_: False)
        assert found == outcome(given_data, d)


@pytest.mark.parametrize("data", [[[1, 2], [3]], [[1], 2], [1, [2]], [[1, 2], (3, 4)], [], [[]], [[1.5], [True]], [2**64, 0.5],
                                  [-2**63, 2**63 - 1], [float("nan"), -0.0, 1e39], [[[[1]]]], ["a"], [[1], None]])
def test_lists_of_all_kinds(data, monkeypatch):
    with np.errstate(all="ignore"):
        for d in (None, dtypes.float32, dtypes.int64, dtypes.bool_):
            found = outcome(data, d)
            with monkeypatch.context() as m:
                m.setattr(native, "array_of_list", lambda *_: False)
                assert found == outcome(data, d)


def test_what_lists_suggest():
    floats = np.dtype("f")
    for data, kind in (([1, 2], "l"), ([True], "?"), ([True, 2], "l"), ([1, 2.5], "f"), (((1.0,), (2,)), "f")):
        assert native.array_of_list(data, None, floats).dtype.char == kind
    deep: list = [1]
    for _ in range(20):
        deep = [deep]
    for data in ([], [[]], [1, [2]], deep, 1.0, [1j], range(3), [2**63]):
        assert native.array_of_list(data, None, floats) is False
    loop: list = []
    loop.append(loop)
    assert native.array_of_list(loop, None, floats) is False
