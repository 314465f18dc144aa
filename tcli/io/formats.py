"""The table of formats and how one is recognised: by its first bytes, then by the extension.

A format is a class in a module of this package, declared with `@format`. The table says which module
has which, so that reading one kind of file imports the code of that kind alone.
"""

from __future__ import annotations

import os
from importlib import import_module

from ..errors import FileError
from .source import Input, clean

# name -> (module, extensions). A test holds it against the declarations.
TABLE = {
    "npy": ("npy", ".npy"),
    "npz": ("npz", ".npz"),
    "safetensors": ("safetensors", ".safetensors"),
    "safetensors-index": ("safetensors_index", ".index.json"),
    "pt": ("checkpoint", ".pt .pth .bin .ckpt"),
    "csv": ("table", ".csv"),
    "tsv": ("table", ".tsv .tab"),
    "txt": ("text", ".txt .dat"),
    "json": ("json_text", ".json"),
    "jsonl": ("json_text", ".jsonl .ndjson"),
    "idx": ("idx", ".idx .ubyte .idx1-ubyte .idx3-ubyte"),
    "png": ("png", ".png"),
    "image": ("image", ".jpg .jpeg .gif .bmp .webp .tif .tiff .ppm .pgm"),
    "gguf": ("gguf", ".gguf"),
    "mtx": ("matrix_market", ".mtx"),
    "hdf5": ("hdf5", ".h5 .hdf5"),
    "zarr": ("zarr", ".zarr"),
    "parquet": ("arrow", ".parquet"),
    "arrow": ("arrow", ".arrow .feather .ipc"),
    "mat": ("mat", ".mat"),
    "raw": ("raw", ".raw"),
}
_MAGIC = (
    (b"\x93NUMPY", "npy"), (b"\x89PNG\r\n\x1a\n", "png"), (b"\x89HDF\r\n\x1a\n", "hdf5"), (b"GGUF", "gguf"),
    (b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"%%MatrixMarket", "mtx"), (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"), (b"BM", "image"), (b"RIFF", "image"), (b"II*\0", "image"), (b"MM\0*", "image"),
    (b"MATLAB 5.0", "mat"))
_loaded: dict[str, type] = {}


def format(name: str, *, magic: bytes = b"", extra: str = ""):
    """Declares a format: a class with static methods `read_header`, `load` and, if it can, `save`.

    extra: the optional package that it needs.
    """
    def declare(cls):
        cls.name, cls.extensions, cls.magic, cls.extra = name, tuple(TABLE[name][1].split()), magic, extra
        _loaded[name] = cls
        return cls
    return declare


def find(name: str) -> type | None:
    """The format of a name such as "npy"; its module is imported now."""
    if name not in TABLE:
        return None
    if name not in _loaded:
        import_module(f"tcli.io.{TABLE[name][0]}")
    return _loaded[name]


def named(name: str) -> type:
    """The format of a name or extension; an error with the known ones if there is none."""
    found = find(name) or by_extension("." + name.lstrip("."))
    if found is None:
        raise FileError(f"no format is called {clean(name)!r}", help="known: " + ", ".join(TABLE))
    return found


def by_extension(path: str) -> type | None:
    """The format that the end of a path names."""
    lower = path.lower()
    if lower.endswith((".safetensors.index.json", ".bin.index.json")):
        return find("safetensors-index")
    suffix = os.path.splitext(lower)[1] or (lower if lower.startswith(".") else "")
    return next((find(name) for name, (_, ends) in TABLE.items() if suffix and suffix in ends.split()), None)


def detect(file: Input) -> type:
    """The format of a file: by its first bytes, then by its extension, then by how its text looks."""
    head = file.head(512)
    name = _by_magic(head) or (_by_archive(file) if head[:2] == b"PK" else None)
    found = find(name) if name else by_extension(file.plain_name or file.name)
    if found is None:
        found = _by_text(file, head)
    if found is None:
        raise file.broken("the format is not known", help="name it: load(path, format='npy')")
    return found


def _by_magic(head: bytes) -> str | None:
    for magic, name in _MAGIC:
        if head.startswith(magic) and not (magic in (b"BM", b"RIFF") and not _is_image(head)):
            return name
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and len(head) > 2:
        return "pt"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= 1 << 32:
        return "safetensors"
    if head[:2] == b"\0\0" and len(head) >= 4 and head[2] in (8, 9, 11, 12, 13, 14) and 0 < head[3] <= 8:
        return "idx"
    return None


def _is_image(head: bytes) -> bool:
    """`BM` and `RIFF` are short: text could begin like that."""
    return head[8:12] == b"WEBP" if head[:4] == b"RIFF" else head[6:10] == b"\0\0\0\0"


def _by_archive(file: Input) -> str:
    """A zip file is a checkpoint if it holds a pickle, else NumPy's archive."""
    from .zips import ZipFile

    names = [member.name for member in ZipFile(file).members]
    if any(name.endswith(("/data.pkl", "/constants.pkl")) or name == "data.pkl" for name in names):
        return "pt"
    if names and not any(name.endswith(".npy") for name in names) and by_extension(file.name):
        return by_extension(file.name).name
    return "npz"


def _by_text(file: Input, head: bytes) -> type | None:
    """JSON or numbers; None for bytes that are no text."""
    if b"\0" in head:
        return None
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"[", b"{"):
        return find("json")
    try:
        head[:-4].decode("utf-8") if len(head) > 4 else head.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return find("csv" if _has_header(head) else "txt")


def _has_header(head: bytes) -> bool:
    """Whether a text begins with column names: words with separators, or one word above numbers."""
    lines = [line.strip() for line in head.decode("utf-8", "replace").lstrip("\ufeff").splitlines() if line.strip()]
    if not lines or _is_number(lines[0].replace(",", " ").replace(";", " ").split()[:1]):
        return False
    if any(char in lines[0] for char in ",;\t"):
        return len(lines) > 1
    return len(lines) > 1 and len(lines[0].split()) == 1 and _is_number(lines[1].split()[:1])


def _is_number(words: list[str]) -> bool:
    try:
        return not words or float(words[0]) is not None
    except ValueError:
        return False
