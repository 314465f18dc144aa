"""`.safetensors`: a JSON header with the place of each tensor, then the values.

The header is read here, without NumPy and without the safetensors package; the values are mapped.
Everything the format promises is checked: places inside the file, without overlaps or holes, of the
size that dtype and shape ask for. Also Hugging Face's index of a checkpoint in several files.
"""

from __future__ import annotations

import os

from ..errors import FileError
from .formats import format
from .kinds import BY_SAFETENSORS, KINDS, count
from .limits import MAX_DIMS, MAX_HEADER
from .listing import Entry, Listing
from .source import Input, clean


def _header_of(file: Input) -> tuple[dict, int]:
    """(the header as a dict, where the values begin)."""
    if file.size < 8:
        raise file.broken(f"{file.size} bytes are no safetensors file")
    size = int.from_bytes(file.exactly(0, 8, "the header size"), "little")
    if size > MAX_HEADER or size + 8 > file.size:
        raise file.broken(f"the header claims {size} bytes, the file has {file.size}")
    raw = file.exactly(8, size, "the header")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise file.broken(f"the header is not UTF-8 at byte {8 + error.start}") from None
    return _json_object(file, text, "the header"), 8 + size


def _json_object(file: Input, text: str, what: str) -> dict:
    """A JSON object whose keys are unique."""
    def unique(pairs):
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))
            raise file.broken(f"{what} names {clean(twice)!r} twice")
        return found

    if not text.startswith("{"):
        raise file.broken(f"{what} is no JSON object")
    try:
        return _parsed_json(text, unique)
    except RecursionError:
        raise file.broken(f"{what} is nested too deeply") from None
    except FileError:
        raise
    except ValueError as error:
        raise file.broken(f"{what} is no JSON: {clean(error, 120)}") from None


class _Scanner:
    """What the C scanner behind `json` asks for. `json` itself would import `re`: half of the time of a listing."""

    strict, object_hook, parse_float, parse_int = True, None, float, int

    def __init__(self, unique):
        self.object_pairs_hook, self.memo = unique, {}

    @staticmethod
    def parse_constant(name: str):
        raise ValueError(f"{name} is no JSON number")


def _parsed_json(text: str, unique) -> object:
    try:
        from _json import make_scanner

        value, end = make_scanner(_Scanner(unique))(text, 0)
        if not text[end:].strip(" \t\r\n"):
            return value
    except (ImportError, StopIteration, SystemError, ValueError):
        pass
    from json import JSONDecoder  # says what is wrong, and where

    return JSONDecoder(object_pairs_hook=unique, parse_constant=_Scanner.parse_constant).decode(text)


def _entry(file: Input, name: str, fields, start: int) -> Entry:
    who = f"tensor {clean(name)!r}"
    if not isinstance(fields, dict):
        raise file.broken(f"{who} has no dtype, shape and data_offsets")
    dtype, shape, offsets = fields.get("dtype"), fields.get("shape"), fields.get("data_offsets")
    if not (isinstance(shape, list) and len(shape) <= MAX_DIMS and all(_is_size(n) for n in shape)):
        raise file.broken(f"{who} has the shape {clean(shape, 60)}, which is not a list of sizes")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(_is_size(n) for n in offsets)):
        raise file.broken(f"{who} has the data_offsets {clean(offsets, 60)}, which are not two places")
    begin, end = offsets
    if not begin <= end <= file.size - start:
        raise file.broken(f"{who} claims bytes {begin} to {end}, the file has {file.size - start} bytes of values")
    kind = BY_SAFETENSORS.get(dtype) if isinstance(dtype, str) else None
    if kind is not None and count(shape) * kind.itemsize != end - begin:
        raise file.broken(f"{who}, {kind.short}{clean(shape, 60)}, takes {count(shape) * kind.itemsize} bytes, "
                          f"its data_offsets span {end - begin}")
    if not isinstance(dtype, str):
        raise file.broken(f"{who} has no dtype")
    return Entry(name, kind.name if kind else clean(dtype), shape, end - begin, start + begin)


def _is_size(value) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _check_layout(file: Input, entries: list[Entry], start: int) -> None:
    """The values fill the file without overlaps and holes, as the format demands."""
    at = start
    for entry in sorted(entries, key=lambda e: (e.start, e.nbytes)):
        if entry.start != at:
            word = "overlaps the one before it" if entry.start < at else "leaves a hole before it"
            raise file.broken(f"tensor {clean(entry.name)!r} at byte {entry.start} {word} (expected byte {at})")
        at += entry.nbytes
    if at != file.size:
        raise file.broken(f"{file.size - at} bytes behind the last tensor belong to none")


@format("safetensors")
class Safetensors:
    """Tensors by name, with texts as metadata."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        header, start = _header_of(file)
        metadata = header.pop("__metadata__", None) or {}
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise file.broken("__metadata__ is not a dict of texts")
        entries = [_entry(file, name, fields, start) for name, fields in header.items()]
        _check_layout(file, entries, start)
        entries.sort(key=lambda e: e.start)
        return Listing("safetensors", entries, metadata)

    @staticmethod
    def load(file: Input):
        entries = Safetensors.read_header(file).entries
        buffer = file.buffer()
        return {entry.name: _tensor(file, entry, buffer) for entry in entries}

    @staticmethod
    def load_one(file: Input, entry: Entry):
        return _tensor(file, entry, file.buffer())

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import named_tensors

        write(named_tensors(value, "a .safetensors file"), stream, (options or {}).get("metadata"))


def _tensor(file: Input, entry: Entry, buffer):
    from .arrays import mapped_tensor

    if entry.dtype not in KINDS:
        raise file.broken(f"tensor {clean(entry.name)!r} is of type {entry.dtype}, which tcli cannot compute with")
    return mapped_tensor(buffer, entry.dtype, entry.shape, entry.start)


# The order in which the safetensors library writes tensors: the same content gives the same bytes.
_ORDER = ("U64 I64 F64 C64 F32 U32 I32 BF16 F16 U16 I16 F8_E5M2FNUZ F8_E4M3FNUZ F8_E4M3 F8_E5M2 I8 U8 BOOL").split()


def write(tensors: dict, stream, metadata: dict | None = None) -> None:
    """Writes header and values, byte for byte as the library does."""
    from json import dumps

    from .arrays import prepared, write_values

    rows, header, at = [], {}, 0
    for name, tensor in tensors.items():
        array, dtype = prepared(tensor)
        if name == "__metadata__" or KINDS[dtype].safetensors is None:
            raise FileError(f"cannot save {clean(name)!r} as safetensors: the format has no "
                            + ("tensor of that name" if name == "__metadata__" else dtype), help="use .pt or .npz")
        rows.append((name, array, KINDS[dtype]))
    rows.sort(key=lambda row: (_ORDER.index(row[2].safetensors), row[0]))
    if metadata:
        header["__metadata__"] = {str(key): str(text) for key, text in metadata.items()}
    for name, array, kind in rows:
        offsets = [at, at + array.nbytes]
        header[name] = {"dtype": kind.safetensors, "shape": list(array.shape), "data_offsets": offsets}
        at += array.nbytes
    text = dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    for _, array, _ in rows:
        write_values(array, stream)


# ---------------------------------------------------------------- several files

def shards_of(file: Input) -> tuple[dict[str, str], dict]:
    """(tensor name -> path of the file that holds it, metadata) of an index."""
    try:
        text = file.all().decode("utf-8")
    except UnicodeDecodeError as error:
        raise file.broken(f"the index is not UTF-8 at byte {error.start}") from None
    index = _json_object(file, text, "the index")
    names = index.get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(v, str) for v in names.values()):
        raise file.broken("the index has no weight_map of file names")
    folder = os.path.dirname(file.path or "")
    for part in names.values():
        if os.path.isabs(part) or part != os.path.basename(part) or part in ("", ".", "..") or part.endswith(".json"):
            raise file.broken(f"the index names the file {clean(part)!r}, which is no file of tensors beside it")
        if not os.path.isfile(os.path.join(folder, part)):
            raise file.broken(f"the index names the file {clean(part)!r}, which is not there")
    metadata = index.get("metadata")
    return {name: os.path.join(folder, part) for name, part in names.items()}, \
        {k: v for k, v in metadata.items() if isinstance(v, (str, int, float))} if isinstance(metadata, dict) else {}
