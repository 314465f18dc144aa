"""`model_summary(model, input_shape)`: what the layers of a model give, hold and cost, found out on shapes alone.

The model's own tensors stand for arrays without memory while it runs once, in evaluation mode; afterwards they are
what they were. Nothing is computed, nothing allocated, no random number drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..engine import cost, device, dtypes, random, tape
from ..engine.device import Device
from ..engine.fields import new
from ..engine.meta import MetaArray
from ..engine.profile import Recorder
from ..engine.registry import ops
from ..engine.tensor import Tensor
from ..errors import ArgumentError, BadValue, TcliError
from ..nn.module import Module

META = Device("meta")


class Layer:
    """One row of a summary.

    params, trainable: of the layer and all below it, shared ones once. flops: of all its calls; outputs: the signatures
    of what its first call gave. bytes: of the results of all its calls.
    """

    __slots__ = ("bytes", "calls", "depth", "flops", "kind", "last", "name", "outputs", "params", "shared", "trainable")

    def __init__(self, name: str, kind: str, depth: int, shared: bool):
        self.name, self.kind, self.depth, self.shared, self.last = name, kind, depth, shared, False
        self.calls = self.flops = self.bytes = self.params = self.trainable = 0
        self.outputs: list[str] = []


class ModelSummary:
    """The table of a model's layers; prints as text, `layers` and the totals give it as data."""

    def __init__(self, layers: list[Layer], inputs: list[str], ran: bool):
        self.layers, self.inputs, self.ran = layers, inputs, ran
        self.total_params = self.trainable_params = self.total_flops = self.total_mult_adds = 0
        self.param_bytes = self.output_bytes = self.saved_bytes = self.input_bytes = 0

    def text(self, width: int) -> str:
        from ..show.model_table import render

        return render(self, width)

    def __repr__(self) -> str:
        import sys

        from ..show.screen import Screen

        return self.text(Screen.of(sys.stdout).width)


def model_summary(model, input_shape=None, depth: int = 3, *, dtypes=None, **options) -> ModelSummary:
    """What a program calls as `model_summary`; see `pictures`."""
    if not isinstance(model, Module):
        raise ArgumentError(f"model_summary() takes a module first, not {_said(model)}",
                            help="model_summary(model, (1, 3, 32, 32))")
    _refuse_lazy(model)
    args = () if input_shape is None else _inputs(input_shape, dtypes)
    watch = _Watch(model, max(0, depth))
    found = ModelSummary(watch.rows, [_signature(t) for t in _tensors(args)], input_shape is not None)
    _count_parameters(found, model)
    if found.ran:
        found.input_bytes = sum(_bytes(t) for t in _tensors(args))
        watch.run(args, options, found)
    return found


def summary(model, input_size=None, input_data=None, depth: int = 3, dtypes=None, verbose: int = 1, **options) -> ModelSummary:
    """torchinfo's spelling: prints the table (unless `verbose` is 0) and gives it.

    What else torchinfo takes (`col_names`, `device`, `row_settings`, ...) changes nothing here.
    """
    theirs = ("batch_dim", "cache_forward_pass", "col_names", "col_width", "device", "mode", "row_settings")
    options = {name: value for name, value in options.items() if name not in theirs}
    found = model_summary(model, input_size if input_data is None else input_data, depth, dtypes=dtypes, **options)
    if verbose:
        print(found)
    return found


def _said(value: Any) -> str:
    return f"a {type(value).__name__}"


def _refuse_lazy(model: Module) -> None:
    for name, t in [*model.named_parameters(), *model.named_buffers()]:
        if "Uninitialized" in type(t).__name__:
            raise BadValue(f"the shape of {name} is not known yet: its layer is lazy",
                           help="run the model once on real data before the summary")


# ---------------------------------------------------------------- inputs

def _inputs(given: Any, kinds: Any) -> tuple:
    """The arguments of `forward`, as tensors without memory."""
    if _is_shape(given) or isinstance(given, Tensor):
        given = [given]
    elif not isinstance(given, (list, tuple)) or not all(_is_shape(each) or isinstance(each, Tensor) for each in given):
        raise ArgumentError("input_shape is a shape, a list of shapes, a tensor or a list of tensors",
                            help="model_summary(model, [(8, 10), (8, 4)]) for two inputs")
    kinds = list(kinds) if isinstance(kinds, (list, tuple)) else [kinds] * len(given)
    if len(kinds) != len(given):
        raise ArgumentError(f"{len(kinds)} dtypes for {len(given)} inputs")
    return tuple(_without_memory(each, kind) for each, kind in zip(given, kinds, strict=True))


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)


def _without_memory(given: Any, kind: Any) -> Tensor:
    if isinstance(given, Tensor):
        shape, numpy_dtype = tuple(given.shape), given.dtype.numpy
    else:
        if any(n < 0 for n in given):
            raise BadValue(f"a shape has no negative sizes: {list(given)}")
        shape, numpy_dtype = tuple(given), (dtypes.as_dtype(kind) if kind is not None else dtypes.get_default_dtype()).numpy
    t: Any = new(Tensor)
    t._a, t._v = device.module_for(META).empty(shape, numpy_dtype), [0]
    return t


# ---------------------------------------------------------------- running on shapes

@contextmanager
def _on_shapes(model: Module) -> Iterator[dict]:
    """Inside, the tensors of the model have no memory, and new ones are made without. Gives their arrays: id -> array."""
    held: dict[int, Any] = {id(t): t for module in model.modules() for t in _held_by(module)}
    before = [(t, t._a, t._v) for t in held.values()]
    modes = [(module, module.training) for module in model.modules()]
    stream, devices = random.get_rng_state(), list(device._default_stack)
    hollow: dict = {}
    try:
        for t, a, _ in before:
            array = device.module_for(META).empty(a.shape, a.dtype)
            hollow[id(array)] = array
            t._a, t._v = array, [0]
        for module, _ in modes:
            module.__dict__["training"] = False
        device._default_stack.append(META)
        yield hollow
    finally:
        device._default_stack[:] = devices
        for module, training in modes:
            module.__dict__["training"] = training
        for t, a, versions in before:
            t._a, t._v = a, versions
        random.set_rng_state(stream)


def _held_by(module: Module) -> Iterator[Tensor]:
    """Parameters, buffers and plain attributes."""
    yield from module.parameters(recurse=False)
    yield from module.buffers(recurse=False)
    yield from (value for value in module.__dict__.values() if isinstance(value, Tensor))


class _Watch:
    """The rows of a model, and what the run tells of them."""

    def __init__(self, model: Module, depth: int):
        self.model = model
        self.rows: list[Layer] = []
        self.row_of: dict[Module, Layer] = {}
        self.names: dict[Module, str] = {}
        self.under_way: list[Module] = []
        self.leaf_bytes = 0
        self._list("", model, 0, depth)

    def _list(self, name: str, module: Module, level: int, depth: int) -> None:
        row = Layer(name, type(module).__name__, level, module in self.row_of)
        self.rows.append(row)
        if row.shared:
            return
        self.row_of[module] = row
        if level < depth:
            children = [(each, child) for each, child in module._modules.items() if child is not None]
            for number, (each, child) in enumerate(children):
                at = len(self.rows)
                self._list(each, child, level + 1, depth)
                self.rows[at].last = number == len(children) - 1

    def run(self, args: tuple, options: dict, found: ModelSummary) -> None:
        self.names = {module: name for name, module in self.model.named_modules()}
        starts: list[int] = []
        with _on_shapes(self.model) as hollow, Recorder() as recorder:
            handles = []

            def enter(module, _args):
                starts.append(len(recorder.calls))
                self.under_way.append(module)

            def leave(module, _args, result):
                self.under_way.pop()
                self._note(module, result, sum(call.flops for call in recorder.calls[starts.pop():]))

            try:
                for module in self.names:
                    handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
                result = self.model(*args, **_hollowed(options))
            except TcliError as error:
                self._explain(error)
                raise
            finally:
                for handle in handles:
                    handle.remove()
            found.saved_bytes, found.output_bytes = _saved(_tensors(result), hollow), self.leaf_bytes
        found.total_flops = sum(call.flops for call in recorder.calls)
        found.total_mult_adds = sum(call.flops for call in recorder.calls if _is_product(call.name)) // 2

    def _note(self, module: Module, result: Any, flops: int) -> None:
        outputs = list(_tensors(result))
        if not module._modules:
            self.leaf_bytes += sum(map(_bytes, outputs))
        row = self.row_of.get(module)
        if row is None:
            return
        row.calls += 1
        row.flops += flops
        row.bytes += sum(map(_bytes, outputs))
        if row.calls == 1:
            row.outputs = [_signature(t) for t in outputs]

    def _explain(self, error: TcliError) -> None:
        inside = [module for module in self.under_way if module is not self.model]
        if inside:
            error.notes.append(f"in layer {self.names[inside[-1]]} ({type(inside[-1]).__name__}) of the model")


def _hollowed(options: dict) -> dict:
    return {name: _without_memory(value, None) if isinstance(value, Tensor) else value for name, value in options.items()}


# ---------------------------------------------------------------- figures

def _count_parameters(found: ModelSummary, model: Module) -> None:
    by_name = dict(model.named_modules(remove_duplicate=False))
    path: list[str] = []
    for row in found.layers:
        path[max(0, row.depth - 1):] = [row.name] if row.depth else []
        row.params, row.trainable = _sizes(by_name[".".join(path)])
    found.total_params, found.trainable_params = _sizes(model)
    found.param_bytes = sum(map(_bytes, model.parameters()))


def _sizes(module: Module) -> tuple[int, int]:
    """(how many numbers the parameters have, how many of these are trained)."""
    held = list(module.parameters())
    return sum(p.numel() for p in held), sum(p.numel() for p in held if p.requires_grad)


def _is_product(name: str) -> bool:
    """Whether the operations of an op are multiplications, each followed by an addition."""
    found: Any = ops.get(name) or ops.get("_" + name)
    return found is not None and found.cost in (cost.matrix_product, cost.added_product,
                                              cost.convolution, cost.attention, cost.recurrence)


def _saved(outputs: Iterator[Tensor], hollow: dict) -> int:
    """Bytes that the tape keeps for a backward pass from the outputs, the model's own tensors left out."""
    kept: dict[int, Any] = {}
    seen: set = set()
    stack = [t._node for t in outputs if t._node is not None]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        stack += [edge.parent if type(edge) is tape.Pick else edge for edge in getattr(node, "edges", ())]
        for saved in getattr(node, "saved", None) or ():
            if type(saved) is tape.Saved and type(saved.array) is MetaArray:
                root = saved.array if saved.array.base is None else saved.array.base
                kept[id(root)] = root
    return sum(root.nbytes for key, root in kept.items() if key not in hollow)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a result: of a tuple (LSTM), a list, a dict."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def _signature(t: Tensor) -> str:
    from ..show.tensor import type_of

    return type_of(t)


def _bytes(t: Tensor) -> int:
    return t.numel() * t.element_size()
