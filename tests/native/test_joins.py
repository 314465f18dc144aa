"""`cat`, `stack`, `equal` and `linspace` of small tensors in compiled code: as without it, errors and gradients included."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401  declares the ops
from tcli import native
from tcli.engine.tape import SMALL
from tcli.engine.tensor import tensor
from tcli.runtime.namespaces import tree

torch = tree("torch")
pytestmark = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
KERNELS = ("are_equal",)


def outcome(call: str):
    rng = np.random.default_rng(0)
    a, b = (tensor(rng.standard_normal((2, 3)).astype("f")) for _ in range(2))
    scope = {"torch": torch, "a": a, "b": b, "d": a.double(), "i": a.long(), "g": b.clone().requires_grad_(),
             "nan": tensor([float("nan")]), "e": torch.zeros(0), "z": torch.zeros(2, 0, 3), "inf": float("inf"),
             "s": tensor(1.0)}
    try:
        found = eval(call, scope)
    except Exception as error:
        return type(error), str(error)
    if not hasattr(found, "_a"):
        return found
    name = found.grad_fn.name() if found.requires_grad else None
    if found.requires_grad:
        (found * found).sum().backward()
    grad = scope["g"].grad
    return found._a.dtype, found._a.shape, found._a.strides, found._a.tobytes(), name, None if grad is None else grad.tolist()


CALLS = [
    *(f"torch.{name}({given})" for name in ("cat", "stack") for given in (
        "[a, b]", "(a, b, a)", "[a, b], 1", "[a, b], -1", "[a, b], dim=1", "[a, b], 2", "[a, b], -3", "[a, b], 5", "[a]", "[]",
        "[a, g]", "[g, g], 1", "[a.t(), b.t()]", "[a, d]", "[i, i]", "[a, b[:1]]", "[a, b[:, :1]], 1", "[e, a]", "[z, z], 1",
        "[s, s]", "[s, s], 1", "[a, 1]", "a", "[a, None]", "[d, d], 0", "[a, b], 1.5", "[a[0], b[1]]", "[a, b], True",
        "[torch.ones(9000), torch.ones(9000)]", "[a.half(), a.half()]", "[a] * 65", "[a], 2**80", "[1.0]",
        "[a], None", "[s], 0", "None", "[a], dim=-1", "[g, a], dim=1", "[a], dim=0, out=None", "tensors=[a, b]")),
    *(f"torch.equal({given})" for given in (
        "a, a", "a, b", "a, a.clone()", "a, a.t()", "a, a.double()", "i, i + 0", "i, i + 1", "a > 0, a > 0", "nan, nan", "e, e",
        "e, z", "a, 1", "a.half(), a.half()", "s, s", "tensor", "a.t(), a.t()", "torch.tensor(0.0), torch.tensor(-0.0)")),
    *(f"torch.linspace({given})" for given in (
        "0, 1, 5", "0.1, 0.7, 7", "3, -2, 10", "-1e30, 1e30, 9", "0, inf, 4", "1, 1, 3", "0, 1, 1", "0, 1, 0", "0, 1, -1",
        "0, 2**60 + 1, 7", "0, 1, 2.5", "0, 1, True", "s, 2, 4", "0, 1j, 3", "0, 10**400, 3", "0, 1, 3, dtype=torch.float64",
        "0, 1, 100000", "0, 1, 2", "0.3, 17.77, 333")),
]


@pytest.mark.parametrize("call", CALLS)
def test_calls_with_kernels_and_without(call, monkeypatch):
    with np.errstate(all="ignore"):
        found = outcome(call)
        for name in KERNELS:
            monkeypatch.setattr(native, name, lambda *_: False)
        native.set_small(-1)  # shuts the functions of ops in compiled code
        try:
            assert found == outcome(call)
        finally:
            native.set_small(SMALL)


def test_double_is_the_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        found = outcome("torch.linspace(0.3, 17.77, 333)")
        native.set_small(-1)
        assert found == outcome("torch.linspace(0.3, 17.77, 333)") and found[0] == np.float64
    finally:
        native.set_small(SMALL)
        torch.set_default_dtype(torch.float32)


def test_bad_arguments_are_left_to_numpy():
    assert native.are_equal(1, tensor([1])) is False
