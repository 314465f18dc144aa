"""Conversions to and from half precision give NumPy's bits, for every half and around every border."""

import numpy as np
import pytest

from tcli.engine import halves


def bits(a):
    return a.view(np.uint16 if a.dtype == np.float16 else np.uint32)


def test_every_half_becomes_the_same_float():
    a = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    out = np.empty(a.shape, np.float32)
    assert halves.convert(a, out)
    np.testing.assert_array_equal(bits(out), bits(a.astype(np.float32)))


@pytest.mark.parametrize(("low", "high", "step"), [(0, 1 << 32, 4099), (0x38700000, 0x38900000, 7), (0x477FE000, 0x47810000, 1),
                                                   (0x3F800000, 0x3F900000, 0x1000), (0x7F000000, 0x7FFFFFFF, 977)])
def test_floats_are_rounded_to_even(low, high, step):
    magnitudes = np.arange(low, high, step, dtype=np.uint64).astype(np.uint32)
    a = np.concatenate([magnitudes, magnitudes | np.uint32(1 << 31), np.arange(2000, dtype=np.uint32)]).view(np.float32)
    out = np.empty(a.shape, np.float16)
    with np.errstate(all="ignore"):
        assert halves.convert(a, out)
        expected = a.astype(np.float16)
    nan = np.isnan(a)  # a processor makes quiet ones of them all, NumPy keeps what fits
    np.testing.assert_array_equal(bits(out)[~nan], bits(expected)[~nan])
    np.testing.assert_array_equal(np.isnan(out), nan)


def test_what_is_no_such_conversion_is_left_alone():
    a = np.ones((4000, 2), np.float32)
    assert not halves.convert(a, np.empty(a.shape))
    assert not halves.convert(a, np.empty((2, 4000), np.float16))


@pytest.mark.parametrize("a", [np.ones((4000, 2), np.float32)[:, 0], np.ones(3, np.float32)])
def test_arrays_with_gaps_and_short_ones_are_converted_or_left(a):
    out = np.zeros(a.shape, np.float16)
    assert (out == 1).all() if halves.convert(a, out) else (out == 0).all()
