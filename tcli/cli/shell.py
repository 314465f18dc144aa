"""`!command`, and `input()` for programs at the prompt: what goes past the line editor to the terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys

from ..errors import BadValue, FileError


def run_in_shell(command: str) -> None:
    """Runs a command line in the user's shell; `cd` changes the directory of this process."""
    if not command:
        raise BadValue("usage: !COMMAND")
    if command == "cd" or command.startswith("cd ") and not set(command) & set(";&|"):
        _change_directory(command[2:].strip())
        return
    sys.stdout.flush()
    try:
        code = subprocess.run(command, shell=True, executable=os.environ.get("SHELL") or None, check=False).returncode
    except OSError as error:
        raise FileError(f"cannot start the shell: {error.strerror}") from None
    if code:
        print(f"exit code {code}" if code > 0 else f"ended by signal {-code}", file=sys.stderr)


def _change_directory(path: str) -> None:
    try:
        os.chdir(os.path.expanduser(path or "~"))
    except OSError as error:
        raise FileError(f"cd: {path}: {error.strerror}") from None
    print(os.getcwd())


def ask_line(prompt: object = "", /) -> str:
    """`input()`: a line from the terminal, waited for in steps so that Ctrl-C gets through."""
    sys.stdout.write(str(prompt))
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        pass
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.rstrip("\n")
