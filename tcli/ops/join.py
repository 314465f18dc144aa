"""Joining and splitting: cat, stack, split, chunk, unbind, repeat, flip, roll."""

import numpy as np

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.registry import T, composite, function, op
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


@op("_cat", at="", promote="same", half=False, samples=["[r(2, 3), r(1, 3)], 0", "[r(2, 3), r(2, 1)], 1"],
    grad_name="CatBackward0", vjp={"tensors": _cat_pieces})
def _cat(xp, tensors: "Tensors", dim: "int"):
    return xp.concatenate(tensors, axis=dim)


@composite("cat", at="torch", also=["concat", "concatenate"],
           samples=["[r(2, 3), r(1, 3)]", "[r(2, 3), r(2, 1)], 1", "[r(2), r(0)]", "[r(1, 2)] * 1, -1"])
def cat(tensors: "Tensors", dim: "int" = 0):
    """Tensors joined along an existing dim; all other sizes must be equal.

    >>> cat([tensor([1, 2]), tensor([3])])
    tensor([1, 2, 3])
    """
    if not tensors:
        raise EngineError("torch.cat(): expected a non-empty list of Tensors")
    for i, t in enumerate(tensors):
        if t.ndim == 0:
            raise EngineError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    model = next((t for t in tensors if tuple(t.shape) != (0,)), tensors[0])
    dim = wrap_dim(dim, model.ndim)
    for i, t in enumerate(tensors):
        if tuple(t.shape) != (0,):
            _check_cat(model, t, i, dim)
    real = [t for t in tensors if tuple(t.shape) != (0,)]
    if len(real) == len(tensors) or not real:
        return T._cat(tensors, dim)
    # PyTorch lets empty vectors take part in any cat; they still count for the dtype.
    from ..engine.dispatch import cast, result_type

    common = result_type(tensors)
    return T._cat([cast(t, common) if t.dtype is not common else t for t in real], dim)


def _check_cat(model, t, i: int, dim: int) -> None:
    if t.ndim != model.ndim:
        raise ShapeError(f"Tensors must have same number of dimensions: got {model.ndim} and {t.ndim}")
    for d, (a, b) in enumerate(zip(model.shape, t.shape, strict=True)):
        if d != dim and a != b:
            raise ShapeError(f"Sizes of tensors must match except in dimension {dim}. Expected size {a} but got size {b} for "
                             f"tensor number {i} in the list.")


@op("_stack", at="", promote="same", half=False, samples=["[r(2, 3), r(2, 3)], 0", "[r(3), r(3)], 1"],
    grad_name="StackBackward0",
    vjp={"tensors": lambda k, g, need, dim: tuple(k.select(g, dim, i) if n else None for i, n in enumerate(need))})
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
    at_least.__doc__ = f"Tensors with at least {n} dims: views with dims of size 1 added where they lack."
    function(f"torch.atleast_{n}d")(at_least)
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


# ---------------------------------------------------------------- splitting

def _renamed(parts: tuple, name: str) -> tuple:
    for t in parts:
        if t._node is not None:
            t._node._name = name
    return parts


@composite("unbind", at="torch tensor", samples=["r(3, 2)", "r(3, 2), 1"], out=False)
def unbind(x, dim: "Dim" = 0):
    """The slices along a dim, as a tuple of views.

    >>> unbind(tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if x.ndim == 0:
        raise EngineError("Dimension specified as 0 but tensor has no dimensions")
    return _renamed(tuple(T.select(x, dim, i) for i in range(x.shape[dim])), "UnbindBackward0")


def _split_at(x, sizes: list, dim: int, name: str) -> tuple:
    parts, start = [], 0
    for n in sizes:
        parts.append(T._slice(x, dim, start, start + n))
        start += n
    return _renamed(tuple(parts), name)


@composite("split", at="torch tensor", samples=["r(5, 2), 2", "r(5, 2), [1, 4]", "r(2, 4), 2, 1"], out=False)
def split(x, split_size_or_sections: "any", dim: "Dim" = 0):
    """Views of equal size along a dim (the last may be smaller), or of given sizes.

    >>> split(arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if isinstance(split_size_or_sections, (list, tuple)):
        return T.split_with_sizes(x, split_size_or_sections, dim)
    size, n = int(split_size_or_sections), x.shape[dim]
    if size < 0:
        raise EngineError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0:
        if n:
            raise EngineError("split_size can only be 0 if dimension size is 0, but got dimension size of " + str(n))
        return (x,)
    count = max(1, -(-n // size))
    return _split_at(x, [min(size, n - i * size) for i in range(count)], dim, "SplitBackward0")


@composite("split_with_sizes", at="torch tensor", samples=["r(5, 2), [1, 4]"], out=False)
def split_with_sizes(x, split_sizes: "any", dim: "Dim" = 0):
    """Views of given sizes along a dim.

    >>> split_with_sizes(arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    sizes = [int(n) for n in split_sizes]
    if any(n < 0 for n in sizes):
        raise EngineError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}")
    if sum(sizes) != x.shape[dim]:
        raise EngineError(f"split_with_sizes expects split_sizes to sum exactly to {x.shape[dim]} (input tensor's size at "
                          f"dimension {dim}), but got split_sizes={sizes}")
    return _split_at(x, sizes, dim, "SplitWithSizesBackward0")


@composite("chunk", at="torch tensor", samples=["r(5, 2), 2", "r(2, 4), 3, 1"], out=False)
def chunk(x, chunks: "int", dim: "Dim" = 0):
    """At most `chunks` views of equal size along a dim.

    >>> chunk(arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if x.ndim == 0:
        raise EngineError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise EngineError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = x.shape[dim]
    size = -(-n // chunks)
    if size == 0:
        return tuple(T._slice(x, dim, 0, 0) for _ in range(chunks))
    return T.split(x, size, dim)


@composite("tensor_split", at="torch tensor", samples=["r(5), 3", "r(5), (1, 3)", "r(2, 4), 2, 1"], out=False)
def tensor_split(x, indices_or_sections: "any", dim: "Dim" = 0):
    """Views along a dim: n nearly equal ones, or cut at given indices.

    >>> tensor_split(arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if x.ndim == 0:
        raise EngineError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    cuts = indices_or_sections
    if hasattr(cuts, "tolist"):
        cuts = cuts.tolist()
    n = x.shape[dim]
    if isinstance(cuts, int):
        if cuts <= 0:
            raise EngineError(f"number of sections must be larger than 0, got {cuts}")
        edges = np.cumsum([0] + [n // cuts + (i < n % cuts) for i in range(cuts)]).tolist()
    else:
        edges = [0, *(int(c) for c in cuts), n]
        edges = [min(max(e + n if e < 0 else e, 0), n) for e in edges]
    return tuple(T._slice(x, dim, a, max(a, b)) for a, b in zip(edges, edges[1:], strict=False))


def _named_split(name: str, dim: int, at_least: int):
    @composite(name, at="torch tensor", samples=["r(4, 4, 4), 2", "r(4, 4, 4), (1, 3)"], out=False)
    def split_along(x, indices_or_sections: "any"):
        if x.ndim < at_least:
            raise EngineError(f"torch.{name} requires a tensor with at least {at_least} dimension"
                              f"{'s' if at_least > 1 else ''}, but got a tensor with {x.ndim} dimensions!")
        where = 0 if name == "hsplit" and x.ndim == 1 else dim
        n = indices_or_sections
        if isinstance(n, int) and n and x.shape[where] % n:
            raise EngineError(f"torch.{name} attempted to split along dimension {where}, but the size of the dimension "
                              f"{x.shape[where]} is not divisible by the split_size {n}!")
        return T.tensor_split(x, n, where)

    split_along.__doc__ = f"""Views along dim {dim}: n equal ones, or cut at given indices.

    >>> len({name}(zeros(4, 4, 4), 2))
    2
    """


_named_split("hsplit", 1, 1)
_named_split("vsplit", 0, 2)
_named_split("dsplit", 2, 3)


# ---------------------------------------------------------------- repeating and reordering

@op("repeat", at="tensor", half=False, samples=["r(2, 3), (2, 2)", "r(3), (2, 1)", "r(2), (0,)"],
    vjp={"x": lambda k, g, x_shape, repeats: _repeat_adjoint(k, g, x_shape, repeats)})
def repeat(xp, x, repeats: "Shape*"):
    """The tensor laid out several times along each dim.

    >>> tensor([1, 2]).repeat(2)
    tensor([1, 2, 1, 2])
    """
    if len(repeats) < x.ndim:
        raise EngineError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in repeats):
        raise EngineError(f"Trying to create tensor with negative dimension {min(repeats)}: {list(repeats)}")
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


@op("_repeat_each", at="", half=False, samples=["r(3), torch.tensor([1, 0, 2]), 0"], grad_name="IndexSelectBackward0",
    vjp={"x": lambda k, g, x_shape, repeats, dim: k._repeat_each_adjoint(g, x_shape, repeats, dim)})
def _repeat_each(xp, x, repeats: "Index", dim: "int"):
    return xp.repeat(x, repeats, axis=dim)


@op("_repeat_each_adjoint", at="", samples=["r(3), (3,), torch.tensor([1, 0, 2]), 0"], grad_name="IndexSelectBackward0",
    vjp={"g": lambda k, g, repeats, dim: k._repeat_each(g, repeats, dim)})
def _repeat_each_adjoint(xp, g, shape: "any", repeats: "Index", dim: "int"):
    out = xp.zeros(shape, g.dtype)
    index = xp.repeat(xp.arange(shape[dim]), repeats)
    xp.add.at(xp.moveaxis(out, dim, 0), index, xp.moveaxis(g, dim, 0))
    return out


@composite("repeat_interleave", at="torch tensor", samples=["r(3), 2", "r(2, 3), 2, 1", "r(3), torch.tensor([1, 0, 2]), 0"],
           out=False)
def repeat_interleave(x, repeats: "any" = None, dim: "Dim?" = None, *, output_size: "any" = None):
    """Each element repeated, next to itself.

    >>> repeat_interleave(tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return T._repeat_each(T.arange(x.numel()), x, 0)
    if dim is None:
        x, dim = T.reshape(x, (-1,)), 0
    n = x.shape[dim]
    counts = repeats if not isinstance(repeats, (int, list, tuple)) else T.full((n,), repeats) \
        if isinstance(repeats, int) else T.reshape(dispatch_tensor(repeats), (-1,))
    if counts.numel() == 1 and n != 1:
        counts = T.expand(T.reshape(counts, (1,)), (n,))
    if counts.numel() != n:
        raise EngineError("repeats must have the same size as input along dim, but got repeats.size(0) = "
                          f"{counts.numel()} and input.size({dim}) = {n}")
    if bool((counts < 0).any()):
        raise EngineError("repeats can not be negative")
    return T._repeat_each(x, counts.reshape(-1), dim)


def dispatch_tensor(values):
    from ..engine.tensor import tensor

    return tensor(list(values), dtype=dtypes.int64)


@op("flip", at="torch tensor", half=False, samples=["r(3, 4), (0,)", "r(3, 4), (0, 1)", "r(3), ()"],
    vjp={"x": lambda k, g, dims: k.flip(g, dims)})
def flip(xp, x, dims: "Dims*"):
    """The order of elements reversed along dims; a copy.

    >>> flip(tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    return xp.flip(x, dims).copy() if dims else x.copy()


@composite("fliplr", at="torch tensor", samples=["r(2, 3)"], out=False)
def fliplr(x):
    """Columns in reverse order.

    >>> fliplr(tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if x.ndim < 2:
        raise EngineError(f"Input must be >= 2-d.")
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


@op("roll", at="torch tensor", half=False, samples=["r(4), 1", "r(2, 3), -1", "r(2, 3), (1, 2), (0, 1)", "r(2, 3), 1, 1"],
    vjp={"x": lambda k, g, shifts, dims: k.roll(g, tuple(-s for s in _tuple(shifts)), dims)})
def roll(xp, x, shifts: "any", dims: "any" = None):
    """Elements moved along dims, those that fall off coming in at the other end.

    >>> roll(tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    shifts = _tuple(shifts)
    if dims is None or dims == ():
        if len(shifts) != 1:
            raise EngineError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return xp.roll(x, shifts[0])
    dims = tuple(wrap_dim(d, x.ndim) for d in _tuple(dims))
    if len(dims) != len(shifts):
        raise EngineError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    return xp.roll(x, shifts, dims)


def _tuple(value) -> tuple:
    return (value,) if isinstance(value, int) else tuple(value)


@composite("rot90", at="torch tensor", samples=["r(2, 3)", "r(2, 3), 2", "r(2, 3), -1, (0, 1)"], out=False)
def rot90(x, k: "int" = 1, dims: "any" = (0, 1)):
    """The tensor turned by k quarter turns in the plane of two dims.

    >>> rot90(tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    dims = tuple(wrap_dim(d, x.ndim) for d in dims)
    if len(dims) != 2:
        raise EngineError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if dims[0] == dims[1]:
        raise EngineError("expected rotation dims to be different, but got dim0 = "
                          f"{dims[0]} and dim1 = {dims[1]}")
    turns = k % 4
    if turns == 0:
        return T.clone(x)
    if turns == 2:
        return T.flip(x, dims)
    flipped = T.flip(x, (dims[1],) if turns == 1 else (dims[0],))
    return T.transpose(flipped, *dims)


@function("torch.meshgrid")
def meshgrid(*tensors, indexing: str | None = None):
    """The coordinate grids of several vectors: a tuple of views; indexing "ij" (default) or "xy"."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing not in (None, "ij", "xy"):
        raise EngineError(f"torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}")
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple(t.numel() for t in tensors)
    grids = [T.expand(T.reshape(t, (1,) * i + (-1,) + (1,) * (len(tensors) - i - 1)), shape)
             for i, t in enumerate(tensors)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@function("torch.cartesian_prod")
def cartesian_prod(*tensors):
    """All combinations of one element from each vector, one per row."""
    for t in tensors:
        if t.ndim != 1:
            raise EngineError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return T.stack([g.flatten() for g in meshgrid(*tensors)], 1)


@function("torch.combinations")
def combinations(input, r: int = 2, with_replacement: bool = False):
    """All combinations of r elements of a vector, one per row."""
    from itertools import combinations as choose
    from itertools import combinations_with_replacement as choose_again

    if input.ndim != 1:
        raise EngineError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise BadValue(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return T.reshape(input[:0], (0,))
    rows = list((choose_again if with_replacement else choose)(range(input.numel()), r))
    return input[dispatch_tensor(rows).reshape(-1, r)] if rows else T.reshape(input[:0], (0, r))


@function("torch.block_diag")
def block_diag(*tensors):
    """A block-diagonal matrix of matrices (vectors count as rows)."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    blocks = [atleast_2d(t) for t in tensors]
    width = sum(b.shape[1] for b in blocks)
    rows, left = [], 0
    for b in blocks:
        before, after = T.zeros((b.shape[0], left), dtype=b.dtype), T.zeros((b.shape[0], width - left - b.shape[1]), dtype=b.dtype)
        rows.append(T.cat([before, b, after], 1))
        left += b.shape[1]
    return T.cat(rows, 0) if rows else T.zeros((1, 0))
