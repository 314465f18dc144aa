"""`torch.autograd.forward_ad`: derivatives in one direction, carried by dual tensors.

A dual tensor is an input of its level. The tangent of a result is computed when it is unpacked: the gradient is linear
in the cotangent, and its own gradient with respect to that cotangent, along the tangents, is the directional derivative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..engine import autograd
from ..engine.dtypes import of_numpy
from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError
from .transforms import own_input, released

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives: the value and, or None, its tangent."""

    primal: Tensor
    tangent: Tensor | None


class _Level:
    """The dual tensors made at one level, and the tangents found so far by the identity of their tensors."""

    def __init__(self) -> None:
        self.inputs: list[tuple[Tensor, Tensor, Tensor]] = []
        self.known: dict[int, tuple[Tensor, UnpackedDualTensor]] = {}


_levels: list[_Level] = []


def enter_dual_level() -> int:
    """Opens a level in which tensors may have tangents; its number."""
    if _levels:
        raise EngineError("Nested forward mode AD is not supported at the moment")
    _levels.append(_Level())
    autograd.set_forward_mode(_transposed_jvp)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its tensors have no tangents any more."""
    if not _levels:
        raise EngineError("Trying to exit a forward AD level but no level is active")
    _levels.pop()
    autograd.set_forward_mode(None)


class dual_level:
    """`with dual_level():` around `make_dual`, the computation and `unpack_dual`."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *_exc: object) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The tensor with a tangent: the direction in which derivatives are taken.

    >>> import torch.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     y = fwAD.make_dual(tensor([2., 3.]), tensor([1., 0.])) ** 2
    ...     fwAD.unpack_dual(y).tangent
    tensor([4., 0.])
    """
    if not _levels:
        raise EngineError("Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() "
                          "first.")
    for each, name in ((tensor, "primal"), (tangent, "tangent")):
        if not isinstance(each, Tensor) or not (each.is_floating_point() or each.is_complex()):
            raise BadValue(f"Expected {name} to be floating point or complex, but got: "
                              f"{each.dtype if isinstance(each, Tensor) else type(each).__name__}")
    if tensor.shape != tangent.shape:
        raise EngineError("Trying to set a forward gradient that has a different size than that of the original Tensor, this "
                          f"is not supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of "
                          f"size {list(tangent.shape)}.")
    dual = own_input(tensor)
    _levels[-1].inputs.append((dual, tensor, tangent))
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """(primal, tangent) of a tensor; the tangent is None where nothing dual went into it, or outside of a level."""
    if not _levels:
        return UnpackedDualTensor(tensor, None)
    here = _levels[-1]
    for dual, primal, tangent in here.inputs:
        if dual is tensor:
            return UnpackedDualTensor(primal, tangent)
    if id(tensor) not in here.known:
        here.known[id(tensor)] = (tensor, _unpacked(tensor, here))
    return here.known[id(tensor)][1]


def _unpacked(tensor: Tensor, here: _Level) -> UnpackedDualTensor:
    duals = [dual for dual, _, _ in here.inputs]
    if not tensor.requires_grad or not duals:
        return UnpackedDualTensor(tensor, None)
    with autograd.enable_grad():
        cotangent = T.zeros_like(tensor).requires_grad_(True)
        gradients = autograd.grad([tensor], duals, [cotangent], create_graph=True, allow_unused=True)
        reached = [(g, t) for g, (_, _, t) in zip(gradients, here.inputs, strict=True) if g is not None]
        mine = [*duals, cotangent]
        primal = released(tensor, mine)
        if not reached:
            return UnpackedDualTensor(primal, None)
        along = [(g, t) for g, t in reached if g.requires_grad]
        found = autograd.grad([g for g, _ in along], [cotangent], [t for _, t in along], create_graph=True,
                              allow_unused=True)[0] if along else None
    tangent = T.zeros_like(tensor).detach() if found is None else released(found, mine)
    return UnpackedDualTensor(primal, tangent)


def _transposed_jvp(cls: Any, ctx: object, edges: list, cotangents: list) -> tuple:
    """The gradients of a custom function from its `jvp`, which is linear in the tangents of the inputs."""
    with autograd.enable_grad():
        tangents = [None if edge is None else T.zeros(edge.shape, dtype=of_numpy(edge.dtype)).requires_grad_(True)
                    for edge in edges]
        outputs = cls.jvp(ctx, *tangents)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [(o, g) for o, g in zip(outputs, cotangents, strict=False) if o is not None and o.requires_grad]
        live = [t for t in tangents if t is not None]
        found = iter(autograd.grad([o for o, _ in pairs], live, [g for _, g in pairs], create_graph=True, allow_unused=True)
                     if pairs else [None] * len(live))
    return tuple(None if t is None else next(found) for t in tangents)
