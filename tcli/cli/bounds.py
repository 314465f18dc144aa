"""`--max-memory` and `--timeout`: the system enforces them, so that no program gets around them."""

from __future__ import annotations

import os
import sys

from ..errors import EngineError
from .options import UsageError


def limit_memory(text: str) -> None:
    """No allocation beyond what is mapped now plus `text` (such as 2GB) succeeds."""
    from .convert import byte_count

    size = byte_count(text, "--max-memory")
    try:
        from resource import RLIMIT_AS, getrlimit, setrlimit

        with open("/proc/self/statm", "rb") as file:
            # NumPy and BLAS reserve address space when they start: that is not the program's use of memory.
            mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + _reserve()
    except (ImportError, OSError, ValueError):
        raise UsageError("--max-memory is not available on this system") from None
    hard = getrlimit(RLIMIT_AS)[1]
    setrlimit(RLIMIT_AS, (mapped + size, hard))


def _reserve() -> int:
    """The engine is loaded first, so that its own needs stand outside of the limit."""
    import numpy  # noqa: F401

    return 64 << 20


class OutOfTime(EngineError):
    """The program ran longer than `--timeout` allows.

    The place is that of the line that was running. A call that does not come back is ended a second later.
    """

    code = "timeout"


def limit_time(seconds: float) -> None:
    """After `seconds` the program ends with an error; a call that does not come back is ended a second later."""
    import signal

    if seconds <= 0 or not hasattr(signal, "setitimer"):
        raise UsageError(f"--timeout takes a number of seconds above zero, not {seconds:g}")
    told = []

    def ring(number, frame):
        if told:
            sys.stderr.write(f"error[timeout]: the program ran longer than {seconds:g} s\n")
            sys.stderr.flush()
            os._exit(1)
        told.append(True)
        raise OutOfTime(f"the program ran longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
