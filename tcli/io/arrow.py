"""Parquet and Arrow tables through pyarrow: number columns as tensors, others as text."""

from __future__ import annotations

from .extras import need
from .formats import format
from .listing import Entry, Listing
from .source import Input, clean


def _table(file: Input, parquet: bool):
    pyarrow = need("pyarrow", f"{file.name}: a table of this kind", "pyarrow")
    stream = pyarrow.BufferReader(pyarrow.py_buffer(file.all()))
    try:
        if parquet:
            return need("pyarrow.parquet", file.name, "pyarrow").read_table(stream)
        return need("pyarrow.feather", file.name, "pyarrow").read_table(stream)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise file.broken(f"the table cannot be read: {clean(error, 120)}") from None


def _columns(table):
    from ..engine.tensor import from_numpy
    from .arrays import np
    from .table import Table

    found = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = column.to_numpy()
        if values.dtype.kind in "biuf":
            found[name] = from_numpy(np.array(values))
        else:
            found[name] = ["" if each is None else str(each) for each in column.to_pylist()]
    return Table(found)


def _written(value, stream, package: str, write: str) -> None:
    """Columns by name; those of a matrix are called by their number."""
    from .arrays import NUMPY_KINDS, prepared
    from .table import columns_of

    pyarrow = need("pyarrow", "writing a table of this kind", "pyarrow")
    holds = NUMPY_KINDS - {"complex64", "complex128"}
    columns = {str(name): column if isinstance(column, list) else prepared(column, "a table", holds)[0]
               for name, column in columns_of(value).items()}
    getattr(need(package, "writing a table of this kind", "pyarrow"), write)(pyarrow.table(columns), stream)


def _listing(name: str, table) -> Listing:
    entries = [Entry(clean(key), str(column.type).replace("double", "float64"), (len(column),), column.nbytes)
               for key, column in zip(table.column_names, table.columns, strict=True)]
    return Listing(name, entries)


@format("parquet", magic=b"PAR1", extra="pyarrow")
class Parquet:
    """Columns by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _listing("parquet", _table(file, True))

    @staticmethod
    def load(file: Input):
        return _columns(_table(file, True))

    @staticmethod
    def save(value, stream, options=None) -> None:
        _written(value, stream, "pyarrow.parquet", "write_table")


@format("arrow", magic=b"ARROW1", extra="pyarrow")
class Arrow:
    """Columns by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _listing("arrow", _table(file, False))

    @staticmethod
    def load(file: Input):
        return _columns(_table(file, False))

    @staticmethod
    def save(value, stream, options=None) -> None:
        _written(value, stream, "pyarrow.feather", "write_feather")
