"""Every program in scripts/examples runs to its end and prints what it is about."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "scripts" / "examples"

# A line that each must print, as a pattern.
SAYS = {
    "attention": r"100\.0 % of 1000 new questions are answered right",
    "bigram": r"nats per character: uniform 4\.060, counted 2\.376, learnt 2\.376",
    "contracts": r"caught: logits has shape \[8, 10\]: dim 0 is 8, but N is 16",
    "conv_digits": r"epoch 8  loss 0\.0\d+  test accuracy 0\.9[5-9]\d\d",
    "digits": r"epoch 30  \[#{20}\]  loss 0\.0\d+  test accuracy 0\.9[6-9]\d\d",
    "flower": r"rank  8:  21\.0 % of the numbers, relative error 0\.1355 \(expected 0\.1355\)",
    "gradients": r"caught: one of the variables needed for gradient computation has been modified by an inplace operation",
    "kmeans": r"groups are named \[.*\]; [67]\d\.\d % of the images carry the right name",
    "ode": r"exp\(-t\^2\) at 0\.7: 0\.6126, slope -0\.8577 = -2 t y, second derivative -0\.0245",
    "pca": r"two components hold 29 % of the variance; 90 % takes 21 of 64",
    "regression": r"explained variance: exact 0\.5177, descent 0\.5165",
    "spiral": r"accuracy (1\.000|0\.99\d)",
    "transformer": r"step 160  loss 2\.[12]\d\d  \S+",
    "xor": r"hidden layer:  loss 0\.00\d\d",
}


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_every_example_is_here():
    assert {path.stem for path in EXAMPLES.glob("*.tsr")} == set(SAYS)


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs(name, tmp_path):
    done = run(sys.executable, "-m", "tcli", str(EXAMPLES / f"{name}.tsr"), cwd=tmp_path)
    notes = [line for line in done.stderr.split("\n") if line]
    assert done.returncode == 0
    assert bool(notes) == (name == "contracts")  # which shows what happens without a contract
    assert all(line.startswith("note: (16, 1) and (16,) were expanded to (16, 16)") for line in notes)
    assert re.search(f"^{SAYS[name]}", done.stdout, re.M), done.stdout
    assert not list(tmp_path.iterdir()), "an example writes no files"


def test_examples_are_short_and_say_what_they_are_about():
    for path in EXAMPLES.glob("*.tsr"):
        lines = path.read_text().split("\n")
        assert lines[0].startswith("# ") and len(lines) <= 75, path.name


def test_the_one_liners_run(tmp_path):
    command = tmp_path / "bin" / "tcli"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tcli "$@"\n')
    command.chmod(0o755)
    done = run("bash", "-c", f'PATH="{command.parent}:$PATH" TMPDIR="{tmp_path}" bash "{EXAMPLES}/one_liners.sh"', cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tensor([1., 3.])" in done.stdout and "w  f32[4, 3]  12  48 B  75.0 %" in done.stdout
