"""The backward pass: how gradients flow back through the tape.

`run` walks the nodes from newest to oldest: an input's node is always older than its op's, so one heap ordered by `seq`
needs no counting of users. Broadcasting is undone and dtypes are restored here; a rule only says what the gradient is.

A gradient under way is a tensor, or a plain array where it is small, real and will not itself be differentiated: the ops
with a `raw_vjp` then run without a tensor being made at all.
"""

from __future__ import annotations

from heapq import heappop, heappush, heappushpop
from sys import getrefcount

import numpy as np

from .. import native
from . import node_view
from .hooks import run_hooks
from .memory import Lease
from .sums import small_sum
from .tape import (
    FLOAT32,
    FLOAT64,
    NODES,
    SMALL,
    AccumulateGrad,
    Pick,
    Saved,
    joint_edges,
    ndarray,
    new,
    observers,
    state,
    unpack,
)
from .waiting import before_write, readers

asarray, add = np.asarray, np.add

def run(roots, root_gradients, *, retain_graph: bool, create_graph: bool, inputs=None) -> dict | None:
    """Sends gradients from `roots` (nodes) backwards.

    Without `inputs` leaf tensors accumulate into `.grad` and None is returned; with `inputs` (nodes)
    nothing is accumulated and {node: gradient} comes back.
    """
    before = state.grad, state.roots, state.wanted
    state.grad, state.roots, state.wanted = create_graph, roots, None
    try:
        found = native.walk_graph(roots, root_gradients, retain_graph, create_graph, inputs)
        if found is not False:
            return found
        captured: dict | None = {} if inputs is not None else None
        state.wanted = wanted = None if inputs is None else _ancestors(roots, set(inputs))
        _walk(roots, root_gradients, retain_graph, create_graph, inputs, captured, wanted)
        return captured
    finally:
        state.grad, state.roots, state.wanted = before


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


def reached_from(roots) -> set:
    """All nodes that a backward pass from `roots` comes to."""
    seen: set = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack.extend(node.edges)
    return seen


def run_scalar(t, retain_graph) -> bool:
    """`run` from one real number, whose gradient is 1, to all leaves: what `loss.backward()` mostly is.

    False where `t` is something else.
    """
    node, a = t._node, t._a if type(t) is not Pending else None
    if type(node) not in NODES or type(a) is not ndarray or a.shape or state.trace or observers:
        return False
    one = ONES.get(a.dtype)
    if one is None:
        return False
    before = state.grad, state.roots, state.wanted
    state.grad, state.roots, state.wanted = False, (node,), None
    try:
        _walk_arrays(node, one, retain_graph)
    finally:
        state.grad, state.roots, state.wanted = before
    return True


def _walk(roots, root_gradients, retain_graph, create_graph, inputs, captured, wanted) -> None:
    """Takes the nodes from newest to oldest."""
    queue: tuple = ({}, set(), [], {})  # gradients by node, nodes whose gradient is theirs alone, heap, gradients of leaves
    for node, g in zip(roots, root_gradients, strict=True):
        _send(queue, node, g)
    _walk_on(queue, retain_graph, create_graph, inputs, captured, wanted)


def _walk_on(queue, retain_graph, create_graph, inputs=None, captured=None, wanted=None) -> None:
    gradients, owned, heap, leaves = queue
    stop = set(inputs) if inputs is not None else None
    k, on_arrays = raw_names, not observers
    while heap:
        node = heappop(heap)[1]
        g = gradients.pop(node)
        values = None
        if type(g) is ndarray and type(node) in NODES and on_arrays and (stop is None or node not in stop):
            values = _arrays_for(node)
        if values is None:
            _step(node, g, queue, create_graph, stop, captured, wanted)
        else:
            for index, rule, slots in node.plan.raw:
                if type(index) is not int:
                    for edge, r in _joint_raw(node, index, rule, slots, g, wanted, values):
                        _send_raw(queue, edge, r)
                    continue
                edge = node.edges[index]
                if edge is None or wanted is not None and edge not in wanted:
                    continue
                r = rule(k, g, *values) if slots is None else rule(k, g, *[values[i] for i in slots])
                if r is not None:
                    _send_raw(queue, edge, r)
        if not retain_graph:
            node.free()
    node = g = r = values = None
    _finish(leaves, owned, stop, captured, create_graph)


def _walk_arrays(node, g, retain_graph) -> None:
    """`_walk` from one node to all leaves, as long as gradients are small arrays: the loop of most backward passes.

    Written out in one piece: a call saved here is saved for every op. The newest node that waits, `nearest`, and its
    gradient are kept out of the heap, so that a chain of ops needs none.
    """
    if native.walk_arrays(node, g, retain_graph):
        return
    gradients: dict = {}
    heap: list = []
    leaves: dict = {}
    queue = (gradients, set(), heap, leaves)
    k = raw_names
    while True:
        saved = node.saved if type(node) in NODES else None
        raw = node.plan.raw if saved is not None and node.hooks is None and type(g) is ndarray else None
        kept, values = False, saved
        if raw is not None and saved:
            values = []
            for s in saved:
                if type(s) is Saved:
                    a = s.array
                    # A value that was modified since may still be one that no rule asks for: the long road finds out.
                    if s.versions[0] != s.version or type(a) is not ndarray or s.hooked is not None or a.size > SMALL:
                        raw = None
                        break
                    values.append(a)
                    kept = True
                else:
                    values.append(s)
        if raw is None:
            gradients[node] = g
            heappush(heap, (-node.seq, node))
            node = g = r = nearest = after = values = s = a = None
            _walk_on(queue, retain_graph, False)
            return
        edges, nearest = node.edges, None
        for index, rule, slots in raw:
            if type(index) is not int:
                if nearest is not None:
                    gradients[nearest] = after
                    heappush(heap, (-nearest.seq, nearest))
                    nearest = None
                for edge, r in _joint_raw(node, index, rule, slots, g, None, values):
                    _send_raw(queue, edge, r)
                continue
            edge = edges[index]
            if edge is None:
                continue
            if slots is not None:
                r = rule(k, g, *[values[i] for i in slots])
            elif not values:
                r = rule(k, g)
            elif len(values) == 1:
                r = rule(k, g, values[0])
            else:
                r = rule(k, g, *values)
            if type(r) is not ndarray:
                if r is None:
                    continue
                r = asarray(r)
            is_leaf = type(edge) is AccumulateGrad
            target = edge.variable._a if is_leaf else edge
            if r.shape != target.shape:
                r = sum_array(r, target.shape)
            if r.dtype is not target.dtype or r.size > SMALL or edge in leaves or edge in gradients:
                if edge is nearest:
                    gradients[nearest] = after
                    heappush(heap, (-nearest.seq, nearest))
                    nearest = None
                _send_raw(queue, edge, r)
            elif is_leaf:
                leaves[edge] = r
            elif edge is nearest:
                after = asarray(after + r)
            elif nearest is None:
                nearest, after = edge, r
            else:
                gradients[edge] = r
                heappush(heap, (-edge.seq, edge))
        if not retain_graph and saved and (kept or node.op.frees):
            node.saved = None
        if nearest is None:
            if not heap:
                break
            node = heappop(heap)[1]
            g = gradients.pop(node)
        elif heap and -heap[0][0] > nearest.seq:
            gradients[nearest] = after
            node = heappushpop(heap, (-nearest.seq, nearest))[1]
            g = gradients.pop(node)
        else:
            node, g = nearest, after
    node = g = r = after = values = saved = s = a = None
    _finish(leaves, queue[1], None, None, False)


def steps() -> dict:
    """What the walks in compiled code call and look at, by the names that they know."""
    return {"raw_names": raw_names, "rule_names": rule_names, "send": _send, "send_raw": _send_raw, "sum_array": sum_array,
            "sum_to": sum_to, "unpack": unpack, "walk_on": _walk_on, "finish": _finish, "observers": observers, "ones": ONES}


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
        g = run_hooks(node, g)
    if stop is not None and node in stop:
        captured[node] = g
        if not any(edge in wanted for edge in node.edges):
            return
    if wanted is not None and node not in wanted:
        return
    if type(node) is not Pick and node.before:
        g = node_view.through_prehooks(node, g)
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
                    own = getrefcount(g) == 2 and g.flags.carray and (g.base is None or _holds_alone(g))
                    leaf.variable.grad = wrapped(g if own else g.copy())
                elif not _added(grad, g):
                    _accumulate(leaf, wrapped(g), False, False)
                    continue
                if leaf.post_hooks:
                    _run_post_hooks(leaf)
                continue
            g = wrapped(g)
        if leaf.hooks:
            g = run_hooks(leaf, g)
        if stop is not None:
            if leaf in stop:
                captured[leaf] = g
            continue
        if leaf.before:
            g = node_view.through_prehooks(leaf, g)
        _accumulate(leaf, g, leaf in owned, create_graph)
    if waiting and stop is None:
        compute_together([variable.grad for variable in waiting])


def _holds_alone(a) -> bool:
    """Whether nothing but `a` holds its memory: of its own, lent by the pool, or that of an array that is otherwise gone."""
    base = a.base
    while base is not None and type(base) is not Lease:
        if type(base) is not ndarray or base.nbytes != a.nbytes or getrefcount(base) != 3:
            return False
        base, a = base.base, base
    return base is None or getrefcount(base) == 3


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
    edges = joint_edges(node, index)
    need = [e is not None and (wanted is None or e in wanted) for e in edges]
    if True not in need:
        return ()
    results = rule(raw_names, g, need, *(values if slots is None else [values[i] for i in slots]))
    return [(e, r) for e, needed, r in zip(edges, need, results, strict=True) if needed and r is not None]


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
    if readers:
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
            a = g._a
            if not owned and not (getrefcount(g) == 3 and getrefcount(a) == 3 and type(a) is ndarray and a.flags.carray
                                  and _holds_alone(a)):
                a = a.copy()
            fresh._a = a
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
    """Called once by `tensor.py`: this needs the class and the helpers, they need the tape."""
    global Tensor, rule_names, raw_names, sum_to, restore_dtype
    Tensor = tensor_class
    rule_names, raw_names, sum_to, restore_dtype = names, names_on_arrays, sum_to_function, restore_function


def bind_fusion(pending_class, copy_function, together_function) -> None:
    """Called once by `fuse.py`."""
    global Pending, own_copy, compute_together
    Pending, own_copy, compute_together = pending_class, copy_function, together_function
