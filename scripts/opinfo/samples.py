"""The samples of an operator: PyTorch's own, variants of them, and those its tests of whole families make.

A variant changes every tensor of a sample: `noncontiguous` strides it, `empty` leaves it no rows, `extreme` puts nan, inf,
zeros and limits of the dtype into it, `scalar` leaves its first element with no dims.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.testing._internal.common_utils import noncontiguous_like
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, SampleInput, UnaryUfuncInfo

REAL = (torch.bool, torch.uint8, torch.int32, torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64)
DTYPES = (*REAL, torch.complex64, torch.complex128)


def made(maker: Callable, dtype, needs: bool) -> list:
    """What one of an OpInfo's makers of samples gives."""
    torch.manual_seed(0)
    np.random.seed(0)
    return list(maker("cpu", dtype, requires_grad=needs))


def chosen(samples: list, n: int) -> list:
    if not n or len(samples) <= n:
        return samples
    return [samples[i] for i in np.unique(np.linspace(0, len(samples) - 1, n).astype(int))]


# ---------------------------------------------------------------- variants

def _leaf(change: Callable) -> Callable:
    """A change of tensors that keeps who requires gradients."""
    def changed(t):
        if not isinstance(t, torch.Tensor):
            return t
        return change(t.detach()).requires_grad_(t.requires_grad)

    return changed


def _extreme(t: torch.Tensor) -> torch.Tensor:
    if t.dim() == 0 or t.numel() == 0 or t.dtype is torch.bool:
        return t
    info = torch.finfo(t.dtype) if t.dtype.is_floating_point or t.dtype.is_complex else torch.iinfo(t.dtype)
    values = [info.max, info.min + 1, 0, 1]  # PyTorch ends the process where it divides the smallest number by -1
    if isinstance(info, torch.finfo):
        values = [float("nan"), float("inf"), -float("inf"), 0., -0., info.max, info.tiny, 1.]
    t = t.clone(memory_format=torch.contiguous_format)
    row = t.view(-1)
    for i, value in enumerate(values[:row.numel()]):
        row[i] = value
    return t


VARIANTS = {
    "noncontiguous": lambda t: noncontiguous_like(t) if isinstance(t, torch.Tensor) else t,
    "empty": _leaf(lambda t: t[:0] if t.dim() else t),
    "empty last": _leaf(lambda t: t[..., :0] if t.dim() else t),
    "extreme": _leaf(_extreme),
    "scalar": _leaf(lambda t: t.reshape(-1)[0] if t.numel() else t),
    "transposed": _leaf(lambda t: t.clone().mT.contiguous().mT if t.dim() > 1 else t),
}


def varied(samples: list, variant: str) -> list:
    return [sample.transform(VARIANTS[variant]) for sample in samples]


# ---------------------------------------------------------------- families

def family(op) -> Iterator:
    """(dtype, sample) of the tests that PyTorch has for all unary, binary or reducing operators."""
    if isinstance(op, BinaryUfuncInfo):
        yield from _binary(op)
    elif isinstance(op, UnaryUfuncInfo):
        yield from _unary(op)
    elif isinstance(op, ReductionOpInfo):
        yield from _reduction(op)


def _numbers(dtype, shape=(4,)) -> torch.Tensor:
    """Small positive numbers in no order."""
    count = int(np.prod(shape))
    values = torch.tensor([(7 * i + 3) % 5 + 1 for i in range(count)], dtype=torch.float64).reshape(shape)
    if dtype.is_floating_point or dtype.is_complex:
        values = values / 8
    return (values * (1 + 0.5j)).to(dtype) if dtype.is_complex else values.to(dtype)


def _binary(op) -> Iterator:
    for a, b in itertools.product(DTYPES, DTYPES):
        yield a, SampleInput(_numbers(a), args=(_numbers(b),))
        yield a, SampleInput(_numbers(a), args=(_numbers(b, ()),))
        yield a, SampleInput(_numbers(a, ()), args=(_numbers(b),))
    for a, number in itertools.product(DTYPES, (True, 2, -3, 0, 0.5, -1.5, 1 + 2j, float("inf"), float("nan"))):
        yield a, SampleInput(_numbers(a), args=(number,))
        yield a, SampleInput(_numbers(a, ()), args=(number,))
        if not op.name.startswith("__"):
            yield a, SampleInput(number, args=(_numbers(a),))


_UNARY_VALUES = (0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.14159, 88.8, -104.1, 710., 1e-8, -1e-8, 1e-40, 1e5, 6e4, 3e38,
                 -3e38, 1e300, float("inf"), -float("inf"), float("nan"))


def _unary(op) -> Iterator:
    for d in DTYPES + (torch.int8, torch.int16):
        if d.is_complex:
            parts = (0., -0., 1., -1., 0.5, -2.5, 20., -100., 1e-8, 1e20, float("inf"), -float("inf"), float("nan"))
            values = [complex(a, b) for a in parts for b in parts]
            yield d, SampleInput(torch.tensor(values, dtype=d))
        elif d.is_floating_point:
            yield d, SampleInput(torch.tensor(_UNARY_VALUES, dtype=torch.float64).to(d))
        elif d is torch.bool:
            yield d, SampleInput(torch.tensor([True, False]))
        else:
            info = torch.iinfo(d)
            yield d, SampleInput(torch.tensor([0, 1, 2, 3, 7, 100, info.max, info.max - 1, info.min, info.min + 1], dtype=d))
        yield d, SampleInput(torch.empty((0, 3), dtype=d))
        yield d, SampleInput(torch.ones((3, 1), dtype=d).expand(3, 2))


_DIMS = (None, 0, -1, 1, 2, -4, (0, 1), (-1, 0), (0, 0), (1, -1), (), (0, 5))
_SHAPES = ((2, 3, 4), (0,), (2, 0, 3), (), (1, 1), (5,))


def _reduction(op) -> Iterator:
    for d, shape, dim in itertools.product(DTYPES, _SHAPES, _DIMS):
        x = _numbers(d, shape)
        plain = {} if dim is None else {"dim": dim}
        yield d, SampleInput(x, kwargs=dict(plain))
        yield d, SampleInput(x, kwargs={**plain, "keepdim": True})
    for d, into in itertools.product(DTYPES, DTYPES):
        yield d, SampleInput(_numbers(d, (2, 3)), kwargs={"dtype": into})
        yield d, SampleInput(_numbers(d, (2, 3)), kwargs={"dim": 1, "dtype": into})
    for d in DTYPES:
        yield d, SampleInput(_numbers(d, (3, 1)).expand(3, 4), kwargs={"dim": 1})
        yield d, SampleInput(_extreme(_numbers(d, (3, 5))), kwargs={"dim": 0})
        yield d, SampleInput(_extreme(_numbers(d, (3, 5))), kwargs={"dim": 1})
        yield d, SampleInput(_extreme(_numbers(d, (9,))), kwargs={})
