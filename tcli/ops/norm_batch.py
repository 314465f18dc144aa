"""Normalisation per channel: batch_norm, instance_norm, and local_response_norm.

Statistics are per channel over all other dims of x (N, C, ...); in training they come from x and the
running ones are updated in place, in evaluation the running ones are used.
"""

from math import prod

import numpy as np

from .. import native
from ..engine.dispatch import bump, wrap
from ..engine.dtypes import float32
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.tape import state
from ..engine.waiting import before_write
from ..errors import BadValue, DTypeError, EngineError
from .arrays import refuse
from .norm import CALM, flat, in_blocks, line_dots, need_floating, room, wide


def _column(v, ndim: int):
    """A value per channel in a shape that broadcasts with x."""
    return v.reshape(-1, *(1,) * (ndim - 2))


def _axes(ndim: int) -> tuple:
    return (0, *range(2, ndim))


def _lines(x):
    """x (N, C, ...) as (N * C, places): one line for each channel of each sample."""
    return x.reshape(x.shape[0] * x.shape[1], -1)


def _tiled(xp, v, n: int):
    """A value per channel as one per line, (n * C, 1)."""
    return xp.broadcast_to(v, (n, len(v))).reshape(-1, 1)


def _channel_dots(xp, a, b=None):
    """The sum of a * b, or of a alone, for each channel."""
    if a.ndim == 2:
        return a.sum(0) if b is None else xp.einsum("ij,ij->j", a, b)
    return line_dots(xp, _lines(a), None if b is None else _lines(b)).reshape(a.shape[:2]).sum(0)


def _sum_of_scaled(xp, shift, *terms):
    """The sum of arrays times a factor per channel, `terms` (array, factors), and of a shift per channel."""
    first = terms[0][0]
    out = xp.empty(first.shape, first.dtype)
    n = 1 if first.ndim == 2 else len(first)
    lines = [a if a.ndim == 2 else _lines(a) for a, _ in terms]
    factors = [f if first.ndim == 2 else _tiled(xp, f, n) for _, f in terms]
    shifts, target = shift if first.ndim == 2 else _tiled(xp, shift, n), out if first.ndim == 2 else _lines(out)

    def block(rows: slice) -> None:
        own = slice(None) if first.ndim == 2 else rows
        total = xp.multiply(lines[0][rows], factors[0][own], out=target[rows])
        for a, f in zip(lines[1:], factors[1:], strict=True):
            total += a[rows] * f[own]
        total += shifts[own]
    in_blocks(xp, *target.shape, block)
    return out


def _moments(xp, x, n: int):
    """(mean, variance) of each channel; squares are summed as they are where that loses nothing."""
    mean = _channel_dots(xp, x) / x.dtype.type(n) if n else xp.full(x.shape[1], np.nan, x.dtype)
    var = _channel_dots(xp, x, x) / x.dtype.type(max(n, 1)) - mean * mean
    if not holds((mean * mean <= CALM * var).all()):
        d = x - _column(mean, x.ndim)
        var = _channel_dots(xp, d, d) / x.dtype.type(max(n, 1))
    return mean, var


def _batch_gradients(k, g, need, x, weight, mean, var, training, eps, out1, out2):
    if g[0] is None:
        return None, None, None
    if not state.grad:
        return k._batch_norm_backward(g[0], x, weight, out1, out2, training, need)
    shape = (-1, *(1,) * (len(x.shape) - 2))
    dims = _axes(len(x.shape))
    if training:
        centred = x - k.mean(x, dims, True)
        rstd = k.rsqrt(k.mean(centred * centred, dims, True) + eps)
    else:
        centred = x - k.reshape(out1, shape)
        rstd = k.reshape(out2, shape).detach()
    xhat = centred * rstd
    h = g[0] if weight is None else g[0] * k.reshape(weight, shape)
    gx = h - k.mean(h, dims, True) - xhat * k.mean(h * xhat, dims, True) if training else h
    return gx * rstd, k.sum(g[0] * xhat, dims), k.sum(g[0], dims)


@op("_batch_norm", rows="format", at="", outs=3, half=False, grad_name="NativeBatchNormBackward0",
    vjp={"x, weight, bias": _batch_gradients})
def _batch_norm(xp, x, weight: "Tensor?", bias: "Tensor?", mean: "Index?", var: "Index?", training: "bool",
                eps: "float"):
    """(normalised x, mean, 1 / standard deviation) per channel."""
    source, weight, bias = xp.ascontiguousarray(wide(x)), wide(weight), wide(bias)
    n = x.size // x.shape[1] if x.shape[1] else 0
    channels = x.shape[1]
    if training and x.size:
        y, found, rstd = room(xp, x.shape, source.dtype), xp.empty(channels, source.dtype), xp.empty(channels, source.dtype)
        if native.channel_norm(source, flat(weight), flat(bias), y, found, rstd, channels, eps, True):
            return y.astype(x.dtype, copy=False), found, rstd
    if training:
        mean, var = _moments(xp, source, n)
    else:
        mean, var = wide(mean).astype(source.dtype, copy=False), wide(var).astype(source.dtype, copy=False)
    rstd = 1 / xp.sqrt(var + source.dtype.type(eps))
    if x.size and not training:
        y = room(xp, x.shape, source.dtype)
        if native.channel_norm(source, flat(weight), flat(bias), y, flat(mean), flat(rstd), channels, eps, False):
            return y.astype(x.dtype, copy=False), mean, rstd
    scale = rstd if weight is None else rstd * weight
    y = _sum_of_scaled(xp, -mean * scale if bias is None else bias - mean * scale, (source, scale))
    return y.astype(x.dtype, copy=False), mean, rstd


@op("_batch_norm_backward", at="", outs=3, half=False, nograd=True)
def _batch_norm_backward(xp, g, x, weight: "Tensor?", mean, rstd, training: "bool", need: "any"):
    g, source, weight = xp.ascontiguousarray(wide(g)), xp.ascontiguousarray(wide(x)), wide(weight)
    n = g.dtype.type(max(x.size // max(x.shape[1], 1), 1))
    gx, gw, gb = room(xp, g.shape, g.dtype), xp.empty(x.shape[1], g.dtype), xp.empty(x.shape[1], g.dtype)
    if native.channel_norm_backward(g, source, flat(weight), flat(mean), flat(rstd), gx, gw, gb, x.shape[1], training):
        return gx, gw, gb
    total = _channel_dots(xp, g)
    scale = rstd if weight is None else rstd * weight
    if not training and not need[1]:
        return g * _column(scale, x.ndim), total, total
    left = mean
    if not holds((mean * mean * (rstd * rstd) <= CALM).all()):
        source, left = source - _column(mean, x.ndim), xp.zeros_like(mean)
    dot = _channel_dots(xp, source, g) - left * total
    if not training:
        return g * _column(scale, x.ndim), dot * rstd, total
    # gx = scale * (g - mean(g) - xhat * mean(g * xhat))
    slope = -dot * rstd * rstd * scale / n
    return _sum_of_scaled(xp, -total * scale / n - left * slope, (g, scale), (source, slope)), dot * rstd, total


def _update_running(running_mean, running_var, mean, rstd, eps: float, n: int, momentum) -> None:
    """running = (1 - momentum) * running + momentum * batch; the variance without bias."""
    var = 1 / (rstd._a.astype(np.float64) ** 2) - eps
    for running, batch in ((running_mean, mean._a), (running_var, var * (n / (n - 1) if n > 1 else np.nan))):
        if running is None:
            continue
        a = running._a
        before_write(a)
        a[...] = ((1 - momentum) * a.astype(np.float64) + momentum * batch).astype(a.dtype)  # no new version, as in PyTorch


def _check(channels: int, **named) -> None:
    for word, t in named.items():
        if t is not None and t._a.shape != (channels,):
            raise EngineError(f"{word} should contain {channels} elements not {t._a.size}")


def normalise_channels(x, running_mean, running_var, weight, bias, training, momentum, eps):
    """The three results of `_batch_norm` after checks; updates the running statistics."""
    channels = x._a.shape[1] if x._a.ndim > 1 else 0
    if not training:
        for word, t in (("running_mean", running_mean), ("running_var", running_var)):
            if t is None:
                raise EngineError(f"{word} must be defined in evaluation mode")
    _check(channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    need_floating(x, "batch_norm")
    used = (None, None) if training else (running_mean, running_var)
    found = T._batch_norm(x, weight, bias, *used, training, eps)
    if training and x._a.size and (running_mean is not None or running_var is not None):
        n = x._a.size // channels
        _update_running(running_mean, running_var, found[1], found[2], eps, n, 0.0 if momentum is None else momentum)
    return found


def _check_dtypes(x, *parameters) -> None:
    """Parameters are of the dtype of x, or float32 beside half precision."""
    need_floating(x, "batch_norm")
    for t in parameters:
        if t is not None and t.dtype is not x.dtype and not (x.dtype.itemsize == 2 and t.dtype is float32):
            raise DTypeError("mixed dtype (CPU): expect parameter to have scalar type of Float" if x.dtype.itemsize == 2 or
                             t.dtype.itemsize == 2 else "mixed dtype (CPU): all inputs must share same datatype.")


def _check_eps(training: bool, eps: float) -> None:
    if training and eps <= 0:
        raise BadValue(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise BadValue(f"batch_norm eps must be non-negative, but got {eps}")


def _of_nothing(x, weight, bias):
    """What PyTorch makes of a tensor without elements: the parameters take part, the statistics do not."""
    out = T.clone(x)
    out = out if weight is None else out * weight[0]
    return out if bias is None else out + bias[0]


def _need_several(x) -> None:
    shape = x._a.shape
    n = shape[0] * prod(shape[2:]) if shape else 1
    if n == 1:
        raise BadValue(f"Expected more than 1 value per channel when training, got input size {x.shape}")


@composite("batch_norm", at="F",
           samples=["r(3, 2, 4), torch.tensor([0.5, -1.0]).double(), torch.tensor([0.5, 2.0]).double(), r(2), r(2), "
                    "True",
                    "r(3, 2), torch.tensor([0.5, -1.0]).double(), torch.tensor([0.5, 2.0]).double(), r(2), r(2)",
                    "r(3, 2, 2, 2), None, None, training=True",
                    "r(3, 2), torch.tensor([0.5, -1.0]).double(), torch.tensor([0.5, 2.0]).double()",
                    "torch.zeros(0, 2, 3), None, None, training=True"])
def batch_norm(x, running_mean: "Tensor?", running_var: "Tensor?", weight: "Tensor?" = None, bias: "Tensor?" = None,
               training: "bool" = False, momentum: "float?" = 0.1, eps: "float" = 1e-5):
    """(x - mean) / sqrt(var + eps) per channel of x (N, C, ...), times weight plus bias. In training the statistics
    are those of x and move the running ones.

    >>> F.batch_norm(tensor([[1.], [3.]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if training and x._a.shape != (0,):
        _need_several(x)
    _check_eps(training, eps)
    if not x._a.size:
        return _of_nothing(x, weight, bias)
    refuse(x._a, "c", "batch_norm")
    _check_dtypes(x, weight, bias, running_mean, running_var)
    return normalise_channels(x, running_mean, running_var, weight, bias, training, momentum, eps)[0]


@composite("_torch_batch_norm", at="", also=["torch.batch_norm"])
def _torch_batch_norm(x, weight: "Tensor?", bias: "Tensor?", running_mean: "Tensor?", running_var: "Tensor?",
                      training: "bool", momentum: "float?", eps: "float", cudnn_enabled: "any" = True):
    """batch_norm with torch's own order of arguments."""
    return normalise_channels(x, running_mean, running_var, weight, bias, training, momentum, eps)[0]


@composite("native_batch_norm", at="torch", samples=["torch.tensor([[1.0, 2.0], [0.0, 3.0], [4.0, 4.0]]), None, "
                                                     "None, None, None, True, 0.1, 1e-05"])
def native_batch_norm(x, weight: "Tensor?", bias: "Tensor?", running_mean: "Tensor?", running_var: "Tensor?",
                      training: "bool", momentum: "float?", eps: "float"):
    """(batch_norm, mean, 1 / standard deviation); the last two are empty in evaluation.

    >>> native_batch_norm(tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 0.)[1]
    tensor([2.])
    """
    y, mean, rstd = normalise_channels(x, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        return y, mean.detach(), rstd.detach()
    return y, wrap(np.empty(0, mean._a.dtype)), wrap(np.empty(0, mean._a.dtype))


# ---------------------------------------------------------------- instance_norm

def _instance_norm(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps):
    """batch_norm of x seen as one sample of N * C channels."""
    n, c = x._a.shape[:2]
    if not use_input_stats and (running_mean is None or running_var is None):
        raise EngineError("Expected running_mean and running_var to be defined when use_input_stats is false")

    def repeated(t):
        return None if t is None else T.reshape(T.expand(t, (n, c)), (n * c,))

    if not x._a.size:
        return _of_nothing(x, repeated(weight), repeated(bias))
    means, variances = (t if t is None else T.clone(repeated(t.detach())) for t in (running_mean, running_var))
    y = normalise_channels(T.reshape(x, (1, n * c, *x._a.shape[2:])), means, variances, repeated(weight),
                           repeated(bias), use_input_stats, momentum, eps)[0]
    if use_input_stats:
        for running, moved in ((running_mean, means), (running_var, variances)):
            if running is not None:
                before_write(running._a)
                running._a[...] = moved._a.reshape(n, c).mean(0)
                bump(running)
    return T.reshape(y, x._a.shape)


@composite("instance_norm", at="F", samples=["r(2, 3, 4)", "r(2, 3, 4), None, None, r(3), r(3)",
           "r(2, 3, 4), torch.tensor([0.5, -1.0, 0.0]).double(), torch.tensor([0.5, 2.0, 1.0]).double(), r(3), r(3), "
           "False"])
def instance_norm(x, running_mean: "Tensor?" = None, running_var: "Tensor?" = None, weight: "Tensor?" = None,
                  bias: "Tensor?" = None, use_input_stats: "bool" = True, momentum: "float" = 0.1,
                  eps: "float" = 1e-5):
    """batch_norm with statistics of each sample on its own.

    >>> F.instance_norm(tensor([[[1., 3.]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    if use_input_stats and prod(x._a.shape[2:]) == 1:
        raise BadValue(f"Expected more than 1 spatial element when training, got input size {x.shape}")
    return _instance_norm(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


@composite("_torch_instance_norm", at="", also=["torch.instance_norm"])
def _torch_instance_norm(x, weight: "Tensor?", bias: "Tensor?", running_mean: "Tensor?", running_var: "Tensor?",
                         use_input_stats: "bool", momentum: "float", eps: "float", cudnn_enabled: "any" = True):
    """instance_norm with torch's own order of arguments."""
    return _instance_norm(x, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


@composite("local_response_norm", at="F", samples=["r(2, 5, 3), 3", "r(1, 4, 2, 2), 2, 0.1, 0.5, 2.0"],
           grad_name="DivBackward0")
def local_response_norm(x, size: "int", alpha: "float" = 1e-4, beta: "float" = 0.75, k: "float" = 1.0):
    """x / (k + alpha * mean of x² over `size` neighbouring channels) ** beta.

    >>> F.local_response_norm(ones(1, 2, 1), 1, alpha=3.0, beta=0.5)
    tensor([[[0.5000],
             [0.5000]]])
    """
    shape = x._a.shape
    if len(shape) < 3:
        raise BadValue(f"Expected 3D or higher dimensionality                          input (got {len(shape)} "
                       "dimensions)")
    if size <= 0:
        sides = f"kH: {size} kW: 1" if len(shape) == 3 else f"kT: {size} kH: 1 kW: 1"
        raise EngineError(f"kernel size should be greater than zero, but got {sides}")
    if not x._a.size:
        return x
    refuse(x._a, "bc", "avg_pool2d" if len(shape) == 3 else "avg_pool3d_out_frame")
    # Channels beyond the ends count as zeros in the mean.
    rows = T.reshape(x * x, (shape[0], 1, shape[1], -1))
    rows = T.constant_pad_nd(rows, (0, 0, size // 2, (size - 1) // 2), 0.0)
    out = (shape[1], rows._a.shape[3])
    mean = T.reshape(T._avg_pool(rows, (size, 1), (1, 1), ((0, 0), (0, 0)), out, True, None), shape)
    return x / T.pow(mean * alpha + k, beta)
