"""`argparse` for programs: the parsing is Python's, kept out of a program's reach.

Python's parser can read files (`fromfile_prefix_chars`) and set attributes of any name on any object, so a
program gets a parser that hands on what is harmless. The arguments default to those of the script.
"""

from __future__ import annotations

import argparse

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


def _refused(what: str):
    return ForbiddenError(f"argparse: {what} is not available in a tcli program")


class _Group:
    """Arguments that belong together; `ArgumentParser` is one too."""

    __slots__ = ("__real",)

    def __init__(self, real):
        def call(name: str, *args, **kwargs):
            return getattr(real, name)(*args, **kwargs)

        self.__real = call

    def add_argument(self, *flags: str, **options) -> None:
        """`parser.add_argument("--lr", type=float, default=1e-3)`."""
        action = options.get("action")
        if isinstance(action, _Token):
            options["action"] = _REAL[action]
        elif action is not None and type(action) is not str:
            raise _refused("a class as action")
        for name in (options.get("dest"), *flags):
            if name is not None:
                check_attribute(name.lstrip("-").replace("-", "_") if type(name) is str else name, store=True)
        self.__real("add_argument", *flags, **options)

    def add_mutually_exclusive_group(self, *, required: bool = False) -> _Group:
        return _Group(self.__real("add_mutually_exclusive_group", required=required))

    def add_argument_group(self, title: str | None = None, description: str | None = None) -> _Group:
        return _Group(self.__real("add_argument_group", title, description))

    def set_defaults(self, **values) -> None:
        for name in values:
            check_attribute(name, store=True)
        self.__real("set_defaults", **values)

    def get_default(self, dest: str) -> object:
        return self.__real("get_default", dest)

    def _parse(self, name: str, args, namespace, default: list[str]):
        if namespace is not None and type(namespace) is not argparse.Namespace:
            raise _refused("a namespace of another class")
        return self.__real(name, list(default if args is None else args), namespace)

    def _say(self, name: str, *args):
        return self.__real(name, *args)


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

        def parse_args(self, args=None, namespace=None) -> argparse.Namespace:
            return self._parse("parse_args", args, namespace, argv[1:])

        def parse_known_args(self, args=None, namespace=None) -> tuple:
            return self._parse("parse_known_args", args, namespace, argv[1:])

        def print_help(self) -> None:
            print(self._say("format_help"), end="")

        def print_usage(self) -> None:
            print(self._say("format_usage"), end="")

        def format_help(self) -> str:
            return self._say("format_help")

        def error(self, message: str) -> None:
            self._say("error", message)

        def exit(self, status: int = 0, message: str | None = None) -> None:
            leave(status if message is None else message)

    return ArgumentParser


def module_contents(argv: list[str]) -> dict[str, object]:
    """The names of `argparse` in a program."""
    names = {"SUPPRESS": argparse.SUPPRESS, "OPTIONAL": "?", "ZERO_OR_MORE": "*", "ONE_OR_MORE": "+",
             "REMAINDER": argparse.REMAINDER, "Namespace": argparse.Namespace,
             "ArgumentTypeError": argparse.ArgumentTypeError, "ArgumentError": argparse.ArgumentError}
    return names | _TOKENS | {"ArgumentParser": make_parser_class(argv)}
