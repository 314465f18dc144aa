"""Small tensors: what one op, one gradient, one training step costs on 3x3 tensors, tcli against PyTorch.

    python benchmarks/small.py [PART OF A NAME ...]

Every case is one text that both run: tcli compiles it as a program, Python runs it with torch. The
contestants take turns in one process, single-threaded; the table gives microseconds and the ratio of medians.
`CASES` is what `scripts/bench` reads: name, setup, stmt (one iteration), target (the ratio to stay under).
"""

from __future__ import annotations

import statistics
import sys
import time

TENSORS = """
import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
a, b = torch.randn(3, 3), torch.randn(3, 3)
s = torch.tensor(2.5)
c, d = torch.randn(3, 3, requires_grad=True), torch.randn(3, 3, requires_grad=True)
"""

OPS = {
    "add": "{x} + b", "add number": "{x} + 1.5", "sub": "{x} - b", "mul": "{x} * b", "div": "{x} / b", "matmul": "{x} @ b",
    "pow": "{x} ** 2", "neg": "-{x}", "tanh": "torch.tanh({x})", "exp": "{x}.exp()", "relu": "torch.relu({x})",
    "F.relu": "F.relu({x})", "sigmoid": "torch.sigmoid({x})", "sum": "{x}.sum()", "sum dim": "{x}.sum(1)",
    "mean": "{x}.mean()", "view": "{x}.view(9)", "reshape": "{x}.reshape(1, 9)", "t": "{x}.t()", "index row": "{x}[1]",
    "index element": "{x}[1, 2]", "index slice": "{x}[:, 1:]", "cat": "torch.cat([{x}, b])",
    "softmax": "torch.softmax({x}, 1)", "compare": "{x} > b", "where": "torch.where({x} > 0, {x}, b)", "max": "{x}.max()",
}
PLAIN = {"item": "s.item()", "shape": "a.shape", "tensor": "torch.tensor([1.0, 2.0])", "zeros": "torch.zeros(3, 3)",
         "add_": "a.add_(b, alpha=0.0)", "setitem": "a[0, 0] = 0.5", "float": "float(s)", "detach": "c.detach()"}

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
      if name != "compare"),
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
    return f"{setup}\ndef _run(n):\n    for _ in range(n):\n        {stmt}\n"


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
    wanted = sys.argv[1:]
    print(f"{'case':<38} {'tcli us':>9} {'torch us':>9} {'ratio':>6}  target")
    for case in CASES:
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
