"""Large files in little memory: mapped, read-only until somebody writes, and let go of behind the reader.

The pages of a mapped file count as the process's memory once they were touched. A thread gives them back
when they become many; the system reads them again from its cache if they are needed. That is safe only
while nobody has written, so arrays over a `Mapping` are read-only, and the engine calls `thaw` before the
first write, which ends the giving back and makes pages private copies as they are written.
"""

from __future__ import annotations

import os
import time
from mmap import ACCESS_COPY, mmap
from threading import Lock, Thread
from weakref import WeakSet

FROM = 128 << 20  # smaller files just stay
KEPT = 48 << 20  # bytes of mapped pages that may be in memory
_DONTNEED = 4
_lock = Lock()
_open: WeakSet = WeakSet()
_watcher: list[Thread] = []


class Mapping(mmap):
    """A file mapped copy-on-write whose pages are given back until `thaw` is called."""

    thawed = False

    def thaw(self) -> None:
        with _lock:
            self.thawed = True

    def let_go(self) -> None:
        with _lock:
            if not self.thawed:
                self.madvise(_DONTNEED)


def mapping(file, size: int):
    """The map of an open file of `size` bytes."""
    if size < FROM or not os.path.exists("/proc/self/statm"):
        return mmap(file.fileno(), 0, access=ACCESS_COPY)
    found = Mapping(file.fileno(), 0, access=ACCESS_COPY)
    _open.add(found)
    if not _watcher or not _watcher[0].is_alive():
        _watcher[:] = [Thread(target=_watch, daemon=True)]
        _watcher[0].start()
    return found


def _watch() -> None:
    """Looks every few milliseconds how much of the files is in memory; ends with the last mapping."""
    handle = os.open("/proc/self/statm", os.O_RDONLY)
    page = os.sysconf("SC_PAGE_SIZE")
    base, pause = int(os.pread(handle, 200, 0).split()[2]) * page, 0.002
    try:
        while True:
            time.sleep(pause)
            frozen = [each for each in list(_open) if not each.thawed]
            if not frozen:
                return
            in_files = int(os.pread(handle, 200, 0).split()[2]) * page - base
            pause = 0.002 if in_files > 1 << 20 else min(0.008, pause * 1.2)
            if in_files > KEPT:
                for each in frozen:
                    each.let_go()
            del frozen
    finally:
        os.close(handle)

