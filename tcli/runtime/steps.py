"""Watching an optimizer: after a step, how large each parameter's gradient, value and update are."""

from __future__ import annotations

from itertools import count
from weakref import WeakKeyDictionary

import numpy as np

from ..engine.device import CPU, move
from ..engine.tracing import mark_of
from ..errors import ArgumentError
from ..optim.optimizer import Optimizer, register_optimizer_step_post_hook, register_optimizer_step_pre_hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class StepRow:
    """One parameter at one step.

    reached: whether it has a gradient. update: the norm of what was added to it; ratio: that, by the norm of the weights.
    """

    __slots__ = ("grad_norm", "inf", "mark", "name", "nan", "norm", "ratio", "reached", "shape", "update",
                 "zeros")

    def __init__(self, name: str, parameter: Any, before: Any):
        after, gradient = _host(parameter), None if parameter.grad is None else _host(parameter.grad)
        self.name, self.shape = name, tuple(parameter.shape)
        self.norm, self.update = _norm(after), _norm(after - before)
        known = _norm(before)
        self.ratio = self.update / known if known else float("inf") if self.update else 0.0
        self.grad_norm = 0.0 if gradient is None else _norm(gradient)
        self.reached = gradient is not None
        self.zeros = 0.0 if gradient is None or not gradient.size else float((gradient == 0).mean())
        both = after if gradient is None else np.concatenate((after.ravel(), gradient.ravel()))
        self.nan, self.inf = int(np.isnan(both).sum()), int(np.isinf(both).sum())
        self.mark = "nan" if self.nan or self.inf else "" if gradient is None else mark_of(self.grad_norm, gradient.size)


def _host(t: Any) -> Any:
    a = move(t._a, CPU)
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def _norm(array: Any) -> float:
    return float(np.linalg.norm(array.ravel()))


def watch_steps(optimizer: Any, every: int, names: Callable[[], dict[int, str]],
                show: Callable[[Any, int, list[StepRow]], None]) -> Any:
    """Calls `show(optimizer, step, rows)` after each `every`-th step; gives the handle whose `remove()` ends that."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"trace_steps() takes an optimizer, not a {type(optimizer).__name__}",
                            help="opt = torch.optim.SGD(net.parameters(), lr=0.1); trace_steps(opt)")
    if not isinstance(every, int) or every < 1:
        raise ArgumentError(f"trace_steps(): every must be a positive number of steps, not {every!r}")
    watch = _Watch(every, names, show)
    watch.handles = [optimizer.register_step_pre_hook(watch.before_step), optimizer.register_step_post_hook(watch.after_step)]
    return watch


class EveryOptimizer:
    """Watches all optimizers that step while `active()` says so, as `watch_steps` does one."""

    def __init__(self, every: int, names: Callable[[], dict[int, str]], show: Callable[[Any, int, list[StepRow]], None],
                 active: Callable[[], bool]):
        self.active, self.made = active, lambda: _Watch(every, names, show)
        self.watches: WeakKeyDictionary = WeakKeyDictionary()
        self.handles = [register_optimizer_step_pre_hook(self._before), register_optimizer_step_post_hook(self._after)]

    def _before(self, optimizer, args, kwargs) -> None:
        if self.active():
            if optimizer not in self.watches:
                self.watches[optimizer] = self.made()
            self.watches[optimizer].before_step(optimizer, args, kwargs)

    def _after(self, optimizer, args, kwargs) -> None:
        if optimizer in self.watches:
            self.watches[optimizer].after_step(optimizer, args, kwargs)

    def remove(self) -> None:
        """Ends the watching."""
        for handle in self.handles:
            handle.remove()


class _Watch:
    """The hooks around a step. Only steps that are shown cost a copy of the parameters."""

    def __init__(self, every: int, names: Callable, show: Callable):
        self.every, self.names, self.show = every, names, show
        self.steps, self.step = count(1), 0
        self.before: list | None = None
        self.handles: list = []

    def before_step(self, optimizer, args, kwargs) -> None:
        self.step = next(self.steps)
        if self.step % self.every == 0:
            self.before = [(p, _host(p)) for group in optimizer.param_groups for p in group["params"]]

    def after_step(self, optimizer, args, kwargs) -> None:
        before, self.before = self.before, None
        if before is not None:
            names = self.names()
            rows = [StepRow(names.get(id(p), f"parameter {i}"), p, old) for i, (p, old) in enumerate(before)]
            self.show(optimizer, self.step, rows)

    def remove(self) -> None:
        """Ends the watching."""
        for handle in self.handles:
            handle.remove()
