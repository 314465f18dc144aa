"""Where the engine tells that an elementwise op expanded both of its operands: `(N,) - (N, 1)` is seldom meant.

`expanded` is called with both operands, tensors, if somebody wants to know.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

expanded: Callable[[Any, Any], None] | None = None
shortcuts: set = set()  # code of operators that are written beside their ops: they are the engine, not the library


def note_expansion(x: Any, other: Any, result: Any) -> None:
    """Tells of a result that has more elements than both operands together."""
    if expanded is not None and x.ndim != other.ndim and result.numel() > x.numel() + other.numel():
        expanded(x, other)
