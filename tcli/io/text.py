"""Numbers in plain text: split at white space, commas and semicolons; lines of several make a matrix.

Whole numbers give int64, all others the default dtype. One number a line is a vector, as `seq` and
most tools write it.
"""

from __future__ import annotations

from ..errors import FileError
from .formats import format
from .listing import Entry, Listing
from .source import Input, clean


def numbers_in(file: Input):
    """The tensor of a text of numbers."""
    import numpy as np

    data = file.all()
    found = _plain_column(np, data)
    if found is None:
        found = _rows(np, file, _text_of(file, data))
    return _tensor(np, found)


def _text_of(file: Input, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data[:4096] or error.start == 0:
            raise file.broken("it holds neither numbers nor a tensor in a known format") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise file.broken(f"line {line} is not UTF-8 text (byte {error.start})") from None


def _plain_column(np, data: bytes):
    """Whole numbers, one a line: the quick way for a long column."""
    if len(data) < 1 << 16 or data.translate(None, b"0123456789-\n"):
        return None
    try:
        return np.array(data.split(), dtype="S").astype(np.int64)
    except (ValueError, OverflowError):
        return None


def _rows(np, file: Input, text: str):
    rows = [row for row in (line.replace(",", " ").replace(";", " ").split() for line in text.splitlines()) if row]
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        first = next(i for i, row in enumerate(rows, 1) if len(row) != len(rows[0]))
        raise FileError(f"{clean(file.name, 300)} is not a table: line {first} has {len(rows[first - 1])} numbers, "
                        f"line 1 has {len(rows[0])}")
    words = [word for row in rows for word in row]
    try:
        values = np.array(words, dtype="int64") if words else np.zeros(0)
    except (ValueError, OverflowError):
        values = _floats(np, words, file)
    return values.reshape(len(rows), -1) if widths and widths != {1} and len(rows) > 1 else values


def _floats(np, words: list[str], file: Input):
    try:
        return np.array(words, dtype="float64")
    except ValueError:
        bad = next(word for word in words if not _is_number(word))
        raise FileError(f"{clean(file.name, 300)} holds '{clean(bad)}', which is not a number") from None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word


def _tensor(np, values):
    from ..engine.dtypes import get_default_dtype
    from ..engine.tensor import from_numpy
    from .whole import whole_numbers

    if values.dtype.kind == "i":
        return whole_numbers(values)
    with np.errstate(over="ignore"):  # 1e39 is inf in float32
        return from_numpy(values.astype(get_default_dtype().numpy))


@format("txt")
class Txt:
    """A tensor of the numbers in a text."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        found = numbers_in(file)
        return Listing("text", [Entry("", found.dtype.name, found.shape)])

    @staticmethod
    def load(file: Input):
        return numbers_in(file)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .table import write_table

        write_table(value, stream, " ")
