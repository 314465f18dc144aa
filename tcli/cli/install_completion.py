"""`tcli --install-completion [SHELL]`: puts the completion file of a shell where that shell looks for it."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import FileError
from .options import UsageError

FILES = {"bash": "tcli.bash", "zsh": "_tcli", "fish": "tcli.fish"}
# What else the shell needs before it reads the file.
NEXT = {"bash": "it is read by new shells that use bash-completion; others: source {path}",
        "zsh": "put `fpath+=({folder})` before compinit in ~/.zshrc, then start a new shell",
        "fish": "it is read by new shells"}


def install(shell: str) -> str:
    """Writes the file of a shell ("auto" is the one of $SHELL); gives what to tell. Raises UsageError, FileError."""
    shell = named(shell)
    path = place(shell)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source(shell).read_text())
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from None
    return f"wrote {path}\n" + NEXT[shell].format(path=path, folder=path.parent)


def named(shell: str) -> str:
    """The shell that is meant."""
    found = os.path.basename(os.environ.get("SHELL", "")) if shell == "auto" else shell
    if found not in FILES:
        said = f"cannot tell the shell from SHELL={found!r}" if shell == "auto" else f"no completion for {found!r}"
        raise UsageError(f"{said}; say --install-completion bash, zsh or fish")
    return found


def source(shell: str) -> Path:
    """The file as it is shipped: in the package of a wheel, beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "completions", package.parent / "completions"):
        if (folder / FILES[shell]).exists():
            return folder / FILES[shell]
    raise FileError(f"this installation of tcli has no completion file for {shell}")


def place(shell: str) -> Path:
    """Where the shell looks for it."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    if shell == "bash":
        return Path(os.environ.get("BASH_COMPLETION_USER_DIR") or data / "bash-completion") / "completions" / "tcli"
    if shell == "zsh":
        return data / "zsh" / "site-functions" / "_tcli"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "fish" / "completions" / "tcli.fish"
