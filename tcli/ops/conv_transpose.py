"""Transposed convolutions, the general `convolution` and the time-first `conv_tbc`."""

from ..engine.registry import T, composite
from ..errors import EngineError, ShapeError
from .conv import _by, _spatial, check_conv, convolve, same_types, unbatched

_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def _check_output_padding(n: int, extra, stride, dilation) -> None:
    if any(e < 0 for e in extra):
        raise EngineError("negative output_padding is not supported")
    if any(e >= s and e >= d for e, s, d in zip(extra, stride, dilation, strict=True)):
        # PyTorch computes one dim as two and names them so.
        pad = (1,) if n == 1 else ()
        names = _NAMES[2 if n == 1 else n]
        extra = (*(0,) * len(pad), *extra)
        listed = [f"{word}_{dim}: {v}" for word, values in
                  (("output_padding", extra), ("stride", (*pad, *stride)), ("dilation", (*pad, *dilation)))
                  for dim, v in zip(names, values, strict=True)]
        raise EngineError("output padding must be smaller than either stride or "
                          "dilation, but got " + " ".join(listed))


def transposed(name: str, n: int, x, weight, bias, stride, padding, output_padding, groups: int, dilation):
    """conv_transpose1d..3d: the input gradient of a convolution, taken as a layer."""
    shape = x._a.shape
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of "
                         f"size: {list(shape)}")
    batched = len(shape) == n + 2
    if not batched:
        x = T.unsqueeze(x, 0)
    if weight._a.ndim < 3:
        raise EngineError("weight should have at least three dimensions")
    if weight._a.ndim != n + 2:
        raise EngineError(f"expected stride to be a single integer value or a list of {weight._a.ndim - 2} values to "
                          "match the convolution dimensions, but got "
                          f"stride={list(_spatial(n, 'stride', stride, name))}")
    stride, dilation = _spatial(n, "stride", stride, name), _spatial(n, "dilation", dilation, name)
    padding, extra = _spatial(n, "padding", padding, name), _spatial(n, "output_padding", output_padding, name)
    raw_bias = bias._a if bias is not None else None
    same_types(x._a, weight._a, raw_bias)
    check_conv(x._a, weight._a, raw_bias, stride, padding, dilation, groups, True)
    _check_output_padding(n, extra, stride, dilation)
    size = tuple((i - 1) * s - 2 * p + d * (k - 1) + e + 1 for i, s, p, d, k, e in
                 zip(x._a.shape[2:], stride, padding, dilation, weight._a.shape[2:], extra, strict=True))
    if any(s < 1 for s in size):
        given, found = (_by((1,) * (n == 1) + tuple(sizes)) for sizes in (x._a.shape[2:], size))
        raise ShapeError(f"Given input size per channel: ({given}). Calculated output size per channel: ({found}). "
                         "Output size is too small")
    y = T._conv_input(x, weight, bias, (stride, tuple((p, p) for p in padding), dilation, groups), size)
    return y if batched else unbatched(y)


@composite("conv_transpose1d", at="torch F",
           samples=["r(2, 3, 5), r(3, 4, 3), r(4)", "r(2, 4, 5), r(4, 3, 3), r(6), 2, 1, 1, 2, 2",
                    "r(3, 5), r(3, 2, 2)"])
def conv_transpose1d(x, weight, bias: "Tensor?" = None, stride: "any" = 1, padding: "any" = 0,
                     output_padding: "any" = 0, groups: "int" = 1, dilation: "any" = 1):
    """Spreads x (N, C, L) through weight (C, O / groups, K): the adjoint of conv1d.

    >>> F.conv_transpose1d(tensor([[[1., 2.]]]), tensor([[[1., 1.]]]))
    tensor([[[1., 3., 2.]]])
    """
    return transposed("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite("conv_transpose2d", at="torch F",
           samples=["r(2, 3, 3, 4), r(3, 4, 3, 2), r(4)", "r(1, 4, 3, 3), r(4, 1, 3, 3), r(2), 2, 1, 1, 2",
                    "r(1, 2, 3, 3), r(2, 1, 2, 2), stride=2, groups=2", "r(3, 4, 4), r(3, 2, 2, 2), dilation=2"])
def conv_transpose2d(x, weight, bias: "Tensor?" = None, stride: "any" = 1, padding: "any" = 0,
                     output_padding: "any" = 0, groups: "int" = 1, dilation: "any" = 1):
    """Spreads x (N, C, H, W) through weight (C, O / groups, KH, KW): the adjoint of conv2d.

    >>> F.conv_transpose2d(ones(1, 1, 1, 2), ones(1, 1, 1, 2), stride=(1, 2))
    tensor([[[[1., 1., 1., 1.]]]])
    """
    return transposed("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite("conv_transpose3d", at="torch F",
           samples=["r(1, 2, 2, 3, 2), r(2, 3, 2, 2, 2), r(3)", "r(1, 2, 2, 2, 2), r(2, 1, 2, 2, 2), None, 2, 1, 1"])
def conv_transpose3d(x, weight, bias: "Tensor?" = None, stride: "any" = 1, padding: "any" = 0,
                     output_padding: "any" = 0, groups: "int" = 1, dilation: "any" = 1):
    """Spreads x (N, C, D, H, W) through weight (C, O / groups, KD, KH, KW): the adjoint of conv3d.

    >>> F.conv_transpose3d(ones(1, 1, 1, 1, 1), ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 1.]]]]])
    """
    return transposed("conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite("convolution", at="torch", samples=["r(2, 3, 8), r(4, 3, 3), r(4), [1], [0], [1], False, [0], 1",
                                                "r(2, 3, 4), r(3, 4, 3), None, [2], [0], [1], True, [1], 1"])
def convolution(x, weight, bias: "Tensor?", stride: "any", padding: "any", dilation: "any", transposed: "bool",
                output_padding: "any", groups: "int"):
    """The convolution behind conv1d..3d and conv_transpose1d..3d; all arguments are given.

    >>> convolution(ones(1, 1, 3), ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """
    n = weight._a.ndim - 2
    if transposed:
        return _transposed_any(n, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolve("convolution", n, x, weight, bias, stride, padding, dilation, groups)


def _transposed_any(n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    return transposed("convolution", n, x, weight, bias, stride, padding, output_padding, groups, dilation)


@composite("conv_tbc", at="torch F", samples=["r(5, 2, 3), r(2, 3, 4), r(4), 1", "r(5, 2, 3), r(3, 3, 4), r(4)"],
           grad_name="ConvTbcBackward0")
def conv_tbc(x, weight, bias, pad: "int" = 0):
    """A 1-d convolution of a sequence in (time, batch, channels) order; weight is (K, C, O).

    >>> conv_tbc(ones(3, 1, 1), ones(2, 1, 1), zeros(1)).shape
    torch.Size([2, 1, 1])
    """
    if x._a.ndim != 3:
        raise ShapeError("Input must have 3 dims: time, batch, in_channel")
    if weight._a.ndim != 3:
        raise ShapeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if x._a.shape[2] != weight._a.shape[1]:
        raise ShapeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    y = T.conv1d(T.permute(x, (1, 2, 0)), T.permute(weight, (2, 1, 0)), bias, padding=pad)
    return T.permute(y, (2, 0, 1))
