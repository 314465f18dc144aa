"""How gamma and beta samples move with their parameters, against differences of SciPy's inverse distributions."""

import numpy as np
import pytest
from scipy.special import betainc, betaincinv, gammainc, gammaincinv

from tcli.engine.implicit import beta_gradient, gamma_gradient

LEVELS = np.array([0.01, 0.2, 0.5, 0.8, 0.99])


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 3.0, 40.0, 1e4])
def test_gamma_samples_move_as_their_quantiles_do(alpha):
    x, step = gammaincinv(alpha, LEVELS), alpha * 1e-5
    moved = (gammaincinv(alpha + step, gammainc(alpha, x)) - gammaincinv(alpha - step, gammainc(alpha, x))) / (2 * step)
    np.testing.assert_allclose(gamma_gradient(np.full(5, alpha), x), moved, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 7.0, 200.0])
@pytest.mark.parametrize("beta", [0.3, 1.0, 7.0, 200.0])
def test_beta_samples_move_as_their_quantiles_do(alpha, beta):
    x, step = betaincinv(alpha, beta, LEVELS), alpha * 1e-5
    level = betainc(alpha, beta, x)
    moved = (betaincinv(alpha + step, beta, level) - betaincinv(alpha - step, beta, level)) / (2 * step)
    found = beta_gradient(x, np.full(5, alpha), np.full(5, alpha + beta)) * (1 - x)
    inner = (x > 1e-12) & (x < 1 - 1e-7)
    np.testing.assert_allclose(found[inner], moved[inner], rtol=2e-5)


def test_tiny_and_huge_samples_have_finite_gradients():
    alpha = np.array([1e-3, 1e-3, 1e-3, 1e4])
    x = np.array([1e-300, 1e-20, 30.0, 1e4])
    assert np.isfinite(gamma_gradient(alpha, x)).all()
    assert np.isfinite(beta_gradient(np.array([1e-30, 1 - 1e-16]), np.full(2, 1e-3), np.full(2, 2e-3))).all()
