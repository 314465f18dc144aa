"""Every kind of error: its page, its example, and how the diagnostic looks."""

import pytest

from tcli.cli.explain import every_kind, explain, failure_of, kinds, overview, page, parts
from tcli.errors import TcliError
from tcli.show.diagnostic import as_json, render
from tests.show.golden import check


@pytest.mark.parametrize("code", kinds())
def test_the_example_of_a_kind_gives_an_error_of_that_kind(code):
    summary, text, example = parts(kinds()[code])
    assert summary.endswith(".")
    error = failure_of(example)
    assert isinstance(error, kinds()[code]) and error.code == code
    assert error.span is not None


def test_every_kind_that_there_is_has_a_page():
    found, todo = set(), [TcliError]
    every_kind()
    while todo:
        todo += (kind := todo.pop()).__subclasses__()
        if kind.__module__.startswith("tcli.") and "code" in vars(kind):
            found.add(kind.code)
    assert found - {"error"} == set(every_kind())
    for code in set(every_kind()) - set(kinds()):
        assert "[" + code + "]: " in page(code) and "For example" not in page(code)


def test_operands_are_data_for_programs():
    error = failure_of("torch.ones(2) @ torch.ones(3)")
    assert as_json(error)["operands"] == [{"name": "x", "type": "f32[2]"}, {"name": "other", "type": "f32[3]"}]


@pytest.mark.parametrize("color", [False, True], ids=["none", "basic"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_errors_look_as_they_did(width, color):
    shown = [render(failure_of(parts(kind)[2]), width=width, color=color) for kind in kinds().values()]
    check(f"errors_{width}_{'basic' if color else 'none'}", "\n\n".join(shown))


def test_the_pages_are_what_they_were():
    check("explain", "\n\n\n".join([*overview(), *(page(code) for code in kinds())]))


def test_a_class_of_python_is_explained_by_its_kind(capsys):
    assert explain("error[ZeroDivisionError]") == 0
    assert "error[python]" in capsys.readouterr().out


def test_an_unknown_code_has_a_hint(capsys):
    assert explain("shap") == 2
    assert "did you mean 'shape'?" in capsys.readouterr().err
