"""`torch._foreach_*`: an op for each tensor of a list, as hand-written optimisers use them."""

from ..engine.registry import T, function
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError

UNARY = """abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round
    rsqrt sigmoid sign sin sinh sqrt tan tanh trunc""".split()
BINARY = ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "clamp_max", "clamp_min", "lerp")


def _check_list(tensors) -> None:
    if not isinstance(tensors, (list, tuple)) or any(not isinstance(t, Tensor) for t in tensors):
        raise ArgumentError(f"argument 'self' must be tuple of Tensors, not {type(tensors).__name__}")
    if not tensors:
        raise EngineError("Tensor list must have at least one tensor.")


def _each(value, n: int) -> list:
    """An argument for each of n tensors: a list has one for each, anything else serves all."""
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        if value and isinstance(value[0], Tensor):
            raise EngineError(f"Tensor lists must have the same number of tensors, got {n} and {len(value)}")
        raise EngineError("Tensor list must have same number of elements as scalar list.")
    return list(value)


def _declare(name: str, call, inplace: bool) -> None:
    """Declares `torch._foreach_<name>`; `call(tensor, *arguments)` serves one tensor."""
    full = "_foreach_" + name + ("_" if inplace else "")

    @function("torch." + full)
    def foreach(self, *args, **kwargs):
        if name == "pow" and args and not isinstance(self, (list, tuple)):  # a number to the power of each tensor
            self = [T.full((), self).to(t.dtype) for t in args[0]]
        _check_list(self)
        columns = [_each(value, len(self)) for value in args]
        found = tuple(call(t, *values, **kwargs) for t, *values in zip(self, *columns, strict=True))
        return list(self) if inplace else found

    foreach.__name__ = foreach.__qualname__ = full
    foreach.__doc__ = f"`{name}` of each tensor of a list{', in place' if inplace else ''}."


def _method(name: str):
    return lambda t, *args, **kwargs: getattr(t, name)(*args, **kwargs)


for _name in (*UNARY, *BINARY):
    _source = {"maximum": "clamp_min", "minimum": "clamp_max"}.get(_name, _name)
    _declare(_name, _method(_source), False)
    if _name != "clone":
        _declare(_name, _method(_source + "_"), True)


def _scaled(name: str, inplace: bool) -> None:
    """`_foreach_addcmul(self, tensor1, tensor2, value)`: the value may be a number, a list of them or a tensor."""
    method = name + ("_" if inplace else "")

    @function("torch._foreach_" + method)
    def foreach(self, tensor1, tensor2, value=1, *, scalars=None):
        _check_list(self)
        value = scalars if scalars is not None else value
        values = value.tolist() if isinstance(value, Tensor) else value
        columns = (_each(v, len(self)) for v in (tensor1, tensor2, values))
        found = tuple(getattr(t, method)(a, b, value=v) for t, a, b, v in zip(self, *columns, strict=True))
        return list(self) if inplace else found

    foreach.__name__ = foreach.__qualname__ = "_foreach_" + method
    foreach.__doc__ = f"`{name}` of each tensor of a list{', in place' if inplace else ''}."


for _name in ("addcmul", "addcdiv"):
    _scaled(_name, False)
    _scaled(_name, True)
_declare("zero", _method("zero_"), True)
_declare("copy", _method("copy_"), True)
_declare("max", lambda t: t.max(), False)
_declare("mm", lambda t, other: t.mm(other), False)


@function("torch._foreach_norm")
def _foreach_norm(self, ord=2, dtype=None):
    """The norm of each tensor of a list."""
    _check_list(self)
    return tuple(T.linalg_vector_norm(t, ord, dtype=dtype) for t in self)
