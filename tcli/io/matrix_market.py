"""MatrixMarket, `.mtx`: a matrix as text, dense (array) or by coordinates; comes as a dense tensor."""

from __future__ import annotations

from .formats import format
from .limits import check_expansion
from .listing import Entry, Listing
from .source import Input, clean

_FIELDS = {"real": "float32", "double": "float32", "integer": "int64", "pattern": "float32", "complex": "complex64"}
_SYMMETRIES = ("general", "symmetric", "skew-symmetric", "hermitian")


class _Matrix:
    __slots__ = ("at", "coordinates", "count", "field", "shape", "symmetry")


def _head(file: Input) -> _Matrix:
    text = file.read(0, min(file.size, 1 << 20)).decode("latin-1")
    first = text.partition("\n")[0].lower().split()
    if len(first) != 5 or first[:2] != ["%%matrixmarket", "matrix"] or first[2] not in ("coordinate", "array") \
            or first[3] not in _FIELDS or first[4] not in _SYMMETRIES:
        raise file.broken(f"the first line is no MatrixMarket header: {clean(text.partition(chr(10))[0], 60)!r}")
    found = _Matrix()
    found.coordinates, found.field, found.symmetry = first[2] == "coordinate", first[3], first[4]
    at = 0
    while text[at:at + 1] == "%" or text[at:at + 1].isspace():
        at = text.find("\n", at) + 1
        if not at:
            raise file.broken("the size line is missing")
    end = text.find("\n", at)
    words = text[at:end if end >= 0 else None].split()
    if len(words) != 2 + found.coordinates or not all(word.isdigit() and len(word) < 16 for word in words):
        raise file.broken(f"the size line {clean(text[at:end], 60)!r} is damaged")
    found.shape, found.at = (int(words[0]), int(words[1])), end + 1 if end >= 0 else len(text)
    found.count = int(words[2]) if found.coordinates else found.shape[0] * found.shape[1]
    return found


@format("mtx", magic=b"%%MatrixMarket")
class Mtx:
    """One matrix."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        head = _head(file)
        kind = "coordinates" if head.coordinates else "dense"
        return Listing("matrix market", [Entry("", _FIELDS[head.field], head.shape)], {"stored": head.count},
                       notes=[f"{kind}, {head.symmetry}"])

    @staticmethod
    def load(file: Input):
        import numpy as np

        from ..engine.dtypes import NAMES
        from ..engine.tensor import from_numpy

        head = _head(file)
        dtype = NAMES[_FIELDS[head.field]].numpy
        size = head.shape[0] * head.shape[1] * dtype.itemsize
        check_expansion(max(file.size, 1 << 16), size, f"{file.name}: the dense matrix")
        numbers = _numbers(np, file, head)
        return from_numpy((_sparse if head.coordinates else _dense)(np, file, head, numbers, dtype))

    @staticmethod
    def save(value, stream, options=None) -> None:
        from ..errors import FileError
        from .arrays import one_tensor, prepared

        array, _ = prepared(one_tensor(value, "a .mtx file"))
        if array.ndim != 2 or array.dtype.kind not in "iufb":
            raise FileError(f"a .mtx file holds a real matrix, not a tensor of shape {list(array.shape)}")
        field = "real" if array.dtype.kind == "f" else "integer"
        stream.write(f"%%MatrixMarket matrix array {field} general\n{array.shape[0]} {array.shape[1]}\n".encode())
        for column in array.T:
            stream.write("".join(f"{int(v) if field == 'integer' else v}\n" for v in column).encode())


def _numbers(np, file: Input, head: _Matrix):
    words = file.read(head.at, file.size - head.at).split()
    try:
        return np.array(words, dtype="S").astype(np.float64) if words else np.zeros(0)
    except ValueError:
        raise file.broken("a value is not a number") from None


def _values(np, file: Input, head: _Matrix, rows):
    if head.field == "complex":
        return rows[:, 0] + 1j * rows[:, 1]
    return rows[:, 0] if rows.shape[1] else np.ones(len(rows))


def _sparse(np, file: Input, head: _Matrix, numbers, dtype):
    width = 2 + {"pattern": 0, "complex": 2}.get(head.field, 1)
    if len(numbers) != head.count * width:
        raise file.broken(f"{head.count} entries of {width} numbers are claimed, {len(numbers)} numbers are there")
    rows = numbers.reshape(-1, width)
    i, j = rows[:, 0].astype(np.int64) - 1, rows[:, 1].astype(np.int64) - 1
    if head.count and not (i.min() >= 0 and i.max() < head.shape[0] and j.min() >= 0 and j.max() < head.shape[1]):
        raise file.broken(f"an entry lies outside of the {head.shape[0]} x {head.shape[1]} matrix")
    values = _values(np, file, head, rows[:, 2:])
    found = np.zeros(head.shape, np.complex128 if head.field == "complex" else np.float64)
    np.add.at(found, (i, j), values)
    return _mirrored(np, file, head, found).astype(dtype)


def _dense(np, file: Input, head: _Matrix, numbers, dtype):
    width = 2 if head.field == "complex" else 1
    if head.symmetry != "general":
        raise file.broken("dense matrices are read in general form only", help="write it with symmetry general")
    if len(numbers) != head.count * width:
        raise file.broken(f"{head.count} values are claimed, {len(numbers) // width} are there")
    values = _values(np, file, head, numbers.reshape(-1, width))
    return np.ascontiguousarray(values.reshape(head.shape[::-1]).T.astype(dtype))


def _mirrored(np, file: Input, head: _Matrix, found):
    """The half that a symmetric matrix leaves out."""
    if head.symmetry == "general":
        return found
    if head.shape[0] != head.shape[1]:
        raise file.broken(f"a {head.symmetry} matrix is square, this is {head.shape[0]} x {head.shape[1]}")
    other = np.tril(found, -1).T
    return found + {"symmetric": other, "skew-symmetric": -other, "hermitian": other.conj()}[head.symmetry]
