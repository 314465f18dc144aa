"""Every op on every sample without data: the shapes, dtypes and gradients' shapes that the CPU gives."""

import pytest

import tcli.ops  # noqa: F401
from tcli.engine.device import CPU, Device
from tcli.engine.meta import NeedsValue
from tcli.engine.registry import ops
from tcli.errors import TcliError, Unsupported

from .on_device import facts, run_on
from .vocabulary import VARIANTS

META = Device("meta")
# How large the results are depends on the values: PyTorch has no answer without them either.
DEPENDS_ON_VALUES = {"_places", "_repeat_each", "_unique2", "_unique_consecutive", "_unique_dim", "argwhere",
                     "bincount", "masked_select", "nonzero", "unique", "unique_consecutive"}
# The same, but only in some of the samples: tensors of counts, a missing number of classes, gradients.
SOMETIMES = {"_index_fill", "_repeat_each_adjoint", "one_hot", "repeat_interleave"}


def _outcome(device, op, number: int, variant: str):
    try:
        outcome = run_on(device, op, number, op.samples[number], variant, facts)
    except TcliError as error:
        return error, None
    return outcome.error, outcome


def _cases() -> list:
    return [pytest.param(o, i, variant, id=f"{o.name}-{variant}-{s}") for o in ops.values() for i, s in enumerate(o.samples)
            for variant in VARIANTS]


@pytest.mark.parametrize("op, number, variant", _cases())
@pytest.mark.filterwarnings("ignore")
def test_shapes_without_data_are_the_real_ones(op, number, variant):
    error, real = _outcome(CPU, op, number, variant)
    if error is not None:
        return
    error, without = _outcome(META, op, number, variant)
    if op.name in DEPENDS_ON_VALUES or op.name in SOMETIMES and error is not None:
        assert isinstance(error, Unsupported | NeedsValue)
        return
    if error is not None:
        raise error
    for key in ("outputs", "first", "second"):
        _compare(key, getattr(real, key), getattr(without, key))


def _compare(key: str, want: list, got: list) -> None:
    assert len(want) == len(got), f"{key}: {len(want)} values wanted, {len(got)} came"
    for w, g in zip(want, got, strict=True):
        if w is None or g is None or w[0] == "python":
            continue
        assert (w[0], w[1][0]) == (g[0], g[1][0]), key
        assert g[1][1] == "meta", f"{key}: on {g[1][1]}"
