"""MATLAB's `.mat` (version 5) through scipy: the arrays of numbers by name."""

from __future__ import annotations

from .extras import need
from .formats import format
from .listing import Entry, Listing
from .source import Input, clean


def _arrays(file: Input) -> dict:
    io = need("scipy.io", f"{file.name}: a MATLAB file", "scipy")
    try:
        found = io.loadmat(file.stream(), verify_compressed_data_integrity=True)
        classes = {name: kind for name, _, kind in io.whosmat(file.stream())}
    except NotImplementedError:
        raise file.broken("it is of version 7.3, which is HDF5", help="load(path, format='hdf5')") from None
    except Exception as error:  # scipy's reader fails in many ways on damaged files
        raise file.broken(f"it is no MATLAB file ({clean(type(error).__name__)})") from None
    return {name: _of_class(value, classes.get(name)) for name, value in found.items()
            if not name.startswith("__") and getattr(getattr(value, "dtype", None), "kind", "O") in "biufc"}


def _of_class(value, kind: str | None):
    """MATLAB stores whole numbers in fewer bytes than their class has; its class is what counts."""
    target = {"double": "f8", "single": "f4", "logical": "?"}.get(kind)
    return value.astype(target) if target and value.dtype.kind != "c" else value


@format("mat", magic=b"MATLAB 5.0", extra="scipy")
class Mat:
    """Arrays by name."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        return Listing("mat", [Entry(name, value.dtype.name, value.shape) for name, value in _arrays(file).items()])

    @staticmethod
    def load(file: Input):
        from ..engine.tensor import from_numpy
        from .arrays import np

        return {name: from_numpy(np.array(value, dtype=value.dtype.newbyteorder("=")))
                for name, value in _arrays(file).items()}

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .arrays import NUMPY_KINDS, named_tensors, prepared

        io = need("scipy.io", "writing a MATLAB file", "scipy")
        io.savemat(stream, {name.replace(".", "_"): prepared(tensor, "a .mat file", NUMPY_KINDS - {"float16"})[0]
                            for name, tensor in named_tensors(value, "a .mat file").items()})
