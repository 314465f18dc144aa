"""`torch.backends`: settings of libraries that do not compute here. They are remembered, and change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


class Flags(SimpleNamespace):
    """Settings that are remembered and change nothing."""

    def is_available(self) -> bool:
        return False

    def is_built(self) -> bool:
        return False


def _with_flags(space: Flags, *names: str) -> Flags:
    """Adds `flags(...)`: inside of `with`, those settings have other values."""
    defaults = {name: getattr(space, name) for name in names}

    @contextmanager
    def flags(**given: object) -> Iterator[None]:
        wrong = next((name for name in given if name not in defaults), None)
        if wrong is not None:
            raise TypeError(f"flags() got an unexpected keyword argument '{wrong}'")
        before = {name: getattr(space, name) for name in defaults}
        vars(space).update(defaults | given)
        try:
            yield
        finally:
            vars(space).update(before)

    space.flags = flags
    return space


def _cudnn() -> Flags:
    return _with_flags(Flags(enabled=True, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True,
                             version=lambda: None, is_acceptable=lambda tensor: False),
                       "enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32")


# The kernels of attention: there is one here, whatever is switched on.
_KERNELS = {"flash": "enable_flash_sdp flash_sdp_enabled", "math": "enable_math_sdp math_sdp_enabled",
            "efficient": "enable_mem_efficient_sdp mem_efficient_sdp_enabled", "cudnn": "enable_cudnn_sdp cudnn_sdp_enabled"}


def _cuda() -> Flags:
    matmul = Flags(allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True,
                   fp32_precision="none")
    from .torch_extras import SPACES

    space = Flags(matmul=matmul, sdp_kernel=sdp_kernel, SDPBackend=SPACES["nn.attention"]()["SDPBackend"])
    for names in _KERNELS.values():
        setter, getter = names.split()
        vars(space).update(zip((setter, getter), _switch(), strict=True))
    return space


@contextmanager
def sdp_kernel(enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True,
               enable_cudnn: bool = True) -> Iterator[None]:
    """The old way to say which kernels attention may take; changes nothing."""
    yield


def _switch() -> tuple[Callable[[bool], None], Callable[[], bool]]:
    on = [True]

    def enable(enabled: bool) -> None:
        on[0] = enabled

    return enable, lambda: on[0]


def names() -> dict[str, Any]:
    """The contents of `torch.backends`."""
    mkldnn = _with_flags(Flags(enabled=True, deterministic=False, allow_tf32=True), "enabled", "deterministic", "allow_tf32")
    return {"cudnn": _cudnn(), "cuda": _cuda(), "mps": Flags(), "mkl": Flags(), "mkldnn": mkldnn, "openmp": Flags(),
            "opt_einsum": Flags(enabled=False, strategy=None), "nnpack": Flags(),
            "cpu": Flags(get_cpu_capability=lambda: "DEFAULT")}
