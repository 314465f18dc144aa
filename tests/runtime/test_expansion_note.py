"""The note that an op expanded both of its operands."""

import pytest

import tcli


def noted(program, capsys, **options):
    tcli.Session(seed=0, **options).run(program, "t.tsr")
    return capsys.readouterr().err


def test_a_loss_of_a_vector_and_a_column(capsys):
    program = "x = ones(32)\ny = ones(32, 1)\nfor i in range(3):\n    d = x - y\n"
    assert noted(program, capsys) == "note: (32,) and (32, 1) were expanded to (32, 32) at t.tsr:4:9\n"


@pytest.mark.parametrize("op", ["x + y", "x * y", "x == y", "x > y", "torch.maximum(x, y)", "x.sub(y)", "x / y",
                                "x ** y", "torch.pow(x, y)", "x.pow(y)"])
def test_every_elementwise_op_tells(op, capsys):
    assert "(5,) and (5, 1) were expanded to (5, 5)" in noted(f"x, y = ones(5), ones(5, 1)\nz = {op}", capsys)


@pytest.mark.parametrize("setup", [
    "x, y = ones(700), ones(700, 1)",  # waits for fusion
    "x, y = ones(200), ones(200, 1)", "x, y = ones(5).long(), ones(5, 1)", "x, y = ones(5).half(), ones(5, 1).half()",
    "x, y = ones(5).double(), ones(5, 1)", "x, y = ones(5, requires_grad=True), ones(5, 1)"])
def test_on_every_road(setup, capsys):
    assert noted(f"{setup}\nz = x * y\nw = z + 1", capsys).count("note:") == 1


@pytest.mark.parametrize("program", [
    "ones(3, 4) + ones(4)", "ones(3, 4) + ones(3, 1)", "ones(3, 1) + ones(1, 4)", "ones(5) + 1", "ones(1) + ones(5, 1)",
    "x = ones(5); x[:, None] - x", "x = ones(5); x.unsqueeze(1) == x", "x = ones(5); x.view(-1, 1) * x",
    "nn.Bilinear(3, 4, 5)(ones(2, 3), ones(2, 4))", "torch.cdist(ones(5, 2), ones(7, 2))", "F.one_hot(arange(5))",
    "torch.tril(ones(5, 5)); torch.vander(arange(5.))"])
def test_what_is_meant_is_not_told(program, capsys):
    assert noted(program, capsys) == ""


def test_powers_of_large_tensors_tell(capsys):
    assert "(700, 700)" in noted("x, y = ones(700), ones(700, 1)\nz = x ** y", capsys)
    assert noted("2.0 ** ones(700); ones(3) ** 2; ones(3, 1) ** 0.5", capsys) == ""


def test_quiet(capsys):
    assert noted("z = ones(5) + ones(5, 1)", capsys, quiet=True) == ""


def test_other_sessions_and_plain_python_hear_nothing(capsys):
    session = tcli.Session()
    session.run("1 + ones(2)")
    x, y = session.run("ones(5), ones(5, 1)")
    assert (x * y).shape == (5, 5)
    assert capsys.readouterr().err == ""
