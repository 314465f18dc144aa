"""Images: unfold and fold, pixel and channel shuffles, sampling on a grid."""

from math import prod

import numpy as np

from ..engine.args import Size
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.registry import T, composite, op
from ..engine.storage import channels_last, channels_last_3d, contiguous_format, is_channels_last
from ..engine.warn import warn
from ..errors import BadValue, EngineError, ShapeError, Unsupported
from .arrays import refuse
from .grid_sample import warn_of_corners
from .windows import columns, cropped, exact_sizes, offsets, padded, slices

# ---------------------------------------------------------------- unfold and fold


@op("_im2col", at="", half=False, grad_name="Im2ColBackward0", samples=["r(1, 2, 4, 5), (2, 3), (1, 2), ((1, 1), (0, "
                                                                        "0)), (1, 1), (5, 2)"],
    vjp={"x": lambda k, g, x_shape, kernel, stride, pads, dilation, size:
         k._col2im(g, x_shape[2:], kernel, stride, pads, dilation, size)})
def _im2col(xp, x, kernel: "any", stride: "any", pads: "any", dilation: "any", size: "any"):
    """(N, C * kernel, windows): the windows of x as columns."""
    cols = columns(xp, padded(xp, x, pads), kernel, stride, dilation, size)
    cols = cols.reshape(x.shape[0], x.shape[1] * prod(kernel), prod(size))
    return cols.copy() if np.may_share_memory(cols, x) else cols


@op("_col2im", at="", grad_name="Col2ImBackward0", samples=["r(1, 12, 10), (4, 5), (2, 3), (1, 2), ((1, 1), (0, 0)), "
                                                            "(1, 1), (5, 2)"],
    vjp={"x": lambda k, g, kernel, stride, pads, dilation, size: k._im2col(g, kernel, stride, pads, dilation, size)})
def _col2im(xp, x, spatial: "any", kernel: "any", stride: "any", pads: "any", dilation: "any", size: "any"):
    """Columns added back to where their windows lie: the adjoint of `_im2col`."""
    n, channels = x.shape[0], x.shape[1] // prod(kernel)
    full = tuple(m + low + high for m, (low, high) in zip(spatial, pads, strict=True))
    out = xp.zeros((n, channels, *full), x.dtype)
    cols = x.reshape(n, channels, *kernel, *size)
    for offset in offsets(kernel):
        out[(Ellipsis, *slices(offset, size, stride, dilation))] += cols[(slice(None), slice(None), *offset)]
    return xp.ascontiguousarray(cropped(out, pads, spatial))


def _window_geometry(name: str, spatial, kernel_size, dilation, padding, stride) -> tuple:
    kernel, dilation = exact_sizes(kernel_size, 2, name, "kernel_size"), exact_sizes(dilation, 2, name, "dilation")
    padding, stride = exact_sizes(padding, 2, name, "padding"), exact_sizes(stride, 2, name, "stride")
    for word, values, least in (("kernel size", kernel, 1), ("dilation", dilation, 1), ("stride", stride, 1)):
        if min(values) < least:
            raise EngineError(f"{word} should be greater than zero, but got {word.split()[0]}_height: {values[0]} "
                              f"{word.split()[0]}_width: {values[1]}")
    if min(padding) < 0:
        raise EngineError(f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: {padding[1]}")
    size = tuple((m + 2 * p - d * (k - 1) - 1) // s + 1 for m, p, d, k, s in
                 zip(spatial, padding, dilation, kernel, stride, strict=True))
    return kernel, stride, tuple((p, p) for p in padding), dilation, size


@composite("_f_unfold", at="", also=["F.unfold"], samples=["r(1, 2, 4, 5), 2", "r(2, 4, 4), (2, 3), 1, 1, 2"])
def unfold(x, kernel_size: "any", dilation: "any" = 1, padding: "any" = 0, stride: "any" = 1):
    """The windows of x (N, C, H, W) as columns (N, C * kernel, windows).

    >>> F.unfold(tensor([[[1., 2.], [3., 4.]]]), (1, 2))
    tensor([[1., 3.],
            [2., 4.]])
    """
    shape = x._a.shape
    if len(shape) not in (3, 4) or any(m == 0 for m in shape[-3:]):
        raise ShapeError("Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
                         f"dimensions for input, but got: {list(shape)}")
    refuse(x._a, "iu", "im2col_out_cpu")
    geometry = _window_geometry("unfold", shape[-2:], kernel_size, dilation, padding, stride)
    if min(geometry[-1]) < 1:
        raise ShapeError(f"Given input with spatial size ({shape[-2]}, {shape[-1]}), "
                         f"kernel_size={_pair(geometry[0])}, dilation={_pair(geometry[3])}, "
                         f"padding={_pair([p[0] for p in geometry[2]])}, calculated shape of the array of sliding "
                         f"blocks as {_pair(geometry[-1])}, but its components must be at least one.")
    if len(shape) == 4:
        return T._im2col(x, *geometry)
    return _renamed(T.squeeze(T._im2col(T.unsqueeze(x, 0), *geometry), 0), "Im2ColBackward0")


def _renamed(t, name: str):
    if t._node is not None:
        t._node._name = name
    return t


def _pair(values) -> str:
    return "(" + ", ".join(map(str, values)) + ")"


@composite("fold", at="F", samples=["r(1, 8, 9), (4, 4), 2", "r(8, 4), (4, 4), 2, stride=2"])
def fold(x, output_size: "any", kernel_size: "any", dilation: "any" = 1, padding: "any" = 0, stride: "any" = 1):
    """Columns (N, C * kernel, windows) added up to images (N, C, *output_size): the adjoint of unfold.

    >>> F.fold(ones(4, 1), (2, 2), 2)
    tensor([[[1., 1.],
             [1., 1.]]])
    """
    shape = x._a.shape
    if len(shape) not in (2, 3) or any(m == 0 for m in shape[-2:]):
        raise ShapeError("Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
                         f"dimensions for input, but got: {list(shape)}")
    refuse(x._a, "iu", "col2im_out_cpu")
    target = exact_sizes(output_size, 2, "fold", "output_size")
    geometry = _window_geometry("fold", target, kernel_size, dilation, padding, stride)
    kernel, stride, pads, dilation, size = geometry
    if shape[-2] % prod(kernel):
        raise ShapeError("Expected size of input's dimension 1 to be divisible by the product of kernel_size, but "
                         f"got input.size(1)={shape[-2]} and kernel_size={_pair(kernel)}.")
    given = (f"Given output_size={_pair(target)}, kernel_size={_pair(kernel)}, dilation={_pair(dilation)}, "
             f"padding={_pair([p[0] for p in pads])}, stride={_pair(stride)}")
    if shape[-1] == prod(size) and min(size) < 1:
        raise ShapeError(f"{given}, calculated shape of the array of sliding blocks as {_pair(size)}, which is too small "
                         "(non-positive)")
    if shape[-1] != prod(size):
        raise ShapeError(f"{given}, expected size of input's dimension 2 to match the calculated "
                         f"number of sliding blocks {size[0]} * {size[1]} = {prod(size)}, but got "
                         f"input.size(2)={shape[-1]}.")
    if len(shape) == 3:
        return T._col2im(x, target, *geometry)
    return _renamed(T.squeeze(T._col2im(T.unsqueeze(x, 0), target, *geometry), 0), "Col2ImBackward0")


# ---------------------------------------------------------------- shuffles

def _format_of(x):
    return (channels_last if x.ndim == 4 else channels_last_3d) if is_channels_last(x._a) else contiguous_format


@composite("pixel_shuffle", at="torch F", samples=["r(2, 8, 2, 3), 2",
                                                   "r(4, 1, 2), 2"], grad_name="PixelShuffleBackward0")
def pixel_shuffle(x, upscale_factor: "int"):
    """(*, C r², H, W) to (*, C, H r, W r): channels become finer pixels.

    >>> F.pixel_shuffle(tensor([[[1.]], [[2.]], [[3.]], [[4.]]]), 2)
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    r, shape = upscale_factor, x._a.shape
    if len(shape) < 3:
        raise ShapeError("pixel_shuffle expects input to have at least 3 dimensions, but got input with "
                         f"{len(shape)} dimension(s)")
    if r <= 0:
        raise EngineError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if shape[-3] % (r * r):
        raise ShapeError("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                         f"upscale_factor, but input.size(-3)={shape[-3]} is not divisible by {r * r}")
    lead, (c, h, w) = shape[:-3], shape[-3:]
    y = T.reshape(x, (*lead, c // (r * r), r, r, h, w))
    n = len(lead)
    y = T.permute(y, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return T.clone(T.reshape(y, (*lead, c // (r * r), h * r, w * r)), memory_format=_format_of(x))


@composite("pixel_unshuffle", at="torch F", samples=["r(2, 2, 4, 6), 2",
                                                     "r(1, 4, 2), 2",
                                                     "torch.zeros(0, 1, 6, 6), 3"], grad_name="PixelUnshuffleBackward0")
def pixel_unshuffle(x, downscale_factor: "int"):
    """(*, C, H r, W r) to (*, C r², H, W): the inverse of pixel_shuffle.

    >>> F.pixel_unshuffle(tensor([[[1., 2.], [3., 4.]]]), 2).flatten()
    tensor([1., 2., 3., 4.])
    """
    r, shape = downscale_factor, x._a.shape
    if len(shape) < 3:
        raise ShapeError("pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
                         f"{len(shape)} dimension(s)")
    if r <= 0:
        raise EngineError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    if not x._a.size:
        return T.clone(x)  # as it is: PyTorch changes the shape of tensors with elements only
    for name, n, at in (("height", shape[-2], -2), ("width", shape[-1], -1)):
        if n % r:
            raise ShapeError(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                             f"input.size({at})={n} is not divisible by {r}")
    lead, (c, h, w) = shape[:-3], shape[-3:]
    y = T.reshape(x, (*lead, c, h // r, r, w // r, r))
    n = len(lead)
    y = T.permute(y, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return T.clone(T.reshape(y, (*lead, c * r * r, h // r, w // r)), memory_format=_format_of(x))


@composite("channel_shuffle", at="torch F", also=["torch.native_channel_shuffle", "F.native_channel_shuffle"],
           samples=["r(1, 6, 2), 3"], grad_name="ChannelShuffleBackward0")
def channel_shuffle(x, groups: "int"):
    """The channels of x (N, C, ...) dealt out across groups.

    >>> F.channel_shuffle(tensor([[[1.], [2.], [3.], [4.]]]), 2).flatten()
    tensor([1., 3., 2., 4.])
    """
    shape = x._a.shape
    if len(shape) < 3:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise EngineError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise EngineError("Number of channels must be divisible by groups. Got " + f"{shape[1]} channels and "
                                                                                   f"{groups} groups.")
    y = T.reshape(x, (shape[0], groups, shape[1] // groups, *shape[2:]))
    return T.clone(T.reshape(T.transpose(y, 1, 2), shape), memory_format=_format_of(x))


# ---------------------------------------------------------------- grids

def _axis(n: int, align: bool, dtype):
    """Positions of n places in [-1, 1]."""
    if n <= 1:
        return np.zeros(n, dtype)
    steps = np.linspace(-1, 1, n)
    return (steps if align else steps * (n - 1) / n).astype(dtype)


def _affine(theta, size, align: bool):
    size = Size(size)
    n = len(size) - 2
    if theta._a.dtype.kind not in "fV":
        raise BadValue(f"Expected theta to have floating point type, but got {theta.dtype!r}")
    if n not in (2, 3):
        raise Unsupported("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
                          f"respectively. Got size {size}.")
    if theta._a.ndim != 3 or theta._a.shape[1:] != (n, n + 1):
        raise BadValue(f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
                       f"{theta.shape}.")
    if align and min(size[-n:]) == 1:
        warn("Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. "
             "This is not an intended use case of affine_grid. See the documentation of affine_grid for details.")
    elif min(size) <= 0:
        raise BadValue(f"Expected non-zero, positive output size. Got {size}")
    axes = [_axis(m, align, theta._a.dtype) for m in size[2:]]
    mesh = np.meshgrid(*axes, indexing="ij")[::-1]
    base = np.stack([*mesh, np.ones(size[2:], theta._a.dtype)], -1).reshape(-1, n + 1)
    grid = T.matmul(wrap(module_of(theta._a).asarray(base)), T.transpose(theta, 1, 2))
    return T.reshape(grid, (size[0], *size[2:], n))


@composite("affine_grid", at="F", samples=["r(2, 2, 3), (2, 1, 3, 4)", "r(1, 3, 4), (1, 1, 2, 3, 2), True"],
           grad_name="AffineGridGeneratorBackward0")
def affine_grid(theta, size: "Shape", align_corners: "any" = None):
    """The sampling grid (N, H, W, 2) of a batch of affine maps theta (N, 2, 3), for grid_sample; 3-D likewise.

    >>> F.affine_grid(tensor([[[1., 0., 0.], [0., 1., 0.]]]), (1, 1, 1, 2), align_corners=True)
    tensor([[[[-1.,  0.],
              [ 1.,  0.]]]])
    """
    if align_corners is None:
        warn_of_corners()
    return _affine(theta, size, bool(align_corners))


@composite("affine_grid_generator", at="torch", samples=["r(2, 2, 3) * 1.0, (2, 1, 3, 4), False"],
           grad_name="AffineGridGeneratorBackward0")
def affine_grid_generator(theta, size: "Shape", align_corners: "bool"):
    """affine_grid under its low-level name.

    >>> affine_grid_generator(ones(1, 2, 3), (1, 1, 1, 1), False)
    tensor([[[[1., 1.]]]])
    """
    return _affine(theta, size, align_corners)
