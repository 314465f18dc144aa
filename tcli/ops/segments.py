"""Reductions over segments of a dim that follow each other: `torch.segment_reduce`."""

import numpy as np

from ..engine.args import wrap_dim
from ..engine.dispatch import wrap
from ..engine.placement import has_values
from ..engine.registry import T, composite
from ..errors import EngineError
from .arrays import refuse

_START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -np.inf, "amin": np.inf}
_OTHER_NAMES = {"max": "amax", "min": "amin"}


def _lengths(data, lengths, offsets, axis: int, unsafe: bool):
    """How many elements each segment has: one row of them for each place in the dims before `axis`."""
    if offsets is not None:
        return T.diff(offsets, dim=-1)
    if lengths is None:
        raise EngineError("segment_reduce(): Either lengths or offsets must be defined.")
    if axis != lengths.ndim - 1:
        raise EngineError(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}.")
    if not unsafe:
        if lengths._a.size and lengths._a.min() < 0:
            raise EngineError("lengths contains negative value!")
        if (lengths._a.sum(-1) != data.shape[axis]).any():
            raise EngineError("segment_reduce(): Expected all rows of lengths along axis to sum to "
                              "data.size(lengths.dim()-1) when !unsafe.")
    return lengths


@composite("segment_reduce", at="torch", also=["torch._segment_reduce"], out=False,
           samples=["r(5, 2), 'sum', lengths=torch.tensor([2, 0, 3])", "r(4), 'mean', lengths=torch.tensor([1, 3])",
                    "distinct(4), 'max', lengths=torch.tensor([1, 3])", "r(4), 'prod', offsets=torch.tensor([0, 2, 4])"])
def segment_reduce(data, reduce: "str", *, lengths: "Index?" = None, indices: "Index?" = None, offsets: "Index?" = None,
                   axis: "int" = 0, unsafe: "bool" = False, initial: "Scalar?" = None):
    """The sum, mean, max, min or prod of each segment of a dim; `lengths` says how long they are, `offsets` where they start.

    >>> segment_reduce(tensor([1., 2., 3.]), "sum", lengths=tensor([1, 2]))
    tensor([1., 5.])
    """
    reduce = _OTHER_NAMES.get(reduce, reduce)
    if reduce not in _START:
        raise EngineError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise EngineError("segment_reduce(): indices based reduction is not supported yet.")
    if not data.numel() and lengths is None and offsets is None:
        raise EngineError("segment_reduce(): Expected data to be non-empty.")
    x = data
    refuse(x._a, "biu", "_segment_reduce_cpu")
    for name, sizes in (("lengths", lengths), ("offsets", offsets)):
        if sizes is not None:
            refuse(sizes._a, "bfcV", f"_segment_reduce_{name}_cpu_kernel1")
    axis = wrap_dim(axis, x.ndim)
    if not has_values(x._a):
        n = lengths.shape[-1] if lengths is not None else offsets.shape[-1] - 1
        one = (T.prod if reduce == "prod" else T.sum)(x, axis, keepdim=True)
        return T.expand(one, (*x.shape[:axis], n, *x.shape[axis + 1:]))
    lengths = _lengths(x, lengths, offsets, axis, unsafe)
    n, count = lengths.shape[-1], lengths._a.reshape(-1)
    rows = x.reshape(-1, *x.shape[axis + 1:])
    place = T.repeat_interleave(T.arange(count.size), wrap(count.astype(np.int64)))
    index = place.reshape(-1, *(1,) * (rows.ndim - 1)).expand(rows.shape)
    start = _START[reduce] if initial is None else initial
    like = T.full((count.size, *rows.shape[1:]), start, dtype=x.dtype)
    found = like.scatter_reduce(0, index, rows, "sum" if reduce == "mean" else reduce)
    if reduce == "mean":
        sizes = wrap(count.astype(np.float64)).to(x.dtype).reshape(-1, *(1,) * (rows.ndim - 1))
        found = found / (sizes if initial is None else T.clamp(sizes, min=1))
    return found.reshape(*x.shape[:axis], n, *x.shape[axis + 1:])
