"""Optional packages: imported when a file needs one, with a hint how to get it when it is missing."""

from __future__ import annotations

from importlib import import_module

from ..errors import FileError


def need(package: str, what: str, extra: str):
    """The package, or an error that says which file asked for it and how to install it."""
    try:
        return import_module(package)
    except ImportError:
        raise FileError(f"{what} needs {extra}, which is not installed",
                        help=f"pip install '{extra}'") from None
