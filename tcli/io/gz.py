"""Gzip around any other format: unpacked into memory, with bounds."""

from __future__ import annotations

import zlib

from .limits import MAX_RATIO, check_memory, words
from .source import BytesInput, Input

_STEP = 1 << 20
EXPANDED = 64 << 20  # this much is unpacked whatever the ratio


def unpacked(file: Input) -> Input:
    """The content of a .gz file; its format goes by the name without that ending."""
    parts, size, packed = [], 0, file.all()
    limit = max(EXPANDED, len(packed) * MAX_RATIO)
    check_memory(int.from_bytes(packed[-4:], "little"), "the unpacked file")
    while packed:
        unpacker = zlib.decompressobj(31)
        try:
            part = unpacker.decompress(packed, _STEP)
            while part or (unpacker.unconsumed_tail and not unpacker.eof):
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise file.broken(f"it expands from {words(file.size)} to more than {words(limit)}: that is no "
                                      "honest data", help="unpack it with gunzip if you trust it")
                part = unpacker.decompress(unpacker.unconsumed_tail, _STEP)
        except zlib.error as error:
            raise file.broken(f"the gzip data is damaged: {error}") from None
        if not unpacker.eof:
            raise file.broken("the gzip data is cut short")
        packed = unpacker.unused_data.lstrip(b"\0")  # another part may follow
    found = BytesInput(b"".join(parts), file.name)
    found.plain_name = file.name[:-3] if file.name.lower().endswith(".gz") else file.name
    return found
