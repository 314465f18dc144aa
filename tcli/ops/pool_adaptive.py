"""Adaptive pooling: the size of the result is given, the windows follow from it.

Window i of n over m places reaches from floor(i m / n) to ceil((i + 1) m / n). Averages are separable: one
small matrix product per dim. Where all windows are equal the ordinary pools do the work.
"""

from math import prod

import numpy as np

from .. import native
from ..engine.callables import finish, short_way
from ..engine.dispatch import FLOATS, READY
from ..engine.memory import pool
from ..engine.options import composed
from ..engine.placement import holds
from ..engine.registry import T, composite, op, ops
from ..engine.sums import line_sums
from ..errors import BadValue, EngineError, ShapeError
from .arrays import refuse


def window_bounds(m: int, n: int):
    """(first, beyond last) of each of n windows over m places."""
    i = np.arange(n)
    return i * m // max(n, 1), -((-(i + 1) * m) // max(n, 1))


def averages_matrix(m: int, n: int, dtype):
    """(n, m): row i holds 1 / length at the places of window i."""
    first, last = window_bounds(m, n)
    places = np.arange(m)
    inside = (places >= first[:, None]) & (places < last[:, None])
    return (inside / np.maximum(last - first, 1)[:, None]).astype(dtype)


def along(xp, x, matrix, axis: int, used=None):
    """x with one axis multiplied by a matrix (new, old); `used` tells which of its entries count, else those not zero.

    A product would spread what is not finite over the whole axis: then each row takes the places that it uses.
    """
    own, y = matrix, xp.asarray(matrix)
    lead, rest = prod(x.shape[:axis]), prod(x.shape[axis + 1:])
    lines = x.reshape(lead, x.shape[axis], rest)
    y = xp.matmul(x, y.T) if rest == 1 and axis == x.ndim - 1 else xp.matmul(y, lines)
    y = y.reshape(lead, len(own), rest)
    if x.dtype.kind in "fc" and holds(~xp.isfinite(xp.add.reduce(y, None))):
        for i, row in enumerate(own != 0 if used is None else used):
            at = np.flatnonzero(row)
            y[:, i] = xp.matmul(xp.asarray(own[i, at]), lines[:, xp.asarray(at)])
    return y.reshape(*x.shape[:axis], len(own), *x.shape[axis + 1:])


def _name(x, size, *_rest) -> str:
    if len(size) > 1 and all(s == 1 for s in size) and len(size) < 3:
        return "MeanBackward1"
    return "SqueezeBackward1" if len(size) == 1 else f"AdaptiveAvgPool{len(size)}DBackward0"


def _with_elements(g, kind: str, n: int):
    """The gradient of a result, which PyTorch wants to have elements."""
    shape = tuple(g.shape) if n > 1 else (*g.shape[:-1], 1, g.shape[-1])
    first = next((d for d, size in enumerate(shape[1:], 1) if not size), None)
    if first is not None:
        raise ShapeError(f"adaptive_{kind}_pool{max(n, 2)}d_backward(): Expected grad_output to have non-zero size for "
                         f"non-batch dimensions, but grad_output has sizes {list(shape)} with dimension {first} being empty")
    return g


@op("_adaptive_avg", rows="format", at="", grad_name=_name, samples=["r(2, 5, 6), (3, 2)"],
    vjp={"x": lambda k, g, x_shape, size: k._adaptive_avg_back(_with_elements(g, "avg", len(size)),
                                                               x_shape[len(x_shape) - len(size):])})
def _adaptive_avg(xp, x, size: "any"):
    n = len(size)
    if xp is np:
        y = pool.empty((*x.shape[:x.ndim - n], *size), x.dtype)
        if native.mean_pool(y, np.ascontiguousarray(x), n):
            return y
    if xp is np and set(size) == {1}:
        lead = x.shape[:x.ndim - n]
        lines = x.reshape(prod(lead), prod(x.shape[x.ndim - n:]))
        return (line_sums(lines) / x.dtype.type(lines.shape[1])).reshape(*lead, *size)
    for d in range(n - 1, -1, -1):
        axis = x.ndim - n + d
        x = along(xp, x, averages_matrix(x.shape[axis], size[d], x.dtype), axis)
    return x


@op("_adaptive_avg_back", at="", samples=["r(2, 3, 2), (5, 6)"], grad_name="AdaptiveAvgPool2DBackwardBackward0",
    vjp={"g": lambda k, h, g_shape, spatial: k._adaptive_avg(h, g_shape[len(g_shape) - len(spatial):])})
def _adaptive_avg_back(xp, g, spatial: "any"):
    n = len(spatial)
    if xp is np:
        x = pool.empty((*g.shape[:g.ndim - n], *spatial), g.dtype)
        if native.mean_pool_back(x, np.ascontiguousarray(g), n):
            return x
    if xp is np and set(g.shape[g.ndim - n:]) == {1}:
        out = np.empty((*g.shape[:g.ndim - n], *spatial), g.dtype)
        out[...] = g / g.dtype.type(prod(spatial))
        return out
    for d in range(n - 1, -1, -1):
        axis = g.ndim - n + d
        g = along(xp, g, averages_matrix(spatial[d], g.shape[axis], g.dtype).T, axis)
    return g


def _target(name: str, n: int, x, output_size) -> tuple:
    size = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(size) == 1 and n > 1:
        size = size * n
    if len(size) != n:
        raise EngineError(f"{name}(): internal error: output_size.size() must be {n}" if "max" in name and n > 1 else
                          f"{name}: output_size must be {n}" if n > 1 else "'output_size' should contain one int")
    if n > 1 and isinstance(output_size, (tuple, list)) and x._a.ndim <= n:
        raise BadValue(f"Input dimension should be at least {n + 1}")
    if x._a.ndim not in (n + 1, n + 2):
        if n == 1:
            raise ShapeError(f"Expected 2 to 3 dimensions, but got {x._a.ndim}-dimensional tensor for argument #1 "
                             f"'self' (while checking arguments for {name})")
        colon = ":" if "max" in name else ""
        raise ShapeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got{colon} {list(x._a.shape)}")
    if any(m == 0 for m in x._a.shape[1:]):
        at = next(i for i, m in enumerate(x._a.shape) if i and m == 0)
        raise ShapeError(f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has "
                         f"sizes {list(x._a.shape)} with dimension {at} being empty")
    refuse(x._a, "biuc", f"{name[:-2]}{max(n, 2)}d" + ("_cpu" if n == 3 else ""))
    spatial = x._a.shape[x._a.ndim - n:]
    size = tuple(m if s is None else int(s) for s, m in zip(size, spatial, strict=True))
    if any(s < 0 for s in size) and "max" in name:
        shape = [*x._a.shape[:-n], *((1,) if n == 1 else ()), *size]
        raise EngineError(f"Trying to create tensor with negative dimension {next(s for s in size if s < 0)}: {shape}")
    if any(s < 0 for s in size):
        raise EngineError(f"{name}: elements of output_size must be greater than or equal to 0 "
                          "but received {" + ", ".join(map(str, size)) + "}")
    return size


@composite("adaptive_avg_pool1d", at="torch F", samples=["r(2, 3, 7), 3", "r(3, 4), 6"])
def adaptive_avg_pool1d(x, output_size: "any"):
    """The means of output_size windows over x (N, C, L).

    >>> F.adaptive_avg_pool1d(tensor([[[1., 3., 5., 7.]]]), 2)
    tensor([[[2., 6.]]])
    """
    return T._adaptive_avg(x, _target("adaptive_avg_pool1d", 1, x, output_size))


@composite("adaptive_avg_pool2d", at="F", samples=["r(2, 3, 5, 4), 2", "r(3, 5, 4), (None, 3)", "r(2, 3, 4, 4), 1"])
def adaptive_avg_pool2d(x, output_size: "any"):
    """The means of a grid of windows over x (N, C, H, W); None keeps a size.

    >>> F.adaptive_avg_pool2d(tensor([[[1., 3.], [5., 7.]]]), 1)
    tensor([[[4.]]])
    """
    return T._adaptive_avg(x, _target("adaptive_avg_pool2d", 2, x, output_size))


@short_way("adaptive_avg_pool2d")
def _quick_averages(o, slow):
    """Where the compiled kernel takes it: the long road to it costs as much as a small batch."""
    averages, ready = ops["_adaptive_avg"], READY
    usual = composed(o)

    def fn(*args, **named):
        if named or len(args) != 2 or type(args[0]) not in ready or type(args[1]) is not int or args[1] < 1:
            return usual(*args, **named)
        x, size = args[0], (args[1], args[1])
        a = x._a
        if type(a) is not np.ndarray or a.ndim not in (3, 4) or a.dtype not in FLOATS or not a.size or not a.flags.c_contiguous:
            return usual(*args)
        y = pool.empty((*a.shape[:-2], *size), a.dtype)
        if not native.mean_pool(y, a, 2):
            return usual(*args)
        values = x, size
        return finish(averages, values, y, x._rg, _name(*values))
    return fn


@composite("adaptive_avg_pool3d", at="F", samples=["r(1, 2, 3, 5, 4), 2", "r(2, 3, 4, 4), (1, None, 2)"])
def adaptive_avg_pool3d(x, output_size: "any"):
    """The means of a grid of windows over x (N, C, D, H, W); None keeps a size.

    >>> F.adaptive_avg_pool3d(ones(1, 1, 2, 2, 2), 1)
    tensor([[[[[1.]]]]])
    """
    return T._adaptive_avg(x, _target("adaptive_avg_pool3d", 3, x, output_size))


# ---------------------------------------------------------------- maxima

def _adaptive_max_x(k, gs, x_shape, size, out1):
    if gs[0] is None:
        return None
    return k._scatter_planes(_with_elements(gs[0], "max", len(size)), out1, x_shape[len(x_shape) - len(size):])


@op("_adaptive_max", rows="format", at="", outs=2, samples=["distinct(2, 5, 6), (3, 2)"], vjp={"x": _adaptive_max_x},
    grad_name=lambda x, size: f"AdaptiveMaxPool{max(len(size), 2)}DBackward0")
def _adaptive_max(xp, x, size: "any"):
    """(maxima, their places in the plane); every window is padded to the longest with the lowest value."""
    n = len(size)
    spatial = x.shape[x.ndim - n:]
    y = x
    places = xp.broadcast_to(xp.arange(prod(spatial)).reshape(spatial), x.shape)
    for d in range(n - 1, -1, -1):
        y, places = _dim_maxima(xp, y, places, x.ndim - n + d, size[d])
    return xp.ascontiguousarray(y), xp.ascontiguousarray(places)


def _dim_maxima(xp, y, places, axis: int, n: int):
    m = y.shape[axis]
    first, last = window_bounds(m, n)
    best, where = (xp.take(a, xp.asarray(first), axis) for a in (y, places))
    for step in range(1, int((last - first).max(initial=1))):
        at = xp.asarray(np.minimum(first + step, last - 1))
        value, place = xp.take(y, at, axis), xp.take(places, at, axis)
        # Of equal values the one that comes first in the plane counts, of nan the last.
        better = (value > best) | ((value != value) & ((best == best) | (place > where)))
        better |= (value == best) & (place < where)
        best, where = xp.where(better, value, best), xp.where(better, place, where)
    return best, where


def _adaptive(n: int, x, output_size, indices: bool):
    size = _target(f"adaptive_max_pool{n}d", n, x, output_size)
    spatial = x._a.shape[-n:]
    if not indices and all(k and m % k == 0 for m, k in zip(spatial, size, strict=True)):
        return _equal_windows(n, x, tuple(m // k for m, k in zip(spatial, size, strict=True)), size)
    found = T._adaptive_max(x, size)
    if n == 1 and found[0].grad_fn is not None:
        found[0].grad_fn._name = "SqueezeBackward1"
    return found if indices else found[0]


def _equal_windows(n: int, x, kernel: tuple, size: tuple):
    """The ordinary pool, which looks for places only when a gradient asks."""
    y = T._max_pool(x, kernel, kernel, ((0, 0),) * n, (1,) * n, size)
    if y.grad_fn is not None:
        y.grad_fn._name = "SqueezeBackward1" if n == 1 else f"AdaptiveMaxPool{n}DBackward0"
    return y


@composite("adaptive_max_pool1d", at="F", samples=["distinct(2, 3, 7), 3", "distinct(3, 4), 2, True"])
def adaptive_max_pool1d(x, output_size: "any", return_indices: "bool" = False):
    """The maxima of output_size windows over x (N, C, L); with return_indices also their places.

    >>> F.adaptive_max_pool1d(tensor([[[1., 3., 5., 7.]]]), 2)
    tensor([[[3., 7.]]])
    """
    return _adaptive(1, x, output_size, return_indices)


@composite("adaptive_max_pool2d", at="F", samples=["distinct(2, 3, 5, 4), 2", "distinct(3, 5, 4), (None, 3), True"])
def adaptive_max_pool2d(x, output_size: "any", return_indices: "bool" = False):
    """The maxima of a grid of windows over x (N, C, H, W); with return_indices also their places.

    >>> F.adaptive_max_pool2d(tensor([[[1., 3.], [5., 7.]]]), 1)
    tensor([[[7.]]])
    """
    return _adaptive(2, x, output_size, return_indices)


@composite("adaptive_max_pool3d", at="F", samples=["distinct(1, 2, 3, 5, 4), 2"])
def adaptive_max_pool3d(x, output_size: "any", return_indices: "bool" = False):
    """The maxima of a grid of windows over x (N, C, D, H, W); with return_indices also their places.

    >>> F.adaptive_max_pool3d(ones(1, 1, 2, 2, 2), 1)
    tensor([[[[[1.]]]]])
    """
    return _adaptive(3, x, output_size, return_indices)


@composite("_torch_adaptive_max_pool1d", at="", also=["torch.adaptive_max_pool1d"])
def _torch_adaptive_max_pool1d(x, output_size: "any"):
    """(maxima, places), as torch.adaptive_max_pool1d returns them."""
    return _adaptive(1, x, output_size, True)


def _with_indices(n: int):
    name = f"adaptive_max_pool{n}d_with_indices"

    @composite(name, at="F", samples=[f"distinct({', '.join('22' + '5' * n)}), 2"])
    def pool(x, output_size: "any", return_indices: "bool" = False):
        return _adaptive(n, x, output_size, True)

    pool.__doc__ = f"""(adaptive_max_pool{n}d, the places of the maxima in their planes).

    >>> F.{name}(ones({', '.join(['1'] * (n + 2))}), 1)[1].item()
    0
    """


for _n in (1, 2, 3):
    _with_indices(_n)
