#!/usr/bin/env python3
"""Records what PyTorch's modules, optimisers and schedules do, into tests/golden/nn.npz, nn.json and optim.json.

Run it with a Python that has torch: scripts/record_nn_golden.py
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
import torch.autograd.functional  # noqa: E402
import torch.func  # noqa: E402
import torch.nn.utils.parametrizations  # noqa: E402
import torch.nn.utils.prune  # noqa: E402
import torch.nn.utils.stateless  # noqa: E402
import torch.optim.swa_utils  # noqa: E402
import torch.utils.data  # noqa: E402

from tests.nn import blocks, cases, checks, extras, program, signatures, tools  # noqa: E402
from tests.optim import cases as optim_cases  # noqa: E402
from tests.optim import program as optim_program  # noqa: E402

nn, optim = torch.nn, torch.optim
GOLDEN = ROOT / "tests" / "golden"


def record_layers() -> dict:
    index, arrays = {}, []
    for constructor, inputs in cases.LAYERS:
        found = cases.run_layer(torch, nn, constructor, inputs)
        values = found.pop("values")
        index[f"{constructor} <- {inputs}"] = found | {"values": {k: len(arrays) + i for i, k in enumerate(values)}}
        arrays += values.values()
    np.savez_compressed(GOLDEN / "nn.npz", **{f"a{i}": a for i, a in enumerate(arrays)})
    return index


def record_signatures() -> None:
    found = {module: {name: signatures.parameters(getattr(signatures.home_of(torch, module), name))
                      for name in signatures.public(torch, module)} for module in signatures.MODULES}
    (GOLDEN / "signatures.json").write_text(json.dumps(found) + "\n")


def main() -> None:
    record_signatures()
    warnings.simplefilter("ignore")
    text = {"layers": record_layers(),
            "programs": {fn.__name__: program.run(fn, torch, nn)
                         for fn in program.SECTIONS + tools.TOOLS + extras.SECTIONS + blocks.SECTIONS + checks.SECTIONS},
            "training": {name: cases.train(torch, nn, optim, name) for name in cases.RUNS}}
    (GOLDEN / "nn.json").write_text(json.dumps(text, indent=0) + "\n")
    text = {"optimisers": {case: optim_cases.run_optimiser(torch, optim, case) for case in optim_cases.OPTIMISERS},
            "schedules": {case: optim_cases.run_schedule(torch, optim, case) for case in optim_cases.SCHEDULES},
            "programs": {fn.__name__: program.run(fn, torch, nn) for fn in optim_program.SECTIONS},
            "plateaus": [optim_cases.run_plateau(torch, optim, options) for options in optim_cases.PLATEAUS],
            "wrong": {case: optim_cases.run_wrong(torch, optim, case) for case in optim_cases.WRONG}}
    (GOLDEN / "optim.json").write_text(json.dumps(text, indent=0) + "\n")


if __name__ == "__main__":
    main()
