"""Views by strides into memory (`as_strided`), copies of views (`view_copy`, ...) and copies with a view
overwritten (`slice_scatter`, ...).

Where the elements of a strided view lie is known only together with where those of its base lie, so the
private ops carry the base's strides and offset, in elements, as `layout`.
"""

import numpy as np

from ..engine.args import wrap_dim
from ..engine.dispatch import execute
from ..engine.placement import has_values
from ..engine.registry import T, composite, function, op, ops
from ..engine.storage import contiguous_format, root_of
from ..errors import BadIndex, EngineError


def layout_of(t) -> tuple:
    """(strides, offset) of a tensor in its memory, in elements."""
    return t.stride(), t.storage_offset()


def memory_of(a):
    """The memory under an array as a vector of the array's dtype."""
    root = root_of(a)
    if not root.flags.c_contiguous:
        root = root.transpose(sorted(range(root.ndim), key=lambda d: -abs(root.strides[d])))
    flat = root.reshape(-1)
    if flat.dtype != a.dtype:
        flat = flat.view(np.uint8)
        flat = flat[:flat.size // a.dtype.itemsize * a.dtype.itemsize].view(a.dtype)
    return flat


@op("_as_strided", at="", view=True, samples=["r(3, 4), (2, 2), (1, 2), 0, ((4, 1), 0)"], grad_name="AsStridedBackward0",
    vjp={"x": lambda k, g, x_shape, size, stride, offset, layout: k._as_strided_adjoint(
        g, x_shape, size, stride, offset, layout)})
def _as_strided(xp, x, size: "any", stride: "any", offset: "int", layout: "any"):
    item, flat = x.dtype.itemsize, memory_of(x)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if all(size) and last >= flat.size:
        raise EngineError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
                          f"{item} requiring a storage size of {(last + 1) * item} are out of bounds for storage of size "
                          f"{flat.size * item}")
    return xp.lib.stride_tricks.as_strided(flat[offset:], size, [s * item for s in stride])


def _positions(size, stride, offset: int):
    """Where in memory the elements of a strided view lie."""
    found = np.full(size, offset)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        found += (np.arange(n) * s).reshape((-1,) + (1,) * (len(size) - d - 1))
    return found


def _extent(*positions) -> int:
    return 1 + max((int(p.max()) for p in positions if p.size), default=0)


@op("_as_strided_adjoint", at="", samples=["r(2, 2), (3, 4), (2, 2), (1, 2), 0, ((4, 1), 0)"], grad_name="AsStridedBackward0",
    vjp={"g": lambda k, g, size, stride, offset, layout: k._as_strided_copy(g, size, stride, offset, layout)})
def _as_strided_adjoint(xp, g, shape: "any", size: "any", stride: "any", offset: "int", layout: "any"):
    mine, theirs = _positions(shape, *layout), _positions(size, stride, offset)
    memory = xp.zeros(_extent(mine, theirs), g.dtype)
    mine, theirs = xp.asarray(mine), xp.asarray(theirs)
    xp.add.at(memory, theirs, g)
    if mine.size and has_values(mine) and xp.unique(mine).size != mine.size:  # elements of x share memory: each gets its part
        memory /= xp.maximum(xp.bincount(mine.ravel(), minlength=memory.size), 1).astype(memory.real.dtype)
    return memory[mine]


@op("_as_strided_copy", at="", samples=["r(3, 4), (2, 2), (1, 2), 0, ((4, 1), 0)"], grad_name="AsStridedBackward0",
    vjp={"x": lambda k, g, x_shape, size, stride, offset, layout: k._as_strided_adjoint(
        g, x_shape, size, stride, offset, layout)})
def _as_strided_copy(xp, x, size: "any", stride: "any", offset: "int", layout: "any"):
    """What the strided view would show if x lay in memory by `layout`."""
    mine, theirs = _positions(x.shape, *layout), _positions(size, stride, offset)
    memory = xp.zeros(_extent(mine, theirs), x.dtype)
    memory[xp.asarray(mine)] = x
    return memory[xp.asarray(theirs)]


@composite("as_strided", at="torch tensor", samples=["r(3, 4), (2, 2), (1, 2)", "r(6), (2, 3), (1, 1), 1"], out=False)
def as_strided(x, size: "Shape", stride: "Shape", storage_offset: "int?" = None):
    """A view with sizes and strides given in elements of the underlying memory.

    >>> as_strided(arange(6), (2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    if len(size) != len(stride):
        raise EngineError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise EngineError("as_strided: Negative strides are not supported at the moment, got strides: "
                          f"{list(stride)}")
    if any(n < 0 for n in size):
        raise EngineError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if storage_offset is not None and storage_offset < 0:
        raise EngineError(f"Tensor: invalid storage offset {storage_offset}")
    layout = layout_of(x)
    return T._as_strided(x, tuple(size), tuple(stride), layout[1] if storage_offset is None else storage_offset, layout)


@op("_laid_out", at="", half=False, samples=["r(3, 4), (1, 0)"], grad_name="CloneBackward0", vjp={"x": lambda k, g: g})
def _laid_out(xp, x, order: "any"):
    """A copy of x whose dims lie in memory in a given order, the widest first."""
    back = [order.index(d) for d in range(x.ndim)]
    return x.transpose(order).copy(order="C").transpose(back)


# ---------------------------------------------------------------- copies of views

def _copied(t, name: str | None):
    out = T.clone(t, memory_format=contiguous_format)
    if out._node is not None and name is not None:
        out._node._name = name + "_copy"
    return out


def _copy_of_view(name: str, sample: str, example: str, shown: str) -> None:
    @function(f"torch.{name}_copy", samples=[sample])
    def copy(*args, out=None, **kwargs):
        from ..engine.out import write_out

        found = getattr(T, name)(*args, **kwargs)
        parts = found if isinstance(found, tuple) else (found,)
        copies = tuple(_copied(t, t._node.name() if t._node is not None else None) for t in parts)
        if out is not None:
            for target, t in zip(out if isinstance(out, (tuple, list)) else (out,), copies, strict=True):
                write_out(name, target, t, "exact")
            return out
        return copies if isinstance(found, tuple) else copies[0]

    copy.__name__ = copy.__qualname__ = name + "_copy"
    copy.__doc__ = f"""A copy of what `{name}` shows.

    >>> torch.{name}_copy({example})
    {shown}
    """


# The name of the view, a sample, an example and what it shows.
_COPIES = (
    ("view", "r(2, 3), (3, 2)", "tensor([1, 2]), (2, 1)", "tensor([[1],\n            [2]])"),
    ("permute", "r(2, 3), (1, 0)", "tensor([[1, 2]]), (1, 0)", "tensor([[1],\n            [2]])"),
    ("transpose", "r(2, 3), 0, 1", "tensor([[1, 2]]), 0, 1", "tensor([[1],\n            [2]])"),
    ("t", "r(2, 3)", "tensor([[1, 2]])", "tensor([[1],\n            [2]])"),
    ("expand", "r(2, 1), (2, 3)", "tensor([1]), (3,)", "tensor([1, 1, 1])"),
    ("squeeze", "r(2, 1)", "tensor([[1, 2]])", "tensor([1, 2])"),
    ("unsqueeze", "r(3), 0", "tensor([1, 2]), 0", "tensor([[1, 2]])"),
    ("unfold", "r(6), 0, 2, 2", "tensor([1, 2, 3]), 0, 2, 1", "tensor([[1, 2],\n            [2, 3]])"),
    ("unbind", "r(2, 3)", "tensor([1, 2])", "(tensor(1), tensor(2))"),
    ("split", "r(4, 3), 2", "tensor([1, 2, 3]), 2", "(tensor([1, 2]), tensor([3]))"),
    ("split_with_sizes", "r(4, 3), (1, 3)", "tensor([1, 2, 3]), (1, 2)", "(tensor([1]), tensor([2, 3]))"),
    ("select", "r(2, 3), 0, 1", "tensor([1, 2]), 0, 1", "tensor(2)"),
    ("diagonal", "r(3, 3)", "tensor([[1, 2], [3, 4]])", "tensor([1, 4])"),
    ("as_strided", "r(6), (2, 2), (1, 2)", "tensor([1, 2, 3]), (2,), (2,)", "tensor([1, 3])"),
    ("view_as_real", "c(3)", "tensor([1 + 2j])", "tensor([[1., 2.]])"),
    ("view_as_complex", "r(3, 2)", "tensor([[1., 2.]])", "tensor([1.+2.j])"),
    ("alias", "r(3)", "tensor([1, 2])", "tensor([1, 2])"),
)
for _row in _COPIES:
    _copy_of_view(*_row)


@op("alias", at="", view=True, samples=["r(3)"], vjp={"x": lambda k, g: g})
def alias(xp, x):
    """A view of all of x.

    >>> torch.alias_copy(tensor([1., 2.]))
    tensor([1., 2.])
    """
    return x.view()


@function("torch.slice_copy", samples=["r(4, 3), 0, 1, 3"])
def slice_copy(input, dim: int = 0, start=None, end=None, step: int = 1):
    """A copy of a slice of one dim.

    >>> torch.slice_copy(tensor([1, 2, 3, 4]), 0, 1, 3)
    tensor([2, 3])
    """
    dim = wrap_dim(dim, input.ndim)
    return T.clone(T._slice(input, dim, *slice(start, end, step).indices(input.shape[dim])))


@composite("narrow_copy", out="exact", at="torch tensor", grad_name="NarrowCopyBackward0",
           samples=["r(3, 4), 1, 1, 2", "r(3, 4), 0, -2, 1", "r(3, 4), -1, 4, 0"])
def narrow_copy(x, dim: "int", start: "int", length: "int"):
    """A copy of `length` indices of a dim, from `start`.

    >>> narrow_copy(arange(5), 0, 1, 2)
    tensor([1, 2])
    """
    if x.ndim and dim >= x.ndim:
        raise EngineError("Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.")
    n = x.shape[wrap_dim(dim, x.ndim)] if x.ndim else 0
    if x.ndim and not -n <= start <= n:
        raise BadIndex(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    if x.ndim and (length < 0 or n < start + length):
        raise EngineError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return T.clone(T.narrow(x, dim, start, length), memory_format=contiguous_format)


# ---------------------------------------------------------------- copies with a view overwritten

_SCATTER_NAMES = {"_diagonal": "DiagonalScatterBackward0", "select": "SelectScatterBackward0",
                  "_slice": "SliceScatterBackward0", "_as_strided": "AsStridedScatterBackward0"}


@op("_with_view", at="", half=False, samples=["r(3, 4), r(4), 'select', (0, 1)", "r(3, 4), r(3), '_diagonal', (0, 0, 1)"],
    grad_name=lambda x, src, name, values: _SCATTER_NAMES[name],
    vjp={"x": lambda k, g, src_shape, name, values: k._with_view(g, g.new_zeros(src_shape), name, values),
         "src": lambda k, g, name, values: execute(ops[name], [k.contiguous(g), *values])})
def _with_view(xp, x, src: "Index", name: "str", values: "any"):
    """A copy of x in which the view that op `name` takes shows `src`."""
    out = xp.array(x, order="C")
    ops[name].fn(xp, out, *values)[...] = src
    return out


def _scattered(x, src, name: str, *values):
    want = tuple(execute(ops[name], [x.detach(), *values]).shape)
    if tuple(src.shape) != want:
        raise EngineError(f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice "
                          f"size = {list(want)}")
    return T._with_view(x, src if src.dtype is x.dtype else src.to(x.dtype), name, values)


@composite("diagonal_scatter", at="torch tensor", samples=["r(3, 3), r(3)", "r(3, 4), r(3), 1"])
def diagonal_scatter(x, src, offset: "int" = 0, dim1: "Dim" = 0, dim2: "Dim" = 1):
    """A copy of x with src on a diagonal.

    >>> diagonal_scatter(zeros(2, 2), ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if dim1 == dim2:
        raise EngineError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return _scattered(x, src, "_diagonal", offset, dim1, dim2)


@composite("select_scatter", at="torch tensor", samples=["r(3, 4), r(4), 0, 1", "r(3, 4), r(3), -1, -2"])
def select_scatter(x, src, dim: "Dim", index: "int"):
    """A copy of x with src at one index of a dim.

    >>> select_scatter(zeros(2, 2), ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    if not x.ndim:
        raise BadIndex("select() cannot be applied to a 0-dim tensor.")
    return _scattered(x, src, "select", dim, index)


@composite("slice_scatter", out="exact",
    at="torch tensor", samples=["r(4, 2), r(2, 2), 0, 1, 3", "r(4, 2), r(2, 2), 0, 0, None, 2"])
def slice_scatter(x, src, dim: "Dim" = 0, start: "int?" = None, end: "int?" = None, step: "int" = 1):
    """A copy of x with src in a slice of a dim.

    >>> slice_scatter(zeros(3), ones(1), 0, 1, 2)
    tensor([0., 1., 0.])
    """
    if not x.ndim:
        raise BadIndex("slice() cannot be applied to a 0-dim tensor.")
    return _scattered(x, src, "_slice", dim, *slice(start, end, step).indices(x.shape[dim]))


@composite("as_strided_scatter", at="torch tensor", samples=["ints(6), ints(2, 2), (2, 2), (1, 2), 1"])
def as_strided_scatter(x, src, size: "Shape", stride: "Shape", storage_offset: "int?" = None):
    """A copy of x with src where `as_strided` would look.

    >>> as_strided_scatter(zeros(4), ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    x = T.contiguous(x)
    layout = (x.stride(), 0)
    return _scattered(x, src, "_as_strided", tuple(size), tuple(stride), storage_offset or 0, layout)
