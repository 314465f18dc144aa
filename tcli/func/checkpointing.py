"""`torch.utils.checkpoint`: a part of a computation that keeps its inputs and computes the rest again for its gradient.

What the part would save for the backward pass is replaced by a place in a list. The first place that is asked for runs
the function once more, collects what it saves in the same order and fills the list; a value is let go once it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ..engine import autograd, random
from ..engine.autograd import Function, enable_grad, no_grad, saved_tensors_hooks
from ..engine.casting import autocast, cast_as
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError


class CheckpointError(EngineError):
    """The second run of a checkpointed function saved other tensors than the first."""


class _Stop(Exception):
    """All that the backward pass needs was computed again."""


class _Settings:
    early_stop: bool | None = None


class set_checkpoint_early_stop:
    """A block in which a second run stops, or does not, as soon as all saved values are there."""

    def __init__(self, enable: bool) -> None:
        self.enable = enable

    def __enter__(self) -> None:
        self._before, _Settings.early_stop = _Settings.early_stop, self.enable

    def __exit__(self, *_error: Any) -> None:
        _Settings.early_stop = self._before


class _Run:
    """One checkpointed call: how to run it again, and what that run saved."""

    def __init__(self, again: Callable, early_stop: bool, check: bool) -> None:
        self.again, self.early_stop, self.check = again, early_stop, check
        self.facts: list[tuple] = []  # of the values of the first run
        self.values: dict[int, Tensor] = {}

    def pack(self, t: Tensor) -> int:
        self.facts.append(_facts(t))
        return len(self.facts) - 1

    def unpack(self, place: int) -> Tensor:
        if place not in self.values:
            self._fill()
        return self.values.pop(place)

    def _fill(self) -> None:
        found: list[Tensor] = []

        def collect(t: Tensor) -> Tensor:
            found.append(t)
            if self.early_stop and len(found) == len(self.facts):
                raise _Stop
            return t

        try:
            with enable_grad(), saved_tensors_hooks(collect, lambda t: t):
                self.again()
        except _Stop:
            pass
        if self.check:
            self._compare(found)
        self.values = dict(enumerate(found))

    def _compare(self, found: list[Tensor]) -> None:
        if len(found) != len(self.facts):
            raise CheckpointError("torch.utils.checkpoint: A different number of tensors was saved during the original "
                                  f"forward and recomputation.\nNumber of tensors saved during forward: "
                                  f"{len(self.facts)}\nNumber of tensors saved during recomputation: {len(found)}.")
        wrong = [f"tensor at position {i}:\nsaved metadata: {_worded(fact)}\nrecomputed metadata: {_worded(_facts(t))}"
                 for i, (fact, t) in enumerate(zip(self.facts, found, strict=True)) if fact != _facts(t)]
        if wrong:
            raise CheckpointError("torch.utils.checkpoint: Recomputed values for the following tensors have different "
                                  "metadata than during the forward pass.\n" + "\n".join(wrong))


def _facts(t: Tensor) -> tuple:
    return tuple(t.shape), t.dtype, t.device


def _worded(facts: tuple) -> str:
    return str(dict(zip(("shape", "dtype", "device"), facts, strict=True)))


def checkpoint(function: Callable, *args: Any, use_reentrant: bool | None = None, context_fn: Callable | None = None,
               determinism_check: str = "default", debug: bool = False, early_stop: bool = True,
               preserve_rng_state: bool = True, **kwargs: Any) -> Any:
    """`function(*args)`, whose intermediate values are computed again in the backward pass instead of being kept.

    use_reentrant: the older way, which runs without a graph and makes one in the backward pass.
    """
    if use_reentrant:
        if kwargs:
            raise BadValue("Unexpected keyword arguments: " + ",".join(kwargs))
        return _Reentrant.apply(function, preserve_rng_state, *args)
    first, second = (nullcontext(), nullcontext()) if context_fn is None else context_fn()
    before = random.default_generator.get_state() if preserve_rng_state else None

    casting = autocast.on, autocast.dtype, autocast.keeps

    def again() -> None:
        with second, _random_numbers_from(before), cast_as(*casting):
            function(*args, **kwargs)

    stop = early_stop if _Settings.early_stop is None else _Settings.early_stop
    run = _Run(again, stop, determinism_check != "none")
    with first, saved_tensors_hooks(run.pack, run.unpack):
        return function(*args, **kwargs)


class _random_numbers_from:
    """A block that draws from a state of the generator and leaves the generator as it was."""

    def __init__(self, start: Any) -> None:
        self.start = start

    def __enter__(self) -> None:
        if self.start is not None:
            self._now = random.default_generator.get_state()
            random.default_generator.set_state(self.start)

    def __exit__(self, *_error: Any) -> None:
        if self.start is not None:
            random.default_generator.set_state(self._now)


class _Reentrant(Function):
    """Runs a function without a graph, and with one in the backward pass."""

    @staticmethod
    def forward(ctx, function, preserve_rng_state, *args):
        ctx.function, ctx.args = function, args
        ctx.before = random.default_generator.get_state() if preserve_rng_state else None
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx, *gradients):
        inputs = [a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in ctx.args]
        with enable_grad(), _random_numbers_from(ctx.before):
            outputs = ctx.function(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        live = [(o, g) for o, g in zip(outputs, gradients, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not live:
            raise EngineError("none of output has requires_grad=True, this checkpoint() is not necessary")
        autograd.backward([o for o, _ in live], [g for _, g in live])
        return (None, None, *(t.grad if isinstance(t, Tensor) else None for t in inputs))


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """The functions one after the other, in `segments` parts of which all but the last are checkpointed."""
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments

    def part(start: int, end: int) -> Callable:
        def run(value: Any) -> Any:
            for function in functions[start:end]:
                value = function(value)
            return value
        return run

    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(part(start, end), input, use_reentrant=use_reentrant, **kwargs)
    return part(end, len(functions))(input)


def noop_context_fn() -> tuple:
    """The contexts of a checkpoint that asks for none."""
    return nullcontext(), nullcontext()
