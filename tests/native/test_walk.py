"""Backward passes in compiled code give what those in Python give, leave odd graphs to them, and leak nothing."""


import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcli import native
from tcli.runtime.session import Session

from .leaks import blocks_left

compiled = pytest.mark.skipif(native.kernels is None, reason="no compiled kernels here")
ENTRIES = ("gradients", "walk_graph", "walk_arrays")

SETUP = """
import torch, torch.nn.functional as F
torch.manual_seed(0)
grad = torch.autograd.grad
def leaf(*size, **options):
    return (torch.rand(size, **options) + 0.5).requires_grad_()
x, y, r, s = leaf(3, 3), leaf(3, 3), leaf(3), leaf()
d, z, h = leaf(3, 3, dtype=torch.float64), torch.rand(3, 3, dtype=torch.complex64).requires_grad_(), leaf(3, 3).half()
unused = leaf(2)
seen = []
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * 3 * x ** 2
def hooked(t):
    t.register_hook(lambda g: seen.append(g.detach().sum().item()) or g * 2)
    return t
def noted(t):
    t.grad_fn.register_hook(lambda gi, go: seen.append(len(gi)))
    return t
def many(n):
    parts = [x * i for i in range(n)]
    return sum((a * b).sum() for a, b in zip(parts, parts[::-1]))
"""
# Formulas of one number, which is differentiated for the tensors beside it.
FORMULAS = """
(x ** 3).sum()|x|(x * x).sum()|x|(x * y).mean()|x, y|(x @ y).sum()|x, y|torch.tanh(x @ y + r).sum()|x, y, r|s ** 3|s
torch.sin(x).sum()|x|x.exp().sum()|x|x.log().mean()|x|x.sqrt().sum()|x|(r / x).sum()|x, r|torch.sigmoid(x).sum()|x
(x + s).sum() * s|x, s|(x - r).abs().sum()|x, r|(s * x).sum()|s, x|(x ** r).sum()|x, r|(2 ** x).sum()|x
x.max()|x|x.max(1)[0].sum()|x|(x.max(1)[0] * r).sum()|x, r|x.softmax(1)[0].sum()|x|F.log_softmax(x, 1).sum()|x
x.var()|x|x.std(1).sum()|x|x.norm()|x|x.cumsum(0).sum()|x|x.sort()[0][0].sum()|x|torch.cat([x, y]).prod()|x, y
torch.stack([x, y, x]).sum()|x, y|sum(p.sum() * i for i, p in enumerate(x.unbind()))|x|x.chunk(3)[1].sum()|x
x[0, 1] ** 2|x
(x[0] * x[1]).sum()|x|x[:, None].expand(3, 2, 3).sum()|x|x.t()[1:].sum()|x|x.view(9)[::2].prod()|x|(x * d).sum()|x, d
(x.double() * d).sum().float()|x, d|(z * z.conj()).real.sum()|z|(x * z).abs().sum()|x, z|(h * h).sum()|h
Cube.apply(x).sum()|x
(Cube.apply(x) * x).sum()|x|hooked(x * 2).sum()|x|(hooked(x * 2) * y).sum()|x, y|noted(x * 2).sum()|x|x.logsumexp(1).sum()|x
F.mse_loss(x, y)|x, y|F.cross_entropy(x, torch.tensor([0, 1, 2]))|x|F.linear(x, y, r).sum()|x, y, r|x.sum()|x|x.sum(1).sum()|x
(x * x.sum(1, keepdim=True)).sum()|x|torch.where(x > 1, x, y).sum()|x, y|x.clamp(0.7, 1).sum()|x|many(60)|x
torch.einsum("ij,jk->ik", x, y).sum()|x, y|torch.linalg.det(x)|x|x.inverse().sum()|x|F.layer_norm(x, [3]).sum()|x
(x * 2).detach().sum() + x.sum()|x|(x * x).sum() + unused.sum() * 0|x|s|s|s * 1|s|r.dot(r)|r|torch.outer(r, r).sum()|r
F.gelu(x).sum()|x|F.softplus(x).sum()|x|torch.atan2(x, y).sum()|x, y|x.repeat(2, 2).sum()|x|x.flip(0)[0].sum()|x
x.index_select(0, torch.tensor([0, 0])).sum()|x|x.gather(1, torch.tensor([[0], [1], [2]])).sum()|x
x.masked_fill(x > 1, 0).sum()|x
F.conv2d(x[None, None], y[None, None, :2, :2]).sum()|x, y|F.max_pool2d(x[None], 2).sum()|x
""".replace("\n", "|").strip("|").split("|")
PAIRS = list(zip(FORMULAS[::2], FORMULAS[1::2], strict=True))
WAYS = {
    "first": "grad({f}, [{v}])",
    "first, beside others": "grad({f}, [{v}, unused], allow_unused=True)",
    "twice": "o = {f}; grad(o, [{v}], retain_graph=True) + grad(o, [{v}])",
    "second": "g = grad({f}, [{v}], create_graph=True); grad(sum((a * a).sum() for a in g), [{v}], allow_unused=True)",
    "third": "g = grad({f}, [{v}], create_graph=True); o = sum((a ** 3).sum() for a in g); "
             "g = grad(o, [{v}], create_graph=True, allow_unused=True); "
             "grad(sum((a * a).sum() for a in g if a is not None), [{v}], allow_unused=True)",
    "a gradient given": "o = {f}; grad(o, [{v}], torch.full_like(o, 2.5))",
    "backward": "({f}).backward(); [a.grad for a in ({v},)]",
    "backward to inputs": "({f}).backward(inputs=[{v}]); [a.grad for a in ({v},)]",
    "backward of a gradient": "g = grad({f}, [{v}], create_graph=True); sum(a.norm() for a in g).backward(); "
                              "[a.grad for a in ({v},)]",
    "backward, recorded": "({f}).backward(create_graph=True); [a.grad for a in ({v},)]",
    "two roots": "torch.autograd.backward([{f}, {f}]); [a.grad for a in ({v},)]",
    "two outputs": "grad([{f}, ({f}) * 2], [{v}])",
    "in between": "m = x * 1; grad((m * m).sum() + ({f}), [m, {v}], allow_unused=True)",
    "in batches": "o = ({f}); grad(o, [{v}], torch.ones(2).to(o.dtype), is_grads_batched=True)",
}


def shown(value) -> str:
    if isinstance(value, (tuple, list)):
        return str([shown(each) for each in value])
    if not hasattr(value, "_a"):
        return repr(value)
    numbers = [f"{v:.4g}" for v in value._a.astype(complex).ravel().view(float).tolist()]
    maker = None if value._node is None else value._node.name()
    return f"{value._a.dtype} {value._a.shape} {numbers} {maker} {value.requires_grad} {value._v}"


def outcome(text: str) -> list[str]:
    session = Session(quiet=True)
    session.run(SETUP)
    *before, last = text.split("; ")
    try:
        for line in before:
            session.run(line)
        found = shown(session.eval(last))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    return [found, shown(session["seen"]), shown([session[name].grad for name in ("x", "y", "r", "s", "d", "z")])]


def in_python(monkeypatch, text: str) -> list[str]:
    with monkeypatch.context() as patch:
        for name in ENTRIES:
            patch.setattr(native, name, lambda *args: False)
        return outcome(text)


@compiled
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_those_of_python(way, monkeypatch):
    for formula, variables in PAIRS:
        text = WAYS[way].format(f=formula, v=variables)
        assert outcome(text) == in_python(monkeypatch, text), text


ODD = [
    "o = x.exp().sum(); grad(o, x); grad(o, x)",
    "o = (x * x).sum(); o.backward(); o.backward()",
    "o = (x * x).sum(); o.backward(retain_graph=True); o.backward(); x.grad",
    "grad(x.sum(), unused)",
    "grad(x.sum(), unused, allow_unused=True)",
    "grad(x.sum(), [x, unused], materialize_grads=True)",
    "grad(x.sum(), [x, unused], materialize_grads=True, allow_unused=False)",
    "grad(x, x)",
    "grad(x, x, torch.ones(3, 3))",
    "grad(x * 2, x, torch.ones(3))",
    "grad(x.sum().detach(), x)",
    "grad(x.sum(), x.detach())",
    "grad(s, s)",
    "grad(s, s, create_graph=True)",
    "m = x * 2; grad(m, m, torch.ones(3, 3))",
    "grad((x > 0).sum(), x)",
    "grad(x.sum(), (v for v in (x,)))",
    "grad(x.sum(), [x, x])",
    "grad(x.sum(), [])",
    "grad((x * 1j).sum(), x)",
    "m = x * 1; o = m.exp(); m.add_(1); grad(o.sum(), x)",
    "m = x * 1; o = m.exp(); o.add_(1); grad(o.sum(), x)",
    "m = x * 1; o = (m * m).sum(); m.add_(1); grad(o, x, create_graph=True)",
    "m = x * 1; m[0] = 2; grad((m * m).sum(), x)",
    "m = x * 1; m[0].mul_(y[0]); grad((m * m).sum(), [x, y], create_graph=True)",
    "torch.autograd.set_detect_anomaly(True); o = torch.sqrt(x - x).sum(); grad(o * 0, x)",
    "torch.autograd.set_detect_anomaly(False); grad(torch.sqrt(x - x).sum() * 0, x)",
    "x.register_hook(lambda g: g * 3); grad((x * y).sum(), [x, y])",
    "x.register_hook(lambda g: seen.append(1)); grad((x * x).sum(), x, create_graph=True)",
    "m = x * 2; m.retain_grad(); grad(m.sum(), x); m.grad",
    "m = x * 2; m.retain_grad(); m.sum().backward(inputs=[x]); m.grad",
    "m, n = x * 2, y * 3; "
    "torch.autograd.graph.register_multi_grad_hook([m, n], lambda g: seen.append([a is None for a in g])); "
    "grad((m * n).sum(), x)",
    "torch.autograd.graph.register_multi_grad_hook([x, y], lambda g: seen.append(1)); grad((x * y).sum(), x)",
    "c, d = x.max(1); grad(c.sum(), x, create_graph=True)",
    "c = x.unbind(); grad(c[0].sum() + c[2].sum(), [c[0], x])",
    "c = x.unbind(); grad((c[0] * c[0]).sum() + c[2].sum(), [c[0], c[2], x], create_graph=True)",
    "with torch.no_grad(): o = grad((x * 1).sum(), x); o",
    "w = torch.rand(200, 200).requires_grad_(); grad((w * w).sum(), w)[0].sum()",
    "w = torch.rand(200, 200).requires_grad_(); g, = grad((w ** 3).sum(), w, create_graph=True); "
    "grad((g * g).sum(), w)[0].sum()",
    "w = torch.rand(200, 200).requires_grad_(); g, = grad((w @ w).tanh().sum(), w, create_graph=True); g.sum().backward(); "
    "w.grad.sum()",
    "p = torch.nn.Parameter(x.detach()); grad((p * p).sum(), p)",
    "g, = grad((x + y).sum(), x); g.add_(1); g",
    "o = torch.ones(3, 3); a, b = grad(x + y, [x, y], o); a is o, b is o, a.data_ptr() == o.data_ptr()",
]


@compiled
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", ODD)
def test_odd_graphs_are_as_in_python(text, monkeypatch):
    assert outcome(text) == in_python(monkeypatch, text)


@compiled
def test_gradients_take_no_other_arguments():
    session = Session(quiet=True)
    session.run(SETUP)
    x = session["x"]
    for args in [(), (x,), (x, x), (1, 2, 3, 4, 5), (x.sum(), None, None, False, False), (x.sum(), [1], None, False, False),
                 (x.sum(), x, 1.0, False, False), (x.detach(), x, None, False, False), (x, x, None, False, False)]:
        assert native.gradients(*args) is False
    for args in [(), ([], []), ([x], [x], False, False, [x]), ((), (), False, False, None),
                 ([1], [x], False, False, [2])]:
        assert native.walk_graph(*args) is False
    assert native.walk_arrays() is False
    assert native.walk_arrays(x, x._a, False) is False


OPS = ["({a} * {b})", "({a} + {b})", "({a} - {b} * 0.5)", "torch.tanh({a})", "torch.sin({a})", "({a} @ {b} * 0.3)",
       "({a} ** 2)", "{a}.t()", "({a} * s)", "({a} + r)", "{a}.softmax(1)", "torch.stack({a}.unbind()[::-1])",
       "({a} / (1 + {b} * {b}))"]


@st.composite
def graphs(draw) -> str:
    """Statements of a random graph: every value may be used several times."""
    names, lines = ["x", "y"], []
    for i in range(draw(st.integers(1, 8))):
        a, b = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        lines.append(f"v{i} = " + draw(st.sampled_from(OPS)).format(a=a, b=b))
        names.append(f"v{i}")
    wanted = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))
    wanted = [name for name in wanted if name != names[-1]] or ["x"]
    return "; ".join([*lines, f"o = ({names[-1]} * {names[-1]}).sum()",
                      f"g = grad(o, [{', '.join(wanted)}], create_graph=True, allow_unused=True)",
                      "g + tuple(grad(sum((a * a).sum() for a in g if a is not None), [x, y], allow_unused=True))"])


@compiled
@settings(max_examples=60, deadline=None)
@given(graphs())
def test_random_graphs_are_as_in_python(text):
    monkeypatch = pytest.MonkeyPatch()
    assert outcome(text) == in_python(monkeypatch, text)


LOOPS = """
g, = grad((x ** 3).sum(), x, create_graph=True); g = grad(g.sum(), x)
g, = grad(torch.tanh(x @ y + r).sum(), x, create_graph=True); g.sum().backward(); g = None
g = grad((x.max(1)[0] * r).sum(), [x, r], create_graph=True); g = grad((hooked(x * 2) * y).sum(), [x, y])
c = x.unbind(); g = grad((c[0] * c[0]).sum() + c[2].sum(), [c[0], c[2], x], create_graph=True); c = g = None
try: grad(x.sum(), unused)
except RuntimeError: pass
o = x.exp().sum(); grad(o, x)
try: grad(o, x)
except RuntimeError: pass
m = x * 1; o = m.exp(); o.add_(1)
try: grad(o.sum(), x)
except RuntimeError: pass
try: grad(x * 2, x, torch.ones(3))
except RuntimeError: pass
g = grad(Cube.apply(x).sum(), x, create_graph=True); g = grad(many(60), x); o = m = None
x.grad = y.grad = None; del seen[:]
"""


@compiled
def test_passes_leave_nothing_behind():
    assert blocks_left(SETUP, f"global seen\n{LOOPS.strip()}", 200) < 100
