"""Gradients and Jacobians as functions of functions, over the tape.

Each transform runs the function on inputs of its own, so that transforms nest: inside of another one
(or where a captured tensor requires a gradient) the result stays on the tape; at the outside, a result
that depends on nothing but the transform's own inputs comes back free of it.
"""

from __future__ import annotations

import functools

from ..engine import autograd, tape
from ..engine.mapping import inside
from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError
from . import checks
from .trees import flatten, map_tensors, rebuild


def own_input(x):
    """A tensor to differentiate with respect to, connected to the history of `x` if it has one."""
    if not isinstance(x, Tensor):
        return x
    if not (x.is_floating_point() or x.is_complex()):
        raise EngineError("only Tensors of floating point dtype can require gradients")
    return T.view_as(x, x) if x.requires_grad else x.detach().requires_grad_(True)


def released(result, mine: list):
    """The result without its history, where that leads to nothing but the transform's own inputs, or nothing is recorded."""
    if not tape.state.grad:
        return map_tensors(lambda t: t.detach(), result)
    leaves = _own_leaves(mine)

    def release(t):
        if not t.requires_grad or not autograd.leads_only_to(t, leaves) and _reaches_others(
                tape.edge_of(t), {tape.edge_of(leaf) for leaf in leaves}):
            return t
        return t.detach()
    return map_tensors(release, result)


def _own_leaves(mine: list) -> list:
    return [t for t in mine if isinstance(t, Tensor) and t._node is None and t._rg]


def _reaches_others(root, own: set) -> bool:
    seen, stack = set(), [root]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if type(node) is tape.AccumulateGrad and node not in own:
            return True
        stack.extend(node.edges)
    return False


def _with_inputs(args: tuple, argnums) -> tuple[tuple, list]:
    """The arguments with own inputs at `argnums`, and these inputs as a flat list."""
    args = list(args)
    mine: list = []
    for i in checks.chosen(argnums, len(args)):
        checks.check_inputs(flatten(args[i]))
        args[i] = map_tensors(own_input, args[i])
        mine.extend(flatten(args[i]))
    return tuple(args), mine


def _picked(args: tuple, argnums):
    """The arguments at `argnums`, as a tuple where several are asked for."""
    found = tuple(args[i] for i in checks.chosen(argnums, len(args)))
    return found if isinstance(argnums, tuple) else found[0]


def _grad_and_value(func, args: tuple, kwargs: dict, argnums, has_aux: bool) -> tuple:
    """(the gradient, the output of `func` and what it gave beside it, the transform's own inputs)."""
    checks.check_no_hooks()
    with autograd.enable_grad(), inside():
        args, mine = _with_inputs(args, argnums)
        output, aux = checks.with_aux(func(*args, **kwargs), has_aux, "grad_and_value(f)(*args)")
        _check_scalar(output)
        gradients = _gradients([output], mine, None)
    return released(rebuild(_picked(args, argnums), gradients), mine), output, aux, mine


def grad_and_value(func, argnums=0, has_aux: bool = False):
    """A function that gives (gradient, value) of `func`, a function with a scalar result."""
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        found, output, aux, mine = _grad_and_value(func, args, kwargs, argnums, has_aux)
        value = released(output, mine)
        return found, ((value, map_tensors(lambda t: released(t, mine), aux)) if has_aux else value)
    return wrapper


def _check_scalar(output) -> None:
    if not isinstance(output, Tensor):
        raise EngineError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
    if output.dim() != 0:
        raise EngineError("grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                          f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?")


def _gradients(outputs: list, inputs: list, seeds, further=()) -> list:
    """The gradients of outputs with respect to inputs, zeros where there are none; `further`: more inputs of the transform."""
    live = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    result: list = [None] * len(inputs)
    roots = [(o, None if seeds is None else seeds[j]) for j, o in enumerate(outputs) if o.requires_grad]
    if roots and live:
        given = None if seeds is None else [s for _, s in roots]
        found = autograd.grad([o for o, _ in roots], [inputs[i] for i in live], given, True,
                              _is_needed_again(outputs, [*inputs, *further], seeds), allow_unused=True)
        for i, g in zip(live, found, strict=True):
            result[i] = g
    return [g if g is not None else T.zeros_like(t) if isinstance(t, Tensor) else t
            for g, t in zip(result, inputs, strict=True)]


def _is_needed_again(outputs: list, inputs: list, seeds) -> bool:
    """Whether gradients may be differentiated in their turn: by tensors that are not the transform's own inputs."""
    if seeds is not None and any(s.requires_grad for s in seeds):
        return True
    return not autograd.leads_only_to([o for o in outputs if o.requires_grad], _own_leaves(inputs))


def grad(func, argnums=0, has_aux: bool = False):
    """A function that gives the gradient of `func` with respect to the arguments at `argnums`."""
    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        found, _, aux, mine = _grad_and_value(func, args, kwargs, argnums, has_aux)
        return (found, map_tensors(lambda t: released(t, mine), aux)) if has_aux else found
    return wrapper


def vjp(func, *primals, has_aux: bool = False):
    """(func(*primals), a function from a cotangent of the output to the tuple of input gradients)."""
    checks.check_no_hooks()
    with autograd.enable_grad(), inside():
        args, mine = _with_inputs(primals, tuple(range(len(primals)))) if primals else ((), [])
        result = func(*args)
    output, aux = checks.with_aux(result, has_aux, "vjp(f, *primals)")
    outputs = flatten(output)
    checks.check_outputs(outputs, "vjp(f, *primals)")

    def pull_back(cotangents, retain_graph: bool = True, create_graph: bool | None = None):
        checks.check_cotangents(cotangents, output)
        seeds = flatten(cotangents)
        with autograd.enable_grad():
            gradients = _gradients(outputs, mine, seeds)
        return released(rebuild(tuple(args), gradients), mine)

    value = released(output, mine)
    return (value, pull_back, map_tensors(lambda t: t.detach(), aux)) if has_aux else (value, pull_back)


def jvp(func, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False):
    """(func(*primals), the derivative of func in the direction of the tangents).

    The gradient is linear in the cotangent of the output; its gradient with respect to that cotangent,
    in the direction of the tangents, is the directional derivative.
    """
    api = "jvp(f, primals, tangents)"
    checks.check_tangents(primals, tangents)
    with autograd.enable_grad(), inside():
        args, mine = _with_inputs(primals, tuple(range(len(primals))))
        output, aux = checks.with_aux(func(*args), has_aux, api)
        outputs = flatten(output)
        checks.check_outputs(outputs, api)
        if strict and not all(o.requires_grad for o in outputs):
            raise EngineError("jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is "
                              "not allowed with strict=True.")
        cotangents = [T.zeros_like(o).requires_grad_(True) for o in outputs]
        gradients = _gradients(outputs, mine, cotangents)
        along = _gradients([g for g in gradients if isinstance(g, Tensor)], cotangents,
                           [t for t in flatten(tangents) if isinstance(t, Tensor)], mine)
    mine = mine + cotangents
    found = released(rebuild(output, along), mine)
    value = released(output, mine)
    return (value, found, map_tensors(lambda t: t.detach(), aux)) if has_aux else (value, found)


def linearize(func, *primals):
    """(func(*primals), the linear map from tangents to the derivative in their direction)."""
    return func(*primals), lambda *tangents: jvp(func, primals, tangents)[1]


def _jacobian(func, argnums, has_aux: bool, name: str):
    api = "vjp(f, *primals)" if name == "jacrev" else "jvp(f, primals, tangents)"

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        if name == "jacrev":
            checks.check_no_hooks()
        with autograd.enable_grad(), inside():
            args, mine = _with_inputs(args, argnums)
            checks.check_real(mine, name, "inputs")
            output, aux = checks.with_aux(func(*args, **kwargs), has_aux, api)
            outputs = flatten(output)
            checks.check_outputs(outputs, api)
            checks.check_real(outputs, name, "outputs")
            rows = [_rows(o, mine) for o in outputs]
        tree = _picked(args, argnums)
        found = rebuild(output, [released(rebuild(tree, each), mine) for each in rows])
        return (found, map_tensors(lambda t: released(t, mine), aux)) if has_aux else found
    return wrapper


def _rows(output, inputs: list) -> list:
    """The Jacobian of one output with respect to each input: shape output.shape + input.shape."""
    n = output.numel()
    columns: list[list] = [[] for _ in inputs]
    flat = output.reshape(-1)
    for i in range(n):
        for column, g in zip(columns, _gradients([flat[i]], inputs, None), strict=True):
            column.append(g)
    shape = tuple(output.shape)
    return [T.stack(column, 0).reshape(shape + tuple(x.shape)) if column else T.zeros(shape + tuple(x.shape), dtype=x.dtype)
            for column, x in zip(columns, inputs, strict=True)]


def jacrev(func, argnums=0, *, has_aux: bool = False, chunk_size=None, _preallocate_and_copy: bool = False):
    """A function that gives the Jacobian of `func`: shape output.shape + input.shape."""
    if chunk_size is not None and chunk_size <= 0:
        raise BadValue("jacrev: `chunk_size` should be greater than 0.")
    return _jacobian(func, argnums, has_aux, "jacrev")


def jacfwd(func, argnums=0, has_aux: bool = False, *, randomness: str = "error"):
    """The same Jacobian as `jacrev`."""
    return _jacobian(func, argnums, has_aux, "jacfwd")


def hessian(func, argnums=0):
    """A function that gives the matrix of second derivatives of `func`."""
    return jacfwd(jacrev(func, argnums), argnums)


