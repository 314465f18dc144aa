"""`torch.nn.utils.rnn`: sequences of different lengths, padded or packed."""

from __future__ import annotations

import numpy as np

from ...engine import dtypes
from ...engine.dispatch import wrap
from ...engine.registry import T
from ...engine.tensor import Tensor, as_tensor
from ...errors import BadValue, EngineError

__all__ = ["PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
           "pad_sequence", "unpack_sequence", "unpad_sequence"]


class PackedSequence(tuple):
    """All steps of all sequences one after the other, longest sequence first, as recurrent layers take them.

    `data` (all steps, features), `batch_sizes` (how many sequences run at each step), and the order.
    """

    __slots__ = ()
    _fields = ("data", "batch_sizes", "sorted_indices", "unsorted_indices")
    data = property(lambda self: self[0])
    batch_sizes = property(lambda self: self[1])
    sorted_indices = property(lambda self: self[2])
    unsorted_indices = property(lambda self: self[3])

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return tuple.__new__(cls, (data, batch_sizes, sorted_indices, unsorted_indices))

    def __getnewargs__(self) -> tuple:
        return tuple(self)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"PackedSequence({fields})"

    def to(self, *args, **kwargs):
        """The data with another dtype or on another device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        where = [None if t is None else t.to(data.device) for t in self[2:]]
        return type(self)(data, self.batch_sizes, *where)

    def cpu(self):
        return self.to("cpu")

    def cuda(self, *args, **kwargs):
        return self.to("cuda")

    def double(self):
        return self.to(dtypes.float64)

    def float(self):
        return self.to(dtypes.float32)

    def half(self):
        return self.to(dtypes.float16)

    def byte(self):
        return self.to(dtypes.uint8)

    def char(self):
        return self.to(dtypes.int8)

    def short(self):
        return self.to(dtypes.int16)

    def _replace(self, **changed):
        """The same with other fields."""
        return type(self)(**(dict(zip(self._fields, self, strict=True)) | changed))

    def long(self):
        return self.to(dtypes.int64)

    def int(self):
        return self.to(dtypes.int32)

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda

    def pin_memory(self):
        return self

    def is_pinned(self) -> bool:
        return False


def invert_permutation(permutation):
    """The permutation that undoes another one; None for None."""
    return None if permutation is None else T.argsort(permutation)


def _places(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(step, sequence) of every row of packed data."""
    steps = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return steps, np.arange(len(steps)) - starts


def pack_padded_sequence(input, lengths, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Packs a padded batch (length, batch, ...); without `enforce_sorted` it is sorted by length first."""
    lengths = lengths.to(dtypes.int64) if isinstance(lengths, Tensor) else as_tensor(lengths, dtype=dtypes.int64)
    order = None
    if not enforce_sorted:
        lengths, order = T.sort(lengths, descending=True)
        input = T.index_select(input, 0 if batch_first else 1, order)
    counts = np.asarray(lengths.cpu()._a)
    if not input.numel():
        raise EngineError("Cannot pack empty tensors.")
    if counts.ndim != 1:
        raise EngineError(f"'lengths' argument should be a 1D CPU int64 tensor, but got {counts.ndim}D cpu Long tensor")
    _check_lengths(input, counts, batch_first)
    sizes = (counts[None, :] > np.arange(counts[0])[:, None]).sum(1)
    steps, rows = (wrap(a) for a in _places(sizes))
    data = input[rows, steps] if batch_first else input[steps, rows]
    return PackedSequence(data, wrap(sizes), order, None)


def _check_lengths(input, counts: np.ndarray, batch_first: bool) -> None:
    batch = input.size(0 if batch_first else 1)
    if len(counts) != batch:
        raise EngineError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
                          f"(batch_size={batch})")
    if not len(counts) or counts.min() <= 0:
        raise EngineError("Length of all samples has to be greater than 0, but found an element in 'lengths' "
                          "that is <= 0")
    if (counts[1:] > counts[:-1]).any():
        raise EngineError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
                          "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep "
                          "this requirement if you do not need ONNX exportability.")
    longest = input.shape[1 if batch_first else 0]
    if counts[0] > longest:
        raise EngineError(f"Expected sequence length to be larger than or equal to the maximum of lengths, but got "
                          f"{longest} and {counts[0]}")


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None):
    """(padded batch, lengths) of a packed sequence."""
    sizes = sequence.batch_sizes._a
    longest = len(sizes)
    if total_length is not None:
        if total_length < longest:
            raise BadValue("Expected total_length to be at least the length of the longest sequence in input, but "
                           f"got total_length={total_length} and max sequence length being {longest}")
        longest = total_length
    steps, rows = _places(sizes)
    data, batch = sequence.data, int(sizes[0])
    place = wrap(steps * batch + rows).to(data.device)
    shape = tuple(data.shape[1:])
    padded = T.full((longest * batch, *shape), padding_value, dtype=data.dtype, device=data.device)
    padded = padded.index_copy(0, place, data).reshape((longest, batch, *shape))
    lengths = wrap((sizes[:, None] > np.arange(batch)[None, :]).sum(0))
    padded = padded.transpose(0, 1) if batch_first else padded
    back = sequence.unsorted_indices
    if back is None:
        return padded, lengths
    return T.index_select(padded, 0 if batch_first else 1, back), lengths[back.cpu()]


def pad_sequence(sequences, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"):
    """Stacks sequences of different lengths (length, ...), filled up with a value: (longest, batch, ...)."""
    if not hasattr(sequences, "__iter__"):
        raise EngineError(f"pad_sequence: Expected iterable for input sequences, but got arg of type: "
                          f"{type(sequences)}")
    sequences = list(sequences)
    if not sequences:
        raise EngineError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise EngineError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(s.shape[0] for s in sequences)
    rest = (0, 0) * (sequences[0].dim() - 1)
    rows, shape = [], sequences[0].shape[1:]
    for s in sequences:
        s = s if s.shape[1:] == shape else T.expand(s, (s.shape[0], *shape))
        missing = longest - s.shape[0]
        edges = (*rest, missing, 0) if padding_side == "left" else (*rest, 0, missing)
        rows.append(T.constant_pad_nd(s, edges, padding_value) if missing else s)
    return T.stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first: bool = False) -> list:
    """The sequences of a padded batch, each at its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [row[:int(n)] for row, n in zip(padded_sequences, lengths, strict=True)]


def pack_sequence(sequences, enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of sequences (length, ...)."""
    lengths = as_tensor([s.shape[0] for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list:
    """The sequences of a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
