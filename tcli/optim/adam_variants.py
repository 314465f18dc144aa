"""Relatives of Adam: NAdam (Dozat, 2016), RAdam (Liu et al., 2020), Adamax (Kingma and Ba, 2015)."""

from __future__ import annotations

from . import update
from .optimizer import Optimizer, check_betas, check_lr, check_not_negative, rate, scalar_tensor, zeros_like


def _check(lr, betas, eps, **others) -> None:
    check_lr(lr)
    check_not_negative(eps=eps)
    check_betas(betas)
    check_not_negative(**others)


class NAdam(Optimizer):
    """Adam with Nesterov momentum."""

    _captured = "params, mu_products and state_steps"

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False):
        _check(lr, betas, eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"], found["mu_product"] = scalar_tensor(0.0), scalar_tensor(1.0)
        found["exp_avg"], found["exp_avg_sq"] = zeros_like(p), zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        beta1, beta2 = group["betas"]
        lr, decay, momentum_decay = rate(group), group["weight_decay"], group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * momentum_decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * momentum_decay)))
        product = found["mu_product"]._a
        product *= mu
        so_far = float(product)
        apart = group["decoupled_weight_decay"]
        update.run(_nadam, [p, grad, found["exp_avg"], found["exp_avg_sq"]], 3, beta1, beta2,
                   1 - beta2 ** step, group["eps"], -lr * (1.0 - mu) / (1.0 - so_far),
                   (-lr * mu_next) / (1.0 - so_far * mu_next), 0 if apart else decay,
                   1 - lr * decay if apart and decay else 1, group["maximize"], differentiable=group["differentiable"])


def _nadam(xp, p, g, m, v, s, t, d, beta1, beta2, correction, eps, by_gradient, by_mean, decay, shrink,
           maximize) -> None:
    if shrink != 1:
        xp.multiply(p, shrink, out=p)
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.lerp(xp, m, g, 1 - beta1, t)
    update.decay_square(xp, v, g, beta2, t)
    xp.divide(v, correction, out=d)
    xp.sqrt(d, out=d)
    xp.add(d, eps, out=d)
    update.add_ratio(xp, p, g, d, by_gradient, t)
    update.add_ratio(xp, p, m, d, by_mean, t)


class RAdam(Optimizer):
    """Adam that waits with its adaptive steps until their variance is known."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False):
        _check(lr, betas, eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"] = scalar_tensor(0.0)
        found["exp_avg"], found["exp_avg_sq"] = zeros_like(p), zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        beta1, beta2 = group["betas"]
        lr, decay = rate(group), group["weight_decay"]
        correction1, correction2 = 1 - beta1 ** step, 1 - beta2 ** step
        rho_end = 2 / (1 - beta2) - 1
        rho = rho_end - 2 * step * (beta2 ** step) / correction2
        rectify = None
        if rho > 5.0:
            rectify = ((rho - 4) * (rho - 2) * rho_end / ((rho_end - 4) * (rho_end - 2) * rho)) ** 0.5
        apart = group["decoupled_weight_decay"]
        update.run(_radam, [p, grad, found["exp_avg"], found["exp_avg_sq"]], 3, beta1, beta2, lr,
                   correction1, correction2 ** 0.5, rectify, group["eps"], 0 if apart else decay,
                   1 - lr * decay if apart and decay else 1, group["maximize"], differentiable=group["differentiable"])


def _radam(xp, p, g, m, v, s, t, d, beta1, beta2, lr, correction1, correction2, rectify, eps, decay, shrink,
           maximize) -> None:
    if shrink != 1:
        xp.multiply(p, shrink, out=p)
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.lerp(xp, m, g, 1 - beta1, t)
    update.decay_square(xp, v, g, beta2, t)
    xp.divide(m, correction1, out=d)
    xp.multiply(d, lr, out=d)
    if rectify is not None:
        xp.sqrt(v, out=s)
        xp.add(s, eps, out=s)
        xp.divide(correction2, s, out=s)
        xp.multiply(d, s, out=d)
        xp.multiply(d, rectify, out=d)
    xp.subtract(p, d, out=p)


class Adamax(Optimizer):
    """Adam with the largest gradient so far in place of the mean square."""

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
                 capturable: bool = False):
        _check(lr, betas, eps, weight_decay=weight_decay)
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable})

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"] = scalar_tensor(0.0)
        found["exp_avg"], found["exp_inf"] = zeros_like(p), zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        beta1, beta2 = group["betas"]
        update.run(_adamax, [p, grad, found["exp_avg"], found["exp_inf"]], 2, beta1, beta2,
                   rate(group) / (1 - beta1 ** step), group["eps"], group["weight_decay"],
                   group["maximize"], differentiable=group["differentiable"])


def _adamax(xp, p, g, m, largest, s, t, beta1, beta2, step_size, eps, decay, maximize) -> None:
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.lerp(xp, m, g, 1 - beta1, t)
    xp.multiply(largest, beta2, out=largest)
    xp.abs(g, out=t)
    xp.add(t, eps, out=t)
    xp.maximum(largest, t, out=largest)
    update.add_ratio(xp, p, m, largest, -step_size, t)
