"""Normalisation over rows: layer_norm, group_norm and rms_norm.

A row is what shares one mean and variance: the last dims of a sample, or a group of its channels. The
work goes over blocks of rows that stay in cache. Half types are computed and their statistics kept in
float32. `_row_norm` sees x as (rows, length); `affine` is the pair of shapes in which its result and
the weight broadcast.
"""

from math import prod

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.blas import one_thread
from ..engine.dispatch import is_half
from ..engine.memory import pool
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.storage import is_channels_last
from ..engine.sums import row_dots
from ..engine.tape import state
from ..errors import BadValue, EngineError, ShapeError
from .arrays import refuse
from .blocks import over_rows

BLOCK = 1 << 17
WORTH = 1 << 20  # elements from which a pass is worth a second thread
CALM = 4  # the most that a squared mean may be of a variance for sums of squares to give it without loss


def wide(x):
    """Half types as float32, the rest as it is; None stays None."""
    return x.astype(np.float32) if x is not None and is_half(x.dtype) else x


def dots(xp, a, b=None):
    """Dot products of matching last rows, or the sums of those of a."""
    if xp is np:
        return row_dots(a, b)
    if b is None:
        return a.sum(-1)
    return xp.vecdot(a, b) if hasattr(xp, "vecdot") else (a * b).sum(-1)


def in_blocks(xp, rows: int, length: int, fn) -> None:
    """`fn(block)` for slices of rows that fit into cache together with a few buffers."""
    if xp is not np or rows * length <= BLOCK:
        fn(slice(0, rows))
        return
    with one_thread:
        over_rows(rows, length, lambda start, stop: fn(slice(start, stop)), BLOCK, WORTH)


def room(xp, shape: tuple, dtype):
    """An array to be filled; on the CPU from the pool of memory."""
    return pool.empty(shape, dtype) if xp is np else xp.empty(shape, dtype)


def flat(a):
    """An array as kernels take it, its numbers one after the other."""
    return np.ascontiguousarray(a) if type(a) is np.ndarray else a


def line_dots(xp, a, b=None):
    """Dot products of matching rows, or the sums of the rows of a: (rows, 1)."""
    found = xp.empty((len(a), 1), a.dtype)

    def block(rows: slice) -> None:
        found[rows, 0] = dots(xp, a[rows], None if b is None else b[rows])
    in_blocks(xp, *a.shape, block)
    return found


def _moments(xp, x, eps: float):
    """(rows, means to take from them yet, their means, 1 / standard deviations): centred where squares lose too much."""
    n = x.dtype.type(x.shape[1])
    mean = line_dots(xp, x) / n
    variance = line_dots(xp, x, x) / n - mean * mean
    left = mean
    if not holds((mean * mean <= CALM * variance).all()):
        x, left = _less_means(xp, x, mean), xp.zeros_like(mean)
        variance = line_dots(xp, x, x) / n
    return x, left, mean, 1 / xp.sqrt(variance + x.dtype.type(eps))


def _less_means(xp, x, mean):
    """Rows less their means, and less what rounding left of these."""
    d = x - mean
    d -= line_dots(xp, d) / x.dtype.type(x.shape[1])
    return d


def _centred(xp, x, mean, rstd):
    """(rows, means to take from them yet) as `_moments` had them."""
    if holds((mean * mean * (rstd * rstd) <= CALM).all()):
        return x, mean
    return _less_means(xp, x, mean), xp.zeros_like(mean)


def _twice(xp, column, row):
    """Two matrices whose product is the outer product of a column and a row: NumPy leaves that of single ones to slow loops."""
    return xp.concatenate([column, column], 1), xp.concatenate([row, row], 0) * row.dtype.type(0.5)


def _row_gradients(k, g, need, x, weight, rows, eps, affine, out1, out2):
    if g[0] is None:
        return None, None, None
    if not state.grad and g[1] is None and g[2] is None:
        return k._row_norm_backward(g[0], x, weight, out1, out2, rows, affine, need)
    return _row_gradients_by_ops(k, g, need, x, weight, rows, eps, affine)


def _row_gradients_by_ops(k, g, need, x, weight, rows, eps, affine):
    """The same in differentiable ops, for gradients of gradients."""
    shape, wshape = affine
    length = prod(x.shape) // rows if rows else 0
    x2 = k.reshape(x, (rows, length))
    centred = x2 - k.mean(x2, 1, True)
    rstd = k.rsqrt(k.mean(centred * centred, 1, True) + eps)
    xhat = centred * rstd
    outer = k.reshape(g[0], shape)
    gw = _summed(k, outer * k.reshape(xhat, shape), wshape, weight) if need[1] else None
    gb = _summed(k, outer, wshape, weight) if need[2] else None
    h = k.reshape(outer if weight is None else outer * k.reshape(weight, wshape), (rows, length))
    gx = rstd * (h - k.mean(h, 1, True) - xhat * k.mean(h * xhat, 1, True))
    if g[1] is not None:
        gx = gx + k.reshape(g[1], (rows, 1)) / x2.shape[1]
    if g[2] is not None:
        gx = gx - k.reshape(g[2], (rows, 1)) * rstd * rstd * xhat / x2.shape[1]
    return k.reshape(gx, x.shape), gw, gb


def _summed(k, values, wshape, weight):
    dims = tuple(i for i, n in enumerate(wshape) if n == 1 and (values.shape[i] != 1 or i == 0))
    total = k.sum(values, dims) if dims else values
    return k.reshape(total, weight.shape if weight is not None else (prod(wshape),))


@op("_row_norm", rows="format", at="", outs=3, half=False, grad_name="NativeLayerNormBackward0",
    samples=["r(2, 3, 4), r(4), r(4), 6, 1e-05, ((6, 4), (1, 4)), (2, 3, 1)"],
    vjp={"x, weight, bias": _row_gradients})
def _row_norm(xp, x, weight: "Tensor?", bias: "Tensor?", rows: "int", eps: "float", affine: "any", stats: "any"):
    """(normalised x, mean, 1 / standard deviation), the statistics in the shape `stats`."""
    source = wide(x)
    weight, bias = wide(weight), wide(bias)
    length = x.size // rows if rows else 0
    x2 = source.reshape(rows, length)
    y = room(xp, (rows, length), source.dtype)
    mean, rstd = xp.empty((rows, 1), y.dtype), xp.empty((rows, 1), y.dtype)
    whole = len(affine[0]) == 2  # each row takes the same affine map

    if not length:
        mean[...], rstd[...] = np.nan, 1 / np.sqrt(y.dtype.type(eps))
    elif native.row_norm(x2, flat(weight), flat(bias), y, mean, rstd, rows, *_map(affine, rows), eps):
        pass
    elif rows:
        x2, left, mean, rstd = _moments(xp, x2, eps)
        if whole:
            _row_affine(xp, x2, left, rstd, weight, bias, y)
        else:
            _channel_affine(xp, x2, left, rstd, _of_rows(xp, weight, affine, rows), _of_rows(xp, bias, affine, rows), y)
    y = y.reshape(x.shape)
    return y.astype(x.dtype, copy=False), mean.reshape(stats), rstd.reshape(stats)


def _map(affine, rows: int) -> tuple[int, int]:
    """(rows that have weights of their own, weights of a row)."""
    shape = affine[0]
    groups = 1 if len(shape) == 2 else rows // shape[0]
    return groups, shape[1] // groups


def _row_affine(xp, x, mean, rstd, weight, bias, y) -> None:
    """(x - mean) * rstd * weight + bias as x times one matrix plus another: products are quicker than broadcasts."""
    row = xp.ones((1, x.shape[1]), x.dtype) if weight is None else weight.reshape(1, -1)
    scale, rows = _twice(xp, rstd, row)
    shift, others = _twice(xp, -mean * rstd, row)
    if bias is not None:
        shift, others = xp.concatenate([-mean * rstd, xp.ones_like(mean)], 1), xp.concatenate([row, bias.reshape(1, -1)], 0)

    def block(b: slice) -> None:
        out = xp.matmul(scale[b], rows, out=y[b])
        out *= x[b]
        out += xp.matmul(shift[b], others)
    in_blocks(xp, *x.shape, block)


def _of_rows(xp, values, affine, rows: int):
    """(rows, channels of a row) from one value per channel; None stays None."""
    if values is None:
        return None
    per_sample = rows // affine[0][0]
    return values.reshape(per_sample, -1)[xp.arange(rows) % per_sample]


def _channel_affine(xp, x, mean, rstd, weight, bias, y) -> None:
    """The same with one weight for each channel of a row."""
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    channels = max(scale.shape[1], shift.shape[1])

    def block(b: slice) -> None:
        view = y[b].reshape(-1, channels, y.shape[1] // channels)
        xp.multiply(x[b].reshape(view.shape), scale[b][..., None], out=view)
        view += shift[b][..., None]
    in_blocks(xp, *x.shape, block)


@op("_row_norm_backward", at="", outs=3, half=False, nograd=True)
def _row_norm_backward(xp, g, x, weight: "Tensor?", mean, rstd, rows: "int", affine: "any", need: "any"):
    shape, wshape = affine
    g, source, weight = wide(g), wide(x), wide(weight)
    length = x.size // rows if rows else 0
    x2, g2 = source.reshape(rows, length), g.reshape(rows, length)
    mean, rstd = mean.reshape(rows, 1), rstd.reshape(rows, 1)
    gx = room(xp, (rows, length), source.dtype)
    n_weight = prod(wshape)
    gw, gb = xp.zeros(n_weight, gx.dtype), xp.zeros(n_weight, gx.dtype)
    if gx.size and not native.row_norm_backward(flat(g2), x2, flat(weight), flat(mean), flat(rstd), gx, gw, gb, rows,
                                                *_map(affine, rows)):
        x2, mean = _centred(xp, x2, mean, rstd)
        if len(shape) > 2:
            gw, gb = _channel_gradients(xp, g2, x2, weight, mean, rstd, affine, gx)
        else:
            gw, gb = _weight_gradients(xp, g2, x2, weight, mean, rstd, gx)
    return gx.reshape(x.shape), gw.reshape(_weight_shape(weight, wshape)), gb.reshape(_weight_shape(weight, wshape))


def _weight_shape(weight, wshape) -> tuple:
    return weight.shape if weight is not None else (prod(wshape),)


def _weight_gradients(xp, g, x, weight, mean, rstd, gx):
    """(gradients of weight, of bias) where each row takes the same affine map; writes that of x."""
    rows, length = x.shape
    row = xp.ones((1, length), x.dtype) if weight is None else weight.reshape(1, -1)
    step = max(1, BLOCK // length)
    found = xp.zeros((-(-rows // step) if xp is np and rows * length > BLOCK else 1, 2, length), x.dtype)
    total, product = xp.empty_like(mean), xp.empty_like(mean)
    shifts = xp.concatenate([-mean * rstd, xp.ones_like(mean)], 1)

    def add_up(b: slice) -> None:
        both = g[b] * x[b]
        xp.matmul(shifts[b].T, g[b], out=found[b.start // step])
        found[b.start // step, 0] += (rstd[b].T @ both)[0]
        total[b], product[b] = g[b] @ row.T, both @ row.T
    in_blocks(xp, rows, length, add_up)
    slope, shift = _slopes(total, product, mean, rstd, length)
    scale, twice = _twice(xp, rstd, row)

    def spread(b: slice) -> None:
        out = xp.matmul(scale[b], twice, out=gx[b])
        out *= g[b]
        part = x[b] * slope[b]
        part += shift[b]
        out += part
    in_blocks(xp, rows, length, spread)
    return found.sum(0)


def _slopes(total, product, mean, rstd, length: int):
    """(factor, shift): what x contributes to its gradient, from the sums over a row of h = g * weight and of h * x."""
    n = mean.dtype.type(length)
    slope = (mean * total - product) * rstd * rstd * rstd / n
    return slope, -slope * mean - total * rstd / n


def _channel_gradients(xp, g2, x2, weight, mean, rstd, affine, gx):
    """The same where weights differ from channel to channel of a row, from two sums per channel."""
    n, channels, inner = affine[0]
    rows, length = x2.shape
    per_row = channels * n // rows
    g, x, out = (a.reshape(n * channels, inner) for a in (g2, x2, gx))
    total, product = (v.reshape(rows, per_row) for v in (line_dots(xp, g), line_dots(xp, g, x)))
    weights = 1 if weight is None else _of_rows(xp, weight, affine, rows)
    of_row = [(v * weights).sum(1, keepdims=True) for v in (total, product)]
    slope, shift = _slopes(*of_row, mean, rstd, length)
    scale, slope, shift = (xp.broadcast_to(v, (rows, per_row)).reshape(-1, 1) for v in (rstd * weights, slope, shift))

    def spread(b: slice) -> None:
        part = xp.multiply(g[b], scale[b], out=out[b])
        part += x[b] * slope[b]
        part += shift[b]
    in_blocks(xp, *x.shape, spread)
    return ((product - mean * total) * rstd).reshape(n, channels).sum(0), total.reshape(n, channels).sum(0)


# ---------------------------------------------------------------- layer_norm

def _normalized(name: str, x, normalized_shape, weight, bias=None) -> tuple:
    if isinstance(normalized_shape, int):
        from ..errors import ArgumentError

        raise ArgumentError(f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int")
    shape = tuple(normalized_shape)
    if not shape:
        raise EngineError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
                          "element, but got normalized_shape = []")
    for word, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._a.shape != shape:
            raise ShapeError(f"Expected {word} to be of same shape as normalized_shape, but got {word} of shape "
                             f"{list(t._a.shape)} and normalized_shape = {list(shape)}")
    if x._a.shape[-len(shape):] != shape:
        star = "*" if name == "rms_norm" else "*, "
        raise ShapeError(f"Given normalized_shape={list(shape)}, expected input with shape "
                         f"[{star}{', '.join(map(str, shape))}], but got input of size{list(x._a.shape)}")
    return shape


def need_floating(x, kernel: str) -> None:
    refuse(x._a, "biuc", kernel)


def _layer_norm(x, normalized_shape, weight, bias, eps):
    shape = _normalized("layer_norm", x, normalized_shape, weight, bias)
    need_floating(x, "LayerNormKernelImpl")
    lead = x._a.shape[:x._a.ndim - len(shape)]
    rows, length = prod(lead), prod(shape)
    if is_channels_last(x._a):
        x = T.contiguous(x)  # its result is row-major
    return T._row_norm(x, weight, bias, rows, eps, ((rows, length), (1, length)), (*lead, *(1,) * len(shape)))


@composite("layer_norm", at="torch F", samples=["r(2, 3, 4), (4,), r(4), r(4)", "r(2, 3, 4), (3, 4)",
                                                "r(3), (3,), r(3)",
                                                "r(2, 3), (3,), None, r(3), 0.1"])
def layer_norm(x, normalized_shape: "any", weight: "Tensor?" = None, bias: "Tensor?" = None, eps: "float" = 1e-5,
               cudnn_enable: "any" = True):
    """(x - mean) / sqrt(var + eps) over the last dims, those of normalized_shape; then times weight plus bias.

    >>> F.layer_norm(tensor([1., 3.]), (2,))
    tensor([-1.0000,  1.0000])
    """
    return _layer_norm(x, normalized_shape, weight, bias, eps)[0]


@composite("native_layer_norm", at="torch", samples=["torch.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 1.0]]), (3,), None, "
                                                     "None, 1e-05"])
def native_layer_norm(x, normalized_shape: "any", weight: "Tensor?", bias: "Tensor?", eps: "float"):
    """(layer_norm, mean, 1 / standard deviation).

    >>> [t.shape for t in native_layer_norm(ones(2, 3), (3,), None, None, 1e-5)]
    [torch.Size([2, 3]), torch.Size([2, 1]), torch.Size([2, 1])]
    """
    y, mean, rstd = _layer_norm(x, normalized_shape, weight, bias, eps)
    return y, mean.detach(), rstd.detach()


# ---------------------------------------------------------------- group_norm

def _group_norm(x, weight, bias, n, c, length, groups: int, eps):
    y, mean, rstd = T._row_norm(x, weight, bias, n * groups, eps, ((n, c, length), (1, c, 1)), (n, groups))
    node = y.grad_fn
    if node is not None:
        node._name = "NativeGroupNormBackward0"
    return y, mean, rstd


@composite("group_norm", at="torch F", samples=["r(2, 4, 3), 2, r(4), r(4)", "r(2, 4, 3, 2), 4", "r(2, 6), 3, r(6)"])
def group_norm(x, num_groups: "int", weight: "Tensor?" = None, bias: "Tensor?" = None, eps: "float" = 1e-5,
               cudnn_enabled: "any" = True):
    """layer_norm over groups of channels of x (N, C, ...), with a weight and a bias per channel.

    >>> F.group_norm(tensor([[1., 3., 5., 9.]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    shape = x._a.shape
    if len(shape) < 2:
        raise EngineError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    if num_groups <= 0:
        raise EngineError("Expected num groups to be greater than 0, got " + str(num_groups))
    if shape[1] % num_groups:
        raise EngineError("Expected number of channels in input to be divisible by num_groups, but got input of "
                          f"shape {list(shape)} and num_groups={num_groups}")
    for word, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._a.shape != (shape[1],):
            raise ShapeError(f"Expected {word} to be a vector of size equal to the number of channels in input, but "
                             f"got {word} of shape {list(t._a.shape)} and input of shape {list(shape)}")
    if shape[0] * shape[1] // num_groups * prod(shape[2:]) == 1:
        raise BadValue(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    need_floating(x, "GroupNormKernelImpl")
    return _group_norm(x, weight, bias, shape[0], shape[1], prod(shape[2:]), num_groups, eps)[0]


@composite("native_group_norm", at="torch", samples=["r(2, 4, 3), r(4), r(4), 2, 4, 3, 2, 1e-05"])
def native_group_norm(x, weight: "Tensor?", bias: "Tensor?", N: "int", C: "int", HxW: "int", group: "int",
                      eps: "float"):
    """(group_norm, mean, 1 / standard deviation).

    >>> native_group_norm(ones(1, 2, 3), None, None, 1, 2, 3, 1, 1e-5)[1]
    tensor([[1.]])
    """
    refuse(x._a, "biuc", "GroupNormKernelImpl")
    return _group_norm(x, weight, bias, N, C, HxW, group, eps)


# ---------------------------------------------------------------- rms_norm

def _row_length(x, weight, rows: int) -> int:
    """How many numbers are normalised together; where there is no row, as many as there are weights."""
    return prod(x.shape) // rows if rows else 0 if weight is None else prod(weight.shape)


def _rms_gradients(k, g, need, x, weight, rows, eps, out1):
    if g[0] is None:
        return None, None
    if not state.grad and g[1] is None:
        return k._rms_norm_backward(g[0], x, weight, out1, rows)
    lines = (rows, _row_length(x, weight, rows))
    x2, g2 = k.reshape(x, lines), k.reshape(g[0], lines)
    rstd = k.rsqrt(k.mean(x2 * x2, 1, True) + eps)
    xhat = x2 * rstd
    h = g2 if weight is None else g2 * k.reshape(weight, (1, lines[1]))
    gx = rstd * (h - xhat * k.mean(h * xhat, 1, True))
    if g[1] is not None:
        gx = gx - g[1] * rstd * rstd * xhat / lines[1]
    gw = k.reshape(k.sum(g2 * xhat, 0), weight.shape) if need[1] else None
    return k.reshape(gx, x.shape), gw


@op("_rms_norm", rows="format", at="", outs=2, half=False, grad_name="MulBackward0", vjp={"x, weight": _rms_gradients},
    samples=["r(2, 3, 4), r(4), 6, 0.1", "r(2, 3), None, 2, 0.1"])
def _rms_norm(xp, x, weight: "Tensor?", rows: "int", eps: "float"):
    """(x over the root of the mean of its squares, times weight; 1 / that root for each row)."""
    source, weight = wide(x), wide(weight)
    length = x.size // rows if rows else 0
    x2 = source.reshape(rows, length)
    y, rstd = room(xp, (rows, length), x2.dtype), xp.empty((rows, 1), x2.dtype)
    if y.size and not native.row_norm(x2, flat(weight), None, y, None, rstd, rows, 1, length, eps):
        row = xp.ones((1, length), x2.dtype) if weight is None else weight.reshape(1, -1)
        rstd = 1 / xp.sqrt(line_dots(xp, x2, x2) / x2.dtype.type(length) + x2.dtype.type(eps))
        scale, row = _twice(xp, rstd, row)

        def block(b: slice) -> None:
            out = xp.matmul(scale[b], row, out=y[b])
            out *= x2[b]
        in_blocks(xp, rows, length, block)
    return y.reshape(x.shape).astype(x.dtype, copy=False), rstd


@op("_rms_norm_backward", at="", outs=2, half=False, nograd=True)
def _rms_norm_backward(xp, g, x, weight: "Tensor?", rstd, rows: "int"):
    g, source, wide_weight = wide(g), wide(x), wide(weight)
    length = _row_length(x, weight, rows)
    x2, g2, gx = source.reshape(rows, length), g.reshape(rows, length), room(xp, (rows, length), source.dtype)
    gw = xp.zeros(length, x2.dtype)
    if gx.size and native.row_norm_backward(flat(g2), x2, flat(wide_weight), None, flat(rstd), gx, gw, None, rows, 1, length):
        return gx.reshape(x.shape), gw if weight is None else gw.reshape(weight.shape)
    row = xp.ones((1, length), x2.dtype) if weight is None else wide_weight.reshape(1, -1)
    step = max(1, BLOCK // max(length, 1))
    found = xp.zeros((-(-rows // step) if xp is np and x.size > BLOCK else 1, length), x2.dtype)
    scale, twice = _twice(xp, rstd, row)

    def block(b: slice) -> None:
        r, product = rstd[b], g2[b] * x2[b]
        found[b.start // step] = (r.T @ product)[0]
        c = product @ row.T * (r * r * r) / gx.dtype.type(length)
        out = xp.matmul(scale[b], twice, out=gx[b])
        out *= g2[b]
        out -= xp.multiply(x2[b], c, out=product)
    if gx.size:
        in_blocks(xp, rows, length, block)
    gw = found.sum(0)
    return gx.reshape(x.shape), gw if weight is None else gw.reshape(weight.shape)


@composite("rms_norm", at="torch F", samples=["r(2, 3, 4), (4,), r(4)", "r(2, 3, 4), (3, 4)",
                                              "r(2, 3), (3,), eps=0.1"],
           grad_name="MulBackward0")
def rms_norm(x, normalized_shape: "any", weight: "Tensor?" = None, eps: "float?" = None):
    """x / sqrt(mean(x²) + eps) over the last dims, times weight; eps is the dtype's smallest step by default.

    >>> F.rms_norm(tensor([3., 4.]), (2,))
    tensor([0.8485, 1.1314])
    """
    shape = _normalized("rms_norm", x, normalized_shape, weight)
    refuse(x._a, "biu", "rms_norm")
    kept = x.dtype
    if eps is None:
        eps = float(np.finfo(np.float32 if is_half(x._a.dtype) else x._a.real.dtype).eps)
    if x._a.dtype.kind == "c" or weight is not None and weight.dtype is not x.dtype:
        y = _rms_norm_by_ops(x, tuple(range(-len(shape), 0)), weight, eps)
    else:
        y = T._rms_norm(x, weight, prod(x._a.shape[:x._a.ndim - len(shape)]), eps)[0]
    return y if y.dtype is kept else T._cast(y, kept)


def _rms_norm_by_ops(x, dims: tuple, weight, eps: float):
    """The same for complex numbers and a weight of another dtype."""
    if is_half(x._a.dtype):
        x = T._cast(x, dtypes.float32)
    y = x * T.rsqrt(T.mean(x * x, dims, True) + eps)
    return y if weight is None else y * weight
