"""Did-you-mean for keywords: `nn.Linear(2, 3, bais=False)` is told of `bias`.

Takes the message of the failed call, its source text and the names that the program could see there; finds what was
called without running anything, and compares with the parameters it has.
"""

from __future__ import annotations

from ast import Attribute, Call, Name, Subscript
from collections.abc import Callable
from types import ModuleType

from ..errors import TcliError
from ..lang.parser import parse
from ..show.suggest import did_you_mean, distance
from ..source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SAID = "() got an unexpected keyword argument '"
MANY = 10  # more parameters than that are not listed


def hint(message: str, text: str, lookup: Callable[[str], Any]) -> str | None:
    """The keyword that was meant, or what the called takes; None where it cannot be told."""
    called, _, rest = message.partition(_SAID)
    wrong, quote, more = rest.partition("'")
    if not quote or "Did you mean" in more:
        return None
    known = _parameters(called, text, lookup)
    found = did_you_mean(wrong, known) or _one_letter_off(wrong, known)
    if found is None and 0 < len(known) <= MANY:
        return f"it takes {', '.join(known)}"
    return found


def key_meant(key: object, text: str, names: dict[str, Any]) -> str | None:
    """The key of a dictionary that is a variable, for `d["alhpa"]`."""
    if not isinstance(key, str):
        return None
    try:
        node: Any = getattr(parse(Source(text)).body[0], "value", None)
    except (TcliError, IndexError):
        return None
    table = names.get(node.value.id) if isinstance(node, Subscript) and isinstance(node.value, Name) else None
    return did_you_mean(key, [each for each in table if isinstance(each, str)]) if isinstance(table, dict) else None


def with_public_name(message: str, text: str, lookup: Callable[[str], Any]) -> str:
    """`Conv2d.__init__() missing ...` for a message that names the base class where the parameters stand."""
    called, dot, rest = message.partition(".__init__() ")
    if not dot or not called.startswith("_"):
        return message
    try:
        kind = _named(_function_of(text), lookup)
    except (KeyError, AttributeError, TcliError):
        return message
    return f"{kind.__name__}{dot}{rest}" if isinstance(kind, type) else message


def _one_letter_off(wrong: str, known: list[str]) -> str | None:
    """`dm` for `dim`: parameters are few, so that even two letters say which is meant."""
    found = [name for name in known if len(name) > 1 and distance(wrong, name, 1) <= 1]
    return f"did you mean '{found[0]}'?" if len(found) == 1 else None


def _parameters(called: str, text: str, lookup: Callable[[str], Any]) -> list[str]:
    """The keywords of what was called: by the text of the call, or else by the name in the message."""
    from ..show.help import parameters

    for find in (lambda: _named(_function_of(text), lookup), lambda: _method(called), lambda: _function(called)):
        try:
            return [name for name in parameters(find()) if name.isidentifier() and not name.startswith("_")]
        except (KeyError, AttributeError, TypeError, ValueError, TcliError):
            continue
    return []


def _function_of(call: str) -> Any:
    """The node of what is called."""
    node = getattr(parse(Source(call)).body[0], "value", None)
    if not isinstance(node, Call):
        raise KeyError(call)
    return node.func


def _named(node: Any, lookup: Callable[[str], Any]) -> Any:
    """`nn.Linear` by names of modules and classes; an attribute of anything else could run code."""
    if isinstance(node, Name):
        return lookup(node.id)
    if not isinstance(node, Attribute):
        raise KeyError(node)
    value = _named(node.value, lookup)
    if not isinstance(value, (ModuleType, type)):
        raise KeyError(node.attr)
    return getattr(value, node.attr)


def _method(called: str) -> Any:
    from ..engine.tensor import Tensor

    return getattr(Tensor, called.rpartition(".")[2])


def _function(called: str) -> Any:
    from ..engine.registry import T

    return getattr(T, called)
