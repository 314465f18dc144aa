"""Rprop (Riedmiller and Braun, 1993) and averaged SGD (Polyak and Juditsky, 1992)."""

from __future__ import annotations

from ..engine.registry import T
from ..errors import BadValue
from . import update
from .optimizer import Optimizer, check_lr, check_not_negative, number, scalar_tensor, zeros_like


class Rprop(Optimizer):
    """A step size per element that grows while the gradient keeps its sign and shrinks when it changes."""

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable: bool = False,
                 foreach: bool | None = None, maximize: bool = False, differentiable: bool = False):
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise BadValue(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        lr = number(group["lr"])
        found["step"], found["prev"] = scalar_tensor(0.0), zeros_like(p)
        found["step_size"] = T.full_like(p.detach(), complex(lr, lr) if p.is_complex() else lr)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        update.run(_rprop, [p, grad, found["prev"], found["step_size"]], 1, *group["etas"],
                   *group["step_sizes"], group["maximize"], differentiable=group["differentiable"])


def _rprop(xp, p, g, before, sizes, t, shrink, grow, smallest, largest, maximize) -> None:
    if maximize:
        g = xp.negative(g)
    xp.multiply(g, before, out=t)
    turned = t < 0
    factor = xp.where(t > 0, p.dtype.type(grow), xp.where(turned, p.dtype.type(shrink), p.dtype.type(1)))
    xp.multiply(sizes, factor, out=sizes)
    xp.clip(sizes, smallest, largest, out=sizes)
    before[...] = xp.where(turned, p.dtype.type(0), g)
    xp.sign(before, out=t)
    xp.multiply(t, sizes, out=t)
    xp.subtract(p, t, out=p)


class ASGD(Optimizer):
    """SGD that keeps the average of its parameters (`ax` in the state)."""

    _captured = "params, mus, etas, and state_steps"

    def __init__(self, params, lr=1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
                 weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False,
                 differentiable: bool = False, capturable: bool = False):
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"], found["eta"] = scalar_tensor(0.0), scalar_tensor(float(number(group["lr"])))
        found["mu"], found["ax"] = scalar_tensor(1.0), zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        lr, lambd = number(group["lr"]), group["lambd"]
        eta, mu = float(found["eta"]._a), float(found["mu"]._a)
        update.run(_asgd, [p, grad, found["ax"]], 2, eta, mu, 1 - lambd * eta, group["weight_decay"],
                   group["maximize"], differentiable=group["differentiable"])
        found["eta"]._a[...] = lr / ((1 + lambd * lr * step) ** group["alpha"])
        found["mu"]._a[...] = 1 / max(1, step - group["t0"])


def _asgd(xp, p, g, average, s, t, eta, mu, shrink, decay, maximize) -> None:
    g = update.direction(xp, p, g, s, t, decay, maximize)
    xp.multiply(g, update.alpha(eta, g), out=t)
    xp.multiply(p, shrink, out=p)
    xp.subtract(p, t, out=p)
    if mu == 1:
        average[...] = p
    else:
        xp.subtract(p, average, out=s)
        xp.multiply(s, mu, out=s)
        xp.add(average, s, out=average)
