"""Sorting and selection by rank: sort, argsort, topk, kthvalue, median, mode.

A nan is larger than every number. Among equals the places are those PyTorch answers with (see `ties`).
Keys of 32 bits and less are sorted as one 64-bit integer of key and place: that is stable by construction
and several times as fast as a stable argsort.
"""

import numpy as np

from .. import native
from ..engine.memory import pool
from ..engine.placement import has_values
from ..engine.registry import T, composite, op
from ..errors import BadIndex, EngineError
from . import ties
from .along import at_places, back, picked, rows_last
from .arrays import refuse
from .blocks import BLOCK, is_large, over_rows, reduced
from .extrema import need_elements
from .reduce import spread

PACK_FROM = 1024  # elements
FEW = 16
LONG = 1 << 16  # numbers of a row for which the kernel needs room
PLACES = np.dtype(np.int64)
TIES = "torch.tensor([[2, 1, 2], [0, 0, 1]])"


# ---------------------------------------------------------------- order

def _key(xp, x):
    """Unsigned 32-bit integers in the order of `x`, or None where 32 bits do not do."""
    kind, size = x.dtype.kind, x.dtype.itemsize
    if kind == "f" and size <= 4:
        x = x.astype(np.float32, copy=False) + np.float32(0)  # -0 becomes 0
        bits = x.view(np.int32)
        key = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).view(np.uint32) ^ np.uint32(1 << 31)
        key[x != x] = 0xFFFFFFFF
        return key
    if kind in "biu":
        if size < 4:
            return (x.astype(np.int32) + (1 << 16)).astype(np.uint32)
        low, high = int(x.min()), int(x.max())
        if high - low < 1 << 32:
            return (x.astype(np.int64) - low).astype(np.uint32)
    return None


def _by_kernel(x, descending: bool, values=None):
    """The stable order of the rows of an array, and the numbers in order in `values`; None where no kernel takes it."""
    if type(x) is not np.ndarray or not x.size:
        return None
    n = x.shape[-1]
    places, room = pool.empty(x.shape, PLACES), pool.empty((n,), PLACES) if n > LONG else None
    return places if native.sort_rows(x, values, places, n, descending, room) else None


def order(xp, x, descending: bool = False):
    """The stable order of the rows of a contiguous array along its last dim, as int64 places."""
    n = x.shape[-1]
    if x.dtype.kind == "V":  # ml_dtypes
        x = x.astype(np.float32)
    found = _by_kernel(x, descending)
    if found is not None:
        return found
    if is_large(x) and x.ndim > 1 and x.size // n > 1:
        return _order_of_rows(xp, x, descending)
    key = _key(xp, x) if x.size >= PACK_FROM and has_values(x) else None
    if key is not None:
        if descending:
            key = ~key
        packed = key.astype(np.uint64)
        packed <<= np.uint64(32)
        packed |= xp.arange(n, dtype=np.uint64)
        packed.sort(axis=-1)
        packed &= np.uint64(0xFFFFFFFF)
        return packed.view(np.int64)
    if not descending:
        return xp.argsort(x, axis=-1, kind="stable")
    return n - 1 - xp.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


def _order_of_rows(xp, x, descending: bool):
    rows, out = x.reshape(-1, x.shape[-1]), np.empty((x.size // x.shape[-1], x.shape[-1]), np.int64)

    def some(start: int, stop: int) -> None:
        out[start:stop] = order(xp, rows[start:stop], descending)
    over_rows(len(rows), x.shape[-1], some, BLOCK if x.shape[-1] < BLOCK else x.shape[-1])
    return out.reshape(x.shape)


def _order_as_pytorch(xp, rows, descending: bool, stable):
    """The order of sort and argsort: unless asked for, PyTorch's is stable only for short rows."""
    index = order(xp, rows, descending)
    if not stable and rows.shape[-1] > ties.SHORT:
        index = xp.ascontiguousarray(index)
        ties.resolve(rows, index, ties.all_in_order(descending))
    return index


def ordered(xp, x, dim: int, descending: bool, stable):
    """(values, places) of `x` sorted along `dim`."""
    if not x.ndim:
        return x.copy(), xp.zeros((), np.int64)
    rows = rows_last(xp, x, dim)
    values = pool.empty(rows.shape, rows.dtype) if rows.size > ties.SMALL and type(rows) is np.ndarray else None
    index = None if values is None else _by_kernel(rows, descending, values)
    if index is None:
        index = _order_as_pytorch(xp, rows, descending, stable)
        values = at_places(xp, rows, index)
    return back(xp, values, dim, x.ndim), xp.ascontiguousarray(back(xp, index, dim, x.ndim))


def _no_complex(x) -> None:
    if x.dtype.kind == "c":
        raise EngineError(" Sort does not support complex dtypes on CPU")


def _small_sort(ndim: int, dim: int, descending: bool, stable):
    def run(x):
        _no_complex(x)
        return ordered(np, x, dim, descending, stable)
    return native.few("sort down" if descending else "sort", ndim, dim, False, run) or None if ndim else None


def _sort_name(x, dim, descending, stable) -> str:
    return f"SortBackward{int(stable is not None)}"


_sort_name.by_options = True


@op("sort", rows="first", out="exact", at="torch tensor", half=False, outs=2, fields=("values", "indices"),
    grad_name=_sort_name, small=_small_sort,
    samples=["distinct(3, 4)", "distinct(3, 4), 0", "r(2, 3), descending=True", "r(), 0", "r(0, 3), 0", TIES,
             f"{TIES}, 1, True",
             "torch.tensor([1.0, math.nan, -1.0]), stable=True", "b(4)"],
    vjp={"x": lambda k, g, x_shape, out1, dim: k._put_along(g[0], out1, dim, x_shape)})
def sort(xp, x, dim: "Dim" = -1, descending: "bool" = False, *, stable: "bool?" = None):
    """The elements in order along a dim, and where they were; `stable=True` keeps the order of equals.

    >>> sort(tensor([3., 1., 2.]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    _no_complex(x)
    return ordered(xp, x, dim, descending, stable)


@op("argsort", rows="first", at="torch tensor", half=False, nograd=True, out=False,
    samples=["distinct(3, 4)", "distinct(3, 4), 0", "r(2, 3), descending=True", "r()", TIES, f"{TIES}, stable=True"])
def argsort(xp, x, dim: "Dim" = -1, descending: "bool" = False, stable: "bool" = False):
    """The places of the elements in order along a dim.

    >>> argsort(tensor([3., 1., 2.]))
    tensor([1, 2, 0])
    """
    _no_complex(x)
    if not x.ndim:
        return xp.zeros((), np.int64)
    return back(xp, _order_as_pytorch(xp, rows_last(xp, x, dim), descending, stable), dim, x.ndim)


@composite("msort", out="exact", at="torch tensor", samples=["distinct(4, 2)", "distinct(3)", "r()"])
def msort(x):
    """The elements in order along the first dim.

    >>> msort(tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return T.sort(x, 0)[0]


# ---------------------------------------------------------------- the largest and the k-th

def _few(xp, x, k: int, largest: bool):
    """The same by looking for the best k times; None when infinities make that ambiguous."""
    if not is_large(x) or x.ndim < 2:
        return _few_in_rows(xp, x, k, largest)
    rows = x.reshape(-1, x.shape[-1])
    places, clear = np.empty((len(rows), k), np.int64), []

    def some(start: int, stop: int) -> None:
        found = _few_in_rows(np, rows[start:stop], k, largest)
        clear.append(found is not None)
        if clear[-1]:
            places[start:stop] = found
    over_rows(len(rows), x.shape[-1], some)
    return places.reshape(*x.shape[:-1], k) if all(clear) else None


def _few_in_rows(xp, x, k: int, largest: bool):
    x, worst = x.copy(), np.inf * (-1 if largest else 1)
    places = xp.empty((*x.shape[:-1], k), np.int64)
    for i in range(k):
        place = xp.argmax(x, -1, keepdims=True) if largest else xp.argmin(x, -1, keepdims=True)
        if (at_places(xp, x, place) == worst).any() or not largest and i == 0 and (x != x).any():
            return None
        xp.put_along_axis(x, place, worst, -1)
        places[..., i:i + 1] = place
    return places


def as_numbers(x):
    """An array of half precision as one of float32; any other as it is."""
    return x.astype(np.float32) if x.dtype.kind == "V" or x.dtype == np.float16 else x


def _top(xp, x, k: int, largest: bool):
    """Places of the k largest (or smallest) along the last dim, in order."""
    n = x.shape[-1]
    if k * 8 > n or x.size < PACK_FROM:
        return order(xp, x, largest)[..., :k]
    if k and type(x) is np.ndarray:
        numbers, places = as_numbers(x), np.empty((*x.shape[:-1], k), np.int64)
        if native.best_of_rows(numbers, None, places, n, largest):
            return places
    if 0 < k <= FEW and x.dtype.kind == "f":
        found = _few(xp, x, k, largest)
        if found is not None:
            return found
    plain = x.astype(np.float32) if x.dtype.kind == "V" else x
    part = xp.argpartition(plain, n - k if largest else k - 1, axis=-1)
    part = xp.sort(part[..., n - k:] if largest else part[..., :k], axis=-1)  # equals in the order of their places
    chosen = at_places(xp, x, part)
    return at_places(xp, part, order(xp, xp.ascontiguousarray(chosen), largest))


@op("topk", out="exact", at="torch tensor", half=False, outs=2, fields=("values", "indices"),
    samples=["distinct(3, 4), 2", "distinct(3, 4), 2, 0", "r(2, 5), 3, largest=False", "r(4), 4", "r(), 1",
             "distinct(3), 0"],
    vjp={"x": lambda k, g, x_shape, out1, dim: k._put_along(g[0], out1, dim, x_shape)})
def topk(xp, x, k: "int", dim: "Dim" = -1, largest: "bool" = True, sorted: "bool" = True):
    """The k largest (or smallest) elements along a dim in order, and where they are.

    >>> topk(tensor([1., 4., 2., 3.]), 2)
    torch.return_types.topk(
    values=tensor([4., 3.]),
    indices=tensor([1, 3]))
    """
    for kind, words in (("c", " topk does not support complex dtypes on CPU"),
                        ("b", "topk does not support bool dtypes on CPU")):
        if x.dtype.kind == kind:
            raise EngineError(words)
    if not 0 <= k <= (x.shape[dim] if x.ndim else 1):
        raise EngineError("selected index k out of range")
    rows = rows_last(xp, x, dim)
    index = xp.ascontiguousarray(_top(xp, rows, k, largest))
    if k:
        ties.resolve(rows, index, ties.top(k, largest, sorted), always=not sorted)
    values = at_places(xp, rows, index)
    if not x.ndim:
        return (values, index) if not k else (values.reshape(()), index.reshape(()))
    return back(xp, values, dim, x.ndim), xp.ascontiguousarray(back(xp, index, dim, x.ndim))


def _places_of_ranks(xp, rows, ranks):
    """Where the numbers of `ranks` (..., 1) are in the rows of an array."""
    if type(rows) is np.ndarray and rows.size:
        places = np.empty(ranks.shape, np.int64)
        if native.places_of_ranks(as_numbers(rows), np.ascontiguousarray(ranks), places, rows.shape[-1]):
            return places
    return at_places(xp, order(xp, rows), ranks)


def _chosen(xp, x, rank, dim: int, keepdim: bool, choose=None):
    """(value, place) of the element of a rank (0 is the smallest) in every row along `dim`."""
    rows = rows_last(xp, x, dim)
    ranks = xp.broadcast_to(xp.asarray(rank, np.int64), rows.shape[:-1])[..., None]
    index = _places_of_ranks(xp, rows, ranks)
    if choose is not None:
        ties.resolve(rows, index, choose)
    values = at_places(xp, rows, index)
    if not x.ndim:
        return values.reshape(()), index.reshape(())
    if keepdim:
        return xp.moveaxis(values, -1, dim), xp.moveaxis(index, -1, dim)
    return values[..., 0], index[..., 0]


PICKED = {"x": lambda k, g, x_shape, out1, dim, keepdim: picked(k, g[0], out1, dim, keepdim, x_shape)}


@op("kthvalue", out="values", out_apart=True, at="torch tensor", half=False, outs=2, fields=("values", "indices"), vjp=PICKED,
    samples=["distinct(3, 4), 2", "distinct(3, 4), 1, 0", "r(2, 5), 3, 1, True", "r(), 1"])
def kthvalue(xp, x, k: "int", dim: "Dim" = -1, keepdim: "bool" = False):
    """The k-th smallest element along a dim, and where it is.

    >>> kthvalue(tensor([3., 1., 2.]), 2)
    torch.return_types.kthvalue(
    values=tensor(2.),
    indices=tensor(2))
    """
    if x.ndim:
        refuse(x, "bc", "kthvalue_cpu")
    if x.ndim and not x.shape[dim]:
        raise BadIndex(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= (x.shape[dim] if x.ndim else 1):
        raise EngineError(f"kthvalue(): selected number k out of range for dimension {dim}")
    return _chosen(xp, x, k - 1, dim, keepdim, ties.kth(k - 1))


# ---------------------------------------------------------------- median

def _middle(xp, rows, skip_nan: bool):
    """The rank of the median of each row: the lower middle; the first nan where there is one."""
    n = rows.shape[-1]
    if rows.dtype.kind not in "fV" or is_large(rows) and not np.isnan(reduced(np.maximum, rows, None)):
        return (n - 1) // 2
    real = n - (rows != rows).sum(-1)
    if skip_nan:
        return xp.maximum(real - 1, 0) // 2
    return xp.where(real < n, real, (n - 1) // 2)


def _median_op(name: str, skip_nan: bool):
    capital = name.capitalize()

    @op(f"_{name}_all", at="",
        shape=lambda xp, x: xp.empty((), x.dtype), grad_name=capital + "Backward0", half=False,
        samples=["distinct(3, 4)", "r()"],
        vjp={"x": lambda k, g, x, x_shape, out: _spread_to_equals(k, g, x, x_shape, out)})
    def whole(xp, x):
        refuse(x, "bc", "median_cpu")
        if not x.size:
            return xp.asarray(np.nan if x.dtype.kind in "fV" else np.iinfo(x.dtype).min, x.dtype)
        flat = x.reshape(-1)
        plain = as_numbers(flat)
        rank, place = int(_middle(xp, plain, skip_nan)), np.empty(1, np.int64)
        if native.places_of_ranks(plain, np.array([rank]), place, flat.size):
            return flat[place[0]]
        return xp.partition(plain, rank)[rank].astype(x.dtype)

    @op(f"_{name}_dim", at="", grad_name=capital + "Backward1", half=False, outs=2, vjp=PICKED,
        samples=["distinct(3, 4), 1", "distinct(3, 4), 0, True", "r(), 0"])
    def along(xp, x, dim: "Dim", keepdim: "bool" = False):
        refuse(x, "bc", "median_out")
        if x.ndim and not x.shape[dim]:
            need_elements("median", x, dim)
        return _chosen(xp, x, _middle(xp, rows_last(xp, x, dim), skip_nan), dim, keepdim)

    @composite(name, at="torch tensor", fields=("values", "indices"),
               samples=["distinct(3, 4)", "distinct(3, 4), 1", "r(2, 3), 0, True",
                        "torch.tensor([1.0, math.nan, 3.0, 2.0])",
                        "torch.tensor([1.0, math.nan, 3.0, 2.0]), 0", "ints(5)", "r()"])
    def median(x, dim: "Dim?" = None, keepdim: "bool" = False):
        return getattr(T, f"_{name}_all")(x) if dim is None else getattr(T, f"_{name}_dim")(x, dim, keepdim)

    shown = ("tensor(2.)", "tensor([1., nan, 3., 2.])") if skip_nan else ("tensor(2.)", "tensor([4., 1., 3., 2.])")
    median.__doc__ = f"""The median{' of what is not nan' if skip_nan else ''}: the lower of two in the middle.

    With a dim, the medians along it and where they are.

    >>> {name}({shown[1]})
    {shown[0]}
    """


def _spread_to_equals(k, g, x, x_shape, out):
    same = T._is_best(x, out)
    return k.where(same, spread(k, g / k.sum(same), x_shape, None, False), 0.0)


_median_op("median", False)
_median_op("nanmedian", True)


# ---------------------------------------------------------------- mode

@op("mode", out=("mode", "mode indices"), at="torch tensor", half=False, outs=2, host=True,
    fields=("values", "indices"), vjp=PICKED,
    samples=["distinct(3, 4)", TIES, "torch.tensor([[1.0, 2.0], [1.0, 0.0]]), 0, True", "r()", "b(4)",
             "torch.arange(3000) % 7 * 5 % 11"])
def mode(xp, x, dim: "Dim" = -1, keepdim: "bool" = False):
    """The most frequent element along a dim (the smallest of them), and where it is last.

    >>> mode(tensor([1, 2, 2, 3, 3]))
    torch.return_types.mode(
    values=tensor(2),
    indices=tensor(2))
    """
    refuse(x, "c", "mode_cpu")
    if x.ndim and not x.shape[dim]:
        need_elements("mode", x, dim)
    rows = rows_last(xp, x, dim)
    if not rows.size:
        return _chosen(xp, x, 0, dim, keepdim)
    values = at_places(xp, rows, order(xp, rows))
    place = xp.broadcast_to(xp.arange(rows.shape[-1]), rows.shape)
    fresh = xp.ones(rows.shape, bool)
    fresh[..., 1:] = values[..., 1:] != values[..., :-1]
    length = place - xp.maximum.accumulate(xp.where(fresh, place, 0), -1)
    return _chosen(xp, x, length.argmax(-1), dim, keepdim, ties.last_of if rows.shape[-1] > ties.SHORT else None)
