"""Reductions."""

from ..engine import dtypes
from ..engine.registry import op


def _accumulated(x, dtype):
    """The dtype a sum is kept in: integers and bools add up in int64."""
    if dtype is not None:
        return dtype.numpy
    return dtypes.int64.numpy if x.dtype.kind in "biu" else None


def spread(k, g, x_shape, dim, keepdim):
    """A reduced gradient expanded over the dims it was reduced along."""
    if not keepdim and dim is not None and x_shape:
        for d in sorted(dim if isinstance(dim, tuple) else (dim,)):
            g = k.unsqueeze(g, d)
    return k.spread_to(g, x_shape)


@op("sum", at="torch tensor", samples=["r(3, 4)", "r(3, 4), 1", "r(2, 3, 4), (0, 2), keepdim=True", "r()", "r(0, 3), 0"],
    vjp={"x": lambda k, g, x_shape, dim, keepdim: spread(k, g, x_shape, dim or None, keepdim)})
def sum(xp, x, dim: "Dims?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The sum of all elements, or along dims.

    >>> sum(tensor([[1., 2.], [3., 4.]]), 0)
    tensor([4., 6.])
    """
    axis = dim if dim and x.ndim else None
    return x.sum(axis=axis, dtype=_accumulated(x, dtype), keepdims=keepdim)
