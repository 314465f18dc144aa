"""Entries of earlier sessions, in one file that several prompts may have open.

The file is text: a comment line with the time, then the lines of the entry, each behind a `+`. Every
entry is appended with one locked write. Entries that begin with a space are not kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from prompt_toolkit.history import History, InMemoryHistory

MAX_BYTES = 4 << 20  # a longer file is cut to its newer half when a prompt starts


def state_dir() -> Path:
    """Where state of this user lies: `$XDG_STATE_HOME/tcli`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tcli"


def open_history() -> History:
    """The history file: TCLI_HISTORY, or in the state directory; in memory if it cannot be written."""
    path = Path(os.environ.get("TCLI_HISTORY") or state_dir() / "history")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError:
        return InMemoryHistory()
    return SharedHistory(path)


class SharedHistory(History):
    """The history in a file at `path`."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        with suppress(OSError):
            _shorten(path)

    def load_history_strings(self) -> Iterable[str]:
        """The entries of the file, newest first."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return reversed(entries_in(text))

    def append_string(self, string: str) -> None:
        """Keeps an entry, unless it repeats the last one or begins with a space."""
        if not string.strip() or string.startswith(" ") or self._loaded_strings[:1] == [string]:
            return
        super().append_string(string)

    def store_string(self, string: str) -> None:
        lines = "".join(f"+{line}\n" for line in string.split("\n"))
        text = f"\n# {time.strftime('%Y-%m-%d %H:%M:%S')}\n{lines}"
        with suppress(OSError), open(self.path, "ab", buffering=0) as file, locked(file):
            file.write(text.encode("utf-8", "replace"))


def entries_in(text: str) -> list[str]:
    """The entries of a history file, oldest first; of repeated neighbours one.

    >>> entries_in("# 2030-01-01\\n+x = 1\\n\\n# 2030-01-02\\n+def f():\\n+    pass\\n")
    ['x = 1', 'def f():\\n    pass']
    """
    found: list[str] = []
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith("+"):
            lines.append(line[1:])
        elif lines:
            entry, lines = "\n".join(lines), []
            if found[-1:] != [entry]:
                found.append(entry)
    return found


@contextmanager
def locked(file):
    """Holds other prompts off the file; where the system has no such locks, goes on without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _shorten(path: Path) -> None:
    if path.stat().st_size <= MAX_BYTES:
        return
    with open(path, "r+b") as file, locked(file):
        file.seek(-MAX_BYTES // 2, os.SEEK_END)
        rest = file.read()
        rest = rest[rest.find(b"\n# ") + 1:]
        file.seek(0)
        file.write(rest)
        file.truncate()
