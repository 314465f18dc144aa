"""Pooling layers."""

from __future__ import annotations

from ..errors import BadValue
from ._make import F, ntuple, of_args
from .module import Module


class _MaxPool(Module):
    _function = ""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices: bool = False,
                 ceil_mode: bool = False):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input):
        return getattr(F, self._function)(input, self.kernel_size, self.stride, self.padding, self.dilation,
                                          ceil_mode=self.ceil_mode, return_indices=self.return_indices)

    def extra_repr(self) -> str:
        return of_args(self, "kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaxPool1d(_MaxPool):
    """The maximum of each window of (N, C, L)."""

    _function = "max_pool1d"


class MaxPool2d(_MaxPool):
    """The maximum of each window of (N, C, H, W).

    >>> nn.MaxPool2d(2)(arange(16.).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    _function = "max_pool2d"


class MaxPool3d(_MaxPool):
    """The maximum of each window of (N, C, D, H, W)."""

    _function = "max_pool3d"


class _MaxUnpool(Module):
    _dims = 1

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        n = self._dims
        self.kernel_size = ntuple(kernel_size, n)
        self.stride = ntuple(kernel_size if stride is None else stride, n)
        self.padding = ntuple(padding, n)

    def forward(self, input, indices, output_size=None):
        unpool = getattr(F, f"max_unpool{self._dims}d")
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return of_args(self, "kernel_size", "stride", "padding")


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima back where `MaxPool1d` found them."""


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima back where `MaxPool2d` found them."""

    _dims = 2


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima back where `MaxPool3d` found them."""

    _dims = 3


class AvgPool1d(Module):
    """The mean of each window of (N, C, L)."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode: bool = False, count_include_pad: bool = True):
        super().__init__()
        self.kernel_size = ntuple(kernel_size, 1)
        self.stride = ntuple(kernel_size if stride is None else stride, 1)
        self.padding = ntuple(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input):
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                            self.count_include_pad)

    def extra_repr(self) -> str:
        return of_args(self, "kernel_size", "stride", "padding")


class AvgPool2d(Module):
    """The mean of each window of (N, C, H, W)."""

    _function = "avg_pool2d"

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode: bool = False, count_include_pad: bool = True,
                 divisor_override: int | None = None):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input):
        return getattr(F, self._function)(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                                          self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        return of_args(self, "kernel_size", "stride", "padding")


class AvgPool3d(AvgPool2d):
    """The mean of each window of (N, C, D, H, W)."""

    _function = "avg_pool3d"


class _FractionalMaxPool(Module):
    _dims = 2

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices: bool = False,
                 _random_samples=None):
        super().__init__()
        n, name = self._dims, type(self).__name__
        if n == 3 and not all(k > 0 for k in ntuple(kernel_size, n)):
            raise BadValue(f"kernel_size must be greater than 0, but got {kernel_size}")
        self.kernel_size, self.return_indices = ntuple(kernel_size, n), return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else ntuple(output_size, n)
        self.output_ratio = None if output_ratio is None else ntuple(output_ratio, n)
        if output_size is None and output_ratio is None:
            raise BadValue(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise BadValue("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise BadValue(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        pool = getattr(F, f"fractional_max_pool{self._dims}d")
        return pool(input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices,
                    _random_samples=self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maximum pooling in windows of random sizes (Graham, 2014)."""


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maximum pooling in windows of random sizes (Graham, 2014)."""

    _dims = 3


class _LPPool(Module):
    _function = ""

    def __init__(self, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input):
        return getattr(F, self._function)(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return of_args(self, "norm_type", "kernel_size", "stride", "ceil_mode")


class LPPool1d(_LPPool):
    """The p-norm of each window of (N, C, L)."""

    _function = "lp_pool1d"


class LPPool2d(_LPPool):
    """The p-norm of each window of (N, C, H, W)."""

    _function = "lp_pool2d"


class LPPool3d(_LPPool):
    """The p-norm of each window of (N, C, D, H, W)."""

    _function = "lp_pool3d"


class _AdaptiveMaxPool(Module):
    _function = ""

    def __init__(self, output_size, return_indices: bool = False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input):
        return getattr(F, self._function)(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maximum pooling to a given output size."""

    _function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maximum pooling to a given output size."""

    _function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maximum pooling to a given output size."""

    _function = "adaptive_max_pool3d"


class _AdaptiveAvgPool(Module):
    _function = ""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return getattr(F, self._function)(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Mean pooling to a given output size."""

    _function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Mean pooling to a given output size."""

    _function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Mean pooling to a given output size."""

    _function = "adaptive_avg_pool3d"
