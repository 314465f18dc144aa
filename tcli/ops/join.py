"""Joining: cat, stack and their relatives."""

import numpy as np

from .. import native
from ..engine.args import wrap_dim
from ..engine.callables import short_way
from ..engine.dispatch import READY, new, record
from ..engine.quick_views import given
from ..engine.registry import T, composite, function, op, ops, plan_for
from ..engine.storage import by_rows, in_format
from ..engine.tape import FLOAT32, FLOAT64, SMALL, Node, edge_of, state
from ..engine.tensor import Tensor
from ..engine.ways import MISSING
from ..errors import BadValue, EngineError, ShapeError


def _cat_pieces(k, g, need, tensors_shape, dim):
    pieces, start = [], 0
    for shape, needed in zip(tensors_shape, need, strict=True):
        if shape == (0,) and len(g.shape) != 1:
            pieces.append(k.zeros_like(k.reshape(k._slice(g, dim, 0, 0), (-1,))) if needed else None)
            continue
        n = shape[dim]
        pieces.append(k._slice(g, dim, start, start + n) if needed else None)
        start += n
    return tuple(pieces)


@op("_cat", rows="format", at="", promote="same", half=False, samples=["[r(2, 3), r(1, 3)], 0", "[r(2, 3), r(2, 1)], 1"],
    grad_name="CatBackward0", vjp={"tensors": _cat_pieces}, raw_vjp=True)
def _cat(xp, tensors: "Tensors", dim: "int"):
    # PyTorch lets empty vectors take part in any cat: they count for the dtype, and get a gradient.
    tensors = [a for a in tensors if a.shape != (0,)] or tensors
    n = tensors[0].ndim
    if n in (4, 5) and not tensors[0].flags.c_contiguous and all(_is_channels_last(a) for a in tensors):
        inner = [xp.moveaxis(a, 1, -1) for a in tensors]
        return xp.moveaxis(xp.concatenate(inner, axis=(0, n - 1, *range(1, n - 1))[dim]), -1, 1)
    return by_rows(xp.concatenate(tensors, axis=dim), ())


def _is_channels_last(a) -> bool:
    return a.ndim in (4, 5) and a.transpose(0, *range(2, a.ndim), 1).flags.c_contiguous


@composite("cat", out_apart=True, at="torch", also=["concat", "concatenate"],
           samples=["[r(2, 3), r(1, 3)]", "[r(2, 3), r(2, 1)], 1", "[r(2), r(0)]", "[r(1, 2)] * 1, -1"])
def cat(tensors: "Tensors", dim: "int" = 0):
    """Tensors joined along an existing dim; all other sizes must be equal.

    >>> cat([tensor([1, 2]), tensor([3])])
    tensor([1, 2, 3])
    """
    if not tensors:
        raise BadValue("torch.cat(): expected a non-empty list of Tensors")
    for i, t in enumerate(tensors):
        if t.ndim == 0:
            raise EngineError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    model = next((t for t in tensors if tuple(t.shape) != (0,)), tensors[0])
    dim = wrap_dim(dim, model.ndim) if tuple(model.shape) != (0,) else 0  # empty vectors alone: any dim will do
    for i, t in enumerate(tensors):
        if tuple(t.shape) != (0,):
            _check_cat(model, t, i, dim)
    return T._cat(tensors, dim)


concatenate = np.concatenate


@short_way("cat")
def _quick_cat(o, slow):
    def fn(tensors=MISSING, dim=MISSING, **named):
        if named or tensors is MISSING or dim is not MISSING and type(dim) is not int:
            return slow(*given(tensors, dim), **named)
        arrays, needs = _small_arrays(tensors)
        if arrays is None or arrays[0].ndim > 3 and not arrays[0].flags.c_contiguous:
            return slow(*given(tensors, dim))
        try:
            if dim is MISSING or dim == 0:
                dim, r = 0, concatenate(arrays)
            else:
                r = concatenate(arrays, dim)
                dim %= r.ndim
            if not r.flags.c_contiguous:
                r = in_format(r, [arrays])
        except ValueError:  # AxisError is one
            return slow(*given(tensors, dim))
        return joined(CAT, tensors, dim, r, needs)
    return native.joining(CAT, plan_for(CAT, LIST_ALONE), False, fn) or fn


def _small_arrays(tensors) -> tuple:
    """The arrays of small tensors of one float dtype (None of others) and whether one of them needs a gradient."""
    if type(tensors) is not list and type(tensors) is not tuple or len(tensors) > 64:
        return None, False
    arrays, needs, dtype, size = [], False, None, 0
    for t in tensors:
        if type(t) not in READY:
            return None, False
        a = t._a
        d = a.dtype
        if d is not dtype:
            if dtype is not None or d is not FLOAT32 and d is not FLOAT64:
                return None, False
            dtype = d
        size += a.size
        if type(a) is not np.ndarray or size > SMALL:
            return None, False
        arrays.append(a)
        if t._rg:
            needs = True
    return arrays or None, needs


def joined(o, tensors, dim: int, r, needs: bool):
    """The result of joining tensors, recorded."""
    t = new(Tensor)
    t._a = r
    t._v = [0]
    if state.grad:
        if needs and state.odd:
            record(o, [list(tensors), dim], (t,))
        elif needs:
            edges = [(each._node or each._leaf or edge_of(each)) if each._rg else None for each in tensors]
            node = t._node = Node(o, plan_for(o, LIST_ALONE), edges, None, r)
            node.saved = [dim if what == "arg" else [each._a.shape for each in tensors] for what, _ in node.plan.saves]
            t._rg = True
    elif state.inference:
        t._inference = True
    return t


CAT, LIST_ALONE = ops["_cat"], (True,)


def _check_cat(model, t, i: int, dim: int) -> None:
    if t.ndim != model.ndim:
        raise ShapeError(f"Tensors must have same number of dimensions: got {model.ndim} and {t.ndim}")
    for d, (a, b) in enumerate(zip(model.shape, t.shape, strict=True)):
        if d != dim and a != b:
            raise ShapeError(f"Sizes of tensors must match except in dimension {dim}. Expected size {a} but got size {b} for "
                             f"tensor number {i} in the list.")


@op("_stack", at="", promote="same", half=False, samples=["[r(2, 3), r(2, 3)], 0", "[r(3), r(3)], 1"],
    grad_name="StackBackward0",
    vjp={"tensors": lambda k, g, need, dim: tuple(k.select(g, dim, i) if n else None for i, n in enumerate(need))},
    raw_vjp=True)
def _stack(xp, tensors: "Tensors", dim: "int"):
    return xp.stack(tensors, axis=dim)


@composite("stack", at="torch", samples=["[r(2, 3), r(2, 3)]", "[r(3), r(3)], 1", "[r(), r()]", "[r(2, 3), r(2, 3)], -1"])
def stack(tensors: "Tensors", dim: "int" = 0):
    """Tensors of one shape joined along a new dim.

    >>> stack([tensor([1, 2]), tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if not tensors:
        raise EngineError("stack expects a non-empty TensorList")
    first = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != first:
            raise ShapeError(f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                             f"{list(t.shape)} at entry {i}")
    return T._stack(tensors, wrap_dim(dim, len(first) + 1))


@short_way("stack")
def _quick_stack(o, slow):
    def fn(tensors=MISSING, dim=MISSING, **named):
        if named or tensors is MISSING or dim is not MISSING and type(dim) is not int:
            return slow(*given(tensors, dim), **named)
        arrays, needs = _small_arrays(tensors)
        if arrays is None:
            return slow(*given(tensors, dim))
        shape = arrays[0].shape
        if dim is MISSING or dim == 0:
            dim = 0
            r = np.empty((len(arrays), *shape), arrays[0].dtype)
            for i, a in enumerate(arrays):
                if a.shape != shape:
                    return slow(tensors, dim)
                r[i] = a
        else:
            try:
                r = by_rows(np.stack(arrays, dim), ())
            except ValueError:
                return slow(tensors, dim)
            dim %= r.ndim
        return joined(STACK, tensors, dim, r, needs)
    return native.joining(STACK, plan_for(STACK, LIST_ALONE), True, fn) or fn


STACK = ops["_stack"]


def _at_least(n: int):
    def lift(x):
        x = x.reshape(1) if x.ndim == 0 else x
        if n >= 2 and x.ndim == 1:
            x = T.unsqueeze(x, 0)
        if n >= 3 and x.ndim == 2:
            x = T.unsqueeze(x, -1)
        return x

    def at_least(*tensors):
        if len(tensors) == 1:
            only = tensors[0]
            return tuple(map(lift, only)) if isinstance(only, (list, tuple)) else lift(only)
        return tuple(map(lift, tensors))

    at_least.__name__ = at_least.__qualname__ = f"atleast_{n}d"
    at_least.__doc__ = f"""Tensors with at least {n} dims: views with dims of size 1 added where they lack.

    >>> torch.atleast_{n}d(tensor(1)).shape
    torch.Size({[1] * n})
    """
    function(f"torch.atleast_{n}d", samples=["r()", "r(3), r(2, 2)"])(at_least)
    return at_least


atleast_1d, atleast_2d, atleast_3d = (_at_least(n) for n in (1, 2, 3))


@composite("hstack", at="torch", samples=["[r(2), r(3)]", "[r(2, 1), r(2, 2)]"])
def hstack(tensors: "Tensors"):
    """Tensors joined side by side: along dim 1, vectors along dim 0.

    >>> hstack([tensor([1]), tensor([2, 3])])
    tensor([1, 2, 3])
    """
    lifted = [atleast_1d(t) for t in tensors]
    if not lifted:
        raise EngineError("hstack expects a non-empty TensorList")
    return T.cat(lifted, 0 if lifted[0].ndim == 1 else 1)


@composite("vstack", at="torch", also=["row_stack"], samples=["[r(2), r(2)]", "[r(1, 2), r(2, 2)]"])
def vstack(tensors: "Tensors"):
    """Tensors joined one below the other.

    >>> vstack([tensor([1, 2]), tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    if not tensors:
        raise EngineError("vstack expects a non-empty TensorList")
    return T.cat([atleast_2d(t) for t in tensors], 0)


@composite("dstack", at="torch", samples=["[r(2), r(2)]"])
def dstack(tensors: "Tensors"):
    """Tensors joined along the third dim.

    >>> dstack([tensor([1]), tensor([2])])
    tensor([[[1, 2]]])
    """
    if not tensors:
        raise EngineError("dstack expects a non-empty TensorList")
    return T.cat([atleast_3d(t) for t in tensors], 2)


@composite("column_stack", at="torch", samples=["[r(2), r(2)]", "[r(2), r(2, 2)]"])
def column_stack(tensors: "Tensors"):
    """Vectors as columns, matrices side by side.

    >>> column_stack([tensor([1, 2]), tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    if not tensors:
        raise EngineError("column_stack expects a non-empty TensorList")
    return T.hstack([T.reshape(t, (t.numel(), 1)) if t.ndim <= 1 else t for t in tensors])
