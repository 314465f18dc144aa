"""Views: the same memory in another shape, and properties such as `.T`."""

from ..engine import dtypes
from ..engine.args import broadcast_shapes as common_shape
from ..engine.args import type_name, wrap_dim
from ..engine.callables import short_way
from ..engine.dispatch import READY
from ..engine.quick_views import in_c, is_plain, reshaping, view_of
from ..engine.registry import T, composite, function, op, ops
from ..engine.storage import address, root_of
from ..engine.warn import warn_once
from ..engine.ways import MISSING
from ..errors import ArgumentError, BadIndex, BadValue, EngineError, ShapeError


@op("_view_dtype", at="", view=True, samples=[], nograd=True)
def _view_dtype(xp, x, dtype: "DType"):
    if x.dtype.itemsize != dtype.itemsize:
        _check_resized(x, dtype)
        if not x.size:
            last = x.shape[-1] * x.dtype.itemsize // dtype.itemsize
            return x.reshape(-1).view(dtype.numpy).reshape(*x.shape[:-1], last)
    return x.view(dtype.numpy)


def _check_resized(x, dtype) -> None:
    """Raises where elements of another size do not fit the memory of x."""
    have, want = x.dtype.itemsize, dtype.itemsize
    pair = (f"to view {dtypes.scalar_name(dtypes.of_numpy(x.dtype))} as {dtypes.scalar_name(dtype)} (different element sizes)")
    if x.ndim == 0:
        raise EngineError(f"self.dim() cannot be 0 {pair}")
    strides, ratio = [s // have for s in x.strides], want // have
    if x.size and strides[-1] != 1 and (x.shape[-1] != 1 or strides[-1] == 0):
        raise EngineError(f"self.stride(-1) must be 1 {pair}, but got {strides[-1]}")
    if ratio <= 1:
        return
    if x.shape[-1] % ratio:
        raise EngineError(f"self.size(-1) must be divisible by {ratio} {pair}, but got {x.shape[-1]}")
    offset = (address(x) - address(root_of(x))) // have
    if x.size and offset % ratio:
        raise EngineError(f"self.storage_offset() must be divisible by {ratio} {pair}, but got {offset}")
    for i, (s, n) in enumerate(zip(strides[:-1], x.shape, strict=False)):
        if x.size and n > 1 and s % ratio:
            raise EngineError(f"self.stride({i}) must be divisible by {ratio} {pair}, but got {s}")


def _view_as_dtype(x, dtype):
    out = T._view_dtype(x, dtype)
    out._base = out._view = None  # PyTorch's is no differentiable view either
    return out


@composite("view", at="tensor", samples=["r(3, 4), (2, 6)", "r(3, 4), -1"], out=False)
def view(x, size: "any*" = None, *, dtype: "DType?" = None):
    """A view of the same elements in another shape (or, given a dtype, of the same bytes).

    >>> arange(6).view(2, 3)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if dtype is not None or isinstance(size, dtypes.dtype):
        return _view_as_dtype(x, dtype or size)
    if size is None or not isinstance(size, (tuple, list)) and not hasattr(size, "__index__"):
        got = "" if size is None else type_name(size)
        raise ArgumentError(f"view() received an invalid combination of arguments - got ({got}), but expected one of:\n"
                            " * (torch.dtype dtype)\n * (tuple of ints size)\n")
    return T._view(x, size if isinstance(size, (tuple, list)) else (size,))


short_way("view")(reshaping(ops["_view"]))


@composite("view_as", at="tensor", samples=["r(3, 4), r(2, 6)"], out=False)
def view_as(x, other):
    """`x.view(other.size())`.

    >>> arange(4).view_as(zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return T._view(x, tuple(other.shape))


def _as_other(name: str, inner: str) -> None:
    """The short way of `x.NAME(other)`, which is `x.INNER(other.shape)`."""
    @short_way(name)
    def make(o, slow):
        def fn(*args, **named):
            if named or len(args) != 2 or type(args[0]) not in READY or type(args[1]) not in READY:
                return slow(*args, **named)
            return getattr(T, inner)(args[0], args[1]._a.shape)
        return fn


_as_other("view_as", "view")


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


_as_other("reshape_as", "reshape")
_as_other("expand_as", "expand")


@function("torch.broadcast_shapes")
def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to."""
    from ..engine.args import Size

    result: list = []
    for which, shape in enumerate(shapes):
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(n < 0 for n in shape):
            raise BadValue("Attempting to broadcast a dimension with negative length!")
        result[:0] = [1] * (len(shape) - len(result))
        for i in range(-1, -len(shape) - 1, -1):
            if shape[i] not in (1, result[i]):
                if result[i] != 1:
                    raise EngineError(f"Attempting to broadcast a dimension of length {shape[i]} at {i}! Mismatching argument "
                                      f"at index {which} had {shape}; but expected shape should be broadcastable to "
                                      f"{result}")
                result[i] = shape[i]
    return Size(result)


@function("torch.broadcast_tensors", samples=["r(3, 1), r(1, 2)"])
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape, as a tuple.

    >>> broadcast_tensors(tensor([1, 2]), tensor([[3]]))[1]
    tensor([[3, 3]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape = common_shape(*(tuple(t.shape) for t in tensors))
    return tuple(t if tuple(t.shape) == shape else T.expand(t, shape) for t in tensors)


def _dims(values, ndim: int) -> list[int]:
    values = (values,) if isinstance(values, int) else tuple(values)
    return [wrap_dim(d, ndim) for d in values]


@composite("movedim", at="torch tensor", also=["moveaxis"], out=False,
           samples=["r(2, 3, 4), 0, 2", "r(2, 3, 4), (0, 1), (1, 0)", "r(), 0, -1"])
def movedim(x, source: "any", destination: "any"):
    """A view with dims moved to other places.

    >>> movedim(zeros(2, 3, 5), 0, 2).shape
    torch.Size([3, 5, 2])
    """
    given = [[d] if isinstance(d, int) else list(d) for d in (source, destination)]
    source, destination = (_dims(d, x.ndim) for d in given)
    if len(source) != len(destination):
        raise EngineError(f"movedim: Invalid source or destination dims: source ({given[0]} dims) should contain the same "
                          f"number of dims as destination ({given[1]} dims)")
    for name, dims, said in (("source", source, given[0]), ("destination", destination, given[1])):
        if len(set(dims)) != len(dims):
            raise EngineError(f"movedim: repeated dim in `{name}` ({said})")
    if not x.ndim:
        return T.alias(x)
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
    shape = x._a.shape
    if not shape:
        return T.reshape(x, (1,))
    if start_dim > end_dim:
        raise EngineError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start_dim == end_dim:
        return x
    joined = 1
    for n in shape[start_dim:end_dim + 1]:
        joined *= n
    return T.reshape(x, shape[:start_dim] + (joined,) + shape[end_dim + 1:])


@short_way("flatten")
def _quick_flatten(o, slow):
    def fn(x=MISSING, /, *args, **kwargs):
        if args or kwargs or not is_plain(x) or not x._a.ndim or not x._a.size or not x._a.flags.c_contiguous:
            return slow(*args, **kwargs) if x is MISSING else slow(x, *args, **kwargs)
        a = x._a
        if a.ndim == 1:
            return x
        r = a.reshape(-1)
        return view_of(ops["reshape"], x, (r.shape,), r)
    return in_c("flattening", ops["reshape"], {}, fn) or fn


@composite("unflatten", at="torch tensor", samples=["r(2, 6), 1, (2, 3)", "r(6), 0, (-1, 2)"], out=False)
def unflatten(x, dim: "int", sizes: "any"):
    """One dim split into several whose sizes multiply to it.

    >>> unflatten(zeros(2, 6), 1, (2, 3)).shape
    torch.Size([2, 2, 3])
    """
    sizes = tuple(sizes)
    if not sizes:
        raise EngineError("unflatten: sizes must be non-empty")
    dim = wrap_dim(dim, x.ndim)
    if not x.ndim or sizes.count(-1) > 1:
        raise EngineError("unflatten got an unexpected error:\n" + (
            "only one dimension can be inferred" if x.ndim else "Dimension specified as 0 but tensor has no dimensions"))
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
    return T.view(T.contiguous(x), (-1,))


@op("select", at="torch tensor", view=True, samples=["r(3, 4), 0, 1", "r(3, 4), -1, -1"],
    vjp={"x": lambda k, g, x_shape, dim, index: k._basic_index_adjoint(g, x_shape, _at(dim, index))},
    raw_vjp=True)
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
        g, x_shape, _at(dim, slice(start, stop, step)))}, raw_vjp=True)
def _slice(xp, x, dim: "Dim", start: "int", stop: "int", step: "int" = 1):
    return x[_at(dim, slice(start, stop, step))]


@composite("narrow", at="torch tensor", samples=["r(3, 4), 1, 1, 2", "r(3, 4), 0, -2, 1"], out=False)
def narrow(x, dim: "int", start: "any", length: "int"):
    """`length` indices of a dim, from `start`: a view.

    >>> narrow(arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if x.ndim == 0:
        raise EngineError("narrow() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, x.ndim)
    if hasattr(start, "_a"):
        if start.ndim or start.dtype.category != dtypes.INTEGER:
            raise EngineError("start must be an 0-dim integral Tensor.")
        start = int(start)
    size = x.shape[dim]
    if length < 0:
        raise EngineError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise BadIndex(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise EngineError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return T._slice(x, dim, start, start + length)


@op("_diagonal", at="", view=True, samples=["r(3, 4), 1, 0, 1", "r(2, 3, 3), 0, 1, 2"],
    vjp={"x": lambda k, g, x_shape, offset, dim1, dim2: k._diagonal_adjoint(g, x_shape, offset, dim1, dim2)}, raw_vjp=True)
def _diagonal(xp, x, offset: "int", dim1: "Dim", dim2: "Dim"):
    rows, columns = x.shape[dim1], x.shape[dim2]
    n = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    rest = [d for d in range(x.ndim) if d not in (dim1, dim2)]
    if n:
        x = x[_at(dim1, slice(max(-offset, 0), None))]
        x = x[_at(dim2, slice(max(offset, 0), None))]
    return xp.lib.stride_tricks.as_strided(x, (*(x.shape[d] for d in rest), n),
                                           (*(x.strides[d] for d in rest), x.strides[dim1] + x.strides[dim2]))


@composite("diagonal", at="torch tensor", samples=["r(3, 4)", "r(3, 4), 1", "r(2, 3, 3), 0, 1, 2", "r(3, 4), -1"], out=False)
def diagonal(x, offset: "int" = 0, dim1: "int" = 0, dim2: "int" = 1):
    """A view of the diagonal of dims dim1 and dim2, as the last dim.

    >>> diagonal(tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if wrap_dim(dim1, x.ndim) == wrap_dim(dim2, x.ndim):
        raise EngineError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return T._diagonal(x, offset, dim1, dim2)


@op("_diagonal_adjoint", at="", half=False, samples=["r(3), (3, 4), 0, 0, 1"], grad_name="DiagonalBackward0",
    vjp={"g": lambda k, g, offset, dim1, dim2: k._diagonal(g, offset, dim1, dim2)})
def _diagonal_adjoint(xp, g, shape: "any", offset: "int", dim1: "int", dim2: "int"):
    out = xp.zeros(shape, g.dtype)
    _diagonal(xp, out, offset, dim1, dim2)[...] = g
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
    if size < 0:
        raise EngineError(f"size is {size} but must be >= 0")
    if size > n:
        raise EngineError(f"maximum size for tensor at dimension {dimension} is {n} but size is {size}")
    if step <= 0:
        raise EngineError(f"step is {step} but must be > 0")
    if not x.ndim:
        return x.reshape(1)[:size]
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
        return g.sum().reshape(())
    count = g.shape[dimension]
    for offset in range(size):
        out[_at(dimension, slice(offset, offset + step * (count - 1) + 1, step))] += g[..., offset]
    return out


def _matrix_transpose(x, name: str = "mT"):
    if not x.ndim:
        return x
    if x.ndim < 2:
        raise EngineError(f"tensor.{name} is only supported on matrices or batches of matrices. Got {x.ndim}-D tensor.")
    return T.transpose(x, -2, -1)


def _reversed(x):
    if x._a.ndim == 2:
        t = view_of(TRANSPOSED, x, (), x._a.T) if is_plain(x) else T.t(x)
        if t._node is not None:
            t._node._name = "PermuteBackward0"
        return t
    warn_once("The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an "
              "error in a future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim "
              "- 1, -1, -1))` to reverse the dimensions of a tensor.")
    return T.permute(x, tuple(range(x.ndim))[::-1])


TRANSPOSED = ops["t"]
_reversed = in_c("transposing", TRANSPOSED, {}, _reversed) or _reversed


def _adjoint(x, name: str = "mH"):
    if x.ndim < 2:
        _matrix_transpose(x, name)
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
    return _adjoint(x, "adjoint()")
