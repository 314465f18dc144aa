"""Samplers: in which order the samples of a data set are drawn, by PyTorch's random stream."""

from __future__ import annotations

from ..engine import dtypes
from ..engine.registry import T
from ..engine.tensor import as_tensor
from ..errors import ArgumentError, BadValue


def draw_seed(generator=None) -> int:
    """A seed drawn from the random stream, as PyTorch draws the seed of a sampler or loader."""
    return int(T.empty((), dtype=dtypes.int64).random_(generator=generator).item())


def _seeded(generator):
    """`generator`, or a fresh one seeded from the default stream."""
    if generator is not None:
        return generator
    from ..engine.registry import functions

    fresh = functions["torch.Generator"]()
    fresh.manual_seed(draw_seed())
    return fresh


class Sampler:
    """An iterable of indices (or, as a batch sampler, of lists of indices)."""

    _of = "indices"

    def __init__(self, data_source=None):
        pass

    def __iter__(self):
        raise NotImplementedError

    def __repr__(self) -> str:
        what = f"{len(self)} {self._of}" if hasattr(type(self), "__len__") else ""
        return f"{type(self).__name__}({what})"

    def __class_getitem__(cls, item):
        return cls


class SequentialSampler(Sampler):
    """0, 1, 2, ..."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


def _check_count(count, shown=None) -> None:
    if not isinstance(count, int) or count <= 0:
        said = count if shown is None else shown
        raise BadValue(f"num_samples should be a positive integer value, but got num_samples={said}")


class RandomSampler(Sampler):
    """All indices in random order, or `num_samples` drawn with replacement."""

    def __init__(self, data_source, replacement: bool = False, num_samples: int | None = None, generator=None):
        if not isinstance(replacement, bool):
            raise ArgumentError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.data_source, self.replacement, self._num_samples = data_source, replacement, num_samples
        self.generator = generator
        _check_count(self.num_samples)

    @property
    def num_samples(self) -> int:
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        n, generator = len(self.data_source), _seeded(self.generator)
        if self.replacement:
            for _ in range(self.num_samples // 32):
                yield from T.randint(0, n, (32,), dtype=dtypes.int64, generator=generator).tolist()
            yield from T.randint(0, n, (self.num_samples % 32,), dtype=dtypes.int64, generator=generator).tolist()
            return
        for _ in range(self.num_samples // n):
            yield from T.randperm(n, generator=generator).tolist()
        # As PyTorch does, also where none of these are wanted: the next epoch of a given generator depends on it.
        yield from T.randperm(n, generator=generator).tolist()[:self.num_samples % n]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """Given indices in random order."""

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        for i in T.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` indices drawn with probabilities proportional to weights."""

    def __init__(self, weights, num_samples: int, replacement: bool = True, generator=None):
        _check_count(None if isinstance(num_samples, bool) else num_samples, num_samples)
        if not isinstance(replacement, bool):
            raise BadValue(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=dtypes.float64)
        if self.weights.ndim != 1:
            raise BadValue(f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self):
        yield from T.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of another sampler; the last one may be shorter unless `drop_last`."""

    _of = "batches"

    def __init__(self, sampler, batch_size: int, drop_last: bool):
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise BadValue(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise BadValue(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


class DistributedSampler(Sampler):
    """The share of one of several processes, shuffled alike in all of them; here there is one unless told otherwise."""

    def __init__(self, dataset, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True, seed: int = 0,
                 drop_last: bool = False):
        self.num_replicas, self.rank = num_replicas or 1, rank or 0
        if not 0 <= self.rank < self.num_replicas:
            raise BadValue(f"Invalid rank {rank}, rank should be in the interval [0, {self.num_replicas - 1}]")
        self.dataset, self.epoch, self.drop_last, self.shuffle, self.seed = dataset, 0, drop_last, shuffle, seed
        n = len(dataset)
        self.num_samples = n // self.num_replicas if drop_last else -(-n // self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self):
        n = len(self.dataset)
        indices = list(range(n))
        if self.shuffle:
            from ..engine.registry import functions

            generator = functions["torch.Generator"]()
            generator.manual_seed(self.seed + self.epoch)
            indices = T.randperm(n, generator=generator).tolist()
        while indices and len(indices) < self.total_size:
            indices += indices[:self.total_size - len(indices)]
        return iter(indices[self.rank:self.total_size:self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Another order for another epoch."""
        self.epoch = epoch
