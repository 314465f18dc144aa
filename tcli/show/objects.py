"""What the prompt shows of values that are no tensors and whose own text says little: `<... object at 0x7f...>`.

Functions and classes give their signature and summary, iterators what they are, objects their fields; a module and a table
get a line of facts above their text. Takes any value, gives text, or None where the value's own text is best. Calls nothing
of the program's but `__repr__` and `__len__`.
"""

from __future__ import annotations

from types import BuiltinFunctionType, GeneratorType, MethodType, ModuleType

from . import is_tensor
from .units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS = 8
_TEXT = 40
_ITERATORS = (GeneratorType, type(iter([])), type(iter(())), type(iter({})), type(iter(range(0))), map, filter, zip, enumerate,
              reversed)


def described(value: Any) -> str | None:
    """The text of a value for a person."""
    if all(callable(getattr(type(value), name, None)) for name in ("named_parameters", "named_modules")):
        return f"{module_line(value)}\n{value!r}"
    if _is_function(value) or isinstance(value, (BuiltinFunctionType, MethodType, type)):
        return _callable(value)
    if isinstance(value, ModuleType):
        return _module(value)
    if isinstance(value, _ITERATORS):
        return f"{_kind(value)}: list(...) gives what it yields, once"
    return _object(value) if type(value).__repr__ is object.__repr__ else None


def _is_function(value: Any) -> bool:
    from ..engine.fields import FUNCTIONS

    return isinstance(value, FUNCTIONS)


def module_line(module: Any) -> str:
    """`Sequential  2,410 parameters  9.4 KB  f32  cpu  training`."""
    parameters = [each for each in module.parameters() if "Uninitialized" not in type(each).__name__]
    count = sum(each.numel() for each in parameters)
    frozen = sum(each.numel() for each in parameters if not each.requires_grad)
    parts = [type(module).__name__, f"{count:,} parameters" + (f", {frozen:,} frozen" if frozen else "")]
    if parameters:
        parts += [size(sum(each.numel() * each.element_size() for each in parameters)),
                  ", ".join(dict.fromkeys(each.dtype.short for each in parameters)),
                  ", ".join(dict.fromkeys(str(each.device) for each in parameters))]
    return "  ".join([*parts, "training" if module.training else "eval"])


def _callable(value: Any) -> str:
    from .help import signature, summary

    name = getattr(value, "__qualname__", "").replace("<locals>.", "") if _is_function(value) else ""
    first = signature(value, name.rpartition(".")[2] if "lambda" not in name else "lambda")
    said = summary(value) if getattr(value, "__doc__", None) else ""
    kind = "class " if isinstance(value, type) else ""
    return f"{kind}{first}" + (f"\n    {said}" if said else "")


def _module(value: Any) -> str:
    names = [name for name in dir(value) if not name.startswith("_")]
    shown = ", ".join(names[:FIELDS]) + (", …" if len(names) > FIELDS else "")
    return f"module {value.__name__}: {len(names)} names ({shown})"


def _kind(value: Any) -> str:
    kind = type(value).__name__
    return f"generator {value.__qualname__}" if isinstance(value, GeneratorType) else kind.replace("_", " ")


def _object(value: Any) -> str:
    """`Point  x=1  y=f32[3]`: the class and the public fields."""
    fields = [(name, each) for name, each in getattr(value, "__dict__", {}).items() if not name.startswith("_")]
    parts = [type(value).__name__, *(f"{name}={_brief(each)}" for name, each in fields[:FIELDS])]
    return "  ".join(parts) + (f"  … {len(fields) - FIELDS} more" if len(fields) > FIELDS else "") if fields \
        else f"{type(value).__name__} object"


def _brief(value: Any) -> str:
    if is_tensor(value):
        from .tensor import type_of

        return type_of(value)
    if isinstance(value, (list, tuple, dict, set)) and len(value) > 4:
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, (int, float, complex, str, bytes, bool, type(None), list, tuple, dict, set)):
        text = " ".join(repr(value).split())
        return text if len(text) <= _TEXT else text[:_TEXT - 1] + "…"
    return getattr(value, "__name__", None) or type(value).__name__
