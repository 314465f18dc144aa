"""`argparse` for programs: the parsing is Python's, kept out of a program's reach.

Python's parser can read files (`fromfile_prefix_chars`) and set attributes of any name on any object, so a
program gets a parser that hands on what is harmless. The arguments default to those of the script.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..errors import ForbiddenError
from .sandbox import check_attribute, leave

_FORMATTERS = ("HelpFormatter ArgumentDefaultsHelpFormatter RawDescriptionHelpFormatter RawTextHelpFormatter "
               "MetavarTypeHelpFormatter").split()


class _Token:
    """Stands for a class of argparse that programs may name and not touch."""

    __slots__ = ("_name",)

    def __init__(self, name: str):
        self._name = name

    def __repr__(self) -> str:
        return f"argparse.{self._name}"


_TOKENS = {name: _Token(name) for name in (*_FORMATTERS, "BooleanOptionalAction")}
_REAL = {token: getattr(argparse, name) for name, token in _TOKENS.items()}


def _refused(what: str) -> ForbiddenError:
    return ForbiddenError(f"argparse: {what} is not available in a tcli program")


class Namespace:
    """The arguments as attributes."""

    def __init__(self, /, **values: object):
        for name in values:
            check_attribute(name, store=True)
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Namespace({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and vars(self) == vars(other)

    def __contains__(self, name: str) -> bool:
        return name in vars(self)


def _check_argument(flags: tuple, options: dict) -> None:
    """Makes the options of an argument Python's own; a name may only be one that a program may set."""
    action = options.get("action")
    if isinstance(action, _Token):
        options["action"] = _REAL[action]
    elif action is not None and type(action) is not str:
        raise _refused("a class as action")
    for name in (options.get("dest"), *flags):
        if name is not None:
            check_attribute(name.lstrip("-").replace("-", "_") if type(name) is str else name, store=True)


def _calls(real: Any) -> Callable[..., Any]:
    """Calls of a parser or a group of Python's: a few methods, their arguments checked here."""
    def add_argument(flags: tuple, options: dict) -> None:
        _check_argument(flags, options)
        real.add_argument(*flags, **options)

    def set_defaults(values: dict) -> None:
        for name in values:
            check_attribute(name, store=True)
        real.set_defaults(**values)

    def parse(args: list[str], namespace: object, known: bool) -> Any:
        if namespace is not None and type(namespace) is not Namespace:
            raise _refused("a namespace of another class")
        given = argparse.Namespace(**vars(namespace)) if namespace is not None else None
        if not known:
            return Namespace(**vars(real.parse_args(list(args), given)))
        found, rest = real.parse_known_args(list(args), given)
        return Namespace(**vars(found)), rest

    def exclusive(required: bool) -> _Group:
        return _Group(real.add_mutually_exclusive_group(required=required))

    def group(title: str | None, description: str | None) -> _Group:
        return _Group(real.add_argument_group(title, description))

    calls: dict[str, Callable[..., Any]] = {
        "add_argument": add_argument, "set_defaults": set_defaults, "parse": parse, "exclusive": exclusive, "group": group,
        "get_default": lambda dest: real.get_default(dest), "help": lambda: real.format_help(),
        "usage": lambda: real.format_usage(), "error": lambda message: real.error(str(message))}
    return lambda name, *args: calls[name](*args)


class _Group:
    """Arguments that belong together; `ArgumentParser` is one too."""

    __slots__ = ("_call",)

    def __init__(self, real: Any):
        self._call = _calls(real)

    def add_argument(self, *flags: str, **options: object) -> None:
        """`parser.add_argument("--lr", type=float, default=1e-3)`."""
        self._call("add_argument", flags, options)

    def add_mutually_exclusive_group(self, *, required: bool = False) -> _Group:
        return self._call("exclusive", required)

    def add_argument_group(self, title: str | None = None, description: str | None = None) -> _Group:
        return self._call("group", title, description)

    def set_defaults(self, **values: object) -> None:
        self._call("set_defaults", values)

    def get_default(self, dest: str) -> object:
        return self._call("get_default", dest)


def make_parser_class(argv: list[str]) -> type:
    """`ArgumentParser` for a session whose script was called with `argv`, its own name first."""
    class ArgumentParser(_Group):
        """`argparse.ArgumentParser`: parse_args() reads the arguments of the script."""

        __slots__ = ()

        def __init__(self, prog: str | None = None, usage: str | None = None, description: str | None = None,
                     epilog: str | None = None, *, formatter_class: object = _TOKENS["HelpFormatter"],
                     add_help: bool = True, allow_abbrev: bool = True, conflict_handler: str = "error"):
            formatter = _REAL.get(formatter_class) if isinstance(formatter_class, _Token) else None
            if formatter is None:
                raise _refused("a formatter of your own")
            super().__init__(argparse.ArgumentParser(
                prog or argv[0].rpartition("/")[2], usage, description, epilog, formatter_class=formatter, add_help=add_help,
                allow_abbrev=allow_abbrev, conflict_handler=conflict_handler))

        def parse_args(self, args: list[str] | None = None, namespace: object = None) -> Namespace:
            return self._call("parse", argv[1:] if args is None else args, namespace, False)

        def parse_known_args(self, args: list[str] | None = None, namespace: object = None) -> tuple:
            return self._call("parse", argv[1:] if args is None else args, namespace, True)

        def print_help(self) -> None:
            print(self._call("help"), end="")

        def print_usage(self) -> None:
            print(self._call("usage"), end="")

        def format_help(self) -> str:
            return self._call("help")

        def error(self, message: str) -> None:
            self._call("error", message)

        def exit(self, status: int = 0, message: str | None = None) -> None:
            leave(status if message is None else message)

    return ArgumentParser


def module_contents(argv: list[str]) -> dict[str, object]:
    """The names of `argparse` in a program."""
    names = {"SUPPRESS": argparse.SUPPRESS, "OPTIONAL": "?", "ZERO_OR_MORE": "*", "ONE_OR_MORE": "+",
             "REMAINDER": argparse.REMAINDER, "Namespace": Namespace,
             "ArgumentTypeError": argparse.ArgumentTypeError, "ArgumentError": argparse.ArgumentError}
    return names | _TOKENS | {"ArgumentParser": make_parser_class(argv)}
