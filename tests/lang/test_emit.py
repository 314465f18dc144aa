"""`--emit`: the program without its sugar."""

import ast

import pytest

from tcli.lang.emit import emit
from tcli.source import Source

NAMES = {"randn": "torch.randn", "relu": "torch.relu", "softmax": "torch.softmax"}


@pytest.mark.parametrize("text, expected", [
    ("x = [1, 2; 3, 4]  # two rows", "import torch\nx = torch.tensor([[1, 2], [3, 4]])  # two rows\n"),
    ("y = x |> softmax(dim=0) |> (f(3))", "import torch\ny = f(3)(torch.softmax(x, dim=0))\n"),
    ("y = x\n  # why\n  |> f\n  |> g(1,\n    2)\n", "y = g(f(x), 1, 2)\n"),
    ("y = (lambda v: v |> f) |> g", "y = g(lambda v: f(v))\n"),
    ("y = x |> (lambda v: v)", "y = (lambda v: v)(x)\n"),
    ("h: f32[B, H] = x @ w  # c", "h = x @ w  # c\n"),
    ("h: f32[B]", "pass\n"),
    ("def f(a: f32[B], b: int = 3) -> f32[B]:\n    # c\n    return a", "def f(a, b: int = 3):\n    # c\n    return a\n"),
    ("class A:\n    x: f32[B]", "class A:\n    x: 'f32[B]'\n"),
    ("x + 1", "print(x + 1)\n"), ("x + 1;", "x + 1;\n"), ("x.sum()", "print(x.sum())\n"),
    ("loss.backward()", "loss.backward()\n"), ("x.add_(1)", "x.add_(1)\n"), ("x?", "help(x)\n"),
    ("[1, 2] * 2.0;", "import torch\ntorch.tensor([1, 2]) * 2.0;\n"), ("[1] * 3;", "[1] * 3;\n"),
    ("x = randn(3)", "import torch\nx = torch.randn(3)\n"), ("randn = 1\nx = randn", "randn = 1\nx = randn\n"),
    ("import torch\nx = torch.ones(2)", "import torch\nx = torch.ones(2)\n"),
    ('"doc"\n# c\nx = nn.ReLU()', '"doc"\n# c\nfrom torch import nn\nx = nn.ReLU()\n'),
    ("#!/usr/bin/env tcli\n\nx = F.relu(y)", "#!/usr/bin/env tcli\n\nimport torch.nn.functional as F\nx = F.relu(y)\n"),
    ("é = '日本' |> f", "é = f('日本')\n"),
    ("for a in b:\n    c = a |> f  # d\n", "for a in b:\n    c = f(a)  # d\n"),
])
def test_only_the_sugar_changes(text, expected):
    result = emit(Source(text), names=NAMES)
    assert result == expected
    ast.parse(result)


def test_numpy():
    assert emit(Source("x = [1; 2]"), "numpy") == "import numpy as np\nx = np.array([[1], [2]])\n"
