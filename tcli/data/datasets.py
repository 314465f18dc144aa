"""Data sets: anything with `__getitem__` and `__len__`, or with `__iter__`."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, chain

from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import BadValue


class Dataset:
    """A map from indices to samples; subclasses define `__getitem__` and usually `__len__`."""

    def __getitem__(self, index):
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])

    def __repr__(self) -> str:
        count = len(self) if hasattr(type(self), "__len__") else None
        return f"{type(self).__name__}({'' if count is None else '1 sample' if count == 1 else f'{count} samples'})"

    def __class_getitem__(cls, item):
        return cls


class IterableDataset(Dataset):
    """A stream of samples; subclasses define `__iter__`."""

    def __add__(self, other) -> ChainDataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Tensors of one length; sample i is the tuple of their i-th rows."""

    def __init__(self, *tensors: Tensor):
        if any(t.shape[0] != tensors[0].shape[0] for t in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class StackDataset(Dataset):
    """Data sets side by side: samples are tuples, or dicts when they were given by name."""

    def __init__(self, *args, **kwargs):
        if args and kwargs:
            raise BadValue("Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but "
                           "both types are given.")
        self.datasets = kwargs or args
        members = list(kwargs.values()) if kwargs else list(args)
        if not members:
            raise BadValue("At least one dataset should be passed")
        self._length = len(members[0])
        if any(len(d) != self._length for d in members):
            raise BadValue("Size mismatch between datasets")

    def __getitem__(self, index):
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset):
    """Data sets one after the other."""

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index):
        if index < 0:
            if -index > len(self):
                raise BadValue("absolute value of index should not exceed dataset length")
            index += len(self)
        which = bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Streams one after the other."""

    def __init__(self, datasets):
        self.datasets = datasets

    def _streams(self):
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield d

    def __iter__(self):
        return chain.from_iterable(self._streams())

    def __len__(self) -> int:
        return sum(map(len, self._streams()))


class Subset(Dataset):
    """The samples of a data set at given indices."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset, lengths, generator=None) -> list[Subset]:
    """Splits a data set at random into subsets of given lengths, or of given fractions that sum to 1."""
    lengths = list(lengths)
    if abs(sum(lengths) - 1) < 1e-9 and sum(lengths) <= 1 + 1e-9 and any(isinstance(n, float) for n in lengths):
        lengths = _from_fractions(lengths, len(dataset))
    if sum(lengths) != len(dataset):
        raise BadValue("Sum of input lengths does not equal the length of the input dataset!")
    order = T.randperm(sum(lengths), generator=generator).tolist()
    ends = list(accumulate(lengths))
    return [Subset(dataset, order[end - n:end]) for end, n in zip(ends, lengths, strict=True)]


def _from_fractions(fractions: list, total: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise BadValue(f"Fraction at index {i} is not between 0 and 1")
    lengths = [int(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    return lengths
