"""The gradient trace: tree, marks, data."""

from textwrap import dedent
from types import SimpleNamespace

from tcli.show.gradtrace import as_json, render, tree
from tcli.source import Source, Span

SOURCE = Source("h = x @ w\nF.cross_entropy(h, y)", "mlp.tsr")


def row(text, depth, line=None, **more):
    values = {"op": "op", "text": text, "depth": depth, "dtype_shape": "f32[]", "grad_norm": 1.0, "zeros": 0.0,
              "nan": 0, "inf": 0, "saved_bytes": 0, "seconds": 0.0, "name": None, "leaf": False, "spark": "",
              "mark": "", "span": Span(SOURCE, line, 1, line, 5) if line else None}
    return SimpleNamespace(**(values | more))


ROWS = [row("F.cross_entropy(h, y)", 0, 2, saved_bytes=1100, seconds=31e-6),
        row("x @ w", 1, 1, dtype_shape="f32[64, 10]", grad_norm=0.109, zeros=0.25),
        row("", 2, name="net.w", leaf=True, dtype_shape="f32[784, 10]", grad_norm=3.27),
        row("b", 1, leaf=True, name="net.b")]


def test_the_tree_has_branches_and_aligned_columns():
    assert render(ROWS) == dedent("""
        2:1  F.cross_entropy(h, y)  f32[]         |g| 1.00              1.1 KB  31 us
        1:1  ├─ x @ w               f32[64, 10]   |g| 0.109  25 % zero
             │  └─ net.w (leaf)     f32[784, 10]  |g| 3.27
             └─ net.b (leaf)        f32[]         |g| 1.00
        """).strip("\n")


def test_nothing_to_show_is_said():
    assert render([]) == "no gradient: nothing here requires one"


def test_broken_gradients_are_counted_and_marked():
    text = render([row("x", 0, nan=3, inf=1, mark="exploding")])
    assert "3 NaN, 1 Inf" in text
    assert text.endswith("exploding")


def test_colour_only_where_something_is_wrong():
    lines = render([row("x", 0), row("y", 1, mark="vanishing")], color=True).split("\n")
    assert "\x1b" not in lines[0]
    assert lines[1].startswith("\x1b[33m")


def test_a_narrow_screen_cuts_the_source_text():
    lines = render([row("a_very_long_expression(" + "x, " * 40 + ")", 0)], width=60).split("\n")
    assert len(lines[0]) <= 60
    assert "…" in lines[0]


def test_a_chain_of_a_thousand_ops_stays_readable():
    assert max(map(len, render([row("x", depth) for depth in range(1000)]).split("\n"))) < 200


def test_rows_as_data():
    data = as_json(ROWS)
    assert data[0]["line"] == 2
    assert data[2] == data[2] | {"name": "net.w", "leaf": True, "line": None, "grad_norm": 3.27}


def test_rich_draws_the_same_rows():
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=100, color_system=None)
    console.print(tree(ROWS))
    assert "└── net.b (leaf)" in console.file.getvalue()
