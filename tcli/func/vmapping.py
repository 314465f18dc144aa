"""`vmap`: a function of one sample applied to a batch; the samples run one after the other."""

from __future__ import annotations

import functools

from ..engine.mapping import Draws
from ..engine.registry import T
from ..engine.tensor import Tensor
from ..errors import BadValue, EngineError
from .trees import TreeSpec, flatten, is_node, rebuild


def vmap(func, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size=None):
    """A function that maps `func` over dim `in_dims` of its inputs and stacks the results at `out_dims`.

    in_dims: an int or None for each input, in the structure of the inputs.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise BadValue(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        if randomness not in ("error", "different", "same"):
            raise EngineError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
        leaves = flatten(args)
        name = name_of(func)
        if not leaves:
            raise BadValue(f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying "
                           "to vmap over a function with no inputs. The latter is unsupported.")
        where = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
        dims = _dims_of(args, in_dims, where)
        _check_dims(leaves, dims, where)
        size, results = _batch_size(leaves, dims), []
        if size == 0:
            return _of_nothing(func, args, kwargs, leaves, dims, out_dims, name)
        given = []
        for i in Draws(randomness, size).samples():
            mine = [T.select(leaf, dim, i) if dim is not None else leaf for leaf, dim in zip(leaves, dims, strict=True)]
            given.append(mine)
            results.append(func(*rebuild(args, mine), **kwargs))
        return _stacked(results, out_dims, name, given, leaves, dims)
    return wrapper


def name_of(func) -> str:
    """The name of a function in messages."""
    if isinstance(func, functools.partial):
        return f"functools.partial({name_of(func.func)}, ...)"
    return getattr(func, "__name__", None) or repr(func)


def _dims_of(args: tuple, in_dims, where: str) -> list:
    """One dim (or None) for every leaf of the arguments."""
    if isinstance(in_dims, int) and not isinstance(in_dims, bool):
        return [in_dims] * len(flatten(args))
    if not isinstance(in_dims, tuple):
        raise BadValue(f"{where}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of "
                       f"inputs, got: {type(in_dims)}.")
    found = spread(args, in_dims)
    if found is None:
        raise BadValue(f"{where}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
                       f"{TreeSpec(in_dims)} but inputs has structure {TreeSpec(args)}.")
    return found


def spread(tree, dims) -> list | None:
    """One entry of `dims` for each leaf of a tree, entries standing for all that is below them; None if they do not fit."""
    if not is_node(dims):
        return [dims] * len(flatten(tree))
    if type(tree) is not type(dims) or len(tree) != len(dims) or isinstance(tree, dict) and list(tree) != list(dims):
        return None
    pairs = [(tree[key], dims[key]) for key in tree] if isinstance(tree, dict) else zip(tree, dims, strict=True)
    found: list = []
    for part, its_dims in pairs:
        inner = spread(part, its_dims)
        if inner is None:
            return None
        found += inner
    return found


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


def _of_nothing(func, args: tuple, kwargs: dict, leaves: list, dims: list, out_dims, name: str):
    """The result for an empty batch: that of a sample of zeros tells the sizes."""
    mine = [T.zeros_like(T.narrow(leaf, dim, 0, 0).sum(dim)) if dim is not None else leaf
            for leaf, dim in zip(leaves, dims, strict=True)]
    full = _stacked([func(*rebuild(args, mine), **kwargs)], out_dims, name)
    columns = flatten(full)
    return rebuild(full, [t if dim is None else T.narrow(t, dim, 0, 0)
                          for t, dim in zip(columns, _out_dims_of(full, out_dims, name), strict=True)])


def _stacked(results: list, out_dims, name: str, given=(), leaves=(), dims=()):
    columns = list(zip(*(flatten(r) for r in results), strict=True))
    out = _out_dims_of(results[0], out_dims, name)
    inputs = [(column, leaf, dim) for column, leaf, dim in zip(zip(*given, strict=True), leaves, dims, strict=True)
              if dim is not None]
    return rebuild(results[0], [_column(column, dim, name, inputs) for column, dim in zip(columns, out, strict=True)])


def _out_dims_of(result, out_dims, name: str) -> list:
    for dim in flatten(out_dims):
        if dim is not None and not isinstance(dim, int):
            raise BadValue(f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
                           "ints representing where in the outputs the vmapped dimension should appear.")
    if isinstance(result, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        return [out_dims[0]]
    found = spread(result, out_dims)
    if found is None:
        raise BadValue(f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
                       f"`outputs`. out_dims has structure {TreeSpec(out_dims)} but outputs has structure {TreeSpec(result)}.")
    return found


def _column(values: tuple, dim: int | None, name: str, inputs: list):
    """One output of all samples; where `out_dims` says None, it is the same for all. What came in and was changed in
    place comes out as it is."""
    if dim is None:
        return values[0]
    for column, leaf, its_dim in inputs:
        if values[0] is column[0] and all(a is b for a, b in zip(values, column, strict=True)):
            return leaf if its_dim % leaf.ndim == dim % leaf.ndim else T.movedim(leaf, its_dim, dim)
    if not isinstance(values[0], Tensor):
        raise BadValue(f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(values[0])}. Did you mean to "
                       "set out_dims= to None for output?")
    return T.stack(list(values), dim)
