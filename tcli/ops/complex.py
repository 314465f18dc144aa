"""Complex numbers: parts, conjugate, angle, and views as pairs of real numbers.

The gradient of a real result with respect to z = a + bi is dL/da + i dL/db, as in PyTorch.
"""

import numpy as np

from ..engine import dtypes
from ..engine.registry import T, composite, function, op
from ..engine.tensor import Tensor, as_tensor
from ..errors import ArgumentError, EngineError, ShapeError
from .arrays import refuse

COMPLEX = ["c(3, 4)", "c()", "c(0, 2)"]


@op("_real", at="", view=True, samples=COMPLEX, grad_name="SelectBackward0", vjp={"x": lambda k, g: g})
def _real(xp, x):
    return x.real


@composite("real", at="torch", samples=[*COMPLEX, "r(3)"], out=False)
def real(x):
    """The real part, as a view; a real tensor itself.

    >>> real(tensor([1 + 2j, 3 - 1j]))
    tensor([1., 3.])
    """
    return T._real(x) if x._a.dtype.kind == "c" else x


@op("imag", at="torch", view=True, samples=COMPLEX, grad_name="SelectBackward0", vjp={"x": lambda k, g: g * 1j})
def imag(xp, x):
    """The imaginary part, as a view.

    >>> imag(tensor([1 + 2j, 3 - 1j]))
    tensor([ 2., -1.])
    """
    if x.dtype.kind != "c":
        raise EngineError("imag is not implemented for tensors with non-complex dtypes.")
    return x.imag


@composite("conj_physical", out="found",
    at="torch tensor tensor_", samples=[*COMPLEX, "r(3)"], grad_name="ConjPhysicalBackward0")
def conj_physical(x):
    """The complex conjugate.

    >>> conj_physical(tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return T._conj(x) if x._a.dtype.kind == "c" else x


@op("_conj", at="", samples=COMPLEX, grad_name="ConjBackward0", vjp={"x": lambda k, g: k.conj_of(g)})
def _conj(xp, x):
    return xp.conj(x)


@composite("conj", at="torch tensor", samples=[*COMPLEX, "r(3)"], out=False)
def conj(x):
    """The complex conjugate; a real tensor itself.

    >>> conj(tensor([1 + 2j, 3 - 1j]))
    tensor([1.-2.j, 3.+1.j])
    """
    return T._conj(x) if x._a.dtype.kind == "c" else x


@composite("resolve_conj", at="torch tensor", samples=["c(3)", "r(3)"], out=False)
def resolve_conj(x):
    """x itself: conjugates are always carried out here.

    >>> resolve_conj(tensor([1 + 2j]).conj())
    tensor([1.-2.j])
    """
    return x


@composite("resolve_neg", at="torch tensor", samples=["c(3)", "r(3)"], out=False)
def resolve_neg(x):
    """x itself: negations are always carried out here.

    >>> resolve_neg(tensor([1., 2.]))
    tensor([1., 2.])
    """
    return x


def _angle_gradient(k, g, x):
    if not x.is_complex():
        return k.zeros_like(g)
    size = k.abs(x)
    return k.where(size == 0, 0.0, g * x / (size * size) * 1j)


@op("angle", rows=True, at="torch tensor", promote="float", samples=["c(3, 4)", "away(3)"], vjp={"x": _angle_gradient})
def angle(xp, x):
    """The angle of a complex number; 0 or pi for real ones.

    >>> angle(tensor([1 + 1j, -1 + 0j]))
    tensor([0.7854, 3.1416])
    """
    if x.dtype.kind == "c":
        return xp.angle(x)
    return xp.where(xp.isnan(x), x, xp.less(x, 0).astype(x.dtype) * x.dtype.type(np.pi))


def _both_real(x, other) -> None:
    names = [dtypes.scalar_name(dtypes.of_numpy(v.dtype)) for v in (x, other)]
    if any(v.dtype.kind != "f" for v in (x, other)):
        raise EngineError("Expected both inputs to be Half, Float or Double tensors but got "
                          f"{names[0]} and {names[1]}")
    if x.dtype != other.dtype:
        raise EngineError(f"Expected object of scalar type {names[0]} but got scalar type {names[1]} for second "
                          "argument")


@op("complex", rows="first", half=False, out="complex", at="torch", samples=["r(3, 4), r(3, 4)", "r(3, 1), r(4)", "r(), r()"],
    vjp={"real": lambda k, g: k.real(g), "imag": lambda k, g: k.imag(g)})
def complex(xp, real, imag):
    """The complex numbers with these real and imaginary parts.

    >>> torch.complex(tensor([1., 2.]), tensor([3., 4.]))
    tensor([1.+3.j, 2.+4.j])
    """
    _both_real(real, imag)
    shape = xp.broadcast_shapes(real.shape, imag.shape)
    out = xp.empty(shape, np.complex128 if real.dtype == np.float64 else np.complex64)
    out.real, out.imag = real, imag
    return out


@op("polar", half=False, out="complex", at="torch", samples=["pos(3, 4), r(3, 4)", "pos(3, 1), r(4)"],
    vjp={"abs": lambda k, g, out: k.real(k.conj(g) * k.sgn(out)),
         "angle": lambda k, g, out: k.real(k.conj(g) * (out * 1j))})
def polar(xp, abs, angle):
    """The complex numbers with these magnitudes and angles.

    >>> polar(tensor([1., 2.]), tensor([0., 1.5707963]))
    tensor([1.0000e+00+0.j, 1.5100e-07+2.j])
    """
    _both_real(abs, angle)
    refuse(abs, "h", "polar_cpu")
    return complex(xp, abs * xp.cos(angle), abs * xp.sin(angle))


@op("view_as_real", at="torch", view=True, samples=["c(3, 4)", "c()"], vjp={"x": lambda k, g: k.view_as_complex(g)})
def view_as_real(xp, x):
    """A view of complex numbers as pairs of real ones: one more dim, of size 2.

    >>> view_as_real(tensor([1 + 2j, 3 - 1j]))
    tensor([[ 1.,  2.],
            [ 3., -1.]])
    """
    if x.dtype.kind != "c":
        raise EngineError("view_as_real is only supported for complex tensors")
    part = x.real
    return xp.lib.stride_tricks.as_strided(part, (*x.shape, 2), (*part.strides, part.itemsize)) if x.size else \
        xp.empty((*x.shape, 2), part.dtype)


@op("view_as_complex", at="torch", view=True, samples=["r(3, 2)", "r(2)",
                                                       "torch.zeros(0, 2)"], vjp={"x": lambda k, g: k.view_as_real(g)})
def view_as_complex(xp, x):
    """A view of pairs of real numbers (a last dim of size 2) as complex ones.

    >>> view_as_complex(tensor([[1., 2.], [3., -1.]]))
    tensor([1.+2.j, 3.-1.j])
    """
    if x.dtype.kind != "f":
        raise EngineError("view_as_complex is only supported for half, float and double tensors, but got a tensor of "
                          f"scalar type: {dtypes.scalar_name(dtypes.of_numpy(x.dtype))}")
    if x.ndim == 0:
        raise EngineError("Input tensor must have one or more dimensions")
    if x.shape[-1] != 2:
        raise ShapeError("Tensor must have a last dimension of size 2")
    if x.size and x.strides[-1] != x.itemsize:
        raise EngineError("Tensor must have a last dimension with stride 1")
    target = np.dtype(np.complex128 if x.dtype == np.float64 else np.complex64)
    if not x.size:
        return xp.empty(x.shape[:-1], target)
    if any(s % target.itemsize for s in x.strides[:-1]):
        raise EngineError("Tensor must have a stride divisible by 2 for all but last dimension")
    return x.view(target)[..., 0]


def _asked(name: str, what: str, example: str, shown: str) -> None:
    """Declares the function form of a question that tensors answer themselves."""
    @function("torch." + name, samples=["r(3)"])
    def ask(input) -> bool:
        if not isinstance(input, Tensor):
            raise ArgumentError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return getattr(Tensor, name)(input)

    ask.__name__ = ask.__qualname__ = name
    ask.__doc__ = f"""{what}, as a bool.

    >>> {example}
    {shown}
    """


_asked("is_complex", "Whether the dtype is complex", "is_complex(tensor([1j]))", "True")
_asked("is_floating_point", "Whether the dtype is one of floats", "is_floating_point(tensor([1]))", "False")
_asked("is_signed", "Whether the dtype has a sign", "is_signed(tensor([1]))", "True")
_asked("is_conj", "Whether a conjugate is still to be carried out", "is_conj(tensor([1j]))", "False")
_asked("is_neg", "Whether a negation is still to be carried out", "is_neg(tensor([1.]))", "False")
_asked("is_inference", "Whether the tensor was made in inference mode", "is_inference(tensor([1.]))", "False")


def _part(which: str):
    """`x.real` and `x.imag`: the parts as properties, which can be assigned to."""
    def get(x):
        return getattr(T, which)(x)

    def put(x, value):
        get(x).copy_(value if isinstance(value, Tensor) else as_tensor(value))

    return property(get, put)


function("tensor.real")(_part("real"))
function("tensor.imag")(_part("imag"))
