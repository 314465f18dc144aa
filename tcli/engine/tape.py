"""The tape: what was computed, and how gradients flow back through it.

An op that runs on a tensor requiring gradients makes a `Node`: the op, the nodes of its inputs
(`edges`), the values its gradient rules ask for (`saved`) and the place in the program. Edges point
to nodes and never to intermediate tensors, so that a value nobody saved is freed at once. `run`
walks the nodes from newest to oldest: an input's node is always older than its op's, so one heap
ordered by `seq` needs no counting of users. The tape undoes broadcasting and restores dtypes; a
rule only says what the gradient is. This file knows no op by name.

A gradient under way is a tensor, or a plain array where it is small, real and will not itself be
differentiated: the ops with a `raw_vjp` then run without a tensor being made at all.
"""

from __future__ import annotations

import sys
from heapq import heappop, heappush, heappushpop
from itertools import count
from sys import getrefcount

import numpy as np

from .. import source
from ..errors import EngineError, GradError
from . import node_view
from .sums import small_sum
from .symbols import Expr
from .waiting import before_write

_sequence = count(1)
next_sequence = _sequence.__next__

ndarray, asarray, add, new = np.ndarray, np.asarray, np.add, object.__new__
FLOAT32, FLOAT64 = np.dtype("float32"), np.dtype("float64")
SMALL = 1 << 14  # elements: above that a tensor costs nothing beside the arithmetic


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
    place = None

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
        return _kept(self.after, hook)

    def register_prehook(self, hook):
        """`hook(grad_outputs)` before that."""
        return add_hook(self, lambda g: _only(hook((g,))))

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
        edges = _joint_edges(self, index)
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
        return saved.hooked[1](saved.hooked[0])
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
    return _kept(node.hooks, hook)


def _kept(hooks: dict, hook) -> RemovableHandle:
    key = next(_hook_ids)
    hooks[key] = hook
    return RemovableHandle(hooks, key)


def _only(result):
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


def run_scalar(t, retain_graph) -> bool:
    """`run` from one real number, whose gradient is 1, to all leaves: what `loss.backward()` mostly is.

    False where `t` is something else.
    """
    node, a = t._node, t._a if type(t) is not Pending else None
    if type(node) not in NODES or type(a) is not ndarray or a.shape or state.trace:
        return False
    one = ONES.get(a.dtype)
    if one is None:
        return False
    before = state.grad
    state.grad = False
    try:
        _walk((), (), retain_graph, False, None, None, None, node, one)
    finally:
        state.grad = before
    return True


def _walk(roots, root_gradients, retain_graph, create_graph, inputs, captured, wanted, nearest=None, first=None) -> None:
    """Takes the nodes from newest to oldest: `nearest` is the newest so far that is not in the heap."""
    gradients: dict = {} if nearest is None else {nearest: first}
    owned: set = set()
    heap: list = []
    leaves: dict = {}
    queue = (gradients, owned, heap, leaves)
    for node, g in zip(roots, root_gradients, strict=True):
        _send(queue, node, g)
    stop = set(inputs) if inputs is not None else None
    k, on_arrays = raw_names, not observers
    while heap or nearest is not None:
        if nearest is None:
            node = heappop(heap)[1]
        elif heap and -heap[0][0] > nearest.seq:
            node = heappushpop(heap, (-nearest.seq, nearest))[1]
        else:
            node = nearest
        nearest = None
        g = gradients.pop(node)
        values = None
        if type(g) is ndarray and type(node) in NODES and on_arrays and (stop is None or node not in stop):
            saved = node.saved
            values = _arrays_for(node) if saved or saved is None or node.hooks is not None or node.plan.raw is None else saved
        if values is None:
            _step(node, g, queue, create_graph, stop, captured, wanted)
            if not retain_graph:
                node.free()
            continue
        # Written out in one piece: a call saved here is saved for every op of every backward pass.
        edges = node.edges
        for index, rule, slots in node.plan.raw:
            if type(index) is not int:
                for edge, r in _joint_raw(node, index, rule, slots, g, wanted, values):
                    _send_raw(queue, edge, r)
                continue
            edge = edges[index]
            if edge is None or wanted is not None and edge not in wanted:
                continue
            r = rule(k, g, *values) if slots is None else rule(k, g, *[values[i] for i in slots])
            if type(r) is not ndarray:
                if r is None:
                    continue
                r = asarray(r)
            if type(edge) is AccumulateGrad:
                target, table = edge.variable._a, leaves
            else:
                target, table = edge, gradients
            if r.shape != target.shape:
                r = sum_array(r, target.shape)
            if edge in table or r.dtype is not target.dtype or r.size > SMALL:
                _send_raw(queue, edge, r)
                continue
            table[edge] = r
            if table is gradients:
                if nearest is None:
                    nearest = edge
                else:
                    heappush(heap, (-edge.seq, edge))
        if not retain_graph and values:
            node.free()
    node = g = r = values = saved = None
    _finish(leaves, owned, stop, captured, create_graph)


def _arrays_for(node) -> list | None:
    """What the rules of `node` on arrays need, or None where they cannot run."""
    saved = node.saved
    if saved is None or node.plan.raw is None or node.hooks is not None:
        return None
    values: list = []
    for s in saved:
        if type(s) is Saved:
            a = s.array
            # A value that was modified since may still be one that no rule asks for: the long road finds out.
            if s.versions[0] != s.version or type(a) is not ndarray or a.size > SMALL or s.hooked is not None:
                return None
            values.append(a)
        else:
            values.append(s)
    return values


def _step(node, g, queue, create_graph: bool, stop, captured, wanted) -> None:
    """Runs one node on tensors."""
    if type(g) is ndarray:
        g = wrapped(g)
    queue[1].discard(node)
    if node.hooks and type(g) is not list:
        g = _run_hooks(node, g)
    if stop is not None and node in stop:
        captured[node] = g
        if not any(edge in wanted for edge in node.edges):
            return
    if type(node) is Pick:
        _send_to_output(queue, node, g)
    elif observers:
        _observed(node, g, create_graph, wanted, queue)
    elif node.after:
        for edge, r in node_view.through_hooks(node, g, node.apply(g, create_graph, wanted), sum_to):
            _send(queue, edge, r)
    elif type(node) in NODES:
        _run_rules(node, g, create_graph, wanted, queue)
    else:
        for edge, r in node.apply(g, create_graph, wanted):
            _send(queue, edge, r)


def _finish(leaves: dict, owned: set, stop, captured, create_graph: bool) -> None:
    """Hands every leaf what arrived for it."""
    waiting = []
    for leaf in list(leaves):
        g = leaves.pop(leaf)
        if not leaf.variable._rg:  # it was detached since
            continue
        if type(g) is Pending:
            waiting.append(leaf.variable)
        if type(g) is ndarray:
            if leaf.hooks is None and stop is None:
                grad = leaf.variable.grad
                if grad is None:
                    # Where nobody else holds the array, the leaf takes it as it is.
                    own = getrefcount(g) == 2 and g.base is None and g.flags.carray
                    leaf.variable.grad = wrapped(g if own else g.copy())
                elif not _added(grad, g):
                    _accumulate(leaf, wrapped(g), False, False)
                    continue
                if leaf.post_hooks:
                    _run_post_hooks(leaf)
                continue
            g = wrapped(g)
        if leaf.hooks:
            g = _run_hooks(leaf, g)
        if stop is not None:
            if leaf in stop:
                captured[leaf] = g
        else:
            _accumulate(leaf, g, leaf in owned, create_graph)
    if waiting and stop is None:
        compute_together([variable.grad for variable in waiting])


# ---------------------------------------------------------------- gradients as plain arrays

ONES = {d: np.ones((), d) for d in (FLOAT32, FLOAT64)}
for _one in ONES.values():
    _one.flags.writeable = False


def wrapped(array):
    """A gradient array as a tensor."""
    t = new(Tensor)
    t._a, t._v = array if array.flags.writeable or array.size > SMALL else array.copy(), [0]
    return t


def _joint_raw(node, index, rule, slots, g, wanted, values):
    edges = _joint_edges(node, index)
    need = [e is not None and (wanted is None or e in wanted) for e in edges]
    if True not in need:
        return ()
    results = rule(raw_names, g, need, *(values if slots is None else [values[i] for i in slots]))
    return [(e, r) for e, needed, r in zip(edges, need, results, strict=True) if needed and r is not None]


def _joint_edges(node, index) -> list:
    picks = index[2] if len(index) > 2 and index[2] else range(index[0], len(node.edges) if index[1] is None else index[1])
    return [node.edges[i] for i in picks]


def _send_raw(queue, node, g) -> None:
    """`_send` for an array: the gradient of a small real tensor."""
    if type(g) is not ndarray:
        g = np.asarray(g)
    if type(node) is AccumulateGrad:
        target, table = node.variable._a, queue[3]
    else:
        target, table = node, queue[0]
    shape, dtype = target.shape, target.dtype
    if g.shape != shape:
        g = sum_array(g, shape)
    if g.dtype is not dtype or g.size > SMALL:
        _send(queue, node, wrapped(g))
        return
    present = table.get(node)
    if present is None:
        table[node] = g
        if target is node:
            heappush(queue[2], (-node.seq, node))
    elif type(present) is ndarray:
        table[node] = np.asarray(present + g)
    else:
        _send_tensor(queue, node, wrapped(g))


_dims: dict = {}


def sum_array(g, shape: tuple):
    """`g` summed over the dims along which an array of `shape` was broadcast."""
    have = g.shape
    found = _dims.get((have, shape))
    if found is None:
        lead = len(have) - len(shape)
        dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and have[i + lead] != 1)
        found = (dims[0] if len(dims) == 1 else dims, lead == len(dims), lead)
        if len(_dims) > 500:
            _dims.clear()
        _dims[have, shape] = found
    dims, only_lead, lead = found
    if lead < 0:
        return g.reshape(shape)
    if only_lead:
        return asarray(np.add.reduce(g, dims) if shape else small_sum(g, None))
    return np.add.reduce(g, dims, keepdims=True).reshape(shape)


def _added(grad, g) -> bool:
    """Adds an array to a gradient in place; says whether it could."""
    a = grad._a
    if type(a) is not ndarray or a.dtype is not g.dtype or a.shape != g.shape:
        return False
    before_write(a)
    try:
        add(a, g, a)
    except ValueError:  # the memory is read-only
        return False
    grad._v[0] += 1
    return True


def _run_post_hooks(leaf: AccumulateGrad) -> None:
    for hook in list(leaf.post_hooks.values()):
        hook(leaf.variable)


# ---------------------------------------------------------------- gradients as tensors

def _run_rules(node, g, create_graph: bool, wanted, queue) -> None:
    """`Node.apply` without the generator: the common case of every backward pass."""
    saved, edges = node.saved, node.edges
    if saved is None:
        list(node.apply(g, create_graph, wanted))  # raises
    k = rule_names
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
    """Adds gradient `g`, a tensor, to what `node` has received so far."""
    array = g._a if type(g) is not Pending else g._p
    if array.shape != node.shape:
        g = sum_to(g, node.shape)
        array = g._a if type(g) is not Pending else g._p
    if array.dtype is not node.dtype and array.dtype != node.dtype:
        g = restore_dtype(g, node.dtype)
        array = g._a
    if type(array) is ndarray and not state.grad and array.size <= SMALL and (
            array.dtype is FLOAT32 or array.dtype is FLOAT64) and node.dtype is array.dtype:
        _send_raw(queue, node, array)
    else:
        _send_tensor(queue, node, g)


def _send_tensor(queue, node, g) -> None:
    gradients, owned, heap, leaves = queue
    table = leaves if type(node) is AccumulateGrad else gradients
    present = table.get(node)
    if type(present) is ndarray:
        present = wrapped(present)
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
            fresh = new(Tensor)
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
        elif getattr(grad._a.flags, "writeable", True) and grad._a.dtype == g._a.dtype and grad._a.shape == g._a.shape:
            before_write(grad._a)
            grad._a += g._a
            grad._v[0] += 1
        else:
            variable.grad = (grad + g).detach()
    if leaf.post_hooks:
        _run_post_hooks(leaf)


def _add_pending(variable, grad, g) -> None:
    """Adds a gradient that waits: into the memory of what is there, which others may look at."""
    if type(grad) is not Pending and grad._a.shape == g._p.shape and grad._a.dtype == g._p.dtype:
        grad.detach().add_(g)
    else:
        variable.grad = (grad + g).detach()


def bind(tensor_class, names, names_on_arrays, sum_to_function, restore_function) -> None:
    """Called once by `tensor.py`: the tape needs the class and the helpers, they need the tape."""
    global Tensor, rule_names, raw_names, sum_to, restore_dtype
    Tensor = tensor_class
    rule_names, raw_names, sum_to, restore_dtype = names, names_on_arrays, sum_to_function, restore_function


def bind_fusion(pending_class, pending_function, copy_function, together_function) -> None:
    """Called once by `fuse.py`."""
    global Pending, pending, own_copy, compute_together
    Pending, pending, own_copy, compute_together = pending_class, pending_function, copy_function, together_function
