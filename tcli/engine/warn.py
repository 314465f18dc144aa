"""PyTorch's warnings that are given once: `torch.set_warn_always(True)` gives them each time."""

from __future__ import annotations

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
        warnings.warn(text, category, stacklevel=4)
