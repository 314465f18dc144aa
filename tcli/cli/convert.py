"""`tcli convert IN OUT`: a file in another format, with other dtypes and names, or in several parts.

Everything that both formats can hold is kept, metadata included; what the target cannot hold is an error.
"""

from __future__ import annotations

import os

from ..errors import FileError
from ..io import load_input, open_input, read_listing, save, split_name, writer_for
from ..io.source import clean
from .file_options import Choices
from .options import UsageError

_UNITS = {"": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "M": 1 << 20, "MB": 1 << 20, "G": 1 << 30, "GB": 1 << 30,
          "T": 1 << 40, "TB": 1 << 40}


def convert(source: str, target: str, choices: Choices) -> None:
    """Reads `source`, changes what was asked for, writes `target`."""
    from .. import ops  # noqa: F401  (casts and tables are written with them)

    place, name = split_name(source)
    with open_input(place) as file:
        value = load_input(file, choices.in_format, name)
        listing = read_listing(file, choices.in_format)
        metadata = _texts(listing.metadata) if name is None else {}
        value = _changed(value, choices)
        if writer_for(target, choices.to).name == "pt" and not listing.format.startswith("PyTorch"):
            value = _as_state_dict(value)
        if choices.shard:
            return _write_shards(value, target, byte_count(choices.shard, "--shard"), metadata)
        save(value, target, format=choices.to, metadata=metadata or None)


def _as_state_dict(value):
    """Weights by name as PyTorch's state dicts have them: in an OrderedDict."""
    from collections import OrderedDict

    from ..engine.tensor import Tensor

    weights = type(value) is dict and value and all(isinstance(each, Tensor) for each in value.values())
    return OrderedDict(value) if weights else value


def _texts(metadata: dict) -> dict | None:
    return {str(key): value for key, value in metadata.items() if isinstance(value, str)}


def byte_count(text: str, flag: str) -> int:
    """The number of bytes in a text such as 2GB."""
    number = text.rstrip("BKMGTbkmgt")
    unit = _UNITS.get(text[len(number):].upper())
    try:
        found = int(float(number) * unit) if unit else 0
    except (ValueError, OverflowError):
        found = 0
    if found <= 0:
        raise UsageError(f"{flag} takes a size such as 500MB or 2GB, not {text!r}")
    return found


# ---------------------------------------------------------------- changes

def _changed(value, choices: Choices):
    if choices.dtype:
        from ..io.arrays import cast_all

        value = cast_all(value, _dtype_name(choices.dtype))
    if choices.select or choices.rename:
        if not isinstance(value, dict):
            raise FileError("--select and --rename need a file of named tensors, this one holds a single tensor")
        value = _renamed(_selected(_flat(value), choices.select), choices.rename)
    return value


def _dtype_name(text: str) -> str:
    from ..io.kinds import KINDS

    name = {"half": "float16", "float": "float32", "double": "float64", "f16": "float16", "f32": "float32",
            "f64": "float64", "bf16": "bfloat16"}.get(text, text).removeprefix("torch.")
    if name not in KINDS:
        from ..show.suggest import did_you_mean

        hint = did_you_mean(name, KINDS)
        more = f" ({hint})" if hint else ""
        raise UsageError(f"--dtype takes a type such as float16 or bfloat16, not {text!r}{more}")
    return name


def _flat(value: dict) -> dict:
    """Nested dicts by dotted name."""
    if not any(isinstance(each, dict) for each in value.values()):
        return value
    from ..io.arrays import named_tensors

    return named_tensors(value, "one list of names")


def _selected(value: dict, patterns: list[str]) -> dict:
    if not patterns:
        return value
    from .files import matcher

    match = matcher(patterns)
    found = {name: each for name, each in value.items() if match(name)}
    if not found:
        raise FileError(f"no tensor matches {', '.join(map(repr, patterns))}")
    return found


def _renamed(value: dict, rules: list[str]) -> dict:
    import re

    pairs = []
    for rule in rules:
        old, equals, new = rule.partition("=")
        if not equals:
            raise UsageError(f"--rename takes RE=NEW, not {rule!r}")
        try:
            pairs.append((re.compile(old), new))
        except re.error as error:
            raise UsageError(f"the pattern {old!r} is no regular expression: {error.msg}") from None
    found: dict = {}
    for name, each in value.items():
        changed = name
        for pattern, new in pairs:
            try:
                changed = pattern.sub(new, changed)
            except (re.error, IndexError) as error:
                raise UsageError(f"--rename cannot put in {new!r}: {error}") from None
        if changed in found:
            raise FileError(f"two tensors would be called {clean(changed)!r}")
        found[changed] = each
    return found


# ---------------------------------------------------------------- parts

def _write_shards(value, target: str, limit: int, metadata: dict | None) -> None:
    """`model-00001-of-00003.safetensors` and so on, and the index that names them."""
    if not target.endswith(".safetensors"):
        raise UsageError("--shard writes .safetensors files: give OUT that ending")
    from ..io.arrays import named_tensors

    parts, total = [{}], 0
    room = limit
    for name, tensor in named_tensors(value, "safetensors files").items():
        if tensor.nbytes > room and parts[-1]:
            parts.append({})
            room = limit
        parts[-1][name] = tensor
        room -= tensor.nbytes
        total += tensor.nbytes
    stem = target.removesuffix(".safetensors")
    index = {"metadata": {"total_size": total}, "weight_map": {}}
    for number, part in enumerate(parts, 1):
        path = f"{stem}-{number:05}-of-{len(parts):05}.safetensors"
        save(part, path, metadata=metadata or None)
        index["weight_map"].update(dict.fromkeys(part, os.path.basename(path)))
    _write_index(index, target + ".index.json")


def _write_index(index: dict, path: str) -> None:
    from json import dumps

    from ..io.atomic import writing

    with writing(path) as stream:
        stream.write(dumps(index, indent=2, ensure_ascii=False).encode() + b"\n")
