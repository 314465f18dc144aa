"""What functions and arguments of the transforms must be, in PyTorch's words."""

from __future__ import annotations

from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError
from .trees import TreeSpec, flatten


def chosen(argnums, n: int) -> tuple[int, ...]:
    """The numbers of the arguments to differentiate by, counted from the front."""
    if type(argnums) is int and -n <= argnums < n:
        return (argnums % n,)
    if not isinstance(argnums, (int, tuple)):
        raise EngineError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if argnums == ():
        raise EngineError("argnums must be non-empty")
    found = argnums if isinstance(argnums, tuple) else (argnums,)
    if len(set(found)) != len(found):
        raise EngineError(f"argnums elements must be unique, got {argnums}")
    for i in found:
        if not isinstance(i, int):
            raise EngineError(f"argnum must be int, got: {type(i)}")
        if not -n <= i < n:
            raise EngineError(f"Got argnum={i}, but only {n} positional inputs")
    return tuple(i % n for i in found)


def with_aux(result, has_aux: bool, api: str) -> tuple:
    """(output, aux) of a function's result; aux is None where it gives none."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise EngineError(f"{api}: output of function f should be a tuple: (output, aux) if has_aux is True")
    for leaf in flatten(result[1]):
        if not isinstance(leaf, Tensor):
            raise EngineError(f"Expected tensors, got unsupported type {type(leaf)}")
    return result


def check_inputs(leaves: list) -> None:
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise BadValue(f"Thing passed to transform API must be Tensor, got {type(leaf)}")


def check_outputs(outputs: list, api: str) -> None:
    """Tensors, one at least."""
    if outputs == [] or len(outputs) == 1 and outputs[0] is None:
        raise EngineError(f"{api}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for output in outputs:
        if not isinstance(output, Tensor):
            primals = "f(*primals)"
            raise EngineError(f"{api}: expected {primals} to return only tensors, got unsupported type {type(output)}")


def check_real(leaves: list, name: str, what: str) -> None:
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and leaf.is_complex():
            raise EngineError(f"{name}: Expected all {what} to be real but received complex tensor at flattened input idx: {i}")


def check_cotangents(cotangents, output) -> None:
    have, want = TreeSpec(cotangents), TreeSpec(output)
    if have != want:
        raise EngineError("Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                          f"function. cotangents: {have.sketch()}, primal output: {want.sketch()}")


def check_tangents(primals, tangents) -> None:
    """What `jvp` takes: two tuples of one structure, with tensors at their leaves."""
    api = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise EngineError(f"{api}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    plain = type(tangents) is type(primals) is tuple and len(tangents) == len(primals) and all(
        type(t) is Tensor for t in (*primals, *tangents))
    have, want = (None, None) if plain else (TreeSpec(tangents), TreeSpec(primals))
    if have != want:
        raise EngineError(f"{api}: Expected primals and tangents to have the same python structure. For example, if primals "
                          f"is a tuple of 3 tensors, tangents also must be. Got primals with structure {want} and tangents "
                          f"with structure {have}")
    for name, tree in (("primals", primals), ("tangents", tangents)):
        leaves = flatten(tree)
        if not leaves:
            raise EngineError(f"{api}: Expected {name} to contain at least one Tensor.")
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise EngineError(f"{api}: Expected {name} to only contain Tensors, got {type(leaf)}")
    for x, t in zip(flatten(primals), flatten(tangents), strict=True):
        if x.shape != t.shape:
            raise EngineError("Trying to set a forward gradient that has a different size than that of the original Tensor, "
                              f"this is not supported. Tensor is of size {list(x.shape)} while the given forward gradient is "
                              f"of size {list(t.shape)}.")


def check_no_hooks() -> None:
    if state.saved_hooks:
        raise EngineError("torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. Please open an issue "
                          "with your use case.")
