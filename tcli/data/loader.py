"""`DataLoader`: batches of a data set, in the order PyTorch's loader would give them.

Loading happens in the calling thread whatever `num_workers` says: the order and the random stream
are the same, and nothing here is slow enough to be worth another process.
"""

from __future__ import annotations

from itertools import islice

from ..errors import BadValue
from .collate import default_collate, default_convert
from .datasets import IterableDataset
from .samplers import BatchSampler, RandomSampler, SequentialSampler, draw_seed

_FIXED = frozenset(("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"))


class DataLoader:
    """Iterates over batches of `dataset`.

    batch_size None gives single samples; shuffle draws from the random stream anew in every epoch;
    drop_last leaves out a short last batch; collate_fn makes a batch of a list of samples.
    """

    def __init__(self, dataset, batch_size: int | None = 1, shuffle: bool | None = None, sampler=None, batch_sampler=None,
                 num_workers: int = 0, collate_fn=None, pin_memory: bool = False, drop_last: bool = False,
                 timeout: float = 0, worker_init_fn=None, multiprocessing_context=None, generator=None, *,
                 prefetch_factor=None, persistent_workers: bool = False, pin_memory_device: str = "",
                 in_order: bool = True):
        self.dataset, self.generator = dataset, generator
        self.num_workers, self.pin_memory, self.timeout = num_workers, pin_memory, timeout
        self.worker_init_fn, self.persistent_workers, self.prefetch_factor = worker_init_fn, persistent_workers, prefetch_factor
        self._iterable = isinstance(dataset, IterableDataset)
        self._check(shuffle, sampler, batch_sampler, batch_size, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        self.collate_fn = collate_fn or (default_collate if batch_sampler is not None else default_convert)
        self._made = True

    def __setattr__(self, name: str, value: object) -> None:
        if name in _FIXED and "_made" in self.__dict__:
            raise BadValue(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        object.__setattr__(self, name, value)

    def __class_getitem__(cls, item: object) -> type:
        return cls

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    def _check(self, shuffle, sampler, batch_sampler, batch_size, drop_last) -> None:
        if self.num_workers < 0:
            raise BadValue("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if self.timeout < 0:
            raise BadValue("timeout option should be non-negative")
        if self._iterable and shuffle not in (None, False):
            raise BadValue("DataLoader with IterableDataset: expected unspecified shuffle option, but got "
                           f"shuffle={shuffle}")
        if sampler is not None and shuffle:
            raise BadValue("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise BadValue("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
        if batch_sampler is None and batch_size is None and drop_last:
            raise BadValue("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")

    def _default_sampler(self, shuffle: bool):
        if self._iterable:
            return _Endless()
        return RandomSampler(self.dataset, generator=self.generator) if shuffle else SequentialSampler(self.dataset)

    def __iter__(self):
        # PyTorch draws a seed for its workers at the start of every epoch, also when there are none.
        draw_seed(self.generator)
        return _StreamIterator(self) if self._iterable else _Iterator(self)

    def __repr__(self) -> str:
        if not hasattr(type(self.dataset), "__len__"):
            return f"DataLoader({'a stream' if self._iterable else 'samples'} in batches of {self.batch_size})"
        order = ", shuffled" if isinstance(self.sampler, RandomSampler) else ""
        each = f" of {self.batch_size}" if self.batch_size is not None else ""
        return f"DataLoader({len(self.dataset)} samples, {len(self)} batches{each}{order})"

    def __len__(self) -> int:
        if self._iterable:
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)


class _Iterator:
    """One pass over the batches of a loader; a sample that raises costs its batch, not the pass."""

    def __init__(self, loader: DataLoader):
        self._loader, self._dataset, self._collate = loader, loader.dataset, loader.collate_fn
        self._many = getattr(self._dataset, "__getitems__", None)
        self._indices = iter(loader.sampler if loader.batch_sampler is None else loader.batch_sampler)

    def __iter__(self) -> _Iterator:
        return self

    def __len__(self) -> int:
        return len(self._loader)

    def __next__(self):
        found = next(self._indices)
        if self._loader.batch_sampler is None:
            return self._collate(self._dataset[found])
        return self._collate(self._many(found) if self._many else [self._dataset[i] for i in found])


class _StreamIterator(_Iterator):
    """The same over a stream, which has no indices."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        self._samples = iter(loader.dataset)

    def __next__(self):
        if self._loader.batch_sampler is None:
            return self._collate(next(self._samples))
        batch = list(islice(self._samples, len(next(self._indices))))
        if not batch or self._loader.drop_last and len(batch) < self._loader.batch_size:
            raise StopIteration
        return self._collate(batch)


class _Endless:
    """The sampler of a stream: it has no indices to give."""

    def __iter__(self):
        while True:
            yield None


def get_worker_info():
    """None: loading happens in the main process."""
    return None
