"""Writes zip archives of stored members to any stream, also one that cannot seek.

Data begins at multiples of 64 bytes, so that members can be mapped. Each checksum stands in a
descriptor behind the data, since a pipe cannot go back to the header; sizes are known before.
"""

from __future__ import annotations

import zlib

ALIGN = 64
_BIG = 0xFFFFFFFF


def _int(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little")


class _Part:
    """The open member: passes bytes on and adds up their checksum."""

    def __init__(self, writer: ZipWriter, size: int):
        self.writer, self.left, self.crc = writer, size, 0

    def write(self, data) -> None:
        self.crc = zlib.crc32(data, self.crc)
        self.left -= len(data)
        self.writer.emit(data)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, kind, *_exc) -> None:
        if kind is None:
            self.writer.finish_member(self)


def _flags(size: int) -> bytes:
    """The name is UTF-8; a descriptor follows, unless there is nothing to describe."""
    return _int(0x808 if size else 0x800, 2)


class ZipWriter:
    """`with writer.member(name, size) as out: out.write(...)`; the directory is written at the end."""

    MADE_BY, ZIP64_MADE_BY, VERSION = 45, 45, 20
    DATE = 1 << 21 | 1 << 16  # always the first of January 1980: the same bytes for the same content
    SIZES_AHEAD = True  # in front of a member too, for readers of a stream
    ZIP64_END = False  # also where it is not needed

    def __init__(self, stream, comment: bytes = b""):
        self.stream, self.at, self.comment = stream, 0, comment[:65535]
        self.directory: list[tuple] = []
        self._open: tuple | None = None

    def emit(self, data) -> None:
        self.stream.write(data)
        self.at += len(data)

    def member(self, name: str, size: int) -> _Part:
        """A member of exactly `size` bytes."""
        raw, start = name.encode(), self.at
        big = size >= _BIG
        # A zip64 field is given always where it could be needed, padding is a field of its own.
        extra = _int(1, 2) + _int(16, 2) + _int(size, 8) * 2 if big else b""
        pad = -(start + 30 + len(raw) + len(extra) + 4) % ALIGN
        extra += b"FB" + _int(pad, 2) + b"Z" * pad
        shown = _BIG if big else size if self.SIZES_AHEAD else 0
        self.emit(b"PK\3\4" + _int(45 if big else self.VERSION, 2) + _flags(size) + _int(0, 2) + _int(self.DATE, 4)
                  + _int(0, 4) + _int(shown, 4) * 2 + _int(len(raw), 2) + _int(len(extra), 2) + raw + extra)
        self._open = (raw, size, start)
        return _Part(self, size)

    def add(self, name: str, data: bytes) -> None:
        with self.member(name, len(data)) as out:
            out.write(data)

    def finish_member(self, part: _Part) -> None:
        raw, size, start = self._open
        if part.left:
            raise ValueError(f"{part.left} bytes of {raw!r} are missing")
        if size:
            self.emit(b"PK\7\x08" + _int(part.crc, 4) + _int(size, 8 if size >= _BIG else 4) * 2)
        self.directory.append((raw, size, start, part.crc))

    def close(self) -> None:
        start = self.at
        for raw, size, header, crc in self.directory:
            self.emit(self._directory_entry(raw, size, header, crc))
        count, size = len(self.directory), self.at - start
        if self.ZIP64_END or count >= 0xFFFF or start >= _BIG:
            end = self.at
            self.emit(b"PK\6\6" + _int(44, 8) + _int(self.ZIP64_MADE_BY, 2) + _int(45, 2) + _int(0, 8)
                      + _int(count, 8) * 2 + _int(size, 8) + _int(start, 8)
                      + b"PK\6\7" + _int(0, 4) + _int(end, 8) + _int(1, 4))
        self.emit(b"PK\5\6" + _int(0, 4) + _int(min(count, 0xFFFF), 2) * 2 + _int(min(size, _BIG), 4)
                  + _int(min(start, _BIG), 4) + _int(len(self.comment), 2) + self.comment)

    def _directory_entry(self, raw: bytes, size: int, header: int, crc: int) -> bytes:
        wide = [value for value in (size, size, header) if value >= _BIG]
        extra = _int(1, 2) + _int(8 * len(wide), 2) + b"".join(_int(value, 8) for value in wide) if wide else b""
        return (b"PK\1\2" + _int(self.MADE_BY, 2) + _int(45 if wide else self.VERSION, 2) + _flags(size) + _int(0, 2)
                + _int(self.DATE, 4) + _int(crc, 4) + _int(min(size, _BIG), 4) * 2
                + _int(len(raw), 2) + _int(len(extra), 2) + _int(0, 2) * 3 + _int(0, 4)
                + _int(min(header, _BIG), 4) + raw + extra)

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(self, kind, *_exc) -> None:
        if kind is None:
            self.close()
