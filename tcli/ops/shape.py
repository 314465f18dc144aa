"""Shape, view and copy ops."""

import numpy as np

from .. import native
from ..engine import dispatch, dtypes, halves
from ..engine.args import wrap_dim
from ..engine.callables import short_way
from ..engine.device import as_device, move
from ..engine.dispatch import assign, execute
from ..engine.quick_views import in_c, reshaping, viewing
from ..engine.registry import T, composite, op, ops, raw_helper, rule_helper
from ..engine.storage import channels_last, channels_last_3d, contiguous_format, preserve_format
from ..engine.symbols import NotFusable
from ..engine.ways import LongRoad
from ..errors import EngineError, GradError, ShapeError
from .blocks import is_large, row_major_copy


@rule_helper
def conj_of(x):
    """The complex conjugate where `x` is complex; real tensors and numbers as they are."""
    if type(x) is dispatch.Pending:
        return x
    a = getattr(x, "_a", None)
    if a is None:
        return x.conjugate() if isinstance(x, complex) else x
    return T.conj(x) if a.dtype.kind == "c" else x


raw_helper(lambda x: x, "conj_of")
raw_helper(lambda g, shape: g.reshape(shape), "reshape")


# ---------------------------------------------------------------- copies and conversions

@op("_cast", rows="first", at="", samples=["r(3), torch.float64"], half=False, fuse=True, grad_name="ToCopyBackward0",
    vjp={"x": lambda k, g: g})
def _cast(xp, x, dtype: "DType"):
    if x.dtype.kind == "c" and dtype.category < dtypes.COMPLEX and dtype is not dtypes.bool_:
        x = x.real
    return row_major_copy(x, dtype.numpy) if is_large(x) else halves.cast(x, dtype.numpy)


@op("_move_between", at="", samples=[], half=False, grad_name="ToCopyBackward0",
    vjp={"x": lambda k, g, source: T._move_between(g, source, source)})
def _move_between(xp, x, device: "any", source: "any"):
    return move(x, device)


@rule_helper
def _move(x, device):
    return T._move_between(x, as_device(device), x.device)


def _plain_copy(xp, x, memory_format):
    if memory_format is not None and memory_format is not preserve_format:
        raise NotFusable("a layout")
    return x.copy()


def _small_clone(ndim: int, memory_format):
    return _contiguous_copy if memory_format is None or memory_format is preserve_format else None


def _contiguous_copy(x):
    if not x.flags.c_contiguous:
        raise LongRoad
    return x.copy()


@op("clone", at="torch tensor", small=_small_clone, samples=["r(3, 4)", "r()", "r(3, 4).t()", "r(3).expand(2, 3)"],
    half=False, raw_vjp=True, fuse=_plain_copy,
    vjp={"x": lambda k, g: g})
def clone(xp, x, *, memory_format: "any" = None):
    """A copy with its own memory; gradients flow through.

    >>> clone(tensor([1, 2]))
    tensor([1, 2])
    """
    if memory_format is channels_last or memory_format is channels_last_3d:
        return _channels_last(xp, x, 4 if memory_format is channels_last else 5)
    # Where elements share memory the strides say nothing about an order: such a copy is row-major.
    row_major = memory_format is contiguous_format or 0 in x.strides
    if xp is np and (row_major or x.flags.c_contiguous):
        return row_major_copy(x)
    return x.copy(order="C" if row_major else "K")


def _channels_last(xp, x, ndim: int):
    """A copy whose channels, dim 1, lie next to each other in memory."""
    if x.ndim != ndim:
        raise EngineError(f"required rank {ndim} tensor to use channels_last{'_3d' if ndim == 5 else ''} format")
    back = (0, ndim - 1, *range(1, ndim - 1))
    return x.transpose(0, *range(2, ndim), 1).copy(order="C").transpose(back)


@composite("contiguous", at="tensor", samples=["r(3, 4)", "r(3, 4).t()"], out=False)
def contiguous(x, memory_format: "any" = None):
    """The same values in row-major memory; the tensor itself when they lie so already.

    >>> tensor([[1, 2], [3, 4]]).t().contiguous().stride()
    (2, 1)
    """
    if memory_format is not None and memory_format is not contiguous_format:
        return x if x.is_contiguous(memory_format) else T.clone(x, memory_format=memory_format)
    return x if x._a.flags.c_contiguous else T.clone(x, memory_format=contiguous_format)


@short_way("contiguous")
def _quick_contiguous(o, slow):
    return native.reading("contiguous", slow) or slow


# ---------------------------------------------------------------- views

def resolve_shape(shape: tuple, numel: int, what: str = "shape") -> tuple:
    """The shape with its one -1 worked out; raises when the sizes do not multiply to `numel`."""
    if shape.count(-1) > 1:
        raise EngineError("only one dimension can be inferred")
    for size in shape:
        if size < -1:
            raise EngineError(f"invalid shape dimension {size} at index {shape.index(size)} of shape {list(shape)}")
    known = 1
    for size in shape:
        if size != -1:
            known *= size
    if -1 in shape:
        if known == 0:
            if numel == 0:
                raise EngineError(f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                                  "dimension size -1 can be any value and is ambiguous")
            raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        if numel % known:
            raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        return tuple(numel // known if s == -1 else s for s in shape)
    if known != numel:
        raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return shape


def _reshape_name(x, shape) -> str:
    if x._a.flags.c_contiguous:
        return "ViewBackward0"
    return "ReshapeAliasBackward0" if _fits(x._a, resolve_shape(shape, x._a.size)) else "UnsafeViewBackward0"


def _fits(a, shape: tuple) -> bool:
    try:
        a.view().shape = shape
    except AttributeError:
        return False
    return True


@op("reshape", at="torch tensor", view=True, samples=["r(3, 4), (2, 6)", "r(3, 4), (-1,)", "r(1), ()", "r(2, 3).t(), (6,)"],
    grad_name=_reshape_name, vjp={"x": lambda k, g, x_shape: k.reshape(g, x_shape)}, raw_vjp=True)
def reshape(xp, x, shape: "Shape*"):
    """The same elements in another shape; a view where the memory allows, else a copy. One size may be -1.

    >>> reshape(arange(6), (2, 3))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return x.reshape(resolve_shape(shape, x.size))


@op("_view", at="", view=True, samples=["r(3, 4), (2, 6)"], grad_name="ViewBackward0",
    vjp={"x": lambda k, g, x_shape: k.reshape(g, x_shape)}, raw_vjp=True)
def _view(xp, x, shape: "Shape*"):
    shape = resolve_shape(shape, x.size)
    out = x.view()
    try:
        out.shape = shape
    except AttributeError:
        raise EngineError("view size is not compatible with input tensor's size and stride (at least one dimension spans "
                          "across two contiguous subspaces). Use .reshape(...) instead.") from None
    return out


short_way("reshape")(reshaping(ops["reshape"]))


def _small_expand(ndim: int, size: tuple, implicit):
    """What shape and strides an expansion gives depends on the shape and strides alone."""
    known: dict = {}

    def run(x):
        flags = x.flags
        if not flags.c_contiguous or not flags.writeable or not x.size:
            raise LongRoad
        key = x.shape, x.itemsize
        found = known.get(key)
        if found is None:
            if len(known) > 64:
                known.clear()
            r = expand(np, x, size)
            found = known[key] = r.shape, r.strides
        return np.ndarray(found[0], x.dtype, x, 0, found[1])
    return run


@op("expand", at="tensor", also=["torch.broadcast_to", "tensor.broadcast_to"], view=True, small=_small_expand,
    samples=["r(3, 1), (3, 4)", "r(3), (2, 3)", "r(1), (-1,)"],
    vjp={"x": lambda k, g: g}, raw_vjp=True)
def expand(xp, x, size: "Shape*", *, implicit: "any" = False):
    """A view with size-1 dims repeated without copying; -1 keeps a size.

    >>> tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    lead = len(size) - x.ndim
    if lead < 0:
        kind = dtypes.class_name(dtypes.of_numpy(x.dtype))
        raise EngineError(f"expand({kind}{{{list(x.shape)}}}, size={list(size)}): the number of "
                          f"sizes provided ({len(size)}) must be greater or equal to the number of dimensions in the "
                          f"tensor ({x.ndim})")
    target = []
    for i, want in enumerate(size):
        have = x.shape[i - lead] if i >= lead else 1
        if want == -1:
            if i < lead:
                raise EngineError(f"The expanded size of the tensor ({want}) isn't allowed in a leading, non-existing "
                                  f"dimension {i}")
            want = have
        if have not in (1, want):
            raise ShapeError(f"The expanded size of the tensor ({want}) must match the existing size ({have}) at "
                             f"non-singleton dimension {i}.  Target sizes: {list(size)}.  Tensor sizes: {list(x.shape)}")
        target.append(want)
    strides = [0] * lead + [0 if have == 1 and want != 1 else s
                            for have, want, s in zip(x.shape, target[lead:], x.strides, strict=True)]
    if xp is np and x.size and x.flags.c_contiguous and x.flags.writeable:
        return np.ndarray(tuple(target), x.dtype, x, 0, strides)  # a tenth of what `as_strided` costs
    return xp.lib.stride_tricks.as_strided(x, tuple(target), strides)


@short_way("expand")
def _quick_expand(o, slow):
    fn = viewing(o)
    return in_c("expanding", o, {}, fn) or fn


def _small_permute(ndim: int, dims: tuple):
    if len(dims) != ndim or len({d % ndim for d in dims}) != ndim or any(not -ndim <= d < ndim for d in dims):
        return None
    return lambda x: x.transpose(dims)


@op("permute", at="torch tensor", view=True, small=_small_permute, samples=["r(2, 3, 4), (2, 0, 1)"],
    vjp={"x": lambda k, g, dims: k.permute(g, _inverse(dims))}, raw_vjp=True)
def permute(xp, x, dims: "int*"):
    """A view with its dims in another order.

    >>> permute(zeros(2, 3, 5), (2, 0, 1)).shape
    torch.Size([5, 2, 3])
    """
    if len(dims) != x.ndim:
        raise EngineError(f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                          f"desired ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = "
                          f"{len(dims)}")
    wrapped = tuple(wrap_dim(d, x.ndim) for d in dims)
    if len(set(wrapped)) != len(wrapped):
        raise EngineError("permute(): duplicate dims are not allowed.")
    return x.transpose(wrapped)


def _inverse(dims: tuple) -> tuple:
    n = len(dims)
    wrapped = [d % n for d in dims]
    return tuple(wrapped.index(i) for i in range(n))


def _small_transpose(ndim: int, dim0: int, dim1: int):
    return (lambda x: x.swapaxes(dim0, dim1)) if ndim else None


@op("transpose", at="torch tensor", view=True, small=_small_transpose,
    samples=["r(2, 3), 0, 1", "r(2, 3, 4), -1, 0"],
    vjp={"x": lambda k, g, dim0, dim1: k.transpose(g, dim0, dim1)}, raw_vjp=True)
def transpose(xp, x, dim0: "Dim", dim1: "Dim"):
    """A view with two dims exchanged.

    >>> transpose(tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    return x.swapaxes(dim0, dim1) if x.ndim else x.view()


@composite("swapaxes", at="torch tensor", samples=["r(2, 3, 4), -1, 0"], out=False)
def swapaxes(x, axis0: "Dim", axis1: "Dim"):
    """`transpose` under NumPy's name.

    >>> swapaxes(tensor([[1, 2]]), 0, 1)
    tensor([[1],
            [2]])
    """
    return T.transpose(x, axis0, axis1)


@composite("swapdims", at="torch tensor", samples=["r(2, 3, 4), -1, 0"], out=False)
def swapdims(x, dim0: "Dim", dim1: "Dim"):
    """`transpose` under another name.

    >>> swapdims(tensor([[1, 2]]), 0, 1)
    tensor([[1],
            [2]])
    """
    return T.transpose(x, dim0, dim1)


@op("t", at="torch tensor", view=True, small=lambda ndim: np.ndarray.transpose if ndim == 2 else None,
    samples=["r(2, 3)", "r(3)"], grad_name="TBackward0",
    vjp={"x": lambda k, g: k.t(g)}, raw_vjp={"x": lambda k, g: g.T})
def t(xp, x):
    """The transpose of a matrix; vectors and 0-d tensors as they are.

    >>> t(tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if x.ndim > 2:
        raise EngineError(f"t() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
    return x.T


def _small_unsqueeze(ndim: int, dim: int):
    index = ((slice(None),) * wrap_dim(dim, ndim + 1) + (None, Ellipsis))
    return lambda x: x[index]


@op("unsqueeze", at="torch tensor", view=True, small=_small_unsqueeze, samples=["r(3, 4), 0", "r(3), -1"],
    vjp={"x": lambda k, g, x_shape: k.reshape(g, x_shape)}, raw_vjp=True)
def unsqueeze(xp, x, dim: "int"):
    """A view with a dim of size 1 inserted before `dim`.

    >>> unsqueeze(tensor([1, 2]), 1)
    tensor([[1],
            [2]])
    """
    dim = wrap_dim(dim, x.ndim + 1)
    return x[(slice(None),) * dim + (None, Ellipsis)]


def _squeeze_name(x, dim=None) -> str:
    return "SqueezeBackward" + ("0" if dim is None else "1" if len(dim) == 1 else "2")


_squeeze_name.by_options = True


def _small_squeeze(ndim: int, dim):
    if dim is None:
        return _squeezed
    if len(dim) != 1 or not ndim:
        return None
    place, = dim
    return lambda x: x.squeeze(place) if x.shape[place] == 1 else x.view()


def _squeezed(x):
    found = x.squeeze()
    return found if found is not x else x.view()


@op("squeeze", at="torch tensor", view=True, samples=["r(1, 3, 1)", "r(1, 3), 0", "r(1, 3, 1), (0, 2)"],
    grad_name=_squeeze_name, raw_vjp=True, small=_small_squeeze,
    vjp={"x": lambda k, g, x_shape: k.reshape(g, x_shape)})
def squeeze(xp, x, dim: "Dims?" = None):
    """A view without the dims of size 1, all of them or those of `dim`.

    >>> squeeze(zeros(1, 3, 1)).shape
    torch.Size([3])
    """
    keep = [n for i, n in enumerate(x.shape) if n != 1 or (dim is not None and i not in dim)]
    index = tuple(0 if n == 1 and (dim is None or i in dim) else slice(None) for i, n in enumerate(x.shape))
    return x[index] if len(keep) < x.ndim and keep else x.reshape(keep)


# ---------------------------------------------------------------- writing through views

class ViewPath:
    """How a view was taken of its base: the ops and their arguments, outermost last."""

    __slots__ = ("order", "steps")

    def __init__(self, view):
        self.steps, self.order = [], None
        while view._view is not None:
            parent, o, options = view._view
            self.steps.append((o, options))
            view = parent
        self.steps.reverse()
        if any(o.name == "_as_strided" for o, _ in self.steps):
            # Strides mean something only in the memory order that the base has.
            self.order = memory_order(view._a)

    def of(self, base):
        for o, options in self.steps:
            base = execute(o, [base, *options])
        return base

    def copy(self, g):
        return T.clone(g) if self.order is None else T._laid_out(g, self.order)

    def of_gradient(self, g):
        return self.of(g if self.order is None else self.copy(g))


@op("_write_path", at="", samples=[], half=False, grad_name="CopySlices",
    vjp={"x": lambda k, g, path: _without_region(k, g, path), "src": lambda k, g, path: path.of_gradient(g)})
def _write_path(xp, x, src: "Index", path: "any"):
    """The base after one of its views was overwritten with `src`: the memory holds it already."""
    return x


@op("_overwritten", at="", samples=[], half=False, vjp={"x": lambda k, g: k.zeros_like(g)})
def _overwritten(xp, x):
    """x after its values were replaced by ones that do not depend on it."""
    return x


def _refuse_stale(k, g, view):
    name, i = view
    raise GradError(f"Output {i} of {name} is a view and its base or another view of its base has been modified inplace. "
                    "This view is the output of a function that returns multiple views. Such functions do not allow the "
                    "output views to be modified inplace. You should replace the inplace operation by an out-of-place one.")


@op("_stale", at="", samples=[], half=False, grad_name="AsStridedBackward0", vjp={"x": _refuse_stale})
def _stale(xp, x, like: "Index", view: "any"):
    return like


@rule_helper
def _stale_view(root, view):
    """The history of one of several views whose base was written to: PyTorch lets no gradient through."""
    return T._stale(root, view.detach(), view._several)


def memory_order(a) -> tuple:
    """The dims from the widest stride to the narrowest."""
    strides = [abs(s) if n > 1 else 0 for s, n in zip(a.strides, a.shape, strict=True)]
    return tuple(sorted(range(a.ndim), key=lambda d: -strides[d]))


def _without_region(k, g, path):
    g = path.copy(g)
    region = path.of(g)
    assign(region, k.zeros_like(region))
    return g


@rule_helper
def _write_view(root, src, view):
    return T._write_path(root, src, ViewPath(view))

