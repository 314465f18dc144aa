"""Parquet and Arrow tables through pyarrow: number columns as tensors, others as text."""

from __future__ import annotations

from ..errors import FileError
from .extras import need
from .formats import format
from .limits import check_expansion
from .listing import Entry, Listing
from .source import Input, clean


def _opened(file: Input, pyarrow, parquet: bool):
    """The file as pyarrow reads it: mapped, so that a listing reads no values."""
    if file.path is not None:
        source = pyarrow.memory_map(file.path)
    else:
        source = pyarrow.BufferReader(pyarrow.py_buffer(file.all()))
    if parquet:
        return need("pyarrow.parquet", file.name, "pyarrow").ParquetFile(source)
    return need("pyarrow.ipc", file.name, "pyarrow").open_file(source)


def _read(file: Input, parquet: bool, read):
    """What `read` makes of the opened file; what the library stumbles over names the file."""
    pyarrow = need("pyarrow", f"{file.name}: a table of this kind", "pyarrow")
    try:
        return read(_opened(file, pyarrow, parquet))
    except FileError:
        raise
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise file.broken(f"the table cannot be read: {clean(error, 120)}") from None


def _all_of(file: Input):
    def read(opened):
        if hasattr(opened, "read_all"):
            return opened.read_all()
        cells = opened.metadata.num_rows * opened.metadata.num_columns
        check_expansion(file.size, 8 * cells, f"{file.name}: the table")  # runs of one value take next to nothing
        return opened.read()
    return read


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


def _listing(name: str, schema, rows: int) -> Listing:
    return Listing(name, [Entry(clean(field.name), str(field.type).replace("double", "float64").replace("halffloat", "float16"),
                                (rows,)) for field in schema])


@format("parquet", magic=b"PAR1", extra="pyarrow")
class Parquet:
    """Columns by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _read(file, True, lambda opened: _listing("parquet", opened.schema_arrow, opened.metadata.num_rows))

    @staticmethod
    def load(file: Input):
        return _columns(_read(file, True, _all_of(file)))

    @staticmethod
    def save(value, stream, options=None) -> None:
        _written(value, stream, "pyarrow.parquet", "write_table")


@format("arrow", magic=b"ARROW1", extra="pyarrow")
class Arrow:
    """Columns by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return _read(file, False, lambda opened: _listing("arrow", opened.schema, opened.read_all().num_rows))

    @staticmethod
    def load(file: Input):
        return _columns(_read(file, False, _all_of(file)))

    @staticmethod
    def save(value, stream, options=None) -> None:
        _written(value, stream, "pyarrow.feather", "write_feather")
