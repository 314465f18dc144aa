"""The parser against CPython's: the same tree and the same positions."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcli.errors import TsrSyntaxError
from tcli.lang.nodes import HelpRequest, Matrix, Pipe
from tcli.lang.parser import parse
from tcli.lang.tokens import KEYWORDS
from tcli.source import Source

from .oracle import check_equal, cpython, dump, foreign

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
OWN_FILES = sorted([*REPOSITORY.glob("tcli/**/*.py"), *REPOSITORY.glob("tests/**/*.py")])
STDLIB = Path(os.__file__).parent


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def snippets():
    """The snippets of snippets.txt: each longest run of lines that CPython takes as one piece."""
    lines = read(HERE / "snippets.txt").split("\n")
    start = 0
    while start < len(lines):
        stop = start + 1
        while stop < len(lines) and not starts_snippet(lines[start:stop], lines[stop]):
            stop += 1
        yield "\n".join(lines[start:stop])
        start = stop


def starts_snippet(before, line):
    clause = line.split(":")[0].split(" ")[0] in ("elif", "else", "except", "except*", "finally")
    if clause or line[:1] in (" ", "\t", "#", "") or before[-1].startswith(("@", "#")):
        return False
    try:
        cpython("\n".join(before))
    except SyntaxError:
        return False
    return True


SNIPPETS = list(snippets())


@pytest.mark.parametrize("text", SNIPPETS)
def test_snippet_has_cpythons_tree(text):
    check_equal(text)


@pytest.mark.parametrize("text", SNIPPETS)
def test_snippet_has_cpythons_tree_inside_a_function(text):
    inner = "\n".join("    " + line for line in text.split("\n"))
    if '"""' in text or "\\\n" in text or "import *" in text or "@" in text:
        pytest.skip("indentation would change the text itself")
    check_equal("class é: pass\ndef f():\n" + inner)


def test_the_whole_snippet_file_has_cpythons_tree():
    check_equal(read(HERE / "snippets.txt"))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", ""])
def test_line_endings_do_not_matter(ending):
    check_equal(f"x = 1{ending or ';'}y = 2{ending}")


def test_a_byte_order_mark_is_skipped():
    assert dump(parse(Source("\ufeffx = 1"))) == dump(cpython("x = 1"))


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_own_file_has_cpythons_tree(path):
    check_equal(read(path))


def check_module(path):
    try:
        text = read(path)
        tree = cpython(text)
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return
    if not foreign(tree):
        check_equal(text)


@pytest.mark.parametrize("path", sorted(STDLIB.glob("*.py"))[::5], ids=lambda path: path.name)
def test_stdlib_module_has_cpythons_tree(path):
    check_module(path)


PACKAGES = sorted({path.parent for path in STDLIB.glob("**/*.py") if "site-packages" not in path.parts})


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(STDLIB)))
def test_every_stdlib_module_has_cpythons_tree(package):
    for path in sorted(package.glob("*.py")):
        check_module(path)


ATOMS = ["x", "y", "1", "2.5", "'s'", "f'{x!r:>{y}}'", "None", "...", "(x)", "[1]", "{}", "é"]
PIECES = [*ATOMS, *KEYWORDS, *"()[]{},:;.=@*+-<>|&~", "**", "//", "==", "!=", "->", ":=", "+=", "\n", "\n    ",
          " ", "# c", "\\\n", "lambda:", "for x in", "if x:", "def f():"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), st.sampled_from(["", " "]))
def test_what_both_accept_has_one_tree(pieces, glue):
    text = glue.join(pieces)
    try:
        tree = cpython(text)
        ours = parse(Source(text))
    except (SyntaxError, ValueError):
        return
    assert dump(ours) == dump(tree)


EXPRESSION = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+ - * / // % @ ** << >> & | ^ < > == != in is and or".split()),
                  inner).map(" ".join),
        st.tuples(st.sampled_from(["-", "not ", "~", "*("]), inner).map(
            lambda pair: f"({pair[0]}{pair[1]})" if pair[0] != "*(" else f"(*({pair[1]}),)"),
        st.tuples(inner, inner, inner).map(lambda three: "{} if {} else {}".format(*three)),
        st.tuples(inner, inner).map(lambda pair: "({}).f({}, k={})[{}:]".format(*pair, *pair)),
        st.tuples(inner, inner).map(lambda pair: "[{} for v in ({}) if v]".format(*pair)),
        st.tuples(inner, inner).map(lambda pair: "({}, lambda a={}: a)".format(*pair)),
        st.tuples(inner, inner).map(lambda pair: "{{{}: {}}}".format(*pair)),
    ), max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(EXPRESSION)
def test_any_expression_has_cpythons_tree(text):
    try:
        cpython(text)
    except SyntaxError:
        return
    check_equal(text)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789_.eExXobjJ+-", min_size=1, max_size=8))
def test_numbers_have_cpythons_value(text):
    try:
        tree = cpython(text)
    except SyntaxError:
        return
    try:
        ours = parse(Source(text))
    except TsrSyntaxError:
        raise AssertionError(f"refused {text!r}") from None
    assert dump(ours) == dump(tree)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab\\nxuUN{}01\"' é\n\tfr", max_size=10), st.sampled_from(["", "r", "f", "b", "rb", "u"]))
def test_strings_have_cpythons_value(body, prefix):
    text = f'{prefix}"""{body}"""'
    try:
        tree = cpython(text)
    except SyntaxError:
        return
    try:
        ours = parse(Source(text))
    except TsrSyntaxError:
        raise AssertionError(f"refused {text!r}") from None
    assert dump(ours) == dump(tree)


def test_sugar_nodes_are_not_pythons():
    for text, kind in [("[1; 2]", Matrix), ("x |> f", Pipe)]:
        assert type(parse(Source(text)).body[0].value) is kind
    assert type(parse(Source("x?")).body[0]) is HelpRequest
