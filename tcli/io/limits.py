"""How much a file may ask for: memory that is there, expansion that is plausible.

A few bytes of a hostile file can name a tensor of a terabyte or unpack to one. Readers ask here
before they allocate; the answer is an error that says the size in words.
"""

from __future__ import annotations

from ..errors import FileError

# Honest data compresses a few times; more than this above `EXPANDED` bytes is a bomb.
MAX_RATIO = 200
EXPANDED = 128 << 20
MAX_HEADER = 100 << 20  # the limit of the safetensors library
MAX_DIMS = 64  # NumPy's


def words(nbytes: int) -> str:
    """A size for a person, with one of B, KB, MB ... (powers of 1024)."""
    value = float(nbytes)
    for unit in ("B", "KB", "MB", "GB", "TB", "PB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.3g} EB" if value < 1024 else "more bytes than there are addresses"


def available_memory() -> int | None:
    """Bytes that a program could take now, or None where the system does not say."""
    found = _limit()
    try:
        with open("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    free = int(line.split()[1]) << 10
                    return free if found is None else min(free, found)
    except (OSError, ValueError):
        pass
    return found


def _limit() -> int | None:
    """What `--max-memory` or `ulimit -v` leaves."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

        with open("/proc/self/statm", "rb") as file:
            used = int(file.read().split()[0]) * 4096
    except (ImportError, OSError, ValueError):
        return None
    limit = getrlimit(RLIMIT_AS)[0]
    return max(0, limit - used) if limit != RLIM_INFINITY else None


def check_memory(nbytes: int, what: str) -> None:
    """Raises before an allocation that cannot succeed."""
    if nbytes < 16 << 20:
        return
    free = available_memory()
    if free is not None and nbytes > free:
        raise FileError(f"not enough memory: {what} takes {words(nbytes)}, {words(free)} are available")


def check_expansion(packed: int, unpacked: int, what: str) -> None:
    """Raises for packed data that would grow beyond anything plausible."""
    if unpacked > EXPANDED and unpacked > packed * MAX_RATIO:
        raise FileError(f"{what} would expand from {words(packed)} to {words(unpacked)}: that is no honest data",
                        help="unpack it with another tool if you trust it")
    check_memory(unpacked, what)
