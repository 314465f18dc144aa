"""Reading and writing tensors: one file per format, found by extension or by the first bytes."""

from __future__ import annotations

from pathlib import Path

from ..errors import FileError
from .formats import by_extension, by_magic

ASSETS = Path(__file__).parent.parent / "assets"


def load(path, *, format: str | None = None):
    """The tensors of a file: one tensor, or a dict of them for a format that holds several.

    A name without a dot is one of the data sets that come with tcli, for example "digits".
    Raises `FileError` when there is no such file or it cannot be read.
    """
    file = resolve(str(path))
    kind = _format_of(file, format)
    try:
        with file.open("rb") as stream:
            return kind.load(stream)
    except FileError:
        raise
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FileError(f"cannot read {path} as {kind.name}: {error}") from error


def save(value, path, *, format: str | None = None) -> None:
    """Writes a tensor, or a dict of tensors, to a file whose extension names the format."""
    file = Path(path)
    kind = by_extension(f".{format}" if format else file.suffix)
    if kind is None:
        raise FileError(f"no format is known for {file.name!r}", help="use .npy or .npz")
    try:
        with file.open("wb") as stream:
            kind.save(value, stream)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def resolve(path: str) -> Path:
    """The file that a path or the name of a bundled data set stands for."""
    file = Path(path)
    if not file.exists() and "." not in path and "/" not in path:
        bundled = next(iter(sorted(ASSETS.glob(path + ".*"))), None)
        if bundled is not None:
            return bundled
    if not file.exists():
        raise FileError(f"No such file or directory: '{path}'", help=_data_sets_hint(path))
    if file.is_dir():
        raise FileError(f"'{path}' is a directory")
    return file


def data_sets() -> list[str]:
    """The names of the data sets that come with tcli."""
    return sorted(f.stem for f in ASSETS.iterdir() if f.suffix != ".md")


def _data_sets_hint(path: str) -> str | None:
    return f"data sets that come with tcli: {', '.join(data_sets())}" if "." not in path else None


def _format_of(file: Path, name: str | None):
    if name is not None:
        kind = by_extension("." + name)
    else:
        with file.open("rb") as stream:
            kind = by_magic(stream.read(16)) or by_extension(file.suffix)
    if kind is None:
        raise FileError(f"the format of {file.name!r} is not known", help="name it: load(path, format='npy')")
    return kind


def program_functions(session) -> dict:
    """What programs get: `load` and `save`."""
    return {"load": load, "save": save}
