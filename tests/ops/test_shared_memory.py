"""Memory that tensors share with what they were made of, and what may be written where."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.runtime.namespaces import tree

torch = tree("torch")


def test_a_tensor_from_a_capsule_shares_memory_and_may_be_written():
    x = torch.arange(4)
    y = torch.from_dlpack(torch.utils.dlpack.to_dlpack(x))
    y[0] = 9
    assert x.tolist() == [9, 1, 2, 3]
    array = np.zeros(2)
    torch.from_dlpack(array).fill_(3)
    assert array.tolist() == [3, 3]


def test_a_tensor_over_a_buffer_shares_memory():
    buffer = bytearray(8)
    torch.frombuffer(buffer, dtype=torch.int32)[1] = 7
    assert list(buffer) == [0, 0, 0, 0, 7, 0, 0, 0]
    torch.asarray(buffer, dtype=torch.uint8)[0] = 1
    assert buffer[0] == 1


def test_storages_show_the_memory_of_a_view_and_write_to_it():
    x = torch.arange(6.0).reshape(2, 3)
    bytes_, y = x[1:].untyped_storage(), x * 1
    assert bytes_.nbytes() == 24 and bytes_.data_ptr() == x.data_ptr()
    x.T.untyped_storage().fill_(0)
    assert x.tolist() == [[0] * 3] * 2 and y.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_numbers_are_assigned_in_the_precision_of_the_target():
    for dtype in (torch.float64, torch.complex128):
        x = torch.zeros(2, 2, dtype=dtype)
        x[torch.tensor([True, False])] = 0.1
        x[1] = 0.1
        assert x.tolist() == [[0.1, 0.1], [0.1, 0.1]]


def test_an_expanded_tensor_may_be_filled_but_not_added_to():
    x = torch.zeros(3)
    x.expand(2, 3).fill_(4)
    assert x.tolist() == [4, 4, 4]
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.expand(2, 3).add_(1)


@pytest.mark.parametrize("write", [
    lambda x: x[1:].add_(x[:-1]), lambda x: x.mul_(x.T), lambda x: x[1:].copy_(x[:-1]),
    lambda x: x.__setitem__(slice(1, None), x[:-1]), lambda x: x.index_add_(0, torch.tensor([0]), x[:1]),
    lambda x: torch.add(x[:-1], 1, out=x[1:]),
    lambda x: x.scatter_(0, torch.zeros(4, 4, dtype=torch.int64), x), lambda x: torch.exp(x, out=x.T)])
def test_what_overlaps_in_part_is_not_written(write):
    x = torch.arange(16.0).reshape(4, 4)
    with pytest.raises(RuntimeError, match="unsupported operation: some elements of the input tensor and the written-to"):
        write(x)
    assert x.tolist() == np.arange(16.0).reshape(4, 4).tolist()


@pytest.mark.parametrize("write", [
    lambda x: x.add_(x), lambda x: x[0].add_(x[1]), lambda x: x.mul_(x.flip(0)), lambda x: torch.exp(x, out=x),
    lambda x: x[:, ::2].sub_(x[:, 1::2]), lambda x: x.clamp_(x, x + 1)])
def test_the_same_memory_or_its_own_is_written(write):
    x = torch.arange(16.0).reshape(4, 4)
    want = x.clone()
    write(want)
    write(x)
    assert torch.equal(x, want)
