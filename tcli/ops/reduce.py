"""Sums, means, products and truth values of all elements or along dims.

Halves add up in float32, integers and bools in int64, as PyTorch keeps them. `spread` and `kept` bring a
reduced gradient back to the shape it was reduced from; the other reducing families use them too.
"""

import math

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.placement import holds
from ..engine.registry import T, composite, op, rule_helper
from ..engine.symbols import NotFusable, rows
from ..engine.tape import state
from ..errors import DTypeError, EngineError, ShapeError
from .blocks import is_large, is_one_line, reduced
from .row_kernels import logsumexp, logsumexp_of_all, logsumexp_of_lines

DIMS = ["r(3, 4)", "r(3, 4), 1", "r(2, 3, 4), (0, 2), keepdim=True", "r()"]
MORE_DIMS = ["r(2, 3), -1", "r(), 0", "r(2, 3), ()", "r(4, 3).t(), 1", "r(2, 3, 4)[:, ::2, 1:], (-1, 0)", "r(0, 3), 1"]


# ---------------------------------------------------------------- dims

def kept_shape(shape: tuple, dim) -> tuple:
    """`shape` with size 1 at the reduced dims (None or () for all)."""
    if dim is None or dim == ():
        return (1,) * len(shape)
    dims = dim if type(dim) is tuple else (dim,)
    return tuple(1 if i in dims else n for i, n in enumerate(shape))


def kept(k, g, shape: tuple, dim, keepdim: bool):
    """A reduced tensor with its reduced dims back as size 1."""
    if keepdim or not shape or len(g.shape) == len(shape):
        return g
    return k.reshape(g, kept_shape(shape, dim))


def spread(k, g, shape: tuple, dim, keepdim: bool):
    """A reduced gradient expanded over the dims it was reduced along."""
    if dim is None or dim == ():
        return k.spread_to(k.reshape(g, ()) if keepdim and shape else g, shape)
    return k.spread_to(kept(k, g, shape, dim, keepdim), shape)


def one_or_all(ndim: int, dim):
    """The dim that a reduction of a small array is along, None for all; () for several, or where there is none."""
    if type(dim) is tuple:
        dim = dim[0] if len(dim) == 1 else None if len(set(dim)) == ndim else ()
    return dim if ndim else ()


def axes(x, dim):
    """`dim` as NumPy's `axis`; 0-d arrays and () are reduced as a whole."""
    return (dim if type(dim) is not tuple or len(dim) > 1 else dim[0]) if dim not in (None, ()) and x.ndim else None


def count_of(shape: tuple, dim) -> int:
    """How many elements are reduced into one."""
    total = 1
    for i, n in enumerate(shape):
        if dim is None or dim == () or i in (dim if type(dim) is tuple else (dim,)):
            total *= n
    return total


def in_dtype(a, dtype):
    """The array in the dtype an option asks for; None asks for nothing."""
    return a if dtype is None or a.dtype == dtype.numpy else a.astype(dtype.numpy)


def numbered(base: str):
    """`SumBackward0` for a whole tensor, `SumBackward1` along dims."""
    whole, along = base + "Backward0", base + "Backward1"

    def name(x, dim, keepdim, *rest) -> str:
        return whole if dim is None and not keepdim else along

    name.by_options = True
    return name


@rule_helper
def in_real_or_complex(x, d):
    return T._cast(x, d) if x.dtype is not d else x


# ---------------------------------------------------------------- sums

def _summed(xp, x, dim, keepdim, dtype):
    kind = x.dtype.kind
    if dtype is None:
        wanted = np.int64 if kind in "biu" else None
    elif dtype.category == dtypes.FLOAT and dtype.itemsize < 4:
        wanted = np.float32
    else:
        wanted = dtype.numpy
        if kind == "c" and dtype.category < dtypes.COMPLEX:
            x = x.real
    return in_dtype(reduced(xp.add, x, axes(x, dim), wanted, keepdim), dtype)


def _small_sum(ndim: int, dim, keepdim: bool, dtype):
    """The kernel of `sum` on small arrays, for one dim or all and nothing else that is asked for."""
    dim = one_or_all(ndim, dim)
    if dtype is not None or dim == ():
        return None

    def run(x):
        if x.dtype.kind == "f":
            return reduced(np.add, x, dim, None, keepdim)
        return np.add.reduce(x, dim, np.int64, None, keepdim)
    return native.few("sum", ndim, dim, keepdim, run) or run


@op("sum", out="of dtype", fuse=True, small=_small_sum, at="torch tensor", grad_name=numbered("Sum"),
    samples=[*DIMS, *MORE_DIMS, "r(0, 3), 0", *MORE_DIMS, "ints(2, 3), 1", "b(4)"],
    vjp={"x": lambda k, g, x_shape, dim, keepdim: spread(k, g, x_shape, dim, keepdim)}, raw_vjp=True)
def sum(xp, x, dim: "Dims?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The sum of all elements, or along dims; integers and bools add up in int64.

    >>> sum(tensor([[1., 2.], [3., 4.]]), 0)
    tensor([4., 6.])
    """
    if dim is None and dtype is None and x.dtype.kind == "f" and not keepdim:
        return reduced(xp.add, x, None)
    return _summed(xp, x, dim, keepdim, dtype)


@composite("sum_to_size", at="tensor",
           samples=["r(2, 3), (1, 3)", "r(2, 3), 3", "r(2, 3), 2, 3", "r(4, 2, 3), (2, 1)"])
def sum_to_size(x, size: "Shape*"):
    """x summed over the dims along which `size` would broadcast to its shape.

    >>> ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    shape = x._a.shape
    if not size:
        return T.sum(x)
    lead = len(shape) - len(size)
    if lead < 0 or any(n not in (1, m) for n, m in zip(size, shape[lead:], strict=True)):
        raise ShapeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(size) if n == 1 and shape[i + lead] != 1)
    found = T.sum(x, dims, True) if dims else x
    return T.reshape(found, size) if lead else found


def _nansum_rule(k, g, x, x_shape, dim, keepdim):
    return k.where(k.isnan(x), 0.0, spread(k, g, x_shape, dim, keepdim))


def _nansum_out(x, *_) -> str | None:
    return None if x.dtype.category < dtypes.FLOAT or not x._a.size else "nansum"


def _mean_out(x, dim=None, keepdim=False, dtype=None) -> str:
    return "exact" if dtype is not None else "mean" if dim is None else "real"


@op("nansum", out=_nansum_out, fuse=True, at="torch tensor",
    samples=[*DIMS, *MORE_DIMS, "torch.tensor([[1.0, math.nan], [2.0, 3.0]]), 1"],
    vjp={"x": _nansum_rule})
def nansum(xp, x, dim: "Dims?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The sum with nan counted as 0.

    >>> nansum(tensor([1., nan, 3.]))
    tensor(4.)
    """
    if x.dtype.kind == "c":
        raise EngineError("nansum does not support complex inputs")
    if x.dtype.kind == "f":
        x = xp.where(xp.isnan(x), xp.zeros((), x.dtype), x)
    return _summed(xp, x, dim, keepdim, dtype)


# ---------------------------------------------------------------- means

def _mean_dtype(x, dtype) -> None:
    for d, which in ((dtype, "Optional"), (dtypes.of_numpy(x.dtype), "Input")):
        if d is not None:
            if d.category < dtypes.FLOAT:
                raise DTypeError(f"mean(): could not infer output dtype. {which} dtype must be either a floating "
                                 "point or "
                                 f"complex dtype. Got: {dtypes.scalar_name(d)}")
            return


def _mean_rule(k, g, x_shape, dim, keepdim):
    n = math.prod(x_shape) if dim is None else count_of(x_shape, dim)
    return spread(k, g / n if n else g * float("nan"), x_shape, dim, keepdim)


def _raw_mean_rule(k, g, x_shape, dim, keepdim):
    n = math.prod(x_shape) if dim is None else count_of(x_shape, dim)
    return spread(k, np.asarray(g / g.dtype.type(n)) if n else g * g.dtype.type(math.nan), x_shape, dim, keepdim)


def _small_mean(ndim: int, dim, keepdim: bool, dtype):
    add = _small_sum(ndim, dim, keepdim, dtype)
    if add is None:
        return None
    place = one_or_all(ndim, dim)
    whole = place is None

    def run(x):
        kind = x.dtype.type
        if x.dtype.kind != "f" or not x.size:
            raise TypeError
        return add(x) / kind(x.size if whole else x.shape[place])
    return native.few("mean", ndim, place, keepdim, run) or run


@op("mean", out=_mean_out, fuse=True, small=_small_mean, at="torch tensor", grad_name=numbered("Mean"),
    samples=[*DIMS, *MORE_DIMS, "ints(3), dtype=torch.float32"], vjp={"x": _mean_rule},
    raw_vjp={"x": _raw_mean_rule})
def mean(xp, x, dim: "Dims?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The mean of all elements, or along dims.

    >>> mean(tensor([[1., 2.], [3., 4.]]), 1)
    tensor([1.5000, 3.5000])
    """
    if dtype is not None or x.dtype.kind not in "fc":
        _mean_dtype(x, dtype)
    if dim is None and dtype is None and x.size:
        return reduced(xp.add, x, None, None, keepdim) / x.dtype.type(x.size)
    wide = None if dtype is None else dtypes.float32 if dtype.itemsize < 4 else dtype
    total = _summed(xp, x, dim, keepdim, wide)
    n = count_of(x.shape, dim)
    return in_dtype(xp.true_divide(total, total.dtype.type(n)), dtype)


@composite("nanmean", out=_nansum_out, at="torch tensor",
           samples=[*DIMS, *MORE_DIMS, "torch.tensor([[1.0, math.nan], [2.0, 3.0]]), 1"])
def nanmean(x, dim: "Dims?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The mean of the elements that are not nan.

    >>> nanmean(tensor([1., nan, 3.]))
    tensor(2.)
    """
    if x.dtype.category < dtypes.FLOAT:
        raise EngineError("nanmean(): expected input to have floating point or complex dtype but got "
                          f"{dtypes.scalar_name(x.dtype)}")
    count = T.sum(T.logical_not(T.isnan(x.detach())), dim, keepdim)
    return T.nansum(x, dim, keepdim, dtype=dtype) / count


# ---------------------------------------------------------------- products

def _product_rule(k, g, x, x_shape, out, dim, keepdim, dtype):
    if not x_shape:
        return k.clone(g)
    if dtype is not None:
        x = k.in_real_or_complex(x, dtype)
    zeros = T._is_zero(x)
    if dim is None and not state.grad and holds(zeros._a.sum() > 1):
        return k.zeros_like(x)
    g = kept(k, g, x_shape, dim, keepdim)
    if not holds(zeros._a.any()):
        return g * k.conj_of(kept(k, out, x_shape, dim, keepdim) / x)
    if dim is None:
        others = k.reshape(k.product_of_others(k.reshape(x, (-1,)), 0), x_shape)
    else:
        others = k.product_of_others(x, dim)
    return g * k.conj_of(others)


@op("_is_zero", fuse=True, at="", nograd=True, half=False, promote="compare")
def _is_zero(xp, x):
    return xp.equal(x, 0)


@rule_helper
def product_of_others(x, dim: int):
    """At each place the product of all other elements along `dim`."""
    before = T.cumprod(T._shifted(x, dim, 1, False), dim)
    after = T._reversed(T.cumprod(T._reversed(T._shifted(x, dim, 1, True), dim), dim), dim)
    return before * after


@op("prod", out="of dtype", fuse=True, at="torch tensor", vjp={"x": _product_rule}, grad_name=numbered("Prod"),
    samples=["r(3, 2)", "r(3, 4), 1", "r(2, 3), 0, keepdim=True", "r()", "torch.tensor([2.0, 0.0, 3.0])",
             "torch.tensor([[2.0, 0.0], [0.0, 0.0]]), 1", "ints(2, 3), 1"])
def prod(xp, x, dim: "Dim?" = None, keepdim: "bool" = False, *, dtype: "DType?" = None):
    """The product of all elements, or along a dim; integers and bools multiply in int64.

    >>> prod(tensor([[1., 2.], [3., 4.]]), 1)
    tensor([ 2., 12.])
    """
    if dtype is None:
        wanted = np.int64 if x.dtype.kind in "biu" else None
    else:
        wanted = np.float32 if dtype.category == dtypes.FLOAT and dtype.itemsize < 4 else dtype.numpy
    return in_dtype(xp.multiply.reduce(x, axes(x, dim), wanted, None, keepdim), dtype)


# ---------------------------------------------------------------- truth

def _small_truth(every: bool):
    def small(ndim: int, dim, keepdim: bool):
        if dim is not None or keepdim:
            return None

        def run(x):
            if x.dtype == np.uint8:
                raise TypeError
            n = np.count_nonzero(x)
            return np.asarray(n == x.size if every else n > 0)
        return run
    return small


def _truth(name: str, ufunc: str, meaning: str, shown: str):
    @op(name, fuse=True, small=_small_truth(name == "all"), out="truth", at="torch tensor", nograd=True, half=False,
        samples=["b(3, 4)", "b(3, 4), 1", "r(2, 3, 4), (0, 2), keepdim=True", "b(0, 3), 0", "b()", "ints(3)"])
    def truth(xp, x, dim: "Dims?" = None, keepdim: "bool" = False):
        found = x if x.dtype.kind in "biufc" else x != 0  # ml_dtypes' types have no truth of their own
        # An empty tuple reduces nothing here, while None reduces all.
        if dim == () and x.ndim:
            result = found.astype(bool)
        else:
            result = reduced(getattr(xp, ufunc), found, axes(x, dim), bool, keepdim)
        return result.astype(np.uint8) if x.dtype == np.uint8 else result

    truth.__doc__ = f"""Whether {meaning}, of the whole tensor or along dims.

    >>> {name}(tensor([[True, False], [True, True]]), 1)
    {shown}
    """


_truth("all", "logical_and", "all elements are true (not 0)", "tensor([False,  True])")
_truth("any", "logical_or", "any element is true (not 0)", "tensor([True, True])")


@op("count_nonzero", fuse=True, at="torch tensor", nograd=True, half=False,
    samples=["ints(3, 4)", "ints(3, 4), 1", "ints(2, 3, 4), (0, 2)", "b(5)", "r()"])
def count_nonzero(xp, x, dim: "Dims?" = None):
    """How many elements are not 0, of the whole tensor or along dims.

    >>> count_nonzero(tensor([[0, 1], [2, 3]]), 0)
    tensor([1, 2])
    """
    return reduced(xp.add, x != 0, axes(x, dim), np.int64)


# ---------------------------------------------------------------- log of sums of exponentials

def _logsumexp_rule(k, g, x, x_shape, out, dim, keepdim):
    weight = k.exp(x - kept(k, out, x_shape, dim, keepdim))
    return kept(k, g, x_shape, dim, keepdim) * k.conj_of(weight)


def _logsumexp_rows(x, out) -> None:
    logsumexp_of_lines(x, out[:, None])


def _logsumexp_fused(xp, x, dim, keepdim):
    """Along the last dim row by row; over other dims first the largest elements, then the sums."""
    if x.ndim and dim == (x.ndim - 1,):
        return rows(_logsumexp_rows, x, dim=-1, keepdim=keepdim)
    axis = axes(x, dim)
    top = x.max(axis=axis, keepdims=True)
    top = xp.where(xp.isinf(top), xp.zeros((), top.dtype), top)
    found = xp.log(xp.add.reduce(xp.exp(x - top), axis, None, None, True)) + top
    if keepdim or not x.ndim:
        return found
    raise NotFusable("a shape")


def _logsumexp(xp, x, axis):
    """log(sum(exp(x))) with dims kept: the largest element is taken out first."""
    if not x.size:
        return xp.log(xp.exp(x).sum(axis=axis, keepdims=True))
    if x.dtype.kind == "c":
        top = x.real.max(axis=axis, keepdims=True)
    else:
        top = x.max(axis=axis, keepdims=True)
    top = xp.where(xp.isinf(top), xp.zeros((), top.dtype), top)
    e = xp.asarray(x - top)
    xp.exp(e, out=e)
    total = xp.asarray(xp.add.reduce(e, axis, None, None, True))
    xp.log(total, out=total)
    total += top
    return total


def _large_logsumexp(x, axis):
    """The same in blocks; None where it does not come to that."""
    if axis is None or x.ndim == 1:
        found = logsumexp_of_all(x.reshape(-1))
        return found if found is None else np.asarray(found).reshape((1,) * x.ndim)
    return logsumexp(x, axis) if type(axis) is int and not is_one_line(x.shape, axis) else None


@op("logsumexp", out="real", fuse=_logsumexp_fused, at="torch tensor special", promote="float", vjp={"x": _logsumexp_rule},
    samples=["r(3, 4), 1", "r(2, 3, 4), (0, 2), keepdim=True", "r(), 0",
             "torch.tensor([[0.0, -math.inf], [1.0, 2.0]]), 1",
             "r(3, 0), 0", "ints(2, 3), 0"])
def _logsumexp_op(xp, x, dim: "Dims", keepdim: "bool" = False):
    """log(sum(exp(x))) along dims, without overflow.

    >>> logsumexp(tensor([[0., 0.], [99., 99.]]), 1)
    tensor([ 0.6931, 99.6931])
    """
    axis = axes(x, dim)
    found = _large_logsumexp(x, axis) if is_large(x) else None
    if found is None:
        found = _logsumexp(xp, x, axis)
    return found if keepdim or not x.ndim else found.reshape(
        tuple(n for i, n in enumerate(x.shape) if dim and i not in dim))
