"""Fourier transforms.

Three transforms of arrays do all the work: complex to complex, real to (half of) complex, and back. Each
is the adjoint of another up to weights on the half that is stored, which makes every order of gradients.
`scale` says how a transform is normed: "none", "root" (1 / sqrt n) or "n" (1 / n).
"""

import numpy as np

from ..engine import dtypes
from ..engine.args import wrap_dim
from ..engine.cost import transform
from ..engine.dispatch import cast, is_half
from ..engine.registry import T, composite, op
from ..errors import BadIndex, DTypeError, EngineError
from .making import made

LARGE = 1 << 18  # elements from which SciPy is worth its import
# NumPy's names for a norm depend on the direction
_FORWARD = {"none": "backward", "root": "ortho", "n": "forward"}
_INVERSE = {"none": "forward", "root": "ortho", "n": "backward"}


# ---------------------------------------------------------------- the three transforms

@op("_fft_c2c", cost=transform, at="", half=False, samples=["c(3, 4), (0, 1), 'none', True", "c(3), (0,), 'root', False"],
    grad_name="FftC2CBackward0", vjp={"x": lambda k, g, dims, scale, forward: k._fft_c2c(g, dims, scale,
                                                                                         not forward)})
def _fft_c2c(xp, x, dims: "any", scale: "str", forward: "bool"):
    if not x.size or not len(dims):
        return x.astype(xp.result_type(x.dtype, np.complex64))
    fft = _library(xp, x)
    if len(dims) == 1:
        return (fft.fft(x, axis=dims[0], norm=_FORWARD[scale]) if forward else
                fft.ifft(x, axis=dims[0], norm=_INVERSE[scale]))
    if forward:
        return fft.fftn(x, axes=dims, norm=_FORWARD[scale])
    return fft.ifftn(x, axes=dims, norm=_INVERSE[scale])


def _library(xp, x):
    """SciPy's transforms are two to three times as fast as NumPy's; a small one does not pay for the import.

    The size alone decides: the two differ in the signs of zeros.
    """
    if xp is np and x.size >= LARGE:
        import scipy.fft as fft

        return fft
    return xp.fft


def _r2c_gradient(k, g, x_shape, dims, scale):
    n = x_shape[dims[-1]]
    return k._fft_c2r(_weighted(k, g, dims[-1], n, 0.5), dims, scale, n)


@op("_fft_r2c", cost=transform, at="", half=False, samples=["r(3, 4), (0, 1), 'none'", "r(5), (0,), 'n'"],
    grad_name="FftR2CBackward0",
    vjp={"x": _r2c_gradient})
def _fft_r2c(xp, x, dims: "any", scale: "str"):
    """The half of the transform of real values that determines the rest; the last of dims is halved."""
    n = x.shape[dims[-1]]
    if not x.size:
        shape = [n // 2 + 1 if d == dims[-1] else size for d, size in enumerate(x.shape)]
        return xp.zeros(shape, xp.result_type(x.dtype, np.complex64))
    return _library(xp, x).rfftn(x, axes=dims, norm=_FORWARD[scale])


def _c2r_gradient(k, g, dims, scale, last):
    return _weighted(k, k._fft_r2c(g, dims, scale), dims[-1], last, 2.0)


@op("_fft_c2r", cost=transform, at="", half=False, samples=["c(3, 3), (0, 1), 'n', 4", "c(3), (0,), 'none', 5"],
    grad_name="FftC2RBackward0", vjp={"x": _c2r_gradient})
def _fft_c2r(xp, x, dims: "any", scale: "str", last: "int"):
    """Real values from the stored half of their transform; `last` is the full size of the last of dims."""
    if not x.size:
        return xp.zeros([last if d == dims[-1] else n for d, n in enumerate(x.shape)], x.real.dtype)
    fft = _library(xp, x)
    if len(dims) > 1:
        x = fft.ifftn(x, axes=dims[:-1], norm=_INVERSE[scale])
    return fft.irfft(x, last, axis=dims[-1], norm=_INVERSE[scale])


def _weighted(k, g, dim: int, n: int, weight: float):
    """The stored half times a weight, except where a frequency is its own mirror image."""
    half = n // 2 + 1
    w = np.full(half, weight, g._a.real.dtype)
    w[0] = 1
    if n % 2 == 0:
        w[-1] = 1
    shape = [1] * len(g.shape)
    shape[dim] = half
    return g * made(w.reshape(shape), g.device)


# ---------------------------------------------------------------- arguments

def _scale(norm, forward: bool) -> str:
    if norm is None or norm == "backward":
        return "none" if forward else "n"
    if norm == "forward":
        return "n" if forward else "none"
    if norm == "ortho":
        return "root"
    raise EngineError(f"Invalid normalization mode: \"{norm}\"")


def _promoted(x, wanted: str):
    """x as a float ("real") or complex ("complex") tensor."""
    if is_half(x._a.dtype):
        raise DTypeError(f"Unsupported dtype {dtypes.scalar_name(x.dtype)}")
    if x.dtype.category < dtypes.FLOAT:
        x = cast(x, dtypes.get_default_dtype())
    return cast(x, x.dtype.to_complex()) if wanted == "complex" and x.dtype.category == dtypes.FLOAT else x


def _dim(x, dim: int) -> int:
    if not x.ndim:
        raise BadIndex(f"Dimension specified as {dim} but tensor has no dimensions")
    return wrap_dim(dim, x.ndim)


def _resized(x, sizes: dict):
    """x cut or padded with zeros at the end to the given sizes of dims."""
    for d, n in sizes.items():
        if n < 1:
            raise EngineError(f"Invalid number of data points ({n}) specified")
        have = x.shape[d]
        if n < have:
            x = T._slice(x, d, 0, n)
        elif n > have:
            x = T._range_into(x, d, 0, n)
    return x


def _sizes(x, s, dim) -> tuple[list, list]:
    """(dims, sizes) of an n-dimensional transform; a size of -1 keeps what is there."""
    if s is not None:
        s = [s] if isinstance(s, int) else [int(n) for n in s]
    if dim is not None:
        dims = [_dim(x, int(d)) for d in ([dim] if isinstance(dim, int) else dim)]
        if len(set(dims)) != len(dims):
            raise EngineError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise EngineError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > x.ndim:
            raise EngineError(f"Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions.")
        dims = list(range(x.ndim - len(s), x.ndim))
    else:
        dims = list(range(x.ndim))
    sizes = [x.shape[d] if s is None or s[i] == -1 else s[i] for i, d in enumerate(dims)]
    for n in sizes:
        if n < 1:
            raise EngineError(f"Invalid number of data points ({n}) specified")
    return dims, sizes


# ---------------------------------------------------------------- one dim

def _c2c(x, n, dim: int, norm, forward: bool):
    x = _promoted(x, "any")
    d = _dim(x, dim)
    y = T._fft_c2c(_resized(x, {d: x.shape[d] if n is None else n}), (d,), _scale(norm, forward), forward)
    if y._node is not None and x._a.dtype.kind == "f":
        y._node._name = "FftR2CBackward0" if forward else "ConjBackward0"
    return y


def _need_real(x, name: str) -> None:
    if x.is_complex():
        what = "real-valued" if name.startswith(("rfftn", "rfft2")) else "real"
        raise DTypeError(f"{name} expects a {what} input tensor, but got {dtypes.scalar_name(x.dtype)}")


def _r2c(x, n, dim: int, norm, forward: bool, name: str):
    _need_real(x, name)
    x = _promoted(x, "real")
    d = _dim(x, dim)
    y = T._fft_r2c(_resized(x, {d: x.shape[d] if n is None else n}), (d,), _scale(norm, forward))
    return y if forward else T.conj_of(y)


def _c2r(x, n, dim: int, norm, forward: bool):
    x = _promoted(x, "complex")
    d = _dim(x, dim)
    last = 2 * (x.shape[d] - 1) if n is None else n
    if last < 1:
        raise EngineError(f"Invalid number of data points ({last}) specified")
    x = _resized(x, {d: last // 2 + 1})
    return T._fft_c2r(T._conj(x) if forward else x, (d,), _scale(norm, forward), last)


def _out_rule(name: str):
    """The `out=` of a transform: real for those with real results; the inverse ones of real input take no other
    dtype, but for those along several dims."""
    if name.startswith(("irfft", "hfft")):
        return "real fft"
    if name in ("ifft2", "ifftn") or not name.startswith(("ifft", "ihfft")):
        return None

    if name in ("ihfft2", "ihfftn"):
        return "complex fft"

    def rule(x, size, dim, norm):
        given = size if size is not None else dim
        dims = x.ndim if given is None else len(given) if isinstance(given, (list, tuple)) else 1
        return None if x.dtype.is_complex or dims > 1 and name[-1] in "2n" else "found"
    return rule


def _declare_1d(name: str, run, sentence: str, example: str, shown: str, samples):
    @composite("fft_" + name, at="", also=["fft." + name], samples=samples, out=_out_rule(name) or True)
    def transform(x, n: "int?" = None, dim: "int" = -1, norm: "any" = None):
        return run(x, n, dim, norm)

    transform.__doc__ = f"""{sentence}

    `n` cuts the dim or pads it with zeros; norm is "backward", "ortho" or "forward".

    >>> fft.{name}({example})
    {shown}
    """


_REAL = ["r(4)", "r(3, 5), 4, 0", "r(5), 7, -1, 'ortho'", "r(2, 4), None, -1, 'forward'"]
_BOTH = [*_REAL, "c(4)", "c(3, 4), 3, 0, 'ortho'"]
_declare_1d("fft", lambda x, n, dim, norm: _c2c(x, n, dim, norm, True),
            "The discrete Fourier transform along a dim; complex.", "tensor([1., 2., 3., 4.])",
            "tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])", _BOTH)
_declare_1d("ifft", lambda x, n, dim, norm: _c2c(x, n, dim, norm, False),
            "The inverse discrete Fourier transform along a dim; complex.", "tensor([4., 0., 0., 0.])",
            "tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])", _BOTH)
_declare_1d("rfft", lambda x, n, dim, norm: _r2c(x, n, dim, norm, True, "rfft"),
            "The Fourier transform of real values: its n // 2 + 1 frequencies from 0 up.", "tensor([1., 2., 3., 4.])",
            "tensor([10.+0.j, -2.+2.j, -2.+0.j])", _REAL)
_declare_1d("irfft", lambda x, n, dim, norm: _c2r(x, n, dim, norm, False),
            "The real values whose `rfft` is given; n is their number, 2 * (m - 1) unless said.",
            "tensor([10.+0.j, -2.+2.j, -2.+0.j])", "tensor([1., 2., 3., 4.])", _BOTH)
_declare_1d("hfft", lambda x, n, dim, norm: _c2r(x, n, dim, norm, True),
            "The Fourier transform of a signal with conjugate symmetry, given by its half; real.",
            "tensor([1., 2., 1.])", "tensor([ 6.,  0., -2.,  0.])", _BOTH)
_declare_1d("ihfft", lambda x, n, dim, norm: _r2c(x, n, dim, norm, False, "ihfft"),
            "The inverse of `hfft`: half of a signal with conjugate symmetry.", "tensor([4., 4., 4., 4.])",
            "tensor([4.-0.j, 0.-0.j, 0.-0.j])", _REAL)


# ---------------------------------------------------------------- several dims

def _c2c_nd(x, s, dim, norm, forward: bool):
    x = _promoted(x, "any")
    dims, sizes = _sizes(x, s, dim)
    x = _resized(x, dict(zip(dims, sizes, strict=True)))
    return T._fft_c2c(x, tuple(dims), _scale(norm, forward), forward)


def _r2c_nd(x, s, dim, norm, forward: bool, name: str):
    if forward:
        _need_real(x, "rfftn")
    elif x.is_complex():
        raise DTypeError(f"Only supports floating-point dtypes, but found: {dtypes.scalar_name(x.dtype)}")
    x = _promoted(x, "real")
    dims, sizes = _sizes(x, s, dim)
    if not dims:
        raise EngineError(f"{name} must transform at least one axis")
    x = _resized(x, dict(zip(dims, sizes, strict=True)))
    scale = _scale(norm, forward)
    y = T._fft_r2c(x, tuple(dims), scale)
    return y if forward else T._conj(y)


def _c2r_nd(x, s, dim, norm, forward: bool, name: str):
    x = _promoted(x, "complex")
    dims, sizes = _c2r_sizes(x, s, dim, name)
    last = sizes[-1]
    x = _resized(x, dict(zip(dims, [*sizes[:-1], last // 2 + 1], strict=True)))
    return T._fft_c2r(T._conj(x) if forward else x, tuple(dims), _scale(norm, forward), last)


def _c2r_sizes(x, s, dim, name: str):
    whole = s is None or (s if isinstance(s, int) else list(s)[-1]) == -1
    dims, sizes = _sizes(x, s, dim)
    if not dims:
        raise EngineError(f"{name} must transform at least one axis")
    if whole:
        sizes[-1] = 2 * (x.shape[dims[-1]] - 1)
    if sizes[-1] < 1:
        raise EngineError(f"Invalid number of data points ({sizes[-1]}) specified")
    return dims, sizes


def _declare_nd(name: str, run, sentence: str, example: str, shown: str, samples):
    """The form over two dims and the form over any; they differ in the default of `dim`."""
    @composite(f"fft_{name}2", at="", also=[f"fft.{name}2"], samples=samples, out=_out_rule(name + "2") or True)
    def two(x, s: "any" = None, dim: "any" = (-2, -1), norm: "any" = None):
        return run(x, s, dim, norm, name + "2")

    @composite(f"fft_{name}n", at="", also=[f"fft.{name}n"], samples=samples, out=_out_rule(name + "n") or True)
    def several(x, s: "any" = None, dim: "any" = None, norm: "any" = None):
        return run(x, s, dim, norm, name + "n")

    for suffix, fn, which in (("2", two, "two dims, the last ones unless `dim` says others"),
                              ("n", several, "several dims, all of them unless `s` or `dim` says others")):
        fn.__doc__ = f"""{sentence}, over {which}.

    `s` cuts the dims or pads them with zeros; norm is "backward", "ortho" or "forward".

    >>> fft.{name}{suffix}({example})
    {shown}
    """


_REAL_ND = ["r(3, 4)", "r(3, 4), (2, 5)", "r(2, 3, 4), None, (0, 2)", "r(3, 4), None, (1, 0), 'ortho'",
            "r(3, 4), (2, -1), (0, 1), 'forward'"]
_BOTH_ND = [*_REAL_ND, "c(3, 4)"]
_declare_nd("fft", lambda x, s, dim, norm, name: _c2c_nd(x, s, dim, norm, True),
            "The discrete Fourier transform", "ones(2, 2)",
            "tensor([[4.+0.j, 0.+0.j],\n            [0.+0.j, 0.+0.j]])", _BOTH_ND)
_declare_nd("ifft", lambda x, s, dim, norm, name: _c2c_nd(x, s, dim, norm, False),
            "The inverse discrete Fourier transform", "ones(2, 2)",
            "tensor([[1.+0.j, 0.+0.j],\n            [0.+0.j, 0.+0.j]])", _BOTH_ND)
_declare_nd("rfft", lambda x, s, dim, norm, name: _r2c_nd(x, s, dim, norm, True, name),
            "The Fourier transform of real values (half of the last dim)", "ones(2, 2)",
            "tensor([[4.+0.j, 0.+0.j],\n            [0.+0.j, 0.+0.j]])", _REAL_ND)
_declare_nd("irfft", lambda x, s, dim, norm, name: _c2r_nd(x, s, dim, norm, False, name),
            "The real values whose `rfft` is given", "ones(2, 2)", "tensor([[1., 0.],\n            [0., 0.]])",
            _BOTH_ND)
_declare_nd("hfft", lambda x, s, dim, norm, name: _c2r_nd(x, s, dim, norm, True, name),
            "The Fourier transform of a signal with conjugate symmetry", "ones(2, 2)",
            "tensor([[4., 0.],\n            [0., 0.]])", _BOTH_ND)
_declare_nd("ihfft", lambda x, s, dim, norm, name: _r2c_nd(x, s, dim, norm, False, name),
            "The inverse of `hfft`", "ones(2, 2)", "tensor([[1.-0.j, 0.-0.j],\n            [0.-0.j, 0.-0.j]])",
            _REAL_ND)


# ---------------------------------------------------------------- frequencies and shifts

def _frequencies(n: int, d: float, dtype, device, requires_grad, half: bool):
    if n < 0:
        raise EngineError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    steps = np.arange(n // 2 + 1) if half else (np.arange(n) + n // 2) % max(n, 1) - n // 2
    values = (steps.astype(np.float64) / (n * d)) if n else steps.astype(np.float64)
    return made(values.astype((dtype or dtypes.get_default_dtype()).numpy), device, requires_grad)


@composite("fft_fftfreq", at="", also=["fft.fftfreq"], nograd=True, samples=["4", "5, 0.5"])
def fft_fftfreq(n: "int", d: "float" = 1.0, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "Device?" = None,
                requires_grad: "bool" = False):
    """The frequencies of the n results of `fft` for samples d apart.

    >>> fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies(n, d, dtype, device, requires_grad, False)


@composite("fft_rfftfreq", at="", also=["fft.rfftfreq"], nograd=True, samples=["4", "5, 0.5"])
def fft_rfftfreq(n: "int", d: "float" = 1.0, *, dtype: "DType?" = None, layout: "Layout?" = None,
                 device: "Device?" = None,
                 requires_grad: "bool" = False):
    """The frequencies of the n // 2 + 1 results of `rfft` for samples d apart.

    >>> fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies(n, d, dtype, device, requires_grad, True)


def _shifted(x, dim, sign: int):
    dims = tuple(range(x.ndim)) if dim is None else tuple([dim] if isinstance(dim, int) else dim)
    if not x.ndim and not dims:
        raise EngineError("`shifts` required")
    wrapped = tuple(wrap_dim(d, x.ndim, scalar_ok=False) for d in dims)
    shifts = tuple(x.shape[d] // 2 if sign > 0 else (x.shape[d] + 1) // 2 for d in wrapped)
    return T.roll(x, shifts, wrapped) if wrapped else T.clone(x)


@composite("fft_fftshift", at="", also=["fft.fftshift"], samples=["r(5)", "r(3, 4)", "r(3, 4), 1"], out=False)
def fft_fftshift(x, dim: "any" = None):
    """Frequencies reordered so that 0 is in the middle.

    >>> fft.fftshift(fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted(x, dim, 1)


@composite("fft_ifftshift", at="", also=["fft.ifftshift"], samples=["r(5)", "r(3, 4)", "r(3, 4), 1"], out=False)
def fft_ifftshift(x, dim: "any" = None):
    """The inverse of `fftshift`.

    >>> fft.ifftshift(tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    return _shifted(x, dim, -1)
