"""The text of a tensor: hands its array and metadata to `format.py`."""

from __future__ import annotations

from . import dtypes
from .device import CPU, move
from .format import tensor_text


def text_of(t) -> str:
    """What `print(tensor)` shows: PyTorch's text."""
    a = t._a
    node = t.grad_fn
    without = hasattr(a, "place")
    return tensor_text(a if without else move(a, CPU), is_meta=without, dtype=t.dtype,
                       device=str(t.device), requires_grad=t._rg,
                       grad_fn_name=node.name() if node is not None else None,
                       default_dtype=dtypes.get_default_dtype())
