"""Random tensors and in-place random fills, by PyTorch's own stream of numbers."""

import numpy as np

from .. import native
from ..engine import draws, dtypes, random, samplers
from ..engine.callables import short_way
from ..engine.device import as_device, device_of, module_of, move, seed_devices
from ..engine.dispatch import check_writable, overwritten, wrap
from ..engine.mapping import active
from ..engine.registry import T, composite, function, op
from ..engine.tensor import Tensor
from ..errors import ArgumentError, EngineError, Unsupported
from .arrays import not_implemented, refuse
from .making import needing_grad

function("torch.Generator")(random.Generator)


@function("torch.manual_seed")
def manual_seed(seed: int):
    """Seeds the random stream; returns the generator.

    >>> manual_seed(0); rand(2)
    tensor([0.4963, 0.7682])
    """
    generator = random.manual_seed(int(seed))
    seed_devices(random.initial_seed())
    return generator


@function("torch.seed")
def seed() -> int:
    """Seeds the random stream from the system; returns the seed."""
    return random.seed()


@function("torch.initial_seed")
def initial_seed() -> int:
    """The seed that the random stream was given last."""
    return random.initial_seed()


@function("torch.get_rng_state")
def get_rng_state():
    """The state of the random stream, a uint8 tensor."""
    return wrap(random.get_rng_state())


@function("torch.set_rng_state")
def set_rng_state(new_state) -> None:
    """Puts the random stream into a state that `get_rng_state` gave."""
    random.set_rng_state(np.asarray(new_state._a))


function("torch.fork_rng")(random.fork_rng)


# ---------------------------------------------------------------- new tensors

def _float_type(dtype):
    return (dtype or dtypes.get_default_dtype()).numpy


def _new(sampler, size, dtype, generator, device, requires_grad, *parameters):
    for n in size:
        if n < 0:
            raise EngineError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
    t = wrap(draws.draw(as_device(device), sampler, generator, tuple(size), dtype, *parameters))
    return needing_grad(t) if requires_grad else t


def _refuse_names(what: str, names) -> None:
    if names is not None:
        raise Unsupported(f"{what}(): dims of a tensor are not named when it is made",
                          help="a contract names them: `x: f32[A, B] = ...`")


@composite("rand", at="torch", nograd=True, samples=["2, 3", "(0, 3)", "2, dtype=torch.float64"])
def rand(size: "Shape*", *, generator: "any" = None, dtype: "DType?" = None, layout: "Layout?" = None,
         device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False, names: "any" = None):
    """Uniform numbers in [0, 1).

    >>> manual_seed(0); rand(2)
    tensor([0.4963, 0.7682])
    """
    _refuse_names("rand", names)
    return _new(samplers.uniform, size, _float_type(dtype), generator, device, requires_grad)


@composite("randn", at="torch", nograd=True, samples=["2, 3", "(0, 3)", "20", "2, dtype=torch.float64"])
def randn(size: "Shape*", *, generator: "any" = None, dtype: "DType?" = None, layout: "Layout?" = None,
          device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False, names: "any" = None):
    """Normal numbers with mean 0 and standard deviation 1.

    >>> manual_seed(0); randn(2)
    tensor([ 1.5410, -0.2934])
    """
    _refuse_names("randn", names)
    return _new(samplers.normal, size, _float_type(dtype), generator, device, requires_grad)


@composite("randint", at="torch", nograd=True, samples=["5, (3,)", "-2, 5, (2, 3)"])
def randint(low: "int?" = None, high: "any" = None, size: "any" = None, *, generator: "any" = None, dtype: "DType?" = None,
            layout: "Layout?" = None, device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """Integers from low (0) up to, not including, high.

    >>> manual_seed(0); randint(10, (3,))
    tensor([4, 9, 3])
    """
    if size is None and low is not None:
        low, high, size = None, low, high
    if high is None:
        low, high = None, low
    if size is None or high is None:
        given = "" if high is None else "int"
        raise ArgumentError(f"randint() received an invalid combination of arguments - got ({given}), but expected one of: "
                            "(int high, tuple of ints size), (int low, int high, tuple of ints size)")
    size = (size,) if isinstance(size, int) else tuple(int(n) for n in size)
    return _new(samplers.randint, size, (dtype or dtypes.int64).numpy, generator, device, requires_grad, low or 0, int(high))


@composite("randperm", at="torch", nograd=True, samples=["5", "0"])
def randperm(n: "int", *, generator: "any" = None, dtype: "DType?" = None, layout: "Layout?" = None,
             device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """0, 1, ..., n - 1 in random order.

    >>> manual_seed(0); randperm(4)
    tensor([0, 1, 3, 2])
    """
    t = wrap(draws.draw(as_device(device), _permutation, generator, (n,), (dtype or dtypes.int64).numpy))
    return needing_grad(t) if requires_grad else t


def _permutation(generator, shape, dtype):
    return samplers.randperm(generator, shape[0], dtype)


def _like(x, dtype, device, requires_grad, memory_format, sampler, *parameters):
    t = T.empty_like(x, dtype=dtype, device=device, memory_format=memory_format)
    draws.fill(t._a, sampler, *parameters)
    return needing_grad(t) if requires_grad else t


@composite("rand_like", at="torch", nograd=True, samples=["r(2, 3)"])
def rand_like(x, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "any" = None, requires_grad: "bool" = False,
              memory_format: "any" = None, pin_memory: "bool" = False):
    """Uniform numbers in the shape and dtype of x.

    >>> manual_seed(0); rand_like(zeros(2))
    tensor([0.4963, 0.7682])
    """
    return _like(x, dtype, device, requires_grad, memory_format, samplers.uniform)


@composite("randn_like", at="torch", nograd=True, samples=["r(2, 3)"])
def randn_like(x, *, dtype: "DType?" = None, layout: "Layout?" = None, device: "any" = None, requires_grad: "bool" = False,
               memory_format: "any" = None, pin_memory: "bool" = False):
    """Normal numbers in the shape and dtype of x.

    >>> manual_seed(0); randn_like(zeros(2))
    tensor([ 1.5410, -0.2934])
    """
    return _like(x, dtype, device, requires_grad, memory_format, samplers.normal)


def _quick_draw(name: str) -> None:
    @short_way(name)
    def make(o, slow):
        return native.drawing_few(name, random.default_generator, active, slow) or slow


for _name in ("rand", "randn", "randint", "randperm", "rand_like", "randn_like"):
    _quick_draw(_name)


@composite("randint_like", at="torch", nograd=True, samples=["ints(2, 3), 5", "ints(2), 1, 5"])
def randint_like(x, low: "int", high: "int?" = None, *, dtype: "DType?" = None, layout: "Layout?" = None,
                 device: "any" = None, requires_grad: "bool" = False, memory_format: "any" = None,
                 pin_memory: "bool" = False):
    """Integers from low (0) up to high, in the shape and dtype of x.

    >>> manual_seed(0); randint_like(zeros(3), 10)
    tensor([4., 9., 3.])
    """
    low, high = (0, low) if high is None else (low, high)
    if (dtype or x.dtype).is_complex:
        raise EngineError("check_random_bounds handles only integral, floating-point and boolean types")
    return _like(x, dtype, device, requires_grad, memory_format, samplers.randint, low, high)


@composite("normal", out="normal", at="torch", nograd=True,
           samples=["0.0, 1.0, (3,)", "r(3, 2), 1.5", "0.0, pos(3)", "r(3), pos(2, 3)"])
def normal(mean: "any", std: "any" = 1.0, size: "any" = None, *, generator: "any" = None, dtype: "DType?" = None,
           layout: "Layout?" = None, device: "Device?" = None, requires_grad: "bool" = False, pin_memory: "bool" = False):
    """Normal numbers with given means and standard deviations: numbers with a size, or tensors.

    >>> manual_seed(0); normal(0.0, 1.0, (2,))
    tensor([ 1.5410, -0.2934])
    """
    if size is not None:
        size = (size,) if isinstance(size, int) else tuple(size)
        return _new(samplers.normal, size, _float_type(dtype), generator, device, requires_grad, mean, std)
    if isinstance(std, Tensor) and std.is_complex():
        raise EngineError("normal expects standard deviation to be non-complex")
    return T._normal(mean, std, generator)


def _normal_shape(xp, mean, std, *_):
    first = mean if hasattr(mean, "dtype") else std
    return xp.empty(np.broadcast_shapes(getattr(mean, "shape", ()), getattr(std, "shape", ())), first.dtype)


@op("_normal", at="", half=False, shape=_normal_shape, samples=[],
    grad_name=lambda mean, std, generator: f"NormalBackward{hasattr(mean, '_a') + 2 * hasattr(std, '_a')}",
    vjp={"mean": lambda k, g: k.zeros_like(g), "std": lambda k, g: k.zeros_like(g)})
def _normal(xp, mean: "Operand", std: "Operand", generator: "any" = None):
    if xp is np:
        return samplers.normal_tensor(generator, mean, std)
    like = _normal_shape(xp, mean, std)
    return (draws.draw(device_of(like), samplers.normal, generator, like.shape, like.dtype) * std + mean).astype(like.dtype)


@op("bernoulli", out="bernoulli", at="torch tensor", samples=["r(3) * 0 + 0.5", "r(2, 3), 0.25"], half=False,
    vjp={"x": lambda k, g: k.zeros_like(g)})
def bernoulli(xp, x, p: "any" = None, *, generator: "any" = None):
    """1 with the probability that x gives, else 0.

    >>> bernoulli(tensor([0., 1.]))
    tensor([0., 1.])
    """
    if p is not None:
        return draws.draw(device_of(x), samplers.bernoulli, generator, x.shape, x.dtype, p)
    return samplers.bernoulli_tensor(generator, x) if xp is np else _below(x, generator, x.dtype)


def _below(p, generator, dtype):
    """1 where a uniform number falls below p."""
    real = np.dtype(np.float64) if p.dtype == np.float64 else np.dtype(np.float32)
    return (draws.draw(device_of(p), samplers.uniform, generator, p.shape, real) < p).astype(dtype)



@op("multinomial", rows=True, out="multinomial", at="torch tensor", nograd=True, samples=[], half=False, host=True,
    shape=lambda xp, x, n, *_: xp.empty((*x.shape[:-1], n), np.int64))
def multinomial(xp, x, num_samples: "int", replacement: "bool" = False, *, generator: "any" = None):
    """Indices drawn with probabilities proportional to the rows of x.

    >>> multinomial(tensor([0., 1.]), 1)
    tensor([1])
    """
    return samplers.multinomial(generator, x, num_samples, replacement)


@op("poisson", at="torch", samples=["pos(3)"], half=False, host=True,
    shape=lambda xp, x, *_: xp.empty_like(x), vjp={"x": lambda k, g: k.zeros_like(g)})
def poisson(xp, x, generator: "any" = None):
    """Counts with the rates that x gives.

    >>> poisson(tensor([0., 0.]))
    tensor([0., 0.])
    """
    from ..engine import rejection

    return rejection.poisson(generator, x)


@op("binomial", at="torch", samples=[], half=False, host=True, nograd=True,
    shape=lambda xp, count, prob, *_: xp.empty(xp.broadcast_shapes(count.shape, prob.shape), count.dtype))
def binomial(xp, count, prob, generator: "any" = None):
    """Successes in `count` trials that succeed with probability `prob`.

    >>> binomial(tensor([3.]), tensor([1.]))
    tensor([3.])
    """
    from ..engine import rejection

    return rejection.binomial(generator, count, prob)


# ---------------------------------------------------------------- gamma and Dirichlet

@op("_standard_gamma_grad", at="torch", half=False, host=True, shape=lambda xp, x, *_: xp.empty_like(x),
    vjp={"x": not_implemented("the derivative for '_standard_gamma_grad' is not implemented.")})
def _standard_gamma_grad(xp, x, output: "Tensor"):
    """How standard gamma samples `output` move with their concentrations x."""
    from ..engine import implicit

    return implicit.gamma_gradient(x, output).astype(x.dtype)


@op("_dirichlet_grad", at="torch", half=False, host=True, shape=lambda xp, x, *_: xp.empty_like(x),
    vjp={"x": not_implemented("the derivative for '_dirichlet_grad' is not implemented.")})
def _dirichlet_grad(xp, x, alpha: "Tensor", total: "Tensor"):
    """How beta samples x move with alpha, over 1 - x: -(d cdf(x) / d alpha) / pdf(x) / (1 - x)."""
    from ..engine import implicit

    return implicit.beta_gradient(x, alpha, total).astype(x.dtype)


@op("_standard_gamma", at="torch", samples=["pos(3).detach()", "pos(2, 3).detach() * 5", "pos(0).detach()"], half=False,
    host=True, shape=lambda xp, x, *_: xp.empty_like(x),
    vjp={"x": lambda k, g, x, out: g * k._standard_gamma_grad(x, out)})
def _standard_gamma(xp, x, generator: "any" = None):
    """Gamma samples of rate 1; gradients flow to the concentrations x."""
    from ..engine import rejection

    return rejection.standard_gamma(generator, x)


def _dirichlet_gradient(k, g, x, out):
    move = k._dirichlet_grad(out, x, x.sum(-1, True).expand_as(x))
    return move * (g - (out * g).sum(-1, True))


@op("_sample_dirichlet", at="torch", samples=["pos(3).detach()", "pos(2, 3).detach()"], half=False,
    host=True, shape=lambda xp, x, *_: xp.empty_like(x),
    vjp={"x": _dirichlet_gradient})
def _sample_dirichlet(xp, x, generator: "any" = None):
    """Samples of the simplex (last dim) with weights x; gradients flow to the weights."""
    from ..engine import rejection

    return rejection.dirichlet(generator, x)


# ---------------------------------------------------------------- in-place fills

def _fills(name: str, grad_name: str, summary: str):
    """Declares `tensor.<name>`: `fill(array, generator, ...)` writes the numbers."""
    def declare(fill):
        @function("tensor." + name)
        def method(x, *args, generator=None, **kwargs):
            check_writable(x)
            fill(x._a, generator, *args, **kwargs)
            overwritten(x, grad_name)
            return x

        method.__name__ = method.__qualname__ = name
        method.__doc__ = summary
        return fill
    return declare


@_fills("uniform_", "UniformBackward0", "Fills with uniform numbers in [low, high).")
def _uniform(a, generator, low=0.0, high=1.0, **names) -> None:
    low, high = names.get("from", low), names.get("to", high)
    draws.fill(a, samplers.uniform, low, high, generator=generator)


@_fills("normal_", "NormalBackward0", "Fills with normal numbers.")
def _normal(a, generator, mean=0.0, std=1.0) -> None:
    if std < 0:
        raise EngineError(f"normal expects std >= 0.0, but found std {std}")
    draws.fill(a, samplers.normal, mean, std, generator=generator)


@_fills("random_", "RandomBackward0", "Fills with integers: all that the dtype holds, [0, to), or [from, to).")
def _random(a, generator, *bounds, **names) -> None:
    low, high = (*bounds, None, None)[:2] if len(bounds) != 1 else (0, bounds[0])
    low, high = names.get("from", low), names.get("to", high)
    if low is None and high is not None:
        low = 0
    draws.fill(a, samplers.random_, low, high, generator=generator)


@_fills("bernoulli_", "BernoulliBackward2", "Fills with 1 with probability p (a number or a tensor), else 0.")
def _bernoulli(a, generator, p=0.5) -> None:
    if isinstance(p, Tensor):
        if type(a) is np.ndarray is type(p._a):
            samplers.fill_bernoulli(a, p._a, generator)
        else:
            a[...] = _below(module_of(a).broadcast_to(move(p._a, device_of(a)), a.shape), generator, a.dtype)
    else:
        draws.fill(a, samplers.bernoulli, p, generator=generator)


@_fills("exponential_", "ExponentialBackward0", "Fills with exponential numbers of a rate.")
def _exponential(a, generator, lambd=1.0) -> None:
    draws.fill(a, samplers.exponential, lambd, generator=generator)


@_fills("geometric_", "GeometricBackward0", "Fills with the number of trials up to the first success.")
def _geometric(a, generator, p=0.5) -> None:
    refuse(a, "c", "geometric_cpu")
    draws.fill(a, samplers.geometric, p, generator=generator)


@_fills("cauchy_", "CauchyBackward0", "Fills with Cauchy numbers.")
def _cauchy(a, generator, median=0.0, sigma=1.0) -> None:
    draws.fill(a, samplers.cauchy, median, sigma, generator=generator)


@_fills("log_normal_", "LogNormalBackward0", "Fills with the exponentials of normal numbers.")
def _log_normal(a, generator, mean=1.0, std=2.0) -> None:
    draws.fill(a, samplers.log_normal, mean, std, generator=generator)


# ---------------------------------------------------------------- soft choices

@composite("gumbel_softmax", at="F", samples=["r(2, 3)", "r(3), 0.5, False, 1e-10, 0"])
def gumbel_softmax(logits, tau: "float" = 1.0, hard: "bool" = False, eps: "float" = 1e-10, dim: "Dim" = -1):
    """A sample from the Gumbel-softmax distribution; `hard` gives one-hot vectors with soft gradients.

    >>> gumbel_softmax(tensor([[0., 1.]]), hard=True).sum()
    tensor(1.)
    """
    noise = -T.empty_like(logits).exponential_().log()
    soft = T.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = T.zeros_like(logits).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
