"""Views: the same memory in another shape, and properties such as `.T`."""

import numpy as np

from ..engine import dtypes
from ..engine.args import broadcast_shapes as common_shape
from ..engine.args import wrap_dim
from ..engine.registry import T, composite, function, op
from ..errors import BadIndex, EngineError, ShapeError


@op("_view_dtype", at="", view=True, samples=[], nograd=True)
def _view_dtype(xp, x, dtype: "DType"):
    if x.ndim == 0 and x.dtype.itemsize != dtype.itemsize:
        raise EngineError(f"self.dim() cannot be 0 to view {dtypes.scalar_name(dtypes.of_numpy(x.dtype))} as "
                          f"{dtypes.scalar_name(dtype)} (different element sizes)")
    if x.dtype.itemsize != dtype.itemsize and x.shape[-1] * x.dtype.itemsize % dtype.itemsize:
        raise EngineError(f"self.size(-1) must be divisible by {dtype.itemsize // x.dtype.itemsize} to view "
                          f"{dtypes.scalar_name(dtypes.of_numpy(x.dtype))} as {dtypes.scalar_name(dtype)} (different "
                          f"element sizes), but got {x.shape[-1]}")
    return x.view(dtype.numpy)


@composite("view", at="tensor", samples=["r(3, 4), (2, 6)", "r(3, 4), -1"], out=False)
def view(x, shape: "any*"):
    """A view of the same elements in another shape (or, given a dtype, of the same bytes).

    >>> arange(6).view(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if isinstance(shape, dtypes.dtype):
        return x if shape is x.dtype else T._view_dtype(x, shape)
    return T._view(x, shape if isinstance(shape, (tuple, list)) else (shape,))


@composite("view_as", at="tensor", samples=["r(3, 4), r(2, 6)"], out=False)
def view_as(x, other):
    """`x.view(other.size())`.

    >>> arange(4).view_as(zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return T._view(x, tuple(other.shape))


@composite("reshape_as", at="tensor", samples=["r(3, 4), r(2, 6)"], out=False)
def reshape_as(x, other):
    """`x.reshape(other.size())`.

    >>> arange(4).reshape_as(zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return T.reshape(x, tuple(other.shape))


@composite("expand_as", at="tensor", samples=["r(3, 1), r(3, 4)"], out=False)
def expand_as(x, other):
    """`x.expand(other.size())`.

    >>> tensor([1]).expand_as(zeros(3))
    tensor([1, 1, 1])
    """
    return T.expand(x, tuple(other.shape))


@function("torch.broadcast_shapes")
def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to."""
    from ..engine.args import Size

    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return Size(common_shape(*shapes))
    except ShapeError:
        raise EngineError("Shape mismatch: objects cannot be broadcast to a single shape") from None


@function("torch.broadcast_tensors")
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape, as a tuple."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape = common_shape(*(tuple(t.shape) for t in tensors))
    return tuple(T.expand(t, shape) for t in tensors)


def _dims(values, ndim: int) -> list[int]:
    values = (values,) if isinstance(values, int) else tuple(values)
    return [wrap_dim(d, ndim) for d in values]


@composite("movedim", at="torch tensor", also=["moveaxis"], samples=["r(2, 3, 4), 0, 2", "r(2, 3, 4), (0, 1), (1, 0)"], out=False)
def movedim(x, source: "any", destination: "any"):
    """A view with dims moved to other places.

    >>> movedim(zeros(2, 3, 5), 0, 2).shape
    torch.Size([3, 5, 2])
    """
    source, destination = _dims(source, x.ndim), _dims(destination, x.ndim)
    if len(source) != len(destination):
        raise EngineError("movedim: Invalid source or destination dims: source should have the same number of elements as "
                          f"destination ({len(source)} != {len(destination)})")
    order = [d for d in range(x.ndim) if d not in source]
    for place, d in sorted(zip(destination, source, strict=True)):
        order.insert(place, d)
    return T.permute(x, order)


@composite("flatten", at="torch tensor", samples=["r(2, 3, 4)", "r(2, 3, 4), 1", "r(2, 3, 4), 0, 1", "r()"], out=False)
def flatten(x, start_dim: "Dim" = 0, end_dim: "Dim" = -1):
    """Dims start_dim to end_dim joined into one.

    >>> flatten(zeros(2, 3, 5), 1).shape
    torch.Size([2, 15])
    """
    if x.ndim == 0:
        return T.reshape(x, (1,))
    if start_dim > end_dim:
        raise EngineError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start_dim == end_dim:
        return x
    shape = tuple(x.shape)
    joined = 1
    for n in shape[start_dim:end_dim + 1]:
        joined *= n
    return T.reshape(x, shape[:start_dim] + (joined,) + shape[end_dim + 1:])


@composite("unflatten", at="torch tensor", samples=["r(2, 6), 1, (2, 3)", "r(6), 0, (-1, 2)"], out=False)
def unflatten(x, dim: "Dim", sizes: "any"):
    """One dim split into several whose sizes multiply to it.

    >>> unflatten(zeros(2, 6), 1, (2, 3)).shape
    torch.Size([2, 2, 3])
    """
    sizes = tuple(sizes)
    total, known = x.shape[dim], 1
    for n in sizes:
        known *= n if n != -1 else 1
    if -1 in sizes and known and total % known == 0:
        sizes = tuple(total // known if n == -1 else n for n in sizes)
    elif known != total or -1 in sizes:
        raise ShapeError(f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({total}) in "
                         "the input tensor")
    return T.reshape(x, tuple(x.shape[:dim]) + sizes + tuple(x.shape[dim + 1:]))


@composite("ravel", at="torch tensor", samples=["r(2, 3)"], out=False)
def ravel(x):
    """All elements in one dim.

    >>> ravel(tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return T.reshape(x, (-1,))


@op("select", at="torch tensor", view=True, samples=["r(3, 4), 0, 1", "r(3, 4), -1, -1"],
    vjp={"x": lambda k, g, x_shape, dim, index: k._basic_index_adjoint(g, x_shape, _at(dim, index))})
def select(xp, x, dim: "Dim", index: "int"):
    """The slice at one index of a dim: a view without that dim.

    >>> select(tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([3, 4])
    """
    if x.ndim == 0:
        raise BadIndex("select() cannot be applied to a 0-dim tensor.")
    if not -x.shape[dim] <= index < x.shape[dim]:
        raise BadIndex(f"select(): index {index} out of range for tensor of size {list(x.shape)} at dimension {dim}")
    return x[(*_at(dim, index), Ellipsis)]


def _at(dim: int, index) -> tuple:
    return (slice(None),) * dim + (index,)


@op("_slice", at="", view=True, samples=["r(5, 2), 0, 1, 4, 2"], grad_name="SliceBackward0",
    vjp={"x": lambda k, g, x_shape, dim, start, stop, step: k._basic_index_adjoint(
        g, x_shape, _at(dim, slice(start, stop, step)))})
def _slice(xp, x, dim: "Dim", start: "int", stop: "int", step: "int" = 1):
    return x[_at(dim, slice(start, stop, step))]


@composite("narrow", at="torch tensor", samples=["r(3, 4), 1, 1, 2", "r(3, 4), 0, -2, 1"], out=False)
def narrow(x, dim: "Dim", start: "int", length: "int"):
    """`length` indices of a dim, from `start`: a view.

    >>> narrow(arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if x.ndim == 0:
        raise EngineError("narrow() cannot be applied to a 0-dim tensor.")
    size = x.shape[dim]
    if length < 0:
        raise EngineError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise BadIndex(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise EngineError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return T._slice(x, dim, start, start + length)


@op("diagonal", at="torch tensor", view=True,
    samples=["r(3, 4)", "r(3, 4), 1", "r(2, 3, 3), 0, 1, 2", "r(3, 4), -1"],
    vjp={"x": lambda k, g, x_shape, offset, dim1, dim2: k._diagonal_adjoint(g, x_shape, offset, dim1, dim2)})
def diagonal(xp, x, offset: "int" = 0, dim1: "Dim" = 0, dim2: "Dim" = 1):
    """A view of the diagonal of dims dim1 and dim2, as the last dim.

    >>> diagonal(tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if dim1 == dim2:
        raise EngineError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rows, columns = x.shape[dim1], x.shape[dim2]
    n = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    rest = [d for d in range(x.ndim) if d not in (dim1, dim2)]
    start = (max(-offset, 0) * x.strides[dim1] + max(offset, 0) * x.strides[dim2]) if n else 0
    corner = _at(dim1, slice(max(-offset, 0) if n else 0, None))
    shifted = x[corner]
    shifted = shifted[_at(dim2, slice(max(offset, 0) if n else 0, None))]
    del start
    return xp.lib.stride_tricks.as_strided(shifted, (*(x.shape[d] for d in rest), n),
                                           (*(x.strides[d] for d in rest), x.strides[dim1] + x.strides[dim2]))


@op("_diagonal_adjoint", at="", half=False, samples=["r(3), (3, 4), 0, 0, 1"], grad_name="DiagonalBackward0",
    vjp={"g": lambda k, g, offset, dim1, dim2: k.diagonal(g, offset, dim1, dim2)})
def _diagonal_adjoint(xp, g, shape: "any", offset: "int", dim1: "int", dim2: "int"):
    out = xp.zeros(shape, g.dtype)
    diagonal(xp, out, offset, dim1, dim2)[...] = g
    return out


@op("unfold", at="tensor", view=True, samples=["r(6), 0, 3, 1", "r(2, 7), 1, 2, 2"],
    vjp={"x": lambda k, g, x_shape, dimension, size, step: k._unfold_adjoint(g, x_shape, dimension, size, step)})
def unfold(xp, x, dimension: "Dim", size: "int", step: "int"):
    """All slices of a size along a dim, each `step` after the other, as a new last dim.

    >>> arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    n = x.shape[dimension] if x.ndim else 1
    if size > n:
        raise EngineError(f"maximum size for tensor at dimension {dimension} is {n} but size is {size}")
    if step <= 0:
        raise EngineError(f"step is {step} but must be > 0")
    if not x.ndim:
        return x.reshape(1)
    shape = list(x.shape)
    shape[dimension] = (n - size) // step + 1
    strides = list(x.strides)
    strides[dimension] *= step
    return xp.lib.stride_tricks.as_strided(x, (*shape, size), (*strides, x.strides[dimension]))


@op("_unfold_adjoint", at="", samples=["r(4, 3), (6,), 0, 3, 1"], grad_name="UnfoldBackward0",
    vjp={"g": lambda k, g, dimension, size, step: k.unfold(g, dimension, size, step)})
def _unfold_adjoint(xp, g, shape: "any", dimension: "int", size: "int", step: "int"):
    out = xp.zeros(shape, g.dtype)
    if not out.ndim:
        return g.sum()
    count = g.shape[dimension]
    for offset in range(size):
        out[_at(dimension, slice(offset, offset + step * (count - 1) + 1, step))] += g[..., offset]
    return out


@op("as_strided", at="torch tensor", view=True, samples=["r(3, 4), (2, 2), (1, 2)", "r(6), (2, 3), (1, 1), 1"],
    vjp={"x": lambda k, g, x_shape, size, stride, storage_offset: k._as_strided_adjoint(
        g, x_shape, size, stride, storage_offset)})
def as_strided(xp, x, size: "Shape", stride: "Shape", storage_offset: "int?" = None):
    """A view with sizes and strides given in elements of the underlying memory.

    >>> as_strided(arange(6), (2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    root = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    item = x.dtype.itemsize
    start = (x.__array_interface__["data"][0] - root.__array_interface__["data"][0]) // item
    offset = start if storage_offset is None else storage_offset
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if all(size) else offset
    flat = root.reshape(-1, order="A") if root.flags.c_contiguous else root.T.reshape(-1)
    if last >= flat.size and all(size):
        raise EngineError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
                          f"{item} requiring a storage size of {(last + 1) * item} are out of bounds for storage of size "
                          f"{flat.size * item}")
    return xp.lib.stride_tricks.as_strided(flat[offset:], size, [s * item for s in stride])


@op("_as_strided_adjoint", at="", samples=[], grad_name="AsStridedBackward0",
    vjp={"g": lambda k, g, size, stride, storage_offset: k.as_strided(g, size, stride, storage_offset)})
def _as_strided_adjoint(xp, g, shape: "any", size: "any", stride: "any", storage_offset: "any" = None):
    out = xp.zeros(int(np.prod(shape)), g.dtype)
    index = np.full(size, storage_offset or 0)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        index = index + (np.arange(n) * s).reshape((-1,) + (1,) * (len(size) - d - 1))
    xp.add.at(out, index, g)
    return out.reshape(shape)


def _matrix_transpose(x):
    if x.ndim < 2:
        raise EngineError(f"tensor.mT is only supported on matrices or batches of matrices. Got {x.ndim}-D tensor.")
    return T.transpose(x, -2, -1)


def _reversed(x):
    return x if x.ndim == 0 else T.t(x) if x.ndim <= 2 else T.permute(x, tuple(range(x.ndim))[::-1])


def _adjoint(x):
    return T.conj(_matrix_transpose(x)) if x.is_complex() else _matrix_transpose(x)


def _hermitian(x):
    if x.ndim not in (0, 2):
        raise EngineError(f"tensor.H is only supported on matrices (2-D tensors). Got {x.ndim}-D tensor.")
    return x if not x.ndim else _adjoint(x)


function("tensor.T")(property(_reversed, doc="The view with all dims in reverse order."))
function("tensor.mT")(property(_matrix_transpose, doc="The view with the last two dims exchanged."))
function("tensor.mH")(property(_adjoint, doc="The conjugate transpose of the last two dims."))
function("tensor.H")(property(_hermitian, doc="The conjugate transpose of a matrix."))


@composite("adjoint", at="torch tensor", samples=["r(2, 3)"], out=False)
def adjoint(x):
    """The conjugate transpose of the last two dims.

    >>> adjoint(tensor([[1., 2.], [3., 4.]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    return _adjoint(x)
