"""Programs as people write them print what PyTorch recorded: the same words, and numbers that agree."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import tcli

FOLDER = Path(__file__).parent
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")


def words(line: str) -> str:
    """A line without its numbers, addresses and spaces: a tensor's columns are as wide as its widest number."""
    return re.sub(r"\s+", "", NUMBER.sub("#", re.sub(r"0x[0-9a-f]+", "0x", line)))


def agree(got: str, want: str) -> bool:
    """Whether two printed numbers are the same but for rounding."""
    if got == want:
        return True
    if not set("." "eE") & set(want):
        return False
    places = len(want.split(".")[1]) if "." in want and "e" not in want.lower() else 7
    return abs(float(got) - float(want)) <= max(1.01 * 10.0 ** -places, 1e-4 * abs(float(want)), 1e-6)


def differences(got: str, want: str) -> list:
    """The lines that differ, as (line, got, want)."""
    found = []
    ours, theirs = got.splitlines(), want.splitlines()
    for i, (a, b) in enumerate(zip(ours, theirs, strict=False), 1):
        numbers = zip(NUMBER.findall(a), NUMBER.findall(b), strict=False)
        if a != b and (words(a) != words(b) or not all(agree(x, y) for x, y in numbers)):
            found.append((i, a, b))
    if len(ours) != len(theirs):
        found.append((min(len(ours), len(theirs)) + 1, f"{len(ours)} lines", f"{len(theirs)} lines"))
    return found


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.tsr")), ids=lambda f: f.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_program_prints_what_pytorch_prints(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tcli.Session().run(file.read_text(), name=str(file))
    assert differences(printed.getvalue(), file.with_suffix(".out").read_text()) == []


def test_a_program_says_what_it_is_about():
    for file in FOLDER.glob("*.tsr"):
        assert file.read_text().startswith("# "), file.name


def test_differences_are_seen():
    assert differences("loss 1.2345\n", "loss 1.2346\n") == []
    assert differences("a 3\n", "a 4\n") and differences("a 1.5\n", "b 1.5\n") and differences("1.0\n", "1.3\n")
    assert differences("x\n", "x\ny\n")
