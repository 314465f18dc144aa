"""`torch.masked`: reductions, scans and normalisations that see only the elements where a mask is true.

Each op fills the hidden elements with what changes nothing (0 for a sum, the lowest number for a maximum) and
then does what the plain op of that name does. A mask broadcasts to the input; without one all is seen.
"""

import math

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.placement import holds
from ..engine.registry import T, composite
from ..errors import BadValue, EngineError, Unsupported

MASK = ("torch.tensor([[True, False, True, True], [False, True, False, True], "
        "[True, True, False, False]])")
ROW = "torch.tensor([True, False, True, True])"
PLACES = ["r(3, 4), 1", f"r(3, 4), 1, mask={MASK}", f"r(3, 4), (0, 1), mask={ROW}, keepdim=True",
          "r(3, 4), mask=torch.tensor([[True], [True], [False]])"]
ROWS = ["r(3, 4), 1", f"r(3, 4), 1, mask={MASK}", f"r(2, 4), -1, mask={ROW}", "r(3), 0, dtype=torch.float64"]


def _place(name: str, samples, example: str, shown: str, summary: str):
    """Declares `masked.<name>`; `fn(x, ...)` is documented by its summary and an example."""
    def declare(fn):
        fn.__doc__ = f"""{summary}

    >>> {example}
    {shown}
    """
        composite("masked_" + name, at="", also=["masked." + name], samples=samples, out=False)(fn)
        return fn
    return declare


def _dims(dim, ndim: int) -> tuple:
    """All dims for None and (); dims may come as a number or several."""
    if dim is None or dim == () or dim == []:
        return tuple(range(ndim))
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    found: list = []
    for d in (wrap_dim(int(d), ndim) for d in given):
        if d in found:
            raise EngineError("dim should be unique")
        found.append(d)
    return tuple(found)


def _mask_for(x, mask):
    """The mask in the shape of `x`, as bools."""
    if mask.ndim > x.ndim:
        raise EngineError("expected mask dimensionality not greater than the input dimensionality")
    return T.broadcast_to(mask, x.shape).to(dtypes.bool_)


def _seen(x, mask, fill):
    """`x` with `fill` in the places that the mask hides."""
    if mask is None:
        return x
    return T.where(_mask_for(x, mask), x, T.full((), fill(x.dtype) if callable(fill) else fill, dtype=x.dtype))


def _lowest(d):
    return _limit(d, True)


def _highest(d):
    return _limit(d, False)


def _limit(d, lowest: bool):
    """The number of dtype `d` below (above) all others."""
    if d.category >= dtypes.FLOAT:
        return -math.inf if lowest else math.inf
    if d is dtypes.bool_:
        raise Unsupported("masked extremes are not implemented for 'Bool'")
    info = dtypes.iinfo(d)
    return info.min if lowest else info.max


def _summed_type(x, dtype):
    return dtype or (dtypes.int64 if x.dtype.category <= dtypes.INTEGER else x.dtype)


# ---------------------------------------------------------------- sums and products

def _sum(x, dim, keepdim, dtype, mask):
    return T.sum(_seen(x, mask, 0), _dims(dim, x.ndim), bool(keepdim), dtype=_summed_type(x, dtype))


@_place("sum", PLACES, "torch.masked.sum(tensor([1., 2., 4.]), mask=tensor([True, False, True]))", "tensor(5.)",
        "The sum of the elements that the mask shows.")
def masked_sum(x, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
    return _sum(x, dim, keepdim, dtype, mask)


@_place("prod", PLACES, "torch.masked.prod(tensor([1., 2., 4.]), mask=tensor([True, False, True]))", "tensor(4.)",
        "The product of the elements that the mask shows.")
def masked_prod(x, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
    found = _seen(x, mask, 1).to(_summed_type(x, dtype))
    for d in sorted(_dims(dim, x.ndim), reverse=True):
        found = T.prod(found, d, bool(keepdim))
    return found


@_place("cumsum", ROWS, "torch.masked.cumsum(tensor([1., 2., 4.]), 0, mask=tensor([True, False, True]))",
        "tensor([1., 1., 5.])", "Running sums of the elements that the mask shows.")
def masked_cumsum(x, dim: "int", *, dtype: "DType?" = None, mask: "Tensor?" = None):
    return T.cumsum(_seen(x, mask, 0), _dims(dim, x.ndim)[0], dtype=dtype or x.dtype)


@_place("cumprod", ROWS, "torch.masked.cumprod(tensor([1., 2., 4.]), 0, mask=tensor([True, False, True]))",
        "tensor([1., 1., 4.])", "Running products of the elements that the mask shows.")
def masked_cumprod(x, dim: "int", *, dtype: "DType?" = None, mask: "Tensor?" = None):
    return T.cumprod(_seen(x, mask, 1), _dims(dim, x.ndim)[0], dtype=dtype or x.dtype)


# ---------------------------------------------------------------- extremes

def _extreme(name: str, lowest: bool, word: str, shown: tuple):
    @_place(name, PLACES, f"torch.masked.{name}(tensor([1., 2., 4.]), mask=tensor([True, True, False]))", shown[0],
            f"The {word} of the elements that the mask shows.")
    def extreme(x, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
        found = getattr(T, name)(_seen(x, mask, _lowest if lowest else _highest), _dims(dim, x.ndim), bool(keepdim))
        return found.to(dtype or x.dtype)

    place = "arg" + name[1:]

    @_place(place, ["r(3, 4), 1", f"r(3, 4), 1, mask={MASK}", f"r(3, 4), mask={ROW}", "r(3, 4), 0, keepdim=True"],
            f"torch.masked.{place}(tensor([1., 2., 4.]), mask=tensor([True, True, False]))", shown[1],
            f"Where the {word} of the elements that the mask shows is, in the dtype of x (or in `dtype`).")
    def place_of(x, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
        return getattr(T, place)(_seen(x, mask, _lowest if lowest else _highest), dim, bool(keepdim)).to(dtype or x.dtype)


_extreme("amax", True, "largest", ("tensor(2.)", "tensor(1.)"))
_extreme("amin", False, "smallest", ("tensor(1.)", "tensor(0.)"))


# ---------------------------------------------------------------- averages

def _counted(x, mask, dim, keepdim):
    """How many elements each sum has."""
    seen = T.ones(x.shape, dtype=dtypes.int64) if mask is None else _mask_for(x, mask)
    return T.sum(seen, _dims(dim, x.ndim), bool(keepdim))


@_place("mean", PLACES, "torch.masked.mean(tensor([1., 2., 4.]), mask=tensor([True, False, True]))", "tensor(2.5000)",
        "The mean of the elements that the mask shows; nan where it shows none.")
def masked_mean(x, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
    wanted = dtype or x.dtype
    if wanted.category < dtypes.FLOAT:
        raise BadValue(f"mean(): Could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either "
                       f"a floating point or complex dtype. Got: {wanted!r}")
    return _sum(x, dim, keepdim, wanted, mask) / _counted(x, mask, dim, keepdim)


@_place("median", ROWS[:3], "torch.masked.median(tensor([1., 2., 4.]), 0, mask=tensor([True, False, True]))", "tensor(1.)",
        "The (lower) median along a dim of the elements that the mask shows.")
def masked_median(x, dim: "int" = -1, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
    real = x.is_floating_point()
    wide = x if real else x.to(dtypes.float32)
    found = T.nanmedian(_seen(wide, mask, math.nan), _dims(dim, x.ndim)[0], bool(keepdim)).values
    if real:
        return found
    if holds(T.isnan(found)._a.any()):
        raise BadValue("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(dtype or x.dtype)


def _variance(x, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise EngineError("Only one of unbiased and correction may be given")
    taken = 1.0 if correction is None and unbiased is None else float(unbiased if correction is None else correction)
    wanted = dtype or (x.dtype if x.dtype.category >= dtypes.FLOAT else dtypes.float32)
    wide = wanted if wanted.category >= dtypes.FLOAT else dtypes.float32
    count = _counted(x, mask, dim, True)
    centred = x - T.div(_sum(x, dim, True, wanted, mask), count)
    total = _sum(centred * T.conj(centred), dim, keepdim, wide, mask)
    count = count.reshape(total.shape)
    if taken:
        count = T.clamp_min(count.to(wide.to_real()) - taken, 0)
    return T.div(total, count).to(wanted)


SPREADS = [*PLACES, f"r(3, 4), 1, unbiased=False, mask={MASK}", "r(3, 4), 0, correction=0"]


@_place("var", SPREADS, "torch.masked.var(tensor([1., 2., 3.]), mask=tensor([True, False, True]))", "tensor(2.)",
        "The variance of the elements that the mask shows.")
def masked_var(x, dim: "any" = None, unbiased: "bool?" = None, *, correction: "any" = None, keepdim: "any" = False,
               dtype: "DType?" = None, mask: "Tensor?" = None):
    return _variance(x, dim, unbiased, correction, keepdim, dtype, mask)


@_place("std", SPREADS, "torch.masked.std(tensor([1., 2., 3.]), mask=tensor([True, False, True]))", "tensor(1.4142)",
        "The standard deviation of the elements that the mask shows.")
def masked_std(x, dim: "any" = None, unbiased: "bool?" = None, *, correction: "any" = None, keepdim: "any" = False,
               dtype: "DType?" = None, mask: "Tensor?" = None):
    return T.sqrt(_variance(x, dim, unbiased, correction, keepdim, dtype, mask))


# ---------------------------------------------------------------- norms and exponentials

def _norm(x, ord, dim, keepdim, dtype, mask):
    fill = math.inf if ord == -math.inf else 0
    return T.linalg_vector_norm(_seen(x, mask, fill), ord, _dims(dim, x.ndim), bool(keepdim), dtype=dtype or x.dtype)


@_place("norm", ["r(3, 4), 2, 1", f"r(3, 4), 1.0, 1, mask={MASK}", f"r(3, 4), math.inf, mask={ROW}", "r(3, 4), 2.0, (0, 1)"],
        "torch.masked.norm(tensor([3., 2., 4.]), mask=tensor([True, False, True]))", "tensor(5.)",
        "The p-norm of the elements that the mask shows.")
def masked_norm(x, ord: "float?" = 2.0, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None,
                mask: "Tensor?" = None):
    return _norm(x, 2.0 if ord is None else ord, dim, keepdim, dtype, mask)


@_place("normalize", ["r(3, 4), 2.0, 1", f"r(3, 4), 2.0, 1, mask={MASK}", f"r(3, 4), 1.0, 0, mask={ROW}"],
        "torch.masked.normalize(tensor([3., 2., 4.]), 2.0, 0, mask=tensor([True, False, True]))",
        "tensor([0.6000, 0.0000, 0.8000])", "The elements that the mask shows divided by their p-norm along a dim.")
def masked_normalize(x, ord: "float", dim: "int", *, eps: "float" = 1e-12, dtype: "DType?" = None, mask: "Tensor?" = None):
    size = _norm(x, ord, dim, True, dtype, mask)
    return T.div(_seen(x, mask, 0), T.maximum(size, T.full((), eps, dtype=size.dtype)))


@_place("logsumexp", PLACES, "torch.masked.logsumexp(tensor([0., 5., 0.]), 0, mask=tensor([True, False, True]))",
        "tensor(0.6931)", "log(sum(exp(x))) of the elements that the mask shows.")
def masked_logsumexp(x, dim: "any" = None, *, keepdim: "any" = False, dtype: "DType?" = None, mask: "Tensor?" = None):
    return T.logsumexp(_seen(x, mask, _lowest), _dims(dim, x.ndim), bool(keepdim)).to(dtype or x.dtype)


@_place("logaddexp", ["r(3), r(3)", "r(3), r(3), other_mask=torch.tensor(True)"],
        "torch.masked.logaddexp(tensor([0.]), tensor([5.]), other_mask=tensor([False]))", "tensor([0.])",
        "log(exp(x) + exp(other)) of the elements that their masks show.")
def masked_logaddexp(x, other, *, dtype: "DType?" = None, input_mask: "Tensor?" = None, other_mask: "Tensor?" = None):
    low = _lowest
    return T.logaddexp(_seen(x, input_mask, low), _seen(other, other_mask, low)).to(dtype or x.dtype)


def _shares(name: str, sign: int, shown: str):
    # The logarithms of what a mask hides are infinite, which the checks of gradients cannot take.
    samples = [*ROWS[::3], "r(3, 4), 0, mask=torch.tensor(True)"] if "log" in name else ROWS

    @_place(name, samples, f"torch.masked.{name}(tensor([0., 5., 0.]), 0, mask=tensor([True, False, True]))", shown,
            f"`{name}` along a dim of the elements that the mask shows.")
    def shares(x, dim: "int", *, dtype: "DType?" = None, mask: "Tensor?" = None):
        wanted = dtype or x.dtype
        hidden = _seen(x, mask, _lowest if sign > 0 else _highest)
        return getattr(T, name)(hidden, _dims(dim, x.ndim)[0], dtype=wanted)


_shares("softmax", 1, "tensor([0.5000, 0.0000, 0.5000])")
_shares("log_softmax", 1, "tensor([-0.6931,    -inf, -0.6931])")
_shares("softmin", -1, "tensor([0.5000, 0.0000, 0.5000])")
