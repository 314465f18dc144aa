"""Counts of values: bincount, histc, histogram, histogramdd."""

import numpy as np

from ..engine import dtypes
from ..engine.meta import needs_value
from ..engine.named_results import struct
from ..engine.out import c_name
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.tensor import Tensor
from ..errors import ArgumentError, DTypeError, EngineError
from .arrays import not_implemented, refuse


def _bins(xp, x, weights=None, minlength=0):
    """In `tcli check` the length asked for is taken for the length that comes: who gives one means it."""
    if not minlength or xp.place.type == "meta":
        raise needs_value(xp, x)
    return xp.empty((minlength,), np.int64 if weights is None else weights.dtype if weights.dtype == np.float32 else np.float64)


@op("bincount", at="torch tensor", nograd=True, half=False, out=False, shape=_bins,
    samples=["torch.tensor([1, 0, 1, 3])", "torch.tensor([1, 0, 1]), minlength=5",
             "torch.tensor([1, 0, 1]), torch.tensor([0.5, 1.0, 2.0])",
             "torch.tensor([], dtype=torch.int64), minlength=2"])
def bincount(xp, x, weights: "Index?" = None, minlength: "int" = 0):
    """How often each of 0, 1, 2, ... comes up; or the sum of the weights where it does.

    >>> bincount(tensor([1, 0, 1, 3]))
    tensor([1, 2, 0, 1])
    """
    refuse(x, "bfcV", "bincount_cpu")
    if minlength < 0:
        raise EngineError("minlength should be >= 0")
    if x.ndim != 1 or holds((x < 0).any()):
        raise EngineError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return xp.bincount(x, minlength=minlength).astype(np.int64, copy=False)
    if weights.shape != x.shape:
        raise EngineError("weights should be 1-d and have the same length as input")
    found = xp.bincount(x, weights.astype(np.float64), minlength)
    return found.astype(np.float32) if weights.dtype == np.float32 else found


# ---------------------------------------------------------------- histograms

def _outer_edges(low: float, high: float, x, margin: float) -> tuple:
    """The range of a histogram: given, or that of the data, widened where it is empty."""
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise EngineError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise EngineError("max must be larger than min")
    if low == high and not x.size and margin < 1:
        return low, low + 1
    return (low - margin, high + margin) if low == high else (low, high)


def _bin_of(xp, x, edges, low: float, high: float, even: bool):
    """The bin of each element, -1 outside; the last bin has its right edge."""
    n = len(edges) - 1
    if even:
        place = ((x - x.dtype.type(low)) * x.dtype.type(n / (high - low))).astype(np.int64)
    else:
        place = xp.searchsorted(edges, x, side="right") - 1
    place = xp.minimum(place, n - 1)
    return xp.where((x >= edges[0]) & (x <= edges[-1]), place, -1)


def _corrected(xp, x, edges, place):
    """Even bins after rounding: an element beside an edge may belong next door."""
    ok = place >= 0
    inside = xp.maximum(place, 0)
    down = ok & (x < edges[inside])
    up = ok & (inside + 1 < len(edges) - 1) & (x >= edges[xp.minimum(inside + 1, len(edges) - 1)])
    return place - down + up


@op("histc", out="histogram", at="torch tensor", nograd=True, half=False,
    shape=lambda xp, x, bins, *_: xp.empty(bins, x.dtype),
    samples=["torch.tensor([1.0, 2.0, 1.0, 3.0]), 3", "r(10), 5, -1, 1", "torch.tensor([2.0, 2.0]), 2", "r(0), 3"])
def histc(xp, x, bins: "int" = 100, min: "float" = 0, max: "float" = 0):
    """How many elements fall into each of `bins` even parts of [min, max] (of the data's range where they are equal).

    >>> histc(tensor([1., 2., 1., 3.]), bins=3, min=1, max=3)
    tensor([2., 1., 1.])
    """
    refuse(x, "b", "linspace_cpu")
    refuse(x, "iuc", "histogram_cpu")
    if bins <= 0:
        raise EngineError("bins must be > 0")
    low, high = _outer_edges(min, max, x, 1.0)
    edges = xp.linspace(low, high, bins + 1).astype(x.dtype)
    place = _bin_of(xp, x.reshape(-1), edges, low, high, True)
    return xp.bincount(place[place >= 0], minlength=bins).astype(x.dtype)


def _edges(xp, column, bins, limits, d: int):
    """The edges along axis d and whether they are even."""
    if isinstance(bins, Tensor):
        return bins._a.astype(column.dtype, copy=False), False
    if limits is not None:
        low, high = limits
    else:
        low, high = (float(column.min()), float(column.max())) if column.size else (0.0, 1.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise EngineError(f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite")
    if low > high:
        raise EngineError(f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {d}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return xp.linspace(low, high, bins + 1).astype(column.dtype), True


def _counted(xp, x, bins: list, ranges, weight, density: bool):
    """(counts, [edges]) of the rows of x (N, D)."""
    edges, place, ok = [], 0, True
    for d, wanted in enumerate(bins):
        column = x[:, d]
        found, even = _edges(xp, column, wanted, None if ranges is None else ranges[2 * d:2 * d + 2], d)
        where = _bin_of(xp, column, found, float(found[0]), float(found[-1]), even and found[-1] > found[0])
        if even:
            where = _corrected(xp, column, found, where)
        edges.append(found)
        place, ok = place * (len(found) - 1) + where, ok & (where >= 0)
    shape = tuple(len(e) - 1 for e in edges)
    chosen = None if weight is None else weight.reshape(-1)[ok].astype(np.float64)
    hist = xp.bincount(place[ok], chosen, int(np.prod(shape))).reshape(shape).astype(x.dtype)
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / xp.diff(e).reshape([-1 if i == d else 1 for i in range(len(edges))])
    return hist.astype(x.dtype), edges


def _shapes(xp, x, bins, *_):
    sizes = [len(b._a) - 1 if isinstance(b, Tensor) else b for b in bins]
    return (xp.empty(sizes, x.dtype), *(xp.empty(n + 1, x.dtype) for n in sizes))


@op("_histogramdd", at="", half=False, outs=-1, shape=_shapes,
    samples=["torch.tensor([[0.5, 1.0], [2.0, 3.0]]), [2, 3], None, None, False"],
    grad_name="NotImplemented", vjp={"x": not_implemented("derivative for aten::histogram is not implemented")})
def _histogramdd(xp, x, bins: "any", range: "any", weight: "Index?", density: "any"):
    for d, b in enumerate(bins):
        _check_bins(x, b, d)
    if range is not None and len(range) != 2 * x.shape[1]:
        raise EngineError(f"torch.histogramdd: for a {x.shape[1]}-dimensional histogram range should have {2 * x.shape[1]} "
                          f"elements, but got {len(range)}")
    if weight is not None:
        _check_weight(x, weight)
    refuse(x, "biuc" if any(hasattr(b, "_a") for b in bins) else "biuch", "histogramdd")
    hist, edges = _counted(xp, x, bins, range, weight, density)
    return (hist, *edges)


def _check_bins(x, bins, d: int) -> None:
    """The number of bins along axis d, or the tensor of their edges."""
    if not hasattr(bins, "_a"):
        if bins <= 0:
            raise EngineError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {d}")
        return
    have, want = c_name(dtypes.of_numpy(x.dtype)), c_name(bins.dtype)
    if bins._a.dtype != x.dtype:
        raise DTypeError("torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with "
                         f"dtype {have} and bins for dimension {d} with dtype {want}")
    if bins.ndim != 1:
        raise EngineError(f"torch.histogramdd: bins tensor should have one dimension, but got {bins.ndim} dimensions in the "
                          f"bins tensor for dimension {d}")
    if not bins.numel():
        raise EngineError("torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins "
                          f"tensor for dimension {d}")


def _check_weight(x, weight) -> None:
    have, want = c_name(dtypes.of_numpy(x.dtype)), c_name(dtypes.of_numpy(weight.dtype))
    if have != want:
        raise DTypeError("torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same "
                         f"dtype, but got input({have}), and weight({want})")
    if weight.size != len(x):
        raise EngineError("torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
                          f"excluding its innermost dimension, but got input with shape {list(x.shape)} and weight with shape "
                          f"{list(weight.shape)}")


def _bins(bins):
    if isinstance(bins, (list, tuple)):
        return [b if isinstance(b, Tensor) else int(b) for b in bins]
    return bins


@composite("histogram", out=("histogram", "bin edges"), at="torch tensor", fields=("hist", "bin_edges"),
           samples=["torch.tensor([1.0, 2.0, 1.0, 3.0]), 3",
                    "torch.tensor([1.0, 2.0, 1.0, 3.0]), torch.tensor([0.0, 1.5, 3.0])",
                    "torch.tensor([1.0, 2.0, 1.0]), 4, range=(0.0, 4.0), density=True",
                    "torch.tensor([1.0, 2.0, 1.0]), 2, weight=torch.tensor([0.5, 1.0, 2.0])"])
def histogram(x, bins: "any" = 100, *, range: "any" = None, weight: "Index?" = None, density: "bool" = False):
    """How many elements fall into each bin, and the edges of the bins; bins is a number or a vector of edges.

    >>> histogram(tensor([1., 2., 1., 3.]), bins=2, range=(0., 4.)).hist
    tensor([2., 2.])
    """
    if isinstance(bins, Tensor) and range is not None:
        raise ArgumentError("histogram() received an invalid combination of arguments - got (Tensor, Tensor, range=tuple), but "
                            "expected one of: (Tensor input, Tensor bins, *, Tensor weight, bool density), (Tensor input, int "
                            "bins, *, tuple of floats range, Tensor weight, bool density)")
    hist, edges = T._histogramdd(T.reshape(x, (-1, 1)), [bins], range, weight, density)
    return hist, T.clone(edges) if isinstance(bins, Tensor) else edges


@composite("histogramdd", at="torch", out=False, fields=("hist", "bin_edges"),
           samples=["torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [2.0, 2.0]]), [3, 3]",
                    "torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 2, range=[0.0, 2.0, 0.0, 2.0]"])
def histogramdd(x, bins: "any", range: "any" = None, weight: "Index?" = None, density: "bool" = False):
    """The histogram of the rows of x in as many dims as they have columns, and the edges along each.

    >>> histogramdd(tensor([[0., 1.], [1., 0.]]), bins=[2, 2])[0]
    tensor([[0., 1.],
            [1., 0.]])
    """
    if x.ndim < 2:
        raise EngineError(f"torch.histogramdd: input tensor should have at least 2 dimensions, but got {x.ndim}")
    n = x.shape[-1]
    bins = _bins(bins)
    if not isinstance(bins, list):
        bins = [bins] * n
    if len(bins) != n:
        if not any(isinstance(b, Tensor) for b in bins):
            raise EngineError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
        raise EngineError(f"torch.histogramdd: expected {n} sequences of bin edges for a {n}-dimensional histogram "
                          f"but got {len(bins)}")
    if not n:
        return T.full((), np.nan if density else 0.0, dtype=x.dtype), ()
    hist, *edges = T._histogramdd(T.reshape(x, (-1, n)), bins, range, weight, density)
    edges = tuple(b if isinstance(b, Tensor) else e for b, e in zip(bins, edges, strict=True))
    return struct("histogramdd", ("hist", "bin_edges"))((hist, edges))
