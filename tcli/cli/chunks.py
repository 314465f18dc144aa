"""`--chunks N`: a one-liner over a file larger than memory, N rows of `_` at a time.

    tcli --chunks 100000 -e '_.float().mean()' < big.npy
    tcli --chunks 100000 -v _=big.npy -o npy -e '_ * 2' > twice.npy

An expression that ends in a reduction of the rows (`.sum()`, `|> mean`, `.max(dim=0)` and the like) is
combined exactly from the parts; any other must give as many rows as it got, and its rows are written as
they come.
"""

from __future__ import annotations

import math
import re
import sys

from ..errors import BadValue, FileError
from .options import Settings, UsageError

REDUCTIONS = ("sum", "mean", "max", "min", "amax", "amin", "any", "all", "prod", "std", "var", "count_nonzero")
BLOCK = 1 << 19  # elements
_TAIL = re.compile(rf"^(?P<inner>.*?)(?:\.|\|>\s*(?:torch\.)?)(?P<name>{'|'.join(REDUCTIONS)})\s*"
                   r"(?:\((?P<args>[^()]*)\))?\s*$", re.DOTALL)


def run_in_chunks(settings: Settings) -> int:
    """Runs the last -e over the parts; those before it run once. Gives the exit code."""
    if settings.chunks < 1:
        raise UsageError("--chunks takes a number of rows above zero")
    if settings.file is not None or not settings.expr:
        raise UsageError("--chunks works with -e, on stdin or -v _=FILE")
    *before, last = settings.expr
    from .run import session_for

    places = [text.partition("=")[2] for text in settings.var if text.startswith("_=")]
    settings.var = [text for text in settings.var if not text.startswith("_=")]
    session = session_for(settings)
    session.load_engine()
    session.providers.pop("_", None)
    for text in before:
        session.run(text)
    file = _input(places)
    with file:
        parts = rows_of(file, settings.chunks, settings.in_format)
        _show(_combined(session, last, parts), settings)
    return 0


def _input(places: list[str]):
    from ..io import open_input

    if len(places) > 1:
        raise UsageError("--chunks goes over one file")
    return open_input(places[0]) if places else Stream()


class Stream:
    """stdin read from front to end; a pipe needs no seek."""

    name, path = "stdin", None

    def __init__(self):
        self.raw, self.ahead = sys.stdin.buffer, b""

    def take(self, count: int) -> bytes:
        """Up to `count` bytes; fewer at the end."""
        found = [self.ahead[:count]]
        self.ahead = self.ahead[count:]
        missing = count - len(found[0])
        while missing > 0:
            data = self.raw.read(missing)
            if not data:
                break
            found.append(data)
            missing -= len(data)
        return b"".join(found)

    def fill(self, count: int) -> bytearray:
        """The same into memory that a tensor can keep, without a copy."""
        found = bytearray(count)
        start = min(len(self.ahead), count)
        found[:start], self.ahead = self.ahead[:start], self.ahead[start:]
        view = memoryview(found)
        while start < count:
            got = self.raw.readinto(view[start:])
            if not got:
                view.release()
                del found[start:]
                break
            start += got
        return found

    def back(self, data: bytes) -> None:
        self.ahead = data + self.ahead

    def __enter__(self):
        return self

    def __exit__(self, *_exc) -> None:
        pass


# ---------------------------------------------------------------- rows

def rows_of(file, count: int, format: str | None):
    """Tensors of `count` rows, in order."""
    if not isinstance(file, Stream):
        stream = Stream.__new__(Stream)
        stream.raw, stream.ahead, stream.name = file.stream(), b"", file.name
        file = stream
    head = file.take(1 << 16)
    file.back(head)
    if format == "npy" or head[:6] == b"\x93NUMPY":
        return _npy_rows(file, head, count)
    if head[:2] in (b"PK", b"\x80\x02") or b"\0" in head[:512]:
        raise FileError(f"{file.name}: --chunks reads .npy and text, not this format",
                        help="tcli convert IN OUT.npy makes one")
    return _text_rows(file, count)


def _npy_rows(file: Stream, head: bytes, count: int):
    from ..io.arrays import mapped_tensor
    from ..io.kinds import KINDS
    from ..io.kinds import count as elements
    from ..io.npy import read_npy_header
    from ..io.source import BytesInput

    header = read_npy_header(BytesInput(head, file.name), "", head)
    if header.fortran and len(header.shape) > 1:
        raise FileError(f"{file.name}: --chunks goes over rows, and this array is stored by columns",
                        help="tcli -v x=FILE -e 'x.contiguous()' -o npy writes it by rows")
    if not header.shape:
        raise FileError(f"{file.name}: a single number has no rows")
    file.take(header.start)
    row = elements(header.shape[1:]) * KINDS[header.dtype].itemsize
    for at in range(0, header.shape[0], count):
        rows = min(count, header.shape[0] - at)
        data = file.fill(rows * row)
        if len(data) != rows * row:
            raise FileError(f"{file.name}: it ends at row {at + len(data) // max(1, row)} of {header.shape[0]}")
        yield mapped_tensor(data, header.dtype, (rows, *header.shape[1:]), big=header.big)


def _text_rows(file: Stream, count: int):
    """Lines of numbers; a header of words is passed over."""
    from ..io.source import BytesInput
    from ..io.text import numbers_in

    number = 0
    lines: list[bytes] = []
    for line in _lines(file):
        number += 1
        if number == 1 and not _is_row(line):
            continue
        if line.strip():
            lines.append(line)
        if len(lines) == count:
            yield _as_rows(numbers_in(BytesInput(b"\n".join(lines), file.name)), len(lines))
            lines = []
    if lines:
        yield _as_rows(numbers_in(BytesInput(b"\n".join(lines), file.name)), len(lines))


def _as_rows(tensor, count: int):
    return tensor.reshape(count, -1) if tensor.ndim == 1 and tensor.shape[0] != count else tensor


def _lines(file: Stream):
    rest = b""
    while True:
        data = file.take(1 << 20)
        if not data:
            break
        *whole, rest = (rest + data).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _is_row(line: bytes) -> bool:
    try:
        return bool([float(word) for word in line.replace(b",", b" ").replace(b";", b" ").split()])
    except ValueError:
        return False


# ---------------------------------------------------------------- combining

def _combined(session, text: str, parts):
    """The value of a reduction, or a generator of the rows of parts."""
    found = _TAIL.match(text.strip().rstrip(";"))
    if found is None:
        return _each(session, text, parts)
    options = _options(session, found["args"] or "")
    if options is None:
        return _each(session, text, parts)
    total = Total(found["name"], options)
    for part in parts:
        total.add(_value(session, found["inner"].strip(), part))
    return total.value()


def _options(session, text: str) -> dict | None:
    """dim, keepdim and correction of a reduction over the rows; None if it is over other dims."""
    values = session.eval(f"(lambda *args, **kw: (args, kw))({text})")
    args, options = list(values[0]), dict(values[1])
    if args:
        options["dim"] = args[0]
    dim = options.get("dim")
    known = {"dim", "keepdim", "correction", "unbiased"}
    return options if dim in (None, 0) and not set(options) - known and len(args) < 2 else None


def _value(session, text: str, part):
    session["_"] = part
    return session.eval(text)


def _each(session, text: str, parts):
    for part in parts:
        rows = part.shape[0]
        value = _value(session, text, part)
        if not hasattr(value, "shape") or not value.ndim or value.shape[0] != rows:
            shape = list(value.shape) if hasattr(value, "shape") else type(value).__name__
            raise BadValue(f"with --chunks the expression gives a row for each row: it got {rows} and gave {shape}",
                           help=f"or it ends in one of {', '.join(REDUCTIONS)}")
        yield value


class Total:
    """A reduction over all rows, from its parts: sums in float64, moments by Chan's formula."""

    def __init__(self, name: str, options: dict):
        self.name, self.options = name, options
        self.rows = options.get("dim") == 0
        self.count, self.found, self.mean, self.squares, self.dtype = 0, None, None, None, None

    def add(self, part) -> None:
        import numpy as np

        array = np.asarray(part.detach().cpu_array())
        self.dtype = part.dtype
        if array.size and array.ndim:
            # In blocks: the moments need copies in float64.
            step = max(1, BLOCK * len(array) // array.size)
            for at in range(0, len(array), step):
                self._add(np, array[at:at + step])
        elif array.size:
            self._add(np, array)

    def _add(self, np, array) -> None:
        axis = 0 if self.rows else None
        if self.name in ("mean", "std", "var"):
            self._add_moments(np, array.astype(np.float64), axis)
            return
        value = self._reduced(np, array, axis)
        self.found = value if self.found is None else self._joined(np, self.found, value)
        self.count += array.shape[0] if self.rows else array.size

    def _reduced(self, np, array, axis):
        name = self.name.removeprefix("a") if self.name in ("amax", "amin") else self.name
        if name in ("sum", "prod") and array.dtype.kind in "f":
            array = array.astype(np.float64)
        return getattr(np, name)(array, axis=axis)

    def _joined(self, np, a, b):
        if self.name in ("sum", "count_nonzero"):
            return a + b
        if self.name in ("any", "all"):
            return (a | b) if self.name == "any" else (a & b)
        return a * b if self.name == "prod" else (np.maximum if "max" in self.name else np.minimum)(a, b)

    def _add_moments(self, np, array, axis) -> None:
        count = array.shape[0] if self.rows else array.size
        mean = array.mean(axis=axis)
        squares = ((array - mean) ** 2).sum(axis=axis)
        if self.mean is None:
            self.count, self.mean, self.squares = count, mean, squares
            return
        total, step = self.count + count, mean - self.mean
        self.squares = self.squares + squares + step * step * self.count * count / total
        self.mean = self.mean + step * count / total
        self.count = total

    def value(self):
        import numpy as np

        from ..engine.dtypes import get_default_dtype
        from ..engine.tensor import from_numpy

        value = self._final(np)
        if value is None:
            raise BadValue("there are no rows")
        array = np.asarray(value)
        whole = self.dtype.is_floating_point
        target = self.dtype if whole else get_default_dtype() if array.dtype.kind == "f" else None
        found = from_numpy(np.array(array)).to(target) if target is not None else from_numpy(np.array(array))
        return found.unsqueeze(0) if self.options.get("keepdim") and self.rows else found

    def _final(self, np):
        if self.name not in ("mean", "std", "var"):
            return self.found
        if self.name == "mean" or self.mean is None:
            return self.mean
        correction = self.options.get("correction", 1 if self.options.get("unbiased", True) else 0)
        with np.errstate(all="ignore"):
            enough = self.count > correction
            variance = self.squares / (self.count - correction) if enough else self.squares * math.nan
        return np.sqrt(variance) if self.name == "std" else variance


# ---------------------------------------------------------------- writing

def _show(value, settings: Settings) -> None:
    from .output import echo_for

    if not hasattr(value, "__next__"):
        echo_for(settings)(value)
        return
    if settings.output in ("npy", "npz", "safetensors", "pt"):
        _write_all(value, settings)
        return
    show = echo_for(settings)
    for part in value:
        show(part)


def _write_all(parts, settings: Settings) -> None:
    """One file of all rows: their number is known only at the end, so they are joined first."""
    import numpy as np

    from ..engine.tensor import from_numpy
    from .output import echo_for

    arrays = [part.detach().cpu_array() for part in parts]
    if arrays:
        echo_for(settings)(from_numpy(np.concatenate(arrays)))
