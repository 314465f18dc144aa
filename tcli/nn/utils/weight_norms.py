"""Weight norm (Salimans and Kingma, 2016) and spectral norm (Miyato et al., 2018) as hooks before `forward`.

The module keeps `weight_g` and `weight_v` (or `weight_orig`, `weight_u`, `weight_v`) and computes the
weight anew at every call. The parametrizations of the same names are the newer form.
"""

from __future__ import annotations

from ...engine.autograd import no_grad
from ...engine.registry import T
from ...engine.tensor import Parameter
from ...engine.warn import warn
from ...errors import BadValue, EngineError
from .._make import F


def norm_except_dim(v, dim: int):
    """The 2-norm over all dims but one, that one kept; over everything for -1."""
    if dim == -1:
        return T.sqrt((v * v).sum())
    dims = [d for d in range(v.dim()) if d != dim]
    return T.sqrt((v * v).sum(dims, keepdim=True)) if dims else v.abs()


def apply_weight_norm(v, g, dim: int):
    """v with its norm replaced by g."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight, dim: int):
    """The weight as a matrix with `dim` first."""
    if dim:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.reshape(weight.shape[0], -1)


def output_dim(module, dim: int | None) -> int:
    """The dim of output channels: 1 for transposed convolutions, else 0."""
    return (1 if getattr(module, "transposed", False) else 0) if dim is None else dim


class WeightNorm:
    """The hook that puts `weight_g · weight_v / |weight_v|` in the place of the weight."""

    def __init__(self, name: str, dim: int | None):
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module):
        return apply_weight_norm(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    def __call__(self, module, inputs) -> None:
        setattr(module, self.name, self.compute_weight(module))


class SpectralNorm:
    """The hook that divides the weight by its largest singular value, estimated by power iteration."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        if n_power_iterations <= 0:
            raise BadValue("Expected n_power_iterations to be positive, but got n_power_iterations="
                           f"{n_power_iterations}")
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module, do_power_iteration: bool):
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(T.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(T.mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()
        return weight / T.dot(u, T.mv(matrix, v))

    def __call__(self, module, inputs) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def _find(module, kind: type, name: str):
    return next(((key, hook) for key, hook in module._forward_pre_hooks.items()
                 if isinstance(hook, kind) and hook.name == name), (None, None))


def _check_fresh(module, kind: type, name: str, what: str) -> None:
    if _find(module, kind, name)[1] is not None:
        raise EngineError(f"Cannot register two {what} hooks on the same parameter {name}")


def _check_sized(weight, kind: str, what: str) -> None:
    if getattr(weight, "is_lazy", False):
        raise BadValue(f"The module passed to `{kind}` can't have uninitialized parameters. Make sure to run the dummy forward "
                       f"before applying {what}")


class _FromOldVersion:
    """A hook that works out v for state dicts of the time when the weight itself was saved instead."""

    def __init__(self, hook: SpectralNorm):
        self.hook = hook

    def __call__(self, tensors, prefix: str, metadata: dict, strict: bool, missing: list, *_others) -> None:
        hook = self.hook
        version = metadata.get("spectral_norm", {}).get(hook.name + ".version")
        key = prefix + hook.name
        new = version is None and all(key + part in tensors for part in ("_orig", "_u", "_v")) and key not in tensors
        if new or version is not None and version >= 1:
            return
        lacking = [key + part for part in ("_orig", "", "_u") if key + part not in tensors]
        if lacking:
            missing.extend(lacking if strict else ())
            return
        with no_grad():
            original, weight = tensors[key + "_orig"], tensors.pop(key)
            matrix, u = as_matrix(original, hook.dim), tensors[key + "_u"]
            v = T.mv(T.pinverse(T.matmul(matrix.t(), matrix)), T.mv(matrix.t(), u))
            tensors[key + "_v"] = v * ((original / weight).mean() / T.dot(u, T.mv(matrix, v)))


def weight_norm(module, name: str = "weight", dim: int | None = 0):
    """Splits a weight into length and direction; returns the module."""

    warn("`torch.nn.utils.weight_norm` is deprecated in favor of "
         "`torch.nn.utils.parametrizations.weight_norm`.",
         FutureWarning)
    _check_fresh(module, WeightNorm, name, "weight_norm")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    _check_sized(weight, "WeightNorm", "weight normalization")
    del module._parameters[name]
    with no_grad():
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, hook.dim).data))
    module.register_parameter(name + "_v", Parameter(weight.data))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module, name: str = "weight"):
    """Undoes `weight_norm`; the weight is a plain parameter again."""
    key, hook = _find(module, WeightNorm, name)
    if hook is None:
        raise BadValue(f"weight_norm of '{name}' not found in {module}")
    weight = hook.compute_weight(module)
    delattr(module, name)
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    setattr(module, name, Parameter(weight.data))
    del module._forward_pre_hooks[key]
    return module


def spectral_norm(module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None):
    """Keeps the largest singular value of a weight at one; returns the module."""
    _check_fresh(module, SpectralNorm, name, "spectral_norm")
    hook = SpectralNorm(name, n_power_iterations, output_dim(module, dim), eps)
    weight = module._parameters[name]
    if weight is None:
        raise BadValue(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    _check_sized(weight, "SpectralNorm", "spectral normalization")
    with no_grad():
        rows, columns = as_matrix(weight, hook.dim).shape
        u = F.normalize(weight.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
        v = F.normalize(weight.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    module._register_state_dict_hook(_note_version(hook))
    module._register_load_state_dict_pre_hook(_FromOldVersion(hook))
    return module


class _note_version:
    def __init__(self, hook: SpectralNorm):
        self.hook = hook

    def __call__(self, module, state_dict, prefix, local_metadata) -> None:
        local_metadata.setdefault("spectral_norm", {})[self.hook.name + ".version"] = 1


def remove_spectral_norm(module, name: str = "weight"):
    """Undoes `spectral_norm`; the weight is a plain parameter again."""
    key, hook = _find(module, SpectralNorm, name)
    if hook is None:
        raise BadValue(f"spectral_norm of '{name}' not found in {module}")
    with no_grad():
        weight = hook.compute_weight(module, False)
    for suffix in ("", "_u", "_v", "_orig"):
        delattr(module, name + suffix)
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    for found, noted in list(module._state_dict_hooks.items()):
        if isinstance(noted, _note_version) and noted.hook is hook:
            del module._state_dict_hooks[found]
    return module
