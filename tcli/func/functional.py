"""`torch.autograd.functional`: Jacobians, Hessians and their products for functions of tensors.

With `strict` a function whose results do not depend on its inputs is an error instead of a gradient of zeros.
"""

from __future__ import annotations

from ..engine import autograd
from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError, Unsupported

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_OUTPUTS = "outputs of the user-provided function"
_NOT_STRICT = "This is not allowed in strict mode"
_INDEPENDENT = "The output of the user-provided function is independent of input {i}. " + _NOT_STRICT + "."


def _tuple(value, what: str, who: str) -> tuple[bool, tuple]:
    many = isinstance(value, (tuple, list))
    values = tuple(value) if many else (value,)
    for i, each in enumerate(values):
        if not isinstance(each, Tensor):
            which = f"the value at index {i}" if many else f"the given {what}"
            raise ArgumentError(f"The {what} given to {who} must be either a Tensor or a tuple of Tensors but {which} has type "
                                f"{type(each)}.")
    return many, values


def _leaves(inputs: tuple, create_graph: bool) -> tuple:
    if create_graph:
        return tuple(T.view_as(x, x) if x.requires_grad else x.detach().requires_grad_(True) for x in inputs)
    return tuple(x.detach().requires_grad_(True) for x in inputs)


def _check_outputs(outputs: tuple, strict: bool) -> None:
    for i, y in enumerate(outputs):
        if strict and not y.requires_grad:
            raise EngineError(f"Output {i} of the user-provided function does not require gradients. The outputs must be "
                              "computed in a differentiable manner from the input when running in strict mode.")


def _check_slopes(slopes: tuple, strict: bool) -> None:
    """What is differentiated a second time must depend on the inputs."""
    for i, g in enumerate(slopes):
        if strict and (g is None or not g.requires_grad):
            if g is None:
                raise EngineError(_INDEPENDENT.format(i=i))
            raise EngineError("While computing the hessian, found that the jacobian of the user-provided function with "
                              f"respect to input {i} is independent of the input. {_NOT_STRICT}. You should ensure that your "
                              "function is twice differentiable and that the jacobian depends on the inputs (this would be "
                              "violated by a linear function for example).")


def _raw_gradient(outputs, inputs, seeds, create_graph: bool = True) -> tuple:
    live = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o is not None and o.requires_grad]
    if not live:
        return (None,) * len(inputs)
    return autograd.grad([o for o, _ in live], inputs, [s for _, s in live], True, create_graph, allow_unused=True)


def _filled(gradients, inputs, strict: bool = False, create_graph: bool = False, message: str = _INDEPENDENT) -> tuple:
    """Zeros for inputs without a gradient, which `strict` forbids."""
    for i, g in enumerate(gradients):
        if strict and g is None:
            raise EngineError(message.format(i=i))
        if strict and create_graph and not g.requires_grad:
            raise EngineError(f"The jacobian of the user-provided function is independent of input {i}. {_NOT_STRICT} when "
                              "create_graph=True.")
    return tuple(T.zeros_like(x) if g is None else g for g, x in zip(gradients, inputs, strict=True))


def _out(values: tuple, many: bool, create_graph: bool):
    values = tuple(v if create_graph else v.detach() for v in values)
    return values if many else values[0]


def jacobian(func, inputs, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
             strategy: str = "reverse-mode"):
    """The Jacobian of `func`: for each output and input a tensor of shape output.shape + input.shape."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more '
                             'outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use '
                             '"reverse-mode".')
    if strategy == "forward-mode" and not vectorize:
        raise Unsupported("Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for "
                          "`vectorize=True`.")
    if strict and vectorize:
        raise EngineError("torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
                          "Please either set `strict=False` or `vectorize=False`.")
    with autograd.enable_grad():
        many_in, xs = _tuple(inputs, "inputs", "jacobian")
        xs = _leaves(xs, create_graph)
        many_out, ys = _tuple(func(*xs), _OUTPUTS, "jacobian")
        _check_outputs(ys, strict)
        rows = []
        for o, y in enumerate(ys):
            flat = y.reshape(-1)
            message = f"Output {o} of the user-provided function is independent of input {{i}}. {_NOT_STRICT}."
            slopes = (_raw_gradient((element,), xs, (T.ones_like(element),), create_graph)
                      for element in map(flat.__getitem__, range(flat.numel())))
            found = [_filled(each, xs, strict, create_graph, message) for each in slopes]
            rows.append(tuple(T.stack([g[j] for g in found], 0).reshape(tuple(y.shape) + tuple(x.shape)) if found else
                              T.zeros(tuple(y.shape) + tuple(x.shape), dtype=x.dtype) for j, x in enumerate(xs)))
    rows = [_out(row, many_in, create_graph) for row in rows]
    return tuple(rows) if many_out else rows[0]


def hessian(func, inputs, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
            outer_jacobian_strategy: str = "reverse-mode"):
    """The second derivatives of `func`, a function with one scalar result."""
    many, xs = _tuple(inputs, "inputs", "hessian")

    def check(*args):
        several, ys = _tuple(func(*args), _OUTPUTS, "hessian")
        _check_outputs(ys, strict)
        if several:
            raise EngineError("The function given to hessian should return a single Tensor")
        if ys[0].numel() != 1:
            raise EngineError("The Tensor returned by the function given to hessian should contain a single element")
        return ys[0].squeeze()

    def slopes(*args):
        found = jacobian(check, args, create_graph=True)
        _check_slopes(found, strict)
        return found

    found = jacobian(slopes, xs, create_graph, vectorize=vectorize, strategy=outer_jacobian_strategy)
    return tuple(tuple(row) for row in found) if many else found[0][0]


def vjp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of `v` with the Jacobian)."""
    with autograd.enable_grad():
        many_in, xs = _tuple(inputs, "inputs", "vjp")
        xs = _leaves(xs, create_graph)
        many_out, ys = _tuple(func(*xs), _OUTPUTS, "vjp")
        _check_outputs(ys, strict)
        seeds = _seeds(v, ys, many_out, "vjp", "user-provided function returns")
        found = _filled(_raw_gradient(ys, xs, seeds, create_graph), xs, strict, create_graph)
    return _out(ys, many_out, create_graph), _out(found, many_in, create_graph)


def _seeds(v, values: tuple, many: bool, who: str, where: str = "input to the user-provided function is") -> tuple:
    if v is None:
        if len(values) != 1 or values[0].numel() != 1:
            raise EngineError(f"The vector v can only be None if the {where} a single Tensor with a single element.")
        return (T.ones_like(values[0]),)
    _, seeds = _tuple(v, "v", who)
    if many and len(seeds) != len(values):
        raise EngineError(f"v is a tuple of invalid length: should be {len(values)} but got {len(seeds)}.")
    if not many and len(seeds) != 1:
        raise EngineError("The given v should contain a single Tensor.")
    for i, (s, y) in enumerate(zip(seeds, values, strict=True)):
        if s.shape != y.shape:
            raise EngineError(f"{f'Entry {i} in v' if many else 'v'} has invalid size: should be {y.shape} but got {s.shape}.")
    return seeds


def jvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of the Jacobian with `v`)."""
    with autograd.enable_grad():
        many_in, xs = _tuple(inputs, "inputs", "jvp")
        xs = _leaves(xs, create_graph)
        seeds = _seeds(v, xs, many_in, "jvp")
        many_out, ys = _tuple(func(*xs), _OUTPUTS, "jvp")
        _check_outputs(ys, strict)
        dummies = tuple(T.zeros_like(y).requires_grad_(True) for y in ys)
        slopes = _raw_gradient(ys, xs, dummies)
        if strict:
            _filled(slopes, xs, strict)
        found = _filled(_raw_gradient(slopes, dummies, seeds, create_graph), ys, strict, create_graph)
    return _out(ys, many_out, create_graph), _out(found, many_out, create_graph)


def vhp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of `v` with the Hessian)."""
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(func(inputs), the product of the Hessian with `v`)."""
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _hessian_product(func, inputs, v, create_graph: bool, strict: bool, who: str):
    with autograd.enable_grad():
        many, xs = _tuple(inputs, "inputs", who)
        xs = _leaves(xs, create_graph)
        seeds = _seeds(v, xs, many, who)
        several, ys = _tuple(func(*xs), _OUTPUTS, who)
        _check_outputs(ys, strict)
        if several:
            raise EngineError(f"The function given to {who} should return a single Tensor")
        y = ys[0]
        if y.numel() != 1:
            raise EngineError(f"The Tensor returned by the function given to {who} should contain a single element")
        slopes = _raw_gradient((y,), xs, (T.ones_like(y),))
        _check_slopes(slopes, strict)
        found = _filled(_raw_gradient(slopes, xs, seeds, create_graph), xs)
    return (y if create_graph else y.detach()), _out(found, many, create_graph)
