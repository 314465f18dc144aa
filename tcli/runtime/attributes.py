"""`self.__dict__` and `vars(x)` for programs: the attributes of an instance, without the names that are closed."""

from __future__ import annotations

from ..lang.names import attribute_problem
from .sandbox import check_attribute, safe_setattr


class Attributes(dict):
    """A copy of the attributes of `target` that writes through to it.

    On an instance of a class of the program a write goes around its `__setattr__`, as in Python; elsewhere it is `setattr`.
    """

    __slots__ = ("_write",)

    def __init__(self, target: object):
        real = vars(target)
        dict.__init__(self, {name: value for name, value in real.items() if not attribute_problem(name)})
        own = type(target).__module__ == "__main__" and not hasattr(target, "data_ptr")

        def write(name: str, *value: object) -> None:
            check_attribute(name, store=True)
            if not value:
                del real[name]
            elif own:
                real[name] = value[0]
            else:
                safe_setattr(target, name, value[0])

        self._write = write

    def __setitem__(self, name: str, value: object) -> None:
        self._write(name, value)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._write(name)
        dict.__delitem__(self, name)

    def update(self, *others: object, **values: object) -> None:
        for name, value in dict(*others, **values).items():
            self[name] = value

    def __ior__(self, other: object) -> Attributes:  # type: ignore[override, misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: object = None) -> object:
        if name not in self:
            self[name] = default
        return self[name]

    def pop(self, name: str, *default: object) -> object:
        if name not in self and default:
            return default[0]
        found = self[name]
        del self[name]
        return found

    def clear(self) -> None:
        for name in list(self):
            del self[name]
