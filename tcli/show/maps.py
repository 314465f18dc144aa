"""Arrays as pictures of characters: heat maps, images, maps of booleans.

Takes NumPy arrays and a `Screen`, gives text. With 24-bit colours an image has two pixels in a cell (`▀`: the upper in
the letter's colour, the lower in the ground's); without colours values become shades of ASCII.
"""

from __future__ import annotations

from .screen import Screen
from .units import figure

SHADES = " .:-=+*#%@"
# Stops of the colour scales: from cold to warm through white for values of both signs, dark to bright for one.
_DIVERGING = ((33, 60, 140), (90, 140, 200), (245, 245, 245), (220, 110, 80), (140, 20, 30))
_RISING = ((25, 15, 60), (60, 80, 140), (40, 140, 140), (120, 200, 90), (250, 230, 60))


def heat(values, screen: Screen) -> str:
    """A matrix (rows, columns) as cells of two characters, shrunk to the screen by means; the scale stands below."""
    import numpy as np

    values = np.atleast_2d(np.asarray(values, np.float64))
    if not values.size:
        return "empty"
    small = shrink(values, max(1, screen.height - 3), max(1, screen.width // 2))
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "no finite values"
    low, high = float(finite.min()), float(finite.max())
    both = low < 0 < high
    bound = max(-low, high)
    start, stop = (-bound, bound) if both else (low, high)
    rows = [[_cell(each, start, stop, both, screen) for each in row] for row in small.tolist()]
    note = "" if small.shape == values.shape else f"  means of {values.shape[0]} x {values.shape[1]}"
    return "\n".join("".join(row).rstrip() for row in rows) + f"\n{_scale(start, stop, both, screen)}{note}"


def _cell(value: float, low: float, high: float, both: bool, screen: Screen) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return screen.paint("??" if value != value else "!!", "31")
    place = 0.5 if high == low else (value - low) / (high - low)
    if screen.color == "none":
        return SHADES[min(9, int(place * 10))] * 2
    if screen.color == "basic":
        return screen.paint("██", _basic(place, both))
    return screen.shade("  ", *_between(_DIVERGING if both else _RISING, place), back=True)


def _basic(place: float, both: bool) -> str:
    codes = ("34", "36", "37", "33", "31") if both else ("30", "34", "36", "32", "33")
    return codes[min(4, int(place * 5))]


def _between(stops: tuple, place: float) -> tuple[int, int, int]:
    """The colour at `place` (0 to 1) of a scale."""
    at = min(max(place, 0.0), 1.0) * (len(stops) - 1)
    first = min(int(at), len(stops) - 2)
    share = at - first
    return tuple(round(a + (b - a) * share) for a, b in zip(stops[first], stops[first + 1], strict=True))


def _scale(low: float, high: float, both: bool, screen: Screen) -> str:
    cells = "".join(_cell(low + (high - low) * i / 9, low, high, both, screen) for i in range(10))
    return f"{figure(low)} {cells} {figure(high)}"


def shrink(values, rows: int, columns: int):
    """At most `rows` x `columns` values: means of blocks, over what is finite."""
    import numpy as np

    for dim, most in ((0, rows), (1, columns)):
        if values.shape[dim] > most:
            edges = np.linspace(0, values.shape[dim], most + 1).astype(int)[:-1]
            good = np.isfinite(values)
            total = np.add.reduceat(np.where(good, values, 0.0), edges, axis=dim)
            count = np.add.reduceat(good.astype(np.float64), edges, axis=dim)
            with np.errstate(invalid="ignore"):
                values = total / np.where(count > 0, count, np.nan)
    return values


# ---------------------------------------------------------------- images

def image(pixels, screen: Screen) -> str:
    """(H, W) or (H, W, 3) numbers from 0 to 1, fitted to the width of the screen."""
    import numpy as np

    height, width = pixels.shape[:2]
    columns = min(width, screen.width)
    rows = max(1, round(height * columns / width))
    limit = 2 * max(4, screen.height - 2)
    if rows > limit:
        rows, columns = limit, max(1, round(width * limit / height))
    color = screen.color == "true"
    planes = pixels if pixels.ndim == 3 else pixels[..., None]
    if not color:
        planes, rows = _luminance(planes), max(1, rows // 2)
    small = np.stack([_sampled(planes[..., i], rows, columns) for i in range(planes.shape[2])], -1).clip(0, 1)
    if not color:
        return "\n".join("".join(SHADES[min(9, int(v * 10))] for v in row).rstrip() for row in small[..., 0].tolist())
    dots = (np.broadcast_to(small, (rows, columns, 3)) * 255).round().astype(int).tolist()
    lines = []
    for y in range(0, rows, 2):
        lower = dots[y + 1] if y + 1 < rows else [None] * columns
        lines.append("".join(_two(a, b) for a, b in zip(dots[y], lower, strict=True)) + "\x1b[0m")
    return "\n".join(lines)


def _two(upper: list, lower: list | None) -> str:
    ground = "" if lower is None else f"\x1b[48;2;{lower[0]};{lower[1]};{lower[2]}m"
    return f"\x1b[38;2;{upper[0]};{upper[1]};{upper[2]}m{ground}▀"


def _luminance(planes):
    """ITU-R BT.601: how bright a colour looks."""
    return planes if planes.shape[2] == 1 else (planes[..., :3] @ [0.299, 0.587, 0.114])[..., None]


def _sampled(plane, rows: int, columns: int):
    """Means where the image is larger, the nearest pixel where it is smaller."""
    import numpy as np

    plane = shrink(plane.astype(np.float64), rows, columns)
    at = [np.minimum((np.arange(n) + 0.5) * size / n, size - 1).astype(int) for n, size in
          ((rows, plane.shape[0]), (columns, plane.shape[1]))]
    return np.nan_to_num(plane[np.ix_(*at)])


def booleans(values, screen: Screen) -> list[str]:
    """A matrix of booleans: a block for each True, a dot for each False."""
    on = screen.paint("█", "32")
    return ["".join(on if each else "·" for each in row) for row in values.tolist()]
