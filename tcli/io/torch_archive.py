"""The zip archive as `torch.save` lays it out, up to its last byte.

Every member lies in one folder and starts at a multiple of 64 bytes; there are no dates and no versions;
the last member is a fingerprint of the names and the contents of the others.
"""

from __future__ import annotations

from .zip_writer import ZipWriter

_MASK = (1 << 64) - 1
_MURMUR, _SEED = 0xC6A4A7935BD1E995, 0xC70F6907
# How many buckets a C++ hash set of libstdc++ grows to.
_BUCKETS = (1, 13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1447153)


class TorchArchive(ZipWriter):
    """`add` and `member` take names inside of the folder; leaving the block writes the fingerprint."""

    MADE_BY, ZIP64_MADE_BY, VERSION, DATE = 0, 0x31E, 0, 0
    SIZES_AHEAD, ZIP64_END = False, True

    def __init__(self, stream, folder: str, comment: bytes = b""):
        super().__init__(stream, comment)
        self.folder = folder
        self.hashes: list[int] = []
        self.checksum = 0

    def member(self, name: str, size: int):
        self.hashes.append(hash_of(name.encode()))
        return super().member(f"{self.folder}/{name}", size)

    def finish_member(self, part) -> None:
        super().finish_member(part)
        if self.directory[-1][1]:  # PyTorch leaves out what is empty
            self.checksum = _combined(self.checksum, part.crc)

    def close(self) -> None:
        names = 0
        for each in _as_a_hash_set_walks(self.hashes):
            names = _combined(names, each)
        self.add(".data/serialization_id", f"{names:020}{self.checksum:020}".encode())
        super().close()


def hash_of(data: bytes) -> int:
    """The hash of a text in libstdc++ on 64-bit machines (MurmurHash2, 64 bits, by Austin Appleby)."""
    found = _SEED ^ (len(data) * _MURMUR & _MASK)
    whole = len(data) & ~7
    for at in range(0, whole, 8):
        word = _mixed(int.from_bytes(data[at:at + 8], "little") * _MURMUR & _MASK) * _MURMUR & _MASK
        found = (found ^ word) * _MURMUR & _MASK
    if whole < len(data):
        found = (found ^ int.from_bytes(data[whole:], "little")) * _MURMUR & _MASK
    return _mixed(_mixed(found) * _MURMUR & _MASK)


def _mixed(value: int) -> int:
    return value ^ value >> 47


def _combined(seed: int, value: int) -> int:
    return (seed ^ (value + 0x9E3779B9 + (seed << 6) + (seed >> 2))) & _MASK


class _HashSet:
    """The order in which libstdc++'s unordered_set walks over hashes; PyTorch mixes the names in that order.

    The set is one chain. An element goes in front of the others of its bucket, and to the front of the
    chain if it is the first of its bucket; when the set grows, all are entered again.
    """

    def __init__(self, buckets: int = 1):
        self.buckets, self.head = buckets, None
        self.following: dict[int, int | None] = {}
        self.before: dict[int, int | None] = {}  # bucket -> the element before its first; None: the head

    def enter(self, found: int) -> None:
        bucket = found % self.buckets
        ahead = self.before.get(bucket)
        if ahead is not None:
            self.following[found], self.following[ahead] = self.following[ahead], found
            return
        if bucket not in self.before and self.head is not None:
            self.before[self.head % self.buckets] = found
        self.before[bucket] = None
        self.following[found], self.head = self.head, found

    def __iter__(self):
        at = self.head
        while at is not None:
            yield at
            at = self.following[at]


def _as_a_hash_set_walks(hashes: list[int]):
    found = _HashSet()
    for entered, each in enumerate(hashes):
        if entered == found.buckets:
            found = _of(found, next(size for size in _BUCKETS if size > entered))
        found.enter(each)
    return found


def _of(elements, buckets: int) -> _HashSet:
    found = _HashSet(buckets)
    for each in elements:
        found.enter(each)
    return found
