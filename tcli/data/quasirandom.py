"""`torch.quasirandom.SobolEngine`: points that fill the unit cube evenly, as PyTorch draws and scrambles them.

Direction numbers: S. Joe and F. Y. Kuo, "Constructing Sobol sequences with better two-dimensional projections" (2008); the
table is the one that SciPy brings along.
"""

from __future__ import annotations

import numpy as np

from ..engine import dtypes
from ..engine.random import Generator
from ..engine.registry import T
from ..engine.tensor import Tensor, from_numpy
from ..errors import BadValue

__all__ = ["SobolEngine"]


class SobolEngine:
    """The Sobol sequence in `dimension` dims, scrambled if asked (`seed` makes that repeatable).

    >>> torch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    __module__ = "torch.quasirandom"
    MAXBIT, MAXDIM = 30, 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None):
        if dimension > self.MAXDIM or dimension < 1:
            raise BadValue(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.seed, self.scramble, self.dimension, self.num_generated = seed, scramble, dimension, 0
        state, shift = _direction_numbers(dimension, self.MAXBIT), np.zeros(dimension, np.int64)
        if scramble:
            state, shift = _scrambled(state, self.MAXBIT, seed)
        self.sobolstate, self.shift = from_numpy(state), from_numpy(shift)
        self.quasi = self.shift.clone()

    def draw(self, n: int = 1, out: Tensor | None = None, dtype=None) -> Tensor:
        """The next n points, (n, dimension)."""
        dtype = dtype or dtypes.get_default_dtype()
        points = self._points(n)
        result = from_numpy(points).to(dtype) / 2**self.MAXBIT
        if out is None:
            return result
        out.resize_(result.shape).copy_(result)
        return out

    def draw_base2(self, m: int, out: Tensor | None = None, dtype=None) -> Tensor:
        """The next 2**m points, which keep the balance of the sequence."""
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise BadValue("The balance properties of Sobol' points require n to be a power of 2. "
                           f"{self.num_generated} points have been previously generated, then: "
                           f"n={self.num_generated}+2**{m}={total}. If you still want to do this, please use "
                           "'SobolEngine.draw()' instead.")
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """Back to the first point."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Leaves out the next n points."""
        self._points(n)
        return self

    def _points(self, n: int) -> np.ndarray:
        """The next n points as integers of MAXBIT bits; each differs from the last in one direction number per dim."""
        state, quasi = self.sobolstate.numpy(), self.quasi.numpy()
        first = self.num_generated == 0
        steps = np.arange(self.num_generated, self.num_generated + n) - 1 if not first else np.arange(-1, n - 1)
        changed = _lowest_zero(steps)
        flips = np.where(steps[:, None] < 0, 0, state[:, changed].T)
        points = np.bitwise_xor.accumulate(np.concatenate([quasi[None], flips]), axis=0)[1:]
        if n:
            quasi[:] = points[-1]
        self.num_generated += n
        return points

    def __repr__(self) -> str:
        told = [f"dimension={self.dimension}"]
        if self.scramble:
            told.append("scramble=True")
        if self.seed is not None:
            told.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(told)})"


def _lowest_zero(numbers: np.ndarray) -> np.ndarray:
    """The place of the lowest bit that is 0."""
    ones = numbers ^ (numbers + 1)  # the low ones and that zero
    return np.bitwise_count(np.maximum(ones, 1).astype(np.uint64)).astype(np.int64) - 1


def _direction_numbers(dimension: int, bits: int) -> np.ndarray:
    import os

    import scipy.stats

    with np.load(os.path.join(os.path.dirname(scipy.stats.__file__), "_sobol_direction_numbers.npz")) as table:
        polynomials, initial = table["poly"][:dimension], table["vinit"][:dimension]
    state = np.ones((dimension, bits), np.int64)
    for d in range(1, dimension):
        state[d] = _row(int(polynomials[d]), initial[d].tolist(), bits)
    return state << np.arange(bits - 1, -1, -1)


def _row(polynomial: int, initial: list, bits: int) -> list:
    """The direction numbers of a dim by the recurrence of its primitive polynomial."""
    degree = polynomial.bit_length() - 1
    row = initial[:degree]
    for j in range(degree, bits):
        value = row[j - degree]
        for k in range(degree):
            if polynomial >> (degree - 1 - k) & 1:
                value ^= row[j - k - 1] << (k + 1)
        row.append(value)
    return row


def _scrambled(state: np.ndarray, bits: int, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Direction numbers after a random lower triangular matrix of bits for each dim, and a random shift."""
    generator = Generator() if seed is None else Generator().manual_seed(seed)
    if seed is None:
        generator.seed()
    dimension = len(state)
    powers = 1 << np.arange(bits, dtype=np.int64)
    shift = T.randint(2, (dimension, bits), generator=generator).numpy() @ powers
    matrices = np.tril(T.randint(2, (dimension, bits, bits), generator=generator).numpy())
    matrices[:, range(bits), range(bits)] = 1
    rows = matrices @ powers[::-1]  # each row of bits as a number
    mixed = np.zeros_like(state)
    for p in range(bits):
        parity = np.bitwise_count((rows[:, p, None] & state).astype(np.uint64)) & 1
        mixed |= parity.astype(np.int64) << (bits - 1 - p)
    return mixed, shift
