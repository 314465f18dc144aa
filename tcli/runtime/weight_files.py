"""`safetensors` for programs: its functions over tcli's own reader and writer, which know what a program may open."""

from __future__ import annotations

from typing import Any

from ..errors import FileError


def load_file(filename: Any, device: Any = "cpu") -> dict:
    """`safetensors.torch.load_file`: the tensors of a file by name."""
    from ..io import load

    found = load(filename)
    if not isinstance(found, dict):
        raise FileError(f"{filename} holds no tensors by name")
    return found if str(device) == "cpu" else {name: tensor.to(device) for name, tensor in found.items()}


def save_file(tensors: dict, filename: Any, metadata: dict | None = None) -> None:
    """`safetensors.torch.save_file`."""
    from ..io import save

    save(tensors, filename, format="safetensors", metadata=metadata)


class _Slice:
    """One tensor of an open file; indexing reads it."""

    def __init__(self, tensor: Any):
        self._tensor = tensor

    def get_shape(self) -> list[int]:
        return list(self._tensor.shape)

    def __getitem__(self, index: Any) -> Any:
        return self._tensor[index]


class safe_open:
    """`with safe_open(path, framework="pt") as f: f.get_tensor(name)`."""

    def __init__(self, filename: Any, framework: str = "pt", device: Any = "cpu"):
        if framework not in ("pt", "torch", "pytorch"):
            raise FileError(f"framework {framework!r} is not available here: use 'pt'")
        self._tensors = load_file(filename, device)
        self._path = filename

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def keys(self) -> list[str]:
        return list(self._tensors)

    def metadata(self) -> dict[str, str]:
        from ..io import open_input, read_listing
        from ..io.access import check

        with open_input(self._path, check) as file:
            return dict(read_listing(file, "safetensors").metadata)

    def get_tensor(self, name: str) -> Any:
        if name not in self._tensors:
            raise FileError(f"the file has no tensor named {name!r}")
        return self._tensors[name]

    def get_slice(self, name: str) -> _Slice:
        return _Slice(self.get_tensor(name))
