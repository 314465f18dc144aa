"""JSON: lists of numbers become tensors, everything else stays what it is. Also one value a line."""

from __future__ import annotations

from .formats import format
from .listing import Entry, Listing
from .source import Input, clean

MAX_DEPTH = 200


def _decoded(file: Input, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise file.broken(f"it is not UTF-8 text at byte {error.start}") from None


def _parsed(file: Input, text: str, line: int | None = None):
    from json import JSONDecodeError, loads

    where = f"line {line}: " if line else ""
    try:
        return loads(text)
    except JSONDecodeError as error:
        at = f"line {line or error.lineno}, column {error.colno}"
        raise file.broken(f"it is no JSON ({clean(error.msg)} at {at})") from None
    except RecursionError:
        raise file.broken(f"{where}the JSON is nested too deeply") from None
    except ValueError as error:
        said = "a number has too many digits" if "digits" in str(error) else clean(error)
        raise file.broken(f"{where}the JSON cannot be read: {said}") from None


def with_tensors(value, depth: int = 0):
    """Lists that are arrays of numbers as tensors."""
    from ..engine.tensor import tensor

    if isinstance(value, dict):
        return {key: with_tensors(each, depth + 1) for key, each in value.items()}
    if not isinstance(value, list):
        return value
    if _is_numeric(value):
        try:
            return tensor(_with_nan(value))
        except (RuntimeError, ValueError, TypeError):
            pass
    return [with_tensors(each, depth + 1) for each in value]


def _is_numeric(value: list) -> bool:
    """Whether a list holds numbers (or lists of them) alone; null stands for NaN."""
    stack = [value]
    found = False
    while stack:
        for each in stack.pop():
            if isinstance(each, list):
                stack.append(each)
            elif not (isinstance(each, (int, float)) or each is None):
                return False
            else:
                found = True
    return found or value == []


def _with_nan(value):
    if isinstance(value, list):
        return [_with_nan(each) for each in value]
    return float("nan") if value is None else value


def plain(value):
    """A value as JSON can say it."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "items"):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(each) for each in value]
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def _listing(name: str, value) -> Listing:
    entries, metadata = [], {}
    todo = [("", value, 0)]
    while todo:
        at, each, depth = todo.pop(0)
        if hasattr(each, "dtype"):
            entries.append(Entry(at, each.dtype.name, each.shape))
        elif isinstance(each, dict) and depth < 50:
            todo += [(f"{at}.{clean(key)}" if at else clean(key), inner, depth + 1) for key, inner in each.items()]
        else:
            metadata[at or "value"] = each if isinstance(each, (int, float)) else clean(each)
    return Listing(name, entries, metadata)


@format("json")
class Json:
    """A JSON value; lists of numbers are tensors."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _listing("json", Json.load(file))

    @staticmethod
    def load(file: Input):
        return with_tensors(_parsed(file, _decoded(file, file.all())))

    @staticmethod
    def save(value, stream, options=None) -> None:
        from json import dumps

        stream.write(dumps(plain(value), ensure_ascii=False).encode() + b"\n")


@format("jsonl")
class JsonLines:
    """One JSON value a line: rows of numbers make a matrix, objects a Table."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _listing("jsonl", JsonLines.load(file))

    @staticmethod
    def load(file: Input):
        text = _decoded(file, file.all())
        rows = [_parsed(file, line, i) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
        if rows and all(isinstance(row, dict) for row in rows):
            return _table(rows)
        return with_tensors(rows)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from json import dumps

        for row in plain(value):
            stream.write(dumps(row, ensure_ascii=False).encode() + b"\n")


def _table(rows: list[dict]):
    from .table import Table

    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        numeric = all(isinstance(cell, (int, float)) or cell is None for cell in cells)
        columns[name] = with_tensors(cells) if numeric else ["" if cell is None else str(cell) for cell in cells]
    return Table(columns)
