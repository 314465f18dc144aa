"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

from ..engine.dispatch import bump, wrap
from ..errors import BadValue, EngineError
from . import update
from .optimizer import Optimizer, check_lr, number


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

    def _step_group(self, group: dict) -> None:
        lr, decay, momentum, maximize = number(group["lr"]), number(group["weight_decay"]), group["momentum"], group["maximize"]
        for p in group["params"]:
            if p.grad is None:
                continue
            if not momentum:
                update.run(_plain, (p._a, p.grad._a), 2, lr, decay, maximize)
            else:
                buffer, fresh = self._buffer(p)
                update.run(_with_momentum, (p._a, p.grad._a, buffer), 2, lr, decay, maximize, momentum,
                           1 - group["dampening"], group["nesterov"], fresh)
            bump(p)

    def _buffer(self, p) -> tuple:
        """What is remembered of the gradients of `p`, and whether that is nothing yet."""
        found = self.state[p]
        buffer = found.get("momentum_buffer")
        if buffer is not None:
            return buffer._a, False
        array = np.empty_like(p._a) if type(p._a) is np.ndarray else p._a.copy()
        found["momentum_buffer"] = wrap(array)
        return array, True


def check_fused(fused, differentiable, foreach) -> None:
    """The combinations that PyTorch refuses."""
    if fused and differentiable:
        raise EngineError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise EngineError("`fused` and `foreach` cannot be `True` together.")


def _plain(xp, p, g, s, t, lr, decay, maximize) -> None:
    g = update.direction(xp, p, g, s, decay, maximize)
    update.add_scaled(xp, p, g, -lr, t)


def _with_momentum(xp, p, g, buffer, s, t, lr, decay, maximize, momentum, share, nesterov, fresh) -> None:
    g = update.direction(xp, p, g, s, decay, maximize)
    if fresh:
        buffer[...] = g
    else:
        xp.multiply(buffer, momentum, buffer)
        update.add_scaled(xp, buffer, g, share, t)
    if nesterov:
        xp.multiply(buffer, momentum, t)
        xp.add(g, t, t)
        xp.multiply(t, -lr, t)
        xp.add(p, t, p)
    else:
        update.add_scaled(xp, p, buffer, -lr, t)
