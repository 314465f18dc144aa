"""`kl_divergence(p, q)`: closed forms for the pairs in common use, and `register_kl` for more."""

from __future__ import annotations

import math

from ..engine.registry import T
from ..errors import BadValue, Unsupported
from .base import Independent
from .continuous import Beta, Cauchy, Dirichlet, Exponential, Gamma, Laplace, Normal, Uniform
from .discrete import Bernoulli, Binomial, Categorical, ContinuousBernoulli, Geometric, OneHotCategorical, Poisson
from .multivariate import LowRankMultivariateNormal, MultivariateNormal, mahalanobis
from .transformed import Gumbel, HalfNormal, Pareto, TransformedDistribution

_table: dict[tuple, object] = {}


def register_kl(type_p: type, type_q: type):
    """Declares the divergence of a pair of distributions."""
    def declare(fn):
        _table[type_p, type_q] = fn
        return fn
    return declare


def kl_divergence(p, q):
    """The Kullback-Leibler divergence of p from q: the mean of log p - log q under p."""
    best = None
    for (a, b), fn in _table.items():
        if isinstance(p, a) and isinstance(q, b):
            distance = (type(p).__mro__.index(a), type(q).__mro__.index(b))
            if best is None or distance < best[0]:
                best = (distance, fn)
    if best is None:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
                                  f"{type(q).__name__}")
    return best[1](p, q)


@register_kl(Normal, Normal)
def _normal_normal(p, q):
    ratio = (p.scale / q.scale).pow(2)
    shift = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + shift - 1 - ratio.log())


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p, q):
    inf = math.inf
    one = p.probs * (T.softplus(-q.logits) - T.softplus(-p.logits))
    one = T.where(q.probs == 0, T.full_like(one, inf), one)
    one = T.where(p.probs == 0, T.zeros_like(one), one)
    zero = (1 - p.probs) * (T.softplus(q.logits) - T.softplus(p.logits))
    zero = T.where(q.probs == 1, T.full_like(zero, inf), zero)
    zero = T.where(p.probs == 1, T.zeros_like(zero), zero)
    return one + zero


@register_kl(Categorical, Categorical)
def _categorical_categorical(p, q):
    t = p.probs * (p.logits - q.logits)
    t = T.where((q.probs == 0).expand_as(t), T.full_like(t, math.inf), t)
    t = T.where((p.probs == 0).expand_as(t), T.zeros_like(t), t)
    return t.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _onehot_onehot(p, q):
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p, q):
    found = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return T.where(p.total_count > q.total_count, T.full_like(found, math.inf), found)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p, q):
    return -p.entropy() - T.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p, q):
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Laplace, Laplace)
def _laplace_laplace(p, q):
    ratio = p.scale / q.scale
    apart = (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * T.exp(-apart / p.scale) - 1


@register_kl(Gamma, Gamma)
def _gamma_gamma(p, q):
    return (q.concentration * (p.rate / q.rate).log() + T.lgamma(q.concentration) - T.lgamma(p.concentration)
            + (p.concentration - q.concentration) * T.digamma(p.concentration)
            + (q.rate - p.rate) * (p.concentration / p.rate))


@register_kl(Beta, Beta)
def _beta_beta(p, q):
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    first = T.lgamma(q.concentration1) + T.lgamma(q.concentration0) + T.lgamma(total_p)
    second = T.lgamma(p.concentration1) + T.lgamma(p.concentration0) + T.lgamma(total_q)
    return (first - second + (p.concentration1 - q.concentration1) * T.digamma(p.concentration1)
            + (p.concentration0 - q.concentration0) * T.digamma(p.concentration0)
            + (total_q - total_p) * T.digamma(total_p))


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p, q):
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    first = total_p.lgamma() - total_q.lgamma()
    second = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    difference = p.concentration - q.concentration
    third = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return first - second + (difference * third).sum(-1)


@register_kl(MultivariateNormal, MultivariateNormal)
def _mvn_mvn(p, q):
    half_p = p._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    half_q = q._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    solved = T.linalg_solve_triangular(q._factor, p._factor, upper=False)
    second = solved.pow(2).sum((-2, -1))
    third = mahalanobis(q._factor, q.loc - p.loc)
    return half_q - half_p + 0.5 * (second + third - p.event_shape[0])


@register_kl(Independent, Independent)
def _independent_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise Unsupported("kl_divergence: the two Independent distributions reinterpret "
                          f"{p.reinterpreted_batch_ndims} and {q.reinterpreted_batch_ndims} batch dims")
    return p._summed(kl_divergence(p.base_dist, q.base_dist))


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _gaussians(p, q):
    if p.event_shape != q.event_shape:
        raise BadValue("KL-divergence between two Gaussian vectors with different event shapes cannot be computed")
    difference = (q.loc - p.loc).unsqueeze(-1)
    trace = (q.precision_matrix * p.covariance_matrix).sum((-2, -1))
    far = T.matmul(T.matmul(difference.mT, q.precision_matrix), difference).squeeze(-1).squeeze(-1)
    logs = [2 * d.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) for d in (q, p)]
    return 0.5 * (logs[0] - logs[1] + trace + far - p.event_shape[0])


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p, q):
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise Unsupported("kl_divergence: two transformed distributions need the same transforms and event shape")
    more = len(p.event_shape) - len(p.base_dist.event_shape)
    found = kl_divergence(p.base_dist, q.base_dist)
    return found.sum(tuple(range(-more, 0))) if more else found


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p, q):
    return (((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)) / (4 * p.scale * q.scale)).log()


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _poisson_bounded(p, q):
    return T.full_like(p.rate, math.inf)


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    apart = p.loc - q.loc
    mean_distance = (math.sqrt(2 / math.pi) * p.scale * T.exp(-0.5 * (apart / p.scale).pow(2))
                     + apart * T.erf(apart / (p.scale * math.sqrt(2))))
    return T.log(2 * q.scale) + mean_distance / q.scale - p.entropy()


# The other pairs of continuous distributions need p only by its moments: KL = -entropy(p) - E[log q(x)].

_EULER = 0.57721566490153286060

_BOUNDS = {
    Beta: lambda d: (0.0, 1.0), ContinuousBernoulli: lambda d: (0.0, 1.0), Exponential: lambda d: (0.0, math.inf),
    Gamma: lambda d: (0.0, math.inf), Gumbel: lambda d: (-math.inf, math.inf), Laplace: lambda d: (-math.inf, math.inf),
    Normal: lambda d: (-math.inf, math.inf), Pareto: lambda d: (d.scale, math.inf), Uniform: lambda d: (d.low, d.high)}


def _uniform_mean_log(low, high):
    return (T.xlogy(high, high) - T.xlogy(low, low)) / (high - low) - 1


_MEAN_LOG = {
    Beta: lambda d: T.digamma(d.concentration1) - T.digamma(d.concentration1 + d.concentration0),
    Exponential: lambda d: -_EULER - d.rate.log(), Gamma: lambda d: T.digamma(d.concentration) - d.rate.log(),
    Pareto: lambda d: d.scale.log() + d.alpha.reciprocal(), Uniform: lambda d: _uniform_mean_log(d.low, d.high)}

_MEAN_LOG_REST = {  # of 1 - x
    Beta: lambda d: T.digamma(d.concentration0) - T.digamma(d.concentration1 + d.concentration0),
    Uniform: lambda d: _uniform_mean_log(1 - d.high, 1 - d.low)}

_MEAN_EXP = {  # of -t x
    Exponential: lambda d, t: d.rate / (d.rate + t), Gamma: lambda d, t: (1 + t / d.rate).pow(-d.concentration),
    Normal: lambda d, t: T.exp(-t * d.loc + 0.5 * (t * d.scale).pow(2)),
    Gumbel: lambda d, t: T.exp(-t * d.loc + T.lgamma(1 + t * d.scale)),
    Uniform: lambda d, t: (T.exp(-t * d.low) - T.exp(-t * d.high)) / (t * (d.high - d.low))}

_MEAN_LOG_DENSITY = {
    Exponential: lambda p, q: q.rate.log() - q.rate * p.mean,
    Gamma: lambda p, q: (q.concentration * q.rate.log() - T.lgamma(q.concentration)
                         + (q.concentration - 1) * _moment(_MEAN_LOG, p) - q.rate * p.mean),
    Normal: lambda p, q: (-0.5 * math.log(2 * math.pi) - q.scale.log()
                          - ((p.mean - q.loc).pow(2) + p.variance) / (2 * q.scale.pow(2))),
    Gumbel: lambda p, q: (-q.scale.log() - (p.mean - q.loc) / q.scale
                          - T.exp(q.loc / q.scale) * _moment(_MEAN_EXP, p, q.scale.reciprocal())),
    Pareto: lambda p, q: q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * _moment(_MEAN_LOG, p),
    Beta: lambda p, q: (T.lgamma(q.concentration1 + q.concentration0) - T.lgamma(q.concentration1)
                        - T.lgamma(q.concentration0) + (q.concentration1 - 1) * _moment(_MEAN_LOG, p)
                        + (q.concentration0 - 1) * _moment(_MEAN_LOG_REST, p)),
    ContinuousBernoulli: lambda p, q: q._log_normaliser() + p.mean * q.logits + T.log1p(-q.probs),
    Uniform: lambda p, q: -(q.high - q.low).log()}


def _moment(table: dict, p, *arguments):
    for kind in type(p).__mro__:
        if kind in table:
            return table[kind](p, *arguments)
    raise NotImplementedError(f"no closed form of this moment of {type(p).__name__} is known")


def _by_moments(p, q):
    (low, high), (q_low, q_high) = _moment(_BOUNDS, p), _moment(_BOUNDS, q)
    like = p.mean
    outside = (T.zeros_like(like) + low < q_low) | (T.zeros_like(like) + high > q_high)
    infinite = T.full_like(like, math.inf)
    if outside.all():
        return infinite
    cross = next(_MEAN_LOG_DENSITY[kind] for kind in type(q).__mro__ if kind in _MEAN_LOG_DENSITY)(p, q)
    return T.where(outside, infinite, -p.entropy() - cross)


for _p in _BOUNDS:
    for _q in _MEAN_LOG_DENSITY:
        if (_p, _q) not in _table:
            register_kl(_p, _q)(_by_moments)
