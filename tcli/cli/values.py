"""Values from outside: what is on stdin, and `-v NAME=VALUE`.

Files and stdin go through `io`, which knows their formats; a value on the command line is a number, a
JSON list, True, False or None, the name of a data file, or else text.
"""

from __future__ import annotations

import os

from .options import UsageError


def read_stdin_value(session, format: str | None = None) -> object:
    """What is on stdin: `_` of a one-liner. The format is read off its first bytes, or is `format`."""
    session.load_engine()
    from ..io import load_input
    from ..io.source import standard_input

    file = standard_input()
    if not file.size and format is None:
        from ..engine.tensor import tensor

        return tensor([])
    from ..runtime.patience import said_while_long

    with said_while_long("reading stdin"):
        return load_input(file, format)


def bind_variable(session, text: str) -> None:
    """`-v NAME=VALUE`: a number, a JSON list, True/False/None, a data file (`file.npz::x` for one tensor), or text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"-v takes NAME=VALUE, not {text!r}")
    session[name] = _value(session, value)


_WORDS = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}


def _value(session, text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    if text[:1] in "[{":
        from json import JSONDecodeError, loads

        try:
            return loads(text)
        except JSONDecodeError as error:
            raise UsageError(f"-v {text!r} is no JSON value: {error}") from None
    return _file(session, text) if _is_file(text) else text


def _is_file(text: str) -> bool:
    from ..io import split_name

    return os.path.isfile(split_name(text)[0]) or text == "-" or text.endswith(".zarr") and os.path.isdir(text)


def _file(session, path: str) -> object:
    """The content of a data file."""
    session.load_engine()
    from ..io import load
    from ..runtime.patience import said_while_long

    with said_while_long(f"loading {path}"):
        return load(path)
