"""Questions about a graph: where a tensor's gradient is, and which op first made a NaN or an infinity."""

from __future__ import annotations

import numpy as np

from . import dtypes, tape
from .registry import FIRST, SECOND
from .tape import OUT, AccumulateGrad, Saved
from .trace_order import inputs_of
from .tracing import op_label, reachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def why_no_grad(t: Any) -> str:
    """Why a tensor has no gradient, as far as the tensor itself tells."""
    if t.grad is not None:
        return "it has a gradient"
    if t.dtype.category < dtypes.FLOAT:
        return f"its dtype is {t.dtype!r}: only floating-point and complex tensors can require gradients"
    if not t._rg:
        return "it does not require a gradient"
    if t._node is not None:
        return f"it is no leaf: it was made by {op_label(t._node)}{at(t._node)}; call retain_grad() before backward()"
    return "it is a leaf that requires a gradient, and none has been left there"


def why_nan(t: Any, name_of: Callable[[Any], str | None] = lambda leaf: None) -> str:
    """The first op of a tensor's history that made a NaN or an infinity out of finite numbers.

    name_of: the name of a leaf tensor, for the case that the leaf itself holds such numbers.
    """
    nodes = sorted(reachable([tape.edge_of(t)]), key=lambda n: n.seq) if t._rg else []
    known = _known_values(nodes)
    if t._node is not None:
        known[t._node] = t._a
    for node in nodes:
        for saved, array in _values_of(node):
            if saved.edge is None and _is_bad(array):
                return f"a constant operand of {op_label(node)}{at(node)} holds {_count(array)}"
        if _is_bad(known.get(node)):
            return _culprit(node, known, name_of)
    if _is_bad(t._a):
        return f"it holds {_count(t._a)} itself, and has no history that tells where from"
    if any(getattr(node, "saved", ()) is None for node in nodes):
        return "all of its values are finite; those of its history are gone, since backward() has run"
    return "all of its values are finite, and so are those that it was computed from"


def _known_values(nodes: list) -> dict:
    """node -> the array of its output, as far as something keeps it or it can be computed again from what is kept."""
    known = {node: node.variable._a for node in nodes if type(node) is AccumulateGrad}
    for node in nodes:
        for saved, array in _values_of(node):
            if saved.edge is not None:
                known[node if saved.edge is OUT else saved.edge] = array
    for node in nodes:
        if node not in known and isinstance(getattr(node.op, "ufunc", None), str):
            array = _again(node, known)
            if array is not None:
                known[node] = array
    return known


def _again(node: Any, known: dict) -> Any:
    """The output of a pointwise op, from its operands where all are known."""
    kept = dict(zip(node.plan.saves, node.saved or (), strict=False))
    operands = []
    for edge, fetch in zip(node.edges, (FIRST, SECOND), strict=False):
        value = known.get(edge) if edge is not None else kept.get(fetch)
        value = tape.value_of(value) if type(value) is Saved else value
        if not isinstance(value, (np.ndarray, int, float, complex)):
            return None
        operands.append(value)
    ufunc = getattr(np, node.op.ufunc)
    if len(operands) != ufunc.nin:
        return None
    with np.errstate(all="ignore"):
        found = ufunc(*operands)
    return np.asarray(found) if found.shape == node.shape and found.dtype == node.dtype else None


def _values_of(node: Any):
    """(saved, array) of what a node keeps and is computed already: inputs first."""
    found = [s for s in getattr(node, "saved", None) or () if type(s) is Saved and isinstance(tape.value_of(s), np.ndarray)]
    for s in sorted(found, key=lambda s: s.edge is OUT):
        yield s, tape.value_of(s)


def _is_bad(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fc" and not np.isfinite(array).all()


def _culprit(node: Any, known: dict, name_of: Callable) -> str:
    array = known[node]
    if type(node) is AccumulateGrad:
        return f"the leaf {name_of(node.variable) or 'tensor'} holds {_count(array)} itself"
    inputs = [known.get(edge) for edge in inputs_of(node)]
    operands = [_range(each) for each in inputs if each is not None and each.dtype.kind in "fciu"]
    given = f"; its operand{'s were' if len(operands) > 1 else ' was'} {', '.join(operands)}" if operands else ""
    first = "first made by" if all(each is not None for each in inputs) else "first seen in the result of"
    return f"{first} {op_label(node)}{at(node)}: {_count(array)}{given}"


def _count(array: Any) -> str:
    nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    return " and ".join(f"{count} {word}" for count, word in ((nan, "NaN"), (inf, "Inf")) if count) + f" of {array.size}"


def _range(array: Any) -> str:
    """`f32[3] from -1 to 4`."""
    kind = f"{dtypes.of_numpy(array.dtype).short}[{', '.join(map(str, array.shape))}]"
    if not array.size:
        return f"{kind}, empty"
    size = np.abs(array) if array.dtype.kind == "c" else array
    low, high = float(size.min()), float(size.max())
    return f"{kind} = {low:.4g}" if low == high else f"{kind} from {low:.4g} to {high:.4g}"


def at(node: Any) -> str:
    """` at 3:5: log(x)`, where the place is known."""
    span = node.span()
    return f" at {span.short()}: {' '.join(span.text.split())}" if span is not None else ""
