"""Smooth activations: elu and its kin, gelu, silu, mish, softplus."""

import math

from ..engine import dtypes, samplers
from ..engine.registry import T, composite, op
from ..errors import EngineError
from . import error_function
from .arrays import bounded, refuse, select

SAMPLES = ["r(3, 4)", "r()", "r(0, 2)"]
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


# ---------------------------------------------------------------- elu: exponential below 0

def _elu_rule(k, g, x, alpha, inplace, inside):
    if inplace and alpha < 0:
        raise EngineError("In-place elu backward calculation is triggered with a negative slope which is not supported. This "
                          "is caused by calling in-place forward function with a negative slope, please call out-of-place "
                          "version instead.")
    return k._elu_adjoint(g, x, alpha, 1.0, inside)


def _elu(xp, x, alpha, scale, inside):
    """scale * x above 0, scale * alpha * (exp(inside * x) - 1) below."""
    refuse(x, "biuc", "elu_cpu")
    below = bounded(xp, x, None, 0)
    below = xp.expm1(below * inside if inside != 1 else below) * (alpha * scale)
    return select(xp, xp.less(x, 0), below, x * scale if scale != 1 else x)


@op("_elu_adjoint", fuse=True, at="", samples=["r(3), away(3), 1.0, 1.0, 1.0", "r(3), away(3), 0.5, 1.1, 2.0"],
    grad_name="EluBackwardBackward0",
    vjp={"g": lambda k, gg, x, alpha, scale, inside: k._elu_adjoint(gg, x, alpha, scale, inside),
         "x": lambda k, gg, g, x, alpha, scale, inside: k._gate(
             x < 0, gg * g * k.exp(k.clamp_max(x, 0) * inside) * (alpha * scale * inside * inside))})
def _elu_adjoint(xp, g, x, alpha: "float", scale: "float", inside: "float"):
    slope = xp.exp(bounded(xp, x, None, 0) * inside) * (alpha * scale * inside)
    return select(xp, xp.less_equal(x, 0), g * slope, g * scale if scale != 1 else g)


@op("elu", fuse=True, at="F", grad_name=lambda x, alpha, inplace: f"EluBackward{int(inplace)}",
    samples=["away(3, 4)", "away(3), 0.5"],
    vjp={"x": lambda k, g, x, alpha, inplace: _elu_rule(k, g, x, alpha, inplace, 1.0)}, raw_vjp=True)
def elu(xp, x, alpha: "Scalar" = 1.0, inplace: "bool" = False):
    """x above 0, alpha * (exp(x) - 1) below.

    >>> F.elu(tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    return _elu(xp, x, alpha, 1.0, 1.0)


@op("celu", fuse=True, at="torch F", grad_name=lambda x, alpha, inplace: f"CeluBackward{int(inplace)}",
    samples=["away(3, 4)", "away(3), 0.5"],
    vjp={"x": lambda k, g, x, alpha, inplace: _elu_rule(k, g, x, alpha, inplace, 1 / alpha)}, raw_vjp=True)
def celu(xp, x, alpha: "Scalar" = 1.0, inplace: "bool" = False):
    """x above 0, alpha * (exp(x / alpha) - 1) below.

    >>> F.celu(tensor([-1., 2.]), 0.5)
    tensor([-0.4323,  2.0000])
    """
    if alpha == 0:
        raise EngineError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(xp, x, alpha, 1.0, 1 / alpha)


@op("selu", fuse=True, at="torch F", samples=["away(3, 4)"], grad_name=lambda x, inplace: f"EluBackward{int(inplace)}",
    vjp={"x": lambda k, g, x: k._elu_adjoint(g, x, SELU_ALPHA, SELU_SCALE, 1.0)}, raw_vjp=True)
def selu(xp, x, inplace: "bool" = False):
    """elu with the scale and alpha that keep mean 0 and variance 1.

    >>> F.selu(tensor([-1., 2.]))
    tensor([-1.1113,  2.1014])
    """
    return _elu(xp, x, SELU_ALPHA, SELU_SCALE, 1.0)


# ---------------------------------------------------------------- x times a step: gelu, silu, mish

def _tanh_argument(xp, x):
    inner = x * x
    inner *= 0.044715
    inner += 1
    inner *= x
    inner *= math.sqrt(2 / math.pi)
    return inner


def _tanh_step(xp, x):
    """0.5 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""
    step = xp.tanh(_tanh_argument(xp, x))
    return (step + 1) * 0.5


@op("gelu", rows="first", out="found", fuse=True, at="F", samples=["r(3, 4)", "r(3), approximate='tanh'", "r()"],
    vjp={"x": lambda k, g, x, approximate: k._gelu_adjoint(g, x, approximate)})
def gelu(xp, x, *, approximate: "str" = "none"):
    """x times the probability that a normal number is below x; approximate="tanh" is cheaper.

    >>> F.gelu(tensor([-1., 0., 2.]))
    tensor([-0.1587,  0.0000,  1.9545])
    """
    refuse(x, "biuc", "GeluKernelImpl")
    if approximate not in ("none", "tanh"):
        raise EngineError("approximate argument must be either none or tanh.")
    x = xp.asarray(x)
    if x.ndim == 0:
        return gelu(xp, x.reshape(1), approximate=approximate).reshape(())
    if approximate == "none":
        return error_function.gelu(xp, x)
    step = _tanh_step(xp, x)
    step *= x
    return step


def _gelu_second(k, gg, g, x, approximate):
    """gg * g times the second derivative of gelu."""
    if approximate == "none":
        return gg * g * (2 - x * x) * k.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))
    c, b = math.sqrt(2 / math.pi), 0.044715
    square = x * x
    t = k.tanh(x * (square * b + 1) * c)
    slope = (square * (3 * b) + 1) * c
    rise = 1 - t * t
    return gg * g * rise * (slope + x * (slope * slope * t * -1 + x * (3 * b * c)))


@op("_gelu_adjoint", fuse=True, at="", samples=["r(3), r(3), 'none'", "r(3), r(3), 'tanh'"], grad_name="GeluBackwardBackward0",
    vjp={"g": lambda k, gg, x, approximate: k._gelu_adjoint(gg, x, approximate), "x": _gelu_second})
def _gelu_adjoint(xp, g, x, approximate: "str"):
    if x.ndim == 0:
        return _gelu_adjoint(xp, g.reshape(1), x.reshape(1), approximate).reshape(())
    if approximate == "none":
        return error_function.gelu_adjoint(xp, g, x)
    square = x * x
    c = math.sqrt(2 / math.pi)
    t = xp.tanh(_tanh_argument(xp, x))
    slope = (square * (3 * 0.044715) + 1) * c
    slope *= x
    slope *= 1 - t * t
    slope += 1 + t
    return g * slope * 0.5


def _logistic(xp, x):
    return 1 / (xp.exp(-x) + 1)


@op("silu", fuse=True, at="F", samples=SAMPLES, vjp={"x": lambda k, g, x: k._silu_adjoint(g, x)}, raw_vjp=True)
def silu(xp, x, inplace: "bool" = False):
    """x * sigmoid(x).

    >>> F.silu(tensor([-1., 0., 2.]))
    tensor([-0.2689,  0.0000,  1.7616])
    """
    refuse(x, "biu", "silu_cpu")
    return x / (xp.exp(-x) + 1) if x.dtype.kind == "f" else x * _logistic(xp, x)


def _silu_second(k, gg, g, x):
    s = k.sigmoid(x)
    return k.conj_of(gg * s * (1 - s) * (2 + x * (1 - 2 * s))) * g


@op("_silu_adjoint", fuse=True, at="", samples=["r(3), r(3)"], grad_name="SiluBackwardBackward0",
    vjp={"g": lambda k, gg, x: k._silu_adjoint(gg, x), "x": _silu_second})
def _silu_adjoint(xp, g, x):
    s = _logistic(xp, x)
    slope = s * (1 + x * (1 - s))
    return g * (xp.conj(slope) if slope.dtype.kind == "c" else slope)


def _softplus(xp, x):
    """log(1 + exp(x)) without overflow."""
    return xp.log1p(xp.exp(-xp.absolute(x))) + bounded(xp, x, 0)


def _mish_gradient(k, g, x):
    t, s = k.tanh(k.softplus(x)), k.sigmoid(x)
    return g * (t + x * s * (1 - t * t))


@op("mish", fuse=True, at="F", samples=SAMPLES, vjp={"x": _mish_gradient}, raw_vjp=True)
def mish(xp, x, inplace: "bool" = False):
    """x * tanh(softplus(x)).

    >>> F.mish(tensor([-1., 0., 2.]))
    tensor([-0.3034,  0.0000,  1.9440])
    """
    refuse(x, "biuc", "mish_cpu")
    return x * xp.tanh(_softplus(xp, x))


# ---------------------------------------------------------------- softplus and its kin

@op("softplus", out="found", fuse=True, at="F", samples=[*SAMPLES, "r(3), 2.0", "away(3), 2.0, 1.1"],
    vjp={"x": lambda k, g, x, beta, threshold: k._where(x * beta > threshold, g, g * k.sigmoid(x * beta))}, raw_vjp=True)
def softplus(xp, x, beta: "Scalar" = 1.0, threshold: "Scalar" = 20.0):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x is above the threshold.

    >>> F.softplus(tensor([-1., 0., 30.]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """
    refuse(x, "biuc", "softplus_cpu")
    scaled = x * beta if beta != 1 else x
    return select(xp, xp.greater(scaled, threshold), x, _softplus(xp, scaled) / beta)


@op("logsigmoid", rows=True, out="scan", fuse=True, at="F", samples=SAMPLES, grad_name="LogSigmoidBackward0",
    vjp={"x": lambda k, g, x: g * k.sigmoid(-x)}, raw_vjp=True)
def logsigmoid(xp, x):
    """log(sigmoid(x)), exact for large negative x.

    >>> F.logsigmoid(tensor([-1., 0., 2.]))
    tensor([-1.3133, -0.6931, -0.1269])
    """
    refuse(x, "biuc", "log_sigmoid_cpu")
    return bounded(xp, x, None, 0) - xp.log1p(xp.exp(-xp.absolute(x)))


@composite("softsign", at="F", samples=["away(3, 4)", "c(3)"], out=False)
def softsign(x):
    """x / (1 + abs(x)).

    >>> F.softsign(tensor([-1., 0., 3.]))
    tensor([-0.5000,  0.0000,  0.7500])
    """
    return x / (T.abs(x) + 1)


@composite("tanhshrink", at="F", samples=["r(3, 4)"], out=False)
def tanhshrink(x):
    """x - tanh(x).

    >>> F.tanhshrink(tensor([-1., 0., 2.]))
    tensor([-0.2384,  0.0000,  1.0360])
    """
    return x - T.tanh(x)


# ---------------------------------------------------------------- rrelu: a random slope

@op("_rrelu", fuse=True, at="", samples=[], grad_name="RreluWithNoiseBackward0", vjp={"x": lambda k, g, noise: g * noise})
def _rrelu(xp, x, noise: "Index"):
    return x * noise


@op("_rrelu_noise", at="", samples=[], nograd=True)
def _rrelu_noise(xp, x, lower: "Scalar", upper: "Scalar", generator: "any"):
    """The slopes: 1 above 0, a fresh draw for every other element."""
    below = xp.less_equal(x, 0)
    draws = samplers.doubles(samplers.of(generator), int(below.sum()))
    noise = xp.ones(x.shape, x.dtype)
    noise[below] = xp.asarray(draws * (upper - lower) + lower)
    return noise


@composite("rrelu", at="torch F", grad_name="RreluWithNoiseBackward0",
           samples=["away(3, 4)", "away(3), 0.1, 0.3"], out=False)
def rrelu(x, lower: "Scalar" = 1 / 8, upper: "Scalar" = 1 / 3, training: "bool" = False, inplace: "bool" = False,
          generator: "any" = None):
    """leaky_relu with slopes drawn between lower and upper when training, their mean otherwise.

    >>> F.rrelu(tensor([-1., 2.]), 0.2, 0.4)
    tensor([-0.3000,  2.0000])
    """
    if lower > upper:
        raise EngineError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return T.leaky_relu(x, (lower + upper) / 2, inplace)
    refuse(x._a, "biuc" if x.dtype is not dtypes.float16 else "h", "rrelu_with_noise_out_cpu")
    return T._rrelu(x, T._rrelu_noise(x.detach(), lower, upper, generator))
