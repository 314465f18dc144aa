"""What goes past the line editor to the terminal: `!command`, `input()` of programs, and keys typed ahead."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import BadValue, FileError

_cooked: list = []  # the terminal's own settings, while keys wait


@contextmanager
def keys_wait() -> Iterator[None]:
    """While a program runs, keys wait unseen for the next prompt; Ctrl-C works as ever."""
    try:
        import termios

        settings = termios.tcgetattr(0)
    except (ImportError, OSError, termios.error):  # no terminal, or not a Unix one
        yield
        return
    quiet = list(settings)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(0, termios.TCSANOW, quiet)
    _cooked.append(settings)
    try:
        yield
    finally:
        _cooked.pop()
        termios.tcsetattr(0, termios.TCSANOW, settings)


@contextmanager
def keys_seen() -> Iterator[None]:
    """The terminal as other programs and people who are asked something expect it."""
    if not _cooked:
        yield
        return
    import termios

    before = termios.tcgetattr(0)
    termios.tcsetattr(0, termios.TCSANOW, _cooked[-1])
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)


def run_in_shell(command: str) -> None:
    """Runs a command line in the user's shell; `cd` changes the directory of this process."""
    if not command:
        raise BadValue("usage: !COMMAND")
    if command == "cd" or command.startswith("cd ") and not set(command) & set(";&|"):
        _change_directory(command[2:].strip())
        return
    sys.stdout.flush()
    try:
        with keys_seen():
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
    with keys_seen():
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            pass
        line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.rstrip("\n")


ask_line.__qualname__ = "input"  # what programs call it
