"""Photographs and other images through Pillow: (height, width[, channels]), uint8."""

from __future__ import annotations

import os

from .extras import need
from .formats import format
from .limits import check_memory
from .listing import Entry, Listing
from .source import Input

MAX_PIXELS = 1 << 28


def _opened(file: Input):
    pillow = need("PIL.Image", f"{file.name}: an image of this kind", "pillow")
    try:
        image = pillow.open(file.stream())
    except (OSError, ValueError, SyntaxError) as error:
        raise file.broken(f"it is no image that Pillow knows ({type(error).__name__})") from None
    if image.width * image.height > MAX_PIXELS:
        raise file.broken(f"an image of {image.height} x {image.width} is too large")
    check_memory(image.width * image.height * 4, f"{file.name}: the image")
    return image if image.mode in ("L", "RGB", "RGBA") else image.convert("RGB")


@format("image", extra="pillow")
class Image:
    """An image as uint8 values."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        image = _opened(file)
        channels = len(image.getbands())
        shape = (image.height, image.width) if channels == 1 else (image.height, image.width, channels)
        return Listing("image", [Entry("", "uint8", shape)])

    @staticmethod
    def load(file: Input):
        import numpy as np

        from ..engine.tensor import from_numpy

        return from_numpy(np.array(_opened(file), dtype=np.uint8))

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .png import pixels_of

        pillow = need("PIL.Image", "writing this kind of image", "pillow")
        suffix = os.path.splitext((options or {}).get("path", ".png"))[1].lower()
        kind = pillow.registered_extensions().get(suffix, "PNG")
        pillow.fromarray(pixels_of(value)).save(stream, format=kind)


