"""`tcli ops`: the list of operators says what is true of them."""

import json
import subprocess
import sys

import numpy as np
import pytest

import tcli
import tcli.ops
from tcli.cli.ops import listing
from tcli.engine.registry import ops
from tcli.runtime.namespaces import tree

KEYS = "name names signature summary family dtypes gradient fusable inplace out example".split()


@pytest.fixture(scope="module")
def listed():
    return {each["name"]: each for each in json.loads(listing("", as_json=True))}


def test_every_public_operator_is_listed_with_all_that_is_known(listed):
    assert len(listed) >= 550
    named = {op.name for op in ops.values() if op.public and any(not p.rpartition(".")[2].startswith("_") for p in op.paths)}
    assert named <= set(listed)
    for each in listed.values():
        assert list(each) == KEYS
        assert each["names"] and each["summary"] and each["dtypes"] and each["example"], each["name"]


def test_the_names_are_where_a_program_finds_them(listed):
    for each in listed.values():
        for name in each["names"]:
            target = tree("torch")
            for part in name.split(".")[1:]:
                target = getattr(target, part)


@pytest.mark.parametrize(("name", "dtypes", "gradient"), [
    ("exp", "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128", True),
    ("bitwise_and", "bool uint8 int8 int16 int32 int64", False), ("linalg_qr", "float32 float64 complex64 complex128", True),
    ("view_as_real", "complex64 complex128", True), ("one_hot", "int64", False), ("argmax", None, False),
    ("einsum", None, True),
    ("randn", "float16 bfloat16 float32 float64 complex64 complex128", False), ("eq", None, False), ("sort", None, True),
])
def test_dtypes_and_gradients_are_those_of_pytorch(listed, name, dtypes, gradient):
    assert listed[name]["gradient"] is gradient
    assert dtypes is None or listed[name]["dtypes"] == dtypes.split()


def test_a_listed_dtype_works_and_one_left_out_is_refused(listed):
    torch = tree("torch")
    for name in ("floor", "lgamma", "logical_not", "neg", "sign"):
        for dtype in "bool int64 float32 complex64".split():
            x = torch.from_numpy(np.ones(3)).to(getattr(torch, dtype))
            if dtype in listed[name]["dtypes"]:
                getattr(torch, name)(x)
            else:
                with pytest.raises(tcli.TcliError):
                    getattr(torch, name)(x)


def test_samples_warn_nobody():
    for pattern in ("stft", "exp"):
        done = subprocess.run([sys.executable, "-m", "tcli", "ops", "--json", pattern], capture_output=True, text=True)
        assert done.stdout and not done.stderr


def test_a_pattern_narrows_the_table():
    lines = listing("softm", as_json=False).splitlines()
    names = [line.split()[0] for line in lines]
    assert {"gumbel_softmax", "log_softmax", "softmax", "softmin"} <= set(names)
    assert names == sorted(names) and all("softm" in name for name in names)
    assert "grad" in lines[0]
    assert "fuse" in listing("expm1", as_json=False)
