"""Text measured in cells of a terminal."""

import tcli
from tcli.show.cells import cell_width, cut, fit, wrapped
from tcli.show.tensor import header, header_lines


def test_wide_and_combining_characters_are_measured():
    assert [cell_width(text) for text in ("abc", "漢字", "e\u0301", "…")] == [3, 4, 1, 1]


def test_a_cut_never_splits_a_wide_character():
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("漢字漢字", 6) == "漢字…"
    assert cut("abc", 3) == "abc"
    assert [fit("漢", 4), fit("漢", 4, right=True), fit("漢字漢", 4)] == ["漢  ", "  漢", "漢… "]


def test_lines_are_broken_between_words():
    assert wrapped("one two three four five six", 20) == ["one two three four", "five six"]
    assert wrapped("x" * 50 + " y", 20) == ["x" * 50 + " y"]  # a word is not broken
    assert wrapped("short", 20) == ["short"]


def test_a_header_wider_than_the_screen_takes_lines_of_its_own():
    text = header(tcli.Session(seed=0).run("randn(64, 100, requires_grad=True)"))
    assert header_lines(text, 100) == [text]
    lines = header_lines(text, 40)
    assert lines[0] == "f32[64, 100]  cpu  requires grad"
    assert all(cell_width(line) <= 40 and not line.endswith(" ") for line in lines)
    assert "  |  ".join((lines[0], "  ".join(line.strip() for line in lines[1:]))) == text
