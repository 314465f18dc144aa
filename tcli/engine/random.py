"""PyTorch's CPU generator: the same 32-bit words from the same seed, and states that round-trip.

The engine is MT19937. Compiled kernels carry the stream on where there are any (`Generator.stream`). Without them
small draws come from a twist of our own, 624 words a block, so that a program that draws a few numbers never
pays for importing `numpy.random`; for large draws NumPy's C twist takes over the same state for good.
`samplers.py` turns words into distributions. Nothing here knows tensors: states are uint8 arrays with the byte
layout of PyTorch's `CPUGeneratorImplState`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import native
from ..errors import ArgumentError, BadValue, EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tensor import Tensor

DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056
# From here on NumPy's twist is worth importing numpy.random for, or, where that is done, setting up.
_BULK, _BULK_LOADED = 200_000, 10_000
_N, _M = 624, 397

_LAYOUT = np.dtype({
    "names": ["seed", "left", "seeded", "next", "key", "normal", "has_normal", "normal32", "has_normal32"],
    "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", (_N,)), "<f8", "<i4", "<f4", "u1"],
    "offsets": [0, 8, 12, 16, 24, 5024, 5040, 5048, 5052], "itemsize": STATE_BYTES})


def _as_it_was(state: np.ndarray) -> Generator:
    """A generator in a state that was pickled; the class goes by PyTorch's name, under which no import finds it."""
    return Generator().set_state(state)


class Generator:
    """`torch.Generator()`: a stream of random words, seeded with 67280421310721 until told otherwise.

    `next_normal` is the second half of a Box-Muller pair that a sampler left for the next one.
    """

    __module__ = "torch._C"

    __slots__ = ("__weakref__", "_bits", "_blocks", "_drawn", "_key", "_list", "_out", "_pos", "_seed", "_stream",
                 "next_normal", "next_normal32")

    _stream: Any  # what compiled kernels draw from: the key, how many of its words are drawn, how many
                  # blocks were made; None: they have not begun
    _bits: Any  # NumPy's generator once it has taken over
    _key: Any   # the 624 words of the block; None: the seed says it, or NumPy has it
    _pos: Any   # how many of them are drawn; None: NumPy knows
    _out: Any   # the block as drawn, and as a list where single words were asked for
    _list: Any
    next_normal: float | None
    next_normal32: float | None

    def __init__(self, device="cpu"):
        kind = str(device)
        if kind != "cpu":
            raise EngineError(f"Device type {kind.split(':')[0].upper()} is not supported for "
                              "torch.Generator() api.")
        self._bits = self._stream = None
        self._blocks = 0  # made by our own twist in this generator's life
        self._reset(DEFAULT_SEED)

    @property
    def device(self):
        from .device import Device

        return Device("cpu")

    # Seeds. The key is worked out at the first draw: programs seed more often than they draw.

    def manual_seed(self, seed: int) -> Generator:
        """Restarts the stream; any integer of 64 bits, negative ones wrap as in PyTorch."""
        if isinstance(seed, bool) or not hasattr(type(seed), "__index__"):
            raise EngineError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = seed.__index__()
        if not -2**63 <= seed < 2**64:
            raise BadValue("Overflow when unpacking long long")
        self._reset(seed % 2**64)
        return self

    def initial_seed(self) -> int:
        return self._seed

    def seed(self) -> int:
        """Reseeds from the operating system and returns the seed, 53 bits as in PyTorch."""
        seed = int.from_bytes(os.urandom(8), "little") & (2**53 - 1)
        self._reset(seed)
        return seed

    def _reset(self, seed: int) -> None:
        self._seed = seed
        self._key = self._stream = None
        # `_drawn` is False until a block was made from the seed: states tell the two ends of a block apart.
        self._pos, self._drawn = _N, False
        self._out = self._list = None
        self.next_normal = self.next_normal32 = None

    # Words.

    def stream(self) -> np.ndarray | None:
        """What compiled kernels draw the next words from, and move on; None where there are none."""
        if self._stream is None and native.kernels is not None:
            found = np.empty(_N + 2, np.uint32)
            if self._key is not None or self._pos != _N or not native.seed_words(found, self._seed):
                found[:_N], found[_N] = self._key_and_position()
                found[_N + 1] = 0
            self._stream, self._pos = found, None
            self._key = self._out = self._list = None
        return self._stream

    def _take_over(self) -> None:
        """Carries the stream on without compiled kernels."""
        self._drawn = self._was_drawn()
        self._key, self._pos = self._stream[:_N].copy(), int(self._stream[_N])
        self._out, self._stream = _temper(self._key), None

    def _was_drawn(self) -> bool:
        return self._drawn or self._stream is not None and bool(self._stream[_N + 1])

    def words(self, count: int) -> np.ndarray:
        """The next `count` words, uint32."""
        if not count:
            return np.empty(0, np.uint32)
        if self._stream is not None:
            found = np.empty(count, np.uint32)
            if native.draw_words(self._stream, found):
                return found
            self._take_over()
        self.expect(count)
        if self._bits is not None:
            return self._numpy().integers(0, 2**32, size=count, dtype=np.uint32)
        if count <= _N - self._pos:
            self._pos += count
            return self._out[self._pos - count:self._pos].copy()
        return self._words_across_blocks(count)

    def few(self, count: int) -> list[int]:
        """The next `count` words as a list: for a handful of numbers arrays cost more than they save."""
        if not count:
            return []
        if self._stream is not None:
            return self.words(count).tolist()
        if self._bits is not None:
            return self._numpy().bit_generator.random_raw(count).tolist()
        start = self._pos
        if count > _N - start:
            return self._words_across_blocks(count).tolist()
        if self._list is None:
            self._list = [] if self._out is None else self._out.tolist()
        self._pos = start + count
        return self._list[start:start + count]

    def expect(self, count: int) -> None:
        """Says that `count` words are about to be drawn, in pieces perhaps: large numbers change engines."""
        if count and self._bits is None and self._stream is None:
            limit = _BULK_LOADED if "numpy.random" in sys.modules else _BULK
            if count + self._blocks * _N > limit:
                self._numpy()

    def _words_across_blocks(self, count: int) -> np.ndarray:
        found = np.empty(count, np.uint32)
        done = _N - self._pos
        if done:
            found[:done] = self._out[self._pos:]
        while done < count:
            self._next_block()
            take = min(_N, count - done)
            found[done:done + take] = self._out[:take]
            done += take
            self._pos = take
        return found

    def words64(self, count: int) -> np.ndarray:
        """The next `count` pairs of words as uint64, the first word of a pair on top."""
        self.expect(2 * count)
        if count and self._bits is not None and self._stream is None:
            return self._numpy().integers(0, 2**64, size=count, dtype=np.uint64)
        pairs = self.words(2 * count).astype(np.uint64)
        return (pairs[0::2] << np.uint64(32)) | pairs[1::2]

    def random(self) -> int:
        """The next word."""
        if self._stream is not None:
            return int(self.words(1)[0])
        if self._bits is not None:
            return self._numpy().bit_generator.random_raw()
        if self._pos == _N:
            self._next_block()
        if self._list is None:
            self._list = self._out.tolist()
        self._pos += 1
        return self._list[self._pos - 1]

    def random64(self) -> int:
        return (self.random() << 32) | self.random()

    def uniform(self) -> float:
        """One float64 of [0, 1)."""
        return (self.random64() & (2**53 - 1)) * 2.0**-53

    def _next_block(self) -> None:
        if self._key is None:
            self._key = _key_of_seed(self._seed)
        self._key = _twist(self._key)
        self._out, self._list = _temper(self._key), None
        self._pos, self._drawn = 0, True
        self._blocks += 1

    def _numpy(self):
        """The NumPy generator that carries this stream on from here."""
        if self._bits is None:
            from numpy.random import MT19937
            from numpy.random import Generator as NumpyGenerator

            self._bits = NumpyGenerator(MT19937(0))
            self._hand_over()
        elif self._pos is not None:  # seeded or set since the last draw
            self._hand_over()
        return self._bits

    def _hand_over(self) -> None:
        key = _key_of_seed(self._seed) if self._key is None else self._key
        self._bits.bit_generator.state = {"bit_generator": "MT19937",
                                          "state": {"key": key, "pos": self._pos}}
        self._pos, self._drawn = None, True
        self._key = self._out = self._list = None

    def _key_and_position(self) -> tuple[np.ndarray, int]:
        if self._stream is not None:
            return self._stream[:_N], int(self._stream[_N])
        if self._pos is None:
            state = self._bits.bit_generator.state["state"]
            return state["key"].astype(np.uint32), int(state["pos"])
        return _key_of_seed(self._seed) if self._key is None else self._key, self._pos

    # States.

    def get_state(self) -> Tensor:
        """A uint8 tensor of 5056 bytes, those that PyTorch's generator gives."""
        from .dispatch import wrap

        return wrap(self.state_bytes())

    def state_bytes(self) -> np.ndarray:
        """The bytes of `get_state`."""
        key, position = self._key_and_position()
        state = np.zeros((), _LAYOUT)
        state["seed"], state["seeded"], state["key"] = self._seed, 1, key
        state["next"] = position if self._was_drawn() else 0
        state["left"] = _N + 1 - position
        if self.next_normal is not None:
            state["normal"], state["has_normal"] = self.next_normal, 1
        if self.next_normal32 is not None:
            state["normal32"], state["has_normal32"] = self.next_normal32, 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def set_state(self, state: np.ndarray) -> Generator:
        """Goes to a state of `get_state`, of this or of PyTorch's generator."""
        state = np.asarray(getattr(state, "_a", state))
        if state.dtype != np.uint8:
            raise ArgumentError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise EngineError(f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input "
                              f"RNG state size to be {state.size}")
        fields = np.ascontiguousarray(state).reshape(-1).view(_LAYOUT)[0]
        left, position = int(fields["left"]), int(fields["next"])
        if not fields["seeded"] or not 0 < left <= _N or not 0 <= position <= _N:
            raise EngineError("Invalid mt19937 state")
        self._reset(int(fields["seed"]))
        self._key = fields["key"].astype(np.uint32)
        self._drawn = not (left == 1 and position == 0)
        self._pos = _N + 1 - left
        self._out = _temper(self._key)
        self.next_normal = float(fields["normal"]) if fields["has_normal"] else None
        self.next_normal32 = float(fields["normal32"]) if fields["has_normal32"] else None
        return self

    def clone_state(self) -> Generator:
        """A second generator that goes on from the same state."""
        return Generator().set_state(self.state_bytes())

    def __reduce__(self) -> tuple:
        return _as_it_was, (self.state_bytes(),)

    def __getstate__(self) -> np.ndarray:
        return self.state_bytes()

    def __setstate__(self, state: np.ndarray) -> None:
        self._bits = self._stream = None
        self._blocks = 0
        self.set_state(state)

    def __repr__(self) -> str:
        return f"<torch.Generator device=cpu seed={self._seed}>"


def _key_of_seed(seed: int) -> np.ndarray:
    """Knuth's linear initialisation of the 624 words from the low 32 bits of the seed."""
    word = seed & 0xFFFFFFFF
    key = [word]
    for j in range(1, _N):
        word = (1812433253 * (word ^ (word >> 30)) + j) & 0xFFFFFFFF
        key.append(word)
    return np.array(key, np.uint32)


_UPPER, _LOWER, _ONE = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(1)
_MATRIX = np.uint32(0x9908B0DF)


def _twist(old: np.ndarray) -> np.ndarray:
    """The next block. Word i needs old words i and i+1 and word i+397, which from 227 on is a new one."""
    mixed = (old & _UPPER)[:-1] | (old & _LOWER)[1:]
    mixed = (mixed >> _ONE) ^ ((mixed & _ONE) * _MATRIX)
    new = np.empty(_N, np.uint32)
    ahead = _N - _M
    np.bitwise_xor(old[_M:], mixed[:ahead], out=new[:ahead])
    np.bitwise_xor(new[:ahead], mixed[ahead:2 * ahead], out=new[ahead:2 * ahead])
    np.bitwise_xor(new[ahead:_M - 1], mixed[2 * ahead:], out=new[2 * ahead:_N - 1])
    last = (int(old[-1]) & 0x80000000) | (int(new[0]) & 0x7FFFFFFF)
    new[-1] = int(new[_M - 1]) ^ (last >> 1) ^ (0x9908B0DF if last & 1 else 0)
    return new


def _temper(key: np.ndarray) -> np.ndarray:
    y = key ^ (key >> np.uint32(11))
    y ^= (y << np.uint32(7)) & np.uint32(0x9D2C5680)
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    y ^= y >> np.uint32(18)
    return y


# The generator that every sampler takes when none is named. PyTorch seeds its own from the system too.
default_generator = Generator()
default_generator.seed()


def manual_seed(seed) -> Generator:
    """`torch.manual_seed`: takes what `int()` takes and seeds the default generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    return default_generator.seed()


def initial_seed() -> int:
    return default_generator.initial_seed()


def get_rng_state() -> np.ndarray:
    return default_generator.state_bytes()


def set_rng_state(state: np.ndarray) -> None:
    default_generator.set_state(state)


@contextmanager
def fork_rng(devices=None, enabled: bool = True) -> Iterator[None]:
    """Inside, draws and seeds as you like; afterwards the default generator is where it was."""
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
