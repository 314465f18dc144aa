"""`torch.testing.assert_close`: two values are walked side by side, down to tensors, numbers, booleans and None.

Each pair is first looked at for what it is (types, shape, dtype, ...), then for its values; the first difference is
raised with the path to the item where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..engine import dtypes
from ..engine.tensor import Tensor, as_tensor
from ..errors import ArgumentError, BadValue, TcliError

_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7),
               "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7)}
_NUMBERS = {int: dtypes.int64, float: dtypes.float64, complex: dtypes.complex128}


def assert_close(actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
                 atol: float | None = None, equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True,
                 check_layout: bool = True, check_stride: bool = False,
                 msg: str | Callable[[str], str] | None = None) -> None:
    """Raises AssertionError unless two tensors (or sequences or dicts of them) agree within tolerance."""
    if (rtol is None) != (atol is None):
        raise BadValue(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no "
                       f"{'rtol' if rtol is None else 'atol'}.")
    tolerances = None if rtol is None else (rtol, atol)
    _Comparison(tolerances, equal_nan, allow_subclasses, check_device, check_dtype, check_stride, msg).compare(
        actual, expected, ())


class _Comparison:
    """The settings of one comparison."""

    def __init__(self, tolerances, equal_nan: bool, subclasses: bool, device: bool, dtype: bool, stride: bool, msg):
        self.tolerances, self.equal_nan, self.subclasses = tolerances, equal_nan, subclasses
        self.device, self.dtype, self.stride, self.msg = device, dtype, stride, msg

    def compare(self, actual, expected, path: tuple) -> None:
        if _is_sequence(actual) and _is_sequence(expected):
            self._sequences(actual, expected, path)
        elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
            self._mappings(actual, expected, path)
        elif actual is None or expected is None:
            if actual is not expected:
                self.fail(f"None mismatch: {actual} is not {expected}", path)
        elif _is_bool(actual) and _is_bool(expected):
            if bool(actual) is not bool(expected):
                self.fail(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}", path)
        elif _is_number(actual) and _is_number(expected):
            self._numbers(actual, expected, path)
        else:
            self._tensors(actual, expected, path)

    def fail(self, text: str, path: tuple) -> NoReturn:
        if isinstance(self.msg, str):
            raise AssertionError(self.msg)
        if path:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in path)}"
        raise AssertionError(self.msg(text) if callable(self.msg) else text)

    # ------------------------------------------------------------ containers

    def _sequences(self, actual, expected, path: tuple) -> None:
        if len(actual) != len(expected):
            self.fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path)
        for i in range(len(actual)):
            self.compare(actual[i], expected[i], (*path, i))

    def _mappings(self, actual, expected, path: tuple) -> None:
        missing, more = set(expected) - set(actual), set(actual) - set(expected)
        if missing or more:
            self.fail("The keys of the mappings do not match:\nMissing keys in the actual mapping: "
                      f"{sorted(missing)}\nAdditional keys in the actual mapping: {sorted(more)}", path)
        for key in sorted(actual) if all(isinstance(key, str) for key in actual) else actual:
            self.compare(actual[key], expected[key], (*path, key))

    # ------------------------------------------------------------ numbers

    def _numbers(self, actual, expected, path: tuple) -> None:
        if self.dtype and type(actual) is not type(expected):
            self.fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", path)
        a, e = (v.item() if isinstance(v, np.number) else v for v in (actual, expected))
        rtol, atol = self.tolerances or _default_tolerances(_NUMBERS[type(a)], _NUMBERS[type(e)])
        if a == e or self.equal_nan and a != a and e != e:
            return
        difference = abs(a - e)
        if difference <= atol + rtol * abs(e) and difference != float("inf"):
            return
        relative = float("inf") if e == 0 else abs(difference / e)
        equal = not (rtol or atol)
        self.fail(f"Scalars are not {'equal' if equal else 'close'}!\n\nExpected {e} but got {a}.\nAbsolute difference: "
                  f"{difference}{_allowed(equal, atol)}\nRelative difference: {relative}{_allowed(equal, rtol)}", path)

    # ------------------------------------------------------------ tensors

    def _tensors(self, actual, expected, path: tuple) -> None:
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if not related or not self.subclasses and type(actual) is not type(expected):
            _refuse(actual, expected)
        a, e = _tensor(actual, actual, expected), _tensor(expected, actual, expected)
        self._attributes(a, e, path)
        if a.is_meta or e.is_meta:
            return
        rtol, atol = self.tolerances or _default_tolerances(a.dtype, e.dtype)
        x, y = _values(a), _values(e)
        with np.errstate(all="ignore"):
            close = np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=self.equal_nan) if rtol or atol or x.dtype.kind in "fc" \
                else np.asarray(x == y)
            if not close.all():
                self.fail(_differences(x, y, close, rtol, atol), path)

    def _attributes(self, a: Tensor, e: Tensor, path: tuple) -> None:
        for name, wanted in (("shape", True), ("device", self.device), ("dtype", self.dtype), ("stride()", self.stride)):
            mine, yours = (t.stride() if name == "stride()" else getattr(t, name) for t in (a, e))
            if wanted and mine != yours:
                self.fail(f"The values for attribute '{name}' do not match: {mine} != {yours}.", path)


def _is_sequence(value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_bool(value) -> bool:
    return isinstance(value, (bool, np.bool_))


def _is_number(value) -> bool:
    return isinstance(value, (int, float, complex, np.number)) and not _is_bool(value)


def _refuse(actual, expected) -> NoReturn:
    raise ArgumentError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")


def _tensor(value, actual, expected) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    try:
        return as_tensor(value)
    except (TcliError, ValueError, TypeError):
        _refuse(actual, expected)


def _default_tolerances(*kinds) -> tuple[float, float]:
    found = [_TOLERANCES.get(d.name, (0.0, 0.0)) for d in kinds]
    return max(rtol for rtol, _ in found), max(atol for _, atol in found)


def _values(t: Tensor) -> np.ndarray:
    if t.dtype.itemsize < 4 and t.is_floating_point():
        t = t.to(dtypes.float32)
    a = t.cpu().numpy()
    return a.astype(np.int64) if a.dtype.kind in "biu" and a.dtype != np.uint64 else a


def _allowed(equal: bool, tolerance: float) -> str:
    return "" if equal else f" (up to {tolerance} allowed)"


def _differences(x: np.ndarray, y: np.ndarray, close: np.ndarray, rtol: float, atol: float) -> str:
    difference = np.abs(x - y)
    equal = not (rtol or atol)
    if not x.ndim:
        relative = np.abs(difference / y)
        return (f"Scalars are not {'equal' if equal else 'close'}!\n\nExpected {y.item()} but got {x.item()}.\nAbsolute "
                f"difference: {difference.item()}{_allowed(equal, atol)}\nRelative difference: "
                f"{relative.item()}{_allowed(equal, rtol)}")
    bad, total = int((~close).sum()), close.size
    shown, place = _largest(difference, close)
    relative, where = _largest(difference / np.abs(y), close)
    return (f"Tensor-likes are not {'equal' if equal else 'close'}!\n\nMismatched elements: {bad} / {total} "
            f"({100 * bad / total:.1f}%)\nGreatest absolute difference: {shown} at index {place}{_allowed(equal, atol)}\n"
            f"Greatest relative difference: {relative} at index {where}{_allowed(equal, rtol)}")


def _largest(values: np.ndarray, close: np.ndarray) -> tuple:
    """The largest value where the elements differ (nan counts as that), and its index."""
    flat = np.where(close, 0, values).ravel()
    missing = flat != flat
    at = int(missing.argmax() if missing.any() else flat.argmax())
    return flat[at].item(), tuple(int(i) for i in np.unravel_index(at, close.shape))
