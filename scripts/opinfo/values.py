"""Values of PyTorch's operator samples in tcli, and how two results differ.

Tolerances: what PyTorch's own tests ask of a dtype (`torch.testing.assert_close`); gradients, which sum more roundings,
are held to `LOOSE`. An operator's `toleranceOverride` counts where it is wider. In single precision a result that is as
near to the one in double precision as PyTorch's is no fault either.
"""

from __future__ import annotations

import functools
import types
from collections import defaultdict
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from torch.testing._internal import common_methods_invocations as opinfo
from torch.testing._internal.common_methods_invocations import wrapper_set_seed
from torch.testing._internal.common_utils import freeze_rng_state

from tcli.engine.tensor import Tensor, from_numpy
from tcli.runtime.namespaces import known_modules

TOLERANCE = {"float64": (1e-7, 1e-7), "complex128": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "complex64": (1.3e-6, 1e-5),
             "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5)}
LOOSE = {"float32": (1e-4, 1e-4), "complex64": (1e-4, 1e-4), "float64": (1e-6, 1e-6), "complex128": (1e-6, 1e-6),
         "float16": (2e-2, 2e-2), "bfloat16": (1e-1, 1e-1)}
CUT = 300

mine = known_modules().get("torch")


class Untranslatable(Exception):
    """A value that has no counterpart in tcli: a fault of kind `missing` when it is an operator."""


def _known_callables() -> dict:
    """id of a public object of torch -> the dotted paths at which it is found."""
    spaces = {"": torch, "nn.functional.": F, "linalg.": torch.linalg, "fft.": torch.fft, "special.": torch.special,
              "signal.windows.": torch.signal.windows, "masked.": torch.masked, "Tensor.": torch.Tensor}
    found = defaultdict(list)
    for prefix, home in spaces.items():
        for name in dir(home):
            value = getattr(home, name, None)
            if callable(value):
                found[id(value)].append(prefix + name)
    return found


KNOWN = _known_callables()
MODULES = {id(torch): "", id(F): "nn.functional", id(torch.nn): "nn", id(torch.linalg): "linalg", id(torch.fft): "fft",
           id(torch.special): "special", id(torch.signal): "signal", id(torch.autograd): "autograd"}


def at_path(path: str):
    """tcli's object at a dotted path below torch."""
    value = mine
    for name in path.split(".") if path else ():
        try:
            value = getattr(value, name)
        except AttributeError:
            raise Untranslatable(f"torch.{path}") from None
    return value


def to_mine(t: torch.Tensor, seen: dict | None = None):
    """The tensor in tcli: the same bits and strides, a leaf when it requires gradients; in one call, tensors that
    share memory share it here."""
    if t.layout is not torch.strided:
        raise Untranslatable(f"layout {t.layout}")
    if t.dtype is torch.complex32:
        half = to_mine(t.detach().to(torch.complex64)).chalf()
        return half.requires_grad_() if t.requires_grad else half
    plain = t.detach().resolve_conj().resolve_neg()
    if plain.dtype is torch.bfloat16:
        import ml_dtypes
        d = np.dtype(ml_dtypes.bfloat16)
    else:
        d = np.dtype(str(plain.dtype).removeprefix("torch."))
    storage = plain.untyped_storage()
    kept = {} if seen is None else seen.setdefault("memory", {})
    if storage.data_ptr() not in kept:  # with the storage itself, so that its address is not given away again
        kept[storage.data_ptr()] = storage, torch.empty(0, dtype=torch.uint8).set_(storage).clone().numpy()
    memory = kept[storage.data_ptr()][1]
    typed = memory[:len(memory) // d.itemsize * d.itemsize].view(d)
    if plain.numel() == 0:
        array = np.empty(tuple(plain.shape), d)
    else:
        array = np.lib.stride_tricks.as_strided(typed[plain.storage_offset():], tuple(plain.shape),
                                                tuple(s * d.itemsize for s in plain.stride()))
    made = from_numpy(array)
    return made.requires_grad_() if t.requires_grad else made


MORE: dict = {}  # a class -> a function (value, seen): what else a comparison translates


def translate(value, seen=None):
    """A value of an OpInfo for tcli: tensors, dtypes, operators, and Python functions written over torch."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return seen[id(value)]
    for kind, made in MORE.items():
        if isinstance(value, kind):
            return made(value, seen)
    if isinstance(value, torch.Tensor):
        seen[id(value)] = to_mine(value, seen)
        return seen[id(value)]
    if isinstance(value, torch.Size):
        return mine.Size(value)
    if isinstance(value, (list, tuple, dict, set)):
        return _container(value, seen)
    if value is None or isinstance(value, (bool, int, float, complex, str, slice, np.generic)) or value is Ellipsis:
        return translate_slice(value, seen) if isinstance(value, slice) else value
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return at_path(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return mine.device(str(value))
    if isinstance(value, types.ModuleType):
        return at_path(MODULES[id(value)]) if id(value) in MODULES else value
    return _callable(value, seen)


def translate_slice(value: slice, seen) -> slice:
    return slice(*(translate(part, seen) for part in (value.start, value.stop, value.step)))


def _container(value, seen):
    if isinstance(value, dict):
        return {k: translate(v, seen) for k, v in value.items()}
    items = [translate(item, seen) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _callable(value, seen):
    if value is freeze_rng_state:
        return nullcontext
    if value is wrapper_set_seed:
        return _seeded
    if id(value) in KNOWN:
        failure = None
        for path in KNOWN[id(value)]:
            try:
                return at_path(path)
            except Untranslatable as error:
                failure = failure or error
        raise failure
    if isinstance(value, functools.partial):
        return functools.partial(translate(value.func, seen), *translate(value.args, seen), **translate(value.keywords, seen))
    if isinstance(value, types.FunctionType) and value.__module__.startswith("torch"):
        return _rebuilt(value, seen)
    if isinstance(value, opinfo.OpInfo):
        return value
    if isinstance(value, torch.nn.Module):
        return at_path("nn." + type(value).__name__)()
    if getattr(value, "__module__", "").startswith("torch") and callable(value):
        raise Untranslatable(getattr(value, "__name__", str(value)))
    return value


def _seeded(op, *args, **kwargs):
    mine.manual_seed(42)
    return op(*args, **kwargs)


def _rebuilt(f: types.FunctionType, seen):
    """The same Python code with torch's names bound to tcli's."""
    names = {"__builtins__": f.__globals__["__builtins__"]}
    cells = tuple(types.CellType() for _ in f.__closure__ or ())
    made = types.FunctionType(f.__code__, names, f.__name__, None, cells or None)
    seen[id(f)] = made
    for cell, original in zip(cells, f.__closure__ or ()):
        cell.cell_contents = translate(original.cell_contents, seen)
    for name in _names_read(f.__code__):
        if name in f.__globals__:
            names[name] = translate(f.__globals__[name], seen)
    made.__defaults__ = translate(f.__defaults__, seen)
    made.__kwdefaults__ = translate(f.__kwdefaults__, seen)
    return made


def _names_read(code) -> set:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names_read(constant)
    return found


def counterpart(op, call):
    """tcli's callable for one of an OpInfo's callables."""
    path = op.name
    if call is op.op and id(call) not in KNOWN and not isinstance(call, (functools.partial, types.FunctionType)):
        return at_path(path)
    return translate(call)


def leaves_of(value, kind) -> list:
    if isinstance(value, kind):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return [leaf for item in value for leaf in leaves_of(item, kind)]
    return []


def flat(value) -> list:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def array_of(t) -> np.ndarray:
    if isinstance(t, torch.Tensor):
        t = t.detach().resolve_conj().resolve_neg()
        t = t.to(torch.complex64) if t.dtype is torch.complex32 else t
        return (t.float() if t.dtype in (torch.bfloat16, torch.float16) else t).numpy(force=True)
    t = t.detach()
    if t.dtype.name == "complex32":
        return t._a
    return (t.float() if t.dtype in (mine.bfloat16, mine.float16) else t).numpy()


def name_of(dtype) -> str:
    return str(dtype).removeprefix("torch.")


def differing(theirs, ours, values: bool = True, precision=None, tolerance: tuple | None = None) -> str | None:
    """What is different between two results, in a few words; None when nothing is."""
    a, b = flat(theirs), flat(ours)
    if len(a) != len(b):
        return f"{len(a)} results, here {len(b)}"
    for i, (x, y) in enumerate(zip(a, b)):
        found = _differing_one(x, y, values, precision, tolerance)
        if found:
            return found if len(a) == 1 else f"[{i}] {found}"
    return None


def _differing_one(x, y, values: bool, precision, tolerance) -> str | None:
    if not isinstance(x, torch.Tensor):
        same = str(x) == str(y) if isinstance(x, (torch.dtype, torch.Size)) else x == y or (x != x and y != y)
        return None if same or isinstance(x, float) and np.isclose(x, y) else f"{x!r}, here {y!r}"[:CUT]
    if not isinstance(y, Tensor):
        return f"a tensor, here {type(y).__name__}"
    if str(x.dtype) != str(y.dtype):
        return f"{x.dtype}, here {y.dtype}"
    if tuple(x.shape) != tuple(y.shape):
        return f"shape {tuple(x.shape)}, here {tuple(y.shape)}"
    return _differing_values(x, y, precision or x.dtype, tolerance) if values else None


def _differing_values(x, y, precision, tolerance) -> str | None:
    a, b = array_of(x), array_of(y)
    rtol, atol = TOLERANCE.get(name_of(precision), (0, 0))
    if tolerance is not None and a.dtype.kind in "fc":
        rtol, atol = max(rtol, tolerance[0]), max(atol, tolerance[1])
    with np.errstate(all="ignore"):
        good = _close(a.real, b.real, rtol, atol) & _close(a.imag, b.imag, rtol, atol) if np.iscomplexobj(a) \
            else _close(a, b, rtol, atol)
        if np.iscomplexobj(a):
            good |= np.abs(a - b) <= atol + rtol * np.abs(a)
    if good.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~good)[0])
    return f"{int((~good).sum())}/{good.size} values, at {at}: {a[at]!r}, here {b[at]!r}"


def _close(a, b, rtol: float, atol: float):
    if a.dtype.kind not in "fc":
        return a == b
    return np.isclose(b, a, rtol, atol, equal_nan=True)


def no_worse(theirs, ours, truth) -> bool:
    """Whether our results are as near to the true ones as theirs, give or take a few roundings."""
    for x, y, z in zip(flat(theirs), flat(ours), flat(truth), strict=True):
        if not isinstance(x, torch.Tensor) or not (x.dtype.is_floating_point or x.dtype.is_complex):
            continue
        a, b, c = array_of(x), array_of(y), array_of(z)
        with np.errstate(all="ignore"):
            if not np.array_equal(np.isfinite(a), np.isfinite(b)) or not np.isfinite(c).all() or a.shape != c.shape:
                return False
            spread = max(np.abs(a - c).max(initial=0), float(torch.finfo(x.dtype).eps) * np.abs(c).max(initial=0))
            if np.abs(b - c).max(initial=0) > 8 * spread:
                return False
    return True
