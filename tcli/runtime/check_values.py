"""What stands for values that a check does not have: unknown things, unknown numbers, sizes with a name.

`Unknown` absorbs whatever is done with it, so that one fault is reported once. `UnknownNumber` is the value of
a tensor without data: a float whose comparisons have no answer. `Symbols` gives each named size a prime that no
program uses and turns the primes in messages back into names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ..engine.meta import NeedsValue

walked: list[bool] = []  # whether something unknown was iterated over: how long it is nobody knows


class Unknown:
    """A value that nobody knows; everything done with it is unknown too."""

    __slots__ = ()
    __array_priority__ = 10000
    __array_ufunc__ = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        """Nothing to set."""

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self

    def __getitem__(self, index: object) -> Any:
        return self

    def __setitem__(self, index: object, value: object) -> None:
        """Nothing to set."""

    def __iter__(self) -> Iterator[Any]:
        walked.append(True)
        return iter((self, self))

    def __len__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __format__(self, spec: str) -> str:
        return "?"

    def __repr__(self) -> str:
        return "?"

    def __contains__(self, item: object) -> bool:
        return False

    def __array__(self, dtype: object = None, copy: object = None) -> Any:
        raise NeedsValue("Unknown")

    __index__ = __array__
    __hash__ = object.__hash__


class Truth:
    """The answer of a comparison with an unknown number: `if` takes both ways, elsewhere it is False."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __invert__(self) -> Truth:
        return self

    def __and__(self, other: object) -> Truth:
        return self

    __or__ = __xor__ = __rand__ = __ror__ = __rxor__ = __and__

    def __repr__(self) -> str:
        return "?"


class UnknownNumber(float):
    """The number that a tensor without data would have."""

    __slots__ = ()

    def __new__(cls) -> UnknownNumber:
        return float.__new__(cls, "nan")

    def __int__(self) -> int:
        return 1

    __index__ = __trunc__ = __floor__ = __ceil__ = __int__

    def __format__(self, spec: str) -> str:
        return "?"

    def __repr__(self) -> str:
        return "?"

    __str__ = __repr__
    __hash__ = float.__hash__


UNKNOWN = Unknown()


def _fill(cls: type, names: str, make: Callable[[], Any]) -> None:
    """Gives a class methods that take anything and return `make()`."""
    for name in names.split():
        setattr(cls, f"__{name}__", lambda self, *others: make())


_ARITHMETIC = "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow neg pos abs"
_fill(Unknown, _ARITHMETIC + " matmul rmatmul and rand or ror xor rxor lshift rlshift rshift rrshift invert lt le gt ge eq ne",
      lambda: UNKNOWN)
_fill(UnknownNumber, "lt le gt ge eq ne", Truth)
_fill(UnknownNumber, "round", UnknownNumber)


def _number_arithmetic(name: str) -> Callable[..., Any]:
    def operate(self: UnknownNumber, *others: Any) -> Any:
        # A tensor decides itself what the sum of it and a number is.
        return NotImplemented if others and not isinstance(others[0], (int, float, complex)) else UnknownNumber()
    return operate


for _name in _ARITHMETIC.split():
    setattr(UnknownNumber, f"__{_name}__", _number_arithmetic(_name))


def unclear(value: object) -> bool:
    """Whether a condition has no answer."""
    if type(value) in (Unknown, UnknownNumber, Truth):
        return True
    array = getattr(value, "_a", None)
    return array is not None and getattr(array, "known", array) is None and array.place.type != "meta"


class Loaded(dict):
    """The tensors of a file by name; what else the file has is unknown."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return UNKNOWN


def holds_unknown(value: object) -> bool:
    """Whether a value is unknown, or a container with something unknown in it."""
    if isinstance(value, dict):
        return any(type(each) is Unknown for pair in value.items() for each in pair)
    return type(value) is Unknown or isinstance(value, (list, tuple, set)) and any(type(each) is Unknown for each in value)


def absorbing(function: Callable) -> Callable:
    """A builtin function that gives something unknown for what is unknown."""
    return lambda *args, **options: UNKNOWN if any(map(holds_unknown, args)) else function(*args, **options)


# ---------------------------------------------------------------- sizes with names

_LARGE = re.compile(r"(?:(?<![\w.])|(?<=\dx))\d{5,}(?=x\d|(?![\w.]))")  # in [10007, 3] as in 10007x3

_PRIMES = (10007, 10103, 10211, 10301, 10427, 10513, 10607, 10711, 10831, 10909, 11003, 11113, 11213, 11311, 11411, 11503,
           11617, 11701, 11807, 11903, 12007, 12101, 12203, 12301, 12401, 12503, 12601, 12703, 12809, 12907)


class Symbols:
    """Named sizes: each is a prime in the shapes of the check, and its name in what a person reads."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def size(self, name: str) -> int:
        """The number that stands for a name; a new one where the name is new."""
        if name not in self.sizes:
            used = len(self.sizes)
            self.sizes[name] = _PRIMES[used] if used < len(_PRIMES) else 13001 + 2 * used
        return self.sizes[name]

    def named(self, text: str) -> str:
        """The text with every number that comes of named sizes written with the names."""
        return _LARGE.sub(lambda found: self.say(int(found.group())), text) if self.sizes else text

    def say(self, number: int) -> str:
        """`B`, `2*B`, `B+1` or the number itself."""
        parts, rest = [], number
        for name, prime in self.sizes.items():
            while rest % prime == 0 and rest:
                parts.append(name)
                rest //= prime
        if parts:
            return "*".join([str(rest)] * (rest != 1) + parts)
        near = next(((name, number - prime) for name, prime in self.sizes.items() if 0 < abs(number - prime) <= 32), None)
        return f"{near[0]}{near[1]:+d}" if near else str(number)
