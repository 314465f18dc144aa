#!/usr/bin/env python3
"""Records what PyTorch's distributions answer to tests/distributions/cases.py, into tests/golden/distributions.json.

Run it with a Python that has torch: scripts/record_distributions.py
"""

import json
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from tests.distributions.cases import CASES, EDGES, PAIRED, Asked, divergences  # noqa: E402


def main() -> None:
    warnings.simplefilter("ignore")
    golden = {"aspects": {c: Asked(torch, c).aspects() for c in CASES + EDGES},
              "divergences": {c: divergences(torch, c) for c in PAIRED}}
    path = ROOT / "tests" / "golden" / "distributions.json"
    path.write_text(json.dumps(golden, indent=0) + "\n")
    print(f"{path.name}: {len(CASES + EDGES)} distributions, {sum(map(len, golden['divergences'].values()))} divergences")


if __name__ == "__main__":
    main()
