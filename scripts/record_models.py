#!/usr/bin/env python3
"""Runs every tests/models/NAME.tsr with Python and PyTorch and writes its results to tests/golden/models/NAME.json.

Run it with a Python that has torch and safetensors. The programs use only what Python and tcli share.
"""

import importlib.util
import json
import os
import shutil
import sys
import tempfile
import types
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
if importlib.util.find_spec("tqdm") is None:
    sys.modules["tqdm"] = types.ModuleType("tqdm")
    sys.modules["tqdm"].__spec__ = importlib.util.spec_from_loader("tqdm", loader=None)
    sys.modules["tqdm"].tqdm = lambda iterable, **options: iterable

from tests.models.digest import digest  # noqa: E402

FOLDER, GOLDEN = ROOT / "tests" / "models", ROOT / "tests" / "golden" / "models"


def main(names: list) -> None:
    warnings.simplefilter("ignore")
    for file in sorted(FOLDER.glob("*.tsr")):
        if names and file.stem not in names:
            continue
        import torch

        torch.set_default_dtype(torch.float32)
        program = types.ModuleType("__main__")
        with tempfile.TemporaryDirectory() as work:
            for each in ("text.txt", "minilm_slice.safetensors"):
                shutil.copy(FOLDER / each, work)
            os.chdir(work)
            before, sys.modules["__main__"] = sys.modules["__main__"], program
            exec(compile(file.read_text(), str(file), "exec"), program.__dict__)
            sys.modules["__main__"] = before
            os.chdir(ROOT)
        found = digest(program.results)
        (GOLDEN / f"{file.stem}.json").write_text(json.dumps(found, indent=0) + "\n")
        print(f"{file.stem}: {len(found)} values")


if __name__ == "__main__":
    main(sys.argv[1:])
