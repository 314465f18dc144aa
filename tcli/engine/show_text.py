"""The text of a tensor: hands its array and metadata to `format.py`."""

from __future__ import annotations

from . import dispatch, dtypes, overrides
from .device import CPU, move
from .format import tensor_text


def _prefix(kind: type) -> str:
    return f"{kind.__name__}(" if overrides.answers(kind) and kind is not dispatch.Tensor else "tensor("


def text_of(t) -> str:
    """What `print(tensor)` shows: PyTorch's text."""
    a = t._a
    node = t.grad_fn
    without = hasattr(a, "place")
    return tensor_text(a if without else move(a, CPU), is_meta=without, dtype=t.dtype,
                       device=str(t.device), requires_grad=t._rg,
                       grad_fn_name=node.name() if node is not None else None, prefix=_prefix(type(t)),
                       default_dtype=dtypes.get_default_dtype())
