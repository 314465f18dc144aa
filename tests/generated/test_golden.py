"""Every op on every sample against what PyTorch answered: values, dtypes, shapes, two orders of gradients."""

import json
from pathlib import Path

import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine.registry import ops

from .local import run
from .vocabulary import golden_path

FOLDER = Path(__file__).parent.parent / "golden" / "ops"
TOLERANCE = {"float64": (1e-7, 1e-9), "complex128": (1e-7, 1e-9), "float32": (2e-5, 2e-6), "complex64": (2e-5, 2e-6),
             "bfloat16": (1e-2, 1e-3), "float16": (2e-3, 1e-4)}


def _cases() -> list:
    found = []
    for file in sorted(FOLDER.glob("*.npz")):
        with np.load(file) as data:
            index = json.loads(str(data["index"]))
        for name, cases in index.items():
            for i in range(len(cases)):
                case = cases[i]
                found.append(pytest.param(file.stem, name, i, id=f"{name}-{case['variant']}-{case['sample']}"))
    return found


_loaded: dict = {}


def _golden(family: str):
    if family not in _loaded:
        with np.load(FOLDER / f"{family}.npz") as data:
            _loaded[family] = (json.loads(str(data["index"])), {k: data[k] for k in data.files if k != "index"})
    return _loaded[family]


@pytest.mark.parametrize("family, name, i", _cases())
@pytest.mark.filterwarnings("ignore")
def test_op_answers_as_pytorch_does(family, name, i):
    index, arrays = _golden(family)
    case = index[name][i]
    op = ops[name]
    if case["sample"] not in op.samples:
        pytest.fail(f"{name}: the sample {case['sample']!r} is gone; run scripts/record_golden.py {family}")
    import tcli.engine.random as random

    random.manual_seed(0)
    outcome = run(op, op.samples.index(case["sample"]), case["sample"], case["variant"])
    if "error" in case:
        assert outcome.error is not None, f"PyTorch raises {case['error'][0]}"
        return
    if outcome.error is not None:
        raise outcome.error
    for key in ("outputs", "first", "second"):
        _compare(key, case[key], getattr(outcome, key), arrays)


def _recorded() -> set:
    return {name for file in FOLDER.glob("*.npz") for name in _golden(file.stem)[0]}


@pytest.mark.parametrize("op", [o for o in ops.values() if o.public and o.samples and golden_path(o)], ids=lambda o: o.name)
def test_an_op_of_pytorch_has_recorded_answers(op):
    assert op.name in _recorded(), f"run scripts/record_golden.py {op.family}"


def _compare(key: str, want: list, got: list, arrays: dict) -> None:
    if key != "outputs" and not got:
        assert all(w is None or not arrays[f"a{w[1]}"].any() for w in want), f"no {key} gradient"
        return
    if not want:
        assert all(g is None or not g[1].any() for g in got), f"{key}: PyTorch has no gradient here"
        return
    assert len(want) == len(got), f"{key}: {len(want)} values wanted, {len(got)} came"
    for j, (w, g) in enumerate(zip(want, got, strict=True)):
        if w is None or g is None:
            present = arrays[f"a{w[1]}"] if w is not None else g[1] if g is not None else np.zeros(1)
            assert not present.any(), f"{key}[{j}]: a gradient is missing on one side"
            continue
        _compare_value(f"{key}[{j}]", w, g, arrays)


def _compare_value(where: str, want, got, arrays: dict) -> None:
    assert want[0] == got[0], f"{where}: dtype {got[0]}, PyTorch has {want[0]}"
    if want[0] == "python":
        assert want[1] == repr(got[1]) or float(want[1]) == pytest.approx(got[1], rel=1e-6), where
        return
    expected = arrays[f"a{want[1]}"]
    assert expected.shape == got[1].shape, f"{where}: shape {got[1].shape}, PyTorch has {expected.shape}"
    rtol, atol = TOLERANCE.get(want[0], (0, 0))
    np.testing.assert_allclose(got[1], expected, rtol=rtol, atol=atol, equal_nan=True, err_msg=where)
