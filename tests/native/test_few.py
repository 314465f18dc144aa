"""Kernels of small arrays as objects: each gives what the function gives that it was made with, or leaves the array to it."""

import numpy as np
import pytest

from tcli import native
from tcli.ops.sort import order

pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
SHAPES = [(1,), (7,), (0,), (3, 4), (4, 0), (2, 3, 5), (1, 1, 6), (16, 2)]


def along(ufunc):
    return lambda x, dim, keepdim: ufunc(x, axis=dim, keepdims=keepdim)


def sorted_by(descending):
    def both(x, dim, keepdim):
        rows = np.moveaxis(x, dim, -1)
        places = order(np, rows, descending)
        values = np.take_along_axis(rows, places, -1)
        return np.moveaxis(values, -1, dim), np.moveaxis(places, -1, dim)
    return both


def scanned(ufunc, back=False):
    def scan(x, dim, keepdim):
        x = np.flip(x, dim) if back else x
        r = ufunc.accumulate(x.astype("d"), dim).astype(x.dtype)
        return np.flip(r, dim) if back else r
    return scan


def softmax(x, dim, keepdim):
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def placed(largest):
    def both(x, dim, keepdim):
        return ((np.max if largest else np.min)(x, axis=dim, keepdims=keepdim),
                (np.argmax if largest else np.argmin)(x, axis=dim, keepdims=keepdim))
    return both


KERNELS = {
    "sum": along(np.sum), "mean": along(np.mean), "max": along(np.max), "min": along(np.min), "argmax": along(np.argmax),
    "argmin": along(np.argmin), "norm": lambda x, dim, keepdim: np.sqrt(np.sum(x * x, axis=dim, keepdims=keepdim)),
    "max and place": placed(True), "min and place": placed(False), "sort": sorted_by(False), "sort down": sorted_by(True),
    "softmax": softmax, "log_softmax": lambda *args: np.log(softmax(*args)), "cumsum": scanned(np.add),
    "cumprod": scanned(np.multiply), "cumsum from the end": scanned(np.add, True),
}
WHOLE = {"sum", "mean", "max", "min", "norm", "argmax", "argmin"}  # have a meaning without a dim


class Left(Exception):
    pass


def left(x):
    raise Left


def numbers(shape, dtype, special):
    x = np.random.default_rng(7).integers(-4, 5, shape).astype(dtype)  # with ties
    if special and x.size > 4:
        x.flat[1], x.flat[2], x.flat[4] = np.nan, np.inf, -0.0
    return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_give_what_numpy_gives(name, shape, dtype, special):
    x = numbers(shape, dtype, special and dtype != "i8")
    for dim in [*range(-len(shape), len(shape)), *([None] if name in WHOLE else [])]:
        for keepdim in (False, True):
            kernel = native.few(name, len(shape), dim, keepdim, left)
            if kernel is False:
                assert "softmax" in name and dim % len(shape) != len(shape) - 1
                continue
            try:
                found = kernel(x)
            except Left:
                assert dtype == "i8" or not x.size
                continue
            expected = KERNELS[name](x, dim, keepdim)
            both = zip(found, expected, strict=True) if type(found) is tuple else [(found, expected)]
            for a, b in both:
                assert a.shape == np.shape(b) and a.dtype == (np.int64 if "i" in np.asarray(b).dtype.kind else x.dtype)
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_what_is_not_taken_goes_to_the_other_function():
    kernel = native.few("sum", 2, 0, False, lambda x: "left")
    for x in (np.ones((2, 3), "f2"), np.ones((2, 3))[:, ::2], np.ones(3), np.ones((2, 3), ">f8"), np.ones((600, 2)), [1.0], None):
        assert kernel(x) == "left"
    assert kernel(np.ones((2, 3))).tolist() == [2, 2, 2]
    assert native.few("sort", 1, 0, False, lambda x: "left")(np.ones(17)) == "left"
    with pytest.raises(Left):
        native.few("max", 1, None, False, left)(np.ones(0))


@pytest.mark.parametrize("args", [("no", 2, 0), ("sum", 2, 2), ("sum", 2, -3), ("sum", 0, 0), ("softmax", 2, 0), ("sum", 2, 2**70),
                                  ("sum", 2, "x"), ("sum", -1, None), ("sum", 99, None), (None, 2, 0)])
def test_unknown_kernels_and_dims_are_none(args):
    assert native.few(*args, False, left) is False
    assert native.few_of(args[0], np.ones((2, 3)), args[2] if args[1] == 2 else 9, False) is False


def test_sums_at_once():
    x = np.arange(6.0).reshape(2, 3)
    assert native.few_of("sum", x, None, False) == 15 and native.few_of("norm", x, 1, True).shape == (2, 1)
    assert native.few_of("sum", x.T, 0, False) is False and native.few_of("sum", np.ones(600), 0, False) is False
