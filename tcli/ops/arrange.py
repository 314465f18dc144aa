"""Repeating and reordering: repeat, tile, flip, roll, rot90, grids and combinations."""

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.meta import NeedsValue
from ..engine.placement import holds
from ..engine.registry import T, composite, function, op
from ..engine.storage import contiguous_format
from ..engine.tensor import tensor
from ..engine.warn import warn_once
from ..errors import BadIndex, EngineError, Unsupported
from .blocks import own_copy


@op("repeat", rows=True, at="tensor", half=False, samples=["r(2, 3), (2, 2)", "r(3), (2, 1)", "r(2), (0,)"],
    vjp={"x": lambda k, g, x_shape, repeats: _repeat_adjoint(k, g, x_shape, repeats)})
def repeat(xp, x, repeats: "Shape*"):
    """The tensor laid out several times along each dim.

    >>> tensor([1, 2]).repeat(2)
    tensor([1, 2, 1, 2])
    """
    if len(repeats) < x.ndim:
        raise EngineError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in repeats):
        sizes = [n * s for n, s in zip(repeats, (1,) * (len(repeats) - x.ndim) + x.shape, strict=True)]
        raise EngineError(f"Trying to create tensor with negative dimension {min(sizes)}: {sizes}")
    return xp.tile(x, repeats)


def _repeat_adjoint(k, g, x_shape, repeats):
    lead = len(repeats) - len(x_shape)
    sizes = (1,) * lead + tuple(x_shape)
    if 0 in repeats:
        return k.zeros(x_shape, dtype=g.dtype)
    split = [v for n, s in zip(repeats, sizes, strict=True) for v in (n, s)]
    if not split:
        return g
    return k.reshape(k.sum(k.reshape(g, tuple(split)), tuple(range(0, len(split), 2))), x_shape)


@composite("tile", at="torch tensor", samples=["r(2, 3), (2,)", "r(3), (2, 2)"], out=False)
def tile(x, dims: "Shape*"):
    """Like `repeat`; missing leading repeats are 1.

    >>> tile(tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return T.repeat(x, (1,) * (x.ndim - len(dims)) + tuple(dims))


def _unknown_count(xp, x, repeats, dim):
    raise NeedsValue("cannot repeat_interleave a meta tensor without output_size")


@op("_repeat_each", at="", half=False,
    shape=_unknown_count, samples=["r(3), torch.tensor([1, 0, 2]), 0"], grad_name="IndexSelectBackward0",
    vjp={"x": lambda k, g, x_shape, repeats, dim: k._repeat_each_adjoint(g, x_shape, repeats, dim)})
def _repeat_each(xp, x, repeats: "Index", dim: "int"):
    return xp.repeat(x, repeats, axis=dim)


@op("_repeat_each_adjoint", at="", shape=lambda xp, g, shape, *_: xp.zeros(shape, g.dtype),
    samples=["r(3), (3,), torch.tensor([1, 0, 2]), 0"], grad_name="IndexSelectBackward0",
    vjp={"g": lambda k, g, repeats, dim: k._repeat_each(g, repeats, dim)})
def _repeat_each_adjoint(xp, g, shape: "any", repeats: "Index", dim: "int"):
    out = xp.zeros(shape, g.dtype)
    index = xp.repeat(xp.arange(shape[dim]), repeats)
    xp.add.at(xp.moveaxis(out, dim, 0), index, xp.moveaxis(g, dim, 0))
    return out


@composite("repeat_interleave", at="torch tensor", samples=["r(3), 2", "r(2, 3), 2, 1", "r(3), torch.tensor([1, 0, 2]), 0"],
           out=False)
def repeat_interleave(x, repeats: "any" = None, dim: "Dim?" = None, *, output_size: "int?" = None):
    """Each element repeated, next to itself.

    >>> repeat_interleave(tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        _check_repeats(x)
        return T._repeat_each(T.arange(x.numel(), device=x.device), x, 0)
    flat = dim is None
    if flat:
        x, dim = T.reshape(x, (-1,)), 0
    if not x.ndim:
        raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")
    n = x.shape[dim]
    if isinstance(repeats, int):
        if repeats < 0:
            raise EngineError("Repeats must be non-negative")
        return _repeated(x, repeats, dim)
    counts = repeats if hasattr(repeats, "_a") else tensor(list(repeats), dtype=dtypes.int64)
    _check_repeats(counts)
    if counts.ndim == 0 or counts.ndim == 1 and counts.shape[0] == 1:
        counts = T.expand(T.reshape(counts, (1,)), (n,))
    elif counts.ndim != 1:
        raise EngineError("repeats must be 0-dim or 1-dim tensor")
    if counts.numel() != n:
        raise EngineError("repeats must have the same size as input along dim, but got repeats.size(0) = "
                          f"{counts.numel()} and input.size({dim}) = {n}")
    return T._repeat_each(x, counts, dim)


def _check_repeats(counts) -> None:
    kind = dtypes.scalar_name(counts.dtype)
    if kind not in ("Long", "Int"):
        raise Unsupported(f"\"repeat_interleave_cpu\" not implemented for '{kind}'")
    if holds((counts._a < 0).any()):
        raise EngineError("repeats can not be negative")


def _repeated(x, times: int, dim: int):
    """Every slice the same number of times: a view with a new dim, copied once."""
    shape = tuple(x.shape)
    wide = T.expand(T.unsqueeze(x, dim + 1), (*shape[:dim + 1], times, *shape[dim + 1:]))
    return T.flatten(T.clone(wide, memory_format=contiguous_format), dim, dim + 1)


@op("flip", rows="first", at="torch tensor", half=False, samples=["r(3, 4), (0,)", "r(3, 4), (0, 1)", "r(3), ()", "r(), (0,)"],
    vjp={"x": lambda k, g, dims: k.flip(g, dims)}, raw_vjp=True)
def flip(xp, x, dims: "Dims*"):
    """The order of elements reversed along dims; a copy.

    >>> flip(tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    return own_copy(xp, xp.flip(x, dims)) if dims and x.ndim else x.copy()


@composite("fliplr", at="torch tensor", samples=["r(2, 3)"], out=False)
def fliplr(x):
    """Columns in reverse order.

    >>> fliplr(tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if x.ndim < 2:
        raise EngineError("Input must be >= 2-d.")
    return T.flip(x, (1,))


@composite("flipud", at="torch tensor", samples=["r(2, 3)"], out=False)
def flipud(x):
    """Rows in reverse order.

    >>> flipud(tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if x.ndim < 1:
        raise EngineError("Input must be >= 1-d.")
    return T.flip(x, (0,))


@op("roll", rows="format", at="torch tensor", half=False,
    samples=["r(4), 1", "r(2, 3), -1", "r(2, 3), (1, 2), (0, 1)", "r(2, 3), 1, 1"],
    vjp={"x": lambda k, g, shifts, dims: k.roll(g, tuple(-s for s in _tuple(shifts)), dims)}, raw_vjp=True)
def roll(xp, x, shifts: "any", dims: "any" = None):
    """Elements moved along dims, those that fall off coming in at the other end.

    >>> roll(tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    shifts = _tuple(shifts)
    if not shifts:
        raise EngineError("`shifts` required")
    if dims is None or dims == ():
        if len(shifts) != 1:
            raise EngineError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return xp.roll(x, shifts[0])
    dims = _tuple(dims)
    if len(dims) != len(shifts):
        raise EngineError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    dims = tuple(wrap_dim(d, x.ndim, scalar_ok=False) for d in dims)
    return xp.roll(x, shifts, dims)


def _tuple(value) -> tuple:
    return (value,) if isinstance(value, int) else tuple(value)


@op("rot90", at="torch tensor", half=False, samples=["r(2, 3)", "r(2, 3), 2", "r(2, 3), -1, (0, 1)"],
    vjp={"x": lambda ops, g, k, dims: ops.rot90(g, -k, dims)})
def rot90(xp, x, k: "int" = 1, dims: "any" = (0, 1)):
    """The tensor turned by k quarter turns in the plane of two dims.

    >>> rot90(tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise EngineError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if x.ndim < 2:
        raise EngineError(f"expected total dims >= 2, but got total dims = {x.ndim}")
    first, second = (wrap_dim(d, x.ndim) for d in dims)
    if first == second:
        raise EngineError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return own_copy(xp, xp.rot90(x, k, (first, second)))


@function("torch.meshgrid", samples=["r(3), r(2), indexing='ij'"])
def meshgrid(*tensors, indexing: str | None = None):
    """The coordinate grids of several vectors: a tuple of views; indexing "ij" (default) or "xy".

    >>> torch.meshgrid(tensor([1, 2]), tensor([3, 4]), indexing='ij')[0]
    tensor([[1, 1],
            [2, 2]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise EngineError(f"torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}")
    if not tensors:
        raise EngineError("meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t.ndim > 1:
            raise EngineError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}")
        if t.dtype is not tensors[0].dtype:
            raise EngineError("meshgrid expects all tensors to have the same dtype")
        if t.device != tensors[0].device:
            raise EngineError("meshgrid expects all tensors to have the same device")
    if indexing is None:
        warn_once("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.")
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple(t.numel() for t in tensors)
    grids = [T.expand(T.reshape(t, (1,) * i + (-1,) + (1,) * (len(tensors) - i - 1)), shape)
             for i, t in enumerate(tensors)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@function("torch.cartesian_prod", samples=["r(3), r(2)"])
def cartesian_prod(*tensors):
    """All combinations of one element from each vector, one per row.

    >>> cartesian_prod(tensor([1, 2]), tensor([3]))
    tensor([[1, 3],
            [2, 3]])
    """
    for t in tensors:
        if t.ndim != 1:
            raise EngineError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return T.stack([g.flatten() for g in meshgrid(*tensors, indexing="ij")], 1)


@function("torch.combinations", samples=["r(4), 2"])
def combinations(input, r: int = 2, with_replacement: bool = False):
    """All combinations of r elements of a vector, one per row.

    >>> combinations(tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    from itertools import combinations as choose
    from itertools import combinations_with_replacement as choose_again

    if input.ndim != 1:
        raise EngineError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise EngineError(f"Expect a non-negative number, but got {r}")
    if not r:
        return T.zeros((0,), dtype=input.dtype, device=input.device)
    rows = list((choose_again if with_replacement else choose)(range(input.numel()), r))
    index = tensor(rows, dtype=dtypes.int64).reshape(-1, r)
    return T.stack([T.index_select(input, 0, column) for column in T.unbind(index, 1)], 1)


@op("_block_diag", at="", promote="same", half=False, samples=["[r(2, 2), r(1, 3)]"], grad_name="BlockDiagBackward0",
    vjp={"tensors": lambda k, g, need, tensors_shape: _blocks(k, g, need, tensors_shape)})
def _block_diag(xp, tensors: "Tensors"):
    out = xp.zeros((sum(b.shape[0] for b in tensors), sum(b.shape[1] for b in tensors)), tensors[0].dtype)
    top = left = 0
    for b in tensors:
        out[top:top + b.shape[0], left:left + b.shape[1]] = b
        top, left = top + b.shape[0], left + b.shape[1]
    return out


def _blocks(k, g, need, shapes):
    found, top, left = [], 0, 0
    for (rows, columns), needed in zip(shapes, need, strict=True):
        found.append(g[top:top + rows, left:left + columns] if needed else None)
        top, left = top + rows, left + columns
    return tuple(found)


@function("torch.block_diag", samples=["r(2, 3), r(1, 2)"])
def block_diag(*tensors):
    """A block-diagonal matrix of matrices (vectors count as rows).

    >>> block_diag(tensor([[1, 2]]), tensor([3]))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for i, t in enumerate(tensors):
        if t.ndim > 2:
            raise EngineError("torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                              f"{i} has {t.ndim} dimensions")
    return T._block_diag([T.atleast_2d(t) for t in tensors]) if tensors else T.zeros((1, 0))
