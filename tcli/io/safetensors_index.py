"""`*.index.json`: a checkpoint in several files, read as if it were one."""

from __future__ import annotations

from .formats import detect, format
from .listing import Entry, Listing
from .safetensors import shards_of
from .source import Input, PathInput, clean


def _listings(file: Input) -> tuple[dict, dict, dict]:
    """(tensor name -> file, file -> {name: entry}, metadata)."""
    places, metadata = shards_of(file)
    found = {}
    for path in dict.fromkeys(places.values()):
        with PathInput(path) as part:
            found[path] = {entry.name: entry for entry in detect(part).read_header(part).entries}
    for name, path in places.items():
        if name not in found[path]:
            raise file.broken(f"tensor {clean(name)!r} is not in {clean(path, 200)}, where the index says it is")
    return places, found, metadata


@format("safetensors-index")
class Index:
    """Tensors by name, from the files that the index names."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        places, found, metadata = _listings(file)
        # The values lie in other files than the one that is read.
        entries = [Entry(name, part.dtype, part.shape, part.nbytes, source=(path, part))
                   for name, path in places.items() for part in (found[path][name],)]
        return Listing("safetensors index", entries, metadata, notes=[f"{len(found)} files"])

    @staticmethod
    def load(file: Input):
        places, found, _ = _listings(file)
        loaded = {}
        for path in found:
            with PathInput(path) as part:
                loaded[path] = detect(part).load(part)
        return {name: loaded[path][name] for name, path in places.items()}

    @staticmethod
    def load_one(file: Input, entry: Entry):
        path, inner = entry.source
        with PathInput(path) as part:
            return detect(part).load_one(part, inner)
