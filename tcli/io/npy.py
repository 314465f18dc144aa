"""NumPy's `.npy`: one array. The header is read without NumPy; the values are mapped.

Versions 1 to 3, both byte orders, C and Fortran order, and the headers that Python 2 wrote (`3L`).
Types that NumPy lacks (bfloat16, float8) are kept as their bits in one field named after the type.
Pickled objects and records are refused.
"""

from __future__ import annotations

from .formats import format
from .kinds import BITS, BY_NPY, KINDS, count
from .limits import MAX_DIMS
from .listing import Entry, Listing
from .source import Input, clean

MAGIC = b"\x93NUMPY"
MAX_HEADER = 1 << 20


class Header:
    """What stands before the values: dtype (torch's name), byte order, order of dims, shape, where they start."""

    __slots__ = ("big", "dtype", "fortran", "shape", "start")


def read_npy_header(file: Input, name: str = "", head: bytes | None = None) -> Header:
    """The header of a .npy file; `head` are its first bytes if the file is a member of an archive."""
    who = f"{name}: " if name else ""
    start = file.head(12) if head is None else head[:12]
    if start[:6] != MAGIC or len(start) < 10:
        raise file.broken(f"{who}these are no .npy bytes")
    major = start[6]
    if major not in (1, 2, 3):
        raise file.broken(f"{who}version {major}.{start[7]} of .npy is not known")
    width = 2 if major == 1 else 4
    size = int.from_bytes(start[8:8 + width], "little")
    if size > MAX_HEADER:
        raise file.broken(f"{who}the header claims {size} bytes")
    at = 8 + width
    text = file.exactly(at, size, "the header") if head is None else head[at:at + size]
    if len(text) < size:
        raise file.broken(f"{who}the header is cut short")
    return _parsed(file, who, text.decode("utf-8" if major == 3 else "latin-1", "replace"), at + size)


def _parsed(file: Input, who: str, text: str, start: int) -> Header:
    try:
        fields = Literal(text).value()
    except (ValueError, IndexError, RecursionError):
        raise file.broken(f"{who}the header is no dictionary of descr, fortran_order and shape: "
                          f"{clean(text, 60)!r}") from None
    if not isinstance(fields, dict) or {"descr", "fortran_order", "shape"} - set(fields):
        raise file.broken(f"{who}the header lacks descr, fortran_order or shape")
    header = Header()
    header.shape, header.fortran, header.start = fields["shape"], fields["fortran_order"] is True, start
    if not isinstance(header.shape, tuple) or not all(type(n) is int and 0 <= n < 1 << 63 for n in header.shape):
        raise file.broken(f"{who}the shape {clean(header.shape, 60)} is not a tuple of sizes")
    if len(header.shape) > MAX_DIMS or count(header.shape) >= 1 << 62:
        raise file.broken(f"{who}the shape {clean(list(header.shape), 60)} is too large for any memory")
    header.dtype, header.big = _kind_of(file, who, fields["descr"])
    return header


def _kind_of(file: Input, who: str, descr) -> tuple[str, bool]:
    """(torch's name, whether big-endian) of a descr such as '<f4'."""
    if isinstance(descr, list):
        field = descr[0] if len(descr) == 1 and isinstance(descr[0], tuple) and len(descr[0]) == 2 else ("", "")
        if field[0] in BITS and str(field[1])[1:] == BITS[field[0]]:
            return field[0], str(field[1])[:1] == ">"
        raise file.broken(f"{who}records are not tensors: {clean(descr, 60)}",
                          help="save the fields one by one, for example with numpy.savez")
    text = str(descr)
    if text in ("|O", "O", "|O8"):
        raise file.broken(f"{who}it holds pickled Python objects, which tcli does not load")
    if text[1:] in ("V2",):  # what NumPy makes of a bfloat16 array of ml_dtypes
        return "bfloat16", False
    kind = BY_NPY.get(text[1:])
    if kind is None or text[:1] not in "<>=|":
        raise file.broken(f"{who}elements of type {clean(text)!r} are no numbers a tensor can hold")
    return kind.name, text[:1] == ">"


class Literal:
    """A reader of the few Python literals a header has: dicts, tuples, lists, strings, integers, words."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def value(self):
        found = self._value(0)
        if self._peek():
            raise ValueError
        return found

    def _peek(self) -> str:
        while self.text[self.at:self.at + 1] in (" ", "\n", "\t", "\r"):
            self.at += 1
        return self.text[self.at:self.at + 1]

    def _take(self, char: str) -> None:
        if self._peek() != char:
            raise ValueError
        self.at += 1

    def _value(self, depth: int):
        char = self._peek()
        if depth > 20 or not char:
            raise ValueError
        if char == "{":
            return self._dict(depth)
        if char in "([":
            items = self._items(")" if char == "(" else "]", depth)
            return tuple(items) if char == "(" else items
        return self._string(char) if char in "'\"" else self._word()

    def _dict(self, depth: int) -> dict:
        found: dict = {}
        self._take("{")
        while self._peek() != "}":
            key = self._value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise ValueError
            self._take(":")
            found[key] = self._value(depth + 1)
            if self._peek() != "}":
                self._take(",")
        self._take("}")
        return found

    def _items(self, close: str, depth: int) -> list:
        found = []
        self.at += 1
        while self._peek() != close:
            found.append(self._value(depth + 1))
            if self._peek() != close:
                self._take(",")
        self._take(close)
        return found

    def _string(self, quote: str) -> str:
        end = self.text.index(quote, self.at + 1)
        found, self.at = self.text[self.at + 1:end], end + 1
        return found

    def _word(self):
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " ,()[]{}:\n\t":
            self.at += 1
        word = self.text[start:self.at]
        if word in ("True", "False"):
            return word == "True"
        digits = word.rstrip("L")
        if not digits.lstrip("-").isdigit() or len(digits) > 25:
            raise ValueError
        return int(digits)


def npy_header_bytes(dtype: str, shape: tuple, fortran: bool = False) -> bytes:
    """The bytes before the values: padded so that these begin at a multiple of 64."""
    kind = KINDS[dtype]
    order = "|" if kind.itemsize == 1 else "<"
    descr = repr(order + kind.npy) if kind.npy else f"[('{dtype}', '{order}{BITS[dtype]}')]"
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {tuple(shape)!r}, }}".encode("latin-1")
    short = len(text) + 11 < 65536
    before = 10 if short else 12
    text += b" " * (-(before + len(text) + 1) % 64) + b"\n"
    return MAGIC + (b"\1\0" if short else b"\2\0") + len(text).to_bytes(2 if short else 4, "little") + text


@format("npy", magic=MAGIC)
class Npy:
    """One array; comes as a tensor over the mapped file."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        header = read_npy_header(file)
        entry = Entry("", header.dtype, header.shape, start=header.start, source=header)
        if header.start + entry.nbytes > file.size:
            raise file.broken(f"{entry.nbytes} bytes of values are claimed, {file.size - header.start} are there")
        if header.big or header.fortran:
            entry.start = None
        notes = [word for word, is_so in (("big-endian", header.big), ("Fortran order", header.fortran)) if is_so]
        return Listing("npy", [entry], notes=notes)

    @staticmethod
    def load(file: Input):
        from .arrays import mapped_tensor

        entry = Npy.read_header(file).entries[0]
        header = entry.source
        return mapped_tensor(file.buffer(), entry.dtype, header.shape, header.start, big=header.big,
                             fortran=header.fortran)

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import one_tensor, prepared, write_values

        tensor = one_tensor(value, "a .npy file")
        array, dtype = prepared(tensor)
        fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
        stream.write(npy_header_bytes(dtype, array.shape, fortran))
        write_values(array.T if fortran else array, stream)
