"""`_` and `__`, the last two results: held as long as what they alone keep alive is within a byte budget.

What a variable or an earlier graph holds anyway costs nothing, so the account is made anew after every entry: `del x` may
leave a result that nothing else holds. Takes the session and a callable that gives the budget.
"""

from __future__ import annotations

from collections.abc import Callable

from ..runtime.holders import Held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SMALL = 1 << 20  # results below this are kept without asking what else holds them


class Results:
    """The results in the names of one session; `tell` is called with the bytes of one that is let go."""

    def __init__(self, session: Any, budget: Callable[[], int], tell: Callable[[int], None]):
        self.session, self.budget, self.tell = session, budget, tell

    def keep(self, value: object) -> None:
        """`value` becomes `_`, what was `_` becomes `__`."""
        builtins = self.session.builtins
        last = builtins.pop("_", None)
        builtins.pop("__", None)
        if last is not None and "cuda" not in str(getattr(last, "device", "")):
            builtins["__"] = last
        builtins["_"] = value
        self.settle()

    def settle(self) -> None:
        """Lets go of what is beyond the budget: `__` first."""
        builtins, budget = self.session.builtins, self.budget()
        held = [name for name in ("_", "__") if name in builtins]
        if not held or sum(_reached(Held(), builtins[name]) for name in held) <= min(SMALL, budget):
            return
        seen = Held()
        _reached(seen, [each for name, each in self.session.globals.items() if name != "__builtins__"])
        total = 0
        for name in held:
            nbytes = _reached(seen, builtins[name])
            total += nbytes
            if total > budget:
                del builtins[name]
                total -= nbytes
                if name == "_":
                    self.tell(nbytes)


def _reached(held: Held, value: object) -> int:
    """The bytes that a value keeps alive and nothing seen before: its own and those saved for its backward pass."""
    held.nodes.clear()
    return held.add(value) + held.saved()
