"""Help pages."""

import pytest

import tcli
from tcli.show.help import page, parameters, signature, summary


@pytest.fixture(scope="module")
def session():
    return tcli.Session()


def test_a_function_of_the_program_shows_its_signature_and_text():
    def double(x, *, times=2):
        """Twice as much.

        More.
        """

    assert page(double, "double") == "double(x, *, times=2)\n\n    Twice as much.\n\n    More."
    assert parameters(double) == ["x", "times"]
    assert summary(double) == "Twice as much."


def test_an_op_shows_its_schema(session):
    op = session.run("matmul")
    assert signature(op, "matmul").startswith("matmul(x, other")
    assert "other" in parameters(op)


def test_a_tensor_shows_its_header(session):
    assert page(session.run("ones(2)"), "x") == "x: f32[2]  cpu  |  all 1.00"


def test_plain_data_shows_its_type_and_a_short_form():
    assert page(3, "n") == "n: int = 3"
    assert len(page(list(range(1000)), "xs")) < 100


def test_something_without_a_signature_shows_dots():
    assert signature(type("A", (), {"__call__": dict.get})(), "a").startswith("a(")


def test_sentences_are_broken_at_words_and_examples_are_not():
    def long():
        """One sentence of many words, which is wider than the screen that it is shown on.

        >>> an_example_that_is_wider_than_the_screen_and_stays_in_one_line()
        """

    lines = page(long, "long", 40).split("\n")
    assert lines[2:4] == ["    One sentence of many words, which", "    is wider than the screen that it is"]
    assert "    >>> an_example_that_is_wider_than_the_screen_and_stays_in_one_line()" in lines
