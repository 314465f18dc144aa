"""Why a leaf has no gradient: which of the program's variables lead to it, and whether a backward pass has been there.

Takes the leaf and the variables; walks the graphs of those that have one.
"""

from __future__ import annotations

from ..engine import tape
from ..engine.tape import AccumulateGrad
from ..engine.tensor import Tensor
from ..engine.tracing import reachable
from .lost_gradient import cut_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def story(leaf: Any, variables: dict[str, object]) -> str | None:
    """What is known of the way to `leaf`, in words; None if no variable has a graph."""
    ends = {name: value for name, value in variables.items()
            if isinstance(value, Tensor) and value._node is not None and not name.startswith("_")}
    leading = {name: nodes for name, value in ends.items() if _leads_to(nodes := reachable([tape.edge_of(value)]), leaf)}
    passed = [name for name, nodes in leading.items() if any(getattr(node, "saved", ()) is None for node in nodes)]
    if passed:
        return f"{passed[-1]}.backward() has been there, and the gradient was cleared since (zero_grad(), or grad = None)"
    if leading:
        name = list(leading)[-1]
        return f"{name} depends on it: {name}.backward() gives it one"
    if not ends:
        return None
    name = list(ends)[-1]
    cut = cut_of(name, variables)
    return f"the graph of {name} does not lead to it" + (f": {cut}" if cut else "")


def _leads_to(nodes: list, leaf: Any) -> bool:
    return any(type(node) is AccumulateGrad and node.variable is leaf for node in nodes)
