"""Quantiles with their five ways of interpolating, along a dim or of the whole tensor."""

from ..engine import dtypes
from ..engine.placement import holds
from ..engine.registry import T, composite
from ..engine.tensor import Tensor, as_tensor
from ..errors import EngineError

MODES = ("linear", "lower", "higher", "midpoint", "nearest")
SAMPLES = ["distinct(5), 0.4", "distinct(3, 4), 0.3, 1", "r(2, 4), 0.5, 0, True", "r(5), pos(3) / 2.5",
           "r(3, 4), pos(2) / 2.5, 1, keepdim=True", "distinct(4), 0.5, interpolation='lower'",
           "distinct(4), 0.5, interpolation='higher'", "distinct(4), 0.4, interpolation='midpoint'",
           "distinct(4), 0.5, interpolation='nearest'", "torch.tensor([1.0, math.nan, 3.0]), 0.5"]


def _checked_q(name: str, x, q):
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise EngineError(f"{name}() input tensor must be either float or double dtype")
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise EngineError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        return as_tensor(q, dtype=x.dtype)
    if q.ndim > 1:
        raise EngineError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not x.dtype:
        raise EngineError(f"{name}() q tensor must be same dtype as the input tensor")
    if holds(((q._a < 0) | (q._a > 1)).any()):
        raise EngineError(f"{name}() q values must be in the range [0, 1]")
    return q


def _ranks(rows, q, skip_nan: bool):
    """The wanted ranks (fractions) in each sorted row; all of a row's are its last where nan takes part."""
    n = rows.shape[-1]
    missing = T.isnan(rows.detach())
    if skip_nan:
        return q * T.clamp(T.sum(T.logical_not(missing), -1, True) - 1, min=0)
    ranks = T.expand(q * (n - 1), (*rows.shape[:-1], q.shape[0]))
    spoilt = T.any(missing, -1, True)
    return T.where(spoilt, float(n - 1), ranks) if holds(spoilt._a.any()) else ranks


def _interpolated(rows, ranks, mode: str):
    if mode in ("lower", "higher", "nearest"):
        ranks = {"lower": T.floor, "higher": T.ceil, "nearest": T.round}[mode](ranks)
    below = ranks.detach().to(dtypes.int64)
    low = T._take_along(rows, below, -1)
    if mode in ("lower", "higher", "nearest"):
        return low
    weight = T.full_like(ranks, 0.5) if mode == "midpoint" else ranks - below
    return T.lerp(low, T._take_along(rows, T.ceil(ranks.detach()).to(dtypes.int64), -1), weight)


def _quantile(name: str, x, q, dim, keepdim: bool, mode: str, skip_nan: bool):
    if not x._a.size:
        raise EngineError(f"{name}() input tensor must be non-empty")
    if mode not in MODES:
        raise EngineError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but "
                          f"got {mode}")
    q = _checked_q(name, x, q)
    shape = tuple(x.shape)
    if dim is None or not shape:
        rows, kept = T.reshape(x, (-1,)), (1,) * len(shape)
    else:
        rows, kept = T.movedim(x, dim, -1), (*shape[:dim], 1, *shape[dim + 1:])
    rows = T.sort(rows, -1)[0]
    found = _interpolated(rows, _ranks(rows, T.reshape(q, (-1,)), skip_nan), mode)
    found = T.movedim(found, -1, 0)
    if keepdim:
        found = T.reshape(found, (q._a.size, *kept))
    return T.squeeze(found, 0) if not q.ndim else found


def _declare(name: str, skip_nan: bool, word: str):
    @composite(name, out="quantile", at="torch tensor", samples=SAMPLES, grad_name="SqueezeBackward4")
    def quantile(x, q: "any", dim: "Dim?" = None, keepdim: "bool" = False, *, interpolation: "str" = "linear"):
        return _quantile(name, x, q, dim, keepdim, interpolation, skip_nan)

    quantile.__doc__ = f"""The q-quantiles{word}, of the whole tensor or along a dim; q is a number or a vector.

    interpolation: linear, lower, higher, midpoint, nearest.

    >>> {name}(tensor([1., 2., 3., 4.{', nan' if skip_nan else ''}]), 0.5)
    tensor(2.5000)
    """


_declare("quantile", False, "")
_declare("nanquantile", True, " of the elements that are not nan")
