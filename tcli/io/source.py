"""Bytes to read: a file, what came on stdin, or a part of either, behind one small interface.

An `Input` has a name for messages, a size, `read(start, count)`, `stream()` and `buffer()`, which
maps large files instead of reading them. Everything that can be wrong with the bytes is said through
`broken`, so that each message names the file. Knows no formats.
"""

from __future__ import annotations

import os
import stat

from ..errors import FileError

# Below this a file is read, above it is mapped: a mapping costs system calls and whole pages.
MAP_FROM = 1 << 20


def clean(text: object, limit: int = 80) -> str:
    """Text from a file, safe for a terminal: control characters are escaped, long text is cut."""
    said = str(text)
    if len(said) > limit:
        said = said[:limit - 1] + "…"
    if said.isprintable():
        return said
    return "".join(char if char.isprintable() else _escaped(char) for char in said)


def _escaped(char: str) -> str:
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char) or ascii(char)[1:-1]


class Input:
    """Bytes with a name. Subclasses give `size`, `read` and `buffer`."""

    name = "stdin"
    path: str | None = None
    size = 0
    plain_name: str | None = None  # the name whose extension counts, where it is another one

    def broken(self, text: str, *, help: str | None = None) -> FileError:
        """The error for bytes that are not what they should be; to be raised."""
        return FileError(f"{clean(self.name, 300)}: {text}", help=help)

    def read(self, start: int, count: int) -> bytes:
        raise NotImplementedError

    def buffer(self):
        raise NotImplementedError

    def head(self, count: int = 16) -> bytes:
        return self.read(0, min(count, self.size))

    def exactly(self, start: int, count: int, what: str) -> bytes:
        """`count` bytes from `start`; an error that names `what` if the file ends before."""
        if start < 0 or count < 0 or start + count > self.size:
            raise self.broken(f"{what} needs bytes {start} to {start + count}, the file has {self.size}")
        data = self.read(start, count)
        if len(data) != count:
            raise self.broken(f"{what} is cut short at byte {start + len(data)}")
        return data

    def all(self) -> bytes:
        return self.read(0, self.size)

    def stream(self):
        from io import BytesIO

        return BytesIO(self.all())

    def close(self) -> None:
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        self.close()


class BytesInput(Input):
    """Bytes that are in memory already."""

    def __init__(self, data, name: str = "stdin"):
        self.data, self.name, self.size = data, name, len(data)

    def read(self, start: int, count: int) -> bytes:
        return bytes(self.data[start:start + count])

    def buffer(self):
        # Tensors are written in place, so their memory must be of a kind that allows it.
        if isinstance(self.data, bytes):
            self.data = bytearray(self.data)
        return self.data


class PathInput(Input):
    """A file on disk. Pipes with a name are read as a whole, devices are refused."""

    def __new__(cls, path, name: str | None = None):
        mode = _stat(path, name)
        if stat.S_ISFIFO(mode.st_mode) or stat.S_ISSOCK(mode.st_mode):
            with _opened(path, name) as file:
                return BytesInput(file.read(), name or os.fspath(path))
        return object.__new__(cls)

    def __init__(self, path, name: str | None = None):
        self.path, self.name = os.fspath(path), name or os.fspath(path)
        self._file = _opened(path, name)
        self.size = os.fstat(self._file.fileno()).st_size

    def read(self, start: int, count: int) -> bytes:
        self._file.seek(start)
        return self._file.read(count)

    def stream(self):
        self._file.seek(0)
        return self._file

    def buffer(self):
        """The bytes of the file: mapped copy-on-write if it is large, so that writes stay in memory."""
        if self.size < MAP_FROM:
            return bytearray(self.all())
        from .mapped import mapping

        try:
            return mapping(self._file, self.size)
        except (OSError, ValueError):
            return bytearray(self.all())

    def close(self) -> None:
        self._file.close()


def _stat(path, name):
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise _cannot_open(path, name, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise FileError(f"'{clean(name or path, 300)}' is a directory")
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        raise FileError(f"'{clean(name or path, 300)}' is a device, not a file")
    return found


def _opened(path, name):
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:
        raise _cannot_open(path, name, error) from None


def _cannot_open(path, name, error) -> FileError:
    said = getattr(error, "strerror", None) or str(error)
    return FileError(f"cannot open {clean(name or path, 300)}: {said}")


def standard_input() -> Input:
    """What is on stdin: a regular file is mapped, a pipe is read to its end."""
    import sys

    file = getattr(sys.stdin, "buffer", None)
    if file is None:
        raise FileError("there is nothing on stdin")
    try:
        size = os.fstat(file.fileno())
        if stat.S_ISREG(size.st_mode) and size.st_size >= MAP_FROM and not file.tell():
            from .mapped import mapping

            return BytesInput(mapping(file, size.st_size), "stdin")
    except (OSError, ValueError, AttributeError):
        pass
    return BytesInput(file.read(), "stdin")
