"""What no program may ever hold in its hands."""

import builtins
import io
import sys
import types

import numpy as np

_OPEN_DOORS = {id(getattr(builtins, name)): name for name in (
    "eval", "exec", "compile", "open", "__import__", "getattr", "setattr", "delattr", "vars", "globals", "locals",
    "breakpoint")}


def forbidden(value: object) -> str | None:
    """Why a program must not have `value`; None for what is harmless."""
    if isinstance(value, types.ModuleType) and sys.modules.get(value.__name__) is value:
        return f"the real module {value.__name__}"
    if isinstance(value, (types.FrameType, types.CodeType, types.TracebackType)):
        return f"a {type(value).__name__}"
    if isinstance(value, dict) and "__builtins__" in value:
        return "the globals of a module"
    if isinstance(value, io.IOBase):
        return "an open file"
    if value is type:
        return "type itself"
    if isinstance(value, type) and issubclass(value, type) and value.__module__ != "tcli.runtime.classes":
        return f"the metaclass {value.__name__}"
    if value is np.ndarray:
        return "numpy.ndarray, which takes any bytes for objects"
    return f"the builtin {_OPEN_DOORS[id(value)]}" if id(value) in _OPEN_DOORS else None
