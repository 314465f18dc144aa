"""Expressions: arrays that are still to be computed.

An `Expr` looks like an array to a kernel: it has a dtype and a shape, takes part in operators and NumPy
ufuncs, and remembers what was done instead of doing it. So the kernel of an elementwise op is also the
description of what fusion has to compute: called with `symbols` as its array module and expressions as
its arrays it returns the expression of its result. What an expression cannot do (look at values, write
into itself) raises `NotFusable`, and the op is then computed in the ordinary way.

`price` estimates the work of an expression in milliseconds per ten million float32 elements on one
thread; `weight` is how many steps it has at most.
"""

from __future__ import annotations

from weakref import ref

import numpy as np

from . import halves


class NotFusable(TypeError):
    """A kernel asked an expression for something that only an array can do."""


class Primitive:
    """A step that is no ufunc: `fn(*inputs, out)` fills `out`, which must not be one of the inputs if `apart`."""

    __slots__ = ("apart", "code", "fn", "name")

    def __init__(self, name: str, fn, apart: bool = False, code: int | None = None):
        """`code` is what `native.run_program` calls it, if it knows it."""
        self.name, self.fn, self.apart, self.code = name, fn, apart, code

    def __repr__(self) -> str:
        return self.name


class Reduction:
    """`ufunc.reduce` over some axes (all if None): where one pass ends, with a result of another shape."""

    __slots__ = ("axes", "dtype", "keepdims", "name", "ufunc")

    def __init__(self, ufunc, axes: tuple, dtype, keepdims: bool):
        self.ufunc, self.axes, self.dtype, self.keepdims, self.name = ufunc, axes, dtype, keepdims, "reduce"


class Rows:
    """A kernel `(rows..., out)` on arrays of whole rows: `same` says whether it gives rows again, or a number for each."""

    __slots__ = ("axes", "kernel", "name", "same")

    def __init__(self, kernel, axes: tuple, same: bool):
        self.kernel, self.axes, self.same, self.name = kernel, axes, same, "rows"


FINAL = (Reduction, Rows)  # what is never a step among others


PRICES = {"add": 2, "subtract": 2, "multiply": 2, "absolute": 1, "negative": 1, "sqrt": 3, "tanh": 6, "exp": 4, "log": 9,
          "divide": 4, "true_divide": 4, "reciprocal": 4, "expm1": 9, "log1p": 14, "sin": 15, "cos": 15, "power": 20,
          "exp2": 8, "log2": 9, "float_power": 30, "arctan2": 30, "hypot": 20, "logaddexp": 40, "logaddexp2": 40, "fmod": 40,
          "remainder": 40, "erf": 35, "reduce": 2, "rows": 10, "select": 6, "gate": 4, "cast": 2,
          "relu_adjoint": 4, "gelu": 25, "gelu_adjoint": 35}
TRANSCENDENTAL = 12  # what a ufunc not listed costs
_CHEAP = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "maximum", "minimum", "clip", "square",
          "logical_and", "logical_or", "logical_not", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "invert",
          "isnan", "isinf", "isfinite", "signbit", "floor", "ceil", "trunc", "rint", "fmin", "fmax", "positive")


class Expr:
    """The result of `fn` on `args` (expressions and 0-d arrays), or a leaf: `array` is there already.

    `owners` are weak references to the tensors that stand for it, `kept` one to the tape entry that saved it, `uses`
    counts in how many passes it was computed without being stored, `batch` are expressions to compute with it,
    `users` weak references to those it is part of; `home` is the device of its leaves, None for the CPU.
    """

    __slots__ = ("__weakref__", "args", "array", "batch", "claimed", "dtype", "fn", "home", "kept", "owners", "price", "shape",
                 "users", "uses", "weight")

    def __init__(self, fn, args: tuple, dtype, shape: tuple, array=None):
        self.fn, self.args, self.dtype, self.shape, self.array = fn, args, dtype, shape, array
        self.batch, self.kept, self.uses, self.claimed = None, None, 0, False
        self.owners: list = []
        self.users: list = []
        self.home = None
        if array is None:
            name = getattr(fn, "__name__", None) or fn.name
            self.weight, self.price = 1, PRICES.get(name, 2 if name in _CHEAP else TRANSCENDENTAL)
            for a in args:
                if type(a) is Expr:
                    self.weight += a.weight
                    self.price += a.price
                    if a.home is not None:
                        self.home = a.home
                    if len(a.users) > 64:
                        a.users[:] = [weak for weak in a.users if weak() is not None]
                    a.users.append(ref(self))
        else:
            self.weight = self.price = 0

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        n = 1
        for s in self.shape:
            n *= s
        return n

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def settle(self, array) -> None:
        """The value is known: what it was to be computed from is no longer needed."""
        self.array, self.args, self.batch, self.weight, self.price = array, (), None, 0, 0

    def astype(self, dtype, copy: bool = True):
        return cast(self, np.dtype(dtype))

    def copy(self):
        return Expr(COPY, (self,), self.dtype, self.shape)

    def sum(self, axis=None, dtype=None, keepdims: bool = False):
        return reduction(np.add, self, axis, dtype, keepdims=keepdims)

    def max(self, axis=None, keepdims: bool = False):
        return reduction(np.maximum, self, axis, keepdims=keepdims)

    def min(self, axis=None, keepdims: bool = False):
        return reduction(np.minimum, self, axis, keepdims=keepdims)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if method == "reduce" and ufunc in REDUCING and len(inputs) == 1:
            return reduction(ufunc, *inputs, **kwargs)
        if method != "__call__" or kwargs or ufunc.nout != 1 or ufunc.signature is not None:
            raise NotFusable(ufunc.__name__)
        return build(ufunc, inputs)

    def __bool__(self):
        raise NotFusable("a truth value")

    __hash__ = object.__hash__


def _operator(ufunc, swapped: bool = False):
    if swapped:
        return lambda self, other: build(ufunc, (other, self))
    return lambda self, other: build(ufunc, (self, other))


for _name, _ufunc in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("truediv", np.true_divide),
                      ("floordiv", np.floor_divide), ("mod", np.remainder), ("and", np.bitwise_and),
                      ("or", np.bitwise_or), ("xor", np.bitwise_xor)):
    setattr(Expr, f"__{_name}__", _operator(_ufunc))
    setattr(Expr, f"__r{_name}__", _operator(_ufunc, True))
for _name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    _short = {"equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge"}
    setattr(Expr, f"__{_short[_name]}__", _operator(getattr(np, _name)))
Expr.__neg__ = lambda self: build(np.negative, (self,))
Expr.__abs__ = lambda self: build(np.absolute, (self,))
Expr.__invert__ = lambda self: build(np.invert, (self,))
Expr.__hash__ = object.__hash__


# ---------------------------------------------------------------- building

_resolved: dict = {}


def resolve(ufunc, kinds: tuple) -> tuple:
    """The dtypes that a ufunc's loop has for operands of these dtypes and Python number types."""
    found = _resolved.get((ufunc, kinds))
    if found is None:
        asked = tuple(np.dtype(bool) if k is bool else k for k in kinds)
        found = _resolved[ufunc, kinds] = ufunc.resolve_dtypes((*asked, *(None,) * ufunc.nout))
    return found


def build(ufunc, inputs: tuple) -> Expr:
    """The expression of a ufunc on expressions, arrays and numbers."""
    kinds = []
    for v in inputs:
        kind = getattr(v, "dtype", None)
        kinds.append(type(v) if kind is None else kind)
    loop = resolve(ufunc, tuple(kinds))
    args = tuple(operand(v, d) for v, d in zip(inputs, loop, strict=False))
    return Expr(ufunc, args, loop[-1], common_shape(args))


def operand(v, d):
    """An operand in the dtype of the loop: an expression, or a 0-d array."""
    if type(v) is Expr:
        return v if v.dtype == d else cast(v, d)
    if getattr(v, "ndim", 0):
        raise NotFusable("an array among expressions")
    return np.asarray(v).astype(d)


REDUCING = (np.add, np.maximum, np.minimum, np.multiply, np.logical_and, np.logical_or)


def reduction(ufunc, x: Expr, axis=0, dtype=None, out=None, keepdims: bool = False) -> Expr:
    """The expression of `ufunc.reduce`."""
    n = len(x.shape)
    axes = tuple(range(n)) if axis is None else tuple(sorted(a % n for a in (axis if type(axis) is tuple else (axis,))))
    if out is not None or not axes or any(a < 0 for a in axes):
        raise NotFusable("a reduction")
    d = ufunc.reduce(np.ones(1, x.dtype), dtype=dtype).dtype
    shape = tuple(1 if i in axes else s for i, s in enumerate(x.shape) if keepdims or i not in axes)
    return Expr(Reduction(ufunc, axes, d, keepdims), (x,), d, shape)


def rows(kernel, *inputs, dim: int, keepdim: bool | None = None) -> Expr:
    """The expression of a kernel on rows along the last dim; `keepdim` (not None) says that it reduces them."""
    first = inputs[0]
    shape = common_shape(inputs)
    if first.home is not None:
        raise NotFusable("a kernel of NumPy's")
    if not shape or dim % len(shape) != len(shape) - 1 or any(type(v) is not Expr or v.shape != shape for v in inputs):
        raise NotFusable("rows that are no rows")
    result = shape if keepdim is None else (*shape[:-1], 1) if keepdim else shape[:-1]
    return Expr(Rows(kernel, (len(shape) - 1,), keepdim is None), inputs, first.dtype, result)


def common_shape(args) -> tuple:
    shape = None
    for a in args:
        if type(a) is Expr and a.shape != shape:
            shape = a.shape if shape is None else np.broadcast_shapes(shape, a.shape)
    return shape if shape is not None else ()


def cast(v: Expr, dtype) -> Expr:
    if v.dtype == dtype:
        return v.copy()
    if v.dtype.kind == "c" and dtype.kind != "c":
        raise NotFusable("the real part")
    return Expr(CAST, (v,), dtype, v.shape)


# ---------------------------------------------------------------- steps that are no ufuncs

_BITS = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def _cast_block(a, out) -> None:
    if not (out.dtype.itemsize == 2 or a.dtype.itemsize == 2) or not halves.convert(a, out):
        np.copyto(out, a, casting="unsafe")


def _gate_block(mask, a, out) -> None:
    """`a` where the mask is true, else 0: as integers a product, with no branch per element."""
    bits = _BITS[out.dtype.itemsize]
    as_integers = out.view(bits)
    np.copyto(as_integers, mask)
    np.multiply(as_integers, a.view(bits), as_integers)


def _select_block(mask, a, b, out) -> None:
    """b + mask * (a - b), exact in the integers that the bits stand for."""
    bits = _BITS[out.dtype.itemsize]
    a, b, result = a.view(bits), b.view(bits), out.view(bits)
    np.subtract(a, b, result)
    np.multiply(result, mask, result)
    np.add(result, b, result)


def _choose_block(mask, a, b, out) -> None:
    np.copyto(out, b)
    np.copyto(out, a, where=mask)


COPY = Primitive("copy", _cast_block, code=1)
CAST = Primitive("cast", _cast_block)
GATE = Primitive("gate", _gate_block, apart=True, code=2)
SELECT = Primitive("select", _select_block, apart=True, code=3)
CHOOSE = Primitive("choose", _choose_block, apart=True, code=3)


def _where(mask, a, b) -> Expr:
    d = np.result_type(*(v if type(v) in (int, float, bool) else v.dtype for v in (a, b)))
    args = (operand(mask, np.dtype(bool)), operand(a, d), operand(b, d))
    shape = common_shape(args)
    if d.itemsize in _BITS and d.kind in "fiu":
        zero = args[2]
        if type(zero) is not Expr and not np.any(zero.view(_BITS[d.itemsize])):
            return Expr(GATE, args[:2], d, shape)
        return Expr(SELECT, args, d, shape)
    return Expr(CHOOSE, args, d, shape)


class _Symbols:
    """The array module of expressions: NumPy's ufuncs, which an `Expr` takes over, and a few functions."""

    where = staticmethod(_where)

    def __getattr__(self, name: str):
        found = getattr(np, name)
        if not isinstance(found, np.ufunc) and name not in ("bool_", "float32", "float64", "int64", "pi", "inf", "nan"):
            raise NotFusable(name)
        self.__dict__[name] = found
        return found

    @staticmethod
    def zeros_like(x):
        return Expr(COPY, (np.zeros((), x.dtype),), x.dtype, x.shape)

    @staticmethod
    def ones_like(x):
        return Expr(COPY, (np.ones((), x.dtype),), x.dtype, x.shape)

    @staticmethod
    def zeros(shape, dtype=None):
        if shape != ():
            raise NotFusable("zeros")
        return np.zeros(shape, dtype)

    @staticmethod
    def array(x, dtype=None):
        if type(x) is not Expr:
            return np.array(x, dtype)
        return x.copy() if dtype is None or dtype == x.dtype else cast(x, np.dtype(dtype))

    @staticmethod
    def asarray(x, dtype=None):
        if type(x) is not Expr:
            return np.asarray(x, dtype)
        return x if dtype is None or dtype == x.dtype else cast(x, np.dtype(dtype))


symbols = _Symbols()
