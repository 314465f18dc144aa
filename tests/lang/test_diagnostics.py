"""Every syntax mistake has a file with the mistake and a file with what is said about it.

A line of the answer is `line:column-end message | help`; `line:column-line:column` where the span
covers several lines, and `...` at its end where a prompt would read on. To accept new answers, run
`python -m tests.lang.test_diagnostics`.
"""

from pathlib import Path

import pytest

from tcli.errors import TcliError
from tcli.lang.compile import compile_program
from tcli.lang.parser import check
from tcli.source import Source

HERE = Path(__file__).parents[1] / "diagnostics" / "syntax"
CASES = sorted(HERE.glob("*.tsr"))


def line_of(error):
    span = error.span
    end = span.end_column if span.end_line == span.line else f"{span.end_line}:{span.end_column}"
    text = f"{span.line}:{span.column}-{end} {error.message}"
    if error.help:
        text += f" | {error.help}"
    return text + (" ..." if getattr(error, "incomplete", False) else "")


def rendered(text):
    """All errors that a check finds, else the one that compiling finds."""
    errors = check(Source(text))
    if not errors:
        with pytest.raises(TcliError) as caught:
            compile_program(Source(text))
        errors = [caught.value]
    return "".join(line_of(error) + "\n" for error in errors)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_mistake_is_explained(path):
    assert rendered(read(path)) == read(path.with_suffix(".txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_compiling_stops_at_the_first_of_these_errors(path):
    with pytest.raises(TcliError) as caught:
        compile_program(Source(read(path)))
    assert line_of(caught.value) == read(path.with_suffix(".txt")).split("\n")[0]


def test_there_are_no_answers_without_a_mistake():
    assert sorted(path.stem for path in HERE.glob("*.txt")) == [path.stem for path in CASES]


if __name__ == "__main__":
    for case in CASES:
        case.with_suffix(".txt").write_text(rendered(read(case)), encoding="utf-8")
