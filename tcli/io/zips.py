"""Zip archives: the containers of .npz and of PyTorch's checkpoints, read with suspicion.

`ZipFile(file).members` are the entries with the place of their bytes, so that stored ones can be
mapped where they lie. Members that overlap, lie about their size, expand without bound, carry a path
or share a name are refused. Needs no `zipfile`, which takes longer to import than most headers to read.
"""

from __future__ import annotations

import zlib

from .limits import check_expansion
from .source import Input, clean

STORED, DEFLATED = 0, 8
MAX_MEMBERS = 1_000_000
METADATA = b"tcli metadata "
_CRC_UP_TO = 64 << 20  # larger stored members are mapped and not read here


def _u(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at:at + width], "little")


def metadata_comment(metadata: dict | None) -> bytes:
    """The comment that `ZipFile.metadata` reads back; nothing if it would be too long."""
    if not metadata:
        return b""
    from json import dumps

    text = dumps(metadata, ensure_ascii=False).encode()
    return METADATA + text if len(text) < 60_000 and b"PK\x05\x06" not in text else b""


class Member:
    """An entry: its name, whether packed, its sizes, and `start`, the byte where its data begins."""

    __slots__ = ("crc", "header", "method", "name", "packed", "size", "start")


class ZipFile:
    """The members of an archive, in the order of its directory."""

    def __init__(self, file: Input):
        self.file = file
        offset, size, count = self._directory()
        self.members = self._members(file.exactly(offset, size, "the zip directory"), count)
        self._by_name = {member.name: member for member in self.members}
        if len(self._by_name) != len(self.members):
            seen: set[str] = set()
            twice = next(m.name for m in self.members if m.name in seen or seen.add(m.name))
            raise file.broken(f"two members are called {clean(twice)!r}")
        self._check_overlaps(offset)

    def get(self, name: str) -> Member | None:
        return self._by_name.get(name)

    def metadata(self) -> dict:
        """The texts that tcli keeps in the archive's comment, where other readers do not see them."""
        if not self.comment.startswith(METADATA):
            return {}
        from json import loads

        try:
            found = loads(self.comment[len(METADATA):])
        except (ValueError, RecursionError):
            return {}
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    # ------------------------------------------------------------ the directory

    def _directory(self) -> tuple[int, int, int]:
        """(offset, size, number of entries) of the central directory."""
        file = self.file
        tail_at = max(0, file.size - 65557)
        tail = file.read(tail_at, file.size - tail_at)
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise file.broken("the zip archive has no directory at its end: it is cut short or damaged")
        self.comment = tail[at + 22:at + 22 + _u(tail, at + 20, 2)]
        count, size, offset = _u(tail, at + 10, 2), _u(tail, at + 12, 4), _u(tail, at + 16, 4)
        if count == 0xFFFF or size == 0xFFFFFFFF or offset == 0xFFFFFFFF:
            count, size, offset = self._directory64(tail_at + at, (count, size, offset))
        if offset + size > file.size or count > MAX_MEMBERS or count * 46 > size:
            raise file.broken(f"the zip directory claims {count} members in {size} bytes at byte {offset}, "
                              f"the file has {file.size}")
        return offset, size, count

    def _directory64(self, end: int, small: tuple[int, int, int]) -> tuple[int, int, int]:
        locator = self.file.read(max(0, end - 20), 20)
        if locator[:4] != b"PK\x06\x07":
            return small
        record = self.file.exactly(_u(locator, 8, 8), 56, "the zip64 directory")
        if record[:4] != b"PK\x06\x06":
            raise self.file.broken("the zip64 directory is damaged")
        return _u(record, 48, 8), _u(record, 40, 8), _u(record, 32, 8)

    def _members(self, data: bytes, count: int) -> list[Member]:
        found, at = [], 0
        for _ in range(count):
            if data[at:at + 4] != b"PK\x01\x02" or at + 46 > len(data):
                raise self.file.broken(f"the zip directory is damaged at entry {len(found)}")
            name, extra, comment = (_u(data, at + k, 2) for k in (28, 30, 32))
            member = self._member(data, at, name, extra)
            if member is not None:
                found.append(member)
            at += 46 + name + extra + comment
        return found

    def _member(self, data: bytes, at: int, name_size: int, extra_size: int) -> Member | None:
        member, flags = Member(), _u(data, at + 8, 2)
        raw = data[at + 46:at + 46 + name_size]
        member.name = self._checked_name(raw, flags)
        member.method, member.crc = _u(data, at + 10, 2), _u(data, at + 16, 4)
        member.packed, member.size, member.header = (_u(data, at + k, 4) for k in (20, 24, 42))
        self._widen(member, data[at + 46 + name_size:at + 46 + name_size + extra_size])
        member.start = -1
        if flags & 1:
            raise self.file.broken(f"member {clean(member.name)!r} is encrypted")
        if member.method not in (STORED, DEFLATED):
            raise self.file.broken(f"member {clean(member.name)!r} is packed by method {member.method}; "
                                   "only stored and deflated ones are read")
        if member.method == STORED and member.packed != member.size:
            raise self.file.broken(f"member {clean(member.name)!r} has two sizes: {member.packed} and {member.size}")
        return None if member.name.endswith("/") else member

    def _checked_name(self, raw: bytes, flags: int) -> str:
        try:
            name = raw.decode("utf-8" if flags & 0x800 else "ascii")
        except UnicodeDecodeError:
            name = raw.decode("cp437")
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or ":" in parts[0][1:2]:
            raise self.file.broken(f"a member is called {clean(name)!r}: a path out of the archive")
        return name

    def _widen(self, member: Member, extra: bytes) -> None:
        """Sizes above 4 GB stand in the zip64 field, in this order, where the short ones are full."""
        at = 0
        while at + 4 <= len(extra):
            kind, size = _u(extra, at, 2), _u(extra, at + 2, 2)
            if kind == 1:
                values = iter([_u(extra, at + 4 + k, 8) for k in range(0, size - 7, 8)])
                try:
                    for field in ("size", "packed", "header"):
                        if getattr(member, field) == 0xFFFFFFFF:
                            setattr(member, field, next(values))
                except StopIteration:
                    raise self.file.broken(f"member {clean(member.name)!r} lacks its zip64 sizes") from None
            at += 4 + size

    def _check_overlaps(self, directory: int) -> None:
        """Honest archives lay their members one after the other; a bomb uses the same bytes again."""
        end = 0
        for member in sorted(self.members, key=lambda m: m.header):
            if member.header < end:
                raise self.file.broken(f"member {clean(member.name)!r} overlaps the one before it")
            end = member.header + 30 + member.packed
            if end > directory:
                raise self.file.broken(f"member {clean(member.name)!r} claims {member.packed} bytes at byte "
                                       f"{member.header}, past the end of the data")

    # ------------------------------------------------------------ the data

    def start_of(self, member: Member) -> int:
        """The byte where the data of a member begins."""
        if member.start < 0:
            header = self.file.exactly(member.header, 30, f"member {clean(member.name)!r}")
            if header[:4] != b"PK\x03\x04":
                raise self.file.broken(f"member {clean(member.name)!r} has no header at byte {member.header}")
            member.start = member.header + 30 + _u(header, 26, 2) + _u(header, 28, 2)
            if member.start + member.packed > self.file.size:
                raise self.file.broken(f"member {clean(member.name)!r} is cut short")
        return member.start

    def head(self, member: Member, count: int) -> bytes:
        """The first bytes of a member, unpacked."""
        start = self.start_of(member)
        if member.method == STORED:
            return self.file.read(start, min(count, member.size))
        packed = self.file.read(start, min(member.packed, count + 4096))
        try:
            return zlib.decompressobj(-15).decompress(packed, count)
        except zlib.error as error:
            raise self.file.broken(f"member {clean(member.name)!r} is damaged: {error}") from None

    def read(self, member: Member) -> bytes:
        """All bytes of a member, unpacked and checked."""
        start = self.start_of(member)
        packed = self.file.exactly(start, member.packed, f"member {clean(member.name)!r}")
        data = packed if member.method == STORED else self._inflated(member, packed)
        if len(data) != member.size or (member.size <= _CRC_UP_TO and zlib.crc32(data) != member.crc):
            raise self.file.broken(f"member {clean(member.name)!r} is damaged: its checksum does not fit")
        return data

    def _inflated(self, member: Member, packed: bytes) -> bytes:
        check_expansion(len(packed), member.size, f"{clean(self.file.name)}: member {clean(member.name)!r}")
        unpacker = zlib.decompressobj(-15)
        try:
            data = unpacker.decompress(packed, member.size + 1)
        except zlib.error as error:
            raise self.file.broken(f"member {clean(member.name)!r} is damaged: {error}") from None
        if len(data) > member.size:
            raise self.file.broken(f"member {clean(member.name)!r} unpacks to more than the {member.size} bytes "
                                   "it claims")
        return data
