"""Whole numbers read from text: int64, but with the means that people ask of them.

PyTorch refuses `mean` of integers, and text does not say whether `1 2 3` are counts or measurements. So
these tensors take the default dtype where a method would refuse; everything else is as for any int64.
"""

from __future__ import annotations

from ..engine import dtypes, overrides
from ..engine.tensor import Tensor, from_numpy


class WholeNumbers(Tensor):
    """An int64 tensor from text."""

    __torch_function__ = overrides.disabled


def _averaging(name: str):
    def method(self, *args, **kwargs):
        if "dtype" in kwargs:
            return getattr(self.as_plain(), name)(*args, **kwargs)
        # In float64 first: a float32 does not count to a hundred million.
        return getattr(self.as_plain().to(dtypes.float64), name)(*args, **kwargs).to(dtypes.get_default_dtype())

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name}` in the default dtype."
    return method


def _as_plain(self) -> Tensor:
    return self.as_subclass(Tensor)


for _name in ("mean", "std", "var", "softmax", "log_softmax", "quantile", "norm", "nanmean"):
    setattr(WholeNumbers, _name, _averaging(_name))
WholeNumbers.as_plain = _as_plain
WholeNumbers.__name__, WholeNumbers.__qualname__, WholeNumbers.__module__ = "Tensor", "Tensor", Tensor.__module__


def whole_numbers(array) -> Tensor:
    """A tensor of whole numbers over an int64 array."""
    return from_numpy(array).as_subclass(WholeNumbers)
