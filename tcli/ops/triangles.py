"""Triangles, diagonals, their indices, and one-hot vectors."""

import numpy as np

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.device import module_of
from ..engine.dispatch import wrap
from ..engine.placement import holds
from ..engine.registry import T, composite, function, op
from ..engine.tensor import as_tensor
from ..errors import EngineError, Unsupported


@op("tril", rows=True, out="exact", at="torch tensor tensor_", half=False, samples=["r(3, 4)", "r(3, 3), 1", "r(2, 3, 3), -1"],
    vjp={"x": lambda k, g, diagonal: k.tril(g, diagonal)}, raw_vjp=True)
def tril(xp, x, diagonal: "int" = 0):
    """The lower triangle; everything above a diagonal is 0.

    >>> tril(tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [3, 4]])
    """
    if x.ndim < 2:
        raise EngineError("tril: input tensor must have at least 2 dimensions")
    return xp.tril(x, diagonal)


@op("triu", rows=True, out="exact", at="torch tensor tensor_", half=False, samples=["r(3, 4)", "r(3, 3), 1", "r(2, 3, 3), -1"],
    vjp={"x": lambda k, g, diagonal: k.triu(g, diagonal)}, raw_vjp=True)
def triu(xp, x, diagonal: "int" = 0):
    """The upper triangle; everything below a diagonal is 0.

    >>> triu(tensor([[1, 2], [3, 4]]))
    tensor([[1, 2],
            [0, 4]])
    """
    if x.ndim < 2:
        raise EngineError("triu: input tensor must have at least 2 dimensions")
    return xp.triu(x, diagonal)


@composite("diag_embed", at="torch tensor", samples=["r(3)", "r(2, 3)", "r(2, 3), 1", "r(2, 3), 0, 0, 2"], out=False,
           grad_name="DiagEmbedBackward0")
def diag_embed(x, offset: "int" = 0, dim1: "int" = -2, dim2: "int" = -1):
    """Matrices with the last dim on a diagonal.

    >>> diag_embed(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    ndim = x.ndim + 1
    dim1, dim2 = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    n = x.shape[-1] + abs(offset)
    if dim1 == dim2:
        raise EngineError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    lead = tuple(x.shape[:-1])
    shape = list(lead)
    for d in sorted((dim1, dim2)):
        shape.insert(d, n)
    return T._diagonal_adjoint(x, tuple(shape), offset, dim1, dim2)


@composite("diag", out="exact", at="torch tensor", samples=["r(3)", "r(3, 4)", "r(3), 1", "r(3, 3), -1"])
def diag(x, diagonal: "int" = 0):
    """The diagonal of a matrix (a copy), or a matrix with a vector on its diagonal.

    >>> diag(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if x.ndim == 1:
        return T.diag_embed(x, diagonal)
    if x.ndim != 2:
        raise EngineError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    out = T.clone(T.diagonal(x, diagonal))
    if out._node is not None:
        out._node._name = "DiagonalBackward0_copy"
    return out


@composite("diagflat", at="torch tensor", samples=["r(2, 2)", "r(3), 1"], out=False)
def diagflat(x, offset: "int" = 0):
    """A matrix with the flattened tensor on a diagonal.

    >>> diagflat(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return T.diag_embed(T.reshape(x, (-1,)), offset)


def _triangle(name: str, find):
    @function("torch." + name, samples=["3, 4"])
    def indices(row: int, col: int, offset: int = 0, *, dtype=None, device=None, layout=None, pin_memory: bool = False):
        for label, n in (("row", row), ("col", col)):
            if n < 0:
                raise EngineError(f"{label} must be non-negative, got{n}")
        if dtype is not None and dtype not in (dtypes.int64, dtypes.int32):
            raise Unsupported(f"\"{name}\" not implemented for '{dtypes.scalar_name(dtype)}'")
        return as_tensor(np.array(find(row, offset, col)), dtype=dtype, device=device)

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = f"""The row and column indices of {'a lower' if name[3] == 'l' else 'an upper'} triangle: a (2, n) tensor.

    >>> {name}(2, 2)
    tensor([[0, {'1, 1' if name[3] == 'l' else '0, 1'}],
            [0, {'0, 1' if name[3] == 'l' else '1, 1'}]])
    """


_triangle("tril_indices", np.tril_indices)
_triangle("triu_indices", np.triu_indices)


@composite("one_hot", at="F", nograd=True, samples=["ints(4)", "ints(2, 2), 6"])
def one_hot(x, num_classes: "int" = -1):
    """Vectors with a 1 at the index that x gives, as a new last dim.

    >>> F.one_hot(tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if x.dtype is not dtypes.int64:
        raise EngineError("one_hot is only applicable to index tensor of type LongTensor.")
    a = x._a
    if a.size == 0 and num_classes <= 0:
        raise EngineError("Can not infer total number of classes from empty tensor.")
    if holds((a < 0).any()):
        raise EngineError("Class values must be non-negative.")
    n = int(a.max()) + 1 if num_classes == -1 else num_classes
    if holds((a >= n).any()):
        raise EngineError("Class values must be smaller than num_classes.")
    return T.contiguous(wrap((a[..., None] == module_of(a).arange(n)).astype(np.int64)))
