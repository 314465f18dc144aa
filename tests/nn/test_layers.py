"""Every layer against what PyTorch's did: initial values, text, outputs, gradients, running statistics."""

import json
from pathlib import Path

import numpy as np
import pytest

from tcli.runtime.namespaces import known_modules

from . import cases

GOLDEN = Path(__file__).parent.parent / "golden"
TEXT = json.loads((GOLDEN / "nn.json").read_text())
torch = known_modules()["torch"]


@pytest.fixture(scope="module")
def recorded():
    with np.load(GOLDEN / "nn.npz") as data:
        return dict(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("constructor, inputs", cases.LAYERS)
def test_layer_does_what_pytorch_does(constructor, inputs, recorded):
    want = TEXT["layers"][f"{constructor} <- {inputs}"]
    found = cases.run_layer(torch, torch.nn, constructor, inputs)
    for key in ("text", "keys", "text after"):
        assert found[key] == want[key]
    assert list(found["values"]) == list(want["values"])
    for name, got in found["values"].items():
        expected = recorded[f"a{want['values'][name]}"]
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), name
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("which", cases.RUNS)
def test_training_follows_pytorch_step_by_step(which):
    losses = cases.train(torch, torch.nn, torch.optim, which)
    np.testing.assert_allclose(losses, TEXT["training"][which], rtol=1e-4)
