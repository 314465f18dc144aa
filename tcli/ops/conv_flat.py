"""Convolutions of stride 1 over images that lie one after the other in memory.

Padding is shared: behind each row, and behind each image, stand as many zeros as the wider side of its padding
has. What one offset of the kernel sees of all windows is then one run of memory that begins at that offset. Runs
cover the zeros too, where no window begins; these places are cut from the results, or hold zeros in the gradient.

The offsets of a kernel are split: inner ones become rows of columns, one copy each, outer ones are matrix products
with the same columns, further along, that are added up. Work goes over units of whole images, or of bands of rows
of one image, whose buffers stay in cache. Units follow from the shapes alone. `geometry` is (stride, pads,
dilation, groups). No op is declared here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ..engine import blas
from .windows import offsets

CACHE = 1 << 19  # elements of the buffers of a unit
DEEP = 1 << 18  # elements per buffer where few passes of arithmetic go over each
FEW = 1 << 20  # multiplications that are not worth a second unit
WASTE = 1.6  # the most places per window
PARTS = 8  # sums of weight gradients that are held at a time


def fits(array, size: tuple, kernel: tuple, out: tuple, geometry: tuple) -> bool:
    """Whether the way of this file pays: stride 1, narrow padding, and few places where no window begins."""
    stride, pads, dilation, _ = geometry
    if type(array) is not np.ndarray or array.dtype.kind != "f" or any(s != 1 for s in stride) or prod(kernel) == 1:
        return False
    if any(max(pad) > d * (k - 1) for pad, d, k in zip(pads, dilation, kernel, strict=True)):
        return False
    return prod(n + max(pad) for n, pad in zip(size[1:], pads[1:], strict=True)) <= WASTE * prod(out[1:])


class Layout:
    """Where things lie in images that follow each other."""

    def __init__(self, size: tuple, kernel: tuple, out: tuple, geometry: tuple):
        _, self.pads, dilation, self.groups = geometry
        self.size, self.kernel, self.out = tuple(size), tuple(kernel), tuple(out)
        self.spaced = tuple(n + max(pad) for n, pad in zip(size, self.pads, strict=True))
        self.steps = [prod(self.spaced[d + 1:]) for d in range(len(size))]
        self.shifts = [d * s for d, s in zip(dilation, self.steps, strict=True)]
        self.reach = dilation[0] * (kernel[0] - 1)
        self.low = sum(low * s for (low, _), s in zip(self.pads[1:], self.steps[1:], strict=True))

    def starts(self, first: int, last: int) -> list:
        """Where the offsets along dims first..last of the kernel begin."""
        shifts = self.shifts[first:last]
        return [sum(i * s for i, s in zip(offset, shifts, strict=True)) for offset in offsets(self.kernel[first:last])]

    def split(self, channels: int, n_out: int) -> int:
        """How many dims of the kernel are outer ones: what costs the fewest copies and additions."""
        def passes(s: int) -> int:
            inner = prod(self.kernel[s:])
            return inner * channels * (inner > 1) + (prod(self.kernel[:s]) - 1) * n_out
        deep = [s for s in range(len(self.kernel) + 1) if prod(self.kernel[s:]) * channels >= 16 * self.groups]
        return min(deep, key=passes, default=0)

    def units(self, n: int, per_place: int, work: int) -> list:
        """(first image, end, first row, end): what is done at a time with buffers of `per_place` elements a place."""
        places = max(1, CACHE // per_place)
        image, height = prod(self.spaced), self.out[0]
        if image > places:
            rows = max(1, places // self.steps[0])
            rows = -(-height // -(-height // rows))
            return [(i, i + 1, r, min(r + rows, height)) for i in range(n) for r in range(0, height, rows)]
        count = max(-(-n // (places // image)), 2 if n > 1 and work * n > FEW else 1)
        step = -(-n // count)
        return [(i, min(i + step, n), 0, height) for i in range(0, n, step)]


class Unit:
    """Some images, or some rows of one: the runs of its windows."""

    def __init__(self, layout: Layout, where: tuple):
        self.layout, (self.i, self.j, self.r, self.end) = layout, where
        self.m, self.height = self.j - self.i, self.end - self.r
        self.rows = layout.spaced[0] if self.m > 1 else self.height + layout.reach
        self.whole = self.m * self.rows * layout.steps[0]
        inner = sum((n - 1) * s for n, s in zip(layout.out[1:], layout.steps[1:], strict=True))
        self.length = ((self.m - 1) * self.rows + self.height - 1) * layout.steps[0] + inner + 1

    def images(self, x: np.ndarray) -> np.ndarray:
        """What the windows see of x (N, C, *size): one line per channel, zeros between."""
        layout = self.layout
        low = layout.pads[0][0]
        a, b = max(0, self.r - low), min(layout.size[0], self.end - low + layout.reach)
        reach = sum(s * (k - 1) for s, k in zip(layout.shifts, layout.kernel, strict=True))
        lines = np.zeros((x.shape[1], max(layout.low + self.whole, self.length + reach)), x.dtype)
        if b > a:
            grid = lines[:, layout.low:layout.low + self.whole].reshape(len(lines), self.m, self.rows, *layout.spaced[1:])
            top = a - (self.r - low)
            grid[(slice(None), slice(None), slice(top, top + b - a), *map(slice, layout.size[1:]))] = \
                x[self.i:self.j, :, a:b].swapaxes(0, 1)
        return lines

    def windows(self, lines: np.ndarray) -> np.ndarray:
        """The places of lines (channels, whole) where windows begin: (channels, m, *out)."""
        grid = lines.reshape(len(lines), self.m, self.rows, *self.layout.spaced[1:])
        return grid[(slice(None), slice(None), slice(self.height), *map(slice, self.layout.out[1:]))]

    def of(self, y: np.ndarray) -> np.ndarray:
        """What y (N, O, *out) holds of this unit, channels first."""
        return y[self.i:self.j, :, self.r:self.end].swapaxes(0, 1)

    def spread(self, g: np.ndarray) -> np.ndarray:
        """Gradients as runs, zero where no window begins."""
        lines = np.zeros((g.shape[1], self.whole), g.dtype)
        self.windows(lines)[...] = self.of(g)
        return lines[:, :self.length]

    def columns(self, images: np.ndarray, starts: list, groups: int, reach: int) -> np.ndarray:
        """(groups, rows, length + reach): what these offsets of the kernel see, and what is seen further along."""
        n = self.length + reach
        if len(starts) == 1:
            return images[:, :n].reshape(groups, -1, n) if groups == 1 else np.stack(np.split(images[:, :n], groups))
        cols = np.empty((len(images), len(starts), n), images.dtype)
        for k, start in enumerate(starts):
            cols[:, k] = images[:, start:start + n]
        return cols.reshape(groups, -1, n)


def over_units(units: Sequence, fn: Callable[[int], object], work: int = 0) -> None:
    """`fn(u)` for the numbers of units on all threads, with one BLAS thread each; a lone unit of much `work` has all."""
    from ..engine import threads

    if len(units) == 1:
        with blas.threads_for(work):
            fn(0)
        return
    with blas.one_thread:
        threads.parallel(len(units), fn)


def forward(x: np.ndarray, weight: np.ndarray, bias, y: np.ndarray, geometry: tuple) -> None:
    """Writes the convolution into y (N, O, *out)."""
    layout = Layout(x.shape[2:], weight.shape[2:], y.shape[2:], geometry)
    groups, channels, n_out = layout.groups, x.shape[1], len(weight)
    s = layout.split(channels, n_out)
    outer, inner = layout.starts(0, s), layout.starts(s, len(layout.kernel))
    # (outer offsets, groups, channels of a group, inputs of a group)
    w = np.ascontiguousarray(weight.reshape(groups, n_out // groups, -1, len(outer), len(inner)).transpose(3, 0, 1, 2, 4))
    w = w.reshape(len(outer), groups, n_out // groups, -1)
    work = weight.size * prod(layout.out)
    units = layout.units(len(x), channels * (1 + len(inner)) + 2 * n_out, work)

    def one(u: int) -> None:
        unit = Unit(layout, units[u])
        cols = unit.columns(unit.images(x), inner, groups, outer[-1])
        lines = np.empty((n_out, unit.whole), y.dtype)
        total = lines[:, :unit.length].reshape(groups, n_out // groups, -1)
        np.matmul(w[0], cols[:, :, :unit.length], out=total)
        if len(outer) > 1:
            part = np.empty(total.shape, y.dtype)
            for k, start in enumerate(outer[1:], 1):
                total += np.matmul(w[k], cols[:, :, start:start + unit.length], out=part)
        if bias is not None:
            lines[:, :unit.length] += bias[:, None]
        unit.of(y)[...] = unit.windows(lines)
    over_units(units, one, work * len(x))


def backward_input(g: np.ndarray, weight: np.ndarray, size: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of x (N, C, *size): g correlated with the mirrored kernels, from outputs to inputs."""
    groups = geometry[3]
    mirrored = np.flip(weight, tuple(range(2, weight.ndim)))
    turned = mirrored.reshape(groups, len(weight) // groups, *weight.shape[1:]).swapaxes(1, 2)
    turned = turned.reshape(groups * weight.shape[1], -1, *weight.shape[2:])
    x = np.empty((len(g), len(turned), *size), g.dtype)
    forward(g, turned, None, x, _mirrored(weight.shape[2:], geometry))
    return x


def _mirrored(kernel: tuple, geometry: tuple) -> tuple:
    """The geometry in which gradients go back: padding becomes what the kernel reaches beyond it."""
    stride, pads, dilation, groups = geometry
    back = tuple((d * (k - 1) - low, d * (k - 1) - high) for (low, high), d, k in zip(pads, dilation, kernel, strict=True))
    return stride, back, dilation, groups


def summed(units: Sequence, part_of: Callable[[int], np.ndarray], work: int = 0) -> np.ndarray:
    """The sum of the arrays of all units, in an order that does not depend on threads."""
    step = -(-len(units) // PARTS)
    starts = range(0, len(units), step)
    parts: list = [None] * len(starts)

    def some(p: int) -> None:
        total = part_of(starts[p])
        for u in range(starts[p] + 1, min(starts[p] + step, len(units))):
            total += part_of(u)
        parts[p] = total
    over_units(parts, some, work)
    for part in parts[1:]:
        parts[0] += part
    return parts[0]


def backward_weight(g: np.ndarray, x: np.ndarray, kernel: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of the weight (O, C / groups, *kernel)."""
    layout = Layout(x.shape[2:], kernel, g.shape[2:], geometry)
    groups, channels, n_out = layout.groups, x.shape[1], g.shape[1]
    s = layout.split(channels, n_out)
    outer, inner = layout.starts(0, s), layout.starts(s, len(layout.kernel))
    work = n_out * channels // groups * prod(kernel) * prod(layout.out)
    units = layout.units(len(x), channels * (1 + len(inner)) + n_out, work)

    def part(u: int) -> np.ndarray:
        unit = Unit(layout, units[u])
        cols = unit.columns(unit.images(x), inner, groups, outer[-1])
        runs = unit.spread(g).reshape(groups, n_out // groups, -1).swapaxes(1, 2)
        found = np.empty((len(outer), groups, cols.shape[1], n_out // groups), g.dtype)
        for k, start in enumerate(outer):
            np.matmul(cols[:, :, start:start + unit.length], runs, out=found[k])
        return found
    total = summed(units, part, work * len(x)).reshape(len(outer), groups, channels // groups, len(inner), -1)
    return np.ascontiguousarray(total.transpose(1, 4, 2, 0, 3)).reshape(n_out, channels // groups, *kernel)


# ---------------------------------------------------------------- a kernel for each channel

def _units_of_channels(layout: Layout, n: int, channels: int) -> list:
    return layout.units(n, max(1, channels * CACHE // DEEP), channels * prod(layout.kernel) * prod(layout.out))


def forward_depthwise(x: np.ndarray, weight: np.ndarray, y: np.ndarray, geometry: tuple) -> None:
    """Writes the convolution of each channel with its own kernel into y (N, C, *out)."""
    layout = Layout(x.shape[2:], weight.shape[2:], y.shape[2:], geometry)
    factors, starts = weight.reshape(len(weight), -1, 1), layout.starts(0, len(layout.kernel))
    units = _units_of_channels(layout, len(x), len(weight))

    def one(u: int) -> None:
        unit = Unit(layout, units[u])
        images, lines = unit.images(x), np.empty((len(weight), unit.whole), y.dtype)
        total = np.multiply(images[:, :unit.length], factors[:, 0], out=lines[:, :unit.length])
        scaled = np.empty_like(total)
        for k, first in enumerate(starts[1:], 1):
            total += np.multiply(images[:, first:first + unit.length], factors[:, k], out=scaled)
        unit.of(y)[...] = unit.windows(lines)
    over_units(units, one)


def backward_input_depthwise(g: np.ndarray, weight: np.ndarray, size: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of x (N, C, *size)."""
    x = np.empty((*g.shape[:2], *size), g.dtype)
    mirrored = np.ascontiguousarray(np.flip(weight, tuple(range(2, weight.ndim))))
    forward_depthwise(g, mirrored, x, _mirrored(weight.shape[2:], geometry))
    return x


def backward_weight_depthwise(g: np.ndarray, x: np.ndarray, kernel: tuple, geometry: tuple) -> np.ndarray:
    """The gradient of the weight (C, 1, *kernel): one dot product for each channel and offset."""
    layout = Layout(x.shape[2:], kernel, g.shape[2:], geometry)
    starts, units = layout.starts(0, len(layout.kernel)), _units_of_channels(layout, *x.shape[:2])

    def part(u: int) -> np.ndarray:
        unit = Unit(layout, units[u])
        images, runs = unit.images(x), unit.spread(g)
        found = np.empty((len(starts), len(images)), g.dtype)
        for k, first in enumerate(starts):
            np.vecdot(images[:, first:first + unit.length], runs, found[k])
        return found
    return np.ascontiguousarray(summed(units, part).T).reshape(x.shape[1], 1, *kernel)
