"""The shell completions are those of the table of options."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tcli.cli.file_options import FILE_COMMANDS
from tcli.cli.install_completion import FILES
from tcli.cli.options import COMMANDS, OPTIONS

ROOT = Path(__file__).resolve().parents[2]


def test_the_files_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "make_completions.py", "--check"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def folder(tmp_path):
    """A folder with a program, a file of numbers, a folder and a checkpoint, and tcli on the PATH."""
    for name in ("train.tsr", "a.npy", "notes.md"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    shutil.copy(ROOT / "tests" / "data" / "digits_mlp.safetensors", tmp_path / "m.safetensors")
    command = tmp_path / "bin" / "tcli"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tcli "$@"\n')
    command.chmod(0o755)
    return tmp_path


def completed(words: str, folder: Path, shell: str = "tcli.bash") -> list[str]:
    """What bash offers behind `words`, which are split as bash does it."""
    program = (f"source {ROOT}/completions/{shell}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));"
               'eval "$(complete -p tcli | sed "s/.*-F //;s/ .*//")"; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", program], cwd=folder, capture_output=True, text=True, check=True,
                          env=os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"})
    return sorted(done.stdout.split())


@pytest.mark.parametrize(("words", "found"), [
    ("tcli --de", ["--device"]), ("tcli -o js", ["json"]), ("tcli --device me", ["meta"]), ("tcli do", ["doc"]),
    ("tcli --color = al", ["always"]), ("tcli --install-completion f", ["fish"]), ("tcli t", ["test", "train.tsr"]),
    ("tcli train.tsr --see", ["--seed"]), ("tcli -v x = a", ["a.npy"]), ("tcli -v x=a", ["a.npy"]),
    ("tcli inspect a", ["a.npy"]), ("tcli inspect --st", ["--stats"]), ("tcli convert --dtype bf", ["bfloat16"]),
    ("tcli convert m.safetensors --to np", ["npy", "npz"]), ("tcli test ''", ["bin", "sub", "train.tsr"]),
    ("tcli inspect m.safetensors fc2", ["fc2.bias", "fc2.weight"]), ("tcli explain sh", ["shape"]),
    ("tcli doc logsumex", ["logsumexp"]), ("tcli inspect n", []), ("tcli -e ''", []),
    ("tcli --trace = st", ["steps"]), ("tcli --trace tr", ["train.tsr"])])
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(words, found, folder):
    assert completed(words, folder) == found


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_knows_every_option_and_command(folder):
    assert completed("tcli -", folder) == sorted(flag for option in OPTIONS for flag in option.flags)
    assert set(COMMANDS) <= set(completed("tcli ''", folder))
    for command, (_, options) in FILE_COMMANDS.items():
        assert completed(f"tcli {command} -", folder) == sorted(flag for option in options for flag in option.flags)


@pytest.mark.parametrize("name", ["_tcli", "tcli.fish"])
def test_the_other_shells_know_every_option_and_command(name):
    text = (ROOT / "completions" / name).read_text()
    said = [OPTIONS, *(options for _, options in FILE_COMMANDS.values())]
    flags = {flag for options in said for option in options for flag in option.flags}
    words = {flag: f"{flag}{'=-' * (flag == '--trace')}[" if name == "_tcli" else f"-l {flag[2:]} " if flag[:2] == "--"
             else f"-s {flag[1:]} " for flag in flags}
    missing = [flag for flag, word in words.items() if word not in text]
    assert not missing
    assert all(command in text for command in COMMANDS)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_can_read_their_file(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    name = {"zsh": "_tcli", "fish": "tcli.fish"}[shell]
    subprocess.run([shell, "-n", ROOT / "completions" / name], check=True)


# ---------------------------------------------------------------- tcli --install-completion

def installed(home: Path, *words: str, shell: str = "") -> subprocess.CompletedProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "BASH_COMPLETION"))}
    env |= {"HOME": str(home), "SHELL": shell, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-m", "tcli", "--install-completion", *words], env=env, capture_output=True,
                          text=True, check=False)


@pytest.mark.parametrize(("shell", "place"), [
    ("bash", ".local/share/bash-completion/completions/tcli"), ("zsh", ".local/share/zsh/site-functions/_tcli"),
    ("fish", ".config/fish/completions/tcli.fish")])
def test_a_completion_is_installed_where_its_shell_looks(shell, place, tmp_path):
    shipped = (ROOT / "completions" / FILES[shell]).read_text()
    for words, user_shell in (([shell], ""), ([], f"/usr/bin/{shell}")):
        done = installed(tmp_path, *words, shell=user_shell)
        assert done.returncode == 0 and done.stdout.startswith(f"wrote {tmp_path / place}\n"), done
        assert (tmp_path / place).read_text() == shipped
        (tmp_path / place).unlink()


def test_an_unknown_shell_is_refused(tmp_path):
    done = installed(tmp_path, shell="/bin/tcsh")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tcli: cannot tell the shell from SHELL='tcsh'; say --install-completion bash, zsh or fish\n"
    assert installed(tmp_path, shell="").returncode == 2
    named = installed(tmp_path, "tcsh", shell="/bin/bash")
    assert named.returncode == 2 and "takes bash, zsh or fish, not 'tcsh'" in named.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / ".local").write_text("")
    done = installed(tmp_path, "bash")
    assert done.returncode == 1 and done.stderr.startswith("tcli: cannot write")
