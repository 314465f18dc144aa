"""HDF5 through h5py: data sets by path; links out of the file are not followed."""

from __future__ import annotations

from ..errors import TcliError
from .extras import need
from .formats import format
from .limits import check_expansion
from .listing import Entry, Listing
from .source import Input, clean

MAX_SETS = 1_000_000


def _opened(file: Input):
    h5py = need("h5py", f"{file.name}: an HDF5 file", "h5py")
    try:
        return h5py, h5py.File(file.stream(), "r")
    except (OSError, RuntimeError) as error:
        raise file.broken(f"it is no HDF5 file ({clean(error, 100)})") from None


def _sets(h5py, file: Input, group, prefix: str = "", depth: int = 0):
    """(dotted name, data set); hard links only, so that no other file is opened."""
    if depth > 50:
        raise file.broken("the groups are nested too deeply")
    for name in group:
        if type(group.get(name, getlink=True)) is not h5py.HardLink:
            continue
        item = group[name]
        if isinstance(item, h5py.Dataset):
            yield prefix + name, item
        elif isinstance(item, h5py.Group):
            yield from _sets(h5py, file, item, f"{prefix}{name}.", depth + 1)


class _said_of:
    """Turns what the library stumbles over into an error that names the file."""

    def __init__(self, file: Input):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, RuntimeError) and not isinstance(error, TcliError):
            raise self.file.broken(f"it is damaged ({clean(error, 100)})") from None
        return False


@format("hdf5", magic=b"\x89HDF\r\n\x1a\n", extra="h5py")
class Hdf5:
    """Data sets by dotted name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        h5py, opened = _opened(file)
        with opened, _said_of(file):
            entries = [Entry(name, item.dtype.name, item.shape or ()) for name, item in _sets(h5py, file, opened)]
            metadata = {clean(key): clean(value) for key, value in opened.attrs.items()}
        return Listing("hdf5", entries, metadata)

    @staticmethod
    def load(file: Input):
        from ..engine.tensor import from_numpy
        from .arrays import np

        h5py, opened = _opened(file)
        found = {}
        with opened, _said_of(file):
            for name, item in _sets(h5py, file, opened):
                if item.dtype.kind in "biufc" and not item.is_virtual and not item.external:
                    check_expansion(file.size, item.nbytes, f"{file.name}: {clean(name)!r}")
                    array = item[()]
                    found[name] = from_numpy(np.asarray(array, array.dtype.newbyteorder("=")))
        return found

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import NUMPY_KINDS, named_tensors, prepared

        h5py = need("h5py", "writing an HDF5 file", "h5py")
        with h5py.File(stream, "w") as out:
            for name, tensor in named_tensors(value, "an HDF5 file").items():
                out[name.replace(".", "/")] = prepared(tensor, "an HDF5 file", NUMPY_KINDS)[0]
