"""Dropout layers: the identity in evaluation mode."""

from __future__ import annotations

from ..errors import BadValue
from ._make import F, of_args
from .module import Module


class _Dropout(Module):
    _function = "dropout"

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if p < 0 or p > 1:
            raise BadValue(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input):
        return getattr(F, self._function)(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return of_args(self, "p", "inplace")


class Dropout(_Dropout):
    """Sets elements to zero with probability p and scales the others by 1 / (1 - p)."""


class Dropout1d(_Dropout):
    """Sets whole channels of (N, C, L) to zero."""

    _function = "dropout1d"


class Dropout2d(_Dropout):
    """Sets whole channels of (N, C, H, W) to zero."""

    _function = "dropout2d"


class Dropout3d(_Dropout):
    """Sets whole channels of (N, C, D, H, W) to zero."""

    _function = "dropout3d"


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance of SELU activations."""

    _function = "alpha_dropout"

    def forward(self, input):
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels."""

    _function = "feature_alpha_dropout"

    def forward(self, input):
        return F.feature_alpha_dropout(input, self.p, self.training)
