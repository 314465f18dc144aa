"""`torch.optim.swa_utils`: running averages of a model's parameters (Izmailov et al., 2018) and their schedule."""

from __future__ import annotations

import math
from copy import deepcopy

from ..engine import dtypes
from ..engine.autograd import no_grad
from ..engine.tensor import tensor
from ..errors import BadValue
from ..nn.module import Module
from ..nn.normalization import _BatchNorm
from .schedule import LRScheduler, per_group

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
           "get_swa_multi_avg_fn", "update_bn"]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise BadValue(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999):
    """The update of an exponential moving average, for `avg_fn`."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param
    return ema_update


def get_swa_avg_fn():
    """The update of an equal average, for `avg_fn`."""
    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)
    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999):
    """The update of exponential moving averages in place, for `multi_avg_fn`."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _num_averaged) -> None:
        for average, current in zip(ema_param_list, current_param_list, strict=True):
            if _is_inexact(average):
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(average * decay + current * (1 - decay))
    return ema_update


def get_swa_multi_avg_fn():
    """The update of equal averages in place, for `multi_avg_fn`."""
    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged) -> None:
        for average, current in zip(averaged_param_list, current_param_list, strict=True):
            if _is_inexact(average):
                average.lerp_(current, 1 / (float(num_averaged) + 1))
            else:
                average.copy_(average + (current - average) / (num_averaged + 1))
    return swa_update


def _is_inexact(t) -> bool:
    return t.is_floating_point() or t.is_complex()


def _by_dtype(averages: list, current: list) -> list[tuple[list, list]]:
    """The pairs in lists of one dtype each: an update in many is called once for each."""
    groups: dict = {}
    for average, now in zip(averages, current, strict=True):
        mine, theirs = groups.setdefault((average.device, average.dtype), ([], []))
        mine.append(average)
        theirs.append(now)
    return list(groups.values())


class AveragedModel(Module):
    """A copy of a model whose parameters are averages; `update_parameters(model)` takes one more in."""

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers: bool = False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=dtypes.int64, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model) -> None:
        """Takes the model's parameters into the average."""
        def tensors(m) -> list:
            return [t.detach() for t in [*m.parameters(), *(m.buffers() if self.use_buffers else ())]]

        averages, current = tensors(self.module), tensors(model)
        current = [c.to(a.device) for a, c in zip(averages, current, strict=True)]
        if self.n_averaged == 0:
            for average, now in zip(averages, current, strict=True):
                average.copy_(now)
        elif self.multi_avg_fn is not None:
            for mine, theirs in _by_dtype(averages, current):
                self.multi_avg_fn(mine, theirs, self.n_averaged)
        else:
            update = self.avg_fn or get_swa_avg_fn()
            for average, now in zip(averages, current, strict=True):
                average.copy_(update(average, now, self.n_averaged))
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader, model, device=None) -> None:
    """Computes the running statistics of all batch norms anew from the inputs of a loader."""
    norms = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not norms:
        return
    was_training = model.training
    model.train()
    for module in norms:
        module.reset_running_stats()
        module.momentum = None
    for batch in loader:
        batch = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(batch if device is None else batch.to(device))
    for module, momentum in norms.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Goes to a constant rate over anneal_epochs epochs."""

    def __init__(self, optimizer, swa_lr, anneal_epochs: int = 10, anneal_strategy: str = "cos",
                 last_epoch: int = -1):
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise BadValue(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise BadValue(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _weight(self, step: int) -> float:
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list:
        self._warn_by_hand()
        step = self._step_count - 1
        step = max(1, step) if self.anneal_epochs == 0 else step
        before, now = self._weight(step - 1), self._weight(step)
        rates = []
        for group in self.optimizer.param_groups:
            swa = group["swa_lr"]
            start = swa if before == 1 else (group["lr"] - before * swa) / (1 - before)
            rates.append(swa * now + start * (1 - now))
        return rates
