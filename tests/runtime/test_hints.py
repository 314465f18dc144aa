"""Hints: tried on the shapes, and silent where several would do."""

import doctest

import pytest

import tcli
from tcli.runtime import hints
from tcli.runtime.hints import Operand, mend


def hint(text, setup=""):
    session = tcli.Session()
    session.run(setup)
    with pytest.raises(tcli.TcliError) as caught:
        session.run(text)
    return caught.value.help


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(hints).failed == 0


def test_a_transposed_factor_is_offered_where_only_one_fits():
    assert hint("x @ w", "x = ones(64, 784); w = ones(10, 784)") == "this fits: x @ w.T is f32[64, 10]"


def test_nothing_is_offered_where_two_would_do():
    assert hint("x @ x", "x = ones(3, 4)") is None


def test_keepdim_is_offered_for_a_reduction():
    assert hint("(h - h.sum(1)).mean()", "h = ones(64, 10)") == \
        "keepdim makes it fit: h.sum(1, keepdim=True) is f32[64, 1]"


def test_a_dim_is_put_in_where_one_place_fits():
    assert hint("x + b", "x = ones(3, 4); b = ones(3)") == "this fits: b.unsqueeze(1) is f32[3, 1]"


@pytest.mark.parametrize(("code", "symbol", "left", "right", "said"), [
    ("shape", "+", ("a + b", "f32[3]"), ("x", "f32[3, 4]"), "this fits: (a + b).unsqueeze(1) is f32[3, 1]"),
    ("shape", "+", ("a", "f32[3]"), ("x", "f32[3, 3]"), None),
    ("shape", "*", ("a", "f32[3, 4]"), ("b", "f32[4, 3]"), "this fits: a * b.T is f32[3, 4]"),
    ("shape", "@", ("a", "f32[N=3, 4]"), ("b", "f32[M=5, 4]"), "this fits: a @ b.T is f32[3, 5]"),
    ("dtype", "@", ("a", "i64[3, 4]"), ("b", "f32[4, 5]"), "this fits: a.float() is f32"),
    ("index", "@", ("a", "i64[3, 4]"), ("b", "f32[4, 5]"), None),
])
def test_mends(code, symbol, left, right, said):
    assert mend(code, symbol, Operand(*left), Operand(*right)) == said


@pytest.mark.parametrize(("program", "help"), [
    ("x = arange(6); torch.softmax(x, 0)", "it takes floating-point numbers: x.float()"),
    ("arange(6).mean()", "it takes floating-point numbers: arange(6).float()"),
    ("x = arange(6); (x + 1).std()", "it takes floating-point numbers: (x + 1).float()"),
    ("F.mse_loss(arange(3), arange(3))", "it takes floating-point numbers: .float() makes them"),
    ("ones(3).bitwise_and(ones(3))", None), ("zeros(3, dtype='float32')", "write torch.float32, without quotes"),
    ("zeros(3, dtype='red')", None), ("ones(3).to('float64')", "for the dtype write torch.float64, without quotes"),
    ("import sklearn", "data.iris(), data.digits() and others come with tcli; linear algebra is in torch.linalg")])
def test_hints_about_dtypes_and_modules(program, help):
    with pytest.raises(tcli.TcliError) as caught:
        tcli.Session().run(program)
    assert caught.value.help == help


def test_a_mistyped_file_is_guessed(tmp_path, monkeypatch):
    (tmp_path / "weights.npy").touch()
    monkeypatch.chdir(tmp_path)
    for program in ("load('wieghts.npy')", "torch.load('weigths.npy')", "open('weights.ny')"):
        with pytest.raises(tcli.TcliError) as caught:
            tcli.Session().run(program)
        assert caught.value.help == "did you mean 'weights.npy'?"


def test_labels_name_the_dims_that_a_contract_bound():
    with pytest.raises(tcli.TcliError) as caught:
        tcli.Session().run("h: f32[B, C] = ones(64, 10)\nv = ones(64)\nh - v")
    assert [label.text for label in caught.value.labels] == ["f32[B=64, C=10]", "f32[64]"]
    assert caught.value.help == "this fits: v.unsqueeze(1) is f32[64, 1]"
    with pytest.raises(tcli.TcliError) as caught:
        tcli.Session().run("h: f32[B, C] = ones(64, 10)\nh @ h")
    assert [label.text for label in caught.value.labels] == ["f32[B=64, C=10]", "f32[B=64, C=10]"]


def test_what_is_said_to_be_absent_is():
    from tcli.runtime import absent
    from tcli.runtime.namespaces import known_modules

    torch = known_modules().get("torch")
    assert not [name for name in absent._HINTS if hasattr(torch, name) or hasattr(torch.Tensor, name)]
