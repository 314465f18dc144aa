"""`torch.autograd.gradcheck`: analytical gradients against central differences."""

from __future__ import annotations

import numpy as np

from ..engine import autograd
from ..engine.device import CPU, module_of, move
from ..engine.registry import T
from ..engine.tensor import Tensor
from ..engine.warn import warn
from ..errors import BadValue, EngineError
from .trees import flatten


class GradcheckError(RuntimeError):
    """What programs see as `type(error)` of a `GradientMismatch`, as in PyTorch."""


class GradientMismatch(EngineError, GradcheckError):
    """The analytical and the numerical gradient differ.

    `torch.autograd.gradcheck` compares the gradients of a function with differences of its values. Inputs should be float64:
    differences of float32 values are too coarse. A function with a kink at the input has no gradient to compare there.
    """

    code = "gradcheck"


def gradcheck(func, inputs, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
              nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
              check_batched_grad: bool = False, check_batched_forward_grad: bool = False, check_forward_ad: bool = False,
              check_backward_ad: bool = True, fast_mode: bool = False, masked: bool | None = None) -> bool:
    """True if the gradients of `func` at `inputs` match differences; else raises (or gives False).

    inputs: a tensor or a tuple; those that require gradients are checked and should be float64.
    """
    try:
        inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        _check_inputs(inputs)
        for part, prefix in _parts(func, inputs):
            _check_part(part, inputs, prefix, eps, atol, rtol, nondet_tol)
        return True
    except GradcheckError:
        if raise_exception:
            raise
        return False


_ONLY = "While considering the {} part of complex outputs only, "


def _parts(func, inputs) -> list:
    """The function, or where it has complex results its real and its imaginary parts; and how messages begin."""
    if not any(y.is_complex() for y in _outputs(func, inputs)):
        return [(func, "")]

    def part(of):
        return lambda *args: tuple(of(y) if isinstance(y, Tensor) and y.is_complex() else y for y in flatten(func(*args)))

    return [(part(T.imag), _ONLY.format("imaginary")), (part(T.real), _ONLY.format("real"))]


def _check_part(func, inputs, prefix: str, eps, atol, rtol, nondet_tol) -> None:
    outputs = _outputs(func, inputs)
    live = [(j, x) for j, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for i, y in enumerate(outputs):
        for j, x in live:
            _compare(func, inputs, i, y, j, x, eps, atol, rtol, prefix)
    _check_again(func, inputs, live, nondet_tol, prefix)


def _check_again(func, inputs, live: list, nondet_tol: float, prefix: str) -> None:
    """The gradient is the same each time, and none where nothing comes in."""
    outputs = [y for y in _outputs(func, inputs) if y.requires_grad]
    if not outputs:
        return
    xs = [x for _, x in live]
    found = [autograd.grad(outputs, xs, [T.ones_like(y) for y in outputs], retain_graph=True, allow_unused=True)
             for _ in range(2)]
    for first, second in zip(*found, strict=True):
        if first is not None and float((first - second).abs().max() if first.numel() else 0) > nondet_tol:
            raise GradientMismatch(f"{prefix}Backward is not reentrant, i.e., running backward with same input and grad_output "
                                   "multiple times gives different values, although analytical gradient matches numerical "
                                   f"gradient. The tolerance for nondeterminism was {nondet_tol}.")
    nothing = autograd.grad(outputs, xs, [T.zeros_like(y) for y in outputs], retain_graph=True, allow_unused=True)
    if any(g is not None and g.numel() and not bool((g == 0).all()) for g in nothing):
        raise GradientMismatch(f"{prefix}backward not multiplied by grad_output")


def gradgradcheck(func, inputs, grad_outputs=None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, nondet_tol: float = 0.0,
                  **options) -> bool:
    """`gradcheck` of the gradient of `func`."""
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    outputs = _outputs(func, inputs)
    if grad_outputs is None:
        seeds = [T.randn_like(y).requires_grad_(True) for y in outputs]
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    n = len(seeds)

    def gradient(*args):
        xs, vs = args[:-n], args[-n:]
        leaves = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        found = autograd.grad(_outputs(func, xs), leaves, list(vs), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(gradient, inputs + tuple(seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol)


def _check_inputs(inputs) -> None:
    live = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not live:
        raise BadValue("gradcheck expects at least one input tensor to require gradient, but none of the them have "
                       "requires_grad=True.")
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor) and x.requires_grad and x.dtype.name not in ("float64", "complex128"):
            warn(f"Input #{i} requires gradient and is not a double precision floating point or complex. This "
                 "check will likely fail if all the inputs are not of double precision floating point or "
                 "complex. ")


def _outputs(func, inputs) -> list:
    with autograd.enable_grad():
        return [y for y in flatten(func(*inputs)) if isinstance(y, Tensor) and y.dtype.category >= 2]


def _compare(func, inputs, i: int, y, j: int, x, eps, atol, rtol, prefix: str = "") -> None:
    numerical = _numerical(func, inputs, i, j, x, eps)
    if not y.requires_grad:
        if not np.allclose(numerical, 0, rtol=rtol, atol=atol):
            raise GradientMismatch(f"{prefix}Numerical gradient for function expected to be zero")
        return
    analytical = _analytical(y, x)
    if not np.allclose(analytical, numerical, rtol=rtol, atol=atol, equal_nan=True):
        raise GradientMismatch(f"{prefix}Jacobian mismatch for output {i} with respect to input "
                             f"{j},\nnumerical:{T_text(numerical)}\nanalytical:{T_text(analytical)}\n")


def T_text(array) -> str:
    from ..engine.tensor import from_numpy

    return str(from_numpy(np.ascontiguousarray(array)))


def _numerical(func, inputs, i: int, j: int, x, eps: float) -> np.ndarray:
    rows = []
    if not x._a.flags.c_contiguous:
        x._a = module_of(x._a).ascontiguousarray(x._a)
    flat = x._a.reshape(-1)
    for k in range(flat.size):
        kept = flat[k].copy()  # on a GPU an element is a view
        row = 0
        for unit in (1, 1j) if x.is_complex() else (1,):
            ends = []
            for step in (eps * unit, -eps * unit):
                flat[k] = kept + step
                with autograd.no_grad():
                    ends.append(np.array(move(_outputs_plain(func, inputs)[i]._a, CPU), copy=True).reshape(-1))
            row = row + unit * (ends[0] - ends[1]) / (2 * eps)
        flat[k] = kept
        rows.append(row)
    return np.array(rows) if rows else np.zeros((0, _outputs_plain(func, inputs)[i].numel()))


def _outputs_plain(func, inputs) -> list:
    # A gradient inside of `func` needs the tape: detached copies of the inputs keep their flag.
    with autograd.enable_grad():
        return [y for y in flatten(func(*inputs)) if isinstance(y, Tensor) and y.dtype.category >= 2]


def _analytical(y, x) -> np.ndarray:
    columns = []
    flat = y.reshape(-1)
    for k in range(y.numel()):
        g = None
        if y.requires_grad:
            g, = autograd.grad(flat[k], x, retain_graph=True, allow_unused=True)
        columns.append(np.zeros(x._a.size, x._a.dtype) if g is None else move(g._a, CPU).reshape(-1))
    return np.array(columns).T if columns else np.zeros((x._a.size, 0))
