"""What `torch` has beside tensors and ops: settings, threads, devices, comparison, saved random state.

`table()` are names of `torch` itself, `SPACES` the small submodules. Settings that have no meaning
here (cudnn flags, matmul precision) are accepted and remembered.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..engine import autograd, device, dtypes, format
from ..engine.class_names import named_as_in_torch
from ..engine.tensor import Parameter, Tensor, _legacy, is_tensor
from ..engine.threads import get_num_threads, set_num_threads


class _OfDtype(type):
    """`isinstance(x, torch.FloatTensor)`: whether x is a tensor of that dtype on the CPU."""

    dtype: dtypes.dtype

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.dtype is cls.dtype and value.is_cpu


def _constructor(name: str, d: dtypes.dtype) -> type:
    """`torch.FloatTensor(2, 3)`: the old way to make a tensor of one dtype."""
    class Constructor(metaclass=_OfDtype):
        dtype = d

        def __new__(cls, *args, **kwargs):
            return _legacy(d, args, kwargs)

    Constructor.__name__ = Constructor.__qualname__ = name
    return Constructor


def set_default_device(where) -> None:
    """New tensors are made on this device."""
    device.set_default_device(where)


def set_default_tensor_type(kind) -> None:
    """`torch.set_default_tensor_type(torch.DoubleTensor)`."""
    dtypes.set_default_dtype(kind.dtype if hasattr(kind, "dtype") else
                             dtypes.float64 if "Double" in str(kind) else dtypes.float32)


def identity_decorator(fn=None, *args, **kwargs):
    """`torch.compile`, `torch.jit.script`: programs run as they are."""
    return fn if fn is not None else identity_decorator


class _Nothing:
    """A context manager that does nothing: `torch.autocast` on a CPU in float32."""

    def __init__(self, *args, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        pass

    def __call__(self, fn):
        return fn

    def __repr__(self) -> str:
        return f"{type(self).__name__}(), which does nothing here"


class autocast(_Nothing):
    """`torch.autocast`: ops keep the dtypes of their operands."""


class save_on_cpu(_Nothing):
    """Where values saved for backward live does not change."""


class sdpa_kernel(_Nothing):
    """There is one attention kernel."""


def table() -> dict:
    from ..engine import fuse, waiting
    from ..engine.dispatch import result_type

    found: dict[str, Any] = {
        f"{dtypes.SCALAR_NAMES[d.name]}Tensor": _constructor(f"{dtypes.SCALAR_NAMES[d.name]}Tensor", d)
        for d in dtypes.ALL if d.itemsize > 1 or d.category < dtypes.FLOAT}
    found.update(
        get_default_dtype=dtypes.get_default_dtype, set_default_dtype=dtypes.set_default_dtype,
        promote_types=dtypes.promote_types, set_default_tensor_type=set_default_tensor_type,
        set_printoptions=format.set_printoptions, get_num_threads=get_num_threads, set_num_threads=set_num_threads,
        get_num_interop_threads=lambda: 1, set_num_interop_threads=lambda n: None,
        set_default_device=set_default_device, get_default_device=device.default_device,
        memory_summary=waiting.memory_summary, set_memory_pool=waiting.set_memory_pool, set_fusion=fuse.set_fusion,
        compile=identity_decorator, autocast=autocast, typename=typename, is_tensor=is_tensor,
        use_deterministic_algorithms=lambda mode, **kw: None, are_deterministic_algorithms_enabled=lambda: True,
        set_float32_matmul_precision=lambda precision: None, get_float32_matmul_precision=lambda: "highest",
        result_type=lambda a, b: result_type([a, b]), is_storage=lambda x: type(x).__name__ == "Storage",
        set_flush_denormal=lambda mode: False, is_warn_always_enabled=lambda: False, set_warn_always=lambda b: None,
        is_deterministic_algorithms_warn_only_enabled=lambda: False, initial_seed=_initial_seed,
        Storage=object, UntypedStorage=object, default_generator=_default_generator())
    from ..io import torch_functions

    return found | torch_functions()


def _default_generator():
    from ..engine.random import default_generator

    return default_generator


def _initial_seed() -> int:
    return _default_generator().initial_seed()


def typename(obj) -> str:
    """`torch.FloatTensor` for a tensor, the qualified class name for anything else."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if hasattr(obj, "__qualname__") or hasattr(obj, "__name__") else type(obj)
    name = getattr(kind, "__qualname__", None) or kind.__name__
    module = getattr(named_as_in_torch(kind), "__module__", "") or ""
    return name if module in ("", "builtins") else f"{module}.{name}"


# ---------------------------------------------------------------- small submodules

def _autograd() -> dict:
    from ..engine.autograd import (
        Function,
        backward,
        detect_anomaly,
        enable_grad,
        grad,
        inference_mode,
        no_grad,
        once_differentiable,
        saved_tensors_hooks,
        set_detect_anomaly,
        set_grad_enabled,
    )
    from .namespaces import tree

    found = {"grad": grad, "backward": backward, "Function": Function, "no_grad": no_grad, "enable_grad": enable_grad,
             "set_grad_enabled": set_grad_enabled, "inference_mode": inference_mode,
             "set_detect_anomaly": set_detect_anomaly, "detect_anomaly": detect_anomaly, "Variable": variable,
             "function": SimpleNamespace(once_differentiable=once_differentiable, Function=Function),
             "graph": SimpleNamespace(saved_tensors_hooks=saved_tensors_hooks, save_on_cpu=save_on_cpu),
             "grad_mode": SimpleNamespace(no_grad=no_grad, enable_grad=enable_grad, set_grad_enabled=set_grad_enabled),
             "is_grad_enabled": autograd.is_grad_enabled, "functional": tree("torch.autograd.functional"),
             "forward_ad": tree("torch.autograd.forward_ad"), "profiler": tree("torch.autograd.profiler")}
    try:
        from ..func.gradcheck import gradcheck, gradgradcheck
    except ImportError:
        return found
    return found | {"gradcheck": gradcheck, "gradgradcheck": gradgradcheck}


def variable(data, requires_grad: bool = False, volatile=None):
    """The old `Variable`: the tensor itself, a leaf that may require a gradient."""
    t = data.detach() if isinstance(data, Tensor) else data
    return t.requires_grad_(requires_grad)


def _cuda() -> dict:
    from . import torch_cuda

    return torch_cuda.names(_amp_space())


def _amp_space() -> SimpleNamespace:
    return SimpleNamespace(autocast=autocast, GradScaler=GradScaler)


class GradScaler:
    """Scales nothing: in float32 no gradient needs it."""

    def __init__(self, *args, **kwargs):
        pass

    def __repr__(self) -> str:
        return "GradScaler(), which scales nothing here"

    def scale(self, loss):
        return loss

    def step(self, optimizer):
        return optimizer.step()

    def update(self, new_scale=None) -> None:
        pass

    def unscale_(self, optimizer) -> None:
        pass

    def is_enabled(self) -> bool:
        return False

    def get_scale(self) -> float:
        return 1.0

    def state_dict(self) -> dict:
        return {}

    def load_state_dict(self, state_dict: dict) -> None:
        pass


def _accelerator() -> dict:
    """`torch.accelerator`: the GPU where there is one."""
    def current_accelerator(check_available: bool = False):
        return device.Device("cuda") if device.cuda_is_available() else None

    from . import torch_cuda

    return {"is_available": device.cuda_is_available, "device_count": torch_cuda.device_count,
            "current_accelerator": current_accelerator, "current_device_index": torch_cuda.current_device,
            "set_device_index": torch_cuda.set_device, "synchronize": torch_cuda.synchronize,
            "empty_cache": torch_cuda.empty_cache, "memory_allocated": torch_cuda.memory_allocated}


def _backends() -> dict:
    from . import torch_backends

    return torch_backends.names()


def _random() -> dict:
    from ..engine.registry import functions, paths

    found = {}
    for name in ("manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state", "fork_rng"):
        path = "torch." + name
        if path in functions:
            found[name] = functions[path]
        elif path in paths:
            found[name] = paths[path].function
    return found | {"thread_safe_generator": lambda: None}  # there are no workers with generators of their own


def _utils() -> dict:
    from .namespaces import tree

    return {"data": tree("torch.utils.data"), "checkpoint": tree("torch.utils.checkpoint")}


def checkpoint(function, *args, use_reentrant=None, context_fn=None, determinism_check: str = "default",
               debug: bool = False, early_stop: bool = True, **kwargs):
    """`torch.utils.checkpoint.checkpoint`: calls the function; its intermediates stay on the tape."""
    return function(*args, **kwargs)


def checkpoint_sequential(functions, segments: int, input, use_reentrant=None, **kwargs):
    """`torch.utils.checkpoint.checkpoint_sequential`: calls the functions one after the other."""
    for function in functions.children() if hasattr(functions, "children") else functions:
        input = function(input)
    return input


def _parallel() -> dict:
    from ..nn import DataParallel

    return {"DataParallel": DataParallel}


def _parameter() -> dict:
    from ..nn import Buffer, UninitializedBuffer, UninitializedParameter
    from ..nn.lazy import is_lazy

    return {"is_lazy": is_lazy, "Parameter": Parameter, "Buffer": Buffer, "UninitializedParameter": UninitializedParameter,
            "UninitializedBuffer": UninitializedBuffer}


def _attention() -> dict:
    from enum import Enum, IntEnum

    class SDPBackend(IntEnum):
        __str__ = Enum.__str__
        ERROR, MATH, FLASH_ATTENTION, EFFICIENT_ATTENTION, CUDNN_ATTENTION, OVERRIDEABLE = -1, 0, 1, 2, 3, 4

    return {"SDPBackend": SDPBackend, "sdpa_kernel": sdpa_kernel}


def _signal() -> dict:
    from ..engine.registry import functions, paths

    prefix = "signal.windows."
    names = {p[len(prefix):]: (paths[p].function if p in paths else functions[p])
             for p in [*paths, *functions] if p.startswith(prefix)}
    return {"windows": SimpleNamespace(**names)}


def _linalg() -> dict:
    from ..errors import LinAlgError

    return {"LinAlgError": LinAlgError}


def _profiler() -> dict:
    from . import torch_profiler

    return torch_profiler.names()


def _old_profiler() -> dict:
    from . import torch_profiler

    return torch_profiler.autograd_names()


def _jit() -> dict:
    from typing import Final

    same: dict[str, Any] = dict.fromkeys(
        "script ignore export unused interface script_method script_if_tracing freeze optimize_for_inference".split(),
        identity_decorator)
    return same | {"trace": lambda fn, *args, **kwargs: fn, "is_scripting": lambda: False, "is_tracing": lambda: False,
                   "annotate": lambda kind, value: value, "isinstance": isinstance, "Final": Final}


def _testing() -> dict:
    from .assert_close import assert_close
    from .torch_testing import make_tensor

    return {"assert_close": assert_close, "make_tensor": make_tensor}


def _version() -> dict:
    from .namespaces import TORCH_VERSION

    return {"__version__": TORCH_VERSION, "cuda": None, "hip": None, "git_version": ""}


SPACES = {
    "autograd": _autograd, "accelerator": _accelerator, "cuda": _cuda, "backends": _backends, "random": _random,
    "utils": _utils, "signal": _signal, "linalg": _linalg, "jit": _jit, "testing": _testing,
    "version": _version,
    "amp": lambda: {"autocast": autocast, "GradScaler": GradScaler}, "mps": lambda: {"is_available": lambda: False},
    "xpu": lambda: {"is_available": lambda: False}, "compiler": lambda: {"disable": identity_decorator},
    "cpu": lambda: {"is_available": lambda: True}, "nn.parameter": _parameter,
    "nn.parallel": _parallel, "nn.attention": _attention,
    "utils.checkpoint": lambda: {"checkpoint": checkpoint, "checkpoint_sequential": checkpoint_sequential},
    "profiler": _profiler, "autograd.profiler": _old_profiler, "types": lambda: {"Number": float, "Device": device.Device},
    "return_types": lambda: {}, "overrides": lambda: {}, "multiprocessing": lambda: {}, "sparse": lambda: {},
    "hub": lambda: {}, "nested": lambda: {},
}

