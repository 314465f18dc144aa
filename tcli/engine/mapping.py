"""Random draws while a function is mapped over a batch: `vmap`'s `randomness`.

The samples of a batch run one after the other, PyTorch draws for all of them at once. So with "different"
the first sample draws for the whole batch, (batch, *shape) numbers, and the others take their part of it;
with "same" the stream is set back before every sample; "error" refuses to draw.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from ..errors import EngineError
from . import random


class Draws:
    """The draws of one mapped function, in the order of its calls."""

    def __init__(self, randomness: str, size: int):
        self.randomness, self.size = randomness, size
        self.sample, self.position, self.made = 0, 0, []

    def samples(self) -> Iterator[int]:
        """The numbers of the samples; the draws of one belong to its turn."""
        start = random.default_generator.state_bytes() if self.randomness == "same" else None
        for sample in range(self.size):
            self.sample, self.position = sample, 0
            if start is not None and sample:
                random.default_generator.set_state(start)
            active.append(self)
            try:
                yield sample
            finally:
                active.pop()

    def take(self, draw: Callable, generator, shape, dtype, args: tuple, options: dict):
        """This sample's part of the draw that the batch makes at this point."""
        if self.position == len(self.made):
            self.made.append(draw(generator, (self.size, *shape), dtype, *args, **options))
        values = self.made[self.position]
        self.position += 1
        if values.shape[1:] != tuple(shape):  # the samples went different ways
            return draw(generator, shape, dtype, *args, **options)
        return values[self.sample]


active: list[Draws] = []


class _Transforms:
    """How many transforms of functions are at work."""

    depth = 0


class inside:
    """A block that runs the function of a transform."""

    def __enter__(self) -> None:
        _Transforms.depth += 1

    def __exit__(self, *_error) -> None:
        _Transforms.depth -= 1


def is_inside() -> bool:
    """Whether the function of a transform runs."""
    return _Transforms.depth > 0


def check_function(cls: type, separate: bool) -> None:
    """Raises where a custom function of that kind does not take part in transforms."""
    where = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
    if not _Transforms.depth and not active:
        return
    if not separate:
        raise EngineError("In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it "
                          f"must override the setup_context staticmethod. {where}")
    if active and not getattr(cls, "generate_vmap_rule", False) and not hasattr(cls, "vmap"):
        raise EngineError(f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and "
                          f"implement the vmap staticmethod or set generate_vmap_rule=True. {where}")


def check_draw() -> None:
    """Raises where a mapped function may not draw."""
    if active and active[-1].randomness == "error":
        raise EngineError("vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                          "'different' randomness flags on vmap or perform the randomness operation out of vmap")


def mapped(draw: Callable) -> Callable:
    """A sampler `(generator, shape, dtype, ...)` that knows of `vmap`."""
    @functools.wraps(draw)
    def sampler(generator, shape, dtype, *args, **options):
        if not active or active[-1].randomness != "different":
            return draw(generator, shape, dtype, *args, **options)
        level = active.pop()  # what the batch draws is a draw of the level around it
        try:
            return level.take(sampler, generator, shape, dtype, args, options)
        finally:
            active.append(level)
    return sampler
