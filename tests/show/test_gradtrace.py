"""The gradient trace: tree, marks, data."""

from textwrap import dedent
from types import SimpleNamespace

import pytest

import tcli
from tcli.cli.output import echoed
from tcli.show.gradtrace import as_json, render, tree
from tcli.show.screen import Screen
from tcli.source import Source, Span
from tests.show.golden import check

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
    assert text.endswith("nan")
    assert render([row("x", 0, mark="exploding")]).endswith("exploding")


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


def trace_of(program, width=80):
    session = tcli.Session(seed=0, trace=True)
    session.run(program, "t.tsr")
    for each in session["t"].rows:
        each.seconds = 0.0
    return render(session["t"].rows, width=width)


RESIDUAL = """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
    def forward(self, x):
        return x + self.b(self.a(x).relu())
net = nn.Sequential(Block(), Block())
t = trace(net(ones(2, 4)).sum())
"""
RECURRENT = """
u, v = randn(3, 3, requires_grad=True), randn(2, 3, requires_grad=True)
h = zeros(1, 3)
for i in range(3):
    h = torch.tanh(ones(1, 2) @ v + h @ u)
t = trace(h.sum() * 3 + (h * h).exp().mean())
"""
PLAIN = "net = nn.Sequential(*[nn.Sequential(nn.Linear(2, 2), nn.Tanh()) for i in range(3)])\nt = trace(net(ones(2, 2)).sum())"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_chains_stay_flat(width):
    check(f"trace_chains_{width}", "\n\n".join(trace_of(program, width) for program in (RESIDUAL, RECURRENT, PLAIN)))


@pytest.mark.parametrize("program", [
    "net = nn.Sequential(*[nn.Linear(2, 2) for i in range(100)])\nt = trace(net(ones(2, 2)).sum())",
    "w = ones(3, requires_grad=True)\nx = w\nfor i in range(100):\n    x = x + (x * w).tanh()\nt = trace(x.sum())"])
def test_a_hundred_layers_are_two_levels_deep(program):
    session = tcli.Session(trace=True)
    session.run(program)
    rows = session["t"].rows
    assert len(rows) > 200
    assert max(each.depth for each in rows) <= 2
    assert max(map(len, render(rows, width=80).split("\n"))) <= 80


def test_each_op_has_one_row():
    session = tcli.Session(trace=True)
    session.run("w = ones(3, requires_grad=True)\na = w.exp()\nvalues, places = (a * w).sort()\n"
                "t = trace((values * a).sum() + w.sum())")
    ops = [each.op for each in session["t"].rows]
    assert sorted(ops) == ["add", "exp", "leaf", "mul", "mul", "sort", "sum", "sum"]


def test_a_trace_fits_a_narrow_screen():
    session = tcli.Session(seed=0)
    rows = session.run("x = randn(64, 100, requires_grad=True); trace(x.tanh().mul(2.).sum())").rows
    for width in (40, 60, 80):
        assert max(map(len, render(rows, width=width).split("\n"))) <= width


def test_the_prompt_shows_a_trace_in_the_width_of_the_screen(monkeypatch):
    monkeypatch.setattr(Screen, "of", lambda stream, wish="auto": Screen(50, 24, "none"))
    session = tcli.Session(seed=0, trace=True)
    trace = session.run("x = randn(64, requires_grad=True); trace((x * 2).tanh().exp().sigmoid().sum())")
    assert max(map(len, echoed(trace).split("\n"))) <= 50
    assert max(map(len, str(trace).split("\n"))) > 50
