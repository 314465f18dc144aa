"""Elements picked along one dim, and their gradients put back: what selecting ops share.

The ops here are private: sorting, extrema, quantiles and scans find indices with their own kernels and
take and return values through these, so that all of them can be differentiated twice.
"""

import numpy as np

from ..engine.registry import op
from .blocks import row_major_copy, zeros
from .places import FLATTEN_FROM, combine_along, take_along, write_along


def take(xp, x, index, dim: int):
    """x at `index` along `dim`; both may be 0-d."""
    if not x.ndim:
        return xp.asarray(x.copy() if not index.ndim else x.reshape(1)[index])
    if xp is np and index.size >= FLATTEN_FROM:
        return take_along(x, index, dim)
    return xp.take_along_axis(x, index, dim)


@op("_take_along", at="", half=False, samples=["r(3, 4), torch.tensor([[0, 2, 1, 0]]), 0"],
    grad_name="GatherBackward0",
    vjp={"x": lambda k, g, x_shape, index, dim: k._add_along(g, index, dim, x_shape)}, raw_vjp=True)
def _take_along(xp, x, index: "Index", dim: "int"):
    return take(xp, x, index, dim)


@op("_put_along", at="", half=False, samples=["r(1, 4), torch.tensor([[0, 2, 1, 0]]), 0, (3, 4)"],
    grad_name="ValueSelectingReductionBackward0", vjp={"g": lambda k, gg, index, dim: k._take_along(gg, index, dim)})
def _put_along(xp, g, index: "Index", dim: "int", shape: "any"):
    """Zeros of `shape` with g at `index` along `dim`, no index twice."""
    if not shape:
        return g.reshape(())
    out = zeros(xp, shape, g.dtype)
    if xp is np and index.size >= FLATTEN_FROM:
        write_along(out, index, dim, g)
    else:
        xp.put_along_axis(out, index, g, dim)
    return out


@op("_add_along", at="", samples=["r(4, 2), torch.tensor([[0, 2], [1, 0], [1, 1], [2, 2]]), 0, (3, 2)"],
    grad_name="ScatterAddBackward0", vjp={"g": lambda k, gg, index, dim: k._take_along(gg, index, dim)})
def _add_along(xp, g, index: "Index", dim: "int", shape: "any"):
    """Zeros of `shape` with g added at `index` along `dim`."""
    if not shape:
        return g.sum().reshape(())
    out = zeros(xp, shape, g.dtype)
    if not g.size:
        return out
    if xp is np:
        combine_along(np.add, out, index, dim, g)
    else:
        grids = list(xp.ix_(*(xp.arange(n) for n in index.shape)))
        grids[dim] = index
        xp.add.at(out, tuple(grids), g)
    return out


def picked(k, g, index, dim: int, keepdim: bool, shape: tuple):
    """The gradient of values selected along `dim`, at the places they came from."""
    if not keepdim and shape:
        g, index = k.unsqueeze(g, dim), k.unsqueeze(index, dim)
    return k._put_along(g, index, dim, shape)


def part(x, dim: int, start, stop):
    """x[start:stop] along `dim`, as a view that is differentiated."""
    return x[(slice(None),) * dim + (slice(start, stop),)]


def rows_last(xp, x, dim: int):
    """A contiguous array with `dim` last; 0-d arrays become rows of one."""
    if not x.ndim:
        return x.reshape(1)
    return _row_major(xp, xp.moveaxis(x, dim, -1))


def _row_major(xp, x):
    return row_major_copy(x) if type(x) is np.ndarray and not x.flags.c_contiguous else xp.ascontiguousarray(x)


def back(xp, x, dim: int, ndim: int):
    """The inverse of `rows_last`."""
    if not ndim:
        return x.reshape(())
    return x if dim == ndim - 1 else _row_major(xp, xp.moveaxis(x, -1, dim))


def at_places(xp, rows, index):
    """The elements of contiguous rows at places along their last dim; quicker than `take_along_axis`."""
    if rows.ndim == 1:
        return rows.take(index)
    n = rows.shape[-1]
    if not index.size:
        return xp.empty(index.shape, rows.dtype)
    starts = xp.arange(0, rows.size, n).reshape((*rows.shape[:-1], 1))
    return rows.reshape(-1).take(index + starts)
