"""Convolution layers of one to three dims, and their transposes."""

from __future__ import annotations

import math

from ..errors import BadValue
from . import init
from ._make import F, new_parameter, ntuple
from .linear import reset_bias
from .module import Module

_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What all convolutions share; `_dims` is the number of spatial dims."""

    _dims = 2
    transposed = False

    def _setup(self, in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
               padding_mode, device, dtype) -> None:
        n = self._dims
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = ntuple(kernel_size, n), ntuple(stride, n)
        self.padding = padding if isinstance(padding, str) else ntuple(padding, n)
        self.dilation, self.output_padding = ntuple(dilation, n), ntuple(output_padding, n)
        self.transposed, self.groups, self.padding_mode = type(self).transposed, groups, padding_mode
        self._check()
        self._reversed_padding_repeated_twice = self._edges()
        self._make_parameters(bias, device, dtype)
        self.reset_parameters()

    def _check(self) -> None:
        if self.groups <= 0:
            raise BadValue("groups must be a positive integer")
        if self.in_channels % self.groups:
            raise BadValue("in_channels must be divisible by groups")
        if self.out_channels % self.groups:
            raise BadValue("out_channels must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise BadValue(f"Invalid padding string {self.padding!r}, should be one of {{'same', 'valid'}}")
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise BadValue("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in _MODES:
            raise BadValue("padding_mode must be one of {" + ", ".join(map(repr, _MODES)) + "}, but got padding_mode="
                           f"'{self.padding_mode}'")

    def _edges(self) -> list[int]:
        """The padding as `F.pad` wants it: (left, right) of the last dim first."""
        found: list[int] = []
        for i in reversed(range(self._dims)):
            if isinstance(self.padding, str):
                total = self.dilation[i] * (self.kernel_size[i] - 1) if self.padding == "same" else 0
                found += [total // 2, total - total // 2]
            else:
                found += [self.padding[i]] * 2
        return found

    def _weight_shape(self) -> tuple:
        if self.transposed:
            return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def _make_parameters(self, bias: bool, device, dtype) -> None:
        self.weight = new_parameter(*self._weight_shape(), device=device, dtype=dtype)
        if bias:
            self.bias = new_parameter(self.out_channels, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)

    def reset_parameters(self) -> None:
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        reset_bias(self.weight, self.bias)

    def extra_repr(self) -> str:
        n = self._dims
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text + (f", padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "")


class _Forward(_Conv):
    """A convolution."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size, stride=1, padding=0, dilation=1,
                 groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device=None, dtype=None):
        super().__init__()
        self._setup(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode,
                    device, dtype)

    def _conv_forward(self, input, weight, bias):
        convolve = getattr(F, f"conv{self._dims}d")
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = (0,) * self._dims
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Forward):
    """Convolution of (N, C, L) or (C, L); weight (out, in / groups, k)."""

    _dims = 1


class Conv2d(_Forward):
    """Convolution of (N, C, H, W) or (C, H, W); weight (out, in / groups, kh, kw).

    >>> nn.Conv2d(1, 4, 3, padding=1)(ones(2, 1, 8, 8)).shape
    torch.Size([2, 4, 8, 8])
    """


class Conv3d(_Forward):
    """Convolution of (N, C, D, H, W) or (C, D, H, W)."""

    _dims = 3


class _Transposed(_Conv):
    """A transposed convolution: the gradient of a convolution, used forwards."""

    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size, stride=1, padding=0, output_padding=0,
                 groups: int = 1, bias: bool = True, dilation=1, padding_mode: str = "zeros", device=None,
                 dtype=None):
        super().__init__()
        if padding_mode != "zeros":
            raise BadValue(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._setup(in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
                    padding_mode, device, dtype)

    def forward(self, input, output_size=None):
        convolve = getattr(F, f"conv_transpose{self._dims}d")
        return convolve(input, self.weight, self.bias, self.stride, self.padding,
                        self._output_padding(input, output_size), self.groups, self.dilation)

    def _output_padding(self, input, output_size) -> tuple:
        if output_size is None:
            return self.output_padding
        n = self._dims
        lead = 2 if input.dim() == n + 2 else 1
        sizes = output_size[lead:] if len(output_size) == lead + n else output_size
        if len(sizes) != n:
            raise BadValue(f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {lead + n} "
                           f"elements (got {len(sizes)})")
        smallest = [(input.shape[d + lead] - 1) * self.stride[d] - 2 * self.padding[d]
                    + self.dilation[d] * (self.kernel_size[d] - 1) + 1 for d in range(n)]
        largest = [smallest[d] + self.stride[d] - 1 for d in range(n)]
        for size, low, high in zip(sizes, smallest, largest, strict=True):
            if not low <= size <= high:
                raise BadValue(f"requested an output size of {sizes}, but valid sizes range from {smallest} to "
                               f"{largest} (for an input of {input.size()[2:]})")
        return tuple(size - low for size, low in zip(sizes, smallest, strict=True))


class ConvTranspose1d(_Transposed):
    """Transposed convolution of (N, C, L) or (C, L); weight (in, out / groups, k)."""

    _dims = 1


class ConvTranspose2d(_Transposed):
    """Transposed convolution of (N, C, H, W) or (C, H, W)."""


class ConvTranspose3d(_Transposed):
    """Transposed convolution of (N, C, D, H, W) or (C, D, H, W)."""

    _dims = 3
