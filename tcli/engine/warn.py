"""PyTorch's warnings that are given once: `torch.set_warn_always(True)` gives them each time."""

from __future__ import annotations

import sys
import warnings

_given: set[str] = set()
_always = False


def set_warn_always(b: bool) -> None:
    """Whether a warning that was given already is given again.

    >>> torch.set_warn_always(True); torch.is_warn_always_enabled()
    True
    >>> torch.set_warn_always(False)
    """
    global _always
    _always = bool(b)


def is_warn_always_enabled() -> bool:
    """Whether warnings are given each time and not once."""
    return _always


def warn_once(text: str, category: type[Warning] = UserWarning) -> None:
    """Gives a warning unless the same text was given before."""
    if text not in _given or _always:
        _given.add(text)
        warn(text, category)


def warn_first(text: str) -> None:
    """Gives a warning unless the same text was given before, whatever `set_warn_always` says."""
    if text not in _given:
        _given.add(text)
        warn(text)


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Gives a warning, placed where tcli was called."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("tcli."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)
