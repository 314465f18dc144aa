"""Expressions give what they give in PyTorch: values, errors and warnings, recorded by `scripts/record_outcomes.py`."""

import json
from pathlib import Path

import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli.runtime.namespaces import tree

from .outcomes import outcome

RECORDED = json.loads((Path(__file__).parents[1] / "golden" / "outcomes.json").read_text())


@pytest.mark.parametrize("text", RECORDED)
def test_an_expression_gives_what_it_gives_in_pytorch(text):
    assert outcome(text, tree("torch")) == RECORDED[text]
