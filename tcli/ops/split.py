"""Splitting along a dim: unbind, split, chunk, tensor_split.

One node of the tape stands for all the parts, so that walking over the rows of a tensor costs its
backward pass one pass over the gradient and not one per row. PyTorch forbids writing into such views
where gradients are recorded; they carry (name, index) for that.
"""

from ..engine.args import type_name, wrap_dim
from ..engine.callables import short_way
from ..engine.dispatch import note_view
from ..engine.quick_views import is_splittable, parts_of, splitting
from ..engine.registry import T, composite, function, op, ops
from ..engine.tensor import Tensor
from ..engine.ways import MISSING
from ..errors import ArgumentError, BadIndex, EngineError


def _joined(k, g, sizes, dim: int, shape: tuple):
    """The gradients of parts next to each other, zeros where a part got none."""
    model = next(p for p in g if p is not None)

    def zeros(n: int):
        return k.zeros((*shape[:dim], n, *shape[dim + 1:]), dtype=model.dtype, device=model.device)
    return k.cat([zeros(n) if p is None else p for p, n in zip(g, sizes, strict=True)], dim)


@op("_split", at="", half=False, outs=-1, samples=["r(5, 2), [1, 4], 0, 'SplitBackward0'"],
    grad_name=lambda x, sizes, dim, name: name,
    vjp={"x": lambda k, g, x_shape, sizes, dim: _joined(k, g, sizes, dim, x_shape)})
def _split(xp, x, sizes: "any", dim: "Dim", name: "str"):
    before, parts, start = (slice(None),) * dim, [], 0
    for n in sizes:
        parts.append(x[(*before, slice(start, start + n))])
        start += n
    return tuple(parts)


@op("_unbind", at="", half=False, outs=-1, samples=["r(3, 2), 1"], grad_name="UnbindBackward0",
    vjp={"x": lambda k, g, dim: _stacked(k, g, dim)})
def _unbind(xp, x, dim: "Dim"):
    return tuple(x[(*(slice(None),) * dim, i, Ellipsis)] for i in range(x.shape[dim]))


def _stacked(k, g, dim: int):
    model = next(p for p in g if p is not None)
    zero = k.zeros_like(model) if any(p is None for p in g) else None
    return k.stack([zero if p is None else p for p in g], dim)


def _several(x, parts: tuple, name: str, o, arguments) -> tuple:
    """Notes that parts are views of x: `o` with (x, *arguments[i]) would give part i alone."""
    for i, (part, values) in enumerate(zip(parts, arguments, strict=True)):
        note_view(o, x, values, part)
        part._several = (name, i)
    return parts


@composite("unbind", at="torch tensor", samples=["r(3, 2)", "r(3, 2), 1"], out=False)
def unbind(x, dim: "Dim" = 0):
    """The slices along a dim, as a tuple of views.

    >>> unbind(tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if x.ndim == 0:
        raise BadIndex("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, x.ndim)
    if not x.shape[dim]:
        return ()
    return _several(x, T._unbind(x, dim), "Unbind", ops["select"], ((dim, i) for i in range(x.shape[dim])))


@short_way("unbind")
def _quick_unbind(o, slow):
    unbind_op, select = ops["_unbind"], ops["select"]

    def fn(x=MISSING, dim=0, **named):
        if named or not is_splittable(x, dim):
            return slow(x, dim, **named) if x is not MISSING else slow(dim=dim, **named)
        a = x._a
        dim %= a.ndim
        before = (slice(None),) * dim
        n = a.shape[dim]
        arrays = list(a) if not dim and a.ndim > 1 else [a[(*before, i, Ellipsis)] for i in range(n)]
        return parts_of(unbind_op, (x, dim), "Unbind", select, [(dim, i) for i in range(n)], arrays)
    return splitting("unbinding", unbind_op, fn, "Unbind", select, None)


def _quick_split(x, size: int, dim: int) -> tuple:
    """Parts of `size` along a dim of a tensor that `is_splittable`."""
    a = x._a
    dim %= a.ndim
    before, n = (slice(None),) * dim, a.shape[dim]
    starts = range(0, n, size)
    values = x, [min(size, n - i) for i in starts], dim, "SplitBackward0"
    arrays = [a[(*before, slice(i, i + size))] for i in starts]
    return parts_of(ops["_split"], values, "Split", ops["_slice"], [(dim, i, min(i + size, n), 1) for i in starts], arrays)


def _split_at(x, sizes: list, dim: int, name: str) -> tuple:
    if not sizes:
        return ()
    ends = [0]
    for n in sizes:
        ends.append(ends[-1] + n)
    parts = T._split(x, sizes, dim, name + "Backward0")
    return _several(x, parts, name, ops["_slice"], ((dim, a, b, 1) for a, b in zip(ends, ends[1:], strict=False)))


def _along(x, dim: int, name: str = "split expects") -> int:
    """`dim` from the start; a tensor without dims is refused before the dim is looked at."""
    if x.ndim == 0:
        raise EngineError(f"{name} at least a 1-dimensional tensor")
    return wrap_dim(dim, x.ndim)


def _equal_sizes(x, size: int, dim: int) -> list:
    n = x.shape[dim]
    if size < 0:
        raise EngineError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0:
        if n:
            raise EngineError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        return [0]
    return [min(size, n - i * size) for i in range(max(1, -(-n // size)))]


def _given_sizes(x, split_sizes, dim: int) -> list:
    sizes = [int(n) for n in split_sizes]
    if any(n < 0 for n in sizes):
        raise EngineError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}")
    if sum(sizes) != x.shape[dim]:
        raise EngineError(f"split_with_sizes expects split_sizes to sum exactly to {x.shape[dim]} (input tensor's size at "
                          f"dimension {dim}), but got split_sizes={sizes}")
    return sizes


def _sections(value):
    """The size or the sizes that `split` was given."""
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, float) or not hasattr(value, "__index__"):
        raise ArgumentError("split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not "
                            f"{type(value).__name__}")
    return value.__index__()


@composite("split", at="torch tensor", samples=["r(5, 2), 2", "r(5, 2), [1, 4]", "r(2, 4), 2, 1"], out=False)
def split(x, split_size_or_sections: "any" = None, dim: "int" = 0, *, split_size: "any" = None):
    """Views of equal size along a dim (the last may be smaller), or of given sizes.

    >>> split(arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    size = _sections(split_size if split_size_or_sections is None else split_size_or_sections)
    dim = _along(x, dim)
    if not isinstance(size, int):
        return _split_at(x, _given_sizes(x, size, dim), dim, "SplitWithSizes")
    return _split_at(x, _equal_sizes(x, size, dim), dim, "Split")


@composite("split_with_sizes", at="torch tensor", samples=["r(5, 2), [1, 4]"], out=False)
def split_with_sizes(x, split_sizes: "any", dim: "int" = 0):
    """Views of given sizes along a dim.

    >>> split_with_sizes(arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    dim = _along(x, dim)
    return _split_at(x, _given_sizes(x, split_sizes, dim), dim, "SplitWithSizes")


@short_way("split")
def _quick_split_by(o, slow):
    def fn(x=MISSING, size=MISSING, dim=0, **named):
        if not named and type(size) is int and size > 0 and is_splittable(x, dim):
            return _quick_split(x, size, dim)
        given = [value for value in (x, size) if value is not MISSING]
        return slow(*given, dim, **named) if len(given) == 2 else slow(*given, dim=dim, **named)
    return splitting("splitting", ops["_split"], fn, "Split", ops["_slice"], "SplitBackward0", False)


def _chunk_size(x, chunks: int, dim: int) -> int:
    if chunks <= 0:
        raise EngineError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    return -(-x.shape[dim] // chunks)


@composite("chunk", at="torch tensor", samples=["r(5, 2), 2", "r(2, 4), 3, 1"], out=False)
def chunk(x, chunks: "int", dim: "int" = 0):
    """At most `chunks` views of equal size along a dim.

    >>> chunk(arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    dim = _along(x, dim, "chunk expects")
    size = _chunk_size(x, chunks, dim)
    return T.split(x, size, dim) if size else T.split_with_sizes(x, [0] * chunks, dim)


@short_way("chunk")
def _quick_chunk(o, slow):
    def fn(x=MISSING, chunks=MISSING, dim=0, **named):
        if not named and type(chunks) is int and chunks > 0 and is_splittable(x, dim):
            return _quick_split(x, -(-x._a.shape[dim] // chunks), dim)
        given = [value for value in (x, chunks) if value is not MISSING]
        return slow(*given, dim, **named) if len(given) == 2 else slow(*given, dim=dim, **named)
    return splitting("splitting", ops["_split"], fn, "Split", ops["_slice"], "SplitBackward0", True)


@function("torch.unsafe_split", "tensor.unsafe_split", samples=["r(4, 3), 2"])
def unsafe_split(input, split_size: int, dim: int = 0):
    """`split`, but the parts do not count as views: writing into them is on your own responsibility.

    >>> torch.unsafe_split(tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    dim = _along(input, dim)
    return T._split(input, _equal_sizes(input, split_size, dim), dim, "UnsafeSplitBackward0")


@function("torch.unsafe_split_with_sizes", "tensor.unsafe_split_with_sizes", samples=["r(4, 3), (1, 3)"])
def unsafe_split_with_sizes(input, split_sizes, dim: int = 0):
    """`split_with_sizes`, but the parts do not count as views.

    >>> torch.unsafe_split_with_sizes(tensor([1, 2, 3]), (1, 2))
    (tensor([1]), tensor([2, 3]))
    """
    dim = _along(input, dim)
    return T._split(input, _given_sizes(input, split_sizes, dim), dim, "UnsafeSplitWithSizesBackward0")


@function("torch.unsafe_chunk", "tensor.unsafe_chunk", samples=["r(4, 3), 2"])
def unsafe_chunk(input, chunks: int, dim: int = 0):
    """`chunk`, but the parts do not count as views.

    >>> torch.unsafe_chunk(tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    dim = _along(input, dim, "chunk expects")
    size = _chunk_size(input, chunks, dim)
    return unsafe_split(input, size, dim) if size else unsafe_split_with_sizes(input, [0] * chunks, dim)


# ---------------------------------------------------------------- parts that need not be equal

def _cuts(cuts):
    if not hasattr(cuts, "_a"):
        return cuts
    if cuts._a.dtype.name != "int64":
        from ..engine.dtypes import scalar_name

        raise EngineError("tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                          f"{scalar_name(cuts.dtype)}")
    if cuts.ndim > 1:
        raise EngineError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional "
                          f"tensor, but got a tensor with {cuts.ndim} dims")
    return cuts.tolist()


@composite("tensor_split", at="torch tensor", samples=["r(5), 3", "r(5), (1, 3)", "r(2, 4), 2, 1"], out=False)
def tensor_split(x, indices_or_sections: "any" = None, dim: "int" = 0, *, indices: "any" = None, sections: "any" = None):
    """Views along a dim: n nearly equal ones, or cut at given indices.

    >>> tensor_split(arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if x.ndim == 0:
        raise EngineError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = wrap_dim(dim, x.ndim)
    cuts = next((_cuts(v) for v in (indices_or_sections, indices, sections) if v is not None), None)
    n = x.shape[dim]
    if isinstance(cuts, int):
        if cuts <= 0:
            raise EngineError(f"number of sections must be larger than 0, got {cuts}")
        edges = [i * (n // cuts) + min(i, n % cuts) for i in range(cuts + 1)]
    else:
        edges = [0, *(int(c) for c in cuts), n]
        edges = [min(max(e + n if e < 0 else e, 0), n) for e in edges]
    return tuple(T._slice(x, dim, a, max(a, b)) for a, b in zip(edges, edges[1:], strict=False))


def _named_split(name: str, dim: int, at_least: int):
    @composite(name, at="torch tensor", samples=["r(4, 4, 4), 2", "r(4, 4, 4), (1, 3)"], out=False)
    def split_along(x, indices_or_sections: "any" = None, *, indices: "any" = None, sections: "any" = None):
        if x.ndim < at_least:
            raise EngineError(f"torch.{name} requires a tensor with at least {at_least} dimension, but got a tensor with "
                              f"{x.ndim} dimensions!")
        where = 0 if name == "hsplit" and x.ndim == 1 else dim
        n = next((v for v in (indices_or_sections, indices, sections) if v is not None), None)
        if not isinstance(n, (int, tuple, list, Tensor)):
            raise ArgumentError(f"{name}() received an invalid combination of arguments - got (Tensor, {type_name(n)}), but "
                                "expected one of:\n * (Tensor input, int sections)\n * (Tensor input, tuple of ints indices)")
        if isinstance(n, int) and (n == 0 or x.shape[where] % n):
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
