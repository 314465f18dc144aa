"""The values of files in parts of bounded size: statistics, checksums and comparisons.

A tensor that lies in the file as it is gets read part by part; a packed one is loaded. Progress goes to
a terminal on stderr, if there is one.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from ..errors import TcliError
from ..io import load_input, open_input, read_listing, recognised, split_name
from ..io.arrays import mapped_array
from ..io.kinds import KINDS
from ..io.source import clean
from ..show.inspect import type_of
from ..show.units import size

PART = 1 << 22  # bytes


class Progress:
    """A bar on stderr for what takes longer than half a second; nothing off the terminal."""

    def __init__(self, total: int):
        self.total, self.done, self.start, self.shown = total, 0, time.monotonic(), 0.0
        self.active = sys.stderr is not None and sys.stderr.isatty()

    def add(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if self.active and now - self.start > 0.5 and now - self.shown > 0.1:
            self.shown = now
            filled = int(30 * self.done / max(1, self.total))
            print(f"\r{'█' * filled}{'░' * (30 - filled)} {size(self.done)} of {size(self.total)}", end="",
                  file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Values:
    """The values of one open file, entry by entry."""

    def __init__(self, file, format: str | None = None):
        self.file, self.kind = recognised(file, format)
        self.format, self.loaded = format, None

    def parts(self, entry):
        """Flat arrays that together are the tensor in C order."""
        if entry.start is not None and entry.dtype in KINDS:
            width = KINDS[entry.dtype].itemsize
            step = PART // width * width
            for at in range(0, entry.nbytes, step):
                count = min(step, entry.nbytes - at)
                data = bytearray(self.file.exactly(entry.start + at, count, f"tensor {clean(entry.name)!r}"))
                yield mapped_array(data, entry.dtype, (count // width,))
            return
        array = np.ascontiguousarray(self._whole(entry)).reshape(-1)
        step = max(1, PART // max(1, array.itemsize))
        for at in range(0, len(array), step):
            yield array[at:at + step]

    def _whole(self, entry) -> np.ndarray:
        if hasattr(self.kind, "load_one"):
            return self.kind.load_one(self.file, entry).detach().cpu_array()
        if self.loaded is None:
            self.loaded = load_input(self.file, self.format)
        value = self.loaded[entry.name] if entry.name and not hasattr(self.loaded, "dtype") else self.loaded
        return value.detach().cpu_array() if hasattr(value, "cpu_array") else np.zeros(0)

    # ------------------------------------------------------------ statistics

    def statistics(self, listing) -> dict[str, dict]:
        """name -> min, max, mean, std, zeros, nan, inf, count of each tensor."""
        progress, found = Progress(listing.nbytes), {}
        for entry in listing.entries:
            try:
                total = Moments()
                for part in self.parts(entry):
                    total.add(part)
                    progress.add(part.nbytes)
                found[entry.name] = total.row()
            except TcliError as error:
                found[entry.name] = {"unread": str(error).rpartition(": ")[2], "count": entry.count}
        progress.close()
        return found

    def hashes(self, listing) -> dict[str, str]:
        """name -> SHA-256 of the values in C order, little-endian."""
        from hashlib import sha256

        found = {}
        for entry in listing.entries:
            total = sha256()
            for part in self.parts(entry):
                total.update(np.ascontiguousarray(part).view(np.uint8).data)
            found[entry.name] = total.hexdigest()
        return found

    def file_hash(self) -> str:
        from hashlib import sha256

        total = sha256()
        for at in range(0, self.file.size, PART):
            total.update(self.file.read(at, min(PART, self.file.size - at)))
        return total.hexdigest()


class Moments:
    """Running count, range, mean and squared deviations; parts combine exactly (Chan et al.)."""

    def __init__(self):
        self.count = self.finite = self.zeros = self.nan = self.inf = 0
        self.low = self.high = None
        self.mean = self.squares = 0.0

    def add(self, part: np.ndarray) -> None:
        self.count += part.size
        if part.dtype.kind == "c":
            part = np.abs(part)
        values = part.astype(np.float64) if part.dtype.kind not in "iu" or part.dtype.itemsize > 4 else part
        self.zeros += int(part.size - np.count_nonzero(values))
        if part.dtype.kind not in "biu":
            values = self._only_finite(values)
        if not values.size:
            return
        low, high = values.min().item(), values.max().item()
        if part.dtype.kind in "iu":
            low, high = int(part.min()), int(part.max())
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        self._combine(values.size, float(values.mean(dtype=np.float64)), values)

    def _only_finite(self, values: np.ndarray) -> np.ndarray:
        good = np.isfinite(values)
        if good.all():
            return values
        nan = int(np.isnan(values).sum())
        self.nan += nan
        self.inf += int(values.size - good.sum()) - nan
        return values[good]

    def _combine(self, count: int, mean: float, values: np.ndarray) -> None:
        deviations = values - mean
        squares = float(np.dot(deviations, deviations))
        total = self.finite + count
        step = mean - self.mean
        self.squares += squares + step * step * self.finite * count / total
        self.mean += step * count / total
        self.finite = total

    def row(self) -> dict:
        std = (self.squares / (self.finite - 1)) ** 0.5 if self.finite > 1 else 0.0
        return {"count": self.count, "min": self.low, "max": self.high, "mean": self.mean if self.finite else None,
                "std": std if self.finite else None, "zeros": self.zeros, "nan": self.nan, "inf": self.inf}


# ---------------------------------------------------------------- comparing

def compare(a: str, b: str, rtol: float, atol: float, keep=None) -> tuple[list[dict], int]:
    """(a row per tensor that differs, how many are the same)."""
    with _opened(a) as first, _opened(b) as second:
        left, right = _entries(first, a, keep), _entries(second, b, keep)
        if len(left) == len(right) == 1 and "" in (next(iter(left)), next(iter(right))):
            right = dict(zip(left, right.values(), strict=True))  # a single tensor without a name
        one, other = Values(first), Values(second)
        rows, same = [], 0
        progress = Progress(sum(entry.nbytes for entry in left.values()))
        for name in [*left, *(name for name in right if name not in left)]:
            row = _row(name, left.get(name), right.get(name), one, other, rtol, atol)
            same += row is None
            rows += [row] if row is not None else []
            progress.add(left[name].nbytes if name in left else 0)
        progress.close()
        return rows, same


def _opened(path: str):
    return open_input(split_name(path)[0])


def _entries(file, path: str, keep) -> dict:
    inner = split_name(path)[1]
    found = {entry.name: entry for entry in read_listing(file).entries}
    if inner is not None:
        if inner not in found:
            raise file.broken(f"there is no tensor {clean(inner)!r}")
        found = {"": found[inner]}
    return {name: entry for name, entry in found.items() if keep is None or keep(name)}


def _row(name: str, left, right, one: Values, other: Values, rtol: float, atol: float) -> dict | None:
    row = {"name": clean(name, 60) or "(the tensor)", "a": type_of(left) if left else None,
           "b": type_of(right) if right else None}
    if left is None or right is None:
        return row | {"kind": "added" if left is None else "removed"}
    if left.shape != right.shape:
        return row | {"kind": "type"}
    worst = Worst(rtol, atol)
    for x, y in _together(one.parts(left), other.parts(right)):
        worst.add(x, y)
    if left.dtype != right.dtype:
        return row | {"kind": "type", "max_abs": worst.top}
    return row | {"kind": "value"} | worst.row(left.shape) if worst.different else None


def _together(first, second):
    """Parts of two tensors cut at the same places."""
    a = b = np.zeros(0)
    while True:
        a = a if len(a) else next(first, None)
        b = b if len(b) else next(second, None)
        if a is None or b is None:
            return
        count = min(len(a), len(b))
        yield a[:count], b[:count]
        a, b = a[count:], b[count:]


class Worst:
    """The largest difference so far, where it is, and how many elements differ."""

    def __init__(self, rtol: float, atol: float):
        self.rtol, self.atol = rtol, atol
        self.at = self.different = self.count = 0
        self.top = self.relative = None
        self.values = ("", "")

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        start, self.count = self.count, self.count + len(x)
        if x.dtype == y.dtype and x.tobytes() == y.tobytes():
            return
        a, b = _wide(x), _wide(y)
        with np.errstate(all="ignore"):
            gap = np.abs(a - b) if a.dtype.kind != "O" else np.abs((a - b).astype(float))
            equal = (a == b) | ((a != a) & (b != b))
            far = ~equal & ~(gap <= self.atol + self.rtol * np.abs(b).astype(float))
            gap = np.where(equal, 0.0, np.where(np.isnan(gap.astype(float)), np.inf, gap.astype(float)))
        self.different += int(far.sum())
        worst = int(gap.argmax())
        if self.top is None or gap[worst] > self.top:
            scale = float(abs(b[worst]))
            self.top, self.at = float(gap[worst]), start + worst
            self.relative = self.top / scale if scale > 0 and self.top < np.inf else None
            self.values = (_shown(x[worst]), _shown(y[worst]))

    def row(self, shape: tuple) -> dict:
        at = [int(i) for i in np.unravel_index(self.at, shape)] if shape else []
        return {"different": self.different, "count": self.count, "at": at, "values": list(self.values),
                "max_abs": self.top if self.top is None or self.top < np.inf else "inf",
                "max_rel": self.relative}


def _shown(value) -> str:
    number = value.item()
    return str(number) if not isinstance(number, float) else f"{number:.9g}"


def _wide(x: np.ndarray) -> np.ndarray:
    """Values in a type where differences are exact enough: large integers as Python's own."""
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        return x.astype(object)
    return x.astype(np.complex128) if x.dtype.kind == "c" else x.astype(np.float64)
