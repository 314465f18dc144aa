"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

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

    def _step_group(self, group: dict) -> None:
        lr, decay, momentum, kept = rate(group), number(group["weight_decay"]), group["momentum"], group["differentiable"]
        kernel, numbers = _plain, (lr, decay, group["maximize"])
        if momentum:
            kernel, numbers = _with_momentum, (*numbers, momentum, 1 - group["dampening"], group["nesterov"])
        if not (kept or group["fused"]) and self._step_at_once(kernel, group["params"], numbers):
            return
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            if group["fused"]:
                check_fused_dtype(p)
            if momentum:
                found = self.state[p]
                fresh = found.get("momentum_buffer") is None
                if fresh:
                    found["momentum_buffer"] = wrap(np.empty_like(p._a) if type(p._a) is np.ndarray else p._a.copy())
                update.run(kernel, [p, grad, found["momentum_buffer"]], 2, *numbers, fresh, differentiable=kept)
            else:
                update.run(kernel, [p, grad], 2, *numbers, differentiable=kept)
            bump(p)

    def _step_at_once(self, kernel, params: list, numbers: tuple) -> bool:
        if kernel is _plain:
            return update.run_all(kernel, params, [], numbers)
        buffers = [found and found.get("momentum_buffer") for found in map(self.state.get, params)]
        return update.run_all(kernel, params, [buffers], (*numbers, False))


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


update.compiled |= {_plain: lambda state, numbers: ("sgd", None, *numbers, 0, 0, False, False),
                    _with_momentum: lambda state, numbers: ("sgd", *state, *numbers)}
