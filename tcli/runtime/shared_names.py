"""Bare names that are tcli's own, and builtins that serve tensors and plain Python values alike.

A builtin keeps Python's meaning wherever Python defines one (`max(3, 4)`, `sum(generator)`, `sum(matrix)`
row by row); what Python refuses, such as the `max` of a matrix, goes to the torch function of that name.
"""

from __future__ import annotations

import builtins
from types import GeneratorType

from ..engine.fields import shared_builtin
from ..engine.registry import T
from ..engine.tensor import Tensor


def _is_tensor(args) -> bool:
    return bool(args) and isinstance(args[0], Tensor)


_PLAIN = frozenset({int, float, bool, list, tuple, dict, set, range, GeneratorType})  # what is certainly no tensor


def _python_compares(args, kwargs) -> bool:
    """Whether Python's max() and min() can choose among these: numbers, and tensors of one element."""
    if "key" in kwargs or "default" in kwargs:
        return True
    return not kwargs and (len(args) > 2 and isinstance(args[2], Tensor) or len(args) > 1 and all(
        each.numel() == 1 if isinstance(each, Tensor) else isinstance(each, (int, float)) for each in args))


def _reducer(name: str):
    plain, takes_dim = getattr(builtins, name), name in ("sum", "all", "any")

    def reducer(*args, **kwargs):
        if args and not kwargs and type(args[0]) in _PLAIN:
            return plain(*args)
        if not takes_dim and _python_compares(args, kwargs):
            return plain(*args, **kwargs)
        if not _is_tensor(args):
            return getattr(T, name)(*args, **kwargs) if "input" in kwargs or "dim" in kwargs else plain(*args, **kwargs)
        if len(args) == 1 and not kwargs and name == "sum" and args[0].ndim > 1:
            return plain(args[0])
        if len(args) == 1 and not kwargs and name in ("all", "any") and args[0].ndim == 1:
            return plain(args[0].tolist())
        return getattr(T, name)(*args, **kwargs)
    reducer.__name__ = reducer.__qualname__ = name
    reducer.__doc__ = f"Python's {name}() for plain values, torch.{name}() for tensors."
    return shared_builtin(plain, reducer, "(*args, **kwargs)")


def _abs(x):
    """Absolute value of a number or, elementwise, of a tensor."""
    if type(x) is float or type(x) is int:
        return builtins.abs(x)
    return T.abs(x) if isinstance(x, (Tensor, list)) else builtins.abs(x)


def _round(x, ndigits=None, *, decimals: int | None = None):
    """Rounds a number or, elementwise, a tensor (half to even)."""
    if isinstance(x, (Tensor, list)):
        return T.round(x, decimals=decimals or ndigits or 0)
    return builtins.round(x, ndigits)


def _pow(x, exponent, mod=None):
    """x ** exponent of numbers or, elementwise, of tensors."""
    if isinstance(x, (Tensor, list)) or isinstance(exponent, Tensor):
        return T.pow(x, exponent)
    return builtins.pow(x, exponent, mod) if mod is not None else builtins.pow(x, exponent)


SHARED = {name: _reducer(name) for name in ("max", "min", "sum", "all", "any")}
for _name, _function, _signature in (("abs", _abs, "(x)"), ("round", _round, "(x, ndigits=None, *, decimals=None)"),
                                     ("pow", _pow, "(x, exponent, mod=None)")):
    _function.__name__ = _function.__qualname__ = _name
    SHARED[_name] = shared_builtin(getattr(builtins, _name), _function, _signature)


def table(session) -> dict:
    """tcli's own functions."""
    from ..engine.autograd import backward

    found = {"backward": backward}
    for provider in (_from_traces, _from_files, _probes, _pictures, _progress):
        found.update(provider(session))
    return found


def _from_traces(session) -> dict:
    from .tracing import names_for

    return names_for(session)


def _from_files(session) -> dict:
    try:
        from ..io import program_functions
    except ImportError:
        return {}
    return program_functions(session)


def _progress(session) -> dict:
    from .progress import track

    return {"track": track}


def _probes(session) -> dict:
    from .probes import help, peek, show

    return {"peek": peek, "show": show, "help": help}


def _pictures(session) -> dict:
    from .pictures import names_for

    return names_for(session)
