"""The short ways in compiled code do what the Python ones do, leave errors to them, and leak nothing."""

import gc
import sys

import numpy as np
import pytest

from tcli import native
from tcli.runtime.session import Session

compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")

SETUP = """
import torch, torch.nn.functional as F
torch.manual_seed(0)
a, b, r = torch.randn(3, 4), torch.randn(3, 4), torch.randn(4)
i, j, m = torch.arange(12).view(3, 4), torch.randint(-5, 5, (3, 4)), torch.randn(3, 4) > 0
d, e, z = torch.randn(3, 4, dtype=torch.float64), torch.empty(0, 4), torch.tensor(2.5)
n = torch.tensor([[float("nan"), float("inf"), -0.0, 0.0]])
c = torch.randn(3, 4, requires_grad=True)
p = torch.randn(4, 5)
q, s = torch.randn(3, 4), torch.randn(5)
"""
CALLS = """
a + b|a - r|r * a|a / 2|2 - a|a ** 2|a > b|a == a|-a|a.exp()|torch.tanh(r)|a.abs()|i + j|i * 3|i - 1|i == j|i > 2
i + 1.5|i * a
a + d|z + a|a + z|z * z|e + e|e * 2|n.relu()|n.sigmoid()|torch.relu(a)|torch.sigmoid(d)|n + n|torch.maximum(a, b)|m == m
a.t() + b.t()|a[:, ::2] + b[:, ::2]|a.t().exp()|a[0] + a[1]|a + 10 ** 400|a + (1 << 70)|i + (1 << 70)|a + True|a + None
a + [1, 2, 3, 4]
a.sum()|a.sum(1)|a.sum(dim=0)|a.sum(-1, keepdim=True)|a.mean()|a.softmax(1)|a.max()|a.argmax(1)|i.sum()|m.sum()|a.sum(5)
a.sum((0, 1))
a.view(12)|a.view(2, -1)|a.view((4, 3))|a.reshape(3, 2, 2)|a.view(5)|a.view(-1, -1)|a.t().reshape(12)|a.t().view(12)
e.view(0)
a.t()|a.T|a.transpose(0, 1)|a.permute(1, 0)|a.unsqueeze(0)|a.unsqueeze(-1)|a[None].squeeze()|a.flatten()
a.expand(2, 3, 4)|r.flatten()
a[0]|a[-1]|a[0, 1]|a[:, 1]|a[1:, ::2]|a[None]|a[:, None, 1:3]|a[...]|a[5]|a[0, 0, 0]|a[2:1]|a[-7:99]|a[::-1]|z[0]
i[1, 2]|m[0]|a[True]
a @ p|a @ r|p.t() @ a.t()|a @ a|F.linear(a, p.t())|F.linear(r, p.t(), s)|F.linear(a, p.t(), s)|F.linear(a, p)
a.unbind(0)|a.unbind(1)|a.chunk(3, 1)|a.split(2)|[*a]|a.split(3, 1)|e.unbind(0)|z.unbind()|r.chunk(5)
q.add_(b)|q.sub_(b, alpha=0.5)|q.mul_(2)|q.div_(q)|q.add_(d)|q.add_(r)|q.add_(q)|q.t().add_(1)|c.add_(1)|q[0].mul_(3)
i.add_(1.5)
a.shape|a.shape[0]|a.shape[1:]|a.shape[-1]|a.shape[7]|e.shape|z.shape
""".replace("\n", "|").strip("|").split("|")


def outcome(session: Session, text: str) -> str:
    try:
        value = session.eval(text)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if not hasattr(value, "_a"):
        return repr(value)
    a = value._a
    return f"{a.dtype} {a.shape} {a.strides} {a.tolist()} {value._v} {value.grad_fn}"


def run(text: str, small: bool) -> list[str]:
    """What a call gives the third time, when its way is known, and the gradients that it sends back."""
    session = Session()
    session.run(SETUP)
    session.eval("a + b")  # loads the engine
    if not small:
        native.set_small(-1)
    try:
        found = [outcome(session, text) for _ in range(3)]
        found.append(outcome(session, "[q, a, i]"))
        for x in ("c", "c[1:]", "c * 1"):
            with_grad = text.replace("a", x, 1) if text[:1] == "a" else text
            try:
                session.run(f"c.grad = None; y = {with_grad}; y = y.sum() if torch.is_tensor(y) else sum(t.sum() for t in y)\n"
                            "y.backward()")
                found.append(outcome(session, "c.grad"))
            except Exception as error:
                found.append(type(error).__name__)
        return [line.split(" object at ")[0] for line in found]
    finally:
        native.set_small(1 << 14)


@compiled
@pytest.mark.parametrize("text", CALLS)
def test_compiled_ways_do_what_python_does(text):
    assert run(text, small=True) == run(text, small=False)


LOOPS = """
y = a + b; y = a * 2; y = (a + c).exp()
y = c.t().sum(1); y = c[1:, 0].reshape(3 - 1); y = c.view(12)[3]
(torch.tanh(c @ p) * 2).sum().backward(); c.grad = None
y = F.linear(c, p.t(), s).mean(); y.backward()
y = c.unbind(0)[0] + c.chunk(2, 1)[1].sum(); y.sum().backward()
q.add_(b, alpha=0.5); q.mul_(0.5)
y = a.sum(dim=1, keepdim=True); y = a.softmax(-1); y = torch.sigmoid(a)
try: a + torch.ones(5)
except RuntimeError: pass
try: a[7]
except IndexError: pass
try: a.view(7)
except RuntimeError: pass
try: a @ a
except RuntimeError: pass
h = c * 2; h.register_hook(lambda g: g * 2); h.sum().backward(); h = None
"""


@compiled
def test_calls_leave_nothing_behind():
    session = Session()
    session.run(SETUP)
    body = "\n".join("    " + line for line in LOOPS.strip().splitlines())
    session.run(f"def once():\n{body}")
    once = session["once"]

    def blocks(times: int) -> int:
        for _ in range(times):
            once()
        gc.collect()
        return sys.getallocatedblocks()

    blocks(100)
    before = blocks(50)
    assert blocks(1000) - before < 400


def test_fields_are_those_of_python():
    from tcli.engine.fields import Fields, PlainFields

    names = {name for name in vars(PlainFields) if not name.startswith("__")}
    assert names == {name for name in vars(Fields) if not name.startswith("__")}


@compiled
def test_the_engine_is_told_of_new_limits():
    from tcli.engine.tensor import tensor

    x = tensor(np.ones(3, "f"))
    native.set_small(1)
    try:
        assert (x + x).tolist() == [2, 2, 2]
    finally:
        native.set_small(1 << 14)


@compiled
@pytest.mark.parametrize("write", ["x[0].add_(1)", "x[0] += 1", "x[0, :4].mul_(3)", "r = x[0]; r -= r"])
def test_a_short_write_into_memory_that_an_expression_reads_leaves_it_its_value(write):
    session = Session()
    session.run("import torch\nx = torch.ones(600, 1000); z = torch.ones(3)")
    session.run(f"y = x * 2 + 1\n{write}\nz.add_(1)")
    assert session.eval("y[0].tolist()") == [3.0] * 1000
    assert session.eval("z.tolist()") == [2.0] * 3
