"""How many tests there are per device, and how many ops and samples each covers: `python scripts/device_tests.py`.

`--run` runs them too and says how many passed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DEVICES = {
    "cpu": ["tests/generated/test_golden.py", "tests/generated/test_gradients.py", "tests/generated/test_raw_gradients.py",
            "tests/generated/test_examples.py"],
    "stand-in for CUDA": ["tests/generated/test_strict_device.py", "tests/engine/test_cuda_standin.py",
                          "tests/engine/test_cuda_fusion.py", "tests/engine/test_cuda_linalg.py"],
    "meta": ["tests/generated/test_meta.py", "tests/engine/test_meta.py"],
    "a real GPU": ["tests/gpu"],
}


class _Counter:
    """A plugin that notes which tests there are and what became of them."""

    def __init__(self) -> None:
        self.tests = 0
        self.ops: set[str] = set()
        self.samples: set[tuple] = set()
        self.outcomes: dict[str, int] = {}

    def pytest_collection_modifyitems(self, items: list) -> None:
        self.tests = len(items)
        for item in items:
            values = getattr(getattr(item, "callspec", None), "params", {})
            o = values.get("op", values.get("o"))
            name = o if isinstance(o, str) else getattr(o, "name", values.get("name"))
            if name is not None:
                self.ops.add(name)
                self.samples.add((name, values.get("number", values.get("i"))))

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == "call" or report.skipped:
            self.outcomes[report.outcome] = self.outcomes.get(report.outcome, 0) + 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", action="store_true", help="run the tests as well")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    failed = 0
    print(f"{'device':<20}{'tests':>8}{'ops':>7}{'samples':>9}" + ("   outcome" if options.run else ""))
    for device, paths in DEVICES.items():
        counter = _Counter()
        arguments = ["-q", "-p", "no:cacheprovider", *(str(ROOT / path) for path in paths)]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = pytest.main(arguments + ([] if options.run else ["--collect-only"]), plugins=[counter])
        if code not in (0, 5):
            print(said.getvalue(), file=sys.stderr)
        failed |= code not in (0, 5)
        outcome = ", ".join(f"{count} {word}" for word, count in sorted(counter.outcomes.items()))
        print(f"{device:<20}{counter.tests:>8}{len(counter.ops):>7}{len(counter.samples):>9}" + (
            f"   {outcome}" if options.run else ""), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
