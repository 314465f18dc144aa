"""`torch.autograd`: backward, grad, the recording modes and custom functions, over the tape."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .. import native
from ..errors import ArgumentError, BadValue, EngineError, GradError, Unsupported
from . import dispatch, tape
from .backward import run
from .device import filled_like
from .dispatch import wrap
from .mapping import check_function, is_inside
from .tape import edge_of, state
from .tensor import Tensor
from .warn import warn

# ---------------------------------------------------------------- backward and grad

def backward(tensors, grad_tensors=None, retain_graph=None, create_graph: bool = False, grad_variables=None,
             inputs=None, trace: bool = False) -> None:
    """Adds the gradients of `tensors` to the `.grad` of the leaves they were computed from.

    Raises `GradError` when a tensor has no graph, or is no scalar and comes without a gradient.
    """
    roots = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    gradients = _as_list(grad_tensors, len(roots))
    seeds = [_seed(t, g) for t, g in zip(roots, gradients, strict=True)]
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if not inputs:
            raise EngineError("'inputs' argument to 'backward()' cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        _warn_of_cycles()
    nodes = [edge_of(t) for t in roots]
    if trace or state.trace:
        from .tracing import traced_backward

        traced_backward(roots, nodes, seeds, keep, create_graph)
        return
    if inputs is None:
        run(nodes, seeds, retain_graph=keep, create_graph=create_graph)
        return
    found = run(nodes, seeds, retain_graph=keep, create_graph=create_graph, inputs=[edge_of(t) for t in inputs])
    for t in inputs:
        g = found.get(edge_of(t))
        if g is not None:
            t.grad = g if t.grad is None else t.grad + g


def _warn_of_cycles() -> None:
    warn("Using backward() with create_graph=True will create a reference cycle between the parameter and its "
         "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
         "this. If you have to use this function, make sure to reset the .grad fields of your parameters to None "
         "after use to break the cycle and avoid the leak.")


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph: bool = False, only_inputs: bool = True,
         allow_unused=None, is_grads_batched: bool = False, materialize_grads: bool = False) -> tuple:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` stays as it is."""
    if not (is_grads_batched or materialize_grads):
        keep = create_graph if retain_graph is None else retain_graph
        found = native.gradients(outputs, inputs, grad_outputs, keep, create_graph)
        if found is not False:
            return found if type(found) is tuple else _with_unused(found, allow_unused)
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    gradients = _as_list(grad_outputs, len(outputs))
    if materialize_grads and allow_unused is False:
        raise BadValue("Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
                       "allow_unused=False.")
    if is_grads_batched:
        _check_batches(outputs, gradients)
        rows = [grad(outputs, inputs, [g[i] for g in gradients], True, create_graph, allow_unused=allow_unused)
                for i in range(len(gradients[0]))]
        return tuple(None if column[0] is None else dispatch.T.stack(list(column), 0)
                     for column in zip(*rows, strict=True))
    for i, t in enumerate(outputs):
        if not t._rg:
            raise GradError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    for t in inputs:
        if not t._rg:
            raise GradError("One of the differentiated Tensors does not require grad")
    seeds = [_seed(t, g) for t, g in zip(outputs, gradients, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    edges = [edge_of(t) for t in inputs]
    found = run([edge_of(t) for t in outputs], seeds, retain_graph=keep, create_graph=create_graph, inputs=edges)
    result = [found.get(e) for e in edges]
    if materialize_grads:
        return tuple(_zeros_for(t, create_graph) if g is None else g for t, g in zip(inputs, result, strict=True))
    return _with_unused(result, allow_unused)


def _with_unused(gradients: list, allowed: bool | None) -> tuple:
    """The gradients as a tuple; None stands for an input that the outputs do not depend on."""
    unused = next((i for i, g in enumerate(gradients) if g is None), None)
    if not allowed and unused is not None:
        raise GradError(f"The differentiated Tensor at index {unused} appears to not have been used in the graph. Set "
                        "allow_unused=True if this is the desired behavior.")
    return tuple(gradients)


def leads_only_to(tensors, leaves: list) -> bool:
    """Whether the graph of a tensor, or of several, leads to no other leaves than these, and runs no code of a program;
    False as well where nobody can tell."""
    return native.leads_only_to(tensors, leaves)


def _zeros_for(t, requires_grad: bool):
    zeros = wrap(filled_like(t._a, 0))
    zeros._rg = requires_grad
    return zeros


def _check_batches(outputs: list, gradients: list) -> None:
    for i, (t, g) in enumerate(zip(outputs, gradients, strict=True)):
        if tuple(g.shape)[1:] != tuple(t.shape) or not g.ndim:
            raise GradError("If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                            "dimension. The sizes of the remaining dimensions are expected to match the shape of "
                            f"corresponding output, but a mismatch was detected: grad_output[{i}] has a shape of {g.shape} and "
                            f"output[{i}] has a shape of {t.shape}. If you only want some tensors in `grad_output` to be "
                            "considered batched, consider using vmap.")


def _as_list(gradients, n: int) -> list:
    if gradients is None:
        return [None] * n
    if isinstance(gradients, Tensor):
        gradients = [gradients]
    gradients = list(gradients)
    if len(gradients) != n:
        raise EngineError(f"got {n} tensors and {len(gradients)} gradients")
    return gradients


def _seed(t, g):
    if not isinstance(t, Tensor):
        raise ArgumentError(f"grad can be computed only for tensors, not {type(t).__name__}")
    if not t._rg:
        raise GradError("element 0 of tensors does not require grad and does not have a grad_fn",
                        help="make a leaf with requires_grad=True before computing with it")
    if g is None:
        a = dispatch.form(t)
        if a.size != 1:
            raise GradError("grad can be implicitly created only for scalar outputs",
                            help="reduce it to one number first (.sum() or .mean()), or pass the gradient")
        if a.dtype.kind == "c":
            raise GradError(f"grad can be implicitly created only for real scalar outputs but got {t.dtype!r}")
        return wrap(np.ones(a.shape, a.dtype) if type(a) is np.ndarray else filled_like(a, 1))
    if not isinstance(g, Tensor):
        g = dispatch.as_tensor(g)
    if dispatch.form(g).shape != dispatch.form(t).shape:
        raise GradError(f"Mismatch in shape: grad_output[0] has a shape of {g.shape} and output[0] has a shape of "
                        f"{t.shape}.")
    return g


# ---------------------------------------------------------------- modes

class _Mode:
    """A context manager that is a decorator as well, with and without parentheses."""

    def __new__(cls, fn=None, *args, **kwargs):
        mode = object.__new__(cls)
        if fn is not None and callable(fn) and not isinstance(fn, bool):
            mode.__init__()
            return mode(fn)
        return mode

    def __enter__(self):
        self._before = (state.grad, state.inference)
        self._set()
        return self

    def __exit__(self, *_exc) -> None:
        state.grad, state.inference = self._before

    def __call__(self, fn):
        import types

        if isinstance(fn, type):
            fn.__init__ = self(fn.__init__)
            return fn
        if isinstance(fn, types.FunctionType) and fn.__code__.co_flags & 0x20:
            return self._generator(fn)

        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            with self._fresh():
                return fn(*args, **kwargs)
        return wrapped

    def _generator(self, fn):
        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            generator = fn(*args, **kwargs)
            resume, sent = generator.send, None
            while True:
                with self._fresh():
                    try:
                        value = resume(sent)
                    except StopIteration as stop:
                        return stop.value
                try:
                    resume, sent = generator.send, (yield value)
                except GeneratorExit:
                    with self._fresh():
                        generator.close()
                    raise
                except BaseException as error:
                    resume, sent = generator.throw, error
        return wrapped

    def _fresh(self):
        return type(self)()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, 'mode', '')})"


class no_grad(_Mode):
    """Nothing is recorded inside: `with torch.no_grad():` or `@torch.no_grad()`."""

    def __enter__(self):
        self._before = (state.grad, state.inference)
        state.grad = False
        return self


class enable_grad(_Mode):
    """Recording is on inside, also within `no_grad`."""

    def _set(self) -> None:
        state.grad = True


class set_grad_enabled(_Mode):
    """Recording is set at once; as a context manager it is put back at the end."""

    def __new__(cls, mode: bool = True):
        return object.__new__(cls)

    def __init__(self, mode: bool = True):
        self.mode = bool(mode)
        self._outer = (state.grad, state.inference)
        state.grad = self.mode

    def __enter__(self):
        self._before = self._outer
        state.grad = self.mode
        return self

    def __call__(self, fn):
        state.grad = self._outer[0]
        return _Mode.__call__(self, fn)

    def _fresh(self):
        return type(self)(self.mode)

    def _set(self) -> None:
        state.grad = self.mode


class inference_mode(_Mode):
    """Like `no_grad`, and the tensors made inside never take part in a graph."""

    def __new__(cls, mode=True):
        if callable(mode):
            return cls()(mode)
        return object.__new__(cls)

    def __init__(self, mode: bool = True):
        self.mode = mode if isinstance(mode, bool) else True

    def _set(self) -> None:
        if self.mode:
            state.grad, state.inference, state.odd = False, True, True
        else:
            state.grad, state.inference = True, False


def is_grad_enabled() -> bool:
    return state.grad


def is_inference_mode_enabled() -> bool:
    return state.inference


class saved_tensors_hooks:
    """Packs every saved tensor with `pack_hook` and unpacks it with `unpack_hook` when it is needed."""

    refusal: str | None = None  # why there may be no hooks just now

    def __init__(self, pack_hook, unpack_hook):
        self.pair = (pack_hook, unpack_hook)

    def __enter__(self):
        if self.refusal is not None:
            raise EngineError(self.refusal)
        state.saved_hooks.append(self.pair)
        state.odd = True
        return self

    def __exit__(self, *_exc) -> None:
        state.saved_hooks.pop()


# ---------------------------------------------------------------- custom functions

class FunctionContext:
    """`ctx`: what a custom function's forward leaves for its backward."""

    def __init__(self):
        self._to_save = ()
        self._dirty: tuple = ()
        self._nondiff: tuple = ()
        self.materialize_grads = True
        self.needs_input_grad: tuple = ()
        self._saved = None
        self._freed = False
        self._outputs: list = []

    def save_for_backward(self, *tensors) -> None:
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise ArgumentError(f"save_for_backward can only save variables, but argument 0 is of type "
                                    f"{type(t).__name__}")
        self._to_save = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors) -> None:
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors) -> None:
        self._nondiff = tensors

    def set_materialize_grads(self, value: bool) -> None:
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple:
        if self._freed:
            raise GradError("Trying to backward through the graph a second time (or directly access saved tensors "
                            "after they have already been freed). Saved intermediate values of the graph are freed "
                            "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
                            "backward through the graph a second time or if you need to access saved tensors after "
                            "calling backward.")
        if self._saved is None:
            return self._to_save
        found = []
        for saved, node in self._saved:
            found.append(None if saved is None else saved if isinstance(saved, Tensor)
                         else tape.unpack(saved, node, True))
        return tuple(found)

    saved_variables = saved_tensors


class _FunctionPlan:
    __slots__ = ("count",)
    rules = ()
    raw = None
    saves = ()

    def __init__(self, count: int):
        self.count = count

    def outputs_of(self, node) -> int:
        return self.count


class FunctionNode(tape.Node):
    """The tape entry of a custom function."""

    __slots__ = ("cls", "ctx", "many", "outs")

    def name(self) -> str:
        return self.cls.__name__ + "Backward"

    def __getattr__(self, name: str):
        if name == "ctx":  # of a node that is only being made
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"

    def apply(self, g, create_graph: bool, wanted):
        ctx = self.ctx
        gradients = list(g) if self.many else [g]
        if ctx.materialize_grads:
            gradients = [wrap(np.zeros(shape, dtype)) if x is None and dtype is not None else x
                         for x, (shape, dtype) in zip(gradients, self.outs, strict=True)]
        if ctx._freed:
            ctx.saved_tensors  # noqa: B018  raises the right error
        results = _pull_back(self.cls, ctx, self.edges, gradients)
        results = results if isinstance(results, tuple) else (results,)
        edges = self.edges
        extra = results[len(edges):]
        if len(results) < len(edges) or any(r is not None for r in extra):
            raise GradError(f"function {self.name()} returned an incorrect number of gradients (expected {len(edges)}, "
                            f"got {len(results)})", span=self.span())
        for i, (edge, r) in enumerate(zip(edges, results, strict=False)):
            if edge is None or r is None or (wanted is not None and edge not in wanted):
                continue
            if not isinstance(r, Tensor):
                raise ArgumentError("expected Variable or None (got " + type(r).__name__ + ")")
            self._check_shape(i, edge, r)
            yield edge, r

    def _check_shape(self, i: int, edge, r) -> None:
        have, want = r._a.shape, edge.shape
        if have != want:
            fits = len(have) >= len(want) and all(a == b or b == 1 for a, b in zip(have[::-1], want[::-1], strict=False))
            if not fits:
                raise GradError(f"Function {self.name()} returned an invalid gradient at index {i} - got {list(have)} "
                                f"but expected shape compatible with {list(want)}", span=self.span())

    def free(self) -> None:
        if self.ctx._to_save or self.ctx._saved:
            self.ctx._freed = True
            self.ctx._saved = None


class _ForwardMode:
    """Whether a level of `forward_ad` is open, and what then takes gradients through a function that has a `jvp`."""

    on = False
    transposed_jvp: Any = None


def set_forward_mode(transposed_jvp) -> None:
    """Opens a level with the function that transposes a `jvp`, or with None closes it."""
    _ForwardMode.on, _ForwardMode.transposed_jvp = transposed_jvp is not None, transposed_jvp


def _pull_back(cls, ctx, edges, gradients: list):
    if _ForwardMode.on and "jvp" in _names_of(cls):
        return _ForwardMode.transposed_jvp(cls, ctx, edges, gradients)
    names = _names_of(cls)
    if "vjp" in names and "backward" in names:
        raise EngineError("Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                          "implement one of them.")
    return (cls.vjp if "vjp" in names else cls.backward)(ctx, *gradients)


class Function:
    """A custom op: subclass with static `forward(ctx, ...)` and `backward(ctx, ...)`, call with `apply`."""

    def __init__(self, *args, **kwargs):
        warn(f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
             "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
             "version of PyTorch.", DeprecationWarning)

    def __call__(self, *args, **kwargs):
        raise EngineError(_LEGACY)

    @classmethod
    def apply(cls, *args):
        if not isinstance(inspect_static(cls, "forward"), (staticmethod, classmethod)):
            raise EngineError(_LEGACY)
        ctx = FunctionContext()
        tensors = [a for a in args if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._rg for a in args)
        separate = getattr(cls, "setup_context", None) is not None and "setup_context" in _names_of(cls)
        if not cls.__module__.startswith("tcli."):
            check_function(cls, separate)
        before = state.grad
        state.grad = False
        try:
            results = cls.forward(*args) if separate else cls.forward(ctx, *args)
            if separate:
                cls.setup_context(ctx, args, results)
        finally:
            state.grad = before
        outs = results if isinstance(results, tuple) else (results,)
        if ctx._dirty:
            _check_dirty(ctx._dirty, args, outs)
        if not (state.grad and any(t._rg for t in tensors)):
            return results
        outs = _attach(cls, ctx, args, outs)
        return outs if isinstance(results, tuple) else outs[0]

    generate_vmap_rule = False

    @staticmethod
    def forward(ctx, *args):
        raise Unsupported("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx, *grads):
        raise Unsupported("You must implement either the backward or vjp method for your custom autograd.Function to "
                          "use it with backward mode AD.")


_LEGACY = ("Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with "
           "static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)")


def inspect_static(cls, name: str):
    """What a class defines under a name, not bound to it."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _names_of(cls) -> set:
    return {name for base in cls.__mro__ if base not in (Function, object) for name in vars(base)}


def _check_dirty(dirty: tuple, args: tuple, outs: tuple) -> None:
    """Raises where a function says that it changed in place what it may not change, or does not return."""
    for t in dirty:
        if not any(t is a for a in args):
            warn("Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an input, there is no "
                 "need to pass it to mark_dirty().")
        if not any(t is o for o in outs):
            raise EngineError("Some elements marked as dirty during the forward method were not returned as output. The inputs "
                              "that are modified inplace must all be outputs of the Function.")
        if state.grad and t._rg and t._node is None and not (is_inside() or _ForwardMode.on):
            raise GradError("a leaf Variable that requires grad has been used in an in-place operation.")
        if state.grad and t._rg and t._base is not None and len(outs) > 1:
            raise GradError("If your Function modifies inplace an input that is a view of another Tensor, your Function cannot "
                            "return more than one Tensor. This is not supported by the current autograd engine. You should "
                            "either make sure the input is not a view (using .clone() for example) or make your Function only "
                            "return one Tensor (potentially splitting it into two Functions: one doing the inplace that "
                            "returns a single Tensor and a second one that does the other operations). You can ask on the "
                            "forum https://discuss.pytorch.org/ if you need help to do this change.")


def _attach(cls, ctx, args, outs: tuple) -> tuple:
    """Gives the outputs of a custom function their tape entry."""
    fresh = []
    for t in outs:
        if isinstance(t, Tensor) and not any(t is d for d in ctx._dirty) and any(t is a for a in args):
            fresh.append(t.detach())
        else:
            fresh.append(t)
    first = next((t for t in fresh if isinstance(t, Tensor)), None)
    if first is None:
        return outs
    node = object.__new__(FunctionNode)
    tape.Node.__init__(node, None, _FunctionPlan(len(fresh)), [edge_of(a) if isinstance(a, Tensor) else None
                                                               for a in args], (), first._a)
    node.cls, node.ctx, node.many = cls, ctx, len(fresh) > 1
    node.outs = [(t._a.shape, t._a.dtype) if isinstance(t, Tensor) else ((), None) for t in fresh]
    for i, t in enumerate(fresh):
        if not isinstance(t, Tensor) or t._a.dtype.kind not in "fcV" or any(t is n for n in ctx._nondiff):
            continue
        mine = tape.Pick(node, i, t._a) if node.many else node
        if any(t is d for d in ctx._dirty):
            _written(t, mine)
        else:
            t._node, t._rg = mine, True
    ctx._saved = [_save(t, fresh, outs, node) for t in ctx._to_save]
    return tuple(fresh)


def _written(t, node) -> None:
    """Gives a tensor that a custom function changed in place its new history, and what it is a view of."""
    dispatch.bump(t)
    result = wrap(t._a)
    result._node, result._rg = node, True
    dispatch.rebase(t, result)


def _save(t, fresh, outs, node):
    if t is None:
        return None, node
    for i, o in enumerate(outs):
        if t is o or t is fresh[i]:
            return dispatch.saved_value(t, (node, i) if node.many else tape.OUT), node
    return dispatch.saved_value(t, edge_of(t)), node


def once_differentiable(fn):
    """Marks a backward that cannot itself be differentiated."""
    @functools.wraps(fn)
    def wrapped(ctx, *grads):
        before = state.grad
        state.grad = False
        try:
            results = fn(ctx, *grads)
        finally:
            state.grad = before
        if not before or not any(isinstance(g, Tensor) and g._rg for g in grads):
            return results
        outs = results if isinstance(results, tuple) else (results,)
        marked = tuple(_OnceDifferentiable.apply(t.detach().requires_grad_()) if isinstance(t, Tensor) else t for t in outs)
        return marked if isinstance(results, tuple) else marked[0]
    return wrapped


class _OnceDifferentiable(Function):
    """What comes out of a backward that cannot itself be differentiated."""

    @staticmethod
    def forward(ctx, x):
        return x.detach()

    @staticmethod
    def backward(ctx, g):
        raise GradError("trying to differentiate twice a function that was marked with @once_differentiable")


class set_detect_anomaly:
    """Checks every gradient for NaN and names the forward line it came from."""

    def __init__(self, mode: bool = True, check_nan: bool = True):
        self._before = state.anomaly
        _set_anomaly(mode and check_nan)

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        _set_anomaly(self._before)


class detect_anomaly(set_detect_anomaly):
    def __init__(self, check_nan: bool = True):
        super().__init__(True, check_nan)


def _set_anomaly(on: bool) -> None:
    state.anomaly = bool(on)
    if on and _find_nan not in tape.observers:
        tape.observers.append(_find_nan)
    elif not on and _find_nan in tape.observers:
        tape.observers.remove(_find_nan)


def _output_of(node, produced: list, gradient) -> int:
    """Which of a node's inputs a gradient is for; the same tensor may be several."""
    place = -1
    for edge, r in produced:
        place = next((i for i, e in enumerate(node.edges) if i > place and e is edge), 0)
        if r is gradient:
            break
    return place


def _find_nan(node, g, produced, seconds) -> None:
    for _, r in produced:
        if r._a.dtype.kind in "fc" and np.isnan(r._a).any():
            index = _output_of(node, produced, r)
            span = node.span()
            raise GradError(f"Function '{node.name()}' returned nan values in its {index}th output.", span=span,
                            notes=[f"the forward operation is {span.text!r} at {span}"] if span else [])

