"""State dicts, lists of tensors, modules and tables: a line for each entry."""

import pytest

import tcli
from tcli.cli.output import echoed
from tcli.show.collection import lines
from tcli.show.tensor import _thinned, sample_of
from tests.show.golden import check

VALUES = {
    "state dict": "nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).state_dict()",
    "nested": "{'step': 3, 'model': {'w': arange(100.), 'b': zeros(0)}, 'lr': [0.1, 0.2], 'm': [ones(8, 8), None, 'x' * 90]}",
    "many": "[arange(10.) + i for i in range(100)]",
    "module": "nn.Linear(2, 2)",
    "one": "(zeros(10, 10),)",
}


@pytest.fixture
def session():
    return tcli.Session(seed=0)


def test_collections_look_as_they_did(session):
    check("collections", "\n\n".join(f"--- {name}: {text}\n" + "\n".join(lines(session.run(text), limit=6))
                                     for name, text in VALUES.items()))


def test_a_collection_of_large_tensors_is_echoed_in_lines(session):
    text = echoed(session.run("{'a': zeros(100), 'b': [1, 2]}"))
    assert text.split("\n")[0].startswith("dict  2 entries")
    assert echoed(session.run("{'a': zeros(3), 'b': [1, 2]}")) == "{'a': tensor([0., 0., 0.]), 'b': [1, 2]}"
    assert echoed(session.run("[1, 2, 3]")) == "[1, 2, 3]"
    assert echoed(session.run("max(arange(3000.).view(30, 100), 0)")).startswith("torch.return_types.max")


@pytest.mark.parametrize("call", ["summary", "deep"])
def test_the_functions_take_collections(call, session, capsys):
    session.run(f"m = nn.Sequential(nn.Linear(3, 4)); {call}(m.state_dict()); {call}([ones(2), ones(3)])")
    out = capsys.readouterr().out.split("\n")
    assert out[0].startswith("OrderedDict  2 entries  64 B")
    assert out[2].startswith("  0.bias    f32[4]")
    assert out[4].startswith("  [0]  f32[2]")
    session.run(f"{call}([1, 2, 3])")
    assert capsys.readouterr().out.startswith("i64[3]")
    session.run(f"{call}(m)")
    assert "0.weight" in capsys.readouterr().out or call == "summary"


def test_a_table_has_a_line_for_each_column(session, tmp_path, capsys):
    (tmp_path / "t.csv").write_text("name,age\nann,3\nbob,5\n")
    session.run(f"t = load({str(tmp_path / 't.csv')!r}); deep(t)")
    out = capsys.readouterr().out
    assert "Table  2 entries" in out
    assert "age   i64[2]" in out
    assert "['ann', 'bob']" in out


def test_a_list_that_holds_itself_ends(session):
    session.run("l = [ones(100)]; l.append(l)")
    assert len(lines(session["l"])) < 10


@pytest.mark.parametrize("text", ["zeros(3000, 2000).t()", "zeros(40, 50, 60, 70)[:, ::2].transpose(0, 3)",
                                  "zeros(1, 2000000, 2)[..., 1]", "zeros(1).expand(3000000)"])
def test_a_sample_of_a_large_view_copies_nothing_else(text, session):
    value = session.run(text)
    part = _thinned(value, 100_000)
    assert part._a.base is not None
    assert 25_000 < part.numel() <= 100_000
    values, sampled = sample_of(value, 100_000)
    assert sampled
    assert values.size == part.numel()
