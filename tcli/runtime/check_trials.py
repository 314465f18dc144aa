"""Functions that a program defines and never calls: `tcli check` calls them once, with unknown arguments.

An argument with a contract becomes a tensor of that dtype and shape; everything else stays unknown. Functions of modules
that the program made are called on them. What such a call costs is no part of the plan.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import inspect
import types
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from ..source import is_program_code
from .check_values import UNKNOWN

_ENTRIES = 3  # of one function in one trial: unknown conditions never end a recursion


class Trials:
    """Which functions of a program were entered, and calls of those that were not."""

    def __init__(self) -> None:
        self.on = False
        self._entered: set[tuple[int, int]] = set()
        self._counts: dict[tuple[int, int], int] = {}

    def entered(self, line: int, column: int) -> bool:
        """Called at the start of a function; whether it is to give up at once."""
        key = line, column
        self._entered.add(key)
        if not self.on:
            return False
        self._counts[key] = self._counts.get(key, 0) + 1
        return self._counts[key] > _ENTRIES

    def run(self, tree: ast.Module, names: dict[str, Any]) -> None:
        """Calls what nobody called."""
        self.on = True
        for line, column, function in list(_functions(tree, names)):
            if (line, column) not in self._entered:
                self._counts.clear()
                # What leaves the function is the program's own: its statements report their faults themselves.
                with contextlib.suppress(Exception, SystemExit):
                    _call(function)
        self.on = False


def _functions(tree: ast.Module, names: dict[str, Any]) -> Iterator[tuple[int, int, Callable]]:
    places = {(node.name, node.lineno): node.col_offset for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for name, value in list(names.items()):
        owned: list[Any] = [value]
        if not isinstance(value, (type, types.FunctionType)) and not name.startswith("_"):
            owned = [getattr(value, method) for method, found in vars(type(value)).items()
                     if isinstance(found, types.FunctionType)]
        for function in owned:
            code = getattr(getattr(function, "__func__", function), "__code__", None)
            if code is not None and is_program_code(code) and (code.co_name, code.co_firstlineno) in places:
                yield code.co_firstlineno, places[code.co_name, code.co_firstlineno], function


def _call(function: Callable) -> None:
    arguments, options = [], {}
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty:
            arguments.append(UNKNOWN)
        elif p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            options[p.name] = UNKNOWN
    found = function(*arguments, **options)
    if isinstance(found, types.GeneratorType):
        list(islice(found, 3))


def raised_by_program(error: BaseException) -> bool:
    """Whether an error was raised by a `raise` of the program itself."""
    trace, last = error.__traceback__, None
    while trace is not None:
        last, trace = trace, trace.tb_next
    if last is None or not is_program_code(last.tb_frame.f_code):
        return False
    return any(each.offset == last.tb_lasti and each.opname.startswith("RAISE")
               for each in dis.get_instructions(last.tb_frame.f_code))
