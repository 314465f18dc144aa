"""Who keeps memory alive: for `:mem`, the bottom line, and the byte budget of results.

Takes values, gives bytes. Memory is counted once, under the first name that reaches it; views count as
what they are views of. Walks lists, dicts, modules, optimisers and other objects of the program; never
calls anything of theirs.
"""

from __future__ import annotations

import sys
from collections import deque
from types import ModuleType

from ..show import is_tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

MAX_VALUES = 200_000


class Held:
    """The memory blocks seen so far, by the object that owns them."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.nodes: list = []  # ends of tapes that were met: their saved values are counted last

    def add(self, value: object) -> int:
        """The bytes that `value` reaches and that nobody before it did."""
        total, walked, todo = 0, 0, deque([value])
        visited: set[int] = set()
        while todo and walked < MAX_VALUES:
            each = todo.popleft()
            if id(each) in visited:
                continue
            visited.add(id(each))
            walked += 1
            if is_tensor(each):
                total += self._tensor(each, todo)
            else:
                todo.extend(_inside(each))
        return total

    def _tensor(self, tensor: Any, todo: deque) -> int:
        from ..engine.fuse import Pending

        if tensor._node is not None:
            self.nodes.append(tensor._node)
        if tensor.grad is not None:
            todo.append(tensor.grad)
        if isinstance(tensor, Pending):  # not computed yet, and not to be computed for this
            return 0 if id(tensor) in self.seen else self._waiting(tensor)
        return self.array(tensor._a)

    def _waiting(self, tensor: Any) -> int:
        self.seen.add(id(tensor))
        return tensor.numel() * tensor.element_size()

    def array(self, array: Any) -> int:
        from ..engine.storage import root_of

        # What is not an array yet is an expression that waits to be computed.
        root = root_of(array) if hasattr(array, "strides") else array
        if id(root) in self.seen:
            return 0
        self.seen.add(id(root))
        return int(getattr(root, "nbytes", 0))

    def saved(self) -> int:
        """Bytes saved for backward passes on the tapes met so far, beyond what the values hold."""
        from ..engine.tape import Saved

        total, seen, stack = 0, set(), list(self.nodes)
        while stack:
            node = stack.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            stack.extend(node.edges)
            for each in getattr(node, "saved", None) or ():
                if type(each) is Saved:
                    total += self.array(each.array)
        return total


def _inside(value: Any) -> Iterable:
    """What a container or an object of the program holds."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if isinstance(value, (type, ModuleType)) or callable(value) and not hasattr(value, "parameters"):
        return ()
    return list(getattr(value, "__dict__", {}).values())


def shares(names: dict[str, object], held: Held | None = None) -> list[tuple[str, int]]:
    """(name, bytes it alone keeps alive, or keeps first), for names that keep any."""
    held = held or Held()
    found = []
    for name, value in list(names.items()):
        if name.startswith("__") and name.endswith("__"):
            continue
        nbytes = held.add(value)
        if nbytes:
            found.append((name, nbytes))
    return found


def resident() -> tuple[int, int] | None:
    """(bytes of memory this process has now, at most so far), where the system tells."""
    try:
        with open("/proc/self/status") as file:
            lines = dict(line.split(":", 1) for line in file if line.startswith(("VmRSS", "VmHWM")))
        return int(lines["VmRSS"].split()[0]) << 10, int(lines["VmHWM"].split()[0]) << 10
    except (OSError, KeyError, ValueError):
        return _peak_only()


def _peak_only() -> tuple[int, int] | None:
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return None
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    peak <<= 0 if sys.platform == "darwin" else 10
    return peak, peak
