"""Every kind of error: its page, its example, and how the diagnostic looks."""

import pytest

from tcli.cli.explain import explain, failure_of, kinds, overview, page, parts
from tcli.show.diagnostic import render
from tests.show.golden import check


@pytest.mark.parametrize("code", kinds())
def test_the_example_of_a_kind_gives_an_error_of_that_kind(code):
    summary, text, example = parts(kinds()[code])
    assert summary.endswith(".")
    error = failure_of(example)
    assert type(error) is kinds()[code]
    assert error.span is not None


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
