"""Whether CuPy would take a call: parameters by name and place, and a loop for the dtypes of a ufunc's operands.

`tests/data/cupy_names.json` (from `scripts/record_cupy.py`) says what it has.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np

FACTS = json.loads((Path(__file__).parent.parent / "data" / "cupy_names.json").read_text())
VERSION = FACTS.pop("cupy version")
NAMES = {space: frozenset(names) for space, names in FACTS.items()}
_UFUNC_WORDS = {"out", "dtype", "casting"}


@cache
def _checker(space: str, name: str):
    text = FACTS[space].get(name)
    if not isinstance(text, str):
        return None
    return eval(f"lambda {text}: None", {})


def check_call(space: str, name: str, args: tuple, kwargs: dict) -> None:
    """Raises TypeError where CuPy's function has no such parameters."""
    checker = _checker(space, name)
    if checker is None:
        return
    try:
        checker(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"cupy's {name}({FACTS[space][name]}): {error}") from None


def check_ufunc(space: str, name: str, args: tuple, kwargs: dict) -> None:
    """Raises TypeError where CuPy's ufunc has no such parameter, or no loop for these operands."""
    facts = FACTS[space][name]
    if set(kwargs) - _UFUNC_WORDS or len(args) > len(facts["types"][0].replace("->", "")):
        raise TypeError(f"cupy's {name} takes no {sorted(set(kwargs) - _UFUNC_WORDS) or 'so many arguments'}")
    kinds = tuple(_kind(a) for a in args[:facts["nin"]])
    if "dtype" not in kwargs and not _has_loop(space, name, kinds):
        raise TypeError(f"Wrong type {kinds} of arguments for cupy's {name}")


def _kind(a):
    return a.dtype if hasattr(a, "dtype") else type(a)


@cache
def _has_loop(space: str, name: str, kinds: tuple) -> bool:
    for loop in FACTS[space][name]["types"]:
        if all(_fits(kind, _dtype(letter)) for kind, letter in zip(kinds, loop.partition("->")[0], strict=False)):
            return True
    return False


def _dtype(letter: str):
    if letter == "E":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(letter)


def _fits(kind, dtype) -> bool:
    if isinstance(kind, np.dtype):
        return np.can_cast(kind, dtype)
    order = {bool: "b", int: "iu", float: "fV", complex: "c"}
    allowed = "".join(kinds for python, kinds in order.items() if list(order).index(python) >= list(order).index(kind)) \
        if kind in order else ""
    return not allowed or dtype.kind in allowed
