"""Affine maps: linear and bilinear layers as functions.

`linear` is one op with one product over all leading dims, not a chain of transposes, views and adds.
"""

import numpy as np

from .. import native
from ..engine import blas, dtypes
from ..engine.args import wrap_dim
from ..engine.callables import finish, is_small, short_way
from ..engine.cost import matrix_product
from ..engine.dispatch import READY
from ..engine.node_view import as_input, graph_of, through, transposed
from ..engine.registry import T, composite, op
from ..engine.ways import MISSING
from ..errors import BadIndex, DTypeError, EngineError, ShapeError
from .arrays import refuse
from .windows import c_name


def _same_dtypes(x, weight, bias) -> None:
    if x.dtype != weight.dtype:
        if bias is None:
            a, b = c_name(x.dtype), c_name(weight.dtype)
            raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {a} != {b}")
        a, b = (dtypes.scalar_name(dtypes.of_numpy(d)) for d in (x.dtype, weight.dtype))
        raise DTypeError(f"mat1 and mat2 must have the same dtype, but got {a} and {b}")
    if bias is not None and bias.dtype != x.dtype:
        a, b = (dtypes.scalar_name(dtypes.of_numpy(d)) for d in (bias.dtype, x.dtype))
        raise DTypeError(f"self and mat2 must have the same dtype, but got {a} and {b}")


def _check_dtypes(values: list) -> None:
    """The kernel sees halves as float32."""
    _same_dtypes(*(None if t is None else t._a for t in values))


def _rows(x) -> int:
    return x.size // x.shape[-1] if x.shape[-1] else int(np.prod(x.shape[:-1]))


def _check_linear(x, weight, bias) -> None:
    """Raises PyTorch's error for sizes that do not fit."""
    _same_dtypes(x, weight, bias)
    if not x.ndim or not weight.ndim:
        raise ShapeError(f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and "
                         f"{weight.ndim}D")
    if weight.ndim > 2:
        raise EngineError("t() expects a tensor with <= 2 dimensions, but self is " + f"{weight.ndim}D")
    if weight.ndim == 1 and bias is not None:
        raise ShapeError("mat2 must be a matrix, got 1-D tensor")
    inner = weight.shape[-1]
    if x.shape[-1] != inner:
        if weight.ndim == 2:
            raise ShapeError(f"mat1 and mat2 shapes cannot be multiplied ({_rows(x)}x{x.shape[-1]} and "
                             f"{inner}x{weight.shape[0]})", help=_linear_hint(x, weight))
        if x.ndim == 1:
            raise ShapeError(f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{inner}] to have "
                             f"the same number of elements, but got {x.shape[0]} and {inner} elements respectively")
        raise ShapeError(f"size mismatch, got input ({_rows(x)}), mat ({_rows(x)}x{x.shape[-1]}), vec ({inner})")


def _linear_hint(x, weight) -> str | None:
    return "the weight is (out, in): weight.t() fits" if x.shape[-1] == weight.shape[0] else None


def _check_bias(x, weight, bias) -> None:
    shape = (*x.shape[:-1], weight.shape[0])
    for i, (have, want) in enumerate(zip(bias.shape[::-1], shape[::-1], strict=False)):
        if have not in (1, want):
            raise ShapeError(f"The expanded size of the tensor ({want}) must match the existing size ({have}) at "
                             f"non-singleton dimension {len(shape) - 1 - i}.  Target sizes: {list(shape)}.  Tensor "
                             f"sizes: {list(bias.shape)}")


def _linear_name(x, weight, bias) -> str:
    ndim = x._a.ndim
    if weight._a.ndim == 1:
        return "DotBackward0" if ndim == 1 else "MvBackward0" if ndim == 2 else "UnsafeViewBackward0"
    if ndim == 2:
        return "MmBackward0" if bias is None else "AddmmBackward0"
    if bias is None:
        return "SqueezeBackward4" if ndim == 1 else "UnsafeViewBackward0"
    return "ViewBackward0"


def _linear_x(k, g, weight, weight_shape):
    weight = k.conj_of(weight)
    return k.linear(g, k.t(weight)) if len(weight_shape) == 2 else k.unsqueeze(g, -1) * weight


def _linear_weight(k, g, x, weight_shape):
    if len(weight_shape) == 1:
        g = k.unsqueeze(g, -1)
        return k.reshape(k._linear_weight(g, k.conj_of(x)), weight_shape)
    return k._linear_weight(g, k.conj_of(x))


def _raw_x(k, g, weight, weight_shape):
    if len(weight_shape) != 2:
        return np.expand_dims(g, -1) * weight
    return g.dot(weight) if g.ndim <= 2 else np.matmul(g, weight)


def _raw_weight(k, g, x, weight_shape):
    if len(weight_shape) == 1:
        return _weight_of(np, np.expand_dims(g, -1), x).reshape(weight_shape)
    return g.T.dot(x) if g.ndim == 2 else _weight_of(np, g, x)


@op("linear", out="exact", at="F", cost=matrix_product, grad_name=_linear_name, check=_check_dtypes,
    samples=["r(2, 3), r(4, 3), r(4)", "r(2, 3), r(4, 3)", "r(3), r(4, 3), r(4)", "r(2, 2, 3), r(4, 3), r(4)",
             "r(2, 3), r(3)", "r(0, 3), r(4, 3), r(4)"],
    vjp={"x": _linear_x, "weight": _linear_weight, "bias": lambda k, g: g},
    raw_vjp={"x": _raw_x, "weight": _raw_weight, "bias": lambda k, g: g})
def linear(xp, x, weight, bias: "Tensor?" = None):
    """x @ weight.T + bias: x is (..., in), weight (out, in), bias (out).

    >>> F.linear(tensor([[1., 2.]]), tensor([[3., 4.], [5., 6.]]), tensor([0., 1.]))
    tensor([[11., 18.]])
    """
    shape = x.shape
    if x.size:
        refuse(x, "b", "addmm_impl_cpu_" if weight.ndim == 2 else "addmv_impl_cpu")
    if weight.ndim != 2 or not shape or shape[-1] != weight.shape[1] or x.dtype != weight.dtype or \
            bias is not None and bias.dtype != x.dtype:
        _check_linear(x, weight, bias)
    if weight.ndim == 1:
        return xp.matmul(x, weight)
    if bias is not None and bias.ndim != 1 or bias is not None and bias.shape[0] != weight.shape[0]:
        _check_bias(x, weight, bias)
    rows = x
    if len(shape) > 2:
        rows = x.reshape(-1, shape[-1]) if x.size else xp.zeros((_rows(x), shape[-1]), x.dtype)
    y = blas.multiply(rows, weight.T) if xp is np else xp.matmul(rows, weight.T)
    if len(shape) > 2:
        y = y.reshape(*shape[:-1], weight.shape[0])
    if bias is not None:
        y += bias
    return y


@short_way("linear")
def _quick_linear(o, slow):
    def fn(x=MISSING, weight=MISSING, bias=None, **named):
        if named or not is_small(x) or not is_small(weight):
            return slow(*[value for value in (x, weight) if value is not MISSING], bias=bias, **named)
        a, w = x._a, weight._a
        shape, ndim = w.shape, a.ndim
        if a.dtype is not w.dtype or len(shape) != 2 or not 0 < ndim < 3 or a.shape[-1] != shape[1]:
            return slow(x, weight, bias)
        if bias is None:
            return finish(o, (x, weight, None), a.dot(w.T), x._rg or weight._rg, "MmBackward0" if ndim == 2 else None)
        b = bias._a if type(bias) in READY else None
        if type(b) is not np.ndarray or b.dtype is not a.dtype or b.shape != shape[:1]:
            return slow(x, weight, bias)
        y = a.dot(w.T)
        add(y, b, y)
        return finish(o, (x, weight, bias), y, x._rg or weight._rg or bias._rg, "AddmmBackward0" if ndim == 2 else None)
    return native.linear_layer(o, ("MmBackward0", "AddmmBackward0"), fn) or fn


add = np.add


def _linear_graph(node) -> tuple | None:
    """PyTorch's nodes of a linear layer: the product with the transposed weight, below a view where x has no two dims."""
    x, weight, bias = node.edges
    name = node.name()
    inner = "AddmmBackward0" if name in ("AddmmBackward0", "ViewBackward0") else "MmBackward0"
    if name in ("DotBackward0", "MvBackward0"):
        return None
    rows = as_input(x)
    if name not in ("MmBackward0", "AddmmBackward0"):
        above = "UnsqueezeBackward0" if name == "SqueezeBackward4" else "ViewBackward0"
        rows = rows if x is None else through(above, rows)
    inputs = (rows, transposed(weight)) if inner == "MmBackward0" else (as_input(bias), rows, transposed(weight))
    return inputs if name == inner else (through(inner, *inputs),)


graph_of["linear"] = _linear_graph


@op("_linear_weight", at="", samples=["r(2, 4), r(2, 3)", "r(5, 2, 4), r(5, 2, 3)"], grad_name="MmBackward0",
    vjp={"g": lambda k, h, x: k.linear(k.conj_of(x), h), "x": lambda k, h, g: k.linear(k.conj_of(g), k.t(h))})
def _weight_of(xp, g, x):
    """The weight gradient: g (..., out) and x (..., in) summed over the leading dims to (out, in)."""
    if g.ndim == 1:
        return xp.multiply(g[:, None], x)
    if g.ndim > 2:
        n = int(np.prod(g.shape[:-1]))
        g, x = g.reshape(n, g.shape[-1]), x.reshape(n, x.shape[-1])
    return blas.multiply(g.T, x) if xp is np else xp.matmul(g.T, x)


# ---------------------------------------------------------------- bilinear

def _check_bilinear(x1, x2, weight, bias) -> None:
    if not x1.dtype == x2.dtype == weight.dtype:
        a, b, c = (c_name(d) for d in (x1.dtype, x2.dtype, weight.dtype))
        raise DTypeError(f"All tensors must have the same dtype, got input1: {a}, input2: {b}, weight: {c}")
    if not x1.ndim and not x2.ndim:
        raise BadIndex("Dimension specified as 1 but tensor has no dimensions")
    if x1.ndim != x2.ndim:
        raise ShapeError(f"bilinear(): input dimensions do not match: got {x1.ndim} and {x2.ndim}")
    for i, (a, b) in enumerate(zip(x1.shape[:-1], x2.shape[:-1], strict=True)):
        if a != b:
            raise ShapeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {a} and {b}")
    if weight.ndim < 3:
        wrap_dim(max(weight.ndim, 1), weight.ndim, scalar_ok=False)
    if x1.shape[-1] != weight.shape[1]:
        raise ShapeError(f"bilinear(): input1 size does not match weight size: got {x1.shape[-1]} but expected "
                         f"{weight.shape[1]}")
    if x2.shape[-1] != weight.shape[2]:
        raise ShapeError(f"bilinear(): input2 size does not match weight size: got {x2.shape[-1]} but expected "
                         f"{weight.shape[2]}")
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise ShapeError(f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected "
                         f"{weight.shape[0]}")


@composite("bilinear", at="torch F",
           samples=["r(2, 3), r(2, 4), r(5, 3, 4), r(5)", "r(2, 3), r(2, 4), r(5, 3, 4)", "r(3), r(4), r(2, 3, 4)",
                    "r(2, 2, 3), r(2, 2, 4), r(5, 3, 4), r(5)"])
def bilinear(input1, input2, weight, bias: "Tensor?" = None):
    """x1ᵀ W x2 + b for each row: weight is (out, in1, in2).

    >>> F.bilinear(tensor([1., 2.]), tensor([3., 4.]), tensor([[[1., 0.], [0., 1.]]]))
    tensor([11.])
    """
    _check_bilinear(input1._a, input2._a, weight._a, bias._a if bias is not None else None)
    n_out, n1, n2 = weight._a.shape
    lead = input1._a.shape[:-1]
    # The outer product of each pair of rows makes the whole a single matrix product.
    pairs = T.reshape(T.unsqueeze(input1, -1) * T.unsqueeze(input2, -2), (*lead, n1 * n2))
    y = T.linear(pairs, T.reshape(weight, (n_out, n1 * n2)))
    y = T.reshape(y, (*lead, n_out))
    return y if bias is None else y + bias
