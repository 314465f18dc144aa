"""What is built from neighbours along a dim: differences, derivatives, integrals."""

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.registry import T, composite
from ..engine.tensor import Tensor
from ..errors import BadIndex, EngineError
from .along import part


@composite("diff", out=lambda x, n, *_: None if n else "scan", at="torch tensor",
           samples=["r(5)", "r(3, 4), 2", "r(3, 4), 1, 0", "r(3), prepend=r(1), append=r(2)", "b(4)", "r(2), 3"])
def diff(x, n: "int" = 1, dim: "int" = -1, prepend: "Index?" = None, append: "Index?" = None):
    """The n-th differences of neighbours along a dim.

    >>> diff(tensor([1, 3, 6]))
    tensor([2, 3])
    """
    if not x.ndim:
        raise EngineError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise EngineError(f"order must be non-negative but got {n}")
    dim = wrap_dim(dim, x.ndim)
    for name, t in (("prepend", prepend), ("append", append)):
        if t is not None and t.ndim != x.ndim:
            raise EngineError(f"diff expects {name} or append to be the same dimension as input")
        for d in range(x.ndim if t is not None else 0):
            if d != dim and t.shape[d] != x.shape[d]:
                raise EngineError("diff expects the shape of tensor to prepend or append to match that of input except along "
                                  f"the differencing dimension; input.size({d}) = {x.shape[d]}, but got tensor.size({d}) = "
                                  f"{t.shape[d]}")
    pieces = [t for t in (prepend, x, append) if t is not None]
    if len(pieces) > 1 and n:
        x = T.cat(pieces, dim)
    size = x.shape[dim]
    for _ in range(min(n, size)):
        later, earlier = part(x, dim, 1, None), part(x, dim, None, max(x.shape[dim] - 1, 0))
        x = T.logical_xor(later, earlier) if x.dtype is dtypes.bool_ else later - earlier
    return T.clone(x) if not n else x


def _sides(y, dim: int):
    return part(y, dim, None, -1), part(y, dim, 1, None)


def _widths(y, x, dim: int):
    """The distances between sample points, shaped to stand beside slices of y."""
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != y.shape[dim]:
            raise EngineError("trapezoid: There must be one `x` value for each sample point")
        return T.reshape(T.diff(x), [-1 if i == dim else 1 for i in range(y.ndim)])
    if x.ndim < y.ndim:
        x = T.reshape(x, (1,) * (y.ndim - x.ndim) + tuple(x.shape))
    return T.diff(x, 1, dim - y.ndim)


def _check_points(y, dim: int, name: str) -> int:
    if not y.ndim:
        raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")
    if y.dtype is dtypes.bool_:
        raise EngineError(f"{name}: received a bool input for `y`, but bool is not supported")
    return wrap_dim(dim, y.ndim)


def _refuse_bool_points(x, name: str) -> None:
    if x.dtype is dtypes.bool_:
        raise EngineError(f"{name}: received a bool input for `x`, but bool is not supported")


@composite("trapezoid", at="torch", also=["trapz"],
           samples=["r(5)", "r(3, 4), dx=0.5, dim=0", "r(3, 4), r(4)", "r(3, 4), r(3, 4)", "r(3, 4), r(3), dim=0",
                    "ints(4)",
                    "torch.zeros(0, dtype=torch.int64)"])
def trapezoid(y, x: "Index?" = None, *, dx: "any" = 1, dim: "int" = -1):
    """The integral of samples y along a dim by the trapezoid rule, at points x or in steps of dx.

    >>> trapezoid(tensor([1., 2., 3.]))
    tensor(4.)
    """
    dim = _check_points(y, dim, "trapezoid")
    if not y.shape[dim]:
        return T.zeros(y.shape[:dim] + y.shape[dim + 1:], dtype=y.dtype, device=y.device)
    if x is None:
        total = T.sum(y, dim) - (y.select(dim, 0) + y.select(dim, -1)) * 0.5
        return _renamed(total * dx, "MulBackward1")
    _refuse_bool_points(x, "trapezoid")
    left, right = _sides(y, dim)
    return _renamed(T.sum((left + right) * _widths(y, x, dim), dim) / 2.0, "DivBackward1")


def _renamed(t, name: str):
    if t._node is not None:
        t._node._name = name
    return t


@composite("cumulative_trapezoid", at="torch",
           samples=["r(5)", "r(3, 4), dx=0.5, dim=0", "r(3, 4), r(4)", "r(3, 4), r(3, 4), dim=0"])
def cumulative_trapezoid(y, x: "Index?" = None, *, dx: "any" = 1, dim: "int" = -1):
    """Running integrals of samples y along a dim by the trapezoid rule.

    >>> cumulative_trapezoid(tensor([1., 2., 3.]))
    tensor([1.5000, 4.0000])
    """
    dim = _check_points(y, dim, "cumulative_trapezoid")
    left, right = _sides(y, dim)
    if x is None:
        return T.cumsum((left + right) * (dx / 2.0), dim)
    _refuse_bool_points(x, "cumulative_trapezoid")
    return T.cumsum((left + right) * _widths(y, x, dim), dim) / 2.0


# ---------------------------------------------------------------- derivatives

def _slopes(x, dim: int, step, order: int):
    """Central differences along `dim` in even steps; one-sided ones of the given order at the ends."""
    n = x.shape[dim]
    inner = (part(x, dim, 2, None) - part(x, dim, None, n - 2)) / 2
    if order == 1:
        first, last = part(x, dim, 1, 2) - part(x, dim, 0, 1), part(x, dim, n - 1, n) - part(x, dim, n - 2, n - 1)
    else:
        first = part(x, dim, 0, 1) * -1.5 + part(x, dim, 1, 2) * 2 - part(x, dim, 2, 3) * 0.5
        last = part(x, dim, n - 1, n) * 1.5 - part(x, dim, n - 2, n - 1) * 2 + part(x, dim, n - 3, n - 2) * 0.5
    return T.cat([piece / step for piece in (first, inner, last)], dim)


def _uneven_slopes(x, dim: int, points, order: int):
    """The same for values at `points`."""
    n = x.shape[dim]
    h = T.reshape(T.diff(points), [-1 if i == dim else 1 for i in range(x.ndim)])
    a, b = part(h, dim, None, n - 2), part(h, dim, 1, None)
    inner = (part(x, dim, None, n - 2) * (-b / (a * (a + b))) + part(x, dim, 1, n - 1) * ((b - a) / (a * b))
             + part(x, dim, 2, None) * (a / (b * (a + b))))
    if order == 1:
        first = (part(x, dim, 1, 2) - part(x, dim, 0, 1)) / part(h, dim, 0, 1)
        last = (part(x, dim, n - 1, n) - part(x, dim, n - 2, n - 1)) / part(h, dim, n - 2, n - 1)
        return T.cat([first, inner, last], dim)
    a, b = part(h, dim, 0, 1), part(h, dim, 1, 2)
    first = (part(x, dim, 0, 1) * (-(2 * a + b) / (a * (a + b))) + part(x, dim, 1, 2) * ((a + b) / (a * b))
             + part(x, dim, 2, 3) * (-a / (b * (a + b))))
    a, b = part(h, dim, n - 3, n - 2), part(h, dim, n - 2, n - 1)
    last = (part(x, dim, n - 3, n - 2) * (b / (a * (a + b))) + part(x, dim, n - 2, n - 1) * (-(a + b) / (a * b))
            + part(x, dim, n - 1, n) * ((2 * b + a) / (b * (a + b))))
    return T.cat([first, inner, last], dim)


def _spacings(x, spacing, dims: tuple, given: bool) -> list:
    if isinstance(spacing, Tensor) and not spacing.ndim:
        spacing = spacing.item()
    if spacing is None:
        spacing = 1
    if not isinstance(spacing, (list, tuple)):
        return [spacing] * len(dims)
    if len(spacing) == 1 and len(dims) == 1:
        return list(spacing)
    if len(spacing) != len(dims):
        if given:
            raise EngineError("torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments "
                              f"to have the same length, but got a spacing argument of length {len(spacing)} and a dim "
                              f"argument of length {len(dims)}.")
        raise EngineError("torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                          f"'self.dim() = {len(dims)}', since dim argument was not given, but got a list of length "
                          f"{len(spacing)}")
    return list(spacing)


@composite("gradient", at="torch", out=False,
           samples=["r(5)", "r(3, 4)", "r(4, 5), dim=1, edge_order=2", "r(4, 3), spacing=0.5",
                    "r(4, 3), spacing=[2.0, 0.5]",
                    "r(4), spacing=(torch.tensor([0.0, 1.0, 1.5, 4.0]).double(),)", "ints(4)",
                    "r(4), spacing=(torch.tensor([0.0, 1.0, 1.5, 4.0]).double(),), edge_order=2"])
def gradient(x, *, spacing: "any" = 1, dim: "Dims?" = None, edge_order: "int" = 1):
    """The derivative along each dim from central differences; spacing is a step, one per dim, or coordinates.

    >>> gradient(tensor([1., 4., 9.]))
    (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        raise EngineError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = tuple(range(x.ndim)) if dim is None else dim
    for d in dims:
        if x.shape[d] < edge_order + 1:
            raise EngineError("torch.gradient expected each dimension size to be at least edge_order+1")
    if x.dtype.category == dtypes.INTEGER:
        x = T._cast(x, dtypes.get_default_dtype())
    found = []
    for d, step in zip(dims, _spacings(x, spacing, dims, dim is not None), strict=True):
        if isinstance(step, Tensor) and not step.ndim:
            step = step.item()
        found.append(_uneven_slopes(x, d, step, edge_order) if isinstance(step, Tensor) else _slopes(x, d, step,
            edge_order))
    return tuple(found)
