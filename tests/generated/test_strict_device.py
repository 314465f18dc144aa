"""Every op on every sample a second time, on a device whose arrays refuse every silent mix with NumPy's."""

import ml_dtypes  # noqa: F401  NumPy knows bfloat16 from here on
import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine import autograd, random
from tcli.engine.device import CPU
from tcli.engine.placement import round_trips
from tcli.engine.registry import ops
from tcli.engine.tensor import Tensor

from . import strict
from .evaluate import evaluate
from .local import callable_of, is_tensor, torch
from .on_device import library_on, run_on, values
from .vocabulary import VARIANTS

# Which of several equals comes first is left open: PyTorch's CPU answer is one of many.
OPEN = {"topk"}
# So is the sign of eigenvectors and singular vectors.
SIGNS = {"linalg_eigh", "linalg_svd"}


def _cases() -> list:
    return [pytest.param(o, i, variant, id=f"{o.name}-{variant}-{s}") for o in ops.values() for i, s in enumerate(o.samples)
            for variant in VARIANTS]


def _outcome(device, op, number: int, variant: str):
    try:
        outcome = run_on(device, op, number, op.samples[number], variant, values)
    except Exception as error:
        return error, None
    return outcome.error, outcome


@pytest.mark.parametrize("op, number, variant", _cases())
@pytest.mark.filterwarnings("ignore")
def test_a_strict_device_gives_the_cpus_answers(op, number, variant, monkeypatch):
    error, wanted = _outcome(CPU, op, number, variant)
    if error is not None:
        return
    error, got = _outcome(strict.install(monkeypatch), op, number, variant)
    if error is not None:
        raise error
    if op.name in SIGNS:
        for outcome in (wanted, got):
            outcome.outputs = [(name, np.abs(a)) for name, a in outcome.outputs]
    for key in ("outputs", "first", "second") if op.name not in SIGNS else ("outputs",):
        _compare(key, getattr(wanted, key), getattr(got, key), op.name in OPEN)


def _compare(key: str, wanted: list, got: list, open_order: bool, tolerance: float = 1e-4) -> None:
    assert len(wanted) == len(got), key
    for w, g in zip(wanted, got, strict=True):
        if w is None or g is None or w[0] == "python":
            continue
        assert (w[0], w[1].shape) == (g[0], g[1].shape), key
        if not open_order or key == "outputs" and w[0].startswith("float"):
            w, g = (np.sort(v[1], -1) if open_order and v[1].ndim else v[1] for v in (w, g))
            np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance / 10, err_msg=key)


# ---------------------------------------------------------------- other forms of a call, other dtypes

def _in_place(o):
    method = getattr(Tensor, o.name + "_")
    return lambda x, *args, **kwargs: method(x.detach().clone(), *args, **kwargs)


def _into_out(o):
    function = callable_of(o)

    def call(*args, **kwargs):
        with torch.no_grad():
            found = function(*args, **kwargs)
            out = tuple(map(torch.empty_like, found)) if isinstance(found, tuple) else torch.empty_like(found)
            return function(*args, out=out, **kwargs)
    return call


def _called(device, o, number: int, variant: str, call):
    random.manual_seed(0)
    try:
        with device:
            found = evaluate(call, o.samples[number], library_on(device), variant, f"{o.name}{number}", autograd, is_tensor,
                             values)
    except Exception as error:
        return error, None
    return found.error, found


@pytest.mark.parametrize("o", [o for o in ops.values() if o.samples], ids=lambda o: o.name)
@pytest.mark.filterwarnings("ignore")
def test_every_form_and_half_types_on_a_strict_device(o, monkeypatch):
    forms = [(_into_out(o), variant) for variant in VARIANTS]
    forms += [(_in_place(o), variant) for variant in VARIANTS if hasattr(Tensor, o.name + "_")]
    forms += [(callable_of(o), variant) for variant in ("float16", "bfloat16")]
    for call, variant in forms:
        for number in range(len(o.samples)):
            error, wanted = _called(CPU, o, number, variant, call)
            if error is None:
                with pytest.MonkeyPatch.context() as patch:
                    error, got = _called(strict.install(patch), o, number, variant, call)
                if error is not None:
                    raise error
                for outcome in (wanted, got):
                    if o.name in SIGNS:
                        outcome.outputs = [(name, np.abs(a)) for name, a in outcome.outputs]
                _compare("outputs", wanted.outputs, got.outputs, o.name in OPEN, 1e-2 if "16" in variant else 1e-4)


@pytest.mark.parametrize("mix", [
    lambda xp, a: a + np.ones(3), lambda xp, a: np.asarray(a), lambda xp, a: xp.maximum(a, np.zeros(3)),
    lambda xp, a: a[np.array([0, 1])], lambda xp, a: xp.where(np.ones(3, bool), a, 0),
    lambda xp, a: np.concatenate([a, np.ones(3)]),
    lambda xp, a: a.__setitem__(slice(None), np.ones(3)), lambda xp, a: xp.no_such_function(a),
    lambda xp, a: xp.multiply.at(a, 0, 1), lambda xp, a: np.nanpercentile(a, 50),
], ids=["operator", "asarray", "ufunc", "index", "where", "concatenate", "setitem", "name", "method", "numpy"])
def test_a_planted_mix_is_found(mix, monkeypatch):
    strict.install(monkeypatch)
    array = strict.StrictArray(np.ones(3))
    with pytest.raises((TypeError, AttributeError, NotImplementedError)):
        mix(strict.XP, array)


def test_a_planted_mix_in_an_op_is_found(monkeypatch):
    device, op = strict.install(monkeypatch), ops["relu"]

    def mixed(xp, x, *rest):
        return xp.maximum(x, np.zeros(x.shape, x.dtype))

    from tcli.engine import dispatch

    monkeypatch.setitem(dispatch._kernels, op, mixed)
    assert _outcome(device, op, 0, "float64")[0] is not None


def test_round_trips_to_the_host_are_counted(monkeypatch):
    device = strict.install(monkeypatch)
    before = round_trips.get("mode", 0)
    assert _outcome(device, ops["mode"], 0, "float32")[0] is None
    assert round_trips["mode"] == before + 1
    assert sum(o.host for o in ops.values()) < 20
