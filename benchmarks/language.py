"""What the language costs around small tensors: calls, classes, modules, loops, containers; optimiser steps of a few numbers.

The cases are texts, as in `small.py`, and run in the same ways: `scripts/bench language`, or
`python benchmarks/small.py --language [PART OF A NAME ...]` where PyTorch is importable.
"""

from __future__ import annotations

from textwrap import dedent

SETUP = """
import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
a, b = torch.randn(3, 3), torch.randn(3, 3)
s, target, labels = torch.tensor(2.5), torch.randn(3, 1), torch.tensor([0, 2, 1])
def same(x): return x
def affine(x, w=b): return x @ w + b
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 8)
        self.fc2 = nn.Linear(8, 1)
        self.scale = nn.Parameter(torch.ones(1))
        self.steps = 0
    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x))) * self.scale
class Point:
    def __init__(self, x):
        self.x = x
    def move(self, by):
        self.x = self.x + by
        return self
net, point, found = Net(), Point(1.0), {}
seq = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
relu, criterion, entropy = nn.ReLU(), nn.MSELoss(), nn.CrossEntropyLoss()
values = [torch.tensor(float(k)) for k in range(4)]
"""

TEXTS = {
    "call": ("same(a)", 1.0), "call, two ops": ("affine(a)", 0.8), "attribute": ("point.x", 1.1),
    "method": ("point.move(1.0)", 1.1), "instance": ("Point(2.0)", 1.1), "list append": ("[].append(1)", 1.1),
    "dict": ("found['loss'] = found.get('loss', 0.0) + 1.0", 1.1), "f-string": ("f'{point.x:.2f} {3}'", 1.1),
    "percent": ("'%.3f' % 2.5", 1.1), "str.format": ("'{:.2f} {}'.format(2.5, 3)", 1.1),
    "for range": ("for k in range(9): pass", 1.1),
    "comprehension": ("[k * k for k in range(9)]", 1.1), "comprehension of tensors": ("[v * 2 for v in values]", 0.8),
    "sum of items": ("sum(v.item() for v in values)", 1.0), "sum of list": ("sum([1.0, 2.0, 3.0])", 1.1),
    "max of two": ("max(1.0, 2.0)", 1.1), "abs of a number": ("abs(-2.0)", 1.1), "sum of tensors": ("sum(values)", 0.8),
    "round": ("round(2.567, 2)", 1.1), "zip": ("for u, v in zip(values, values): pass", 1.1),
    "attribute of a module": ("net.scale", 1.1), "submodule": ("net.fc1", 1.1),
    "plain attribute of a module": ("net.steps += 1", 1.1),
    "nn.ReLU call": ("relu(a)", 1.0), "nn.Linear call": ("net.fc1(a)", 1.0), "Sequential call": ("seq(a)", 1.0),
    "own module call": ("net(a)", 1.0), "no_grad": ("""
        with torch.no_grad():
            a + b""", 0.8),
    "criterion": ("criterion(target, target)", 1.0), "cross entropy module": ("entropy(a, labels)", 1.0),
    "parameters": ("list(net.parameters())", 1.0), "named_parameters": ("dict(net.named_parameters())", 1.0),
    "train mode": ("net.train()", 1.0), "zero_grad": ("net.zero_grad()", 1.0), "state_dict": ("net.state_dict()", 1.0),
    "int of tensor": ("int(labels[0])", 0.8), "enumerate tensor": ("for n, v in enumerate(labels): v", 1.0),
    "try": ("""
        try:
            a + b
        except ValueError:
            pass""", 0.8),
    "manual SGD": ("""
        with torch.no_grad():
            for u in weights:
                u -= 0.01 * u.grad
                u.grad.zero_()""", 0.8),
}
STEP = SETUP + """
weights = list(net.parameters())
def closure():
    optimizer.zero_grad()
    loss = criterion(net(a), target)
    loss.backward()
    optimizer.step()
    return loss.item()
for u in weights:
    u.grad = torch.ones_like(u)
"""
OPTIMISERS = {
    "SGD": "SGD(weights, lr=0.01)", "SGD momentum": "SGD(weights, lr=0.01, momentum=0.9)", "Adam": "Adam(weights, lr=1e-3)",
    "SGD decay": "SGD(weights, lr=0.01, momentum=0.9, weight_decay=1e-4, nesterov=True)",
    "AdamW": "AdamW(weights, lr=1e-3)", "RMSprop": "RMSprop(weights, lr=1e-3)", "Adagrad": "Adagrad(weights, lr=1e-3)",
}

CASES = [
    *({"name": name, "setup": STEP, "stmt": dedent(text).strip(), "target": target}
      for name, (text, target) in TEXTS.items()),
    *({"name": f"{name}, five parameters", "setup": f"{STEP}optimizer = torch.optim.{made}\n",
       "stmt": "optimizer.step()", "target": 1.0}
      for name, made in OPTIMISERS.items()),
    *({"name": f"training step, {name}", "setup": f"{STEP}optimizer = torch.optim.{made}\n",
       "stmt": "closure()", "target": 0.5}
      for name, made in OPTIMISERS.items()),
]
