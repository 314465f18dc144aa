"""The words that op samples are written in, and how a sample becomes the arguments of a call.

The same sample is evaluated here with tcli and, when goldens are recorded, with PyTorch: values come
from a fixed stream of NumPy numbers, so both see the same bits. A `Library` says how an array becomes
a tensor. Variants: float64 (leaves that require gradients), float32, int64, bool.
"""

import math
import zlib

import numpy as np

VARIANTS = ("float64", "float32", "int64", "bool")


class Library:
    """tcli or PyTorch: `tensor(array, requires_grad)` and the namespace `torch`."""

    def __init__(self, torch, tensor):
        self.torch, self.tensor = torch, tensor


class Words:
    """The sample words for one evaluation; `leaves` collects the tensors that require gradients. `shift` (arrays)
    moves the real leaves one after the other, before anything is computed from them."""

    def __init__(self, library: Library, variant: str, seed: str, shift=None):
        self.library, self.variant = library, variant
        self.shift = None if shift is None else iter(shift)
        self.random = np.random.RandomState(zlib.crc32(seed.encode()) & 0x7FFFFFFF)
        self.leaves: list = []

    def _real(self, values):
        if self.variant == "int64":
            return self.library.tensor(np.round(np.asarray(values) * 3).astype(np.int64), False)
        if self.variant == "bool":
            return self.library.tensor(np.asarray(values) > 0, False)
        if self.shift is not None and self.variant == "float64":
            values = values + next(self.shift)
        t = self.library.tensor(np.asarray(values, self.variant), self.variant == "float64")
        if self.variant == "float64":
            self.leaves.append(t)
        return t

    def r(self, *shape):
        return self._real(self.random.standard_normal(shape))

    def pos(self, *shape):
        return self._real(self.random.uniform(0.5, 2, shape))

    def unit(self, *shape):
        return self._real(self.random.uniform(-0.9, 0.9, shape))

    def away(self, *shape):
        values = self.random.uniform(0.5, 2, shape)
        return self._real(values * np.where(self.random.uniform(size=shape) < 0.5, -1, 1))

    def distinct(self, *shape):
        n = int(np.prod(shape))
        return self._real((self.random.permutation(n) - n / 2 + 0.25).reshape(shape) / 4)

    def ints(self, *shape, low=0, high=5):
        return self.library.tensor(np.asarray(self.random.randint(low, high, shape), np.int64), False)

    def b(self, *shape):
        return self.library.tensor(np.asarray(self.random.uniform(size=shape) < 0.5), False)

    def c(self, *shape):
        values = self.random.standard_normal(shape) + 1j * self.random.standard_normal(shape)
        t = self.library.tensor(np.asarray(values, np.complex128), self.variant == "float64")
        if self.variant == "float64":
            self.leaves.append(t)
        return t

    def cotangent(self, shape, dtype_name: str):
        values = self.random.standard_normal(shape)
        if dtype_name.startswith("complex"):
            values = values + 1j * self.random.standard_normal(shape)
        return self.library.tensor(np.asarray(values, dtype_name), False)


NAMES = ("r", "pos", "unit", "away", "distinct", "ints", "b", "c")


def arguments(sample: str, library: Library, variant: str, seed: str, shift=None):
    """(args, kwargs, words) of a sample."""
    words = Words(library, variant, seed, shift)
    names = {name: getattr(words, name) for name in NAMES}
    names.update(torch=library.torch, math=math, slice=slice, inf=math.inf, nan=math.nan)
    args, kwargs = eval(f"_collect({sample})", {"_collect": lambda *a, **k: (a, k), **names})
    return args, kwargs, words


def flat(value) -> list:
    """The values of a result, with tuples, lists and dicts opened."""
    if isinstance(value, (list, tuple)):
        return [each for item in value for each in flat(item)]
    if isinstance(value, dict):
        return [each for item in value.values() for each in flat(item)]
    return [value]


def golden_path(op) -> str | None:
    """The one place at which an op is called: torch. first, then F., linalg., ..., the method last."""
    for space in ("torch", "F", "linalg", "fft", "special", "masked", "tensor"):
        for path in op.paths:
            if path.startswith(space + ".") and not path.endswith("_") and "__" not in path:
                return path
    return None
