"""What modules say and do, word for word as PyTorch."""

import pytest

from . import blocks, checks, extras, program, tools
from .test_layers import TEXT, torch


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fn", program.SECTIONS, ids=lambda fn: fn.__name__)
def test_module_says_what_pytorch_says(fn):
    want = TEXT["programs"][fn.__name__]
    found = program.run(fn, torch, torch.nn)
    for got, expected in zip(found, want, strict=True):
        assert got == expected


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fn", [*tools.TOOLS, *extras.SECTIONS, *blocks.SECTIONS, *checks.SECTIONS], ids=lambda fn: fn.__name__)
def test_tool_gives_pytorchs_numbers(fn):
    want = TEXT["programs"][fn.__name__]
    for got, expected in zip(program.run(fn, torch, torch.nn), want, strict=True):
        words, numbers = program.parts(got)
        expected_words, expected_numbers = program.parts(expected)
        assert words == expected_words
        assert numbers == pytest.approx(expected_numbers, rel=2e-4, abs=2e-4)


def test_importing_nn_and_optim_brings_in_nothing_heavy():
    import subprocess
    import sys

    code = ("import sys; sys.path[:0] = %r; import numpy, tcli.ops; before = set(sys.modules); import tcli.nn, "
            "tcli.optim; tcli.nn.Linear; tcli.optim.Adam; "
            "print({m.partition('.')[0] for m in set(sys.modules) - before} - {'tcli'})")
    found = subprocess.run([sys.executable, "-c", code % sys.path], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize("name", sorted(set(torch.nn.__dir__()) - {"Module"}))
def test_every_public_name_is_there(name):
    assert getattr(torch.nn, name) is not None
