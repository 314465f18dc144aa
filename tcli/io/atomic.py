"""Files that appear whole or not at all.

`writing(path)` gives a stream to a temporary file beside the target; only when everything is written
and on the disk does it take the target's name. After a crash or on a full disk the old file is there.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from ..errors import FileError
from .source import clean


@contextmanager
def writing(path: str):
    """A binary stream whose content becomes the file when the block ends without an error."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        yield from _straight(path)  # /dev/stdout, a named pipe
        return
    temporary = f"{target}.{os.getpid()}.tmp"
    _remove_orphans(target)
    try:
        with open(temporary, "xb") as stream:
            _keep_mode(target, stream)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
        _sync_folder(target)
    except OSError as error:
        _remove(temporary)
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {clean(path, 300)}: {error.strerror or error}") from None
    except BaseException:
        _remove(temporary)
        raise


@contextmanager
def writing_folder(path: str):
    """A folder that takes the target's name when the block ends without an error; an older one gives way then."""
    target = os.path.realpath(path)
    if os.path.lexists(target) and not os.path.isdir(target):
        raise FileError(f"cannot write {clean(path, 300)}: it is a file, and a folder is to be written")
    temporary, old = f"{target}.{os.getpid()}.tmp", f"{target}.{os.getpid()}.old"
    try:
        os.mkdir(temporary)
        yield temporary
        if os.path.isdir(target):
            os.rename(target, old)
        os.rename(temporary, target)
        _sync_folder(target)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {clean(path, 300)}: {error.strerror or error}") from None
    finally:
        from shutil import rmtree

        for each in (temporary, old):
            rmtree(each, ignore_errors=True)


def _remove_orphans(target: str) -> None:
    """Temporary files beside the target whose process is gone: it was killed while it wrote."""
    folder, name = os.path.split(target)
    with suppress(OSError):
        for entry in os.listdir(folder):
            pid = entry[len(name) + 1:-len(".tmp")]
            if entry.startswith(name + ".") and entry.endswith(".tmp") and pid.isdigit() and not _runs(int(pid)):
                _remove(os.path.join(folder, entry))


def _runs(pid: int) -> bool:
    """Whether a process of this number may still be writing; this one is not, yet."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _straight(path: str):
    try:
        with open(path, "wb") as stream:
            yield stream
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot write {clean(path, 300)}: {error.strerror or error}") from None


def _keep_mode(target: str, stream) -> None:
    """A file that is replaced keeps its permissions."""
    with suppress(OSError, AttributeError):
        os.fchmod(stream.fileno(), os.stat(target).st_mode & 0o7777)


def _sync_folder(target: str) -> None:
    """The new name itself must reach the disk too."""
    try:
        handle = os.open(os.path.dirname(target) or ".", os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
