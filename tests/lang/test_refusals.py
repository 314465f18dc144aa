"""Names that lead to Python's internals are refused when compiling, at their own place."""

import pytest

from tcli.errors import TcliError, UnknownAttribute, UnknownName
from tcli.lang.compile import HELPERS, compile_program
from tcli.lang.names import attribute_problem, name_problem
from tcli.source import Source


def refusal(text):
    with pytest.raises(TcliError) as caught:
        compile_program(Source(text))
    return caught.value


@pytest.mark.parametrize("name", [
    "__globals__", "__dict__", "__subclasses__", "__bases__", "__mro__", "__code__", "__builtins__", "__self__",
    "__func__", "__closure__", "__module__", "__getattribute__", "__reduce__", "__traceback__", "__wrapped__",
    "__init_subclass__", "__setattr__", "__loader__", "__import__", "__annotations__", "__weakref__", "__del__",
    "gi_frame", "gi_code", "cr_frame", "f_globals", "f_back", "f_builtins", "f_code", "tb_frame", "tb_next",
    "co_code", "mro", "func_globals", "format_map", "ag_frame"])
def test_attribute_is_refused_at_its_place(name):
    error = refusal(f"é = x.{name}.y")
    assert type(error) is UnknownAttribute and error.span.text == name
    assert error.message == f"'{name}' is not available to programs"


@pytest.mark.parametrize("text", [
    "x.__dict__ = 1", "del x.__dict__", "x.__class__", "x.__class__ = y", "y = x.__class__.__base__",
    "x.__class__.__name__ = 'a'", "f'{x.__class__}'", "f'{x!r:{y.__dict__}}'", "x |> y.__dict__",
    "x.__class__.mro()", "[x.__dict__; 1]", "(lambda: x.__globals__)()", "x.__init__.__globals__",
    "@x.__dict__\ndef f(): pass", "def f(a=x.__dict__): pass", "def f(a: x.__dict__): pass",
    "class A(x.__dict__): pass", "with x.__dict__ as y: pass", "for x.__dict__ in y: pass",
    "x.__init__ = y", "x.__call__ += y", "''.format", "f = ''.format", "''.format_map(x)", "x.format.y",
    "x: f32[B] = y.__dict__", "from torch import __dict__", "from torch import gi_frame as g",
    "x.__setattr__('a', 1)", "object.__setattr__(x, 'a', 1)", "x.__getattr__('a')", "super().__getattribute__('a')",
    "x.ｍｒｏ", "x.__ｄict__", "x.__dict__[0]",
    "try:\n    pass\nexcept* x.__dict__:\n    pass", "assert x.__dict__, 1", "x[y.__dict__:]", "f(*x.__dict__)",
    "f(**x.__dict__)", "{**x.__dict__}", "[a for a in x.__dict__]", "yield_ = lambda: (yield x.__dict__)",
    "y = x if x.__dict__ else 1", "global_ = (x := y.__dict__)", "raise x.__dict__ from y", "return_ = not x.__dict__",
])
def test_no_detour_reaches_an_attribute(text):
    assert type(refusal(text)) is UnknownAttribute


@pytest.mark.parametrize("text", [
    "__builtins__", "__import__('os')", "__loader__", "__spec__", "__build_class__", "__class__", "__dict__ = 1",
    "def __g__(): pass", "class __A__: pass", "def f(__x__): pass", "lambda __x__: 1", "f(__x__=1)",
    "import os as __os__", "from torch import nn as __nn__", "try:\n    pass\nexcept E as __e__:\n    pass",
    "global __builtins__", "def f():\n    nonlocal __x__", "for __x__ in y: pass", "(__x__ := 1)",
    "with a as __b__: pass", "import __main__", "del __builtins__", "def f(*__a__): pass", "def f(**__a__): pass",
    "def f(*, __a__): pass", "class A:\n    def __getattribute__(self, n): pass", "f'{__builtins__}'",
    "__contract__: f32[B]", "class A(__metaclass__=B): pass",
    *[f"{helper} = 1" for helper in HELPERS], *HELPERS, "__receiver__"])
def test_no_dunder_name_is_used(text):
    assert type(refusal(text)) in (UnknownName, UnknownAttribute)


def test_a_refused_name_is_marked():
    assert refusal("x = 1\ndef __g__():\n    pass").span.text == "__g__"
    assert refusal("f(a, __k__=2)").span.text == "__k__"
    assert refusal("y = 日本 + __builtins__").span.text == "__builtins__"


@pytest.mark.parametrize("text", [
    "x.__class__.__name__", "type(x).__name__", "x.__doc__", "f.__name__ = 'g'", "x.__len__()", "torch.__version__",
    "if __name__ == '__main__': pass", "print(__file__)", "__all__ = ['x']", "__version__ = '1'",
    "class A:\n    def __init__(self):\n        super().__init__()\n        super().__setattr__('x', 1)",
    "class A:\n    __slots__ = ('x',)\n    __hash__ = None\n    __rmul__ = __mul__ = None",
    "class A:\n    def __getattr__(self, n):\n        return super().__getattr__(n)",
    "class A:\n    def __call__(self): pass\n    def __getitem__(self, i): pass\n    def __iadd__(self, o): pass",
    "class A:\n    def f(self):\n        self.__private = 1\n        return self.__private",
    "'{}'.format(1)", "x.format(1).y", "x |> ('{}'.format)",
    "from __future__ import print_function",
    "_x = __y = 1", "____ = 1", "x._replace(y=1)", "x.__enter__()"])
def test_what_programs_need_is_allowed(text):
    compile_program(Source(text))


def test_the_runtime_can_ask():
    assert attribute_problem("__globals__") and attribute_problem("tb_frame") and attribute_problem("format")
    assert attribute_problem("__class__") and attribute_problem("__init__", store=True)
    assert attribute_problem("__setattr__") and not attribute_problem("__setattr__", on_super=True)
    assert not attribute_problem("shape") and not attribute_problem("__name__", store=True)
    assert name_problem("__echo__") and not name_problem("echo")


def test_no_helper_is_a_name_of_programs():
    for helper in (*HELPERS, "__receiver__", "__builtins__"):
        assert name_problem(helper) and attribute_problem(helper)
