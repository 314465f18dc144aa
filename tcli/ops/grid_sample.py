"""grid_sample: values of an image at the places a grid names.

A place in [-1, 1] becomes an index into the image; the result is a weighted sum of the values at the
neighbouring whole indices. Only the weights depend smoothly on the grid, so they are ordinary tensors
and the rest (which values, whether they lie inside) are constants.
"""

from itertools import product
from math import prod

import numpy as np

from ..engine import dtypes
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.warn import warn
from ..errors import BadValue, DTypeError, EngineError, ShapeError
from .arrays import refuse

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


@op("_sample_planes", at="", half=False, samples=["r(1, 2, 2, 2), torch.tensor([[0, 3, 1]])"],
    vjp={"x": lambda k, g, x_shape, places: k._unsample_planes(g, places, x_shape)})
def _sample_planes(xp, x, places: "Index"):
    """(N, C, L): the values of each image at its places (N, L), the same ones in all channels."""
    n, c = x.shape[:2]
    flat = x.reshape(n, c, -1)
    return xp.take_along_axis(flat, xp.broadcast_to(places[:, None], (n, c, places.shape[1])), 2)


@op("_unsample_planes", at="", samples=["r(1, 2, 3), torch.tensor([[0, 3, 1]]), (1, 2, 2, 2)"],
    vjp={"g": lambda k, h, places: k._sample_planes(h, places)})
def _unsample_planes(xp, g, places: "Index", shape: "any"):
    n, c = shape[:2]
    size = prod(shape[2:])
    where = places[:, None] + (xp.arange(n)[:, None, None] * c + xp.arange(c)[None, :, None]) * size
    return xp.bincount(where.reshape(-1), g.reshape(-1), n * c * size).astype(g.dtype).reshape(shape)


def _index(at, n: int, align: bool):
    """[-1, 1] to indices of n places."""
    return (at + 1) * ((n - 1) / 2) if align else ((at + 1) * n - 1) * 0.5


def _reflected(at, n: int, align: bool):
    """`at` mirrored at the edges until it lies inside: a sign and a shift of each place."""
    low, span = (0.0, float(n - 1)) if align else (-0.5, float(n))
    if span <= 0:
        return at * 0
    xp = module_of(at._a)
    a = at._a.astype(np.float64) - low
    sign = xp.where(a < 0, -1.0, 1.0)
    a = xp.abs(a)
    flips = xp.floor(a / span)
    even = flips % 2 == 0
    # even: a - flips * span, odd: span - (a - flips * span)
    slope = xp.where(even, 1.0, -1.0) * sign
    shift = xp.where(even, -flips * span, (flips + 1) * span) + low - slope * low
    return at * wrap(slope.astype(at._a.dtype)) + wrap(shift.astype(at._a.dtype))


def _clipped(at, n: int):
    """`at` in [0, n - 1]; no gradient passes where it was cut."""
    inside = wrap(((at._a > 0) & (at._a < n - 1)).astype(at._a.dtype))
    xp = module_of(at._a)
    edge = wrap(xp.clip(xp.nan_to_num(at._a, nan=-1.0), 0, n - 1) * (1 - inside._a))
    return T.where(inside != 0, at, edge)


def _padded_index(at, n: int, padding: str, align: bool):
    if padding == "reflection":
        at = _reflected(at, n, align)
    return at if padding == "zeros" else _clipped(at, n)


def _gathered(x, indices):
    """Values at whole indices (one array (N, L) per dim), zero where they lie outside."""
    spatial = x._a.shape[2:]
    flat, inside = 0, True
    for at, n in zip(indices, spatial, strict=True):
        inside = inside & (at >= 0) & (at < n)
        flat = flat * n + module_of(at).clip(at, 0, n - 1)
    values = T._sample_planes(x, wrap(flat))
    return values if holds(inside.all()) else values * wrap(inside[:, None].astype(values._a.dtype))


def _whole(a):
    return module_of(a).nan_to_num(a, nan=-1e9, posinf=1e9, neginf=-1e9).clip(-1e9, 1e9).astype(np.int64)


def _multilinear(x, places):
    """The sum over the 2ⁿ corners around each place."""
    lows = [module_of(p._a).floor(p._a) for p in places]
    fractions = [p - wrap(low) for p, low in zip(places, lows, strict=True)]
    total = None
    for corner in product((0, 1), repeat=len(places)):
        weight = None
        for bit, f in zip(corner, fractions, strict=True):
            w = f if bit else 1 - f
            weight = w if weight is None else weight * w
        values = _gathered(x, [_whole(low) + bit for low, bit in zip(lows, corner, strict=True)])
        part = values * T.unsqueeze(weight, 1)
        total = part if total is None else total + part
    return total


def _cubic_weights(t):
    """The four weights of cubic convolution (a = -0.75) at a fraction t."""
    a = -0.75

    def near(d):
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d):
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _bicubic(x, places, padding: str, align: bool):
    lows = [module_of(p._a).floor(p._a) for p in places]
    weights = [_cubic_weights(p - wrap(low)) for p, low in zip(places, lows, strict=True)]
    total = None
    for i, j in product(range(4), repeat=2):
        at = []
        for low, step, n in zip(lows, (i, j), x._a.shape[2:], strict=True):
            a = low + (step - 1)
            at.append(_whole(_padded_index(wrap(a), n, padding, align)._a))
        part = _gathered(x, at) * T.unsqueeze(weights[0][i] * weights[1][j], 1)
        total = part if total is None else total + part
    return total


def _check(x, grid, mode: str, padding: str) -> None:
    ndim = x._a.ndim
    if mode not in MODES:
        raise BadValue("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but "
                       f"got: '{mode}'")
    if padding not in PADDINGS:
        raise BadValue("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
                       f"'reflection', but got: '{padding}'")
    if x._a.shape[:1] != grid._a.shape[:1]:
        raise ShapeError("grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
                         f"{list(x._a.shape)} and grid with sizes {list(grid._a.shape)}")
    if grid._a.shape[-1] != ndim - 2:
        raise ShapeError(f"grid_sampler(): expected grid to have size {ndim - 2} in last dimension, but got grid "
                         f"with sizes {list(grid._a.shape)}")
    for i, n in enumerate(x._a.shape[2:], 2):
        if n <= 0:
            raise ShapeError("grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
                             f"sizes {list(x._a.shape)} with dimension {i} being empty")
    if ndim not in (4, 5) or grid._a.ndim != ndim:
        want = ndim if ndim in (4, 5) else "4D or 5"
        raise ShapeError(f"grid_sampler(): expected {want}D input and grid with same number of dimensions, but got "
                         f"input with sizes {list(x._a.shape)} and grid with sizes {list(grid._a.shape)}")
    if x.dtype is not grid.dtype:
        raise DTypeError(f"expected scalar type {dtypes.scalar_name(x.dtype)} but found {dtypes.scalar_name(grid.dtype)}")
    if mode == "bicubic" and ndim == 5:
        raise EngineError("grid_sampler(): bicubic interpolation only supports 4D input")


def warn_of_corners() -> None:
    """PyTorch's word to those who leave `align_corners` out."""
    warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
         "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.")


def sample(x, grid, mode: str, padding: str, align: bool):
    _check(x, grid, mode, padding)
    n = x._a.ndim - 2
    refuse(x._a, "biuc", "grid_sampler_2d_cpu_kernel_impl" if n == 2 else "grid_sampler3d_cpu")
    out = grid._a.shape[1:-1]
    if not x._a.size or not grid._a.size:
        return T.reshape(T.sum(x) * 0, ()) * wrap(np.zeros((*x._a.shape[:2], *out), x._a.dtype))
    rows = T.reshape(grid, (grid._a.shape[0], -1, n))
    # The last column of the grid is the first spatial dim.
    places = [_index(T._basic_index(rows, (Ellipsis, n - 1 - d)), x._a.shape[2 + d], align) for d in range(n)]
    if mode == "bicubic":
        y = _bicubic(x, places, padding, align)
    else:
        places = [_padded_index(p, m, padding, align) for p, m in zip(places, x._a.shape[2:], strict=True)]
        y = _multilinear(x, places) if mode == "bilinear" else _gathered(x, [_whole(np.rint(p._a)) for p in places])
        if mode == "nearest" and grid._rg:
            y = y + T.sum(places[0]) * 0
    return T.reshape(y, (*x._a.shape[:2], *out))


def _sample_name(n: int) -> str:
    return f"GridSampler{n}DBackward0"


def _named(y, n: int):
    if y._node is not None:
        y._node._name = _sample_name(n)
    return y


@composite("grid_sample", at="F",
           samples=["r(1, 2, 3, 4), unit(1, 2, 3, 2)", "r(1, 2, 3, 4), 1.5 * unit(1, 2, 3, 2), padding_mode='border'",
                    "r(1, 2, 3, 4), 2 * unit(1, 2, 3, 2), padding_mode='reflection', align_corners=True",
                    "r(1, 1, 4, 4), unit(1, 2, 2, 2), 'bicubic'", "r(1, 2, 2, 3, 2), unit(1, 2, 1, 2, 3)"])
def grid_sample(x, grid, mode: "str" = "bilinear", padding_mode: "str" = "zeros", align_corners: "any" = None):
    """x (N, C, H, W) at the places grid (N, H', W', 2) names as (x, y) in [-1, 1]; 5-D likewise. mode is "bilinear",
    "nearest" or "bicubic", padding_mode "zeros", "border" or "reflection".

    >>> F.grid_sample(tensor([[[[1., 3.]]]]), tensor([[[[0., 0.]]]]), align_corners=True)
    tensor([[[[2.]]]])
    """
    if align_corners is None and mode in MODES and padding_mode in PADDINGS:
        warn_of_corners()
    return _named(sample(x, grid, mode, padding_mode, bool(align_corners)), x._a.ndim - 2)


def _low_level(name: str, n: int | None):
    @composite(name, at="torch", samples=["r(1, 2, 3, 4), unit(1, 2, 3, 2), 0, 0, False"] if n != 3 else
               ["r(1, 2, 2, 3, 2), unit(1, 2, 1, 2, 3), 0, 0, False"])
    def sampler(x, grid, interpolation_mode: "int", padding_mode: "int", align_corners: "bool"):
        y = sample(x, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners)
        return _named(y, x._a.ndim - 2)

    ones = ", ".join("1" * ((n or 2) + 2))
    zeros = ", ".join("1" * ((n or 2) + 1)) + f", {n or 2}"
    sampler.__doc__ = f"""grid_sample with its modes as numbers, in the order of their names there.

    >>> {name}(ones({ones}), zeros({zeros}), 0, 0, True).item()
    1.0
    """


for _name_, _n in (("grid_sampler", None), ("grid_sampler_2d", 2), ("grid_sampler_3d", 3)):
    _low_level(_name_, _n)
