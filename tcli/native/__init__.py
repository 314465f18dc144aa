"""Compiled kernels, where there are any: `native.NAME(...)` answers False where the caller has to go on with NumPy.

tcli is complete without them. `build.py` compiles the C files beside this one when tcli is installed, where there is
a C compiler; `python -m tcli.native.build` does so later. TCLI_NATIVE=0 runs without. This package imports nothing of
tcli, and only `engine`, `ops`, `nn` and `optim` use it.

Every function has NumPy code beside its call that does the same, so a new kernel is one function in one C file, its
line in that file's table, and `if not native.NAME(...):` where it is used. tests/native compares the two.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

LEVELS = ("_kernels4", "_kernels3", "_kernels")  # the most capable processor first


def threads_at_start() -> int:
    """How many threads a computation may use until told otherwise: OMP_NUM_THREADS, or one per processor."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load() -> ModuleType | None:
    if os.environ.get("TCLI_NATIVE") == "0":
        return None
    for name in LEVELS:
        try:
            found = import_module("." + name, __name__)
        except (ImportError, RuntimeError):  # not compiled, for another processor, or for another NumPy
            continue
        found.set_threads(threads_at_start())
        return found
    return None


kernels = _load()


def __getattr__(name: str):
    """A function of `kernels`, or one that answers False to everything."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = globals()[name] = getattr(kernels, name) if kernels is not None else _absent
    return found


def _absent(*args: object) -> bool:
    return False
