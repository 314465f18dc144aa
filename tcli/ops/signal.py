"""Window functions: torch.hann_window and torch.signal.windows."""

from collections.abc import Iterable

import numpy as np

from ..engine import dtypes
from ..engine.registry import composite, function
from ..engine.storage import strided
from ..errors import ArgumentError, BadValue, EngineError
from .making import made


def _cosines(n: int, weights) -> np.ndarray:
    """sum_k (-1)^k a_k cos(2 pi k i / (n - 1)) for i in 0 ... n-1."""
    i = np.arange(n, dtype=np.float64)
    return sum((-1) ** k * a * np.cos(2 * np.pi * k * i / (n - 1)) for k, a in enumerate(weights))


def _window(name: str, length: int, periodic: bool, make, dtype, device, requires_grad):
    if length < 0:
        raise EngineError(f"{name} requires non-negative window_length, got window_length={length}")
    d = dtype or dtypes.get_default_dtype()
    if d.category != dtypes.FLOAT:
        raise EngineError(f"{name} expects floating point dtypes, got: {dtypes.scalar_name(d)}")
    if length == 0:
        values = np.empty(0)
    elif length == 1:
        values = np.ones(1)
    else:
        values = make(length + 1)[:-1] if periodic else make(length)
    return made(values.astype(d.numpy), device, requires_grad)


def _declare(name: str, weights, shown: str) -> None:
    @composite(name, at="torch", nograd=True, samples=["6", "5, False", "1", "0"], out=False)
    def window(window_length: "int", periodic: "bool" = True, *, dtype: "DType?" = None, layout: "Layout?" = None,
               device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
        return _window(name, window_length, periodic, lambda n: _cosines(n, weights), dtype, device, requires_grad)

    window.__doc__ = f"""The {name.replace('_', ' ')}, periodic or symmetric.

    >>> {name}(4)
    {shown}
    """


_declare("hann_window", (0.5, 0.5), "tensor([0.0000, 0.5000, 1.0000, 0.5000])")


@composite("blackman_window", at="torch", nograd=True, samples=["6", "5, False"], out=False)
def blackman_window(window_length: "int", periodic: "bool" = True, *, dtype: "DType?" = None, layout: "Layout?" = None,
                    device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """The Blackman window, periodic or symmetric.

    >>> blackman_window(4)
    tensor([-2.9802e-08,  3.4000e-01,  1.0000e+00,  3.4000e-01])
    """
    real = (dtype or dtypes.get_default_dtype()).numpy

    def make(n: int) -> np.ndarray:
        # PyTorch adds up in the window's own dtype: the ends are its rounding error and not 0.
        i, step = np.arange(n).astype(real), np.pi / (n - 1)
        once, twice = np.cos(i * real.type(2 * step)), np.cos(i * real.type(4 * step))
        return twice * real.type(0.08) - once * real.type(0.5) + real.type(0.42)

    return _window("blackman_window", window_length, periodic, make, dtype, device, requires_grad)


@composite("hamming_window", at="torch", nograd=True, samples=["6", "5, False", "6, True, 0.5, 0.5"], out=False)
def hamming_window(window_length: "int", periodic: "bool" = True, alpha: "float" = 0.54, beta: "float" = 0.46, *,
                   dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None, requires_grad: "bool" = False,
                   pin_memory: "bool" = False):
    """The Hamming window, periodic or symmetric.

    >>> hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("hamming_window", window_length, periodic, lambda n: _cosines(n, (alpha, beta)), dtype, device,
                   requires_grad)


@composite("bartlett_window", at="torch", nograd=True, samples=["6", "5, False"], out=False)
def bartlett_window(window_length: "int", periodic: "bool" = True, *, dtype: "DType?" = None, layout: "Layout?" = None,
                    device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """The triangular window, periodic or symmetric.

    >>> bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", window_length, periodic, np.bartlett, dtype, device, requires_grad)


@composite("kaiser_window", at="torch", nograd=True, samples=["6", "5, False", "6, True, 8.0"], out=False)
def kaiser_window(window_length: "int", periodic: "bool" = True, beta: "float" = 12.0, *, dtype: "DType?" = None,
                  layout: "Layout?" = None, device: "Device?" = None, requires_grad: "bool" = False,
                  pin_memory: "bool" = False):
    """The Kaiser window with shape parameter beta, periodic or symmetric.

    >>> kaiser_window(2)
    tensor([5.2773e-05, 1.0000e+00])
    """
    return _window("kaiser_window", window_length, periodic, lambda n: np.kaiser(n, beta), dtype, device, requires_grad)


# ---------------------------------------------------------------- torch.signal.windows

def _signal(name: str, make, base: str | None = None, check=None):
    """Declares a window; `base` is the function whose name PyTorch's messages have, `check` looks at its parameters."""
    base = base or name

    @function("signal.windows." + name)
    def window(M: int, *parameters, sym: bool = True, dtype=None, layout=None, device=None, requires_grad: bool = False,
               **named):
        if M < 0:
            raise BadValue(f"{base} requires non-negative window length, got M={M}")
        if layout not in (None, strided):
            raise BadValue(f"{base} is implemented for strided tensors only, got: {layout}")
        if dtype not in (None, dtypes.float32, dtypes.float64):
            raise BadValue(f"{base} expects float32 or float64 dtypes, got: {dtype}")
        if check is not None:
            check(*parameters, sym=sym, **named)
        return _window(name, M, not sym, lambda n: make(n, *parameters, **named), dtype, device, requires_grad)

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"The {name.replace('_', ' ')} window of M points; symmetric, or periodic with sym=False."


def _gaussian(n: int, *, std: float = 1.0) -> np.ndarray:
    x = np.arange(n) - (n - 1) / 2
    return np.exp(-(x / (std * np.sqrt(2))) ** 2)


def _check_gaussian(*, std: float = 1.0, sym: bool) -> None:
    if std <= 0:
        raise BadValue(f"Standard deviation must be positive, got: {std} instead.")


def _exponential(n: int, *, center: float | None = None, tau: float = 1.0) -> np.ndarray:
    return np.exp(-np.abs(np.arange(n) - ((n - 1) / 2 if center is None else center)) / tau)


def _check_exponential(*, center: float | None = None, tau: float = 1.0, sym: bool) -> None:
    if tau <= 0:
        raise BadValue(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise BadValue("Center must be None for symmetric windows")


def _check_kaiser(*, beta: float = 12.0, sym: bool) -> None:
    if beta < 0:
        raise BadValue(f"beta must be non-negative, got: {beta} instead.")


def _check_cosines(*, a, sym: bool) -> None:
    if not isinstance(a, Iterable):
        raise ArgumentError("Coefficients must be a list/tuple")
    if not a:
        raise BadValue("Coefficients cannot be empty")


_signal("hann", lambda n: _cosines(n, (0.5, 0.5)), "general_cosine")
_signal("hamming", lambda n: _cosines(n, (0.54, 0.46)), "general_cosine")
_signal("blackman", lambda n: _cosines(n, (0.42, 0.5, 0.08)))
_signal("nuttall", lambda n: _cosines(n, (0.3635819, 0.4891775, 0.1365995, 0.0106411)), "general_cosine")
_signal("bartlett", np.bartlett)
_signal("cosine", lambda n: np.sin(np.pi * (np.arange(n) + 0.5) / n))
_signal("gaussian", _gaussian, check=_check_gaussian)
_signal("exponential", _exponential, check=_check_exponential)
_signal("kaiser", lambda n, *, beta=12.0: np.kaiser(n, beta), check=_check_kaiser)
_signal("general_hamming", lambda n, *, alpha=0.54: _cosines(n, (alpha, 1 - alpha)), "general_cosine")
_signal("general_cosine", lambda n, *, a: _cosines(n, a), check=_check_cosines)
