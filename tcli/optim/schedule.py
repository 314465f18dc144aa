"""`LRScheduler`: the base of all learning rate schedules, and what they share."""

from __future__ import annotations

from ..engine.tensor import Tensor
from ..engine.warn import warn
from ..errors import ArgumentError, BadValue, Unsupported
from .optimizer import Optimizer, number

_ORDER = ("Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should "
          "call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this "
          "will result in PyTorch skipping the first value of the learning rate schedule. See more details at "
          "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate")
_OVERRIDDEN = ("Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make "
               "sure to call `optimizer.step()` before `lr_scheduler.step()`. See more details at "
               "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate")
_EPOCH = ("The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
          "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from "
          "None, the closed form is used instead of the new chainable form, where available. Please open an issue "
          "if you are unable to replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose.")


def group_values(optimizer, key: str) -> list:
    """One option of every group; tensors are copied."""
    return [group[key].clone() if isinstance(group[key], Tensor) else group[key] for group in optimizer.param_groups]


def fields_of(state: dict, *but: str) -> dict:
    """What a state dict may set on a schedule: nothing that Python or NumPy would read as its own."""
    return {name: value for name, value in state.items() if name not in but and not name.startswith("__")}


def set_value(group: dict, key: str, value) -> None:
    """Sets an option of a group; a tensor is written into."""
    if isinstance(group[key], Tensor):
        group[key].fill_(number(value))
    else:
        group[key] = value


def per_group(name: str, optimizer, value) -> list:
    """A list with one value per group."""
    if not isinstance(value, (list, tuple)):
        return [value.clone() if isinstance(value, Tensor) else value for _ in optimizer.param_groups]
    if len(value) != len(optimizer.param_groups):
        raise BadValue(f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
                       f"param_groups has {len(optimizer.param_groups)}.")
    return list(value)


def check_optimizer(optimizer) -> None:
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{type(optimizer).__name__} is not an Optimizer")


class LRScheduler:
    """Sets the learning rate of every group; call `step()` after `optimizer.step()`.

    A subclass gives `get_lr()`: the new rates, one per group, from `last_epoch`.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch: int = -1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                lr = group["lr"]
                group.setdefault("initial_lr", lr.clone() if isinstance(lr, Tensor) else lr)
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler "
                               "with last_epoch >= 0.\nThis typically happens when:\n1. You're trying to resume "
                               "training from a checkpoint but haven't properly loaded the optimizer state\n2. "
                               "You're using last_epoch >= 0 for a fresh training run (not recommended)")
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer._opt_called = False
        optimizer._own_step = vars(optimizer).get("step")
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict:
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict) -> None:
        """Takes over what `state_dict` gave."""
        self.__dict__.update(fields_of(state_dict))

    def get_last_lr(self) -> list:
        """The rates that the last step set, one per group."""
        return self._last_lr

    def get_lr(self) -> list:
        raise Unsupported

    def __repr__(self) -> str:
        rates = ", ".join(f"{number(group['lr']):g}" for group in self.optimizer.param_groups)
        return f"{type(self).__name__}(epoch {self.last_epoch}, lr {rates})"

    def step(self, epoch: int | None = None) -> None:
        """Goes on by one epoch and sets the rates."""
        if self._step_count == 1 and vars(self.optimizer).get("step") is not getattr(self.optimizer, "_own_step", None):
            warn(_OVERRIDDEN)
        elif self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warn(_ORDER)
        self._step_count += 1
        if epoch is not None:
            warn(_EPOCH)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed = getattr(self, "_get_closed_form_lr", None) if epoch is not None else None
            values = self.get_lr() if closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        self._set(values)

    def _set(self, values) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_value(group, "lr", value)
        self._last_lr = group_values(self.optimizer, "lr")

    def _now(self) -> list:
        """The rates as they are; a `get_lr` that is called by hand warns."""
        self._warn_by_hand()
        return group_values(self.optimizer, "lr")

    def _warn_by_hand(self) -> None:
        if not self._get_lr_called_within_step:
            warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.")
