"""A stand-in for CuPy on NumPy: arrays that refuse what CuPy's refuse.

No silent copy to the host (`__array__` raises), no mixing with NumPy arrays or with arrays of another device, no function,
method, attribute or parameter that CuPy has not (`strict_calls.py`). `install()` makes it the cuda device.
"""

import sys
import types

import numpy as np

from tcli.engine import cuda, device
from tcli.engine.device import Device

from . import compiled, strict_cuda
from .strict_calls import FACTS, NAMES, VERSION, check_call, check_ufunc

MODULES = {"cupy": np, "linalg": np.linalg, "fft": np.fft, "lib.stride_tricks": np.lib.stride_tricks}
FLAGS = [name for name in NAMES["Flags"] if name[0] != "_"]
REDUCE = {"add", "multiply", "maximum", "minimum", "logical_and", "logical_or"}
ACCUMULATE = {"add", "multiply"}
AT = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
PLAIN = (np.generic, int, float, complex, bool, str, type(None), np.dtype, type, slice, type(Ellipsis))


class StrictArray:
    """An array on the pretended device; `_h` holds its values."""

    __slots__ = ("__weakref__", "_base", "_h", "_home", "_taken")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, values, base=None):
        self._taken = None
        self._h, self._base = np.asarray(values), base
        if base is None:
            self._home, self._taken = strict_cuda.take(self._h.nbytes)
        else:
            self._home = base._home

    def __del__(self):
        if self._taken is not None:
            strict_cuda.give(self._home, self._taken)

    # ------------------------------------------------------------ what it is

    shape = property(lambda self: self._h.shape, lambda self, shape: self._set_shape(shape))
    dtype, ndim, size = (property(lambda self, name=name: getattr(self._h, name)) for name in ("dtype", "ndim", "size"))
    strides, itemsize, nbytes = (property(lambda self, name=name: getattr(self._h, name))
                                 for name in ("strides", "itemsize", "nbytes"))
    flags = property(lambda self: types.SimpleNamespace(**{name: getattr(self._h.flags, name) for name in FLAGS}))
    real = property(lambda self: self._view(self._h.real), lambda self, value: self.real.__setitem__(Ellipsis, value))
    imag = property(lambda self: self._view(self._h.imag), lambda self, value: self.imag.__setitem__(Ellipsis, value))
    T = property(lambda self: self._view(self._h.T))
    base = property(lambda self: self._base)
    data = property(lambda self: types.SimpleNamespace(ptr=self._h.__array_interface__["data"][0]))
    device = property(lambda self: types.SimpleNamespace(id=self._home))

    def _set_shape(self, shape):
        view = self._h.view()
        view.shape = shape
        self._h = view

    def _view(self, values):
        return StrictArray(values, self if self._base is None else self._base) if isinstance(values, np.ndarray) \
            and np.may_share_memory(values, self._h) else wrap(values)

    def __array__(self, *_args, **_kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
                        "explicitly.")

    def __len__(self):
        return len(self._h)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"Strict({self._h!r})"

    def get(self):
        return self._h.copy()

    def view(self, dtype=None):
        return self._view(self._h.view() if dtype is None else self._h.view(dtype))

    def copy(self, order="C"):
        return StrictArray(self._h.copy(order))

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        found = self._h.astype(dtype, order=order, copy=copy)
        return self if found is self._h else StrictArray(found)

    def tolist(self):
        return self._h.tolist()

    def item(self, *args):
        return self._h.item(*args)

    def fill(self, value):
        self._h.fill(unwrap(value))

    def __getitem__(self, index):
        found = self._h[unwrap(index)]
        if isinstance(found, np.generic):  # an element is a view
            found = self._h[(*index, Ellipsis) if isinstance(index, tuple) else (unwrap(index), Ellipsis)]
        return self._view(found)

    def __setitem__(self, index, value):
        self._h[unwrap(index)] = unwrap(value)

    def __bool__(self):
        return bool(self._h)

    def __int__(self):
        return int(self._h)

    def __float__(self):
        return float(self._h)

    def __complex__(self):
        return complex(self._h)

    def __index__(self):
        return self._h.__index__()

    # ------------------------------------------------------------ NumPy's protocols, as far as CuPy has them

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc.__name__ not in NAMES["cupy"]:
            return NotImplemented
        function = getattr(XP, ufunc.__name__)
        return function(*inputs, **kwargs) if method == "__call__" else getattr(function, method)(*inputs, **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        if any(t is np.ndarray for t in types):
            return NotImplemented
        space = {"numpy.linalg": "linalg", "numpy.fft": "fft"}.get(func.__module__, "cupy")
        if func.__name__ not in NAMES[space]:
            return NotImplemented
        return getattr(_space(space), func.__name__)(*args, **kwargs)


def wrap(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return StrictArray(value)
    if type(value) in (list, tuple) or hasattr(value, "_fields"):
        return tuple(wrap(v) for v in value) if not isinstance(value, list) else [wrap(v) for v in value]
    return value


def unwrap(value):
    """The values behind strict arrays; refuses NumPy arrays."""
    if type(value) is StrictArray:
        if value._home != strict_cuda.current():
            raise ValueError(f"Array device must be same as the current device: array device = {value._home} while current = "
                             f"{strict_cuda.current()}")
        return value._h
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(unwrap(v) for v in value)
    return value


class StrictFunction:
    """A function or ufunc of CuPy."""

    def __init__(self, function, space, name):
        self.function, self.__name__, self.space, self.name = function, function.__name__, space, name

    def __call__(self, *args, **kwargs):
        if type(FACTS[self.space][self.name]) is dict:
            check_ufunc(self.space, self.name, args, kwargs)
        else:
            check_call(self.space, self.name, args, kwargs)
        out = kwargs.get("out")
        found = self.function(*unwrap(args), **{k: unwrap(v) for k, v in kwargs.items()})
        if out is not None:
            return out[0] if isinstance(out, tuple) else out
        sources = [a for a in args if type(a) is StrictArray]
        return sources[0]._view(found) if sources and isinstance(found, np.ndarray) else wrap(found)

    def _method(self, name, allowed, args, kwargs):
        if self.__name__ not in allowed:
            raise NotImplementedError(f"{self.__name__}.{name} is not supported by CuPy")
        out = kwargs.get("out")
        found = getattr(self.function, name)(*unwrap(args), **{k: unwrap(v) for k, v in kwargs.items()})
        return wrap(found) if out is None else out

    def reduce(self, *args, **kwargs):
        return self._method("reduce", REDUCE, args, kwargs)

    def accumulate(self, *args, **kwargs):
        return self._method("accumulate", ACCUMULATE, args, kwargs)

    def reduceat(self, *args, **kwargs):
        return self._method("reduceat", {"add"}, args, kwargs)

    def at(self, *args, **kwargs):
        return self._method("at", AT, args, kwargs)

    def outer(self, *args, **kwargs):
        return wrap(self.function.outer(*unwrap(args), **kwargs))


class StrictModule:
    """CuPy's namespace; `space` is "cupy", "linalg", "fft" or a part of SciPy."""

    ndarray, __version__ = StrictArray, VERSION

    def __init__(self, space, real):
        self.__dict__.update(_space=space, _real=real)

    def __getattr__(self, name):
        if self._space == "cupy" and name in ("linalg", "fft", "lib"):
            found = _space(name) if name != "lib" else types.SimpleNamespace(stride_tricks=_space("lib.stride_tricks"))
        elif name not in NAMES[self._space]:
            raise AttributeError(f"module 'cupy' has no attribute '{name}'")
        else:
            found = getattr(self._real, name)
            if callable(found) and not isinstance(found, type):
                found = StrictFunction(found, self._space, name)
        self.__dict__[name] = found
        return found

    RawKernel = compiled.RawKernel
    cuda = strict_cuda.namespace

    def get_default_memory_pool(self):
        return strict_cuda._pool

    def get_default_pinned_memory_pool(self):
        return strict_cuda._pinned

    def asarray(self, a, dtype=None, order=None, **_other):
        if type(a) is StrictArray:
            return a if dtype is None or a.dtype == dtype else a.astype(dtype)
        return StrictArray(np.array(_lists(a), dtype, order=order or "K"))

    def array(self, a, dtype=None, copy=True, order="K", **_other):
        return StrictArray(np.array(a._h if type(a) is StrictArray else _lists(a), dtype, order=order))

    def asnumpy(self, a, stream=None, order="C", out=None, *, blocking=True):
        return a.get()


def _lists(value):
    return [_lists(v) for v in value] if isinstance(value, (list, tuple)) else value._h if type(value) is StrictArray else value


_spaces: dict = {}


def _space(name):
    if name not in _spaces:
        _spaces[name] = StrictModule(name, MODULES[name])
    return _spaces[name]


XP = _space("cupy")


def _operators():
    names = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
             "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
             "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift"}

    def function(name, swap=False, into=False):
        def operate(*args):
            return getattr(XP, name)(*(args[::-1] if swap else args), **({"out": args[0]} if into else {}))
        return operate

    for word, name in names.items():
        setattr(StrictArray, f"__{word}__", function(name))
        setattr(StrictArray, f"__r{word}__", function(name, swap=True))
        setattr(StrictArray, f"__i{word}__", function(name, into=True))
    for word, name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal",
                       "ne": "not_equal"}.items():
        setattr(StrictArray, f"__{word}__", function(name))
    for word, name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}.items():
        setattr(StrictArray, f"__{word}__", function(name))
    for name in ("reshape transpose swapaxes squeeze ravel flatten sum prod mean var std any all argmax argmin argsort cumsum "
                 "cumprod take clip round repeat diagonal trace dot nonzero searchsorted max min conj partition sort").split():
        def method(self, *args, name=name, **kwargs):
            check_call("ndarray", name, (self, *args), kwargs)
            return self._view(getattr(self._h, name)(*unwrap(args), **{k: unwrap(v) for k, v in kwargs.items()}))
        setattr(StrictArray, name, method)


_operators()


class StrictBackend(cuda.CudaBackend):
    """The CUDA backend with the stand-in for CuPy, and the CPU's random numbers."""

    def __init__(self):
        self._start(XP)

    def draw(self, device, sampler, generator, shape, dtype, parameters):
        with self.on(device):
            return StrictArray(sampler(generator, shape, dtype, *parameters))

    def seed(self, seed):
        pass


def install(monkeypatch, devices: int = 1, memory: int = 1 << 34) -> Device:
    """Makes the stand-in the cuda device for a test: so many devices with so many bytes each."""
    import scipy.fft
    import scipy.linalg
    import scipy.special

    strict_cuda.reset(devices, memory)
    monkeypatch.setitem(device._backends, "cuda", StrictBackend())
    root, inner = types.ModuleType("cupyx"), types.ModuleType("cupyx.scipy")
    root.scipy = inner
    for name, real in {"special": scipy.special, "linalg": scipy.linalg, "fft": scipy.fft}.items():
        setattr(inner, name, StrictModule(name if name == "special" else f"scipy.{name}", real))
        monkeypatch.setitem(sys.modules, f"cupyx.scipy.{name}", getattr(inner, name))
    monkeypatch.setitem(sys.modules, "cupyx", root)
    monkeypatch.setitem(sys.modules, "cupyx.scipy", inner)
    return Device("cuda", 0)
