"""Singular and eigenvectors: right whatever their signs, and of the signs that PyTorch gives (recorded)."""

import json
from pathlib import Path

import numpy as np
import pytest

from tcli.ops import lapack_signs

RECORDED = json.loads((Path(__file__).parent.parent / "golden" / "signs.json").read_text())
SHAPES = [(1, 1), (1, 9), (9, 1), (4, 4), (6, 4), (7, 4), (8, 4), (4, 6), (4, 8), (4, 79), (4, 80), (5, 40), (40, 30)]


def matrix(m: int, n: int, dtype="float64"):
    stream = np.random.RandomState(1000 * m + n)
    a = stream.standard_normal((m, n))
    return (a + 1j * stream.standard_normal((m, n)) if dtype.startswith("complex") else a).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_singular_vectors_multiply_back(shape, full, dtype):
    a = matrix(*shape, dtype)
    u, s, vh, info = lapack_signs.svd(a, full)
    k = min(shape)
    assert info == 0
    assert u.shape[1] == (shape[0] if full else k) and vh.shape[0] == (shape[1] if full else k)
    tolerance = 1e-4 if dtype in ("float32", "complex64") else 1e-11
    np.testing.assert_allclose(u[:, :k] * s @ vh[:k], a, atol=tolerance)
    np.testing.assert_allclose(u.conj().T @ u, np.eye(u.shape[1]), atol=tolerance)
    np.testing.assert_allclose(vh @ vh.conj().T, np.eye(vh.shape[0]), atol=tolerance)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 25, 26])
def test_eigenvectors_of_symmetric_matrices_are_eigenvectors(n, upper, dtype):
    a = matrix(n, n, dtype)
    a = a + a.conj().T
    values, vectors = lapack_signs.eigh(a, upper)
    np.testing.assert_allclose(a @ vectors, vectors * values, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 20])
def test_eigenvectors_of_general_matrices_are_eigenvectors(n):
    a = matrix(n, n)
    a[0, 1:] = 0  # balancing permutes rows
    values, vectors = lapack_signs.eig(a)
    np.testing.assert_allclose(a @ vectors, vectors * values, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=0), 1)


@pytest.mark.parametrize("name", RECORDED)
def test_signs_are_pytorchs(name):
    kind, m, n = name.split()
    a = matrix(int(m), int(n))
    if kind == "svd":
        found = lapack_signs.svd(a, False)[0][0]
    else:
        upper = kind == "eighU"
        found = lapack_signs.eigh(a + a.T, upper)[1][-1 if upper else 0]
    assert "".join("-" if v < 0 else "+" for v in found) == RECORDED[name]
