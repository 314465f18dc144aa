"""Classes of a program, and the standard library's classes that would let it name what it may not.

The compiler refuses telling names where a program writes them down. Here the same rule holds where a
name is only a string while the program runs: the dict that a class is made of, `__getattr__` hooks,
`super().__setattr__`, keyword arguments that become attributes. NumPy reads raw addresses from the
attributes in `ADDRESSES`, so every class of a program answers those itself.
"""

from __future__ import annotations

import builtins

from ..errors import ForbiddenError
from ..lang.names import NAMES, is_dunder
from .sandbox import check_attribute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

ADDRESSES = ("__array_interface__", "__array_struct__", "__cuda_array_interface__")
# What CPython puts into the dict of a class.
_OF_THE_COMPILER = frozenset("""__module__ __annotations__ __annotate__ __annotate_func__ __classcell__ __classdict__
    __classdictcell__ __orig_bases__ __dict__ __weakref__ __static_attributes__ __firstlineno__ __type_params__
    __parameters__ __match_args__ __abstractmethods__ __conditional_annotations__""".split())


class _NoAddress:
    """Comes before anything an instance holds under the same name, and is never there."""

    def __get__(self, target: object, kind: type | None = None) -> object:
        raise AttributeError("a program's object has no address")

    def __set__(self, target: object, value: object) -> None:
        raise AttributeError("a program's object has no address")


_no_address = _NoAddress()


def seal(kind: type) -> type:
    """`kind` without a way to name memory: by its own attributes, its instances' or a hook."""
    for name in ADDRESSES:
        type.__setattr__(kind, name, _no_address)
    hook = vars(kind).get("__getattr__")
    if callable(hook) and not hasattr(hook, "_sealed"):
        type.__setattr__(kind, "__getattr__", _sealed_hook(hook))
    return kind


def _sealed_hook(hook: Callable[..., Any]) -> Callable[..., Any]:
    def __getattr__(self: object, name: str) -> object:
        if is_dunder(name) and name not in NAMES:
            raise AttributeError(name)
        return hook(self, name)

    __getattr__._sealed = True  # type: ignore[attr-defined]
    return __getattr__


def build_class(body: Callable[[], object], name: str, /, *bases: object, **keywords: Any) -> object:
    """The `class` statement of a program."""
    made = builtins.__build_class__(body, name, *bases, **keywords)
    if not isinstance(made, type):
        return made
    if issubclass(made, type):
        raise ForbiddenError("programs do not define metaclasses", help="__init_subclass__ runs for each subclass")
    return seal(made)


def check_names(names: Iterable[object]) -> None:
    """Refuses what a class body could not bind."""
    for name in names:
        if type(name) is not str or is_dunder(name) and name not in NAMES and name not in _OF_THE_COMPILER:
            raise ForbiddenError(f"{name!r} is not available to programs")


class Super(super):
    """`super`, whose hooks keep the rules that the same calls have elsewhere."""

    def __getattribute__(self, name: str) -> Any:
        found = super.__getattribute__(self, name)
        guard = _GUARDS.get(name)
        return found if guard is None else guard(found)


def _guard_store(store: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(name: str, *value: object) -> None:
        store(check_attribute(name, store=True), *value)

    return guarded


def _guard_new(new: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(kind: type, *args: object, **keywords: object) -> object:
        if isinstance(kind, type) and issubclass(kind, type):
            raise ForbiddenError("classes are made by class statements only")
        return new(kind, *args, **keywords)

    return guarded


def _guard_state(restore: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(state: object) -> None:
        if isinstance(state, dict):
            for name in state:
                check_attribute(name, store=True)
        restore(state)

    return guarded


_GUARDS = {"__setattr__": _guard_store, "__delattr__": _guard_store, "__new__": _guard_new, "__setstate__": _guard_state}


# ---------------------------------------------------------------- the standard library's

def abc_names() -> dict[str, object]:
    """`abc.ABC` and `abc.ABCMeta`; the latter checks the dict it is called with."""
    import abc

    class ABCMeta(abc.ABCMeta):
        def __new__(cls, name, bases, namespace, /, **keywords):
            check_names(namespace)
            return seal(super().__new__(cls, name, bases, namespace, **keywords))

    class ABC(metaclass=ABCMeta):
        """A class whose abstract methods must be defined before it has instances."""

        __slots__ = ()

    return {"ABC": ABC, "ABCMeta": ABCMeta}


def enum_names() -> dict[str, object]:
    """The enums; `Enum("Color", {...})` checks the names of the members."""
    import enum

    class EnumType(enum.EnumType):
        def __call__(cls, value, names=None, *more, **keywords):
            if names is None:
                return super().__call__(value, *more, **keywords)
            listed = names.replace(",", " ").split() if type(names) is str else list(names)
            check_names(each if type(each) is str else next(iter(each)) for each in listed)
            fields = names if type(names) is str else {n: names[n] for n in listed} if isinstance(names, dict) else listed
            return super().__call__(value, fields, *more, **keywords)

    def guarded(name):
        bases = (getattr(enum, name),)
        return EnumType(name, bases, EnumType.__prepare__(name, bases))

    return {name: guarded(name) for name in ("Enum", "Flag", "IntEnum", "IntFlag", "StrEnum")}


def namespace_names() -> dict[str, object]:
    """`types.SimpleNamespace`, whose fields are attributes."""
    import types

    class SimpleNamespace(types.SimpleNamespace):
        def __init__(self, /, *fields, **more):
            for name in (*dict(*fields), *more):
                check_attribute(name, store=True)
            super().__init__(**dict(*fields, **more))

        def __repr__(self) -> str:
            return f"namespace({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    return {"SimpleNamespace": seal(SimpleNamespace)}


def wraps(wrapped: Callable[..., Any]) -> Callable[[Any], Any]:
    """`functools.wraps`: what is copied is fixed, since it is copied by name."""
    import functools

    return functools.wraps(wrapped)


def dataclass_names() -> dict[str, object]:
    """`dataclasses`: the names of fields become program text there, so they must be names."""
    import dataclasses as real

    def checked(kind: object) -> object:
        cls = kind if isinstance(kind, type) else type(kind)
        for base in cls.__mro__:
            listed = [*vars(base).get("__annotations__", ())]
            listed += [field.name for field in vars(base).get("__dataclass_fields__", {}).values()]
            for name in listed:
                if not (type(name) is str and name.isidentifier() and not is_dunder(name)):
                    raise TypeError(f"field names must be valid identifiers: {name!r}")
        return kind

    def dataclass(cls=None, /, **options):
        """`dataclasses.dataclass`."""
        def make(kind):
            return seal(real.dataclass(**options)(checked(kind)))

        return make if cls is None else make(cls)

    def reads_fields(function):
        return lambda instance, /, **more: function(checked(instance), **more)

    return {"dataclass": dataclass, "asdict": reads_fields(real.asdict), "astuple": reads_fields(real.astuple),
            "replace": reads_fields(real.replace)}
