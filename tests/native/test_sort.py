"""Sorting, the best k and the number of a rank by the compiled kernels, against NumPy's stable order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.runtime.namespaces import tree

from .test_along import several_threads

torch = tree("torch")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
KINDS = ("any", "few", "alike", "nan", "far", "rising", "falling")


def numbers(shape: tuple, dtype: str, kind: str, seed: int = 0) -> np.ndarray:
    """Numbers with ties, with nan and infinities, of all sizes, or in order already."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    x = rng.standard_normal(shape) * 300
    if kind == "few":
        x = np.round(x / 200)
    elif kind == "alike":
        x = np.full(shape, 7.0)
    elif kind == "far" and dtype.kind in "iu":
        return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    elif kind == "far":
        x = 1 + np.round(rng.standard_normal(shape) * 3) * 2.0**-40
    elif kind in ("rising", "falling"):
        x = np.sort(x, -1)[..., ::1 if kind == "rising" else -1]
    elif kind == "nan" and dtype.kind == "f":
        x = np.where(rng.random(shape) < 0.2, rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape), np.round(x / 100))
    with np.errstate(all="ignore"):
        return np.ascontiguousarray((x.astype(np.int64) if dtype.kind in "iu" else x).astype(dtype))


def stable_order(rows: np.ndarray, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(rows, -1, kind="stable")
    return rows.shape[-1] - 1 - np.argsort(rows[..., ::-1], -1, kind="stable")[..., ::-1]


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()


def sorted_rows(x: np.ndarray, n: int, descending: bool) -> tuple:
    values, places, room = np.empty_like(x), np.empty(x.shape, np.int64), np.empty(n, np.int64)
    assert native.sort_rows(x, values, places, n, descending, room) is True
    alone = np.empty(x.shape, np.int64)
    assert native.sort_rows(x, None, alone, n, descending, room) is True
    assert (alone == places).all()
    return values, places


def best(x: np.ndarray, k: int, descending: bool) -> tuple:
    values, places = np.empty((len(x), k), x.dtype), np.empty((len(x), k), np.int64)
    assert native.best_of_rows(x, values, places, x.shape[-1], descending) is True
    return values, places


def of_ranks(x: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    places = np.empty(len(x), np.int64)
    assert native.places_of_ranks(x, ranks, places, x.shape[-1]) is True
    return places


def check(x: np.ndarray, k: int, descending: bool, seed: int) -> None:
    wanted = stable_order(x, descending)
    values, places = sorted_rows(x, x.shape[-1], descending)
    assert (places == wanted).all() and same(values, np.take_along_axis(x, wanted, -1))
    if x.dtype != np.float16:
        values, places = best(x, k, descending)
        assert (places == wanted[:, :k]).all() and same(values, np.take_along_axis(x, wanted[:, :k], -1))
    ranks = np.random.default_rng(seed).integers(0, x.shape[-1], len(x))
    assert (of_ranks(x, ranks) == np.take_along_axis(stable_order(x, False), ranks[:, None], -1)[:, 0]).all()


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 40), st.one_of(st.integers(1, 40), st.integers(1, 3000)), st.sampled_from(DTYPES), st.sampled_from(KINDS),
       st.booleans(), st.data())
def test_rows(rows, n, dtype, kind, descending, data):
    seed = data.draw(st.integers(0, 2**32))
    check(numbers((rows, n), dtype, kind, seed), data.draw(st.integers(1, n)), descending, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_long_rows(dtype, kind):
    check(numbers((2, 300_000), dtype, kind), 100, False, 0)
    check(numbers((1, 66_000), dtype, kind), 3000, True, 1)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("shape", [(1, 400_000), (300, 1000)])
def test_any_number_of_threads(shape, dtype):
    x = numbers(shape, dtype, "nan")
    ranks = np.full(shape[0], shape[1] // 3)
    for call in (lambda: sorted_rows(x, shape[1], False), lambda: best(x, 50, True), lambda: (of_ranks(x, ranks),)):
        first, *others = several_threads(call)
        assert all(same(a, b) for other in others for a, b in zip(first, other, strict=True))


# NumPy's way of topk chooses among equals as its partition does, so its places are not compared.
OPS = [lambda x: torch.sort(x), lambda x: torch.sort(x, 0, descending=True), lambda x: torch.sort(x, stable=True),
       lambda x: torch.argsort(x, descending=True), lambda x: torch.topk(x, 4)[0],
       lambda x: torch.topk(x, 3, 0, largest=False)[0],
       lambda x: torch.kthvalue(x, 5), lambda x: torch.median(x), lambda x: torch.median(x, 0), lambda x: torch.nanmedian(x),
       lambda x: torch.nanmedian(x, 1), lambda x: torch.mode(x), lambda x: torch.unique(x), lambda x: torch.msort(x)]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "uint8", "int16", "int64"])
@pytest.mark.parametrize("shape", [(20, 40), (500, 700), (3, 70_000)])
def test_ops_with_kernels_and_without(monkeypatch, shape, dtype):
    kind = "nan" if "float" in dtype else "few"
    x = torch.tensor(numbers(shape, "f4" if "float" in dtype else "i8", kind)).to(getattr(torch, dtype))

    def run():
        return [[part.double().numpy() for part in (found if isinstance(found, tuple) else (found,))]
                for found in (op(x) for op in OPS)]
    found = run()
    for name in ("sort_rows", "best_of_rows", "places_of_ranks"):
        monkeypatch.setattr(native, name, lambda *_: False, raising=False)
    for one, other in zip(found, run(), strict=True):
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def test_other_arguments_are_refused():
    x, i = np.ones((4, 6), np.float32), np.zeros((4, 6), np.int64)
    room = np.zeros(6, np.int64)
    assert native.sort_rows(x, None, i, 6, False, None) is True
    assert native.sort_rows(x.astype(complex), None, i, 6, False, None) is False
    assert native.sort_rows(x[:, ::2], None, i, 6, False, None) is False
    assert native.sort_rows(x, None, i.astype(np.int32), 6, False, None) is False
    assert native.sort_rows(x, None, i[:3], 6, False, None) is False
    assert native.sort_rows(x, x.astype(float), i, 6, False, None) is False
    assert native.sort_rows(x, x, i, 6, False, None) is False
    assert native.sort_rows(x, None, i, 7, False, None) is False
    assert native.sort_rows(x, None, i, 0, False, None) is False
    assert native.sort_rows(i, None, i, 6, False, None) is False
    long = np.zeros(70_000, np.float32)
    places = np.zeros(70_000, np.int64)
    for bad in (None, room, places, np.zeros(70_000, np.int32)):
        assert native.sort_rows(long, None, places, 70_000, False, bad) is False
    assert native.best_of_rows(x, None, np.zeros((4, 7), np.int64), 6, True) is False
    assert native.best_of_rows(x, None, np.zeros((4, 0), np.int64), 6, True) is False
    assert native.best_of_rows(x.astype(np.float16), None, np.zeros((4, 2), np.int64), 6, True) is False
    out = np.zeros(4, np.int64)
    assert native.places_of_ranks(x, np.array([0, 1, 2, 6]), out, 6) is False
    assert native.places_of_ranks(x, np.array([0, 1, 2, -1]), out, 6) is False
    assert native.places_of_ranks(x, np.array([0, 1, 2]), out, 6) is False
    assert native.places_of_ranks(x, out, out, 6) is False
    out.flags.writeable = False
    assert native.places_of_ranks(x, np.array([0, 1, 2, 3]), out, 6) is False
