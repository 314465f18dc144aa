"""Tables of text: .csv and .tsv, with or without a header, numbers beside words, missing values.

A table with a header or with text comes as a `Table`, columns by name; numbers alone come as a 2-D
tensor. What the columns are is read off the first and last rows; then NumPy's C reader takes the file
in one pass, and a column that turns out otherwise is read again as text.
"""

from __future__ import annotations

import csv
import io
import warnings
from itertools import islice

from ..errors import BadIndex, BadValue, FileError
from .formats import format
from .listing import Entry, Listing
from .source import Input, clean

SAMPLE_BYTES = 1 << 18
MISSING = frozenset(("", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "None", "-", "?"))
MAX_COLUMNS = 1_000_000


class Table:
    """Columns by name: 1-D tensors for numbers, lists of text for words.

    t["a"] is a column, t[["a", "b"]] a table of two, t.tensor() a 2-D tensor of the number columns asked for.
    """

    def __init__(self, columns: dict):
        self._columns = dict(columns)

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self), len(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def __iter__(self):
        return iter(self._columns)

    def __contains__(self, name) -> bool:
        return name in self._columns

    def keys(self):
        return self._columns.keys()

    def values(self):
        return self._columns.values()

    def items(self):
        return self._columns.items()

    def __getitem__(self, key):
        if isinstance(key, (list, tuple)):
            return Table({name: self._column(name) for name in key})
        if isinstance(key, str):
            return self._column(key)
        if isinstance(key, int):
            return {name: column[key] for name, column in self._columns.items()}
        rows = range(len(self))[key] if isinstance(key, slice) else [int(i) for i in key]
        return Table({name: _rows(column, key, rows) for name, column in self._columns.items()})

    def _column(self, name: str):
        try:
            return self._columns[name]
        except KeyError:
            known = ", ".join(clean(each, 30) for each in self.columns[:12])
            raise BadIndex(f"the table has no column {clean(name)!r}", help=f"its columns: {known}") from None

    def tensor(self, dtype=None):
        """The columns as a 2-D tensor, (rows, columns); text columns are an error that names them."""
        from ..engine.tensor import from_numpy
        from .arrays import np

        text = [name for name, column in self._columns.items() if isinstance(column, list)]
        if text:
            raise BadValue(f"the column {clean(text[0])!r} holds text, not numbers",
                           help="choose columns, t[[...]].tensor(), or number the words: "
                           f"t.codes({clean(text[0])!r})")
        arrays = _of_one_kind([column._a for column in self._columns.values()])
        found = from_numpy(np.stack(arrays, 1)) if arrays else from_numpy(np.zeros((0, 0), np.float32))
        return found if dtype is None else found.to(dtype)

    def codes(self, name: str):
        """The words of a column numbered in alphabetical order, as int64; missing ones are -1."""
        from ..engine.tensor import tensor

        places = {word: i for i, word in enumerate(self.categories(name))}
        return tensor([places.get(word, -1) for word in self._column(name)])

    def categories(self, name: str) -> list[str]:
        """The different words of a column, in alphabetical order."""
        return sorted({word for word in self._column(name) if word not in MISSING})

    def __repr__(self) -> str:
        rows, width = len(self), 8
        shown = [[clean(name, 20) for name in self.columns[:width]]]
        for i in [*range(min(rows, 6))]:
            shown.append([_cell(column, i) for column in islice(self._columns.values(), width)])
        sizes = [max(len(row[k]) for row in shown) for k in range(len(shown[0]))]
        lines = ["  ".join(cell.rjust(n) for cell, n in zip(row, sizes, strict=True)) for row in shown]
        more = ["…"] if rows > 6 else []
        return "\n".join([*lines, *more, f"[{rows} rows x {len(self._columns)} columns]"])


def _of_one_kind(arrays: list) -> list:
    """Whole numbers beside others take the default dtype, as they would in a file of numbers alone."""
    from ..engine.dtypes import get_default_dtype

    if len({array.dtype for array in arrays}) == 1:
        return arrays
    return [array.astype(get_default_dtype().numpy) for array in arrays]


def _rows(column, key, rows):
    if not isinstance(column, list):
        return column[key]
    return [column[i] for i in rows]


def _cell(column, i: int) -> str:
    if isinstance(column, list):
        return clean(column[i], 20)
    value = column._a[i].item()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------- what the columns are

class Plan:
    """What a look at the text says: separator, header, a kind per column ("i", "f" or "O" for text)."""

    __slots__ = ("header", "kinds", "names", "separator")


def plan_of(file: Input, separator: str | None) -> Plan:
    """The plan of a table; raises for bytes that are no text and for an empty file."""
    head = _decoded(file, file.read(0, min(file.size, SAMPLE_BYTES)), 0, file.size > SAMPLE_BYTES)
    lines = head.splitlines(keepends=True)
    if file.size > SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    if not any(line.strip() for line in lines):
        raise file.broken("the table is empty")
    plan = Plan()
    plan.separator = separator or _separator(lines)
    rows = _parsed(file, lines, plan.separator)
    tail = _parsed(file, _tail(file), plan.separator) if file.size > SAMPLE_BYTES else []
    plan.header = any(_kind(cell) == "O" and cell.strip() not in MISSING for cell in rows[0])
    width = len(rows[0])
    body = [row for row in rows[plan.header:] + tail[1:] if len(row) == width]
    plan.kinds = [_column_kind([row[k] for row in body]) for k in range(width)]
    plan.names = _unique(rows[0]) if plan.header else [f"c{k}" for k in range(width)]
    if width > MAX_COLUMNS:
        raise file.broken(f"a row of {width} columns is no table")
    return plan


def _decoded(file: Input, data: bytes, start: int, cut: bool) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if cut and error.start > len(data) - 4:
            return data[:error.start].decode("utf-8-sig")
        line = data.count(b"\n", 0, error.start) + 1
        raise file.broken(f"line {line} is not UTF-8 text (byte {start + error.start})") from None


def _tail(file: Input) -> list[str]:
    text = file.read(file.size - (1 << 16), 1 << 16).decode("utf-8", "replace")
    return text.splitlines(keepends=True)[1:]


def _separator(lines: list[str]) -> str | None:
    """The character that divides the first lines into the same number of parts; None for white space."""
    sample = [line for line in lines[:20] if line.strip()]
    for char in "\t,;|":
        counts = {line.count(char) for line in sample}
        if 0 not in counts and (len(counts) == 1 or '"' in "".join(sample)):
            return char
    best = max(",\t;|", key=lambda char: sum(line.count(char) for line in sample))
    if best in sample[0]:
        return best
    words = [line.split() for line in sample]
    numbers = all(_kind(word) != "O" for row in words for word in row)
    return None if numbers and len(words[0]) > 1 else ","


def _parsed(file: Input, lines: list[str], separator: str | None) -> list[list[str]]:
    try:
        rows = csv.reader(lines, delimiter=separator or " ", skipinitialspace=separator is None)
        return [row for row in rows if row] or [[""]]
    except csv.Error as error:
        raise file.broken(f"the table cannot be read: {clean(error)}") from None


def _kind(cell: str) -> str:
    text = cell.strip()
    try:
        if "_" not in text:
            int(text)
            return "i"
    except ValueError:
        pass
    try:
        float(text)
        return "f" if "_" not in text else "O"
    except ValueError:
        return "O"


def _column_kind(cells: list[str]) -> str:
    kinds = {_kind(cell) for cell in cells}
    return "O" if "O" in kinds or not kinds else "f" if "f" in kinds else "i"


def _unique(names: list[str]) -> list[str]:
    """Names of columns; an empty one gets its number, a repeated one a suffix."""
    found: dict[str, None] = {}
    for k, name in enumerate(names):
        name = name.strip() or f"c{k}"
        while name in found:
            name += "_"
        found[name] = None
    return list(found)


# ---------------------------------------------------------------- reading

def read_table(file: Input, separator: str | None):
    """A Table, or a tensor for numbers without a header."""
    plan = plan_of(file, separator)
    if plan.separator is None:
        from .text import numbers_in

        return numbers_in(file)
    columns = _columns(file, plan)
    if not plan.header and not any(isinstance(column, list) for column in columns):
        return _as_matrix(columns)
    return Table(dict(zip(plan.names, columns, strict=True)))


def _columns(file: Input, plan: Plan) -> list:
    from .arrays import np

    rows = None
    for _ in range(min(len(plan.kinds), 4) + 1):
        try:
            rows = _loaded(np, file, plan)
            break
        except ValueError as error:
            column = _column_in(str(error))
            if column is None or column >= len(plan.kinds):
                raise _ragged(file, plan, error) from None
            plan.kinds[column] = "f" if plan.kinds[column] == "i" else "O"
    if rows is None:
        plan.kinds = ["O"] * len(plan.kinds)
        rows = _loaded(np, file, plan)
    if isinstance(rows, list):
        return [_finished(np, column) for column in rows]
    return [_finished(np, rows[name]) for name in rows.dtype.names]


def _loaded(np, file: Input, plan: Plan):
    """One pass of NumPy's reader. A path is read by it in C, anything else through Python."""
    same = len(set(plan.kinds)) == 1 and plan.kinds[0] != "O"
    types = {"i": "i8", "f": "f8", "O": "O"}
    dtype = types[plan.kinds[0]] if same else [(f"c{k}", types[kind]) for k, kind in enumerate(plan.kinds)]
    source = file.path if file.path is not None else io.StringIO(_decoded(file, file.all(), 0, False))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header without rows is a table too
            found = np.loadtxt(source, dtype, comments=None, delimiter=plan.separator, quotechar='"',
                               ndmin=2 if same else 1, skiprows=int(plan.header), encoding="utf-8-sig")
    except UnicodeDecodeError:
        _decoded(file, file.all(), 0, False)
        raise
    return [found[:, k] for k in range(found.shape[1])] if same else found


def _column_in(message: str) -> int | None:
    """The column, from 0, in NumPy's words about a value that does not fit."""
    at = message.find(", column ")
    digits = message[at + 9:].rstrip(".") if at >= 0 else ""
    return int(digits) - 1 if digits.isdigit() else None


def _ragged(file: Input, plan: Plan, error: ValueError) -> FileError:
    text = _decoded(file, file.all(), 0, False)
    first = None
    try:
        for row in (reader := csv.reader(io.StringIO(text), delimiter=plan.separator)):
            if row and first is None:
                first = len(row)
            if row and len(row) != first:
                return file.broken(f"line {reader.line_num} has {len(row)} columns, line 1 has {first}")
    except csv.Error as problem:
        return file.broken(f"the table cannot be read: {clean(problem)}")
    return file.broken(f"the table cannot be read: {clean(error, 120)}")


def _finished(np, column):
    """A column as a tensor, or as a list of text; text that is numbers with gaps becomes numbers with NaN."""
    from ..engine.dtypes import get_default_dtype
    from ..engine.tensor import from_numpy

    if column.dtype.kind == "O":
        words = column.tolist()
        try:
            column = np.array(["nan" if word.strip() in MISSING else word for word in words], dtype="f8")
        except ValueError:
            return words
        if all(word.strip() in MISSING for word in words):
            return words
    if column.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return from_numpy(column.astype(get_default_dtype().numpy))
    from .whole import whole_numbers

    return whole_numbers(np.ascontiguousarray(column))


def _as_matrix(columns: list):
    from ..engine.tensor import from_numpy
    from .arrays import np
    from .whole import whole_numbers

    array = np.stack(_of_one_kind([column._a for column in columns]), 1)
    return whole_numbers(array) if array.dtype == np.int64 else from_numpy(array)


# ---------------------------------------------------------------- writing

def write_table(value, stream, separator: str) -> None:
    """Rows of numbers and words; a Table or a dict of columns with a header."""
    if hasattr(value, "items"):
        columns = columns_of(value)
        _write_rows(stream, separator, [columns])
        _write_rows(stream, separator, zip(*(each if isinstance(each, list) else each.tolist() for each in columns.values()),
                                           strict=True))
        return
    _write_rows(stream, separator, (_exact(row) for row in _matrix(value).cpu_array()))


def columns_of(value) -> dict:
    """Columns by name, each a list or a 1-D tensor: of a Table, a dict, or a matrix, which has numbers for names."""
    if not hasattr(value, "items"):
        return {str(i): column for i, column in enumerate(_matrix(value).unbind(1))}
    columns = {name: each if hasattr(each, "tolist") else list(each) for name, each in value.items()}
    if not all(map(_is_column, columns.values())) or len({len(each) for each in columns.values()}) > 1:
        raise FileError("the columns of a table are 1-D and of one length", help="use .npz for tensors of several shapes")
    return columns


def _is_column(value) -> bool:
    if isinstance(value, list):
        return not any(isinstance(cell, (list, tuple)) for cell in value[:1])
    return len(value.shape) == 1


def _matrix(value):
    from .arrays import one_tensor

    tensor = one_tensor(value, "a table")
    if tensor.ndim > 2:
        raise FileError(f"a table has two dims, this tensor has the shape {list(tensor.shape)}",
                        help="reshape it, or use .npy")
    return tensor.reshape(-1, 1) if tensor.ndim < 2 else tensor


def _exact(row) -> list:
    """The fewest digits that give a value back in its own type."""
    return [str(each.item()) if each.dtype.kind in "biu" else str(each) for each in row]


def _write_rows(stream, separator: str, rows) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    text.flush()
    text.detach()


def _listing(file: Input, name: str, separator: str | None) -> Listing:
    plan = plan_of(file, separator)
    value = read_table(file, separator)
    if not isinstance(value, Table):
        return Listing(name, [Entry("", value.dtype.name, value.shape)])
    entries = [Entry(clean(key), "text" if isinstance(column, list) else column.dtype.name, (len(column),),
                     sum(map(len, column)) if isinstance(column, list) else None) for key, column in value.items()]
    return Listing(name, entries, notes=[f"{len(value)} rows, {'a' if plan.header else 'no'} header"])


@format("csv")
class Csv:
    """Rows of numbers and words; the separator is read off the first lines."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _listing(file, "csv", None)

    @staticmethod
    def load(file: Input):
        return read_table(file, None)

    @staticmethod
    def save(value, stream, options=None) -> None:
        write_table(value, stream, ",")


@format("tsv")
class Tsv:
    """The same with tabs."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _listing(file, "tsv", "\t")

    @staticmethod
    def load(file: Input):
        return read_table(file, "\t")

    @staticmethod
    def save(value, stream, options=None) -> None:
        write_table(value, stream, "\t")
