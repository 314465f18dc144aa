"""`vmap`: a function of one sample applied to a batch; the samples run one after the other."""

from __future__ import annotations

import functools

from ..engine.mapping import Draws
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
        if not leaves:
            raise BadValue(f"vmap({name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying "
                           "to vmap over a function with no inputs. The latter is unsupported.")
        where = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>): "
        dims = _dims_of(args, in_dims, where)
        _check_dims(leaves, dims, where)
        results = []
        for i in Draws(randomness, _batch_size(leaves, dims)).samples():
            mine = [T.select(leaf, dim, i) if dim is not None else leaf for leaf, dim in zip(leaves, dims, strict=True)]
            results.append(func(*rebuild(args, mine), **kwargs))
        return _stacked(results, out_dims, name_of(func))
    return wrapper


def name_of(func) -> str:
    """The name of a function in messages."""
    if isinstance(func, functools.partial):
        return f"functools.partial({name_of(func.func)}, ...)"
    return getattr(func, "__name__", None) or repr(func)


def _dims_of(args: tuple, in_dims, where: str) -> list:
    """One dim (or None) for every leaf of the arguments."""
    if isinstance(in_dims, int):
        return [in_dims if isinstance(leaf, Tensor) else None for leaf in flatten(args)]
    if not isinstance(in_dims, (tuple, list)):
        raise BadValue(f"{where}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of "
                       f"inputs, got: {type(in_dims)}.")
    if len(in_dims) != len(args):
        raise BadValue(f"{where}in_dims is not compatible with the structure of `inputs`. in_dims has {len(in_dims)} entries "
                       f"but inputs has {len(args)}.")
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


def _check_dims(leaves: list, dims: list, where: str) -> None:
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise BadValue(f"{where}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None.")
        if not isinstance(leaf, Tensor):
            raise BadValue(f"{where}Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                           "non-Tensor arguments, please use None as the respective in_dim")
        if not -leaf.ndim <= dim < leaf.ndim:
            raise BadValue(f"{where}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {leaf.ndim} "
                           f"so expected in_dim to satisfy -{leaf.ndim} <= in_dim < {leaf.ndim}.")


def _batch_size(leaves: list, dims: list) -> int:
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise BadValue("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise BadValue(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
                       "mapped dimension")
    return sizes[0]


def _stacked(results: list, out_dims, name: str):
    if not results:
        raise BadValue("vmap: the mapped dimension must not be empty")
    columns = list(zip(*(flatten(r) for r in results), strict=True))
    dims = _spread(results[0], out_dims) if not isinstance(out_dims, int) else [out_dims] * len(columns)
    return rebuild(results[0], [_column(column, dim, name) for column, dim in zip(columns, dims, strict=True)])


def _column(values: tuple, dim: int | None, name: str):
    """One output of all samples; where `out_dims` says None, it is the same for all."""
    if dim is None:
        return values[0]
    if not isinstance(values[0], Tensor):
        raise BadValue(f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(values[0])}. Did you mean to "
                       "set out_dims= to None for output?")
    return T.stack(list(values), dim)
