"""Embeddings: rows of a table by index, one by one or summed in bags.

The gradient of the table adds the rows of `g` up by index.
"""

import numpy as np

from ..engine.callables import finish, short_way
from ..engine.device import module_of
from ..engine.dispatch import FLOATS, READY, bump, wrap
from ..engine.dtypes import class_name, of_numpy, scalar_name
from ..engine.options import multiple
from ..engine.placement import has_values, holds, values_of
from ..engine.registry import T, composite, op, ops
from ..engine.waiting import before_write
from ..engine.warn import warn
from ..errors import BadIndex, BadValue, DTypeError, EngineError, Unsupported
from .blocks import zeros
from .places import add_rows, in_range, take_rows


def check_indices(indices, rows: int, name: str = "embedding") -> None:
    check_index_type(indices, name)
    if has_values(indices) and indices.size and not in_range(values_of(indices), rows):
        if not rows and name == "embedding":
            raise EngineError("index_select(): self indexing axis dim should be positive")
        raise BadIndex("index out of range in self")


def check_index_type(indices, name: str) -> None:
    if indices.dtype.kind not in "iu" or indices.dtype.itemsize < 4:
        kind = class_name(of_numpy(indices.dtype))
        raise DTypeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: "
                         f"Long, Int; but got {kind} instead (while checking arguments for {name})")


def sum_rows(xp, g, rows, n: int):
    """(n, ...) with g[i] added to row rows[i]."""
    out = zeros(xp, (n, *g.shape[1:]), g.dtype)
    if xp is np:
        add_rows(out, rows, g)
    else:
        xp.add.at(out, rows, g)
    return out


def _frequency(xp, flat, n: int):
    """1 / how often each index of `flat` comes up."""
    return 1 / xp.bincount(flat, minlength=n)[flat]


def _lookup_name(*_args) -> str:
    return "EmbeddingBackward0"


@op("_embedding", at="", half=False, grad_name="EmbeddingBackward0",
    samples=["r(4, 3), torch.tensor([[0, 2], [1, 0]]), -1, False"],
    vjp={"weight": lambda k, g, weight_shape, indices, padding_idx, scale:
         k._embedding_gradient(g, indices, weight_shape[0], padding_idx, scale)})
def _embedding(xp, weight, indices: "Index", padding_idx: "int", scale: "bool"):
    plain = xp is np and weight.size and weight.flags.c_contiguous
    return take_rows(weight, indices, 1) if plain else weight[indices]


@op("_embedding_gradient", at="",
    shape=lambda xp, g, indices, n, *_: xp.zeros((n, g.shape[-1]), g.dtype), grad_name="EmbeddingDenseBackwardBackward0",
    samples=["r(2, 2, 3), torch.tensor([[0, 2], [1, 0]]), 4, 1, True"],
    vjp={"g": lambda k, h, indices, padding_idx, scale: k._embedding_again(h, indices, padding_idx, scale)})
def _embedding_gradient(xp, g, indices: "Index", n: "int", padding_idx: "int", scale: "bool"):
    flat = indices.reshape(-1)
    g = g.reshape(flat.size, g.shape[-1])
    if padding_idx >= 0:
        keep = flat != padding_idx
        g, flat = g[keep], flat[keep]
    if scale and flat.size:
        g = g * _frequency(xp, flat, n).astype(g.dtype)[:, None]
    return sum_rows(xp, g, flat, n)


@op("_embedding_again", at="", shape=lambda xp, weight, indices, *_: weight[indices],
    samples=["r(4, 3), torch.tensor([[0, 2], [1, "
                                        "0]]), 1, True"], grad_name="EmbeddingBackward0",
    vjp={"weight": lambda k, g, weight_shape, indices, padding_idx, scale:
         k._embedding_gradient(g, indices, weight_shape[0], padding_idx, scale)})
def _embedding_again(xp, weight, indices: "Index", padding_idx: "int", scale: "bool"):
    """The adjoint of `_embedding_gradient`: padding rows count nothing, frequent ones less."""
    rows = weight[indices]
    if padding_idx >= 0:
        rows[indices == padding_idx] = 0
    if scale and indices.size:
        flat = indices.reshape(-1)
        keep = flat[flat != padding_idx]
        counts = xp.maximum(xp.bincount(keep, minlength=len(weight)), 1)[flat]
        rows = rows * (1 / counts).reshape(*indices.shape, 1).astype(weight.dtype)
    return rows


@composite("embedding", at="F", samples=["torch.tensor([[0, 2], [1, 0]]), r(4, 3)",
                                         "torch.tensor([3, 2, 3]), r(4, 3), 0",
                                         "torch.tensor([0, 2, 1]), r(4, 3), scale_grad_by_freq=True"])
def embedding(x: "Index", weight, padding_idx: "int?" = None, max_norm: "float?" = None, norm_type: "float" = 2.0,
              scale_grad_by_freq: "bool" = False, sparse: "any" = False):
    """The rows of weight (n, d) at the indices x; the row padding_idx gets no gradient.

    >>> F.embedding(tensor([1, 0]), tensor([[1., 2.], [3., 4.]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    n = weight._a.shape[0] if weight._a.ndim else 0
    if padding_idx is None:
        padding_idx = -1
    elif not -n <= padding_idx < n:
        raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        padding_idx += n
    if max_norm is not None:
        T.embedding_renorm_(weight.detach(), x, max_norm, norm_type)
    return lookup(weight, x, padding_idx, scale_grad_by_freq)


@short_way("embedding")
def _quick_lookup(o, slow):
    """Rows of a table of floats in one call: what `take_rows` does takes a few microseconds, the long road as many again."""
    lookup_op, ready = ops["_embedding"], READY
    usual = multiple(o, finish)

    def fn(*args, **named):
        if named or len(args) != 2 or type(args[0]) not in ready or type(args[1]) not in ready:
            return usual(*args, **named)
        indices, weight = args
        rows, table = indices._a, weight._a
        if (type(table) is not np.ndarray or type(rows) is not np.ndarray or table.ndim != 2 or table.dtype not in FLOATS
                or rows.dtype is not INT64 or not table.size or not rows.size or not table.flags.c_contiguous
                or not in_range(rows, table.shape[0])):
            return usual(*args)
        return finish(lookup_op, (weight, indices, -1, False), take_rows(table, rows, 1), weight._rg)
    return fn


INT64 = np.dtype(np.int64)


def lookup(weight, indices, padding_idx: int, scale: bool):
    if weight._a.ndim != 2:
        raise EngineError("'weight' must be 2-D")
    check_indices(indices._a, weight._a.shape[0])
    return T._embedding(weight, indices, padding_idx, scale)


@composite("_torch_embedding", at="", also=["torch.embedding"])
def _torch_embedding(weight, indices: "Index", padding_idx: "int" = -1, scale_grad_by_freq: "bool" = False,
                     sparse: "any" = False):
    """embedding with torch's own order of arguments."""
    return lookup(weight, indices, padding_idx, scale_grad_by_freq)


@composite("embedding_renorm_", at="torch", nograd=True, samples=["3 * torch.ones(2, 2), "
                                                                  "torch.tensor([0]), 1.0, 2.0"])
def embedding_renorm_(x, indices: "Index", max_norm: "float", norm_type: "float"):
    """Scales the rows of x at the indices down to a norm of at most max_norm, in place.

    >>> embedding_renorm_(tensor([[3., 4.], [0., 9.]]), tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 9.0000]])
    """
    a = x._a
    check_indices(indices._a, len(a), "embedding_renorm_")
    xp = module_of(a)
    if not has_values(a):
        return x
    rows = xp.unique(indices._a)
    part = a[rows].astype(np.float64)
    sizes = xp.abs(part)
    norms = sizes.max(1) if norm_type == float("inf") else (sizes ** norm_type).sum(1) ** (1 / norm_type)
    large = norms > max_norm
    if large.any():
        before_write(a)
        a[rows[large]] = (part[large] * (max_norm / (norms[large] + 1e-7))[:, None]).astype(a.dtype)
        bump(x)
    return x


# ---------------------------------------------------------------- bags

MODES = ("sum", "mean", "max")


def _lengths(offsets, total: int, include_last: bool):
    """(starts, ends) of the bags: the last one has all that is left, whatever the last offset says."""
    xp = module_of(offsets)
    starts = offsets[:-1] if include_last else offsets
    ends = xp.append(starts[1:], xp.asarray([total] if len(starts) else [], offsets.dtype))
    return starts.astype(np.int64), ends.astype(np.int64)


def _check_bag_indices(indices, rows: int, quick: bool) -> None:
    check_index_type(indices, "embedding_bag")
    if not (has_values(indices) and indices.size) or in_range(values_of(indices), rows):
        return
    values = values_of(indices)
    place = int(np.flatnonzero((values < 0) | (values >= rows))[0])
    if quick:
        raise EngineError(f"Index {place} of input takes value {values[place]} which is not in the valid range [0, {rows})")
    raise EngineError(f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {values[place]}")


@op("_bag_sum", at="", shape=lambda xp, x, which, n: xp.empty((n, x.shape[1]), x.dtype),
    samples=["r(4, 3), torch.tensor([0, 1, 1, 0]), 2"],
    vjp={"x": lambda k, g, which: k._embedding(g, which, -1, False)})
def _bag_sum(xp, x, which: "Index", n: "int"):
    """(n, d): the rows of x added up by the bag each belongs to."""
    return sum_rows(xp, x, which, n)


@op("_bag_pick", at="", half=False, samples=[],
    vjp={"x": lambda k, g, x_shape, places: k._bag_unpick(g, places, x_shape)})
def _bag_pick(xp, x, places: "Index"):
    """x[places[b, j], j], zero where a place is -1."""
    if not x.shape[0]:
        return xp.zeros(places.shape, x.dtype)
    picked = xp.take_along_axis(x, xp.maximum(places, 0), 0)
    picked[places < 0] = 0
    return picked


@op("_bag_unpick", at="", shape=lambda xp, g, places, shape: xp.empty(shape, g.dtype), samples=[],
    vjp={"g": lambda k, h, places: k._bag_pick(h, places)})
def _bag_unpick(xp, g, places: "Index", shape: "any"):
    out = xp.zeros(shape, g.dtype)
    rows, columns = xp.nonzero(places >= 0)
    xp.add.at(out, (places[rows, columns], columns), g[rows, columns])
    return out


def _largest(values, which, n: int):
    """For each bag and column the row with the largest value (the first of equals), -1 for empty bags."""
    xp = module_of(values)
    places = xp.full((n, values.shape[1]), -1, np.int64)
    for b in xp.unique(which).tolist() if has_values(which) else ():
        rows = xp.flatnonzero(which == b)
        places[b] = rows[values[rows].argmax(0)]
    return places


def _bag_of(starts, ends, total: int):
    """The bag of each index; how many indices the last bags leave out is unknown without values."""
    xp = module_of(starts)
    if not has_values(starts):
        return xp.empty(total, np.int64)
    counts = xp.maximum(ends - starts, 0)
    return xp.repeat(xp.arange(len(starts)), counts if xp is np else counts.tolist())[:total]


def _bags(weight, indices, offsets, mode: str, scale: bool, per_sample_weights, include_last: bool, padding_idx: int):
    """(bags, bag of each index, size of each bag, rows of the maxima) for flat indices."""
    # PyTorch sums float32 and the half types without padding by another kernel, which minds the last offset.
    quick = mode != "max" and padding_idx < 0 and weight._a.dtype != np.float64
    _check_bag_indices(indices._a, weight._a.shape[0], quick)
    total = indices._a.size
    starts, ends = _lengths(offsets._a, total, include_last)
    told = module_of(ends).append(ends[:-1], offsets._a[-1:]) if include_last and quick and len(ends) else ends
    which = _bag_of(starts, told, total)
    rows = indices
    if total > len(which):
        rows = wrap(indices._a[:len(which)])
    keep = rows._a != padding_idx
    if padding_idx >= 0 and holds(~keep.all()):
        rows, which = wrap(rows._a[keep]), which[keep]
        if per_sample_weights is not None:
            per_sample_weights = T._gather_index(per_sample_weights, (wrap(keep),))
    xp = module_of(which)
    sizes = xp.bincount(which, minlength=len(starts)) if told is ends else ends - starts
    picked = T._embedding(weight, rows, -1, scale)
    if per_sample_weights is not None:
        picked = picked * T.unsqueeze(per_sample_weights, 1)
    if mode == "max":
        places = _largest(picked._a, which, len(starts))
        largest = xp.where(places >= 0, rows._a[xp.maximum(places, 0)] if rows._a.size else places, -1)
        return _renamed(T._bag_pick(picked, wrap(places))), which, sizes, largest
    y = T._bag_sum(picked, wrap(which), len(starts))
    if mode == "mean":
        y = y / wrap(xp.maximum(sizes, 1).astype(y._a.dtype)[:, None])
    return _renamed(y), which, sizes, None


def _renamed(y):
    if y._node is not None:
        y._node._name = "EmbeddingBagBackward0"
    return y


def _checked_bags(x, weight, offsets, per_sample_weights, include_last: bool):
    """(flat indices, offsets, flat weights) of both forms of input."""
    if per_sample_weights is not None and per_sample_weights._a.shape != x._a.shape:
        raise BadValue(f"embedding_bag: If per_sample_weights ({list(per_sample_weights._a.shape)}) is not None, "
                       f"then it must have the same shape as the input ({list(x._a.shape)})")
    if weight._a.ndim != 2:
        raise BadValue(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight._a.ndim}")
    if x._a.ndim == 2:
        if offsets is not None:
            raise BadValue("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
                           "fixed length sequences. However, found offsets of type <class 'torch.Tensor'>")
        n, length = x._a.shape
        offsets = wrap(module_of(x._a).arange(n + 1 if include_last else n) * length)
        flat = None if per_sample_weights is None else T.reshape(per_sample_weights, (-1,))
        return T.reshape(x, (-1,)), offsets, flat
    if x._a.ndim != 1:
        raise BadValue(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {x._a.ndim}")
    if offsets is None:
        raise BadValue("offsets has to be a 1D Tensor but got None")
    if offsets._a.ndim != 1:
        raise BadValue("offsets has to be a 1D Tensor")
    if include_last and not offsets._a.size:
        raise EngineError("include_last_offset: number of offset should be at least 1")
    if offsets._a.size and holds(offsets._a[0] != 0):
        raise EngineError("offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
                          f"position 0. However, got {int(offsets._a[0])}\n[ torch.LongTensor{{}} ]")
    if offsets._a.size and holds(offsets._a[-1] > x._a.size):
        raise EngineError(f"offsets[-1] can not be greater than input's length {x._a.size} but got offsets[-1] of "
                          f"{int(offsets._a[-1])}")
    return x, offsets, per_sample_weights


def _check_types(weight, per_sample_weights) -> None:
    if per_sample_weights is not None and per_sample_weights.dtype is not weight.dtype:
        kinds = [f"torch.{scalar_name(t.dtype)}Tensor" for t in (weight, per_sample_weights)]
        raise DTypeError("Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
                         f"'per_sample_weights'; but type {kinds[0]} does not equal {kinds[1]} (while checking arguments for "
                         "embedding_bag)")


@composite("embedding_bag", at="F",
           samples=["torch.tensor([1, 2, 3, 1]), r(4, 3), torch.tensor([0, 2])",
                    "torch.tensor([[1, 2], [3, 1]]), r(4, 3), mode='sum'",
                    "torch.tensor([1, 2, 3, 1]), r(4, 3), torch.tensor([0, 3]), mode='max'",
                    "torch.tensor([1, 2, 3]), r(4, 3), torch.tensor([0, 2]), mode='sum', per_sample_weights=r(3)"])
def embedding_bag(x: "Index", weight: "Index", offsets: "Index?" = None, max_norm: "float?" = None,
                  norm_type: "float" = 2.0, scale_grad_by_freq: "bool" = False, mode: "str" = "mean",
                  sparse: "any" = False, per_sample_weights: "Tensor?" = None, include_last_offset: "bool" = False,
                  padding_idx: "int?" = None):
    """The rows of weight at the indices of each bag: their mean, sum or maximum. Bags are the rows of a 2-D x, or
    begin at the offsets of a 1-D one.

    >>> F.embedding_bag(tensor([0, 1]), tensor([[1., 2.], [3., 4.]]), tensor([0]), mode="sum")
    tensor([[4., 6.]])
    """
    if x._a.dtype.kind in "fV" and weight._a.dtype.kind in "iu":
        warn("Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, "
             "input, ...)` is deprecated, and should now be `embedding_bag(input, "
             "weight, ...)`.")
        x, weight = weight, x
    if weight._a.ndim != 2:
        raise BadValue(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight._a.ndim}")
    if weight._a.dtype.kind in "biuc":
        raise EngineError("Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, "
                          f"BFloat16, Float, Double; but got torch.{scalar_name(weight.dtype)}Tensor instead (while checking "
                          "arguments for embedding_bag)")
    x, offsets, per_sample_weights = _checked_bags(x, weight, offsets, per_sample_weights, include_last_offset)
    _check_types(weight, per_sample_weights)
    if mode not in MODES:
        raise BadValue("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise BadValue("max mode does not support scaling the gradient by the frequency")
    if per_sample_weights is not None and mode != "sum":
        raise Unsupported("embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
                          f"mode='sum' (got mode='{mode}'). Please open a feature request on GitHub.")
    n = weight._a.shape[0]
    if padding_idx is None:
        padding_idx = -1
    elif not -n <= padding_idx < n:
        raise EngineError(f"padding_idx must be within the number of embeddings, -{n} through {n - 1}, but got {padding_idx}")
    elif padding_idx < 0:
        padding_idx += n
    if max_norm is not None:
        T.embedding_renorm_(weight.detach(), x, max_norm, norm_type)
    return _bags(weight, x, offsets, mode, scale_grad_by_freq, per_sample_weights, include_last_offset,
                 padding_idx)[0]


@composite("_torch_embedding_bag", at="", also=["torch.embedding_bag"])
def _torch_embedding_bag(weight, indices: "Index", offsets: "Index", scale_grad_by_freq: "bool" = False,
                         mode: "int" = 0, sparse: "any" = False, per_sample_weights: "Tensor?" = None,
                         include_last_offset: "bool" = False, padding_idx: "int?" = None):
    """(bags, bag of each index, size of each bag, rows of the maxima), with torch's own order of arguments."""
    if weight._a.ndim != 2:
        raise EngineError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight._a.ndim}")
    _check_types(weight, per_sample_weights)
    indices = T.reshape(indices, (-1,))
    y, which, sizes, largest = _bags(weight, indices, offsets, MODES[mode], scale_grad_by_freq, per_sample_weights,
                                     include_last_offset, -1 if padding_idx is None else padding_idx)
    if mode == 0:
        # PyTorch works sums out without this bookkeeping, in float32 and below without any.
        nothing = np.zeros_like(sizes)
        which = which if weight._a.dtype == np.float64 else np.zeros(0, np.int64)
        return y, wrap(which), wrap(nothing), wrap(nothing.copy())
    return y, wrap(which), wrap(sizes), wrap(sizes.copy() if largest is None else np.maximum(largest, 0))
