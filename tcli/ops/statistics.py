"""Spread and relation of values: variance, standard deviation, covariance, correlation."""

import numpy as np

from .. import native
from ..engine import dtypes
from ..engine.args import to_dims
from ..engine.placement import holds
from ..engine.registry import T, composite, op
from ..engine.symbols import NotFusable
from ..engine.warn import warn
from ..errors import EngineError
from .blocks import is_large, is_one_line
from .reduce import axes, count_of, spread
from .row_kernels import squares, squares_of_all

OPTIONS = ["r(3, 4)", "r(3, 4), 1", "r(2, 3, 4), (0, 2), keepdim=True", "r(5), False", "r(3, 4), 0, False",
           "r(3, 4), 1, True, True",
           "r(4), correction=2", "r(3, 4), dim=1, correction=0", "r(3, 4), unbiased=False",
           "torch.zeros(0, 3), correction=-2"]


# ---------------------------------------------------------------- variance

def _options(name: str, x, dim, unbiased, correction):
    """(dims, correction) of the several ways to call `var` and its kin; warns when nothing is left to divide by."""
    if type(dim) is bool:
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    elif correction is None:
        correction = 1
    if x._a.dtype.kind not in "fcV":
        raise EngineError(("std and var" if "_" not in name else name) + " only support floating point and complex "
                                                                         "dtypes")
    dim = None if dim is None else to_dims(dim, x, name, "dim")
    if count_of(x._a.shape, dim) <= correction and (x._a.size or dim is None):
        _warn(name)
    return dim, correction


def _warn(name: str) -> None:
    warn(f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
         "factor (input numel divided by output numel).")


def _variance(xp, x, axis, dim, correction, keepdim):
    n = count_of(x.shape, dim)
    if not n:
        return xp.add.reduce(xp.absolute(x), axis, None, None, keepdim) * float("nan")
    if is_large(x) and x.dtype.kind == "f":
        whole = dim is None or dim == () or len(dim) == x.ndim
        if whole:
            total = np.asarray(squares_of_all(x.reshape(-1)), x.dtype).reshape((1,) * x.ndim if keepdim else ())
        elif type(axis) is int and not is_one_line(x.shape, axis):
            total = squares(x, axis)
            total = total if keepdim else total.reshape(x.shape[:axis] + x.shape[axis + 1:])
        else:
            total = None
        if total is not None:
            return np.asarray(total / total.dtype.type(max(n - correction, 0)))
    mean = xp.add.reduce(x, axis, None, None, True) / x.dtype.type(n)
    d = xp.asarray(x - mean)  # memory of its own
    if x.dtype.kind == "c":
        d = d.real * d.real + d.imag * d.imag
    else:
        d *= d
    total = xp.add.reduce(d, axis, None, None, keepdim)
    return total / total.dtype.type(max(n - correction, 0))


def _var_rule(k, g, x, x_shape, dim, correction, keepdim):
    n = count_of(x_shape, dim)
    scale = 2.0 / (n - correction) if n != correction else float("inf") if n else float("nan")
    if n < correction:
        scale = float("inf")
    mean = k.mean(x, dim, True) if dim else k.mean(x)
    return (x - mean) * (spread(k, g, x_shape, dim, keepdim) * scale)


def _std_rule(k, g, x, x_shape, out, dim, correction, keepdim):
    g = k.where(out == 0, 0.0, g / (out * 2))
    return _var_rule(k, g, x, x_shape, dim, correction, keepdim)


def _fused(kernel):
    """A kernel on expressions; values that are there are better read once, in blocks."""
    def on_expressions(xp, x, dim, correction, keepdim):
        if x.array is not None and is_large(x.array):
            raise NotFusable("the values are there")
        return kernel(xp, x, dim, correction, keepdim)
    return on_expressions


def _small_spread(root: bool):
    """The maker of the kernel of small arrays; `dim` is None or a tuple."""
    def make(ndim: int, dim, correction, keepdim):
        if dim is not None and len(dim) > 1:
            return None
        along = dim[0] if dim and ndim else None

        def run(x):
            r = native.spread_small(x, along, correction, keepdim, root) if type(x) is np.ndarray else False
            if r is not False:
                return r
            r = _variance(np, x, axes(x, dim), dim, correction, keepdim)
            return np.sqrt(r) if root else r
        return run
    return make


@op("_var", at="", small=_small_spread(False),
    fuse=_fused(lambda xp, x, dim, *rest: _variance(xp, x, axes(x, dim), dim, *rest)),
    grad_name="VarBackward0", vjp={"x": _var_rule},
    samples=["r(3, 4), None, 1, False", "r(3, 4), (1,), 0, False", "r(2, 3, 4), (0, 2), 1.5, True",
             "c(4), None, 1, False"], raw_vjp=True)
def _var(xp, x, dim: "any", correction: "any", keepdim: "any"):
    return _variance(xp, x, axes(x, dim), dim, correction, keepdim)


@op("_std", at="", small=_small_spread(True),
    fuse=_fused(lambda xp, x, dim, *rest: xp.sqrt(_variance(xp, x, axes(x, dim), dim, *rest))),
    grad_name="StdBackward0", vjp={"x": _std_rule},
    samples=["r(3, 4), None, 1, False", "r(3, 4), (1,), 0, False", "r(2, 3, 4), (0, 2), 1.5, True",
             "torch.ones(3), None, 1, False"], raw_vjp=True)
def _std(xp, x, dim: "any", correction: "any", keepdim: "any"):
    return xp.sqrt(_variance(xp, x, axes(x, dim), dim, correction, keepdim))


def _spread_op(name: str, word: str, shown: str):
    run = "_" + name

    @composite(name, out=lambda x, dim, *_: "real" if dim is None or x.ndim < 2 or x.dtype.is_complex else "std",
               at="torch tensor", samples=OPTIONS)
    def single(x, dim: "any" = None, unbiased: "bool?" = None, keepdim: "bool" = False, *, correction: "any" = None):
        return getattr(T, run)(x, *_options(name, x, dim, unbiased, correction), keepdim)

    single.__doc__ = f"""The {word}, of the whole tensor or along dims; divides by n - correction (1 unless given).

    >>> {name}(tensor([1., 2., 3., 6.]))
    {shown}
    """

    @composite(name + "_mean", at="torch", out=False, samples=OPTIONS)
    def with_mean(x, dim: "any" = None, unbiased: "bool?" = None, keepdim: "bool" = False, *,
                  correction: "any" = None):
        dims, correction = _options(name + "_mean", x, dim, unbiased, correction)
        found = getattr(T, run)(x, dims, correction, keepdim), T.mean(x, dims, keepdim)
        for t in found:
            if t._node is not None:
                t._node._name = f"{name.capitalize()}MeanBackward0"
        return found

    with_mean.__doc__ = f"""The {word} and the mean, of the whole tensor or along dims.

    >>> {name}_mean(tensor([1., 2., 3., 6.]))
    ({shown}, tensor(3.))
    """


_spread_op("var", "variance", "tensor(4.6667)")
_spread_op("std", "standard deviation", "tensor(2.1602)")


# ---------------------------------------------------------------- covariance

def _check_weights(name: str, w, n: int, kinds: str, words: str) -> None:
    if w.ndim > 1:
        raise EngineError(f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w.ndim} "
                          "dimensions")
    if w._a.dtype.kind not in kinds:
        raise EngineError(f"cov(): expected {name} to have {words} dtype but got {name} with "
                          f"{dtypes.scalar_name(w.dtype)} dtype")
    if w._a.size != n:
        raise EngineError(f"cov(): expected {name} to have the same numel as there are observations in the input "
                          "but got "
                          f"{w._a.size} != {n}")
    if holds((w._a < 0).any()):
        raise EngineError(f"cov(): {name} cannot be negative")


def _weights(n: int, fweights, aweights, like):
    w = None
    if fweights is not None:
        _check_weights("fweights", fweights, n, "iu", "integral")
        w = fweights
    if aweights is not None:
        _check_weights("aweights", aweights, n, "fV", "floating point")
        w = aweights if w is None else w * aweights
    if w is not None and holds(w._a.sum() == 0):
        raise EngineError("cov(): weights sum to zero, can't be normalized")
    return w


@composite("cov", at="torch tensor", grad_name="SqueezeBackward0",
           samples=["r(3, 5)", "r(4)", "r(2, 4), correction=0", "r(2, 3), fweights=torch.tensor([1, 2, 3])",
                    "r(2, 3), aweights=torch.tensor([0.1, 0.7, 0.2], dtype=torch.float64)", "ints(2, 4)", "c(2, 4)",
                    "r()"])
def cov(x, *, correction: "int" = 1, fweights: "Index?" = None, aweights: "Index?" = None):
    """The covariance matrix of variables in rows, observations in columns.

    >>> cov(tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if x.ndim > 2:
        raise EngineError(f"cov(): expected input to have two or fewer dimensions but got an input with {x.ndim} "
                          "dimensions")
    if x.dtype is dtypes.bool_:
        raise EngineError("cov(): bool dtype is not supported for input")
    flat = x.ndim < 2
    rows = T.reshape(x, (1, -1)) if flat else x
    n = rows.shape[1]
    w = _weights(n, fweights, aweights, rows)
    if rows.dtype.category < dtypes.FLOAT:
        rows = T._cast(rows, dtypes.get_default_dtype())
    total = float(n) if w is None else T.sum(w)
    mean = T.mean(rows, 1, True) if w is None else T.sum(rows * w, 1, True) / total
    if w is None or correction == 0:
        free = total - correction
    else:
        free = total - correction * T.sum(w * aweights) / total if aweights is not None else total - correction
    centred = rows - mean
    weighted = centred if w is None else centred * w
    if holds(free <= 0 if isinstance(free, float) else free._a <= 0):
        warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
             "observations.")
    product = T.matmul(weighted, T.conj_of(T.transpose(centred, 0, 1)))
    found = product / (max(free, 0.0) if isinstance(free, float) else T.clamp(free, min=0))
    return T.squeeze(T.squeeze(found, 0), -1) if flat or rows.shape[0] == 1 else found


@composite("corrcoef", at="torch tensor", grad_name="ClampBackward1", out=False,
           samples=["r(3, 5)", "r(4)", "ints(2, 4)", "c(2, 4)"])
def corrcoef(x):
    """The correlation coefficients of variables in rows, observations in columns.

    >>> corrcoef(tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if x.ndim > 2:
        raise EngineError("corrcoef(): expected input to have two or fewer dimensions but got an input with "
                          f"{x.ndim} dimensions")
    c = T.cov(x)
    if not c.ndim:
        return c / c
    d = T.diagonal(c)
    s = T.sqrt(T.real(d) if c.is_complex() else d)
    c = c / T.unsqueeze(s, -1) / T.unsqueeze(s, 0)
    if c.is_complex():
        return T.complex(T.clamp(T.real(c), -1, 1), T.clamp(T.imag(c), -1, 1))
    return T.clamp(c, -1, 1)
