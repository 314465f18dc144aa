#!/usr/bin/env python3
"""Records the signs of PyTorch's singular and eigenvectors for tests/ops/test_signs.py, into tests/golden/signs.json.

Run it with a Python that has torch: scripts/record_signs.py
"""

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402


def matrix(m: int, n: int):
    return torch.from_numpy(np.random.RandomState(1000 * m + n).standard_normal((m, n)))


def signs(values) -> str:
    return "".join("-" if v < 0 else "+" for v in values.tolist())


def main() -> None:
    found = {}
    for m, n in [(3, 3), (5, 4), (6, 4), (7, 4), (8, 4), (4, 6), (4, 8), (4, 30), (4, 79), (4, 80), (9, 6), (12, 30), (30, 12)]:
        found[f"svd {m} {n}"] = signs(torch.linalg.svd(matrix(m, n), full_matrices=False).U[0])
    for n in (2, 3, 4, 6, 9, 14, 25, 26, 30):
        a = matrix(n, n)
        found[f"eighL {n} {n}"] = signs(torch.linalg.eigh(a + a.T).eigenvectors[0])
        found[f"eighU {n} {n}"] = signs(torch.linalg.eigh(a + a.T, UPLO="U").eigenvectors[-1])
    path = ROOT / "tests" / "golden" / "signs.json"
    path.write_text(json.dumps(found, indent=0) + "\n")
    print(f"{path.name}: {len(found)} matrices")


if __name__ == "__main__":
    main()
