"""Records what CuPy has and how it is called, for the stand-in that the tests use: `python scripts/record_cupy.py`.

To be run where CuPy is installed; no GPU is needed. For every name the parameters are recorded as text, for a ufunc
its loops as well, for arrays their methods and attributes.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

TARGET = Path(__file__).parent.parent / "tests" / "data" / "cupy_names.json"
SPACES = {"cupy": "cupy", "linalg": "cupy.linalg", "fft": "cupy.fft", "special": "cupyx.scipy.special",
          "scipy.linalg": "cupyx.scipy.linalg", "scipy.fft": "cupyx.scipy.fft", "lib.stride_tricks": "cupy.lib.stride_tricks",
          "cuda": "cupy.cuda", "runtime": "cupy.cuda.runtime"}
CLASSES = {"ndarray": "cupy:ndarray", "Flags": "cupy._core.flags:Flags", "RawKernel": "cupy:RawKernel",
           "RandomState": "cupy.random:RandomState", "Device": "cupy.cuda:Device", "Stream": "cupy.cuda:Stream",
           "Event": "cupy.cuda:Event", "MemoryPool": "cupy.cuda:MemoryPool", "MemoryHook": "cupy.cuda:MemoryHook",
           "PinnedMemoryPool": "cupy.cuda:PinnedMemoryPool"}


def parameters(found: Any, name: str) -> str | None:
    """The parameters as Python would write them, or None where nothing says what they are."""
    try:
        listed = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return _documented(found, name)
    return _text(listed)


def _text(listed: Any) -> str:
    parts, star = [], False
    for p in listed:
        if p.kind is p.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        star = star or mark == "*"
        parts.append(mark + p.name + ("" if p.default is p.empty else "=None"))
    return ", ".join(parts)


def _documented(found: Any, name: str) -> str | None:
    """From the first line of what Cython documents: `_ndarray_base.sort(self, int axis=-1, kind=None)`."""
    line = re.match(rf"[\w.]*\b{re.escape(name)}\((.*?)\)(\s*->.*)?$", (found.__doc__ or "").partition("\n")[0])
    if line is None:
        return None
    parts = []
    for part in re.split(r",\s*(?![^()]*\))", line[1]):
        head, equals, _ = part.strip().partition("=")
        parts.append((head.split()[-1] if head else "") + ("=None" if equals else ""))
    return ", ".join(p for p in parts if p)


def facts(found: Any, name: str) -> Any:
    if isinstance(found, MagicMock):
        return None
    if not isinstance(found, type) and hasattr(found, "types") and hasattr(found, "nin"):
        return {"nin": found.nin, "types": [str(t) for t in found.types]}
    return parameters(found, name) if callable(found) and not isinstance(found, type) else None


def _missing(libraries: Any, name: str) -> bool:
    """Whether one of CUDA's libraries is not here: what CuPy makes of it has the same names without."""
    try:
        getattr(libraries, name)
    except Exception:
        return True
    return False


def main() -> None:
    import cupy
    import cupy_backends.cuda.libs as libraries

    for name in ("cublas", "cusolver", "cusparse", "curand", "cufft"):
        if _missing(libraries, name):
            setattr(libraries, name, MagicMock())
    recorded: dict[str, Any] = {"cupy version": cupy.__version__}
    for space, module in SPACES.items():
        loaded = importlib.import_module(module)
        recorded[space] = {name: facts(getattr(loaded, name), name) for name in sorted(dir(loaded)) if not name.startswith("_")}
    for label, where in CLASSES.items():
        module, _, name = where.partition(":")
        kind = getattr(importlib.import_module(module), name)
        recorded[label] = {n: facts(getattr(kind, n), n) for n in sorted(dir(kind))
                           if not n.startswith("_") or n in ("__getitem__", "__setitem__")}
        recorded[label]["__init__"] = parameters(kind, name)
    TARGET.write_text(json.dumps(recorded, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
