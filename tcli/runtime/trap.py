"""`:trap nan,inf`: the program stops at the op that first makes such a number out of good ones.

While a trap is set, `Tensor._a` is a property whose setter looks at every array an op hands over; the
engine itself knows nothing of it and pays nothing when no trap is set. An op that was given a NaN or
an infinity, as a tensor or as a number, only passes it on and does not stop the program.
"""

from __future__ import annotations

import math
import sys
from types import FrameType

import numpy as np

from ..engine import fuse, ways
from ..engine.fields import has_array, stored_array
from ..engine.registry import Op
from ..engine.tape import NODES, Node
from ..engine.tensor import Tensor
from ..errors import EngineError
from ..source import is_program_code, span_of_instruction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

KINDS = ("nan", "inf")
_SLOT = "_a"
# These write into the memory of their tensor without making a new one.
_IN_PLACE = ("__iadd__", "__isub__", "__imul__", "__itruediv__")


class Trapped(EngineError):
    """An op made a NaN or an infinity while `:trap` was set.

    `:trap nan,inf` at the prompt stops a program at the op that first makes one; `:trap off` lets them pass again. After the
    fact, `why_nan(x)` finds that op in the history of a result.
    """

    code = "trap"


class Trap:
    """What is looked for; `set` and `clear` put it in place and take it away."""

    def __init__(self) -> None:
        self.kinds: tuple[str, ...] = ()
        self._fusion: bool | None = None  # whether ops on large tensors waited before
        self._looking = False
        self._operators: dict[str, Callable] = {}

    def set(self, kinds: tuple[str, ...]) -> None:
        self.clear()
        self.kinds = kinds
        if kinds:
            # An op that waits would make its NaN somewhere else in the program.
            self._fusion = fuse.settings.on
            fuse.set_fusion(False)
            setattr(Tensor, _SLOT, property(stored_array.__get__, self._store))
            ways.shut("trap")  # they set no `_a` that Python sees
            self._operators = {name: getattr(Tensor, name) for name in _IN_PLACE}
            for name, operator in self._operators.items():
                setattr(Tensor, name, self._watched(operator))

    def clear(self) -> None:
        self.kinds = ()
        if self._fusion is not None:
            fuse.set_fusion(self._fusion)
            self._fusion = None
        for name, operator in self._operators.items():
            setattr(Tensor, name, operator)
        self._operators = {}
        if _SLOT in Tensor.__dict__:
            delattr(Tensor, _SLOT)
        ways.reopen("trap")

    def _store(self, tensor: Tensor, array: np.ndarray) -> None:
        stored_array.__set__(tensor, array)
        if self._looking or type(array) is not np.ndarray or array.dtype.kind not in "fcV":
            return
        self._looking = True
        try:
            kind = self._found(array)
            frame = _program_frame(sys._getframe(1)) if kind else None
            failure = self._explained(kind, frame, array) if kind and frame is not None else None
        finally:
            self._looking = False
        if failure is not None:
            raise failure

    def _watched(self, operator: Callable) -> Callable:
        """An in-place operator that looks at its result."""
        def watched(x: Tensor, other: object) -> object:
            was_bad = self._is_bad(x) or self._is_bad(other)
            result = operator(x, other)
            kind = self._found(_stored(x)) if not was_bad and _stored(x).dtype.kind in "fcV" else None
            frame = _program_frame(sys._getframe(1)) if kind else None
            if kind is None or frame is None:
                return result
            raise self._error(kind, None, None, frame, _stored(x))
        return watched

    def _found(self, array: np.ndarray) -> str | None:
        """The kind of bad number the array holds, if any that is looked for."""
        if array.dtype.kind == "V":
            array = array.astype(np.float32)
        if "nan" in self.kinds and np.isnan(array).any():
            return "nan"
        return "inf" if "inf" in self.kinds and np.isinf(array).any() else None

    def _explained(self, kind: str, program: FrameType, array: np.ndarray) -> Trapped | None:
        """The error; None if the op was given such a number, or no tensor at all."""
        op: Any = None
        node: Node | None = None
        given: list = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and frame is not program:
            for value in frame.f_locals.values():
                op = value if op is None and isinstance(value, Op) else op
                node = value if node is None and type(value) in NODES and frame.f_code.co_name != "_record" else node
                given += value if isinstance(value, (list, tuple)) else (value,)
            frame = frame.f_back
        tensors = [value for value in given if isinstance(value, Tensor) and has_array(value)
                   and _stored(value) is not array]
        if not tensors or any(self._is_bad(value) for value in given if not (
                isinstance(value, Tensor) and (not has_array(value) or _stored(value) is array))):
            return None
        return self._error(kind, op, node, program, array)

    def _is_bad(self, value: object) -> bool:
        if isinstance(value, Tensor):
            held = _stored(value)
            return type(held) is np.ndarray and held.dtype.kind in "fcV" and self._found(held) is not None
        return type(value) is float and (math.isnan(value) and "nan" in self.kinds
                                         or math.isinf(value) and "inf" in self.kinds)

    def _error(self, kind: str, op: Any, node: Node | None, program: FrameType, array: np.ndarray) -> Trapped:
        what = "NaN" if kind == "nan" else "infinity"
        bad = np.isnan(array) if kind == "nan" else np.isinf(array)
        count = f"{int(bad.sum())} of {array.size} values"
        name = str(op.name).strip("_") if op is not None else "an operation"
        where = f" in the backward pass of {node.name().removesuffix('Backward0')}" if node is not None else ""
        error = Trapped(f"{name} makes {what}{where}: {count}, and its input held none",
                        span=span_of_instruction(program.f_code, program.f_lasti),
                        help=":trap off lets such numbers pass")
        forward = node.span() if node is not None else None
        if forward is not None:
            error.notes.append(f"the op stands at {forward}: {forward.text}")
        return error


def _stored(tensor: Tensor) -> np.ndarray:
    return stored_array.__get__(tensor)


def _program_frame(frame: FrameType | None) -> FrameType | None:
    while frame is not None and not is_program_code(frame.f_code):
        frame = frame.f_back
    return frame


__all__ = ["KINDS", "Trap", "Trapped"]
