"""Matrix products and linear algebra."""

from ..engine.registry import op
from ..errors import ShapeError


def _matmul_x(k, g, x_shape, other, other_shape):
    if len(other_shape) == 1:
        grad = k.mul(k.unsqueeze(g, -1), k.conj_of(other))
        return grad if len(x_shape) != 1 else k.mul(g, k.conj_of(other))
    h = k.unsqueeze(g, -2) if len(x_shape) == 1 else g
    grad = k.matmul(h, k.conj_of(k.transpose(other, -2, -1)))
    if len(x_shape) == 1:
        grad = k.squeeze(grad, -2)
    return grad


def _matmul_other(k, g, x, x_shape, other_shape):
    if len(x_shape) == 1:
        if len(other_shape) == 1:
            return k.mul(g, k.conj_of(x))
        return k.mul(k.unsqueeze(k.conj_of(x), -1), k.unsqueeze(g, -2))
    h = k.unsqueeze(g, -1) if len(other_shape) == 1 else g
    grad = k.matmul(k.conj_of(k.transpose(x, -2, -1)), h)
    return k.squeeze(grad, -1) if len(other_shape) == 1 else grad


@op("matmul", at="torch tensor linalg", also=["tensor.__matmul__", "tensor.__imatmul__"], grad_name="MmBackward0",
    samples=["r(3, 4), r(4, 2)", "r(4), r(4)", "r(3, 4), r(4)", "r(4), r(4, 2)", "r(2, 3, 4), r(4, 5)",
             "r(2, 1, 3, 4), r(5, 4, 2)", "r(0, 3), r(3, 2)"],
    vjp={"x": _matmul_x, "other": _matmul_other})
def matmul(xp, x, other):
    """The matrix product; leading dims broadcast, vectors are rows or columns as needed.

    >>> matmul(tensor([[1., 2.], [3., 4.]]), tensor([1., 1.]))
    tensor([3., 7.])
    """
    check_matmul(x, other)
    return xp.matmul(x, other)


def check_matmul(x, other) -> None:
    """Raises PyTorch's error for dtypes or sizes that do not multiply."""
    if x.dtype != other.dtype:
        from ..engine import dtypes
        from ..errors import DTypeError

        a, b = (dtypes.C_NAMES[dtypes.of_numpy(d).name] for d in (x.dtype, other.dtype))
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {a} != {b}")
    if not x.ndim or not other.ndim:
        raise ShapeError(f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {other.ndim}D")
    inner = other.shape[-2 if other.ndim > 1 else 0]
    if x.shape[-1] != inner:
        if x.ndim == 1 and other.ndim == 1:
            raise ShapeError(f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{inner}] to have the same "
                             f"number of elements, but got {x.shape[0]} and {inner} elements respectively")
        if other.ndim == 1 and x.ndim == 2:
            raise ShapeError(f"size mismatch, got input ({x.shape[0]}), mat ({x.shape[0]}x{x.shape[1]}), vec ({inner})")
        rows = x.shape[0] if x.ndim == 2 else 1 if x.ndim == 1 else int(x.size // x.shape[-1]) if x.shape[-1] else 0
        if x.ndim <= 2 and other.ndim == 2 or other.ndim == 2:
            raise ShapeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and "
                             f"{inner}x{other.shape[-1]})")
        raise ShapeError(f"Expected size for first two dimensions of batch2 tensor to be: [{x.shape[0]}, {x.shape[-1]}] "
                         f"but got: [{other.shape[0]}, {inner}].")
