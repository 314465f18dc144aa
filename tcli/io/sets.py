"""`data`: small data sets for examples, those that come with tcli and some that are made.

    X, y = data.digits()        1797 images of 8 x 8, as (1797, 64) floats in 0..1, and their digits
    X, y = data.spiral(200)     points on two arms, from the random stream

Sources and licences of the files are in `assets/README.md`.
"""

from __future__ import annotations

import math

from ..errors import UnknownAttribute


def _load(name: str):
    from . import load

    return load(name)


class Sets:
    """The data sets by name; each call gives new tensors."""

    def digits(self):
        """Handwritten digits: X (1797, 64) in 0..1, y (1797,) of 0..9."""
        found = _load("digits")
        return found["X"].float() / 16, found["y"]

    def iris(self):
        """Three kinds of iris: X (150, 4) in cm, y (150,) of 0..2."""
        table = _load("iris")
        return table[table.columns[:4]].tensor(), table.codes("species")

    def diabetes(self):
        """A regression: X (442, 10), y (442,), how far the illness went in a year."""
        table = _load("diabetes")
        return table[table.columns[:-1]].tensor(), table["target"].as_plain().float() \
            if hasattr(table["target"], "as_plain") else table["target"]

    def penguins(self):
        """A Table of 344 penguins, with missing values."""
        return _load("penguins")

    def flower(self):
        """A photograph, uint8 (64, 96, 3)."""
        return _load("flower")

    def shakespeare(self) -> str:
        """The beginning of "Coriolanus", 24000 characters."""
        import os

        from . import ASSETS

        with open(os.path.join(ASSETS, "shakespeare.txt"), encoding="utf-8") as file:
            return file.read()

    def spiral(self, n: int = 200, classes: int = 2, noise: float = 0.05):
        """n points on the arms of a spiral: X (n, 2), y (n,), one class an arm."""
        from ..engine.registry import T

        y = T.arange(n) % classes
        r = T.sqrt(T.rand(n))
        angle = r * (3.5 * math.pi) + y.float() * (2 * math.pi / classes)
        x = T.stack([r * T.cos(angle), r * T.sin(angle)], 1)
        return x + noise * T.randn(n, 2), y

    def moons(self, n: int = 200, noise: float = 0.1):
        """n points on two half circles that reach into each other: X (n, 2), y (n,)."""
        from ..engine.registry import T

        y = T.arange(n) % 2
        up, angle = 1 - y.float(), T.rand(n) * math.pi
        side = 2 * up - 1
        x = T.stack([side * T.cos(angle) + (1 - up), side * T.sin(angle) + 0.5 * (1 - up)], 1)
        return x + noise * T.randn(n, 2), y

    def __getattr__(self, name: str):
        raise UnknownAttribute(f"there is no data set called '{name}'", help="there are " + ", ".join(_names()))

    def __repr__(self) -> str:
        return f"data: {', '.join(_names())}"


def _names() -> list[str]:
    return [name for name in vars(Sets) if not name.startswith("_")]
