"""Values from outside: numbers on stdin, and `-v NAME=VALUE`.

Text is split at white space, commas and semicolons; lines with several numbers each make a matrix.
`.npy` bytes and JSON lists are recognised by how they begin. Whole numbers give int64, all others
the default dtype.
"""

from __future__ import annotations

import os
import sys

from ..errors import BadValue, FileError
from .options import UsageError


def read_stdin_value(session) -> object:
    """The tensor on stdin: `_` of a one-liner."""
    return tensor_from_bytes(sys.stdin.buffer.read(), "stdin")


def tensor_from_bytes(data: bytes, name: str) -> object:
    """A tensor from .npy bytes, a JSON list or numbers in text."""
    if data[:6] == b"\x93NUMPY":
        return _from_npy(data, name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadValue(f"{name} holds neither numbers nor a .npy array") from None
    if text.lstrip()[:1] == "[":
        return _from_json(text, name)
    return _from_text(text, name)


def _from_npy(data: bytes, name: str) -> object:
    from io import BytesIO

    import numpy

    from ..engine.tensor import from_numpy

    try:
        return from_numpy(numpy.load(BytesIO(data), allow_pickle=False))
    except ValueError as error:
        raise BadValue(f"{name} is not a .npy array of numbers: {error}") from None


def _from_json(text: str, name: str) -> object:
    from json import JSONDecodeError, loads

    from ..engine.tensor import tensor

    try:
        return tensor(loads(text))
    except JSONDecodeError as error:
        raise BadValue(f"{name} is no JSON list: {error}") from None


def _from_text(text: str, name: str) -> object:
    import numpy

    from ..engine.tensor import tensor

    rows = [row for row in (line.replace(",", " ").replace(";", " ").split() for line in text.splitlines()) if row]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        first = next(i for i, row in enumerate(rows, 1) if len(row) != len(rows[0]))
        raise BadValue(f"{name} is not a table: line {first} has {len(rows[first - 1])} numbers, "
                       f"line 1 has {len(rows[0])}")
    words = [word for row in rows for word in row]
    try:
        values = numpy.array(words, dtype="int64") if words else numpy.zeros(0)
    except (ValueError, OverflowError):
        values = _floats(words, name)
    shaped = values.reshape(len(rows), -1) if widths and widths != {1} and len(rows) > 1 else values
    return tensor(shaped) if values.dtype.kind == "i" else tensor(shaped, dtype=_default_dtype())


def _floats(words: list[str], name: str):
    import numpy

    try:
        return numpy.array(words, dtype="float64")
    except ValueError:
        bad = next(word for word in words if not _is_number(word))
        raise BadValue(f"{name} holds '{bad}', which is not a number") from None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _default_dtype():
    from ..engine.dtypes import get_default_dtype

    return get_default_dtype()


def bind_variable(session, text: str) -> None:
    """`-v NAME=VALUE`: a number, a JSON list, True/False/None, a file of numbers, or text."""
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
    return _file(session, text) if os.path.isfile(text) else text


def _file(session, path: str) -> object:
    """The content of a data file: by `load`, where there is one for its kind."""
    session.load_engine()
    try:
        with open(path, "rb") as file:
            start = file.read(6)
            if start == b"\x93NUMPY" or path.endswith((".txt", ".csv", ".tsv", ".dat")):
                return tensor_from_bytes(start + file.read(), path)
    except OSError as error:
        raise FileError(f"cannot open {path}: {error.strerror}") from None
    return session["load"](path)
