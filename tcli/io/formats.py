"""The table of formats. A format is a class in a module of this package, declared with `@format`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

_formats: list = []


def format(*extensions: str, magic: bytes = b""):
    """Declares a format: a class with static `load(stream)` and `save(value, stream)`."""
    def declare(cls):
        cls.name, cls.extensions, cls.magic = extensions[0].lstrip("."), extensions, magic
        _formats.append(cls)
        return cls
    return declare


def all_formats() -> list:
    """Every format; the modules beside this one are imported when they are first needed."""
    if not _formats:
        for file in sorted(Path(__file__).parent.glob("*.py")):
            if file.stem not in ("__init__", "formats"):
                import_module("tcli.io." + file.stem)
    return _formats


def by_extension(extension: str):
    return next((f for f in all_formats() if extension.lower() in f.extensions), None)


def by_magic(head: bytes):
    return next((f for f in all_formats() if f.magic and head.startswith(f.magic)), None)
