"""Which values there are and where: unique, nonzero, isin, searches in sorted values."""

import numpy as np

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.dispatch import cast, result_type
from ..engine.placement import has_values, outside
from ..engine.registry import T, composite, op
from ..engine.tensor import Tensor, as_tensor
from ..engine.warn import warn_once
from ..errors import EngineError
from .arrays import not_implemented, refuse
from .sort import order

# ---------------------------------------------------------------- unique

def _groups(xp, fresh):
    """For the flags of sorted rows that begin a group: (group of each row, first rows, sizes)."""
    starts = xp.flatnonzero(fresh)
    group = xp.cumsum(fresh, dtype=np.int64) - 1
    return group, starts, xp.diff(xp.append(starts, len(fresh)))


def _fresh(xp, rows):
    """Which of the rows (first dim) differ from the one before."""
    fresh = xp.ones(len(rows), bool)
    different = rows[1:] != rows[:-1]
    fresh[1:] = different if rows.ndim == 1 else different.reshape(len(rows) - 1,
        -1).any(1) if len(rows) > 1 else True
    return fresh


def _lexical_order(xp, rows):
    flat = rows.reshape(len(rows), -1)
    if len(rows) <= 16 and flat.dtype.kind == "f" and np.isnan(flat).any():
        return np.asarray(_sorted_by_insertion(flat.tolist()))
    return xp.lexsort(flat.T[::-1]) if flat.shape[1] else xp.arange(len(rows))


def _sorted_by_insertion(rows: list) -> list:
    """The order in which C++ leaves a few rows with nan in them, which is neither less nor greater than anything."""
    def before(i: int, j: int) -> bool:
        for a, b in zip(rows[i], rows[j], strict=True):
            if a != b and (a < b or a > b):
                return a < b
        return False

    places: list[int] = []
    for i in range(len(rows)):
        at = 0 if places and before(i, places[0]) else len(places)
        while at > 0 and before(i, places[at - 1]):
            at -= 1
        places.insert(at, i)
    return places


def _unique_rows(xp, rows, consecutive: bool, along: bool = False):
    """(unique rows, group of each row, group sizes); rows are compared as wholes, `along` a dim that was asked for."""
    if not len(rows):
        return rows, xp.zeros(0, np.int64), xp.zeros(0, np.int64)
    if consecutive:
        group, starts, sizes = _groups(xp, _fresh(xp, rows))
        return rows[starts], group, sizes
    places = order(xp, rows) if rows.ndim == 1 and not along else _lexical_order(xp, rows)
    rows = rows[places]
    group, starts, sizes = _groups(xp, _fresh(xp, rows))
    inverse = xp.empty(len(rows), np.int64)
    inverse[places] = group
    return rows[starts], inverse, sizes


def _unique_op(name: str, grad_name: str, consecutive: bool, along: bool):
    @op(name, rows=False, at="", half=False, outs=3, grad_name=grad_name,
        samples=["torch.tensor([[2, 1], [2, 0]])" + (", 0" if along else "")],
        vjp={"x": not_implemented(f"the derivative for '{name}' is not implemented.")})
    def unique(xp, x, dim: "any" = None, values_only: "any" = False):
        refuse(x, "c", "unique")
        plain = x.astype(np.float32) if x.dtype.kind == "V" else x
        if dim is None:
            if values_only and not consecutive:
                found = xp.unique(plain, equal_nan=False)
                return found.astype(x.dtype), found[:0], found[:0]
            values, inverse, counts = _unique_rows(xp, plain.reshape(-1), consecutive)
            return values.astype(x.dtype), inverse.reshape(x.shape), counts
        values, inverse, counts = _unique_rows(xp, xp.moveaxis(plain, dim, 0), consecutive, True)
        return xp.moveaxis(values, 0, dim).astype(x.dtype), inverse, counts


_unique_op("_unique2", "Unique2Backward0", False, False)
_unique_op("_unique_dim", "UniqueDimBackward0", False, True)
_unique_op("_unique_consecutive", "UniqueConsecutiveBackward0", True, False)


def _wanted(found, return_inverse: bool, return_counts: bool):
    chosen = [found[0], *([found[1]] if return_inverse else []), *([found[2]] if return_counts else [])]
    return chosen[0] if len(chosen) == 1 else tuple(chosen)


def _check_empty(x, dim: int) -> None:
    if not x._a.size and x.ndim:
        if x.shape[dim]:
            raise EngineError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
        if sum(n == 0 for n in x.shape) > 1:
            raise EngineError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")


@composite("unique", at="torch tensor", out=False,
           samples=["torch.tensor([3, 1, 2, 1])",
                    "torch.tensor([[3, 1], [2, 1]]), return_inverse=True, return_counts=True",
                    "torch.tensor([[2, 1], [0, 1], [2, 1]]), dim=0, return_inverse=True, return_counts=True",
                    "torch.tensor([1.0, math.nan, math.nan])", "b(4)", "torch.tensor([[2, 1, 2]]), dim=1"])
def unique(x, sorted: "bool" = True, return_inverse: "bool" = False, return_counts: "bool" = False,
           dim: "Dim?" = None):
    """The different values in ascending order (or the different slices along dim).

    With `return_inverse` also which of them each element is, with `return_counts` how often each comes up.

    >>> unique(tensor([3, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 3]), tensor([2, 1, 1]))
    """
    if dim is None:
        return _wanted(T._unique2(x, None, not (return_inverse or return_counts)), return_inverse, return_counts)
    wrap_dim(dim, x.ndim, scalar_ok=False)
    _check_empty(x, dim)
    return _wanted(T._unique_dim(x, dim), return_inverse, return_counts)


@composite("unique_consecutive", at="torch tensor", out=False,
           samples=["torch.tensor([1, 1, 2, 1])", "torch.tensor([1, 1, 2, 1]), True, True",
                    "torch.tensor([[1, 1], [1, 1]])",
                    "torch.tensor([[1, 2], [1, 2], [0, 2]]), dim=0, return_counts=True"])
def unique_consecutive(x, return_inverse: "bool" = False, return_counts: "bool" = False, dim: "Dim?" = None):
    """The values without those equal to the one before them.

    >>> unique_consecutive(tensor([1, 1, 2, 2, 1]))
    tensor([1, 2, 1])
    """
    if dim is not None:
        wrap_dim(dim, x.ndim, scalar_ok=False)
        _check_empty(x, dim)
    return _wanted(T._unique_consecutive(x, dim), return_inverse, return_counts)


# ---------------------------------------------------------------- where something is

@op("_places", at="", nograd=True, half=False, samples=["ints(2, 3)"])
def _places(xp, x):
    if not x.ndim:
        return xp.zeros((int(x != 0), 0), np.int64)
    # NumPy's nonzero of several dims is slow; that of one dim is not.
    flat = xp.flatnonzero(x != 0)
    out = xp.empty((len(flat), x.ndim), np.int64, order="F")  # so that each column is a vector
    for d in range(x.ndim - 1, 0, -1):
        quotient = flat // x.shape[d]
        out[:, d] = flat - quotient * x.shape[d]
        flat = quotient
    out[:, 0] = flat
    return out


def _nonzero_out(x, as_tuple: bool) -> str:
    if as_tuple:
        raise EngineError("nonzero does not support the out kwarg when as_tuple is True")
    return "nonzero"


@composite("nonzero", out=_nonzero_out, at="torch tensor", nograd=True,
           samples=["torch.tensor([0, 1, 0, 2])", "torch.tensor([[0, 1], [2, 0]])",
                    "torch.tensor([[0, 1], [2, 0]]), as_tuple=True",
                    "torch.tensor(3)", "b(2, 3)"])
def nonzero(x, *, as_tuple: "bool" = False):
    """Where the elements are not 0: one row of indices for each, or one index tensor per dim.

    >>> nonzero(tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    if not as_tuple:
        return T._places(x)
    return tuple(T.unbind(T._places(x if x.ndim else T.unsqueeze(x, 0)), 1))


@composite("nonzero_static", at="torch tensor", nograd=True, out="nonzero",
           samples=["torch.tensor([0, 1, 0, 2]), size=3", "torch.tensor([[0, 1], [2, 0]]), size=1",
                    "b(2, 3), size=7, fill_value=9", "torch.tensor(3), size=2", "r(0, 3), size=2", "r(3), size=0"])
def nonzero_static(x, *, size: "int", fill_value: "int" = -1):
    """The first `size` rows of `nonzero`, filled up with `fill_value` where there are fewer.

    >>> nonzero_static(tensor([0, 1, 0, 2]), size=3)
    tensor([[ 1],
            [ 3],
            [-1]])
    """
    if size < 0:
        raise EngineError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    if not has_values(x._a):
        return T.empty((size, x.ndim), dtype=dtypes.int64, device=x.device)
    found = T._places(x)[:size]
    return T.cat([found, T.full((size - found.shape[0], x.ndim), fill_value, dtype=found.dtype, device=x.device)])


@composite("argwhere", at="torch tensor", nograd=True, out=False,
           samples=["torch.tensor([[0, 1], [2, 0]])", "torch.tensor(3)"])
def argwhere(x):
    """Where the elements are not 0: one row of indices for each.

    >>> argwhere(tensor([0, 1, 2]))
    tensor([[1],
            [2]])
    """
    return T._places(x)


@composite("isin", out="exact", at="torch", nograd=True,
           samples=["torch.tensor([1, 2, 3]), torch.tensor([2, 5])", "torch.tensor([1, 2, 3]), 2",
                    "2, torch.tensor([2, 5])",
                    "torch.tensor([[1, 2], [3, 4]]), torch.tensor([2, 3]), invert=True"])
def isin(elements: "any", test_elements: "any", *, assume_unique: "bool" = False, invert: "bool" = False):
    """Whether each element is one of test_elements.

    >>> isin(tensor([1, 2, 3]), tensor([2, 5]))
    tensor([False,  True, False])
    """
    pair = [t if isinstance(t, Tensor) else as_tensor(t) for t in (elements, test_elements)]
    for t in pair:
        if t._a.dtype.kind in "bc":
            raise EngineError(f"Unsupported input type encountered for isin(): {dtypes.scalar_name(t.dtype)}")
    return T._isin(*pair, invert)


@op("_isin", at="", nograd=True, half=False, samples=["torch.tensor([1, 2]), torch.tensor([2]), True"])
def _isin(xp, x, test: "Index", invert: "any"):
    plain = [a.astype(np.float32) if a.dtype.kind == "V" else a for a in (x, test)]
    return xp.isin(*plain, invert=invert)


# ---------------------------------------------------------------- searches

def _side(name: str, right: bool, side) -> str:
    if side is None:
        return "right" if right else "left"
    if side not in ("left", "right"):
        raise EngineError(f"{name}: side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise EngineError(f"{name}: side and right can't be set to opposites, got side of left while right was True")
    return side


def _check_search(boundaries, x, name: str = "torch.searchsorted()") -> None:
    if isinstance(x, Tensor):
        if x.ndim == 0 and boundaries.ndim != 1:
            raise EngineError(f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but "
                              "we got "
                              f"boundaries tensor dim({boundaries.ndim}) and input value's dim(0) numel(1)")
        if boundaries.ndim != 1 and (x.ndim != boundaries.ndim or x.shape[:-1] != boundaries.shape[:-1]):
            raise EngineError(f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of "
                              "boundaries "
                              "tensor and input value tensor must match, but we got boundaries tensor "
                              f"{list(boundaries.shape)} "
                              f"and input value tensor {list(x.shape)}")


@op("_search", at="", nograd=True, half=False, samples=["torch.tensor([1, 3, 5]), torch.tensor([2, 3]), 'left'"])
def _search(xp, boundaries, x: "Index", side: "any"):
    if x.size:
        refuse(x, "bc", "searchsorted_out_cpu")
    if boundaries.dtype.kind == "V":
        boundaries, x = boundaries.astype(np.float32), x.astype(np.float32)
    if boundaries.ndim == 1:
        return xp.asarray(xp.searchsorted(boundaries, x, side))
    out = xp.empty(x.shape, np.int64)
    if not x.size:
        return out
    rows, wanted, found = (a.reshape(-1, a.shape[-1]) for a in (boundaries, x, out))
    for i in range(len(rows)):
        found[i] = xp.searchsorted(rows[i], wanted[i], side)
    return out


@composite("searchsorted", out="searchsorted", at="torch", nograd=True,
           samples=["torch.tensor([1, 3, 5, 7]), torch.tensor([3, 6])", "torch.tensor([1, 3, 5]), 3, right=True",
                    "torch.tensor([[1, 3, 5], [2, 4, 6]]), torch.tensor([[3, 6], [3, 6]]), side='right'",
                    "torch.tensor([1.0, 3.0]), torch.tensor([[0.0, 9.0]]), out_int32=True",
                    "torch.tensor([5, 1, 3]), torch.tensor([2, 3]), sorter=torch.tensor([1, 2, 0])"])
def searchsorted(sorted_sequence, x: "any", *, out_int32: "bool" = False, right: "bool" = False, side: "str?" = None,
                 sorter: "Index?" = None):
    """Where values would be inserted into sorted rows so that they stay sorted, before equals (or behind: right).

    >>> searchsorted(tensor([1, 3, 5]), tensor([3, 6]))
    tensor([1, 3])
    """
    side = _side("torch.searchsorted()", right, side)
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape:
            raise EngineError("torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
                              "tensor "
                              f"{list(sorted_sequence.shape)}and got sorter tensor {list(sorter.shape)}")
        if sorter.dtype is not dtypes.int64:
            raise EngineError("torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
                              f"{dtypes.scalar_name(sorter.dtype)}")
        if has_values(sorter._a) and outside(sorter._a, 0, sorted_sequence.shape[-1]):
            raise EngineError("torch.searchsorted(): sorter index out of range")
        sorted_sequence = T._take_along(sorted_sequence, sorter, -1)
    x = x if isinstance(x, Tensor) else as_tensor(x)
    _check_search(sorted_sequence, x)
    for what, t in (("input value", x), ("boundary", sorted_sequence)):
        if not t.is_contiguous():
            warn_once(f"torch.searchsorted(): {what} tensor is non-contiguous, this will lower the performance due to extra "
                      f"data copy when converting non-contiguous tensor to contiguous, please use contiguous {what} tensor if "
                      "possible. This message will only appear once per program.")
    common = result_type([sorted_sequence, x])
    found = T._search(cast(sorted_sequence, common), cast(x, common), side)
    return found.to(dtypes.int32) if out_int32 else found


@composite("bucketize", out="searchsorted", at="torch", nograd=True,
           samples=["torch.tensor([[1, 4], [9, 5]]), torch.tensor([1, 3, 5])",
                    "3, torch.tensor([1, 3, 5]), right=True",
                    "r(4), torch.sort(r(3))[0]"])
def bucketize(x: "any", boundaries, *, out_int32: "bool" = False, right: "bool" = False):
    """The bucket of each value between sorted boundaries: boundaries[i-1] < value <= boundaries[i] (right: <= and <).

    >>> bucketize(tensor([0, 3, 4]), tensor([1, 3, 5]))
    tensor([0, 1, 2])
    """
    if boundaries.ndim != 1:
        raise EngineError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return T.searchsorted(boundaries, x, out_int32=out_int32, right=right)
