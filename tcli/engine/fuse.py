"""Fusion: elementwise ops on large tensors wait, and run as one pass when somebody looks.

A `Pending` tensor has an expression (`_p`, see `symbols.py`) instead of an array. `defer` makes one by
taking an op down its ordinary road, with expressions in place of arrays: checks, promotion, the kernel,
the tape entry. Reading `_a` computes the value (`blocks.py`), and the tensor becomes an ordinary one; so
code that knows nothing of all this just works. Errors never come late: what cannot be deferred, for
whatever reason, is computed in the ordinary way, and that raises.

Writes: an expression reads the memory of its leaves later than the program says. `before_write` gives
expressions that still wait a copy of memory that is about to change; memory that left for NumPy may be
written at any time, so nothing waits on it.

`TCLI_FUSION=0` switches fusion off, `TCLI_FUSE_MIN` sets from how many elements ops wait.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock  # `threading` costs a one-liner an import
from _thread import _local as local
from weakref import ref

import numpy as np

from .. import native
from ..errors import ArgumentError, EngineError
from . import backward, blocks, dispatch, dtypes, overrides, tape, waiting
from .args import Size
from .device import CPU, backend
from .fields import new, stored_array
from .registry import plan_for
from .storage import address, by_rows, root_of
from .sums import row_sum
from .symbols import COPY, FINAL, Expr, NotFusable, Primitive, Reduction, build, symbols
from .tape import FLOAT32, FLOAT64, Node, Saved, edge_of, state
from .tensor import Tensor
from .threads import after_block
from .waiting import arrays, exposed, is_owned, leaf, note_reader, note_small, reads_exposed

MOST_STEPS = 192  # an expression of more steps than this is computed at once
_SMALL = tape.SMALL
MOST = 1 << 53  # integers up to here are floats, too
DEAR = 9  # a value that the tape keeps is stored rather than computed anew from this price on
# What compiled kernels do to arrays that are there is as soon done as deferred.
REDUCTIONS = frozenset(("sum", "mean", "amax", "amin", "_max_all", "_min_all", "_vector_norm"))
BY_ROWS = frozenset(("_softmax", "_log_softmax", "_softmax_adjoint", "_log_softmax_adjoint"))
ACTIVATIONS = {"relu": (False,), "_relu_adjoint": (), "gelu": ("none",), "_gelu_adjoint": ("none",)}  # and their options
WORTH = 1 << 18  # elements
MIDDLING = 1 << 21  # elements from which an activation is worth waiting: somebody may want no more than its sum
_lock = RLock()
_ndarray = np.ndarray


class Pending(Tensor):
    """A tensor whose value is still to be computed; it becomes a `Tensor` when that is needed."""

    __torch_function__ = overrides.disabled

    @property
    def shape(self):
        return Size(self._p.shape)

    @property
    def dtype(self):
        return dtypes.of_numpy(self._p.dtype)

    @property
    def device(self):
        return self._p.home or CPU

    @property
    def is_cpu(self) -> bool:
        return self._p.home is None

    @property
    def is_cuda(self) -> bool:
        return self._p.home is not None

    @property
    def ndim(self) -> int:
        return len(self._p.shape)

    def dim(self) -> int:
        return len(self._p.shape)

    ndimension = dim

    def numel(self) -> int:
        return self._p.size

    nelement = numel

    def size(self, dim=None):
        return Size(self._p.shape) if dim is None else Tensor.size(self, dim)

    @property
    def nbytes(self) -> int:
        return self._p.nbytes

    @property
    def itemsize(self) -> int:
        return self._p.dtype.itemsize

    element_size = itemsize.fget

    def __len__(self) -> int:
        return self._p.shape[0] if self._p.shape else Tensor.__len__(self)

    def detach(self):
        t = pending(self._p)
        t._v = self._v
        return t

    def __reduce_ex__(self, protocol):
        array_of(self)
        return Tensor.__reduce_ex__(self, protocol)

    def __copy__(self):
        array_of(self)
        return Tensor.__copy__(self)

    def as_subclass(self, cls):
        array_of(self)
        return Tensor.as_subclass(self, cls)

    def __getattr__(self, name: str):
        if name == "_a":
            return array_of(self)
        raise AttributeError(f"'Tensor' object has no attribute '{name}'", name=name, obj=self)

    def __setattr__(self, name: str, value) -> None:
        if name == "_a":
            _settle(self, value)
        else:
            object.__setattr__(self, name, value)


Pending.__name__ = Pending.__qualname__ = "Tensor"
Pending.__module__ = Tensor.__module__


def pending(e: Expr):
    """A tensor that stands for an expression."""
    t = new(Pending)
    t._p, t._v = e, [0]
    e.owners.append(ref(t))
    return t


def _settle(t, array) -> None:
    stored_array.__set__(t, array)  # before it is a `Tensor`: other threads may look
    t.__class__ = Tensor
    t.__dict__.pop("_p", None)


# ---------------------------------------------------------------- the switch

class _Peeking(local):
    on = False  # whether, in this thread, `_a` of a pending tensor is its expression


peeking = _Peeking()


class _Settings:
    __slots__ = ("minimum", "on")

    def __init__(self):
        self.on = os.environ.get("TCLI_FUSION", "1") != "0"
        text = os.environ.get("TCLI_FUSE_MIN", "")
        self.minimum = int(text) if text.isdigit() and int(text) else 1 << 18


settings = _Settings()


def set_fusion(on: bool = True, minimum: int | None = None) -> None:
    """Switches fusion on or off; `minimum` is the number of elements from which ops wait.

    >>> torch.set_fusion(True)
    """
    if minimum is not None and (type(minimum) is not int or minimum < 1):
        raise ArgumentError(f"set_fusion(): minimum must be a positive number of elements, not {minimum!r}")
    settings.on = bool(on)
    if minimum is not None:
        settings.minimum = minimum
    _publish()


def without_shortcuts() -> None:
    """From now on every call takes the long road, which makes the device of its operands the current one."""
    global _SMALL
    _SMALL = -1
    _publish()


def _publish() -> None:
    dispatch.LARGE = settings.minimum if settings.on else 1 << 62
    # The shortcuts for small tensors end where waiting begins.
    tape.SMALL = min(_SMALL, dispatch.LARGE - 1)
    for name in (".callables", ".options", ".quick_views", ".backward"):
        shortcuts = sys.modules.get(__package__ + name)
        if hasattr(shortcuts, "SMALL"):
            shortcuts.SMALL = tape.SMALL
    native.set_small(tape.SMALL)


def array_of(t):
    """`t._a` of a pending tensor: its expression while an op is being deferred, else the value, computed now."""
    if peeking.on:
        return t._p
    e = t.__dict__["_p"]
    if e.array is None:
        evaluate(e)
    if type(t) is Pending:
        _settle(t, e.array)
    elif "_p" in t.__dict__:
        del t.__dict__["_p"]
        t._a = e.array
    return t._a


# ---------------------------------------------------------------- deferring an op

class _Peek:
    """Inside, `_a` of pending tensors is their expression."""

    __slots__ = ("before",)

    def __enter__(self):
        self.before, peeking.on = peeking.on, True

    def __exit__(self, *_exc):
        peeking.on = self.before


peek = _Peek


def wanted(o, values: list) -> bool:
    """Whether an op should wait: one of its operands does, or is large; never once fusion is switched off."""
    if not settings.on:
        return False
    minimum = dispatch.LARGE
    name = o.name
    known = name in REDUCTIONS or name in BY_ROWS or name in ACTIVATIONS
    # Not where something is to be done after each block: a kernel would go through a mapped file in one go.
    if known and native.kernels is not None and not after_block and _is_at_once(o, values):
        return False
    for i in o.tensor_slots:
        t = values[i]
        kind = type(t)
        if kind is Pending or kind in dispatch.READY and type(t._a) in arrays and t._a.size >= minimum:
            return True
    return False


def _is_at_once(o, values: list) -> bool:
    """Whether an op reads arrays that are there; a reduction that has a gradient may never be looked at."""
    for i in o.tensor_slots:
        x = values[i]
        if type(x) not in dispatch.READY or state.grad and x._rg and o.name in REDUCTIONS:
            return False
        a = x._a
        if type(a) is not np.ndarray or a.size < WORTH or a.dtype not in dispatch.FLOATS or not a.flags.c_contiguous:
            return False
    options = ACTIVATIONS.get(o.name)
    if options is not None:
        return a.dtype is FLOAT32 and a.size < MIDDLING and tuple(values[len(o.tensor_slots):]) == options
    return o.name in REDUCTIONS or values[-1] == values[0]._a.ndim - 1


def defer(o, values: list):
    """The pending result of an op, or None: then the ordinary way must be taken."""
    if o.rows is True and o.index.keys().isdisjoint(("dim", "dims")) and not all(map(_lies_in_rows, values)):
        return None  # what a pass computes element by element lies as its operands do
    try:
        with _Peek():
            return _deferred(o, list(values))
    except Exception:  # the ordinary way fails in the right words, if it fails
        return None


def _lies_in_rows(value) -> bool:
    return type(value) not in dispatch.READY or type(value._a) is not np.ndarray or value._a.flags.c_contiguous


def defer_pair(o, ufunc, x, other):
    """`defer` for what most binary ops are called with: tensors of one plain float type and shape, or one and a number."""
    if not settings.on or len(arrays) > 1:
        return None
    a, b = _operand(x), _operand(other)
    if type(a) is Expr:
        if type(b) is not Expr:
            b = None if b is None else np.array(b, a.dtype)
        elif a.shape != b.shape or a.dtype is not b.dtype:
            return None
        first = a
    else:
        first = b
        a = None if a is None or type(b) is not Expr else np.array(a, b.dtype)
    if a is None or b is None:
        return None
    return _finished(o, (x, other, *o.defaults[2:]), Expr(ufunc, (a, b), first.dtype, first.shape))


def defer_one(o, ufunc, x):
    """`defer` for an op of one tensor of a plain float type."""
    if not settings.on or len(arrays) > 1:
        return None
    a = _operand(x)
    return _finished(o, (x, *o.defaults[1:]), Expr(ufunc, (a,), a.dtype, a.shape)) if type(a) is Expr else None


def _operand(t):
    """The expression of a tensor that waits or is large; a number as it is; None for anything else."""
    kind = type(t)
    if kind is Pending:
        e = t.__dict__["_p"]
        return e if e.dtype is FLOAT32 or e.dtype is FLOAT64 else None
    if kind in dispatch.READY:
        a = t._a
        large = type(a) is np.ndarray and a.size >= dispatch.LARGE and (a.dtype is FLOAT32 or a.dtype is FLOAT64)
        return leaf(a) if large else None
    return t if kind is float or kind is int and -MOST <= t <= MOST else None


def _finished(o, values: tuple, e: Expr):
    """`_tensor_for` where most often nothing is recorded."""
    if state.grad and o.rules and any(type(v) in dispatch.TENSORS and v._rg for v in values):
        with _Peek():
            return _tensor_for(o, values, e)
    t = pending(e)
    if state.inference:
        t._inference = True
    if e.weight > MOST_STEPS or exposed and reads_exposed(e):
        evaluate(e)
    return t


def _deferred(o, values: list):
    symbolic = _plain_operands(o, values)
    plain = symbolic is not None
    if plain:
        if o.check is not None:
            o.check(values)
    else:
        dispatch.normalise(o, values)
        if o.check is not None:
            o.check(values)
        if o.promote is not None:
            dispatch.promote(o, values)
        symbolic, fusable = _operands(o, values)
        if not fusable:
            return None
    home = _home([symbolic[i] for i in o.tensor_slots]) if len(arrays) > 1 else None
    if plain and o.fuse is True and type(o.ufunc) is str:
        raw = build(getattr(symbols, o.ufunc), [symbolic[i] for i in o.tensor_slots])
    else:
        rule = o.fuse if callable(o.fuse) else dispatch.kernel_of(o)
        raw = rule(symbols, *symbolic)
    if type(raw) is not Expr or raw.dtype.kind == "c" or home is not None and not backend(home).covers(raw, symbolic):
        return None
    if any(raw is s for s in symbolic):
        raw = Expr(COPY, (raw,), raw.dtype, raw.shape)
    if not plain and o.half and o.promote != "compare":
        raw = dispatch._round_halves(o, values, raw)
    return _tensor_for(o, values, raw)


def _home(operands: list):
    """The one device of all operands but the numbers among them."""
    homes = {e.home for e in operands if type(e) is Expr}
    if len(homes) > 1:
        homes.discard(None)
        if len(homes) > 1 or any(type(e) is Expr and e.home is None and (e.array is None or e.shape) for e in operands):
            raise NotFusable("tensors on several devices")
    return next(iter(homes), None)


def _plain_operands(o, values: list) -> list | None:
    """The kernel's arguments where all tensors are of one of the two plain float types and all options unchanged."""
    symbolic, slots, d = list(values), o.tensor_slots, None
    for i, value in enumerate(values):
        if i not in slots:
            if value is not o.defaults[i]:
                return None
            continue
        kind = type(value)
        if kind is Pending:
            e = value._p
        elif kind in dispatch.READY:
            if type(value._a) not in arrays or value._a.dtype not in dispatch.FLOATS:
                return None
            e = leaf(value._a)
        elif kind is float or kind is int or value is None and i and o.defaults[i] is None:
            continue
        else:
            return None
        if e.dtype is not d:
            if d is not None or e.dtype not in dispatch.FLOATS:
                return None
            d = e.dtype
        symbolic[i] = e
    return symbolic if d is not None else None


def _operands(o, values: list) -> tuple[list, bool]:
    """The kernel's arguments with expressions for tensors, and whether all can take part."""
    symbolic, large = list(values), False
    for i in o.tensor_slots:
        t = values[i]
        if not isinstance(t, Tensor):
            continue
        a = t._a
        if a.dtype.kind == "c" or t._half_complex:
            return symbolic, False
        if type(a) is not Expr:
            if type(a) not in arrays:
                return symbolic, False
            a = leaf(a)
        large = large or a.size >= dispatch.LARGE or a.array is None
        symbolic[i] = a.astype(np.float32) if o.half and dispatch.is_half(a.dtype) else a
    return symbolic, large


def _tensor_for(o, values: list, e: Expr):
    """The tensor of a deferred result, with its tape entry."""
    if not e.size:
        return None
    t = pending(e)
    if state.inference:
        t._inference = True
    if state.grad and o.rules and e.dtype.kind in "fV":
        _record(o, values, t, e)
    if e.array is None and (type(e.fn) in FINAL or e.size < dispatch.LARGE):
        note_small(e)
    now = e.array is None and e.weight > MOST_STEPS or exposed and reads_exposed(e)
    if now:
        evaluate(e)
    return t


def _record(o, values: list, t, e: Expr) -> None:
    """The tape entry of a deferred op; what it saves of expressions are expressions."""
    edges = [edge_of(v) if isinstance(v, Tensor) else None for v in [values[i] for i in o.tensor_slots]]
    if not any(edge is not None for edge in edges):
        return
    plan = plan_for(o, (*[edge is not None for edge in edges], False))
    if not plan.rules:
        return
    node = Node(o, plan, edges, None, e)
    node.saved = [dispatch.keep(fetch, values, (t,), node) for fetch in plan.saves]
    if o.grad_name_ is not None and type(o.grad_name_) is not str:
        node._name = o.grad_name_(*values)
    for saved in node.saved:
        if type(saved) is Saved and type(saved.array) is Expr:
            saved.array.kept = ref(node)
    t._node, t._rg = node, True


# ---------------------------------------------------------------- computing

def evaluate(e: Expr, into=None) -> None:
    """Computes an expression, and with it what is better stored on the way."""
    with _lock:
        if e.array is not None:
            return
        before, peeking.on = peeking.on, False
        try:
            _evaluate(e, into)
        except MemoryError as error:
            raise EngineError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: "
                              f"{error}") from None
        finally:
            peeking.on = before


def _evaluate(e: Expr, into) -> None:
    if into is None and e.batch is None and e.home is None and type(e.fn) in (np.ufunc, Primitive, Reduction):
        found = blocks.reduce_alone(e) if type(e.fn) is Reduction else blocks.run_alone(e)
        if found is not None:
            _found(e, found)
            return
    inner, shape = _prepare(e), _pass_shape(e)
    if e.array is not None:  # with what it was prepared with
        if into is not None:
            np.copyto(into, e.array)
        return
    together = [e] + [x for x in inner if x.array is None and _worth_storing(x)]
    for x in e.batch or ():
        other = x()
        if other is not None and other.array is None and other.home == e.home and _pass_shape(other) == shape and all(
                other is not o for o in together):
            _prepare(other)
            together.append(other)
    if not _run(together, shape, into):
        for x in together:
            if x.array is None and not _run([x], shape, into if x is e else None):
                _store_inputs_first(x)
    for x in inner:
        if x.array is None:
            x.uses += 1


def _run(together: list, shape: tuple, into) -> bool:
    """Computes expressions in one pass, if there is a way to."""
    outputs = [x for x in together if type(x.fn) not in FINAL]
    reduced = [x for x in together if type(x.fn) in FINAL]
    run = blocks.run if together[0].home is None else backend(together[0].home).fused
    results = run(outputs, reduced, shape, None if into is None else [into] + [None] * (len(outputs) - 1))
    if results is None:
        return False
    for x, array in zip(outputs + reduced, results, strict=True):
        _found(x, array)
    return True


def _found(e: Expr, array) -> None:
    """The value of an expression is known: its tensors get it, and others may read it later."""
    e.settle(array)
    for weak in e.owners:
        t = weak()
        if type(t) is Pending and t._p is e:
            _settle(t, array)
    e.owners = []
    note_reader(e)


def _store_inputs_first(e: Expr) -> None:
    """A reduction over axes that no block can cover, or too much for one kernel: of stored values, in NumPy's way."""
    for a in e.args:
        if type(a) is Expr and a.array is None:
            _evaluate(a, None)
    how = e.fn
    if e.home is not None:
        _run([e], _pass_shape(e), None)
        return
    if type(how) is Reduction:
        found = by_rows(np.asarray(_reduced(how, e.args[0].array)), ())
    else:
        found = np.empty(e.shape, e.dtype)
        rows = [np.ascontiguousarray(a.array).reshape(-1, a.shape[-1]) for a in e.args]
        how.kernel(*rows, found.reshape(rows[0].shape if how.same else -1))
    _found(e, found)


def _reduced(how: Reduction, x: np.ndarray):
    """What a reduction gives for an array: a sum along one dim with others behind it in pieces of rows."""
    axes = how.axes
    if how.ufunc is np.add and len(axes) == 1 and axes[0] < x.ndim - 1 and x.dtype == how.dtype and x.dtype.char in "fd":
        axis, = axes
        rows = np.ascontiguousarray(x).reshape(*x.shape[:axis + 1], -1)
        shape = [*x.shape[:axis], *((1,) if how.keepdims else ()), *x.shape[axis + 1:]]
        return row_sum(rows).reshape(shape)
    return how.ufunc.reduce(x, axes, how.dtype, None, how.keepdims)


def _pass_shape(e: Expr) -> tuple:
    """The shape of what runs through the blocks for `e`."""
    return e.args[0].shape if type(e.fn) in FINAL else e.shape


def _prepare(e: Expr) -> list:
    """Computes what is of another shape than the group of `e`; the steps of the group, without `e`."""
    inner, seen, stack, shape = [], {id(e)}, [e], _pass_shape(e)
    while stack:
        for a in stack.pop().args:
            if type(a) is not Expr or a.array is not None or id(a) in seen:
                continue
            seen.add(id(a))
            if a.shape != shape or type(a.fn) in FINAL:
                _evaluate(a, None)
            else:
                inner.append(a)
                stack.append(a)
    return inner


def _worth_storing(e: Expr) -> bool:
    """Whether a value on the way is better kept than computed again when it is asked for."""
    node = e.kept() if e.kept is not None else None
    if node is not None and node.saved is not None:
        return e.price >= DEAR or e.uses > 0
    return e.uses > 0 and is_owned(e)


def compute_together(tensors: list) -> None:
    """When one of these pending tensors is computed, all are: they come from one graph."""
    batch = [ref(t._p) for t in tensors if type(t) is Pending]
    if len(batch) > 1:
        for weak in batch:
            weak().batch = batch


def write_into(x, result) -> bool:
    """Computes a pending result straight into the memory of `x`; False where that is not possible."""
    e, a = result._p, x._a
    if e.array is not None or e.shape != a.shape or e.dtype != a.dtype or type(a) not in arrays or _reads_askew(e, a):
        return False
    evaluate(Expr(COPY, (e,), e.dtype, e.shape) if getattr(e.fn, "apart", False) else e, a)
    return True


def _reads_askew(e: Expr, a) -> bool:
    """Whether an expression reads the memory of `a` in another order than it would be written there."""
    seen, stack, root = set(), [e], root_of(a)
    while stack:
        x = stack.pop()
        if type(x) is not Expr or id(x) in seen:
            continue
        seen.add(id(x))
        b = x.array
        if b is None:
            stack.extend(x.args)
        elif type(b) is not type(a):
            if b.ndim or e.home is None:
                return True
        elif root_of(b) is root and (b.strides != a.strides or b.shape != a.shape or address(b) != address(a)):
            return True
    return False


def own_copy(g):
    """A gradient that waits, for a leaf: two leaves never share memory."""
    e = g._p
    if e.claimed or e.array is not None or any(weak() not in (g, None) for weak in e.owners):
        e = Expr(COPY, (e,), e.dtype, e.shape)
    e.claimed = True
    return pending(e)


dispatch.bind_fusion(Pending, wanted, defer, write_into, peek)
waiting.bind_evaluate(evaluate)
tape.bind_fusion(pending)
backward.bind_fusion(Pending, own_copy, compute_together)
_publish()
