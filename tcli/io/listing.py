"""What the header of a file says: its tensors, metadata and remarks, without their values.

`Listing` is what `read_header` of every format gives and what `tcli inspect` shows. Imports nothing.
"""

from __future__ import annotations

from .kinds import KINDS, count


class Entry:
    """One tensor of a file: name, dtype (torch's name), shape, bytes it takes, where they start."""

    __slots__ = ("dtype", "name", "nbytes", "shape", "source", "start")

    def __init__(self, name: str, dtype: str, shape, nbytes: int | None = None, start: int | None = None,
                 source: object = None):
        self.name, self.dtype, self.shape = name, dtype, tuple(shape)
        kind = KINDS.get(dtype)
        self.nbytes = nbytes if nbytes is not None else count(shape) * (kind.itemsize if kind else 0)
        # `start` is the byte in the file where the values lie as they are; None if they are packed.
        self.start = start
        # What the format needs to find the values again.
        self.source = source

    @property
    def count(self) -> int:
        return count(self.shape)

    def __repr__(self) -> str:
        return f"Entry({self.name!r}, {self.dtype}, {list(self.shape)})"


class Listing:
    """The tensors of a file in its order, its metadata (name -> text or number), remarks for a person."""

    __slots__ = ("entries", "format", "metadata", "notes")

    def __init__(self, format: str, entries, metadata: dict | None = None, notes=()):
        self.format, self.entries = format, list(entries)
        self.metadata, self.notes = metadata or {}, list(notes)

    @property
    def count(self) -> int:
        return sum(entry.count for entry in self.entries)

    @property
    def nbytes(self) -> int:
        return sum(entry.nbytes for entry in self.entries)
