"""`torch.nn.init`: fills tensors in place, with PyTorch's numbers for the same seed. Returns the tensor."""

from __future__ import annotations

import math

from ..engine.autograd import no_grad
from ..engine.placement import holds
from ..engine.registry import T, paths
from ..engine.warn import warn
from ..errors import BadValue

__all__ = ["calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal",
           "kaiming_normal_", "kaiming_uniform", "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal",
           "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform", "uniform_", "xavier_normal",
           "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_"]

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
           "sigmoid")


def calculate_gain(nonlinearity: str, param=None) -> float:
    """The factor by which a nonlinearity wants its weights scaled."""
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "leaky_relu":
        if param is None:
            slope = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise BadValue(f"negative_slope {param} not a valid number")
        else:
            slope = param
        return math.sqrt(2.0 / (1 + slope ** 2))
    gain = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}.get(nonlinearity)
    if gain is None:
        raise BadValue(f"Unsupported nonlinearity {nonlinearity}")
    return gain


@no_grad()
def uniform_(tensor, a: float = 0.0, b: float = 1.0, generator=None):
    """Uniform values in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor, mean: float = 0.0, std: float = 1.0, generator=None):
    """Normal values."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor, val: float):
    """One value everywhere."""
    return tensor.fill_(val)


@no_grad()
def ones_(tensor):
    """Ones."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor):
    """Zeros."""
    return tensor.zero_()


@no_grad()
def eye_(tensor):
    """The identity matrix."""
    if tensor.dim() != 2:
        raise BadValue("Only tensors with 2 dimensions are supported")
    return tensor.copy_(T.eye(*tensor.shape, dtype=tensor.dtype))


@no_grad()
def dirac_(tensor, groups: int = 1):
    """Convolution weights that pass their input through."""
    if tensor.dim() not in (3, 4, 5):
        raise BadValue("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise BadValue("dim 0 must be divisible by groups")
    per_group = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    tensor.zero_()
    for group in range(groups):
        for i in range(min(per_group, tensor.shape[1])):
            tensor[(group * per_group + i, i, *middle)] = 1
    return tensor


def _fans(tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise BadValue("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise BadValue(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _fans(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor, gain: float = 1.0, generator=None):
    """Uniform in ±gain·sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(sum(_fans(tensor)))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain: float = 1.0, generator=None):
    """Normal with std gain·sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(sum(_fans(tensor)))), generator)


def _is_empty(tensor) -> bool:
    if 0 not in tensor.shape:
        return False

    warn("Initializing zero-element tensors is a no-op")
    return True


def kaiming_uniform_(tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None):
    """Uniform in ±gain·sqrt(3 / fan) (He et al., 2015)."""
    if _is_empty(tensor):
        return tensor
    fan = _fan(tensor, mode)
    bound = math.sqrt(3.0) * (calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None):
    """Normal with std gain / sqrt(fan) (He et al., 2015)."""
    if _is_empty(tensor):
        return tensor
    fan = _fan(tensor, mode)
    return normal_(tensor, 0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


@no_grad()
def orthogonal_(tensor, gain: float = 1, generator=None):
    """A (semi-)orthogonal matrix (Saxe et al., 2013); dims after the first are taken together."""
    if tensor.dim() < 2:
        raise BadValue("Only tensors with 2 or more dimensions are supported")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    q, r = paths["linalg.qr"].function(flat.t() if rows < columns else flat)
    q = q * T.sign(T.diag(r, 0))
    tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape))
    return tensor.mul_(gain)


@no_grad()
def sparse_(tensor, sparsity: float, std: float = 0.01, generator=None):
    """Normal values, a fraction of each column set to zero (Martens, 2010)."""
    if tensor.dim() != 2:
        raise BadValue("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[T.randperm(rows)[:zeros], column] = 0
    return tensor


@no_grad()
def trunc_normal_(tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator=None):
    """Normal values, drawn again until they lie in [a, b]."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may "
             "be incorrect.")
    if _cdf((b - mean) / std) - _cdf((a - mean) / std) > 0.3:
        return _truncate_normals(tensor, mean, std, a, b, generator)
    return _reject_uniforms(tensor, mean, std, a, b, generator)


def _cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _truncate_normals(tensor, mean, std, a, b, generator):
    low, high = (tensor.new_tensor(x).item() for x in (a, b))
    result = tensor.normal_(mean, std, generator=generator)
    outside = (result < low) | (result > high)
    while holds(outside.any()._a):
        result = T.where(outside, T.empty_like(result).normal_(mean, std, generator=generator), result)
        outside = (result < low) | (result > high)
    return tensor if result is tensor else tensor.copy_(result)


def _reject_uniforms(tensor, mean, std, a, b, generator):
    """Rejection from uniforms: for bounds that cut most of the mass off."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    density, accept = T.empty_like(tensor), T.empty_like(tensor)

    def rejected(values):
        density.copy_(values)
        density.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        return accept.uniform_(generator=generator).log_() > density

    result = tensor.uniform_(a, b, generator=generator)
    pending = rejected(tensor)
    while holds(pending.any()._a):
        candidates = T.empty_like(tensor).uniform_(a, b, generator=generator)
        result = T.where(pending, candidates, result)
        pending = rejected(candidates) & pending
    return tensor if result is tensor else tensor.copy_(result)


def _deprecated(fn):
    old = fn.__name__[:-1]

    def call(*args, **kwargs):
        warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{fn.__name__}`.", FutureWarning)
        return fn(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"The old name of `{fn.__name__}`."
    return call


uniform, normal, constant, eye, dirac = map(_deprecated, (uniform_, normal_, constant_, eye_, dirac_))
xavier_uniform, xavier_normal = map(_deprecated, (xavier_uniform_, xavier_normal_))
kaiming_uniform, kaiming_normal = map(_deprecated, (kaiming_uniform_, kaiming_normal_))
orthogonal, sparse = map(_deprecated, (orthogonal_, sparse_))
