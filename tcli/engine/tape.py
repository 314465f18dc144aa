"""The tape: what was computed, for gradients to flow back through.

An op that runs on a tensor requiring gradients makes a `Node`: the op, the nodes of its inputs
(`edges`), the values its gradient rules ask for (`saved`) and the place in the program. Edges point
to nodes and never to intermediate tensors, so that a value nobody saved is freed at once.
`backward.py` walks the nodes. This file knows no op by name.
"""

from __future__ import annotations

import sys

import numpy as np

from .. import source
from ..errors import GradError
from . import node_view
from .fields import new, next_sequence
from .hooks import kept
from .symbols import Expr

ndarray = np.ndarray
FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")
SMALL = 1 << 14  # elements: above that a tensor costs nothing beside the arithmetic


class _State:
    """Modes that the hot path reads: recording, inference, and whether to note program positions."""

    __slots__ = ("anomaly", "deterministic", "grad", "inference", "odd", "roots", "saved_hooks", "trace", "wanted", "where")

    def __init__(self):
        self.grad = True
        self.inference = False
        self.odd = False  # whether there ever were inference tensors or hooks for saved values
        self.where = False
        self.trace = False  # every backward pass is traced
        self.anomaly = False
        self.deterministic = (0, False)  # see deterministic.py
        self.saved_hooks: list = []
        self.roots: tuple | list = ()  # where the backward pass that runs began
        self.wanted: set | None = None  # the nodes that it needs, where not all


state = _State()


def locate() -> tuple | None:
    """(code, lasti) of the innermost running frame that was compiled from a program."""
    known, frame = source._sources, sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in known:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


class Node:
    """One recorded op: `shape` and `dtype` (NumPy's) are those of its output."""

    __slots__ = ("__dict__", "__weakref__", "_name", "dtype", "edges", "op", "plan", "saved", "seq", "shape")

    # Seldom set: they live in the instance's dict, which most nodes never make.
    hooks = None
    after = None
    before = None
    place = None
    inner = False  # a cast inside of an op: programs do not see it
    stands_for = None  # the node that an op in place had before its result was cast

    def __init__(self, op, plan, edges, saved, array):
        self.op, self.plan, self.edges, self.saved = op, plan, edges, saved
        self.shape, self.dtype = array.shape, array.dtype
        self.seq = next_sequence()
        self._name = None
        if state.where:
            self.place = locate()

    def name(self) -> str:
        name = self._name
        if type(name) is tuple:  # (how names are made of options, the options)
            name = self._name = name[0](None, *name[1])
        return name or self.op.grad_name

    @property
    def next_functions(self) -> tuple:
        return node_view.next_functions(self)

    @property
    def __class__(self) -> type:  # what programs see: type() knows better
        return node_view.class_named(self.name())

    @property
    def metadata(self) -> dict:
        try:
            return self.metadata_
        except AttributeError:
            self.metadata_ = {}
            return self.metadata_

    def span(self):
        """Where in the program the op stands (`source.Span`), or None."""
        return source.span_of_instruction(*self.place) if self.place else None

    def register_hook(self, hook):
        """`hook(grad_inputs, grad_outputs)` after the gradients of the inputs are computed; it may give others."""
        if self.hooks is None:
            self.hooks = {}  # the short ways leave nodes with hooks alone
        if self.after is None:
            self.after = {}
        return kept(self.after, hook)

    def register_prehook(self, hook):
        """`hook(grad_outputs)` before that, after the hooks of tensors; it may give others."""
        if self.hooks is None:
            self.hooks = {}
        if self.before is None:
            self.before = {}
        return kept(self.before, hook)

    def apply(self, g, create_graph: bool, wanted) -> None:
        """Yields (edge, gradient) for every edge that is wanted."""
        saved = self.saved
        if saved is None:
            raise GradError(
                "Trying to backward through the graph a second time (or directly access saved tensors "
                "after they have already been freed). Saved intermediate values of the graph are freed "
                "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
                "backward through the graph a second time or if you need to access saved tensors after "
                "calling backward.", span=self.span())
        k, edges = rule_names, self.edges
        for index, rule, slots in self.plan.rules:
            if type(index) is int:
                edge = edges[index]
                if edge is None or (wanted is not None and edge not in wanted):
                    continue
                r = rule(k, g, *[unpack(saved[s], self, create_graph) for s in slots])
                if r is not None:
                    yield edge, r
            else:
                yield from self._apply_joint(index, rule, slots, g, create_graph, wanted, k)

    def _apply_joint(self, index, rule, slots, g, create_graph, wanted, k):
        edges = joint_edges(self, index)
        need = tuple(e is not None and (wanted is None or e in wanted) for e in edges)
        if not any(need):
            return
        values = [unpack(self.saved[s], self, create_graph) for s in slots]
        results = rule(k, g, need, *values)
        for edge, needed, r in zip(edges, need, results, strict=True):
            if needed and r is not None:
                yield edge, r

    def free(self) -> None:
        if self.saved and (self.op.frees or any(type(s) is Saved for s in self.saved)):
            self.saved = None

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def __str__(self) -> str:
        return self.__repr__()


def joint_edges(node, index) -> list:
    picks = index[2] if len(index) > 2 and index[2] else range(index[0], len(node.edges) if index[1] is None else index[1])
    return [node.edges[i] for i in picks]


class ShownNode(Node):
    """A node that a program has looked at: `grad_fn._saved_self`. In `Node` such a `__getattr__` would slow down all reads."""

    __slots__ = ()

    def __getattr__(self, name: str):
        return node_view.saved_value(self, name)


NODES = frozenset((Node, ShownNode))


def shown(node):
    """`node` as programs see it."""
    if type(node) is Node:
        object.__dict__["__class__"].__set__(node, ShownNode)  # the property of that name says what programs read
    return node


class Pick:
    """One output of an op with several outputs."""

    saved = None

    __slots__ = ("__weakref__", "dtype", "hooks", "index", "parent", "seq", "shape")

    def __init__(self, parent, index: int, array):
        self.parent, self.index = parent, index
        self.shape, self.dtype = array.shape, array.dtype
        self.seq = next_sequence()
        self.hooks = None

    def free(self) -> None:
        """Nothing is saved here."""

    def name(self) -> str:
        return self.parent.name()

    @property
    def edges(self):
        return (self.parent,)

    @property
    def place(self):
        return self.parent.place

    @property
    def op(self):
        return self.parent.op

    def span(self):
        return self.parent.span()

    def __repr__(self) -> str:
        return repr(self.parent)


class AccumulateGrad:
    """The end of a path: adds what arrives to the `.grad` of a leaf tensor."""

    __slots__ = ("__weakref__", "before", "hooks", "metadata", "post_hooks", "seq", "variable")
    edges = ()
    place = None
    op = None

    def __init__(self, variable):
        self.variable = variable
        self.seq = 0
        self.hooks = None
        self.post_hooks = None
        self.before = None
        self.metadata: dict = {}

    def register_hook(self, hook):
        """`hook((), grad_outputs)` after the gradient was added."""
        self.post_hooks = self.post_hooks or {}
        return kept(self.post_hooks, lambda variable: hook((), (variable.grad,)))

    def register_prehook(self, hook):
        """`hook(grad_outputs)` before that, after the hooks of the tensor; it may give others."""
        self.before, self.hooks = self.before or {}, self.hooks or {}  # the short ways leave nodes with hooks alone
        return kept(self.before, hook)

    @property
    def shape(self):
        return self.variable._a.shape

    @property
    def dtype(self):
        return self.variable._a.dtype

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def span(self):
        return None

    @property
    def next_functions(self) -> tuple:
        return ()

    @property
    def __class__(self) -> type:  # what programs see
        return node_view.class_named("AccumulateGrad")

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


class Saved:
    """A saved tensor value: its array, whose version it was, and where its own gradient goes."""

    __slots__ = ("array", "edge", "hooked", "version", "versions")

    def __init__(self, array, versions, edge):
        self.array, self.versions, self.version, self.edge = array, versions, versions[0], edge
        self.hooked = None


def value_of(saved: Saved):
    """The array of a saved value; None while it waits to be computed."""
    return saved.array.array if type(saved.array) is Expr else saved.array


def saved_as_is(t, edge) -> Saved:
    """What `dispatch.saved_value` makes of a tensor when no hooks are set: the short way."""
    s = new(Saved)
    s.array = t._a
    v = s.versions = t._v
    s.version = v[0]
    s.edge = edge
    s.hooked = None
    return s


OUT = object()  # the edge of a saved output: the node that saved it


def unpack(saved, node: Node, create_graph: bool):
    """A saved value as the rule wants it: a tensor (with its history if a graph is asked for)."""
    if type(saved) is not Saved:
        return saved
    if saved.hooked is not None:
        return node_view.unpacked(saved, node, create_graph)
    if saved.versions[0] != saved.version:
        raise node_view.modified(saved, node, saved.edge is OUT, state.anomaly)
    if type(saved.array) is Expr:
        t = pending(saved.array)
        t._v = saved.versions
    else:
        t = new(Tensor)
        t._a, t._v = saved.array, saved.versions
    edge = saved.edge
    if create_graph and edge is not None:
        if edge is OUT:
            t._node, t._rg = node, True
        elif type(edge) is AccumulateGrad:
            return edge.variable
        elif type(edge) is tuple:  # output `index` of a node with several
            t._node, t._rg = Pick(*edge, saved.array), True
        else:
            t._node, t._rg = edge, True
    return t


# ---------------------------------------------------------------- edges

def edge_of(t):
    """The node that a gradient of tensor `t` flows to; None when it needs none."""
    node = t._node
    if node is not None:
        return node
    if not t._rg:
        return None
    leaf = t._leaf
    if leaf is None:
        leaf = t._leaf = AccumulateGrad(t)
    return leaf


observers: list = []  # called with (node, gradient, what it gives, seconds) in backward passes: a trace, a search for nan


def bind(tensor_class, names) -> None:
    """Called once by `tensor.py`: the tape needs the class and the ops, they need the tape."""
    global Tensor, rule_names
    Tensor, rule_names = tensor_class, names


def bind_fusion(pending_function) -> None:
    """Called once by `fuse.py`."""
    global pending
    pending = pending_function
