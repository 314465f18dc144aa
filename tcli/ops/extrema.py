"""The largest and smallest elements, and where they are.

Whole tensors and `amax`/`amin` share the gradient among equals; `max(dim)` and `min(dim)` return the place
of the first of equals and give it the whole gradient. A nan is larger and smaller than everything.
"""

import numpy as np

from .. import native
from ..engine.callables import is_small, short_way
from ..engine.dispatch import READY, several
from ..engine.named_results import struct
from ..engine.passing import passing_on
from ..engine.placement import holds
from ..engine.registry import T, composite, op, ops
from ..engine.storage import by_rows
from ..engine.tape import state
from ..engine.tensor import Tensor
from ..errors import ArgumentError, BadIndex, EngineError
from .along import picked
from .arrays import refuse
from .blocks import is_large, is_one_line, place_of_best, reduced
from .places import take_along
from .reduce import DIMS, MORE_DIMS, axes, kept, one_or_all, spread

TIES = "torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]])"


def need_elements(name: str, x, dim, colon: str = "():") -> None:
    """Raises when a reduction without a neutral element gets an empty dim."""
    if x.size:
        return
    if dim is None or dim == ():
        raise EngineError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                          "reduction "
                          "dim with the 'dim' argument.")
    for d in dim if type(dim) is tuple else (dim,):
        if x.ndim and not x.shape[d]:
            raise BadIndex(f"{name}{colon} Expected reduction dim {d} to have non-zero size.")


# ---------------------------------------------------------------- values alone

def _shared(k, g, x, x_shape, out, dim, keepdim):
    """The gradient in equal parts to all elements that are the extremum: none is nan, and nan is then what all get."""
    best = T.eq(x, kept(k, out, x_shape, dim, keepdim))
    count = k.sum(best, dim, True) if dim else k.sum(best)
    g = kept(k, g, x_shape, dim, keepdim) if dim else spread(k, g, x_shape, None, keepdim)
    return k.where(best, g / count, g * 0 / count)


def _shared_by_all(k, g, x, x_shape, out):
    """The same for `max` and `min` of a whole tensor, where nan counts as the extremum."""
    best = T._is_best(x, out)
    return k.where(best, spread(k, g / k.sum(best), x_shape, None, False), 0.0)


@op("_is_best", at="", nograd=True, half=False,
    samples=["torch.tensor([1.0, 3.0, math.nan]), torch.tensor(math.nan)"])
def _is_best(xp, x, best: "Index"):
    """Where x is `best`, which may be nan."""
    same = xp.equal(x, best)
    if holds((best != best).any()):
        same |= (x != x) & (best != best)
    return same


def _value_op(name: str, ufunc: str, kernel_name: str, word: str, shown: str):
    def small(ndim: int, dim, keepdim: bool):
        def run(x):
            return ops[name].fn(np, x, dim, keepdim)
        along = one_or_all(ndim, dim)
        return native.few(name[1:], ndim, along, keepdim, run) or None if along != () else None

    @op(name, fuse=True, out="extremum", at="torch tensor", half=False, vjp={"x": _shared}, small=small,
        samples=[*DIMS, *MORE_DIMS, f"{TIES}, 1", "ints(2, 3), 1", "b(3), 0"])
    def extreme(xp, x, dim: "Dims?" = None, keepdim: "bool" = False):
        refuse(x, "c", kernel_name)
        need_elements(name, x, dim)
        return reduced(getattr(xp, ufunc), x, axes(x, dim), None, keepdim)

    extreme.__doc__ = f"""The {word} element, of the whole tensor or along dims; equals share the gradient.

    >>> {name}(tensor([[1., 5.], [3., 2.]]), 1)
    {shown}
    """


_value_op("amax", "maximum", "max_values_cpu", "largest", "tensor([5., 3.])")
_value_op("amin", "minimum", "min_values_cpu", "smallest", "tensor([1., 2.])")


@op("aminmax", out="exact", at="torch tensor", half=False, outs=2, fields=("min", "max"),
    samples=["r(3, 4)", "r(3, 4), dim=1", "r(2, 3), dim=0, keepdim=True", f"{TIES}, dim=1", "r()"],
    vjp={"x": lambda k, g, x, x_shape, out0, out1, dim, keepdim:
         _both(k, g, x, x_shape, (out0, out1), None if dim is None else (dim,), keepdim)})
def aminmax(xp, x, *, dim: "Dim?" = None, keepdim: "bool" = False):
    """The smallest and the largest element, of the whole tensor or along a dim.

    >>> aminmax(tensor([3., 1., 2.])).max
    tensor(3.)
    """
    refuse(x, "c", "aminmax_cpu")
    if dim is None and not x.size:
        raise EngineError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
                          "identity.")
    need_elements("aminmax", x, dim, ":")
    axis = dim if x.ndim else None
    return reduced(xp.minimum, x, axis, None, keepdim), reduced(xp.maximum, x, axis, None, keepdim)


def _both(k, g, x, x_shape, outs, dim, keepdim):
    parts = [_shared(k, g[i], x, x_shape, outs[i], dim, keepdim) for i in (0, 1) if g[i] is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


# ---------------------------------------------------------------- max and min

def _shared_array(k, g, x, out):
    best = _is_best(np, x, out)
    return np.where(best, g / np.count_nonzero(best), x.dtype.type(0)).astype(x.dtype, copy=False)


def _small_whole(name: str):
    def run(x):
        return x.ravel()[x.argmax() if name == "max" else x.argmin()]
    return lambda ndim: native.few(name, ndim, None, False, run) or run


def _whole_op(name: str, ufunc: str):
    @op(f"_{name}_all", fuse=True, small=_small_whole(name), at="", half=False, vjp={"x": _shared_by_all},
        raw_vjp={"x": _shared_array}, grad_name=f"{name.capitalize()}Backward1",
        samples=["r(3, 4)", "r()", TIES])
    def whole(xp, x):
        refuse(x, "c", name + "_all")
        if not x.size:
            need_elements(name, x, None)
        return reduced(getattr(xp, ufunc), x, None)


def _dim_op(name: str):
    def small(ndim: int, dim: int, keepdim: bool = False):
        def run(x):
            return ops[f"_{name}_dim"].fn(np, x, dim, keepdim)
        return native.few(f"{name} and place", ndim, dim, keepdim, run) or None if ndim else None

    @op(f"_{name}_dim", at="", small=small, half=False, outs=2, grad_name=f"{name.capitalize()}Backward0",
        samples=["r(3, 4), 1", "r(3, 4), 0, True", "r(), 0", f"{TIES}, 1"],
        vjp={"x": lambda k, g, x_shape, out1, dim, keepdim: picked(k, g[0], out1, dim, keepdim, x_shape)})
    def along(xp, x, dim: "Dim", keepdim: "bool" = False):
        if x.dtype.kind == "c":
            raise EngineError(f"{name}(): does not support complex input")
        need_elements(name, x, dim)
        if not x.ndim:
            return x.copy(), xp.zeros((), np.int64)
        place = _place(xp, name, x, dim, keepdim)
        if is_large(x):
            kept = place if keepdim else xp.expand_dims(place, dim)
            return take_along(x, kept, dim).reshape(place.shape), place
        return reduced(getattr(xp, name + "imum"), x, dim, None, keepdim), place


def _place(xp, name: str, x, dim: int, keepdim: bool):
    """Where the first extremum (or nan) along `dim` is."""
    if x.dtype.kind == "V":  # ml_dtypes
        x = x.astype(np.float32)
    if is_large(x) and not is_one_line(x.shape, dim) and (dim == x.ndim - 1 or x.shape[dim] > 64):
        found = place_of_best("arg" + name, x, dim)
        return xp.expand_dims(found, dim) if keepdim else found
    if dim < x.ndim - 1 and x.shape[dim] <= 64 and x.dtype.kind != "b" and x.size > 4096:
        found = _place_by_rows(xp, name, x, dim)
        return xp.expand_dims(found, dim) if keepdim else found
    method = x.argmax if name == "max" else x.argmin
    return xp.asarray(method(dim, None, keepdims=keepdim))


def _place_by_rows(xp, name: str, x, dim: int):
    """The same for a short dim that is not the last, in which NumPy's argmax walks through memory in jumps."""
    best = getattr(xp, name + "imum").reduce(x, dim)
    place = xp.zeros(best.shape, np.int64)
    rows = xp.moveaxis(x, dim, 0)
    for i in range(x.shape[dim] - 1, -1, -1):
        place[(rows[i] == best) | (rows[i] != rows[i])] = i
    return place


def _extremum(name: str, other: str, word: str, shown: tuple):
    whole, along, two = "_" + name + "_all", "_" + name + "_dim", other

    @composite(name, out=lambda x, dim, *_: "exact" if isinstance(dim, int) else None, at="torch tensor",
               fields=("values", "indices"),
               samples=["r(3, 4)", "r(3, 4), 1", "r(2, 3, 2), dim=-1, keepdim=True", "r(3), r(2, 3)", TIES,
                        f"{TIES}, 1", "r(), 0",
                        "ints(2, 3)", "b(3), 0"])
    def extremum(x, dim: "any" = None, keepdim: "bool" = False, *, other: "Tensor?" = None):
        if isinstance(dim, bool):
            raise ArgumentError(f"{name}() received an invalid combination of arguments - got (Tensor, bool), but expected "
                                "(Tensor input), (Tensor input, Tensor other) or (Tensor input, int dim, bool keepdim)")
        if isinstance(dim, Tensor) or other is not None:
            return getattr(T, two)(x, dim if other is None else other)
        return getattr(T, whole)(x) if dim is None else getattr(T, along)(x, dim, keepdim)

    def where(ndim: int, dim, keepdim: bool, other):
        if other is not None or dim is not None and (type(dim) is not int or not -ndim <= dim < ndim):
            return None
        return (whole,) if dim is None else (along, dim % ndim, keepdim)

    def quick(x, dim=None, keepdim=False):
        if type(dim) in READY:
            return getattr(T, two)(x, dim) if keepdim is False else NotImplemented
        if dim is None:
            return getattr(T, whole)(x)
        if not is_small(x) or type(dim) is not int or type(keepdim) is not bool or state.inference:
            return NotImplemented
        a, o = x._a, ops[along]
        if not a.size or not -a.ndim <= dim < a.ndim:
            return NotImplemented
        values = [x, dim % a.ndim, keepdim]
        return struct(name, ("values", "indices"))(several(o, values, by_rows(o.fn(np, a, *values[1:]), (a,))))
    short_way(name)(passing_on(where, quick))

    extremum.__doc__ = f"""The {word} element of x; with a dim the {word} ones along it and where they are.

    With a second tensor: the {word[:-3] + "er"} of both, elementwise.

    >>> {name}(tensor([[1., 5.], [3., 2.]]), 1)
    torch.return_types.{name}(
    values=tensor({shown[0]}),
    indices=tensor({shown[1]}))
    """


for _name, _other, _word, _shown in (("max", "maximum", "largest", ("[5., 3.]", "[1, 0]")),
                                     ("min", "minimum", "smallest", ("[1., 2.]", "[0, 1]"))):
    _whole_op(_name, _other)
    _dim_op(_name)
    _extremum(_name, _other, _word, _shown)


# ---------------------------------------------------------------- places alone

def _place_op(name: str, word: str, shown: str):
    def small(ndim: int, dim, keepdim: bool):
        def run(x):
            return ops[name].fn(np, x, dim, keepdim)
        return native.few(name, ndim, dim, keepdim, run) or None

    @op(name, out="exact", at="torch tensor", nograd=True, half=False, small=small,
        samples=["r(3, 4)", "r(3, 4), 1", "r(2, 3, 2), -1, keepdim=True", "r()", TIES, f"{TIES}, 1",
                 "r(2, 3), None, True"])
    def place(xp, x, dim: "Dim?" = None, keepdim: "bool" = False):
        if x.dtype.kind in "bc":
            raise EngineError(f"{name}(): does not support {'bool' if x.dtype.kind == 'b' else 'complex'} input")
        if not x.size and dim is None:
            raise BadIndex(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        need_elements(name, x, dim)
        if dim is None or not x.ndim:
            found = place_of_best(name, x, None) if is_large(x) else \
                getattr(xp, name)(x.astype(np.float32) if x.dtype.kind == "V" else x)
            return xp.asarray(found).reshape((1,) * x.ndim if keepdim else ())
        return _place(xp, name[3:], x, dim, keepdim)

    place.__doc__ = f"""Where the {word} element is: in the flattened tensor, or along a dim (the first of equals).

    >>> {name}(tensor([[1., 5.], [3., 2.]]), 1)
    {shown}
    """


_place_op("argmax", "largest", "tensor([1, 0])")
_place_op("argmin", "smallest", "tensor([0, 1])")
