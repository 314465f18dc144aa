"""Programs whose printed text PyTorch recorded: tcli must print the same, to the character."""

import contextlib
import io
from pathlib import Path

import pytest

import tcli

FOLDER = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.tsr")), ids=lambda f: f.stem)
@pytest.mark.filterwarnings("ignore")
def test_a_program_prints_what_pytorch_prints(file):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tcli.Session().run(file.read_text(), name=str(file))
    got, want = printed.getvalue(), file.with_suffix(".out").read_text()
    if got != want:
        file.with_suffix(".got").write_text(got)
    assert got.splitlines() == want.splitlines()
