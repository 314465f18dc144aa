"""Checking a whole file: every error once, and what was typed so far may be incomplete."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcli.errors import TcliError, TsrSyntaxError
from tcli.lang.compile import compile_program
from tcli.lang.emit import emit
from tcli.lang.parser import check, parse
from tcli.lang.tokens import KEYWORDS, highlight_tokens
from tcli.source import Source


def lines_with_errors(text):
    return [error.span.line for error in check(Source(text))]


@pytest.mark.parametrize("text, lines", [
    ("x = 1\ny = 2\n", []),
    ("x = \ny = 2\nz = *\n", [1, 3]),
    ("def f(x)\n    return x\n\nx = (\n\ndef g():\n    return )\n", [1, 4, 7]),
    ("if x:\n    y = = 1\nelse:\n    z = = 2\n", [2, 4]),
    ("if x = 1:\n    a b\nelif y:\n    c d\nelse:\n    e f\ng h\n", [1, 2, 4, 6, 7]),
    ("for x in y\n    continue\n    break\n", [1]),
    ("x = 'abc\ny = “1”\nz = 1\nw = $\n", [1, 2, 4]),
    ("try:\n    x y\nexcept:\n    z w\n", [2, 4]),
    ("class A:\n    def f(self)\n        return 1\n    def g(self):\n        return ]\n", [2, 5]),
    ("match x:\n    case 1:\n        y\nz = = 1\n", [4]),
    ("match x x:\n    case 1:\n        y\nz = = 1\n", [1, 4]),
    ("match x:\n    case 1 2:\n        y = = 1\n    case 3:\n        w w\nz = = 1\n", [2, 3, 5, 6]),
    ("x = 1\n  y = 2\n  z = = 3\nw = 4\n", [2, 3]),
    ("return 1\nbreak\n", [1, 2]),
    ("def f():\n    x = [1, 2\n    return x\ny = = 1\n", [2, 4]),
])
def test_every_error_is_found_once(text, lines):
    assert lines_with_errors(text) == lines


def test_at_most_ten_errors_are_reported():
    assert len(check(Source("x = = 1\n" * 30))) == 10


def test_a_check_finds_first_what_parsing_raises():
    text = "x = 1\nif y = 2:\n    pass\nz = )\n"
    with pytest.raises(TsrSyntaxError) as caught:
        parse(Source(text))
    assert str(caught.value) == str(check(Source(text))[0])


@pytest.mark.parametrize("text", [
    "f(", "x = [1,", "x = [1, 2;", "{", "{1:", "f(x\n", "[1,\n2,\n\n", "'''abc", 'x = f"""{y}\n', "if x:", "if x:\n",
    "def f():\n", "def f(\n", "class A:\n    def g(self):\n", "for i in range(3):\n    # only a comment\n",
    "@decorator", "@decorator\n", "try:\n    x\n", "try:\n    x", "x = 1 + \\", "with a:\n", "while x:",
    "if x:\n    y\nelse:\n", "x = f(1)(\n  2", "x = (1 +\ny", "def f(x: f32[",
])
def test_what_can_be_continued_is_incomplete(text):
    with pytest.raises(TsrSyntaxError) as caught:
        compile_program(Source(text))
    assert caught.value.incomplete


@pytest.mark.parametrize("text", [
    "x = ", "x +", "f(]", "f(1 2", "x = 'abc", "else:", "if x", "f(1\ny = 2", "def f(x", "for x in", "1 |>",
    "import", "x = [1\nreturn 2", "if x:\ny", "a b",
])
def test_what_is_wrong_already_is_not_incomplete(text):
    with pytest.raises(TsrSyntaxError) as caught:
        compile_program(Source(text))
    assert caught.value.incomplete is (text in ("def f(x",))


@pytest.mark.parametrize("text", ["(" * 90 + ")" * 90, "[" * 90 + "]" * 90, "x" + "[y" * 90 + "]" * 90,
                                  "f" + "(g" * 90 + ")" * 90])
def test_ninety_brackets_are_not_too_many(text):
    compile_program(Source(text))


@pytest.mark.parametrize("text", [
    "(" * 1000, "(" * 150 + ")" * 150, "[" * 5000 + "]" * 5000, "{" * 3000, "not " * 5000 + "x", "-" * 10000 + "x",
    "lambda: " * 3000 + "x", "x if y else " * 5000 + "z", "x ** " * 5000 + "x", "x" + ".y" * 20000, "x" + "()" * 20000,
    "x" + "[0]" * 20000, "a + " * 20000 + "a", "a |> " * 20000 + "a", "a and b or " * 20000 + "a",
    "".join(" " * i + "if x:\n" for i in range(300)), "f'{" * 300 + "x" + "}'" * 300,
    "".join(" " * i + "def f():\n" for i in range(95)), "x: f32[" + "n + " * 3000 + "n] = y", "a = " * 20000 + "b",
    "a < " * 20000 + "b", "[a for a in b " + "for a in b " * 3000 + "]", "elif x: y\n" * 3000, "*" * 5000,
    "if x: y\n" + "elif x: y\n" * 3000, "a := " * 3000, "@" * 5000, "f(" + "a=" * 3000, "'a' " * 20000,
])
def test_deep_nesting_is_refused_cleanly(text):
    for action in (lambda: compile_program(Source(text)), lambda: check(Source(text)), lambda: emit(Source(text))):
        try:
            action()
        except TcliError as error:
            assert error.message


PIECES = ["x", "f32[B]", "1", "2.5", "0x", "1e", "'s'", "f'{x:{y}}'", "f'{'", "'''", '"', "\\", "\n", "\n    ", "\t", " ",
          "#", ";", "?", "!", "$", "é", "“", "\0", "\ud800", "\r", "\f", "\xa0", *"()[]{},:.=@*+-<>|&~", "|>", "->", ":=",
          "**", "//", "...", "__class__", ".format(", *KEYWORDS, "match", "print"]


def survive(text):
    """Any text gives a result or a TcliError with a place; nothing else."""
    for action in (lambda: compile_program(Source(text)), lambda: emit(Source(text))):
        try:
            action()
        except TcliError as error:
            assert error.span is not None and error.span.text is not None
    for error in check(Source(text)):
        span = error.span
        assert (1, 1) <= (span.line, span.column) < (span.end_line, span.end_column)
        assert span.end_line <= len(span.source.lines)
    place = 0
    for kind, start, end in highlight_tokens(text):
        assert kind and place <= start < end <= len(text)
        place = end


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20), st.sampled_from(["", " "]))
def test_any_tokens_give_a_tree_or_a_syntax_error(pieces, glue):
    survive(glue.join(pieces))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_a_tree_or_a_syntax_error(text):
    survive(text)


PROGRAM = '''import torch
class Net(nn.Module):
    def __init__(self, width: int = 3, *layers, **options):
        super().__init__()
        self.w = [1, 2; 3, 4] @ torch.randn(2, width)[:, None]

    def forward(self, x: f32[B, H]) -> f32[B, *rest]:
        """text"""
        return (x |> relu
                  |> self.w(dim=-1)) if x is not None else {k: v for k, v in {}.items()}
for i, (a, b) in enumerate(zip(xs, ys)):
    with torch.no_grad() as g, open("f") as h:
        print(f"{i:>3} {a!r:{b}} {g=}", sep="\\n"); x += 1
    try:
        assert a < b <= c, "no"
    except (A, B) as e:
        raise E from e
    finally:
        del x[0], y.z
'''


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(PROGRAM)), st.integers(0, 5), st.sampled_from(["", *PIECES]))
def test_any_change_to_a_program_gives_a_tree_or_a_syntax_error(place, width, piece):
    survive(PROGRAM[:place] + piece + PROGRAM[place + width:])
