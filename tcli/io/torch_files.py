"""`torch.save` and `torch.load`, with PyTorch's arguments and its words for what goes wrong.

Files run no code here, so `weights_only` and `pickle_module` are accepted and change nothing: the
strict reader is the only one there is.
"""

from __future__ import annotations

import os

from ..engine.device import Device, as_device, cuda_is_available
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError


def torch_save(obj, f, pickle_module=None, pickle_protocol: int = 2, _use_new_zipfile_serialization: bool = True, *,
               _disable_byteorder_record: bool = False) -> None:
    """Saves tensors, numbers, texts and containers of them to a file that `torch.load` reads."""
    from . import checkpoint_writer
    from .access import check
    from .atomic import writing

    if hasattr(f, "write"):
        from io import BytesIO

        buffer = BytesIO()
        checkpoint_writer.write(obj, buffer)
        f.write(buffer.getvalue())
        return
    if not isinstance(f, (str, os.PathLike)):
        raise ArgumentError(f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got "
                            f"{type(f).__name__}")
    with writing(check(f, write=True)) as stream:
        checkpoint_writer.write(obj, stream, folder=checkpoint_writer.folder_of(f))


def torch_load(f, map_location=None, pickle_module=None, *, weights_only: bool | None = None,
               mmap: bool | None = None, **_pickle_load_args):
    """The value that `torch.save` wrote.

    map_location: a device, a dict of them by the place in the file, or a function of a tensor and its place.
    """
    from .checkpoint import Checkpoint
    from .checkpoint_values import values_of

    place = _placer(map_location)
    with _input(f) as file:
        from . import _said_of

        with _said_of(file):
            if file.head(8) == b"":
                raise EOFError("Ran out of input")
            return values_of(Checkpoint(file), place)


def _input(f):
    from . import open_input
    from .access import check
    from .source import BytesInput

    if hasattr(f, "read"):
        data = f.read()
        if not isinstance(data, (bytes, bytearray)):
            raise ArgumentError("torch.load reads binary files: open(path, 'rb')")
        return BytesInput(data, str(getattr(f, "name", "the file")))
    if not isinstance(f, (str, os.PathLike)):
        raise ArgumentError(f"expected 'f' to be string, path, or a file-like object with a 'read' attribute, got "
                            f"{type(f).__name__}")
    return open_input(os.fspath(f), check)


def _placer(where):
    """A function of (tensor, location) that moves the tensor; None where nothing moves."""
    if where is None:
        return _as_saved
    if isinstance(where, dict):
        return lambda t, location: _moved(t, where.get(location, location), location)
    if isinstance(where, (str, Device, int)) and not isinstance(where, bool):
        device = as_device(where)
        return None if device.type == "cpu" else lambda t, location: t.to(device)
    if callable(where):
        return lambda t, location: _placed(where, t, location)
    raise ArgumentError(f"map_location is a device, a dict or a function, not {type(where).__name__}")


def _as_saved(t: Tensor, location: str) -> Tensor:
    """Where it was when it was saved, if there is such a device here; else on the CPU."""
    if not location.startswith("cuda") or not cuda_is_available():
        return t
    return t.to(Device(location))


def _moved(t: Tensor, target, location: str) -> Tensor:
    stays = target == "cpu" or target == location and not str(target).startswith("cuda")
    return t if stays else t.to(as_device(target))


def _placed(function, t: Tensor, location: str) -> Tensor:
    """PyTorch calls the function with a storage; `lambda storage, loc: storage` is the common one."""
    found = function(t, location)
    if found is None:
        return t
    if not isinstance(found, Tensor):
        raise EngineError("map_location must return what it was given, moved or not")
    return found
