"""Average pooling and lp_pool over sliding windows.

Without compiled kernels windows are summed by one strided slice per offset inside the window. In `ceil_mode` the last
window may reach beyond the padded input; it counts only what is there.
"""

from math import prod

import numpy as np

from .. import native
from ..engine.memory import pool
from ..engine.registry import T, composite, op
from ..errors import BadIndex, EngineError, ShapeError
from .arrays import refuse
from .windows import exact_sizes, offsets, padded, slices


def pooled_size(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """The number of windows along a dim; the last one must start inside the input or the left padding."""
    span = n + 2 * p - d * (k - 1) - 1
    size = (-(-span // s) if ceil_mode else span // s) + 1
    if ceil_mode and (size - 1) * s >= n + p:
        size -= 1
    return size


def check_pool(name: str, n: int, x, kernel, stride, padding, dilation, ceil_mode: bool) -> tuple:
    """Raises PyTorch's errors; returns the spatial size of the result."""
    plain = name == "max_pool1d"  # which has checks of its own
    if n > 1:
        _check_padding(kernel, padding, dilation)
    _check_rank(name, n, x)
    if plain:
        _check_max_pool1d(kernel[0], stride[0], padding[0], dilation[0])
    if not all(stride):
        raise EngineError("stride should not be zero")
    for word, short, values in (("kernel size", "k", kernel), ("stride", "d", stride), ("dilation", "dilation", dilation)):
        if any(v <= 0 for v in values):
            raise EngineError(f"{word} should be greater than zero, but got " + _words(values, short))
    _check_padding(kernel, padding, dilation)
    size = tuple(pooled_size(m, k, s, p, d, ceil_mode) for m, k, s, p, d in
                 zip(x.shape[x.ndim - n:], kernel, stride, padding, dilation, strict=True))
    if any(s < 1 for s in size):
        raise ShapeError(_too_small(name, n, x, kernel, size))
    return size


def _check_padding(kernel, padding, dilation) -> None:
    for k, p in zip(kernel, padding, strict=True):
        if p < 0:
            raise EngineError(f"pad must be non-negative, but got pad: {p}")
        if 2 * p > k:
            raise EngineError(f"pad should be at most half of effective kernel size, but got pad={p}, "
                              f"kernel_size={k} and dilation={dilation[0]}")


def _check_max_pool1d(kernel: int, stride: int, padding: int, dilation: int) -> None:
    for word, value in (("kernel_size", kernel), ("stride", stride)):
        if value <= 0:
            raise EngineError(f"max_pool1d() {word} must be greater than zero, but got {value}")
    if padding < 0:
        raise EngineError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if 2 * padding > kernel:
        raise EngineError(f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and "
                          f"kernel_size={kernel}")
    if dilation <= 0:
        raise EngineError(f"max_pool1d() dilation must be greater than zero, but got {dilation}")


def _check_rank(name: str, n: int, x) -> None:
    if n == 1 and name != "max_pool1d" and x.ndim not in (2, 3):
        raise ShapeError(f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 'self' "
                         f"(while checking arguments for {name})")
    if n == 2 and x.ndim not in (3, 4) and name == "max_pool2d":
        raise ShapeError("non-empty 3D or 4D (batch mode) tensor expected for input")
    if n == 3:
        _check_volume(name, x)
    if name == "avg_pool2d" and not x.ndim:
        raise BadIndex("Dimension specified as -3 but tensor has no dimensions")
    fits = x.ndim == n + 2 and all(x.shape[1:]) or x.ndim == n + 1 and x.size
    if not fits:
        start = "max_pool1d: " if name == "max_pool1d" else ""
        raise ShapeError(f"{start}Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size "
                         f"for input, but got:{list(x.shape)}")


def _check_volume(name: str, x) -> None:
    if x.ndim not in (4, 5):
        raise ShapeError("non-empty 4D or 5D (batch mode) tensor expected for input")
    own = x.shape[x.ndim - 4:]
    if 0 in own:
        start = "avg_pool3d()" if name == "avg_pool3d" else "max_pool3d_with_indices_out_cpu_template()"
        raise ShapeError(f"{start}: Expected input's non-batch dimensions to have positive length, but input has a shape of "
                         f"{list(x.shape)} and non-batch dimension 0 has length zero!")


def _too_small(name: str, n: int, x, kernel, size) -> str:
    if name == "max_pool1d":
        return f"max_pool1d() Invalid computed output size: {size[0]}"
    if n == 3 and name == "avg_pool3d":
        t, h, w = x.shape[-3:]
        return f"input image (T: {t} H: {h} W: {w}) smaller than kernel size ({_words(kernel, 'k')})"
    lead = list(x.shape[-n - 1:]) if n > 1 else [x.shape[-2], 1, x.shape[-1]]
    out = [lead[0], *(size if n > 1 else (1, *size))]
    shown = "x".join(map(str, lead)), "x".join(map(str, out))
    return f"Given input size: ({shown[0]}). Calculated output size: ({shown[1]}). Output size is too small"


def _words(values, start: str) -> str:
    values = (1, *values) if len(values) == 1 else values  # PyTorch pools lines as images of height 1
    letters = "THW"[-len(values):]
    return " ".join(f"{start}{letter}: {v}" for letter, v in zip(letters, values, strict=True))


def overhang(size, kernel, stride, pads, dilation, spatial) -> tuple:
    """`pads` with the high side moved so that every window fits."""
    return tuple((low, max(high, (n - 1) * s + d * (k - 1) + 1 - m - low)) for n, k, s, (low, high), d, m in
                 zip(size, kernel, stride, pads, dilation, spatial, strict=True))


def _divisors(spatial, size, kernel, stride, pads, count_pad: bool, divisor) -> list | float:
    """What each window is divided by: one factor per dim and place, or one number."""
    if divisor is not None:
        return float(divisor)
    counts = []
    for m, n, k, s, (low, high) in zip(spatial, size, kernel, stride, pads, strict=True):
        start = np.arange(n) * s - low
        stop = np.minimum(start + k, m + high)
        if count_pad:
            counts.append(stop - start)
        else:
            counts.append(np.minimum(stop, m) - np.maximum(start, 0))
    if all((c == k).all() for c, k in zip(counts, kernel, strict=True)):
        return float(prod(kernel))
    return counts


def _divide(xp, y, divisors) -> None:
    if isinstance(divisors, float):
        y *= y.dtype.type(1 / divisors)
        return
    for i, c in enumerate(reversed(divisors)):
        y /= xp.asarray(c.astype(y.dtype).reshape(-1, *(1,) * i))


def _divided_integers(xp, y, divisors):
    """Integer means, cut off towards zero."""
    by = np.asarray(1, np.int64)
    for i, c in enumerate(reversed([divisors] if isinstance(divisors, float) else divisors)):
        by = by * np.asarray(c, np.int64).reshape(-1, *(1,) * i)
    by = xp.asarray(by)
    return xp.sign(y) * xp.sign(by) * (xp.abs(y) // xp.abs(by))


def _ones(n: int) -> tuple:
    return (1,) * n


@op("_avg_pool", rows="format", at="", samples=["r(2, 5, 6), (2, 3), (2, 2), ((1, 1), (0, 0)), (3, 2), False, None",
                                 "r(2, 6), (3,), (2,), ((0, 0),), (3,), True, None"], grad_name=
    lambda x, kernel, stride, pads, size, count_pad, divisor: f"AvgPool{max(len(kernel), 2)}DBackward0",
    vjp={"x": lambda k, g, x_shape, kernel, stride, pads, size, count_pad, divisor:
         k._avg_pool_back(g, x_shape, kernel, stride, pads, size, count_pad, divisor)})
def _avg_pool(xp, x, kernel: "any", stride: "any", pads: "any", size: "any", count_pad: "any", divisor: "any"):
    n = len(kernel)
    spatial = x.shape[x.ndim - n:]
    if xp is np:
        y = pool.empty((*x.shape[:x.ndim - n], *size), x.dtype)
        if native.mean_pool(y, np.ascontiguousarray(x), kernel, stride, pads, count_pad, divisor):
            return y
    one = _ones(n)
    full = padded(xp, x, overhang(size, kernel, stride, pads, one, spatial))
    y = None
    # Windows are separable: the sum along one dim after the other.
    for d in range(n - 1, -1, -1):
        axis = x.ndim - n + d
        full = _window_sums(full, axis, kernel[d], stride[d], size[d])
    y = full if full is not x and full.flags.owndata else full.copy()
    divisors = _divisors(spatial, size, kernel, stride, pads, count_pad, divisor)
    if y.dtype.kind in "iu":
        return _divided_integers(xp, y, divisors)
    _divide(xp, y, divisors)
    return y


def _window_sums(x, axis: int, k: int, s: int, n: int):
    lead = (slice(None),) * axis
    total = None
    for i in range(k):
        part = x[(*lead, slice(i, i + (n - 1) * s + 1 if n else i, s))]
        if total is None:
            total = part if k == 1 else part.copy()
        else:
            total += part
    return total


@op("_avg_pool_back", at="", samples=["r(2, 3, 2), (2, 5, 6), (2, 3), (2, 2), ((1, 1), (0, 0)), (3, 2), False, None"],
    grad_name="AvgPool2DBackwardBackward0",
    vjp={"g": lambda k, h, kernel, stride, pads, size, count_pad, divisor:
         k._avg_pool(h, kernel, stride, pads, size, count_pad, divisor)})
def _avg_pool_back(xp, g, shape: "any", kernel: "any", stride: "any", pads: "any", size: "any", count_pad: "any",
                   divisor: "any"):
    n = len(kernel)
    lead, spatial = shape[:len(shape) - n], shape[len(shape) - n:]
    if xp is np:
        x = pool.empty(tuple(shape), g.dtype)
        if native.mean_pool_back(x, np.ascontiguousarray(g), kernel, stride, pads, count_pad, divisor):
            return x
    one = _ones(n)
    fitted = overhang(size, kernel, stride, pads, one, spatial)
    g = g.copy()
    _divide(xp, g, _divisors(spatial, size, kernel, stride, pads, count_pad, divisor))
    x = xp.zeros((*lead, *(m + low + high for m, (low, high) in zip(spatial, fitted, strict=True))), g.dtype)
    for offset in offsets(kernel):
        x[(Ellipsis, *slices(offset, size, stride, one))] += g
    inner = tuple(slice(low, low + m) for m, (low, _) in zip(spatial, fitted, strict=True))
    return xp.ascontiguousarray(x[(Ellipsis, *inner)])


def average(name: str, n: int, x, kernel_size, stride, padding, ceil_mode: bool, count_pad: bool, divisor):
    kernel = exact_sizes(kernel_size, n, name, "kernel_size")
    stride = kernel if stride is None or stride == () or stride == [] else exact_sizes(stride, n, name, "stride")
    padding = exact_sizes(padding, n, name, "padding")
    if divisor == 0:
        raise EngineError("divisor must be not zero")
    size = check_pool(name, n, x._a, kernel, stride, padding, _ones(n), ceil_mode)
    refuse(x._a, "bch" if n == 3 else "bc", "avg_pool3d_out_frame" if n == 3 else "avg_pool2d")
    pads = tuple((p, p) for p in padding)
    return T._avg_pool(x, kernel, stride, pads, size, count_pad, divisor)


@composite("avg_pool1d", at="torch F", samples=["r(2, 3, 8), 2", "r(2, 3, 8), 3, 2, 1, True, False", "r(3, 8), 3, 1"])
def avg_pool1d(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, ceil_mode: "bool" = False,
               count_include_pad: "bool" = True):
    """The means of windows of x (N, C, L); the stride is the window's size unless given.

    >>> F.avg_pool1d(tensor([[[1., 3., 5., 7.]]]), 2)
    tensor([[[2., 6.]]])
    """
    y = average("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None)
    if y._node is not None:
        y._node._name = "SqueezeBackward1"
    return y


@composite("avg_pool2d", out="exact", at="F", samples=["r(2, 3, 4, 6), 2", "r(1, 2, 5, 5), 3, 2, 1, count_include_pad=False",
                                          "r(1, 2, 6, 5), (3, 2), (2, 1), (1, 0), True",
                                          "r(2, 4, 4), 2, divisor_override=3"])
def avg_pool2d(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, ceil_mode: "bool" = False,
               count_include_pad: "bool" = True, divisor_override: "int?" = None):
    """The means of windows of x (N, C, H, W); the stride is the window's size unless given.

    >>> F.avg_pool2d(tensor([[[1., 3.], [5., 7.]]]), 2)
    tensor([[[4.]]])
    """
    return average("avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@composite("avg_pool3d", out="exact", at="F", samples=["r(1, 2, 2, 4, 4), 2",
                                          "r(1, 1, 3, 4, 5), (2, 2, 3), 1, (1, 0, 1), True, False"])
def avg_pool3d(x, kernel_size: "any", stride: "any" = None, padding: "any" = 0, ceil_mode: "bool" = False,
               count_include_pad: "bool" = True, divisor_override: "int?" = None):
    """The means of windows of x (N, C, D, H, W); the stride is the window's size unless given.

    >>> F.avg_pool3d(ones(1, 1, 2, 2, 2), 2)
    tensor([[[[[1.]]]]])
    """
    return average("avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


# ---------------------------------------------------------------- lp_pool

def _lp(n: int, x, norm_type, kernel_size, stride, ceil_mode: bool):
    name = f"lp_pool{n}d"
    kernel = exact_sizes(kernel_size, n, name, "kernel_size")
    powered = T.pow(x, norm_type)
    mean = average(f"avg_pool{n}d", n, powered, kernel, stride, 0, ceil_mode, True, None)
    # A negative sum (odd powers) has no real root: PyTorch gives 0 for it.
    total = T.sign(mean) * T.relu(T.abs(mean)) * prod(kernel)
    return T.pow(total, 1.0 / norm_type)


@composite("lp_pool1d", at="F", samples=["pos(2, 3, 8), 2, 2",
                                         "pos(2, 3, 7), 3, 3, 2, True"], grad_name="PowBackward0")
def lp_pool1d(x, norm_type: "Scalar", kernel_size: "any", stride: "any" = None, ceil_mode: "bool" = False):
    """The p-norms of windows of x (N, C, L).

    >>> F.lp_pool1d(tensor([[3., 4.]]), 2, 2)
    tensor([[5.]])
    """
    return _lp(1, x, norm_type, kernel_size, stride, ceil_mode)


@composite("lp_pool2d", at="F", samples=["pos(1, 2, 4, 4), 2, 2",
                                         "pos(1, 2, 5, 4), 3, (3, 2), 1, True"], grad_name="PowBackward0")
def lp_pool2d(x, norm_type: "Scalar", kernel_size: "any", stride: "any" = None, ceil_mode: "bool" = False):
    """The p-norms of windows of x (N, C, H, W).

    >>> F.lp_pool2d(tensor([[[3., 4.], [0., 0.]]]), 2, 2)
    tensor([[[5.]]])
    """
    return _lp(2, x, norm_type, kernel_size, stride, ceil_mode)


@composite("lp_pool3d", at="F", samples=["pos(1, 2, 4, 4, 2), 2, 2"], grad_name="PowBackward0")
def lp_pool3d(x, norm_type: "Scalar", kernel_size: "any", stride: "any" = None, ceil_mode: "bool" = False):
    """The p-norms of windows of x (N, C, D, H, W).

    >>> F.lp_pool3d(ones(1, 1, 1, 2, 2), 1, (1, 2, 2))
    tensor([[[[[4.]]]]])
    """
    return _lp(3, x, norm_type, kernel_size, stride, ceil_mode)
