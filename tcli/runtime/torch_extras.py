"""What `torch` has beside tensors and ops: settings, threads, devices, comparison, saved random state.

`table()` are names of `torch` itself, `SPACES` the small submodules. Settings that have no meaning
here (cudnn flags, matmul precision) are accepted and remembered.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

from ..engine import autograd, device, dtypes, format
from ..engine.class_names import named_as_in_torch
from ..engine.tensor import Parameter, Tensor, is_tensor, legacy_tensor
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
            return legacy_tensor(d, args, kwargs)

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
    """A context manager that does nothing."""

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


class sdpa_kernel(_Nothing):
    """There is one attention kernel."""


_DETERMINISTIC = """use_deterministic_algorithms are_deterministic_algorithms_enabled get_deterministic_debug_mode
    is_deterministic_algorithms_warn_only_enabled set_deterministic_debug_mode""".split()


def table() -> dict:
    from ..engine import deterministic, fuse, waiting, warn
    from ..engine.dispatch import result_type
    from ..engine.storages import TypedStorage, UntypedStorage, legacy_classes

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
        compile=identity_decorator, typename=typename, is_tensor=is_tensor,
        **{name: getattr(deterministic, name) for name in _DETERMINISTIC},
        set_float32_matmul_precision=lambda precision: None, get_float32_matmul_precision=lambda: "highest",
        result_type=lambda a, b: result_type([a, b]),
        is_storage=lambda x: isinstance(x, (TypedStorage, UntypedStorage)),
        set_flush_denormal=lambda mode: False, is_warn_always_enabled=warn.is_warn_always_enabled,
        set_warn_always=warn.set_warn_always, initial_seed=_initial_seed,
        **legacy_classes(), UntypedStorage=UntypedStorage, TypedStorage=TypedStorage, Storage=TypedStorage,
        default_generator=_default_generator())
    from ..io import torch_functions
    from .torch_amp import names

    return found | names() | torch_functions()


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
        set_detect_anomaly,
        set_grad_enabled,
    )
    from .namespaces import tree

    found = {"grad": grad, "backward": backward, "Function": Function, "no_grad": no_grad, "enable_grad": enable_grad,
             "set_grad_enabled": set_grad_enabled, "inference_mode": inference_mode,
             "set_detect_anomaly": set_detect_anomaly, "detect_anomaly": detect_anomaly, "Variable": variable,
             "function": SimpleNamespace(once_differentiable=once_differentiable, Function=Function),
             "graph": tree("torch.autograd.graph"),
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

    return torch_cuda.names(SimpleNamespace(**_amp("cuda")))


def _amp(device_type: str | None = None) -> dict:
    """`torch.amp`, or `torch.cuda.amp` and `torch.cpu.amp` with their older forms."""
    from . import grad_scaler, torch_amp

    if device_type is None:
        return {"autocast": torch_amp.autocast, "GradScaler": grad_scaler.GradScaler,
                "is_autocast_available": lambda device_type: device_type in ("cpu", "cuda"),
                "autocast_mode": SimpleNamespace(autocast=torch_amp.autocast),
                "custom_fwd": torch_amp.custom_fwd, "custom_bwd": torch_amp.custom_bwd}
    return {"autocast": torch_amp.of_device(device_type), "GradScaler": grad_scaler.for_device(device_type),
            "custom_fwd": partial(torch_amp.custom_fwd, device_type=device_type),
            "custom_bwd": partial(torch_amp.custom_bwd, device_type=device_type)}


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

    return {name: tree("torch.utils." + name) for name in ("data", "checkpoint", "dlpack", "_pytree")}


def _checkpoint() -> dict:
    from ..func import checkpointing

    return {name: getattr(checkpointing, name) for name in (
        "checkpoint", "checkpoint_sequential", "set_checkpoint_early_stop", "CheckpointError", "noop_context_fn")}


def _pytree() -> dict:
    from ..func import trees

    return {name: value for name, value in vars(trees).items() if name.startswith("tree_") or name == "TreeSpec"}


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
    from .torch_comparison import assert_close
    from .torch_testing import make_tensor

    return {"assert_close": assert_close, "make_tensor": make_tensor}


def _graph() -> dict:
    from . import torch_graph

    return torch_graph.names()


def _overrides() -> dict:
    from . import torch_overrides

    return torch_overrides.names()


def _version() -> dict:
    from .namespaces import TORCH_VERSION

    return {"__version__": TORCH_VERSION, "cuda": None, "hip": None, "git_version": ""}


def _storage() -> dict:
    from ..engine import storages

    return {"TypedStorage": storages.TypedStorage, "UntypedStorage": storages.UntypedStorage,
            "_dtype_to_storage_type_map": storages.storage_names}


SPACES = {
    "storage": _storage,
    "autograd": _autograd, "accelerator": _accelerator, "cuda": _cuda, "backends": _backends, "random": _random,
    "utils": _utils, "signal": _signal, "linalg": _linalg, "jit": _jit, "testing": _testing,
    "version": _version,
    "amp": _amp, "mps": lambda: {"is_available": lambda: False},
    "xpu": lambda: {"is_available": lambda: False}, "compiler": lambda: {"disable": identity_decorator},
    "cpu": lambda: {"is_available": lambda: True, "amp": SimpleNamespace(**_amp("cpu"))}, "nn.parameter": _parameter,
    "nn.parallel": _parallel, "nn.attention": _attention,
    "utils.checkpoint": _checkpoint, "utils._pytree": _pytree,
    "profiler": _profiler, "autograd.profiler": _old_profiler, "autograd.graph": _graph,
    "types": lambda: {"Number": float, "Device": device.Device},
    "overrides": _overrides, "multiprocessing": lambda: {}, "sparse": lambda: {},
    "hub": lambda: {}, "nested": lambda: {},
}

