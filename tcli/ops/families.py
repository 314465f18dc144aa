"""Finds the families: every module of this package but this one declares the ops of one."""

import os
from importlib import import_module

HERE = os.path.dirname(__file__)


def names() -> list[str]:
    """The modules beside this one, in alphabetical order. `pkgutil` and `pathlib` would cost as much as all of them."""
    return sorted(name[:-3] for name in os.listdir(HERE) if name.endswith(".py") and name[0] != "_" and name != "families.py")


def load() -> None:
    for name in names():
        import_module("tcli.ops." + name)
