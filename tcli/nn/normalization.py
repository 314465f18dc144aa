"""Normalisation layers: batch, instance, layer, group, RMS, local response."""

from __future__ import annotations

from ..engine import dtypes
from ..engine.registry import T
from ..engine.warn import warn
from ..errors import BadValue
from . import init
from ._make import F, new_parameter, of_args
from .module import Module


class _NormBase(Module):
    """What batch and instance norm share: affine parameters and running statistics."""

    _version = 2
    _allowed: tuple = ()

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device=None, dtype=None, *, bias: bool = True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, new_parameter(num_features, device=device, dtype=dtype) if wanted else None)
        if track_running_stats:
            self.register_buffer("running_mean", T.zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", T.ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", T.zeros((), dtype=dtypes.int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        reset_affine(self)

    def _get_no_batch_dim(self) -> int:
        """The dims of one sample."""
        return self._allowed[0]

    def _check_input_dim(self, input) -> None:
        if input.dim() not in self._allowed:
            wanted = " or ".join(f"{n}D" for n in self._allowed)
            raise BadValue(f"expected {wanted} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (f"{self.num_features}, {of_args(self, 'eps', 'momentum', 'affine')}, bias={self.bias is not None}, "
                f"track_running_stats={self.track_running_stats}")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        version = local_metadata.get("version")
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked if self.num_batches_tracked is not None else \
                T.zeros((), dtype=dtypes.int64)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


def reset_affine(module) -> None:
    """Weight one, bias zero, where they are."""
    if module._parameters.get("weight") is not None:
        init.ones_(module.weight)
    if module._parameters.get("bias") is not None:
        init.zeros_(module.bias)


class _BatchNorm(_NormBase):
    def forward(self, input):
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        mean, var = self.running_mean, self.running_var
        use_batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """Normalises each channel of (N, C) or (N, C, L) over the batch."""

    _allowed = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalises each channel of (N, C, H, W) over the batch."""

    _allowed = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalises each channel of (N, C, D, H, W) over the batch."""

    _allowed = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm over several processes; with one process the same as batch norm."""

    def _check_input_dim(self, input) -> None:
        if input.dim() < 2:
            raise BadValue(f"expected at least 2D input (got {input.dim()}D input)")


class _InstanceNorm(_NormBase):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False,
                 track_running_stats: bool = False, device=None, dtype=None, *, bias: bool = True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input):
        self._check_input_dim(input)
        unbatched = self._allowed[0]
        dim = input.dim() - unbatched
        if input.shape[dim] != self.num_features:
            self._wrong_features(input, dim)
        return self._normalise(input.unsqueeze(0)).squeeze(0) if input.dim() == unbatched else self._normalise(input)

    def _normalise(self, input):
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                               self.training or not self.track_running_stats,
                               self.momentum if self.momentum is not None else 0.0, self.eps)

    def _wrong_features(self, input, dim: int) -> None:
        if self.affine:
            raise BadValue(f"expected input's size at dim={dim} to match num_features ({self.num_features}), but "
                           f"got: {input.shape[dim]}.")

        warn(f"input's size at dim={dim} does not match num_features. You can silence this warning by not "
             "passing in num_features, which is not used because affine=False")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs) -> None:
        stats = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
        if local_metadata.get("version") is None and not self.track_running_stats and stats:
            kind = type(self).__name__
            error_msgs.append(
                "Unexpected running stats buffer(s) {} for {} with track_running_stats=False. If state_dict is a "
                "checkpoint saved before 0.4.0, this may be expected because {} does not track running stats by "
                "default since 0.4.0. Please remove these keys from state_dict. If the running stats are actually "
                "needed, instead set track_running_stats=True in {} to enable them. See the documentation of {} for "
                "details.".format(
                    " and ".join(f'"{k}"' for k in stats), kind, kind, kind, kind))
            for key in stats:
                state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                                      error_msgs)


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, L) or (C, L)."""

    _allowed = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, H, W) or (C, H, W)."""

    _allowed = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, D, H, W) or (C, D, H, W)."""

    _allowed = (4, 5)


class LayerNorm(Module):
    """Normalises over the last dims, those of `normalized_shape`.

    >>> nn.LayerNorm(4)(arange(4.).reshape(1, 4))
    tensor([[-1.3416, -0.4472,  0.4472,  1.3416]],
           grad_fn=<NativeLayerNormBackward0>)
    """

    def __init__(self, normalized_shape, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
                 device=None, dtype=None):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            made = new_parameter(*self.normalized_shape, device=device, dtype=dtype) if wanted else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        reset_affine(self)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.normalized_shape}, {of_args(self, 'eps', 'elementwise_affine')}, "
                f"bias={self.bias is not None}")


def _as_shape(shape) -> tuple:
    return tuple(shape) if hasattr(shape, "__iter__") else (shape,)


class RMSNorm(Module):
    """Divides by the root mean square over the last dims."""

    def __init__(self, normalized_shape, eps: float | None = None, elementwise_affine: bool = True, device=None,
                 dtype=None):
        super().__init__()
        self.normalized_shape = _as_shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        made = new_parameter(*self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        reset_affine(self)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, {of_args(self, 'eps', 'elementwise_affine')}"


class GroupNorm(Module):
    """Normalises groups of channels of each sample."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device=None,
                 dtype=None, *, bias: bool = True):
        super().__init__()
        if num_channels % num_groups:
            raise BadValue(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, new_parameter(num_channels, device=device, dtype=dtype) if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        reset_affine(self)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.num_groups}, {self.num_channels}, {of_args(self, 'eps', 'affine')}, "
                f"bias={self.bias is not None}")


class LocalResponseNorm(Module):
    """Divides by a power of the squares of neighbouring channels."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, {of_args(self, 'alpha', 'beta', 'k')}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` as it once was: an even size looks at one channel less, and the first one is always in."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1):
        super().__init__(size, alpha, beta, k)

    def forward(self, input):
        if input.dim() != 4:
            raise BadValue(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        squares, reach, channels = input * input, (self.size - 1) // 2, input.shape[1]
        # PyTorch takes the first channel into every sum and never out again.
        first, rest = squares[:, :1], F.pad(squares[:, 1:], (0, 0, 0, 0, reach + 1, reach))
        total = sum((rest[:, i:i + channels] for i in range(2 * reach + 1)), first)
        return input * (total * (self.alpha / self.size) + self.k) ** -self.beta
