"""Large files in little memory: mapped, read-only until somebody writes, and let go of behind the reader.

The pages of a mapped file count as the process's memory once they were touched. They are given back when
they become many: by whoever computes, between two blocks, and by a thread for what has no blocks. The system
reads them again from its cache if they are needed. That is safe only while nobody has written, so arrays over a
`Mapping` are read-only, and the engine calls `thaw` before the first write, which ends the giving back and makes
pages private copies as they are written.
"""

from __future__ import annotations

import os
import time
from io import FileIO
from mmap import ACCESS_COPY, mmap
from threading import Lock, Thread
from weakref import WeakSet

from ..engine.threads import after_block

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
        _watcher[:] = [Thread(target=_Watcher().run, daemon=True)]
        _watcher[0].start()
    return found


class _Watcher:
    """Looks how much of the files is in memory: after each block of a computation, and every few milliseconds beside it."""

    def __init__(self) -> None:
        self.file = FileIO("/proc/self/statm")  # closed with the last reference: threads may look until then
        self.page = os.sysconf("SC_PAGE_SIZE")
        self.base = self._resident()
        after_block.append(self.look)

    def _resident(self) -> int:
        return int(os.pread(self.file.fileno(), 200, 0).split()[2]) * self.page

    def look(self) -> int:
        """Gives the pages back if they are many; the bytes that were in memory."""
        in_files = self._resident() - self.base
        if in_files > KEPT:
            for each in _frozen():
                each.let_go()
        return in_files

    def run(self) -> None:
        """Ends with the last mapping."""
        pause = 0.002
        try:
            while True:
                time.sleep(pause)
                if not _frozen():
                    return
                pause = 0.002 if self.look() > 1 << 20 else min(0.008, pause * 1.2)
        finally:
            after_block.remove(self.look)


def _frozen() -> list[Mapping]:
    return [each for each in list(_open) if not each.thawed]
