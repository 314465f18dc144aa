"""Adam and AdamW (Kingma and Ba, 2015; Loshchilov and Hutter, 2019)."""

from __future__ import annotations

from ..engine.tensor import Tensor
from ..errors import BadValue
from . import update
from .optimizer import Optimizer, check_betas, check_lr, check_not_negative, number, rate, scalar_tensor, zeros_like
from .sgd import check_fused


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    >>> w = tensor([1., 2.], requires_grad=True); opt = optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward(); opt.step(); w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
                 decoupled_weight_decay: bool = False):
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise BadValue("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor) or \
                not all(isinstance(b, (float, Tensor)) for b in betas):
            raise BadValue("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor) and foreach and not capturable:
                raise BadValue(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if isinstance(beta, Tensor) and beta.numel() != 1:
                raise BadValue(f"Tensor betas[{i}] must be 1-element")
        betas = tuple(map(number, betas))
        super().__init__(params, {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize, "foreach": foreach, "capturable": capturable, "differentiable": differentiable,
            "fused": fused, "decoupled_weight_decay": decoupled_weight_decay})
        check_fused(fused, differentiable, foreach)

    def _make_state(self, p, group: dict, found: dict) -> None:
        found["step"] = scalar_tensor(0.0, bool(group["fused"]))
        found["exp_avg"], found["exp_avg_sq"] = zeros_like(p), zeros_like(p)
        if group["amsgrad"]:
            found["max_exp_avg_sq"] = zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        beta1, beta2 = group["betas"]
        lr, decay = rate(group), number(group["weight_decay"])
        apart = group["decoupled_weight_decay"]
        tensors = [p, grad, found["exp_avg"], found["exp_avg_sq"]]
        kernel = _adam
        if group["amsgrad"]:
            kernel = _amsgrad
            tensors.append(found["max_exp_avg_sq"])
        update.run(kernel, tensors, 2, beta1, beta2, lr / (1 - beta1 ** step), (1 - beta2 ** step) ** 0.5,
                   group["eps"], 0 if apart else decay, 1 - lr * decay if apart and decay else 1, group["maximize"],
                   differentiable=group["differentiable"])


class AdamW(Adam):
    """Adam whose weight decay does not go through the running means."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
                 amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None,
                 capturable: bool = False, differentiable: bool = False, fused: bool | None = None):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused,
                         decoupled_weight_decay=True)

    def _fill_in(self) -> None:
        super()._fill_in()
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def _adam(xp, p, g, m, v, s, t, beta1, beta2, step_size, correction, eps, decay, shrink, maximize) -> None:
    _amsgrad(xp, p, g, m, v, None, s, t, beta1, beta2, step_size, correction, eps, decay, shrink, maximize)


def _amsgrad(xp, p, g, m, v, largest, s, t, beta1, beta2, step_size, correction, eps, decay, shrink,
             maximize) -> None:
    if shrink != 1:
        xp.multiply(p, shrink, p)
    g = update.direction(xp, p, g, s, t, decay, maximize)
    update.lerp(xp, m, g, 1 - beta1, t)
    update.decay_square(xp, v, g, beta2, t)
    if largest is not None:
        xp.maximum(largest, v, out=largest)
        v = largest
    xp.sqrt(v, s)
    xp.divide(s, correction, s)
    xp.add(s, eps, s)
    update.add_ratio(xp, p, m, s, -step_size, t)


update.compiled |= {_adam: lambda state, numbers: ("adam", *state, None, *numbers),
                    _amsgrad: lambda state, numbers: ("adam", *state, *numbers)}
