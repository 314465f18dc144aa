"""Parameters as one vector and back, and modules without initial values."""

from __future__ import annotations

from ...engine.registry import T
from ...engine.tensor import Tensor
from ...errors import ArgumentError, EngineError


def parameters_to_vector(parameters):
    """All parameters flattened into one vector."""
    return T.cat([p.reshape(-1) for p in parameters], 0)


def vector_to_parameters(vec, parameters) -> None:
    """Sets the data of all parameters from one vector."""
    if not isinstance(vec, Tensor):
        from ..module import typename

        raise ArgumentError(f"expected torch.Tensor, but got: {typename(vec)}")
    start = 0
    for p in parameters:
        stop = start + p.numel()
        p.data = vec[start:stop].reshape(p.shape).data
        start = stop


def skip_init(module_cls, *args, **kwargs):
    """A module whose parameters have memory but no initial values; the random stream stays where it is."""
    from inspect import signature

    from ..module import Module

    if not issubclass(module_cls, Module):
        raise EngineError(f"Expected a Module; got {module_cls}")
    if "device" not in signature(module_cls).parameters:
        raise EngineError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs, device="meta").to_empty(device=device)
