"""The text of tensors against texts recorded from PyTorch, and what must hold besides."""

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from tcli.engine import dtypes, format

CASES = json.loads((Path(__file__).parent.parent / "golden" / "format.json").read_text())


def unpacked(stored):
    if "data" not in stored:
        return None
    data = zlib.decompress(base64.b64decode(stored["data"]))
    return np.frombuffer(data, dtypes.NAMES[stored["dtype"]].numpy).reshape(stored["shape"])


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['dtype']}{c['array']['shape']}".replace(" ", ""))
def test_a_recorded_text(case):
    said = dict(case["said"])
    text = format.parameter_text if said.pop("parameter", False) else format.tensor_text
    with format.printoptions(profile="default"), format.printoptions(**case["options"]):
        assert text(unpacked(case["array"]), dtype=dtypes.NAMES[case["dtype"]], shape=case["array"]["shape"],
                    default_dtype=dtypes.NAMES[case["default"]], **said) == case["text"]


def test_only_the_edges_of_a_large_tensor_are_looked_at():
    endless = np.broadcast_to(np.float32(1.5), (10**6, 10**6, 10**6))
    text = format.tensor_text(endless)
    assert len(text) < 10_000
    assert text.startswith("tensor([[[1.5000, 1.5000, 1.5000,  ..., 1.5000, 1.5000, 1.5000],\n")


def test_strides_do_not_show():
    array = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    for view in (array.T, array[:, ::-1], array[..., 1:3], np.asfortranarray(array)):
        assert format.tensor_text(view) == format.tensor_text(np.ascontiguousarray(view))


def test_the_column_of_the_prefix_counts():
    array = np.arange(40)
    text = format.tensor_text(array, prefix="Parameter(")
    assert text.startswith("Parameter([ 0,  1,")
    assert all(line.startswith(" " * 11) for line in text.splitlines()[1:])


def test_a_device_is_named():
    assert format.tensor_text(np.ones(2, np.float32), device="cuda:0") == "tensor([1., 1.], device='cuda:0')"


def test_single_values():
    assert format.item_text(np.array([2.5], np.float32)) == "2.5"
    assert format.item_text(np.array(7)) == "7"
    assert format.format_value(np.array(3.14159), ".2f") == "3.14"
    assert format.format_value(np.array(1.5, dtypes.bfloat16.numpy), ".1f") == "1.5"
    assert format.format_value(np.array([1, 2]), "") == "tensor([1, 2])"
    with pytest.raises(TypeError, match="unsupported format string passed to Tensor"):
        format.format_value(np.array([1, 2]), ".2f")


def test_options_are_set_read_and_restored():
    before = format.get_printoptions()
    assert before == {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
    with format.printoptions(precision=2, sci_mode=True):
        assert format.get_printoptions()["precision"] == 2
        assert format.tensor_text(np.array([1.5], np.float32)) == "tensor([1.50e+00])"
    assert format.get_printoptions() == before
