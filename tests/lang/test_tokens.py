"""The scanner: kinds, places, and the highlighter built on it."""

import pytest

from tcli.lang.literals import number_value, split_prefix, unescape
from tcli.lang.tokens import highlight_tokens, tokenize
from tcli.source import Source


def kinds(text):
    return [token[0] for token in tokenize(Source(text))]


def test_blocks_are_marked():
    assert kinds("if x:\n    y\nz") == ["if", "NAME", ":", "NEWLINE", "INDENT", "NAME", "NEWLINE", "DEDENT", "NAME",
                                         "NEWLINE", "END"]


@pytest.mark.parametrize("text", ["x\n|> f", "x\n   |> f", "x # a\n\n # b\n\t|> f", "x \\\n|> f", "(x\n|> f)"[1:-1]])
def test_a_pipe_continues_the_line(text):
    assert kinds(text) == ["NAME", "|>", "NAME", "NEWLINE", "END"]


def test_columns_count_bytes_and_offsets_count_characters():
    token = tokenize(Source("日本 = é + x"))[4]
    assert token[1:] == ("x", 1, 14, 1, 15, 9, 10)


def test_a_token_over_several_lines():
    token = tokenize(Source("x = '''é\nab''' + y"))[2]
    assert token[2:] == (1, 4, 2, 5, 4, 14)


def test_structural_tokens_end_where_the_last_real_one_ends():
    tokens = tokenize(Source("if x:\n    y  # c\n\nz"))
    dedent = tokens[7]
    assert dedent[0] == "DEDENT" and dedent[4:6] == (2, 5)


@pytest.mark.parametrize("text, value", [("0", 0), ("1_000", 1000), ("0x_ff", 255), ("1e-3", 0.001), ("2j", 2j),
                                         (".5", 0.5), ("0o17", 15), ("0b11", 3), ("1_0.2_5e1_0", 10.25e10)])
def test_numbers(text, value):
    assert number_value(text) == (value, "")


@pytest.mark.parametrize("text", ["007", "1__0", "1_", "0xg", "0b2", "1x", "1e", "1.5.", "１", "9" * 5000])
def test_what_is_no_number(text):
    assert number_value(text)[1]


def test_escapes():
    assert unescape(r"\n\t\\\x41\u00e9\101\N{BULLET}\q") == "\n\t\\A\u00e9A\u2022\\q"
    assert unescape("a\\\nb") == "ab"


def test_prefixes():
    assert split_prefix("Rb'''x'''") == ("rb", 5, 6) and split_prefix("''") == ("", 1, 1)


def test_highlighter_covers_every_token_and_comment():
    text = "@d\ndef f(x):  # note\n    return x.y + 1, 'é', f'{x}' |> g(2)"
    assert [(kind, text[start:end]) for kind, start, end in highlight_tokens(text)] == [
        ("operator", "@"), ("name", "d"), ("keyword", "def"), ("function", "f"), ("bracket", "("), ("name", "x"),
        ("bracket", ")"), ("operator", ":"), ("comment", "# note"), ("keyword", "return"), ("name", "x"),
        ("operator", "."), ("attribute", "y"), ("operator", "+"), ("number", "1"), ("operator", ","),
        ("string", "'é'"), ("operator", ","), ("string", "f'{x}'"), ("operator", "|>"), ("function", "g"),
        ("bracket", "("), ("number", "2"), ("bracket", ")")]


@pytest.mark.parametrize("text", ["x = 'abc", "x = (", "$ x", "'''a\nb", "\r\nx", "\ufeffx # é", "", "#", "\ud800", "\\"])
def test_highlighter_takes_broken_text(text):
    assert all(0 <= start < end <= len(text) for _, start, end in highlight_tokens(text))
