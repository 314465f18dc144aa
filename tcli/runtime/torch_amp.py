"""`torch.amp`: autocast on a CPU and the scaler of losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..engine import dtypes
from ..engine.casting import SUPPORTED, eligible
from ..engine.casting import autocast as state
from ..engine.device import as_device, cuda_is_available
from ..engine.tensor import Tensor
from ..errors import BadValue


class autocast:
    """A block, or a function, in which matrix products and convolutions run in half precision: `torch.autocast`.

    dtype: bfloat16 or float16. On a CUDA device ops keep the dtypes of their operands.
    """

    def __init__(self, device_type: str, dtype: dtypes.dtype | None = None, enabled: bool = True,
                 cache_enabled: bool | None = None) -> None:
        if not isinstance(device_type, str):
            raise BadValue(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = as_device(device_type).type
        self.fast_dtype = dtype or (dtypes.float16 if self.device == "cuda" else state.dtype)
        self._cache_enabled = state.keeps if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and self._is_possible()
        self._before: list[tuple[bool, dtypes.dtype, bool]] = []

    def _is_possible(self) -> bool:
        from warnings import warn

        if self.device == "cuda" and not cuda_is_available():
            warn("CUDA is not available or torch_xla is imported. Disabling autocast.", UserWarning, stacklevel=4)
            return False
        if self.device == "cpu" and self.fast_dtype not in SUPPORTED:
            warn("In CPU autocast, but the target dtype is not supported. Disabling autocast.\nCPU Autocast only supports "
                 "dtypes of torch.bfloat16, torch.float16 currently.", UserWarning, stacklevel=4)
            return False
        return True

    def __enter__(self) -> autocast:
        self._before.append((state.on, state.dtype, state.keeps))
        if self.device == "cpu":
            state.dtype, state.keeps = self.fast_dtype, self._cache_enabled
            state.switch(self._enabled)
        state.depth += 1
        return self

    def __exit__(self, *_error: Any) -> None:
        state.depth -= 1
        if not state.depth:
            state.kept.clear()
        on, state.dtype, state.keeps = self._before.pop()
        if self.device == "cpu":
            state.switch(on)

    def __call__(self, function: Callable) -> Callable:
        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)
        return inside


autocast.__module__ = "torch.amp.autocast_mode"


def of_device(device: str) -> Callable:
    """`torch.cpu.amp.autocast`: the old form for one type of device."""
    def make(enabled: bool = True, dtype: dtypes.dtype | None = None, cache_enabled: bool = True) -> autocast:
        from warnings import warn

        warn(f"`torch.{device}.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('{device}', args...)` "
             "instead.", FutureWarning, stacklevel=3)
        return autocast(device, dtype or (dtypes.bfloat16 if device == "cpu" else dtypes.float16), enabled, cache_enabled)

    make.__name__ = make.__qualname__ = "autocast"
    return make


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: dtypes.dtype | None = None) -> Callable:
    """Decorates `forward` of a `Function`: under autocast its tensors are cast to `cast_inputs`, and it runs without."""
    if fwd is None:
        return lambda function: custom_fwd(function, device_type=device_type, cast_inputs=cast_inputs)

    @wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        args[0]._fwd_used_autocast = state.on and cast_inputs is None
        if cast_inputs is None or not state.on:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*(_cast(each, cast_inputs) for each in args), **{name: _cast(each, cast_inputs) for name, each in
                                                                      kwargs.items()})
    return forward


def _cast(value: Any, d: dtypes.dtype) -> Any:
    return value.to(d) if isinstance(value, Tensor) and eligible(value) else value


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Callable:
    """Decorates `backward` of a `Function`: it runs with autocast where `forward` did."""
    if bwd is None:
        return lambda function: custom_bwd(function, device_type=device_type)

    @wraps(bwd)
    def backward(*args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=getattr(args[0], "_fwd_used_autocast", False)):
            return bwd(*args, **kwargs)
    return backward


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a type of device."""
    return device_type == "cpu" and state.on


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """What autocast casts to on a type of device."""
    return state.dtype if device_type == "cpu" else dtypes.float16


def set_autocast_enabled(device_type: str | bool, enabled: bool = False) -> None:
    """Turns autocast on or off for a type of device."""
    if device_type == "cpu":
        state.switch(enabled)


def set_autocast_dtype(device_type: str, dtype: dtypes.dtype) -> None:
    """Sets what autocast casts to on a type of device."""
    if device_type == "cpu":
        state.dtype = dtype


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Whether casts of parameters are kept for the length of a block."""
    state.keeps = enabled


def names() -> dict[str, Any]:
    """The functions about autocast that `torch` itself has."""
    return {"autocast": autocast, "is_autocast_enabled": is_autocast_enabled, "get_autocast_dtype": get_autocast_dtype,
            "set_autocast_enabled": set_autocast_enabled, "set_autocast_dtype": set_autocast_dtype,
            "is_autocast_cpu_enabled": lambda: state.on, "get_autocast_cpu_dtype": lambda: state.dtype,
            "set_autocast_cpu_enabled": lambda enabled: state.switch(enabled),
            "set_autocast_cpu_dtype": lambda dtype: set_autocast_dtype("cpu", dtype),
            "get_autocast_gpu_dtype": lambda: dtypes.float16,
            "is_autocast_cache_enabled": lambda: state.keeps, "set_autocast_cache_enabled": set_autocast_cache_enabled,
            "clear_autocast_cache": state.kept.clear}
