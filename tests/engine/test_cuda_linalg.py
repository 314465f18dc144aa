"""Linear algebra on the stand-in device: gradients of decompositions, by functions that do not see signs and orders."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine.device import CPU, move
from tcli.engine.dispatch import wrap
from tcli.runtime.namespaces import tree
from tests.generated import strict

torch = tree("torch")
linalg = torch.linalg


def _weights(x, *shape):
    return torch.arange(float(np.prod(shape)), dtype=torch.float64, device=x.device).view(*shape)


def _positive(x):
    return x @ x.mT + torch.eye(x.shape[0], dtype=torch.float64, device=x.device)


FUNCTIONS = {
    "eigh values": (4, lambda x: (linalg.eigh(x + x.mT)[0] ** 3).sum()),
    "eigh vectors": (4, lambda x: (linalg.eigh(x + x.mT)[1] ** 2 * _weights(x, 4, 4)).sum()),
    "eigvalsh": (4, lambda x: linalg.eigvalsh(x + x.mT).pow(3).sum()),
    "svd values": (3, lambda x: (linalg.svd(x, full_matrices=False)[1] ** 2).sum()),
    "svd vectors": (3, lambda x: (linalg.svd(x, full_matrices=False)[0] ** 2 * _weights(x, 4, 3)).sum()),
    "svdvals": (3, lambda x: linalg.svdvals(x).sum()),
    "qr": (3, lambda x: (linalg.qr(x)[1] ** 2).sum() + (linalg.qr(x)[0] ** 2 * _weights(x, 4, 3)).sum()),
    "cholesky": (4, lambda x: linalg.cholesky(_positive(x)).sum()),
    "cholesky_solve": (4, lambda x: torch.cholesky_solve(x[:, :1], linalg.cholesky(_positive(x))).sum()),
    "inv": (4, lambda x: linalg.inv(x).sum()), "det": (4, lambda x: linalg.det(x)),
    "slogdet": (4, lambda x: linalg.slogdet(_positive(x))[1]), "solve": (4, lambda x: linalg.solve(x, x.T @ x).sum()),
    "solve_triangular": (4, lambda x: linalg.solve_triangular(x.triu(), x, upper=True).sum()),
    "pinv": (3, lambda x: linalg.pinv(x).sum()), "lstsq": (3, lambda x: linalg.lstsq(x, x[:, :1] * 2 + 1)[0].sum()),
    "nuclear norm": (3, lambda x: linalg.matrix_norm(x, "nuc")), "spectral norm": (3, lambda x: linalg.matrix_norm(x, 2)),
    "matrix_exp": (4, lambda x: linalg.matrix_exp(x).sum()), "lu": (4, lambda x: linalg.lu(x)[2].sum()),
    "eig": (4, lambda x: linalg.eig(x)[0].abs().sum()), "cond": (4, lambda x: linalg.cond(x)),
    "matrix_power": (4, lambda x: linalg.matrix_power(x, 3).sum()),
    "householder": (3, lambda x: linalg.householder_product(x, x[0]).sum()),
}


def _gradient(function, columns: int, place):
    x = wrap(place(np.random.default_rng(0).standard_normal((4, columns)))).requires_grad_()
    function(x).backward()
    return move(x.grad._a, CPU)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_the_cpus(name, monkeypatch):
    columns, function = FUNCTIONS[name]
    wanted = _gradient(function, columns, np.array)
    strict.install(monkeypatch)
    np.testing.assert_allclose(_gradient(function, columns, strict.StrictArray), wanted, 1e-7, 1e-9)
