"""Convolutions of stride 1 over flattened padded images.

In a padded image whose rows lie one after the other, the values that one offset of the kernel sees are one
run of memory that begins at that offset: a column is a single copy instead of one short copy per row of the
image. Runs cover the ends of rows too, where no window begins; these places are cut from the results, or
hold zeros in the gradient. Images lie side by side, (channels, images, places), so that a block of them
takes one matrix product. `geometry` is (stride, pads, dilation, groups). No op is declared here.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..engine.blas import one_thread
from .blocks import parallel, several_threads
from .windows import offsets

COLUMNS = 1 << 18  # elements of the columns held at a time
DEEP = 1 << 16  # elements of the images of a block that all offsets of a kernel pass over
WASTE = 1.6  # the most places per window


def fits(array, size: tuple, kernel: tuple, out: tuple, geometry: tuple) -> bool:
    """Whether the way of this file pays: stride 1, rows to join, and few places where no window begins."""
    stride, pads, _, _ = geometry
    if type(array) is not np.ndarray or array.dtype.kind != "f" or len(out) < 2 or any(s != 1 for s in stride):
        return False
    rows = prod(n + low + high for n, (low, high) in zip(size[1:], pads[1:], strict=True))
    return prod(kernel) > 1 and rows <= WASTE * prod(out[1:])


class Layout:
    """Where things lie in flattened padded images."""

    __slots__ = ("full", "groups", "kernel", "length", "out", "pads", "size", "starts", "tail")

    def __init__(self, size: tuple, kernel: tuple, out: tuple, geometry: tuple):
        _, self.pads, dilation, self.groups = geometry
        self.size, self.kernel, self.out = tuple(size), tuple(kernel), tuple(out)
        self.full = tuple(n + low + high for n, (low, high) in zip(size, self.pads, strict=True))
        steps = [prod(self.full[d + 1:]) for d in range(len(size))]
        self.starts = [sum(i * d * s for i, d, s in zip(offset, dilation, steps, strict=True))
                       for offset in offsets(self.kernel)]
        self.length = out[0] * steps[0]
        self.tail = max(0, self.starts[-1] + self.length - prod(self.full))

    def empty_images(self, channels: int, m: int, dtype) -> np.ndarray:
        """Zeros for `m` flattened images, and room behind each for the runs that leave it."""
        return np.zeros((channels, m, prod(self.full) + self.tail), dtype)

    def inside(self, images: np.ndarray) -> np.ndarray:
        """The images without their padding: (channels, m, *size)."""
        whole = images[:, :, :prod(self.full)].reshape(*images.shape[:2], *self.full)
        return whole[(Ellipsis, *(slice(low, low + n) for n, (low, _) in zip(self.size, self.pads, strict=True)))]

    def windows(self, runs: np.ndarray) -> np.ndarray:
        """The places of runs (channels, m, length) where windows begin: (channels, m, *out)."""
        whole = runs.reshape(*runs.shape[:2], self.out[0], *self.full[1:])
        return whole[(Ellipsis, *(slice(0, n) for n in self.out))]

    def padded(self, x: np.ndarray) -> np.ndarray:
        images = self.empty_images(x.shape[1], x.shape[0], x.dtype)
        self.inside(images)[...] = x.swapaxes(0, 1)
        return images

    def spread(self, g: np.ndarray) -> np.ndarray:
        """Gradients as runs, zero where no window begins."""
        runs = np.zeros((g.shape[1], g.shape[0], self.length), g.dtype)
        self.windows(runs)[...] = g.swapaxes(0, 1)
        return runs

    def columns(self, images: np.ndarray, start: int, stop: int) -> np.ndarray:
        """(groups, rows, m * (stop - start)): what the kernel sees at these places."""
        c, m = images.shape[:2]
        cols = np.empty((c, len(self.starts), m, stop - start), images.dtype)
        for i, first in enumerate(self.starts):
            cols[:, i] = images[:, :, first + start:first + stop]
        return cols.reshape(self.groups, c * len(self.starts) // self.groups, -1)

    def blocks(self, n: int, channels: int) -> tuple[int, list]:
        """(images at a time, pieces of their runs) so that the columns stay in cache."""
        rows = channels * len(self.starts)
        if rows * self.length <= COLUMNS:
            return min(n, COLUMNS // (rows * self.length)), [(0, self.length)]
        step = max(256, COLUMNS // rows)
        return 1, [(i, min(i + step, self.length)) for i in range(0, self.length, step)]


def _over_images(n: int, step: int, fn) -> None:
    """`fn(i, j)` for blocks of images i..j on all threads, with one BLAS thread each."""
    count = -(-n // step)

    def one(b: int) -> None:
        fn(b * step, min(n, (b + 1) * step))
    if count == 1 or not several_threads():
        for b in range(count):
            one(b)
        return
    with one_thread:
        parallel(count, one)


def forward(x: np.ndarray, weight: np.ndarray, bias, y: np.ndarray, geometry: tuple) -> None:
    """Writes the convolution into y (N, O, *out)."""
    layout = Layout(x.shape[2:], weight.shape[2:], y.shape[2:], geometry)
    w = weight.reshape(layout.groups, weight.shape[0] // layout.groups, -1)
    step, pieces = layout.blocks(len(x), x.shape[1])
    shift = None if bias is None else bias.reshape(-1, *(1,) * (y.ndim - 1))

    def some(i: int, j: int) -> None:
        images, found = layout.padded(x[i:j]), []
        for start, stop in pieces:
            found.append(np.matmul(w, layout.columns(images, start, stop)).reshape(len(weight), j - i, -1))
        runs = layout.windows(found[0] if len(found) == 1 else np.concatenate(found, 2))
        target = y[i:j].swapaxes(0, 1)
        if shift is None:
            target[...] = runs
        else:
            np.add(runs, shift, out=target)
    _over_images(len(x), step, some)


def backward_input(g: np.ndarray, weight: np.ndarray, size: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of x (N, C, *size)."""
    layout = Layout(size, weight.shape[2:], g.shape[2:], geometry)
    groups, channels = layout.groups, weight.shape[1] * layout.groups
    w = weight.reshape(groups, weight.shape[0] // groups, -1).swapaxes(1, 2)
    x = np.empty((len(g), channels, *size), g.dtype)
    step, pieces = layout.blocks(len(g), channels)

    def some(i: int, j: int) -> None:
        runs = layout.spread(g[i:j])
        images = layout.empty_images(channels, j - i, g.dtype)
        for start, stop in pieces:
            part = runs[:, :, start:stop].reshape(groups, len(weight) // groups, -1)
            cols = np.matmul(w, part).reshape(channels, len(layout.starts), j - i, stop - start)
            for k, first in enumerate(layout.starts):
                images[:, :, first + start:first + stop] += cols[:, k]
        x[i:j] = layout.inside(images).swapaxes(0, 1)
    _over_images(len(g), step, some)
    return x


def backward_weight(g: np.ndarray, x: np.ndarray, kernel: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of the weight (O, C / groups, *kernel)."""
    layout = Layout(x.shape[2:], kernel, g.shape[2:], geometry)
    groups, n_out = layout.groups, g.shape[1]
    step, pieces = layout.blocks(len(x), x.shape[1])
    parts = [None] * -(-len(x) // step)

    def some(i: int, j: int) -> None:
        images, runs, total = layout.padded(x[i:j]), layout.spread(g[i:j]), None
        for start, stop in pieces:
            part = runs[:, :, start:stop].reshape(groups, n_out // groups, -1)
            found = np.matmul(part, layout.columns(images, start, stop).swapaxes(1, 2))
            total = found if total is None else np.add(total, found, out=total)
        parts[i // step] = total
    _over_images(len(x), step, some)
    return sum(parts[1:], parts[0]).reshape(n_out, x.shape[1] // groups, *kernel)


# ---------------------------------------------------------------- a kernel for each channel

def _few_images(layout: Layout, n: int, channels: int) -> int:
    """How many images stay in cache while all offsets of the kernel pass over them."""
    return max(1, min(n, DEEP // max(1, channels * prod(layout.full))))


def forward_depthwise(x: np.ndarray, weight: np.ndarray, y: np.ndarray, geometry: tuple) -> None:
    """Writes the convolution of each channel with its own kernel into y (N, C, *out)."""
    layout = Layout(x.shape[2:], weight.shape[2:], y.shape[2:], geometry)
    factors = weight.reshape(len(weight), -1, 1, 1)

    def some(i: int, j: int) -> None:
        images = layout.padded(x[i:j])
        total = images[:, :, :layout.length] * factors[:, 0]
        scaled = np.empty_like(total)
        for k, first in enumerate(layout.starts[1:], 1):
            total += np.multiply(images[:, :, first:first + layout.length], factors[:, k], out=scaled)
        y[i:j] = layout.windows(total).swapaxes(0, 1)
    _over_images(len(x), _few_images(layout, *x.shape[:2]), some)


def backward_input_depthwise(g: np.ndarray, weight: np.ndarray, size: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of x (N, C, *size)."""
    layout = Layout(size, weight.shape[2:], g.shape[2:], geometry)
    factors = weight.reshape(len(weight), -1, 1, 1)
    x = np.empty((*g.shape[:2], *size), g.dtype)

    def some(i: int, j: int) -> None:
        runs, images = layout.spread(g[i:j]), layout.empty_images(len(weight), j - i, g.dtype)
        scaled = np.empty_like(runs)
        for k, first in enumerate(layout.starts):
            images[:, :, first:first + layout.length] += np.multiply(runs, factors[:, k], out=scaled)
        x[i:j] = layout.inside(images).swapaxes(0, 1)
    _over_images(len(g), _few_images(layout, *g.shape[:2]), some)
    return x


def backward_weight_depthwise(g: np.ndarray, x: np.ndarray, kernel: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of the weight (C, 1, *kernel): one dot product for each image, channel and offset."""
    layout = Layout(x.shape[2:], kernel, g.shape[2:], geometry)
    found = np.empty((len(layout.starts), x.shape[1], len(x)), g.dtype)

    def some(i: int, j: int) -> None:
        images, runs = layout.padded(x[i:j]), layout.spread(g[i:j])
        for k, first in enumerate(layout.starts):
            np.vecdot(images[:, :, first:first + layout.length], runs, found[k, :, i:j])
    _over_images(len(x), _few_images(layout, *x.shape[:2]), some)
    return np.ascontiguousarray(found.sum(2).T).reshape(x.shape[1], 1, *kernel)
