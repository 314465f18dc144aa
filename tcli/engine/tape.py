"""The tape: what was computed, and how gradients flow back through it.

An op that runs on a tensor requiring gradients makes a `Node`: the op, the nodes of its inputs
(`edges`), the values its gradient rules ask for (`saved`) and the place in the program. Edges point
to nodes and never to intermediate tensors, so that a value nobody saved is freed at once. `run`
walks the nodes from newest to oldest: an input's node is always older than its op's, so one heap
ordered by `seq` needs no counting of users. The tape undoes broadcasting and restores dtypes; a
rule only says what the gradient is. This file knows no op by name.
"""

from __future__ import annotations

import sys
from heapq import heappop, heappush
from itertools import count

from .. import source
from ..errors import EngineError, GradError
from .dtypes import of_numpy, scalar_name
from .symbols import Expr
from .waiting import before_write

_sequence = count(1)
next_sequence = _sequence.__next__


class _State:
    """Modes that the hot path reads: recording, inference, and whether to note program positions."""

    __slots__ = ("anomaly", "grad", "inference", "saved_hooks", "trace", "where")

    def __init__(self):
        self.grad = True
        self.inference = False
        self.where = False
        self.trace = False  # every backward pass is traced
        self.anomaly = False
        self.saved_hooks: list = []


state = _State()


def locate() -> tuple | None:
    """(code, lasti) of the innermost running frame that was compiled from a program."""
    known, frame = source._sources, sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename in known:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


class Node:
    """One recorded op: `shape` and `dtype` (NumPy's) are those of its output."""

    __slots__ = ("__weakref__", "dtype", "edges", "hooks", "op", "plan", "place", "saved", "seq", "shape",
                 "_name", "metadata_", "device_")

    def __init__(self, op, plan, edges, saved, array):
        self.op, self.plan, self.edges, self.saved = op, plan, edges, saved
        self.shape, self.dtype = array.shape, array.dtype
        self.seq = next_sequence()
        self.hooks = None
        self._name = None
        self.place = locate() if state.where else None

    def name(self) -> str:
        return self._name or self.op.grad_name

    @property
    def next_functions(self) -> tuple:
        found = []
        for edge in self.edges:
            if type(edge) is Pick:
                found.append((edge.parent, edge.index))
            else:
                found.append((edge, 0))
        return tuple(found)

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
        return add_hook(self, lambda g: _node_hook(hook, g))

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
        k, edges = kernel_namespace(), self.edges
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
        start, stop = index[0], index[1] if index[1] is not None else len(self.edges)
        picks = index[2] if len(index) > 2 and index[2] else range(start, stop)
        edges = [self.edges[i] for i in picks]
        need = tuple(e is not None and (wanted is None or e in wanted) for e in edges)
        if not any(need):
            return
        values = [unpack(self.saved[s], self, create_graph) for s in slots]
        results = rule(k, g, need, *values)
        for edge, needed, r in zip(edges, need, results, strict=True):
            if needed and r is not None:
                yield edge, r

    def free(self) -> None:
        if self.saved and any(type(s) is Saved for s in self.saved):
            self.saved = None

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def __str__(self) -> str:
        return self.__repr__()


class Pick:
    """One output of an op with several outputs."""

    __slots__ = ("__weakref__", "dtype", "hooks", "index", "parent", "seq", "shape")

    def __init__(self, parent, index: int, array):
        self.parent, self.index = parent, index
        self.shape, self.dtype = array.shape, array.dtype
        self.seq = next_sequence()
        self.hooks = None

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

    __slots__ = ("__weakref__", "hooks", "post_hooks", "seq", "variable")
    edges = ()
    place = None
    op = None

    def __init__(self, variable):
        self.variable = variable
        self.seq = 0
        self.hooks = None
        self.post_hooks = None

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


OUT = object()  # the edge of a saved output: the node that saved it


def unpack(saved, node: Node, create_graph: bool):
    """A saved value as the rule wants it: a tensor (with its history if a graph is asked for)."""
    if type(saved) is not Saved:
        return saved
    if saved.hooked is not None:
        return saved.hooked[1](saved.hooked[0])
    if saved.versions[0] != saved.version:
        raise modified(saved, node)
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


def modified(saved: Saved, node: Node) -> GradError:
    origin = saved.edge
    text = ""
    if origin is OUT:
        text = f", which is output 0 of {node.name().removesuffix('Backward0')},"
    elif origin is not None and type(origin) is not AccumulateGrad:
        text = f", which is output 0 of {origin.name().removesuffix('Backward0')},"
    kind = "torch." + scalar_name(of_numpy(saved.array.dtype)) + "Tensor"
    error = GradError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{kind} {list(saved.array.shape)}]{text} is at version {saved.versions[0]}; expected version "
        f"{saved.version} instead. Hint: "
        + ("the backtrace further above shows the operation that failed to compute its gradient. The "
           "variable in question was changed in there or anywhere later. Good luck!" if state.anomaly else
           "enable anomaly detection to find the operation that failed to compute its gradient, with "
           "torch.autograd.set_detect_anomaly(True, check_nan=False)."))
    span = node.span()
    if span is not None:
        error.notes.append(f"the value was saved for the backward pass by {span.text!r} at {span}")
    writer = saved.versions[1] if len(saved.versions) > 1 else None
    if writer:
        at = source.span_of_instruction(*writer)
        if at is not None:
            error.notes.append(f"it was overwritten by {at.text!r} at {at}")
    return error


# ---------------------------------------------------------------- edges and hooks

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


class RemovableHandle:
    """What `register_hook` returns: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict, key: int):
        self._hooks, self.id = hooks, key

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_exc) -> None:
        self.remove()


_hook_ids = count()


def add_hook(node, hook) -> RemovableHandle:
    if node.hooks is None:
        node.hooks = {}
    key = next(_hook_ids)
    node.hooks[key] = hook
    return RemovableHandle(node.hooks, key)


def _node_hook(hook, g):
    result = hook((g,), (g,))
    if result is None:
        return None
    return result[0] if isinstance(result, tuple) else result


def _run_hooks(node, g):
    for hook in list(node.hooks.values()):
        replaced = hook(g)
        if replaced is not None:
            if not isinstance(replaced, Tensor):
                raise EngineError("hooks must return None or a Tensor")
            if replaced.shape != g.shape:
                raise EngineError(f"hook '{getattr(hook, '__name__', 'hook')}' has changed the size of value")
            g = replaced
    return g


# ---------------------------------------------------------------- the backward pass

observers: list = []  # called with (node, gradient, seconds) while a trace is on


def run(roots, root_gradients, *, retain_graph: bool, create_graph: bool, inputs=None) -> dict | None:
    """Sends gradients from `roots` (nodes) backwards.

    Without `inputs` leaf tensors accumulate into `.grad` and None is returned; with `inputs` (nodes)
    nothing is accumulated and {node: gradient} comes back.
    """
    before = state.grad
    state.grad = create_graph
    captured: dict | None = {} if inputs is not None else None
    wanted = None if inputs is None else _ancestors(roots, set(inputs))
    try:
        _walk(roots, root_gradients, retain_graph, create_graph, inputs, captured, wanted)
    finally:
        state.grad = before
    return captured


def _ancestors(roots, inputs: set) -> set:
    """The nodes from which one of `inputs` can be reached."""
    useful, order, seen, stack = set(inputs), [], set(), list(roots)
    while stack:
        node = stack.pop()
        if node in seen or node is None:
            continue
        seen.add(node)
        order.append(node)
        stack.extend(node.edges)
    for node in sorted(order, key=lambda n: n.seq):
        if any(edge in useful for edge in node.edges):
            useful.add(node)
    return useful


def _walk(roots, root_gradients, retain_graph, create_graph, inputs, captured, wanted) -> None:
    gradients: dict = {}
    owned: set = set()
    heap: list = []
    leaves: dict = {}
    freed: list = []
    queue = (gradients, owned, heap, leaves)
    for node, g in zip(roots, root_gradients, strict=True):
        _send(queue, node, g)
    stop = set(inputs) if inputs is not None else None
    while heap:
        node = heappop(heap)[1]
        g = gradients.pop(node)
        owned.discard(node)
        if type(node) is Pick:
            if node.hooks:
                g = _run_hooks(node, g)
            if stop is not None and node in stop:
                captured[node] = g
                if wanted is not None and node.parent not in wanted:
                    continue
            _send_to_output(queue, node, g)
            continue
        if node.hooks and type(g) is not list:
            g = _run_hooks(node, g)
        if stop is not None and node in stop:
            captured[node] = g
            if not any(edge in wanted for edge in node.edges):
                continue
        if observers:
            _observed(node, g, create_graph, wanted, queue)
        elif type(node) is Node:
            _run_rules(node, g, create_graph, wanted, queue)
        else:
            for edge, r in node.apply(g, create_graph, wanted):
                _send(queue, edge, r)
        if not retain_graph:
            node.free()
    for leaf, g in leaves.items():
        if leaf.hooks:
            g = _run_hooks(leaf, g)
        if stop is not None:
            if leaf in stop:
                captured[leaf] = g
        else:
            _accumulate(leaf, g, leaf in owned, create_graph)
    if stop is None:
        compute_together([leaf.variable.grad for leaf in leaves])
    del freed


def _run_rules(node, g, create_graph: bool, wanted, queue) -> None:
    """`Node.apply` without the generator: the common case of every backward pass."""
    saved, edges = node.saved, node.edges
    if saved is None:
        list(node.apply(g, create_graph, wanted))  # raises
    k = kernel_namespace()
    for index, rule, slots in node.plan.rules:
        if type(index) is not int:
            for edge, r in node._apply_joint(index, rule, slots, g, create_graph, wanted, k):
                _send(queue, edge, r)
            continue
        edge = edges[index]
        if edge is None or (wanted is not None and edge not in wanted):
            continue
        if not slots:
            r = rule(k, g)
        elif len(slots) == 1:
            r = rule(k, g, unpack(saved[slots[0]], node, create_graph))
        else:
            r = rule(k, g, *[unpack(saved[s], node, create_graph) for s in slots])
        if r is not None:
            _send(queue, edge, r)


def _observed(node, g, create_graph, wanted, queue) -> None:
    """Runs a node under the observers of a gradient trace or of anomaly mode."""
    from time import perf_counter

    start = perf_counter()
    produced = list(node.apply(g, create_graph, wanted))
    seconds = perf_counter() - start
    for observer in observers:
        observer(node, g, produced, seconds)
    for edge, r in produced:
        _send(queue, edge, r)


def _send_to_output(queue, pick: Pick, g) -> None:
    gradients, _, heap, _ = queue
    parent = pick.parent
    slots = gradients.get(parent)
    if slots is None:
        slots = gradients[parent] = [None] * parent.plan.outputs_of(parent)
        heappush(heap, (-parent.seq, parent))
    slots[pick.index] = g if slots[pick.index] is None else slots[pick.index] + g


def _send(queue, node, g) -> None:
    """Adds gradient `g` to what `node` has received so far."""
    gradients, owned, heap, leaves = queue
    array = g._a if type(g) is not Pending else g._p
    if array.shape != node.shape:
        g = sum_to(g, node.shape)
        array = g._a if type(g) is not Pending else g._p
    if array.dtype is not node.dtype and array.dtype != node.dtype:
        g = restore_dtype(g, node.dtype)
    table = leaves if type(node) is AccumulateGrad else gradients
    present = table.get(node)
    if present is None:
        table[node] = g
        if table is gradients:
            heappush(heap, (-node.seq, node))
    elif state.grad or type(present) is Pending or type(g) is Pending or type(present._a) is not type(g._a):
        table[node] = present + g
    elif node in owned:
        before_write(present._a)
        present._a += g._a
    else:
        table[node] = present + g
        owned.add(node)


def _accumulate(leaf: AccumulateGrad, g, owned: bool, create_graph: bool) -> None:
    variable = leaf.variable
    if variable.grad is None:
        if create_graph:
            variable.grad = g
        elif type(g) is Pending:
            variable.grad = own_copy(g)
        else:
            fresh = new(type_of_gradient(variable))
            # The gradient may be shared with another leaf or be a view: a leaf owns its own memory.
            fresh._a = g._a if owned else g._a.copy()
            fresh._v = [0]
            variable.grad = fresh
    elif create_graph:
        variable.grad = variable.grad + g
    else:
        grad = variable.grad
        if type(grad) is Pending or type(g) is Pending:
            _add_pending(variable, grad, g)
        elif grad._a.flags.writeable and grad._a.dtype == g._a.dtype and grad._a.shape == g._a.shape:
            before_write(grad._a)
            grad._a += g._a
            grad._v[0] += 1
        else:
            variable.grad = (grad + g).detach()
    if leaf.post_hooks:
        for hook in list(leaf.post_hooks.values()):
            hook(variable)


def _add_pending(variable, grad, g) -> None:
    """Adds a gradient that waits: into the memory of what is there, which others may look at."""
    if type(grad) is not Pending and grad._a.shape == g._p.shape and grad._a.dtype == g._p.dtype:
        grad.detach().add_(g)
    else:
        variable.grad = (grad + g).detach()


def type_of_gradient(variable):
    return Tensor


def bind(tensor_class, namespace_getter, sum_to_function, restore_function) -> None:
    """Called once by `tensor.py`: the tape needs the class and three helpers, they need the tape."""
    global Tensor, new, kernel_namespace, sum_to, restore_dtype
    Tensor, new = tensor_class, object.__new__
    kernel_namespace, sum_to, restore_dtype = namespace_getter, sum_to_function, restore_function


def bind_fusion(pending_class, pending_function, copy_function, together_function) -> None:
    """Called once by `fuse.py`."""
    global Pending, pending, own_copy, compute_together
    Pending, pending, own_copy, compute_together = pending_class, pending_function, copy_function, together_function
