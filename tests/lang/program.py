"""Runs compiled programs with stand-ins for the runtime's helpers, and notes what they were given."""

from __future__ import annotations

import builtins
import operator

from tcli.lang.compile import HELPERS, compile_program
from tcli.source import Source, span_of

OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
              "@": operator.matmul, "<": operator.lt, "<=": operator.le, "*=": operator.imul, "+=": operator.iadd}


class Run:
    """One run: `shown` holds what was echoed, `owners` what the value might have been identical to."""

    def __init__(self, text, known_lists=frozenset(), **names):
        self.shown, self.owners, self.calls = [], [], []
        self.names = {"__builtins__": builtins, "__name__": "__main__", "__dims__": {}, **names}
        for helper in HELPERS:
            if helper != "__dims__":
                self.names[helper] = getattr(self, helper.strip("_"))
        self.source = Source(text, "<test>").register()
        self.error = None
        exec(compile_program(self.source, known_lists=known_lists), self.names)

    def echo(self, value, *owners):
        self.shown.append(value)
        self.owners.append(owners)

    def matrix(self, rows):
        return ("matrix", rows)

    def binop(self, symbol, a, b):
        self.calls.append(symbol)
        try:
            return OPERATIONS[symbol](a, b)
        except TypeError:
            return ("promoted", symbol, a, b)

    def unop(self, symbol, a):
        self.calls.append("unary " + symbol)
        return ("promoted", symbol, a)

    def contract(self, value, spec, dims, name, place):
        self.calls.append((name, value, spec, self.source.span_of_bytes(*place).text))
        for dim in spec[1]:
            if dim[0] == "name":
                dims[dim[1]] = dims.get(dim[1], 0) + 1
        return value

    def import_module(self, name, whole):
        return ("module", name, whole)

    def import_from(self, module, name):
        return (*module, name)

    def import_star(self, module):
        self.calls.append(("star", module))

    def dump(self, module):
        return module.dump

    def attributes(self, instance):
        return vars(instance)

    def match_class(self, *classes):
        self.calls.append(("match", *classes))
        return False

    def strformat(self, text, /, *args, **kwargs):
        self.calls.append("format")
        return str.format(text, *args, **kwargs)

    def help(self, name):
        self.calls.append(("help", name))


def run(text, **names):
    return Run(text, **names)


def failing_span(text, **names):
    """The text under the span of the exception that a program raises."""
    try:
        Run(text, **names)
    except Exception as error:
        return span_of(error)
    raise AssertionError("the program did not fail")
