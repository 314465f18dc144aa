"""The shell completions are those of the table of options."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_files_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "make_completions.py", "--check"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("words", "found"), [("tcli --de", "--device"), ("tcli -o js", "json"),
                                             ("tcli --device me", "meta"), ("tcli do", "doc")])
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(words, found, tmp_path):
    program = (f"source {ROOT}/completions/tcli.bash; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));"
               '_tcli; echo "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [found]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_can_read_their_file(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    name = {"zsh": "_tcli", "fish": "tcli.fish"}[shell]
    subprocess.run([shell, "-n", ROOT / "completions" / name], check=True)
