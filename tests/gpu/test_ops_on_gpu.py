"""Every op on every sample on a real GPU: the CPU's answers, within what other summation orders allow."""

import numpy as np
import pytest

import tcli.ops  # noqa: F401
from tcli.engine.device import CPU, Device
from tcli.engine.registry import ops
from tests.generated.on_device import run_on, values
from tests.generated.test_strict_device import OPEN

# Other random streams than the CPU's: PyTorch's differ too.
RANDOM = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli", "poisson",
          "dropout", "gumbel_softmax", "multinomial", "rrelu"}


@pytest.mark.parametrize("op, number, variant", [pytest.param(o, i, v, id=f"{o.name}-{v}-{s}") for o in ops.values()
                                                 for i, s in enumerate(o.samples) for v in ("float64", "float32", "int64")])
@pytest.mark.filterwarnings("ignore")
def test_a_gpu_gives_the_cpus_answers(op, number, variant):
    wanted = run_on(CPU, op, number, op.samples[number], variant, values)
    if wanted.error is not None:
        return
    got = run_on(Device("cuda", 0), op, number, op.samples[number], variant, values)
    if got.error is not None:
        raise got.error
    for key in ("outputs", "first", "second"):
        for w, g in zip(getattr(wanted, key), getattr(got, key), strict=True):
            if w is None or g is None or w[0] == "python":
                continue
            assert (w[0], w[1].shape) == (g[0], g[1].shape), key
            if op.name not in RANDOM | OPEN:
                loose = w[0] in ("float32", "complex64", "float16")
                np.testing.assert_allclose(g[1], w[1], rtol=1e-3 if loose else 1e-7, atol=1e-4 if loose else 1e-8, err_msg=key)
