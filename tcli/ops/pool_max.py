"""Max pooling and its inverse.

Without compiled kernels the maximum is taken over one strided slice per offset of the window. Where the maxima lie is
looked for when a gradient or the caller asks: one comparison per offset gives indices into the plane of
a channel (the first of equals; NaN wins, the last one). Scatter to these places and gather from them are adjoints.
"""

from math import prod

import numpy as np

from .. import native
from ..engine.deterministic import alert
from ..engine.memory import pool as memory
from ..engine.placement import holds, outside
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import EngineError, ShapeError
from . import pool_pairs
from .arrays import gate, refuse
from .blocks import over_rows
from .pool import check_pool, overhang
from .windows import cropped, exact_sizes, offsets, padded, slices

BLOCK = 1 << 16  # elements of planes that all offsets of a window pass over


def _lowest(dtype):
    if dtype.kind == "f":
        return -np.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def _maximum(xp, x, kernel, stride, dilation, size):
    """The largest value of each window of a padded x; NaN where there is one."""
    n = len(kernel)
    # Separable: maxima along the last dim first, then along the others.
    for d in range(n - 1, -1, -1):
        lead = (slice(None),) * (x.ndim - n + d)
        part = [x[(*lead, *slices((i,), (size[d],), (stride[d],), (dilation[d],)))] for i in range(kernel[d])]
        out = xp.maximum(part[0], part[1]) if len(part) > 1 else part[0]
        for other in part[2:]:
            xp.maximum(out, other, out=out)
        x = out
    return x


def _codes(xp, x, y, kernel, stride, dilation, size, pads, spatial):
    """For each window the number of the offset that holds its maximum, the first of equals or the last nan."""
    steps = list(offsets(kernel))
    small = len(steps) < 256
    codes = xp.zeros(y.shape, np.uint8 if small else np.int32)
    hit = xp.empty(y.shape, bool)
    odd = y.dtype.kind == "f" and y.size and holds(~xp.isfinite(y.min()))
    for number, step in enumerate(steps):
        part = x[(Ellipsis, *slices(step, size, stride, dilation))]
        xp.equal(part, y, out=hit)
        if odd or y.dtype.kind != "f":
            _exclude_outside(xp, hit, step, stride, dilation, size, pads, spatial)
        # The first offset scores highest; products and maxima of small numbers have no branches to mispredict.
        score = hit.view(np.uint8) if small else hit.astype(np.int32)
        score *= len(steps) - number
        xp.maximum(codes, score, out=codes)
    codes = len(steps) - codes
    if odd:
        for number, step in enumerate(steps):
            part = x[(Ellipsis, *slices(step, size, stride, dilation))]
            xp.copyto(codes, number, where=part != part)
    return codes, steps


def _exclude_outside(xp, hit, offset, stride, dilation, size, pads, spatial) -> None:
    """Padding is never where a maximum lies, whatever its value."""
    n = len(size)
    for i in range(n):
        at = np.arange(size[i]) * stride[i] + offset[i] * dilation[i] - pads[i][0]
        inside = (at >= 0) & (at < spatial[i])
        if not inside.all():
            hit &= xp.asarray(inside.reshape(-1, *(1,) * (n - 1 - i)))


def _places(xp, x, y, kernel, stride, dilation, size, pads, spatial):
    """The index in its plane of each window's maximum."""
    codes, steps = _codes(xp, x, y, kernel, stride, dilation, size, pads, spatial)
    n = len(kernel)
    strides = [prod(spatial[i + 1:]) for i in range(n)]
    shifts = [sum((o * d - low) * s for o, d, (low, _), s in zip(offset, dilation, pads, strides, strict=True))
              for offset in steps]
    places = xp.take(xp.asarray(shifts), codes)
    for i in range(n):
        places += (xp.arange(size[i]) * (stride[i] * strides[i])).reshape(-1, *(1,) * (n - 1 - i))
    return places


def _pool_name(x, kernel, *_rest) -> str:
    return f"MaxPool{max(len(kernel), 2)}DWithIndicesBackward0"


def _max_pool_x(k, g, x, x_shape, kernel, stride, pads, dilation, size):
    """The maxima are not kept, but found again where they are needed: a program may write over them."""
    if not state.grad:
        return k._max_pool_back(g, x, kernel, stride, pads, dilation, size)
    places = k._max_pool_places(x, kernel, stride, pads, dilation, size)
    return k._scatter_planes(g, places, x_shape[len(x_shape) - len(kernel):])


@op("_max_pool", rows="format", at="", grad_name=_pool_name,
    samples=["distinct(2, 5, 6), (2, 3), (2, 2), ((1, 1), (0, 0)), (1, 1), (3, 2)"], vjp={"x": _max_pool_x})
def _max_pool(xp, x, kernel: "any", stride: "any", pads: "any", dilation: "any", size: "any"):
    """The maxima alone; their places are looked for when a gradient asks."""
    if xp is np:
        y = memory.empty((*x.shape[:x.ndim - len(kernel)], *size), x.dtype)
        if native.max_pool(y, np.ascontiguousarray(x), kernel, stride, pads, dilation):
            return y
    y = _maximum(xp, _filled(xp, x, kernel, stride, pads, dilation, size), kernel, stride, dilation, size)
    return y.copy() if y is x or not y.flags.owndata else y


def _filled(xp, x, kernel, stride, pads, dilation, size):
    """x padded with the lowest value so that every window fits."""
    fitted = overhang(size, kernel, stride, pads, dilation, x.shape[x.ndim - len(kernel):])
    return padded(xp, x, fitted, _lowest(x.dtype))


@op("_max_pool_places", at="", nograd=True)
def _max_pool_places(xp, x, kernel: "any", stride: "any", pads: "any", dilation: "any", size: "any"):
    spatial = x.shape[x.ndim - len(kernel):]
    if xp is np:
        places = np.empty((*x.shape[:x.ndim - len(kernel)], *size), np.int64)
        if native.max_pool_places(places, np.ascontiguousarray(x), kernel, stride, pads, dilation):
            return places
    full = _filled(xp, x, kernel, stride, pads, dilation, size)
    return _places(xp, full, _maximum(xp, full, kernel, stride, dilation, size), kernel, stride, dilation, size, pads, spatial)


@op("_max_pool_back", at="", nograd=True)
def _max_pool_back(xp, g, x, kernel: "any", stride: "any", pads: "any", dilation: "any", size: "any"):
    """The gradient of the maxima: each value of g goes to the first place in its window that holds the maximum."""
    n = len(kernel)
    spatial = x.shape[x.ndim - n:]
    if xp is np:
        out = memory.empty(x.shape, g.dtype)
        if native.max_pool_back(out, np.ascontiguousarray(g), np.ascontiguousarray(x), kernel, stride, pads, dilation):
            return out
    fitted = overhang(size, kernel, stride, pads, dilation, spatial)
    full = tuple(m + low + high for m, (low, high) in zip(spatial, fitted, strict=True))
    lead = x.shape[:x.ndim - n]
    planes = prod(lead)
    x, g = (a.reshape(planes, *a.shape[a.ndim - n:]) for a in (x, g))
    if x.size and pool_pairs.fits(x, kernel, stride, pads, dilation) and np.isfinite(x.min()):
        return pool_pairs.gradient(g, x).reshape(*lead, *spatial)
    out = xp.empty((planes, *spatial), g.dtype)

    def some(start: int, stop: int) -> None:
        rows = slice(start, stop)
        seen = padded(xp, x[rows], fitted, _lowest(x.dtype))
        found = xp.zeros((stop - start, *full), g.dtype)
        y = _maximum(xp, seen, kernel, stride, dilation, size)
        for where, hit in _first_hits(xp, seen, y, kernel, stride, dilation, size, fitted, spatial):
            found[where] += gate(xp, hit, g[rows])
        out[rows] = cropped(found, fitted, spatial)
    if xp is np:
        over_rows(planes, prod(full), some, BLOCK)
    elif planes:
        some(0, planes)
    return out.reshape(*lead, *spatial)


def _first_hits(xp, x, y, kernel, stride, dilation, size, pads, spatial):
    """(places in a padded x of one offset of all windows, whether their maximum is there), the first of equals; and again
    from the last offset on for the nan."""
    left = xp.ones(y.shape, bool)
    hit = xp.empty(y.shape, bool)
    odd = y.dtype.kind == "f" and y.size and holds(~xp.isfinite(y.min()))
    steps = list(offsets(kernel))
    for nan, step in [*((False, step) for step in steps), *((True, step) for step in reversed(steps) if odd)]:
        where = (Ellipsis, *slices(step, size, stride, dilation))
        part = x[where]
        xp.equal(part, y, out=hit) if not nan else xp.not_equal(part, part, out=hit)
        if odd or y.dtype.kind != "f":
            _exclude_outside(xp, hit, step, stride, dilation, size, pads, spatial)
        hit &= left
        left ^= hit
        yield where, hit


def _max_pool_indices_x(k, gs, x_shape, kernel, out1):
    if gs[0] is None:
        return None
    return k._scatter_planes(gs[0], out1, x_shape[len(x_shape) - len(kernel):])


@op("_max_pool_indices", rows="format", at="", outs=2, grad_name=_pool_name,
    samples=["distinct(2, 5, 6), (2, 3), (2, 2), ((1, 1), (0, 0)), (1, 1), (3, 2)"], vjp={"x": _max_pool_indices_x})
def _max_pool_indices(xp, x, kernel: "any", stride: "any", pads: "any", dilation: "any", size: "any"):
    """(maxima, index of each in its plane)."""
    if xp is np:
        shape, flat = (*x.shape[:x.ndim - len(kernel)], *size), np.ascontiguousarray(x)
        y, places = memory.empty(shape, x.dtype), np.empty(shape, np.int64)
        if (native.max_pool(y, flat, kernel, stride, pads, dilation)
                and native.max_pool_places(places, flat, kernel, stride, pads, dilation)):
            return y, places
    full = _filled(xp, x, kernel, stride, pads, dilation, size)
    y = _maximum(xp, full, kernel, stride, dilation, size)
    y = y.copy() if y is x or not y.flags.owndata else y
    return y, _places(xp, full, y, kernel, stride, dilation, size, pads, x.shape[x.ndim - len(kernel):])


@op("_scatter_planes", at="", samples=["r(2, 3), torch.tensor([[0, 2, 0], [3, 1, 1]]), (4,)"],
    grad_name="MaxPool2DWithIndicesBackwardBackward0",
    vjp={"g": lambda k, h, places, spatial: k._gather_planes(h, places, len(spatial))})
def _scatter_planes(xp, g, places: "Index", spatial: "any"):
    """Planes of shape `spatial` with each value of g added at its place."""
    return _scattered(xp, g, places, spatial)


def _scattered(xp, g, places, spatial):
    n = len(spatial)
    if xp is np:
        out = memory.empty((*g.shape[:g.ndim - n], *spatial), g.dtype)
        if native.scatter_planes(out, np.ascontiguousarray(g), np.ascontiguousarray(places), n):
            return out
    planes, per = prod(g.shape[:g.ndim - n]), prod(g.shape[g.ndim - n:])
    size = prod(spatial)
    flat = (places.reshape(planes, per) + (xp.arange(planes) * size)[:, None]).reshape(-1)
    out = xp.zeros(planes * size, g.dtype)
    xp.add.at(out, flat, g.reshape(-1))
    return out.reshape(*g.shape[:g.ndim - n], *spatial)


@op("_gather_planes", at="", half=False, samples=["r(2, 4), torch.tensor([[0, 2, 0], [3, 1, 1]]), 1"],
    grad_name="GatherBackward0",
    vjp={"x": lambda k, g, x_shape, places, n: k._scatter_planes(g, places, x_shape[len(x_shape) - n:])})
def _gather_planes(xp, x, places: "Index", n: "int"):
    """The values of each plane (the last n dims of x) at its places."""
    lead = x.shape[:x.ndim - n]
    if not places.size:
        return xp.empty(places.shape, x.dtype)
    flat = places.reshape(prod(lead), -1)
    return xp.take_along_axis(x.reshape(prod(lead), -1), flat, 1).reshape(places.shape)


# ---------------------------------------------------------------- the public functions

def maximum(name: str, n: int, x, kernel_size, stride, padding, dilation, ceil_mode: bool, indices: bool):
    kernel = exact_sizes(kernel_size, n, name, "kernel_size")
    stride = kernel if stride is None or stride == () or stride == [] else exact_sizes(stride, n, name, "stride")
    padding, dilation = exact_sizes(padding, n, name, "padding"), exact_sizes(dilation, n, name, "dilation")
    plain = n == 1 and not indices
    checked = name if plain or n > 1 else "max_pool1d_with_indices"
    size = check_pool(checked, n, x._a, kernel, stride, padding, dilation, ceil_mode)
    refuse(x._a, "biuc" if plain else "bc", "max_pool1d_impl" if plain else f"max_pool{max(n, 2)}d")
    pads = tuple((p, p) for p in padding)
    if indices:
        return T._max_pool_indices(x, kernel, stride, pads, dilation, size)
    return T._max_pool(x, kernel, stride, pads, dilation, size)


@composite("max_pool1d", at="torch F", samples=["distinct(2, 3, 8), 2", "distinct(2, 3, 9), 3, 2, 1, 1, True",
                                                "distinct(3, 9), 2, 2, 0, 3"])
def max_pool1d(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, dilation: "any" = 1,
               ceil_mode: "bool" = False, return_indices: "bool" = False):
    """The maxima of windows of x (N, C, L); with return_indices also their places.

    >>> F.max_pool1d(tensor([[1., 3., 5., 4.]]), 2)
    tensor([[3., 5.]])
    """
    found = maximum("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    node = (found[0] if return_indices else found).grad_fn
    if node is not None:
        node._name = "SqueezeBackward1"
    return found


@composite("max_pool2d", at="torch F", samples=["distinct(2, 3, 4, 6), 2", "distinct(1, 2, 5, 5), 3, 2, 1",
                                                "distinct(2, 5, 6), (2, 3), 1, (1, 0), 1, True",
                                                "distinct(1, 1, 7, 6), 2, 2, 1, (2, 1)"])
def max_pool2d(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, dilation: "any" = 1,
               ceil_mode: "bool" = False, return_indices: "bool" = False):
    """The maxima of windows of x (N, C, H, W); with return_indices also their places.

    >>> F.max_pool2d(tensor([[[1., 3.], [5., 4.]]]), 2)
    tensor([[[5.]]])
    """
    return maximum("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@composite("max_pool3d", at="torch F", samples=["distinct(1, 2, 2, 4, 4), 2",
                                                "distinct(1, 1, 3, 4, 5), (2, 2, 3), 1, 1, 1, True"])
def max_pool3d(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, dilation: "any" = 1,
               ceil_mode: "bool" = False, return_indices: "bool" = False):
    """The maxima of windows of x (N, C, D, H, W); with return_indices also their places.

    >>> F.max_pool3d(ones(1, 1, 2, 2, 2), 2)
    tensor([[[[[1.]]]]])
    """
    return maximum("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _with_indices(n: int):
    name = f"max_pool{n}d_with_indices"

    @composite(name, at="F", also=["torch.max_pool1d_with_indices"] if n == 1 else (),
               samples=[f"distinct({', '.join('22' + '4' * n)}), 2"])
    def pool(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, dilation: "any" = 1,
             ceil_mode: "bool" = False, return_indices: "bool" = False):
        return maximum(f"max_pool{n}d", n, x, kernel_size, stride, padding, dilation, ceil_mode, True)

    shape = ", ".join(["1"] * n + ["2"])
    pool.__doc__ = f"""(max_pool{n}d, the places of the maxima in their planes).

    >>> F.{name}(ones({shape}), {('(' + '1, ' * (n - 1) + '2)') if n > 1 else '2'})[1].shape
    torch.Size([{', '.join(['1'] * (n + 1))}])
    """


for _n in (1, 2, 3):
    _with_indices(_n)


# ---------------------------------------------------------------- max_unpool

def unpool(n: int, x, indices, kernel_size, stride, padding, output_size):
    name = f"max_unpool{n}d"
    alert(f"max_unpooling{max(n, 2)}d_forward_out")
    kernel = exact_sizes(kernel_size, n, name, "kernel_size")
    stride = kernel if stride is None else exact_sizes(stride, n, name, "stride")
    padding = exact_sizes(padding, n, name, "padding")
    refuse(x._a, "biu", f"max_unpool{max(n, 2)}d")
    if x._a.ndim not in (n + 1, n + 2):
        raise ShapeError(f"Input to {name} should be a {n + 1}d or {n + 2}d Tensor, but got tensor with {x._a.ndim} "
                         "dimensions")
    if indices._a.dtype != np.int64:
        from ..engine.dtypes import of_numpy, scalar_name

        raise EngineError("elements in indices should be type int64 but got: "
                          f"{scalar_name(of_numpy(indices._a.dtype))}")
    if indices._a.shape != x._a.shape:
        raise ShapeError(f"Expected shape of indices to be same as that of the input tensor ({list(x._a.shape)}) but "
                         f"got indices tensor with shape: {list(indices._a.shape)}")
    default = tuple((m - 1) * s + k - 2 * p for m, s, k, p in
                    zip(x._a.shape[x._a.ndim - n:], stride, kernel, padding, strict=True))
    size = _unpooled_size(default, stride, output_size, n)
    a = indices._a
    if outside(a, 0, prod(size)):
        bad = int(a[(a < 0) | (a >= prod(size))][0])
        shown = "x".join(map(str, size if n > 1 else (size[0], 1)))
        raise EngineError(f"Found an invalid max index: {bad} (output volumes are of size {shown})")
    return T._place_planes(x, indices, size)


def _unpooled_size(default: tuple, stride: tuple, output_size, n: int) -> tuple:
    if output_size is None:
        return default
    from ..errors import BadValue

    size = tuple(output_size)
    if len(size) == n + 2:
        size = size[2:]
    if len(size) != n:
        raise BadValue(f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
                       f"'{len(size)}'")
    for d, (have, want, s) in enumerate(zip(size, default, stride, strict=True)):
        if not want - s < have < want + s:
            raise BadValue(f'invalid output_size "{tuple(size)}" (dim {d} must be between {want - s} and {want + s})')
    return size


@op("_place_planes", rows="format", at="", half=False,
    grad_name=lambda x, places, spatial: f"MaxUnpool{max(len(spatial), 2)}DBackward0",
    samples=["r(1, 2), torch.tensor([[3, 1]]), (4,)"],
    vjp={"x": lambda k, g, places, spatial: k._gather_planes(g, places, len(spatial))})
def _place_planes(xp, x, places: "Index", spatial: "any"):
    """Planes of zeros with each value of x written (not added) at its place."""
    n = len(spatial)
    lead = x.shape[:x.ndim - n]
    out = xp.zeros((prod(lead), prod(spatial)), x.dtype)
    if x.size:
        xp.put_along_axis(out, places.reshape(prod(lead), -1), x.reshape(prod(lead), -1), 1)
    return out.reshape(*lead, *spatial)


@composite("max_unpool1d", at="F", samples=["r(1, 1, 2), torch.tensor([[[1, 2]]]), 2",
                                            "torch.zeros(0, 2, 1), torch.zeros(0, 2, 1, dtype=torch.int64), 3"])
def max_unpool1d(x, indices: "Index", kernel_size: "any", stride: "any" = None, padding: "any" = 0,
                 output_size: "any" = None):
    """The inverse of max_pool1d: every value at its place, zeros elsewhere.

    >>> F.max_unpool1d(tensor([[3., 5.]]), tensor([[1, 2]]), 2)
    tensor([[0., 3., 5., 0.]])
    """
    return unpool(1, x, indices, kernel_size, stride, padding, output_size)


@composite("max_unpool2d", at="F", samples=["r(1, 1, 1, 2), torch.tensor([[[[1, 6]]]]), 2"])
def max_unpool2d(x, indices: "Index", kernel_size: "any", stride: "any" = None, padding: "any" = 0,
                 output_size: "any" = None):
    """The inverse of max_pool2d: every value at its place, zeros elsewhere.

    >>> F.max_unpool2d(tensor([[[5.]]]), tensor([[[2]]]), 2)
    tensor([[[0., 0.],
             [5., 0.]]])
    """
    return unpool(2, x, indices, kernel_size, stride, padding, output_size)


@composite("max_unpool3d", at="F", samples=["r(1, 1, 1, 1, 1), torch.tensor([[[[[5]]]]]), 2"])
def max_unpool3d(x, indices: "Index", kernel_size: "any", stride: "any" = None, padding: "any" = 0,
                 output_size: "any" = None):
    """The inverse of max_pool3d: every value at its place, zeros elsewhere.

    >>> F.max_unpool3d(ones(1, 1, 1, 1, 1), tensor([[[[[7]]]]]), 2).sum()
    tensor(1.)
    """
    return unpool(3, x, indices, kernel_size, stride, padding, output_size)
