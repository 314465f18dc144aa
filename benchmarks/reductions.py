"""Reductions, scans, sorting: ten million numbers, whole and along dims."""

from __future__ import annotations

from .common import Case, floats

BIG, TINY = (10_000_000,), (500,)
WIDE, WIDE_TINY = (10_000, 1000), (20, 30)
BEST = (("numpy", "torch"), 1.1)
JAX = (("jax",), 1.5)


def torchlike(text: str, dtype: str = "float32"):
    """Both torch-like contestants run `text` on x."""
    def build(torch, *shape):
        x = torch.tensor(floats(*shape, dtype=dtype))
        scope = {"torch": torch, "x": x}
        return eval(f"lambda: ({text})", scope)
    return build


def with_numpy(text: str, dtype: str = "float32"):
    """NumPy runs `text` on x."""
    def build(np, *shape):
        return eval(f"lambda: ({text})", {"np": np, "x": floats(*shape, dtype=dtype)})
    return build


def with_jax(text: str):
    """JAX runs `text` on x, compiled."""
    def build(jax, *shape):
        run = jax.jit(eval(f"lambda x: ({text})", {"jnp": jax.numpy, "jax": jax}))
        x = jax.numpy.asarray(floats(*shape))
        return lambda: run(x)
    return build


def case(name: str, text: str, numpy: str, jax: str | None = None, n=BIG, tiny=TINY, dtype: str = "float32", bounds=None):
    return Case(name, torchlike(text, dtype), with_numpy(numpy, dtype), with_jax(jax) if jax else None, n=n, tiny=tiny,
                bounds=bounds or ((BEST, JAX) if jax else (BEST,)))


def backward(text: str):
    """The forward and backward pass of `text`."""
    def build(torch, *shape):
        x = torch.tensor(floats(*shape)).requires_grad_()
        g = torch.tensor(floats(*shape, seed=1))
        y = eval(text, {"torch": torch, "x": x})
        g = g if y.shape == x.shape else torch.ones(y.shape)

        def run():
            x.grad = None
            eval_(x).backward(g)
            return x.grad
        eval_ = eval(f"lambda x: ({text})", {"torch": torch})
        return run
    return build


def pair(name: str, text: str, numpy: str, **more):
    """A case on rows (the last dim) and one on columns (the first)."""
    return [case(f"{name} rows", text.replace("DIM", "1"), numpy.replace("AXIS", "1"), n=WIDE, tiny=WIDE_TINY, **more),
            case(f"{name} columns", text.replace("DIM", "0"), numpy.replace("AXIS", "0"), n=WIDE, tiny=WIDE_TINY, **more)]


_SOFTMAX = "(lambda e: e / e.sum(AXIS, keepdims=True))(np.exp(x - x.max(AXIS, keepdims=True)))"
_LSE = "(lambda m: np.log(np.exp(x - m).sum(AXIS)) + m.squeeze(AXIS))(x.max(AXIS, keepdims=True))"

CASES = [
    case("sum", "torch.sum(x)", "x.sum()"),
    case("sum float64", "torch.sum(x)", "x.sum()", dtype="float64"),
    case("mean", "torch.mean(x)", "x.mean()"),
    case("var", "torch.var(x)", "x.var(ddof=1)", "jnp.var(x, ddof=1)"),
    case("std", "torch.std(x)", "x.std(ddof=1)"),
    case("norm", "torch.linalg.norm(x)", "np.linalg.norm(x)"),
    case("max", "torch.max(x)", "x.max()"),
    case("amax float64", "torch.amax(x)", "x.max()", dtype="float64"),
    case("argmax", "torch.argmax(x)", "x.argmax()"),
    case("any", "torch.any(x > 9)", "(x > 9).any()"),
    case("all", "torch.all(x < 9)", "(x < 9).all()"),
    case("logsumexp", "torch.logsumexp(x, 0)", _LSE.replace("AXIS", "0"), "jax.scipy.special.logsumexp(x)"),
    case("softmax", "torch.softmax(x, 0)", _SOFTMAX.replace("AXIS", "0"), "jax.nn.softmax(x, 0)"),
    case("cumsum", "torch.cumsum(x, 0)", "x.cumsum()"),
    case("cumprod", "torch.cumprod(x, 0)", "x.cumprod()"),
    case("sort", "torch.sort(x)", "(lambda i: (x[i], i))(np.argsort(x))"),
    case("argsort", "torch.argsort(x)", "np.argsort(x)"),
    case("topk", "torch.topk(x, 100)", "np.argpartition(x, -100)[-100:]"),
    case("median", "torch.median(x)", "np.partition(x, 5_000_000 % x.size)"),
    *pair("sum", "torch.sum(x, DIM)", "x.sum(AXIS)"),
    *pair("mean", "torch.mean(x, DIM)", "x.mean(AXIS)"),
    *pair("var", "torch.var(x, DIM)", "x.var(AXIS, ddof=1)", jax=None),
    *pair("max", "torch.max(x, DIM)", "x.max(AXIS), x.argmax(AXIS)"),
    *pair("amax", "torch.amax(x, DIM)", "x.max(AXIS)"),
    *pair("argmax", "torch.argmax(x, DIM)", "x.argmax(AXIS)"),
    *pair("norm", "torch.linalg.norm(x, dim=DIM)", "np.linalg.norm(x, axis=AXIS)"),
    *pair("softmax", "torch.softmax(x, DIM)", _SOFTMAX, jax="jax.nn.softmax(x, 1)"),
    *pair("log_softmax", "torch.log_softmax(x, DIM)", _SOFTMAX, jax="jax.nn.log_softmax(x, 1)"),
    *pair("logsumexp", "torch.logsumexp(x, DIM)", _LSE, jax="jax.scipy.special.logsumexp(x, 1)"),
    *pair("cumsum", "torch.cumsum(x, DIM)", "x.cumsum(AXIS)"),
    *pair("sort", "torch.sort(x, DIM)", "np.take_along_axis(x, np.argsort(x, AXIS), AXIS)"),
    *pair("topk", "torch.topk(x, 10, DIM)", "np.argpartition(x, -10, AXIS)"),
    *pair("median", "torch.median(x, DIM)", "np.median(x, AXIS)"),
    *[Case(f"{name}, backward", backward(text), n=WIDE, tiny=WIDE_TINY, bounds=((("torch",), 1.1),)) for name, text in (
        ("softmax", "torch.softmax(x, 1)"), ("log_softmax", "torch.log_softmax(x, 1)"),
        ("logsumexp", "torch.logsumexp(x, 1)"), ("var", "torch.var(x, 1)"), ("cumsum", "torch.cumsum(x, 1)"))],
]
