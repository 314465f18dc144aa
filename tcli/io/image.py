"""Photographs and other images through Pillow: (height, width[, channels]), uint8."""

from __future__ import annotations

import os
from warnings import catch_warnings, simplefilter

from .extras import need
from .formats import format
from .limits import check_expansion
from .listing import Entry, Listing
from .source import Input, clean

MAX_PIXELS = 1 << 28


def _opened(file: Input):
    pillow = need("PIL.Image", f"{file.name}: an image of this kind", "pillow")
    try:
        with catch_warnings():  # what Pillow warns of is refused below
            simplefilter("ignore")
            image = pillow.open(file.stream())
    except pillow.DecompressionBombError:
        raise file.broken("the image is too large") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise file.broken(f"it is no image that Pillow knows ({type(error).__name__})") from None
    if image.width * image.height > MAX_PIXELS:
        raise file.broken(f"an image of {image.height} x {image.width} is too large")
    check_expansion(file.size, image.width * image.height * 4, f"{file.name}: the image")
    return image


def _pixels(file: Input):
    """The image, its values read."""
    image = _opened(file)
    try:
        with catch_warnings():
            simplefilter("ignore")
            return image.convert(_mode(image))
    except Exception as error:  # decoders fail in many ways on damaged files
        raise file.broken(f"the image is damaged ({clean(error, 100) or type(error).__name__})") from None


def _mode(image) -> str:
    return image.mode if image.mode in ("L", "RGB", "RGBA") else "RGB"


@format("image", extra="pillow")
class Image:
    """An image as uint8 values."""

    @staticmethod
    def read_header(file: Input) -> Listing:
        image = _opened(file)
        channels = {"L": 1, "RGB": 3, "RGBA": 4}[_mode(image)]
        shape = (image.height, image.width) if channels == 1 else (image.height, image.width, channels)
        return Listing("image", [Entry("", "uint8", shape)])

    @staticmethod
    def load(file: Input):
        import numpy as np

        from ..engine.tensor import from_numpy

        return from_numpy(np.array(_pixels(file), dtype=np.uint8))

    @staticmethod
    def save(value, stream, options=None) -> None:
        from .png import pixels_of

        pillow = need("PIL.Image", "writing this kind of image", "pillow")
        suffix = os.path.splitext((options or {}).get("path", ".png"))[1].lower()
        kind = pillow.registered_extensions().get(suffix, "PNG")
        pillow.fromarray(pixels_of(value)).save(stream, format=kind)


