"""`Optimizer`: parameter groups, state per parameter, saving and loading, hooks around `step`.

A subclass gives `_make_state` (what it remembers of a parameter) and `_update` (one parameter's step
on raw arrays, see `update.py`), or writes its own `step`.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from itertools import count

from ..engine import dtypes
from ..engine.device import CPU
from ..engine.dispatch import bump
from ..engine.hooks import RemovableHandle
from ..engine.registry import T
from ..engine.tape import state as modes
from ..engine.tensor import Tensor, tensor
from ..engine.warn import warn
from ..errors import ArgumentError, BadValue, EngineError, TcliError, Unsupported
from .together import together

_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_optimizer_state_dict_pre_hooks",
          "_optimizer_state_dict_post_hooks", "_optimizer_load_state_dict_pre_hooks",
          "_optimizer_load_state_dict_post_hooks")

_hook_ids = count()

# Hooks around the steps of every optimiser.
_before_every_step: OrderedDict = OrderedDict()
_after_every_step: OrderedDict = OrderedDict()


def register_optimizer_step_pre_hook(hook):
    """`hook(optimizer, args, kwargs)` before every step of every optimiser."""
    return _registered(_before_every_step, hook)


def register_optimizer_step_post_hook(hook):
    """`hook(optimizer, args, kwargs)` after every step of every optimiser."""
    return _registered(_after_every_step, hook)


def _registered(hooks: OrderedDict, hook):
    handle = RemovableHandle(hooks, next(_hook_ids))
    hooks[handle.id] = hook
    return handle


class NotCapturable(TcliError, AssertionError):
    """`capturable=True` on a device that cannot capture: an AssertionError, as PyTorch raises it."""


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _with_hooks(step):
    """`step` between the optimiser's hooks; notes that it ran, which schedules look at."""
    @functools.wraps(step)
    def hooked(self, *args, **kwargs):
        self._opt_called = True
        if not (self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _before_every_step or _after_every_step):
            return step(self, *args, **kwargs)
        for hook in [*_before_every_step.values(), *self._optimizer_step_pre_hooks.values()]:
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise EngineError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                                      f"{changed}.")
                args, kwargs = changed
        result = step(self, *args, **kwargs)
        for hook in [*self._optimizer_step_post_hooks.values(), *_after_every_step.values()]:
            hook(self, args, kwargs)
        return result

    hooked.hooked = True
    return hooked


required = object()


class Optimizer:
    """The base of all optimisers: `params` are tensors, (name, tensor) pairs, or groups with options of their own."""

    _captured, _captured_more = "params and state_steps", ", 'xla'"  # words of a message

    def __init__(self, params, defaults: dict):
        self.defaults = defaults
        for name in _HOOKS:
            self.__dict__[name] = OrderedDict()
        self._hook_step()
        if isinstance(params, Tensor):
            raise ArgumentError("params argument given to the optimizer should be an iterable of Tensors or dicts, "
                                "but got "
                                + params.type())
        self.state: defaultdict = defaultdict(dict)
        self.param_groups: list[dict] = []
        groups = list(params)
        if not groups:
            raise BadValue("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _hook_step(self) -> None:
        kind = type(self)
        if not getattr(kind.step, "hooked", False):
            kind.step = _with_hooks(kind.step)

    def __getstate__(self) -> dict:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, fields: dict) -> None:
        self.__dict__.update(fields)
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        self._hook_step()
        self._fill_in()

    def _fill_in(self) -> None:
        """Gives groups saved by older versions the options they lack, and makes steps tensors."""
        for group in self.param_groups:
            for name, value in self.defaults.items():
                if value is not required:
                    group.setdefault(name, value)
            for p in group["params"]:
                found = self.state.get(p)
                if found and "step" in found and not isinstance(found["step"], Tensor):
                    found["step"] = scalar_tensor(float(found["step"]))

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    # ------------------------------------------------------------ stepping

    def step(self, closure=None):
        """One update of all parameters that have a gradient; `closure` computes the loss anew first."""
        loss = None
        if closure is not None:
            loss = with_grad(closure)
        with together():
            for group in self.param_groups:
                self._step_group(group)
        return loss

    def _step_group(self, group: dict) -> None:
        for p in group["params"]:
            if p.grad is not None:
                self._step_one(p, group)

    def _step_one(self, p, group: dict) -> None:
        if group.get("fused"):
            check_fused_dtype(p)
        elif group.get("capturable") and p.device.type != "cuda":
            raise NotCapturable(f"If capturable=True, {self._captured} must be on supported devices: "
                                f"['cuda', 'xpu', 'hpu', 'privateuseone'{self._captured_more}].")
        found = self.state[p]
        if not found:
            self._make_state(p, group, found)
        if "step" in found:
            step = found["step"]._a
            step += 1
            self._update(p, p.grad, found, group, float(step))
        else:
            self._update(p, p.grad, found, group, 0.0)
        bump(p)

    def _make_state(self, p, group: dict, found: dict) -> None:
        """Puts what the optimiser remembers of `p` into `found`."""

    def _update(self, p, grad, found: dict, group: dict, step: float) -> None:
        raise Unsupported

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if set_to_none:
                    p.grad = None
                else:
                    _zero(p.grad)

    # ------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict) -> None:
        """Adds parameters with options of their own: `{"params": [...], "lr": 0.1}`."""
        if not isinstance(param_group, dict):
            raise ArgumentError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise ArgumentError("optimizer parameters need to be organized in ordered collections, but the ordering "
                                "of tensors in sets will change between runs. Please use a list instead.")
        _take_names(param_group, [params] if isinstance(params, Tensor) else list(params))
        for p in param_group["params"]:
            self._check_parameter(p)
        for name, value in self.defaults.items():
            if value is required and name not in param_group:
                raise BadValue(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, value)
        self._check_repeats(param_group)
        self.param_groups.append(param_group)

    def _check_parameter(self, p) -> None:
        if not isinstance(p, Tensor):
            raise ArgumentError("optimizer can only optimize Tensors, but one of the params is "
                                + type(p).__qualname__)
        if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
            raise BadValue("can't optimize a non-leaf Tensor")

    def _check_repeats(self, param_group: dict) -> None:
        ids = [id(p) for p in param_group["params"]]
        if len(ids) != len(set(ids)):
            warn("optimizer contains a parameter group with duplicate parameters; in future, this will "
                 "cause an error; see github.com/pytorch/pytorch/issues/40967 for more information")
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                with_names = "with names" if "param_names" in param_group else "without names"
                raise BadValue("all optimizer param groups should be with/without names. cannot add param group "
                               f"{with_names} to the optimizer")
        taken = {id(p) for group in self.param_groups for p in group["params"]}
        if not taken.isdisjoint(ids):
            raise BadValue("some parameters appear in more than one parameter group")

    # ------------------------------------------------------------ saving and loading

    def state_dict(self) -> dict:
        """`state` by parameter number, and the groups with numbers for parameters."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        start, groups = 0, []
        for group in self.param_groups:
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            start += len(group["params"])
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        result = {"state": {numbers[id(key)] if isinstance(key, Tensor) else key: value
                            for key, value in self.state.items()}, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict) -> None:
        """Takes over what `state_dict` gave, for the same number of groups and parameters."""
        from copy import deepcopy

        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups, saved = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise BadValue("loaded state dict has a different number of parameter groups")
        if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved, strict=True)):
            raise BadValue("loaded state dict contains a parameter group that doesn't match the size of "
                           "optimizer's group")
        by_number = {number: p for g, s in zip(groups, saved, strict=True)
                     for number, p in zip(s["params"], g["params"], strict=True)}
        found: defaultdict = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                found[by_number[key]] = _like_parameter(by_number[key], value, None)
            else:
                found[key] = value
        for group, new in zip(groups, saved, strict=True):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": found, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ------------------------------------------------------------ hooks

    def register_step_pre_hook(self, hook):
        """`hook(optimizer, args, kwargs)` before every step."""
        return self._hook("_optimizer_step_pre_hooks", hook)

    def register_step_post_hook(self, hook):
        """`hook(optimizer, args, kwargs)` after every step."""
        return self._hook("_optimizer_step_post_hooks", hook)

    def register_state_dict_pre_hook(self, hook, prepend: bool = False):
        """`hook(optimizer)` before `state_dict`."""
        return self._hook("_optimizer_state_dict_pre_hooks", hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False):
        """`hook(optimizer, state_dict)` after `state_dict`; may return another one."""
        return self._hook("_optimizer_state_dict_post_hooks", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False):
        """`hook(optimizer, state_dict)` before loading; may return another one."""
        return self._hook("_optimizer_load_state_dict_pre_hooks", hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False):
        """`hook(optimizer)` after loading."""
        return self._hook("_optimizer_load_state_dict_post_hooks", hook, prepend)

    def _hook(self, table: str, hook, prepend: bool = False):
        hooks = self.__dict__[table]
        handle = _registered(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle


def with_grad(closure):
    """Calls `closure` with recording on."""
    before, modes.grad = modes.grad, True
    try:
        return closure()
    finally:
        modes.grad = before


def _zero(g) -> None:
    if g._node is not None:
        g.detach_()
    else:
        g.requires_grad_(False)
    g.zero_()


def _take_names(group: dict, params: list) -> None:
    """Splits (name, tensor) pairs; all or none have names."""
    names = [p[0] for p in params if isinstance(p, tuple)]
    group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
    if names:
        if len(names) != len(params):
            raise BadValue("all optimizer params should be with/without names. Some param names are missing")
        group["param_names"] = names


def _like_parameter(p, value, key):
    """A loaded value with the dtype and device of its parameter; steps stay as they are."""
    if isinstance(value, Tensor):
        if key == "step":
            return value
        return value.to(dtype=p.dtype, device=p.device) if p.is_floating_point() else value.to(device=p.device)
    if isinstance(value, dict):
        return {k: _like_parameter(p, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_like_parameter(p, v, None) for v in value)
    return value


# ---------------------------------------------------------------- for subclasses

def number(value):
    """A plain number: learning rates may be tensors."""
    return value.item() if isinstance(value, Tensor) else value


def rate(group: dict):
    """A group's learning rate: a number, or the tensor that gradients are wanted for."""
    lr = group["lr"]
    return lr if group["differentiable"] and isinstance(lr, Tensor) and lr.requires_grad else number(lr)


def scalar_tensor(value: float, fused: bool = False):
    """A step count or the like: a 0-d tensor of the CPU, float32 unless the default dtype is float64."""
    wide = not fused and dtypes.get_default_dtype() is dtypes.float64
    return tensor(value, dtype=dtypes.float64 if wide else dtypes.float32, device=CPU)


def zeros_like(p):
    """Zeros in the shape of a parameter, outside of every graph."""
    return T.zeros_like(p.detach())


def check_fused_dtype(p) -> None:
    """Raises unless PyTorch's fused kernels would take the parameter."""
    if not p.is_floating_point():
        raise EngineError("`fused=True` requires all the params to be floating point Tensors of supported devices: "
                          f"['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'] but {p.dtype} and {p.device}")


def check_lr(lr) -> None:
    """Raises unless `lr` is a number or one-element tensor that is not negative."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise BadValue("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise BadValue(f"Invalid learning rate: {lr}")


def check_not_negative(**values) -> None:
    """Raises `Invalid NAME value: ...` for the first negative one; `epsilon` for `eps`."""
    for name, value in values.items():
        if not value >= 0.0:
            raise BadValue(f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")


def check_betas(betas) -> None:
    """Raises unless both betas are in [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise BadValue(f"Invalid beta parameter at index {i}: {betas[i]}")
