"""What programs see of the tape: the classes, inputs and saved values of nodes, and the error about an overwritten one.

PyTorch has a class per node (`type(y.grad_fn).__name__` is "MulBackward0") and composes some ops from several;
the tape has one class and one node per op. `graph_of` holds, by op name, what such a node shows instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .. import source
from ..errors import GradError, UnknownAttribute
from .dtypes import class_name, of_numpy

# Op name -> a function from a node to its `next_functions` as PyTorch has them.
graph_of: dict[str, Callable] = {}
# Nodes of PyTorch's ops that take a number where others of their family take a tensor: a number is no input.
_OF_NUMBERS = frozenset("""ClampBackward1 ClampMinBackward0 ClampMaxBackward0 CopysignBackward1 FmodBackward0 LerpBackward0
    MaskedFillBackward0 NotImplemented PowBackward0 PowBackward2 RemainderBackward0 RsubBackward1""".split())
_classes: dict[str, type] = {}


class GraphNode:
    """A node of the graph of gradients."""


GraphNode.__module__, GraphNode.__name__, GraphNode.__qualname__ = "torch.autograd.graph", "Node", "Node"


def class_named(name: str) -> type:
    """A class to show for nodes of that name; the same name gives the same class."""
    found = _classes.get(name)
    if found is None:
        found = _classes[name] = type(name, (GraphNode,), {"__doc__": GraphNode.__doc__, "__module__": "builtins"})
    return found


class Passage:
    """A node that PyTorch's graph has and the tape does not need, such as the transposition inside of a linear layer."""

    __slots__ = ("_name", "next_functions")

    def __init__(self, name: str, next_functions: tuple):
        self._name, self.next_functions = name, next_functions

    @property
    def __class__(self) -> type:
        return class_named(self._name)

    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"<{self._name} object at {id(self):#x}>"


def as_input(edge) -> tuple:
    """An edge as `next_functions` lists it: the node and which of its outputs."""
    from .tape import shown

    while getattr(edge, "inner", False):
        edge = edge.edges[0]
    parent = getattr(edge, "parent", None)
    return (shown(edge), 0) if parent is None else (shown(parent), edge.index)


def through(name: str, *inputs: tuple) -> tuple:
    """What `next_functions` lists for a node that only PyTorch's graph has, with these inputs."""
    return Passage(name, inputs), 0


def transposed(edge) -> tuple:
    """The transposition that PyTorch's graph has between a product and a weight that needs a gradient."""
    return as_input(edge) if edge is None else through("TBackward0", as_input(edge))


def next_functions(node) -> tuple:
    """The nodes that the gradient of a node flows to, with None for inputs that need none."""
    if node.stands_for is not None:
        return next_functions(node.stands_for)
    special = graph_of.get(node.op.name) if node.op is not None else None
    found = None if special is None else special(node)
    return tuple(map(as_input, _inputs(node))) if found is None else found


def _inputs(node) -> list:
    """The edges of a node without those that no gradient can take: of masks, indices and some numbers."""
    if node.op is None:
        return node.edges
    known = node.name() not in _OF_NUMBERS
    ruled = {target for targets, *_ in node.op.rules for target in targets}
    names = [node.op.names[slot] for slot in node.op.tensor_slots]
    return [edge for i, edge in enumerate(node.edges) if edge is not None or known and (i >= len(names) or names[i] in ruled)]


def through_hooks(node, g, gradients: Iterable[tuple], sum_to: Callable) -> Iterator[tuple]:
    """The (edge, gradient) pairs of a node whose hooks see, and may change, the gradients of its inputs."""
    inputs: list = [None] * len(node.edges)
    for edge, r in gradients:
        place = next(i for i, each in enumerate(node.edges) if each is edge and inputs[i] is None)
        inputs[place] = sum_to(r, edge.shape)
    for hook in list(node.after.values()):
        replaced = hook(tuple(inputs), tuple(g) if type(g) is list else (g,))
        if replaced is not None:
            given, inputs = len(inputs), list(replaced) if isinstance(replaced, (tuple, list)) else [replaced]
            if len(inputs) != given:
                raise GradError(f"hook '{getattr(hook, '__name__', '<unknown>')}' has returned an incorrect number of values "
                                f"(got {len(inputs)}, but expected {given})", span=node.span())
    for edge, r in zip(node.edges, inputs, strict=True):
        if edge is not None and r is not None:
            yield edge, r


def through_prehooks(node, g):
    """The gradients of the outputs of a node as the hooks before it leave them."""
    several = type(g) is list
    for hook in list(node.before.values()):
        replaced = hook(tuple(g) if several else (g,))
        if replaced is not None:
            found = list(replaced) if isinstance(replaced, (tuple, list)) else [replaced]
            g = found if several else found[0]
    return g


def unpacked(saved, node, create_graph: bool):
    """A saved value that a pair of hooks keeps, with its history if a graph is asked for."""
    from .tape import OUT, AccumulateGrad, Pick

    t = saved.hooked[1](saved.hooked[0])
    edge = saved.edge
    if not create_graph or edge is None or t._rg:
        return t
    if type(edge) is AccumulateGrad and edge.variable._a is t._a:
        return edge.variable
    t = t.detach()
    t._node = node if edge is OUT else Pick(*edge, t._a) if type(edge) is tuple else edge
    t._rg = True
    return t


def saved_value(node, attribute: str):
    """`node._saved_self`, `_saved_result` ...: a value kept for the backward pass."""
    wanted = attribute.removeprefix("_saved_")
    names = [] if wanted == attribute else [_saved_name(node.op, fetch) for fetch in node.plan.saves]
    if wanted not in names:
        raise UnknownAttribute(f"'{node.name()}' object has no attribute '{attribute}'")
    from .tape import unpack

    if node.saved is None:
        raise GradError("Trying to backward through the graph a second time (or directly access saved tensors after they have "
                        "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
                        "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
                        "if you need to access saved tensors after calling backward.", span=node.span())
    return unpack(node.saved[names.index(wanted)], node, True)


def _saved_name(op, fetch: tuple) -> str:
    what, where = fetch
    if what == "out":
        return "result" if op.out_count == 1 else f"result{where}"
    if what != "arg":
        return ""
    return "self" if where == 0 else op.names[where]


def modified(saved, node, origin_is_output: bool, anomaly: bool) -> GradError:
    """The error about a value that the backward pass needs and the program has written over."""
    origin, index = saved.edge if type(saved.edge) is tuple else (saved.edge, 0)
    maker = node if origin_is_output else origin if origin is not None and origin.edges else None
    name = "" if maker is None else maker.name()
    if not origin_is_output and len(saved.versions) > 2:
        name = saved.versions[2]  # the tensor has the history of the write by now
    text = f", which is output {index} of {name.removesuffix('Backward0')}," if name else ""
    kind = class_name(of_numpy(saved.array.dtype))
    error = GradError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{kind} {list(saved.array.shape)}]{text} is at version {saved.versions[0]}; expected version "
        f"{saved.version} instead. Hint: "
        + ("the backtrace further above shows the operation that failed to compute its gradient. The "
           "variable in question was changed in there or anywhere later. Good luck!" if anomaly else
           "enable anomaly detection to find the operation that failed to compute its gradient, with "
           "torch.autograd.set_detect_anomaly(True, check_nan=False)."))
    span = None if node is None else node.span()
    if span is not None:
        error.notes.append(f"the value was saved for the backward pass by {span.text!r} at {span}")
    writer = saved.versions[1] if len(saved.versions) > 1 else None
    if writer:
        at = source.span_of_instruction(*writer)
        if at is not None:
            error.notes.append(f"it was overwritten by {at.text!r} at {at}")
    return error
