"""`kl_divergence(p, q)`: closed forms for the pairs in common use, and `register_kl` for more."""

from __future__ import annotations

import math

from ..engine.registry import T
from .base import Independent
from .continuous import Beta, Dirichlet, Exponential, Gamma, Laplace, Normal, Uniform
from .discrete import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical, Poisson
from .multivariate import MultivariateNormal, mahalanobis

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


@register_kl(Uniform, Uniform)
def _uniform_uniform(p, q):
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return T.where((q.low > p.low) | (q.high < p.high), T.full_like(found, math.inf), found)


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    first = (math.sqrt(math.pi * 2) * q.scale / (p.high - p.low)).log()
    spread = (p.high - p.low).pow(2) / 12
    shift = ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return first + 0.5 * (spread + shift) / q.scale.pow(2)


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
    half_p = p._unbroadcast.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    half_q = q._unbroadcast.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    solved = T.linalg_solve_triangular(q._unbroadcast, p._unbroadcast, upper=False)
    second = solved.pow(2).sum((-2, -1))
    third = mahalanobis(q._unbroadcast, q.loc - p.loc)
    return half_q - half_p + 0.5 * (second + third - p.event_shape[0])


@register_kl(Independent, Independent)
def _independent_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return p._summed(kl_divergence(p.base_dist, q.base_dist))
