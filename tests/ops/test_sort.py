"""What generated tests cannot see of sorting and searching: large rows, equals, nan, the shortcuts for speed."""

import math

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.engine.dispatch import wrap
from tcli.engine.tensor import tensor
from tcli.ops.sort import order
from tcli.runtime.namespaces import tree

torch = tree("torch")
KINDS = ["float32", "float64", "float16", "int64", "int32", "uint8", "int8", "bool"]


def _values(kind: str, shape=(3, 700)) -> np.ndarray:
    rng = np.random.default_rng(0)
    a = (rng.integers(-50, 50, shape) / (4 if "float" in kind else 1)).astype(kind)
    if "float" in kind:
        a[0, :5], a[1, 3], a[2, 7:9] = math.nan, -math.inf, (0.0, -0.0)
    return a


@pytest.mark.parametrize("kind", KINDS)
def test_packed_keys_sort_stably(kind):
    a = _values(kind)
    np.testing.assert_array_equal(order(np, a), np.argsort(a, axis=-1, kind="stable"))
    backwards = a.shape[-1] - 1 - np.argsort(a[:, ::-1], axis=-1, kind="stable")[:, ::-1]
    np.testing.assert_array_equal(order(np, a, True), backwards)


def test_wide_integers_sort():
    a = np.array([2**62, -2**62, 5, 2**40, -1] * 300)
    np.testing.assert_array_equal(wrap(a).sort(stable=True).values.numpy(), np.sort(a))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("k", [1, 5, 40, 300])
def test_topk_is_the_head_of_the_order(k, largest):
    a = np.random.default_rng(1).standard_normal((4, 1000)).astype("float32")
    a[0, 3], a[1, :40] = math.nan, math.inf
    found = torch.topk(wrap(a), k, largest=largest)
    expected = order(np, a, largest)[:, :k]
    np.testing.assert_array_equal(found.values.numpy(), np.take_along_axis(a, expected, -1))
    np.testing.assert_array_equal(found.values.numpy(), np.take_along_axis(a, found.indices.numpy(), -1))
    assert all(len(set(row)) == k for row in found.indices.tolist())


def test_equals_are_answered_with_the_places_of_pytorch():
    x = tensor([2, 0, 2, 1, 2, 0, 1, 2, 0, 1, 2, 2, 1, 0, 2, 1, 0, 2, 1, 2])
    assert x.sort(stable=True).indices.tolist() == np.argsort(x.numpy(), kind="stable").tolist()
    assert x.topk(3).indices.tolist() == [0, 11, 14]
    assert x.kthvalue(9).indices.item() == 3
    assert x.sort().indices.tolist() == [1, 5, 8, 16, 13, 3, 18, 6, 9, 15, 12, 19, 0, 17, 14, 11, 10, 7, 4, 2]


def test_nan_is_the_largest():
    x = tensor([1.0, math.nan, 3.0, math.nan])
    assert x.sort(descending=True).indices.tolist() == [1, 3, 2, 0]
    assert x.kthvalue(3).indices.item() == 1 and x.median(0).indices.item() == 1
    assert x.nanmedian().item() == 1.0 and x.argmax().item() == 1
    assert x.cummax(0).indices.tolist() == [0, 1, 1, 3]


def test_unique_along_a_dim_keeps_slices_whole():
    x = tensor([[2, 1], [0, 3], [2, 1], [0, 2]])
    values, inverse, counts = torch.unique(x, dim=0, return_inverse=True, return_counts=True)
    assert values.tolist() == [[0, 2], [0, 3], [2, 1]]
    assert inverse.tolist() == [2, 1, 2, 0] and counts.tolist() == [1, 1, 2]


def test_nonzero_of_many_dims():
    a = np.random.default_rng(2).random((5, 1, 7, 3)) < 0.3
    np.testing.assert_array_equal(wrap(a).nonzero().numpy(), np.argwhere(a))


def test_histogram_edges_belong_to_the_right_and_the_last_to_both():
    hist, edges = torch.histogram(tensor([0.0, 1.0, 2.0, 3.0]), 3)
    assert hist.tolist() == [1.0, 1.0, 2.0] and edges.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert torch.histc(tensor([-1.0, 0.0, 4.0, 5.0]), 4, 0, 4).tolist() == [1.0, 0.0, 0.0, 1.0]
