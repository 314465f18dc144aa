#!/usr/bin/env python3
"""Holds tcli against PyTorch's own operator samples (`op_db`): one line per operator, faults by kind.

Run it with a Python that has torch and tcli's dependencies, tcli on the path:

    scripts/compare_opinfo.py --only add,cumsum            two operators, every fault with its first example
    scripts/compare_opinfo.py --match '^nn.functional' --summary
    scripts/compare_opinfo.py --part 1/4 --dtype float64,bool --samples 20 --json out.json
    scripts/compare_opinfo.py --variants noncontiguous,empty,extreme --no-out
    scripts/compare_opinfo.py --family --only add          promotion, numbers, limits, dims: what whole families are tested for

For each sample the call is made in both libraries on the same bits and compared: `value` (also shape, dtype,
structure), `grad` and `gradgrad` (the same random cotangents), `method`, `inplace` (also its gradient), `out` (also its
warning), `alias` (whose memory results share, their strides there, versions), `saved` (with --saved), `error`
(the class that PyTorch raises), `message` (its text), `crash` (no error of tcli's own), `missing` (no such operator), `slow`.

Values may differ by what PyTorch's own tests allow (`torch.testing.assert_close` for the dtype, or the operator's
`toleranceOverride` where that is wider); gradients, which gather more roundings, by `LOOSE` of `opinfo/values.py`.
Where PyTorch's out= form leaves something else in the tensor than its own result, tcli must leave the result: that is
what PyTorch's test of out= asks for. Not counted: gradients whose own test in PyTorch is marked as failing, derivatives
that PyTorch lacks, and what `opinfo/compare.py` lists as depending on the machine.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch.testing._internal import common_methods_invocations as opinfo

from scripts.opinfo.compare import BUDGET, Comparison, Report, Slow, within
from scripts.opinfo.report import add_report_options, report_all
from scripts.opinfo.samples import VARIANTS, chosen, family, made, varied
from scripts.opinfo.values import Untranslatable

USUAL = "float64,float32,int64,bool,complex64"
ALL = USUAL + ",float16,bfloat16,complex128,int32,uint8,int16,int8"
SKIPPED = re.compile(r"^(_(?!_)|jiterator|slice$|sparse\.|torch\.|to_sparse|hash_tensor|grid_sampler_|native_)"
                     r"|max_pool2d_with_indices|_native|_dropout_backward")
SKIPPED_VARIANTS = re.compile(r"triton|cudnn|decomposed")


def compare(op, options) -> Report:
    report = Report(op.name + (f"/{op.variant_test_name}" if op.variant_test_name else ""))
    start = time.monotonic()
    try:
        if options.family:
            _compare_family(op, report, options, start)
        else:
            _compare_samples(op, report, options, start)
            if options.errors:
                comparison_errors(op, report, options)
    except Untranslatable as error:
        report.fault("missing", "", str(error))
    report.seconds = time.monotonic() - start
    return report


def _compare_samples(op, report: Report, options, start: float) -> None:
    for position, dtype in enumerate(getattr(torch, name) for name in options.dtype):
        if not op.supports_dtype(dtype, "cpu"):
            continue
        comparison = Comparison(op, dtype, report, options)
        for sample in samples_of(op, dtype, options, report):
            if time.monotonic() - start > BUDGET["op"] * (position + 1) / len(options.dtype):
                report.fault("slow", str(dtype), "the time of this operator is over")
                break
            comparison.run(sample)


def _compare_family(op, report: Report, options, start: float) -> None:
    comparisons: dict = {}
    for dtype, sample in chosen(list(family(op)), options.samples):
        if str(dtype).removeprefix("torch.") not in options.dtype:
            continue
        if time.monotonic() - start > BUDGET["op"]:
            report.fault("slow", str(dtype), "the time of this operator is over")
            return
        if dtype not in comparisons:
            comparisons[dtype] = Comparison(op, dtype, report, options)
        comparisons[dtype].run(sample)


def comparison_errors(op, report: Report, options) -> None:
    if op.error_inputs_func is None:
        return
    try:
        Comparison(op, torch.float32, report, options).errors()
    except NotImplementedError as error:
        report.fault("untranslatable", "error inputs", str(error))


def samples_of(op, dtype, options, report: Report) -> list:
    needs = (dtype.is_floating_point or dtype.is_complex) and op.supports_autograd
    try:
        with within(60):
            maker = op.reference_inputs if options.reference else op.sample_inputs
            samples = chosen(made(maker, dtype, needs), options.samples)
            return [s for v in options.variants for s in (varied(samples, v) if v else samples)]
    except Slow:
        report.fault("untranslatable", str(dtype), "making the samples takes too long")
    except Exception as error:
        report.fault("untranslatable", str(dtype), f"no samples: {type(error).__name__}: {error}")
    return []


def selected(options) -> list:
    found = [op for op in opinfo.op_db if not SKIPPED.search(op.name) and not SKIPPED_VARIANTS.search(op.variant_test_name)]
    if options.only:
        found = [op for op in found if op.name in options.only]
    if options.match:
        found = [op for op in found if re.search(options.match, op.name)]
    if options.exclude:
        found = [op for op in found if not re.search(options.exclude, op.name)]
    part, parts = (int(n) for n in options.part.split("/"))
    return found[part - 1::parts]


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda s: s.split(","), help="operators by name, comma separated")
    parser.add_argument("--match", help="a regular expression that names must match")
    parser.add_argument("--exclude", help="a regular expression that names must not match")
    parser.add_argument("--dtype", default=USUAL, help=f"comma separated, or all; else {USUAL}")
    parser.add_argument("--samples", type=int, default=0, help="at most so many samples per dtype")
    parser.add_argument("--variants", type=lambda s: s.split(","), default=[""],
                        help=f"these changes of the samples instead of the samples, of {', '.join(VARIANTS)}")
    parser.add_argument("--family", action="store_true", help="the samples of tests of whole families instead")
    parser.add_argument("--reference", action="store_true", help="the longer list: reference_inputs")
    parser.add_argument("--no-errors", dest="errors", action="store_false", help="leave out error_inputs")
    parser.add_argument("--no-out", dest="out", action="store_false", help="leave out the out= forms")
    parser.add_argument("--no-alias", dest="alias", action="store_false", help="leave out shared memory and versions")
    parser.add_argument("--saved", action="store_true", help="what may be written to before the backward pass as well")
    parser.add_argument("--strides", action="store_true", help="strides of results as well")
    add_report_options(parser)
    options = parser.parse_args()
    options.dtype = (ALL if options.dtype == "all" else options.dtype).split(",")
    return options


def main() -> int:
    options = options_of()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return report_all("operators", (compare(op, options) for op in selected(options)), options)


if __name__ == "__main__":
    sys.exit(main())
