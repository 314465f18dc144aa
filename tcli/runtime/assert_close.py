"""`torch.testing.assert_close`: tensors, numbers, and sequences and dicts of them, held against each other.

Walks both sides together; each pair of leaves yields what is wrong with it, or nothing.
"""

from __future__ import annotations

import cmath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine import dtypes
from ..engine.class_names import named_as_in_torch
from ..engine.registry import T
from ..engine.tensor import Tensor, as_tensor
from ..errors import ArgumentError, BadValue, TcliError

_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
               "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7)}
_NUMBERS = {int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}


@dataclass
class Options:
    """What `assert_close` was asked for."""

    allow_subclasses: bool = True
    rtol: float | None = None
    atol: float | None = None
    equal_nan: bool = False
    check_device: bool = True
    check_dtype: bool = True
    check_layout: bool = True
    check_stride: bool = False

    def tolerances(self, *of: dtypes.dtype) -> tuple[float, float]:
        """(rtol, atol): the given ones, or the wider of those usual for the dtypes."""
        if (self.rtol is None) != (self.atol is None):
            raise _Failure(BadValue, "Both 'rtol' and 'atol' must be either specified or omitted, "
                           f"but got no {'rtol' if self.rtol is None else 'atol'}.")
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        usual = [_TOLERANCES.get(each.name, (0.0, 0.0)) for each in of]
        return max(r for r, _ in usual), max(a for _, a in usual)


class _Failure(Exception):
    """Why a pair is not close: the class of the error to raise and its text."""

    def __init__(self, kind: type, text: str):
        super().__init__(text)
        self.kind, self.text = kind, text


def assert_close(actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
                 atol: float | None = None, equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True,
                 check_layout: bool = True, check_stride: bool = False, msg: str | Callable[[str], str] | None = None) -> None:
    """Raises AssertionError unless two tensors, numbers, or sequences or dicts of them agree within tolerance."""
    options = Options(allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride)
    failure = _first_failure(actual, expected, options, msg)
    if failure is not None:
        raise failure


def _first_failure(actual: Any, expected: Any, options: Options, msg: str | Callable[[str], str] | None) -> Exception | None:
    try:
        pairs = list(_pairs(actual, expected, options, ()))
    except _Failure as error:  # two values that cannot be compared: `msg` is for those that differ
        return error.kind(error.text)
    for path, compare in pairs:
        try:
            compare()
        except _Failure as error:
            return error.kind(_told(error.text + _place(path), msg))
    return None


def _told(text: str, msg: str | Callable[[str], str] | None) -> str:
    if msg is None:
        return text
    return msg(text) if callable(msg) else msg


def _place(path: tuple) -> str:
    return "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in path) if path else ""


# ---------------------------------------------------------------- walking

def _pairs(actual: Any, expected: Any, options: Options, path: tuple) -> Iterator[tuple[tuple, Callable[[], None]]]:
    """(path, comparison) of each pair of leaves; raises what is wrong with the containers."""
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            raise _Failure(AssertionError, f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
                           + _place(path))
        for at in range(len(actual)):
            yield from _pairs(actual[at], expected[at], options, (*path, at))
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        for key in _shared_keys(actual, expected, path):
            yield from _pairs(actual[key], expected[key], options, (*path, key))
    else:
        yield path, _leaves(actual, expected, options, path)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shared_keys(actual: Mapping, expected: Mapping, path: tuple) -> list:
    if set(actual) != set(expected):
        raise _Failure(AssertionError, "The keys of the mappings do not match:\n"
                       f"Missing keys in the actual mapping: {sorted(set(expected) - set(actual))}\n"
                       f"Additional keys in the actual mapping: {sorted(set(actual) - set(expected))}" + _place(path))
    try:
        return sorted(actual)
    except TypeError:
        return list(actual)


def _leaves(actual: Any, expected: Any, options: Options, path: tuple) -> Callable[[], None]:
    """The comparison of two leaves, by what they are."""
    if actual is None or expected is None:
        return lambda: _check(actual is expected, f"None mismatch: {actual} is not {expected}")
    if _both(actual, expected, (bool, np.bool_)):
        return lambda: _check(bool(actual) is bool(expected), f"Booleans mismatch: {bool(actual)} is not {bool(expected)}")
    try:
        if _both(actual, expected, (int, float, complex, np.number)):
            return _numbers(_plain(actual), _plain(expected), options)
        tensors = _as_tensors(actual, expected, options)
        if tensors is not None:
            return _tensors(*tensors, options)
    except _Failure as error:
        raise _Failure(error.kind, error.text + _place(path)) from None
    raise _Failure(ArgumentError, f"No comparison pair was able to handle inputs of type {named_as_in_torch(type(actual))} "
                   f"and {named_as_in_torch(type(expected))}." + _place(path))


def _both(actual: Any, expected: Any, kinds: tuple) -> bool:
    return isinstance(actual, kinds) and isinstance(expected, kinds)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.number) else value


def _as_tensors(actual: Any, expected: Any, options: Options) -> tuple[Any, Any] | None:
    """Both as tensors if one's class is that of the other or derived from it."""
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    if not related or (not options.allow_subclasses and type(actual) is not type(expected)):
        return None
    try:
        return _tensor(actual), _tensor(expected)
    except (TcliError, TypeError, ValueError):
        return None


def _tensor(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else as_tensor(value)


def _check(holds: bool, text: str) -> None:
    if not holds:
        raise _Failure(AssertionError, text)


# ---------------------------------------------------------------- numbers

def _numbers(actual: Any, expected: Any, options: Options) -> Callable[[], None]:
    kinds = [next(kind for kind in _NUMBERS if isinstance(each, kind)) for each in (actual, expected)]
    rtol, atol = options.tolerances(*(_NUMBERS[kind] for kind in kinds))

    def compare() -> None:
        if options.check_dtype and type(actual) is not type(expected):
            raise _Failure(AssertionError, f"The (d)types do not match: {type(actual)} != {type(expected)}.")
        if actual == expected or options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected):
            return
        difference = abs(actual - expected)
        if not (cmath.isfinite(difference) and difference <= atol + rtol * abs(expected)):
            raise _Failure(AssertionError, _scalars_differ(actual, expected, rtol, atol))

    return compare


def _scalars_differ(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    difference = abs(actual - expected)
    relative = float("inf") if expected == 0 else difference / abs(expected)
    return (f"Scalars are not {_wish(rtol, atol)}!\n\nExpected {expected} but got {actual}.\n"
            f"Absolute difference: {difference}{_allowed(rtol, atol, atol)}\n"
            f"Relative difference: {relative}{_allowed(rtol, atol, rtol)}")


def _wish(rtol: float, atol: float) -> str:
    return "close" if rtol or atol else "equal"


def _allowed(rtol: float, atol: float, tolerance: float) -> str:
    return f" (up to {tolerance} allowed)" if rtol or atol else ""


# ---------------------------------------------------------------- tensors

def _tensors(actual: Tensor, expected: Tensor, options: Options) -> Callable[[], None]:
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)

    def compare() -> None:
        _compare_attributes(actual, expected, options)
        if "meta" in (actual.device.type, expected.device.type):
            return
        a, e = actual, expected
        if a.device != e.device:
            a, e = a.cpu(), e.cpu()
        if a.dtype is not e.dtype:
            common = dtypes.promote_types(_signed(a.dtype), _signed(e.dtype))
            a, e = a.to(common), e.to(common)
        _compare_values(a, e, rtol, atol, options.equal_nan)

    return compare


def _signed(dtype: dtypes.dtype) -> dtypes.dtype:
    """Wide unsigned types promote with nothing: their numbers are compared as int64."""
    return dtypes.int64 if dtype.name in ("uint16", "uint32", "uint64") else dtype


def _compare_attributes(actual: Tensor, expected: Tensor, options: Options) -> None:
    asked = {"shape": True, "layout": options.check_layout, "stride()": options.check_stride,
             "device": options.check_device, "dtype": options.check_dtype}
    for name, wanted in asked.items():
        a, e = ((each.stride() if name == "stride()" else getattr(each, name)) for each in (actual, expected))
        if wanted and a != e:
            raise _Failure(AssertionError, f"The values for attribute '{name}' do not match: {a} != {e}.")


def _compare_values(actual: Tensor, expected: Tensor, rtol: float, atol: float, equal_nan: bool) -> None:
    narrow = actual.is_floating_point() and actual.dtype.itemsize == 1
    if narrow and (rtol or atol):
        raise _Failure(AssertionError, f"Rtol={rtol} and atol={atol} are not supported for bitwise comparison of low "
                       "dimensional floats. Please use rtol=0.0 and atol=0.0.")
    matches = T.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if matches.all():
        return
    if not actual.ndim:
        raise _Failure(AssertionError, _scalars_differ(actual.item(), expected.item(), rtol, atol))
    raise _Failure(AssertionError, (_bits_differ if narrow else _tensors_differ)(actual, expected, matches, rtol, atol))


def _mismatched(matches: Any) -> str:
    total = matches.numel()
    wrong = total - int(matches.sum())
    return f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})"


def _bits_differ(actual: Any, expected: Any, matches: Any, rtol: float, atol: float) -> str:
    first = tuple(T.nonzero(~matches)[0].tolist())
    return f"Tensor-likes are not 'equal'!\n\n{_mismatched(matches)}\nThe first mismatched element is at index {first}."


def _tensors_differ(actual: Any, expected: Any, matches: Any, rtol: float, atol: float) -> str:
    if not actual.is_floating_point() and not actual.is_complex():
        actual, expected = actual.to(dtypes.int64), expected.to(dtypes.int64)
    absolute = T.where(matches, 0, (actual - expected).abs())
    relative = T.where(matches, 0, absolute / expected.abs())
    return (f"Tensor-likes are not {_wish(rtol, atol)}!\n\n{_mismatched(matches)}\n"
            f"Greatest absolute difference: {_greatest(absolute)}{_allowed(rtol, atol, atol)}\n"
            f"Greatest relative difference: {_greatest(relative)}{_allowed(rtol, atol, rtol)}")


def _greatest(differences: Any) -> str:
    at = int(differences.flatten().argmax())
    place = tuple(int(i) for i in np.unravel_index(at, tuple(differences.shape)))
    return f"{differences[place].item()} at index {place}"
