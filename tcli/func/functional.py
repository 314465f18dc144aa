"""`torch.autograd.functional`: Jacobians, Hessians and their products for functions of tensors."""

from __future__ import annotations

from ..engine import autograd
from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(value, what: str) -> tuple[bool, tuple]:
    if isinstance(value, (tuple, list)):
        values, many = tuple(value), True
    else:
        values, many = (value,), False
    for i, each in enumerate(values):
        if not isinstance(each, Tensor):
            raise ArgumentError(f"The {what} must be either a Tensor or a tuple of Tensors but the value at index {i} has "
                                f"type {type(each)}.")
    return many, values


def _leaves(inputs: tuple, create_graph: bool) -> tuple:
    if create_graph:
        return tuple(T.view_as(x, x) if x.requires_grad else x.detach().requires_grad_(True) for x in inputs)
    return tuple(x.detach().requires_grad_(True) for x in inputs)


def _gradient(outputs, inputs, seeds, strict: bool = False) -> tuple:
    live = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o.requires_grad]
    if strict and len(live) < len(outputs):
        raise EngineError("Output 0 of the user-provided function does not require gradients. The outputs must be computed "
                          "in a differentiable manner from the input when running in strict mode.")
    if not live:
        return tuple(T.zeros_like(x) for x in inputs)
    found = autograd.grad([o for o, _ in live], inputs, [s for _, s in live], create_graph=True, allow_unused=True)
    return tuple(T.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True))


def _out(values: tuple, many: bool, create_graph: bool):
    values = tuple(v if create_graph else v.detach() for v in values)
    return values if many else values[0]


def jacobian(func, inputs, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
             strategy: str = "reverse-mode"):
    """The Jacobian of `func`: for each output and input a tensor of shape output.shape + input.shape."""
    with autograd.enable_grad():
        many_in, xs = _tuple(inputs, "inputs given to jacobian")
        xs = _leaves(xs, create_graph)
        many_out, ys = _tuple(func(*xs), "outputs of the user-provided function given to jacobian")
        rows = []
        for y in ys:
            flat = y.reshape(-1)
            found = [_gradient((flat[i],), xs, (T.ones_like(flat[i]),), strict) for i in range(flat.numel())]
            rows.append(tuple(T.stack([g[j] for g in found], 0).reshape(tuple(y.shape) + tuple(x.shape)) if found else
                              T.zeros(tuple(y.shape) + tuple(x.shape), dtype=x.dtype) for j, x in enumerate(xs)))
    rows = [_out(row, many_in, create_graph) for row in rows]
    return tuple(rows) if many_out else rows[0]


def hessian(func, inputs, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
            outer_jacobian_strategy: str = "reverse-mode"):
    """The second derivatives of `func`, a function with one scalar result."""
    many, xs = _tuple(inputs, "inputs given to hessian")

    def check(*args):
        y = func(*args)
        if not isinstance(y, Tensor):
            raise EngineError("The function given to hessian should return a single Tensor")
        if y.numel() != 1:
            raise EngineError("The Tensor returned by the function given to hessian should contain a single element")
        return y.squeeze()

    found = jacobian(lambda *args: jacobian(check, args, create_graph=True), xs, create_graph)
    return tuple(tuple(row) for row in found) if many else found[0][0]


def vjp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of `v` with the Jacobian)."""
    with autograd.enable_grad():
        many_in, xs = _tuple(inputs, "inputs given to vjp")
        xs = _leaves(xs, create_graph)
        many_out, ys = _tuple(func(*xs), "outputs of the user-provided function given to vjp")
        seeds = _seeds(v, ys, "vjp")
        found = _gradient(ys, xs, seeds, strict)
    return _out(ys, many_out, create_graph), _out(found, many_in, create_graph)


def _seeds(v, values: tuple, who: str) -> tuple:
    if v is None:
        if len(values) != 1 or values[0].numel() != 1:
            raise EngineError("The vector v can only be None if the user-provided function returns a single Tensor with a "
                              "single element.")
        return (T.ones_like(values[0]),)
    _, seeds = _tuple(v, f"vector v given to {who}")
    for i, (s, y) in enumerate(zip(seeds, values, strict=True)):
        if s.shape != y.shape:
            raise EngineError(f"v[{i}] has invalid size: should be {y.shape} but got {s.shape}."
                              .replace(f"v[{i}]", f"Entry {i} in v" if len(values) > 1 else "v"))
    return seeds


def jvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of the Jacobian with `v`)."""
    with autograd.enable_grad():
        many_in, xs = _tuple(inputs, "inputs given to jvp")
        xs = _leaves(xs, create_graph)
        seeds = _seeds(v, xs, "jvp")
        many_out, ys = _tuple(func(*xs), "outputs of the user-provided function given to jvp")
        dummies = tuple(T.zeros_like(y).requires_grad_(True) for y in ys)
        found = _gradient(_gradient(ys, xs, dummies, strict), dummies, seeds)
    return _out(ys, many_out, create_graph), _out(found, many_out, create_graph)


def vhp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of `v` with the Hessian)."""
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of the Hessian with `v`)."""
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _hessian_product(func, inputs, v, create_graph: bool, strict: bool, who: str):
    with autograd.enable_grad():
        many, xs = _tuple(inputs, f"inputs given to {who}")
        xs = _leaves(xs, create_graph)
        seeds = _seeds(v, xs, who)
        y = func(*xs)
        if not isinstance(y, Tensor) or y.numel() != 1:
            raise EngineError(f"The Tensor returned by the function given to {who} should contain a single element")
        slope = _gradient((y,), xs, (T.ones_like(y),), strict)
        found = _gradient(slope, xs, seeds)
    return (y if create_graph else y.detach()), _out(found, many, create_graph)
