"""Creation ops: tensors from sizes, ranges and other tensors."""

import numpy as np

from ..engine import dtypes
from ..engine.device import CPU, as_device, move
from ..engine.dispatch import wrap
from ..engine.registry import composite
from ..errors import EngineError


def made(array, device=None, requires_grad: bool = False):
    """A fresh leaf on `device` around a new array."""
    device = as_device(device)
    t = wrap(array if device.type == "cpu" else move(array, device))
    return t.requires_grad_(True) if requires_grad else t


def _checked(size: tuple) -> tuple:
    for n in size:
        if n < 0:
            raise EngineError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
    return size


def _type(dtype):
    return (dtype or dtypes.get_default_dtype()).numpy


@composite("zeros", at="torch", nograd=True, samples=["2, 3", "(0, 3)", "2, dtype=torch.int64"])
def zeros(size: "Shape*", *, dtype: "DType?" = None, layout: "any" = None, device: "Device?" = None,
          requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A tensor of zeros.

    >>> zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return made(np.zeros(_checked(size), _type(dtype)), device, requires_grad)


@composite("ones", at="torch", nograd=True, samples=["2, 3", "()", "2, dtype=torch.int64"])
def ones(size: "Shape*", *, dtype: "DType?" = None, layout: "any" = None, device: "Device?" = None,
         requires_grad: "bool" = False, pin_memory: "bool" = False):
    """A tensor of ones.

    >>> ones(2)
    tensor([1., 1.])
    """
    return made(np.ones(_checked(size), _type(dtype)), device, requires_grad)


def _like(x, dtype, device, requires_grad, make):
    d = dtype.numpy if dtype is not None else x._a.dtype
    a = make(x._a, d)
    return made(a, x.device if device is None and x.device != CPU else device, requires_grad)


@composite("zeros_like", at="torch", nograd=True, samples=["r(2, 3)"])
def zeros_like(x, *, dtype: "DType?" = None, layout: "any" = None, device: "any" = None, requires_grad: "bool" = False,
               memory_format: "any" = None, pin_memory: "bool" = False):
    """Zeros in the shape and dtype of x.

    >>> zeros_like(tensor([1., 2.]))
    tensor([0., 0.])
    """
    return _like(x, dtype, device, requires_grad, lambda a, d: np.zeros_like(a, d))


@composite("ones_like", at="torch", nograd=True, samples=["r(2, 3)"])
def ones_like(x, *, dtype: "DType?" = None, layout: "any" = None, device: "any" = None, requires_grad: "bool" = False,
              memory_format: "any" = None, pin_memory: "bool" = False):
    """Ones in the shape and dtype of x.

    >>> ones_like(tensor([1., 2.]))
    tensor([1., 1.])
    """
    return _like(x, dtype, device, requires_grad, lambda a, d: np.ones_like(a, d))


@composite("arange", at="torch", also=[], nograd=True, samples=["5", "1, 4", "0, 1, 0.25", "5, 0, -2"])
def arange(start: "Scalar", end: "Scalar?" = None, step: "Scalar" = 1, *, dtype: "DType?" = None, layout: "any" = None,
           device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """Numbers from start (0) up to, not including, end.

    >>> arange(1, 4)
    tensor([1, 2, 3])
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise EngineError("step must be nonzero")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise EngineError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        real = any(isinstance(v, float) for v in (start, end, step))
        dtype = dtypes.get_default_dtype() if real else dtypes.int64
    count = int(np.ceil((end - start) / step))
    if dtype.category >= dtypes.FLOAT:
        values = start + np.arange(count, dtype=np.float64) * step
        return made(values.astype(dtype.numpy), device, requires_grad)
    return made(np.arange(count, dtype=np.int64).__mul__(int(step)).__add__(int(start)).astype(dtype.numpy), device)
