"""`tcli check` says nothing of programs that run: no fault at all, and few warnings, each known by its words."""

from pathlib import Path

import pytest

from tcli.runtime.check import check

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("tests/check", "tests/models", "tests/transcripts", "scripts/examples")
PROGRAMS = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.tsr"))]

# Programs that show what a warning is for, or that PyTorch warns of as well.
WARNED = {"contracts": "both operands grow", "sequences": "enable_nested_tensor is True", "dtypes": "ComplexHalf"}


def test_there_are_programs():
    assert len(PROGRAMS) >= 20


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_program_that_runs_has_no_fault(path):
    report = check(path.read_text(), path.name)
    assert [f"{each.span}: {each.message}" for each in report.faults] == []
    assert [each.message for each in report.warnings if WARNED.get(path.stem, "\0") not in each.message] == []
