"""Warnings that are given once, as PyTorch gives those of its kernels."""

from __future__ import annotations

_given: set[str] = set()


def warn_once(message: str, stacklevel: int = 4) -> None:
    """A UserWarning, unless the same was given before."""
    if message not in _given:
        import warnings

        _given.add(message)
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)
