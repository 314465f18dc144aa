"""PNG images of 8 or 16 bits a channel: (height, width) for gray, else (height, width, channels).

Read and written here with zlib alone; palettes, interlaced ones and other depths need Pillow.
"""

from __future__ import annotations

import zlib

from .formats import format
from .limits import check_expansion
from .listing import Entry, Listing
from .source import Input

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # colour type -> channels
_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}
MAX_SIDE = 1 << 20


class _Image:
    __slots__ = ("channels", "data", "depth", "height", "plain", "width")


def _chunks(file: Input):
    """(kind, data) of each chunk up to IEND; checksums are held."""
    if file.head(8) != SIGNATURE:
        raise file.broken("these are no PNG bytes")
    at = 8
    while True:
        head = file.exactly(at, 8, "a PNG chunk")
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        data = file.exactly(at + 8, size + 4, "a PNG chunk")
        if zlib.crc32(kind + data[:-4]) != int.from_bytes(data[-4:], "big"):
            raise file.broken(f"the PNG chunk at byte {at} is damaged: its checksum does not fit")
        yield kind, data[:-4]
        if kind == b"IEND":
            return
        at += 12 + size


def _read(file: Input, values: bool) -> _Image:
    image, parts = _Image(), []
    for number, (kind, data) in enumerate(_chunks(file)):
        if number == 0:
            if kind != b"IHDR" or len(data) != 13:
                raise file.broken("the PNG does not begin with its header")
            _header(file, image, data)
            if not values:
                return image
        elif kind == b"IDAT":
            parts.append(data)
    image.data = b"".join(parts)
    return image


def _header(file: Input, image: _Image, data: bytes) -> None:
    image.width, image.height = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    image.depth, colour, packing, filtering, interlaced = data[8:13]
    if not (0 < image.width <= MAX_SIDE and 0 < image.height <= MAX_SIDE):
        raise file.broken(f"an image of {image.height} x {image.width} is no image")
    image.channels = _CHANNELS.get(colour, 3)
    image.plain = colour in _CHANNELS and image.depth in (8, 16) and not (packing or filtering or interlaced)


def _shape(image: _Image) -> tuple:
    return (image.height, image.width) if image.channels == 1 else (image.height, image.width, image.channels)


@format("png", magic=SIGNATURE)
class Png:
    """An image as uint8 (or uint16) values."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        image = _read(file, False)
        return Listing("png", [Entry("", "uint16" if image.depth == 16 else "uint8", _shape(image))])

    @staticmethod
    def load(file: Input):
        image = _read(file, True)
        if not image.plain:
            from .image import Image

            return Image.load(file)
        return _pixels(file, image)

    @staticmethod
    def save(value, stream, options=None) -> None:
        stream.write(encoded(value))


def _pixels(file: Input, image: _Image):
    import numpy as np

    from ..engine.tensor import from_numpy

    step = image.channels * image.depth // 8
    row = image.width * step
    size = image.height * (row + 1)
    check_expansion(len(image.data), size, f"{file.name}: the image")
    try:
        raw = zlib.decompressobj().decompress(image.data, size + 1)
    except zlib.error as error:
        raise file.broken(f"the PNG data is damaged: {error}") from None
    if len(raw) != size:
        raise file.broken(f"the image has {len(raw)} bytes, its size asks for {size}")
    lines = np.frombuffer(raw, np.uint8).reshape(image.height, row + 1)
    found = _unfiltered(np, file, lines[:, 0], lines[:, 1:].reshape(image.height, -1, step).copy())
    if image.depth == 16:
        found = found.reshape(-1).view(">u2").astype(np.uint16)
    return from_numpy(np.ascontiguousarray(found.reshape(_shape(image))))


def _unfiltered(np, file: Input, filters, pixels):
    """Undoes the prediction of each row: from the left, from above, from their mean, or Paeth's."""
    above = np.zeros_like(pixels[0])
    for i, kind in enumerate(filters.tolist()):
        line = pixels[i]
        if kind == 1:
            np.add.accumulate(line, axis=0, dtype=np.uint8, out=line)
        elif kind == 2:
            line += above
        elif kind in (3, 4):
            _predicted(line, above, kind)
        elif kind:
            raise file.broken(f"row {i} has the filter {kind}, which PNG does not know")
        above = line
    return pixels


def _predicted(line, above, kind: int) -> None:
    """Each byte depends on the one before: a loop in Python over plain lists."""
    rows, up = line.tolist(), above.tolist()
    step = len(rows[0])
    left, corner = [0] * step, [0] * step
    for pixel, over in zip(rows, up, strict=True):
        for k in range(step):
            a, b = left[k], over[k]
            if kind == 3:
                guess = (a + b) >> 1
            else:
                c = corner[k]
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                guess = a if pa <= pb and pa <= pc else b if pb <= pc else c
            pixel[k] = (pixel[k] + guess) & 255
        left, corner = pixel, over
    line[:] = rows


def pixels_of(value):
    """An array of bytes (height, width[, channels]); floats are taken as 0..1."""
    import numpy as np

    from ..errors import FileError
    from .arrays import one_tensor, prepared
    from .kinds import KINDS

    array, dtype = prepared(one_tensor(value, "an image"), "an image", KINDS.keys() - {"complex32", "complex64", "complex128"})
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 2, 3, 4):
        array = array.transpose(1, 2, 0)  # PyTorch's channels first
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in _COLOUR) or not array.size:
        raise FileError(f"a tensor of shape {list(array.shape)} is no image",
                        help="(height, width) or (height, width, 3)")
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        if array.dtype.kind in "bi":
            array = np.clip(array, 0, 1 if array.dtype.kind == "b" else 255) * (255 if array.dtype.kind == "b" else 1)
        else:
            array = np.rint(np.clip(np.nan_to_num(array.astype(np.float64)), 0, 1) * 255)
        array = array.astype(np.uint8)
    return np.ascontiguousarray(array)


def encoded(value) -> bytes:
    """The bytes of a PNG."""
    import numpy as np

    array = pixels_of(value)
    channels = 1 if array.ndim == 2 else array.shape[2]
    height, width = array.shape[:2]
    raw = array.astype(">u2").view(np.uint8) if array.dtype.itemsize == 2 else array
    lines = np.zeros((height, raw.size // height + 1), np.uint8)
    lines[:, 1:] = raw.reshape(height, -1)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(
        (8 * array.dtype.itemsize, _COLOUR[channels], 0, 0, 0))
    return SIGNATURE + b"".join(_chunk(*each) for each in (
        (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
