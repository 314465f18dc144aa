"""`torch.use_deterministic_algorithms`: every op here gives the same result each time, but where PyTorch refuses to
compute so, a program is told as there."""

from __future__ import annotations

from ..errors import ArgumentError, EngineError
from .tape import state
from .warn import warn

_WORDS = {"default": 0, "warn": 1, "error": 2}
# `state.deterministic` is (0: nothing said, 1: warn, 2: raise; whether `warn_only` was given).


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Whether ops that PyTorch computes in no fixed order raise an error, or with `warn_only` a warning."""
    for name, value, where in (("mode", mode, " (position 1)"), ("warn_only", warn_only, "")):
        if type(value) is not bool:
            raise ArgumentError(f"_set_deterministic_algorithms(): argument '{name}'{where} must be bool, not "
                                f"{type(value).__name__}")
    state.deterministic = ((1 if warn_only else 2) if mode else 0, warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms(True)` holds."""
    return state.deterministic[0] > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it warns and does not raise."""
    return state.deterministic[1]


def get_deterministic_debug_mode() -> int:
    """0: nothing, 1: warn, 2: raise."""
    return state.deterministic[0]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 or "default", 1 or "warn", 2 or "error"."""
    if isinstance(debug_mode, str):
        if debug_mode not in _WORDS:
            raise EngineError("invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                              f"{debug_mode}")
        debug_mode = _WORDS[debug_mode]
    elif not isinstance(debug_mode, int):
        raise ArgumentError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if debug_mode not in (0, 1, 2):
        raise EngineError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    state.deterministic = (debug_mode, debug_mode == 1)


def alert(name: str) -> None:
    """Called by an op that PyTorch computes in no fixed order."""
    mode = state.deterministic[0]
    if not mode:
        return
    text = f"{name} does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True"
    if mode == 1:
        warn(text + ", warn_only=True)'. You can file an issue at https://github.com/pytorch/pytorch/issues to help "
             "us prioritize adding deterministic support for this operation.", UserWarning)
        return
    raise EngineError(text + ")'. You can turn off determinism just for this operation, or you can use the 'warn_only=True' "
                      "option, if that's acceptable for your application. You can also file an issue at "
                      "https://github.com/pytorch/pytorch/issues to help us prioritize adding deterministic support for this "
                      "operation.")
