"""Dropout: of elements and of whole channels, in the plain and the self-normalising form."""

import numpy as np

from ..engine import draws, dtypes, samplers
from ..engine.dispatch import wrap
from ..engine.registry import T, composite
from ..engine.warn import warn
from ..errors import BadValue, DTypeError, EngineError
from .arrays import refuse


def _mask(x, p: float, shape=None):
    """Kept elements as 1 / (1 - p), dropped ones as 0, drawn as PyTorch draws them: in memory order of x."""
    keep, dtype = 1 - p, x.dtype
    noise = draws.draw_like(x, samplers.bernoulli, keep, shape=shape)
    return noise / dtype.type(keep) if dtype.itemsize > 2 else (noise.astype(np.float32) / keep).astype(dtype)


def _check_probability(p: float, low_level: bool = False) -> None:
    if not 0 <= p <= 1:
        error = EngineError if p != p or low_level else BadValue
        raise error(f"dropout probability has to be between 0 and 1, but got {p}")


def _need_floats(x) -> None:
    """The mask has the dtype of the tensor and is scaled in place."""
    refuse(x._a, "c", "bernoulli_scalar_cpu_")
    if x.dtype.category < dtypes.FLOAT:
        raise DTypeError(f"result type Float can't be cast to the desired output type {dtypes.scalar_name(x.dtype)}")


@composite("dropout", at="torch F", samples=["r(3, 4), 0.5, False", "r(3, 4), 0.0, True"])
def dropout(x, p: "float" = 0.5, training: "bool" = True, inplace: "any" = False):
    """Zeroes each element with probability p while training and scales the others by 1 / (1 - p).

    >>> dropout(ones(3), 0.5, False)
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    if not training or p == 0 or not x._a.size:
        return x
    if p == 1:
        return x * T.zeros_like(x)
    _need_floats(x)
    return x * wrap(_mask(x._a, p))


@composite("feature_dropout", at="torch", samples=["r(2, 3, 4), 0.5, False"])
def feature_dropout(x, p: "float", train: "bool"):
    """Zeroes whole channels (dim 1) with probability p while training and scales the others by 1 / (1 - p).

    >>> torch.feature_dropout(ones(1, 2, 1), 0.5, False).sum()
    tensor(2.)
    """
    _check_probability(p, low_level=True)
    if not train or p == 0 or not x._a.size:
        return x
    _need_floats(x)
    if p == 1:
        return x * T.zeros_like(x)
    _need_channels(x)
    return x * wrap(_mask(x._a, p, tuple(x.shape[:2]) + (1,) * (x.ndim - 2)))


def _need_channels(x) -> None:
    if x.ndim < 2:
        raise EngineError("Feature dropout requires at least 2 dimensions in the input")


def _channel_dims(name: str, n: int, x) -> None:
    """Speaks up about numbers of dims that channels of n dims do not have."""
    dims = f"with {n} spatial dimension{'s' if n > 1 else ''}, a channel dimension, and an optional batch dimension (i.e. " \
           f"{n + 1}D or {n + 2}D inputs)."
    if n == 1 and x.ndim not in (2, 3):
        raise EngineError(f"dropout1d: Expected 2D or 3D input, but received a {x.ndim}D input. Note that dropout1d exists to "
                          f"provide channel-wise dropout on inputs {dims}")
    if x.ndim not in (n + 1, n + 2):
        warn(f"{name}: Received a {x.ndim}-D input to {name}, which is deprecated and will result in an error in a future "
             "release. To retain the behavior and silence this warning, please use dropout instead. Note that "
             f"{name} exists to provide channel-wise dropout on inputs {dims}")
    elif n == 2 and x.ndim == 3:
        warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
             "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future "
             "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
             "channel-wise dropout behavior, please switch to using dropout1d instead.")


def _per_channel(name: str, n: int):
    @composite(name, at="F", samples=["r(2, 3, 4, 4)[:, :, :, 0], 0.5, False" if name != "dropout3d" else
                                      "r(1, 2, 2, 2, 2), 0.5, False"])
    def drop(x, p: "float" = 0.5, training: "bool" = True, inplace: "any" = False):
        if p == p:
            _check_probability(p)
        _channel_dims(name, n, x)
        if n != 2 and x.ndim != n + 2:
            return T.squeeze(T.feature_dropout(T.unsqueeze(x, 0), p, training), 0)
        return T.feature_dropout(x, p, training)

    drop.__doc__ = f"""Zeroes whole channels with probability p while training.

    >>> {name}(ones(1, 1{", 2" * n}), 0.5, False).sum()
    tensor({2 ** n}.)
    """


_per_channel("dropout1d", 1)
_per_channel("dropout2d", 2)
_per_channel("dropout3d", 3)


def _alpha(x, p: float, shape):
    """Self-normalising dropout: dropped elements become -alpha and the result is scaled back."""
    alpha = 1.7580993408473766
    a = ((alpha ** 2 * p + 1) * (1 - p)) ** -0.5
    noise = draws.draw_like(x._a, samplers.bernoulli, 1 - p, shape=None if shape == x._a.shape else shape)
    scalar = x._a.dtype.type
    return x * wrap(noise * scalar(a)) + wrap((noise - 1) * scalar(alpha * a) + scalar(alpha * a * p))


@composite("alpha_dropout", at="F", also=["torch.alpha_dropout"], samples=["r(3, 4), 0.5, False"])
def alpha_dropout(x, p: "float" = 0.5, training: "bool" = False, inplace: "any" = False):
    """Dropout that keeps mean and variance of self-normalising activations.

    >>> alpha_dropout(ones(2), 0.5, False)
    tensor([1., 1.])
    """
    _check_probability(p)
    if not training or p == 0:
        return x
    _need_floats(x)
    return x * T.zeros_like(x) if p == 1 else _alpha(x, p, x._a.shape)


@composite("feature_alpha_dropout", at="F", also=["torch.feature_alpha_dropout"], samples=["r(2, 3, 4), 0.5, False"])
def feature_alpha_dropout(x, p: "float" = 0.5, training: "bool" = False, inplace: "any" = False):
    """`alpha_dropout` of whole channels.

    >>> feature_alpha_dropout(ones(1, 2, 1), 0.5, False).sum()
    tensor(2.)
    """
    _check_probability(p)
    if not training or p == 0 or not x._a.size:
        return x
    if p < 1:
        _need_channels(x)
    return x * T.zeros_like(x) if p == 1 else _alpha(x, p, tuple(x.shape[:2]) + (1,) * (x.ndim - 2))
