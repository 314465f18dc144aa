"""Padding layers: constant, zero, reflection, replication, circular, for one to three dims."""

from __future__ import annotations

from ..errors import BadValue
from ._make import F, ntuple
from .module import Module


class _Pad(Module):
    _dims = 1
    _mode = "reflect"

    def __init__(self, padding):
        super().__init__()
        self.padding = ntuple(padding, 2 * self._dims)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad1d(_Pad):
    """Mirrors the input at its edges."""


class ReflectionPad2d(_Pad):
    """Mirrors the input at its edges."""

    _dims = 2


class ReflectionPad3d(_Pad):
    """Mirrors the input at its edges."""

    _dims = 3


class ReplicationPad1d(_Pad):
    """Repeats the values at the edges."""

    _mode = "replicate"


class ReplicationPad2d(ReplicationPad1d):
    """Repeats the values at the edges."""

    _dims = 2


class ReplicationPad3d(ReplicationPad1d):
    """Repeats the values at the edges."""

    _dims = 3


class _CircularPad(_Pad):
    _mode = "circular"

    def forward(self, input):
        low = self._dims + 1
        if input.dim() not in (low, low + 1):
            raise BadValue(f"expected {low}D or {low + 1}D input (got {input.dim()}D input)")
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPad):
    """Continues the input with its other end."""


class CircularPad2d(_CircularPad):
    """Continues the input with its other end."""

    _dims = 2


class CircularPad3d(_CircularPad):
    """Continues the input with its other end."""

    _dims = 3


class _ConstantPad(Module):
    _dims = 1

    def __init__(self, padding, value: float):
        super().__init__()
        self.value = value
        self.padding = ntuple(padding, 2 * self._dims)

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Pads with one value."""


class ConstantPad2d(_ConstantPad):
    """Pads with one value."""

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Pads with one value."""

    _dims = 3


class _ZeroPad:
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Pads with zeros."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Pads with zeros."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Pads with zeros."""
