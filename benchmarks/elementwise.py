"""Elementwise formulas on ten million numbers: forward, forward and backward, and reduced without being stored."""

from __future__ import annotations

from .common import Case, floats

N, TINY = (10_000_000,), (60,)
FASTEST = ((("jax",), 1.0), (("torch",), 0.4))
FORMULAS = {
    # name: (formula of x, y, z with the library's functions as m, how many of them it takes)
    "tanh-gelu": ("0.5 * x * (1 + m.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))", 1),
    "gaussian pdf": ("m.exp(-0.5 * ((x - 0.3) / 1.7) ** 2) * (1 / (1.7 * 2.5066282746))", 1),
    "x * y + z": ("x * y + z", 3),
    "sigmoid": ("m.sigmoid(x)", 1),
    "12 ops": ("(((((x * 0.9 + 0.1) * 1.1 - 0.2) * 0.8 + 0.3) * 1.2 - 0.4) * 0.7 + 0.5) * 1.3 - 0.6", 1),
    "relu(x * column + row)": ("m.relu(x * y + z)", 3),
}


def _inputs(name: str, n: int, count: int) -> list:
    values = [floats(n, seed=i) for i in range(count)]
    if "row" in name:
        rows = max(1, n // 10_000) if n >= 10_000 else 6
        columns = n // rows
        return [values[0].reshape(rows, columns), values[1][:rows].reshape(rows, 1), values[2][:columns]]
    return values


class _NumPy:
    """NumPy under the names of the formulas."""

    def __init__(self, np):
        self.tanh, self.exp = np.tanh, np.exp
        self.sigmoid, self.relu = lambda x: 1 / (1 + np.exp(-x)), lambda x: np.maximum(x, 0)


def _jax_names(jax):
    from types import SimpleNamespace

    return SimpleNamespace(tanh=jax.numpy.tanh, exp=jax.numpy.exp, sigmoid=jax.nn.sigmoid, relu=jax.nn.relu)


def _computed(result):
    """The result; tcli computes what is still to be computed when its array is looked at."""
    getattr(result, "_a", None)
    return result


def forward(name: str, ending: str = "{}"):
    formula, count = FORMULAS[name]
    text = f"lambda m, x, y=None, z=None: {ending.format(formula)}"

    def torchlike(torch, n: int):
        tensors, run = [torch.tensor(a) for a in _inputs(name, n, count)], eval(text)
        return lambda: _computed(run(torch, *tensors))

    def numpy(np, n: int):
        arrays, run, names = _inputs(name, n, count), eval(text), _NumPy(np)
        return lambda: run(names, *arrays)

    def jax(jax, n: int):
        arrays, names, run = [jax.numpy.asarray(a) for a in _inputs(name, n, count)], _jax_names(jax), eval(text)
        compiled = jax.jit(lambda *values: run(names, *values))
        return lambda: compiled(*arrays)

    return torchlike, numpy, jax


def gradient(name: str):
    formula, count = FORMULAS[name]
    text = f"lambda m, x, y=None, z=None: {formula}"

    def torchlike(torch, n: int):
        tensors, run = [torch.tensor(a).requires_grad_() for a in _inputs(name, n, count)], eval(text)

        def call():
            for t in tensors:
                t.grad = None
            run(torch, *tensors).sum().backward()
            return [_computed(t.grad) for t in tensors]
        return call

    def jax(jax, n: int):
        arrays, names, run = [jax.numpy.asarray(a) for a in _inputs(name, n, count)], _jax_names(jax), eval(text)
        compiled = jax.jit(jax.grad(lambda *values: run(names, *values).sum(), argnums=tuple(range(count))))
        return lambda: list(compiled(*arrays))

    return torchlike, jax


def _forward(name: str) -> Case:
    torchlike, numpy, jax = forward(name)
    return Case(name, torchlike, numpy, jax, n=N, tiny=TINY, bounds=FASTEST)


def _gradient(name: str) -> Case:
    torchlike, jax = gradient(name)
    return Case(name + ", backward", torchlike, None, jax, n=N, tiny=TINY, bounds=FASTEST)


def _reduced(name: str, label: str, ending: str) -> Case:
    torchlike, numpy, jax = forward(name, ending)
    return Case(f"{label} of {name}", torchlike, numpy, jax, n=N, tiny=TINY, bounds=FASTEST)


CASES = [
    *map(_forward, FORMULAS),
    *map(_gradient, FORMULAS),
    _reduced("tanh-gelu", "sum", "({}).sum()"),
    _reduced("12 ops", "mean", "({}).mean()"),
    _reduced("x * y + z", "mean square", "(lambda t: t * t)({}).mean()"),
]
