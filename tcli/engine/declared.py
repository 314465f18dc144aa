"""Tables of what the families of ops declare, filled when something in them is first asked for.

An index says which family declares a name, so that a program loads the families that it uses. A lookup loads the
family of the name, a walk over values loads all of them; names alone are known without.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "tcli.ops."


class Declared(dict):
    """What is declared, by name; `families`: the family of each name that the index knows."""

    def __init__(self) -> None:
        self.families: dict[str, str] = {}

    def is_declared(self, name: str) -> bool:
        """Whether a family that is loaded has declared the name: what declarations themselves ask."""
        return dict.__contains__(self, name)

    def __missing__(self, name: str) -> object:
        family = self.families.get(name)
        if family is None:
            raise KeyError(name)
        import_module(PACKAGE + family)
        if not dict.__contains__(self, name):  # the family is being loaded and has not come to it yet
            raise KeyError(name)
        return dict.__getitem__(self, name)

    def get(self, name: str, default: object = None) -> object:
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or name in self.families

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*dict.__iter__(self), *self.families)))

    def __len__(self) -> int:
        return len(dict.fromkeys((*dict.__iter__(self), *self.families)))

    def keys(self):
        return dict.fromkeys(self).keys()

    def values(self):
        self._load_all()
        return dict.values(self)

    def items(self):
        self._load_all()
        return dict.items(self)

    def _load_all(self) -> None:
        for family in dict.fromkeys(self.families.values()):
            import_module(PACKAGE + family)
