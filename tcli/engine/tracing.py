"""The gradient trace: one row per op of a backward pass, measured while it runs.

`trace_rows(loss)` runs the backward pass without touching any `.grad` and keeps the graph;
`traced_backward` is `backward(trace=True)`, which accumulates as always. Rows come in the order of the
tree of `trace_order`.
"""

from __future__ import annotations

import numpy as np

from . import backward, dtypes, tape
from .device import CPU, move
from .tape import AccumulateGrad, Saved
from .trace_order import inputs_of, tree_walk

VANISHING, EXPLODING = 1e-7, 1e4
_BINS = 8

on_trace: list = []  # called with the rows of a traced backward pass


class TraceRow:
    """One op (or leaf) of a backward pass; sizes in bytes, time in seconds. `inputs`: the rows its gradient flows to.

    depth, chained: its place in the tree of `trace_order`.
    """

    __slots__ = ("chained", "depth", "dtype_shape", "grad_norm", "inf", "inputs", "leaf", "mark", "name", "nan", "op",
                 "saved_bytes", "seconds", "span", "spark", "text", "variable", "zeros")

    def __init__(self, node, g, depth: int, seconds: float, chained: bool = False):
        self.depth, self.seconds, self.chained = depth, seconds, chained
        self.leaf = type(node) is AccumulateGrad
        self.variable = node.variable if self.leaf else None
        self.op = op_label(node)
        self.span = node.span()
        self.text = self.span.text if self.span is not None else ""
        self.name = None
        self.inputs: list[int] = []
        self.dtype_shape = _signature(node)
        self.saved_bytes = saved_bytes(node)
        self._measure(g)

    def _measure(self, g) -> None:
        if g is None:
            self.grad_norm, self.zeros, self.nan, self.inf, self.spark, self.mark = 0.0, 0.0, 0, 0, "", ""
            return
        values = np.abs(move(g._a, CPU)).astype(np.float64).ravel()
        finite = values[np.isfinite(values)]
        self.nan = int(np.isnan(values).sum())
        self.inf = int(np.isinf(values).sum())
        self.zeros = float((values == 0).mean()) if values.size else 0.0
        self.grad_norm = float(np.sqrt((finite ** 2).sum())) if not self.nan else float("nan")
        self.spark = _sparkline(finite)
        self.mark = "nan" if self.nan or self.inf else mark_of(self.grad_norm, values.size)


def mark_of(norm: float, count: int) -> str:
    """Whether a gradient of `count` numbers vanishes or explodes."""
    if count and norm < VANISHING:
        return "vanishing"
    return "exploding" if norm > EXPLODING else ""


def _sparkline(values) -> str:
    """A histogram of magnitudes as eight blocks; nothing for fewer than 16 values."""
    if values.size < 16 or values.max() == values.min():
        return ""
    counts = np.histogram(values, _BINS)[0]
    blocks = "▁▂▃▄▅▆▇█"
    return "".join(" " if not c else blocks[min(7, int(8 * c / counts.max() - 1e-9))] for c in counts)


def op_label(node) -> str:
    """The op's name for people: `matmul`, `mul`, the class name of a custom function."""
    if type(node) is AccumulateGrad:
        return "leaf"
    name = node.name()
    o = node.op
    return o.name.strip("_") if o is not None and not o.name.startswith("_") else name.replace("Backward0", "").lower()


def _signature(node) -> str:
    short = dtypes.of_numpy(np.dtype(node.dtype)).short
    return f"{short}[{', '.join(map(str, node.shape))}]"


def saved_bytes(node) -> int:
    saved = getattr(node, "saved", None) or ()
    return sum(int(s.array.nbytes) for s in saved if type(s) is Saved)


# ---------------------------------------------------------------- running

def trace_rows(loss, gradient=None) -> list[TraceRow]:
    """The backward pass of `loss`, measured; no `.grad` changes and the graph stays."""
    from .autograd import _seed

    seed = _seed(loss, gradient)
    root = tape.edge_of(loss)
    measured = _Measured()
    leaves = _leaves([root])
    with measured:
        captured = backward.run([root], [seed], retain_graph=True, create_graph=False, inputs=leaves)
    return _rows([root], measured, captured)


def traced_backward(roots, nodes, seeds, retain_graph: bool, create_graph: bool) -> None:
    """An ordinary backward pass whose rows go to `on_trace`."""
    measured = _Measured()
    saved = {id(n): saved_bytes(n) for n in reachable(nodes)}
    leaves = _leaves(nodes)
    before = {leaf: leaf.variable.grad for leaf in leaves}
    for leaf in leaves:
        leaf.variable.grad = None
    try:
        with measured:
            backward.run(nodes, seeds, retain_graph=retain_graph, create_graph=create_graph)
    finally:
        fresh = {leaf: leaf.variable.grad for leaf in leaves}
        for leaf in leaves:
            old, new = before[leaf], fresh[leaf]
            leaf.variable.grad = old if new is None else new if old is None else old + new
    rows = _rows(nodes, measured, fresh)
    for row, node in zip(rows, measured.order, strict=False):
        row.saved_bytes = saved.get(id(node), 0)
    for show in on_trace:
        show(rows)


class _Measured:
    """Gradient and seconds of every node that ran."""

    def __init__(self):
        self.found: dict = {}
        self.order: list = []

    def __enter__(self):
        tape.observers.append(self._observe)
        return self

    def __exit__(self, *_exc) -> None:
        tape.observers.remove(self._observe)

    def _observe(self, node, g, produced, seconds: float) -> None:
        self.found[node] = (next((x for x in g if x is not None), None) if type(g) is list else g, seconds)


def reachable(nodes) -> list:
    seen, stack, order = set(), [n for n in nodes if n is not None], []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        order.append(node)
        stack.extend(e for e in node.edges if e is not None)
    return order


def _leaves(nodes) -> list:
    return [n for n in reachable(nodes) if type(n) is AccumulateGrad]


def _rows(roots, measured: _Measured, leaf_gradients: dict) -> list[TraceRow]:
    rows = []
    for node, depth, chained in tree_walk(roots):
        g, seconds = measured.found.get(node, (leaf_gradients.get(node), 0.0))
        rows.append(TraceRow(node, g, depth, seconds, chained))
        measured.order.append(node)
    _connect(rows, measured.order)
    return rows


def _connect(rows: list[TraceRow], order: list) -> None:
    """Gives each row the numbers of the rows that it feeds."""
    number = {node: i for i, node in enumerate(order)}
    for row, node in zip(rows, order, strict=True):
        row.inputs = [number[edge] for edge in inputs_of(node) if edge in number]
