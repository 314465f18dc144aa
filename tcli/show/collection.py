"""Collections of tensors (a state dict, a list, a module, a table) as lines: one for each entry, the middle of many left out.

Takes any value, gives lines. However many tensors there are, no more than some million values are looked at.
"""

from __future__ import annotations

from . import is_table, is_tensor
from .tensor import SAMPLE, header
from .units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMIT = 40  # entries that are shown
_TEXT = 60  # characters of a value that is no tensor


def is_collection(value: Any) -> bool:
    """Whether `value` is a module, a table, or a dict, list or tuple."""
    return isinstance(value, (dict, list, tuple)) or _is_module(value) or is_table(value)


def is_large(value: Any) -> bool:
    """Whether a dict, list or tuple holds tensors that would fill the screen if they were written out."""
    return isinstance(value, (dict, list, tuple)) and type(value).__repr__ in _PLAIN \
        and sum(each.numel() for each in _tensors(value)) > 64


_PLAIN = (dict.__repr__, list.__repr__, tuple.__repr__)


def lines(value: Any, depth: int = 2, limit: int = LIMIT) -> list[str]:
    """What the collection is, then its entries, those inside entries down to `depth` levels."""
    tensors = list(_tensors(value))
    per_tensor = max(1000, SAMPLE // max(1, len(tensors)))
    return [_title(value, tensors), *_entries(value, depth, limit, per_tensor, "  ")]


def _entries(value: Any, depth: int, limit: int, per_tensor: int, indent: str) -> list[str]:
    pairs = _pairs(value)
    if len(pairs) > limit:
        pairs = [*pairs[:(limit + 1) // 2], None, *pairs[len(pairs) - limit // 2:]]
    named = [("", "") if pair is None else (str(pair[0]), _said(pair[1], per_tensor)) for pair in pairs]
    width = min(40, max((len(name) for name, _ in named), default=0))
    found = []
    for pair, (name, said) in zip(pairs, named, strict=True):
        if pair is None:
            found.append(f"{indent}… {len(_pairs(value)) - limit} more")
            continue
        found.append(f"{indent}{name.ljust(width)}  {said}")
        if depth > 1 and _holds_tensors(pair[1]):
            found += _entries(pair[1], depth - 1, limit, per_tensor, indent + "  ")
    return found


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    """(name, entry) of each part."""
    if _is_module(value):
        return [*value.named_parameters(), *value.named_buffers()]
    if isinstance(value, dict) or is_table(value):
        return list(value.items())
    return [(f"[{i}]", each) for i, each in enumerate(value)]


def _said(value: Any, per_tensor: int) -> str:
    if is_tensor(value):
        return header(value, limit=per_tensor)
    if _holds_tensors(value):
        return _title(value, list(_tensors(value)))
    text = " ".join(repr(value).split())
    return text if len(text) <= _TEXT else text[:_TEXT - 1] + "…"


def _title(value: Any, tensors: list) -> str:
    kind = type(value).__name__
    held = size(sum(t.numel() * t.element_size() for t in {id(t): t for t in tensors}.values()))
    parts = len(_pairs(value))
    return f"{kind}  {parts} {'entry' if parts == 1 else 'entries'}" + (f"  {held}" if tensors else "")


def _tensors(value: Any, level: int = 0):
    """The tensors inside, to some depth: a list may hold itself."""
    if is_tensor(value):
        yield value
    elif level < 8 and is_collection(value):
        for _, each in _pairs(value):
            yield from _tensors(each, level + 1)


def _holds_tensors(value: Any) -> bool:
    return not is_tensor(value) and next(_tensors(value), None) is not None


def _is_module(value: Any) -> bool:
    return callable(getattr(type(value), "named_parameters", None))
