"""How long a one-liner takes from start to end, beside an import of NumPy and of PyTorch."""

from __future__ import annotations

from .common import Case


def tcli(*words: str):
    return lambda python: [python, "-m", "tcli", *words]


def code(text: str):
    return lambda python: [python, "-c", text]


CASES = [
    Case("sum(arange(10)); numpy: its import", tcli=tcli("-e", "sum(arange(10))"), numpy=code("import numpy"),
         torch=code("import torch; print(torch.sum(torch.arange(10)))"),
         jax=code("import jax.numpy as n; print(n.arange(10).sum())"),
         kind="process", bounds=((("numpy",), 1.2), (("torch",), 0.125))),
    Case("--version; numpy: an empty program", tcli=tcli("--version"), numpy=code("pass"), kind="process"),
    Case("--help; numpy: an empty program", tcli=tcli("--help"), numpy=code("pass"), kind="process"),
]
