"""Gradients of gamma and Dirichlet samples by their parameters: implicit differentiation of the distribution.

A sample x with F(x; a) held fixed moves with dx/da = -(dF/da) / f(x), f the density (Figurnov, Mohamed and
Mnih 2018, "Implicit reparameterization gradients"; Jankowiak and Obermeyer 2018, "Pathwise derivatives beyond
the reparameterization trick"). As d log f(t) / da = w(t) - c with one constant c, and the integral of
f (w - c) over everything is 0, dx/da is an integral of f (w - c) / f(x) on either side of x. On the side
where w - c has one sign nothing cancels. With y = log t for the gamma, y = logit t for the beta,
f(t) dt = exp(h(y)) dy with a concave h that is a straight line far out: there the integral is known, in
between Gauss-Legendre points take it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

_FAR = 40.0  # beyond this |y| the tails are straight lines to double precision
_NEGLIGIBLE = 45.0  # exp of minus this is nothing beside 1
_POINTS = 160

Curve = Callable[[np.ndarray], np.ndarray]


@cache
def _rule():
    return np.polynomial.legendre.leggauss(_POINTS)


def _cut(h: Curve, y, toward):
    """Between y and `toward`, further out: where exp(h) has become negligible beside its value at y."""
    limit = h(y) - _NEGLIGIBLE
    inside, outside = y.copy(), toward.copy()
    for _ in range(40):
        middle = (inside + outside) / 2
        near = h(middle) > limit
        inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
    return np.where(h(toward) > limit, toward, outside)


def _between(h: Curve, w: Curve, c, y, end):
    """The integral of exp(h - h(y)) (w - c) from y to `end`."""
    points, weights = _rule()
    half = (end - y) / 2
    at = (y + half)[..., None] + half[..., None] * points
    values = np.exp(h(at) - h(y)[..., None]) * (w(at) - c[..., None])
    return half * (values @ weights)


def gamma_gradient(alpha: np.ndarray, x: np.ndarray) -> np.ndarray:
    """d x / d alpha of standard gamma samples, in float64."""
    from scipy.special import digamma

    alpha, x = (v.astype(np.float64) for v in np.broadcast_arrays(alpha, x))
    y, c = np.log(x), digamma(alpha)
    low = y < c
    found = np.empty(x.shape)
    a, b, k = alpha[low], y[low], c[low]
    found[low] = -x[low] * _left(_gamma_curve(a), lambda t: t, a, k, b, np.zeros(a.shape), 1.0)
    a, b, k = alpha[~low], y[~low], c[~low]
    h = _gamma_curve(a)
    found[~low] = x[~low] * _between(h, lambda t: t, k, b, _cut(h, b, np.maximum(b, np.log(a)) + _FAR))
    return found


def _gamma_curve(alpha) -> Curve:
    return lambda y: _over(alpha, y) * y - np.exp(y)


def _over(parameter, y):
    """A parameter per sample, beside the points of each sample."""
    return parameter[..., None] if y.ndim > parameter.ndim else parameter


def _left(h: Curve, w: Curve, slope, c, y, far_w, w_slope: float):
    """The integral of exp(h - h(y)) (w - c) from minus infinity to y.

    Far out h has the slope `slope` and w is far_w + w_slope * y.
    """
    start = np.minimum(y, -_FAR)
    end = _cut(h, y, start)
    tail = np.exp(h(start) - h(y)) * ((far_w + w_slope * start - c) / slope - w_slope / slope**2)
    inner = -_between(h, w, c, y, end)
    return np.where(end > start, inner, tail + np.where(start < y, inner, 0.0))


def beta_gradient(x: np.ndarray, alpha: np.ndarray, total: np.ndarray) -> np.ndarray:
    """d x / d alpha of samples x of Beta(alpha, total - alpha), divided by 1 - x, in float64."""
    from scipy.special import digamma

    x, alpha, total = (v.astype(np.float64) for v in np.broadcast_arrays(x, alpha, total))
    beta, c = total - alpha, digamma(alpha) - digamma(total)
    y = np.log(x) - np.log1p(-x)
    low = np.log(x) < c
    found = np.empty(x.shape)
    a, b, k, z = alpha[low], beta[low], c[low], y[low]
    found[low] = -_left(_beta_curve(a, b), _log_sigmoid, a, k, z, np.zeros(a.shape), 1.0)
    a, b, k, z = alpha[~low], beta[~low], c[~low], y[~low]
    # Mirrored, the right side is a left side: there log t goes to 0.
    found[~low] = _left(_beta_curve(b, a), lambda t: _log_sigmoid(-t), b, k, -z, np.zeros(a.shape), 0.0)
    return found * x


def _log_sigmoid(y):
    return -np.logaddexp(0.0, -y)


def _beta_curve(alpha, beta) -> Curve:
    return lambda y: _over(alpha, y) * _log_sigmoid(y) + _over(beta, y) * _log_sigmoid(-y)
