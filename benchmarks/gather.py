"""Picking and placing by index: embedding, gather, scatter_add, masks; copies, casts and random numbers."""

from __future__ import annotations

from .common import Case, floats, integers

TORCH = ((("torch",), 1.0),)


def case(name: str, build, n: int, tiny: int = 7, numpy=None) -> Case:
    """`build(torch, n)` makes the inputs and returns the call."""
    return Case(name, build, numpy, n=(n,), tiny=(tiny,), bounds=TORCH)


def prepared(text: str, **inputs):
    """A builder that evaluates every input's text, then times `text`; names: torch, n, floats, integers."""
    def build(torch, n):
        scope = {"torch": torch, "n": n, "f": lambda *s: torch.tensor(floats(*s)), "F": torch.nn.functional,
                 "i": lambda high, *s: torch.tensor(integers(high, *s))}
        for key, value in inputs.items():
            scope[key] = eval(value, scope)
        return eval(f"lambda: ({text})", scope)
    return build


def backward(text: str, leaf: str, **inputs):
    """The same for the gradient of the input `leaf` through `text`."""
    def build(torch, n):
        scope = {"torch": torch, "n": n, "f": lambda *s: torch.tensor(floats(*s)), "F": torch.nn.functional,
                 "i": lambda high, *s: torch.tensor(integers(high, *s))}
        for key, value in inputs.items():
            scope[key] = eval(value, scope)
        x = scope[leaf].requires_grad_()
        forward = eval(f"lambda: ({text})", scope)
        y = forward()
        g = torch.ones(y.shape)

        def run():
            x.grad = None
            forward().backward(g)
            return x.grad
        return run
    return build


M = 1_000_000
CASES = [
    case("embedding", prepared("F.embedding(k, w)", w="f(n, 128)", k="i(n, 32, 512)"), 10_000),
    case("embedding, backward", backward("F.embedding(k, w)", "w", w="f(n, 128)", k="i(n, 32, 512)"), 10_000),
    case("embedding small, backward", backward("F.embedding(k, w)", "w", w="f(65, n)", k="i(65, 32, 64)"), 64),
    case("gather", prepared("torch.gather(x, 1, k)", x="f(n, 1000)", k="i(1000, n, 1000)"), 2000),
    case("gather dim 0", prepared("torch.gather(x, 0, k)", x="f(n, 1000)", k="i(n, n, 1000)"), 2000),
    case("gather, backward", backward("torch.gather(x, 1, k)", "x", x="f(n, 1000)", k="i(1000, n, 1000)"), 1000),
    case("scatter_add", prepared("z.scatter_add(1, k, x)", z="torch.zeros(n, 1000)", x="f(n, 1000)",
                                 k="i(1000, n, 1000)"), 1000),
    case("scatter_add dim 0", prepared("z.scatter_add(0, k, x)", z="torch.zeros(n, 1000)", x="f(n, 1000)",
                                       k="i(n, n, 1000)"), 1000),
    case("scatter_add 1-D", prepared("z.scatter_add(0, k, x)", z="torch.zeros(1000)", x="f(n)", k="i(1000, n)"), M),
    case("scatter", prepared("z.scatter(1, k, x)", z="torch.zeros(n, 1000)", x="f(n, 1000)", k="i(1000, n, 1000)"), 1000),
    case("scatter_reduce amax", prepared("z.scatter_reduce(0, k, x, 'amax')", z="torch.zeros(1000)", x="f(n)",
                                         k="i(1000, n)"), M),
    case("index_add rows", prepared("z.index_add(0, k, x)", z="torch.zeros(1000, 64)", x="f(n, 64)", k="i(1000, n)"), 100_000),
    case("index_add 1-D", prepared("z.index_add(0, k, x)", z="torch.zeros(1000)", x="f(n)", k="i(1000, n)"), M),
    case("index_add columns", prepared("z.index_add(1, k, x)", z="torch.zeros(64, 1000)", x="f(64, n)", k="i(1000, n)"),
         20_000),
    case("index_select rows", prepared("x.index_select(0, k)", x="f(n, 64)", k="i(n, n)"), 100_000),
    case("index_select columns", prepared("x.index_select(1, k)", x="f(64, n)", k="i(n, n)"), 100_000),
    case("index_copy", prepared("z.index_copy(0, k, x)", z="torch.zeros(n, 64)", x="f(n, 64)", k="torch.arange(n)"), 100_000),
    case("x[k]", prepared("x[k]", x="f(n)", k="i(n, n)"), M),
    case("x[k], backward", backward("x[k]", "x", x="f(n)", k="i(n, n)"), M),
    case("x[k, l]", prepared("x[k, l]", x="f(1000, 1000)", k="i(1000, n)", l="i(1000, n)"), M),
    case("x[k, l], backward", backward("x[k, l]", "x", x="f(1000, 1000)", k="i(1000, n)", l="i(1000, n)"), M),
    case("x[k] rows, backward", backward("x[k]", "x", x="f(1000, 64)", k="i(1000, n)"), 50_000),
    case("x[k] = v", prepared("x.__setitem__(k, v)", x="f(n)", k="i(n, n)", v="f(n)"), M),
    case("index_put_ accumulate", prepared("x.index_put_((k,), v, accumulate=True)", x="f(n)", k="i(n, n)", v="f(n)"), M),
    case("x[mask]", prepared("x[m]", x="f(n)", m="f(n) > 0"), 10 * M),
    case("x[mask], backward", backward("x[m]", "x", x="f(n)", m="f(n) > 0"), 4 * M),
    case("x[mask] = 0", prepared("x.__setitem__(m, 0.0)", x="f(n)", m="f(n) > 0"), 10 * M),
    case("masked_select", prepared("torch.masked_select(x, m)", x="f(n)", m="f(n) > 0"), 10 * M),
    case("masked_fill", prepared("x.masked_fill(m, 0.5)", x="f(n)", m="f(n) > 0"), 10 * M),
    case("where", prepared("torch.where(m, x, y)", x="f(n)", y="-f(n)", m="f(n) > 0.3"), 10 * M),
    case("where, backward", backward("torch.where(m, x, y)", "x", x="f(n)", y="-f(n)", m="f(n) > 0.3"), 10 * M),
    case("nonzero", prepared("torch.nonzero(m)", m="f(n) > 1"), 4 * M),
    case("nonzero 2-D", prepared("torch.nonzero(m)", m="f(n, 2000) > 1"), 2000),
    case("clone", prepared("x.clone()", x="f(n)"), 10 * M),
    case("transposed copy", prepared("x.t().contiguous()", x="f(n, n)"), 3000),
    case("permuted copy", prepared("x.permute(0, 2, 1).contiguous()", x="f(n, 128, 256)"), 200),
    case("float to double", prepared("x.double()", x="f(n)"), 10 * M),
    case("float to int", prepared("x.long()", x="f(n)"), 10 * M),
    case("float to half", prepared("x.half()", x="f(n)"), 10 * M),
    case("half to float", prepared("x.float()", x="f(n).half()"), 10 * M),
    case("cat", prepared("torch.cat([x, y])", x="f(n)", y="f(n)"), 5 * M),
    case("cat dim 1", prepared("torch.cat([x, y], 1)", x="f(n, 500)", y="f(n, 500)"), 10_000),
    case("stack", prepared("torch.stack([x, y], 1)", x="f(n)", y="f(n)"), 5 * M),
    case("x > y", prepared("x > y", x="f(n)", y="-f(n)"), 10 * M),
    case("isnan", prepared("torch.isnan(x)", x="f(n)"), 10 * M),
    case("isfinite", prepared("torch.isfinite(x)", x="f(n)"), 10 * M),
    case("rand", prepared("torch.rand(n)"), 10 * M),
    case("randn", prepared("torch.randn(n)"), 10 * M),
    case("randint", prepared("torch.randint(0, 100, (n,))"), 10 * M),
    case("randperm", prepared("torch.randperm(n)"), M),
    case("rand small", prepared("torch.rand(n)"), 1000),
    case("randn small", prepared("torch.randn(n)"), 1000),
    case("randint small", prepared("torch.randint(0, 100, (n,))"), 1000),
    case("randperm of a data set", prepared("torch.randperm(n)"), 60_000),
    case("dropout", prepared("F.dropout(x)", x="f(n)"), 10 * M),
]
