"""Convolutions: three bilinear ops that are each other's gradients.

`_conv(x, w)` gives y, `_conv_input(g, w)` spreads y-like values back to x (a transposed convolution),
`_conv_weight(g, x)` correlates both to a w-like result. The derivative of any of them in either
argument is one of the other two, so gradients of every order exist. `geometry` is (stride, pads,
dilation, groups) with a (low, high) pair of pads per spatial dim.

Compiled kernels do the work where there are any. Without them it is that of `conv_flat.py` with stride 1 on the
CPU, and else im2col by one strided copy per kernel offset and a matrix product per image; depthwise convolutions
add up scaled slices instead.
"""

from math import prod

import numpy as np

from .. import native
from ..engine import blas, dtypes
from ..engine.cost import convolution, convolution_weight, transposed_convolution
from ..engine.memory import pool
from ..engine.registry import T, composite, op
from ..engine.sums import line_sums
from ..errors import DTypeError, EngineError, ShapeError, Unsupported
from . import conv_flat
from .windows import c_name, columns, cropped, offsets, padded, sizes, slices

BLOCK = 1 << 18  # elements of the columns held at a time


def _blocks(n: int, per_image: int) -> list:
    """Slices of images that stay in cache together with what is made of them."""
    step = max(1, min(n, BLOCK // max(per_image, 1)))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def _small_blocks(y) -> list:
    """The same where all kernel offsets pass over the images themselves."""
    return _blocks(len(y), 2 * y.size // len(y))


def _over(xp, blocks: list, fn, work: int = 0) -> None:
    """`fn(block)` for all blocks, beside each other where they are NumPy's; `work` counts the multiplications of products."""
    if xp is np and len(blocks) > 1:
        conv_flat.over_units(blocks, lambda i: fn(blocks[i]))
        return
    with blas.threads_for(work):
        for block in blocks:
            fn(block)


def _empty(xp, shape: tuple, dtype):
    return pool.empty(shape, dtype) if xp is np else xp.empty(shape, dtype)


def _flat(a):
    return None if a is None else np.ascontiguousarray(a)


def _depthwise(c: int, groups: int) -> bool:
    return groups > 1 and c == groups


@op("_conv", rows="format", at="", cost=convolution, samples=["r(2, 4, 6), r(6, 2, 3), r(6), ((2,), ((1, 1),), (1,), 2), (3,)"],
    grad_name="ConvolutionBackward0",
    vjp={"x": lambda k, g, weight, x_shape, geometry:
         k._conv_input(g, k.conj_of(weight), None, geometry, x_shape[2:]),
         "weight": lambda k, g, x, weight_shape, geometry:
         k._conv_weight(g, k.conj_of(x), geometry, weight_shape[2:]),
         "bias": lambda k, g: k._channel_sum(g)})
def _conv(xp, x, weight, bias: "Tensor?", geometry: "any", size: "any"):
    """y of spatial `size` from x (N, C, *S) and weight (O, C / groups, *K)."""
    stride, pads, dilation, groups = geometry
    n, n_out, kernel = x.shape[0], weight.shape[0], weight.shape[2:]
    y = _empty(xp, (n, n_out, *size), x.dtype)
    if not y.size or xp is np and native.conv(y, _flat(x), _flat(weight), _flat(bias), geometry):
        return y
    if not x.size or not weight.size:
        y[...] = 0
    elif conv_flat.fits(x, geometry):
        conv_flat.forward(x, weight, bias, y, geometry)
        return y
    elif _depthwise(x.shape[1], groups):
        _over(xp, _small_blocks(y), lambda i: _forward_depthwise(xp, padded(xp, x[i], pads), weight, y[i], geometry))
    else:
        length, per_group = prod(size), prod(weight.shape[1:])
        w = weight.reshape(groups, n_out // groups, per_group)

        def some(i: slice) -> None:
            cols = columns(xp, padded(xp, x[i], pads), kernel, stride, dilation, size)
            _product(xp, w, cols.reshape(-1, groups, per_group, length), y[i].reshape(-1, groups, n_out // groups, length))
        _over(xp, _blocks(n, groups * per_group * length), some, weight.size * n * length)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(size))
    return y


def _product(xp, w, cols, y) -> None:
    """y = w @ cols for (m, groups) matrices; one large product where the images are small."""
    if w.shape[0] == 1:
        w, cols, y = w[0], cols[:, 0], y[:, 0]
    xp.matmul(w, cols, out=y)


def _forward_depthwise(xp, x, weight, y, geometry) -> None:
    stride, _, dilation, groups = geometry
    size, kernel = y.shape[2:], weight.shape[2:]
    multiple = weight.shape[0] // groups
    # (N, groups, multiple, *size): every output channel of a group reads the same input channel.
    parts = y.reshape(y.shape[0], groups, multiple, *size)
    w = weight.reshape(groups, multiple, *kernel)
    scratch = None
    for offset in offsets(kernel):
        part = x[(slice(None), slice(None), *slices(offset, size, stride, dilation))][:, :, None]
        factor = w[(slice(None), slice(None), *offset)].reshape(groups, multiple, *(1,) * len(size))
        if scratch is None:
            xp.multiply(part, factor, out=parts)
            scratch = xp.empty_like(parts)
        else:
            xp.multiply(part, factor, out=scratch)
            parts += scratch


@op("_conv_input", rows="format", cost=transposed_convolution, at="",
    samples=["r(2, 6, 3), r(6, 2, 3), r(4), ((2,), ((1, 1),), (1,), 2), (6,)"],
    grad_name="ConvolutionBackward0",
    vjp={"g": lambda k, h, weight, g_shape, geometry: k._conv(h, k.conj_of(weight), None, geometry, g_shape[2:]),
         "weight": lambda k, h, g, weight_shape, geometry:
         k._conv_weight(k.conj_of(g), h, geometry, weight_shape[2:]),
         "bias": lambda k, h: k._channel_sum(h)})
def _conv_input(xp, g, weight, bias: "Tensor?", geometry: "any", size: "any"):
    """What y-like `g` sends back to an x of spatial `size`: the transposed convolution."""
    stride, pads, dilation, groups = geometry
    n, n_in = g.shape[0], weight.shape[1] * groups
    if xp is np:
        x = _empty(xp, (n, n_in, *size), g.dtype)
        if native.conv_transposed(x, _flat(g), _flat(weight), _flat(bias), geometry):
            return x
    full = tuple(s + low + high for s, (low, high) in zip(size, pads, strict=True))
    if g.size and weight.size and conv_flat.fits(g, geometry):
        x = conv_flat.backward_input(g, weight, size, geometry)
        if bias is not None:
            x += bias.reshape(-1, *(1,) * len(size))
        return x
    x = xp.zeros((n, n_in, *full), g.dtype)
    if x.size and g.size and weight.size:
        if _depthwise(n_in, groups):
            _over(xp, _small_blocks(g), lambda i: _backward_depthwise(xp, g[i], weight, x[i], geometry))
        else:
            _spread(xp, g, weight, x, geometry)
    x = cropped(x, pads, size)
    if bias is not None:
        x = x + bias.reshape(-1, *(1,) * len(size))
    return xp.ascontiguousarray(x)


def _back_product(xp, g, weight, groups: int, out=None):
    """The gradient of the columns of some images: wᵀ @ g."""
    n_out = weight.shape[0] // groups
    w = weight.reshape(groups, n_out, -1).swapaxes(1, 2)
    part = g.reshape(g.shape[0], groups, n_out, -1)
    if groups == 1:
        return xp.matmul(w[0], part[:, 0], out=None if out is None else out[:, 0])[:, None]
    return xp.matmul(w, part, out=out)


def _spread(xp, g, weight, x, geometry) -> None:
    stride, _, dilation, groups = geometry
    kernel, out = weight.shape[2:], g.shape[2:]

    def some(i: slice) -> None:
        cols = _back_product(xp, g[i], weight, groups)
        cols = cols.reshape(cols.shape[0], x.shape[1], *kernel, *out)
        for offset in offsets(kernel):
            x[(i, slice(None), *slices(offset, out, stride, dilation))] += cols[(slice(None), slice(None), *offset)]
    _over(xp, _blocks(len(g), groups * prod(weight.shape[1:]) * prod(out)), some, weight.size * len(g) * prod(out))


def _backward_depthwise(xp, g, weight, x, geometry) -> None:
    stride, _, dilation, groups = geometry
    kernel, out = weight.shape[2:], g.shape[2:]
    multiple = weight.shape[0] // groups
    parts = g.reshape(g.shape[0], groups, multiple, *out)
    w = weight.reshape(groups, multiple, *kernel)
    for offset in offsets(kernel):
        where = (slice(None), slice(None), *slices(offset, out, stride, dilation))
        for j in range(multiple):
            x[where] += parts[:, :, j] * w[(slice(None), j, *offset)].reshape(groups, *(1,) * len(out))


@op("_conv_weight", cost=convolution_weight, at="", samples=["r(2, 6, 3), r(2, 4, 6), ((2,), ((1, 1),), (1,), 2), (3,)"],
    grad_name="ConvolutionBackward0",
    vjp={"g": lambda k, h, x, g_shape, geometry: k._conv(k.conj_of(x), h, None, geometry, g_shape[2:]),
         "x": lambda k, h, g, x_shape, geometry: k._conv_input(k.conj_of(g), h, None, geometry, x_shape[2:])})
def _conv_weight(xp, g, x, geometry: "any", kernel: "any"):
    """The weight-like correlation of y-like `g` with `x`, summed over images and places."""
    stride, pads, dilation, groups = geometry
    n, n_out, out, n_in = x.shape[0], g.shape[1], g.shape[2:], x.shape[1] // groups
    w = _empty(xp, (n_out, n_in, *kernel), g.dtype)
    if xp is np and native.conv_weight(w, _flat(g), _flat(x), geometry):
        return w
    w[...] = 0
    if not g.size or not x.size:
        return w
    if conv_flat.fits(g, geometry):
        return conv_flat.backward_weight(g, x, kernel, geometry)
    if n_in == 1 and groups > 1:
        _weight_depthwise(xp, g, padded(xp, x, pads), w, geometry)
        return w
    length, per_group = prod(out), n_in * prod(kernel)
    blocks = _blocks(n, groups * per_group * length)

    def part_of(b: int):
        # The images side by side in one matrix: a single product sums over all of them.
        part = padded(xp, x[blocks[b]].swapaxes(0, 1), pads)
        cols = _image_columns(xp, part, tuple(kernel), stride, dilation, out).reshape(groups, per_group, -1)
        rows = g[blocks[b]].swapaxes(0, 1).reshape(groups, n_out // groups, -1)
        return xp.matmul(rows[0], cols[0].T) if groups == 1 else xp.matmul(rows, cols.swapaxes(1, 2))
    if xp is np and len(blocks) > 1:
        return conv_flat.summed(blocks, part_of).reshape(w.shape)
    for b in range(len(blocks)):
        w += part_of(b).reshape(w.shape)
    return w


def _image_columns(xp, x, kernel, stride, dilation, out):
    """(C, *kernel, N, *out) from a padded x (C, N, *S)."""
    cols = xp.empty((x.shape[0], *kernel, x.shape[1], *out), x.dtype)
    for offset in offsets(kernel):
        cols[(slice(None), *offset)] = x[(slice(None), slice(None), *slices(offset, out, stride, dilation))]
    return cols


def _weight_depthwise(xp, g, x, w, geometry) -> None:
    stride, _, dilation, groups = geometry
    out = g.shape[2:]
    parts = g.reshape(g.shape[0], groups, -1, prod(out))
    target = w.reshape(groups, -1, *w.shape[2:])
    for offset in offsets(w.shape[2:]):
        part = x[(slice(None), slice(None), *slices(offset, out, stride, dilation))]
        part = part.reshape(x.shape[0], groups, prod(out), 1)
        target[(slice(None), slice(None), *offset)] = xp.matmul(parts, part).sum(0)[..., 0]


@op("_channel_sum", at="", samples=["r(2, 3, 4)"], grad_name="SumBackward1",
    vjp={"x": lambda k, g, x_shape: k.expand(k.reshape(g, (1, x_shape[1], *(1,) * (len(x_shape) - 2))), x_shape)})
def _channel_sum(xp, x):
    """The sum over all dims but the second."""
    if xp is np and x.dtype.kind == "f" and x.size:
        return line_sums(x.reshape(x.shape[0] * x.shape[1], -1)).reshape(x.shape[:2]).sum(0)
    return x.sum(axis=(0, *range(2, x.ndim)))


# ---------------------------------------------------------------- checks and the public functions

def _spatial(n: int, name: str, value, op_name: str) -> tuple:
    if isinstance(value, str):
        from ..errors import ArgumentError

        raise ArgumentError(f"{op_name}(): argument '{name}' must be tuple of ints, not str")
    found = sizes(value, n, op_name, name)
    if len(found) != n:
        raise EngineError(f"expected {name} to be a single integer value or a list of {n} values to match the "
                          f"convolution dimensions, but got {name}={list(found)}")
    return found


def same_types(x, weight, bias) -> None:
    if bias is not None and bias.dtype != x.dtype:
        a, b = c_name(x.dtype), c_name(bias.dtype)
        raise DTypeError(f"Input type ({a}) and bias type ({b}) should be the same")
    if weight.dtype != x.dtype:
        a, b = (dtypes.scalar_name(dtypes.of_numpy(d)) for d in (x.dtype, weight.dtype))
        raise DTypeError(f"expected scalar type {a} but found {b}")
    if x.dtype.kind == "b" and x.size:
        raise Unsupported("\"slow_conv2d_cpu\" not implemented for 'Bool'")


def check_conv(x, weight, bias, stride, pads, dilation, groups: int, transposed: bool) -> None:
    """Raises PyTorch's error for options or sizes that do not fit; `pads` are the symmetric ones."""
    if groups <= 0:
        raise EngineError("non-positive groups is not supported")
    if any(p < 0 for p in pads):
        raise EngineError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise EngineError("non-positive stride is not supported")
    if min(dilation) == 0 and x.shape[0] > 1:  # there PyTorch takes another library
        raise EngineError("non-positive dilation is not supported")
    if any(d <= 0 for d in dilation):
        raise EngineError("dilation should be greater than zero" + _nothing(dilation, "dilation", transposed))
    w = list(weight.shape)
    if w[0] < groups:
        raise ShapeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got "
                         f"weight of size {w} instead")
    if w[0] % groups:
        raise ShapeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but "
                         f"got weight of size [{w}] instead")
    want = w[0] if transposed else w[1] * groups
    word = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
    if x.shape[1] != want:
        raise ShapeError(f"Given {word}, weight of size {w}, expected input{list(x.shape)} to have {want} channels, "
                         f"but got {x.shape[1]} channels instead")
    n_bias = w[1] * groups if transposed else w[0]
    if bias is not None and bias.shape != (n_bias,):
        word = "transposed=1, " if transposed else ""
        raise ShapeError(f"Given {word}weight of size {w}, expected bias to be 1-dimensional with {n_bias} elements, "
                         f"but got bias of size {list(bias.shape)} instead")
    if 0 in w[2:]:
        raise ShapeError("kernel size should be greater than zero" + (
            f", but got: {_by(w[2:])} (TxHxW)" if len(w) == 5 else _nothing(w[2:], "kernel", True)))


def _nothing(sizes, word: str, named: bool) -> str:
    """How PyTorch lists sizes of which some are 0."""
    if any(s < 0 for s in sizes):
        return ""
    sizes = [1, *sizes] if len(sizes) == 1 else list(sizes)
    if not named:
        return f", but got {sizes}"
    joint = ", " if word == "dilation" else " "
    return ", but got " + joint.join(f"{word}_{dim}: {s}" for dim, s in
                                     zip(("depth", "height", "width")[-len(sizes):], sizes, strict=True))


def _by(values) -> str:
    return " x ".join(map(str, values))


def out_size(size, kernel, stride, pads, dilation) -> tuple:
    """Spatial size of a convolution; raises when the kernel does not fit."""
    full = tuple(n + low + high for n, (low, high) in zip(size, pads, strict=True))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if any(r > n for r, n in zip(reach, full, strict=True)):
        raise ShapeError(f"Calculated padded input size per channel: ({_by(full)}). Kernel size: ({_by(reach)}). "
                         "Kernel size can't be greater than actual input size")
    return tuple((n - r) // s + 1 for n, r, s in zip(full, reach, stride, strict=True))


def _same_pads(kernel, dilation) -> tuple:
    total = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
    return tuple((t // 2, t - t // 2) for t in total)


def convolve(name: str, n: int, x, weight, bias, stride, padding, dilation, groups: int):
    """conv1d..3d: checks, sizes, the batch dim of an unbatched input."""
    if weight._a.ndim < 3:
        raise EngineError("weight should have at least three dimensions")
    if weight._a.ndim != n + 2:
        if padding == "same":
            raise ShapeError(f"Expected {weight._a.ndim}-dimensional input for {weight._a.ndim}-dimensional weight"
                             f"{list(weight._a.shape)}, but got {x._a.ndim}-dimensional input of size {list(x._a.shape)} "
                             "instead")
        raise EngineError(f"expected stride to be a single integer value or a list of {weight._a.ndim - 2} values to "
                          "match the convolution dimensions, but got "
                          f"stride={list(sizes(stride, n, name, 'stride'))}")
    shape = x._a.shape
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of "
                         f"size: {list(shape)}")
    batched = len(shape) == n + 2
    if not batched:
        x = T.unsqueeze(x, 0)
    stride, dilation = _spatial(n, "stride", stride, name), _spatial(n, "dilation", dilation, name)
    pads = _pads(name, n, padding, weight._a.shape[2:], stride, dilation)
    raw_bias = bias._a if bias is not None else None
    same_types(x._a, weight._a, raw_bias)
    check_conv(x._a, weight._a, raw_bias, stride, [min(p) for p in pads], dilation, groups, False)
    size = out_size(x._a.shape[2:], weight._a.shape[2:], stride, pads, dilation)
    y = T._conv(x, weight, bias, (stride, pads, dilation, groups), size)
    return y if batched else unbatched(y)


def _pads(name: str, n: int, padding, kernel, stride, dilation) -> tuple:
    if not isinstance(padding, str):
        return tuple((p, p) for p in _spatial(n, "padding", padding, name))
    if padding == "valid":
        return ((0, 0),) * n
    if padding != "same":
        raise EngineError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in stride):
        raise EngineError("padding='same' is not supported for strided convolutions")
    return _same_pads(kernel, dilation)


def unbatched(y):
    """Takes the batch dim of size 1 away again."""
    y = T.squeeze(y, 0)
    if y._node is not None:
        y._node._name = "SqueezeBackward1"
    return y


@composite("conv1d", at="torch F",
           samples=["r(2, 3, 8), r(4, 3, 3), r(4)", "r(2, 4, 9), r(6, 2, 3), r(6), 2, 1, 2, 2", "r(3, 8), r(4, 3, 2)",
                    "r(1, 3, 8), r(4, 3, 4), padding='same'", "r(2, 4, 7), r(8, 1, 3), groups=4"])
def conv1d(x, weight, bias: "Tensor?" = None, stride: "any" = 1, padding: "any" = 0, dilation: "any" = 1,
           groups: "int" = 1):
    """Correlates x (N, C, L) with weight (O, C / groups, K); `padding` may be "same" or "valid".

    >>> F.conv1d(tensor([[[1., 2., 3., 4.]]]), tensor([[[1., -1.]]]))
    tensor([[[-1., -1., -1.]]])
    """
    return convolve("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


@composite("conv2d", at="torch F",
           samples=["r(2, 3, 5, 6), r(4, 3, 3, 2), r(4)",
                    "r(2, 4, 7, 6), r(6, 2, 3, 3), r(6), (2, 1), (1, 2), (1, 2), 2",
                    "r(3, 5, 5), r(4, 3, 1, 1)", "r(1, 3, 5, 4), r(2, 3, 3, 2), padding='same'",
                    "r(2, 3, 6, 6), r(6, 1, 3, 3), r(6), 2, 1, groups=3", "r(0, 3, 5, 5), r(4, 3, 3, 3)",
                    "r(2, 3, 5, 5), r(4, 3, 1, 1), stride=2"])
def conv2d(x, weight, bias: "Tensor?" = None, stride: "any" = 1, padding: "any" = 0, dilation: "any" = 1,
           groups: "int" = 1):
    """Correlates x (N, C, H, W) with weight (O, C / groups, KH, KW); `padding` may be "same" or "valid".

    >>> F.conv2d(ones(1, 1, 3, 3), ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return convolve("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


@composite("conv3d", at="torch F",
           samples=["r(1, 2, 4, 4, 4), r(3, 2, 2, 3, 2), r(3)",
                    "r(2, 2, 3, 4, 3), r(2, 1, 2, 2, 2), None, 2, 1, 1, 2",
                    "r(2, 3, 3, 3), r(2, 2, 2, 2, 2), padding='same'"])
def conv3d(x, weight, bias: "Tensor?" = None, stride: "any" = 1, padding: "any" = 0, dilation: "any" = 1,
           groups: "int" = 1):
    """Correlates x (N, C, D, H, W) with weight (O, C / groups, KD, KH, KW).

    >>> F.conv3d(ones(1, 1, 2, 2, 2), ones(1, 1, 2, 2, 2))
    tensor([[[[[8.]]]]])
    """
    return convolve("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)
