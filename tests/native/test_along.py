"""Gathering and scattering by the compiled kernels: as NumPy does it, for any number of threads, in bounds whatever comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine import threads
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

torch = tree("torch")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
KERNELS = ("take_along", "place_along", "all_within", "flat_places", "copy", "clear")
UFUNCS = {"+": np.add, "*": np.multiply, ">": np.maximum, "<": np.minimum}


@pytest.fixture
def without(monkeypatch):
    """A call of a function without kernels."""
    def call(fn):
        with monkeypatch.context() as m:
            for name in KERNELS:
                m.setattr(native, name, lambda *_: False, raising=False)
            return fn()
    return call


def several_threads(fn) -> list:
    count = threads.get_num_threads()
    try:
        found = []
        for n in (1, 2, 4):
            threads.set_num_threads(n)
            found.append(fn())
        return found
    finally:
        threads.set_num_threads(count)


def places(index: np.ndarray, dim: int) -> tuple:
    grids = list(np.ix_(*(np.arange(n) for n in index.shape)))
    grids[dim] = index
    return tuple(grids)


def laid_out(x: np.ndarray, layout: int) -> np.ndarray:
    """The same numbers, laid out in memory in other ways."""
    if layout == 1:
        return np.asfortranarray(x)
    if layout == 2:
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if layout == 3:
        return np.ascontiguousarray(x[::-1])[::-1]
    return x


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_shape_and_layout(data):
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    dim = data.draw(st.integers(0, len(shape) - 1))
    index_shape = [data.draw(st.integers(0, n)) if d != dim else data.draw(st.integers(0, 9)) for d, n in enumerate(shape)]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    dtype = data.draw(st.sampled_from("fdilhbB?FD"))
    x = laid_out((rng.standard_normal(shape) * 3).astype(dtype), data.draw(st.integers(0, 3)))
    index = laid_out(rng.integers(0, shape[dim], index_shape), data.draw(st.integers(0, 3)))
    out = np.empty(index_shape, dtype)
    assert native.take_along(x, index, dim, out) is True
    assert (out == x[places(index, dim)]).all()
    values = laid_out((rng.standard_normal(index_shape) * 3).astype(dtype), data.draw(st.integers(0, 3)))
    for how in "=+*><":
        found, wanted = np.array(x, order="C"), np.array(x, order="C")
        if native.place_along(how, found, index, dim, values):
            # In the order of the index: NumPy walks arrays in the order of their memory.
            at, ordered = places(np.ascontiguousarray(index), dim), np.ascontiguousarray(values)
            if how == "=":
                wanted[at] = ordered
            else:
                UFUNCS[how].at(wanted, at, ordered)
            np.testing.assert_array_equal(found, wanted)
        else:
            assert how != "=" and dtype in "hbB?FD"


@pytest.mark.parametrize("how", list("=+*><"))
@pytest.mark.parametrize(("shape", "index_shape", "dim"), [
    ((300, 400), (300, 400), 1), ((300, 400), (300, 400), 0), ((1000,), (200_000,), 0), ((50, 64), (40_000, 64), 0),
    ((3, 50, 70), (3, 900, 70), 1), ((64, 100), (64, 3000), 1), ((5000, 3), (60_000, 3), 0)])
def test_results_do_not_depend_on_the_number_of_threads(how, shape, index_shape, dim):
    rng = np.random.default_rng(1)
    x, index = rng.standard_normal(shape, dtype="f"), rng.integers(0, shape[dim], index_shape)
    values = rng.standard_normal(index_shape, dtype="f")
    row = np.broadcast_to(index.take(0, -1)[..., None], index_shape) if dim != len(shape) - 1 else index

    def run(index):
        out = x.copy()
        assert native.place_along(how, out, index, dim, values)
        return out
    for each in (index, row):
        first, *others = several_threads(lambda each=each: run(each))
        wanted = x.copy()
        if how == "=":
            wanted[places(each, dim)] = values
        else:
            UFUNCS[how].at(wanted, places(each, dim), values)
        for found in (first, *others):
            np.testing.assert_array_equal(found, wanted)
    for found in several_threads(lambda: run_take(x, index, dim)):
        np.testing.assert_array_equal(found, x[places(index, dim)])


def run_take(x, index, dim):
    out = np.empty(index.shape, x.dtype)
    assert native.take_along(x, index, dim, out)
    return out


def test_nan_and_ties_of_extremes():
    nan, inf = np.nan, np.inf
    x = np.array([0.0, 1.0, nan, -inf, -0.0, 0.0], "f")
    index, values = np.array([0, 1, 2, 3, 4, 5, 3]), np.array([nan, 0.5, 7.0, -inf, 0.0, -0.0, nan], "f")
    for how in "><":
        out, wanted = x.copy(), x.copy()
        native.place_along(how, out, index, 0, values)
        with np.errstate(invalid="ignore"):
            UFUNCS[how].at(wanted, index, values)
        np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("bad", [-1, 5, 2**62, -2**63])
def test_an_index_out_of_range_is_refused(bad):
    x = np.zeros((5, 4), "f")
    for shape, dim, at in (((5, 4), 0, (3, 2)), ((5, 3), 1, (0, 0)), ((3000, 4), 0, (2999, 3))):
        index = np.zeros(shape, np.int64)
        index[at] = bad
        if dim == 1:
            index[at] = bad - 1 if bad > 0 else bad
        values, out = np.zeros(shape, "f"), np.zeros(shape, "f")
        assert native.take_along(x, index, dim, out) is False
        assert native.place_along("+", x.copy(), index, dim, values) is False
    rows = np.broadcast_to(np.array([0, bad, 1])[:, None], (3, 4))
    assert native.take_along(x, rows, 0, np.zeros((3, 4), "f")) is False
    assert native.all_within(rows[:, 0].copy(), 0, 5) is False
    assert native.flat_places((rows[:, 0].copy(),), (5,), np.zeros(3, np.int64)) is (bad == -1)


def test_bad_arguments_are_left_to_numpy():
    x, index, out = np.zeros((3, 4), "f"), np.zeros((3, 4), np.int64), np.zeros((3, 4), "f")
    frozen = out.copy()
    frozen.flags.writeable = False
    shared = np.zeros(24, "f")
    for args in ((x, index.astype("i4"), 0, out), (x, index, 2, out), (x, index, -1, out), (x, index, 0, out.astype("d")),
                 (x, index, 0, frozen), (x, index, 0, out[:2]), (x, index[0], 0, out), (x[:2], index, 1, out),
                 (x.astype(">f4"), index, 0, out), (shared[:12].reshape(3, 4), index, 0, shared[8:20].reshape(3, 4)),
                 (x.astype(object), index, 0, out.astype(object)), (None, index, 0, out), (x, [0], 0, out)):
        assert native.take_along(*args) is False
    for args in ((frozen, index, 0, x), (out, index, 2, x), (out, index[:2], 0, x), (out, index, 0, x.astype("d")),
                 (out.T, index.T, 0, x.T), (out[:, :2], index, 0, x), (out, index, 0, out), (out, index, 0, None)):
        assert native.place_along("=", *args) is False
    assert native.place_along("+", x.astype("e"), index, 0, out.astype("e")) is False
    with pytest.raises(TypeError):
        native.place_along("?", x, index, 0, out)
    with pytest.raises(TypeError):
        native.take_along(x, index, 0)


CALLS = [
    "torch.gather(x, 1, k)", "torch.gather(x.t(), 0, k.t())", "x.scatter(1, k, y)", "x.scatter(1, k, 2.5)",
    "x.scatter_add(0, k0, y)", "x.scatter_reduce(1, k, y, 'prod')", "x.scatter_reduce(1, k, y, 'amax', include_self=False)",
    "x.scatter_reduce(1, k, y, 'mean')", "x.index_select(0, k[0])", "x.index_select(1, k[1])", "x.index_add(0, k[0], y)",
    "x.index_add(1, k[1], y, alpha=2)", "x.index_copy(1, torch.arange(70), y)", "x[k[0]]", "x[k[0], k[1]]", "x[k[0] - 70]",
    "x.clone().index_put_((k[0], k[1]), y[0], accumulate=True)", "x.clone().index_put_((k[0],), y)",
    "torch.take_along_dim(x, k, 1)", "torch.nn.functional.embedding(k, x)", "x.take(k)", "x.sort(1).values",
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16", "bool", "complex64"])
@pytest.mark.parametrize("call", CALLS)
def test_operators_with_kernels_and_without(call, dtype, without):
    if dtype in ("bool", "complex64") and ("reduce" in call or "sort" in call) or dtype == "bool" and "alpha" in call:
        pytest.skip("not for this dtype")
    rng = np.random.default_rng(3)
    x, y = (tensor(rng.integers(-9, 9, (70, 70)).astype("f")).to(getattr(torch, dtype)) for _ in range(2))
    scope = {"torch": torch, "x": x, "y": y, "k": tensor(rng.integers(0, 70, (70, 70))),
             "k0": tensor(rng.integers(0, 70, (70, 70)))}
    found, wanted = eval(call, scope), without(lambda: eval(call, scope))
    assert found.dtype is wanted.dtype
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())


@pytest.mark.parametrize("call", ["torch.gather(x, 1, k)", "x.scatter_add(1, k, x)", "torch.nn.functional.embedding(k, x)",
                                  "x[k[0]]", "x.index_add(0, k[0], x)", "x.index_select(0, k[0])"])
def test_gradients_with_kernels_and_without(call, without):
    rng = np.random.default_rng(4)
    k = tensor(rng.integers(0, 70, (70, 70)))

    def gradient():
        x = tensor(rng_values, requires_grad=True)
        y = eval(call, {"torch": torch, "x": x, "k": k})
        (y * y).sum().backward()
        return x.grad.numpy()
    rng_values = rng.standard_normal((70, 70))
    np.testing.assert_array_equal(gradient(), without(gradient))


@pytest.mark.parametrize("call", ["torch.gather(x, 1, k)", "x.scatter(1, k, 1.0)", "x.scatter(1, k, x)",
                                  "x.scatter_add(1, k, x)", "x.scatter_add_(1, k, x.clone())", "x[k[0]]", "x[k[0], k[1]]",
                                  "x.scatter_reduce(1, k, x, 'amax')", "x.index_select(0, k[0])",
                                  "x.index_add(0, k[0], x)", "torch.take(x, k * 100)", "x.__setitem__(k[0], x)",
                                  "torch.nn.functional.embedding(k, x)"])
def test_errors_with_kernels_and_without(call, without):
    k = tensor([[1, 0, 2], [0, 7, 1], [1, 1, 1]])
    k[0, 1] = 7

    def message():
        x = torch.ones(3, 3)
        with pytest.raises(Exception) as error:
            eval(call, {"torch": torch, "x": x, "k": k})
        assert (x == 1).all()
        return type(error.value), str(error.value)
    assert message() == without(message)
