"""Reading and writing tensors: one file per format, found by the first bytes or by extension.

    load("w.safetensors")          a dict of tensors over the mapped file
    load("a.npz::x")               one of them
    load("-")                      what is on stdin
    save(x, "x.npy")               whole or not at all

Imports nothing but the errors: formats, and NumPy with them, are loaded when a file is opened.
"""

from __future__ import annotations

import os

from ..errors import FileError, TcliError

ASSETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "assets")


def load(path, *, format: str | None = None):
    """The tensors of a file: a Tensor, a dict of them by name, or a Table for text columns.

    path: a file, "-" for stdin, "file::name" for one tensor of several, or the name of a data set that
    comes with tcli, such as "digits". format: its name, where bytes and extension do not say it.
    Raises `FileError` when there is no such file or it cannot be read.
    """
    from .access import check

    place, name = split_name(path)
    with open_input(place, check) as file:
        return load_input(file, format, name)


def load_input(file, format: str | None = None, name: str | None = None):
    """The tensors of an `Input`; what goes wrong is said with its name."""
    with _said_of(file):
        file, kind = recognised(file, format)
        if name is None:
            return kind.load(file)
        return _one_of(file, kind, name)


def read_listing(file, format: str | None = None):
    """What the header of an `Input` says: names, types, shapes, metadata."""
    with _said_of(file):
        file, kind = recognised(file, format)
        return kind.read_header(file)


def recognised(file, format: str | None = None):
    """(file, its format); a .gz comes back unpacked."""
    from .formats import detect, named

    if file.head(2) == b"\x1f\x8b":
        from .gz import unpacked

        file = unpacked(file)
    if format is not None and format.startswith("bin:"):
        from .raw import Raw

        return file, Raw.of(format)
    return file, named(format) if format is not None else detect(file)


def _one_of(file, kind, name: str):
    listing = kind.read_header(file)
    entry = next((each for each in listing.entries if each.name == name), None)
    if entry is not None and hasattr(kind, "load_one"):
        return kind.load_one(file, entry)
    value = kind.load(file)
    try:
        return value[name]
    except (KeyError, TypeError, IndexError, ValueError):
        pass
    from .source import clean

    known = ", ".join(clean(each.name, 40) for each in listing.entries[:8])
    more = ", …" if len(listing.entries) > 8 else ""
    raise file.broken(f"there is no tensor {clean(name)!r}", help=f"it holds {known}{more}" if known else None)


class _said_of:
    """Turns what a reader stumbles over into a FileError that names the file."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or isinstance(error, TcliError) or not isinstance(error, _PROBLEMS):
            return False
        from .source import clean

        said = "not enough memory" if isinstance(error, MemoryError) else clean(error, 200) or kind.__name__
        raise self.file.broken(f"it cannot be read: {said}") from None


_PROBLEMS = (OSError, ValueError, LookupError, EOFError, TypeError, MemoryError, RecursionError, AttributeError,
             ArithmeticError)


def save(value, path, *, format: str | None = None, metadata: dict | None = None) -> None:
    """Writes a tensor, a dict of tensors, or for .pt and .json also numbers and text.

    The extension names the format; the file appears whole or not at all. metadata: texts, for safetensors.
    """
    from .access import check
    from .atomic import writing, writing_folder

    kind = writer_for(os.fspath(path), format)
    where = check(path, write=True)
    options = {"metadata": metadata, "path": os.fspath(path)}
    if hasattr(kind, "save_folder"):
        with writing_folder(where) as folder:
            kind.save_folder(value, folder, options)
        return
    with writing(where) as stream:
        kind.save(value, stream, options)


def writer_for(path: str, format: str | None = None):
    """The format that a file is to be written in."""
    from .formats import by_extension, named
    from .source import clean

    if format is not None and format.startswith("bin:"):
        from .raw import Raw

        return Raw.of(format)
    kind = named(format) if format is not None else by_extension(path)
    if kind is None:
        raise FileError(f"no format is known for {clean(os.path.basename(path))!r}",
                        help="use .npy, .npz, .safetensors, .pt, .csv, .json or .png")
    if not hasattr(kind, "save") and not hasattr(kind, "save_folder"):
        raise FileError(f"{kind.name} files are read, not written", help="use .npy, .npz, .safetensors or .pt")
    return kind


def split_name(path) -> tuple[str, str | None]:
    """("a.npz", "x") of "a.npz::x"."""
    if not isinstance(path, (str, os.PathLike)):
        raise FileError(f"expected a file name, not {type(path).__name__}")
    text = os.fspath(path)
    text = text if isinstance(text, str) else os.fsdecode(text)
    place, sep, name = text.rpartition("::")
    return (place, name) if sep and place and not os.path.exists(text) else (text, None)


def open_input(path: str, check=None):
    """The `Input` for a path, "-" or the name of a data set; `check` may refuse the path."""
    from .source import PathInput, standard_input

    if path == "-":
        return standard_input()
    if not os.path.exists(path) and "." not in path and os.sep not in path:
        bundled = _bundled(path)
        if bundled is not None:
            return PathInput(bundled, path)
    if check is not None:
        check(path)
    if not os.path.exists(path):
        from .source import clean

        raise FileError(f"No such file or directory: '{clean(path, 300)}'", help=_data_sets_hint(path))
    if os.path.isdir(path) and path.rstrip(os.sep).endswith(".zarr"):
        from .zarr import folder_input

        return folder_input(path)
    return PathInput(path)


def _bundled(name: str) -> str | None:
    found = sorted(each for each in os.listdir(ASSETS) if each.startswith(name + ".") and not each.endswith(".md"))
    return os.path.join(ASSETS, found[0]) if found else None


def data_sets() -> list[str]:
    """The names of the data sets that come with tcli."""
    return sorted(name.partition(".")[0] for name in os.listdir(ASSETS) if not name.endswith((".md", ".py")))


def _data_sets_hint(path: str) -> str | None:
    return f"data sets that come with tcli: {', '.join(data_sets())}" if "." not in path else None


def program_functions(session) -> dict:
    """What programs get: `load`, `save` and the small data sets of `data`."""
    from .sets import Sets

    return {"load": load, "save": save, "data": Sets()}


def torch_functions() -> dict:
    """What `torch` gets: `torch.load` and `torch.save`."""
    from .torch_files import torch_load, torch_save

    return {"load": torch_load, "save": torch_save}
