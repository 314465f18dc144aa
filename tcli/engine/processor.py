"""Which matrix kernels suit this processor; decided before NumPy is first imported.

OpenBLAS names processors by model and falls back to kernels of half the speed on AMD models it does not
know yet. The flags of the processor say what it can do.
"""

from __future__ import annotations

import os
import sys

WIDE = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}  # what OpenBLAS's SkylakeX kernels use
SETTING = "OPENBLAS_CORETYPE"


def choose_kernels(path: str = "/proc/cpuinfo") -> None:
    """Names the kernels to OpenBLAS where it may not find them itself; what the user set stays."""
    if "numpy" in sys.modules or SETTING in os.environ:
        return
    try:
        with open(path, "rb") as file:
            text = file.read(4096).decode("ascii", "replace")  # the first processor says enough
    except OSError:
        return
    kernels = kernels_for(text)
    if kernels is not None:
        os.environ[SETTING] = kernels


def kernels_for(text: str) -> str | None:
    """The kernels for a processor described by `text` in the form of /proc/cpuinfo; None leaves it to OpenBLAS.

    >>> kernels_for("vendor_id : GenuineIntel")
    """
    fields = dict(line.replace("\t", "").split(": ", 1) for line in text.splitlines() if ": " in line)
    if fields.get("vendor_id", "").strip() == "AuthenticAMD" and WIDE <= set(fields.get("flags", "").split()):
        return "SKYLAKEX"
    return None
