"""`torch.amp.GradScaler`: scales losses so that gradients in float16 do not vanish, and skips steps that overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.autograd import no_grad
from ..engine.device import cuda_is_available
from ..engine.registry import T
from ..engine.tensor import Tensor, tensor
from ..errors import EngineError


class GradScaler:
    """Scales a loss; `step` leaves out updates whose gradients are not finite, `update` adapts the scale."""

    def __init__(self, device: str = "cuda", init_scale: float = 2.0 ** 16, growth_factor: float = 2.0,
                 backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True) -> None:
        self._enabled = enabled and (device != "cuda" or cuda_is_available())
        if self._enabled and growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if self._enabled and backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._scale, self._growth_factor, self._backoff_factor = float(init_scale), growth_factor, backoff_factor
        self._growth_interval, self._good_steps = growth_interval, 0
        self._overflowed: dict[int, bool] = {}  # by optimizer: whether its gradients, unscaled by now, are not finite
        self._stepped: set[int] = set()

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """The factor, 1 where nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        self._growth_interval = new_interval

    def scale(self, outputs: Any) -> Any:
        """A tensor, or a list or tuple of them, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * tensor(self._scale, device=outputs.device)
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(each) for each in outputs)
        raise EngineError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of an optimizer's parameters by the factor, once a step."""
        if not self._enabled:
            return
        key = id(optimizer)
        if key in self._stepped:
            raise EngineError("unscale_() is being called after step().")
        if key in self._overflowed:
            raise EngineError("unscale_() has already been called on this optimizer since the last update().")
        overflowed = False
        with no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        overflowed |= not bool(T.isfinite(parameter.grad).all())
                        parameter.grad.mul_(1.0 / self._scale)
        self._overflowed[key] = overflowed

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`, left out where a gradient is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        key = id(optimizer)
        if key in self._stepped:
            raise EngineError("step() has already been called since the last update().")
        if key not in self._overflowed:
            self.unscale_(optimizer)
        self._stepped.add(key)
        return None if self._overflowed[key] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Lowers the factor after an overflow, raises it after many steps without one, or sets it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._overflowed:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif any(self._overflowed.values()):
            self._scale, self._good_steps = self._scale * self._backoff_factor, 0
        else:
            self._good_steps += 1
            if self._good_steps == self._growth_interval:
                self._scale, self._good_steps = self._scale * self._growth_factor, 0
        self._overflowed.clear()
        self._stepped.clear()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        return {"scale": self._scale, "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
                "growth_interval": self._growth_interval, "_growth_tracker": self._good_steps} if self._enabled else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over the factor and how it adapts."""
        if not self._enabled:
            return
        if not state_dict:
            raise EngineError("The source state dict is empty, possibly because it was saved from a disabled instance of "
                              "GradScaler.")
        self._scale, self._growth_factor = state_dict["scale"], state_dict["growth_factor"]
        self._backoff_factor, self._growth_interval = state_dict["backoff_factor"], state_dict["growth_interval"]
        self._good_steps = state_dict["_growth_tracker"]


def for_device(device: str) -> Callable:
    """`torch.cuda.amp.GradScaler`: the old form for one type of device."""
    def make(*args: Any, **kwargs: Any) -> GradScaler:
        return GradScaler(device, *args, **kwargs)

    make.__name__ = make.__qualname__ = "GradScaler"
    return make
