"""Convolutions of stride 1 by matrix products over columns that are runs of memory.

What one offset of the kernel along the last dims sees of all rows of an image is a column. Where the result is as wide
as the image, a column is the image itself, moved by some places, with zeros at the edges: one copy of a long run.
What an offset along the first dim sees are the same columns some rows further along, so that dim needs no copies:
there is one matrix product for each of its offsets, and these are added up. Where channels are few its offsets
become columns as well, for products of a handful of terms are slow; not so where each channel has a kernel of its own
and products are sums of a few lines.

Work goes over units of whole images, or of bands of rows of one image, whose buffers stay in cache. Units follow from
the shapes alone. `geometry` is (stride, pads, dilation, groups). No op is declared here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from ..engine import blas
from .windows import offsets

CACHE = 1 << 20  # elements of the buffers of a unit
FEW = 1 << 23  # multiplications that are not worth a second unit
DEEP = 32  # terms of a product from which more of them gain little
PARTS = 8  # sums of weight gradients that are held at a time


def fits(array, geometry: tuple) -> bool:
    """Whether the way of this file is open: stride 1, on the CPU."""
    return type(array) is np.ndarray and array.dtype.kind == "f" and all(s == 1 for s in geometry[0])


class Layout:
    """Where things lie in images and their columns."""

    def __init__(self, size: tuple, kernel: tuple, out: tuple, geometry: tuple):
        _, pads, dilation, self.groups = geometry
        self.size, self.out, self.low = tuple(size), tuple(out), pads[0][0]
        self.step = prod(out[1:])  # places of a row
        self.reach = dilation[0] * (kernel[0] - 1)
        self.starts = [i * dilation[0] * self.step for i in range(kernel[0])]
        self.moves = [tuple(i * d - low for i, d, (low, _) in zip(offset, dilation[1:], pads[1:], strict=True))
                      for offset in offsets(tuple(kernel[1:]))]
        self.as_wide = self.size[1:] == self.out[1:]
        self.as_it_is = self.as_wide and self.moves == [(0,) * len(size[1:])] and self.size[0] == self.out[0] + self.reach

    def units(self, n: int, per_place: int, per_image: int, work: int) -> list:
        """(first image, end, first row, end): what is done at a time, with so many elements of buffers."""
        height = self.out[0]
        image = per_place * (height + self.reach) * self.step + per_image
        if image > CACHE:
            rows = max(1, self.reach, (CACHE - per_image) // (per_place * self.step) - self.reach)
            rows = -(-height // -(-height // rows))
            return [(i, i + 1, r, min(r + rows, height)) for i in range(n) for r in range(0, height, rows)]
        count = -(-n // (CACHE // max(image, 1))) if image else 1
        if n > 1 and work * n > FEW:
            count += count % 2  # so that two threads have as much to do
        step = -(-n // max(count, 1))
        return [(i, min(i + step, n), 0, height) for i in range(0, n, step)]

    def columns(self, x: np.ndarray, unit: tuple, ones: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """What the offsets along the last dims see, zeros beyond the edges: (images, groups, channels, offsets, places),
        and the same as (images, groups, lines, places) with so many lines of ones behind those of a group."""
        i, j, r, end = unit
        x = x.reshape(len(x), self.groups, -1, *self.size)
        first, last = r - self.low, end - self.low + self.reach
        a, b = min(max(0, first), self.size[0]), max(0, min(self.size[0], last))
        if self.as_it_is and not ones:
            lines = x[i:j, :, :, a:b].reshape(j - i, self.groups, x.shape[2], -1)
            return lines[:, :, :, None], lines
        count = x.shape[2] * len(self.moves)
        lines = np.empty((j - i, self.groups, count + ones, (last - first) * self.step), x.dtype)
        lines[:, :, count:] = 1
        cols = lines[:, :, :count].reshape(j - i, self.groups, x.shape[2], len(self.moves), -1)
        top, bottom = ((a - first) * self.step, (b - first) * self.step) if b > a else (0, 0)
        cols[..., :top] = 0
        cols[..., bottom:] = 0
        for k, moves in enumerate(self.moves if b > a else ()):
            self._fill(cols[:, :, :, k, top:bottom], x[i:j, :, :, a:b], moves)
        return cols, lines

    def _fill(self, column: np.ndarray, x: np.ndarray, moves: tuple) -> None:
        """Writes what is seen `moves` places further along each of the last dims."""
        grid = column.reshape(*x.shape[:4], *self.out[1:])
        inside = [(lo, max(lo, min(n, m - o))) for o, n, m, lo in
                  ((o, n, m, min(n, max(0, -o))) for o, n, m in zip(moves, self.out[1:], self.size[1:], strict=True))]
        if self.as_wide:
            run = x.reshape(*x.shape[:3], -1)
            ahead, n = sum(o * prod(self.size[d + 2:]) for d, o in enumerate(moves)), run.shape[3]
            if abs(ahead) < n:
                column[..., max(0, -ahead):n - max(0, ahead)] = run[..., max(0, ahead):n + min(0, ahead)]
        else:
            grid[(..., *(slice(lo, hi) for lo, hi in inside))] = \
                x[(..., *(slice(lo + o, hi + o) for (lo, hi), o in zip(inside, moves, strict=True)))]
        for d, (lo, hi) in enumerate(inside):
            rest = (slice(None),) * (len(inside) - 1 - d)
            if lo:
                grid[(..., slice(lo), *rest)] = 0
            if hi < self.out[d + 1]:
                grid[(..., slice(hi, None), *rest)] = 0

    def runs(self, y: np.ndarray, unit: tuple) -> np.ndarray:
        """What y (N, O, *out) holds of a unit: (images, groups, channels of a group, places)."""
        i, j, r, end = unit
        lines = y.reshape(len(y), self.groups, -1, self.out[0] * self.step)
        return lines[i:j, :, :, r * self.step:end * self.step]


class Products(Layout):
    """The matrix products whose sum is a convolution: one for each offset along the first dim, or one for all."""

    def __init__(self, channels: int, n_out: int, *layout):
        super().__init__(*layout)
        self.channels = channels // self.groups
        self.lines = self.channels * len(self.moves)
        self.single = len(self.starts) == 1 or self.lines < DEEP and n_out > self.groups
        self.count = 1 if self.single else len(self.starts)
        self.terms = self.lines * (len(self.starts) if self.single else 1)
        self.held = channels * len(self.moves) * (1 + self.single * len(self.starts))  # elements per place

    def factors(self, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        """The weight (O, C / groups, *kernel) as (products, groups, channels of a group, terms), a term for the bias last."""
        parts = weight.reshape(self.groups, -1, self.channels, len(self.starts), len(self.moves))
        parts = parts.transpose(0, 1, 2, 4, 3)[None] if self.single else parts.transpose(3, 0, 1, 2, 4)
        if bias is None:
            return np.ascontiguousarray(parts).reshape(*parts.shape[:3], self.terms)
        found = np.zeros((*parts.shape[:3], self.terms + 1), weight.dtype)
        found[..., :-1] = parts.reshape(*parts.shape[:3], self.terms)
        found[0, ..., -1] = bias.reshape(self.groups, -1)
        return found

    def weight(self, factors: np.ndarray) -> np.ndarray:
        """Undoes `factors` up to the shape, of (products, groups, terms, channels of a group)."""
        if self.single:
            parts = factors.reshape(self.groups, self.channels, len(self.moves), len(self.starts), -1)
            return np.ascontiguousarray(parts.transpose(0, 4, 1, 3, 2))
        parts = factors.reshape(self.count, self.groups, self.channels, len(self.moves), -1)
        return np.ascontiguousarray(parts.transpose(1, 4, 2, 0, 3))

    def terms_of(self, x: np.ndarray, unit: tuple, ones: int = 0) -> list:
        """What the factors of each product meet: (images, groups, terms and ones, places)."""
        n = (unit[3] - unit[2]) * self.step
        if not self.single or len(self.starts) == 1:
            lines = self.columns(x, unit, ones)[1]
            return [lines[..., start:start + n] for start in self.starts]
        cols = self.columns(x, unit)[0]
        lines = np.empty((*cols.shape[:2], self.terms + ones, n), x.dtype)
        lines[:, :, self.terms:] = 1
        every = lines[:, :, :self.terms].reshape(*cols.shape[:4], len(self.starts), n)
        for k, start in enumerate(self.starts):
            every[..., k, :] = cols[..., start:start + n]
        return [lines]


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
    """Writes the convolution into a contiguous y (N, O, *out)."""
    x = np.ascontiguousarray(x)
    plan = Products(x.shape[1], len(weight), x.shape[2:], weight.shape[2:], y.shape[2:], geometry)
    factors, work = plan.factors(weight, bias), weight.size * prod(y.shape[2:])
    units = plan.units(len(x), plan.held + len(weight) * (1 + (plan.count > 1)), 0, work)

    def one(u: int) -> None:
        terms, total = plan.terms_of(x, units[u], bias is not None), plan.runs(y, units[u])
        np.matmul(factors[0], terms[0], out=total)
        if plan.count > 1:
            part = np.empty(total.shape, y.dtype)
            for k in range(1, plan.count):
                total += np.matmul(factors[k], terms[k], out=part)
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
    g, x = np.ascontiguousarray(g), np.ascontiguousarray(x)
    plan = Products(x.shape[1], g.shape[1], x.shape[2:], kernel, g.shape[2:], geometry)
    n_out, found_size = g.shape[1], plan.terms * g.shape[1]
    work = plan.count * found_size * prod(plan.out)
    units = plan.units(len(x), plan.held + 2 * n_out, found_size, work)

    def part(u: int) -> np.ndarray:
        terms, runs = plan.terms_of(x, units[u]), plan.runs(g, units[u]).swapaxes(2, 3)
        if plan.terms >= DEEP:
            runs = np.ascontiguousarray(runs)  # a product of what lies row by row is quicker
        found = np.empty((plan.count, plan.groups, plan.terms, n_out // plan.groups), g.dtype)
        for k in range(plan.count):
            np.add.reduce(np.matmul(terms[k], runs), 0, out=found[k])
        return found
    return plan.weight(summed(units, part, work * len(x))).reshape(n_out, plan.channels, *kernel)

