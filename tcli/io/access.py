"""Which files a program may read and write.

A session sets `current` in its own context; without one (the commands, Python callers) every path is
allowed. A program may read data anywhere and write at or under the working directory, but no hidden file
or folder there: those configure shells, editors and version control. What a person typed may write
anywhere; in a sandbox nothing is written and only what the command line names is read.
"""

from __future__ import annotations

import os
from _contextvars import ContextVar

from ..errors import ForbiddenError
from .source import clean


class Access:
    """The rules of one session.

    sandbox: no writes, reads of `named` files only. typed: the program comes from the command line or
    the prompt. named: paths that the command line names; those may be written too.
    """

    __slots__ = ("named", "sandbox", "typed")

    def __init__(self, *, sandbox: bool = False, typed: bool = False, named=()):
        self.sandbox, self.typed = sandbox, typed
        self.named: set[str] = set()
        for each in named:
            self.add(each)

    def add(self, path: str) -> None:
        """Names a file; `file::tensor` names the file."""
        if _is_path(path):
            self.named |= {os.path.realpath(path), os.path.realpath(path.partition("::")[0])}


def _is_path(text: object) -> bool:
    return isinstance(text, str) and bool(text) and "\0" not in text and len(text) < 4096


current: ContextVar[Access | None] = ContextVar("access", default=None)


def check(path, *, write: bool = False) -> str:
    """The path, if it may be read (or written) now; else ForbiddenError."""
    text = os.fspath(path)
    access = current.get()
    if access is None:
        return text
    real = os.path.realpath(text)
    if access.sandbox:
        if write:
            raise ForbiddenError(f"{clean(text, 300)} is not written: --sandbox allows no file writes")
        if real not in access.named:
            raise ForbiddenError(f"{clean(text, 300)} is not read: --sandbox allows only files that the command "
                                 "line names", help=f"-v x={clean(text, 200)} names it")
        return text
    if write and not access.typed and real not in access.named:
        _check_written(text, real)
    return text


def _check_written(text: str, real: str) -> None:
    if not _is_below(real, os.getcwd()):
        raise ForbiddenError(f"{clean(text, 300)} lies outside the working directory",
                             help="a script writes at or below the directory tcli was started in, or to a file "
                             "that is one of its arguments")
    parts = os.path.relpath(real, os.path.realpath(os.getcwd())).split(os.sep)
    if any(part.startswith(".") and part != "." for part in parts):
        raise ForbiddenError(f"{clean(text, 300)} is hidden: a script writes no hidden files or folders",
                             help="name it as an argument of the script to allow it")


def is_named(real: str) -> bool:
    """Whether the command line names this file."""
    access = current.get()
    return access is not None and real in access.named


def _is_below(real: str, folder: str) -> bool:
    home = os.path.realpath(folder)
    return real == home or real.startswith(home.rstrip(os.sep) + os.sep)
