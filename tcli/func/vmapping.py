"""`vmap`: a function of one sample applied to a batch; the samples run one after the other."""

from __future__ import annotations

import functools

from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import BadValue
from .trees import flatten, rebuild


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size=None):
    """A function that maps `func` over dim `in_dims` of its inputs and stacks the results at `out_dims`.

    in_dims: an int or None for each input, in the structure of the inputs.
    """
    if randomness not in ("error", "different", "same"):
        raise BadValue(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        leaves = flatten(args)
        dims = _dims_of(args, in_dims)
        size = _batch_size(leaves, dims)
        results = []
        for i in range(size):
            mine = [T.select(leaf, dim, i) if dim is not None else leaf for leaf, dim in zip(leaves, dims, strict=True)]
            results.append(func(*rebuild(args, mine), **_row(kwargs, i, size)))
        return _stacked(results, out_dims)
    return wrapper


def _row(kwargs: dict, i: int, size: int) -> dict:
    return {name: value[i] if isinstance(value, Tensor) and value.ndim and value.shape[0] == size else value
            for name, value in kwargs.items()}


def _dims_of(args: tuple, in_dims) -> list:
    """One dim (or None) for every leaf of the arguments."""
    if isinstance(in_dims, int):
        return [in_dims if isinstance(leaf, Tensor) else None for leaf in flatten(args)]
    if not isinstance(in_dims, (tuple, list)):
        raise BadValue(f"vmap(f, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) "
                       f"tuple matching the structure of inputs, got: {type(in_dims)}.")
    if len(in_dims) != len(args):
        raise BadValue(f"vmap(f, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of inputs. "
                       f"in_dims has structure {len(in_dims)} but inputs has structure {len(args)}.")
    found = []
    for arg, dim in zip(args, in_dims, strict=True):
        found.extend(_spread(arg, dim))
    return found


def _spread(tree, dim) -> list:
    if dim is None or isinstance(dim, int):
        return [dim if isinstance(leaf, Tensor) else None for leaf in flatten(tree)]
    if isinstance(dim, dict):
        return [d for key in tree for d in _spread(tree[key], dim[key])]
    return [d for branch, inner in zip(tree, dim, strict=True) for d in _spread(branch, inner)]


def _batch_size(leaves: list, dims: list) -> int:
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise BadValue("vmap: at least one input must have a dim to map over; got in_dims of None for all of them")
    if len(set(sizes)) > 1:
        raise BadValue(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
                       "mapped dimension")
    return sizes[0]


def _stacked(results: list, out_dims):
    if not results:
        raise BadValue("vmap: the mapped dimension must not be empty")
    columns = list(zip(*(flatten(r) for r in results), strict=True))
    dims = _spread(results[0], out_dims) if not isinstance(out_dims, int) else [out_dims] * len(columns)
    return rebuild(results[0], [T.stack(list(column), dim if dim is not None else 0)
                                for column, dim in zip(columns, dims, strict=True)])
