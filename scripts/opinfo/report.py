"""What the comparisons print: the options for it, each report as it comes, and the sums."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """The options of every comparison: which part of the list to walk, and what to print."""
    parser.add_argument("--part", default="1/1", help="i/n: every n-th, from the i-th")
    parser.add_argument("--summary", action="store_true", help="only counts, no examples")
    parser.add_argument("--examples", type=int, default=1, help="how many examples of each kind to print")
    parser.add_argument("--faulty", action="store_true", help="leave out those without faults")
    parser.add_argument("--json", type=Path, help="write everything to this file")


def report_all(what: str, reports, options) -> int:
    """Prints each report as it comes, then the sums; the exit status."""
    done = []
    for report in reports:
        done.append(report)
        if report.counts or not options.faulty:
            print(report.line(), flush=True)
        for kind, examples in () if options.summary else sorted(report.examples.items()):
            for example in examples[:options.examples]:
                print(f"    {kind}: {example}", flush=True)
    total = sum((r.counts for r in done), Counter())
    faulty = sum(bool(r.counts) for r in done)
    print(f"{len(done)} {what}, {sum(r.samples for r in done)} samples, {faulty} {what} with faults: "
          + (" ".join(f"{k}={n}" for k, n in sorted(total.items())) or "none")
          + f"; excused {sum(r.excused for r in done)}")
    if options.json:
        options.json.write_text(json.dumps([{"name": r.name, "samples": r.samples, "seconds": round(r.seconds, 1),
                                             "counts": r.counts, "examples": r.examples} for r in done], indent=1))
    return 1 if faulty else 0
