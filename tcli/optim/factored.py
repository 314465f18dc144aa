"""Adafactor (Shazeer and Stern, 2018) and Muon (Jordan, 2024): updates that look at a matrix as a whole."""

from __future__ import annotations

import math

from ..engine import dtypes
from ..engine.registry import T
from ..engine.tape import state as modes
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError, TcliError
from .optimizer import Optimizer, number, scalar_tensor, zeros_like


class NoElements(TcliError, ZeroDivisionError):
    """A mean over nothing: a ZeroDivisionError, as PyTorch raises it."""


class Adafactor(Optimizer):
    """Adam with row and column means in place of the full mean of squares."""

    def __init__(self, params, lr=1e-2, beta2_decay: float = -0.8, eps=(None, 1e-3), d: float = 1.0,
                 weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise BadValue("Tensor lr must be 1-element")
        for name, value in (("Learning rate", lr), ("epsilon1", eps[0]), ("epsilon2", eps[1]),
                            ("weight_decay", weight_decay)):
            if value is not None and not value >= 0.0:
                raise BadValue(f"{name} should be >= 0 but is: {value}")
        if not beta2_decay <= 0.0:
            raise BadValue(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if not d >= 1.0:
            raise BadValue(f"Clipping threshold d should be >= 1 but is: {d}")
        super().__init__(params, {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
                                  "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize})

    def _make_state(self, p, group: dict, found: dict) -> None:
        if p.is_complex():
            raise EngineError("Adafactor does not support complex parameters")
        if not p.numel():
            raise NoElements("Adafactor takes the root mean square of each parameter, which one without elements has not: "
                              f"leave out the parameter of shape {list(p.shape)}")
        found["step"] = scalar_tensor(0.0)
        shape = tuple(p.shape)
        if len(shape) > 1:
            found["row_var"] = p.grad.new_zeros((*shape[:-1], 1))
            found["col_var"] = p.grad.new_zeros((*shape[:-2], 1, shape[-1]))
        else:
            found["variance"] = zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        before, modes.grad = modes.grad, False
        try:
            self._update_factored(p, -grad if group["maximize"] else grad, found, group, step)
        finally:
            modes.grad = before

    def _update_factored(self, p, grad, found: dict, group: dict, step: float) -> None:
        eps1, eps2 = group["eps"]
        lr, eps1 = number(group["lr"]), dtypes.finfo(p.dtype).eps if eps1 is None else eps1
        weight = step ** group["beta2_decay"]
        size = max(eps2, _length(p) / p.numel() ** 0.5) * min(lr, 1 / step ** 0.5)
        if group["weight_decay"]:
            p.mul_(1 - lr * group["weight_decay"])
        variance = self._variance(grad, found, weight, eps1)
        update = variance.clamp_(min=eps1 * eps1).rsqrt_().mul_(grad)
        p.add_(update, alpha=-size / max(1.0, _length(update) / (update.numel() ** 0.5 * group["d"])))

    def _variance(self, grad, found: dict, weight: float, eps1: float):
        if "variance" in found:
            return found["variance"].lerp_(grad * grad, weight).clone()
        rows, columns = found["row_var"], found["col_var"]
        rows.lerp_(T.norm(grad, dim=-1, keepdim=True).square_().div_(grad.shape[-1]), weight)
        columns.lerp_(T.norm(grad, dim=-2, keepdim=True).square_().div_(grad.shape[-2]), weight)
        return (rows @ columns).div_(rows.mean(dim=-2, keepdim=True).clamp_(min=eps1))


def _length(t) -> float:
    return t.norm(2).item()


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal by a Newton-Schulz iteration in bfloat16."""

    def __init__(self, params, lr=1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
                 ns_coefficients=(3.4445, -4.7750, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
                 adjust_lr_fn: str | None = None):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise BadValue("Tensor lr must be 1-element")
        for name, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not value >= 0.0:
                raise BadValue(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise BadValue(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn})
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise BadValue("Muon only supports 2D parameters whereas we found a parameter with size: "
                                   f"{p.size()}")

    def _make_state(self, p, group: dict, found: dict) -> None:
        if p.is_complex():
            raise EngineError("Muon does not support complex parameters")
        found["momentum_buffer"] = zeros_like(p)

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        before, modes.grad = modes.grad, False
        try:
            lr, momentum = number(group["lr"]), group["momentum"]
            buffer = found["momentum_buffer"].lerp_(grad, 1 - momentum)
            update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
            update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
            p.mul_(1 - lr * group["weight_decay"])
            p.add_(update, alpha=-lr * _ratio(group["adjust_lr_fn"], *p.shape))
        finally:
            modes.grad = before


def _ratio(kind: str | None, rows: int, columns: int) -> float:
    if kind == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def _orthogonal(matrix, coefficients, steps: int, eps: float):
    if steps >= 100:
        raise BadValue("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise BadValue("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.bfloat16()
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = T.addmm(x, T.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
