"""Tables on a screen."""

import tcli
from tcli.io.table import Table
from tcli.show.screen import Screen
from tcli.show.table import render


def table(**columns):
    return Table(columns)


def tensor(values):
    return tcli.Session().run(f"tensor({values})")


def test_words_stand_left_and_numbers_right():
    assert render(table(word=["a", "bcd"], n=tensor([10, 2]), x=tensor([0.5, 1.25])), Screen(40)) == """\
Table  2 rows, 3 columns
word    n     x
text  i64   f32
a      10   0.5
bcd     2  1.25"""


def test_many_rows_show_the_first_and_the_last():
    lines = render(table(n=tensor(list(range(1000)))), Screen(40), rows=6).split("\n")
    assert [line.strip() for line in lines] == ["Table  1,000 rows, 1 column", "n", "i64", "0", "1", "2", "… 994 more", "997",
                                                "998", "999"]


def test_a_narrow_screen_names_the_columns_that_do_not_fit():
    wide = table(**{f"column{i}": tensor([i]) for i in range(6)})
    lines = render(wide, Screen(30)).split("\n")
    assert lines[1] == "column0  column1  column2"
    assert lines[-2:] == ["… and the columns column3,", "column4, column5"]
    assert "column5" in render(wide, Screen(30), rows=None).split("\n")[1]


def test_wide_characters_and_control_characters_keep_the_columns():
    lines = render(table(name=["漢字", "a\x1b[31mb"], n=tensor([1, 2])), Screen(40)).split("\n")
    assert lines[3] == "漢字       1"
    assert lines[4] == "a·[31mb    2"


def test_nan_is_red_where_there_are_colours():
    shown = render(table(x=tensor([1.0, float("nan")])), Screen(40, color="basic"))
    assert "\x1b[31mnan\x1b[0m" in shown.replace(" ", "")
    assert "\x1b" not in render(table(x=tensor([1.0])), Screen(40))


def test_tables_without_rows_or_columns():
    assert render(table(), Screen(40)) == "Table  0 rows, 0 columns"
    assert render(table(a=[]), Screen(40)) == "Table  0 rows, 1 column\na\ntext"
