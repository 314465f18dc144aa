"""Finds the families: every module of this package but this one declares the ops of one."""

import pkgutil
from importlib import import_module
from pathlib import Path


def names() -> list[str]:
    """The modules beside this one, in alphabetical order."""
    return sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name != "families")


def load() -> None:
    for name in names():
        import_module("tcli.ops." + name)
