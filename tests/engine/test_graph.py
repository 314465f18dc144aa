"""Hooks, saved tensors, checkpoints and custom functions: what PyTorch does with the graph."""

import pytest

import tcli

PROGRAMS = {
    "hooks for saved tensors keep second derivatives": (
        "with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):\n"
        "    a = torch.tensor([1., 2.], requires_grad=True); s = (a ** 3).sum()\n"
        "    g, = torch.autograd.grad(s, a, create_graph=True); g.sum().backward()\na.grad.tolist()", [6.0, 12.0]),
    "retain_grad sees what other hooks give, whenever it was called": (
        "b = torch.tensor(1., requires_grad=True).clone(); b.retain_grad(); b.register_hook(lambda g: g * 2)\n"
        "b.clone().backward(); b.grad.item()", 2.0),
    "retain_grad after a change in place is that of the new value": (
        "a = torch.tensor([1.], requires_grad=True).clone(); a.retain_grad(); a.mul_(2); a.mul_(2); a.sum().backward()\n"
        "a.grad.tolist()", [1.0]),
    "and of a view too": (
        "b = torch.tensor([1.], requires_grad=True).clone(); v, w = b[:], b[:]; v.retain_grad(); w.retain_grad(); v.mul_(2)\n"
        "(v + w).sum().backward(); v.grad.tolist(), w.grad.tolist()", ([1.0], [1.0])),
    "hooks of a node come after those of its tensor": (
        "log = []; a = torch.tensor(1., requires_grad=True); b = a.clone()\n"
        "b.grad_fn.register_prehook(lambda g: log.append(2)); b.register_hook(lambda g: log.append(1))\n"
        "acc = b.grad_fn.next_functions[0][0]; acc.register_prehook(lambda g: log.append(4))\n"
        "a.register_hook(lambda g: log.append(3))\n"
        "acc.register_hook(lambda i, o: log.append(5)); b.sum().backward(); log", [1, 2, 3, 4, 5]),
    "one hook for several tensors": (
        "a, b, c = (torch.ones(2, requires_grad=True) for _ in range(3)); got = []\n"
        "h = torch.autograd.graph.register_multi_grad_hook((a, b, c), lambda g: got.append([t is None for t in g]))\n"
        "(a * b).sum().backward(); (a + b + c).sum().backward(); h.remove(); (a + b).sum().backward(); got",
        [[False, False, True], [False, False, False]]),
    "saved tensors may be written to where that is allowed": (
        "x = torch.ones(2, requires_grad=True)\nwith torch.autograd.graph.allow_mutation_on_saved_tensors():\n"
        "    y = x.clone(); z = y ** 2; y.mul_(3); z.sum().backward()\nx.grad.tolist()", [2.0, 2.0]),
    "nodes are of a class": (
        "y = torch.ones(1, requires_grad=True) * 2\nisinstance(y.grad_fn, torch.autograd.graph.Node)", True),
    "a generator under no_grad takes what is sent to it": (
        "@torch.no_grad()\ndef numbers():\n    got = []\n    try:\n"
        "        while True: got.append((yield torch.is_grad_enabled()))\n"
        "    finally: seen.append((got, torch.is_grad_enabled()))\n"
        "seen = []; g = numbers(); a = next(g); b = g.send(7); g.close(); a, b, torch.is_grad_enabled(), seen",
        (False, False, True, [([7], False)])),
    "a custom function changes a view in place": (
        "class Add(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x, y):\n"
        "        ctx.mark_dirty(x); return x.add_(y)\n"
        "    @staticmethod\n    def backward(ctx, g): return g, g * 10\n"
        "a = torch.zeros(3, requires_grad=True); b = torch.ones(2, requires_grad=True); x = a.clone(); Add.apply(x[1:], b)\n"
        "x.sum().backward(); x.tolist(), a.grad.tolist(), b.grad.tolist()", ([0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [10.0, 10.0])),
    "what is not reached does not run": (
        "class F_(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x): return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g): raise ValueError\n"
        "x = F_.apply(torch.ones(1, requires_grad=True)); y = torch.ones(1, requires_grad=True)\n"
        "torch.autograd.grad(x, (y,), allow_unused=True)", (None,)),
    "zeros in the place of missing gradients can be differentiated": (
        "x, a = torch.tensor(0.5, requires_grad=True), torch.tensor(1., requires_grad=True)\n"
        "d, = torch.autograd.grad(x * a, x, create_graph=True)\n"
        "e, = torch.autograd.grad(d, x, create_graph=True, materialize_grads=True)\n"
        "torch.autograd.grad(e, x, materialize_grads=True)[0].item()", 0.0),
    "inputs of nodes are those of PyTorch": (
        "import torch.nn.functional as F\na = torch.ones(2, requires_grad=True)\n"
        "def inputs(t): return [f and f.name().split(':')[-1] for f, _ in t.grad_fn.next_functions]\n"
        "[inputs(t) for t in (2 / a, 2 - a, 2 * a, 2 ** a, a % 2, a % torch.ones(2), a.clamp(0, 1), a.masked_fill(a > 1, 0),\n"
        " a.gather(0, torch.tensor([0])), torch.where(a > 0, a, 0.), F.embedding(torch.tensor([0]), a[:, None]),\n"
        " F.cross_entropy(a[None], torch.tensor([1])), F.l1_loss(a, a * 2))]",
        [["ReciprocalBackward0", None], ["AccumulateGrad"], ["AccumulateGrad", None], ["AccumulateGrad"], ["AccumulateGrad"],
         ["AccumulateGrad", None], ["AccumulateGrad"], ["AccumulateGrad"], ["AccumulateGrad"], ["AccumulateGrad", None],
         ["UnsqueezeBackward0"], ["LogSoftmaxBackward0"], ["AbsBackward0"]]),
    "what is not saved may be written over": (
        "leaf = torch.ones(2, 2, requires_grad=True); x = leaf * 2; w = 1 / x; s = leaf[0] * 2\n"
        "v = leaf.select_scatter(s, 0, 0); s += 1; u = torch.erfinv(leaf / 2); u.mul_(0); x += 1\n"
        "w.sum().backward(); v.sum().backward(); u.sum().backward(); leaf.grad.tolist()", [[1.5, 1.5], [0.5, 0.5]]),
    "pooling keeps its input and not the maxima": (
        "import torch.nn.functional as F\nx = torch.arange(16.).view(1, 1, 4, 4).requires_grad_()\n"
        "y = F.relu(F.max_pool2d(x, 2), inplace=True); F.adaptive_max_pool2d(x, 1).mul_(3).sum().backward()\n"
        "y.sum().backward(); x.grad.flatten().tolist()", [0.0] * 5 + [1.0, 0.0, 1.0] + [0.0] * 5 + [1.0, 0.0, 4.0])}


@pytest.mark.parametrize("name", PROGRAMS)
def test_answers(name):
    program, expected = PROGRAMS[name]
    assert tcli.Session(seed=0).run(program) == expected


FUNCTION = "class F_(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x): {forward}\n{rest}\nx = {x}\n"
BACK = "    @staticmethod\n    def backward(ctx, g): return g"
ERRORS = [
    (FUNCTION.format(forward="return x.clone()", rest=BACK + "\n" + BACK.replace("backward", "vjp"),
                     x="torch.ones(2, requires_grad=True)") + "F_.apply(x).sum().backward()",
     "Implementing both 'backward' and 'vjp' for a custom Function is not allowed."),
    (FUNCTION.format(forward="ctx.mark_dirty(x); return x.clone()", rest=BACK, x="torch.ones(2, requires_grad=True).clone()")
     + "F_.apply(x)", "Some elements marked as dirty during the forward method were not returned as output."),
    (FUNCTION.format(forward="ctx.mark_dirty(x); return x.add_(1)", rest=BACK, x="torch.ones(2, requires_grad=True)")
     + "F_.apply(x)", "a leaf Variable that requires grad has been used in an in-place operation."),
    (FUNCTION.format(forward="ctx.mark_dirty(x); return x.add_(1), x + 1", rest=BACK,
                     x="torch.ones(2, requires_grad=True).clone()[:1]") + "F_.apply(x)",
     "If your Function modifies inplace an input that is a view of another Tensor"),
    ("class F_(torch.autograd.Function):\n    def forward(self, x): return x\nF_.apply(torch.ones(1))",
     "Legacy autograd function with non-static forward method is deprecated."),
    (FUNCTION.format(forward="return x * 2", rest="    @staticmethod\n    @torch.autograd.function.once_differentiable\n"
                     "    def backward(ctx, g): return g * 2", x="torch.ones(2, requires_grad=True)")
     + "g, = torch.autograd.grad((F_.apply(x) ** 2).sum(), x, create_graph=True)\ng.sum().backward()",
     "trying to differentiate twice a function that was marked with @once_differentiable"),
    ("with torch.autograd.graph.disable_saved_tensors_hooks('not here'):\n"
     "    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t): pass", "not here"),
    ("with torch.autograd.graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t): torch.ones(1, requires_grad=True).exp()",
     "A saved tensor pack hook is modifying its input in place."),
    ("x = torch.ones(2, requires_grad=True)\nwith torch.no_grad(): v = x[:1]\nv.zero_()",
     "A view was created in no_grad mode and is being modified inplace with grad mode enabled."),
    ("y = torch.ones(2, requires_grad=True) * 2\ntorch.autograd.grad(y, y, torch.ones(3, 5), is_grads_batched=True)",
     "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension.")]


@pytest.mark.parametrize("program, message", ERRORS)
def test_errors(program, message):
    with pytest.raises(RuntimeError) as caught:
        tcli.Session().run(program)
    assert str(caught.value).startswith(message)


CHECKPOINT = """
from torch.utils.checkpoint import checkpoint, checkpoint_sequential, set_checkpoint_early_stop
calls = []
def f(x):
    calls.append(1)
    return F.dropout((x.sin() * x.exp()).tanh(), 0.5)
x = torch.randn(6, requires_grad=True)
def gradient(run):
    x.grad = None
    torch.manual_seed(1); run(x).sum().backward()
    return x.grad
plain = gradient(f); calls.clear()
"""


@pytest.mark.parametrize("way", ["use_reentrant=False", "use_reentrant=True", "use_reentrant=False, early_stop=False"])
def test_a_checkpoint_computes_again_with_the_same_random_numbers(way):
    program = CHECKPOINT + f"torch.equal(plain, gradient(lambda x: checkpoint(f, x, {way}))), len(calls)"
    assert tcli.Session(seed=0).run(program) == (True, 2)


def test_checkpoints_nest_and_split_a_sequence():
    program = CHECKPOINT + """
def outer(x): return checkpoint(f, x, use_reentrant=False)
nested = gradient(lambda x: checkpoint(outer, x, use_reentrant=False))
m = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 6), nn.Tanh())
whole = gradient(m); parts = gradient(lambda x: checkpoint_sequential(m, 2, x, use_reentrant=False))
torch.equal(plain, nested), torch.equal(whole, parts)
"""
    assert tcli.Session(seed=0).run(program) == (True, True)


def test_a_checkpoint_that_runs_otherwise_the_second_time_is_found_out():
    program = "runs = []\ndef f(x):\n    runs.append(1)\n    return x.exp() if len(runs) == 1 else x.exp().sin()\n" \
              "x = torch.ones(2, requires_grad=True)\n" \
              "torch.utils.checkpoint.checkpoint(f, x, use_reentrant=False, early_stop=False).sum().backward()"
    with pytest.raises(RuntimeError, match="A different number of tensors was saved during the original forward"):
        tcli.Session().run(program)


def test_a_checkpoint_saves_nothing_of_what_it_computes():
    program = CHECKPOINT + """
saved = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(1) or t, lambda t: t):
    y = checkpoint(lambda x: x.sin().cos().exp(), x, use_reentrant=False)
    n = len(saved)
    z = x.sin().cos().exp()
n, len(saved)
"""
    assert tcli.Session(seed=0).run(program) == (0, 3)


@pytest.mark.parametrize("text, start", [
    ("x = torch.ones(1, requires_grad=True); x.exp().backward(create_graph=True)", "Using backward() with create_graph=True"),
    ("torch.ones(2).cfloat().float()", "Casting complex values to real discards the imaginary part")])
def test_warnings(text, start):
    from tcli.engine import warn

    warn._given.clear()
    with pytest.warns(UserWarning) as caught:
        tcli.Session().run(text)
    assert any(str(each.message).startswith(start) for each in caught)


def test_a_backward_hook_of_a_module_is_for_first_derivatives():
    program = """
x, y = torch.rand(3, requires_grad=True), torch.rand(3)
seen = []
loss = nn.MSELoss(); loss.register_full_backward_hook(lambda module, inputs, outputs: seen.append(1))
g, = torch.autograd.grad(loss(x, y), x, create_graph=True)
h, = torch.autograd.grad(g.sum(), x)
len(seen), h.tolist()
"""
    count, second = tcli.Session(seed=0).run(program)
    assert count == 1
    assert second == pytest.approx([2 / 3] * 3)
