"""Bits and truth values: and, or, xor, not, shifts, gcd and lcm."""

import numpy as np

from ..engine.registry import T, composite, op
from ..errors import ArgumentError, BadIndex, EngineError
from .arrays import refuse

EVERYWHERE = "torch tensor tensor_"
INTEGERS = ["ints(3, 4), ints(3, 4)", "ints(3, 4), ints(4)", "ints(3), 3", "b(3), b(3)",
            "ints(4, 3).t(), ints(3, 1)", "ints(), ints(0)"]


def _kernel_dtype(*values):
    return next(v for v in values if hasattr(v, "dtype"))


def _bitwise(word: str, symbol: str, method: str, shown: str):
    name, dunder = f"bitwise_{word}", f"__{method}__"

    @op(name, at=EVERYWHERE, also=[f"tensor.{dunder}", f"tensor.__r{method}__", f"tensor.__i{method}__"],
        promote="same", half=False, samples=INTEGERS, nograd=True, ufunc=name)
    def kernel(xp, x: "Operand", other: "Operand"):
        refuse(_kernel_dtype(x, other), "fc", name + "_cpu")
        return getattr(xp, name)(x, other)

    kernel.__doc__ = f"""x {symbol} other: {word} of the bits of integers, or of truth values.

    >>> {name}(tensor([1, 6]), tensor([3, 2]))
    {shown}
    """


_bitwise("and", "&", "and", "tensor([1, 2])")
_bitwise("or", "|", "or", "tensor([3, 6])")
_bitwise("xor", "^", "xor", "tensor([2, 4])")


@op("bitwise_not", fuse=True, out="found", at=EVERYWHERE, half=False, samples=["ints(3)", "b(3)"], nograd=True)
def bitwise_not(xp, x):
    """~x: the bits of integers inverted, truth values negated.

    >>> bitwise_not(tensor([0, 5]))
    tensor([-1, -6])
    """
    refuse(x, "fc", "bitwise_not_cpu")
    return xp.invert(x)


@composite("_invert", at="", also=["tensor.__invert__"], samples=[], nograd=True)
def _invert(x):
    if x._a.dtype.kind not in "biu":
        raise ArgumentError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return T.bitwise_not(x)


# ---------------------------------------------------------------- shifts

def _shift_names(side: str) -> list:
    return [f"tensor.__{prefix}{side}shift__" for prefix in ("", "r", "i")]


def _bits(x) -> int:
    return x.dtype.itemsize * 8


def _shift_operands(xp, x, other, kernel: str):
    first = _kernel_dtype(x, other)
    refuse(first, "bfc", kernel)
    return xp.asarray(x, first.dtype), xp.asarray(other, first.dtype)


@op("bitwise_left_shift", fuse=True, at=EVERYWHERE, also=_shift_names("l"),
    promote="same", half=False, samples=INTEGERS[:3], nograd=True)
def bitwise_left_shift(xp, x: "Operand", other: "Operand"):
    """x * 2 ** other for integers; 0 where the shift is negative or as wide as the type.

    >>> bitwise_left_shift(tensor([1, 3]), tensor([4, 1]))
    tensor([16,  6])
    """
    x, other = _shift_operands(xp, x, other, "lshift_cpu")
    wide = xp.greater_equal(other, _bits(x)) | xp.less(other, 0)
    return xp.where(wide, xp.zeros((), x.dtype), xp.left_shift(x, xp.where(wide, other.dtype.type(0), other)))


@op("bitwise_right_shift", fuse=True, at=EVERYWHERE, also=_shift_names("r"),
    promote="same", half=False, samples=INTEGERS[:3], nograd=True)
def bitwise_right_shift(xp, x: "Operand", other: "Operand"):
    """x // 2 ** other for integers (the sign fills in).

    >>> bitwise_right_shift(tensor([16, -5]), tensor([2, 1]))
    tensor([ 4, -3])
    """
    x, other = _shift_operands(xp, x, other, "rshift_cpu")
    most = _bits(x) - (1 if x.dtype.kind == "i" else 0)
    wide = xp.greater_equal(other, most) | xp.less(other, 0)
    if x.dtype.kind == "u":
        return xp.where(wide, xp.zeros((), x.dtype), xp.right_shift(x, xp.where(wide, other.dtype.type(0), other)))
    return xp.right_shift(x, xp.where(wide, other.dtype.type(most), other))


# ---------------------------------------------------------------- truth values

def _logical(word: str, shown: str):
    name = f"logical_{word}"

    @op(name, at=EVERYWHERE, promote="compare", samples=["b(3, 4), b(4)", "r(3), r(3)", "ints(3), b(3)"], nograd=True,
        fuse=True)
    def kernel(xp, x, other):
        return getattr(xp, name)(x, other)

    kernel.__doc__ = f"""Logical {word} of x and other, elementwise; anything but 0 counts as true.

    >>> {name}(tensor([True, True, False]), tensor([True, False, False]))
    {shown}
    """


_logical("and", "tensor([ True, False, False])")
_logical("or", "tensor([ True,  True, False])")
_logical("xor", "tensor([False,  True, False])")


@op("logical_not", fuse=True, at=EVERYWHERE, samples=["b(3)", "r(3)", "ints(3)"], nograd=True)
def logical_not(xp, x):
    """Whether x is 0 (or false), elementwise.

    >>> logical_not(tensor([0., 2.]))
    tensor([ True, False])
    """
    return xp.logical_not(x)


# ---------------------------------------------------------------- divisors

@op("gcd", fuse=True, at=EVERYWHERE, promote="same", half=False, samples=["ints(3, 4), ints(4)"], nograd=True)
def gcd(xp, x, other):
    """The greatest common divisor of integers.

    >>> gcd(tensor([12, 7]), tensor([18, 21]))
    tensor([6, 7])
    """
    refuse(x, "bfc", "gcd_cpu")
    return xp.gcd(x, other)


@op("lcm", fuse=True, at=EVERYWHERE, promote="same", half=False, samples=["ints(3, 4), ints(4)"], nograd=True)
def lcm(xp, x, other):
    """The least common multiple of integers.

    >>> lcm(tensor([4, 7]), tensor([6, 3]))
    tensor([12, 21])
    """
    refuse(x, "bfc", "lcm_cpu")
    return xp.lcm(x, other)


def _hashed_shape(xp, x, dim, keepdim, mode):
    return xp.add.reduce(x.astype(np.uint64), _hashed_axes(x, dim), np.uint64, None, keepdim)


def _hashed_axes(x, dim):
    return None if dim in (None, ()) or not x.ndim else dim


@op("hash_tensor", out="hashed", at="torch tensor", nograd=True, half=False, host=True, shape=_hashed_shape,
    samples=["r(3, 4)", "r(3, 4), 1", "r(2, 3, 4), (0, -1), keepdim=True", "ints(4, 3).t(), 0", "b(5)", "r()", "r(0, 2), 1",
             "torch.tensor([math.nan, -0.0, math.inf])", "torch.tensor([-1, 2], dtype=torch.int8)", "r(3).bfloat16()"],
    errors=["r(0)", "r(0, 2), 0", "r(2) * 1j", "r(2), mode=1", "r(2), 3"])
def hash_tensor(xp, x, dim: "Dims?" = None, *, keepdim: "bool" = False, mode: "int" = 0):
    """The xor of the bits of all elements, or of those along dims, as float64 or int64; uint64.

    >>> hash_tensor(tensor([1, 2, 4]))
    tensor(7, dtype=torch.uint64)
    """
    if mode != 0:
        raise EngineError(f"Unknown hash_tensor mode: {mode}")
    refuse(x, "c", "xor_sum_cpu")
    if not x.size:
        _check_hashed(x.shape, dim)
    wide = np.float64 if x.dtype.kind in "fV" else np.uint64 if x.dtype.kind in "ub" else np.int64
    bits = np.ascontiguousarray(x.astype(wide)).view(np.uint64).reshape(x.shape)
    return np.bitwise_xor.reduce(bits, axis=_hashed_axes(x, dim), keepdims=keepdim)


def _check_hashed(shape: tuple, dim) -> None:
    if dim in (None, ()):
        raise EngineError("hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                          "dim with the 'dim' argument.")
    for d in dim if type(dim) is tuple else (dim,):
        if not shape[d]:
            raise BadIndex(f"hash_tensor: Expected reduction dim {d} to have non-zero size.")
