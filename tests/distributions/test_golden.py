"""Distributions answer what PyTorch answered (recorded by scripts/record_distributions.py)."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from tcli.runtime.namespaces import known_modules

from .cases import CASES, EDGES, PAIRED, Asked, divergences

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "distributions.json").read_text())
TORCH = known_modules()["torch"]

# PyTorch's own gradients of gamma and beta samples are good to 1e-3; ours are exact.
LOOSE = {"rsample": 2e-3}


def same(got, want, tolerance: float, where: str) -> None:
    if isinstance(want, list):
        assert len(got) == len(want), where
        for a, b in zip(got, want, strict=True):
            same(a, b, tolerance, where)
    elif isinstance(want, dict):
        assert isinstance(got, dict), f"{where}: {got}"
        assert (got["dtype"], got["shape"]) == (want["dtype"], want["shape"]), where
        np.testing.assert_allclose(got["values"], want["values"], rtol=tolerance, atol=1e-5, err_msg=where)
    else:
        assert got == want, where


@pytest.mark.parametrize("case", CASES + EDGES)
def test_a_distribution_answers_as_pytorch_does(case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = Asked(TORCH, case).aspects()
    for name, want in GOLDEN["aspects"][case].items():
        same(got[name], want, LOOSE.get(name, 1e-4), f"{case}: {name}")


@pytest.mark.parametrize("case", PAIRED)
def test_divergences_are_pytorchs(case):
    got = divergences(TORCH, case)
    for other, want in GOLDEN["divergences"][case].items():
        same(got[other], want, 2e-4, f"KL({case} || {other})")
