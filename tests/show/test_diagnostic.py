"""The drawing of errors: golden texts, cropping, labels, JSON."""

from textwrap import dedent

from tcli.errors import Label, ProgramError, ShapeError, UnknownName
from tcli.show.diagnostic import as_json, cell_width, render
from tcli.source import Source, Span


def span(source, line, column, end, end_line=None):
    return Span(source, line, column, end_line or line, end)


def same(text, expected):
    assert text == dedent(expected).strip("\n")


MLP = Source("x = 1\n" * 5 + "\n" * 8 + "y = relu(x @ W2 + b1)", "mlp.tsr")


def shape_error(**more):
    return ShapeError("inner sizes differ", span=span(MLP, 14, 10, 16), **more)


def test_operands_are_labelled_and_the_operator_is_pointed_at():
    error = shape_error(labels=[Label(span(MLP, 14, 10, 11), "f32[32, 784]"),
                                Label(span(MLP, 14, 14, 16), "f32[100, 10]")], help="fits here: W1")
    same(render(error), """
        error[shape]: inner sizes differ
          --> mlp.tsr:14:10
         14 | y = relu(x @ W2 + b1)
            |          - ^ --
            |          |   f32[100, 10]
            |          f32[32, 784]
            = fits here: W1
        """)


def test_a_label_on_an_earlier_line_shows_that_line():
    same(render(shape_error(labels=[Label(span(MLP, 1, 1, 2), "x is made here")])), """
        error[shape]: inner sizes differ
          --> mlp.tsr:14:10
          1 | x = 1
            | -
            | x is made here
           ...
         14 | y = relu(x @ W2 + b1)
            |          ^^^^^^
        """)


def test_a_label_in_another_entry_shows_it_under_its_own_name():
    other = Source("W2 = zeros(3)", "<tsr 2>")
    same(render(shape_error(labels=[Label(span(other, 1, 1, 3), "made here")])), """
        error[shape]: inner sizes differ
          --> mlp.tsr:14:10
         14 | y = relu(x @ W2 + b1)
            |          ^^^^^^
          ::: <tsr 2>:1:1
          1 | W2 = zeros(3)
            | --
            | made here
        """)


def test_the_operator_of_a_call_is_its_function():
    source = Source("F.linear(x, w)", "a")
    error = ShapeError("no", span=span(source, 1, 1, 15), labels=[Label(span(source, 1, 10, 11), "f32[2]"),
                                                                  Label(span(source, 1, 13, 14), "f32[3]")])
    same(render(error), """
        error[shape]: no
          --> a:1:1
         1 | F.linear(x, w)
           | ^^^^^^^^ -  -
           |          |  f32[3]
           |          f32[2]
        """)


def test_a_span_of_several_lines_underlines_each():
    source = Source("f(a,\n  b)\n", "a")
    same(render(ShapeError("no", span=span(source, 1, 1, 5, 2))), """
        error[shape]: no
          --> a:1:1
         1 | f(a,
           | ^^^^
         2 |   b)
           |   ^^
        """)


def test_a_long_span_shows_its_first_lines_and_its_last():
    source = Source("f(\n" + "  1,\n" * 30 + ")", "a")
    text = render(ShapeError("no", span=span(source, 1, 1, 2, 32)))
    assert "..." in text
    assert " 32 | )" in text
    assert len(text.split("\n")) < 12


def test_a_long_line_is_cropped_around_the_mark():
    source = Source("a+" * 100 + "bad" + "+c" * 100, "a")
    lines = render(UnknownName("no", span=span(source, 1, 201, 204)), width=60).split("\n")
    assert all(len(line) <= 60 for line in lines)
    assert lines[2].count("…") == 2
    at = lines[3].index("^")
    assert lines[2][at:at + 3] == "bad"


def test_tabs_and_wide_characters_keep_the_mark_below_its_word():
    source = Source("\t日本 = zz", "a")
    lines = render(UnknownName("no", span=span(source, 1, 7, 9))).split("\n")
    before = lines[2][:lines[2].index("zz")]
    assert lines[3].index("^") == cell_width(before)


def test_the_python_class_names_an_exception_of_the_program():
    assert render(ProgramError("division by zero", kind="ZeroDivisionError")) == \
        "error[ZeroDivisionError]: division by zero"


def test_the_calls_that_led_there_follow():
    error = shape_error()
    error.calls = [("f", span(MLP, 1, 1, 2), 1), ("g", span(MLP, 2, 1, 2), 9)]
    assert render(error).split("\n")[-2:] == ["    = in g, called at mlp.tsr:2:1 (9 times)",
                                                "    = in f, called at mlp.tsr:1:1"]


def test_colour_adds_escapes_and_nothing_else():
    import re

    error = shape_error(labels=[Label(span(MLP, 14, 10, 11), "f32[32, 784]")], help="so", notes=["a", "b"])
    assert re.sub(r"\x1b\[[0-9;]*m", "", render(error, color=True)) == render(error)


def test_a_message_of_several_lines_is_indented():
    assert render(ShapeError("one\ntwo")) == "error[shape]: one\n  two"


def test_json_holds_the_same_as_the_text():
    error = shape_error(labels=[Label(span(MLP, 14, 10, 11), "f32[3]")], help="so", operands=[("x", "f32[3]")])
    data = as_json(error)
    assert (data["code"], data["file"], data["line"], data["column"]) == ("shape", "mlp.tsr", 14, 10)
    assert data["source"] == "x @ W2"
    assert data["labels"] == [{"line": 14, "column": 10, "end_line": 14, "end_column": 11, "file": "mlp.tsr",
                               "text": "f32[3]"}]
    assert data["help"] == "so"


def test_an_error_without_a_place_has_none_in_json():
    assert as_json(ShapeError("no"))["line"] is None
