"""Normalisation over rows: layer_norm, group_norm and rms_norm.

A row is what shares one mean and variance: the last dims of a sample, or a group of its channels. The
work goes over blocks of rows that stay in cache. Half types are computed and their statistics kept in
float32. `_row_norm` sees x as (rows, length); `affine` is the pair of shapes in which its result and
the weight broadcast.
"""

from math import prod

import numpy as np

from ..engine import dtypes
from ..engine.dispatch import is_half
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..errors import BadValue, EngineError, ShapeError
from .arrays import refuse

BLOCK = 1 << 16


def wide(x):
    """Half types as float32, the rest as it is; None stays None."""
    return x.astype(np.float32) if x is not None and is_half(x.dtype) else x


def dots(xp, a, b):
    """Dot products of matching last rows."""
    return xp.vecdot(a, b) if hasattr(xp, "vecdot") else (a * b).sum(-1)


def blocks(rows: int, length: int) -> list:
    """Slices of rows that fit into cache together with a few buffers."""
    step = max(1, BLOCK // max(length, 1))
    return [slice(i, i + step) for i in range(0, rows, step)]


def _affine(y, affine, weight, bias):
    if weight is None and bias is None:
        return
    shape, wshape = affine
    view = y.reshape(-1, *shape[1:])
    if weight is not None:
        view *= weight.reshape(wshape)
    if bias is not None:
        view += bias.reshape(wshape)


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


@op("_row_norm", at="", outs=3, half=False, grad_name="NativeLayerNormBackward0",
    samples=["r(2, 3, 4), r(4), r(4), 6, 1e-05, ((6, 4), (1, 4)), (2, 3, 1)"],
    vjp={"x, weight, bias": _row_gradients})
def _row_norm(xp, x, weight: "Tensor?", bias: "Tensor?", rows: "int", eps: "float", affine: "any", stats: "any"):
    """(normalised x, mean, 1 / standard deviation), the statistics in the shape `stats`."""
    source = wide(x)
    weight, bias = wide(weight), wide(bias)
    length = x.size // rows if rows else 0
    x2 = source.reshape(rows, length)
    y = xp.empty((rows, length), source.dtype)
    mean, rstd = xp.empty((rows, 1), y.dtype), xp.empty((rows, 1), y.dtype)
    whole = len(affine[0]) == 2  # each row takes the same affine map: it can be applied block by block
    for b in blocks(rows, length):
        part, out = x2[b], y[b]
        m, r = mean[b], rstd[b]
        xp.mean(part, 1, keepdims=True, out=m) if length else m.fill(np.nan)
        xp.subtract(part, m, out=out)
        variance = dots(xp, out, out) / y.dtype.type(length) if length else 0
        r[:, 0] = 1 / xp.sqrt(variance + y.dtype.type(eps))
        out *= r
        if whole:
            _affine(out, affine, weight, bias)
    if not whole and y.size:
        _affine(y, affine, weight, bias)
    y = y.reshape(x.shape)
    return y.astype(x.dtype, copy=False), mean.reshape(stats), rstd.reshape(stats)


@op("_row_norm_backward", at="", outs=3, half=False, nograd=True)
def _row_norm_backward(xp, g, x, weight: "Tensor?", mean, rstd, rows: "int", affine: "any", need: "any"):
    shape, wshape = affine
    g, source, weight = wide(g), wide(x), wide(weight)
    length = x.size // rows if rows else 0
    x2, g2 = source.reshape(rows, length), g.reshape(rows, length)
    mean, rstd = mean.reshape(rows, 1), rstd.reshape(rows, 1)
    gx = xp.empty((rows, length), source.dtype)
    whole = len(shape) == 2
    n_weight = prod(wshape)
    gw, gb = xp.zeros(n_weight, gx.dtype), xp.zeros(n_weight, gx.dtype)
    for b in blocks(rows, length):
        xhat, gb2 = x2[b] - mean[b], g2[b]
        xhat *= rstd[b]
        if whole and need[1]:
            gw += xp.einsum("ij,ij->j", gb2, xhat)
        if whole and need[2]:
            gb += gb2.sum(0)
        if need[0]:
            _block_gradient(xp, gb2, xhat, rstd[b], _weight_rows(xp, weight, affine, rows, length, b), gx[b])
    if not whole:
        _channel_gradients(xp, g2, x2, mean, rstd, affine, need, gw, gb)
    return gx.reshape(x.shape), gw.reshape(_weight_shape(weight, wshape)), gb.reshape(_weight_shape(weight, wshape))


def _weight_shape(weight, wshape) -> tuple:
    return weight.shape if weight is not None else (prod(wshape),)


def _weight_rows(xp, weight, affine, rows: int, length: int, b: slice):
    """The weight as it multiplies a block of rows."""
    if weight is None:
        return None
    shape, wshape = affine
    if len(shape) == 2:
        return weight.reshape(1, length)
    per_sample = rows // shape[0]
    full = xp.broadcast_to(weight.reshape(wshape[1:]), shape[1:]).reshape(per_sample, length)
    return full[np.arange(*b.indices(rows)) % per_sample]


def _block_gradient(xp, g, xhat, rstd, weight, out) -> None:
    n = g.dtype.type(g.shape[1])
    h = g if weight is None else xp.multiply(g, weight)
    a = h.sum(1, keepdims=True) / n
    c = dots(xp, h, xhat)[:, None] / n
    xp.multiply(xhat, c, out=out)
    xp.subtract(h, out, out=out)
    out -= a
    out *= rstd


def _channel_gradients(xp, g2, x2, mean, rstd, affine, need, gw, gb) -> None:
    """Gradients of weights that differ from channel to channel of a row."""
    shape, wshape = affine
    axes = tuple(i for i, n in enumerate(wshape) if n == 1)
    if need[1]:
        gw += (((x2 - mean) * rstd).reshape(shape) * g2.reshape(shape)).sum(axes).reshape(-1)
    if need[2]:
        gb += g2.reshape(shape).sum(axes).reshape(-1)


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
    dims = tuple(range(-len(shape), 0))
    kept = x.dtype
    if is_half(x._a.dtype):
        x = T._cast(x, dtypes.float32)
    if eps is None:
        eps = float(np.finfo(x._a.real.dtype).eps)
    y = x * T.rsqrt(T.mean(x * x, dims, True) + eps)
    if weight is not None:
        y = y * weight
    return y if y.dtype is kept else T._cast(y, kept)
