"""Pipes, matrices, contracts, promotion, imports, help: what they do and where they stand."""

import pytest

from tcli.errors import TsrSyntaxError
from tcli.lang.compile import compile_program, compile_statements
from tcli.lang.lower import lower
from tcli.lang.parser import parse
from tcli.source import Source

from .program import failing_span, run


def fail(*values):
    raise ValueError("failed")


def f(*values):
    return ("f", *values)


def g(*values):
    return ("g", *values)


# -------------------------------------------------------------------- pipes


@pytest.mark.parametrize("text, value", [
    ("1 |> f", ("f", 1)),
    ("1 |> f(2)", ("f", 1, 2)),
    ("1 |> f |> g(2, *[3])", ("g", ("f", 1), 2, 3)),
    ("1 + 2 |> f", ("f", 3)),
    ("1 if 0 else 2 |> f", ("f", 2)),
    ("1, 2 |> f", (1, ("f", 2))),
    ("f(1 |> g, 2 |> g)", ("f", ("g", 1), ("g", 2))),
    ("[1 |> f]", [("f", 1)]),
    ("1 |> (f)", ("f", 1)),
    ("1 |> (f)(2)", ("f", 1, 2)),
    ("2 |> (lambda v: v + 1)", 3),
    ("1 |> (adder(2))", 3),
    ("(lambda v: v |> f)(1)", ("f", 1)),
    ("1\n|> f\n   |> g", ("g", ("f", 1))),
    ("1  # one\n\n# then\n  |> f  # two", ("f", 1)),
    ("[v for v in [1, 2] |> reversed]", [2, 1]),
    ("1 |> space.f", ("f", 1)),
    ("1 |> table[0](2)", ("f", 1, 2)),
    ("'x' |> ('{}!'.format)", "x!"),
    ("(y := 1 |> f)", ("f", 1)),
])
def test_pipe_gives_the_value_to_the_next_function(text, value):
    class Space:
        pass

    Space.f = staticmethod(f)
    names = {"f": f, "g": g, "space": Space, "table": [f], "adder": lambda n: lambda v: v + n}
    assert run(text, **names).shown == [value]


def test_a_line_that_starts_with_a_pipe_continues_an_assignment_in_a_block():
    result = run("def h(x):\n    y = x\n      |> f\n      |> g(2)\n    return y\nh(1)", f=f, g=g)
    assert result.shown == [("g", ("f", 1), 2)]


@pytest.mark.parametrize("text, stage", [
    ("1 |> f |> fail |> g", "fail"),
    ("1 |> f |> fail(0) |> g", "fail(0)"),
    ("1\n  |> f\n  |> fail(0,\n    2)\n  |> g", "fail(0,\n    2)"),
    ("'日本' |> fail(é)", "fail(é)"),
    ("x = f(1, 2 |> fail)", "fail"),
    ("1 |> (fail)", "fail"),
])
def test_failing_stage_is_marked_alone(text, stage):
    assert failing_span(text, f=f, g=g, fail=fail, é=1).text == stage


def test_failing_call_is_marked():
    assert failing_span("x = 1\ny = f(fail(x), 2)", f=f, fail=fail).text == "fail(x)"


def test_failing_method_with_a_kept_receiver_is_marked():
    span = failing_span("a.b.missing(1)", a=type("A", (), {"b": 1}))
    assert (span.text, span.column) == ("a.b.missing", 1)


# -------------------------------------------------------------------- matrices


@pytest.mark.parametrize("text, rows", [
    ("[1, 2; 3, 4]", [[1, 2], [3, 4]]),
    ("[1; 2; 3]", [[1], [2], [3]]),
    ("[1, 2;]", [[1, 2]]),
    ("[1, 2,; 3, 4,]", [[1, 2], [3, 4]]),
    ("[\n  1, 2;\n  # second\n  3, 4;\n]", [[1, 2], [3, 4]]),
    ("[*range(2); 3, 1 + 3]", [[0, 1], [3, 4]]),
    ("[(1, 2)[0]; [5][0]]", [[1], [5]]),
    ("[x := 1; x]", [[1], [1]]),
])
def test_matrix_is_a_list_of_rows(text, rows):
    assert run(text).shown == [("matrix", rows)]


def test_matrix_nests():
    assert run("[[1; 2], 3; 4, 5]").shown == [("matrix", [[("matrix", [[1], [2]]), 3], [4, 5]])]


def test_failing_matrix_is_marked_whole():
    span = failing_span("x = [1, 2; 3, 4] + 0")
    assert span.text == "[1, 2; 3, 4] + 0"


# -------------------------------------------------------------------- contracts


def test_contract_checks_an_assignment():
    result = run("h: f32[B, H] = 5\nh")
    spec = ("f32", (("name", "B"), ("name", "H")), "f32[B, H]")
    assert result.calls == [("h", 5, spec, "f32[B, H]")]
    assert result.shown == [5]
    assert result.names["__dims__"] == {"B": 1, "H": 1}


def test_contract_without_value_checks_what_is_there():
    result = run("h = 5\nh: i64[3]")
    assert result.calls == [("h", 5, ("i64", (("int", 3),), "i64[3]"), "i64[3]")]
    assert result.shown == []


@pytest.mark.parametrize("dims, expected", [
    ("", ()),
    ("3", (("int", 3),)),
    ("_, ...", (("any",), ("ellipsis",))),
    ("*batch, n", (("star", "batch"), ("name", "n"))),
    ("n+1", (("expr", "n+1", ("+", "n", 1)),)),
    ("2 * n - m // 2", (("expr", "2 * n - m // 2", ("-", ("*", 2, "n"), ("//", "m", 2))),)),
    ("-n", (("expr", "-n", ("-", 0, "n")),)),
])
def test_dims_of_a_contract(dims, expected):
    (call,) = run(f"x: any[{dims}] = 1").calls
    assert call[2] == ("any", expected, f"any[{dims}]")


@pytest.mark.parametrize("dims", ["1.5", "'B'", "f(x)", "n ** 2", "n + _", "a:b", "[n]", "..., ...", "True"])
def test_what_cannot_be_a_dim_is_refused(dims):
    with pytest.raises(TsrSyntaxError):
        compile_program(Source(f"x: f32[{dims}] = 1"))


def test_parameters_and_results_are_checked_in_the_frames_own_dims():
    text = '''
def f(x: f32[B], /, w: f32[B, C] = 2, *, k: i64[] = 3, plain: int = 4) -> f32[C]:
    "doc"
    y: f32[B] = x
    return y
r = f(1)
'''
    result = run(text)
    assert [(call[0], call[1]) for call in result.calls] == [("x", 1), ("w", 2), ("k", 3), ("y", 1), ("return", 1)]
    assert result.names["__dims__"] == {}
    assert result.names["f"].__doc__ == "doc"
    assert result.names["f"].__annotations__ == {"plain": int}


def test_function_with_a_contract_that_falls_off_its_end_is_checked():
    result = run("def f(x) -> f32[B]:\n    if x:\n        return x\nf(0)")
    assert [(call[0], call[1]) for call in result.calls] == [("return", None)]


def test_inner_function_has_its_own_results_and_dims():
    result = run("def f() -> f32[B]:\n    def g():\n        return 1\n    return g() + 1\nf()")
    assert [(call[0], call[1]) for call in result.calls] == [("return", 2)]


def test_contract_in_a_class_body_is_an_annotation():
    result = run("class A:\n    x: f32[B, H]\n    y: f32[] = 1\n")
    assert result.names["A"].__annotations__ == {"x": "f32[B, H]", "y": "f32[]"}
    assert result.calls == []


def test_contract_on_an_attribute():
    result = run("a.x: f32[B] = 3", a=type("A", (), {}))
    assert result.calls[0][:2] == ("a.x", 3) and result.names["a"].x == 3


def test_other_annotations_stay():
    result = run("x: int = 1\ny: list[int] = [2]\nz: 'f32[B]' = 3")
    assert result.calls == []
    assert result.names["__annotations__"] == {"x": int, "y": list[int], "z": "f32[B]"}


@pytest.mark.parametrize("text", ["def f(*x: f32[B]): pass", "def f() -> f32[B]:\n    yield 1"])
def test_contract_that_cannot_be_checked_is_refused(text):
    with pytest.raises(TsrSyntaxError):
        compile_program(Source(text))


def test_empty_index_is_only_for_contracts():
    with pytest.raises(TsrSyntaxError):
        compile_program(Source("f32[]"))


# -------------------------------------------------------------------- lists that are promoted


@pytest.mark.parametrize("text, symbol", [
    ("[1, 2] * 2.0", "*"), ("[1, 2] + x", "+"), ("x - [1]", "-"), ("[v for v in y] / 2", "/"),
    ("a = [1]\na - 1", "-"), ("a, b = [1], 2\na - b", "-"), ("a = b = sorted(y)\nb - 1", "-"),
    ("a = list(y)\na[1:] - 1", "-"),
    ("a = [1]\nc = a\nc - 1", "-"), ("-[1]", "unary -"), ("[1] < 2", "<"), ("(d := [1]) and d - 1", "-"),
    ("a = [1]\na *= 2.0", "*="), ("known - 1", "-"), ("[1] * 2 - 1", "-"), ("(y if y else [1]) - 1", "-"),
])
def test_operator_on_what_may_be_a_list_goes_through_the_helper(text, symbol):
    result = run(text, x=1, y=(1, 2), known=[1], known_lists=frozenset(["known"]))
    assert symbol in result.calls


@pytest.mark.parametrize("text", [
    "[1] * 3", "3 * [1]", "[1] + [2]", "'%s' % [1]", "a = 1\na * 2.0", "x * 2.0", "x @ x", "[1] == [2]",
    "a = [1]\na += [2]", "[1] in [[1]]", "1 < 2 < 3", "x[0] * 2",
])
def test_other_operators_stay_pythons(text):
    class Value:
        def __mul__(self, other):
            return self

        __matmul__ = __getitem__ = __mul__

    assert run(text, x=Value()).calls == []


def test_failing_promoted_operator_is_marked():
    def give_up(*values):
        raise TypeError

    source = Source("y = 1\nx = [1, 2] * 2.0", "<marked>").register()
    names = {"__binop__": give_up}
    with pytest.raises(TypeError) as caught:
        exec(compile_program(source), names)
    from tcli.source import span_of

    assert span_of(caught.value).text == "[1, 2] * 2.0"


# -------------------------------------------------------------------- imports and help


def test_imports_go_through_the_helpers():
    names = run("import torch.nn, a.b as c\nfrom torch import nn as m, optim").names
    assert names["torch"] == ("module", "torch.nn", False)
    assert names["c"] == ("module", "a.b", True)
    assert names["m"] == ("module", "torch", True, "nn")
    assert names["optim"] == ("module", "torch", True, "optim")


def test_import_star_binds_through_the_helper():
    assert run("from torch import *").calls == [("star", ("module", "torch", True))]


def test_imports_in_functions_and_classes_are_local():
    names = run("def f():\n    import a\n    return a\nclass C:\n    from b import x\nr = f()").names
    assert names["r"] == ("module", "a", False) and names["C"].x == ("module", "b", True, "x")
    assert "a" not in names


@pytest.mark.parametrize("text, place", [
    ("import math, nothing.here as x", "nothing.here as x"),
    ("from nothing import x", "nothing"),
    ("from math import (pi,\n  nothing as z)", "nothing as z"),
])
def test_failing_import_is_marked(text, place):
    def load(name, whole):
        if "nothing" in name:
            raise ImportError
        return name

    def pick(module, name):
        if name == "nothing":
            raise ImportError
        return name

    source = Source(text, "<import>").register()
    with pytest.raises(ImportError) as caught:
        exec(compile_program(source), {"__import_module__": load, "__import_from__": pick})
    from tcli.source import span_of

    assert span_of(caught.value).text == place


def test_future_annotations_are_not_evaluated():
    names = run('"doc"\nfrom __future__ import annotations\ndef f(x: no.such): pass').names
    assert names["f"].__annotations__ == {"x": "no.such"}


@pytest.mark.parametrize("text", ["torch.nn?", "?torch.nn", "torch.nn??", "x = 1; torch.nn?"])
def test_help_is_a_line_with_a_question_mark(text):
    assert run(text).calls == [("help", "torch.nn")]


@pytest.mark.parametrize("text", ["f(x)?", "x? + 1", "y = x?", "if 1:\n    x?", "?", "x?.y"])
def test_other_question_marks_are_refused(text):
    with pytest.raises(TsrSyntaxError):
        compile_program(Source(text))


@pytest.mark.parametrize("text", ["t = '{} {k}'\nt.format(1, k=2)", "('{} ' + '{k}').format(1, k=2)",
                                  "'{} {k[0]}'.format(1, k='2')", "'{} {:{k.real}}'.format(1, 2, k=1)"])
def test_format_goes_through_the_helper(text):
    result = run(text)
    assert result.shown == ["1 2"] and result.calls == ["format"]


@pytest.mark.parametrize("text", ["'{} {k}'.format(1, k=2)", "'{:.0f} {k:{w}}'.format(1.0, k=2, w=1)", "'{} 2'.format(1)"])
def test_a_text_whose_fields_are_names_alone_needs_no_helper(text):
    result = run(text)
    assert result.shown == ["1 2"] and result.calls == []


# -------------------------------------------------------------------- the compiled code


def test_one_code_object_for_each_statement():
    pairs = compile_statements(Source("x = 1\nx + 1; y\nif x:\n    z"))
    assert [span.text for _, span in pairs] == ["x = 1", "x + 1", "y", "if x:\n    z"]


def test_every_node_of_a_lowered_program_has_its_place():
    text = ("import a.b as c\nfrom d import e\nx: f32[B] = [1; 2] |> f(3) |> g\n[1] * 2.0\nx.y.z(1)\n"
            "def h(v: f32[B]) -> f32[B]:\n    return v\n")
    import ast

    module, _ = lower(parse(Source(text)), Source(text))
    lines = text.split("\n")
    for node in ast.walk(module):
        if hasattr(node, "lineno"):
            assert 1 <= node.lineno <= node.end_lineno <= len(lines)
            assert (node.lineno, node.col_offset) <= (node.end_lineno, node.end_col_offset)


def test_long_chains_compile_or_are_refused_cleanly():
    compile_program(Source("x = " + " + ".join(["1"] * 500)))
    compile_program(Source("x = a" + ".b(1)" * 200))
    compile_program(Source("x = a" + " |> f" * 300))
    with pytest.raises(TsrSyntaxError, match="nested too deeply"):
        compile_program(Source("y = 1\nx = " + " + ".join(["1"] * 50_000)))
