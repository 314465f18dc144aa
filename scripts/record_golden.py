#!/usr/bin/env python3
"""Records what PyTorch answers to every sample of every op, into tests/golden/ops/FAMILY.npz.

Run it with a Python that has torch and tcli's dependencies: scripts/record_golden.py [FAMILY...]
A file holds `index` (JSON: op -> list of cases) and the arrays the index refers to by number.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

import tcli.ops  # noqa: E402, F401
from tcli.engine.registry import ops  # noqa: E402
from tests.generated.evaluate import evaluate, resolve  # noqa: E402
from tests.generated.vocabulary import VARIANTS, Library, golden_path  # noqa: E402


def library() -> Library:
    def tensor(array, requires_grad):
        return torch.from_numpy(np.array(array)).requires_grad_(requires_grad)

    return Library(torch, tensor)


def to_array(t):
    t = t.detach().resolve_conj().resolve_neg()
    name = str(t.dtype).removeprefix("torch.")
    return name, (t.float() if name in ("bfloat16", "float16") else t).contiguous().numpy(force=True)


class Store:
    """Arrays by number, without repeats of the empty and the tiny."""

    def __init__(self):
        self.arrays: list = []

    def put(self, entry):
        if entry is None:
            return None
        name, value = entry
        if name == "python":
            return ["python", repr(value)]
        self.arrays.append(np.asarray(value))
        return [name, len(self.arrays) - 1]


def record(op, store: Store) -> list:
    path = golden_path(op)
    if path is None:
        return []
    try:
        call = resolve(path, torch, torch.nn.functional)
    except AttributeError:
        print(f"torch has no {path}", file=sys.stderr)
        return []
    cases = []
    for number, sample in enumerate(op.samples):
        for variant in VARIANTS:
            case = {"sample": sample, "variant": variant}
            try:
                torch.manual_seed(0)
                outcome = evaluate(call, sample, library(), variant, f"{op.name}{number}", torch.autograd,
                                   lambda v: isinstance(v, torch.Tensor), to_array)
            except Exception as error:
                if variant == "float64":
                    print(f"{op.name}({sample}) {variant}: {type(error).__name__}: {str(error)[:150]}", file=sys.stderr)
                continue
            if outcome.error is not None:
                if variant == "float64":
                    print(f"{op.name}({sample}): {type(outcome.error).__name__}: {str(outcome.error)[:150]}",
                          file=sys.stderr)
                case["error"] = [c.__name__ for c in type(outcome.error).__mro__]
            else:
                for key in ("outputs", "first", "second"):
                    case[key] = [store.put(entry) for entry in getattr(outcome, key)]
            cases.append(case)
    return cases


def main(families: list) -> None:
    warnings.simplefilter("ignore")
    folder = ROOT / "tests" / "golden" / "ops"
    folder.mkdir(parents=True, exist_ok=True)
    for family in sorted({o.family for o in ops.values()}):
        if families and family not in families:
            continue
        store, index = Store(), {}
        for op in ops.values():
            if op.family == family and op.samples:
                cases = record(op, store)
                if cases:
                    index[op.name] = cases
        np.savez_compressed(folder / f"{family}.npz", index=json.dumps(index),
                            **{f"a{i}": a for i, a in enumerate(store.arrays)})
        print(f"{family}: {len(index)} ops, {len(store.arrays)} arrays")


if __name__ == "__main__":
    main(sys.argv[1:])
