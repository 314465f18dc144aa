"""From a call to a result: binding, promotion, the kernel, the tape entry and the in-place forms.

`execute` is the one road that every op can take; `callables.py` puts shortcuts in front of it.
"""

from __future__ import annotations

from weakref import ref

import numpy as np

from ..errors import ArgumentError, DTypeError, EngineError, ShapeError, TcliError, Unsupported
from . import dtypes, half_complex, halves, placement
from .args import CONVERTERS, NUMBER_KINDS, describe, wrong
from .binding import bind
from .device import device_of, move
from .fields import new
from .hooks import moved, packed
from .meta import NeedsValue
from .named_results import struct
from .overlap import REPEATED, check_history, check_operands, repeats
from .overrides import Overridden, answer, answers, operands_that_answer
from .registry import Op, T, plan_for
from .storage import laid_out, root_of, thaw
from .tape import NODES, OUT, Node, Pick, Saved, edge_of, locate, saved_as_is, state, value_of
from .waiting import before_write

Tensor = None  # the class and its subclasses: set by tensor.py
TENSORS: frozenset = frozenset()  # every class of tensor
READY: set = set()  # those that have their array; empty while short ways are closed, see casting.py
Pending = None  # those that wait, see fuse.py
LARGE = 1 << 62  # elements from which ops wait
wanted = defer = write_into = peek = None
casts = None  # the autocast that is on, see casting.py
as_tensor = None

# dtypes on which NumPy's own ufuncs do exactly what PyTorch does, and the float ones among them
PLAIN = frozenset(np.dtype(d) for d in ("float32", "float64", "int64", "int32", "int16", "int8", "uint8"))
FLOATS = frozenset(np.dtype(d) for d in ("float32", "float64"))
HALVES = {np.dtype("float16")}
_FLOAT32 = np.dtype("float32")


def bind_classes(tensor_class, classes, converter) -> None:
    global Tensor, TENSORS, as_tensor
    Tensor, TENSORS, as_tensor = tensor_class, frozenset(classes), converter
    READY.update(classes)


def bind_fusion(pending_class, *functions) -> None:
    """Called once by `fuse.py`: deferring needs the road of `execute`, which has to know when to defer."""
    global Pending, TENSORS, wanted, defer, write_into, peek
    Pending, TENSORS = pending_class, READY | {pending_class}
    wanted, defer, write_into, peek = functions


def form(t):
    """The array of a tensor, or of one that waits its expression: both have a shape and a dtype."""
    return t._a if type(t) is not Pending else t._p


def wrap(array):
    """A tensor around an array (or a NumPy scalar), without history."""
    t = new(Tensor)
    t._a = array if type(array) is np.ndarray or not isinstance(array, (np.generic, int, float, complex)) \
        else np.asarray(array)
    t._v = [0]
    return t


# ---------------------------------------------------------------- normal forms

_converters: dict[Op, tuple] = {}


def _normaliser(o: Op) -> tuple:
    found = _converters.get(o)
    if found is None:
        found = _converters[o] = tuple((i, CONVERTERS[kind], o.names[i]) for i, kind in enumerate(o.kinds)
                                       if kind in CONVERTERS and kind != "any")
    return found


def normalise(o: Op, values: list) -> None:
    """Tensors where tensors are due, every other argument in its normal form; in place."""
    first = None
    for i in o.tensor_slots:
        value = values[i]
        if type(value) not in TENSORS:
            value = values[i] = _operand(o, i, value)
        if first is None and type(value) in TENSORS:
            first = value
    if o.list_slot is not None:
        tensors = values[o.list_slot] = _tensor_list(o, values[o.list_slot])
        if first is None and tensors:
            first = tensors[0]
    for i, convert, name in _normaliser(o):
        values[i] = convert(values[i], first, o.name, name)


def _operand(o: Op, i: int, value):
    kind = o.kinds[i]
    if answers(type(value)):
        raise Overridden
    if isinstance(value, Tensor):
        return value
    if value is None and kind.endswith("?"):
        return None
    if kind in NUMBER_KINDS and isinstance(value, (bool, int, float, complex, np.generic)):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (list, tuple, np.ndarray, np.generic, range)):
        return as_tensor(value)
    name = "input" if o.names[i] == "x" else o.names[i]
    if i >= o.n_positional:
        raise wrong(o.name, name, "Tensor", value)
    raise ArgumentError(f"{o.name}(): argument '{name}' (position {i + 1}) must be Tensor, not {type(value).__name__}")


def _tensor_list(o: Op, value) -> list:
    if not isinstance(value, (list, tuple)):
        raise wrong(o.name, o.names[o.list_slot], "tuple of Tensors", value)
    for j, element in enumerate(value):
        if type(element) in TENSORS:
            continue
        if answers(type(element)):
            raise Overridden
        if not isinstance(element, Tensor):
            raise ArgumentError(f"expected Tensor as element {j} in argument 0, but got {type(element).__name__}")
    return list(value)


# ---------------------------------------------------------------- promotion

def result_type(operands) -> dtypes.dtype:
    """The common dtype of tensors and Python numbers, as PyTorch finds it."""
    dim = zero = number = None
    for value in operands:
        if type(value) in TENSORS or isinstance(value, Tensor):
            d = dtypes.of_numpy(value._a.dtype)
            if value._a.ndim:
                dim = d if dim is None else dtypes.promote_types(dim, d)
            else:
                zero = d if zero is None else dtypes.promote_types(zero, d)
        elif value is not None:
            d = dtypes.of_scalar(value)
            number = d if number is None else dtypes.promote_types(number, d)
    return _combine(_combine(dim, zero), number)


def result_type_of_scalars(values) -> dtypes.dtype:
    """The common dtype of Python and NumPy numbers in one list."""
    common = None
    for value in values:
        plain = isinstance(value, (bool, int, float, complex))
        d = dtypes.of_scalar(value) if plain else dtypes.of_numpy(np.asarray(value).dtype)
        common = d if common is None else dtypes.promote_types(common, d)
    return common


def _combine(higher, lower):
    """`higher` rules unless `lower` is of a higher category."""
    if higher is None:
        return lower
    if lower is None or higher.category == dtypes.COMPLEX:
        return higher
    if higher.category == dtypes.FLOAT:
        return higher.to_complex() if lower.category == dtypes.COMPLEX else higher
    if higher.category == dtypes.BOOL or lower.category >= dtypes.FLOAT:
        return dtypes.promote_types(higher, lower)
    return higher


def promote(o: Op, values: list) -> None:
    """Casts the operands of `o` to their common dtype; in place."""
    slots = [i for i in o.tensor_slots if o.kinds[i][:5] != "Index" and values[i] is not None]
    tensors = values[o.list_slot] if o.list_slot is not None else ()
    common = result_type([*(values[i] for i in slots), *tensors])
    if common is None:
        return
    if common is dtypes.complex32:
        half_complex.refuse(o.name)
        half_complex.mark(values, [i for i in slots if isinstance(values[i], Tensor)], cast)
        return
    if o.promote == "float" and common.category < dtypes.FLOAT:
        common = dtypes.get_default_dtype()
    target = common.numpy
    any_tensor = bool(tensors)
    for i in slots:
        value = values[i]
        if isinstance(value, Tensor):
            any_tensor = True
            if value._a.dtype != target:
                number = o.wide and i == slots[-1] and is_half(target) and halves.as_number(value)
                values[i] = number or _promoted(value, common)
        elif o.kinds[i] == "Value":
            values[i] = wrap(np.asarray(value).astype(target))
        elif common.category <= dtypes.INTEGER and type(value) is not bool:
            values[i] = _wrapped_integer(value, target)
        elif is_half(target) and not (o.wide and i == slots[-1]):
            values[i] = halves.nearest(value, target)
    if is_half(target) and "alpha" in o.index:
        values[o.index["alpha"]] = halves.nearest(values[o.index["alpha"]], target)
    if not any_tensor and slots:
        _check_numbers(o, values, slots)
        values[slots[0]] = wrap(np.asarray(values[slots[0]], target))
    for j, t in enumerate(tensors):
        if t._a.dtype != target:
            tensors[j] = _promoted(t, common)


def _promoted(t, d: dtypes.dtype):
    """`cast`, which the graph that programs see does not show: it is part of the op."""
    found = cast(t, d)
    if found._node is not None and found._node is not t._node:
        found._node.inner = True
    return found


def _check_numbers(o: Op, values: list, slots: list) -> None:
    """Only the four rules of arithmetic take numbers alone."""
    if o.kinds[slots[0]] != "Value":
        given = ", ".join(type(values[i]).__name__ for i in slots)
        raise ArgumentError(f"{o.name}() received an invalid combination of arguments - got ({given}), but expected a Tensor "
                            "among them", help=f"torch.tensor({values[slots[0]]!r}) makes a tensor of the first")


def _wrapped_integer(value, target):
    """An integer as C++ would convert it: out-of-range values wrap around."""
    if target.kind == "b":
        return bool(value)
    info = np.iinfo(target)
    if info.min <= value <= info.max:
        return value
    return int(np.asarray(int(value) & 0xFFFFFFFFFFFFFFFF, np.uint64).astype(target))


def cast(t, d: dtypes.dtype):
    """`t` as dtype `d`, recorded on the tape when it needs gradients."""
    if t._rg and state.grad or type(t) is Pending or t._a.size >= LARGE:
        return T._cast(t, d)
    return wrap(halves.cast(t._a, d.numpy))


# ---------------------------------------------------------------- execution

def call(o: Op, args: tuple, kwargs: dict):
    """Runs an op from the arguments of a call."""
    out = kwargs.pop("out", None) if kwargs else None
    try:
        values = bind(o, args, kwargs)
        if out is not None:
            from .out import into_out

            return into_out(o, values, out) if casts is None else casts.leave(into_out, o, values, out)
        if "inplace" in o.index and values[o.index["inplace"]]:
            return _into_first(o, values)
        return execute(o, values)
    except Overridden:
        return overridden(o.function, args, kwargs if out is None else {**kwargs, "out": out})
    except TcliError as error:
        if not error.operands:
            error.operands = [(o.name, describe_operands(o, args, kwargs))]
        raise


def overridden(function, args: tuple, kwargs: dict):
    """A call of which an operand is of a class that answers for it."""
    return answer(function, operands_that_answer((*args, *kwargs.values()), TENSORS), args, kwargs)


def describe_operands(o: Op, args, kwargs) -> list:
    """(parameter, `f32[3, 4]`) for every tensor of a call."""
    named = list(zip(o.names, args, strict=False)) + list(kwargs.items())
    return [(name, describe(value)) for name, value in named if hasattr(value, "_a")]


def execute(o: Op, values: list):
    """Runs an op on bound arguments: normal forms, promotion, kernel, tape."""
    if casts is not None and o in casts.policies:
        return casts.run(o, values)
    x = values[0] if values else None
    if type(x) in READY and type(x._a) is np.ndarray and _is_single(o) and (x._a.size < LARGE or not o.fuse) and (
            x._a.dtype in FLOATS or o.promote is None and x._a.dtype in PLAIN):
        return _execute_single(o, values, x)
    if o.fuse and wanted(o, values):
        t = defer(o, values)
        if t is not None:
            return t
    if o.composite and any(type(v) is Pending for v in values):
        with peek():
            normalise(o, values)
    else:
        normalise(o, values)
    if o.check is not None:
        o.check(values)
    if o.promote is not None:
        promote(o, values)
    if o.composite:
        return _run_composite(o, values)
    kernel_values = _raw(o, values)
    raw = _guarded(o, np if _on_cpu(o, kernel_values) else None, kernel_values)
    if o.half and o.promote != "compare":
        raw = _round_halves(o, values, raw)
    if o.out_count == 1 and type(raw) is not tuple:
        t = wrap(raw)
        if t._a.dtype.kind == "c" and any(v._half_complex for v in values if type(v) in TENSORS):
            half_complex.rounded(t)
        if o.view:
            note_view(o, values[0], values[1:], t)
        if state.inference:
            t._inference = True
        if state.grad and o.rules:
            record(o, values, (t,))
        return t
    return several(o, values, raw)


_single: dict[Op, bool] = {}


def _is_single(o: Op) -> bool:
    """Whether an op has one tensor argument, its first, and no check or option that needs the long road."""
    found = _single.get(o)
    if found is None:
        found = _single[o] = o.check is None and takes_one(o)
    return found


def takes_one(o: Op) -> bool:
    """Whether the first argument of an op is its only tensor."""
    return not o.composite and o.tensor_slots == (0,) and o.list_slot is None and o.kinds[0] == "Tensor"


def _execute_single(o: Op, values: list, x):
    """`execute` for one NumPy tensor of a plain dtype: nothing to promote, widen or move."""
    for i, convert, name in _normaliser(o):
        value = values[i]
        if value is not None and value is not False and value is not True or o.kinds[i][-1] != "?" and o.kinds[i] != "bool":
            values[i] = convert(value, x, o.name, name)
    raw_values = values[:]
    raw_values[0] = x._a
    raw = _guarded(o, np, raw_values)
    if o.out_count != 1 or type(raw) is tuple:
        return several(o, values, raw)
    t = wrap(raw)
    if o.view:
        note_view(o, x, values[1:], t)
    if state.inference:
        t._inference = True
    if x._rg and state.grad and o.rules:
        plan = plan_for(o, (True, False))
        node = Node(o, plan, (edge_of(x),), None, t._a)
        if o.grad_name_ is not None and type(o.grad_name_) is not str:
            node._name = o.grad_name_(*values)
        if t._a.dtype.kind in "fcV":
            node.saved = [keep(fetch, values, (t,), node) for fetch in plan.saves]
            t._node, t._rg = node, True
    return t


def several(o: Op, values: list, raw):
    """The results of an op that has several, recorded."""
    outs = tuple(wrap(r) for r in raw)
    if state.grad and o.rules:
        record(o, values, outs, picks=True)
    if o.fields:
        return struct(o.name, o.fields)(outs)
    return outs


def _run_composite(o: Op, values: list):
    n = o.n_positional
    try:
        result = o.fn(*values[:n], **dict(zip(o.names[n:], values[n:], strict=True)))
    except NeedsValue as error:
        if " meta tensor" in str(error):
            raise
        raise placement.no_meta(o.name) from error
    return name_composite(o, result, values)


def name_composite(o: Op, result, values):
    """The result of a composite under the op's own name: that of its node, and the class of named results."""
    if o.grad_name_ is not None and type(result) in TENSORS and type(result._node) in NODES and all(
            result is not v for v in values):
        result._node._name = o.grad_name_
    if o.fields and type(result) is tuple:
        return struct(o.name, o.fields)(result)
    i = o.index.get("dtype")
    if i is not None and values[i] is dtypes.complex32 and type(result) in TENSORS:
        half_complex.rounded(result)
    return result


def _raw(o: Op, values: list) -> list:
    """The kernel's arguments: arrays for tensors; halves widened where the kernel wants that."""
    raw = list(values)
    for i in o.tensor_slots:
        value = raw[i]
        if type(value) in TENSORS or isinstance(value, Tensor):
            a = value._a
            raw[i] = halves.cast(a, _FLOAT32) if o.half and is_half(a.dtype) else a
    if o.list_slot is not None:
        raw[o.list_slot] = [halves.cast(t._a, _FLOAT32) if o.half and is_half(t._a.dtype) else t._a
                            for t in raw[o.list_slot]]
    return raw


def is_half(d) -> bool:
    return d.itemsize <= 2 and d.kind in "fV"  # ml_dtypes' bfloat16 and float8 are of kind V


def _on_cpu(o: Op, raw: list) -> bool:
    for i in o.tensor_slots:
        if type(raw[i]) is not np.ndarray and hasattr(raw[i], "strides"):
            return False
    return o.list_slot is None or all(type(a) is np.ndarray for a in raw[o.list_slot])


def _arrays_of(o: Op, raw: list) -> list:
    found = [raw[i] for i in o.tensor_slots if hasattr(raw[i], "strides")]
    return found if o.list_slot is None else found + raw[o.list_slot]


def _tensors_of(o: Op, values: list) -> list:
    found = [values[i] for i in o.tensor_slots if isinstance(values[i], Tensor)]
    if o.list_slot is not None:
        found += values[o.list_slot]
    return found


_kernels: dict[Op, object] = {}


def kernel_of(o: Op):
    """The op's kernel with its keyword-only parameters made positional: every call passes them all."""
    found = _kernels.get(o)
    if found is None:
        fn, code = o.fn, o.fn.__code__
        if code.co_kwonlyargcount:
            code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
            found = type(fn)(code, fn.__globals__, fn.__name__, None, fn.__closure__)
        else:
            found = fn
        _kernels[o] = found
    return found


def _guarded(o: Op, xp, kernel_values: list):
    """Runs the kernel (xp None: not on the CPU alone); no message of the array module gets out as it is."""
    try:
        if xp is None:
            return placement.run(o, kernel_of(o), kernel_values, _arrays_of(o, kernel_values))
        raw = kernel_of(o)(xp, *kernel_values)
        return laid_out(o.rows, raw, kernel_values) if o.rows else raw
    except TcliError:
        raise
    except MemoryError as error:
        if xp is None:
            raise EngineError(f"CUDA out of memory. {error}", help="smaller batches, or torch.no_grad() where no gradient is "
                              "needed") from None
        raise EngineError(f"[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory: {error}") from None
    except (ValueError, TypeError, IndexError, ArithmeticError) as error:
        _explain(o, kernel_values, error)


def _explain(o: Op, kernel_values: list, error: Exception):
    """Turns a failure inside a kernel into an error in PyTorch's words."""
    from .args import broadcast_shapes

    arrays = [v for v in kernel_values if hasattr(v, "strides")]
    if o.promote is not None or "broadcast" in str(error):
        broadcast_shapes(*(a.shape for a in arrays))
    kinds = {dtypes.scalar_name(dtypes.of_numpy(a.dtype)) for a in arrays}
    if isinstance(error, TypeError) and len(kinds) == 1:
        raise Unsupported(f"\"{o.name.lstrip('_')}\" not implemented for '{kinds.pop()}'") from error
    shapes = ", ".join(str(list(a.shape)) for a in arrays)
    raise EngineError(f"{o.name}(): cannot be computed for {shapes or 'these arguments'}",
                      notes=[str(error)]) from error


def _round_halves(o: Op, values: list, raw):
    target = None
    for t in _tensors_of(o, values):
        if is_half(t._a.dtype):
            target = t._a.dtype
    if target is None or ("dtype" in o.index and values[o.index["dtype"]] is not None):
        return raw
    if type(raw) is tuple or type(raw) is list:
        return type(raw)(halves.cast(r, target) if r.dtype == _FLOAT32 else r for r in raw)
    return halves.cast(raw, target) if raw.dtype == _FLOAT32 else raw


# ---------------------------------------------------------------- the tape entry

def record(o: Op, values, outs: tuple, picks: bool = False) -> None:
    """Makes the node of an op that ran, if one of its inputs needs a gradient."""
    edges, needed, some = [], False, False
    for i in o.tensor_slots:
        value = values[i]
        if value is not None and (type(value) in TENSORS or isinstance(value, Tensor)) and value._rg:
            edges.append(value._node or value._leaf or edge_of(value))
            needed = True
        else:
            edges.append(None)
    mask = [edge is not None for edge in edges]
    if o.list_slot is not None:
        tail = [edge_of(t) for t in values[o.list_slot]]
        some = any(e is not None for e in tail)
        edges.extend(tail)
    if not needed and not some:
        return
    mask.append(some)
    plan = plan_for(o, tuple(mask))
    if not plan.rules:
        return
    if picks:
        first = next((t for t in outs if t._a.dtype.kind in "fcV"), None)
        if first is None:
            return
    else:
        first = outs[0]
        if first._a.dtype.kind not in "fcV":
            return
    node = Node(o, plan, edges, None, first._a)
    node.saved = saved = []
    hooked = state.saved_hooks
    for fetch in plan.saves:
        what, i = fetch
        value = values[i] if what == "arg" else None
        if type(value) in TENSORS and not hooked and not value._inference:
            saved.append(saved_as_is(value, value._node or edge_of(value)))
        elif what == "shape" and type(values[i]) in TENSORS:
            saved.append(values[i]._a.shape)
        else:
            saved.append(keep(fetch, values, outs, node))
    if o.grad_name_ is not None and type(o.grad_name_) is not str:
        node._name = o.grad_name_(*values)
    if not picks:
        first._node, first._rg = node, True
        return
    if plan.count < 0:
        node.saved.append(outs_count(len(outs)))
    for i, t in enumerate(outs):
        if t._a.dtype.kind in "fcV":
            t._node, t._rg = Pick(node, i, t._a), True


class outs_count(tuple):
    """How many outputs a node with a varying number has (its `len`)."""

    def __new__(cls, n: int):
        return tuple.__new__(cls, (None,) * n)


def keep(fetch: tuple, values: list, outs: tuple, node):
    what, i = fetch
    if what == "arg":
        value = values[i]
        if value is None:
            return None
        if type(value) in TENSORS or isinstance(value, Tensor):
            return saved_value(value, edge_of(value))
        if type(value) is list and value and isinstance(value[0], Tensor):
            return [v.detach() if not v._rg else v for v in value]
        return value
    if what == "shape":
        return _shape_of(values[i])
    if what == "dtype":
        return dtypes.of_numpy(values[i]._a.dtype)
    return saved_value(outs[i], OUT if len(outs) == 1 else (node, i))


def _shape_of(value):
    if type(value) is list:
        return [v._a.shape for v in value]
    return value._a.shape if isinstance(value, Tensor) else ()


def saved_value(value, edge) -> Saved:
    if value._inference and not state.inference:
        raise EngineError("Inference tensors cannot be saved for backward. Please do not use Tensors created in inference "
                          "mode in computation tracked by autograd. To work around this, you can make a clone to get a "
                          "normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
                          "`torch.inference_mode()`.")
    saved = saved_as_is(value, edge)
    if state.saved_hooks:
        saved.hooked = packed(value, state.saved_hooks[-1])
        saved.array = np.empty(0, value._a.dtype)
    return saved


# ---------------------------------------------------------------- views

PRUNED_AT = frozenset(1 << n for n in range(6, 40))  # lengths at which dead views are thrown out


def note_view(o: Op, x, options, t) -> None:
    """Remembers that `t`, the result of `o` with (x, *options), shares memory with `x`."""
    a, b = t._a, x._a
    base = a.base
    if base is None or base is not b and base is not b.base and not (a is b or root_of(a) is root_of(b)):
        return
    t._v = x._v
    root = x._base
    if root is None:
        root = x
    t._base = root
    t._view = x, o, options
    if x._several is not None:
        t._several = x._several
    views = root._views
    if views is None:
        views = root._views = []
    elif len(views) in PRUNED_AT:
        views[:] = [v for v in views if v() is not None]
    views.append(ref(t))


def replay(view, root):
    """The same view, taken of `root` (a tensor of the shape of the view's base)."""
    parent, o, options = view._view
    source = root if parent._view is None else replay(parent, root)
    return execute(o, [source, *options])


def _refresh_views(root) -> None:
    """After `root` got a new history its views get theirs from it."""
    live = [weak for weak in root._views or () if weak() is not None]
    for weak in live:
        view = weak()
        if view is None:
            continue
        twin = T._stale_view(root, view) if view._several else replay(view, root)
        old, view._node, view._rg = view._node, twin._node, twin._rg
        if view.retains_grad:
            moved(view, old)
        if view._node is not None and not view._several:
            view._node._name = "AsStridedBackward0"
    root._views = live  # without the twins


# ---------------------------------------------------------------- in place

def _keep_original(node, x) -> None:
    """An in-place op that saved `x` for its gradient keeps a copy: the memory is about to change."""
    for saved in node.saved:
        if type(saved) is Saved and value_of(saved) is x._a:
            saved.array, saved.versions, saved.version = saved.array.copy(), [0], 0


def check_writable(x, repeated: bool = False) -> None:
    """Raises when an in-place op on `x` would break a graph or overlapping memory; readers that wait get a copy.

    `repeated`: the op gives all elements the same value, so that several may lie at one place.
    """
    if state.grad and (x._rg or x._base is not None and x._base._rg):
        check_history(x)
    a = x._a
    if type(a) is not np.ndarray:
        device_of(a)  # becomes the current one
    elif not a.flags.writeable:
        thaw(a)
    if (not getattr(a.flags, "writeable", True) or repeats(a)) and not (
            repeated and type(a) is np.ndarray and repeats(a)):
        raise EngineError(REPEATED)
    before_write(x._a)


def bump(x) -> None:
    """Counts a write to the memory of `x`."""
    v = x._v
    v[0] += 1
    if state.where:
        if len(v) == 1:
            v.append(None)
        v[1] = locate()


def assign(x, result, name: str | None = None, checked: bool = False):
    """Writes `result` into `x` and lets `x` take over its history, printed as `name`; the end of every in-place op.

    `checked`: `check_writable` was called before `result` was computed, so that what it waits for may be `x` itself.
    """
    if x._inference and not state.inference:
        raise EngineError("Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get "
                          "a normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more "
                          "details.")
    if not checked:
        check_writable(x)
    a = x._a
    if type(result) is Pending and (checked or not result._rg) and write_into(x, result):
        bump(x)
        return x
    r = result._a
    if r.shape != a.shape:
        expanded = r.ndim <= a.ndim and all(s in (1, n) for s, n in zip(r.shape[::-1], a.shape[::-1], strict=False))
        if not expanded:
            raise ShapeError(f"output with shape {list(a.shape)} doesn't match the broadcast shape {list(r.shape)}")
    have, want = dtypes.of_numpy(r.dtype), dtypes.of_numpy(a.dtype)
    if have.category > want.category:
        raise DTypeError(f"result type {dtypes.scalar_name(have)} can't be cast to the desired output type "
                         f"{dtypes.scalar_name(want)}")
    if type(a) is np.ndarray is type(r):
        np.copyto(a, r, casting="unsafe")
    else:
        a[...] = move(r, device_of(a))
    bump(x)
    if state.grad and (result._rg or x._rg):
        rebase(x, result, name)
    return x


def overwritten(x, name: str | None = None) -> None:
    """After the memory of `x` was filled with values that depend on nothing: what came before gets no gradient."""
    bump(x)
    if state.grad and x._rg:
        rebase(x, wrap(x._a), name)


def rebase(x, result, name: str | None = None) -> None:
    """Gives `x` (and the tensor it is a view of) the history of `result`; its versions note whose it is now."""
    old = x._node
    _rebase(x, result, name)
    if x.retains_grad:
        moved(x, old)
    if x._node is not None:
        v = x._v
        v[1:] = [v[1] if len(v) > 1 else None, x._node.name() if x._base is None else "torch::autograd::CopySlices"]


def _rebase(x, result, name: str | None) -> None:
    if not result._rg and x._base is None:
        # Overwritten by values without history: what came before gets a gradient of zero.
        x._node = T._overwritten(x)._node
        x._node._name = name
        if x._views:
            _refresh_views(x)
        return
    if result._a.dtype != x._a.dtype:
        maker, result = result._node, cast(result, dtypes.of_numpy(x._a.dtype))
        if type(maker) is Node:
            result._node._name, result._node.stands_for = maker.name(), maker
    if x._base is None:
        x._node, x._rg = result._node, True
        if name is not None and x._node is not None:
            x._node._name = name
        if x._views:
            _refresh_views(x)
        return
    root = x._base
    with_write = T._write_view(root, result, x)
    root._node, root._rg = with_write._node, True
    _refresh_views(root)


def _twin(x):
    """`x` with memory of its own: the ops inside a composite save it, and it is about to be overwritten."""
    t = wrap(x._a.copy())
    t._node, t._rg = x._node, True
    return t


def _into_first(o: Op, values: list):
    """Runs an op and writes its result into its first argument: `x.relu_()`, `F.relu(x, inplace=True)`."""
    x = values[0]
    check_writable(x)
    if len(o.tensor_slots) > 1:
        check_operands(o, values)
    if o.composite and x._rg and state.grad:
        values = [_twin(x), *values[1:]]
    result = execute(o, values) if casts is None else casts.leave(execute, o, values)
    if o.same_dtype is not None and result.dtype is not x.dtype:
        raise DTypeError(o.same_dtype.format(Have=dtypes.scalar_name(x.dtype), Want=dtypes.scalar_name(result.dtype)))
    node = result._node
    if node is None:
        return assign(x, result, checked=True)
    array = result._a
    _keep_original(node, x)
    assign(x, result)
    if type(node) in NODES and node.saved and array.dtype == x._a.dtype and array.shape == x._a.shape:
        _share_output(node, array, x)
    return x


def _share_output(node, array, x) -> None:
    """What an in-place op saved of its result lies in the memory of `x`: later writes to that are noticed."""
    for saved in node.saved:
        if type(saved) is Saved and value_of(saved) is array and saved.hooked is None:
            saved.array, saved.versions, saved.version = x._a, x._v, x._v[0]
