"""Small tensors: what one op, one gradient, one training step costs on 3x3 tensors, tcli against PyTorch.

    python benchmarks/small.py [--language] [PART OF A NAME ...]

Every case is one text that both run: tcli compiles it as a program, Python runs it with torch. The
contestants take turns in one process, single-threaded; the table gives microseconds and the ratio of medians.
`CASES` is what `scripts/bench` reads: name, setup, stmt (one iteration), target (the ratio to stay under).
"""

from __future__ import annotations

import statistics
import sys
import time
from textwrap import indent

TENSORS = """
import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
a, b = torch.randn(3, 3), torch.randn(3, 3)
s, r, q = torch.tensor(2.5), torch.randn(3), torch.randn(3, 3)
p = torch.rand(3, 3) + 0.5
i, j = torch.tensor([0, 2, 1]), torch.tensor([[0], [2], [1]])
w = torch.randn(3, 3, dtype=torch.float64)
c, d = torch.randn(3, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
"""

OPS = {
    "add": "{x} + b", "add number": "{x} + 1.5", "sub": "{x} - b", "mul": "{x} * b", "div": "{x} / b", "matmul": "{x} @ b",
    "pow": "{x} ** 2", "neg": "-{x}", "tanh": "torch.tanh({x})", "exp": "{x}.exp()", "relu": "torch.relu({x})",
    "F.relu": "F.relu({x})", "sigmoid": "torch.sigmoid({x})", "sum": "{x}.sum()", "sum dim": "{x}.sum(1)",
    "mean": "{x}.mean()", "view": "{x}.view(9)", "reshape": "{x}.reshape(1, 9)", "t": "{x}.t()", "index row": "{x}[1]",
    "index element": "{x}[1, 2]", "index slice": "{x}[:, 1:]", "cat": "torch.cat([{x}, b])",
    "softmax": "torch.softmax({x}, 1)", "compare": "{x} > b", "where": "torch.where({x} > 0, {x}, b)", "max": "{x}.max()",
    "number times": "2.0 * {x}", "row broadcast": "{x} + r", "rsub": "1 - {x}", "abs": "{x}.abs()", "sqrt": "torch.sqrt(p)",
    "log": "torch.log(p)", "sin": "torch.sin({x})", "pow 3": "{x} ** 3", "clamp": "{x}.clamp(0.0, 1.0)",
    "clamp min": "{x}.clamp(min=0)", "maximum": "torch.maximum({x}, b)", "mean dim": "{x}.mean(dim=0)",
    "sum keepdim": "{x}.sum(dim=1, keepdim=True)", "max dim": "{x}.max(1)", "var": "{x}.var()", "std": "{x}.std()",
    "norm": "{x}.norm()", "log_softmax": "F.log_softmax({x}, dim=1)", "dot": "torch.dot({x}[0], b[0])",
    "mv": "{x} @ b[0]", "T": "{x}.T", "transpose": "{x}.transpose(0, 1)", "permute": "{x}.permute(1, 0)",
    "unsqueeze": "{x}.unsqueeze(0)", "squeeze": "{x}.squeeze()", "flatten": "{x}.flatten()", "expand": "r.expand(3, 3)",
    "index None": "{x}[:, None]", "index column": "{x}[:, 0]", "index list": "{x}[[0, 2]]", "index tensor": "{x}[i]",
    "stack": "torch.stack([{x}, b])", "chunk": "{x}.chunk(3)", "unbind": "{x}.unbind(0)", "iterate": "[_ for _ in {x}]",
    "clone": "{x}.clone()", "detach, op": "{x}.detach()", "cumsum": "{x}.cumsum(0)", "repeat": "r.repeat(3, 1)",
    "linear": "F.linear({x}, b, r)", "mse_loss": "F.mse_loss({x}, b)", "cross_entropy": "F.cross_entropy({x}, i)",
    "gather": "{x}.gather(1, j)", "one layer": "torch.tanh({x} @ b + r)", "outer": "torch.outer({x}[0], r)",
}
PLAIN = {"item": "s.item()", "shape": "a.shape", "tensor": "torch.tensor([1.0, 2.0])", "zeros": "torch.zeros(3, 3)",
         "add_": "a.add_(b, alpha=0.0)", "setitem": "a[0, 0] = 0.5", "float": "float(s)", "detach": "c.detach()",
         "tensor number": "torch.tensor(2.0)", "ones": "torch.ones(3)", "full": "torch.full((3,), 0.5)",
         "arange": "torch.arange(3)", "linspace": "torch.linspace(0, 1, 5)", "eye": "torch.eye(3)",
         "zeros_like": "torch.zeros_like(a)", "ones_like": "torch.ones_like(a)", "rand": "torch.rand(3)",
         "randn": "torch.randn(3, 3)", "randint": "torch.randint(0, 9, (3,))", "randperm": "torch.randperm(5)",
         "iadd": "u = q; u += 1.0", "isub tensor": "u = q; u -= b",
         "imul": "u = q; u *= 0.5", "mul_": "q.mul_(0.5)", "zero_": "q.zero_()",
         "sub_": "q.sub_(b)", "copy_": "q.copy_(b)", "setitem row": "q[0] = r", "size": "a.size(0)", "dim": "a.dim()",
         "len": "len(a)", "dtype": "a.dtype", "T, plain": "a.T", "grad": "c.grad",
         "shape[0]": "a.shape[0]", "numel": "a.numel()",
         "tolist": "a.tolist()", "eq": "a == b", "compare number": "a > 0",
         "compare sum": "(a > 0).sum()", "argmax": "a.argmax(1)",
         "all": "(a == a).all()", "equal": "torch.equal(a, b)", "allclose": "torch.allclose(a, b)", "to float": "i.float()",
         "long": "a.long()", "int add": "i + 1", "int index": "i[0]", "int item": "i[0].item()", "mask": "a[a > 0]",
         "logical and": "(a > 0) & (b > 0)", "not": "~(a > 0)", "any": "(a > 0).any()",
         "int sum": "i.sum()", "sort": "r.sort()",
         "numpy": "a.numpy()", "bool": "bool(s > 0)", "double add": "w + w", "mixed": "w + a", "int times float": "i * 0.5",
         "print": "str(a)", "print number": "str(s)", "format": "f'{s:.3f}'", "format item": "f'{s.item():.3f}'"}

MLP = TENSORS + """
w1, w2 = torch.randn(3, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
b1, b2 = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
"""
MODULE = TENSORS + """
model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = {optimizer}
y = torch.randn(3, 1)
loss_fn = nn.MSELoss()
def step():
    optimizer.zero_grad()
    loss = loss_fn(model(a), y)
    loss.backward()
    optimizer.step()
"""

CASES = [
    *({"name": name, "setup": TENSORS, "stmt": text.format(x="a"), "target": 0.8} for name, text in OPS.items()),
    *({"name": name, "setup": TENSORS, "stmt": text, "target": 0.8} for name, text in PLAIN.items()),
    *({"name": f"{name}, grad", "setup": TENSORS, "stmt": text.format(x="c"), "target": 1.0} for name, text in OPS.items()
      if name != "compare" and "{x}" in text),
    {"name": "3 ops forward+backward", "setup": TENSORS, "stmt": "((c * b + a).sum()).backward()", "target": 0.5},
    {"name": "tanh(c @ d).sum() forward+backward", "setup": TENSORS, "stmt": "torch.tanh(c @ d).sum().backward()",
     "target": 0.5},
    {"name": "2-layer MLP forward+backward", "setup": MLP, "stmt":
     "((torch.tanh(a @ w1 + b1) @ w2 + b2 - b) ** 2).mean().backward()", "target": 0.5},
    {"name": "scalar graph forward+backward", "setup": TENSORS + "x = torch.tensor(2.0, requires_grad=True)\n",
     "stmt": "(x ** 2 + 3 * x + 1).backward()", "target": 0.5},
    {"name": "autograd.grad, second order", "setup": TENSORS + "x = torch.tensor(2.0, requires_grad=True)\n",
     "stmt": "g, = torch.autograd.grad(x ** 3, x, create_graph=True); torch.autograd.grad(g, x)", "target": 0.5},
    {"name": "chain of 50 ops forward+backward", "setup": TENSORS + """
def chain():
    h = c
    for _ in range(25):
        h = torch.tanh(h) * b
    h.sum().backward()
""", "stmt": "chain()", "target": 0.5},
    {"name": "nn.Linear call", "setup": MODULE.format(optimizer="None"), "stmt": "model[0](a)", "target": 1.0},
    {"name": "nn.Sequential call, no_grad", "setup": MODULE.format(optimizer="None") + """
def infer():
    with torch.no_grad():
        return model(a)
""", "stmt": "infer()", "target": 0.8},
    {"name": "MLP step, SGD", "setup": MODULE.format(optimizer="torch.optim.SGD(model.parameters(), lr=0.01)"),
     "stmt": "step()", "target": 0.5},
    {"name": "MLP step, SGD momentum", "setup": MODULE.format(
        optimizer="torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)"), "stmt": "step()", "target": 0.5},
    {"name": "MLP step, RMSprop", "setup": MODULE.format(
        optimizer="torch.optim.RMSprop(model.parameters(), lr=0.001)"), "stmt": "step()", "target": 0.5},
    {"name": "MLP step, Adam", "setup": MODULE.format(
        optimizer="torch.optim.Adam(model.parameters(), lr=0.001)"), "stmt": "step()", "target": 0.5},
    {"name": "1000 numbers in Python", "setup": TENSORS + """
def numbers():
    total, k = 0.0, 0
    for i in range(1000):
        k = (k * 31 + i) % 97
        total = total + k * 0.5 - i / 3
    return total
""", "stmt": "numbers()", "target": 1.05},
    {"name": "100 small ops in a loop", "setup": TENSORS + """
def script():
    x = torch.zeros(3)
    v = torch.ones(3)
    for i in range(25):
        v = v * 0.99 - x * 0.1
        x = x + v * 0.1
    return x
""", "stmt": "script()", "target": 0.8},
]


def loop(setup: str, stmt: str) -> str:
    """A program that binds `_run(n)`: n times the statement."""
    return f"{setup}\ndef _run(n=1):\n    for _ in range(n):\n{indent(stmt, ' ' * 8)}\n"


def contestants(case: dict):
    """{name: function of n}: the same text, compiled by tcli and by Python with torch where there is torch."""
    import tcli

    text = loop(case["setup"], case["stmt"])
    session = tcli.Session(quiet=True)
    session.run(text)
    found = {"tcli": lambda n: session._execute_call(session["_run"], n)} if hasattr(session, "_execute_call") else {
        "tcli": session["_run"]}
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(1)
    names: dict = {}
    exec(compile(loop(case.get("torch_setup", case["setup"]), case.get("torch_stmt", case["stmt"])), "torch", "exec"), names)
    return found | {"torch": names["_run"]}


def measure(case: dict, rounds: int = 11, budget: float = 0.02) -> dict[str, float]:
    """Microseconds per iteration: the median of interleaved rounds."""
    runners = contestants(case)
    counts, times = {}, {name: [] for name in runners}
    for name, run in runners.items():
        run(20)
        start = time.process_time()
        run(20)
        counts[name] = max(5, int(budget / max((time.process_time() - start) / 20, 1e-7)))
    for _ in range(rounds):
        for name, run in runners.items():
            start = time.process_time()
            run(counts[name])
            times[name].append((time.process_time() - start) / counts[name] * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    cases, wanted = CASES, sys.argv[1:]
    if wanted[:1] == ["--language"]:
        from language import CASES as cases

        wanted = wanted[1:]
    print(f"{'case':<38} {'tcli us':>9} {'torch us':>9} {'ratio':>6}  target")
    for case in cases:
        if wanted and not any(part in case["name"] for part in wanted):
            continue
        found = measure(case)
        line = f"{case['name']:<38} {found['tcli']:9.2f}"
        if "torch" in found:
            ratio = found["tcli"] / found["torch"]
            line += f" {found['torch']:9.2f} {ratio:6.2f}  {case['target']:.2f}{'' if ratio <= case['target'] else '  OVER'}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
