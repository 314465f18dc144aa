#!/usr/bin/env python3
"""Records what expressions give in PyTorch for tests/ops/test_outcomes.py, into tests/golden/outcomes.json.

Run it with a Python that has torch: scripts/record_outcomes.py [FILE]; FILE has further expressions, one a line.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "ops"))

import torch  # noqa: E402
from outcomes import outcome  # noqa: E402


def main() -> None:
    target = ROOT / "tests" / "golden" / "outcomes.json"
    texts = list(json.loads(target.read_text())) if target.exists() else []
    for name in sys.argv[1:]:
        texts += [line.strip() for line in Path(name).read_text().splitlines() if line.strip()]
    recorded = {text: outcome(text, torch) for text in dict.fromkeys(texts)}
    target.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(recorded)} expressions in {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
