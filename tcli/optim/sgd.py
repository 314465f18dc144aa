"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

from .. import native
from ..engine.dispatch import bump, wrap
from ..errors import BadValue, EngineError
from . import update
from .optimizer import Optimizer, check_fused_dtype, check_lr, number, rate


class SGD(Optimizer):
    """p ← p - lr · (momentum average of) the gradient.

    >>> w = tensor([1., 2.], requires_grad=True); opt = optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward(); opt.step(); w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(self, params, lr=1e-3, momentum: float = 0, dampening: float = 0, weight_decay=0,
                 nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None,
                 differentiable: bool = False, fused: bool | None = None):
        check_lr(lr)
        if momentum < 0.0:
            raise BadValue(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise BadValue(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise BadValue("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused})
        check_fused(fused, differentiable, foreach)

    def _step_one(self, p, group: dict) -> None:
        if group["fused"]:
            check_fused_dtype(p)
        lr, decay, momentum = rate(group), number(group["weight_decay"]), group["momentum"]
        tensors, kept = [p, p.grad], group["differentiable"]
        if not momentum:
            update.run(_plain, tensors, 2, lr, decay, group["maximize"], differentiable=kept)
        else:
            found = self.state[p]
            fresh = found.get("momentum_buffer") is None
            if fresh:
                found["momentum_buffer"] = wrap(np.empty_like(p._a) if type(p._a) is np.ndarray else p._a.copy())
            tensors.append(found["momentum_buffer"])
            update.run(_with_momentum, tensors, 2, lr, decay, group["maximize"], momentum, 1 - group["dampening"],
                       group["nesterov"], fresh, differentiable=kept)
        bump(p)


def check_fused(fused, differentiable, foreach) -> None:
    """The combinations that PyTorch refuses."""
    if fused and differentiable:
        raise EngineError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise EngineError("`fused` and `foreach` cannot be `True` together.")


def _plain(xp, p, g, s, t, lr, decay, maximize) -> None:
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.add_scaled(xp, p, g, -lr, t)


def _with_momentum(xp, p, g, buffer, s, t, lr, decay, maximize, momentum, share, nesterov, fresh) -> None:
    g = update.direction(xp, p, g, s, t, decay, maximize)
    if fresh:
        buffer[...] = update.detached(g)
    else:
        xp.multiply(buffer, momentum, buffer)
        update.add_scaled(xp, buffer, g, share, t)
    if nesterov:
        xp.multiply(buffer, update.alpha(momentum, buffer), t)
        xp.add(g, t, s)
        update.add_scaled(xp, p, s, -lr, t)
    else:
        update.add_scaled(xp, p, buffer, -lr, t)


def _compiled_plain(arrays: list, numbers: tuple) -> bool:
    p, g = arrays
    return native.sgd(p, np.ascontiguousarray(g), None, *numbers, 0, 0, False, False)


def _compiled_with_momentum(arrays: list, numbers: tuple) -> bool:
    p, g, buffer = arrays
    return native.sgd(p, np.ascontiguousarray(g), buffer, *numbers)


update.compiled |= {_plain: _compiled_plain, _with_momentum: _compiled_with_momentum}
