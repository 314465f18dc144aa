"""Steps scaled by past squared gradients: Adagrad, Adadelta, RMSprop."""

from __future__ import annotations

from ..engine.registry import T
from ..errors import BadValue
from . import update
from .optimizer import Optimizer, check_lr, check_not_negative, rate, scalar_tensor, zeros_like
from .sgd import check_fused


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients (Duchi et al., 2011)."""

    def __init__(self, params, lr=1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
                 maximize: bool = False, differentiable: bool = False, fused: bool | None = None):
        check_lr(lr)
        check_not_negative(lr_decay=lr_decay, weight_decay=weight_decay,
                           initial_accumulator_value=initial_accumulator_value, eps=eps)
        super().__init__(params, {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused})
        check_fused(fused, differentiable, foreach)
        for group in self.param_groups:
            for p in group["params"]:
                self._make_state(p, group, self.state[p])

    def _make_state(self, p, group: dict, found: dict) -> None:
        value = self.defaults["initial_accumulator_value"]
        found["step"] = scalar_tensor(0.0, bool(group["fused"]))
        found["sum"] = T.full_like(p.detach(), complex(value, value) if p.is_complex() else value)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        lr = rate(group) / (1 + (step - 1) * group["lr_decay"])
        update.run(_adagrad, [p, grad, found["sum"]], 3, lr, group["eps"], group["weight_decay"],
                   group["maximize"], differentiable=group["differentiable"])


def _adagrad(xp, p, g, total, s, t, d, lr, eps, decay, maximize) -> None:
    g = update.direction(xp, p, g, s, t, decay, maximize)
    xp.multiply(g, g, out=t)
    xp.add(total, t, out=total)
    xp.sqrt(total, out=d)
    xp.add(d, eps, out=d)
    update.add_ratio(xp, p, g, d, -lr, t)


class Adadelta(Optimizer):
    """Steps in units of the parameter: mean past steps over mean gradients (Zeiler, 2012)."""

    _captured_more = ""

    def __init__(self, params, lr=1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
                 foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False,
                 differentiable: bool = False):
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise BadValue(f"Invalid rho value: {rho}")
        check_not_negative(eps=eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"] = scalar_tensor(0.0)
        found["square_avg"], found["acc_delta"] = zeros_like(p), zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        update.run(_adadelta, [p, grad, found["square_avg"], found["acc_delta"]], 4, rate(group), group["rho"],
                   group["eps"], group["weight_decay"], group["maximize"], differentiable=group["differentiable"])


def _adadelta(xp, p, g, squares, deltas, s, t, d, e, lr, rho, eps, decay, maximize) -> None:
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.decay_square(xp, squares, g, rho, t)
    xp.add(deltas, eps, out=d)
    xp.sqrt(d, out=d)
    xp.add(squares, eps, out=e)
    xp.sqrt(e, out=e)
    xp.divide(d, e, out=d)
    xp.multiply(d, g, out=d)
    update.decay_square(xp, deltas, d, rho, t)
    update.add_scaled(xp, p, d, -lr, t)


class RMSprop(Optimizer):
    """Steps divided by the root of the running mean of squared gradients (Hinton, 2012)."""

    def __init__(self, params, lr=1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
                 momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None,
                 maximize: bool = False, differentiable: bool = False):
        check_lr(lr)
        check_not_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"], found["square_avg"] = scalar_tensor(0.0), zeros_like(p)
        if group["momentum"] > 0:
            found["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            found["grad_avg"] = zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        kept = [found[name] for name in ("square_avg", "grad_avg", "momentum_buffer") if name in found]
        update.run(_rmsprop, [p, grad, *kept], 3, len(kept), group["centered"], rate(group),
                   group["alpha"], group["eps"], group["momentum"], group["weight_decay"], group["maximize"],
                   differentiable=group["differentiable"])


def _rmsprop(xp, p, g, *rest) -> None:
    count, centered, lr, alpha, eps, momentum, decay, maximize = rest[-8:]
    squares, (s, t, d) = rest[0], rest[-11:-8]
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.decay_square(xp, squares, g, alpha, t)
    if centered:
        mean = rest[1]
        update.lerp(xp, mean, g, 1 - alpha, t)
        xp.multiply(mean, mean, out=t)
        xp.subtract(squares, t, out=d)
        xp.sqrt(d, out=d)
    else:
        xp.sqrt(squares, out=d)
    xp.add(d, eps, out=d)
    if not momentum > 0:
        update.add_ratio(xp, p, g, d, -lr, t)
        return
    buffer = rest[count - 1]
    xp.multiply(buffer, momentum, out=buffer)
    xp.divide(g, d, out=t)
    xp.add(buffer, t, out=buffer)
    update.add_scaled(xp, p, buffer, -lr, t)


def _rmsprop_step(state: list, numbers: tuple) -> tuple:
    _, centered, *rest = numbers
    momentum = state[-1] if numbers[5] > 0 else None
    return "rmsprop", state[0], state[1] if centered else None, momentum, *rest


update.compiled |= {_rmsprop: _rmsprop_step, _adagrad: lambda state, numbers: ("adagrad", *state, *numbers)}
