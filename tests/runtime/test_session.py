"""Sessions: values, names, errors, isolation."""

import gc
import weakref

import pytest

import tcli
from tcli.errors import (
    ContractError,
    ForbiddenError,
    ProgramError,
    ShapeError,
    TsrSyntaxError,
    UnknownAttribute,
    UnknownModule,
    UnknownName,
)


@pytest.fixture
def session():
    return tcli.Session()


def failure(session, text):
    with pytest.raises(tcli.TcliError) as caught:
        session.run(text)
    return caught.value


# ---------------------------------------------------------------- values

@pytest.mark.parametrize(("text", "value"), [
    ("1 + 1", 2), ("x = 3", None), ("x = 3; x", 3), ("x = 3\nx\ny = 4", None), ("x = 3; x;", None), ("", None),
    ("for i in range(3):\n    i", None), ("'a'", "a"), ("None", None),
])
def test_run_gives_the_value_of_a_final_bare_expression(session, text, value):
    assert session.run(text) == value


def test_names_persist_between_runs(session):
    session.run("x = 20\ndef f(y): return x + y")
    assert session.run("f(3)") == 23
    assert session.names() == ["x", "f"]


def test_values_are_read_and_set_by_name(session):
    session["n"] = 5
    assert session.run("n + 1") == 6
    assert session["n"] == 5
    assert "n" in session
    assert "m" not in session


def test_a_numpy_array_becomes_a_tensor_and_a_list_stays_a_list(session):
    numpy = pytest.importorskip("numpy")
    session["a"], session["b"] = numpy.arange(3), [1, 2]
    assert type(session["a"]).__name__ == "Tensor"
    assert session["b"] == [1, 2]


def test_an_unknown_name_is_told_with_the_nearest(session):
    session["weights"] = 1
    with pytest.raises(UnknownName, match="'wieghts' is not defined") as caught:
        session["wieghts"]
    assert caught.value.help == "did you mean 'weights'?"


def test_nothing_is_printed_without_echo(session, capsys):
    session.run("1 + 1")
    assert capsys.readouterr().out == ""


def test_echo_gets_every_bare_expression_that_is_not_none():
    seen = []
    tcli.Session(echo=seen.append).run("1; 2;\n3\nNone\nx = 4\nfor i in range(2):\n    i\n'a'")
    assert seen == [1, 3, "a"]


def test_eval_does_not_echo():
    seen = []
    assert tcli.Session(echo=seen.append).eval("2 * 3") == 6
    assert seen == []


def test_reset_forgets_and_keeps_the_program_names(session):
    session.run("x = 1")
    session.reset()
    assert session.names() == []
    assert session.run("ones(2).shape[0]") == 2


def test_a_name_of_the_program_hides_a_program_name_until_it_is_deleted(session):
    assert session.run("ones = 3; ones") == 3
    assert session.run("del ones; ones(2).shape[0]") == 2


def test_the_module_name_is_main(session):
    assert session.run("__name__ == '__main__'") is True


def test_plain_python_does_not_load_the_engine(session):
    session.run("x = [i ** 2 for i in range(3)]; print(len(x), file=None) if 0 else None; (3).bit_length()")
    assert session.bare is None


def test_arguments_are_there_as_args_and_argv():
    session = tcli.Session(args=["a", "b"], script="p.tsr")
    assert session.run("args") == ["a", "b"]
    assert session.run("import sys; sys.argv") == ["p.tsr", "a", "b"]


# ---------------------------------------------------------------- the sugar

def test_lists_are_promoted_where_python_refuses(session):
    assert session.run("x = [1, 2]; (x * 2.5).tolist()") == [2.5, 5.0]
    assert session.run("([1, 2] + ones(2)).tolist()") == [2, 3]
    assert session.run("[1] * 3") == [1, 1, 1]
    assert session.run("[1] + [2]") == [1, 2]
    assert session.run("(-[1, 2]).tolist()") == [-1, -2]


def test_a_refusal_that_no_promotion_mends_stays_pythons(session):
    assert "list" in failure(session, "[1] + 'a'").message


def test_a_matrix_literal_is_a_tensor(session):
    assert session.run("[1, 2; 3, 4].tolist()") == [[1, 2], [3, 4]]


def test_a_ragged_matrix_says_which_row(session):
    assert failure(session, "[1, 2; 3]").message == "row 2 of the matrix has 1 entry, row 1 has 2"


def test_a_contract_binds_names_for_the_following_lines(session):
    session.run("h: f32[B, 3] = ones(2, 3)")
    error = failure(session, "g: f32[B, 3] = ones(4, 3)")
    assert isinstance(error, ContractError)
    assert error.span.text == "f32[B, 3]"
    assert [label.text for label in error.labels] == ["f32[4, 3]"]


def test_format_fields_cannot_walk_attributes(session):
    assert session.run("'{0[1]} {x:.2f}'.format([1, 2], x=1.5)") == "2 1.50"
    assert isinstance(failure(session, "'{0.__class__}'.format(1)"), UnknownAttribute)
    assert session.run("'{:{}.{}f}|{{x.y}}'.format(2.5, 6, 2)") == "  2.50|{x.y}"
    assert isinstance(failure(session, "'{:{0.__class__}}'.format(1)"), UnknownAttribute)
    assert isinstance(failure(session, "'{0:{1[0].__class__}}'.format(1, [1])"), UnknownAttribute)


# ---------------------------------------------------------------- imports

@pytest.mark.parametrize("text", [
    "import math; math.pi", "from math import *; sqrt(4)", "import os.path; os.path.join('a', 'b')",
    "from collections import namedtuple; namedtuple('P', 'x y')(1, 2).x",
    "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = 3\nA().x",
    "import numpy as np; np.arange(3).sum()", "import numpy.linalg; numpy.linalg.norm([3, 4])",
    "import random; random.seed(1); random.random()", "import functools; functools.reduce(max, [1, 2])",
    "import json; json.loads('[1]')", "from typing import Optional; Optional[int] is not None",
    "import torch.nn as nn; nn is torch.nn", "import torch.nn; torch.nn is nn", "from enum import Enum\n1",
    "import time; time.perf_counter() > 0", "import copy; copy.deepcopy([1])", "import warnings; 1",
    "from contextlib import contextmanager; 1", "from abc import ABC, abstractmethod; 1",
    "import itertools; list(itertools.chain([1], [2]))", "from pathlib import Path; (Path('a') / 'b.txt').suffix",
])
def test_the_known_modules_are_there(session, text):
    assert session.run(text) is not None


@pytest.mark.parametrize(("text", "hint"), [
    ("import nump", "did you mean 'numpy'?"), ("import matplotlib.pyplot as plt", "plots go to the terminal"),
    ("import subprocess", "programs do not start other programs"), ("from math import sine", "did you mean 'sin'?"),
])
def test_an_unknown_module_is_refused_with_a_hint(session, text, hint):
    error = failure(session, text)
    assert isinstance(error, UnknownModule)
    assert hint in error.help


def test_random_is_pythons(session):
    import random

    assert session.run("import random; random.seed(7); random.random()") == random.Random(7).random()


# ---------------------------------------------------------------- errors

def test_an_error_has_a_place_and_the_original_as_its_cause(session):
    error = failure(session, "x = 1\ny = x / 0")
    assert isinstance(error, ProgramError)
    assert (error.kind, error.message, error.line, error.column) == ("ZeroDivisionError", "division by zero", 2, 5)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_inside_a_program_exceptions_keep_their_classes(session):
    assert session.run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    x = str(e)\nx") == "division by zero"
    assert session.run("try:\n    ones(2) + ones(3)\nexcept RuntimeError as e:\n    x = 'size' in str(e)\nx") is True


@pytest.mark.parametrize(("text", "hint"), [
    ("weihts + 1", "did you mean 'weights'?"), ("rang(3)", "did you mean 'range'?"),
    ("def f():\n    width = 1\n    return widht\nf()", "did you mean 'width'?"),
])
def test_an_unknown_name_has_a_hint(session, text, hint):
    session["weights"] = 1
    error = failure(session, text)
    assert isinstance(error, UnknownName)
    assert error.help == hint


def test_an_unknown_attribute_points_at_its_name(session):
    error = failure(session, "ones(2).shap")
    assert isinstance(error, UnknownAttribute)
    assert error.span.text == "shap"
    assert error.help == "did you mean 'shape'?"


def test_operands_are_labelled_with_dtype_and_shape(session):
    error = failure(session, "x = ones(2, 3)\nx + ones(2, 4)")
    assert isinstance(error, ShapeError)
    assert [(label.span.text, label.text) for label in error.labels] == [("x", "f32[2, 3]"),
                                                                        ("ones(2, 4)", "f32[2, 4]")]


def test_a_reflected_operand_is_labelled_on_its_own_side(session):
    error = failure(session, "x = ones(2)\nx += ones(3)")
    assert [label.span.text for label in error.labels] == ["x", "ones(3)"]


def test_the_calls_that_led_there_are_kept(session):
    error = failure(session, "def f(x):\n    return x / 0\ndef g(x):\n    return f(x)\ng(1)")
    assert [(name, where.line) for name, where, _ in error.calls] == [("g", 5), ("f", 4)]


def test_endless_recursion_is_told_in_one_sentence(session):
    error = failure(session, "def f(): return f()\nf()")
    assert error.message == "the program calls itself too deeply"
    assert error.calls[-1][2] > 100


def test_a_syntax_error_has_a_place(session):
    error = failure(session, "x = 1\ny = = 2")
    assert isinstance(error, TsrSyntaxError)
    assert error.line == 2


def test_an_open_bracket_is_incomplete(session):
    assert failure(session, "x = (1,").incomplete
    assert not failure(session, "x = )").incomplete


def test_system_exit_and_interrupts_pass(session):
    with pytest.raises(SystemExit):
        session.run("exit(3)")
    with pytest.raises(KeyboardInterrupt) as caught:
        session.run("x = 1\nraise KeyboardInterrupt")
    assert caught.value.span.line == 2


def test_an_error_keeps_no_tensor_alive(session):
    session.run("def f():\n    big = ones(3)\n    holder.append(big)\n    return big / 'a'\nholder = []")
    error = failure(session, "f()")
    reference = weakref.ref(session["holder"][0])
    session.run("holder.clear()")
    gc.collect()
    assert reference() is None
    assert error.calls


def test_a_session_can_go_on_after_an_error(session):
    failure(session, "x = 1; y = x / 0")
    assert session.run("x") == 1


def test_the_cause_of_a_cause_is_noted(session):
    error = failure(session, "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e")
    assert error.notes[0].startswith("caused by ZeroDivisionError: division by zero")


# ---------------------------------------------------------------- two sessions

def test_two_sessions_share_no_names():
    one, two = tcli.Session(), tcli.Session()
    one.run("x = 1")
    assert "x" not in two


def test_each_session_has_its_own_dtype():
    one, two = tcli.Session(dtype="float64"), tcli.Session()
    assert str(one.run("ones(1).dtype")) == "torch.float64"
    assert str(two.run("ones(1).dtype")) == "torch.float32"


def test_each_session_has_its_own_random_stream():
    one, two = tcli.Session(seed=0), tcli.Session(seed=0)
    first = one.run("rand(2).tolist()")
    assert two.run("rand(2).tolist()") == first
    assert one.run("rand(2).tolist()") != first


def test_numpys_error_state_stays_as_it_was(session):
    numpy = pytest.importorskip("numpy")
    before = numpy.geterr()
    session.run("log(zeros(2))")
    assert numpy.geterr() == before


# ---------------------------------------------------------------- the sandbox

@pytest.mark.parametrize("text", [
    "open('/etc/passwd')", "open('../x', 'w')", "eval('1')", "exec('1')", "compile('1', 'a', 'eval')",
    "type('X', (), {})", "import ctypes", "getattr(1, '__class__')", "(lambda: 0).__globals__",
    "import sys; sys.modules", "import os; os.system", "import numpy as np; np.load", "import numpy as np; np.lib",
    "import operator; operator.attrgetter('__class__')(1)", "().__class__.__bases__", "import builtins",
    "setattr(ones, '__code__', 1)", "(x for x in [1]).gi_frame", "import random; random._os",
    "getattr(ones(2).numpy(), 'tofile')", "import json; json.codecs", "__builtins__", "vars(type)['mro']",
])
def test_no_way_leads_out(session, text):
    failure(session, text)


def test_files_below_the_working_directory_are_open(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session.run("with open('a.txt', 'w') as f: f.write('hi')")
    assert session.run("with open('a.txt') as f: text = f.read()\ntext") == "hi"
    error = failure(session, "open('b.txt')")
    assert error.kind == "FileNotFoundError"


def test_a_link_that_leads_out_is_refused(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("/etc")
    assert isinstance(failure(session, "open('link/passwd')"), ForbiddenError)


def test_type_tells_and_checks_but_makes_no_classes(session):
    assert session.run("type(1).__name__, isinstance(int, type), type(1) is int") == ("int", True, True)


@pytest.mark.parametrize("text", [
    "import numpy as np; np.arange(3).ctypes", "import numpy as np; np.arange(3).tofile('x')", "torch._finders",
    "import numpy as np; np.random.PCG64().cffi", "import enum; enum.IntEnum._convert_('E', 'os', bool)",
    "import warnings; warnings.catch_warnings()._module", "list(map(str.format, ['{0.x}'], [1]))",
    "import typing; typing.get_type_hints", "import string; string.Formatter", "type(1).mro()",
    "import functools; functools.partial(getattr)(1, '__class__')", "import sys; type(sys.stdout)('x').buffer",
    "import dataclasses; dataclasses.make_dataclass('A', ['x'])", "import types; types.FunctionType(1, {})",
])
def test_no_object_of_a_known_module_leads_out(session, text):
    failure(session, text)


def test_a_session_keeps_its_word_on_deterministic_ops():
    strict = tcli.Session()
    strict.run("torch.use_deterministic_algorithms(True)")
    assert tcli.Session().run("torch.are_deterministic_algorithms_enabled()") is False
    assert strict.run("torch.are_deterministic_algorithms_enabled()") is True
